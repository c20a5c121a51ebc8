"""The regression form: mixtures of the target and its predictions by kernel ridge regression.

For any function f, I(f(X); Y) is at most I(X; Y). Kernel ridge regression finds smooth functions of several
columns, or sums of functions of single columns, from few rows. The remaining problem has only as many columns
as y.
"""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from skmine._engine.forms.form import Start
from skmine._engine.forms.mixture import RegressionForm, beside_target, roles
from skmine._engine.kernel import LEAST_FALL, Kernel, Plan, at_landmarks, choose_plan, choose_sum
from skmine._engine.sample import Sample


class KernelRegression(RegressionForm):
    """Mixtures of one block and its predictions from several columns of the other block.

    Kernel ridge regression predicts the classes, or the block with fewer columns if there are no classes. If
    the size of its residuals can be predicted as well, a second regression does so. The training rows of the
    first member choose columns, width and ridge. The predictions that a mixture is fitted to come from five
    folds within the training rows. Leave-one-out predictions in closed form are unsuitable, because they
    depend on their own row.
    """

    def __init__(self):
        super().__init__()
        self._regressions: WeakKeyDictionary[Sample, dict] = WeakKeyDictionary()

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple[tuple[Plan, ...], int]]:
        """The plan with the smallest error, if it explains anything; and a plan for the size of residuals."""
        given, target = roles(sample)
        x, y, weight = _rows(sample, given, target)[0]
        choices = _choices(sample, given)
        plan, error = _best_plan(x, y, weight, choices)
        if error >= 1:
            return
        yield (plan,), 2 * target.shape[1]
        if sample.classes is None:
            *_, predicted = self._regress(sample.first, (plan,))[0]
            spread, error = _best_plan(x, _size(y - predicted), weight, choices)
            if error < LEAST_FALL:
                yield (plan, spread), 3 * target.shape[1]

    def read(self, sample: Sample, source: tuple[Plan, ...]) -> tuple[list[nn.Module], Tensor]:
        """Predictions, and the columns of y."""
        given, target = roles(sample)
        sides, columns = [], []
        for k in range(len(source)):
            kernels, coefficients, predicted = zip(*self._regress(sample, source[: k + 1]), strict=True)
            sides.append(Regression(kernels, torch.stack(coefficients)))
            columns.append(torch.stack(predicted))
        side = sides[0] if len(sides) == 1 else SideBySide(sides)
        return beside_target(sample, side, torch.cat(columns, 2), target, given)

    def _regress(self, sample: Sample, plans: tuple[Plan, ...]) -> list[tuple[Kernel, Tensor, Tensor]]:
        """The last of several regressions, for each member.

        It predicts the size of the residuals of the one before.
        """
        known = self._regressions.setdefault(sample, {})
        if plans not in known:
            rows = _rows(sample, *roles(sample))
            if len(plans) > 1:
                before = self._regress(sample, plans[:-1])
                rows = [
                    (x, _size(y - predicted), weight)
                    for (x, y, weight), (*_, predicted) in zip(rows, before, strict=True)
                ]
            known[plans] = [plans[-1].regress(*member) for member in rows]
        return known[plans]


class SideBySide(nn.Module):
    """The predictions of several regressions, side by side.

    Parameters
    ----------
    parts : sequence of Regression
        Regressions of the same bank.
    """

    def __init__(self, parts: Sequence["Regression"]):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.width = sum(part.width for part in parts)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., width)."""
        return torch.cat([part(x) for part in self.parts], -1)


class Regression(nn.Module):
    """Predictions of kernel ridge regressions, one per bank member.

    Parameters
    ----------
    kernels : sequence of Kernel
        One kernel per member, of the same columns.
    coefficients : Tensor of shape (n_members, n_functions, n_targets)
        Coefficients of the kernels at their landmarks.
    """

    transform: Tensor
    landmarks: Tensor
    coefficients: Tensor

    def __init__(self, kernels: Sequence[Kernel], coefficients: Tensor):
        super().__init__()
        self.columns, self.is_sum = list(kernels[0].columns), kernels[0].is_sum
        self.register_buffer("transform", torch.stack([kernel.transform for kernel in kernels]))
        self.register_buffer("landmarks", torch.stack([kernel.landmarks for kernel in kernels]))
        self.register_buffer("coefficients", coefficients)

    @property
    def width(self) -> int:
        """Number of columns returned."""
        return self.coefficients.shape[2]

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., n_targets)."""
        flat = x[..., self.columns].reshape(len(x), -1, len(self.columns)) @ self.transform
        values = at_landmarks(flat, self.landmarks, self.is_sum)
        return (values @ self.coefficients).view(*x.shape[:-1], -1)


def _best_plan(x: Tensor, y: Tensor, weight: Tensor, choices: list[tuple[int, ...]]) -> tuple[Plan, float]:
    """The plan with the smaller error: a function of all columns, or a sum of functions of single columns."""
    return min((choose(x, y, weight, choices) for choose in (choose_plan, choose_sum)), key=itemgetter(1))


def _size(residual: Tensor) -> Tensor:
    """Size of residuals, as a power that is nearly normal if the residuals are normal.

    References
    ----------
    Wilson and Hilferty (1931), Proceedings of the National Academy of Sciences 17.
    """
    return residual.abs().pow(2 / 3)


def _rows(sample: Sample, given: int, target: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Encoded columns, targets and weights of the rows to which each member is fitted."""
    block = (sample.x, sample.y)[given]
    return [
        (block.values[rows].double(), target[rows], sample.row_weight[rows].double())
        for rows in sample.fitted
    ]


def _choices(sample: Sample, given: int) -> list[tuple[int, ...]]:
    """Candidate columns: all columns in one unit, or those that show dependence alone."""
    choices: dict[tuple[int, ...], None] = {}
    for reading in (pair[given] for pair in sample.readings):
        every = tuple(range(reading.start, reading.stop))
        choices |= dict.fromkeys([every, tuple(reading.start + j for j in reading.relevant)])
    return list(choices)
