"""Regressors: ways to predict a few columns of one block from the other block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from skmine._engine.critics import MemberList
from skmine._engine.crossfit import CrossFit, CrossFitting
from skmine._engine.dependence import MOST_ROWS
from skmine._engine.evidence import EvidenceNetwork, fit_network, n_units
from skmine._engine.kernel import KernelModel, Plan
from skmine._engine.sample import Sample


class Regressor:
    """A way to predict some columns.

    Attributes
    ----------
    most_rows : int
        Maximum number of rows that a model learns from.
    averages_parts : bool
        Whether new rows are predicted by the mean of the models of all parts of the training rows but one.
        Otherwise, one model of all training rows predicts them.
    learns_halves : bool
        Whether models of half of the rows show what overfitting costs.
    """

    most_rows: ClassVar[int] = MOST_ROWS
    averages_parts: ClassVar[bool] = True
    learns_halves: ClassVar[bool] = True

    def fit(self, x: Tensor, y: Tensor, weight: Tensor, seed: int) -> Any:
        """A model of some rows.

        Parameters
        ----------
        x : Tensor of shape (n, d)
            Encoded columns of the predicting block, in double precision.
        y : Tensor of shape (n, n_targets)
            Columns to predict.
        weight : Tensor of shape (n,)
            Weights of the rows.
        seed : int
            Seed of random first parameters.

        Returns
        -------
        object
        """
        raise NotImplementedError

    def predict(self, model: Any, x: Tensor) -> Tensor:
        """Predictions of a model, (n, d) -> (n, n_targets)."""
        raise NotImplementedError


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


class Targets(NamedTuple):
    """Columns that each member predicts.

    Attributes
    ----------
    values : sequence of Tensor of shape (n, n_targets)
        One per member.
    known : sequence of BoolTensor of shape (n,)
        Rows whose values are known, and may be learnt from.
    are_equal : bool
        Whether all members predict the same columns, so that they can share models.
    """

    values: Sequence[Tensor]
    known: Sequence[Tensor]
    are_equal: bool


def learn(regressor: Regressor, sample: Sample, given: int, targets: Targets) -> list[CrossFit]:
    """Models whose mean prediction each member of a bank uses for new rows, and predictions by other models.

    Parameters
    ----------
    regressor : Regressor
        How to learn.
    sample : Sample
        The rows.
    given : int
        Index of the predicting block.
    targets : Targets
        What to predict.

    Returns
    -------
    list of CrossFit
        The predictions are those of the rows that mixtures are fitted to.
    """
    members = []
    fittings = _fittings(regressor, sample, given, targets)
    for fitting, rows, part, known in zip(
        fittings, sample.fitted, sample.folds.part, targets.known, strict=True
    ):
        of_parts, predicted = fitting.run(part, rows, known)
        members.append(CrossFit(of_parts if regressor.averages_parts else [fitting.model(known)], predicted))
    return members


def learn_half(regressor: Regressor, sample: Sample, given: int, targets: Targets) -> list[list[Any]]:
    """The model of half of the training rows of each member, alone in a list; see :func:`learn`."""
    members = []
    fittings = _fittings(regressor, sample, given, targets)
    for fitting, part, known in zip(fittings, sample.folds.part, targets.known, strict=True):
        parts = part[known].unique()
        members.append([fitting.model(known & torch.isin(part, parts[: len(parts) // 2]))])
    return members


def _fittings(regressor: Regressor, sample: Sample, given: int, targets: Targets) -> Iterator[CrossFitting]:
    """How each member learns. Members that predict the same columns share their models."""
    for y in targets.values:
        models: dict = sample.shared.setdefault((regressor, given), {}) if targets.are_equal else {}
        yield CrossFitting(*_on_rows(regressor, sample, given, y, models), regressor.most_rows, models)


def _on_rows(
    regressor: Regressor, sample: Sample, given: int, y: Tensor, models: dict
) -> tuple[Callable[[Tensor], Any], Callable[[Any, Tensor], Tensor]]:
    """Functions that fit a model to rows, and predict rows; rows are given as indices."""
    x, weight = (sample.x, sample.y)[given].values, sample.row_weight

    def fit(rows: Tensor) -> Any:
        return regressor.fit(x[rows].double(), y[rows], weight[rows].double(), seed=len(models))

    return fit, lambda model, rows: regressor.predict(model, x[rows].double())


class Predictions(MemberList):
    """Weighted sum of predictions as a map of encoded columns, computed on the CPU.

    Parameters
    ----------
    regressors : sequence of Regressor
        How models predict.
    weights : sequence of sequence of float
        For each regressor, its weight in the prediction of each target.
    members : list of list of list
        For each bank member, models of each regressor, whose mean prediction is used.
    """

    def __init__(
        self,
        regressors: Sequence[Regressor],
        weights: Sequence[Sequence[float]],
        members: list[list[list[Any]]],
    ):
        super().__init__(members)
        self.regressors, self.weights = list(regressors), torch.tensor(weights, dtype=torch.float64)
        self.width = self.weights.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., width)."""
        flat = x.flatten(1, -2).cpu()
        values = [
            self._predict(models, rows.double()) for models, rows in zip(self.members, flat, strict=True)
        ]
        return torch.stack(values).to(x).view(*x.shape[:-1], self.width)

    def _predict(self, members: list[list[Any]], x: Tensor) -> Tensor:
        total = x.new_zeros(len(x), self.width)
        for regressor, weights, models in zip(self.regressors, self.weights, members, strict=True):
            total += weights * torch.stack([regressor.predict(model, x) for model in models]).mean(0)
        return total
