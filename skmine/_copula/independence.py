"""Tests of independence from moments of orthonormal functions, without fitting or permutations."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, norm

from skmine._copula.margins import Margin
from skmine._copula.orthonormal import excess_scale

_BISECTIONS = 80
#: A variance over permutations below this share of its limit for many rows counts as rounding error.
_ALIKE = 1e-9
#: Polynomials are bounded, so that their mean products are nearly normal, also in the tails.
_HIGHEST_DEGREE = 6


def independence_pvalues(margins: list[Margin], target: Margin) -> np.ndarray:
    """P-values of the test that each column is independent of a target, see :func:`independence_laws`.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.

    Returns
    -------
    ndarray of shape (len(margins),)
        P-values; 1 for a constant column.
    """
    return pvalues_of(independence_laws(margins, target))


def independence_laws(margins: list[Margin], target: Margin) -> list["BlockLaw"]:
    """Statistics of the test that each column is independent of a target, and their distributions.

    The statistic is ``(n - 1) sum_ab c_ab^2 / (a b)``. Here ``c_ab`` is the mean product of two orthonormal
    polynomials: one of degree a in the rank of the column, the other of degree b in the rank of the target.
    Indicators of levels count as degree 1. For two discrete columns, it is Pearson's statistic.

    Under independence and over permutations of the rows, the products are uncorrelated, with mean zero and
    variance ``1 / (n - 1)``. For large n, the statistic is therefore a weighted sum of squared normals. Its
    variance over permutations is computed exactly, because rare levels make it much larger.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.

    Returns
    -------
    list of BlockLaw
        One for each column.
    """
    n = len(target)
    functions, order = target.polynomials(_HIGHEST_DEGREE)
    n_cells = len(target.mass)
    own_sums = _permutation_sums(functions, order, target.mass * n)
    laws = []
    for margin in margins:
        others, other_order = margin.polynomials(_HIGHEST_DEGREE)
        cell = margin.codes.astype(np.intp) * n_cells + target.codes
        counts = np.bincount(cell, target.times, len(margin.mass) * n_cells).reshape(-1, n_cells)
        moments = others.T @ counts @ functions / n
        weights = 1 / np.outer(other_order, order)
        statistic = (n - 1) * float((weights * moments**2).sum())
        sums = _permutation_sums(others, other_order, margin.mass * n)
        spread = _spread(np.stack([sums, own_sums]), weights.ravel(), n)
        laws.append(BlockLaw(statistic, weights.ravel() if spread else np.empty(0), spread or 1.0))
    return laws


def pvalues_of(laws: list["BlockLaw"]) -> np.ndarray:
    """Probabilities of at least these statistics under independence, shape (n_laws,)."""
    alike: dict = {}
    for j, law in enumerate(laws):
        alike.setdefault(law.weights.tobytes(), []).append(j)
    pvalues = np.ones(len(laws))
    for which in alike.values():
        if len(weights := laws[which[0]].weights):
            statistic, spread = np.array([(laws[j].statistic, laws[j].spread) for j in which]).T
            pvalues[which] = weighted_chi2_sf(statistic, weights, spread)
    return pvalues


def _permutation_sums(functions: np.ndarray, order: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Three sums over the rows of orthonormal functions, each divided by the root of its order.

    The sums are the trace and the squared entries of the matrix of products, and the squares of the squared
    lengths of the rows. `counts` is the number of rows in each cell.
    """
    n = counts.sum()
    lengths = (functions**2 / order).sum(axis=1)
    return np.array([n * (1 / order).sum(), n**2 * (1 / order**2).sum(), counts @ lengths**2])


def _spread(sums: np.ndarray, weights: np.ndarray, n: int) -> float:
    """Standard deviation over permutations, relative to that of the weighted sum of squared normals.

    `sums` are the sums of the two blocks; see :func:`_permutation_sums`. 0 if all permutations give the same
    value.
    """
    if n <= 3 or not len(weights):
        return 1.0
    trace, square, lengths = sums.T
    variance = _permutation_variance(trace, square, lengths, n)
    ratio = variance / (2 * (weights**2).sum())
    return float(np.sqrt(ratio)) if ratio > _ALIKE else 0.0


