"""Regression forms: mixtures of the target and its predictions by kernels, networks, trees or a model.

For any function f, I(f(X); Y) is at most I(X; Y). A regression finds a function of several columns from few
rows. The remaining problem has only as many columns as y.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor, nn

from skmine._engine.canonical import Projection
from skmine._engine.classes import class_scores
from skmine._engine.crossfit import CrossFit, Regressor
from skmine._engine.forms.form import Fit, Start
from skmine._engine.forms.mixture import MixtureForm, MixtureSetting
from skmine._engine.kernel import LEAST_FALL, choose_plan, choose_sum
from skmine._engine.limits import MOST_COLUMNS, MOST_MIXED
from skmine._engine.models import ModelRegressor, TreesRegressor, seeded
from skmine._engine.predictions import Predictions, Targets, learn, learn_half
from skmine._engine.regressors import KernelRegressor, NetworkRegressor
from skmine._engine.sample import Sample

#: Minimum number of training rows for trees: twenty leaves with scikit-learn's minimum of 20 rows.
_LEAST_ROWS = 400


class Problem(NamedTuple):
    """What is predicted.

    Attributes
    ----------
    given : int
        Index of the predicting block.
    target : Tensor of shape (n, n_targets)
        Columns of the other block, or scores of its classes.
    n_predicted : int
        Number of predicted columns. A column less than those of the target if these are all classes.
    """

    given: int
    target: Tensor
    n_predicted: int


class Stack(NamedTuple):
    """A weighted sum of the predictions of several regressors.

    Attributes
    ----------
    parts : tuple of Regressor
        The regressors.
    weights : tuple of tuple of float
        For each regressor, its weight in the prediction of each target.
    """

    parts: tuple[Regressor, ...]
    weights: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, regressor: Regressor, n_targets: int) -> "Stack":
        """A single regressor."""
        return cls((regressor,), ((1.0,) * n_targets,))


class RegressionForm(MixtureForm):
    """Mixtures of one block and its predictions by regressors.

    A source is a sequence of stacks of regressors. The first one predicts the target. A second one, if any,
    predicts the size of the residuals. Mixtures are fitted to predictions by models that have not seen the
    row. Leave-one-out predictions in closed form are unsuitable, because they depend on their own row.
    """

    def applies(self, sample: Sample) -> bool:
        """Whether one block has several columns, and the other has a few columns, or classes."""
        if sample.x.probability is not None or sample.predictor.n_core <= 1:
            return False
        if sample.classes is not None:
            return len(sample.classes) > 1
        return 0 < sample.predicted.n_core <= MOST_MIXED

    def problem(self, sample: Sample) -> Problem:
        """Predict the block that has fewer columns, or the scores of the classes."""
        if sample.classes is not None:
            target = sample.y.core.double() @ class_scores(sample)
        else:
            target = sample.predicted.core.double()
        return Problem(sample.given, target, target.shape[1])

    def stacks(self, sample: Sample) -> Iterator[tuple[Stack, ...]]:
        """Sequences of stacks. Each sequence is a source of columns."""
        raise NotImplementedError

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple[tuple[Stack, ...], int]]:
        """Stacks, and the number of predicted columns and of those of y, unless y consists of classes."""
        n_predicted = self.problem(sample).n_predicted
        for stacks in self.stacks(sample):
            yield stacks, n_predicted * (len(stacks) + (sample.classes is None))

    def read(self, sample: Sample, source: tuple[Stack, ...]) -> tuple[list[nn.Module], Tensor]:
        """Predictions, and the columns of the target."""
        learnt = self._learn_all(sample, source)
        predicted = torch.cat([torch.stack([member.predicted for member in of]) for of in learnt], 2)
        models = [[member.models for member in of] for of in learnt]
        problem, side = self.problem(sample), self._side(sample, source, models)
        if sample.classes is not None:
            return [side], predicted
        d = problem.target.shape[1]
        own = Projection.of_columns(range(d), d, sample.n_members)
        both: list[tuple[nn.Module, Tensor]] = [(side, predicted), (own, problem.target[sample.fitted])]
        sides, columns = zip(*(both if problem.given == 0 else reversed(both)), strict=True)
        return list(sides), torch.cat(columns, 2)

    def fit(self, sample: Sample, setting: MixtureSetting) -> Fit:
        """Fit one mixture per member."""
        fit, source = replace(super().fit(sample, setting), knows_rows=True), setting.source
        if not all(part.learns_halves for stack in source for part in stack.parts):
            return fit
        sides, mixture = self.mixture(sample, setting)
        sides = sides.copy()
        halves = [self._bank(sample, source[:k], stack, learn_half) for k, stack in enumerate(source)]
        sides[self.problem(sample).given] = self._side(sample, source, halves)
        return replace(fit, of_half=self.critic(sample, sides, mixture))

    def _learn_all(self, sample: Sample, stacks: tuple[Stack, ...]) -> list[list[CrossFit]]:
        """What each member learns with each of several stacks."""
        return [self.learn_stack(sample, stacks[: k + 1]) for k in range(len(stacks))]

    def learn_stack(self, sample: Sample, stacks: tuple[Stack, ...]) -> list[CrossFit]:
        """What each member learns with the last of several stacks: models of each of its regressors."""
        *before, last = stacks
        weights = torch.tensor(last.weights, dtype=torch.float64).unsqueeze(1)
        members = []
        for own in self._bank(sample, tuple(before), last, learn):
            predicted = torch.stack([learnt.predicted for learnt in own])
            members.append(CrossFit([learnt.models for learnt in own], (weights * predicted).sum(0)))
        return members

    def _bank(
        self, sample: Sample, before: tuple[Stack, ...], stack: Stack, how: Callable[..., list]
    ) -> list[list[Any]]:
        """What each member learns with each regressor of a stack."""
        parts = (self._learn_part(sample, before, part, how) for part in stack.parts)
        return [list(own) for own in zip(*parts, strict=True)]

    def _learn_part(
        self, sample: Sample, before: tuple[Stack, ...], part: Regressor, how: Callable[..., list]
    ) -> list[Any]:
        """What each member learns with a regressor. It is computed once."""
        name = how, part, before, str(sample.members)
        if name not in sample.shared:
            targets, given = self._targets(sample, before), self.problem(sample).given
            sample.shared[name] = how(part, sample, given, targets)
        return sample.shared[name]

    def _targets(self, sample: Sample, before: tuple[Stack, ...]) -> Targets:
        """What is predicted, or the size of the residuals if a stack came before."""
        target = self.problem(sample).target
        if not before:
            return Targets([target] * sample.n_members, list(sample.folds.learning), are_equal=True)
        values, known = [], torch.zeros_like(sample.folds.learning)
        for rows, is_known, learnt in zip(
            sample.fitted, known, self.learn_stack(sample, before), strict=True
        ):
            size = torch.zeros_like(target)
            size[rows], is_known[rows] = _size(target[rows] - learnt.predicted), True
            values.append(size)
        return Targets(values, list(known), are_equal=False)

    def _side(self, sample: Sample, source: Sequence[Stack], models: list[list[Any]]) -> nn.Module:
        """Map to predictions, with the models of each stack and each member."""
        parts = [Predictions(*stack, bank) for stack, bank in zip(source, models, strict=True)]
        return parts[0] if len(parts) == 1 else SideBySide(parts)


class Regression(RegressionForm):
    """Stacked predictions by kernels, by sums of curves and by small networks, the best of each kind.

    If the size of the residuals can be predicted as well, a second stack does so. The training rows of the
    first member choose the regressors and their weights.

    References
    ----------
    Wolpert (1992), "Stacked generalization", Neural Networks 5; Breiman (1996), "Stacked regressions",
    Machine Learning 24, for weights that are not negative.
    """

    def stacks(self, sample: Sample) -> Iterator[tuple[Stack, ...]]:
        """The stack of the target, if it explains anything, and one of the residuals' size."""
        chosen, _ = self._stacked(sample.first, ())
        if not chosen[-1].parts:
            return
        yield chosen
        if sample.classes is None:
            chosen, error = self._stacked(sample.first, chosen)
            if chosen[-1].parts and error < LEAST_FALL:
                yield chosen

    def _stacked(self, first: Sample, before: tuple[Stack, ...]) -> tuple[tuple[Stack, ...], float]:
        """Several stacks with another one added, and its error as a share of the variance of its target."""
        (target,) = self._targets(first, before).values
        (rows,) = first.fitted
        x, y = first.predictor.values[rows].double(), target[rows]
        weight = first.row_weight[rows].double()
        readings = [pair[first.given] for pair in first.readings]
        choices = dict.fromkeys(columns for reading in readings for columns in reading.choices)
        most = LEAST_FALL if before else math.inf  # the size of residuals is noisy
        plans = [choose(x, y, weight, choices) for choose in (choose_plan, choose_sum)]
        kinds: list[list[Regressor]] = [
            [KernelRegressor(plan)] for plan, error in plans if plan.columns and error < most
        ]
        if not before:  # networks would learn the noise
            few = dict.fromkeys(reading.few for reading in readings)
            kinds.append([NetworkRegressor(columns) for columns in few if len(columns) <= MOST_COLUMNS])

        def predicted(one: Regressor) -> Tensor:
            return self._learn_part(first, before, one, learn)[0].predicted

        def error(one: Regressor) -> float:
            return _stacking_weights(predicted(one).unsqueeze(0), y, weight)[1]

        candidates = [min(kind, key=error) for kind in kinds if kind]
        if not candidates:
            return (*before, Stack((), ())), 1.0
        weights, least = _stacking_weights(torch.stack([predicted(one) for one in candidates]), y, weight)
        used = [k for k, of_targets in enumerate(weights) if any(of_targets)]
        stack = Stack(tuple(candidates[k] for k in used), tuple(tuple(weights[k]) for k in used))
        return (*before, stack), least


