"""Classes predicted from ranks: compared with a row-by-row computation and known values."""

import itertools

import numpy as np
import pytest

from skmine._copula import classes
from skmine._copula.classes import ClassCounts, class_trees
from tests.test_levels import urn


def tree(cells, depth, label):
    """Mean over left-out rows."""
    return class_trees([ClassCounts(cells, depth, label)])[0][0]


def nested(cells, depth, label, frequent=()):
    """Log of the mean ratio of left-out rows, and the same with the gain of rows predicted from all rows."""
    return ClassCounts(cells, depth, label).nested(np.isin(np.arange(2**depth), frequent))


def tree_by_hand(cells, depth, label):
    shares = np.bincount(label) / len(label)
    of_others = (np.bincount(label) - 1) / (len(label) - 1)

    def gains(own, strength):
        """Gains of left-out rows, and of rows predicted from all rows. A row alone in its interval adds 0."""
        total = np.zeros(2)
        for i in range(len(own) if len(own) > 1 else 0):
            for k, (known, share) in enumerate(((np.delete(own, i), of_others), (own, shares))):
                count = (known == own[i]).sum() + strength * share[own[i]]
                total[k] += np.log(count / (len(known) + strength) / share[own[i]])
        return total

    def weigh(level, number):
        own = label[cells >> (depth - level) == number]
        options = [(0.0, 0.0, 0.0)]
        for strength in (1.0, len(shares)):
            evidence = np.log(urn(own, strength, shares) / np.prod(shares[own]))
            options.append((evidence, *gains(own, strength)))
        prior = np.array([1 / 2, 1 / 4, 1 / 4])
        if level < depth:
            halves = [weigh(level + 1, 2 * number + k) for k in (0, 1)]
            options.append(tuple(np.sum(halves, axis=0)))
            prior = np.array([1 / 4, 1 / 8, 1 / 8, 1 / 2])
        evidence, *both = np.array(options).T
        weight = prior * np.exp(evidence)
        return np.log(weight.sum()), *(both @ weight / weight.sum())

    evidence, left_out, fitted = weigh(0, 0)
    return np.array([left_out, fitted, evidence]) / len(label)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("depth", [1, 4, 6])
def test_tree__few_rows__is_the_recursion_over_all_trees(n_classes, depth):
    rng = np.random.default_rng(depth)
    cells = rng.integers(0, 2**depth, 50)
    label = np.where(
        rng.uniform(size=50) < 0.7, cells * n_classes // 2**depth, rng.integers(0, n_classes, 50)
    )

    found = np.ravel(class_trees([ClassCounts(cells, depth, label)]))

    assert found == pytest.approx(tree_by_hand(cells, depth, label), abs=1e-10)


