"""Views of the numeric columns of a block: functions that make some kinds of dependence easy to learn."""

from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp

#: Half turns of the cosines of a single numeric column.
COSINES = np.arange(2, 10)
#: Rows held in float64 at a time.
_ROWS_AT_ONCE = 2**16
#: Distance from the median, in standard deviations of a normal column, up to which a column in its own units
#: is roughly linear, not logarithmic. Columns without heavy tails stay within half of it, where mixtures of
#: Gaussians keep their shape.
_SPREADS = 8.0


class Standardised:
    """Functions of numeric columns with mean 0 and variance 1. Constant functions are only centred."""

    _raw: Callable[[np.ndarray], np.ndarray]

    def _standardise(self, values: np.ndarray, weight: np.ndarray | None) -> None:
        weight = np.ones(len(values)) if weight is None else weight
        blocks = [slice(i, i + _ROWS_AT_ONCE) for i in range(0, len(values), _ROWS_AT_ONCE)]
        shift = self._raw(values[blocks[0]]).mean(axis=0)  # keeps the sums accurate
        powers = ((weight[rows], self._raw(values[rows]) - shift) for rows in blocks)
        mean, square = sum(np.stack([w @ raw, w @ raw**2]) for w, raw in powers) / weight.sum()
        variance = square - mean**2
        self.mean, self.deviation = mean + shift, np.sqrt(np.where(variance > 1e-14 * square, variance, 1.0))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (self._raw(values) - self.mean) / self.deviation


class RobustViews(Standardised):
    """The numeric columns in their own units, robustly scaled with shrunken tails, and their log radius."""

    def __init__(self, values: np.ndarray, weight: np.ndarray | None):
        low, self.median, high = _quartiles(values, weight)
        self.spread = (high - low) / 1.349
        narrow = ~(self.spread > 0)
        off = np.ma.masked_invalid(np.abs(values[:, narrow] - self.median[narrow]))
        fallback = np.ma.filled(np.ma.average(off, axis=0, weights=weight), 0)
        self.spread[narrow] = np.where(fallback > 0, fallback, 1.0)
        self._standardise(values, weight)

    def _raw(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            scaled = np.nan_to_num((values - self.median) / self.spread, posinf=1e300, neginf=-1e300)
        magnitude = np.log(np.abs(scaled) + 1e-3)
        log_radius = logsumexp(2 * magnitude, axis=1, keepdims=True) / 2
        return np.hstack([_SPREADS * np.arcsinh(scaled / _SPREADS), log_radius])


def _quartiles(values: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Lower quartile, median and upper quartile of the values of each column that are not missing."""
    shares = [0.25, 0.5, 0.75]
    if weight is None:
        return np.nanquantile(values, shares, axis=0)
    found = []
    for column in values.T:
        order = np.argsort(column)[: np.count_nonzero(~np.isnan(column))]
        total = np.cumsum(weight[order])
        found.append(np.interp(shares, (total - weight[order] / 2) / total[-1], column[order]))
    return np.transpose(found)


class TailRadius(Standardised):
    """Log radius of the numeric columns with Cauchy margins, for columns with joint extreme values."""

    def __init__(self, ranks: np.ndarray, weight: np.ndarray | None):
        self._standardise(ranks, weight)

    def _raw(self, values: np.ndarray) -> np.ndarray:
        quantiles = np.nan_to_num(np.tan(np.pi * (values - 0.5)))
        square = (quantiles**2).sum(axis=1, keepdims=True)
        return np.hstack([np.log(square + 1e-4), np.log1p(square)])


class RankCosines:
    """Cosines of the rank of a single numeric column, for dependence that rises and falls."""

    def __init__(self, half_turns: np.ndarray = COSINES):
        self.half_turns = half_turns

    def __call__(self, ranks: np.ndarray) -> np.ndarray:
        return np.nan_to_num(np.sqrt(2) * np.cos(np.pi * self.half_turns * ranks))
