"""Joint distributions: mutual information, samples and log ratios must agree.

Tolerances of statistical tests are five standard errors, two-sided probability 6e-7 for a normal mean, so
that no seed is special.

``data/beyond_normal.json`` holds, for each of the 40 tasks of Beyond Normal, the true information and the
`summary` below of 10,000 rows that the package benchmark-mi 0.1.3 drew (standardised), and 40 rows of the
tasks made from the bivariate normal: maps of the same draws. It was made from a folder of
``<task>.npz`` files with arrays x, y and mi by ``python tests/test_distributions.py FOLDER``.
"""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import expit, ndtr

from skmine.distributions import (
    AdditiveUniformNoise,
    Affine,
    Asinh,
    ClaytonCopula,
    Concatenated,
    DiscreteTable,
    FrankCopula,
    FunctionalRelation,
    GumbelCopula,
    HalfCube,
    Independent,
    IntegerWithUniform,
    Mixture,
    MultivariateNormal,
    MultivariateStudent,
    NoisyLabel,
    NormalCDF,
    NormalClasses,
    NormalMixtureQuantile,
    NormalWithAtoms,
    NormalWithMissing,
    Oscillation,
    Padded,
    Quantile,
    Regression,
    SignParity,
    Spiral,
    SwissRoll,
    Transformed,
    Wiggly,
    WithInliers,
    ZeroInflatedPoisson,
    beyond_normal_tasks,
    other_tasks,
    regression_tasks,
)
from skmine.distributions._copulas import _Copula
from skmine.distributions._quadrature import mutual_information_on_grid

pair, pairs = MultivariateNormal.bivariate, MultivariateNormal.pairs
BEYOND_NORMAL = beyond_normal_tasks()
OTHERS = other_tasks()
EDGES = {
    "clayton-50": ClaytonCopula(50.0),
    "gumbel-50": GumbelCopula(50.0),
    "frank-negative": FrankCopula(-34.0),
    "mixture-tight": Mixture([pair(r) for r in (0.995, -0.5)]),
    "inliers-100": WithInliers(pairs(100, 0.3), 0.5),
    "independent": Independent(Mixture([pair(0.9), pair(-0.9)])),
    "steps-normal": FunctionalRelation(np.floor, 0.05, x="normal"),
    "steps-uniform": FunctionalRelation(np.floor, 0.05, x="normal", noise="uniform"),
    "poisson-plain": ZeroInflatedPoisson(0.0),
    "missing-by-both": NormalWithMissing(-0.7, 0.3, slope_x=2.0, slope_y=-1.5),
}
REGRESSIONS = regression_tasks()
JOINTS = {**BEYOND_NORMAL, **OTHERS, **REGRESSIONS, **EDGES}
FIXTURE = Path(__file__).parent / "data" / "beyond_normal.json"
N_STANDARD_ERRORS = 5
QUADRATURE = 1e-4  # the error that the contract allows for a value by quadrature
JUMPS = 1e-3  # and for a function with jumps under uniform noise
POINTS = 3e-3  # and for one of several features
ALLOWANCES = {"steps-uniform": JUMPS} | dict.fromkeys(REGRESSIONS, POINTS)


def summary(X, Y):
    """Statistics of the first three columns of X and Y that do not depend on location and scale.

    Five quantiles of each column, from its median in interquartile ranges, and the correlations of the
    columns' centred ranks and of the squares of these.
    """
    rows = np.hstack([X[:, :3], Y[:, :3]])
    low, middle, high, *quantiles = np.quantile(rows, [0.25, 0.5, 0.75, 0.01, 0.05, 0.25, 0.95, 0.99], axis=0)
    ranks = stats.rankdata(rows, axis=0) - (len(rows) + 1) / 2
    above = np.triu_indices(rows.shape[1], 1)
    correlations = [np.corrcoef(columns, rowvar=False)[above] for columns in (ranks, ranks**2)]
    return np.concatenate([((quantiles - middle) / (high - low)).ravel(), *correlations])


