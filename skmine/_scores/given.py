"""Residuals of functions of some columns after regression on other columns, Z.

Suppose that X and y are independent given Z. Then, with Z fixed, the residuals of X (from regressions that do
not see y) and those of y (from regressions that do not see X) are independent. The mean of their products is
zero if one of the regressions is unbiased, even if both overfit. Therefore the regressions are rich, and no
rows are held out.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import eval_legendre, ndtri
from scipy.stats import rankdata

from skmine._columns import Column
from skmine._validation import effective_samples

#: Cosines of the rank of a column of Z; they enter with the weight k ** -_SMOOTHNESS.
_COSINES, _SMOOTHNESS = 32, 1.5
#: Maximum number of functions of single columns, and of landmarks of the kernel of all columns.
_SINGLE, _LANDMARKS = 150, 150
#: Number of rows that choose among kernels, and maximum number of levels of a category with an indicator.
_CHOOSING_ROWS, _LEVELS = 2000, 32
#: Number of rows beyond which the regressions remove less than 3 % of the variance of residuals.
_ROWS_THAT_SHOW_LOSS = 20_000
#: Widths of the kernel in root mean square distances, and its weight relative to the functions of single
#: columns.
_WIDTHS, _JOINT = (0.25, 0.6, 1.5), 0.3
#: Weight of functions that should not be shrunk; maximum number of them as a share of the effective rows.
_FREE, _FREE_SHARE = 100.0, 0.1
#: Smallest scale of a column of Z that shows no dependence.
_FAINT = 0.05
#: If at most this share of the variance remains at the smallest ridge, the block is a function of Z.
_NOTHING = 1e-7
_RIDGES = np.logspace(-7, 1, 17)


class Residuals(NamedTuple):
    """Residuals of functions of a block, and the smoother that they come from.

    Attributes
    ----------
    values : ndarray of shape (n, n_functions)
        Residuals, times the root of the rows' weights.
    weight : ndarray of shape (n,)
        Weights of the rows, with mean 1.
    axes : ndarray of shape (n, n_axes)
        Orthonormal functions of Z, times the root of the weights.
    shrinkage : ndarray of shape (n_axes, n_functions)
        Share of each function along each axis that is predicted.
    """

    values: np.ndarray
    weight: np.ndarray
    axes: np.ndarray
    shrinkage: np.ndarray

    def inflation(self, other: "Residuals") -> float:
        """Factor by which squared products of residuals underestimate the variance of their sum.

        The residuals are A x and B y, with A and B symmetric. If x and y have equal variance in all rows,
        times the weights W of the rows, the covariances of the residuals are A W A and B W B. The sum of the
        products has the variance tr(A W A B W B). The expected squared products add up to the sum of the
        products of the diagonals, which is smaller.
        """
        (axes, change), (other_axes, other_change) = self._removed(), other._removed()
        mixed = axes.T @ other_axes
        removed = (axes @ change * axes).sum(axis=1)
        other_removed = (other_axes @ other_change * other_axes).sum(axis=1)
        variance = self.weight @ (self.weight - removed - other_removed)
        variance += ((change @ mixed) * (mixed @ other_change)).sum()
        expected = (self.weight - removed) @ (self.weight - other_removed)
        return float(variance / max(expected, 1e-12))

    def _removed(self) -> tuple[np.ndarray, np.ndarray]:
        """F and M of the covariance A W A = W - F M F^T, a mean over the functions by their variance."""
        size = (self.values**2).mean(axis=0)
        size = size / max(size.sum(), 1e-12)
        mean = self.shrinkage @ size
        if not np.ptp(self.weight):
            return self.axes, np.diag(2 * mean - self.shrinkage**2 @ size)
        heavy = self.weight[:, None] * self.axes
        both = (self.axes.T @ heavy) * (self.shrinkage * size @ self.shrinkage.T)
        return np.hstack([self.axes, heavy]), np.block([[-both, np.diag(mean)], [np.diag(mean), 0 * both]])


def rank_functions(column: Column, discrete: bool, degree: int) -> np.ndarray:
    """Centred functions of a column: polynomials of its ranks over their degree, or indicators of levels.

    Parameters
    ----------
    column : Column
        Values; a missing value counts as a level.
    discrete : bool
        Whether to treat numbers as labels.
    degree : int
        Maximum degree.

    Returns
    -------
    ndarray of shape (n, n_functions)
        Functions; with variance 1 if the degree is 1. A constant column has none.
    """
    if discrete or column.categorical:
        raw, order = indicators(column), None
    else:
        rank, present = _ranks(column)
        degree = min(degree, len(np.unique(rank[present])) - 1)
        order = np.arange(1, degree + 1)
        raw = eval_legendre(order, 2 * rank[:, None] - 1) * present[:, None]
        if not present.all():
            raw, order = np.column_stack([~present, raw]), np.append(1, order)
    n = len(raw)
    basis, triangle = np.linalg.qr(np.column_stack([np.ones(n), raw]))
    size = np.abs(np.diag(triangle))[1:]
    kept = size > 1e-6 * np.sqrt(n)
    functions = basis[:, 1:][:, kept] * np.sqrt(n)
    return functions if order is None else functions / order[kept]


def indicators(column: Column) -> np.ndarray:
    """Indicators of the most frequent levels, divided by the root of their shares, (n, n_levels)."""
    values = np.where(column.missing, "", column.values.astype(str)) if column.categorical else column.values
    counts, inverse = np.unique(values, return_counts=True, return_inverse=True)[:0:-1]
    common = np.argsort(-counts, kind="stable")[:_LEVELS]
    return (inverse.reshape(-1, 1) == common) / np.sqrt(counts[common] / len(values))


def _ranks(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Middle ranks in (0, 1), 0.5 for missing values, and a mask of the values that are present."""
    present = ~column.missing
    rank = np.full(len(present), 0.5)
    if present.any():
        rank[present] = (rankdata(column.values[present]) - 0.5) / present.sum()
    return rank, present


