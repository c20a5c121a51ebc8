"""Tests of independence from moments of orthonormal functions, without fitting or permutations."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, norm

from skmine._copula.margins import Margin

_BISECTIONS = 80
#: A variance over permutations below this share of its limit for many rows counts as rounding error.
_ALIKE = 1e-9
#: Polynomials are bounded, so that their mean products are nearly normal, also in the tails.
HIGHEST_DEGREE = 6


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


def independence_laws(margins: list[Margin], target: Margin) -> list[BlockLaw]:
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
    functions, order = target.polynomials(HIGHEST_DEGREE)
    n_cells = len(target.mass)
    own_sums = _permutation_sums(functions, order, target.mass * n)
    laws = []
    for margin in margins:
        others, other_order = margin.polynomials(HIGHEST_DEGREE)
        cell = margin.codes.astype(np.intp) * n_cells + target.codes
        counts = np.bincount(cell, target.times, len(margin.mass) * n_cells).reshape(-1, n_cells)
        moments = others.T @ counts @ functions / n
        weights = 1 / np.outer(other_order, order)
        statistic = (n - 1) * float((weights * moments**2).sum())
        sums = _permutation_sums(others, other_order, margin.mass * n)
        spread = permutation_spread(np.stack([sums, own_sums]), weights.ravel(), n)
        laws.append(BlockLaw(statistic, weights.ravel() if spread else np.empty(0), spread or 1.0))
    return laws


def pvalues_of(laws: list[BlockLaw]) -> np.ndarray:
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


def permutation_spread(sums: np.ndarray, weights: np.ndarray, n: int) -> float:
    """Standard deviation of a statistic over permutations, relative to that of a sum of squared normals.

    Parameters
    ----------
    sums : ndarray of shape (2, 3)
        For both blocks: trace and sum of squares of the products of their functions, and sum of the squares
        of the squared lengths of the rows.
    weights : ndarray
        Weights of the squared normals.
    n : int
        Number of rows.

    Returns
    -------
    float
        0 if all permutations give the same value.
    """
    if n <= 3 or not len(weights):
        return 1.0
    trace, square, lengths = sums.T
    variance = _permutation_variance(trace, square, lengths, n)
    ratio = variance / (2 * (weights**2).sum())
    return float(np.sqrt(ratio)) if ratio > _ALIKE else 0.0


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