def write_fixture(folder):
    """Write the information and the summary of every file ``<task>.npz`` of the folder."""
    tasks = {}
    for path in sorted(Path(folder).glob("*.npz")):
        with np.load(path) as data:
            X, Y = data["x"].astype(np.float64), data["y"].astype(np.float64)
            task = {"mi": float(data["mi"]), "d_x": X.shape[1], "d_y": Y.shape[1], "n_rows": len(X)}
            task["summary"] = summary(X, Y).round(5).tolist()
            if "1v1-normal" in path.stem or "bimodal" in path.stem:
                task["x"], task["y"] = (half[:40].round(6).tolist() for half in (X, Y))
            tasks[path.stem] = task
    lines = [f"{json.dumps(name)}: {json.dumps(task)}" for name, task in tasks.items()]
    FIXTURE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


PUBLISHED = json.loads(FIXTURE.read_text(encoding="utf-8"))


# Beyond Normal, against the published draws


def test_beyond_normal_tasks__names__equal_the_published():
    assert set(BEYOND_NORMAL) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_beyond_normal_tasks__information__equals_the_published(name):
    joint, published = BEYOND_NORMAL[name], PUBLISHED[name]

    assert (joint.d_x, joint.d_y) == (published["d_x"], published["d_y"])
    # Both are exact; some of the published were computed in float32.
    assert joint.mi == pytest.approx(published["mi"], abs=1e-6)


@pytest.mark.parametrize("name", PUBLISHED)
def test_sample__summary__equals_the_published(name, seed):
    published, rng = PUBLISHED[name], np.random.RandomState(seed)

    own = [summary(*BEYOND_NORMAL[name].sample(published["n_rows"], random_state=rng)) for _ in range(20)]

    # The published summary is one more draw of the same statistics: Student t with 19 degrees of freedom.
    # 1,789 statistics in all, two-sided level 1e-6 each: 2e-3 together. Its rounding adds 5e-6.
    error = np.std(own, axis=0, ddof=1) * np.sqrt(1 + 1 / len(own))
    difference = np.abs(np.mean(own, axis=0) - published["summary"])
    assert np.all(difference < stats.t(len(own) - 1).isf(5e-7) * error + 5e-6)


def forward(joint, points, half):
    """Points of X (half "x") or Y of the innermost base, after all maps of that half."""
    if not isinstance(joint, Transformed):
        return points
    points = forward(joint.base, points, half)
    for transform in getattr(joint, f"transform_{half}"):
        points = transform.forward(points)
    return points


@pytest.mark.parametrize("half", ["x", "y"])
@pytest.mark.parametrize("name", [name for name, task in PUBLISHED.items() if "x" in task])
def test_transform__published_rows_of_the_base__give_the_published_rows(name, half):
    base, expected = (np.array(PUBLISHED[task][half]) for task in ("1v1-normal-0.75", name))

    def misfit(location_and_scale):
        location, scale = location_and_scale
        columns = zip(forward(BEYOND_NORMAL[name], location + scale * base, half).T, expected.T, strict=True)
        return 1 - min(np.corrcoef(ours, theirs)[0, 1] for ours, theirs in columns)

    # Rows are known up to the location and scale of the base. The remaining error is the rounding of float32
    # and of the bisection of benchmark-mi, 1e-4 of the range. Half of its square is below 1e-7.
    assert optimize.minimize(misfit, [0.0, 1.0], method="Nelder-Mead").fun < 1e-7


# Every joint


@pytest.mark.parametrize("name", JOINTS)
def test_log_ratio__own_rows__mean_equals_information(name, seed):
    joint = JOINTS[name]

    log_ratio = joint.log_ratio(*joint.sample(20_000, random_state=seed))

    assert log_ratio.shape == (20_000,)
    assert np.all(np.isfinite(log_ratio))
    error = log_ratio.std(ddof=1) / np.sqrt(20_000)
    allowance = ALLOWANCES.get(name, QUADRATURE)
    assert joint.mi_standard_error == 0
    assert log_ratio.mean() == pytest.approx(joint.mi, abs=N_STANDARD_ERRORS * error + allowance)


