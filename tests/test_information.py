"""The choice among estimates for a pair: weights, limits, and columns that only one estimate can read."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import mutual_info_score

from skmine._columns import read_columns
from skmine._copula import Margin, information, pair_information, score_pairs
from skmine._copula.classes import ClassCounts
from skmine._copula.information import MOST_SMOOTH_LEVELS


def margin(values, discrete=False):
    return Margin.of_column(read_columns(np.asarray(values), "x")[0], discrete)


def score(x, y, discrete_x=False, discrete_y=False):
    return pair_information([margin(x, discrete_x)], margin(y, discrete_y))[0]


def test_weighted__estimates_of_equal_lower_bound__their_mean():
    # Independence has a weight of e^(-400 * 0.1), which is negligible.
    estimates = np.array([[0.5, 0.1, 0.1, 0.0], [0.7, 0.1, 0.1, 0.2]])
    weighted, mean, plain, evidence, first = information._weighted(estimates, 400)

    assert mean == pytest.approx(0.6)
    assert weighted == pytest.approx(0.6)
    assert plain == pytest.approx(0.5)
    assert evidence == pytest.approx(400 * 0.1 + np.log(2))
    assert first == 0.5


def test_weighted__by_hand__exponentials_of_nats_and_odds_of_independence():
    # 100 rows: e^2 and e^1 as weights of the estimates, and e^5 and e^4 against 10 + 2,000 for independence.
    estimates = np.array([[0.5, 0.02, 0.05, 0.0], [0.2, 0.01, 0.04, 0.0]])
    value, mean, *_ = information._weighted(estimates, 100)

    assert mean == pytest.approx((0.5 * np.e**2 + 0.2 * np.e) / (np.e**2 + np.e))
    assert value == pytest.approx(mean * (np.e**5 + np.e**4) / (np.e**5 + np.e**4 + 2010))


@pytest.mark.parametrize("lower", [-1e6, -0.5, 0.0])
def test_weighted__many_rows_and_no_gain__near_zero(lower):
    value, *_ = information._weighted(np.array([[0.3, lower, lower, 0.0]]), 10**6)

    assert abs(value) < 0.3 / 1000


@pytest.mark.parametrize("n_levels", [2, 5, 20, 60])
@pytest.mark.parametrize("discrete", [False, True])
def test_pair_information__column_that_gives_the_other__its_entropy_and_not_more(n_levels, discrete):
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_levels, 3000)
    x = y + rng.uniform(0, 0.9, 3000)
    entropy = mutual_info_score(y, y)

    values = score(x, y, False, discrete), score(y, y, discrete, discrete)

    # Halves of halves narrow an edge between levels down to a row in log2(3000) = 12 cells; each of them has
    # one level, of which its rows lack about one nat when they are left out, and half as much for its choice.
    for value in values:
        assert entropy - 18 * (n_levels - 1) / 3000 < value
        if n_levels <= 32 or discrete:  # otherwise a column with many values, which may have more of them
            assert value <= entropy + 1e-12


def test_pair_information__as_many_classes_as_thirty_rows_each__nearly_their_entropy():
    y = np.random.default_rng(0).integers(0, 100, 3000)

    value = score(y + np.random.default_rng(1).uniform(0, 0.9, 3000), y, False, True)

    # An interval that is no class of its own costs about log2(n) nats for each of 99 edges: 0.38 of 4.59.
    assert np.log(100) - 99 * np.log2(3000) / 3000 - 0.05 < value < np.log(100)


@pytest.mark.parametrize("empty", [np.ones(60), np.full(60, np.nan)], ids=["constant", "all missing"])
@pytest.mark.parametrize("other", [np.arange(60.0), np.arange(60) % 2, np.arange(60) % 30])
@pytest.mark.parametrize("discrete", [False, True])
def test_pair_information__nothing_in_a_column__exactly_zero(empty, other, discrete):
    assert score(empty, other, discrete, discrete) == 0.0
    assert score(other, empty, discrete, discrete) == 0.0


def test_pair_information__columns_of_every_kind_together__as_alone():
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    columns = [
        margin(y + rng.normal(size=300)),
        margin(np.round(y)),
        margin(np.ones(300)),
        margin(rng.integers(0, 40, 300), True),
        margin(np.sin(9 * y)),
        margin(np.where(rng.uniform(size=300) < 0.2, np.nan, y)),
    ]

    together = pair_information(columns, margin(y))

    alone = [pair_information([column], margin(y))[0] for column in columns]
    np.testing.assert_allclose(together, alone, rtol=1e-7, atol=1e-9)  # Newton's method stops at 1e-9


def test_pair_information__smooth_and_explained__the_smooth_fit():
    x, noise = np.random.default_rng(0).normal(size=(2, 2000))
    fit = score_pairs([margin(x)], margin(x + noise))

    value = score(x, x + noise)

    # The weight of independence is 2000^(1/2) e^(-2000 * 0.34), which is negligible.
    assert not fit.unexplained[0]
    assert value == pytest.approx(fit.mi[0], rel=1e-9)


@pytest.mark.statistical
@pytest.mark.parametrize("rho", [0.3, 0.6, 0.75, 0.9])
def test_pair_information__gaussian__value_within_its_standard_error(rho, seed):
    rng = np.random.default_rng(seed)
    n, truth = 2000, -np.log(1 - rho**2) / 2
    errors = []
    for _ in range(10):
        x = rng.normal(size=n)
        y = rho * x + (1 - rho**2) ** 0.5 * rng.normal(size=n)
        errors.append(score(x, y) - truth)

    # As for the smooth fit alone, of which this is another choice from 0.7 nats on.
    assert abs(np.mean(errors)) < 3 * rho / (10 * n) ** 0.5 + 0.005


@pytest.mark.parametrize("n_levels", [MOST_SMOOTH_LEVELS - 1, MOST_SMOOTH_LEVELS + 5, 60])
def test_pair_information__levels_that_shift_the_other__near_the_truth(n_levels):
    rng = np.random.default_rng(0)
    levels = rng.integers(0, n_levels, 4000)
    y = rng.normal(size=n_levels)[levels] + rng.normal(size=4000)
    # Means of all levels and of the rows within: the variance of normal effects that were drawn.
    means = [y[levels == k].mean() for k in range(n_levels)]
    truth = information_of_means(means, np.bincount(levels) / 4000)

    # Half of the free means is taken off or lacks: 60 / 8000; three standard errors of 0.8 / 4000^(1/2);
    # the mixture of 15 normals is not normal: 0.03.
    assert score(levels.astype(str), y) == pytest.approx(truth, abs=0.0075 + 0.038 + 0.03)


def information_of_means(means, shares, noise=1.0):
    """Information of levels with these shares, whose rows are normal around the mean of the level."""
    grid = np.linspace(min(means) - 6 * noise, max(means) + 6 * noise, 4001)
    density = norm.pdf(grid[:, None], means, noise) @ shares
    return -(density * np.log(density)).sum() * (grid[1] - grid[0]) - norm.entropy(0, noise)


def draw_bands(rng):
    """20 levels side by side, and numbers around them."""
    level = rng.integers(0, 20, 1000)
    return (
        level,
        level + 0.5 * rng.normal(size=1000),
        information_of_means(np.arange(20), np.full(20, 0.05), 0.5),
    )


def draw_rare_levels(rng):
    """80 levels, most of which are rare, and numbers around normal means."""
    shares = np.arange(1, 81) ** -0.5 / (np.arange(1, 81) ** -0.5).sum()
    means = np.random.default_rng(1).permutation(norm.ppf((np.arange(80) + 0.5) / 80))
    level = rng.choice(80, 1000, p=shares)
    return level, means[level] + rng.normal(size=1000), information_of_means(means, shares)


def draw_agreement(rng):
    """Two columns of 40 labels that agree in half of the rows, and otherwise by chance."""
    label, other = rng.integers(0, 40, (2, 1000))
    both = 0.5 + 0.5 / 40  # share of the rows that agree
    truth = both * np.log(both * 40) + (1 - both) * np.log((1 - both) * 40 / 39)
    return label, np.where(rng.uniform(size=1000) < 0.5, label, other).astype(str), truth


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("draw", "tolerance"), [(draw_bands, 0.065), (draw_rare_levels, 0.025), (draw_agreement, 0.1)]
)
def test_pair_information__labels_with_few_rows__nearer_to_the_truth_than_left_out_rows(
    draw, tolerance, seed
):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(10):
        level, y, truth = draw(rng)
        errors.append(score(level.astype(str), y) - truth)

    # Left-out rows alone lack 0.08, 0.037 and 0.21 nats. The value lacks 0.037, 0.006 and nothing, and ten
    # draws have a standard error of 0.006, 0.006 and 0.025.
    assert abs(np.mean(errors)) < tolerance


def test_add_overfit__by_hand__half_of_the_gap_by_evidence_against_it():
    assert information._add_overfit(0.1, 0.3, 0.1) == pytest.approx(0.1 + 0.1 * 0.5)
    assert information._add_overfit(1.0, 1.2, 0.5) == pytest.approx(1.0 + 0.1 * 0.25 / 0.26)


@pytest.mark.parametrize(
    ("left_out", "fitted", "evidence"),
    [(0.1, 0.1, 0.1), (0.1, 0.05, 0.1), (0.1, 0.3, 0.0), (-0.1, 0.3, -0.05)],
)
def test_add_overfit__no_gap_or_no_evidence__the_left_out_value(left_out, fitted, evidence):
    assert information._add_overfit(left_out, fitted, evidence) == left_out


def test_add_overfit__any_gap__at_most_half_of_the_evidence():
    """By chance the gap of many levels is many times the evidence, and then hardly counts."""
    added = [information._add_overfit(0.02, 0.02 + gap, 0.01) - 0.02 for gap in np.geomspace(1e-4, 2, 50)]

    assert max(added) == pytest.approx(0.005, rel=0.01)
    assert added[-1] < 0.0002


@pytest.mark.parametrize("target", ["numbers", "classes"])
def test_pair_information__codes_whose_effect_has_no_order__read_as_labels(target):
    rng = np.random.default_rng(0)
    code = rng.integers(0, 150, 4500)
    effect = rng.normal(size=150)[code] * 2
    y = effect + rng.normal(size=4500)
    y = y if target == "numbers" else (y > 0).astype(int)

    as_numbers = score(code, y, False, target == "classes")
    as_labels = score(code, y, True, target == "classes")

    # Numbers with 30 rows each repeat. Reading them as labels is as good as passing labels.
    assert as_numbers > 0.25
    assert as_numbers == pytest.approx(as_labels, abs=0.02)


def test_pair_information__numbers_that_do_not_repeat__not_read_as_labels():
    assert margin(np.arange(300)).labels() is None
    assert margin(np.arange(300) // 2).labels() is not None  # two rows a value
    assert margin(np.append(np.arange(270), np.arange(30))).repeats  # 300 rows, 270 values: nine in ten
    assert not margin(np.append(np.arange(271), np.arange(29))).repeats
    assert margin(np.append(np.arange(271), np.arange(29))).tied
    assert margin(np.append(np.arange(297), np.arange(3))).labels() is not None  # 99 in a hundred
    assert margin(np.append(np.arange(298), np.arange(2))).labels() is None


@pytest.mark.parametrize("target", ["classes", "numbers"])
def test_pair_information__few_equal_values__what_they_tell(target):
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    y = rng.integers(0, 4, 2000) if target == "classes" else rng.normal(size=2000)
    x[1:160:2], y[1:160:2] = x[:160:2], y[:160:2]  # 80 values occur twice, in rows of the same y

    value = pair_information([margin(x)], margin(y, target == "classes"))[0]

    # 160 rows of 2,000 are known, at most log 4 or log 32 each. One other row of the value shows half of it.
    most = 0.08 * np.log(4 if target == "classes" else 32)
    assert most / 2 < value < 1.1 * most


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["numbers", "rounded", "counts", "few levels", "many levels"])
@pytest.mark.parametrize("target", ["numbers", "rounded", "two classes", "40 classes"])
def test_pair_information__independent__about_zero(kind, target, seed):
    rng = np.random.default_rng(seed)
    draws = {
        "numbers": lambda: rng.normal(size=1000),
        "rounded": lambda: np.round(10 * rng.normal(size=1000)),
        "counts": lambda: rng.poisson(2, 1000),
        "few levels": lambda: rng.choice(list("abcd"), 1000),
        "many levels": lambda: rng.integers(0, 300, 1000).astype(str),
        "two classes": lambda: rng.choice(list("ab"), 1000),
        "40 classes": lambda: rng.integers(0, 40, 1000).astype(str),
    }

    values = [score(draws[kind](), draws[target]()) for _ in range(20)]

    # Schwarz's weight of independence, 1000^(1/2), leaves estimates of less than 3 nats nothing. Left-out
    # rows count two rows that agree twice: t nats by chance in e^-(t / 2) of the draws.
    assert np.mean(values) < 0.002
    assert np.max(values) < 20 / 1000


@pytest.mark.statistical
@pytest.mark.parametrize("n", [100, 200])
def test_pair_information__few_rows__chance_rarely_gives_a_hundredth(n, seed):
    rng = np.random.default_rng(seed)
    draws = [rng.normal, lambda size: np.round(10 * rng.normal(size=size)), lambda size: rng.poisson(9, size)]
    pairs = [(one(size=n), other(size=n)) for one in draws for other in draws for _ in range(40)]

    values = np.array([score(x, y) for x, y in pairs])

    # 360 pairs: of 1 in 100, at most 9 with a probability of 0.99. Without more weight of independence for
    # few rows and of labels, 4 in 100 exceed it.
    assert np.count_nonzero(values > 0.01) <= 9


@pytest.mark.statistical
def test_pair_information__fast_sine__what_trees_find(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=1000)
    y = np.sin(20 * x) + 0.1 * rng.normal(size=1000)
    smooth = score_pairs([margin(x)], margin(y))

    value = score(x, y)

    assert smooth.unexplained[0]
    assert value > smooth.mi[0] + 0.5
    assert value == pytest.approx(information.pair_trees([margin(x)], margin(y)).mi.item(), abs=1e-6)


@pytest.mark.statistical
@pytest.mark.parametrize("n_classes", [20, 64, 256, 257])
def test_pair_information__many_classes_near_a_rank__almost_the_truth(n_classes, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, 6000)
    x = rng.permutation(n_classes)[y] / n_classes + 0.05 * rng.normal(size=6000)

    # The log ratio has a deviation of 0.9: three standard errors of 0.012. 23 rows of a class show the truth
    # to another 0.03; left-out rows alone show it to 0.14.
    truth = information_of_means(np.arange(n_classes) / n_classes, np.full(n_classes, 1 / n_classes), 0.05)
    assert truth - 0.065 < score(x, y, False, True) < truth + 0.035


@pytest.mark.parametrize(
    ("n_classes", "discrete", "in_tree", "in_intervals"),
    [
        (16, True, [16], []),
        (17, True, [17], [17]),
        (256, True, [256], [256]),
        (257, True, [], [257]),
        (256, False, [256], []),
        (257, False, [], []),
    ],
)
def test_pair_information__classes__predicted_by_trees_if_few_and_by_intervals_if_many(
    monkeypatch, n_classes, discrete, in_tree, in_intervals
):
    trees, intervals = [], []

    def class_trees(columns):
        trees.extend(len(column.shares) for column in columns)
        return np.zeros((3, len(columns)))

    monkeypatch.setattr(information, "class_trees", class_trees)
    monkeypatch.setattr(
        ClassCounts, "nested", lambda counts, _: intervals.append(len(counts.shares)) or (0.0, 0.0)
    )
    y = np.arange(1000) % n_classes

    score(np.random.default_rng(0).permutation(1000) / 1000 + y, y, False, discrete)

    assert (trees, intervals) == (in_tree, in_intervals)


def test_pair_information__numbers_that_repeat__predicted_as_labels_and_not_as_intervals(monkeypatch):
    """A level that predicts one of few intervals of a column shows less than one that predicts its values."""
    found = []
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 200, (2, 1000))
    nothing = np.zeros((2, 2))
    monkeypatch.setattr(information, "level_mixtures", lambda pairs, *_: found.append(pairs) or nothing)

    score(x, y)

    ((there, back),) = found
    assert [len(np.unique(v)) for v in (*there, *back)] == [len(np.unique(v)) for v in (x, y, y, x)]
