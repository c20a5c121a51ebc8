"""Kernel ridge regression in a learnt metric, to predict one block from several columns of the other.

The kernel is Gaussian. Its metric is the average outer product of the gradients of a first regression.
Directions along which this regression changes count more, and other directions count less. Alternatively, the
kernel is a sum of kernels of single columns, which predicts by sums of curves. A regression is judged and
used only on rows that it was not fitted to.

References
----------
Hastie and Tibshirani (1986), "Generalized additive models", Statistical Science 1(3), for sums of curves.
Radhakrishnan, Beaglehole, Pandit and Belkin (2024), "Mechanism for feature learning in neural networks and
backpropagation-free machine learning models", Science 383, for the metric.
"""

import math
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

import torch
from torch import Tensor

from skmine._engine.limits import CHOOSING_ROWS, MOST_COLUMNS

#: Number of landmarks, the rows that span the functions. With 500, 40 regressions had the same errors.
_LANDMARKS = 300
#: Range of the number of landmarks of each column, if the kernel is a sum over columns. 24 resolve several
#: waves of a column, and fewer than 4 cannot follow a curve.
_FEWEST_QUANTILES, _MOST_QUANTILES = 4, 24
#: Candidates for the width of the kernel, in median distances between rows, and for the ridge per row.
_WIDTHS, _RIDGES = (2.4, 1.2, 0.6, 0.3, 0.15), torch.logspace(-6, 1, 15, dtype=torch.float64)
#: This share of the number of landmarks is added to the diagonal of their kernel, against rounding errors.
_JITTER = 1e-7
#: Distances from the centre are limited to this many widths, so that squared distances keep eight digits.
_FAR = 1e4
#: Maximum number of metrics, each learnt from the previous one. Each must lower the error to this share of
#: it.
_MOST_STEPS, LEAST_FALL = 3, 0.97


class Kernel(NamedTuple):
    """A Gaussian kernel of some columns in a metric, or a sum of kernels of single columns.

    Attributes
    ----------
    columns : tuple of int
        Indices of the columns that are read.
    transform : Tensor of shape (n_columns,) or (n_columns, n_coordinates)
        Scales of the columns, or map to coordinates, in which the kernel has width 1.
    landmarks : Tensor of shape (n_landmarks, n_coordinates)
        Landmarks in these coordinates: rows, or values of each column if the kernel is a sum.
    axes : Tensor of shape (n_functions, n_functions)
        Combinations of the kernel functions at the landmarks that are orthonormal for the kernel.
    is_sum : bool, default=False
        Whether the kernel is a sum over columns. Its functions are sums of functions of single columns.
    """

    columns: tuple[int, ...]
    transform: Tensor
    landmarks: Tensor
    axes: Tensor
    is_sum: bool = False

    @classmethod
    def at(cls, x: Tensor, columns: tuple[int, ...], transform: Tensor, share: float) -> "Kernel":
        """The kernel at the first of some rows, with a width that is a share of the median distance."""
        landmarks = _mapped(x[:_LANDMARKS, list(columns)], transform)
        width = share * _typical(torch.pdist(landmarks))
        return cls.of(columns, transform / width, landmarks / width)

    @classmethod
    def sum_at(cls, x: Tensor, columns: tuple[int, ...], share: float) -> "Kernel":
        """The sum of a kernel of each column at its quantiles. Each width is a share of a median distance."""
        values = x[:, list(columns)]
        levels = torch.linspace(0, len(x) - 1, n_sum_landmarks(len(columns)), dtype=x.dtype).round().long()
        width = share * _typical((values - values.roll(1, 0)).abs())
        return cls.of(columns, 1 / width, values.sort(0).values[levels] / width, is_sum=True)

    @classmethod
    def of(
        cls, columns: tuple[int, ...], transform: Tensor, landmarks: Tensor, is_sum: bool = False
    ) -> "Kernel":
        """The kernel at some landmarks, in its coordinates."""
        m = len(landmarks)
        kernel = _at_landmarks(landmarks, landmarks, is_sum).unflatten(1, (-1, m)).transpose(0, 1)
        eye = torch.eye(m, dtype=kernel.dtype)
        root = torch.linalg.cholesky(kernel + _JITTER * m * eye)
        axes = torch.linalg.solve_triangular(root.mT, eye, upper=True)
        return cls(columns, transform, landmarks, torch.block_diag(*axes), is_sum)

    def narrower(self, factor: float) -> "Kernel":
        """The kernel at the same landmarks with a width that is smaller by a factor."""
        return self.of(self.columns, factor * self.transform, factor * self.landmarks, self.is_sum)

    def coordinates(self, x: Tensor) -> Tensor:
        """Coordinates of encoded rows, (n, d) -> (n, n_coordinates)."""
        return _mapped(x[:, list(self.columns)], self.transform)

    def at_landmarks(self, x: Tensor) -> Tensor:
        """Kernel between encoded rows and the landmarks, (n, d) -> (n, n_functions)."""
        return _at_landmarks(self.coordinates(x), self.landmarks, self.is_sum)

    def metric(self, x: Tensor, y: Tensor, weight: Tensor, ridge: float) -> Tensor:
        """Map to coordinates whose distances count changes of a regression, (n_columns, n_coordinates).

        It is a root of the average outer product of the gradients. If there are many coordinates, only the
        leading ones are kept.
        """
        z = self.coordinates(x)
        kernel = gaussian(z, self.landmarks)
        weight = weight / weight.mean()
        coefficients = self.axes @ solve(*moments(kernel, self.axes, y, weight), ridge * len(x))
        total = z.new_zeros(z.shape[1], z.shape[1])
        for coefficient in coefficients.T:
            pull = kernel * coefficient
            gradient = pull @ self.landmarks - pull.sum(1, keepdim=True) * z
            total += (gradient.T * weight) @ gradient
        variance, axes = torch.linalg.eigh(total)
        root = (axes * variance.clamp_min(0).sqrt())[:, -MOST_COLUMNS:]
        root = self.transform.unsqueeze(1) * root if self.transform.ndim == 1 else self.transform @ root
        return root * (math.sqrt(len(root)) / root.norm().clamp_min(1e-30))