@pytest.mark.parametrize("name", JOINTS)
def test_log_ratio__paired_and_unpaired_rows__weigh_each_other(name, seed):
    joint = JOINTS[name]
    X, Y = joint.sample(40_000, random_state=seed)

    # E_P[1 / (1 + r)] = E_Q[r / (1 + r)] for r = dP / dQ, and both variables are in [0, 1].
    paired = expit(-joint.log_ratio(X[:20_000], Y[:20_000]))
    unpaired = expit(joint.log_ratio(X[:20_000], Y[20_000:]))

    error = np.sqrt((paired.var(ddof=1) + unpaired.var(ddof=1)) / 20_000)
    allowance = ALLOWANCES.get(name, QUADRATURE)
    assert paired.mean() == pytest.approx(unpaired.mean(), abs=N_STANDARD_ERRORS * error + allowance)


@pytest.mark.parametrize("name", JOINTS)
def test_sample__same_random_state__same_rows_and_global_state_kept(name):
    joint = JOINTS[name]
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is the subject

    X, Y = joint.sample(7, random_state=3)
    again = joint.sample(7, random_state=3)

    assert (X.shape, Y.shape) == ((7, joint.d_x), (7, joint.d_y))
    assert X.dtype == Y.dtype == np.float64
    np.testing.assert_array_equal(np.hstack([X, Y]), np.hstack(again))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("name", JOINTS)
def test_joint__pickled__has_the_same_name_and_log_ratio(name):
    joint = JOINTS[name]
    X, Y = joint.sample(5, random_state=0)

    copy = pickle.loads(pickle.dumps(joint))

    assert repr(copy) == repr(joint)
    assert repr(joint).startswith(type(joint).__name__ + "(")
    np.testing.assert_array_equal(copy.log_ratio(X, Y), joint.log_ratio(X, Y))


@pytest.mark.parametrize("name", JOINTS)
def test_log_ratio__one_row_at_a_time__same_values(name):
    joint = JOINTS[name]
    X, Y = joint.sample(5, random_state=0)

    one_by_one = [joint.log_ratio(X[i : i + 1], Y[i : i + 1])[0] for i in range(5)]

    # Float64 matrix products of other shapes may round in another order.
    np.testing.assert_allclose(joint.log_ratio(X, Y), one_by_one, rtol=1e-9, atol=1e-9)


WITHOUT_DENSITY = {
    "swissroll_x-normal_cdf-1v1-normal-0.75": "Use log_ratio",
    "normal-with-atoms": "no joint density",
}


@pytest.mark.parametrize("name", JOINTS)
def test_log_prob__minus_the_marginals__equals_log_ratio(name):
    joint = JOINTS[name]
    X, Y = joint.sample(200, random_state=0)

    if name in WITHOUT_DENSITY:
        with pytest.raises(NotImplementedError, match=WITHOUT_DENSITY[name]):
            joint.log_prob(X, Y)
        return
    difference = joint.log_prob(X, Y) - joint.log_prob_x(X) - joint.log_prob_y(Y)

    # Log densities of up to 200 columns, of size 1e3, in float64; volume factors cancel.
    np.testing.assert_allclose(difference, joint.log_ratio(X, Y), atol=1e-8)


def test_other_tasks__names_and_information__are_new_and_positive():
    assert len(OTHERS) >= 16
    assert not set(OTHERS) & set(BEYOND_NORMAL)
    assert min(joint.mi for joint in OTHERS.values()) > 0


# Two routes to one number


def cloud(*mean):
    return MultivariateNormal(np.eye(len(mean)), len(mean) - 1, mean=mean)


def by_copula_grid(copula):
    return _Copula._mutual_information(copula)


