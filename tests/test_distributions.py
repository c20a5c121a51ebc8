"""Joint distributions: their information, their samples and their log ratios must agree.

Statistical tests run over the seeds of SKMINE_TEST_SEEDS ("0-9"; default "0"). Their tolerances are
five standard errors, two-sided probability 6e-7 for a normal mean, so that no seed is special.
The files of Beyond Normal come from SKMINE_BENCH_DIR, else from ../shared/bench/bmi_v1.
"""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

import skmine.distributions as distributions
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
    Oscillation,
    Padded,
    Quantile,
    Spiral,
    SwissRoll,
    Transformed,
    Wiggly,
    WithInliers,
    ZeroInflatedPoisson,
    beyond_normal_tasks,
    other_tasks,
)
from skmine.distributions._copulas import _Copula
from skmine.distributions._quadrature import mutual_information_on_grid


def _seeds(text):
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


SEEDS = _seeds(os.environ.get("SKMINE_TEST_SEEDS", "0"))
BENCH_DIR = Path(
    os.environ.get(
        "SKMINE_BENCH_DIR", Path(__file__).resolve().parents[2] / "shared" / "bench" / "bmi_v1"
    )
)
BEYOND_NORMAL = beyond_normal_tasks()
OTHERS = other_tasks()
JOINTS = {**BEYOND_NORMAL, **OTHERS}
N_STANDARD_ERRORS = 5
QUADRATURE = 1e-4  # the error that the contract allows for a value by quadrature

# The columns of the files are standardised, so that rows are known up to location and scale.
# Under a smooth density on the whole line the mean log ratio does not change to first order when
# the columns are moved or stretched a little (the expected scores of p(x, y) and p(x) cancel), so
# any alignment with error of order 1 / sqrt(n) does. Columns that end in edges need more: extremes
# are known to order 1 / n when the density has a jump there. Where neither helps, the same
# alignment is applied to samples of ours and the two means compared.
ALIGNED_BY_EXTREMES = {
    name
    for name in BEYOND_NORMAL
    if name.startswith("normal_cdf-") or name.startswith("swissroll_x-")
}
ALIGNED_BY_REPLICATES = {
    name
    for name in BEYOND_NORMAL
    if name.startswith("spiral-normal_cdf-") or name.startswith("1v1-additive-")
}
ALIGNED_BY_QUARTILES = set(BEYOND_NORMAL) - ALIGNED_BY_EXTREMES - ALIGNED_BY_REPLICATES


def _file_rows(name):
    path = BENCH_DIR / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{path} is missing; set SKMINE_BENCH_DIR to the folder of the .npz files")
    with np.load(path) as data:
        return data["x"].astype(np.float64), data["y"].astype(np.float64), float(data["mi"])


def _location_and_spread(points, by_extremes):
    low, middle, high = np.quantile(points, (0, 0, 1) if by_extremes else (0.25, 0.5, 0.75), axis=0)
    return middle, high - low


def _align(points, target, by_extremes):
    """Give columns the median and interquartile range of `target`, or its minimum and range."""
    location, spread = _location_and_spread(points, by_extremes)
    target_location, target_spread = _location_and_spread(target, by_extremes)
    return target_location + (points - location) * (target_spread / spread)


