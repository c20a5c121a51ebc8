"""Regressors by kernels and by networks, and predictions of some rows from other rows.

Kernel ridge regression finds smooth functions and fast waves across columns, and networks find functions of
linear combinations of columns. Randomised trees find steps and rules in many columns.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from sklearn.tree import ExtraTreeRegressor
from torch import Tensor

from skmine._engine.crossfit import CrossFitting, Regressor
from skmine._engine.evidence import EvidenceNetwork, fit_network, n_units
from skmine._engine.kernel import KernelModel, Plan, choose_plan
from skmine._engine.limits import CHOOSING_ROWS

#: Number of trees, and minimum number of rows in a leaf.
_TREES, _LEAF_ROWS = 20, 5


@dataclass(frozen=True)
class KernelRegressor(Regressor):
    """Kernel ridge regression: smooth functions of a few directions, or sums of curves of single columns.

    It varies little from sample to sample, so that one model of more rows is better than a mean.
    """

    averages_parts: ClassVar[bool] = False

    plan: Plan

    def fit(self, x: Tensor, y: Tensor, weight: Tensor, seed: int) -> KernelModel:
        """The kernel and its coefficients."""
        return self.plan.fit(x, y, weight)

    def predict(self, model: KernelModel, x: Tensor) -> Tensor:
        """Predictions by the kernel."""
        return model.predict(x)


@dataclass(frozen=True)
class NetworkRegressor(Regressor):
    """Small neural networks, one per target: functions of linear combinations of columns."""

    columns: tuple[int, ...]

    def fit(self, x: Tensor, y: Tensor, weight: Tensor, seed: int) -> list[EvidenceNetwork]:
        """One network per target."""
        x, m = x[:, list(self.columns)], n_units(len(self.columns), y.shape[1])
        return [fit_network(x, target, weight, m, seed) for target in y.T]

    def predict(self, model: Sequence[EvidenceNetwork], x: Tensor) -> Tensor:
        """Predictions by the networks."""
        x = x[:, list(self.columns)]
        return torch.stack([network.predict(x) for network in model], 1)


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
    fitting = CrossFitting(KernelRegressor(plan), x, y, weight, {})
    return fitting.run(part, torch.arange(len(x)), torch.ones(len(x), dtype=torch.bool)).predicted


def predicted_by_trees(x: Tensor, y: Tensor, weight: Tensor, part: Tensor) -> Tensor:
    """Predictions of each half of the parts by randomised trees of the other half, minus their mean.

    See :func:`predicted_by_kernels`.
    """
    x, predicted, numbers = x.float(), torch.zeros_like(y), part.unique()  # trees read single precision
    is_first = torch.isin(part, numbers[: len(numbers) // 2])
    halves = [rows.nonzero().flatten() for rows in (is_first, ~is_first)]
    for one, other in (halves, halves[::-1]):
        one = one[:: -(-len(one) // CHOOSING_ROWS)]  # of all parts
        # scikit-learn's forest changes the warning filters of the process.
        trees = [ExtraTreeRegressor(min_samples_leaf=_LEAF_ROWS, random_state=k) for k in range(_TREES)]
        learnt = x[one].numpy(), y[one].squeeze(1).numpy(), weight[one].numpy()
        mean = np.mean([tree.fit(*learnt).predict(x[other].numpy()) for tree in trees], axis=0)
        values = torch.from_numpy(mean).view(len(other), -1)
        predicted[other] = values - weight[other] @ values / weight[other].sum()
    return predicted
