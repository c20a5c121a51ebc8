"""Margins: one column as cells of its ranks or levels, with functions of the cell."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import eval_legendre, ndtr, ndtri

from skmine._columns import Column
from skmine._copula.orthonormal import contrasts, orthonormal
from skmine._copula.ranks import FineRanks, entropy, intervals, merged_share, row_share

#: Number of functions of a rank: the normal score, its square, and Legendre polynomials.
N_FUNCTIONS = 8
#: Maximum number of cells of a discrete column. The rarest levels, and all levels of a single row, share one
#: cell.
MAX_LEVELS = 64
#: Number of cells of ranks, for columns with more distinct values than this.
N_CELLS = 32
#: Minimum number of rows of a finer cell, and maximum number of finer cells (a byte holds their numbers and
#: that of missing values).
_ROWS_A_FINE_CELL, _MOST_FINE_CELLS = 8, 255
#: A column counts as repeating, so that its numbers may be codes, if its share of distinct values is at most
#: this.
MOST_DISTINCT = 0.9
#: About the maximum number of rows that are sorted to compare neighbours.
_MOST_IN_ORDER = 2**12
#: Equal values are used if the share of distinct values is at most this. Equal values in 1 % of the rows
#: determine at most 0.01 log(n) nats.
_MOST_UNTIED = 0.99


@dataclass(frozen=True)
class Margin:
    """A column as cells, with functions of the cell that are orthonormal over the rows.

    Attributes
    ----------
    codes : ndarray of shape (n,)
        Cell of each row.
    mass : ndarray of shape (n_cells,)
        Share of the rows in each cell.
    functions : ndarray of shape (n_cells, n_functions)
        Values in each cell. The constant function is not included, and each function has mean zero.
    order : ndarray of shape (n_functions,)
        Order of each function; higher orders are less smooth. All 1 for unordered levels.
    levels : ndarray of shape (n,) or None
        Index of each row's level if the column is discrete.
    coarse : bool
        Whether cells contain several ranks.
    rank : ndarray of shape (n_cells,) or None
        Mean rank of each cell, in (0, 1). NaN for the cell of missing values; None for unordered levels.
    values : ndarray of shape (n,) or None
        The numbers that were ranked.
    repeats : bool
        Whether cells contain several values, and many values occur more than once.
    tied : bool
        Whether cells contain several values, and some values occur more than once.
    times : ndarray of shape (n,) or None
        Number of rows of each entry of `codes`, `levels` and `values`. None means one. Weights are stored
        here as well, scaled so that their sum is the effective sample size.
    unit : ndarray of shape (n,) or None
        How much one row of each entry counts: 1 (None), or its weight.
    """

    codes: np.ndarray
    mass: np.ndarray
    functions: np.ndarray
    order: np.ndarray
    levels: np.ndarray | None = None
    coarse: bool = False
    rank: np.ndarray | None = None
    values: np.ndarray | None = None
    repeats: bool = False
    tied: bool = False
    times: np.ndarray | None = None
    unit: np.ndarray | None = None

    @classmethod
    def of_column(
        cls,
        column: Column,
        discrete: bool,
        times: np.ndarray | None = None,
        rounded: bool = False,
        weighted: bool = False,
    ) -> "Margin":
        """Make a margin from the ranks of a column, or from its levels if it is discrete or unordered.

        Parameters
        ----------
        column : Column
            Values. Missing values have a cell of their own.
        discrete : bool
            Whether numbers are labels.
        times : ndarray of shape (n,) or None, default=None
            Number of rows of each value. None means one.
        rounded : bool, default=False
            Whether values repeat only because they were rounded.
        weighted : bool, default=False
            Whether `times` are weights, so that each value is a single row.

        Returns
        -------
        Margin
        """
        if discrete or column.categorical:
            return _of_levels(column, times, weighted)
        return _of_ranks(column, times, rounded, weighted)

    def __len__(self) -> int:
        return len(self.codes) if self.times is None else round(self.times.sum())

    def __sizeof__(self) -> int:
        # Dask sends large objects to a worker only once, not with every task.
        arrays = [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        return object.__sizeof__(self) + sum(array.nbytes for array in arrays)

    def take(self, rows: np.ndarray) -> "Margin":
        """The margin of some rows, given by a mask or indices."""
        times = None if self.times is None else self.times[rows]
        if times is not None:  # the sum is a number of rows
            times = times * (max(round(times.sum()), 1) / times.sum())
        weighted = self.unit is not None
        if self.levels is not None:
            return _of_levels(Column(self.levels[rows].astype(np.float64), False), times, weighted)
        assert self.values is not None
        return _of_ranks(Column(self.values[rows], False), times, self.coarse and not self.tied, weighted)

    def finer(self) -> "Margin":
        """The margin with as many cells of ranks as the rows allow. Levels stay as they are."""
        n_cells = int(np.clip(len(self) // _ROWS_A_FINE_CELL, N_CELLS, _MOST_FINE_CELLS))
        if not self.coarse or self.values is None or n_cells == N_CELLS:
            return self
        weighted, rounded = self.unit is not None, not self.tied
        return _of_ranks(Column(self.values, False), self.times, rounded, weighted, n_cells)

    @property
    def number(self) -> np.ndarray:
        """Index of each row's level or value, shape (n,)."""
        return self._full_ranks[0] if self.levels is None else self.levels

    @property
    def entropy(self) -> float:
        """Entropy in nats: of levels, of repeating numbers, or of the cells of a continuous column."""
        if self.repeats:
            return entropy(self._full_ranks[1])
        return entropy(np.bincount(self.codes if self.levels is None else self.levels, self.times))

    @property
    def largest_information(self) -> float:
        """Upper limit in nats: the entropy of labels or repeating numbers; infinity for other columns."""
        return np.inf if self.coarse and not self.repeats else self.entropy

    @cached_property
    def _full_ranks(self) -> tuple[np.ndarray, np.ndarray]:
        """Index of each row's value among the sorted distinct values, and the number of rows of each."""
        assert self.values is not None
        shown = np.where(np.isnan(self.values), -np.inf, self.values)  # missing values rank below all others
        order = np.argsort(shown)
        ordered = shown[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        counts = distances = np.diff(np.append(starts, len(ordered)))
        if self.times is not None:
            counts = np.add.reduceat(self.times[order], starts)
        number = np.empty(len(ordered), dtype=np.int32)
        number[order] = np.repeat(np.arange(len(counts), dtype=np.int32), distances)
        return number, counts

    @cached_property
    def in_order(self) -> np.ndarray | None:
        """Rows in the order of their values, of some cells if there are many rows; None if values repeat.

        Values that are not unique are left out, because their order would be that of the rows.
        """
        if self.values is None or self.rank is None or not self.coarse or self.tied or self.times is not None:
            return None
        step = min(-(-len(self.codes) // _MOST_IN_ORDER), N_CELLS)
        chosen = ~np.isnan(self.rank) & (np.arange(len(self.rank)) % step == step // 2)
        rows = np.flatnonzero(chosen[self.codes])
        rows = rows[np.argsort(self.values[rows])]
        new = np.concatenate([[True], np.diff(self.values[rows]) > 0, [True]])
        rows = rows[new[:-1] & new[1:]] if len(rows) else rows
        return rows if len(rows) > 1 else None

    @cached_property
    def mass_in_order(self) -> np.ndarray:
        """Share of the rows of `in_order` in each cell."""
        assert self.in_order is not None
        return np.bincount(self.codes[self.in_order], minlength=len(self.mass)) / len(self.in_order)

    @cached_property
    def merged(self) -> np.ndarray | float:  # see merged_share
        several = self.tied or (self.times is not None and self.unit is None)
        return merged_share(self.codes, len(self.mass), *self._full_ranks) if several else 1.0

    def labels(self) -> np.ndarray | None:
        """Index of each row's level, or of its value if some numbers are equal; None for other columns."""
        return self.number if not self.coarse or self.tied else None

    @property
    def is_labels(self) -> bool:
        """Whether most rows share their level or value with others, so that it can be a code.

        If only a few values are equal, there are labels as well, but only these rows can be predicted.
        """
        return not self.coarse or self.repeats

    def fine_cells(self, depth: int) -> np.ndarray:
        """Interval of ranks of each row, of 2^depth intervals, shape (n,)."""
        return intervals(self._middle_ranks, depth)[self._full_ranks[0]]

    def frequent(self) -> np.ndarray:
        """Mask of the rows whose value has more rows than a cell, shape (n,)."""
        number, counts = self._full_ranks
        return (counts * N_CELLS > len(self))[number]

    @property
    def _middle_ranks(self) -> np.ndarray:
        """Middle rank of each distinct value, in (0, 1)."""
        counts = self._full_ranks[1]
        return (np.cumsum(counts) - counts / 2) / len(self)

    def fine(self, depth: int) -> FineRanks:
        """Ranks at full resolution. Missing values rank below all others.

        Parameters
        ----------
        depth : int
            Depth of the intervals.

        Returns
        -------
        FineRanks
        """
        number, counts = self._full_ranks
        one = row_share(number, self.times, self.unit, len(counts)) / len(self)
        return FineRanks.of_values(number, counts, self._middle_ranks, one, depth)

    def polynomials(self, degree: int, most_levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Orthonormal polynomials of the rank, or indicators of unordered levels.

        Parameters
        ----------
        degree : int
            Highest degree.
        most_levels : int or None, default=None
            Maximum number of indicators of unordered levels. The most frequent levels get one.

        Returns
        -------
        functions : ndarray of shape (n_cells, n_functions)
        order : ndarray of shape (n_functions,)
            Degree of each function. 1 for an indicator of a level or of missing values.
        """
        if self.rank is None and most_levels is not None and len(self.order) > most_levels:
            common = np.sort(np.argsort(-self.mass, kind="stable")[:most_levels])
            return orthonormal(np.eye(len(self.mass))[:, common], self.mass), np.ones(most_levels, dtype=int)
        if self.rank is None:
            return self.functions, self.order
        return _polynomials_of_rank(self.rank.tobytes(), self.mass.tobytes(), degree)


@lru_cache(maxsize=64)  # columns without ties have the same cells
def _polynomials_of_rank(rank_bytes: bytes, mass_bytes: bytes, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal polynomials of the mean ranks of cells, and their orders."""
    rank, mass = np.frombuffer(rank_bytes), np.frombuffer(mass_bytes)
    present = ~np.isnan(rank)
    rank = np.where(present, rank, 0.5)
    raw = np.column_stack([eval_legendre(k, 2 * rank - 1) for k in range(1, degree + 1)])
    order = np.arange(1, degree + 1)
    if not present.all():
        raw = np.column_stack([~present, raw * present[:, None]])
        order = np.append(1, order)
    functions, kept = orthonormal(raw, mass, return_kept=True)
    return functions, order[kept]


def _of_levels(column: Column, times: np.ndarray | None, weighted: bool) -> Margin:
    levels, n_levels = _number(column)
    counts = np.bincount(levels, times, n_levels + 1)
    cell = np.arange(len(counts))
    if (counts > 0).sum() > MAX_LEVELS:
        # Levels of a single row always share a cell. Otherwise the cells would depend on their names.
        repeats = (np.bincount(levels, minlength=len(counts)) if weighted else counts) > 1
        n_cells = min(MAX_LEVELS - 1, np.count_nonzero(repeats))
        rarest = np.argsort(-np.where(repeats, counts, 0), kind="stable")[n_cells:]
        cell[rarest] = rarest.min()
    codes = (np.cumsum(np.bincount(cell[levels]) > 0) - 1)[cell[levels]]
    mass = np.bincount(codes, times) / counts.sum()
    functions = contrasts(mass)
    order = np.ones(functions.shape[1], dtype=int)
    return Margin(codes, mass, functions, order, levels, times=times, unit=times if weighted else None)


def _number(column: Column) -> tuple[np.ndarray, int]:
    """Index of each row's level, and the number of levels. Missing values come last.

    Levels are ordered by name. Text that occurs once comes after text that repeats, in any order.
    """
    if column.numbered is not None:
        number, labels = column.numbered
        repeat = np.bincount(number + 1, minlength=len(labels) + 1)[1:] > 1
        new = np.full(len(labels) + 1, len(labels))
        in_order = sorted(np.flatnonzero(repeat).tolist(), key=labels.__getitem__)
        new[in_order] = np.arange(len(in_order))
        new[:-1][~repeat] = np.arange(len(in_order), len(labels))
        return new[number], len(labels)
    missing = column.missing
    if not column.categorical:
        values, inverse = np.unique(column.values[~missing], return_inverse=True)
        levels = np.full(len(missing), len(values))
        levels[~missing] = inverse
        return levels, len(values)
    objects = column.values.tolist()
    present = dict.fromkeys(objects)
    present.pop(None, None)
    # Labels of different types are different, even if they print the same.
    alike = len(set(map(type, present))) == 1 and isinstance(next(iter(present)), str)
    ordered = sorted(present) if alike else sorted(present, key=lambda v: (type(v).__name__, str(v)))
    level_of = dict(zip(ordered, range(len(ordered)), strict=True)) | {None: len(ordered)}
    return np.array([level_of[value] for value in objects]), len(ordered)


def _of_ranks(
    column: Column, times: np.ndarray | None, rounded: bool, weighted: bool, n_cells: int = N_CELLS
) -> Margin:
    missing = column.missing
    values = column.values
    if times is None:
        ordered, last = np.sort(values[~missing]), None
    else:
        order = np.argsort(values)[: np.count_nonzero(~missing)]
        ordered, last = values[order], np.cumsum(times[order])
    new = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    n_levels = np.count_nonzero(new)
    levels = ordered[new] if n_levels <= n_cells else None
    starts = _cell_starts(ordered, last, n_cells) if levels is None else levels
    codes = np.maximum(np.searchsorted(starts, values, side="right") - 1, 0)
    codes[missing] = len(starts)
    counts = np.bincount(codes, times, len(starts) + 1)
    n_present = counts[:-1].sum()
    mass = counts / counts.sum()
    if not missing.any():
        counts, mass = counts[:-1], mass[:-1]
    rank = (np.cumsum(counts) - counts / 2) / max(n_present, 1)
    if missing.any():
        rank[-1] = np.nan
    functions, function_order = _functions_of_rank(rank.tobytes(), mass.tobytes())
    codes = codes.astype(np.uint8)
    coarse = levels is None
    n_rows = len(ordered) if weighted else n_present
    repeats, tied = (
        coarse and not rounded and bool(n_levels <= most * n_rows) for most in (MOST_DISTINCT, _MOST_UNTIED)
    )
    unit = times if weighted else None
    return Margin(
        codes, mass, functions, function_order, None, coarse, rank, values, repeats, tied, times, unit
    )


def _cell_starts(ordered: np.ndarray, last: np.ndarray | None, n_cells: int) -> np.ndarray:
    """Smallest value of each cell. A value that is more frequent than a cell gets a cell of its own.

    `last` is the number of rows up to each value, if values have several rows.
    """
    n = len(ordered) if last is None else round(last[-1])
    at = (cell_edges(n, n_cells) * n).astype(np.int64)
    if last is not None:
        at = np.searchsorted(last, at, side="right")
    starts, times = np.unique(ordered[at], return_counts=True)
    after = np.searchsorted(ordered, starts[times > 1], side="right")
    return np.unique(np.concatenate([ordered[:1], starts, ordered[after[after < len(ordered)]]]))


@lru_cache(maxsize=16)
def cell_edges(n: int, n_cells: int = N_CELLS) -> np.ndarray:
    """Inner edges of the cells as ranks, in equal steps of the mean of rank and normal score."""
    largest = -ndtri(0.5 / max(n, 2))
    score = np.linspace(-largest, largest, 4_001)
    rank = ndtr(score)
    position = rank + (score + largest) / (2 * largest)
    position = (position - position[0]) / (position[-1] - position[0])
    return np.interp(np.arange(1, n_cells) / n_cells, position, rank)


@lru_cache(maxsize=64)  # columns without ties have the same cells
def _functions_of_rank(rank_bytes: bytes, mass_bytes: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal functions of the cells and their orders, from the mean ranks and masses of the cells."""
    rank, mass = np.frombuffer(rank_bytes), np.frombuffer(mass_bytes)
    present = ~np.isnan(rank)
    shown = np.where(present, rank, 0.5)
    score = ndtri(shown)
    polynomials = [eval_legendre(k, 2 * shown - 1) for k in range(1, N_FUNCTIONS - 1)]
    raw = np.column_stack([score, score**2, *polynomials]) * present[:, None]
    order = np.arange(1, N_FUNCTIONS + 1)
    if not present.all():
        raw, order = np.column_stack([~present, raw]), np.append(1, order)
    functions, kept = orthonormal(raw, mass, return_kept=True)
    return functions, order[kept]