class BoostedTrees(RegressionForm):
    """Predictions by gradient-boosted trees.

    Steps, thresholds and rules for a part of the rows are not smooth, but trees can learn them from few rows.
    Trees that learnt from half of the rows show what overfitting costs.
    """

    def applies(self, sample: Sample) -> bool:
        """Whether there are enough rows for trees, and columns for a regression."""
        if sample.folds.train.shape[1] < _LEAST_ROWS or not super().applies(sample):
            return False
        return 0 < len(sample.readings[0][sample.given].few) <= MOST_COLUMNS

    def stacks(self, sample: Sample) -> Iterator[tuple[Stack, ...]]:
        """Trees."""
        trees = TreesRegressor(sample.readings[0][sample.given].few)
        yield (Stack.of(trees, self.problem(sample).n_predicted),)


class Predictive(RegressionForm):
    """Predictions of y by a scikit-learn model, from the encoded core columns of x.

    Mixtures recalibrate the probabilities of classes.

    Parameters
    ----------
    model : object
        A scikit-learn regressor or classifier. It is cloned.
    generator : torch.Generator
        Source of the random states that are None in the model.
    """

    def __init__(self, model: Any, generator: torch.Generator):
        super().__init__()
        self.model = seeded(model, generator)

    def applies(self, sample: Sample) -> bool:
        """Whether y is not constant."""
        return sample.classes is None or len(sample.classes) > 1

    def problem(self, sample: Sample) -> Problem:
        """Predict the columns of y, or an indicator of each class but the last."""
        d = sample.y.n_core
        return Problem(0, sample.y.core.double(), d if sample.classes is None else d - 1)

    def stacks(self, sample: Sample) -> Iterator[tuple[Stack, ...]]:
        """The model."""
        n_classes = 0 if sample.classes is None else len(sample.classes)
        regressor = ModelRegressor(self.model, range(sample.x.n_core), n_classes)
        yield (Stack.of(regressor, self.problem(sample).n_predicted),)


