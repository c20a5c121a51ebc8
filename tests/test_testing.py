import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, kstest, multivariate_normal, norm

from skmine import mutual_info_test
from skmine._columns import read_features
from skmine._scores.combined import pvalue_of_smaller
from skmine._scores.given import Given, regress_on
from skmine._scores.levels import rank_functions
from skmine._scores.power import _shifted_sf


def confounded(rng, n=400, strength=0.0):
    """Both columns bend with Z; `strength` is what y takes from x beyond that."""
    Z = rng.normal(size=(n, 2))
    x = np.sin(2 * Z[:, 0]) + Z[:, 1] + 0.5 * rng.normal(size=n)
    y = Z[:, 0] ** 2 + np.sin(2 * Z[:, 0]) + Z[:, 1] + strength * x**2 + rng.normal(size=n)
    return x[:, None], y, Z


HARD = {
    "copy of x": lambda z, e: (z[:, 0] + 0.01 * e[0], np.sin(2 * z[:, 0]) + 0.5 * e[1], z[:, :1]),
    "copy of y": lambda z, e: (z[:, 0] ** 2 + 0.5 * e[0], z[:, 0] + 0.01 * e[1], z[:, :1]),
    "heavy tails": lambda z, e: (z[:, 0] + 0.5 * e[0], np.abs(z[:, 0]) + 0.5 * e[1], np.sinh(3 * z[:, :2])),
    "levels": lambda z, e: (
        np.round(z[:, 0]) ** 2 + e[0],
        np.round(z[:, 0]) + (1 + np.abs(np.round(z[:, 0]))) * e[1],
        np.char.add("level ", np.round(z[:, :1]).astype(int).astype(str)),
    ),
    "12 columns": lambda z, e: (np.sin(2 * z[:, 0]) + 0.7 * e[0], z[:, 0] + z[:, 1] + 0.7 * e[1], z),
    "spread with Z": lambda z, e: (z[:, 0] + np.exp(z[:, 0]) * e[0], np.exp(z[:, 0]) * e[1], z[:, :1]),
}


@pytest.mark.statistical
@pytest.mark.parametrize("kind", HARD)
def test_test_given__no_dependence_left__pvalues_are_uniform(kind, seed):
    rng = np.random.default_rng(seed)
    pvalues = []
    for _ in range(15):
        x, y, Z = HARD[kind](rng.normal(size=(200, 12)), rng.normal(size=(2, 200)))
        pvalues.append(mutual_info_test(x[:, None], y, Z, random_state=0).pvalue)

    assert kstest(pvalues, "uniform").pvalue > 1e-4  # one failure in 10,000


@pytest.mark.statistical
def test_test_given__confounder_or_more__only_more_is_found(seed):
    rng = np.random.default_rng(seed)
    X, y, Z = confounded(rng)

    assert mutual_info_test(X, y).pvalue < 1e-6
    assert mutual_info_test(X, y, Z, random_state=0).pvalue > 1e-4
    assert mutual_info_test(*confounded(rng, strength=0.4), random_state=0).pvalue < 1e-4


@pytest.mark.statistical
def test_test_given__sign_of_dependence_changes_with_a_condition__found(seed):
    rng = np.random.default_rng(seed)
    c, e, b, noise = rng.normal(size=(4, 400))
    y = c + np.sign(e * b) + noise

    assert mutual_info_test((c + e)[:, None], y, np.column_stack([c, b]), random_state=0).pvalue < 1e-4


@pytest.mark.statistical
def test_test_given__two_columns_that_matter_together__found(seed):
    rng = np.random.default_rng(seed)
    X, Z = rng.normal(size=(400, 2)), rng.normal(size=(400, 1))

    result = mutual_info_test(X, X[:, 0] * X[:, 1] + Z[:, 0] + rng.normal(size=400), Z, random_state=0)

    assert result.pvalue < 1e-4


@pytest.mark.statistical
@pytest.mark.parametrize("given", [False, True])
def test_test__row_in_which_two_gaps_meet__does_not_hide_dependence(given, seed):
    rng = np.random.default_rng(seed)
    X, Z = rng.normal(size=(1000, 3)), rng.normal(size=(1000, 1))
    y = 0.6 * X[:, 0] + rng.normal(size=1000)
    X[0, 1:] = np.nan  # the product of two such indicators has a variance of n

    assert mutual_info_test(X, y, Z if given else None, random_state=0).pvalue < 1e-4


