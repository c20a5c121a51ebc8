"""Predictions of some rows from other rows, by methods that find very different functions.

Randomised trees find steps and rules in many columns. Kernel ridge regression finds smooth functions and fast
waves across columns.
"""

from collections.abc import Iterable

import numpy as np
import torch
from sklearn.tree import ExtraTreeRegressor
from torch import Tensor

from skmine._engine.crossfit import CrossFitting
from skmine._engine.kernel import choose_plan

#: Maximum number of columns to predict, to limit time.
MOST_TARGETS = 10
#: Number of trees, minimum number of rows in a leaf, and about half the maximum number of rows to learn from.
_TREES, _LEAF_ROWS, _LEARNING_ROWS = 20, 5, 1024


def predicted_by_kernels(
    x: Tensor, y: Tensor, weight: Tensor, part: Tensor, choices: Iterable[tuple[int, ...]]
) -> Tensor:
    """Predictions of each part of the rows by kernel ridge regression of the others.

    Parameters
    ----------
    x : Tensor of shape (n, d)
        Rows in random order.
    y : Tensor of shape (n, n_targets)
        Columns to predict, minus their means.
    weight : Tensor of shape (n,)
        Weights of the rows.
    part : LongTensor of shape (n,)
        Part of each row.
    choices : iterable of tuple of int
        Columns of x that may be read.

    Returns
    -------
    Tensor of shape (n, n_targets)
    """
    plan, error = choose_plan(x, y, weight, choices)
    if error >= 1:
        return torch.zeros_like(y)
    fitting = CrossFitting(
        lambda rows: plan.fit(x[rows], y[rows], weight[rows]),
        lambda model, rows: model.predict(x[rows]),
        len(x),
        {},
    )
    return fitting.run(part, torch.arange(len(x)), torch.ones(len(x), dtype=torch.bool)).predicted


def predicted_by_trees(x: Tensor, y: Tensor, weight: Tensor, part: Tensor) -> Tensor:
    """Predictions of each half of the parts by randomised trees of the other half, minus their mean.

    See :func:`predicted_by_kernels`.
    """
    x, predicted, numbers = x.float(), torch.zeros_like(y), part.unique()  # trees read single precision
    is_first = torch.isin(part, numbers[: len(numbers) // 2])
    halves = [rows.nonzero().flatten() for rows in (is_first, ~is_first)]
    for one, other in (halves, halves[::-1]):
        one = one[:: max(1, len(one) // _LEARNING_ROWS)]
        # scikit-learn's forest changes the warning filters of the process.
        trees = [ExtraTreeRegressor(min_samples_leaf=_LEAF_ROWS, random_state=k) for k in range(_TREES)]
        learnt = x[one].numpy(), y[one].squeeze(1).numpy(), weight[one].numpy()
        mean = np.mean([tree.fit(*learnt).predict(x[other].numpy()) for tree in trees], axis=0)
        values = torch.from_numpy(mean).view(len(other), -1)
        predicted[other] = values - weight[other] @ values / weight[other].sum()
    return predicted
