"""Cross-fitting: each part of the rows is predicted by a model of the others."""

import torch
from blocks import make_folds

from skmine._engine.crossfit import CrossFitting, Regressor
from skmine._engine.sample import Folds


class Memory(Regressor):
    """A model is the set of the rows that it has seen. It predicts whether a row is among them."""

    most_rows = 10**6

    def fit(self, x, y, weight, seed):
        return set(x[:, 0].int().tolist())

    def predict(self, model, x):
        return torch.tensor([[row, row in model, len(model)] for row in x[:, 0].int().tolist()])


class ShortMemory(Memory):
    most_rows = 10


def cross_fit(folds, regressor):
    """What each member learns from numbered rows."""
    known, n = {}, folds.part.shape[1]
    fitting = CrossFitting(regressor, torch.arange(n)[:, None], torch.zeros(n, 1), torch.ones(n), known)
    members = zip(folds.part, folds.train, folds.learning, strict=True)
    return [fitting.run(*member) for member in members], known


def test_run__predictions__are_in_the_order_of_the_rows_and_of_models_that_have_not_seen_them():
    folds = make_folds(103, 5)

    members, _ = cross_fit(folds, Memory())

    for member, rows in zip(members, folds.train, strict=True):
        assert member.predicted[:, 0].tolist() == rows.tolist()
        assert not member.predicted[:, 1].any()


def test_run__five_folds__two_members_share_each_model_although_training_rows_are_dropped():
    folds = make_folds(103, 5)
    assert folds.train.shape[1] < folds.learning.sum(1).max()  # folds of 20 and of 21 rows

    members, known = cross_fit(folds, Memory())

    assert [len(member.models) for member in members] == [4] * 5
    assert len(known) == 10
    for member, held_out in zip(members, folds.held_out, strict=True):
        assert not any(set(held_out.tolist()) & model for model in member.models)


def test_run__other_folds__four_parts_of_about_equal_size():
    for n_folds in (1, 2, 3, 4, 6):
        if n_folds == 1:
            folds = Folds.of_splits([torch.arange(100).split([80, 20])], torch.Generator().manual_seed(0))
        else:
            folds = make_folds(100, n_folds)

        members, known = cross_fit(folds, Memory())

        assert len(known) == 4 * n_folds
        n_train = int(folds.learning[0].sum())
        sizes = [len(model) / n_train for member in members for model in member.models]
        assert max(abs(size - 0.75) for size in sizes) < 0.06


def test_run__groups__are_not_split():
    groups = torch.arange(120) // 6
    for n_folds in (2, 5):
        folds = make_folds(120, n_folds, groups)

        members, _ = cross_fit(folds, Memory())

        for member, rows in zip(members, folds.train, strict=True):
            for model in member.models:
                whole = [
                    set((groups == group).nonzero().flatten().tolist()) for group in groups[rows].unique()
                ]
                assert all(group <= model or not group & model for group in whole)


def test_model__many_rows__learns_from_as_many_as_allowed():
    _, known = cross_fit(make_folds(103, 5), ShortMemory())

    assert {len(model) for model in known.values()} == {10}
    assert all(max(model) - min(model) > 50 for model in known.values())  # the input may be sorted
