"""Scalar pairs on the copula: functions of a margin, the fit, and tests without a fit."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2, chi2_contingency, kstest
from sklearn.metrics import mutual_info_score

from skmine._columns import read_columns
from skmine._copula import (
    Margin,
    block_law,
    independence_pvalues,
    loglinear,
    pair_information,
    plug_in_information,
    score_pairs,
    weighted_chi2_isf,
    weighted_chi2_sf,
)
from skmine._copula.independence import _permutation_variance
from skmine._copula.tables import PairTables


def block_independence(first, second):
    law = block_law(first, second)
    return law.statistic, law.pvalue()


def margin(values, discrete=False):
    return Margin.of_column(read_columns(np.asarray(values), "x")[0], discrete)


def draw_column(kind, rng, n=300):
    x = rng.normal(size=n)
    return {
        "continuous": lambda: x,
        "tied": lambda: np.round(2 * x),
        "zero-inflated": lambda: np.where(rng.uniform(size=n) < 0.4, 0.0, np.exp(x)),
        "missing": lambda: np.where(rng.uniform(size=n) < 0.2, np.nan, x),
        "binary": lambda: (x > 0) * 1.0,
    }[kind]()


KINDS = ["continuous", "tied", "zero-inflated", "missing", "binary"]


@pytest.mark.parametrize(("n", "expected"), [(200, 32), (800, 100), (9000, 255)])
def test_finer__more_rows__more_cells_up_to_a_byte(n, expected):
    values = np.random.default_rng(0).normal(size=n)
    values[:20] = np.nan
    column = margin(values)

    finer = column.finer()

    # In the tails, two cells can share a row, and become one. Missing values have the last cell.
    assert 0.9 * expected <= finer.codes.max() == len(finer.mass) - 1 <= expected
    np.testing.assert_allclose(np.bincount(finer.codes) / n, finer.mass)
    ranks = finer.rank[finer.codes]
    assert (np.diff(ranks[np.argsort(values)][: n - 20]) >= 0).all()
    assert np.isnan(ranks[:20]).all()


def test_finer__labels_and_few_numbers__as_they_are():
    values = np.arange(2000) % 7.0

    for column in (margin(values), margin(values, discrete=True)):
        assert column.finer() is column


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("discrete", [False, True])
def test_margin__functions_and_polynomials__are_orthonormal_over_the_rows(kind, discrete):
    column = margin(draw_column(kind, np.random.default_rng(0)), discrete)

    for functions, order in ((column.functions, column.order), column.polynomials(4)):
        rows = np.column_stack([np.ones(300), functions[column.codes]])
        np.testing.assert_allclose(rows.T @ rows / 300, np.eye(rows.shape[1]), atol=1e-8)
        assert len(order) == functions.shape[1]
        assert len(order) > 0 or (kind == "continuous" and discrete)  # labels that never repeat share a cell


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("discrete", [False, True])
def test_take__some_rows__the_margin_of_these_rows(kind, discrete):
    values = draw_column(kind, np.random.default_rng(0))
    rows = np.random.default_rng(1).uniform(size=300) < 0.5

    taken, expected = margin(values, discrete).take(rows), margin(values[rows], discrete)

    for name in ("codes", "mass", "functions", "order", "coarse", "repeats", "tied", "entropy"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(expected, name))


@pytest.mark.parametrize("discrete", [False, True])
def test_take__weights__a_whole_number_of_rows(discrete):
    rng = np.random.default_rng(0)
    column, weight = read_columns(rng.integers(0, 9, 300).astype(float), "x")[0], rng.uniform(size=300)
    taken = Margin.of_column(column, discrete, weight, weighted=True).take(np.arange(100))

    assert taken.times.sum() == pytest.approx(len(taken)) == round(weight[:100].sum())
    np.testing.assert_allclose(taken.times / weight[:100], taken.times[0] / weight[0])
    assert taken.unit is taken.times


def test_margin__more_levels_than_cells__the_rarest_share_one():
    # 63 levels of four rows and 40 levels of one row: 64 cells, and the last one contains the 40.
    values = np.append(np.repeat(np.arange(63), 4), np.arange(100, 140))
    column = margin(np.random.default_rng(0).permutation(values), discrete=True)

    assert sorted(np.bincount(column.codes)) == [4] * 63 + [40]
    assert column.entropy == pytest.approx(mutual_info_score(values, values))  # of all 103 levels


@pytest.mark.parametrize("kind", ["binary", "tied", "many"])
def test_polynomials__at_most_so_many_levels__the_frequent_ones_orthonormal(kind):
    values = {"binary": [0, 1], "tied": np.arange(5), "many": np.arange(40)}[kind]
    column = margin(np.repeat(values, np.arange(len(values)) + 5), discrete=True)

    functions, order = column.polynomials(4, most_levels=8)

    rows = functions[column.codes]
    assert functions.shape[1] == len(order) == min(len(values) - 1, 8)
    np.testing.assert_allclose(rows.T @ rows / len(rows), np.eye(len(order)), atol=1e-8)
    if kind == "many":  # the 32 rarest levels can only be distinguished from the frequent ones
        assert np.ptp(functions[:32], axis=0).max() < 1e-8


@pytest.mark.parametrize("values", [np.ones(50), np.full(50, np.nan)])
def test_margin__constant_or_all_missing__has_no_function_and_no_information(values):
    y = margin(np.arange(50.0))

    assert margin(values).functions.shape[1] == 0
    assert score_pairs([margin(values)], y).mi[0] == 0
    assert score_pairs([y], margin(values)).mi[0] == 0
    assert independence_pvalues([margin(values)], y)[0] == 1
    assert block_independence([y], [margin(values)]) == (0.0, 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_score_pairs__swapped__same_value(kind):
    rng = np.random.default_rng(1)
    x = draw_column(kind, rng)
    y = np.nan_to_num(x) ** 2 + rng.normal(size=300)

    one, other = (score_pairs([margin(a)], margin(b)) for a, b in ((x, y), (y, x)))

    assert one.mi[0] > 0.01
    for quantity in ("mi", "lower", "unexplained"):
        assert getattr(one, quantity) == pytest.approx(getattr(other, quantity), rel=1e-6), quantity


few_levels = arrays(int, 60, elements=st.integers(0, 4))


@settings(deadline=None, max_examples=40)
@given(few_levels, few_levels, st.booleans())
def test_score_pairs__few_levels__never_above_the_plug_in_value(x, y, discrete):
    fit = score_pairs([margin(x, discrete)], margin(y, discrete))

    # No log ratio has a higher bound than that of the observed table. Newton's method ends at 1e-9 nats.
    highest = plug_in_information(margin(x, True), margin(y, True))
    assert fit.lower[0] <= fit.mi[0] <= highest + 1e-9


@pytest.mark.parametrize("n_levels", [2, 3, 5])
def test_score_pairs__all_functions_of_a_table__plug_in_value_less_its_bias(n_levels):
    rng = np.random.default_rng(9)
    x = rng.integers(0, n_levels, 2000)
    y = np.where(rng.uniform(size=2000) < 0.5, x, rng.integers(0, n_levels, 2000))

    fit = score_pairs([margin(x, True)], margin(y, True))

    # Half of Akaike's penalty is Miller's correction of the plug-in value, (levels - 1)^2 / (2 n), but for
    # the term of few rows; the ridge, 0.01 over n, costs less than 1e-4 nats.
    freedom = (n_levels - 1) ** 2
    expected = mutual_info_score(x, y) - freedom / (2 * (2000 - freedom - 1))
    assert fit.mi[0] == pytest.approx(expected, abs=1e-4)
    assert fit.mi[0] - fit.lower[0] == pytest.approx(freedom / (2 * (2000 - freedom - 1)))


@pytest.mark.parametrize("n_levels", [2, 6])
def test_score_pairs__classes_that_the_column_tells__unexplained_and_never_above_their_entropy(n_levels):
    x = np.random.default_rng(10).normal(size=600)
    labels = margin(np.digitize(x, np.quantile(x, np.arange(1, n_levels) / n_levels)), True)

    fit = score_pairs([margin(x)], labels)

    # Functions up to order 2 cannot represent a cut, so other estimates must.
    assert fit.unexplained[0]
    assert 0.7 * labels.entropy < fit.mi[0] <= labels.entropy


def test_score_pairs__increasing_maps__same_bits():
    rng = np.random.default_rng(2)
    x = rng.normal(size=500)
    y = x + rng.normal(size=500)

    mapped = score_pairs([margin(np.exp(x))], margin(y**3)).mi

    np.testing.assert_array_equal(mapped, score_pairs([margin(x)], margin(y)).mi)


def test_score_pairs__company_of_other_columns__does_not_matter():
    rng = np.random.default_rng(3)
    y = rng.normal(size=300)
    columns = [margin(y + rng.normal(size=300)) for _ in range(20)] + [margin(np.round(y))]

    together = score_pairs(columns, margin(y)).mi

    alone = [score_pairs([column], margin(y)).mi[0] for column in columns]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


@pytest.mark.statistical
@pytest.mark.parametrize("rho", [0.3, 0.6])
def test_score_pairs__gaussian__value_within_its_standard_error(rho, seed):
    rng = np.random.default_rng(seed)
    n, truth = 2000, -np.log(1 - rho**2) / 2
    errors = []
    for _ in range(10):
        x = rng.normal(size=n)
        y = rho * x + (1 - rho**2) ** 0.5 * rng.normal(size=n)
        errors.append(score_pairs([margin(x)], margin(y)).mi[0] - truth)

    # The log ratio of a Gaussian pair has the standard deviation rho: three standard errors of the mean
    # of ten draws, and 0.005 for what cells and the choice of a stage cost.
    assert abs(np.mean(errors)) < 3 * rho / (10 * n) ** 0.5 + 0.005


def test_score_pairs__strong_dependence__left_to_other_estimates():
    x, noise = np.random.default_rng(0).normal(size=(2, 2000))

    scores = [score_pairs([margin(x)], margin(x + scale * noise)) for scale in (0.3, 2.0)]

    # 1.25 and 0.11 nats: from 0.7 on the functions may be wider than the ridge of the dependence.
    assert [score.unexplained[0] for score in scores] == [True, False]


@pytest.mark.statistical
def test_score_pairs__independent__near_zero(seed):
    rng = np.random.default_rng(seed)
    y = margin(rng.normal(size=1000))

    values = score_pairs([margin(column) for column in rng.normal(size=(100, 1000))], y).mi

    # Half of a chi-square of one over n has the mean 0.0005 and the deviation 0.0007; stages add to it.
    assert abs(values.mean()) < 0.002
    assert values.std() < 0.004


def test_plug_in_information__discrete__is_scikit_learns():
    x, y = np.random.default_rng(6).integers(0, 100, (2, 500))

    value = plug_in_information(margin(x, True), margin(y % 7, True))

    assert value == pytest.approx(mutual_info_score(x, y % 7), abs=1e-12)


@pytest.mark.statistical
def test_score_pairs__oscillation__is_unexplained_and_a_line_is_not(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=1000)
    noise = rng.normal(size=1000)

    oscillation, line, nothing = (
        score_pairs([margin(x)], margin(y)) for y in (np.sin(20 * x) + 0.1 * noise, x + noise, noise)
    )

    assert oscillation.unexplained[0]
    assert not line.unexplained[0]  # three deviations and 0.005 nats: one in 1,000
    assert not nothing.unexplained[0]


@pytest.mark.parametrize("quantile", [0.5, 2.0, 6.0, 6.0001, 10.0, 40.0, 80.0])  # 0 / 0 at 6
def test_weighted_chi2_sf__known_cases__agree(quantile):
    # Equal weights: a chi-square. Two weights on two pairs: a mixture of exponentials.
    assert weighted_chi2_sf(2 * quantile, np.full(5, 2.0)) == pytest.approx(chi2.sf(quantile, 5))
    slow, fast = np.exp(-quantile / 4), np.exp(-quantile / 2)
    exact = (2 * slow - fast) / (2 - 1)

    assert weighted_chi2_sf(quantile, np.array([2.0, 2.0, 1.0, 1.0])) == pytest.approx(exact, rel=0.06)


def test_weighted_chi2_sf__ends_of_the_line__one_and_zero():
    weights = 1 / np.outer(np.arange(1, 7), np.arange(1, 7)).ravel()

    assert weighted_chi2_sf(0.0, weights) == 1
    assert weighted_chi2_sf(1e-9, weights) == pytest.approx(1, abs=1e-6)
    assert weighted_chi2_sf(1e6, weights) == 0


def test_weighted_chi2_sf__weights_of_the_test__agrees_with_draws():
    weights = 1 / np.outer(np.arange(1, 7), np.arange(1, 7)).ravel()
    draws = np.random.default_rng(13).chisquare(1, (20_000, 36)) @ weights

    # The standard error of a share s of 20,000 draws is (s (1 - s) / 20,000)^(1/2); four of them, and the
    # few percent of the saddle point.
    for share in (0.9, 0.5, 0.1, 0.01):
        value = weighted_chi2_sf(np.quantile(draws, 1 - share), weights)
        assert value == pytest.approx(share, abs=4 * (share * (1 - share) / 20_000) ** 0.5 + 0.03 * share)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target_kind", ["continuous", "tied"])
def test_independence_pvalues__independent_columns__are_uniform(kind, target_kind, seed):
    rng = np.random.default_rng(seed)
    columns = [margin(draw_column(kind, rng)) for _ in range(300)]

    pvalues = independence_pvalues(columns, margin(draw_column(target_kind, rng)))

    assert kstest(pvalues, "uniform").pvalue > 1e-4  # one failure in 10,000


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (4, 2)])
def test_independence_tests__two_discrete_columns__are_pearsons(shape):
    rng = np.random.default_rng(11)
    x, y = (rng.permutation(np.arange(150) % n_levels) for n_levels in shape)
    table = np.histogram2d(x, y, bins=shape)[0]
    # The exact variance over permutations has n - 1 where Pearson's has n.
    expected = chi2_contingency(table, correction=False).statistic * 149 / 150

    pvalue = independence_pvalues([margin(x, True)], margin(y, True))[0]
    statistic, block_pvalue = block_independence([margin(x, True)], [margin(y, True)])

    # The variance over permutations is that of a chi-square but for terms of the order of levels over rows.
    assert pvalue == pytest.approx(chi2.sf(expected, (shape[0] - 1) * (shape[1] - 1)), rel=0.1)
    assert statistic == pytest.approx(expected, rel=1e-9)
    assert block_pvalue == pytest.approx(pvalue, rel=1e-9)


def draw_rare(kind, rng):
    return {
        "rare levels": lambda: margin(np.minimum(rng.zipf(1.6, 300), 60).astype(str)),
        "two levels": lambda: margin((rng.uniform(size=300) < 0.5).astype(str)),
        "counts": lambda: margin(rng.poisson(0.05, 300) * 1.0),
    }[kind]()


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["rare levels", "two levels", "counts"])
def test_independence_tests__independent_columns_with_rare_levels__reject_as_often_as_they_say(kind, seed):
    rng = np.random.default_rng([seed, 7])
    pairs = [(draw_rare(kind, rng), draw_rare("rare levels", rng)) for _ in range(400)]

    pvalues = np.array([independence_pvalues([x], y)[0] for x, y in pairs])

    for level in (0.5, 0.05, 0.01):  # four standard errors of a share of 400
        expected = level + 4 * (level * (1 - level) / 400) ** 0.5
        assert (pvalues <= level).mean() <= expected, level
    assert (pvalues <= 0.5).mean() > 0.3
    assert block_law([pairs[0][0]], [pairs[0][1]]).pvalue() == pytest.approx(pvalues[0], rel=1e-6)


def test_block_independence__interaction_of_two_columns__found_jointly_and_in_either_order():
    rng = np.random.default_rng(12)
    X = rng.normal(size=(400, 2))
    target = [margin(np.sign(X[:, 0] * X[:, 1]) + 0.1 * rng.normal(size=400))]
    block = [margin(column) for column in X.T]

    statistic, pvalue = block_independence(block, target)

    assert pvalue < 1e-9
    assert block_independence(target, block[::-1]) == pytest.approx((statistic, pvalue), rel=1e-6)
    # Functions of single columns show nothing: Bonferroni over two columns at 0.001.
    assert independence_pvalues(block, target[0]).min() > 0.0005


def test_score_pairs__company_with_missing_values__does_not_matter():
    rng = np.random.default_rng(3)
    x, noise = rng.normal(size=(2, 300))
    gap = np.where(rng.uniform(size=300) < 0.2, np.nan, rng.normal(size=300))
    y = margin(x + noise)

    together = score_pairs([margin(x), margin(gap)], y).mi[0]

    assert together == pytest.approx(score_pairs([margin(x)], y).mi[0], abs=2e-9)  # Newton stops at 1e-9


def test_permutation_variance__all_permutations__is_their_variance():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(6, 2)) ** 3, rng.exponential(size=(6, 3))
    left, right = left - left.mean(axis=0), right - right.mean(axis=0)

    statistics = [
        5 * ((left.T @ right[list(order)] / 6) ** 2).sum() for order in itertools.permutations(range(6))
    ]

    products = [side.T @ side for side in (left, right)]
    traces, squares = (np.array([f(side) for side in products]) for f in (np.trace, lambda s: (s**2).sum()))
    lengths = np.array([((side**2).sum(axis=1) ** 2).sum() for side in (left, right)])

    assert _permutation_variance(traces, squares, lengths, 6) == pytest.approx(np.var(statistics), rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_block_independence__hardly_any_rows__finite(n):
    values = np.random.default_rng(0).normal(size=(4, n))

    statistic, pvalue = block_independence([margin(v) for v in values[:2]], [margin(v) for v in values[2:]])

    assert np.isfinite(statistic)
    assert 0 <= pvalue <= 1


@pytest.mark.parametrize("weights", [np.ones(3), 1 / np.arange(1, 20) ** 2, np.array([1.0, 1e-3])])
@pytest.mark.parametrize("spread", [0.3, 1.0, 2.0])
def test_weighted_chi2_isf__probability_of_it__that_asked_for(weights, spread):
    for probability in (0.05, 1e-6):
        statistic = weighted_chi2_isf(probability, weights, spread)

        assert weighted_chi2_sf(statistic, weights, spread) == pytest.approx(probability, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_promises__nested_stages__are_the_gains_of_the_steps_of_each_stage(kind):
    rng = np.random.default_rng(0)
    pairs = PairTables([margin(draw_column(kind, rng)) for _ in range(4)], margin(rng.normal(size=300)))
    stages, moved = [4, 6, 8], np.array([True, False, True, True])
    largest = loglinear._Stage(pairs, np.arange(4), 8)
    theta = 0.1 * rng.normal(size=pairs.moments.shape) * moved[:, None, None]
    theta[:, 3:] = theta[:, :, 3:] = theta[:, 0, 0] = 0.0
    fitted = largest.value(largest.read(theta), np.arange(4))[1]

    promises = largest.promises(theta, fitted, moved, stages)

    for stage, promise in zip(stages, promises, strict=True):
        fit = loglinear._Stage(pairs, np.arange(4), stage)
        twice = fit.step(fit.read(theta), fitted, np.arange(4))[1]
        np.testing.assert_allclose(promise[moved], twice[moved] / 2, rtol=1e-8)
        # At independence, half of the squared moments of the functions that couple both columns.
        at_once = pairs.moments[1][np.ix_(*((o > 0) & (o <= stage) for o in (pairs.order_x, pairs.order_y)))]
        assert promise[1] == pytest.approx((at_once**2).sum() / 2)


def oscillations(kind, rng, n):
    x = rng.normal(size=n)
    wave = np.sin(100 * x) + 0.1 * rng.normal(size=n)
    return x, {"numbers": wave, "ties": np.round(wave, 1), "gaps": np.where(x > 1, np.nan, wave)}[kind]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("kind", ["numbers", "ties", "gaps"])
def test_score_pairs__fast_oscillation__is_unexplained(kind, swapped, seed):
    columns = [margin(v) for v in oscillations(kind, np.random.default_rng(seed), 2500)]
    first, second = columns[::-1] if swapped else columns

    assert score_pairs([first], second).unexplained.all()


@pytest.mark.parametrize("discrete", [False, True])
def test_score_pairs__fast_oscillation_of_classes__is_unexplained(discrete, seed):
    x, wave = oscillations("numbers", np.random.default_rng(seed), 2500)

    assert score_pairs([margin(x)], margin((wave > 0) * 1.0, discrete)).unexplained.all()


def test_score_pairs__smooth_and_independent__are_explained(seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=3000)
    columns = [*rng.normal(size=(40, 3000)), *(0.6 * y + 0.8 * rng.normal(size=(40, 3000)))]

    # A difference of 4 standard deviations has a probability of 3e-5; the coarse tables reject at 3.
    assert score_pairs([margin(x) for x in columns], margin(y)).unexplained.sum() <= 4


def test_merged__values_of_a_cell__the_share_of_the_variance_between_them():
    rng = np.random.default_rng(0)
    column = margin(np.where(rng.uniform(size=4000) < 0.3, 0.0, rng.geometric(0.02, 4000)))
    ranks = np.empty(4000)
    ranks[np.argsort(column.values, kind="stable")] = np.arange(4000)
    middle = np.array([ranks[column.values == value].mean() for value in column.values])
    cells = [column.codes == k for k in range(len(column.mass))]
    expected = [middle[cell].var() / ranks[cell].var() for cell in cells]

    np.testing.assert_allclose(column.merged, expected, atol=1e-9)
    assert column.merged[column.codes[column.values == 0][0]] == 0


@pytest.mark.parametrize(("noise", "steep"), [(0.3, True), (0.6, False)])
def test_score_pairs__mostly_zero__is_unexplained_if_the_other_values_depend_steeply(noise, steep, seed):
    rng = np.random.default_rng(seed)
    x, is_zero = rng.normal(size=20_000), rng.uniform(size=20_000) < 0.5
    column = margin(np.where(is_zero, -9.0, x))
    target = margin(x + noise * rng.normal(size=20_000))

    scores = score_pairs([column], target)

    # Both are far below 0.7 nats, but half of the rows have 1.25 and 0.66 nats.
    assert scores.unexplained.tolist() == [steep]
    # The standard error is 0.004, and the bias is 0.005 to 0.01. Without trees, 0.03 nats would be missing.
    assert pair_information([column], target)[0] == pytest.approx(np.log(1 + noise**-2) / 4, abs=0.02)


@pytest.mark.parametrize("swapped", [False, True])
def test_score_pairs__counts_and_numbers__cells_of_one_value_lose_nothing(swapped, seed):
    rng, found = np.random.default_rng(seed), []
    for _ in range(8):
        x = rng.geometric(0.2, 10_000)
        y = np.log(x) + 0.5 * rng.normal(size=10_000)
        first, second = (margin(y), margin(x)) if swapped else (margin(x), margin(y))
        found.append(score_pairs([first], second).mi[0])

    # By numerical integration, the value is 0.6742. The standard error of the mean is 0.003. If each cell
    # counted as one of many values, the mean would be 0.694.
    assert np.mean(found) == pytest.approx(0.6742, abs=0.012)