def _mean_and_error(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(values.size)


# Beyond Normal, against the files


def test_beyond_normal_tasks__names__equal_the_files():
    if not BENCH_DIR.exists():
        pytest.skip(f"{BENCH_DIR} is missing; set SKMINE_BENCH_DIR to the folder of the .npz files")

    names = {path.stem for path in BENCH_DIR.glob("*.npz")}

    assert set(BEYOND_NORMAL) == names


@pytest.mark.parametrize("name", BEYOND_NORMAL)
def test_beyond_normal_tasks__information__equals_the_file(name):
    X, Y, mi = _file_rows(name)

    joint = BEYOND_NORMAL[name]

    assert (joint.d_x, joint.d_y) == (X.shape[1], Y.shape[1])
    # Both are exact; the file's was computed in float32 for the additive noise.
    assert joint.mi == pytest.approx(mi, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(ALIGNED_BY_QUARTILES | ALIGNED_BY_EXTREMES))
def test_log_ratio__rows_of_the_file__mean_equals_information(name, seed):
    joint = BEYOND_NORMAL[name]
    X, Y, mi = _file_rows(name)
    by_extremes = name in ALIGNED_BY_EXTREMES
    target_x, target_y = joint.sample(40_000, random_state=seed)

    log_ratio = joint.log_ratio(_align(X, target_x, by_extremes), _align(Y, target_y, by_extremes))

    mean, error = _mean_and_error(log_ratio)
    # Second-order effect of the alignment: curvature (below 30 nats for 25 + 25 columns under a
    # spiral) times the squared error of location and scale (1 / n of file and target).
    alignment = 30 * (1 / len(X) + 1 / 40_000)
    assert mean == pytest.approx(mi, abs=4 * error + alignment)


def _mean_after_standardising(joint, X, Y, target):
    """Mean log ratio over rows inside the support, columns given the target's mean and spread."""
    moved = [
        (half - half.mean(axis=0)) / half.std(axis=0) * goal.std(axis=0) + goal.mean(axis=0)
        for half, goal in zip((X, Y), target, strict=True)
    ]
    log_ratio = joint.log_ratio(*moved)
    return log_ratio[np.isfinite(log_ratio)].mean()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(ALIGNED_BY_REPLICATES))
def test_log_ratio__rows_of_the_file__mean_equals_that_of_own_samples(name, seed):
    joint = BEYOND_NORMAL[name]
    X, Y, mi = _file_rows(name)
    rng = np.random.RandomState(seed)
    target = joint.sample(40_000, random_state=rng)

    of_file = _mean_after_standardising(joint, X, Y, target)
    of_samples = np.array(
        [
            _mean_after_standardising(joint, *joint.sample(len(X), random_state=rng), target)
            for _ in range(16)
        ]
    )

    # The file is one more draw of the same statistic: Student t with 15 degrees of freedom,
    # probability 2e-4 beyond five.
    error = of_samples.std(ddof=1) * np.sqrt(1 + 1 / of_samples.size)
    assert of_file == pytest.approx(of_samples.mean(), abs=N_STANDARD_ERRORS * error)
    # Rows near an edge that leave the support cost at most 0.1 nats.
    assert of_file == pytest.approx(mi, abs=0.1)


def _best_p_value(ours, theirs):
    """Kolmogorov-Smirnov over three ways to align two columns of unknown location and scale.

    The distance at the best location and scale is at most that at the true ones, so the best
    p-value is at least that of free samples. Mean and spread come near the best for light tails,
    quartiles for heavy tails and peaks, extremes for edges.
    """
    moments = (ours - ours.mean()) / ours.std() * theirs.std() + theirs.mean()
    aligned = [moments, _align(ours, theirs, False), _align(ours, theirs, True)]
    return max(stats.ks_2samp(column, theirs, method="asymp").pvalue for column in aligned)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", BEYOND_NORMAL)
def test_sample__columns__follow_the_law_of_the_file(name, seed):
    file_x, file_y, _ = _file_rows(name)
    X, Y = BEYOND_NORMAL[name].sample(10_000, random_state=seed)

    p_values = [
        _best_p_value(ours, theirs)
        for ours, theirs in zip(np.hstack([X, Y]).T, np.hstack([file_x, file_y]).T, strict=True)
    ]

    # 700 columns in all: level 1e-6 each, 7e-4 together.
    assert np.min(p_values) > 1e-6


def _rank_correlations(rows):
    """Spearman correlations of the columns, and the standard error of each."""
    # Centred ranks with variance one; the error of a mean of products, which is an upper bound
    # because ranks that move together cancel part of it.
    ranks = (stats.rankdata(rows, axis=0) / len(rows) - 0.5) * np.sqrt(12)
    correlations = ranks.T @ ranks / len(rows)
    variances = (ranks**2).T @ ranks**2 / len(rows) - correlations**2
    return correlations, np.sqrt(variances / len(rows))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", BEYOND_NORMAL)
