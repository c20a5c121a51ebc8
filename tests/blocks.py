"""Helpers for tests of :mod:`skmine._engine`: folds, samples, draws of a distribution, and values."""

import torch

from skmine._engine.judge import Judge
from skmine._engine.sample import Block, Folds, Reading, Sample
from skmine.nn import DonskerVaradhan


def make_folds(n, n_folds=4, groups=None):
    """Folds; fold k holds out every row whose index (or group) is k modulo the number of folds."""
    rows = torch.arange(n)
    fold = (rows if groups is None else groups) % n_folds
    splits = [(rows[fold != k], rows[fold == k]) for k in range(n_folds)]
    return Folds.of_splits(splits, torch.Generator().manual_seed(0), groups)


def folds_of(train, first, second):
    """Folds of these rows, which are not shuffled. They have no parts."""
    n = 1 + int(max(rows.max() for rows in (train, first, second)))
    learning = torch.zeros(len(train), n, dtype=torch.bool).scatter(1, train, True)
    part = torch.zeros_like(learning, dtype=torch.long)
    return Folds(train, (first, second), learning, part, scored=train, n_compared=first.shape[1])


def one_split(n, groups=None):
    """A single member that is trained on the first half of the rows and holds out the second half."""
    return Folds.of_splits([torch.arange(n).chunk(2)], torch.Generator().manual_seed(0), groups)


def make_sample(x, y, folds=None, weight=None, *, is_x_discrete=False, is_y_discrete=False):
    """A sample of core columns, or of one-hot classes if a block is discrete. By default in four folds."""
    x, y = (
        Block(z, z.shape[1], z.mean(0) if is_discrete else None)
        for z, is_discrete in ((x, is_x_discrete), (y, is_y_discrete))
    )
    return Sample(x, y, folds or make_folds(len(x.values)), weight)


def draw(joint, n, seed):
    """Rows of a distribution as tensors."""
    return tuple(torch.as_tensor(block, dtype=torch.float32) for block in joint.sample(n, seed))


def draw_pairs(n, correlations, seed=0):
    """Independent pairs of normal columns with these correlations."""
    generator = torch.Generator().manual_seed(seed)
    r = torch.tensor(correlations)
    x = torch.randn(n, len(r), generator=generator)
    return x, r * x + (1 - r**2).sqrt() * torch.randn(n, len(r), generator=generator)


def normal_scores(x):
    """Normal scores of the ranks of each column, as the estimator encodes rows."""
    return torch.special.ndtri((x.argsort(0).argsort(0).double() + 0.5) / len(x)).float()


def read_all(x):
    """A reading of all columns, which all depend on the other block."""
    return Reading(0, x.shape[1], tuple(range(x.shape[1])))


def held_out_value(sample, fit):
    """The Donsker-Varadhan value of a fit on held-out rows, in nats."""
    return Judge(sample, DonskerVaradhan()).score(fit).held_out_value