INLIERS = WithInliers(pair(0.8), 0.3)
CLASSES = NormalClasses([0.0, 0.0], [1.0, 3.0])
ENTROPY_OF_FLOOR = stats.entropy(np.diff(ndtr(np.arange(-9, 10))))  # of a standard normal variable
# Gao et al. 2017: 2 log 2 - gamma - sum_k log(k) 2^-k.
POISSON = 2 * np.log(2) - np.euler_gamma - sum(np.log(k) * 2.0**-k for k in range(1, 80))

# A joint, its information or a joint that has the same, and the largest difference: rounding for closed
# forms, what the rules of quadrature reach for the others.
AGREEMENTS = {
    "pairs": (pairs(4, 0.6), 4 * pair(0.6).mi, 1e-12),
    "pairs side by side": (Concatenated([pair(0.6)] * 3), pairs(3, 0.6), 1e-12),
    # The determinant of d columns with correlation r is (1 - r)^(d - 1) (1 + (d - 1) r).
    "dense": (MultivariateNormal.dense(3, 3, 0.5), 0.5 * np.log((0.25 * 2) ** 2 / (0.5**5 * 3.5)), 1e-12),
    # The Student t's term falls like 1 / dof^2, below 1e-6 at 1e4; digamma differences keep 1e-8.
    "student, nearly normal": (MultivariateStudent([[1, 0.5], [0.5, 1]], 1, dof=1e4), pair(0.5), 1e-6),
    "uniform noise": (FunctionalRelation(np.positive, 0.1, noise="uniform"), AdditiveUniformNoise(0.1), 1e-5),
    "wide noise": (FunctionalRelation(np.positive, 2.0, noise="uniform"), AdditiveUniformNoise(2.0), 1e-5),
    "normal noise": (FunctionalRelation(np.positive, 0.05, x="normal"), np.log1p(0.05**-2) / 2, 1e-5),
    "steps, normal noise": (EDGES["steps-normal"], ENTROPY_OF_FLOOR, 1e-5),
    "steps, uniform noise": (EDGES["steps-uniform"], ENTROPY_OF_FLOOR, JUMPS),
    "clayton": (ClaytonCopula(3.0), by_copula_grid(ClaytonCopula(3.0)), 1e-6),
    "gumbel": (GumbelCopula(2.5), by_copula_grid(GumbelCopula(2.5)), 1e-6),
    "gumbel, independent": (GumbelCopula(1.0), 0.0, 0),
    "gumbel, nearly independent": (GumbelCopula(1 + 1e-9), 0.0, 1e-8),
    "frank, symmetric in sign": (FrankCopula(8.0), FrankCopula(-8.0), 1e-6),
    "mixture of one": (Mixture([pair(0.9)]), pair(0.9), 1e-6),
    "mixture of one, tight": (Mixture([pair(0.999)]), pair(0.999), 1e-6),
    "mixture of equals": (Mixture([pair(0.9)] * 2, [0.3, 0.7]), pair(0.9), 1e-6),
    "mixture, far apart": (Mixture([cloud(m, m) for m in (-20, 20)]), np.log(2), 1e-6),
    "inliers, two rules": (INLIERS, mutual_information_on_grid(INLIERS), 1e-6),
    "inliers as a mixture": (INLIERS, Mixture([pair(0.8), pair(0.0)], [0.7, 0.3]), 1e-6),
    "inliers of a mixture": (WithInliers(Mixture([pair(0.8)]), 0.3), INLIERS, 1e-6),
    "inliers, none": (WithInliers(pair(0.8), 0), pair(0.8), 0),
    "inliers, all": (WithInliers(pair(0.8), 1), 0.0, 0),
    "independent": (Independent(pair(0.8)), 0.0, 0),
    "noisy label": (NoisyLabel(0.1), np.log(2) + 0.1 * np.log(0.1) + 0.9 * np.log(0.9), 1e-12),
    "classes, far apart": (NormalClasses([-20.0, 20.0]), np.log(2), 1e-8),
    "classes, equal": (NormalClasses(np.zeros((2, 3))), 0.0, 1e-8),
    "classes, two rules": (CLASSES, CLASSES._mi_concentric(), 1e-6),
    "poisson": (ZeroInflatedPoisson(0.0), POISSON, 1e-6),
    "missing at random": (NormalWithMissing(0.8, 0.0), NormalWithMissing(0.8, 0.0, slope_x=1e-9), 1e-8),
    "missing never": (NormalWithMissing(0.8, -30.0, slope_y=0.1), pair(0.8), 1e-8),
    "missing by the sign of y": (NormalWithMissing(0.0, 0.0, slope_y=1e6), np.log(2), 1e-5),
    "parity of one sign": (SignParity(1, 1, 0.1), NoisyLabel(0.1), 1e-12),
}