def test_sample__rank_correlations__equal_those_of_the_file(name, seed):
    file_x, file_y, _ = _file_rows(name)
    X, Y = BEYOND_NORMAL[name].sample(10_000, random_state=seed)

    ours, our_errors = _rank_correlations(np.hstack([X, Y]))
    theirs, their_errors = _rank_correlations(np.hstack([file_x, file_y]))

    # 20,000 correlations in all: six standard errors, 4e-5 together.
    assert np.max(np.abs(ours - theirs) / np.hypot(our_errors, their_errors)) < 6


# The files were drawn with one seed, so that a transformed task holds the rows of its base.
def _base_name(name):
    if name == "1v1-bimodal-0.75":
        return "1v1-normal-0.75"
    return name[max(name.find(base) for base in ("1v1-normal", "multinormal", "student")) :]


BASES = {
    name: _base_name(name)
    for name, joint in BEYOND_NORMAL.items()
    if isinstance(joint, Transformed)
}


def _forward(joint, X, Y):
    if not isinstance(joint, Transformed):
        return X, Y
    X, Y = _forward(joint.base, X, Y)
    for transform in joint.transform_x:
        X = transform.forward(X)
    for transform in joint.transform_y:
        Y = transform.forward(Y)
    return X, Y


def _standard_rows(points, base):
    """Undo the standardisation: normal columns have variance one, Student ones known quartiles."""
    if isinstance(base, MultivariateNormal):
        return points
    quartile = stats.t(base.dof).ppf(0.75)
    # Five points whose quartiles are those of the law.
    return _align(points, quartile * np.array([-1, -1, 0, 1, 1]), by_extremes=False)


@pytest.mark.parametrize("name", BASES)
def test_transform__rows_of_the_base_file__give_the_rows_of_the_file(name):
    joint, base = BEYOND_NORMAL[name], BEYOND_NORMAL[BASES[name]]
    base_x, base_y, _ = _file_rows(BASES[name])
    X, Y, _ = _file_rows(name)

    ours = _forward(joint, _standard_rows(base_x, base), _standard_rows(base_y, base))

    # Location and scale of the base are known to 2 / sqrt(n) = 0.02 at most. An elementwise map
    # then errs by less than 0.02 of its spread, and a correlation loses half the square of that.
    # A spiral turns by an angle of |x|^2 / d, 0.04 of it wrong, and reaches 2.5 radians.
    tolerance = (0.1 if name.startswith(("spiral-", "swissroll_x-")) else 0.02) ** 2 / 2
    for half, expected in zip(ours, (X, Y), strict=True):
        standard = (half - half.mean(axis=0)) / half.std(axis=0)
        correlations = np.mean(standard * expected, axis=0)
        np.testing.assert_allclose(correlations, 1, atol=tolerance)