def test_test_given__mixed_table_with_gaps__same_for_shuffled_rows_and_monotone_maps_of_X_and_y():
    rng = np.random.default_rng(0)
    X, y, Z = confounded(rng, strength=0.1)
    table = pd.DataFrame({"a": np.where(rng.random(400) < 0.1, np.nan, Z[:, 0]), "b": np.round(Z[:, 1])})
    table["b"] = table["b"].astype(str).astype("category")

    given, mapped = (mutual_info_test(*pair, table, random_state=0) for pair in ((X, y), (np.exp(X), y**3)))

    assert 0 < given.pvalue < 1
    assert mapped == pytest.approx(given)


def test_test_given__gaps_that_both_follow__explained():
    rng = np.random.default_rng(0)
    gap = rng.random(500) < 0.3
    x, y = rng.normal(size=(2, 500)) + 2 * gap
    Z = np.where(gap, np.nan, rng.normal(size=500))[:, None]

    assert mutual_info_test(x[:, None], y).pvalue < 1e-6
    assert mutual_info_test(x[:, None], y, Z, random_state=0).pvalue > 1e-3


@pytest.mark.statistical
def test_test__groups_that_share_values__pvalues_are_uniform(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(100), 4)
    plain, grouped = [], []
    for _ in range(40):
        x, y = rng.normal(size=(2, 100))[:, groups] + 0.3 * rng.normal(size=(2, 400))
        plain.append(mutual_info_test(x[:, None], y).pvalue)
        grouped.append(mutual_info_test(x[:, None], y, groups=groups, random_state=0).pvalue)

    assert np.mean(np.array(plain) < 0.05) > 0.3
    assert kstest(grouped, "uniform").pvalue > 1e-4


@pytest.mark.statistical
def test_test__weights_that_undo_a_selection__pvalues_are_uniform(seed):
    rng = np.random.default_rng(seed)
    plain, weighted = [], []
    for _ in range(40):
        x, y = rng.normal(size=(2, 1000))
        share = np.where(x * y > 0, 1.0, 0.4)  # rows are seen with this probability
        seen = rng.random(1000) < share
        x, y, share = x[seen, None], y[seen], share[seen]
        plain.append(mutual_info_test(x, y).pvalue)
        weighted.append(mutual_info_test(x, y, sample_weight=1 / share, random_state=0).pvalue)

    assert np.median(plain) < 1e-3
    assert kstest(weighted, "uniform").pvalue > 1e-4


def test_test__weights__scale_does_not_matter_and_zeros_are_left_out():
    rng = np.random.default_rng(0)
    X, y, Z = confounded(rng)
    weight = rng.integers(0, 3, 400)
    kept = weight > 0

    result = mutual_info_test(X, y, Z, sample_weight=weight, random_state=0)

    assert mutual_info_test(X, y, Z, sample_weight=5 * weight, random_state=0) == pytest.approx(result)
    of_kept = mutual_info_test(X[kept], y[kept], Z[kept], sample_weight=weight[kept], random_state=0)
    assert of_kept == pytest.approx(result)


@pytest.mark.statistical
@pytest.mark.parametrize("given", [False, True])
def test_test__dependence_of_the_detectable_size__found_in_four_of_five(given, seed):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(200, 1))

    def draw(correlation):
        x, noise = rng.normal(size=(2, 200))
        y = correlation * x + np.sqrt(1 - correlation**2) * noise
        blocks = ((x + Z[:, 0])[:, None], y + Z[:, 0], Z) if given else (x[:, None], y)
        return mutual_info_test(*blocks, random_state=0)

    smallest = np.sqrt(-np.expm1(-2 * draw(0.0).detectable))
    found = np.mean([draw(smallest).pvalue <= 0.05 for _ in range(30)])

    # Standard error .07 at the nominal .8.
    assert found > 0.5


def test_test__more_rows__less_is_detectable():
    rng = np.random.default_rng(0)
    few, many = (mutual_info_test(rng.normal(size=(n, 1)), rng.normal(size=n)) for n in (100, 1000))

    assert few.detectable / many.detectable == pytest.approx(10, rel=0.1)


