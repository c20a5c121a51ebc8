"""Residuals of functions of some columns after regression on other columns, Z.

Suppose that X and y are independent given Z. Then, with Z fixed, the residuals of X (from regressions that do
not see y) and those of y (from regressions that do not see X) are independent. The mean of their products is
zero if one of the regressions is unbiased, even if both overfit. Therefore the regressions are rich, and no
rows are held out.
"""

import math
from copy import copy
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import ndtri
from scipy.stats import rankdata

from skmine._columns import Column
from skmine._scores.levels import compared_within, indicators, levels_differ, ranks
from skmine._scores.ridge import Ridge, Span, Within, unit
from skmine._validation import effective_samples

#: Cosines of the rank of a column of Z; they enter with the weight k ** -_SMOOTHNESS.
_COSINES, _SMOOTHNESS = 32, 1.5
#: Maximum number of functions of single columns, and of landmarks of the kernel of all columns.
_SINGLE, _LANDMARKS = 150, 150
#: Number of rows that choose among kernels.
_CHOOSING_ROWS = 2000
#: Number of rows beyond which the regressions remove less than 3 % of the variance of residuals.
_ROWS_THAT_SHOW_LOSS = 20_000
#: Widths of the kernel in root mean square distances, and its weight relative to the functions of single
#: columns.
_WIDTHS, _JOINT = (0.25, 0.6, 1.5), 0.3
#: Weight of functions that should not be shrunk; maximum number of them as a share of the effective rows.
_FREE, _FREE_SHARE = 100.0, 0.1
#: Smallest scale of a column of Z that shows no dependence, and the cosines that may show it.
_FAINT, _SLOW = 0.05, 8
#: If at most this share of the variance remains at the smallest ridge, the block is a function of Z.
_NOTHING = 1e-7
#: Numbers are levels too if each of them has this many rows on average; the second number is for residuals
#: that differ between the numbers.
_ROWS_A_NUMBER, _FEWEST_ROWS_A_NUMBER = 10, 2
#: Rows whose functions are computed together.
_ROWS = 2**12


class Residuals(NamedTuple):
    """Residuals of functions of a block, and the smoother that they come from.

    Attributes
    ----------
    values : ndarray of shape (n, n_functions)
        Residuals, times the root of the rows' weights.
    within : Within
        Levels within which rows are compared.
    axes : ndarray of shape (n, n_axes)
        Orthonormal functions of Z, times the root of the weights, without their means in each level.
    shrinkage : ndarray of shape (n_axes, n_functions)
        Share of each function along each axis that is predicted.
    """

    values: np.ndarray
    within: Within
    axes: np.ndarray
    shrinkage: np.ndarray

    def inflation(self, other: "Residuals") -> float:
        """Factor by which squared products of residuals underestimate the variance of their sum.

        The residuals are A x and B y, with A and B symmetric. If x and y have equal variance in all rows,
        times the weights W of the rows, the covariances of the residuals are A W A and B W B. The sum of the
        products has the variance tr(A W A B W B). The expected squared products add up to the sum of the
        products of the diagonals, which is smaller.
        """
        variance, diagonals, removed = self.within.squares, [], []
        for side in (self, other):
            axes, change = side._removed()
            changed = axes @ change
            variance -= (changed * self.within.spread(axes)).sum()
            diagonals.append(self.within.diagonal - (changed * axes).sum(axis=1))
            removed.append((axes, change))
        (axes, change), (other_axes, other_change) = removed
        mixed = axes.T @ other_axes
        variance += ((change @ mixed) * (mixed @ other_change)).sum()
        return float(variance / max(diagonals[0] @ diagonals[1], 1e-12))

    def _removed(self) -> tuple[np.ndarray, np.ndarray]:
        """F and M of A W A = C - F M F^T, averaged over functions by variance; C as in :class:`Within`."""
        size = (self.values**2).mean(axis=0)
        size = size / max(size.sum(), 1e-12)
        mean = self.shrinkage @ size
        if not np.ptp(self.within.weight):
            return self.axes, np.diag(2 * mean - self.shrinkage**2 @ size)
        heavy = self.within.spread(self.axes)
        both = (self.axes.T @ heavy) * (self.shrinkage * size @ self.shrinkage.T)
        return np.hstack([self.axes, heavy]), np.block([[-both, np.diag(mean)], [np.diag(mean), 0 * both]])