class _Part(NamedTuple):
    """Scores of a column, and functions with their orders and the indices of their scores."""

    scores: np.ndarray
    waves: np.ndarray
    order: np.ndarray
    owner: np.ndarray


class Given:
    """Functions of the columns of Z.

    Parameters
    ----------
    columns : list of Column
        Columns of Z.
    weight : ndarray of shape (n,)
        Weights of the rows, with mean 1.
    rng : Generator
        Generator that chooses landmarks.

    Attributes
    ----------
    scores : ndarray of shape (n, n_scores)
        Normal scores of numbers and indicators of levels, of variance 1.
    """

    def __init__(self, columns: list[Column], weight: np.ndarray, rng: np.random.Generator):
        n = len(weight)
        self.weight, self.root = weight, np.sqrt(weight)[:, None]
        columns = [column for column in columns if len(rank_functions(column, column.categorical, 1).T)]
        parts = [part for column in columns for part in _parts(column)] or [_of_levels(np.empty((n, 0)))]
        self.scores = _standard(np.hstack([part.scores for part in parts]))
        self._waves = np.hstack([part.waves for part in parts])
        self._order = np.hstack([part.order for part in parts])
        before = np.cumsum([0, *(part.scores.shape[1] for part in parts)])
        self._owner = np.hstack([part.owner + k for part, k in zip(parts, before[:-1], strict=True)])
        free = [_drawn_in(column) for column in columns if not column.categorical]
        few = 0 < len(free) <= _FREE_SHARE * effective_samples(weight)
        self._free = _FREE * _standard(np.hstack(free)) if few else np.empty((n, 0))
        self._landmarks = rng.permutation(n)[: min(_LANDMARKS, max(n // 3, 2))]
        self._choosing = rng.permutation(n)[:_CHOOSING_ROWS]

    def residuals(self, functions: np.ndarray) -> Residuals:
        """Residuals of functions of a block, by ridge regressions on functions of Z.

        Functions of single columns of Z are combined with a Gaussian kernel of all columns. Generalised
        cross-validation chooses the kernel's width, and whether columns that show no dependence are scaled
        down. The prediction of the first function is then added as one more column of Z: if the block is a
        function of Z plus noise, all its functions depend on Z through this column.

        Parameters
        ----------
        functions : ndarray of shape (n, n_functions)
            Centred functions of the block.

        Returns
        -------
        Residuals
        """
        target = self.root * functions
        if not self.scores.shape[1]:
            axes = self.root / np.sqrt(len(target))
            shrinkage = np.ones((1, target.shape[1]))
            return Residuals(target - axes @ (axes.T @ target), self.weight, axes, shrinkage)
        rows = self._choosing
        scales = [np.ones(self.scores.shape[1])]
        if len(scales[0]) > 1:
            scales.append(self._relevance(functions[rows], rows))
        choices = [(scale, width) for scale in scales for width in (None, *_WIDTHS)]
        errors = [
            _Ridge.fit(_Moments.of(self._functions(*choice, rows), target[rows]), self.weight[rows]).error
            for choice in choices
        ]
        moments = _Moments.of(self._functions(*choices[int(np.argmin(errors))], slice(None)), target)
        ridge = _Ridge.fit(moments, self.weight)
        prediction = moments.functions @ ridge.coefficients[:, 0] / self.root[:, 0]
        rank = (rankdata(prediction) - 0.5) / len(prediction)
        number = np.arange(1, 9)
        further = moments.beside(
            self.root * _unit(np.cos(np.pi * rank[:, None] * number) / number**_SMOOTHNESS)
        )
        improved = _Ridge.fit(further, self.weight)
        if improved.error < ridge.error:
            moments, ridge = further, improved
        values = target - moments.functions @ ridge.coefficients
        values[:, (values**2).mean(axis=0) <= _NOTHING * (target**2).mean(axis=0)] = 0.0
        few = effective_samples(self.weight) <= _ROWS_THAT_SHOW_LOSS
        axes = moments.functions @ ridge.axes if few else np.empty((len(values), 0))
        return Residuals(values, self.weight, axes, ridge.shrinkage[: axes.shape[1]])

    def _functions(self, scale: np.ndarray, width: float | None, rows) -> np.ndarray:
        """A constant, functions of single columns and of all columns, times the root of the weights."""
        size = scale[self._owner] / self._order**_SMOOTHNESS
        kept = np.argsort(-size, kind="stable")[: min(_SINGLE, max(len(self.scores) // 2, 1))]
        waves = _unit(self._waves[rows][:, kept] * size[kept])
        parts = [np.full((len(waves), 1), 10 * _FREE), self._free[rows], waves]
        if width is not None:
            points = self.scores * scale
            spread = 2 * width**2 * max(2 * points.var(axis=0).sum(), 1e-12)
            landmarks = points[self._landmarks]
            variance, axes = np.linalg.eigh(np.exp(-cdist(landmarks, landmarks, "sqeuclidean") / spread))
            kept = variance > 1e-8 * variance[-1]
            kernel = np.exp(-cdist(points[rows], landmarks, "sqeuclidean") / spread)
            parts.append(_JOINT * _unit(kernel @ (axes[:, kept] / np.sqrt(variance[kept]))))
        return self.root[rows] * np.hstack(parts)

    def _relevance(self, functions: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Scale of each column of Z: the root of its largest excess of squared correlations over chance."""
        slow = self._order <= 8
        waves, owner = _standard(self._waves[rows][:, slow]), self._owner[slow]
        size = np.maximum((functions**2).mean(axis=0), 1e-12)
        squared = (waves.T @ (functions - functions.mean(axis=0)) / len(rows)) ** 2 / size
        of_scores = [np.bincount(owner, column, self.scores.shape[1]) for column in squared.T]
        total = np.max(of_scores, axis=0)
        excess = np.maximum(len(rows) * total / np.maximum(np.bincount(owner), 1) - 1, 0.0)
        return np.maximum(np.sqrt(excess / max(excess.max(), 1e-12)), _FAINT)


def _parts(column: Column) -> list[_Part]:
    """Levels; or normal scores and cosines of ranks, and an indicator of missing values."""
    if column.categorical:
        return [_of_levels(indicators(column))]
    rank, present = _ranks(column)
    number = np.arange(1, max(min(_COSINES, len(np.unique(rank[present])) - 1), 1) + 1)
    waves = np.sqrt(2) * np.cos(np.pi * rank[:, None] * number) * present[:, None]
    part = _Part(ndtri(rank)[:, None], waves, number, np.zeros(len(number), dtype=int))
    return [part] if present.all() else [part, _of_levels(~present[:, None] * 1.0)]


def _of_levels(levels: np.ndarray) -> _Part:
    number = np.arange(levels.shape[1])
    return _Part(levels, levels, np.ones(len(number)), number)


def _drawn_in(column: Column) -> np.ndarray:
    """Numbers in their own units: linear up to four spreads from the median, then logarithmic."""
    values = np.where(column.missing, np.nan, column.values)
    if column.missing.all():
        return np.zeros((len(values), 1))
    low, median, high = np.nanquantile(values, [0.25, 0.5, 0.75])
    spread = (high - low) / 1.349 or np.nanmean(np.abs(values - median)) or 1.0
    return np.nan_to_num(4 * np.arcsinh((values - median) / spread / 4))[:, None]


def _standard(values: np.ndarray) -> np.ndarray:
    values = values - values.mean(axis=0)
    return values / np.maximum(np.sqrt((values**2).mean(axis=0)), 1e-12)


def _unit(values: np.ndarray) -> np.ndarray:
    """Centred, of mean square length 1."""
    values = values - values.mean(axis=0)
    return values / np.sqrt(max((values**2).sum() / len(values), 1e-12))


class _Moments(NamedTuple):
    """Functions, (n, n_functions), and mean products with one another and with n_targets targets."""

    functions: np.ndarray
    gram: np.ndarray
    targets: np.ndarray
    cross: np.ndarray

    @classmethod
    def of(cls, functions: np.ndarray, targets: np.ndarray) -> "_Moments":
        n = len(targets)
        return cls(functions, functions.T @ functions / n, targets, functions.T @ targets / n)

    def beside(self, more: np.ndarray) -> "_Moments":
        """The moments with further functions."""
        n = len(more)
        mixed = self.functions.T @ more / n
        return _Moments(
            np.hstack([self.functions, more]),
            np.block([[self.gram, mixed], [mixed.T, more.T @ more / n]]),
            self.targets,
            np.vstack([self.cross, more.T @ self.targets / n]),
        )


class _Ridge(NamedTuple):
    """Ridge regressions, each with the ridge of the smallest generalised cross-validation error.

    Attributes
    ----------
    error : float
        Sum of the errors of the targets.
    coefficients : ndarray of shape (n_functions, n_targets)
        Coefficients of the functions, one column per target.
    axes : ndarray of shape (n_functions, n_axes)
        Combinations of the functions that are orthonormal over the rows.
    shrinkage : ndarray of shape (n_axes, n_targets)
        Share of the target along each axis that is predicted.
    """

    error: float
    coefficients: np.ndarray
    axes: np.ndarray
    shrinkage: np.ndarray

    @classmethod
    def fit(cls, moments: _Moments, weight: np.ndarray) -> "_Ridge":
        """Fit functions and targets that hold the root of the rows' weights."""
        n = len(moments.targets)
        variance, axes = np.linalg.eigh(moments.gram)
        kept = variance > 1e-13 * variance[-1]
        variance = variance[kept]
        axes = axes[:, kept] / np.sqrt(variance)
        along = axes.T @ moments.cross
        shrinkage = variance / (variance + _RIDGES[:, None])
        # The variance of a row's noise is its weight: an axis that few heavy rows determine fits more of it.
        noise = np.ones(len(variance))
        if np.ptp(weight):
            noise = weight @ (moments.functions @ axes) ** 2 / weight.sum()
        freedom = np.maximum(1 - shrinkage @ noise / n, 1e-3)
        left = (moments.targets**2).mean(axis=0) - (along**2).sum(axis=0) + (1 - shrinkage) ** 2 @ along**2
        error = left / freedom[:, None] ** 2
        chosen = shrinkage[error.argmin(axis=0)].T
        return cls(float(error.min(axis=0).sum()), axes @ (chosen * along), axes / np.sqrt(n), chosen)
