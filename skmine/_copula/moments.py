"""All pairs of many columns: matrix products of their functions show which pairs need a closer look."""

from dataclasses import replace

import numpy as np
from scipy.stats import chi2

from skmine._copula.information import is_smooth, pair_information, weigh_against_independence
from skmine._copula.loglinear import CHANCE, STAGES
from skmine._copula.margins import Margin
from skmine._copula.tables import penalty

#: Number of functions in a block of columns, and number of rows, in memory at a time.
_BLOCK, _ROWS = 1024, 2**13


def block_information(first: list[Margin], second: list[Margin]) -> np.ndarray:
    """Mutual information of all pairs of two lists of columns.

    The mean products of the functions of two independent columns are 0, up to chance. If chance can explain
    the products of a pair, half of the sum of their squares is the estimate, to second order. All other pairs
    are estimated by :func:`pair_information`.

    Parameters
    ----------
    first, second : list of Margin
        Columns of the same rows. If both are the same list, only the pairs below the diagonal are computed.

    Returns
    -------
    ndarray of shape (n_first, n_second)
        Nats, at least 0.
    """
    mi, open_pairs = screen_pairs(first, second, product_sums(first, second))
    if second is first:
        mi, open_pairs = np.tril(mi, -1), np.tril(open_pairs, -1)
    mi[open_pairs] = open_information(first, second, open_pairs)
    return mi


def open_information(first: list[Margin], second: list[Margin], open_pairs: np.ndarray) -> np.ndarray:
    """Mutual information of some pairs of two lists of columns, by :func:`pair_information`.

    Parameters
    ----------
    first, second : list of Margin
        Columns of the same rows.
    open_pairs : ndarray of shape (n_first, n_second)
        Mask of the pairs.

    Returns
    -------
    ndarray of shape (n_pairs,)
        Nats, in the order of the mask.
    """
    found = [np.empty(0)]
    for margin, asked in zip(first, open_pairs, strict=True):
        found.append(pair_information([second[i] for i in np.flatnonzero(asked)], margin))
    return np.concatenate(found)


def cells_at(margins: list[Margin], rows: slice) -> list[Margin]:
    """Columns with some of the rows, for :func:`product_sums`: their cells, without their values."""
    return [
        replace(
            margin,
            codes=margin.codes[rows],
            times=None if margin.times is None else margin.times[rows],
            levels=None,
            values=None,
            unit=None,
        )
        for margin in margins
    ]


def product_sums(first: list[Margin], second: list[Margin]) -> np.ndarray:
    """Sums over the rows of the products of the functions of two lists of columns.

    Parameters
    ----------
    first, second : list of Margin
        Columns of the same rows.

    Returns
    -------
    ndarray of shape (n_first_functions, n_second_functions)
    """
    sides = [[m.functions.T.astype(np.float32) for m in margins] for margins in (first, second)]
    total = np.zeros([sum(len(functions) for functions in side) for side in sides], dtype=np.float32)
    for start in range(0, len(first[0].codes), _ROWS):
        left = _functions_of_rows(sides[0], first, rows := slice(start, start + _ROWS))
        right = left if second is first else _functions_of_rows(sides[1], second, rows)
        if first[0].times is not None:
            right = right * first[0].times[rows].astype(np.float32)
        total += left @ right.T
    return total.astype(np.float64)


def _functions_of_rows(functions: list[np.ndarray], margins: list[Margin], rows: slice) -> np.ndarray:
    """Values in some rows, shape (n_functions, n_rows)."""
    # Each function is a row, because copies of whole rows are several times as fast.
    return np.concatenate([f.take(m.codes[rows], axis=1) for f, m in zip(functions, margins, strict=True)])


def screen_pairs(
    first: list[Margin], second: list[Margin], sums: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Second-order estimates of all pairs of two lists of columns, and a mask of the other pairs.

    Parameters
    ----------
    first, second : list of Margin
        Columns of the same rows.
    sums : ndarray of shape (n_first_functions, n_second_functions)
        See :func:`product_sums`.

    Returns
    -------
    mi : ndarray of shape (n_first, n_second)
        Nats.
    open_pairs : ndarray of shape (n_first, n_second)
        Pairs that need a better estimate.
    """
    return _Functions(first).screen(_Functions(second), sums)


def column_blocks(margins: list[Margin]) -> list[list[int]]:
    """Split columns into blocks, each with a limited number of functions.

    Parameters
    ----------
    margins : list of Margin
        Columns.

    Returns
    -------
    list of list of int
        Indices of the columns of each block.
    """
    blocks: list[list[int]] = []
    width = 0
    for j, margin in enumerate(margins):
        if not blocks or width + len(margin.order) > _BLOCK:
            blocks.append([])
            width = 0
        blocks[-1].append(j)
        width += len(margin.order)
    return blocks


class _Functions:
    """The functions of a block of columns."""

    def __init__(self, margins: list[Margin]):
        self.n = len(margins[0])
        self.smooth = np.array([is_smooth(margin) for margin in margins])
        self.order = np.concatenate([margin.order for margin in margins])
        self.starts = np.cumsum([0, *(len(margin.order) for margin in margins)])

    def _of_columns(self, by_function: np.ndarray) -> np.ndarray:
        """Sums over the functions of each column, on the first axis."""
        total = np.cumsum(np.vstack([np.zeros(by_function.shape[1]), by_function]), axis=0, dtype=np.float64)
        return np.diff(total[self.starts], axis=0)

    def screen(self, other: "_Functions", sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :func:`screen_pairs`."""
        squares = (sums / self.n) ** 2
        shape = len(self.starts) - 1, len(other.starts) - 1
        best, lower = np.zeros((2, *shape))
        open_pairs = ~np.logical_and.outer(self.smooth, other.smooth)
        for stage in STAGES:
            rows, columns = self.order <= stage, other.order <= stage
            within = np.where(np.outer(rows, columns), squares, 0)
            gain = other._of_columns(self._of_columns(within).T).T / 2
            freedom = np.outer(self._of_columns(rows[:, None]), other._of_columns(columns[:, None]))
            cost = penalty(freedom, self.n)
            better = gain - cost > lower
            best[better], lower[better] = (gain - cost / 2)[better], (gain - cost)[better]
            open_pairs |= (2 * self.n * gain > chi2.isf(CHANCE, np.maximum(freedom, 1))) & (freedom > 0)
        return weigh_against_independence(best, lower, self.n), open_pairs
