"""Trees over the plane of the ranks of two columns: a recursive reference, known values, invariances."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp, ndtri
from scipy.stats import beta, norm, rankdata, truncnorm

from skmine import mutual_info_regression
from skmine._columns import read_columns
from skmine._copula import Margin, planes, trees
from skmine._copula.planes import LEAST_ROWS
from skmine._copula.ranks import halve
from skmine._copula.trees import pair_trees


def margin(values):
    return Margin.of_column(read_columns(np.asarray(values, dtype=float), "x")[0], False)


class Score(NamedTuple):
    mi: float
    lower: float
    strict: float


def pair_tree(first, second):
    """Result of :func:`pair_trees` for one pair."""
    scores = pair_trees([first], second)
    return Score(*scores.mi, *scores.lower, *scores.strict)


class Side:
    """One column of the reference, row by row, from the definitions of `FineRanks`."""

    def __init__(self, values, deepest):
        n = len(values)
        shown = np.where(np.isnan(values), -np.inf, values)
        self.times = np.array([(shown == v).sum() for v in shown])
        middle = (rankdata(shown) - 0.5) / n
        self.cell = np.minimum(np.floor(middle * 2**deepest).astype(int), 2**deepest - 1)
        self.score = ndtri(middle)
        width = 1 / n / norm.pdf(self.score)  # of one rank, in the unit of the score
        self.resolution = width**2 / 12
        self.rounding = np.zeros(n)
        tied = self.times > 1
        ends = (ndtri((middle + sign * self.times / n / 2)[tied].clip(0, 1)) for sign in (-1, 1))
        self.score[tied], variance = truncnorm.stats(*ends)
        self.rounding[tied] = np.maximum(variance - self.resolution[tied], 0)
        # Gain of flat noise around a constant from ties alone.
        kurtosis = kurtosis_by_hand(self.score, self.rounding.mean())
        self.flatness = np.interp(kurtosis, *trees._flat_noise()) if tied.any() else 0.0

    def inside(self, depth, number, deepest):
        return self.cell >> (deepest - depth) == number


def kurtosis_by_hand(values, rounding):
    """Kurtosis of values about 0 with independent uniform errors of a given variance."""
    square, fourth = (values**2).mean(), (values**4).mean()
    of_error = (12 * rounding) ** 2 / 80  # the fourth moment, from the width: variance = width^2 / 12
    return (fourth + 6 * square * rounding + of_error) / (square + rounding) ** 2


def line_by_hand(given, told, rows, mass):
    """Log likelihood of a line with noise minus that of the ranks; None if a line is not possible."""
    x, y, n = given.score[rows], told.score[rows], len(rows)
    if np.ptp(x) < 1e-9:
        return None
    slope, at_zero = np.polyfit(x - x.mean(), y, 1)
    error = y - at_zero - slope * (x - x.mean())
    residual = (error**2).mean()
    rounding = told.rounding[rows].mean()
    if rounding > trees._WIDEST_TIES * residual + 1e-15:
        return None
    spread = told.resolution[rows].mean() + rounding
    freedom = n - 2
    noise = np.log(residual + spread) + np.log(n / freedom) + 1 / freedom + 1 / (3 * freedom**2)
    explained = n * (((y**2).mean() + spread - 1 - noise) / 2 + np.log(mass))
    if residual > trees._LEAST_VARIANCE:
        flat = np.interp(kurtosis_by_hand(error, rounding), *trees._flat_noise()) - told.flatness
        explained += max(n * flat - 1, 0)
    return explained


def mixture_by_hand(x, y, n_cuts, deepest, kept=slice(None)):
    """Value, evidence and strict evidence of the whole plane, per row, by recursion over its cells.

    With a mask `kept`, of these rows alone.
    """
    n = len(x)  # values are per row of both halves
    x, y = x[kept], y[kept]
    sides = Side(x, deepest), Side(y, deepest)

    def weigh(first, second):
        where = first, second
        inside = [side.inside(*cell, deepest) for side, cell in zip(sides, where, strict=True)]
        rows = np.flatnonzero(inside[0] & inside[1])
        if len(rows) < LEAST_ROWS:
            return 0.0, 0.0, 0.0
        options = [(trees._PRIOR[0], 0.0, 0.0, 0.0)]
        for given in (0, 1):
            found = line_by_hand(sides[given], sides[1 - given], rows, inside[1 - given].mean())
            if found is not None:
                options.append((trees._PRIOR[1 + given], found - 1.5, found, found - 1.5))
        for axis in (0, 1):
            depth, number = where[axis]
            if first[0] + second[0] == n_cuts or depth == deepest:
                continue
            halves = [(depth + 1, 2 * number + k) for k in (0, 1)]
            masses = [sides[axis].inside(*half, deepest).sum() for half in halves]
            if 0 in masses:
                continue
            gain, value, strict = -0.5, -0.5, -0.5 - trees._STRICT
            for half, mass in zip(halves, masses, strict=True):
                count = sides[axis].inside(*half, deepest)[rows].sum()
                share = mass / sum(masses)
                own = count * np.log(count / len(rows) / share) if count else 0.0
                below = weigh(half, second) if axis == 0 else weigh(first, half)
                gain, value, strict = (
                    total + own + part for total, part in zip((gain, value, strict), below, strict=True)
                )
            options.append((trees._PRIOR[3 + axis], gain, value, strict))
        prior, evidence, values, stricter = np.array(options).T
        weight = prior * np.exp(evidence - evidence.max())
        whole = np.log(weight.sum() / prior.sum()) + evidence.max()
        return whole, weight @ values / weight.sum(), logsumexp(stricter, b=prior / prior.sum())

    evidence, value, strict = weigh((0, 0), (0, 0))
    return value / n, evidence / n, strict / n


def draw_pair(kind, rng, n):
    x, noise = rng.normal(size=(2, n))
    return {
        "independent": lambda: (x, noise),
        "line": lambda: (x, x + 0.3 * noise),
        "exact": lambda: (x, np.exp(x)),
        "parabola": lambda: (x, x**2 + 0.1 * noise),
        "flat noise": lambda: (x, x + rng.uniform(-1, 1, n)),
        "ties": lambda: (np.round(4 * x), np.round(4 * x) + np.round(3 * noise)),
        "atom": lambda: (np.where(x < 0, 0.0, x), np.where(x < 0.5, 0.0, x + 0.1 * noise)),
        "two atoms": lambda: (np.where(x < 0, 0.0, 1.0), np.where(noise < 0, x, 0.0)),
        "gaps": lambda: (np.where(noise < -1, np.nan, x), x + 0.5 * noise),
    }[kind]()


PAIRS = ["independent", "line", "exact", "parabola", "flat noise", "ties", "atom", "two atoms", "gaps"]


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize(
    ("n", "most_cuts", "deepest", "fully_halved", "n_cuts"),
    [
        (64, 14, 12, 1000, 5),
        (128, 14, 3, 1000, 6),
        (128, 4, 12, 1000, 4),
        (16, 14, 12, 1000, 3),
        (96, 14, 12, 64, 5),
        (96, 14, 5, 32, 6),
    ],
)
def test_pair_tree__few_rows__is_the_recursion_over_all_trees(
    monkeypatch, kind, n, most_cuts, deepest, fully_halved, n_cuts
):
    monkeypatch.setattr(trees, "FULLY_HALVED", fully_halved)
    monkeypatch.setattr(trees, "MOST_CUTS", most_cuts)
    monkeypatch.setattr(trees, "DEEPEST", deepest)
    # No middle rank lies on an edge but those of ties, exactly.
    x, y = draw_pair(kind, np.random.default_rng(n), n)

    score = pair_tree(margin(x), margin(y))

    deepest = min(deepest, n_cuts)
    value, *evidence = mixture_by_hand(x, y, n_cuts, deepest)
    half = halve(*(np.unique(v, return_inverse=True)[1] for v in (np.nan_to_num(x, nan=-99), y)))
    halves = [mixture_by_hand(x, y, n_cuts - 1, deepest, kept)[0] for kept in (half, ~half)]
    share_added = {64: 1, 128: 1, 16: 0, 96: 0.5 if fully_halved == 64 else 0}[n]
    added = min(value - sum(halves), max(np.log(n) - value, 0.0))
    expected = value + share_added * added, *evidence
    # Moments about a line come from sums of fourth powers: 1e-16 times a few hundred, over noise of 1e-5.
    assert score == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("kind", PAIRS)
def test_pair_tree__swapped__same_value(kind):
    x, y = (margin(v) for v in draw_pair(kind, np.random.default_rng(0), 500))

    one, other = pair_tree(x, y), pair_tree(y, x)

    assert (one.mi, one.lower) == pytest.approx((other.mi, other.lower), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("rows_at_once", [100, 700, 2**15])
def test_pair_trees__many_columns__same_bits_as_one_at_a_time(monkeypatch, rows_at_once):
    monkeypatch.setattr(trees, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(planes, "ROWS_AT_ONCE", rows_at_once)
    rng = np.random.default_rng(0)
    x, y = draw_pair("gaps", rng, 300)
    columns = [margin(v) for v in (x, y, x**2, rng.normal(size=300), np.round(x), -y)]

    scores = pair_trees(columns, margin(y))

    expected = [pair_tree(column, margin(y)) for column in columns]
    assert [Score(*score) for score in zip(scores.mi, scores.lower, scores.strict, strict=True)] == expected


@pytest.mark.parametrize("kind", PAIRS)
def test_pair_tree__increasing_map__same_bits(kind):
    x, y = draw_pair(kind, np.random.default_rng(0), 200)

    assert pair_tree(margin(np.exp(x)), margin(3 * y - 7)) == pair_tree(margin(x), margin(y))


@pytest.mark.parametrize("kind", PAIRS)
def test_pair_tree__rows_in_another_order__same_value(kind):
    rng = np.random.default_rng(0)
    x, y = draw_pair(kind, rng, 300)
    order = rng.permutation(300)

    one, other = pair_tree(margin(x), margin(y)), pair_tree(margin(x[order]), margin(y[order]))

    assert (one.mi, one.lower) == pytest.approx((other.mi, other.lower), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("n", [20, 100, 1000, 20_000])
def test_pair_tree__column_with_itself__what_its_ranks_hold(n):
    x = np.random.default_rng(0).normal(size=n)

    score = pair_tree(margin(x), margin(x))

    # n ranks hold log(n) nats. Noise of the variance of one rank is wider than the rank: less
    # log(2 pi e / 12) / 2 = 0.18; the choice of a line costs 1.5 / n and what a few cuts do. Half of the rows
    # hold log(2) nats less, so that the extrapolation from them ends at log(n).
    assert 0.7 * np.log(n) < score.mi <= np.log(n) * (1 + 1e-12)
    assert score.lower < score.mi


def test_pair_tree__hardly_any_rows__finite():
    for n in range(1, 9):
        x = np.random.default_rng(n).normal(size=n)
        score = pair_tree(margin(x), margin(x))
        assert np.isfinite(score).all()
        assert n >= LEAST_ROWS or score == Score(0.0, 0.0, 0.0)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["continuous", "ties", "atom"])
def test_pair_tree__independent__near_zero(kind, seed):
    rng = np.random.default_rng(seed)
    read = {
        "continuous": lambda v: v,
        "ties": lambda v: np.round(10 * v),
        "atom": lambda v: np.where(v < 0, 0.0, v),
    }[kind]
    scores = [pair_tree(margin(read(x)), margin(read(y))) for x, y in rng.normal(size=(40, 2, 1000))]

    # The evidence is about a likelihood ratio: it exceeds t nats with a probability of e^-t, so that 40 draws
    # stay below log(40,000) = 11 nats but for one in a thousand; 4 more for ties that meet a line by chance.
    # The value adds half a nat for each parameter of trees that are likely by chance: 30 nats in one of 100.
    assert np.max([score.lower for score in scores]) < 15 / 1000
    assert np.mean([score.lower for score in scores]) < 1 / 1000
    assert abs(np.mean([score.mi for score in scores])) < 10 / 1000


@pytest.mark.statistical
@pytest.mark.parametrize("n_values", [12, 30])
def test_pair_tree__independent_column_of_few_values__no_evidence(n_values, seed):
    rng = np.random.default_rng(seed)
    pairs = ((rng.integers(0, n_values, 2000), rng.normal(size=2000)) for _ in range(20))
    scores = [pair_tree(margin(x), margin(y)) for x, y in pairs]

    # As above, a mean of at most 5 nats. Scores of the middle ranks have a variance below 1 and short tails,
    # which gave a line around a constant 30 and 8 nats in 2000 rows.
    assert np.mean([score.lower for score in scores]) < 5 / 2000
    assert np.mean([score.strict for score in scores]) < 0


@pytest.mark.statistical
@pytest.mark.parametrize("rho", [0.6, 0.9, 0.99])
def test_pair_tree__gaussian__value_within_its_standard_error(rho, seed):
    rng = np.random.default_rng(seed)
    n, truth = 2000, -np.log(1 - rho**2) / 2
    errors = []
    for _ in range(5):
        x = rng.normal(size=n)
        y = rho * x + (1 - rho**2) ** 0.5 * rng.normal(size=n)
        errors.append(pair_tree(margin(x), margin(y)).mi - truth)

    # The log ratio of a Gaussian pair has the standard deviation rho: three standard errors of the mean of
    # five draws. One line has the form of the truth; the prior share of it is log(8) / n at most.
    assert abs(np.mean(errors)) < 3 * rho / (5 * n) ** 0.5 + np.log(8) / n


def entropy_of(density, low, high):
    return quad(lambda y: -density(y) * np.log(max(density(y), 1e-300)), low, high, limit=400)[0]


@pytest.mark.statistical
def test_pair_tree__fast_sine__near_the_truth(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=4000)
    y = np.sin(20 * x) + 0.1 * rng.normal(size=4000)
    grid = np.sin(20 * (np.arange(4000) + 0.5) / 4000)
    truth = entropy_of(lambda v: norm.pdf(v, grid, 0.1).mean(), -1.6, 1.6) - norm.entropy(0, 0.1)

    score = pair_tree(margin(x), margin(y))

    # Standard deviation of the log ratio about 1: a standard error of 0.016. Lines in cells lag behind curves
    # by their curvature over a cell: a tenth of the truth.
    assert score.mi == pytest.approx(truth, abs=0.1 * truth + 3 * 0.016)


@pytest.mark.statistical
def test_pair_tree__step__near_the_truth(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=2000)
    y = np.where(x < 0.5, -1, 1) + 0.5 * rng.normal(size=2000)
    truth = entropy_of(lambda v: norm.pdf(v, [-1, 1], 0.5).mean(), -5, 5) - norm.entropy(0, 0.5)

    score = pair_tree(margin(x), margin(y))

    # The truth is 0.57: the log ratio is log 2 but near the middle, with a deviation of 0.3 and a standard
    # error of 0.007. A cut at 0.5 has one parameter; that the tree knows the step at once costs 0.01.
    assert score.mi == pytest.approx(truth, abs=3 * 0.007 + 0.02)


def test_flat_noise__from_uniform_to_normal__entropy_of_beta_distributions():
    kurtosis, missing = trees._flat_noise()

    # Straight lines between 200 points: the curve between neighbours deviates by less than 1e-3.
    for shape in (1, 1.5, 2.5, 6, 30):
        noise = beta(shape, shape)
        expected = np.log(2 * np.pi * np.e * noise.var()) / 2 - noise.entropy()
        found = np.interp(3 + noise.stats("k"), kurtosis, missing)
        assert found == pytest.approx(expected, abs=1e-3)
    assert np.interp([3.0, 4.0, 50.0], kurtosis, missing).tolist() == [0.0, 0.0, 0.0]
    assert (np.diff(kurtosis) > 0).all()
    assert (np.diff(missing) < 0).all()


@pytest.mark.parametrize("kind", PAIRS)
def test_halve__order_of_rows_and_of_columns__same_halves(kind):
    rng = np.random.default_rng(0)
    x, y = (np.unique(v, return_inverse=True)[1] for v in draw_pair(kind, rng, 1000))
    order = rng.permutation(1000)

    half = halve(x, y)

    # Equal rows alternate, so that which of them is in which half depends on their order alone.
    assert sorted(zip(x, y, half, strict=True)) == sorted(
        zip(x[order], y[order], halve(x[order], y[order]), strict=True)
    )
    assert halve(y, x).tolist() == half.tolist()


def test_pair_tree__weights_and_ties__rows_in_another_order_score_the_same(seed):
    """Equal rows with different weights must not change halves with their order."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=400), 1)
    y = np.round(np.sin(6 * x) + 0.2 * rng.normal(size=400), 1)
    weight = np.where(rng.uniform(size=400) < 0.5, 1.0, rng.lognormal(size=400))
    order = rng.permutation(400)

    scores = [
        mutual_info_regression(x[rows, None], y[rows], sample_weight=weight[rows])
        for rows in (slice(None), order)
    ]

    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6)


