"""The regression form: mixtures of the target and its predictions by kernel ridge regression or networks.

For any function f, I(f(X); Y) is at most I(X; Y). A regression finds a function of several columns from few
rows. The remaining problem has only as many columns as y.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from skmine._engine.crossfit import CrossFitting
from skmine._engine.dependence import MOST_ROWS
from skmine._engine.evidence import EvidenceNetwork, NetworkRegression, fit_network, n_units
from skmine._engine.forms.form import Start
from skmine._engine.forms.mixture import RegressionForm, beside_target, roles
from skmine._engine.kernel import LEAST_FALL, Kernel, Plan, at_landmarks, choose_plan, choose_sum
from skmine._engine.sample import Sample

#: Maximum number of columns that networks read, to limit time.
_MOST_COLUMNS = 64


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


class Learnt(NamedTuple):
    """What one member has learnt, and its predictions (n_fitted, n_targets) by models of other rows."""

    model: Any
    predicted: Tensor


class Regressor(Protocol):
    """A way to predict some columns."""

    def learn(self, sample: Sample, targets: Targets) -> list[Learnt]:
        """What each member learns."""

    def side(self, models: Sequence[Any]) -> nn.Module:
        """Map of the predicting block to predictions, with an attribute `width`, by the models of a bank."""


class KernelRegressor(NamedTuple):
    """Kernel ridge regression: smooth functions of a few directions, or sums of curves of single columns."""

    plan: Plan

    def learn(self, sample: Sample, targets: Targets) -> list[Learnt]:
        """Kernels and coefficients."""
        values, weight = (sample.x, sample.y)[sample.given].values, sample.row_weight
        members = []
        for rows, target in zip(sample.fitted, targets.values, strict=True):
            x, y, share = values[rows].double(), target[rows], weight[rows].double()
            kernel, coefficients, predicted = self.plan.regress(x, y, share)
            members.append(Learnt((kernel, coefficients), predicted))
        return members

    def side(self, models: Sequence[tuple[Kernel, Tensor]]) -> nn.Module:
        """Predictions by kernels."""
        return KernelPredictions(*zip(*models, strict=True))


class NetworkRegressor(NamedTuple):
    """Small neural networks: functions of linear combinations of columns.

    A network learns from all parts of the training rows but one, which it predicts. New rows are predicted by
    the mean of the networks.
    """

    columns: tuple[int, ...]

    def learn(self, sample: Sample, targets: Targets) -> list[Learnt]:
        """Networks of all parts, one per target."""
        x = (sample.x, sample.y)[sample.given].values[:, list(self.columns)].double()
        m, members = n_units(x.shape[1], targets.values[0].shape[1]), []
        rows_of = zip(sample.folds.part, sample.fitted, targets.values, targets.known, strict=True)
        for part, rows, target, may_learn in rows_of:
            known = sample.shared.setdefault((self, "networks"), {}) if targets.are_equal else {}
            crossfitting = CrossFitting(
                partial(_fit_networks, x, target, sample.row_weight.double(), m, known),
                lambda networks, rows: torch.stack([network.predict(x[rows]) for network in networks], 1),
                MOST_ROWS,
                known,
            )
            members.append(Learnt(*crossfitting.run(part, rows, may_learn)))
        return members

    def side(self, models: Sequence[Any]) -> nn.Module:
        """Mean predictions of the networks."""
        return NetworkRegression(models, self.columns)


def _fit_networks(
    x: Tensor, y: Tensor, weight: Tensor, m: int, known: dict, rows: Tensor
) -> list[EvidenceNetwork]:
    """Networks of some rows, one per target. The networks of a bank start in different places."""
    return [fit_network(x[rows], column[rows], weight[rows], m, seed=len(known)) for column in y.T]


class Regression(RegressionForm):
    """Mixtures of one block and its predictions from several columns of the other block.

    The regression with the smallest error on other rows predicts the block with fewer columns, or the scores
    of the classes. If the size of its residuals can be predicted as well, a second regression does so. The
    training rows of the first member choose the regressions. Mixtures are fitted to predictions that come
    from parts of the training rows. Leave-one-out predictions in closed form are unsuitable, because they
    depend on their own row.
    """

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple[tuple[Regressor, ...], int]]:
        """The regression with the smallest error, if it explains anything, and one of the residuals' size."""
        n_targets = roles(sample)[1].shape[1]
        chosen, error = _best(sample.first, ())
        if error >= 1:
            return
        yield chosen, n_targets if sample.classes is not None else 2 * n_targets
        if sample.classes is None:
            chosen, error = _best(sample.first, chosen)
            if error < LEAST_FALL:
                yield chosen, 3 * n_targets

    def read(self, sample: Sample, source: tuple[Regressor, ...]) -> tuple[list[nn.Module], Tensor]:
        """Predictions, and the columns of the target."""
        given, target = roles(sample)
        learnt = [_learn(sample, source[: k + 1]) for k in range(len(source))]
        sides = [one.side([member.model for member in of]) for one, of in zip(source, learnt, strict=True)]
        predicted = torch.cat([torch.stack([member.predicted for member in of]) for of in learnt], 2)
        return beside_target(sample, SideBySide(sides), predicted, target, given)