@pytest.mark.parametrize("name", AGREEMENTS)
def test_mi__two_routes__agree(name):
    joint, other, tolerance = AGREEMENTS[name]

    assert joint.mi == pytest.approx(getattr(other, "mi", other), abs=tolerance, rel=0)


# Joints whose information is a mean over rows, and the exact value. Noise columns change nothing.
SAMPLED = {
    "mixture": (Mixture([cloud(m, 0, m) for m in (-1, 1)]), Mixture([cloud(m, m) for m in (-1, 1)])),
    "mixture, too tight": (Mixture([pair(0.9999)]), pair(0.9999)),
    "inliers": (
        WithInliers(Concatenated([pair(0.8)] * 2), 0.2),
        WithInliers(pairs(2, 0.8), 0.2),
    ),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_mi__no_quadrature__is_sampled_and_says_its_error(name):
    sampled, exact = SAMPLED[name]

    assert 0 < sampled.mi_standard_error < 5e-3
    assert exact.mi_standard_error == 0
    tolerance = N_STANDARD_ERRORS * sampled.mi_standard_error + QUADRATURE
    assert sampled.mi == pytest.approx(exact.mi, abs=tolerance)


def test_canonical_correlations__after_linear_maps__are_kept():
    joint, rng = MultivariateNormal.sparse(4, 3, n_interacting=2, strength=2.0), np.random.RandomState(0)
    maps = np.zeros((7, 7))
    maps[:4, :4], maps[4:, 4:] = rng.normal(size=(4, 4)), rng.normal(size=(3, 3))

    mapped = MultivariateNormal(maps @ joint.covariance @ maps.T, d_x=4)

    np.testing.assert_allclose(mapped.canonical_correlations(), [0.8, 0.8, 0.0], atol=1e-8)
    assert mapped.mi == pytest.approx(joint.mi, abs=1e-8)


# Densities and samples


def test_log_prob__student_and_normal__equal_scipy():
    rng = np.random.RandomState(0)
    factor, mean, rows = rng.normal(size=(5, 5)), rng.normal(size=5), rng.normal(size=(50, 5))
    matrix = factor @ factor.T + np.eye(5)
    laws = {
        MultivariateNormal(matrix, d_x=2, mean=mean): stats.multivariate_normal(mean, matrix),
        MultivariateStudent(matrix, d_x=2, dof=2.5, mean=mean): stats.multivariate_t(mean, matrix, df=2.5),
    }

    for joint, law in laws.items():
        np.testing.assert_allclose(joint.log_prob(rows[:, :2], rows[:, 2:]), law.logpdf(rows))


LAWS_OF_Y = {
    "oscillation": Oscillation(3, 0.2),
    "uniform band": FunctionalRelation(np.abs, 0.3, x="normal", noise="uniform"),
    "steps": EDGES["steps-uniform"],
    "integer": IntegerWithUniform(4),
    "bimodal": Transformed(pair(0.5), transform_y=NormalMixtureQuantile([-2, 3], [0.2, 0.8])),
    "additive": AdditiveUniformNoise(0.3),
    "frank": Transformed(FrankCopula(4.0), transform_y=Quantile(stats.expon())),
}


@pytest.mark.parametrize("name", LAWS_OF_Y)
def test_log_prob_y__samples__follow_it(name, seed):
    joint = LAWS_OF_Y[name]
    _, Y = joint.sample(20_000, random_state=seed)
    grid = np.linspace(Y.min() - 1e-9, Y.max() + 1e-9, 20_001)
    density = np.exp(joint.log_prob_y((grid[1:] + grid[:-1]) / 2))
    distribution = np.concatenate([[0], np.cumsum(density)]) * (grid[1] - grid[0])

    p_value = stats.kstest(Y[:, 0], lambda y: np.interp(y, grid, distribution)).pvalue

    # Mass beyond the sampled range is of order 1 / n, far below the distance of 1 / sqrt(n).
    assert p_value > 1e-6


@pytest.mark.parametrize(
    ("copula", "kendall"),
    [
        (ClaytonCopula(2.0), 0.5),
        (ClaytonCopula(50.0), 50 / 52),
        (GumbelCopula(1.0), 0.0),
        (GumbelCopula(2.5), 0.6),
        (FrankCopula(5.736283), 0.5),
        (FrankCopula(-5.736283), -0.5),
    ],
    ids=repr,
)
def test_copula__samples__have_uniform_columns_and_kendalls_tau(copula, kendall, seed):
    X, Y = copula.sample(20_000, random_state=seed)

    tau = stats.kendalltau(X[:, 0], Y[:, 0]).statistic

    assert min(stats.kstest(half[:, 0], "uniform").pvalue for half in (X, Y)) > 1e-6
    # Var(tau) is at most 2 (1 - tau^2) / n for large n; the tau of Frank is known to 1e-6.
    error = np.sqrt(2 * (1 - kendall**2) / 20_000)
    assert tau == pytest.approx(kendall, abs=N_STANDARD_ERRORS * error + 1e-6)


# Transforms: the map, the number of columns before it, and whether these are on the unit interval

TRANSFORMS = {
    "half cube": (HalfCube(), 3, False),
    "normal cdf": (NormalCDF(), 3, False),
    "asinh": (Asinh(), 3, False),
    "wiggly": (Wiggly([0.4, 0.2], [1.0, 1.7], [0.0, 1.0]), 3, False),
    "bimodal": (NormalMixtureQuantile([0, 5], [0.3, 0.7], scale=0.8), 2, False),
    "quantile": (Quantile(stats.expon()), 2, True),
    "spiral": (Spiral(0.7, first=1, second=2), 4, False),
    "rotation": (Affine.rotation(4, random_state=0), 4, False),
    "affine": (Affine([[2.0, 1.0], [0.0, -3.0]], offset=[1.0, 2.0]), 2, False),
    "swiss roll": (SwissRoll(), 1, True),
}


def points_before(d, on_unit_interval):
    rng = np.random.RandomState(0)
    return rng.uniform(0.05, 0.95, (6, d)) if on_unit_interval else rng.normal(size=(6, d))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform__forward_then_inverse__gives_the_points_back(name):
    transform, d, on_unit_interval = TRANSFORMS[name]
    points = points_before(d, on_unit_interval)

    mapped = transform.forward(points)

    assert mapped.shape == (len(points), transform.n_outputs(d))
    # Bisection stops at 1e-15 of its bracket; the normal quantile keeps about 1e-12.
    np.testing.assert_allclose(transform.inverse(mapped), points, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "swiss roll"])
