"""Intervals of the mutual information of pairs of columns, from the variance of the log ratio."""

import numpy as np
from scipy.stats import norm

from skmine._copula.information import estimate_pairs
from skmine._copula.margins import Margin
from skmine._copula.ranks import halve

#: Average number of rows per cell in the table from which the variance is computed.
_ROWS_A_CELL = 8
#: Degree of the functions in the test of independence.
_DEGREE = 6


def pair_intervals(margins: list[Margin], target: Margin, confidence: float) -> np.ndarray:
    """Mutual information of each column with a target, and its interval.

    The estimate is a mean of log ratios. Its variance is the variance of the log ratio divided by the number
    of rows. Estimating the margins from the same rows does not increase the variance. Like Fisher's, the
    interval is symmetric in the inverse hyperbolic tangent of the correlation ``sqrt(1 - exp(-2 I))``. Its
    upper end is at least the information that the test of independence cannot distinguish from chance.

    Estimates by trees and labels grow with the rows, because few rows show only a part of the structure. Let
    g be the growth from half of the rows to all rows, without extrapolation. If the part that is still
    missing is proportional to ``n^-a``, it is ``g / (2^a - 1)``: g for a = 1, 2.4 g for a = 1/2, and 3.8 g
    for a = 1/3. The upper end is therefore computed from the value without extrapolation plus 2 g, with a
    standard deviation of g. If the rows show nothing of a dependence, nothing grows, and the interval misses
    it. With fewer than a few hundred rows, or where a smooth function fits poorly, the truth is above the
    interval more often than in ``(1 - confidence) / 2`` of samples.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.
    confidence : float
        Confidence level, such as 0.95.

    Returns
    -------
    ndarray of shape (4, n_columns)
        Estimates, lower ends, upper ends, and evidence against independence, in nats.

    References
    ----------
    Moddemeijer (1989), On estimation of entropy and mutual information of continuous distributions, Signal
    Processing, for the variance; Fisher (1915) for the transformation.
    """
    mi, free, plain, evidence, variance = estimate_pairs(margins, target)
    n, z = len(target), norm.isf((1 - confidence) / 2)
    growth = np.zeros(len(margins))
    for j in np.flatnonzero(np.isnan(variance)):
        variance[j] = _table_variance(margins[j], target, mi[j])
        # The growth is at most the value itself, and then adds to the upper end at most about 1 / n.
        if -np.expm1(-2 * plain[j]) > 1 / n:
            growth[j] = _growth(margins[j], target, plain[j])
    # What is extrapolated may be missing from the truth, so the lower end does without it.
    correlation = np.sqrt(-np.expm1(-2 * np.stack([np.minimum(mi, plain), mi])))
    # For weak dependence, use the variance of normal columns.
    ratio = np.divide(variance, correlation**2, out=np.ones_like(correlation), where=correlation**2 > 1 / n)
    centre = np.arctanh(np.minimum(correlation, 1 - 1e-12))
    ends = np.tanh(np.maximum(centre + np.array([[-z], [z]]) * np.sqrt(ratio / n), 0.0))
    low, high = np.abs(np.log1p(-(ends**2))) / 2
    # Weighting against independence lowers the estimate, but must not lower the upper end.
    highest = np.maximum(free, plain + 2 * growth)
    high = np.maximum(high, highest + z * np.sqrt(variance / n + growth**2))
    hidden = [z * np.sqrt(_freedom(margin, target) / 2) / n for margin in margins]
    most = [min(margin.largest_information, target.largest_information) for margin in margins]
    return np.stack([mi, np.minimum(low, mi), np.minimum(np.maximum(high, mi + hidden), most), evidence])


def _growth(first: Margin, second: Margin, plain: float) -> float:
    """Growth of the value without extrapolation from half of the rows to all rows, at least 0, in nats."""
    half = halve(first.number, second.number, second.times)
    if half.all() or not half.any():
        return 0.0
    values = [
        estimate_pairs([first.take(rows)], second.take(rows), extrapolate=False)[2, 0]
        for rows in (half, ~half)
    ]
    return max(plain - float(np.mean(values)), 0.0)


def _freedom(first: Margin, second: Margin) -> float:
    """Degrees of freedom of the chi-square that matches the statistic of the test under independence."""
    orders = [margin.polynomials(_DEGREE)[1] for margin in (first, second)]
    totals = [((1 / order).sum() ** 2, (1 / order**2).sum()) for order in orders]
    return float(np.prod([square / most if most else 0.0 for square, most in totals]))


def _table_variance(first: Margin, second: Margin, mi: float) -> float:
    """Variance of the log ratio, from a table of cells of both columns.

    For the part of the information that the table misses, the variance of normal columns is added.
    """
    n = len(second)
    side = max(4, int(np.sqrt(n / _ROWS_A_CELL)))
    rows, columns = (_cells(margin, side) for margin in (first, second))
    shape = int(rows.max()) + 1, int(columns.max()) + 1
    cell = rows * shape[1] + columns
    counts = np.bincount(cell, second.times, shape[0] * shape[1]).reshape(shape)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    log_ratio = np.log((counts + 1) / (expected + 1))
    mean = (counts * log_ratio).sum() / n
    squares = counts
    if second.times is not None and second.unit is not None:
        squares = np.bincount(cell, second.times * second.unit, counts.size).reshape(shape)
    variance = (squares * (log_ratio - mean) ** 2).sum() / n
    left = np.exp(-2 * min(max(mean, 0.0), mi)) - np.exp(-2 * mi)
    return float(variance + left)


def _cells(margin: Margin, side: int) -> np.ndarray:
    """Cell of each row. If there are more than `side` ordered cells, neighbouring cells are merged."""
    if margin.rank is None or len(margin.mass) <= side:
        return margin.codes.astype(np.intp)
    middle = np.cumsum(margin.mass) - margin.mass / 2
    return np.minimum((middle * side).astype(np.intp), side - 1)[margin.codes]
