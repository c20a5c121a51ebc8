"""What the members of a bank learn with regressors, and the maps to their predictions."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skmine._engine.critics import MemberList
from skmine._engine.crossfit import CrossFit, CrossFitting, Regressor
from skmine._engine.sample import Sample


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
    x = (sample.x, sample.y)[given].values
    for y in targets.values:
        known: dict = sample.shared.setdefault((regressor, given), {}) if targets.are_equal else {}
        yield CrossFitting(regressor, x, y, sample.row_weight, known)


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