def test_log_abs_det_jacobian__against_differences__agrees(name):
    transform, d, on_unit_interval = TRANSFORMS[name]
    points, step = points_before(d, on_unit_interval), 1e-5

    columns = [transform.forward(points + step * u) - transform.forward(points - step * u) for u in np.eye(d)]
    expected = np.linalg.slogdet(np.stack(columns, axis=2) / (2 * step))[1]

    # Central differences: error of order step^2 times third derivatives, up to 1e4 for HalfCube.
    np.testing.assert_allclose(transform.log_abs_det_jacobian(points), expected, atol=1e-5)


# Edges of the support, and errors


@pytest.mark.parametrize(
    ("joint", "x", "y"),
    [
        (AdditiveUniformNoise(0.1), 0.5, 0.7),
        (IntegerWithUniform(3), 0.0, 2.5),
        (DiscreteTable([[0.5, 0.0], [0.2, 0.3]]), 0.0, 1.0),
        (NormalWithAtoms(), 1.0, 0.3),
        (FunctionalRelation(np.abs, 0.1, x="normal", noise="uniform"), 1.0, 1.5),
    ],
    ids=repr,
)
def test_log_ratio__pair_that_cannot_occur__is_minus_infinity(joint, x, y):
    assert joint.log_ratio([x], [y])[0] == -np.inf


