"""What several tests of :mod:`skmine.nn` read: folds, draws of a joint, and readings of whole blocks."""

import torch

from skmine.nn import Folds, Reading


def make_folds(n, n_folds=4):
    """Fold k holds out every row whose number leaves k."""
    rows = torch.arange(n)
    splits = [(rows[rows % n_folds != k], rows[rows % n_folds == k]) for k in range(n_folds)]
    return Folds.of_splits(splits, torch.Generator().manual_seed(0))


def sample(joint, n, seed):
    """Rows of a joint as tensors."""
    return tuple(torch.as_tensor(block, dtype=torch.float32) for block in joint.sample(n, seed))


def read_all(x):
    """A reading of all columns, each of which depends on the other block."""
    return Reading(0, x.shape[1], tuple(range(x.shape[1])))