@pytest.mark.parametrize(
    "name",
    [name for name, base in BASES.items() if base == "1v1-normal-0.75"],
)
def test_transform__rows_of_the_base_file_at_best_location_and_scale__give_the_rows(name):
    base_x, base_y, _ = _file_rows(BASES[name])
    X, Y, _ = _file_rows(name)
    joint = BEYOND_NORMAL[name]

    def loss(location_and_scale, half):
        location, scale = location_and_scale
        ours = _forward(joint, location + scale * base_x[:500], location + scale * base_y[:500])
        columns = np.hstack([ours[half], (X, Y)[half][:500]])
        return 1 - np.diag(np.corrcoef(columns, rowvar=False), columns.shape[1] // 2).min()

    losses = [
        optimize.minimize(loss, [0.0, 1.0], args=(half,), method="Nelder-Mead").fun
        for half in (0, 1)
    ]

    # What is left is the rounding of float32, 1e-7 of the range, and bmi's bisection, 1e-4:
    # half the square of the error is below 1e-7.
    assert max(losses) < 1e-7


# Every joint


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", JOINTS)
def test_log_ratio__own_rows__mean_equals_information(name, seed):
    joint = JOINTS[name]
    X, Y = joint.sample(20_000, random_state=seed)

    log_ratio = joint.log_ratio(X, Y)

    mean, error = _mean_and_error(log_ratio)
    assert log_ratio.shape == (20_000,)
    assert np.all(np.isfinite(log_ratio))
    assert mean == pytest.approx(joint.mi, abs=N_STANDARD_ERRORS * error + QUADRATURE)


@pytest.mark.parametrize("name", JOINTS)
def test_sample__same_random_state__same_rows_and_global_state_kept(name):
    joint = JOINTS[name]
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is the subject

    X, Y = joint.sample(7, random_state=3)
    again_x, again_y = joint.sample(7, random_state=3)

    assert X.shape == (7, joint.d_x)
    assert Y.shape == (7, joint.d_y)
    assert X.dtype == Y.dtype == np.float64
    np.testing.assert_array_equal(X, again_x)
    np.testing.assert_array_equal(Y, again_y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("name", JOINTS)
def test_joint__repr_and_pickle__keep_name_and_information(name):
    joint = JOINTS[name]

    copy = pickle.loads(pickle.dumps(joint))

    assert repr(joint).startswith(type(joint).__name__ + "(")
    assert copy.mi == joint.mi
    assert repr(copy) == repr(joint)


@pytest.mark.parametrize("name", JOINTS)
def test_log_ratio__one_row_at_a_time__same_values(name):
    joint = JOINTS[name]
    X, Y = joint.sample(5, random_state=0)

    one_by_one = [joint.log_ratio(X[i : i + 1], Y[i : i + 1])[0] for i in range(5)]

    # Float64 matrix products of other shapes may round in another order.
    np.testing.assert_allclose(joint.log_ratio(X, Y), one_by_one, rtol=1e-9, atol=1e-9)


def _has_densities(name, joint):
    return not name.startswith("swissroll_x") and not isinstance(joint, NormalWithAtoms)


@pytest.mark.parametrize("name", [n for n, joint in JOINTS.items() if _has_densities(n, joint)])
def test_log_prob__minus_the_marginals__equals_log_ratio(name):
    joint = JOINTS[name]
    X, Y = joint.sample(200, random_state=0)

    difference = joint.log_prob(X, Y) - joint.log_prob_x(X) - joint.log_prob_y(Y)

    # Log densities of up to 100 columns, of size 1e3, in float64; volume factors cancel.
    np.testing.assert_allclose(difference, joint.log_ratio(X, Y), atol=1e-8)


@pytest.mark.parametrize("name", OTHERS)
def test_other_tasks__information__is_positive_and_not_by_sampling(name):
    joint = OTHERS[name]

    assert joint.mi > 0
    assert joint.mi_standard_error == 0


def test_other_tasks__number__is_at_least_sixteen_with_new_names():
    assert len(OTHERS) >= 16
    assert not set(OTHERS) & set(BEYOND_NORMAL)


# Two routes to one number


def _linear(x):
    return x


AGREEMENTS = {
    "pairs add": (
        MultivariateNormal.pairs(4, 0.6).mi,
        4 * MultivariateNormal.bivariate(0.6).mi,
        1e-12,
    ),
    "pairs as concatenation": (
        Concatenated([MultivariateNormal.bivariate(0.6)] * 3).mi,
        MultivariateNormal.pairs(3, 0.6).mi,
        1e-12,
    ),
    "dense against the formula of equal correlations": (
        # det of d columns with correlation r: (1 - r)^(d - 1) (1 + (d - 1) r).
        MultivariateNormal.dense(3, 3, 0.5).mi,
        0.5 * np.log((0.25 * 2) ** 2 / (0.5**5 * 3.5)),
        1e-12,
    ),
    # The Student t's term falls like 1 / dof^2, below 1e-6 at 1e4; digamma differences keep 1e-8.
    "student with many degrees of freedom": (
        MultivariateStudent([[1, 0.5], [0.5, 1]], d_x=1, dof=1e4).mi,
        MultivariateNormal.bivariate(0.5).mi,
        1e-6,
    ),
    "additive noise as a functional relation": (
        FunctionalRelation(_linear, 0.1, noise="uniform").mi,
        AdditiveUniformNoise(0.1).mi,
        1e-5,
    ),
    "additive noise, wide": (
        FunctionalRelation(_linear, 0.75, noise="uniform").mi,
        AdditiveUniformNoise(0.75).mi,
        1e-5,
    ),
    "normal pair as a functional relation": (
        FunctionalRelation(_linear, 0.05, x="normal").mi,
        0.5 * np.log1p(0.05**-2),
        1e-5,
    ),
    "clayton": (ClaytonCopula(3.0).mi, _Copula._mutual_information(ClaytonCopula(3.0)), 1e-6),
    "gumbel, independence": (GumbelCopula(1.0).mi, 0.0, 1e-10),
    "frank, symmetric in sign": (FrankCopula(8.0).mi, FrankCopula(-8.0).mi, 1e-6),
    "mixture of one": (
        Mixture([MultivariateNormal.bivariate(0.9)]).mi,
        MultivariateNormal.bivariate(0.9).mi,
        1e-6,
    ),
    "mixture of equals": (
        Mixture([MultivariateNormal.bivariate(0.9)] * 2, weights=[0.3, 0.7]).mi,
        MultivariateNormal.bivariate(0.9).mi,
        1e-6,
    ),
    "far clouds tell their label": (
        Mixture([MultivariateNormal(np.eye(2), 1, mean=[m, m]) for m in (-20, 20)]).mi,
        np.log(2),
        1e-6,
    ),
    "inliers, line against plane": (
        WithInliers(MultivariateNormal.bivariate(0.8), 0.3).mi,
        mutual_information_on_grid(WithInliers(MultivariateNormal.bivariate(0.8), 0.3)),
        1e-6,
    ),
    "inliers as a mixture": (
        WithInliers(MultivariateNormal.bivariate(0.8), 0.3).mi,
        Mixture(
            [MultivariateNormal.bivariate(r) for r in (0.8, 0.0)],
            weights=[0.7, 0.3],
        ).mi,
        1e-6,
    ),
    "inliers, none": (
        WithInliers(MultivariateNormal.bivariate(0.8), 0).mi,
        MultivariateNormal.bivariate(0.8).mi,
        0,
    ),
    "inliers, all": (WithInliers(MultivariateNormal.bivariate(0.8), 1).mi, 0.0, 0),
    "noisy label": (
        NoisyLabel(0.1).mi,
        np.log(2) + 0.1 * np.log(0.1) + 0.9 * np.log(0.9),
        1e-12,
    ),
    "far classes": (NormalClasses([-20.0, 20.0]).mi, np.log(2), 1e-8),
    "equal classes": (NormalClasses(np.zeros((2, 3))).mi, 0.0, 1e-8),
    "concentric, one column two ways": (
        NormalClasses([0.0, 0.0], [1.0, 3.0]).mi,
        NormalClasses([0.0, 0.0], [1.0, 3.0])._mi_concentric(),
        1e-6,
    ),
    # Gao et al. 2017: 2 log 2 - gamma - sum_k log(k) 2^-k.
    "poisson without inflation": (
        ZeroInflatedPoisson(0.0).mi,
        2 * np.log(2) - np.euler_gamma - sum(np.log(k) * 2.0**-k for k in range(1, 80)),
        1e-6,
    ),
    "product of the marginals": (Independent(MultivariateNormal.bivariate(0.8)).mi, 0.0, 0),
}


@pytest.mark.parametrize("name", AGREEMENTS)
def test_mi__two_routes__agree(name):
    value, expected, tolerance = AGREEMENTS[name]

    assert value == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("zero_probability", [0.05, 0.15, 0.5])
def test_zero_inflated_poisson__with_inflation__is_below_the_published_value(zero_probability):
    published = (1 - zero_probability) * ZeroInflatedPoisson(0.0).mi

    mi = ZeroInflatedPoisson(zero_probability).mi

    # The published value also counts which zeros were put in: data processing makes it larger.
    assert 0 < mi < published


def test_mixture__more_columns__samples_the_information_and_says_its_error():
    clouds = [MultivariateNormal(np.eye(3), 2, mean=[m, 0, m]) for m in (-1.5, 1.5)]
    flat = [MultivariateNormal(np.eye(2), 1, mean=[m, m]) for m in (-1.5, 1.5)]

    mixture = Mixture(clouds)

    assert 0 < mixture.mi_standard_error < 2e-3
    # The extra column of X is noise, so the plane has the same information.
    tolerance = N_STANDARD_ERRORS * mixture.mi_standard_error + QUADRATURE
    assert mixture.mi == pytest.approx(Mixture(flat).mi, abs=tolerance)


def test_inliers__unequal_pairs__samples_the_information_and_says_its_error():
    base = Concatenated([MultivariateNormal.bivariate(r) for r in (0.8, 0.8)])

    sampled, exact = WithInliers(base, 0.2), WithInliers(MultivariateNormal.pairs(2, 0.8), 0.2)

    assert sampled.mi_standard_error > 0 == exact.mi_standard_error
    tolerance = N_STANDARD_ERRORS * sampled.mi_standard_error
    assert sampled.mi == pytest.approx(exact.mi, abs=tolerance)


def test_canonical_correlations__after_linear_maps__are_kept():
    joint = MultivariateNormal.sparse(4, 3, n_interacting=2, strength=2.0)
    rng = np.random.RandomState(0)
    maps = np.zeros((7, 7))
    maps[:4, :4], maps[4:, 4:] = rng.normal(size=(4, 4)), rng.normal(size=(3, 3))

    mapped = MultivariateNormal(maps @ joint.covariance @ maps.T, d_x=4)

    np.testing.assert_allclose(mapped.canonical_correlations(), [0.8, 0.8, 0.0], atol=1e-8)
    assert mapped.mi == pytest.approx(joint.mi, abs=1e-8)


# Densities and samples


def test_log_prob__student_and_normal__equal_scipy():
    rng = np.random.RandomState(0)
    factor = rng.normal(size=(5, 5))
    matrix, mean = factor @ factor.T + np.eye(5), rng.normal(size=5)
    rows = rng.normal(size=(50, 5))
    normal = MultivariateNormal(matrix, d_x=2, mean=mean)
    student = MultivariateStudent(matrix, d_x=2, dof=2.5, mean=mean)

    expected_normal = stats.multivariate_normal(mean, matrix).logpdf(rows)
    expected_student = stats.multivariate_t(mean, matrix, df=2.5).logpdf(rows)

    np.testing.assert_allclose(normal.log_prob(rows[:, :2], rows[:, 2:]), expected_normal)
    np.testing.assert_allclose(student.log_prob(rows[:, :2], rows[:, 2:]), expected_student)


LAWS_OF_Y = {
    "oscillation": Oscillation(3, 0.2),
    "uniform band": FunctionalRelation(np.abs, 0.3, x="normal", noise="uniform"),
    "integer": IntegerWithUniform(4),
    "bimodal": Transformed(
        MultivariateNormal.bivariate(0.5), transform_y=NormalMixtureQuantile([-2, 3], [0.2, 0.8])
    ),
    "additive": AdditiveUniformNoise(0.3),
    "frank": Transformed(FrankCopula(4.0), transform_y=Quantile(stats.expon())),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", LAWS_OF_Y)
def test_log_prob_y__samples__follow_it(name, seed):
    joint = LAWS_OF_Y[name]
    _, Y = joint.sample(20_000, random_state=seed)
    grid = np.linspace(Y.min() - 1e-9, Y.max() + 1e-9, 50_001)
    density = np.exp(joint.log_prob_y((grid[1:] + grid[:-1]) / 2))
    distribution = np.concatenate([[0], np.cumsum(density)]) * (grid[1] - grid[0])

    p_value = stats.kstest(Y[:, 0], lambda y: np.interp(y, grid, distribution)).pvalue

    # Mass beyond the sampled range is of order 1 / n, far below the distance of 1 / sqrt(n).
    assert p_value > 1e-6


@pytest.mark.parametrize("seed", SEEDS)
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


# Transforms

TRANSFORMS = {
    "half cube": (HalfCube(), 3),
    "normal cdf": (NormalCDF(), 3),
    "asinh": (Asinh(), 3),
    "wiggly": (Wiggly([0.4, 0.2], [1.0, 1.7], [0.0, 1.0]), 3),
    "bimodal": (NormalMixtureQuantile([0, 5], [0.3, 0.7], scale=0.8), 2),
    "quantile": (Quantile(stats.expon()), 2),
    "spiral": (Spiral(0.7, first=1, second=2), 4),
    "rotation": (Affine.rotation(4, random_state=0), 4),
    "affine": (Affine([[2.0, 1.0], [0.0, -3.0]], offset=[1.0, 2.0]), 2),
    "swiss roll": (SwissRoll(), 1),
}


def _points_before(name, d, n_points=6):
    rng = np.random.RandomState(0)
    on_unit_interval = name in ("quantile", "swiss roll")
    return (
        rng.uniform(0.05, 0.95, (n_points, d))
        if on_unit_interval
        else rng.normal(size=(n_points, d))
    )


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform__forward_then_inverse__gives_the_points_back(name):
    transform, d = TRANSFORMS[name]
    points = _points_before(name, d)

    mapped = transform.forward(points)

    assert mapped.shape == (len(points), transform.n_outputs(d))
    # Bisection stops at 1e-15 of its bracket; the normal quantile keeps about 1e-12.
    np.testing.assert_allclose(transform.inverse(mapped), points, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "swiss roll"])
def test_log_abs_det_jacobian__against_differences__agrees(name):
    transform, d = TRANSFORMS[name]
    points, step = _points_before(name, d), 1e-5

    columns = [
        (transform.forward(points + step * unit) - transform.forward(points - step * unit))
        / (2 * step)
        for unit in np.eye(d)
    ]
    expected = np.linalg.slogdet(np.stack(columns, axis=2))[1]

    # Central differences: error of order step^2 times third derivatives, up to 1e4 for HalfCube.
    np.testing.assert_allclose(transform.log_abs_det_jacobian(points), expected, atol=1e-5)


def test_spiral__one_quarter__turns_first_towards_second():
    turned = Spiral(np.pi / 2).forward(np.array([[1.0, 0.0]]))

    np.testing.assert_allclose(turned, [[0.0, 1.0]], atol=1e-12)


def test_swiss_roll__log_prob__is_not_implemented():
    joint = BEYOND_NORMAL["swissroll_x-normal_cdf-1v1-normal-0.75"]
    X, Y = joint.sample(3, random_state=0)

    with pytest.raises(NotImplementedError, match="Use log_ratio"):
        joint.log_prob(X, Y)


def test_normal_with_atoms__log_prob__is_not_implemented():
    with pytest.raises(NotImplementedError, match="no joint density"):
        NormalWithAtoms().log_prob([[1.0]], [[1.0]])


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


def test_log_ratio__outside_the_range_of_a_transform__is_nan_for_that_row_only():
    joint = BEYOND_NORMAL["normal_cdf-1v1-normal-0.75"]

    log_ratio = joint.log_ratio([1.5, 0.5], [0.5, 0.5])

    np.testing.assert_array_equal(np.isnan(log_ratio), [True, False])


ERRORS = {
    "correlation too large": (
        lambda: MultivariateNormal.bivariate(1.0),
        r"correlation must be a number in \(-1, 1\); got 1.0. Pass",
    ),
    "text for a number": (lambda: AdditiveUniformNoise("wide"), "epsilon must be a number"),
    "nan": (lambda: AdditiveUniformNoise(np.nan), "epsilon must be a number"),
    "not positive definite": (
        lambda: MultivariateNormal([[1, 2], [2, 1]], 1),
        "covariance must be symmetric and positive definite; got smallest eigenvalue -1",
    ),
    "asymmetric": (lambda: MultivariateNormal([[1, 0.5], [0.1, 1]], 1), "an asymmetric matrix"),
    "no column for Y": (lambda: MultivariateNormal(np.eye(2), 2), "d_x must leave at least one"),
    "mean": (lambda: MultivariateNormal(np.eye(2), 1, mean=[0]), r"mean must have shape \(2,\)"),
    "dispersion": (lambda: MultivariateStudent(np.ones(3), 1, 1), "dispersion must be a square"),
    "dof": (lambda: MultivariateStudent.identity(1, 1, dof=0), "dof must be a number in"),
    "interacting": (
        lambda: MultivariateNormal.sparse(2, 3, n_interacting=3),
        "n_interacting must be at most",
    ),
    "weights": (
        lambda: Mixture([MultivariateNormal.bivariate(0.5)] * 2, weights=[0.5, 0.6]),
        "weights must be 2 positive numbers that sum to 1",
    ),
    "shapes": (
        lambda: Mixture([MultivariateNormal.pairs(k, 0.5) for k in (1, 2)]),
        "components must have one",
    ),
    "no joints": (lambda: Concatenated([]), "joints must hold at least one"),
    "share": (lambda: WithInliers(MultivariateNormal.bivariate(0.5), 1.5), "share must be"),
    "spiral columns": (
        lambda: Transformed(MultivariateNormal.bivariate(0.5), Spiral(1.0)),
        "first and second must be columns below 1",
    ),
    "same column": (lambda: Spiral(1.0, 1, 1), "first and second must differ"),
    "swiss roll": (
        lambda: Transformed(MultivariateNormal.pairs(2, 0.5), SwissRoll()),
        "SwissRoll must be given 1 column; got 2",
    ),
    "wiggly": (lambda: Wiggly([2.0], [1.0], [0.0]), "must keep the map increasing"),
    "wave lengths": (lambda: Wiggly([0.1, 0.1], [1.0], [0.0]), "vectors of one length"),
    "singular": (lambda: Affine(np.ones((2, 2))), "matrix must be invertible"),
    "affine size": (
        lambda: Transformed(MultivariateNormal.bivariate(0.5), Affine(np.eye(2))),
        r"matrix must be \(1, 1\)",
    ),
    "frank zero": (lambda: FrankCopula(0.0), "theta must not be zero"),
    "gumbel": (lambda: GumbelCopula(0.5), r"theta must be a number in \[1, inf\)"),
    "table": (lambda: DiscreteTable([[0.5, 0.6]]), "probabilities must be a matrix"),
    "empty row": (lambda: DiscreteTable([[0.5, 0.5], [0, 0]]), "no row or column of zeros"),
    "values": (lambda: DiscreteTable([[0.5], [0.5]], x_values=[1, 0]), "x_values must be 2"),
    "means": (lambda: NormalClasses(np.zeros((0, 2))), "means must have shape"),
    "deviations": (lambda: NormalClasses([0.0, 1.0], [1.0, 0.0]), "2 positive numbers"),
    "marginal": (lambda: FunctionalRelation(np.sin, 0.1, x="beta"), 'x must be "uniform" or'),
    "not finite": (
        lambda: FunctionalRelation(np.log, 0.1, x="normal").sample(9, random_state=0),
        "function must return finite numbers",
    ),
    "noise below the quadrature's step": (
        lambda: FunctionalRelation(np.exp, 0.05, x="normal").mi,
        "noise_scale must be at least 1 / 2500 of the range of function",
    ),
    "noise below the function's step": (
        lambda: Oscillation(50_000, 0.01).mi,
        "noise_scale must be at least the change of function",
    ),
    "rows": (lambda: MultivariateNormal.bivariate(0.5).sample(0), "n_samples must be an integer"),
    "columns": (
        lambda: MultivariateNormal.pairs(2, 0.5).log_ratio(np.ones((3, 1)), np.ones((3, 2))),
        r"X must have shape \(n, 2\); got \(3, 1\)",
    ),
    "lengths": (
        lambda: MultivariateNormal.bivariate(0.5).log_ratio(np.ones(3), np.ones(2)),
        "X and Y must have as many rows",
    ),
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in log")
@pytest.mark.parametrize("name", ERRORS)
def test_joint__bad_parameter__says_name_rule_and_value(name):
    act, message = ERRORS[name]

    with pytest.raises(ValueError, match=message):
        act()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Padded("normal"), "base must be a JointDistribution; got str"),
        (
            lambda: Transformed(MultivariateNormal.bivariate(0.5), [np.sin]),
            "transform_x must be a Transform",
        ),
        (lambda: Quantile("normal"), "distribution must have ppf"),
        (lambda: FunctionalRelation(3, 0.1), "function must be callable"),
    ],
)
def test_joint__wrong_kind_of_part__raises_type_error(act, message):
    with pytest.raises(TypeError, match=message):
        act()


def test_package__public_names__are_all_there():
    assert all(hasattr(distributions, name) for name in distributions.__all__)
