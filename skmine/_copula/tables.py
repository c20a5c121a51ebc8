"""Tables of several pairs of columns with one target, and functions of their cells."""

from functools import cached_property

import numpy as np

from skmine._copula.margins import Margin
from skmine._copula.misfit import CoarseTables, coarse_tables


class PairTables:
    """Tables and functions of a chunk of pairs. Margins with fewer cells are padded with empty ones."""

    def __init__(self, margins: list[Margin], target: Margin):
        self.n, self.margins, self.target = len(target), margins, target
        shape = max(len(m.mass) for m in margins), len(target.mass)
        self.table = np.stack([_table(m, target, shape, target.times) for m in margins])
        #: Sums of squared weights; the table itself if rows have no weights.
        self.squares = self.table
        if target.times is not None and target.unit is not None:
            squares = target.times * target.unit
            self.squares = np.stack([_table(m, target, shape, squares) for m in margins])
        self.x = np.stack([_functions(m, shape[0]) for m in margins])
        self.y = _functions(target, shape[1])
        self.masses = np.stack([_padded(m.mass, shape[0]) for m in margins]), target.mass[None]
        self.ordered = margins[0].levels is None, target.levels is None
        self.order_x, self.order_y = (np.append(0, m.order) for m in (margins[0], target))
        self.ranked_x = np.stack([_ranked(m, shape[0]) for m in margins])
        self.ranked_y = _ranked(target, shape[1])[None]
        self.moments = self.x.mT @ self.table @ self.y
        self.independent = self.table.sum(2)[:, :, None] * self.table.sum(1)[:, None, :]
        with np.errstate(divide="ignore"):
            self.log_independent = np.log(self.independent)

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def coarse(self) -> list[CoarseTables]:
        """See :func:`skmine._copula.misfit.coarse_tables`."""
        return coarse_tables(self.table, self.squares, self.n, self.ordered, self.masses)

    def freedom(self, stage: int) -> int:
        """Number of parameters of a stage that couple x and y."""
        return int(((self.order_x > 0) & (self.order_x <= stage)).sum()) * int(
            ((self.order_y > 0) & (self.order_y <= stage)).sum()
        )

    def penalty(self, stage: int) -> np.ndarray:
        """Penalty of a stage for each pair. Weights change it if they depend on the columns.

        See Takeuchi (1976), as in Burnham and Anderson (2002), Model selection and multimodel inference,
        eq. 7.33.
        """
        freedom = self.freedom(stage)
        share = np.ones(len(self))
        if self.squares is not self.table and freedom:
            x, y = ((order > 0) & (order <= stage) for order in (self.order_x, self.order_y))
            share = (self.x[:, :, x].mT ** 2 @ self.squares @ self.y[:, y] ** 2).sum((1, 2)) / freedom
        return penalty(freedom, self.n) * share


def _table(margin: Margin, target: Margin, shape: tuple[int, int], times) -> np.ndarray:
    cell = margin.codes.astype(np.intp) * shape[1] + target.codes
    return np.bincount(cell, times, shape[0] * shape[1]).reshape(shape) / len(target)


def _functions(margin: Margin, n_cells: int) -> np.ndarray:
    """The constant and the functions of a margin in each cell."""
    functions = np.zeros((n_cells, 1 + margin.functions.shape[1]))
    functions[: len(margin.mass), 0] = 1.0
    functions[: len(margin.mass), 1:] = margin.functions
    return functions


def _ranked(margin: Margin, n_cells: int) -> np.ndarray:
    """How much of the spread of the ranks each cell merges: from 0, for a single value, to 1.

    NaN for missing values, padding, and all cells of a column without merged values.
    """
    ranked = np.full(n_cells, np.nan)
    if margin.coarse and margin.rank is not None:
        ranked[: len(margin.rank)] = np.where(np.isnan(margin.rank), np.nan, margin.merged)
    return ranked


def _padded(mass: np.ndarray, n_cells: int) -> np.ndarray:
    return np.append(mass, np.zeros(n_cells - len(mass)))


def penalty(freedom, n: int):
    """Expected difference of the bound between the fitted rows and new rows, corrected for few rows."""
    return freedom / np.maximum(n - freedom - 1, 1)