class SideBySide(nn.Module):
    """The predictions of several regressors, side by side.

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


def _stacking_weights(predicted: Tensor, y: Tensor, weight: Tensor) -> tuple[list[list[float]], float]:
    """Weights of several predictions whose sum has the smallest error, and this error.

    Parameters
    ----------
    predicted : Tensor of shape (n_predictions, n, n_targets)
        Predictions.
    y : Tensor of shape (n, n_targets)
        What is predicted.
    weight : Tensor of shape (n,)
        Weights of the rows.

    Returns
    -------
    weights : list of list of float
        For each prediction, its weight for each target. No weight is negative.
    error : float
        Mean squared error as a share of the variance, averaged over the targets that vary; 1 if none does.
    """
    share = (weight / weight.sum()).unsqueeze(1)
    predicted, y = (share.sqrt() * (part - (share * part).sum(-2, keepdim=True)) for part in (predicted, y))
    found = [nnls(predicted[..., k].T.numpy(), y[:, k].numpy()) for k in range(y.shape[1])]
    squares = [float(of_y.square().sum()) for of_y in y.T]
    errors = [
        residual**2 / square for (_, residual), square in zip(found, squares, strict=True) if square > 1e-12
    ]
    return np.column_stack([weights for weights, _ in found]).tolist(), float(np.mean(errors or [1.0]))


def _size(residual: Tensor) -> Tensor:
    """Size of residuals, as a power that is nearly normal if the residuals are normal.

    References
    ----------
    Wilson and Hilferty (1931), Proceedings of the National Academy of Sciences 17.
    """
    return residual.abs().pow(2 / 3)
