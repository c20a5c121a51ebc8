"""The regression form: mixtures of the target and of what kernel ridge regression predicts of it.

For any function f, I(f(X); Y) is at most I(X; Y), and a smooth function of several columns is what kernel
ridge regression finds from few rows. What is left is a problem of as many columns as y has.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from skmine._engine.forms.form import Start
from skmine._engine.forms.mixture import PARTS, MixtureForm, beside_target
from skmine._engine.sample import Sample

#: Rows that span the functions: to choose among kernels, and of the one that is chosen.
_FEW_LANDMARKS, _LANDMARKS = 300, 1000
#: Training rows at most that choose columns and width.
_CHOOSING_ROWS = 2000
#: Widths of the Gaussian kernel, in median distances between rows, and ridges, a row, among which the error
#: of rows left out chooses.
_WIDTHS, _RIDGES = (0.15, 0.3, 0.6, 1.2, 2.4), torch.logspace(-6, 1, 15, dtype=torch.float64)
#: Share of the largest eigenvalue of the kernel below which functions are left out.
_SMALLEST = 1e-7
#: Columns of y at most, or classes less one.
_MOST_TARGETS = 10


class KernelRegression(MixtureForm):
    """Mixtures of one block and of its predictions from several columns of the other.

    Predictions are those of kernel ridge regression: of classes, else of the block of fewer columns. The
    error of rows left out, in closed form, chooses columns, width and ridge on the training rows of the first
    member. The predictions that a mixture is fitted to come from other rows, in five parts: those left out in
    closed form would not do, since they know their row.
    """

    def applies(self, sample: Sample) -> bool:
        """To several columns of one block and a few of the other, or a few classes."""
        if sample.x.probability is not None:
            return False
        given, target = _roles(sample)
        return sample.readings[0][given].stop > 1 and 0 < target.shape[1] <= _MOST_TARGETS

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple["Kernel", int]]:
        """The kernel of the smallest error, if it explains anything."""
        given, target = _roles(sample)
        kernel, error = choose_kernel(sample, given, target)
        if error < 1:
            yield kernel, 2 * target.shape[1]

    def read(self, sample: Sample, source: "Kernel") -> tuple[list[nn.Module], Tensor]:
        """Predictions, and the columns of y."""
        given, target = _roles(sample)
        coefficients, predictions = [], []
        for rows in sample.fitted:
            features = source.features((sample.x, sample.y)[given].values[rows].double())
            weight = sample.row_weight[rows].double()
            coefficient, prediction = _regress(features, target[rows], weight, source.ridge)
            coefficients.append(source.axes @ coefficient)
            predictions.append(prediction)
        regression = Regression(source, torch.stack(coefficients))
        return beside_target(sample, regression, torch.stack(predictions), target, given)


class Kernel(NamedTuple):
    """A Gaussian kernel of some columns, and the functions that it spans at some rows.

    Attributes
    ----------
    columns : tuple of int
        Which are read.
    landmarks : Tensor of shape (n_landmarks, n_columns)
        Rows.
    width : float
        Of the kernel.
    axes : Tensor of shape (n_landmarks, n_functions)
        Combinations of the kernel at the landmarks that are orthonormal in it.
    ridge : float
        A row.
    """

    columns: tuple[int, ...]
    landmarks: Tensor
    width: float
    axes: Tensor
    ridge: float = 0.0

    @classmethod
    def at(cls, columns: tuple[int, ...], landmarks: Tensor, width: float) -> "Kernel":
        """The kernel with its axes at landmarks."""
        variance, axes = torch.linalg.eigh(_gaussian(landmarks, landmarks, width))
        keep = variance > _SMALLEST * variance[-1]
        return cls(columns, landmarks, width, axes[:, keep] * variance[keep].rsqrt())

    def features(self, x: Tensor) -> Tensor:
        """Functions of all encoded columns, (n, d) -> (n, n_functions)."""
        return _gaussian(x[:, list(self.columns)], self.landmarks, self.width) @ self.axes


class Regression(nn.Module):
    """Predictions of kernel ridge regressions, one a bank member.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    coefficients : Tensor of shape (n_members, n_landmarks, n_targets)
        Of the kernel at its landmarks.
    """

    landmarks: Tensor
    coefficients: Tensor

    def __init__(self, kernel: Kernel, coefficients: Tensor):
        super().__init__()
        self.columns, self.kernel_width = list(kernel.columns), kernel.width
        self.register_buffer("landmarks", kernel.landmarks.repeat(len(coefficients), 1, 1))
        self.register_buffer("coefficients", coefficients)

    @property
    def width(self) -> int:
        """Columns that it returns."""
        return self.coefficients.shape[2]

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., n_targets)."""
        flat = x[..., self.columns].reshape(len(x), -1, len(self.columns))
        values = _gaussian(flat, self.landmarks, self.kernel_width) @ self.coefficients
        return values.view(*x.shape[:-1], -1)