def weighted_chi2_sf(statistic, weights: np.ndarray, spread=1.0) -> np.ndarray:
    """Probability that ``sum_i weights_i G_i`` exceeds a statistic.

    The G are gamma variables with mean 1 and standard deviation ``spread * 2**0.5``. With spread 1 they are
    squared normals.

    Parameters
    ----------
    statistic : float or ndarray of shape (m,)
        The values.
    weights : ndarray of shape (k,)
        Positive weights.
    spread : float or ndarray of shape (m,), default=1.0
        Positive.

    Returns
    -------
    float or ndarray of shape (m,)
        Exact if all weights are equal. Otherwise a saddle-point approximation with an error of a few percent,
        also far in the tail.

    References
    ----------
    Lugannani and Rice (1980); Kuonen (1999), Saddlepoint approximations for distributions of quadratic
    forms in normal variables, Biometrika, eq. 4.
    """
    statistic, scale = np.broadcast_arrays(np.asarray(statistic, dtype=np.float64), np.square(spread))
    if np.ptp(weights) <= 1e-12 * weights[0]:
        return chi2.sf(statistic / weights[0] / scale, len(weights) / scale)
    mean = weights.sum()
    # The formula is 0 / 0 at the mean. There, average its values on both sides.
    near = np.abs(statistic - mean) < 1e-4 * mean
    sides = [np.where(near, mean * factor, statistic) for factor in (1 - 2e-4, 1 + 2e-4)]
    probability = np.mean(
        [_saddle_point_sf(np.maximum(side, 1e-12 * mean), weights, scale) for side in sides], axis=0
    )
    return np.where(statistic <= 0, 1.0, probability)


def weighted_chi2_isf(probability: float, weights: np.ndarray, spread: float = 1.0) -> float:
    """Statistic that the sum of :func:`weighted_chi2_sf` exceeds with a probability.

    Parameters
    ----------
    probability : float
        At most 0.2.
    weights : ndarray of shape (k,)
        Positive weights.
    spread : float, default=1.0
        Positive.

    Returns
    -------
    float
    """
    scale = np.square(spread)
    if np.ptp(weights) <= 1e-12 * weights[0]:
        return float(chi2.isf(probability, len(weights) / scale) * weights[0] * scale)
    largest = 1 / (2 * weights.max())

    def statistic(share: float) -> np.ndarray:
        return (weights / (1 - 2 * weights * share * largest)).sum()

    def surplus(share: float) -> float:
        return float(_tail(np.array(share * largest), statistic(share), weights, scale)) - probability

    return float(statistic(brentq(surplus, 1e-3, 1 - 1e-12)))