class Plan(NamedTuple):
    """Choices for a kernel that are made once for all members of a bank.

    Attributes
    ----------
    columns : tuple of int
        Indices of the columns that are read.
    steps : tuple of (float, float)
        Widths and ridges of the regressions whose gradients give the next metric.
    share : float
        Width of the last kernel, in median distances between rows.
    ridge : float
        Ridge of the last regression, per row.
    is_sum : bool, default=False
        Whether the kernel is a sum over columns, without a learnt metric.
    """

    columns: tuple[int, ...]
    steps: tuple[tuple[float, float], ...] = ()
    share: float = 1.0
    ridge: float = 0.0
    is_sum: bool = False

    def transform(self, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """The metric learnt from some rows."""
        x, y, weight = (part[:CHOOSING_ROWS] for part in (x, y, weight))
        transform = torch.ones(len(self.columns), dtype=x.dtype)
        for share, ridge in self.steps:
            kernel = Kernel.at(x, self.columns, transform, share)
            transform = kernel.metric(x, y, weight, ridge)
        return transform

    def at(self, landmarks: Tensor, rows, share: float) -> Kernel:
        """The kernel at the first landmarks, in the metric learnt from the rows, with a relative width."""
        return Kernel.at(landmarks, self.columns, self.transform(*rows), share)

    def kernel(self, x: Tensor, y: Tensor, weight: Tensor) -> Kernel:
        """The kernel learnt from some rows."""
        if self.is_sum:
            return Kernel.sum_at(x, self.columns, self.share)
        return self.at(x, (x, y, weight), self.share)

    def fit(self, x: Tensor, y: Tensor, weight: Tensor) -> "KernelModel":
        """Kernel ridge regression of some rows.

        Parameters
        ----------
        x : Tensor of shape (n, d)
            Encoded rows.
        y : Tensor of shape (n, n_targets)
            Columns to predict.
        weight : Tensor of shape (n,)
            Weights of the rows.

        Returns
        -------
        KernelModel
        """
        weight = weight / weight.mean()
        mean = weight @ y / len(y)
        y = y - mean
        kernel = self.kernel(x, y, weight)
        gram, moment = moments(kernel.at_landmarks(x), kernel.axes, y, weight)
        coefficients = kernel.axes @ solve(gram, moment, self.ridge * len(y))
        # Predictions do not need the axes, which are large.
        return KernelModel(kernel._replace(axes=kernel.axes[:0]), coefficients, mean)


class KernelModel(NamedTuple):
    """A fitted kernel ridge regression.

    Attributes
    ----------
    kernel : Kernel
        The kernel, without its axes.
    coefficients : Tensor of shape (n_functions, n_targets)
        Coefficients of the kernel at its landmarks.
    mean : Tensor of shape (n_targets,)
        Mean of the targets.
    """

    kernel: Kernel
    coefficients: Tensor
    mean: Tensor

    def predict(self, x: Tensor) -> Tensor:
        """Predictions, (n, d) -> (n, n_targets)."""
        return self.kernel.at_landmarks(x) @ self.coefficients + self.mean


def moments(values: Tensor, axes: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Second moments of orthonormal functions, and of these functions with y: weighted sums over rows.

    Parameters
    ----------
    values : Tensor of shape (n, n_functions)
        Kernel between the rows and the landmarks.
    axes : Tensor of shape (n_functions, n_functions)
        Combinations of its columns that are orthonormal for the kernel.
    y : Tensor of shape (n, n_targets)
        Columns to predict.
    weight : Tensor of shape (n,)
        Weights of the rows.

    Returns
    -------
    Tensor of shape (n_functions, n_functions), Tensor of shape (n_functions, n_targets)
    """
    weighted = (weight.unsqueeze(1) * values).T
    return axes.T @ (weighted @ values) @ axes, axes.T @ (weighted @ y)


def n_sum_landmarks(n_columns: int) -> int:
    """Number of landmarks of each column in a sum of kernels; 0 if there are no columns, or too many."""
    n = min(_LANDMARKS // max(n_columns, 1), _MOST_QUANTILES)
    return n if n_columns and n >= _FEWEST_QUANTILES else 0


def _mapped(x: Tensor, transform: Tensor) -> Tensor:
    """Columns times scales, (n_columns,), or times a matrix, (n_columns, n_coordinates)."""
    return x * transform if transform.ndim == 1 else x @ transform


def _typical(distance: Tensor) -> Tensor:
    """Median distance of rows, or the mean if most rows are equal."""
    median = distance.median(0).values if distance.ndim > 1 else distance.median()
    return torch.where(median > 0, median, distance.mean(0)).clamp_min(1e-6)


def _at_landmarks(z: Tensor, landmarks: Tensor, is_sum: bool) -> Tensor:
    """Kernel between rows and landmarks, (n, d), (n_landmarks, d) -> (n, n_functions).

    The rows and landmarks are in the coordinates of the kernel. If it is a sum, there is a function for each
    column of each landmark.
    """
    if not is_sum:
        return gaussian(z, landmarks)
    z, landmarks = z.clamp(-_FAR, _FAR), landmarks.clamp(-_FAR, _FAR)
    distance = z.unsqueeze(2) - landmarks.T  # (n, d, n_landmarks)
    return distance.square_().mul_(-0.5).exp_().flatten(1)


def gaussian(one: Tensor, other: Tensor) -> Tensor:
    """Kernel of width 1, (..., n, d), (..., m, d) -> (..., n, m)."""
    # Squares of large coordinates would hide the distances of close rows. For distant rows, the kernel is 0.
    one, other = (rows.clamp(-_FAR, _FAR) for rows in (one, other))
    return torch.cdist(one, other).square_().mul_(-0.5).exp_()


def choose_plain(
    x: Tensor, y: Tensor, weight: Tensor, choices: Iterable[tuple[int, ...]]
) -> tuple[Plan, float]:
    """The plan with the smallest error without a learnt metric, for a target with mean 0; see choose_plan."""
    rows = tuple(part[:CHOOSING_ROWS] for part in (x, y, weight))
    chosen = [_choose_width(plan, plan.at(rows[0], rows, _WIDTHS[0]), rows) for plan in map(Plan, choices)]
    return min(chosen, key=itemgetter(1))


def choose_sum(
    x: Tensor, y: Tensor, weight: Tensor, choices: Iterable[tuple[int, ...]]
) -> tuple[Plan, float]:
    """The plan with the smallest error among sums over columns; see choose_plan.

    The error is infinite if there are too many columns.
    """
    y = y - weight @ y / weight.sum()
    rows = tuple(part[:CHOOSING_ROWS] for part in (x, y, weight))
    plans = [Plan(columns, is_sum=True) for columns in choices if n_sum_landmarks(len(columns))]
    chosen = [_choose_width(plan, Kernel.sum_at(rows[0], plan.columns, _WIDTHS[0]), rows) for plan in plans]
    if not chosen:
        return Plan(()), math.inf
    plan, _ = min(chosen, key=itemgetter(1))
    kernel = plan.kernel(x, y, weight)
    ridge, error = left_out(kernel.at_landmarks(x), kernel.axes, y, weight)
    return plan._replace(ridge=ridge), error


def choose_plan(
    x: Tensor, y: Tensor, weight: Tensor, choices: Iterable[tuple[int, ...]]
) -> tuple[Plan, float]:
    """The plan with the smallest error, and this error as a share of the variance of the predicted columns.

    Parameters
    ----------
    x : Tensor of shape (n, d)
        Encoded rows.
    y : Tensor of shape (n, n_targets)
        Columns to predict.
    weight : Tensor of shape (n,)
        Weights of the rows.
    choices : iterable of tuple of int
        Columns that may be read.

    Returns
    -------
    Plan, float
    """
    y = y - weight @ y / weight.sum()
    plan, error = choose_plain(x, y, weight, choices)
    if error >= 1:
        return plan, error
    few = [part[:CHOOSING_ROWS] for part in (x, y, weight)]
    first_half, second_half = zip(*(part.tensor_split(2) for part in few), strict=True)
    kernel = plan.at(few[0], first_half, plan.share)
    _, error = left_out(kernel.at_landmarks(second_half[0]), kernel.axes, *second_half[1:])
    while len(plan.steps) < _MOST_STEPS:
        longer = plan._replace(steps=(*plan.steps, (plan.share, plan.ridge)))
        longer, next_error = _choose_width(longer, longer.at(few[0], first_half, _WIDTHS[0]), second_half)
        if next_error > LEAST_FALL * error:
            break
        error, plan = next_error, longer
    learning = judging = [x, y, weight]
    if plan.steps:
        learning, judging = (
            [part[rows] for part in learning] for rows in torch.arange(len(y)).tensor_split(2)
        )
    kernel = plan.kernel(*learning)
    ridge, error = left_out(kernel.at_landmarks(judging[0]), kernel.axes, *judging[1:])
    return plan._replace(ridge=ridge), error


def _choose_width(plan: Plan, widest: Kernel, rows) -> tuple[Plan, float]:
    """The plan with the width and ridge of the smallest leave-one-out error, and this error."""
    x, y, weight = rows
    values, tried = widest.at_landmarks(x), []
    for share in _WIDTHS:
        factor = _WIDTHS[0] / share
        kernel = widest.narrower(factor)
        ridge, error = left_out(values.pow(factor**2), kernel.axes, y, weight)
        tried.append((plan._replace(share=share, ridge=ridge), error))
    return min(tried, key=itemgetter(1))


def left_out(values: Tensor, axes: Tensor, y: Tensor, weight: Tensor) -> tuple[float, float]:
    """The ridge with the smallest error if each row is predicted from the others, and this error.

    The predictions are not returned, because each depends on its own row by the ridge.

    Parameters
    ----------
    values : Tensor of shape (n, n_functions)
        A kernel that was learnt from other rows, or is at rows that were not chosen by their y.
    axes : Tensor of shape (n_functions, n_functions)
        Combinations of its columns that are orthonormal for the kernel.
    y : Tensor of shape (n, n_targets)
        Columns to predict.
    weight : Tensor of shape (n,)
        Weights of the rows.

    Returns
    -------
    ridge : float
        Ridge per row.
    error : float
        Mean squared error, as a share of the mean square of y.
    """
    weight = weight / weight.mean()
    gram, moment = moments(values, axes, y, weight)
    variance, rotation = torch.linalg.eigh(gram)
    shrink = 1 / (variance + _RIDGES.unsqueeze(1) * len(y))  # (n_ridges, n_functions)
    scores = values @ (axes @ rotation)
    fitted = (scores @ (shrink.unsqueeze(2) * (rotation.T @ moment)).transpose(0, 1).flatten(1)).view(
        len(y), len(shrink), -1
    )
    known = (weight.unsqueeze(1) * (scores.square() @ shrink.T)).clamp_max(1 - 1e-6).unsqueeze(2)
    residual = (y.unsqueeze(1) - fitted) / (1 - known)
    total = (weight @ y.square() / len(y)).clamp_min(1e-12)
    errors = (torch.einsum("n,nrt->rt", weight, residual.square()) / len(y) / total).mean(1)
    least = int(errors.argmin())
    return float(_RIDGES[least]), float(errors[least])


def solve(gram: Tensor, moment: Tensor, ridge: float) -> Tensor:
    """Coefficients of ridge regression from second moments."""
    eye = torch.eye(len(gram), dtype=gram.dtype)
    return torch.cholesky_solve(moment, torch.linalg.cholesky(gram + ridge * eye))