class _Part(NamedTuple):
    """A column of Z: its scores, its ranks if numeric (NaN if missing), and its number of functions."""

    scores: np.ndarray
    rank: np.ndarray | None
    n_functions: int

    def functions(self, rows, which: np.ndarray) -> np.ndarray:
        """Indicators of levels, or cosines of the rank: ``which + 1`` half waves, 0 for missing values."""
        if self.rank is None:
            return self.scores[rows][:, which]
        rank = self.rank[rows, None]
        waves = np.sqrt(2) * np.cos(np.pi * rank * (which + 1))
        waves[np.isnan(rank[:, 0])] = 0.0
        return waves


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
    rows_a_number : int, default=10
        Average number of rows from which numbers are levels too.

    Attributes
    ----------
    scores : ndarray of shape (n, n_scores)
        Normal scores of numbers and indicators of levels, of variance 1.
    """

    def __init__(
        self,
        columns: list[Column],
        weight: np.ndarray,
        rng: np.random.Generator,
        rows_a_number: int = _ROWS_A_NUMBER,
    ):
        n = len(weight)
        self.root = np.sqrt(weight)[:, None]
        columns = [column for column in columns if not _is_constant(column)]
        self.codes = codes = compared_within(columns, n, rows_a_number)
        self.within = Within(codes, weight)
        self.parts = [part for column in columns for part in _parts(column)]
        self.scores = _standard(np.hstack([np.empty((n, 0)), *(part.scores for part in self.parts)]))
        free = [_drawn_in(column) for column in columns if not column.categorical]
        few = 0 < len(free) <= _FREE_SHARE * effective_samples(weight)
        self.free = _FREE * _standard(np.hstack(free)) if few else np.empty((n, 0))
        self.landmarks = rng.permutation(n)[: min(_LANDMARKS, max(n // 3, 2))]
        choosing = rng.permutation(n)
        self._all_choose = n <= _CHOOSING_ROWS
        self.choosing = slice(None) if self._all_choose else choosing[:_CHOOSING_ROWS]
        chosen = np.unique(codes[self.choosing], return_inverse=True)[1]
        self._within_choosing = Within(chosen, weight[self.choosing])
        if self.parts:
            self._owner, self._order = _owners(self.parts)
            self._slow = _standard(self.waves(self.choosing, np.flatnonzero(self._order <= _SLOW)))
            self._even = self._candidates(np.ones(self.scores.shape[1]))

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
        weighted = self.root * functions
        target = self.within(weighted)
        if not self.parts:
            return self._residuals(target, target, np.empty((len(target), 0)), np.empty((0, target.shape[1])))
        candidates = self._even
        if self.scores.shape[1] > 1:
            candidates = candidates + self._candidates(self._relevance(functions[self.choosing]))
        some = self._within_choosing(weighted[self.choosing])
        ridges = [Ridge.fit(span, some) for _, span in candidates]
        chosen = int(np.argmin([ridge.error for ridge in ridges]))
        (basis, span), ridge = candidates[chosen], ridges[chosen]
        if not self._all_choose:
            span = Span.of(basis.all_rows(), self.within)
            ridge = Ridge.fit(span, target)
        of_levels = weighted[:, 0] - target[:, 0]
        prediction = (of_levels + span.combine(ridge.coefficients[:, 0])) / self.root[:, 0]
        rank = (rankdata(prediction) - 0.5) / len(prediction)
        number = np.arange(1, 9)
        waves = unit(np.cos(np.pi * rank[:, None] * number) / number**_SMOOTHNESS)
        further = span.beside(self.root * waves)
        improved = Ridge.fit(further, target)
        if improved.error < ridge.error:
            span, ridge = further, improved
        few = effective_samples(self.within.weight) <= _ROWS_THAT_SHOW_LOSS
        axes = span.combine(span.axes) / np.sqrt(len(target)) if few else np.empty((len(target), 0))
        values = target - span.combine(ridge.coefficients)
        return self._residuals(values, weighted, axes, ridge.shrinkage[: axes.shape[1]])

    def _residuals(self, values, weighted, axes: np.ndarray, shrinkage: np.ndarray) -> Residuals:
        values[:, (values**2).mean(axis=0) <= _NOTHING * (weighted**2).mean(axis=0)] = 0.0
        return Residuals(values, self.within, axes, shrinkage)

    def waves(self, rows, kept: np.ndarray) -> np.ndarray:
        """Functions of single columns with the sorted indices `kept`, in some rows."""
        starts = np.cumsum([0, *(part.n_functions for part in self.parts)])
        ends = np.searchsorted(kept, starts)
        return np.hstack(
            [
                part.functions(rows, kept[low:high] - start)
                for part, start, low, high in zip(self.parts, starts[:-1], ends[:-1], ends[1:], strict=True)
                if low < high
            ]
        )

    def _candidates(self, scale: np.ndarray) -> list[tuple["_Basis", Span]]:
        """Bases without a kernel and with kernels of each width, and their span in some rows."""
        size = scale[self._owner] / self._order**_SMOOTHNESS
        most = min(_SINGLE, max(len(self.scores) // 2, 1))
        kept = np.sort(np.argsort(-size, kind="stable")[:most])
        bases = [_Basis(self, scale, size[kept], kept)]
        bases += [bases[0].with_kernel(width) for width in _WIDTHS]
        return [(basis, Span.of(basis.chosen(), self._within_choosing)) for basis in bases]

    def _relevance(self, functions: np.ndarray) -> np.ndarray:
        """Scale of each column of Z: the root of its largest excess of squared correlations over chance."""
        owner = self._owner[self._order <= _SLOW]
        n, size = len(functions), np.maximum((functions**2).mean(axis=0), 1e-12)
        squared = (self._slow.T @ (functions - functions.mean(axis=0)) / n) ** 2 / size
        of_scores = [np.bincount(owner, column, self.scores.shape[1]) for column in squared.T]
        total = np.max(of_scores, axis=0)
        excess = np.maximum(n * total / np.maximum(np.bincount(owner), 1) - 1, 0.0)
        return np.maximum(np.sqrt(excess / max(excess.max(), 1e-12)), _FAINT)


class _Basis:
    """Functions of single columns and a kernel of all columns, times the root of the weights.

    Parameters
    ----------
    given : Given
        Columns of Z.
    scale : ndarray of shape (n_scores,)
        Scale of each column in the kernel.
    size : ndarray of shape (n_waves,)
        Size of each function of single columns.
    kept : ndarray of shape (n_waves,)
        Sorted indices of the functions of single columns.
    """

    def __init__(self, given: Given, scale: np.ndarray, size: np.ndarray, kept: np.ndarray):
        self._given, self._kept, self._size = given, kept, size
        self._scale = scale / np.sqrt(max(2 * (scale**2).sum(), 1e-12))
        self._landmarks = given.scores[given.landmarks] * self._scale
        self._sources = self._waves_and_distances(given.choosing)
        self._spread, self._axes = math.inf, np.empty((len(self._landmarks), 0))
        self._normalise()

    def with_kernel(self, width: float) -> "_Basis":
        """The basis with a Gaussian kernel of this width, in root mean square distances."""
        basis = copy(self)
        basis._spread = 2 * width**2
        distances = cdist(self._landmarks, self._landmarks, "sqeuclidean")
        variance, axes = np.linalg.eigh(np.exp(-distances / basis._spread))
        kept = variance > 1e-8 * variance[-1]
        basis._axes = axes[:, kept] / np.sqrt(variance[kept])
        basis._normalise()
        return basis

    def chosen(self) -> np.ndarray:
        """Values in the rows that choose the kernel, (n_rows, n_functions)."""
        return self._values(self._given.choosing, self._sources)

    def all_rows(self) -> np.ndarray:
        """Values in all rows."""
        n = len(self._given.scores)
        values = np.empty((n, len(self._factor)))
        for start in range(0, n, _ROWS):
            rows = slice(start, start + _ROWS)
            values[rows] = self._values(rows, self._waves_and_distances(rows))
        return values

    def _waves_and_distances(self, rows) -> tuple[np.ndarray, np.ndarray]:
        points = self._given.scores[rows] * self._scale
        waves = self._given.waves(rows, self._kept) * self._size
        return waves, cdist(points, self._landmarks, "sqeuclidean")

    def _raw(self, rows, sources: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
        waves, distances = sources
        parts = [self._given.free[rows], waves]
        if self._axes.size:
            parts.append(np.exp(distances / -self._spread) @ self._axes)
        return parts

    def _values(self, rows, sources: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        values = np.hstack(self._raw(rows, sources))
        values -= self._centre
        values *= self._factor
        values *= self._given.root[rows]
        return values

    def _normalise(self) -> None:
        """Centre and scale each part, using the rows that choose the kernel."""
        parts = self._raw(self._given.choosing, self._sources)
        centre = [0 * parts[0][0], *(part.mean(axis=0) for part in parts[1:])]
        share = [1.0]
        for part, mean, weight in zip(parts[1:], centre[1:], (1.0, _JOINT), strict=False):
            share.append(weight / np.sqrt(max(((part - mean) ** 2).sum() / len(part), 1e-12)))
        self._centre = np.hstack(centre)
        self._factor = np.hstack([np.full(part.shape[1], s) for part, s in zip(parts, share, strict=True)])


def _owners(parts: list[_Part]) -> tuple[np.ndarray, np.ndarray]:
    """Index of the score of each function, and its order: the number of half waves, or 1 for indicators."""
    owners, orders, n_scores = [], [], 0
    for part in parts:
        number = np.arange(part.n_functions)
        owners.append(n_scores + (number if part.rank is None else 0 * number))
        orders.append(np.ones(len(number)) if part.rank is None else number + 1.0)
        n_scores += part.scores.shape[1]
    return np.hstack(owners), np.hstack(orders)


def regress_on(
    columns: list[Column], weight: np.ndarray, rng: np.random.Generator, sides: list[np.ndarray]
) -> tuple[Given, Residuals, Residuals]:
    """Functions of Z, and the residuals of two blocks of functions.

    Parameters
    ----------
    columns, weight, rng
        As for :class:`Given`.
    sides : list of two ndarrays of shape (n, n_functions)
        Functions of X and of y.

    Returns
    -------
    given : Given
    first, second : Residuals
    """
    given = Given(columns, weight, rng)
    first, second = (given.residuals(side) for side in sides)
    if not given.parts:
        return given, first, second
    codes = compared_within(columns, len(weight), _FEWEST_ROWS_A_NUMBER)
    if codes.max() > given.codes.max() and any(levels_differ(side.values, codes) for side in (first, second)):
        given = Given(columns, weight, rng, _FEWEST_ROWS_A_NUMBER)
        first, second = (given.residuals(side) for side in sides)
    return given, first, second


def _is_constant(column: Column) -> bool:
    missing = column.missing
    return bool(missing.all() or (not missing.any() and (column.values == column.values[0]).all()))


def _parts(column: Column) -> list[_Part]:
    """Levels; or normal scores and cosines of ranks, and an indicator of missing values."""
    if column.categorical:
        return [_of_levels(indicators(column))]
    rank, present = ranks(column)
    n_functions = max(min(_COSINES, len(np.unique(rank[present])) - 1), 1)
    part = _Part(ndtri(rank)[:, None], np.where(present, rank, np.nan), n_functions)
    return [part] if present.all() else [part, _of_levels(~present[:, None] * 1.0)]


def _of_levels(levels: np.ndarray) -> _Part:
    return _Part(levels, None, levels.shape[1])


def _drawn_in(column: Column) -> np.ndarray:
    """Numbers in their own units: linear up to four spreads from the median, then logarithmic."""
    values = np.where(column.missing, np.nan, column.values)
    low, median, high = np.nanquantile(values, [0.25, 0.5, 0.75])
    spread = (high - low) / 1.349 or np.nanmean(np.abs(values - median)) or 1.0
    return np.nan_to_num(4 * np.arcsinh((values - median) / spread / 4))[:, None]


def _standard(values: np.ndarray) -> np.ndarray:
    values = values - values.mean(axis=0)
    return values / np.maximum(np.sqrt((values**2).mean(axis=0)), 1e-12)
