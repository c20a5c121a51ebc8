"""The plane of the ranks of two columns, cut into cells: sums over the rows of every cell."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array

from skmine._copula.ranks import ROWS_AT_ONCE, FineRanks

#: Minimum number of rows of a cell with a line (three parameters, and the kurtosis) or a cut.
LEAST_ROWS = 8
#: Powers of the two scores in the sums of products.
POWERS = [(k, total - k) for total in range(1, 5) for k in range(total + 1)]


class Cells(NamedTuple):
    """The cells of one level that have enough rows for a line or a cut.

    Attributes
    ----------
    n_cells : int
        Number of all cells of the level.
    used : ndarray of shape (n_used,)
        Indices of these cells.
    sums : ndarray of shape (n_used, n_sums)
        As in :class:`Plane`.
    mass, flatness : ndarray of shape (2, n_used)
        Share of the rows in the interval of each axis, and the gain from its ties.
    halves : ndarray of shape (2, 2, n_used)
        Indices of the first and second half, in the level below, of a cut along each axis.
    share : ndarray of shape (2, n_used)
        Share of the first half in the rows of the interval that is cut; NaN if it cannot be cut.
    n_first : ndarray of shape (2, n_used)
        Number of rows in the first half.
    unit : ndarray of shape (n_used,)
        How much one row of the cell counts: 1, or the mean weight of its rows, weighted by themselves.
    """

    n_cells: int
    used: np.ndarray
    sums: np.ndarray
    mass: np.ndarray
    flatness: np.ndarray
    halves: np.ndarray
    share: np.ndarray
    n_first: np.ndarray
    unit: np.ndarray


class Table(NamedTuple):
    """A pair of columns.

    Attributes
    ----------
    first, second : FineRanks
        Ranks of the columns.
    flatness : tuple of two float
        Nats for flat noise that the ties of either column alone would gain.
    times, unit : ndarray of shape (n,) or None
        Number of rows of each entry, and how much one row counts, as in
        :class:`skmine._copula.margins.Margin`.
    """

    first: FineRanks
    second: FineRanks
    flatness: tuple[float, float]
    times: np.ndarray | None
    unit: np.ndarray | None


class Plane:
    """Sums over the rows of every cell of one level, that is after ``level`` cuts of the plane.

    For each table, entry i on the axis of shapes is for the cells with i cuts along the first axis and
    ``level - i`` along the second.

    Parameters
    ----------
    tables : list of Table
        Pairs of columns.
    later : list of Table
        Pairs with half of the rows. They have one cut less, and follow the others from the second level on.
    cuts : tuple of two int
        Maximum number of cuts, in total and along one axis.

    Attributes
    ----------
    sums : ndarray of shape (n_tables, n_shapes, 2**level, n_sums)
        Counts, products of powers of the two scores, and variances of rounding; for rows with weights, also
        the squares of the weights.
    weighted : bool
        Whether rows have weights.
    mass : ndarray of shape (2, n_tables, 2 * 2**deepest)
        Share of the rows in each interval of either axis, as in :func:`_masses`.
    flatness : ndarray of shape (2, n_tables)
        Nats for flat noise that the ties of either column alone would gain.
    """

    def __init__(self, tables: list[Table], later: list[Table], cuts: tuple[int, int]):
        self.weighted = tables[0].unit is not None
        self.n_cuts, self.deepest = cuts
        self.later = later
        self.last_cut = np.repeat([self.n_cuts, self.n_cuts - 1], [len(tables), len(later)])
        self.mass = np.empty((2, len(self.last_cut), 2 * 2**self.deepest))
        known: dict[int, np.ndarray] = {}
        for number, table in enumerate([*tables, *later]):
            for axis, ranks in enumerate((table.first, table.second)):
                if id(ranks) not in known:
                    known[id(ranks)] = _masses(ranks, self.deepest)
                self.mass[axis, number] = known[id(ranks)]
        self.flatness = np.array([table.flatness for table in [*tables, *later]]).T
        self.sums = self._sums(tables, self.n_cuts)
        self.finer_count = np.zeros(1)

    def _sums(self, tables: list[Table], level: int) -> np.ndarray:
        """Sums over the rows of each cell of some tables."""
        n_sums = 1 + len(POWERS) + 4 + self.weighted
        sums = np.zeros((len(tables), len(self.shapes(level)), 2**level, n_sums))
        for start in range(0, max(len(table.second.number) for table in tables), ROWS_AT_ONCE):
            self._add(sums, level, *_some_rows(tables, slice(start, start + ROWS_AT_ONCE)))
        return sums

    def _add(self, sums, level: int, table, first: list[np.ndarray], second: list[np.ndarray], times, unit):
        """Add rows to the sums of their tables. The rows of the tables are concatenated."""
        (cell_x, x, *ties_x), (cell_y, y, *ties_y) = first, second
        cell_x, cell_y = cell_x.astype(np.int64), cell_y.astype(np.int64)
        powers = [[np.ones_like(v), v, v**2, v**2 * v, v**2 * v**2] for v in (x, y)]
        columns = [powers[0][0], *(powers[0][k] * powers[1][m] for k, m in POWERS)]
        values = np.column_stack([*columns, *ties_x, *ties_y, *unit])
        table = table << level
        shape = len(sums) << level, len(x)
        in_cells = csc_array((times, table.copy(), np.arange(len(x) + 1)), shape)
        for row, i in enumerate(self.shapes(level)):
            j = level - i
            cell = (cell_x >> (self.deepest - i) << j) | (cell_y >> (self.deepest - j))
            in_cells.indices[:] = table + cell
            sums[:, row] += (in_cells @ values).reshape(len(sums), -1, values.shape[1])

    def shapes(self, level: int) -> range:
        """Possible numbers of cuts along the first axis."""
        return range(max(0, level - self.deepest), min(level, self.deepest) + 1)

    def cells(self, level: int) -> Cells:
        """The cells in use at the present level."""
        sums = self.sums.reshape(-1, self.sums.shape[-1])
        count, unit = sums[:, 0], np.ones(1)
        if self.weighted:
            unit = np.divide(sums[:, -1], count, out=np.ones(len(sums)), where=count > 0)
        used = np.flatnonzero(count >= LEAST_ROWS * unit)
        pair, shape = np.divmod(used >> level, len(self.shapes(level)))
        cut_x = shape + self.shapes(level).start
        cut_y = level - cut_x
        position = used & (2**level - 1)
        place_x, place_y = position >> cut_y, position & ((1 << cut_y) - 1)
        heap = np.stack([(1 << cut_x) + place_x, (1 << cut_y) + place_y])
        shapes = self.shapes(level + 1)
        row = pair * len(shapes) + cut_x - shapes.start
        of_x = ((row + 1) << (level + 1)) + ((place_x << cut_y + 1) + place_y)
        first = [of_x, (row << (level + 1)) + 2 * position]
        halves = np.stack([first, [first[0] + (1 << cut_y), first[1] + 1]])
        child = np.where(heap < 2**self.deepest, 2 * heap, 0)  # the deepest intervals have no halves
        axis = np.arange(2)[:, None]
        one, other = self.mass[axis, pair, child], self.mass[axis, pair, child + 1]
        possible = (one > 0) & (other > 0) & (level < self.last_cut[pair])
        halves = np.where(possible, halves, 0)
        share = np.divide(one, one + other, out=np.full(one.shape, np.nan), where=possible)
        n_first = self.finer_count[halves[0]]
        mass, flatness = self.mass[axis, pair, heap], self.flatness[:, pair]
        unit = unit[used] if self.weighted else np.ones(len(used))
        return Cells(len(sums), used, sums[used], mass, flatness, halves, share, n_first, unit)

    def merge(self, level: int) -> None:
        """Go to the level above: merge halves along the second axis, or along the first if there are none."""
        shapes = self.shapes(level - 1)
        self.finer_count = self.sums[..., 0].ravel()
        n_sums = self.sums.shape[-1]
        n_tables = len(self.sums)
        merged = np.empty((n_tables, len(shapes), 2 ** (level - 1), n_sums))
        halved = merged
        if level > self.deepest:
            halved = merged[:, 1:]
            halves = self.sums[:, 0].reshape(n_tables, 2**shapes.start, 2, -1, n_sums)
            merged[:, 0] = (halves[:, :, 0] + halves[:, :, 1]).reshape(merged[:, 0].shape)
        finer = self.sums[:, : halved.shape[1]]
        np.add(finer[:, :, 0::2], finer[:, :, 1::2], out=halved)
        self.sums = merged
        if self.later:
            self.sums, self.later = np.concatenate([merged, self._sums(self.later, level - 1)]), []


def _some_rows(tables: list[Table], rows: slice) -> tuple:
    """Table of each row, and what :meth:`Plane._add` takes, for some rows of each table."""
    known: dict[int, list[np.ndarray]] = {}
    sides: tuple[list, list] = [], []
    for table in tables:
        for side, ranks in zip(sides, (table.first, table.second), strict=True):
            if id(ranks) not in known:
                known[id(ranks)] = ranks.of_rows(rows)
            side.append(known[id(ranks)])
    number = np.repeat(np.arange(len(tables)), [len(cell) for cell, *_ in sides[0]])
    first, second = ([np.concatenate(values) for values in zip(*side, strict=True)] for side in sides)
    times, unit = (
        [part[rows] for part in parts if part is not None]
        for parts in ([table.times for table in tables], [table.unit for table in tables])
    )
    weights = np.concatenate(times) if times else np.ones(len(number))
    return number, first, second, weights, [np.concatenate(unit)] if unit else []


def _masses(ranks: FineRanks, deepest: int) -> np.ndarray:
    """Share of the rows in each interval of each depth, in the order of a heap with root 1."""
    mass = np.zeros(2 ** (deepest + 1))
    counts = np.bincount(ranks.cell, ranks.n_rows, 2**deepest)
    mass[2**deepest :] = counts / counts.sum()
    for depth in range(deepest - 1, -1, -1):
        finer = mass[2 ** (depth + 1) : 2 ** (depth + 2)]
        mass[2**depth : 2 ** (depth + 1)] = finer[0::2] + finer[1::2]
    return mass
