"""Columns of levels: each estimate compared with a row-by-row computation and known values."""

import numpy as np
import pytest
from scipy.stats import entropy

from skmine._columns import read_columns
from skmine._copula import Margin, levels
from skmine._copula.levels import level_mixtures


def level_mixture(level, label):
    """Means over left-out rows, and over rows predicted from all rows."""
    return level_mixtures([(level, label)])[:, 0]


def level_information(first, second):
    """Mean over left-out rows, in the direction in which it is larger."""
    return max(level_mixtures([(first, second), (second, first)])[0])


def level_means(level, score, rounding):
    """Means over left-out rows, and over rows predicted from all rows."""
    return levels.level_means(*(values[None] for values in (level, score, rounding)))[:, 0]


def entropy_of(labels):
    return entropy(np.bincount(labels))


def draw_labels(n_levels, n_classes, n, seed=0, share=0.5):
    """Labels that agree with the level, modulo the number of classes, in a share of the rows."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, n_levels, n)
    return level, np.where(rng.uniform(size=n) < share, level % n_classes, rng.integers(0, n_classes, n))


def urn(labels, strength, shares):
    """Probability of labels in turn, each drawn from an urn of earlier ones and of `shares`."""
    probability, drawn = 1.0, np.zeros(len(shares))
    for label in labels:
        probability *= (drawn[label] + strength * shares[label]) / (drawn.sum() + strength)
        drawn[label] += 1
    return probability


def mixture_by_hand(level, label, log_share):
    """Means over left-out rows, and over rows predicted from all rows. A row alone in its level adds 0."""
    shares = np.bincount(label) / len(label)

    def predict(known, kind, share):
        weight = [np.exp(log_share[0]) * np.prod(shares[known])]
        predicted = [1.0]
        for strength, log_weight in zip(levels.CONCENTRATIONS, log_share[1:], strict=True):
            weight.append(np.exp(log_weight) * urn(known, strength, shares))
            count = ((known == kind).sum() + strength * share) / share
            predicted.append(count / (len(known) + strength))
        return np.log(np.average(predicted, weights=weight))

    gains = np.zeros((2, len(label)))
    for i in np.flatnonzero(np.bincount(level)[level] > 1):
        same = level == level[i]
        others = label[same & (np.arange(len(label)) != i)]
        gains[0, i] = predict(others, label[i], (np.delete(label, i) == label[i]).mean())
        gains[1, i] = predict(label[same], label[i], shares[label[i]])
    return gains.mean(axis=1)


@pytest.mark.parametrize(("n_levels", "n_classes"), [(2, 2), (5, 3), (25, 4), (60, 2)])
def test_level_mixture__few_rows__each_row_by_its_level_without_and_with_it(monkeypatch, n_levels, n_classes):
    level, label = draw_labels(n_levels, n_classes, 60)
    share = np.random.default_rng(1).dirichlet(np.ones(1 + len(levels.CONCENTRATIONS)))
    monkeypatch.setattr(levels, "_estimate_shares", lambda evidence, n_levels: np.log(share)[:, None])

    values = level_mixture(level, label)

    assert values == pytest.approx(mixture_by_hand(level, label, np.log(share)), abs=1e-10)


def test_estimate_shares__levels_of_two_kinds__their_shares():
    rng = np.random.default_rng(0)
    of_first = rng.uniform(size=500) < 0.3
    evidence = np.where(of_first, [[0.0], [-20.0]], [[-20.0], [0.0]])

    log_share = levels._estimate_shares(evidence, [evidence.shape[1]])[:, 0]

    assert np.exp(log_share) == pytest.approx([of_first.mean(), 1 - of_first.mean()], abs=1e-6)


def test_estimate_shares__any_evidence__likelier_than_equal_shares():
    evidence = np.random.default_rng(0).normal(size=(5, 200)) * 3

    log_share = levels._estimate_shares(evidence, [evidence.shape[1]])[:, 0]

    likelihood = [np.log(np.exp(s) @ np.exp(evidence)).sum() for s in (log_share, np.full(5, -np.log(5)))]
    assert likelihood[0] > likelihood[1]
    assert np.exp(log_share).sum() == pytest.approx(1, abs=1e-4)  # shares have a floor of 1e-6


def test_level_mixture__names_and_order_of_rows__do_not_matter():
    rng = np.random.default_rng(0)
    level, label = draw_labels(30, 4, 500)
    order = rng.permutation(500)

    renamed = level_mixture(rng.permutation(30)[level][order], rng.permutation(4)[label][order])

    assert renamed == pytest.approx(level_mixture(level, label), abs=1e-10)


@pytest.mark.statistical
@pytest.mark.parametrize("n_levels", [5, 50, 500, 1500])
def test_level_information__levels_of_no_effect__about_zero(n_levels, seed):
    rng = np.random.default_rng(seed)
    values = [level_information(rng.integers(0, n_levels, 2000), rng.integers(0, 4, 2000)) for _ in range(5)]

    # Left-out rows show no dependence, up to the shares of the kinds of levels. The plug-in value would be
    # 3 * (n_levels - 1) / 4000: 0.37 for 500 levels.
    assert np.mean(values) == pytest.approx(0, abs=0.002)
    assert np.max(values) < 0.006


@pytest.mark.parametrize("n_classes", [2, 5, 20])
def test_level_information__column_equal_to_the_class__its_entropy(n_classes):
    label = np.random.default_rng(0).integers(0, n_classes, 2000)
    renamed = np.random.default_rng(1).permutation(n_classes)[label]

    # The shares of the other rows predict a class worse than those of all rows: by about 1 / n a class.
    lost = (n_classes - 1) / 2000
    assert level_information(renamed, label) == pytest.approx(entropy_of(label) + lost, abs=0.005)


@pytest.mark.statistical
def test_level_mixture__levels_that_change_the_shares__near_the_truth(seed):
    level, label = draw_labels(20, 4, 4000, seed, share=0.6)
    # Of 4 classes the own one has 0.6 + 0.1, each of the others 0.1.
    truth = np.log(4) - entropy([0.7, 0.1, 0.1, 0.1])

    left_out, fitted = level_mixture(level, label)

    # The log ratio is log 2.8 or log 0.4, with a deviation of 0.9: a standard error of 0.014, three of them.
    # Shares of 19 levels with three free ones each cost left-out rows 57 / 2 / 4000 = 0.007, and add as much
    # to rows that are predicted from all rows. The prior saves a part of it.
    assert (left_out + fitted) / 2 == pytest.approx(truth, abs=3 * 0.014)
    assert fitted - left_out == pytest.approx(0.014, abs=0.005)


def test_level_mixtures__pairs_of_many_and_few_levels__as_one_at_a_time():
    pairs = [draw_labels(n_levels, 3, 300, seed=n_levels) for n_levels in (2, 290, 40)]
    pairs.insert(1, (np.arange(300), pairs[0][1]))  # no level has two rows

    values = level_mixtures(pairs)

    expected = np.transpose([level_mixture(*pair) for pair in pairs])
    assert values == pytest.approx(expected, abs=1e-12)
    assert (values[:, 0] > 0.1).all()
    assert (values[:, 1] == 0).all()


def test_level_means__several_pairs__as_one_at_a_time():
    rng = np.random.default_rng(0)
    level = np.stack([rng.integers(0, n_levels, 300) for n_levels in (2, 290, 40)])
    score, rounding = fine(rng.normal(size=40)[level[2]] + rng.normal(size=300))
    scores = np.stack([score, rng.permutation(score), score])

    values = levels.level_means(level, scores, np.stack([rounding] * 3))

    expected = [level_means(own, of_pair, rounding) for own, of_pair in zip(level, scores, strict=True)]
    assert values == pytest.approx(np.transpose(expected), abs=1e-12)
    assert (values[:, 2] > 0.1).all()


def test_level_information__two_directions__is_the_larger_and_symmetric():
    level, label = draw_labels(100, 3, 600)

    both = level_mixture(level, label)[0], level_mixture(label, level)[0]

    assert level_information(level, label) == level_information(label, level) == max(both)


def fine(values):
    _, score, resolution, rounding = Margin.of_column(read_columns(values, "y")[0], False).fine(5).of_rows()
    return score, resolution + rounding


@pytest.mark.statistical
@pytest.mark.parametrize("rows", [5, 20])
@pytest.mark.parametrize("share", [0.2, 0.6])
def test_level_means__random_effects__what_left_out_rows_gain_and_all_rows_lack(rows, share, seed):
    rng = np.random.default_rng(seed)
    n = 4000
    level = np.repeat(np.arange(n // rows), rows)
    y = share**0.5 * rng.normal(size=n // rows)[level] + (1 - share) ** 0.5 * rng.normal(size=n)

    left_out, fitted = level_means(level, *fine(y))

    # Given the other rows of its level a row has the variance (1 - s) (1 + r / (1 + r m)), r = s / (1 - s)
    # and m rows; its log ratio has a deviation of about the root of what they explain. Rows of a level share
    # an effect, whose square the estimated share follows: four deviations of (2 / n_levels)^(1/2) times
    # the derivative 1 / (2 (1 - s)), times s (1 - s).
    ratio = share / (1 - share)
    gain = -np.log((1 - share) * (1 + ratio / (1 + ratio * (rows - 1)))) / 2
    tolerance = 4 * (2 * rows / n) ** 0.5 * share / 2 + 0.01
    assert left_out == pytest.approx(gain, abs=tolerance)
    # A mean of m rows is off by 1 / m, which costs a left-out row 1 / (2 m) and adds as much to a row of it.
    # Terms of second order, and the shrinkage of the means, are below 1 / m^2.
    assert (left_out + fitted) / 2 == pytest.approx(-np.log(1 - share) / 2, abs=tolerance + 1 / rows**2)


def test_level_means__by_hand__each_row_by_the_mean_of_its_level_without_and_with_it():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 11, 80)
    level[0] = 11  # alone in its level, so that nothing predicts it
    score = rng.normal(size=80) + rng.normal(size=12)[level]
    score = (score - score.mean()) / score.std()
    rows = np.bincount(level)
    within = sum(((score[level == k] - score[level == k].mean()) ** 2).sum() for k in range(12)) / 68
    between = sum(rows[k] * score[level == k].mean() ** 2 for k in range(12)) / 11
    effect = max((between - within) / ((80 - (rows**2).sum() / 80) / 11), 0)  # variance of the effects
    gains = np.zeros((2, 80))
    for i in range(80):
        same = level == level[i]
        others = same & (np.arange(80) != i)
        for k, known in enumerate((others, same if others.any() else others)):
            precision = known.sum() / within + 1 / effect  # of the effect, given the known rows
            expected = score[known].sum() / within / precision
            variance = within + 1 / precision
            gains[k, i] = (score[i] ** 2 - (score[i] - expected) ** 2 / variance - np.log(variance)) / 2

    values = level_means(level, score, np.zeros(80))

    assert effect > 0
    assert values == pytest.approx(gains.mean(axis=1), abs=1e-10)


@pytest.mark.statistical
@pytest.mark.parametrize("n_levels", [3, 50, 500])
def test_level_means__levels_of_no_effect__about_zero(n_levels, seed):
    rng = np.random.default_rng(seed)
    draws = [(rng.integers(0, n_levels, 2000), *fine(rng.normal(size=2000))) for _ in range(10)]
    values = [level_means(*draw)[0] for draw in draws]

    # Means of m rows vary by 1 / m by chance; a row gains half their excess, (2 / n_levels)^(1/2) / m, on
    # average nothing.
    assert np.mean(values) == pytest.approx(0, abs=0.002)


def test_level_means__names_and_order_of_rows__do_not_matter():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 30, 300)
    score, rounding = fine(rng.normal(size=30)[level] + rng.normal(size=300))
    order = rng.permutation(300)

    renamed = level_means(rng.permutation(30)[level][order], score[order], rounding[order])

    assert renamed == pytest.approx(level_means(level, score, rounding), abs=1e-10)


@pytest.mark.parametrize(
    ("level", "y"),
    [(np.arange(50), np.arange(50.0)), (np.arange(50) % 5, np.arange(50) % 5 * 1.0)],
    ids=["each row a level", "no spread within levels"],
)
def test_level_means__nothing_to_learn_a_spread_from__zero(level, y):
    assert level_means(level, *fine(y)).tolist() == [0.0, 0.0]
