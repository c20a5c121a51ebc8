"""Checks the fit of a smooth log ratio: whether a coarse table of the rows exceeds it by more than chance."""

import numpy as np
from scipy.stats import poisson

#: Rows in each cell of the coarse table, and its most cells on each side.
_ROWS_A_CELL, _MOST_CELLS = 8, 32
#: A fit is rejected if the coarse table exceeds it by so many nats and standard deviations.
_MISFIT_NATS, _MISFIT_Z = 0.005, 3.0
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


def misfit(pairs, fitted: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Mask of the pairs whose coarse table exceeds the fit by more than chance.

    Tables of three shapes are used. Two halves of one column with many cells of the other detect
    oscillations.

    Parameters
    ----------
    pairs : _Pairs
        Pairs of columns, as in `loglinear`.
    fitted : ndarray of shape (n_pairs, n_x_cells, n_y_cells)
        Fitted tables.
    freedom : ndarray of shape (n_pairs,)
        Numbers of parameters of the fits.

    Returns
    -------
    ndarray of shape (n_pairs,)
    """
    n_cells = pairs.n / _ROWS_A_CELL
    side, length = (int(np.clip(size, 4, _MOST_CELLS)) for size in (np.sqrt(n_cells), n_cells / 2))
    exceeds = np.zeros(len(pairs), dtype=bool)
    shapes = dict.fromkeys([(side, side), (length, 2), (2, length)]) if any(pairs.ordered) else [(side, side)]
    for shape in shapes:
        exceeds |= _exceeds(pairs, fitted, freedom, shape)
    return exceeds


def _exceeds(pairs, fitted: np.ndarray, freedom: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mask of the pairs whose coarse table of a given shape exceeds the fit by more than chance."""
    rows, columns = (
        _coarse(pairs.table.sum(axis), size, ordered)
        for axis, size, ordered in zip((2, 1), shape, pairs.ordered, strict=True)
    )
    one = _row_counts(pairs, rows, columns)
    observed = (rows @ pairs.table @ columns.mT) * pairs.n / one
    expected = np.maximum((rows @ fitted @ columns.mT) * pairs.n / one, _EXPECTED[0])
    log_ratio = np.log(np.where(observed > 0, observed, 1) / expected)
    deviance = one * 2 * (np.where(observed > 0, observed * log_ratio, 0.0) - (observed - expected))
    mean = (one * np.interp(expected, _EXPECTED, _DEVIANCE_MEAN)).sum((1, 2))
    variance = (one**2 * np.interp(expected, _EXPECTED, _DEVIANCE_VARIANCE)).sum((1, 2))
    used = sum((coarse.sum(2) > 0).sum(1) for coarse in (rows, columns)) - 1 + freedom
    excess = deviance.sum((1, 2)) - np.maximum(mean - used, 0)
    surprise = excess / np.sqrt(np.maximum(variance, 1))
    return (excess > 2 * pairs.n * _MISFIT_NATS) & (surprise > _MISFIT_Z)


def _row_counts(pairs, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What one row of each cell of the coarse table counts, by its row and column; 1 without weights."""
    if pairs.squares is pairs.table:
        return np.ones((1, 1, 1))
    by_row, by_column = (
        np.divide(squares, table, out=np.ones_like(table), where=table > 0)
        for squares, table in (
            [(coarse @ part.sum(axis)[:, :, None])[:, :, 0] for part in (pairs.squares, pairs.table)]
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
