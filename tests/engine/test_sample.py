"""Samples: folds, quantities that forms share, and the rule for marginal pairs."""

import pytest
import torch
from blocks import make_folds, make_sample

from skmine._engine.sample import Block, Folds, Reading, Sample, effective_rows
from skmine.nn import DonskerVaradhan, EnumeratedPairs, SampledPairs


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_block__core__is_the_leading_columns():
    values = torch.arange(12.0).view(3, 4)

    assert Block(values, 2).core.tolist() == values[:, :2].tolist()


def test_reading__of__is_its_columns_of_any_rows():
    x = torch.arange(24.0).view(2, 3, 4)

    assert Reading(1, 3, (0,)).of(x).tolist() == x[..., 1:3].tolist()


def test_folds__splits_of_unequal_length__are_cut_and_disjoint():
    rows = torch.arange(11)
    splits = [(rows[4:], rows[:4]), (rows[:6], rows[6:])]

    folds = Folds.of_splits(splits, torch.Generator().manual_seed(0))

    assert folds.train.shape == (2, 6)
    assert folds.held_out.shape == (2, 4)
    for train, first, second in zip(folds.train, *folds.halves, strict=True):
        parts = [set(part.tolist()) for part in (train, first, second)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 10


def test_folds__many_rows_in_folds__leading_training_rows_are_held_out_first_by_the_others():
    folds = make_folds(20_000, 5)

    assert folds.n_compared == 1024
    compared = torch.stack([half[:, :1024] for half in folds.halves], 1).flatten(1)
    for member, rows in enumerate(folds.train):
        others = compared[torch.arange(5) != member]
        assert sorted(rows[:8192].tolist()) == sorted(others.flatten().tolist())
        assert rows[:8192].tolist() != others.flatten().tolist()  # forms read the first ones as a sample
    for member, rows in enumerate(folds.scored):
        assert rows.tolist() == compared[torch.arange(5) != member].flatten().tolist()


def test_folds__very_many_folds__rows_enough_to_form_pairs_are_compared():
    folds = make_folds(70 * 300, 300)

    assert folds.n_compared == 32


def test_folds__splits_that_are_no_folds__all_held_out_rows_are_compared():
    rows, generator = torch.arange(20_000), torch.Generator().manual_seed(0)
    splits = [torch.randperm(20_000, generator=generator).split([16_000, 4000]) for _ in range(2)]
    purged = [(rows[12_000:], rows[:10_000]), (rows[:10_000], rows[10_000:])]

    assert Folds.of_splits(splits, generator).n_compared == 2000
    assert Folds.of_splits(purged, generator).n_compared == 5000


def test_folds__other_seed__other_order_of_the_same_rows():
    rows = torch.arange(40)

    one, other = (
        Folds.of_splits([(rows[:30], rows[30:])], torch.Generator().manual_seed(seed)) for seed in (0, 1)
    )

    assert sorted(one.train[0].tolist()) == sorted(other.train[0].tolist()) == rows[:30].tolist()
    assert one.train[0].tolist() != other.train[0].tolist()


@pytest.mark.parametrize(("part", "members"), [("first", slice(1)), ("others", slice(1, None))])
def test_sample__first_and_others__have_the_rows_of_those_members_and_the_same_dependence(part, members):
    sample = make_sample(normal(40, 2), normal(40, 1, 1))

    some = getattr(sample, part)

    assert sample.n_members == 4
    assert some.members == members
    assert some.to(torch.device("meta")).members == members
    torch.testing.assert_close(some.folds.train, sample.folds.train[members])
    torch.testing.assert_close(some.folds.held_out, sample.folds.held_out[members])
    assert some.dependence is sample.dependence
    assert getattr(sample, part) is some  # forms store their results by the sample


@pytest.mark.parametrize(("n_rows", "n_fitted"), [(400, 300), (10_000, 7500), (20_000, 8192)])
def test_sample__fitted__is_every_training_row_of_few_and_8192_of_many(n_rows, n_fitted):
    x = torch.zeros(n_rows, 1)

    assert make_sample(x, x).fitted.shape == (4, n_fitted)


@pytest.mark.parametrize("weight", [None, torch.arange(40.0)])
def test_sample__read__gives_columns_and_weights_of_rows(weight):
    sample = make_sample(normal(40, 2), normal(40, 1, 1), weight=weight)
    rows = torch.tensor([[0, 3], [5, 7], [1, 1], [2, 0]])

    x, y, found = sample.read(rows)

    assert (x.shape, y.shape) == ((4, 2, 2), (4, 2, 1))
    assert found.tolist() == ([[1.0, 1.0]] * 4 if weight is None else rows.float().tolist())


def test_sample__pairs__are_enumerated_over_classes_and_drawn_otherwise():
    bound, x, one_hot = DonskerVaradhan(), normal(40, 1), torch.eye(2)[torch.arange(40) % 2]

    continuous, discrete = make_sample(x, x), make_sample(x, one_hot, is_y_discrete=True)

    assert continuous.classes is None
    assert continuous.pairs(bound, 8) == SampledPairs(8)
    assert isinstance(continuous.valuing_pairs(bound, 20), SampledPairs)
    assert discrete.classes.tolist() == [0.5, 0.5]
    for pairs in (discrete.pairs(bound, 8), discrete.valuing_pairs(bound, 20)):
        assert isinstance(pairs, EnumeratedPairs)
        assert pairs.probability is discrete.classes


def test_sample__to_its_own_device__is_itself():
    sample = make_sample(normal(40, 1), normal(40, 1, 1))

    assert sample.to(torch.device("cpu")) is sample


def test_sample__to_another_device__moves_rows_folds_weights_and_classes():
    x, one_hot = normal(40, 1), torch.eye(2)[torch.arange(40) % 2]
    sample = make_sample(x, one_hot, weight=torch.ones(40), is_y_discrete=True)

    moved = sample.to(torch.device("meta"))  # a device that has only shapes, on any machine

    tensors = [moved.x.values, moved.y.values, moved.y.probability, moved.weight]
    tensors += [moved.folds.train, moved.folds.held_out]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_sample__one_member_for_dependence__masks_ignore_what_the_first_holds_out():
    x, y = normal(400, 2), normal(400, 2, 1)
    folds = make_folds(400)
    y[folds.train[0], 1] = x[folds.train[0], 0]
    y[folds.held_out[0], 0] = 5 * x[folds.held_out[0], 1]

    in_x, in_y = make_sample(x, y, folds).dependence.relevant

    assert (in_x.tolist(), in_y.tolist()) == ([True, False], [False, True])


def test_sample__readings_without_own_units__are_the_core_columns_alone():
    x = normal(600, 3)
    y = x[:, :1] + 0.5 * normal(600, 1, 1)

    readings = make_sample(x - x.mean(0), y - y.mean(0)).readings

    assert readings == [(Reading(0, 3, (0,)), Reading(0, 1, (0,)))]


@pytest.mark.parametrize(("depends", "expected"), [(1, (0,)), (0, (0, 1))])
def test_sample__readings_in_own_units__follow_the_origin_of_each_column(depends, expected):
    core = normal(600, 3)
    y = core[:, [depends]] + 0.5 * normal(600, 1, 1)
    # In their own units, these are the second and third column. If neither is dependent, both are read.
    x = Block(torch.cat([core, core[:, 1:] ** 3], 1), 3, origin=torch.tensor([0, 1, 2, 1, 2]), n_scaled=2)

    readings = Sample(x, Block(y, 1), make_folds(600)).readings

    assert readings[0][0] == Reading(0, 3, (depends,))
    assert readings[1][0] == Reading(3, 5, expected)
    assert [pair[1] for pair in readings] == [Reading(0, 1, (0,))] * 2


@pytest.mark.parametrize(
    ("weight", "expected"), [([1, 1, 1, 1], 4), ([2, 2, 0, 0], 2), ([3, 1, 0, 0], 1.6), ([0, 0, 0, 0], 0)]
)
def test_effective_rows__weights__are_rows_of_equal_weight(weight, expected):
    weight = torch.tensor([weight, [1.0, 1.0, 1.0, 1.0]])

    assert effective_rows(weight).tolist() == pytest.approx([expected, 4])