def test_log_prob_y__count_that_cannot_occur__is_minus_infinity():
    log_prob = ZeroInflatedPoisson(0.2).log_prob_y([-1.0, 0.5, 1.0])

    np.testing.assert_array_equal(log_prob == -np.inf, [True, True, False])


def test_sample__missing_at_random__share_and_rows_as_told(seed):
    X, Y = NormalWithMissing(0.8, intercept=0.5).sample(20_000, seed)
    missing = np.isnan(X)

    share = ndtr(0.5)
    error = np.sqrt(share * (1 - share) / X.size)
    assert missing.mean() == pytest.approx(share, abs=N_STANDARD_ERRORS * error)
    assert np.all(np.isfinite(Y))
    difference = Y[missing].mean() - Y[~missing].mean()
    error = np.sqrt(1 / missing.sum() + 1 / (~missing).sum())
    assert difference == pytest.approx(0, abs=N_STANDARD_ERRORS * error)


def test_log_ratio__outside_the_range_of_a_transform__is_nan_for_that_row_only():
    joint = BEYOND_NORMAL["normal_cdf-1v1-normal-0.75"]

    log_ratio = joint.log_ratio([1.5, 0.5], [0.5, 0.5])

    np.testing.assert_array_equal(np.isnan(log_ratio), [True, False])


