"""Ranks of a column at full resolution: intervals, and normal scores with the spread of tied values."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

#: Number of rows, over all pairs, in memory at a time.
ROWS_AT_ONCE = 2**15


class FineRanks(NamedTuple):
    """Ranks of the rows at full resolution.

    Attributes
    ----------
    number : ndarray of shape (n,)
        Index of the row's value among the distinct values. The other arrays have one entry per distinct
        value, shape (n_values,).
    cell : ndarray
        Index of the interval of ranks, among 2^depth, that contains the middle rank of the value.
    score : ndarray
        Normal score of the middle rank; the mean score of its ranks for a tied value.
    resolution : ndarray
        Variance of a score that is spread uniformly over one rank.
    rounding : ndarray
        Further variance of a tied value, whose score is spread uniformly over all of its ranks.
    n_rows : ndarray
        Number of rows of each value.
    """

    number: np.ndarray
    cell: np.ndarray
    score: np.ndarray
    resolution: np.ndarray
    rounding: np.ndarray
    n_rows: np.ndarray

    @classmethod
    def of_values(
        cls, number: np.ndarray, count: np.ndarray, middle: np.ndarray, one: float | np.ndarray, depth: int
    ) -> "FineRanks":
        """Ranks of the distinct values of a column.

        Parameters
        ----------
        number : ndarray of shape (n,)
            Index of the value of each row.
        count, middle : ndarray of shape (n_values,)
            Number of rows of each value, and its middle rank in (0, 1).
        one : float or ndarray of shape (n_values,)
            Share of one row of each value in all rows.
        depth : int
            Depth of the intervals, at most 15.

        Returns
        -------
        FineRanks
        """
        share, score = count / count.sum(), ndtri(middle)
        resolution = (one / _normal_density(score)) ** 2 / 12
        rounding = np.zeros(len(count))
        tied = np.flatnonzero(share > 1.5 * one)
        if len(tied):
            score[tied], variance = _tied_scores(middle[tied], share[tied])
            rounding[tied] = np.maximum(variance - resolution[tied], 0.0)
        return cls(number, intervals(middle, depth).astype(np.int16), score, resolution, rounding, count)

    def take(self, kept: np.ndarray, times, unit, depth: int) -> "FineRanks":
        """Ranks among some of the rows, given by a mask; `times` and `unit` are those of these rows."""
        number = self.number[kept]
        present = np.bincount(number, minlength=len(self.n_rows)) > 0
        number = (np.cumsum(present) - 1)[number]
        counts = np.bincount(number, times)
        total = counts.sum()
        middle = (np.cumsum(counts) - counts / 2) / total
        one = row_share(number, times, unit, len(counts)) / total
        return FineRanks.of_values(number, counts, middle, one, depth)

    def of_rows(self, rows: slice = slice(None)) -> list[np.ndarray]:
        """Cell, score, resolution and rounding of some rows, shape (n_rows,) each."""
        number = self.number[rows]
        return [by_value[number] for by_value in self[1:5]]


def intervals(rank: np.ndarray, depth: int) -> np.ndarray:
    """Interval of each rank, of 2^depth intervals of (0, 1).

    Parameters
    ----------
    rank : ndarray of shape (n,)
        Ranks in (0, 1).
    depth : int
        Depth of the intervals.

    Returns
    -------
    ndarray of shape (n,)
    """
    return np.minimum((rank * 2**depth).astype(np.int64), 2**depth - 1)


def halve(first: np.ndarray, second: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Halves of the rows, as if at random, that do not depend on the order of the rows or of the columns.

    Parameters
    ----------
    first, second : ndarray of shape (n,)
        Index of the value of each row in either column.
    weight : ndarray of shape (n,) or None, default=None
        Weights of the rows.

    Returns
    -------
    ndarray of shape (n,)
        Mask of one half. Rows with equal values alternate, in the order of their weights.
    """
    one, other = first.astype(np.uint64), second.astype(np.uint64)
    mixed = _mix((one + other) ^ _mix(one * other))
    pair = (one << np.uint64(32)) | other
    order = np.argsort(pair, kind="stable") if weight is None else np.lexsort((weight, pair))
    ordered = pair[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    alternating = np.empty(len(pair), dtype=np.uint64)
    alternating[order] = np.arange(len(pair)) - np.repeat(starts, np.diff(np.append(starts, len(pair))))
    return ((mixed ^ alternating) & np.uint64(1)).astype(bool)


def merged_share(codes: np.ndarray, n_cells: int, number: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Share of the variance of the ranks within each cell that is between different values.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Cell of each row.
    n_cells : int
        Number of cells.
    number : ndarray of shape (n,)
        Index of the value of each row.
    counts : ndarray of shape (n_values,)
        Number of rows of each value.

    Returns
    -------
    ndarray of shape (n_cells,)
        0 for a cell with a single value, 1 for a cell whose values are all different.
    """
    cell = np.empty(len(counts), dtype=codes.dtype)
    cell[number] = codes
    total, number_of = np.bincount(cell, counts, n_cells), np.asarray(counts, dtype=np.float64)
    # The sum of the squared deviations of k ranks in a row is (k^3 - k) / 12.
    within = np.bincount(cell, np.maximum(number_of**3 - number_of, 0.0), n_cells)
    whole = total**3 - total
    return 1 - np.divide(within, whole, out=np.zeros(n_cells), where=whole > 0)


def row_share(number: np.ndarray, times: np.ndarray | None, unit: np.ndarray | None, n_kinds: int):
    """How much one row of each kind counts: 1, or the mean weight of its rows, weighted by themselves.

    Parameters
    ----------
    number : ndarray of shape (n,)
        Kind of each entry.
    times, unit : ndarray of shape (n,) or None
        As in :class:`skmine._copula.margins.Margin`.
    n_kinds : int
        Number of kinds.

    Returns
    -------
    float or ndarray of shape (n_kinds,)
    """
    if times is None or unit is None:
        return 1.0
    total = np.bincount(number, times, n_kinds)
    return np.bincount(number, times * unit, n_kinds) / np.where(total > 0, total, 1.0)


def entropy(counts: np.ndarray) -> float:
    """Entropy of counts in nats."""
    share = counts[counts > 0] / counts.sum()
    return max(float(-(share @ np.log(share))), 0.0)


def _mix(values: np.ndarray) -> np.ndarray:
    """Hash of 64-bit integers (Steele, Lea and Flood, 2014, Fast splittable pseudorandom numbers)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _normal_density(score: np.ndarray) -> np.ndarray:
    return np.exp(-(score**2) / 2) / np.sqrt(2 * np.pi)


def _tied_scores(middle: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the normal scores of the ranks of each tied value, which are spread uniformly.

    They are those of a truncated normal distribution. Over all values, the scores have mean 0 and variance 1.
    """
    first, last = ndtri(np.maximum(middle - share / 2, 0)), ndtri(np.minimum(middle + share / 2, 1))
    density = _normal_density(first), _normal_density(last)
    mean = (density[0] - density[1]) / share
    ends = [np.where(np.isinf(z), 0.0, z) * d for z, d in zip((first, last), density, strict=True)]
    return mean, np.maximum(1 + (ends[0] - ends[1]) / share - mean**2, 0.0)