def _best(first: Sample, before: tuple[Regressor, ...]) -> tuple[tuple[Regressor, ...], float]:
    """The regressor of the target, or of the residuals of others, with the smallest error; and this error."""
    (target,) = _targets(first, before).values
    (rows,) = first.fitted
    values, y = (first.x, first.y)[first.given].values[rows].double(), target[rows]
    weight = first.row_weight[rows].double()
    choices = _choices(first, every=True)
    plans = [choose(values, y, weight, choices) for choose in (choose_plan, choose_sum)]
    regressors: list[Regressor] = [KernelRegressor(min(plans, key=itemgetter(1))[0])]
    regressors += [NetworkRegressor(columns) for columns in _choices(first, every=False)]

    def variance(values: Tensor) -> Tensor:
        share = (weight / weight.sum()).unsqueeze(1)
        return (share * (values - (share * values).sum(0)).square()).sum(0)

    errors = []
    for one in regressors:
        ((_, predicted),) = _learn(first, (*before, one))
        errors.append(float((variance(y - predicted) / variance(y).clamp_min(1e-12)).mean()))
    least = errors.index(min(errors))
    return (*before, regressors[least]), errors[least]


def _learn(sample: Sample, regressors: tuple[Regressor, ...]) -> list[Learnt]:
    """The last of several regressions, for each member; it predicts the residuals of the one before."""
    name = regressors, str(sample.members)
    if name not in sample.shared:
        sample.shared[name] = regressors[-1].learn(sample, _targets(sample, regressors[:-1]))
    return sample.shared[name]


def _targets(sample: Sample, before: tuple[Regressor, ...]) -> Targets:
    """What is predicted, or the size of the residuals if a regression came before."""
    _, target = roles(sample)
    if not before:
        return Targets([target] * sample.n_members, list(sample.folds.learning), are_equal=True)
    values, known = [], torch.zeros_like(sample.folds.learning)
    for rows, is_known, learnt in zip(sample.fitted, known, _learn(sample, before), strict=True):
        size = torch.zeros_like(target)
        size[rows], is_known[rows] = _size(target[rows] - learnt.predicted), True
        values.append(size)
    return Targets(values, list(known), are_equal=False)


class SideBySide(nn.Module):
    """The predictions of several regressions, side by side.

    Parameters
    ----------
    parts : sequence of nn.Module
        Predictions by the same bank.
    """

    def __init__(self, parts: Sequence[Any]):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.width = sum(part.width for part in parts)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., width)."""
        return torch.cat([part(x) for part in self.parts], -1)


class KernelPredictions(nn.Module):
    """Predictions of kernel ridge regressions, one per bank member.

    Parameters
    ----------
    kernels : sequence of Kernel
        One kernel per member, of the same columns.
    coefficients : sequence of Tensor of shape (n_functions, n_targets)
        Coefficients of the kernels at their landmarks.
    """

    transform: Tensor
    landmarks: Tensor
    coefficients: Tensor

    def __init__(self, kernels: Sequence[Kernel], coefficients: Sequence[Tensor]):
        super().__init__()
        self.columns, self.is_sum = list(kernels[0].columns), kernels[0].is_sum
        self.register_buffer("transform", torch.stack([kernel.transform for kernel in kernels]))
        self.register_buffer("landmarks", torch.stack([kernel.landmarks for kernel in kernels]))
        self.register_buffer("coefficients", torch.stack(list(coefficients)))

    @property
    def width(self) -> int:
        """Number of columns returned."""
        return self.coefficients.shape[2]

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., n_targets)."""
        flat = x[..., self.columns].reshape(len(x), -1, len(self.columns)) @ self.transform
        values = at_landmarks(flat, self.landmarks, self.is_sum)
        return (values @ self.coefficients).view(*x.shape[:-1], -1)


def _size(residual: Tensor) -> Tensor:
    """Size of residuals, as a power that is nearly normal if the residuals are normal.

    References
    ----------
    Wilson and Hilferty (1931), Proceedings of the National Academy of Sciences 17.
    """
    return residual.abs().pow(2 / 3)


def _choices(sample: Sample, every: bool) -> list[tuple[int, ...]]:
    """Candidate columns: those of a unit, and those that show dependence alone.

    Kernels choose between both. Networks find out which columns matter, but their number is limited.
    """
    choices: dict[tuple[int, ...], None] = {}
    for reading in (pair[sample.given] for pair in sample.readings):
        columns = tuple(range(reading.start, reading.stop))
        relevant = tuple(reading.start + j for j in reading.relevant)
        if every:
            choices |= dict.fromkeys([columns, relevant])
        else:
            choices[columns if len(columns) <= _MOST_COLUMNS else relevant] = None
    return [columns for columns in choices if columns and (every or len(columns) <= _MOST_COLUMNS)]