def test_test_given__wide_blocks_and_many_rows__products_are_not_formed():
    rng = np.random.default_rng(0)
    X, Y, Z = rng.normal(size=(3, 1200, 8))

    result = mutual_info_test(X, Y + Z, Z, random_state=0)
    dependent = mutual_info_test(X, Y + Z + 0.3 * X, Z, random_state=0)

    assert result.pvalue > 1e-3
    assert dependent.pvalue < 1e-6


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Z": np.zeros((9, 1))}, "same number of rows; got 400 and 9"),
        ({"groups": np.repeat([0, 1], 200)}, "at least 8 groups .* got 2"),
        ({"discrete_features": "yes"}, "'discrete_features' parameter of mutual_info_test must be"),
        ({"groups": [1, 2]}, r"one label for each row of X \(400\); got shape \(2,\)"),
        ({"groups": [np.nan] * 4 + [1.0] * 396}, "a label in every row; got 4 missing"),
        ({"sample_weight": -np.ones(400)}, "weights must be at least 0"),
        ({"sample_weight": np.arange(400) < 5}, "at least 8 rows of positive weight .* got 5"),
    ],
)
def test_test__what_does_not_fit__named(changed, message):
    X, y, Z = confounded(np.random.default_rng(0))

    with pytest.raises(ValueError, match=message):
        mutual_info_test(X, y, **({"Z": Z} | changed))


def test_test_given__constant_column__no_dependence_and_none_detectable():
    X, y, Z = confounded(np.random.default_rng(0))

    assert mutual_info_test(np.ones_like(X), y, Z) == (0.0, 1.0, np.inf)
    assert mutual_info_test(X, y, np.ones_like(Z), random_state=0).pvalue < 1e-6
    sign = 1.0 * (Z[:, :1] > 0)
    assert mutual_info_test(sign, y, sign, random_state=0)[1:] == (1.0, np.inf)


def test_residuals__linear_in_two_columns__nothing_left_but_noise():
    rng = np.random.default_rng(0)
    Z, noise = rng.normal(size=(500, 2)), rng.normal(size=(500, 1))
    given = Given(read_features(Z), np.ones(500), rng)

    residuals = given.residuals(10 * (Z[:, :1] - Z[:, 1:]) + noise)

    # About 10 of 500 dimensions are fitted: correlation sqrt(1 - 10 / 500) = .99.
    assert np.corrcoef(residuals.values[:, 0], noise[:, 0])[0, 1] > 0.97
    assert residuals.values.std() == pytest.approx(noise.std(), rel=0.1)


@pytest.mark.parametrize("spread", [0.0, 1.0], ids=["equal weights", "unequal weights"])
def test_inflation__regression_on_a_hundred_columns__variance_of_the_sum_of_products(spread):
    rng = np.random.default_rng(0)
    weight = np.exp(spread * rng.normal(size=300))
    weight /= weight.mean()
    given = Given(read_features(rng.normal(size=(300, 30))), weight, rng)
    residuals = given.residuals(rng.normal(size=(300, 1)))
    smoother = np.eye(300) - (residuals.axes * residuals.shrinkage[:, 0]) @ residuals.axes.T

    # Residuals of independent normals, times the root of the weights.
    noise = np.sqrt(weight)[:, None, None] * rng.normal(size=(300, 2, 2000))
    first, second = (smoother @ residuals.within(noise[:, side]) for side in (0, 1))
    ratio = np.var((first * second).sum(axis=0)) / ((first * second) ** 2).sum(axis=0).mean()

    # Relative standard error of a variance of 2,000 draws: about sqrt(2 / 2000) = .03.
    assert ratio == pytest.approx(residuals.inflation(residuals), rel=0.12)


@pytest.mark.parametrize("spread", [0.0, 1.0], ids=["equal weights", "unequal weights"])
def test_inflation__category_of_many_levels__variance_of_the_sum_of_products(spread):
    rng = np.random.default_rng(0)
    weight = np.exp(spread * rng.normal(size=300))
    weight /= weight.mean()
    level = [f"level {k}" for k in rng.integers(100, size=300)]
    (column,) = read_features(np.array(level, dtype=object)[:, None])
    residuals = Given([column], weight, rng).residuals(rng.normal(size=(300, 1)))
    smoother = np.eye(300) - (residuals.axes * residuals.shrinkage[:, 0]) @ residuals.axes.T

    noise = np.sqrt(weight)[:, None, None] * rng.normal(size=(300, 2, 2000))
    first, second = (smoother @ residuals.within(noise[:, side]) for side in (0, 1))
    ratio = np.var((first * second).sum(axis=0)) / ((first * second) ** 2).sum(axis=0).mean()

    # The same tolerance as above.
    assert ratio == pytest.approx(residuals.inflation(residuals), rel=0.12)