def test_halve__equal_rows__alternate():
    half = halve(np.repeat([0, 3], 7), np.repeat([5, 5], 7))

    assert (np.diff(half.reshape(2, 7).astype(int), axis=1) != 0).all()


@pytest.mark.statistical
def test_halve__any_rows__about_as_many_in_either_half_everywhere(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.permutation(4000), rng.permutation(4000)

    inside = np.histogram2d(x, y, bins=4)[0]
    of_half = np.histogram2d(x[halve(x, y)], y[halve(x, y)], bins=4, range=[[0, 3999]] * 2)[0]

    # 16 binomial counts: none beyond 4.5 deviations.
    assert (np.abs(of_half - inside / 2) < 4.5 * np.sqrt(inside) / 2).all()


@pytest.mark.statistical
@pytest.mark.parametrize("n", [300, 1000])
def test_pair_tree__few_rows_of_an_oscillation__nearer_to_the_truth_with_halves(monkeypatch, n, seed):
    found = {}
    for most in (1, 1000):
        monkeypatch.setattr(trees, "FULLY_HALVED", most)
        values = []
        for draw in range(5):
            x, e = np.random.default_rng([seed, draw]).normal(size=(2, n))
            values.append(pair_tree(margin(x), margin(np.sin(6 * x) + 0.2 * e)).mi)
        found[most] = np.mean(values)
    grid = np.sin(6 * ndtri((np.arange(4000) + 0.5) / 4000))
    truth = entropy_of(lambda v: norm.pdf(v, grid, 0.2).mean(), -2.2, 2.2) - norm.entropy(0, 0.2)

    assert abs(found[1000] - truth) < abs(found[1] - truth)


@pytest.mark.statistical
@pytest.mark.parametrize("n", [trees.FULLY_HALVED, 1024, 2 * trees.FULLY_HALVED])
def test_pair_tree__one_more_row__no_jump(n, seed):
    changes = []
    for draw in range(8):
        x, e = np.random.default_rng([seed, draw]).normal(size=(2, n + 1))
        y = np.sin(20 * x) + 0.2 * e
        before, after = (pair_tree(margin(x[:k]), margin(y[:k])).mi for k in (n, n + 1))
        changes.append(after - before)

    # Another row draws other halves, which changes a value by 0.03 at 1,024 rows, and by 0.02 at 2,000.
    # Extrapolation adds 0.1 at 1,024 rows, and would add 0.06 at 2,000.
    assert abs(np.mean(changes)) < 3 * 0.03 / (8 * n / 1024) ** 0.5
