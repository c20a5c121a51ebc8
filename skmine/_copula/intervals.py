"""Intervals of the mutual information of scalar pairs, from the variance of the log ratio over the rows."""

import numpy as np
from scipy.stats import norm

from skmine._copula.information import estimate_pairs
from skmine._copula.margins import Margin

#: Rows a cell of the table on which log ratios are compared, at least.
_ROWS_A_CELL = 8
#: Degree of the functions whose moments hide behind chance.
_DEGREE = 6


def pair_intervals(margins: list[Margin], target: Margin, confidence: float) -> np.ndarray:
    """Mutual information of each column with a target, and its interval.

    The estimate is a mean of log ratios over the rows, and no more variable for the margins being those of
    the sample: its variance is that of the log ratio over the number of rows. The interval is symmetric in
    the inverse hyperbolic tangent of the correlation ``sqrt(1 - exp(-2 I))``, as Fisher's. The upper end is
    at least what chance hides in the moments of the test of independence.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Of the same rows.
    confidence : float
        Of the intervals.

    Returns
    -------
    ndarray of shape (3, n_columns)
        Estimate, lower and upper end, in nats.

    References
    ----------
    Moddemeijer (1989), On estimation of entropy and mutual information of continuous distributions, Signal
    Processing, for the variance; Fisher (1915) for the transformation.
    """
    mi, free, variance = estimate_pairs(margins, target)
    n, z = len(target), norm.isf((1 - confidence) / 2)
    for j in np.flatnonzero(np.isnan(variance)):
        variance[j] = _table_variance(margins[j], target, mi[j])
    correlation = np.sqrt(-np.expm1(-2 * mi))
    # Log ratios of weak dependence have the variance of normal columns.
    ratio = np.sqrt(np.divide(variance, correlation**2, out=np.ones_like(mi), where=correlation**2 > 1 / n))
    centre = np.arctanh(np.minimum(correlation, 1 - 1e-12))
    ends = np.tanh(np.maximum(centre + np.multiply.outer([-z, z], ratio / np.sqrt(n)), 0.0))
    low, high = np.abs(np.log1p(-(ends**2))) / 2
    # Weighting against independence draws values down, not the upper end.
    high = np.maximum(high, free + z * np.sqrt(variance / n))
    hidden = [z * np.sqrt(_freedom(margin, target) / 2) / n for margin in margins]
    most = [min(margin.largest_information, target.largest_information) for margin in margins]
    return np.stack([mi, np.minimum(low, mi), np.minimum(np.maximum(high, mi + hidden), most)])


def _freedom(first: Margin, second: Margin) -> float:
    """How many equal squared normals are as variable as the test's statistic under independence."""
    orders = [margin.polynomials(_DEGREE)[1] for margin in (first, second)]
    totals = [((1 / order).sum() ** 2, (1 / order**2).sum()) for order in orders]
    return float(np.prod([square / most if most else 0.0 for square, most in totals]))


def _table_variance(first: Margin, second: Margin, mi: float) -> float:
    """Variance of the log ratio by a table of cells of both columns.

    What the table leaves of the information varies as that of normal columns would.
    """
    n = len(second)
    side = max(4, int(np.sqrt(n / _ROWS_A_CELL)))
    rows, columns = (_cells(margin, side) for margin in (first, second))
    shape = int(rows.max()) + 1, int(columns.max()) + 1
    counts = np.bincount(rows * shape[1] + columns, second.times, shape[0] * shape[1]).reshape(shape)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    log_ratio = np.log((counts + 1) / (expected + 1))
    mean = (counts * log_ratio).sum() / n
    variance = (counts * (log_ratio - mean) ** 2).sum() / n
    left = np.exp(-2 * min(max(mean, 0.0), mi)) - np.exp(-2 * mi)
    return float(variance + left)


def _cells(margin: Margin, side: int) -> np.ndarray:
    """Cells of the rows: neighbours together where there are more than so many in order."""
    if margin.rank is None or len(margin.mass) <= side:
        return margin.codes.astype(np.intp)
    middle = np.cumsum(margin.mass) - margin.mass / 2
    return np.minimum((middle * side).astype(np.intp), side - 1)[margin.codes]