@pytest.mark.parametrize(
    ("labels", "n"),
    [(True, 1000), (False, 1000), (False, 300)],
    ids=["labels", "numbers", "few rows a number"],
)
def test_test_given__both_follow_a_column_of_a_hundred_levels__no_dependence(labels, n):
    rng = np.random.default_rng(0)
    pvalues = []
    for _ in range(20):
        level, effect = rng.integers(100, size=n), rng.normal(size=100)
        X, y = effect[level][:, None] + 0.7 * rng.normal(size=(2, n, 1))
        Z = [f"level {k}" for k in level] if labels else level
        pvalues.append(mutual_info_test(X, y[:, 0], np.array(Z)[:, None], random_state=0).pvalue)

    # Uniform: the median of 20 is below .2 with probability .005.
    assert np.median(pvalues) > 0.2


@pytest.mark.parametrize(("is_code", "within"), [(False, False), (True, True)])
def test_regress_on__number_that_repeats__compared_within_only_if_regressions_do_not_fit(is_code, within):
    rng = np.random.default_rng(0)
    number = rng.integers(60, size=300)
    effect = rng.normal(size=60) if is_code else np.sin(np.arange(60) / 10)
    sides = [(effect[number] + 0.3 * rng.normal(size=300))[:, None] for _ in range(2)]

    given, *_ = regress_on(read_features(number[:, None]), np.ones(300), rng, sides)

    assert (given.codes.max() > 0) == within


def test_residuals__noise_and_weights_of_few_effective_rows__heavy_rows_are_not_fitted():
    rng = np.random.default_rng(0)
    weight = np.exp(2 * rng.normal(size=(20, 500)))
    left = []
    for share in weight / weight.mean(axis=1, keepdims=True):
        noise = rng.normal(size=(500, 1))
        residuals = Given(read_features(rng.normal(size=(500, 3))), share, rng).residuals(noise)
        left.append((residuals.values**2).sum() / (share @ noise**2).item())

    # As if the effective rows, about 25, were all rows: a few of 25 dimensions are fitted.
    assert np.median(left) > 0.75


def test_rank_functions__numbers_and_labels__centred_and_uncorrelated():
    rng = np.random.default_rng(0)
    (column,) = read_features(np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200))[:, None])

    functions = rank_functions(column, discrete=False, degree=3)

    assert functions.shape == (200, 4)
    np.testing.assert_allclose(functions.mean(axis=0), 0, atol=1e-12)
    products = functions.T @ functions / 200
    np.testing.assert_allclose(products, np.diag([1, 1, 1 / 4, 1 / 9]), atol=1e-12)


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 1 - 0.9**2), (1.0, 0.1)])
def test_pvalue_of_smaller__independent_or_equal__exact(correlation, expected):
    assert pvalue_of_smaller(0.1, correlation) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("correlation", [-0.5, 0.3, 0.9])
@pytest.mark.parametrize("pvalue", [0.9, 0.2, 1e-3])
def test_pvalue_of_smaller__any_correlation__as_by_integration(correlation, pvalue):
    limits = [norm.ppf(pvalue)] * 2
    both = multivariate_normal(cov=[[1, correlation], [correlation, 1]]).cdf(limits)

    assert pvalue_of_smaller(pvalue, correlation) == pytest.approx(min(2 * pvalue - both, 1), rel=1e-6)


def test_shifted_sf__equal_weights__chi_square():
    assert _shifted_sf(7.0, np.ones(4), 0.0) == pytest.approx(chi2.sf(7.0, 4), rel=1e-6)


@pytest.mark.parametrize("weight", [None, np.ones(300)], ids=["counts", "weights"])
def test_test__missing_or_empty_text__are_two_levels(weight):
    rng = np.random.default_rng(0)
    is_missing = rng.random(300) < 0.5
    X = np.where(is_missing, None, "").astype(object)[:, None]

    assert mutual_info_test(X, is_missing + rng.normal(size=300), sample_weight=weight).pvalue < 1e-6