def test_class_trees__several_columns__as_one_at_a_time():
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 64, (3, 200))
    labels = [cells[0] // 8, cells[1] // 32, rng.integers(0, 5, 200)]
    columns = [ClassCounts(cell, 6, label) for cell, label in zip(cells, labels, strict=True)]

    both = class_trees(columns)

    assert np.transpose(both) == pytest.approx(
        np.array([np.ravel(class_trees([c])) for c in columns]), abs=1e-12
    )
    assert both[0][0] > 1
    assert both[2][2] < 0.01


def test_tree__names_of_classes_and_order_of_rows__do_not_matter():
    rng = np.random.default_rng(0)
    cells, label = rng.integers(0, 64, 300), rng.integers(0, 3, 300)
    label[cells < 20] = 1
    order = rng.permutation(300)

    renamed = tree(cells[order], 6, np.array([2, 0, 1])[label][order])

    assert renamed == pytest.approx(tree(cells, 6, label), abs=1e-10)


@pytest.mark.statistical
@pytest.mark.parametrize("n_classes", [2, 10])
def test_tree__ranks_of_no_effect__about_zero(n_classes, seed):
    rng = np.random.default_rng(seed)
    values = [tree(rng.permutation(2048), 11, rng.integers(0, n_classes, 2048)) for _ in range(10)]

    assert np.mean(values) == pytest.approx(0, abs=0.002)
    assert np.max(values) < 0.01


@pytest.mark.parametrize("n_steps", [2, 8])
def test_tree__steps_that_give_the_class__its_entropy(n_steps):
    cells = np.arange(2048)
    label = cells * n_steps // 2048 % 2

    # Each step costs log(2) for halves, and 1 / 2 log of its rows for shares of its own: below 8 * 6 / 2048.
    assert tree(cells, 11, label) == pytest.approx(np.log(2), abs=0.025)


def nested_by_hand(cells, depth, label, frequent):
    """Log of the mean ratio of left-out rows over all sizes and strengths, and the same with the mean gain.

    The gain is that of rows predicted from all rows. Its weights are the ratios of left-out rows.
    """
    alone = np.isin(cells, frequent)
    places = [np.where(alone, 1 + cells, 0)] if alone.any() else []
    places += [np.where(alone, -1 - cells, cells >> k) for k in range(depth - 1, classes._FINEST - 1, -1)]
    left_out, fitted = [], []
    for strength in classes._STRENGTHS.ravel():
        ratio, with_own, around = np.ones(len(label)), np.ones(len(label)), np.zeros(len(label))
        for place in places:
            for i in range(len(label)):
                others = np.delete(label, i)
                near = np.delete(place == place[i], i)
                if 0 < near.sum() < np.delete(around == around[i], i).sum():
                    count = (others[near] == label[i]).sum() / (others == label[i]).mean()
                    ratio[i] = (count + strength * ratio[i]) / (near.sum() + strength)
                    count = (label[place == place[i]] == label[i]).sum() / (label == label[i]).mean()
                    with_own[i] = (count + strength * with_own[i]) / (near.sum() + 1 + strength)
            around = place
            left_out.append(np.log(ratio).sum())
            fitted.append(np.log(with_own).sum())
    value = np.log(np.mean(np.exp(left_out)))
    gap = np.average(np.subtract(fitted, left_out), weights=np.exp(left_out))
    return value / len(label), (value + gap) / len(label)


@pytest.mark.parametrize("frequent", [[], [3], [0, 9]])
def test_nested__few_rows__each_row_by_the_others_of_its_intervals(frequent):
    rng = np.random.default_rng(0)
    cells = np.append(rng.integers(0, 16, 60), np.repeat(frequent, 15)).astype(int)
    label = np.where(rng.uniform(size=len(cells)) < 0.7, cells // 2, rng.integers(0, 8, len(cells)))

    values = nested(cells, 4, label, frequent)

    assert values[0] > 0.1
    assert values == pytest.approx(nested_by_hand(cells, 4, label, frequent), abs=1e-10)


@pytest.mark.statistical
def test_nested__many_classes_near_their_own_rank__more_than_the_tree(seed):
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(200), 30)
    position = rng.uniform(size=200)[label] + 0.1 * rng.normal(size=6000)
    cells = (np.argsort(np.argsort(position)) * 4096 // 6000).astype(int)

    # The log ratio is that of a normal density to a flat one, log(1 / 0.1) - log(2 pi e) / 2 = 0.88, and more
    # at the ends. 200 classes in intervals of about 0.1 have some three rows each to learn it from.
    assert tree(cells, 12, label) + 0.05 < nested(cells, 12, label)[0] < 1.2


@pytest.mark.statistical
@pytest.mark.parametrize("n_classes", [2, 200])
def test_nested__ranks_of_no_effect__about_zero(n_classes, seed):
    rng = np.random.default_rng(seed)
    values = [nested(rng.permutation(2048), 11, rng.integers(0, n_classes, 2048))[0] for _ in range(10)]

    # The mean ratio of all rows is at most about 1, so a gain of 8 nats has a probability below exp(-8).
    assert np.max(values) < 8 / 2048


def test_nested__frequent_value_that_only_some_classes_have__its_information():
    label = np.repeat(np.arange(100), 6)
    missing = label < 20  # the other classes never have it
    cells = np.where(missing, 51, 128 + np.random.default_rng(0).permutation(600) * 384 // 600)

    value = nested(cells, 9, label, [51])[0]

    # The entropy of the mask, within the gain of a row that is left out: 1 / 119 and 1 / 479.
    assert value == pytest.approx(-0.2 * np.log(0.2) - 0.8 * np.log(0.8), abs=0.02)
    assert nested(cells, 9, label)[0] < value - 0.1


@pytest.mark.parametrize("strength", [1.0, 30.0])
def test_narrow__all_orders_of_the_rows__ratio_of_mean_one(strength, monkeypatch):
    monkeypatch.setattr(classes, "_STRENGTHS", np.array([[strength]]))
    label = np.array([0, 0, 1, 1, 1, 2])
    values = []

    for order in itertools.permutations(range(6)):
        counts = ClassCounts(np.arange(6) // 3, 1, label[list(order)])
        pairs = np.arange(len(counts.pairs[-1]))
        ((ratio, rows),) = counts._narrow(pairs, counts.pairs[-1] & 1, [0])
        values.append(ratio[0, 0] @ rows / 6)

    # A class of one row, a sixth of the rows, cannot be predicted from the others: it only loses.
    assert np.mean(values) == pytest.approx(5 / 6 + strength / (2 + strength) / 6, abs=1e-12)
