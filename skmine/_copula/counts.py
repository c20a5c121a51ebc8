"""Columns whose rows are read in parts: summaries that can be merged, and grids on which rows are counted.

Each part is summarised by points of its distribution, or by its labels. The merged summary defines a grid.
Every part then counts its rows on the grid. The table of counts gives the mutual information of the columns,
rounded to the grid.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from skmine._columns import Column
from skmine._copula.margins import Margin, cell_edges
from skmine._copula.trees import FULLY_HALVED

#: Points of a summary: about four for each cell of the grid.
_POINTS = 8192
#: Cells of a grid with equal shares of the rows, and further cells for the tails, in equal steps of the mean
#: of rank and normal score.
_EVEN_CELLS, _TAIL_CELLS = 1024, 128
#: Up to this many rows, every value has a cell of its own, because trees are then extrapolated from halves of
#: the rows, and the halves depend on the ranks of all values.
_MOST_EXACT = 2 * FULLY_HALVED
#: Normal score at which the tails end. One row in 10^9 lies beyond it.
_LAST_SCORE = 6.0
#: Maximum number of labels that are counted exactly (the rarest others share a cell), and maximum number in a
#: summary.
_MOST_LABELS, _MOST_HELD = 4096, 2**16


@dataclass(frozen=True)
class Summary:
    """Values of some rows of a column, or points of their distribution, with the number of rows of each.

    Attributes
    ----------
    values : ndarray of shape (n_points,)
        Increasing numbers, or labels.
    counts : ndarray of shape (n_points,)
        Number of rows of each value.
    n_missing : int
        Number of rows without a value.
    labels : bool
        Whether the values are labels.
    exact : bool
        Whether it contains every value.
    name : str
        Name of the column in messages.
    """

    values: np.ndarray
    counts: np.ndarray
    n_missing: int
    labels: bool
    exact: bool = True
    name: str = ""

    @classmethod
    def of_column(cls, column: Column, labels: bool) -> "Summary":
        """Summarise some rows.

        Parameters
        ----------
        column : Column
            The rows.
        labels : bool
            Whether numbers are labels. Categories always are.

        Returns
        -------
        Summary
        """
        present = column.values[~column.missing]
        n_missing = len(column.values) - len(present)
        if column.categorical:
            found = Counter(present.tolist())
            counts = np.array(list(found.values()), dtype=float)
            return cls(_objects(found), counts, n_missing, True, name=column.name).short()
        if column.base:
            present = present + column.base
        ordered = np.sort(present)
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))[: len(ordered)]
        counts = np.diff(np.append(starts, len(ordered))).astype(float)
        return cls(ordered[starts], counts, n_missing, labels, name=column.name).short()

    def short(self) -> "Summary":
        """The same summary with few points."""
        if self.labels:
            if len(self.values) <= _MOST_HELD:
                return self
            kept = np.sort(np.argsort(-self.counts, kind="stable")[:_MOST_HELD])
            return replace(self, values=self.values[kept], counts=self.counts[kept], exact=False)
        if len(self.values) <= _POINTS:
            return self
        starts = np.unique(np.searchsorted(self._middle_ranks(), _ranks_at(_POINTS)))
        starts = starts[starts < len(self.values)]
        # The most frequent value of a group represents it, so that frequent values are kept exactly.
        most = np.repeat(np.maximum.reduceat(self.counts, starts), np.diff(starts, append=len(self.counts)))
        frequent = np.flatnonzero(self.counts == most)
        first = frequent[np.searchsorted(frequent, starts)]
        counts = np.add.reduceat(self.counts, starts)
        return replace(self, values=self.values[first], counts=counts, exact=False)

    def _middle_ranks(self) -> np.ndarray:
        return (np.cumsum(self.counts) - self.counts / 2) / self.counts.sum()


def merge(summaries: Sequence[Summary]) -> Summary:
    """Merge summaries of different rows.

    Parameters
    ----------
    summaries : sequence of Summary
        Summaries of the same column.

    Returns
    -------
    Summary

    Raises
    ------
    TypeError
        If some rows hold numbers and others labels.
    """
    n_missing = sum(one.n_missing for one in summaries)
    filled = [one for one in summaries if len(one.values)] or list(summaries[:1])
    if len({one.values.dtype == object for one in filled}) > 1:
        raise TypeError(
            f"{filled[0].name} has numbers in some partitions and strings or booleans in others. Convert the "
            "column to one of them."
        )
    exact, labels = all(one.exact for one in filled), filled[0].labels
    if filled[0].values.dtype == object:
        found: dict = {}
        for one in filled:
            for label, count in zip(one.values.tolist(), one.counts.tolist(), strict=True):
                found[label] = found.get(label, 0) + count
        values, counts = _objects(found), np.array(list(found.values()), dtype=float)
        return Summary(values, counts, n_missing, True, exact, filled[0].name).short()
    values, number = np.unique(np.concatenate([one.values for one in filled]), return_inverse=True)
    counts = np.bincount(number, np.concatenate([one.counts for one in filled]), len(values))
    return Summary(values, counts, n_missing, labels, exact, filled[0].name).short()


class Grid:
    """Cells of a column: values, labels, or intervals.

    Parameters
    ----------
    summary : Summary
        Summary of all rows.

    Attributes
    ----------
    n_cells : int
        Number of cells. The last one is for missing values.
    labels : bool
        Whether the cells have no order.
    categorical : bool
        Whether the column holds no numbers.
    n_rows, n_missing : int
        Number of rows, and of those without a value.
    """

    def __init__(self, summary: Summary):
        self.labels, self.n_missing = summary.labels, summary.n_missing
        self.n_rows = int(summary.counts.sum()) + summary.n_missing
        self.categorical = summary.values.dtype == object
        self.number: dict | None = None
        self.values: np.ndarray | None = None
        values = summary.values
        if summary.labels:
            common = np.argsort(-summary.counts, kind="stable")[: _MOST_LABELS - 1]
            kept = values[common].tolist()
            ordered = sorted(kept, key=_by_name)
            self.number = {label: number for number, label in enumerate(ordered)}
            n_cells = len(ordered) + (len(values) > len(ordered) or not summary.exact)
        elif summary.exact and (len(values) <= _EVEN_CELLS or self.n_rows <= _MOST_EXACT):
            self.values, n_cells = values, len(values)
        else:
            self.edges = _edges(summary)
            n_cells = len(self.edges) + 1
        self.n_cells = n_cells + 1

    @property
    def rounded(self) -> bool:
        """Whether a cell holds several values."""
        return self.number is None and self.values is None

    def cells(self, column: Column) -> np.ndarray:
        """Cell of each row, shape (n,)."""
        missing = column.missing
        if self.number is not None:
            other = self.n_cells - 2
            labels = column.values if column.categorical else column.values + column.base
            found = [self.number.get(label, other) for label in labels.tolist()]
            cells = np.array(found, dtype=np.int32)
        else:
            values = column.values + column.base if column.base else column.values
            starts = self.edges if self.values is None else self.values[1:]
            # Each edge is looked up among the ordered values, because their order is found several times as
            # fast as the cell of each value.
            order = np.argsort(values)
            ends = np.searchsorted(values[order], starts)
            cells = np.empty(len(values), dtype=np.int32)
            cells[order] = np.repeat(
                np.arange(len(starts) + 1, dtype=np.int32), np.diff([0, *ends, len(values)])
            )
        cells[missing] = self.n_cells - 1
        return cells

    def margin(self, cells: np.ndarray, times: np.ndarray) -> Margin:
        """The margin of the column, from counts.

        Parameters
        ----------
        cells : ndarray of shape (n_entries,)
            Cells that have rows.
        times : ndarray of shape (n_entries,)
            Number of rows in each.

        Returns
        -------
        Margin
        """
        total = np.bincount(cells, times, self.n_cells)
        values = np.flatnonzero(total).astype(np.float64)
        rows, is_missing = total[total > 0], values == self.n_cells - 1
        values[is_missing] = np.nan
        margin = Margin.of_column(Column(values, False), self.labels, rows, self.rounded)
        at = (np.cumsum(total > 0) - 1)[cells]
        levels = None if margin.levels is None else margin.levels[at]
        return replace(margin, codes=margin.codes[at], levels=levels, values=values[at], times=times)


def _objects(labels) -> np.ndarray:
    values = np.empty(len(labels), dtype=object)
    values[:] = list(labels)
    return values


def _by_name(label) -> tuple:
    return type(label).__name__, label if isinstance(label, (str, float)) else str(label)


def _position(rank: np.ndarray) -> np.ndarray:
    """Mean of a rank and its scaled normal score, in (0, 1)."""
    score = np.clip(ndtri(rank) / (2 * _LAST_SCORE) + 0.5, 0, 1 - 1e-9)
    return (rank + score) / 2


@lru_cache(maxsize=2)
def _ranks_at(n_steps: int) -> np.ndarray:
    """Ranks from 0, not including 1, that are equal steps of :func:`_position` apart."""
    low, high = np.zeros(n_steps), np.ones(n_steps)
    for _ in range(53):  # digits of a float
        middle = (low + high) / 2
        is_below = _position(middle) < np.arange(n_steps) / n_steps
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return high


def _edges(summary: Summary) -> np.ndarray:
    """Inner edges of the intervals. A value as frequent as a whole cell gets a cell of its own."""
    n = int(summary.counts.sum())
    last = np.cumsum(summary.counts)
    middle = (last - summary.counts / 2) / n
    tails = np.searchsorted(middle, _ranks_at(_TAIL_CELLS)[1:])
    shares = np.concatenate([np.arange(1, _EVEN_CELLS) / _EVEN_CELLS, cell_edges(n)])
    at = np.concatenate([np.searchsorted(last, shares * n, side="right"), tails])
    edges = summary.values[np.minimum(at, len(last) - 1)]
    frequent = summary.values[summary.counts >= n / _EVEN_CELLS]
    return np.unique(np.concatenate([edges, frequent, np.nextafter(frequent, np.inf)]))
