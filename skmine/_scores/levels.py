"""Functions of a column: polynomials of its ranks, or indicators of its levels."""

import numpy as np
from scipy.special import eval_legendre
from scipy.stats import f, rankdata

from skmine._columns import Column
from skmine._copula.margins import Margin

#: Levels of a category that have an indicator.
LEVELS = 32
#: Significance of the F test of levels. At 0.3, chance costs 5 % of the power given smooth numbers; at 0.01,
#: faint levels give twice as many false rejections.
_DIFFER = 0.1


def rank_functions(column: Column, discrete: bool, degree: int) -> np.ndarray:
    """Centred functions of a column: polynomials of its ranks over their degree, or indicators of levels.

    Parameters
    ----------
    column : Column
        Values; a missing value counts as a level.
    discrete : bool
        Whether to treat numbers as labels.
    degree : int
        Maximum degree.

    Returns
    -------
    ndarray of shape (n, n_functions)
        Functions; with variance 1 if the degree is 1. A constant column has none.
    """
    if discrete or column.categorical:
        raw, order = indicators(column), None
    else:
        rank, present = ranks(column)
        degree = min(degree, len(np.unique(rank[present])) - 1)
        order = np.arange(1, degree + 1)
        raw = eval_legendre(order, 2 * rank[:, None] - 1) * present[:, None]
        if not present.all():
            raw, order = np.column_stack([~present, raw]), np.append(1, order)
    n = len(raw)
    basis, triangle = np.linalg.qr(np.column_stack([np.ones(n), raw]))
    size = np.abs(np.diag(triangle))[1:]
    kept = size > 1e-6 * np.sqrt(n)
    functions = basis[:, 1:][:, kept] * np.sqrt(n)
    return functions if order is None else functions / order[kept]


def indicators(column: Column) -> np.ndarray:
    """Indicators of the most frequent levels, divided by the root of their shares, (n, n_levels)."""
    inverse = level_codes(column)
    counts = np.bincount(inverse)
    common = np.argsort(-counts, kind="stable")[:LEVELS]
    return (inverse.reshape(-1, 1) == common) / np.sqrt(counts[common] / len(inverse))


def level_codes(column: Column) -> np.ndarray:
    """Number of each row's level; a missing value counts as a level."""
    levels = Margin.of_column(column, discrete=True).levels
    assert levels is not None
    return np.unique(levels, return_inverse=True)[1]


def ranks(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Middle ranks in (0, 1), 0.5 for missing values, and a mask of the values that are present."""
    present = ~column.missing
    rank = np.full(len(present), 0.5)
    if present.any():
        rank[present] = (rankdata(column.values[present]) - 0.5) / present.sum()
    return rank, present


def compared_within(columns: list[Column], n: int, rows_a_number: int) -> np.ndarray:
    """Level of each row in the column of most levels, if it has more than functions can follow.

    Parameters
    ----------
    columns : list of Column
        Columns of Z.
    n : int
        Number of rows.
    rows_a_number : int
        Average number of rows from which numbers are levels too, as categories always are.

    Returns
    -------
    ndarray of shape (n,)
        0 for all rows if there is no such column.
    """
    most, found = LEVELS, np.zeros(n, dtype=int)
    for column in columns:
        codes = level_codes(column)
        n_levels = int(codes.max()) + 1
        if n_levels > most and (column.categorical or n_levels * rows_a_number <= n):
            most, found = n_levels, codes
    return found


def levels_differ(residuals: np.ndarray, codes: np.ndarray) -> bool:
    """Whether the mean residual of some function differs between levels, by F tests.

    Parameters
    ----------
    residuals : ndarray of shape (n, n_functions)
        Residuals of each function.
    codes : ndarray of shape (n,)
        Level of each row. Fewer levels than rows.

    Returns
    -------
    bool
    """
    counts = np.bincount(codes)
    sums = np.stack([np.bincount(codes, column) for column in residuals.T], axis=1)
    between = (sums**2 / counts[:, None]).sum(axis=0)
    inside = np.maximum((residuals**2).sum(axis=0) - between, 1e-12)
    freedom = len(counts) - 1, len(codes) - len(counts)
    ratio = between / freedom[0] / (inside / freedom[1])
    return bool(f.sf(ratio.max(), *freedom) * len(ratio) <= _DIFFER)