ERRORS = [
    (lambda: pair(1.0), r"correlation must be a number in \(-1, 1\); got 1.0. Pass"),
    (lambda: AdditiveUniformNoise("wide"), "epsilon must be a number in .*; got 'wide'"),
    (lambda: AdditiveUniformNoise(np.nan), "epsilon must be a number in .*; got nan"),
    (lambda: MultivariateNormal([[1, 2], [2, 1]], 1), "positive definite; got smallest eigenvalue -1"),
    (lambda: MultivariateNormal([[1, 0.5], [0.1, 1]], 1), "covariance must be symmetric .* asymmetric"),
    (lambda: MultivariateNormal(np.eye(2), 2), "d_x must leave at least one"),
    (lambda: MultivariateNormal(np.eye(2), 1, mean=[0]), r"mean must have shape \(2,\)"),
    (lambda: MultivariateNormal.sparse(2, 3, n_interacting=3), "n_interacting must be at most"),
    (lambda: MultivariateStudent(np.ones(3), 1, 1), "dispersion must be a square"),
    (lambda: MultivariateStudent.identity(1, 1, dof=0), "dof must be a number in"),
    (lambda: Mixture([pair(0.5)] * 2, [0.5, 0.6]), "weights must be 2 positive numbers that sum to 1"),
    (lambda: Mixture([pairs(k, 0.5) for k in (1, 2)]), "components must have the same"),
    (lambda: Mixture([]), "components must hold at least one"),
    (lambda: Concatenated([]), "joints must hold at least one"),
    (lambda: WithInliers(pair(0.5), 1.5), "share must be"),
    (lambda: Transformed(pair(0.5), Spiral(1.0)), "first and second must be column indices below 1"),
    (lambda: Spiral(1.0, 1, 1), "first and second must differ"),
    (lambda: Transformed(pairs(2, 0.5), SwissRoll()), "SwissRoll must be given 1 column; got 2"),
    (lambda: Wiggly([2.0], [1.0], [0.0]), "must keep the map increasing"),
    (lambda: Wiggly([0.1, 0.1], [1.0], [0.0]), "vectors of the same length"),
    (lambda: Affine(np.ones((2, 2))), "matrix must be invertible"),
    (lambda: Affine(np.ones(2)), "matrix must be square"),
    (lambda: Affine(np.eye(2), offset=[1.0]), r"offset must have shape \(2,\)"),
    (lambda: Transformed(pair(0.5), Affine(np.eye(2))), r"matrix must be \(1, 1\)"),
    (lambda: FrankCopula(0.0), "theta must not be zero"),
    (lambda: GumbelCopula(0.5), r"theta must be a number in \[1, inf\)"),
    (lambda: DiscreteTable([[0.5, 0.6]]), "probabilities must be a matrix"),
    (lambda: DiscreteTable([[0.5, 0.5], [0, 0]]), "no row or column of zeros"),
    (lambda: DiscreteTable([[0.5], [0.5]], x_values=[1, 0]), "x_values must be 2"),
    (lambda: NormalWithMissing(1.0), r"correlation must be a number in \(-1, 1\); got 1.0"),
    (lambda: SignParity(3, d_x=2), "d_x must be an integer of at least 3; got 2"),
    (lambda: NormalClasses(np.zeros((0, 2))), "means must have shape"),
    (lambda: NormalClasses([0.0, 1.0], [1.0, 0.0]), "2 positive numbers"),
    (lambda: FunctionalRelation(np.sin, 0.1, x="beta"), 'x must be "uniform" or'),
    (lambda: FunctionalRelation(lambda x: x + np.inf, 0.1).sample(9), "must return finite numbers"),
    (lambda: FunctionalRelation(np.exp, 0.05, x="normal").mi, "at least 1 / 5000 of the range of function"),
    (lambda: Regression(np.ravel, 1, 0.0), "scale must be positive"),
    (lambda: Regression(np.ravel, 0), "d_x must be an integer of at least 1"),
    (lambda: Regression(np.ravel, 1, x="beta"), 'x must be "uniform" or'),
    (lambda: Regression(np.ravel, 2).sample(9), "mean must return 9 finite numbers for 9 rows"),
    (lambda: Regression(np.ravel, 1, np.ravel).sample(99), "scale must return 99 positive numbers"),
    (lambda: Oscillation(50_000, 0.01).mi, "at least 2 times the change of function over 1 / 2,000,000"),
    (lambda: pair(0.5).sample(0), "n_samples must be an integer"),
    (lambda: pair(0.5).log_ratio(np.ones((3, 2)), np.ones(3)), r"X must have shape \(n, 1\)"),
    (lambda: pair(0.5).log_ratio(np.ones(3), np.ones(2)), "X and Y must have the same number of rows"),
]
TYPE_ERRORS = [
    (lambda: Padded("normal"), "base must be a JointDistribution; got str"),
    (lambda: Transformed(pair(0.5), [np.sin]), "transform_x must be a Transform"),
    (lambda: Quantile("normal"), "distribution must have ppf"),
    (lambda: FunctionalRelation(3, 0.1), "function must be callable"),
    (lambda: Regression(3, 1), "mean must be callable"),
]


CASES = [(ValueError, *case) for case in ERRORS] + [(TypeError, *case) for case in TYPE_ERRORS]


@pytest.mark.parametrize(("error", "act", "message"), CASES, ids=[case[-1] for case in CASES])
def test_joint__bad_parameter__says_name_rule_and_value(error, act, message):
    with pytest.raises(error, match=message):
        act()


if __name__ == "__main__":
    write_fixture(sys.argv[1])