def _saddle_point_sf(statistic: np.ndarray, weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    # A weight w is that of a chi-square of 1 / scale degrees of freedom, times scale. In units of t * scale,
    # K'(t) = sum w / (1 - 2 w t) rises from 0 at minus infinity to infinity at 1 / (2 max w).
    low, high = -len(weights) / (2 * statistic), np.full_like(statistic, 1 / (2 * weights.max()))
    for _ in range(_BISECTIONS):
        point = (low + high) / 2
        above = (weights / (1 - 2 * weights * point[..., None])).sum(axis=-1) > statistic
        low, high = np.where(above, low, point), np.where(above, point, high)
    return _tail(point, statistic, weights, scale)


def _tail(point: np.ndarray, statistic: np.ndarray, weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Probability that the sum exceeds a statistic, given its saddle point times the scale."""
    remainder = 1 - 2 * weights * point[..., None]
    generating = -0.5 * np.log(remainder).sum(axis=-1) / scale
    curvature = 2 * ((weights / remainder) ** 2).sum(axis=-1) * scale
    point = point / scale
    root = np.sign(point) * np.sqrt(np.maximum(2 * (point * statistic - generating), 0.0))
    shift = point * np.sqrt(curvature)
    return np.clip(norm.sf(root + np.log(shift / root) / root), 0.0, 1.0)


#: Test of blocks: maximum number of functions of a block, in total and per row, and degrees to try in turn.
_MOST_FUNCTIONS, _FUNCTIONS_A_ROW = 600, 0.12
_DEGREES, _PRODUCT_DEGREES = (6, 4, 2, 1), (4, 2, 1)
#: Rows whose functions are in memory at a time.
_ROWS = 2**13


class BlockLaw(NamedTuple):
    """A statistic of two blocks, and its distribution under independence.

    Attributes
    ----------
    statistic : float
        Sum of the squared mean products of their functions, times n - 1.
    weights : ndarray of shape (k,)
        For large n, the statistic is a sum of squared normals with these weights. Empty if a block is
        constant.
    spread : float
        Standard deviation over permutations of the rows, relative to that of this sum.
    """

    statistic: float
    weights: np.ndarray
    spread: float

    def pvalue(self) -> float:
        """Probability of at least this statistic under independence."""
        if not len(self.weights):
            return 1.0
        return float(weighted_chi2_sf(self.statistic, self.weights, self.spread))


def block_law(first: list[Margin], second: list[Margin]) -> BlockLaw:
    """Statistic for the independence of two blocks of columns, and its distribution.

    Parameters
    ----------
    first, second : list of Margin
        Columns of the same rows.

    Returns
    -------
    BlockLaw
    """
    n = len(first[0])
    sides = BlockFunctions(first, n), BlockFunctions(second, n)
    blocks = [
        [[m.codes[start : start + _ROWS] for m in margins] for margins in (first, second)]
        for start in range(0, n, _ROWS)
    ]
    for number, side in enumerate(sides):
        side.standardise(np.add.reduce([side.product_sums(codes[number]) for codes in blocks]) / n)
    sums = moment_sums(*sides, *blocks[0])
    for codes in blocks[1:]:
        for total, part in zip(sums, moment_sums(*sides, *codes), strict=True):
            total += part
    return law_of_sums(sums, n)


def moment_sums(left: "BlockFunctions", right: "BlockFunctions", codes, other_codes) -> list[np.ndarray]:
    """Sums over some rows, for :func:`law_of_sums`.

    Parameters
    ----------
    left, right : BlockFunctions
        Functions of the two blocks.
    codes, other_codes : list of ndarray of shape (n_rows,)
        Cells of the columns of the two blocks.

    Returns
    -------
    list of ndarray
        Products of the functions of both blocks, products within each block, and the squares of the squared
        lengths of the rows.
    """
    one, other = left.values(codes), right.values(other_codes)
    lengths = [((side**2).sum(axis=1) ** 2).sum() for side in (one, other)]
    return [one.T @ other, one.T @ one, other.T @ other, np.array(lengths)]


def law_of_sums(sums: list[np.ndarray], n: int) -> BlockLaw:
    """Statistic and distribution from the sums over all rows.

    Parameters
    ----------
    sums : list of ndarray
        See :func:`moment_sums`.
    n : int
        Number of rows.

    Returns
    -------
    BlockLaw
    """
    products, left, right, lengths = sums
    if not products.size:
        return BlockLaw(0.0, np.empty(0), 1.0)
    statistic = (n - 1) * float(((products / n) ** 2).sum())
    scales = [np.linalg.eigvalsh(side / n) for side in (left, right)]
    weights = np.outer(*(scale[scale > 1e-9 * scale.max()] for scale in scales)).ravel()
    # The statistic over permutations has the mean of the weighted chi-square. Its variance is larger if the
    # functions of a block are large in a few rows.
    of_sides = [
        [np.trace(side), (side**2).sum(), total] for side, total in zip((left, right), lengths, strict=True)
    ]
    spread = _spread(np.array(of_sides), weights, n)
    if not spread:  # few rows: all permutations give the same value
        return BlockLaw(statistic, np.empty(0), 1.0)
    return BlockLaw(statistic, weights, spread)


def _permutation_variance(trace: np.ndarray, square: np.ndarray, lengths: np.ndarray, n: int) -> float:
    """Variance of the statistic over all permutations of the rows, for two blocks of centred functions.

    The arguments are the sums of both blocks, from :func:`_permutation_sums`.

    References
    ----------
    Kazi-Aoual, Hitier, Sabatier and Lebreton (1995), Refined approximations to permutation tests for
    multivariate inference, Computational Statistics and Data Analysis.
    """
    spread = np.prod((n - 1) * square - trace**2)
    kurtosis = np.prod(n * (n + 1) * lengths - (n - 1) * (trace**2 + 2 * square))
    variance = 2 * spread / ((n - 1) ** 2 * (n + 1) * (n - 2))
    variance += kurtosis / ((n + 1) * n * (n - 1) * (n - 2) * (n - 3))
    return variance * (n - 1) ** 2 / n**4


class BlockFunctions:
    """Functions of the rows of a block of columns, scaled by the root of their weights.

    They are functions of each column and, if that does not make too many, centred products for pairs of
    columns, whose variances are limited (:func:`excess_scale`).

    Parameters
    ----------
    margins : list of Margin
        Columns.
    n : int
        Number of rows.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_products,)
        Means of the products, and factors that limit their variances. Call :meth:`standardise` before
        :meth:`values`.
    """

    def __init__(self, margins: list[Margin], n: int):
        most = min(_MOST_FUNCTIONS, _FUNCTIONS_A_ROW * n)
        for degree in _DEGREES:
            self.single = _scaled(margins, degree)
            if sum(part.shape[1] for part in self.single) <= most:
                break
        n_pairs = len(margins) * (len(margins) - 1) // 2
        self.paired: list[np.ndarray] = []
        for degree in _PRODUCT_DEGREES if n_pairs else ():
            paired = _scaled(margins, degree)
            if n_pairs * max(part.shape[1] for part in paired) ** 2 <= most:
                self.paired = paired
                break
        variance = [margin.mass @ part**2 for margin, part in zip(margins, self.paired, strict=False)]
        largest = [np.outer(one, other).ravel() for j, one in enumerate(variance) for other in variance[:j]]
        self._largest = np.concatenate([np.empty(0), *largest])
        self.mean, self.scale = np.zeros(0), np.ones(0)

    def _products(self, codes: list[np.ndarray]) -> np.ndarray:
        parts = [np.empty((len(codes[0]), 0))]
        values = [functions[c] for functions, c in zip(self.paired, codes, strict=False)]
        for j, one in enumerate(values):
            for other in values[:j]:
                parts += [one[:, [i]] * other for i in range(one.shape[1])]
        return np.hstack(parts)

    def product_sums(self, codes: list[np.ndarray]) -> np.ndarray:
        """Sums over rows of the products and of their squares, given their cells, shape (2, n_products)."""
        products = self._products(codes)
        return np.stack([products.sum(axis=0), (products**2).sum(axis=0)])

    def standardise(self, means: np.ndarray) -> None:
        """Set the means and factors of the products from their means and mean squares."""
        self.mean, square = means
        self.scale = 1 / excess_scale(square - self.mean**2, self._largest)

    def values(self, codes: list[np.ndarray]) -> np.ndarray:
        """Values of the functions in rows, given their cells, shape (n_rows, n_functions)."""
        single = [functions[c] for functions, c in zip(self.single, codes, strict=True)]
        return np.hstack([*single, (self._products(codes) - self.mean) * self.scale])


def _scaled(margins: list[Margin], degree: int) -> list[np.ndarray]:
    found = [margin.polynomials(degree) for margin in margins]
    return [functions / np.sqrt(order) for functions, order in found]