def _gaussian(one: Tensor, other: Tensor, width: float) -> Tensor:
    """Kernel of rows, (..., n, d), (..., m, d) -> (..., n, m)."""
    return torch.cdist(one, other).square_().mul_(-0.5 / width**2).exp_()


def _roles(sample: Sample) -> tuple[int, Tensor]:
    """Number of the block that predicts, and the columns that are predicted: of classes all but the last."""
    if sample.classes is not None:
        return 0, sample.y.core[:, :-1].double()
    given = 0 if sample.x.n_core >= sample.y.n_core else 1
    return given, (sample.y, sample.x)[given].core.double()


def choose_kernel(sample: Sample, given: int, target: Tensor) -> tuple[Kernel, float]:
    """The kernel of the smallest error of rows left out, as a share of the variance of the targets.

    Parameters
    ----------
    sample : Sample
        Of which the training rows of the first member are read.
    given : int
        Number of the block that predicts.
    target : Tensor of shape (n, n_targets)
        What is predicted.

    Returns
    -------
    Kernel, float
    """
    block, rows = (sample.x, sample.y)[given], sample.fitted[0]
    x, y = block.values[rows[:_CHOOSING_ROWS]].double(), target[rows[:_CHOOSING_ROWS]]
    weight = sample.row_weight[rows].double()
    choices: dict[tuple[int, ...], None] = {}
    for reading in (pair[given] for pair in sample.readings):
        every = tuple(range(reading.start, reading.stop))
        choices |= dict.fromkeys([every, tuple(reading.start + j for j in reading.relevant)])
    best = Kernel((), x, 1.0, x)
    least = torch.inf
    for columns in choices:
        landmarks = x[:_FEW_LANDMARKS, list(columns)]
        median = float(torch.pdist(landmarks).median().clamp_min(1e-6))
        for share in _WIDTHS:
            kernel = Kernel.at(columns, landmarks, share * median)
            ridge, error = _best_ridge(kernel.features(x), y, weight[:_CHOOSING_ROWS])
            if error < least:
                best, least = kernel._replace(ridge=ridge), error
    x = block.values[rows].double()
    kernel = Kernel.at(best.columns, x[:_LANDMARKS, list(best.columns)], best.width)
    ridge, least = _best_ridge(kernel.features(x), target[rows], weight)
    return kernel._replace(ridge=ridge), least


def _best_ridge(features: Tensor, y: Tensor, weight: Tensor) -> tuple[float, float]:
    """Ridge a row of the smallest error of rows left out, and that error over the variance."""
    weight = (weight / weight.mean()).unsqueeze(1)
    mean = (weight * y).mean(0)
    y = y - mean
    variance, axes = torch.linalg.eigh(features.T @ (weight * features))
    scores = features @ axes
    moments = scores.T @ (weight * y)
    total = (weight * y**2).mean(0).clamp_min(1e-12)
    best, least = 0.0, torch.inf
    for ridge in _RIDGES * len(y):
        shrink = (1 / (variance + ridge)).unsqueeze(1)
        known = (weight * (scores**2 @ shrink)).clamp_max(1 - 1e-6)
        error = ((weight * ((y - scores @ (shrink * moments)) / (1 - known)) ** 2).mean(0) / total).mean()
        if error < least:
            best, least = float(ridge) / len(y), float(error)
    return best, least


def _regress(features: Tensor, y: Tensor, weight: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Coefficients, (n_functions, n_targets), and predictions of each part of the rows from the others."""
    weight = (weight / weight.mean()).unsqueeze(1)
    parts = torch.arange(len(y)).tensor_split(PARTS)
    weighted = weight * features
    grams = [features[rows].T @ weighted[rows] for rows in parts]
    moments = [weighted[rows].T @ y[rows] for rows in parts]
    gram, moment = torch.stack(grams).sum(0), torch.stack(moments).sum(0)
    eye = torch.eye(features.shape[1], dtype=features.dtype)

    def solve(gram: Tensor, moment: Tensor, n: int) -> Tensor:
        root = torch.linalg.cholesky(gram + ridge * n * eye)
        return torch.cholesky_solve(moment, root)

    predictions = [
        features[rows] @ solve(gram - g, moment - m, len(y) - len(rows))
        for rows, g, m in zip(parts, grams, moments, strict=True)
    ]
    return solve(gram, moment, len(y)), torch.cat(predictions)
