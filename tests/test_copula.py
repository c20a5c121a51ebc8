"""Scalar pairs on the copula: functions of a margin, the fit, and tests without a fit."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest
from sklearn.metrics import mutual_info_score

from skmine._columns import read_columns
from skmine._copula import (
    Margin,
    independence_pvalues,
    plug_in_information,
    score_pairs,
    weighted_chi2_sf,
)


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("discrete", [False, True])
def test_margin__functions_and_polynomials__are_orthonormal_over_the_rows(kind, discrete):
    column = margin(draw_column(kind, np.random.default_rng(0)), discrete)

    for functions, order in ((column.functions, column.order), column.polynomials(4)):
        rows = np.column_stack([np.ones(300), functions[column.codes]])
        np.testing.assert_allclose(rows.T @ rows / 300, np.eye(rows.shape[1]), atol=1e-8)
        assert len(order) == functions.shape[1] > 0


@pytest.mark.parametrize("values", [np.ones(50), np.full(50, np.nan)])
def test_margin__constant_or_all_missing__has_no_function_and_no_information(values):
    y = margin(np.arange(50.0))

    assert margin(values).functions.shape[1] == 0
    assert score_pairs([margin(values)], y).mi[0] == 0
    assert independence_pvalues([margin(values)], y)[0] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_score_pairs__swapped__same_value(kind):
    rng = np.random.default_rng(1)
    x = draw_column(kind, rng)
    y = np.nan_to_num(x) ** 2 + rng.normal(size=300)

    one, other = (score_pairs([margin(a)], margin(b)).mi[0] for a, b in ((x, y), (y, x)))

    assert one > 0.01
    assert one == pytest.approx(other, rel=1e-6)


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
@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
def test_score_pairs__gaussian__value_within_its_standard_error(rho):
    rng = np.random.default_rng(4)
    n, truth = 2000, -np.log(1 - rho**2) / 2
    errors = []
    for _ in range(10):
        x = rng.normal(size=n)
        y = rho * x + (1 - rho**2) ** 0.5 * rng.normal(size=n)
        errors.append(score_pairs([margin(x)], margin(y)).mi[0] - truth)

    # The log ratio of a Gaussian pair has the standard deviation rho: three standard errors of the mean
    # of ten draws, and 0.005 for what cells and the choice of a stage cost.
    assert abs(np.mean(errors)) < 3 * rho / (10 * n) ** 0.5 + 0.005


@pytest.mark.statistical
def test_score_pairs__independent__near_zero():
    rng = np.random.default_rng(5)
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
def test_score_pairs__oscillation__is_a_misfit_and_a_gaussian_is_not():
    rng = np.random.default_rng(7)
    x = rng.uniform(size=1000)
    noise = rng.normal(size=1000)

    oscillation, line = (
        score_pairs([margin(x)], margin(y)) for y in (np.sin(20 * x) + 0.1 * noise, x + noise)
    )

    assert oscillation.misfit_z[0] > 10
    assert line.misfit_z[0] < 4


@pytest.mark.parametrize("quantile", [0.5, 2.0, 10.0, 40.0, 80.0])
def test_weighted_chi2_sf__known_cases__agree(quantile):
    # Equal weights: a chi-square. Two weights on two pairs: a mixture of exponentials.
    assert weighted_chi2_sf(2 * quantile, np.full(5, 2.0)) == pytest.approx(chi2.sf(quantile, 5))
    slow, fast = np.exp(-quantile / 4), np.exp(-quantile / 2)
    exact = (2 * slow - fast) / (2 - 1)

    assert weighted_chi2_sf(quantile, np.array([2.0, 2.0, 1.0, 1.0])) == pytest.approx(exact, rel=0.06)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target_kind", ["continuous", "tied"])
def test_independence_pvalues__independent_columns__are_uniform(kind, target_kind):
    rng = np.random.default_rng(8)
    columns = [margin(draw_column(kind, rng)) for _ in range(300)]

    pvalues = independence_pvalues(columns, margin(draw_column(target_kind, rng)))

    assert kstest(pvalues, "uniform").pvalue > 1e-3
