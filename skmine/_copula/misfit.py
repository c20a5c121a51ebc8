"""Checks the fit of a smooth log ratio: whether a coarse table of the rows exceeds it by more than chance."""

import numpy as np
from scipy.stats import poisson

from skmine._copula.margins import Margin

#: Rows per cell of the coarse table, and its maximum number of cells on each side.
_ROWS_A_CELL, _MOST_CELLS = 8, 32
#: A fit is rejected if the coarse table exceeds it by this many nats and by this many standard deviations.
MISFIT_NATS, _MISFIT_Z = 0.005, 3.0
#: Neighbours are closer than in the fit if their mean distance is below by this many standard deviations.
_CLOSE_Z = 4.0
#: Expected counts at which the law of the deviance is tabulated.
_EXPECTED = np.geomspace(1e-6, 1e3, 200)


def _poisson_deviance() -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the deviance of a Poisson count, at each expected count."""
    counts = np.arange(1_500)[:, None]
    log_ratio = np.log(np.maximum(counts, 1) / _EXPECTED)
    deviance = 2 * (np.where(counts > 0, counts * log_ratio, 0.0) - (counts - _EXPECTED))
    mass = poisson.pmf(counts, _EXPECTED)
    mean = (mass * deviance).sum(0)
    return mean, (mass * deviance**2).sum(0) - mean**2


_DEVIANCE_MEAN, _DEVIANCE_VARIANCE = _poisson_deviance()


class CoarseTables:
    """Tables of several pairs with neighbouring cells merged.

    Parameters
    ----------
    table : ndarray of shape (n_pairs, n_x, n_y)
        Share of the rows in each cell.
    squares : ndarray of shape (n_pairs, n_x, n_y)
        Sums of squared weights; the table itself if rows have no weights.
    n : int
        Number of rows.
    ordered : tuple of two bool
        Whether the cells of either axis have an order.
    masses : tuple of two ndarray
        Shares of the rows in the cells of either axis, (n_pairs, n_x) and (1, n_y).
    shape : tuple of two int
        Largest number of merged cells on either axis.
    """

    def __init__(self, table, squares, n: int, ordered: tuple[bool, bool], masses, shape: tuple[int, int]):
        self.n = n
        self.rows, self.columns = map(_coarse, masses, shape, ordered)
        self.one = np.ones((len(table), 1, 1))
        if squares is not table:
            self.one = _row_counts(table, squares, self.rows, self.columns)
        self.observed = (self.rows @ table @ self.columns.mT) * n / self.one
        self.n_margins = sum((coarse.sum(2) > 0).sum(1) for coarse in (self.rows, self.columns)) - 1

    def exceeds(self, which: np.ndarray, fitted: np.ndarray, freedom: np.ndarray) -> np.ndarray:
        """Whether each table exceeds its fitted table by more than chance.

        Parameters
        ----------
        which : ndarray of shape (n_asked,)
            Indices of the pairs.
        fitted : ndarray of shape (n_asked, n_x, n_y)
            Fitted shares of the rows in each cell of these pairs.
        freedom : ndarray of shape (n_asked,)
            Number of parameters of each fit.

        Returns
        -------
        ndarray of shape (n_asked,)
        """
        observed, one = self.observed[which], self.one[which]
        expected = (self.rows[which] @ fitted @ self.columns.mT) * self.n / one
        expected = np.maximum(expected, _EXPECTED[0])
        log_ratio = np.log(np.where(observed > 0, observed, 1) / expected)
        deviance = one * 2 * (np.where(observed > 0, observed * log_ratio, 0.0) - (observed - expected))
        mean = (one * np.interp(expected, _EXPECTED, _DEVIANCE_MEAN)).sum((1, 2))
        variance = (one**2 * np.interp(expected, _EXPECTED, _DEVIANCE_VARIANCE)).sum((1, 2))
        excess = deviance.sum((1, 2)) - np.maximum(mean - self.n_margins[which] - freedom, 0)
        surprise = excess / np.sqrt(np.maximum(variance, 1))
        return (excess > 2 * self.n * MISFIT_NATS) & (surprise > _MISFIT_Z)


def coarse_tables(
    table: np.ndarray, squares: np.ndarray, n: int, ordered: tuple[bool, bool], masses
) -> list[CoarseTables]:
    """Coarse tables of up to three shapes.

    Two halves of one column with many cells of the other detect oscillations.

    Parameters
    ----------
    table, squares, n, ordered, masses
        As for :class:`CoarseTables`.

    Returns
    -------
    list of CoarseTables
    """
    n_cells = n / _ROWS_A_CELL
    side, length = (int(np.clip(size, 4, _MOST_CELLS)) for size in (np.sqrt(n_cells), n_cells / 2))
    shapes = [(side, side), *([(length, 2), (2, length)] if any(ordered) else [])]
    return [CoarseTables(table, squares, n, ordered, masses, shape) for shape in dict.fromkeys(shapes)]


def neighbours_agree(margins: list[Margin], target: Margin, fitted: np.ndarray) -> np.ndarray:
    """Whether rows that are next to each other in one column are more alike in the other than the fit says.

    They are if one column is a fast oscillation of the other, with many periods in each cell.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.
    fitted : ndarray of shape (n_columns, n_x, n_y)
        Fitted shares of the rows in each cell.

    Returns
    -------
    ndarray of shape (n_columns,)

    References
    ----------
    Chatterjee (2021), A new coefficient of correlation, for the mean distance of neighbours.
    """
    agree = np.zeros(len(margins), dtype=bool)
    if len(margins) and target.in_order is not None:
        agree |= _are_close(
            np.stack([m.codes[target.in_order] for m in margins]), margins, [target], fitted.mT
        )
    alike: dict = {}
    for j, margin in enumerate(margins):
        if margin.in_order is not None:
            alike.setdefault(len(margin.in_order), []).append(j)
    for some in alike.values():
        codes = target.codes[np.stack([margins[j].in_order for j in some])]
        agree[some] |= _are_close(codes, [target], [margins[j] for j in some], fitted[some])
    return agree


def _are_close(
    codes: np.ndarray, margins: list[Margin], given: list[Margin], fitted: np.ndarray
) -> np.ndarray:
    """Whether cells of neighbours are closer than those of two rows of one cell `given` in the fit.

    Parameters
    ----------
    codes : ndarray of shape (n_pairs, n_rows)
        Cells of the rows, which are neighbours in the given column.
    margins, given : list of Margin
        The columns that are compared, and those that are given: one for each pair, or the same for all.
    fitted : ndarray of shape (n_pairs, n_given, n_cells)
        Fitted shares of the rows.
    """
    n_cells = fitted.shape[2]
    if margins[0].levels is None:
        distance = np.abs(np.subtract.outer(np.arange(n_cells), np.arange(n_cells)))
        differ = np.abs(np.diff(codes.astype(np.int16), axis=1))
    else:
        distance, differ = 1 - np.eye(n_cells), codes[:, 1:] != codes[:, :-1]
    share = np.zeros((len(given), fitted.shape[1]))
    for row, margin in zip(share, given, strict=True):
        row[: len(margin.mass)] = margin.mass_in_order
    of_cells = fitted / np.maximum(fitted.sum(2, keepdims=True), 1e-300)
    expected = (((of_cells @ distance) * of_cells).sum(2) * share).sum(1)
    # Variance of the mean over permutations of the rows: each distance shares a row with the next one.
    mass = np.zeros((len(margins), n_cells))
    for row, margin in zip(mass, margins, strict=True):
        row[: len(margin.mass)] = margin.mass
    mean = mass @ distance
    overall = (mean * mass).sum(1)
    variance = ((mass @ distance**2) * mass).sum(1) - overall**2 - 2 * ((mean**2 * mass).sum(1) - overall**2)
    missing = expected - differ.mean(1)
    surprise = missing / np.sqrt(np.maximum(variance, 1e-12) / differ.shape[1])
    return (missing > 2 * MISFIT_NATS * expected) & (surprise > _CLOSE_Z)


def _row_counts(table: np.ndarray, squares: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """How much one row of each cell of the coarse table counts, by its row and column."""
    by_row, by_column = (
        np.divide(square, mass, out=np.ones_like(mass), where=mass > 0)
        for square, mass in (
            [(coarse @ part.sum(axis)[:, :, None])[:, :, 0] for part in (squares, table)]
            for coarse, axis in ((rows, 2), (columns, 1))
        )
    )
    return by_row[:, :, None] * by_column[:, None, :]


def _coarse(mass: np.ndarray, side: int, ordered: bool) -> np.ndarray:
    """Matrices that merge neighbouring cells into groups of about equal mass, (n_pairs, side, n_cells).

    Unordered cells are not merged.
    """
    number = np.broadcast_to(np.arange(mass.shape[1]), mass.shape)
    if ordered:
        middle = mass.cumsum(1) - mass / 2
        number = np.clip((middle * side).astype(int), 0, side - 1)
    inside = (number[:, None, :] == np.arange(number.max() + 1)[:, None]) & (mass > 0)[:, None, :]
    return inside.astype(np.float64)
