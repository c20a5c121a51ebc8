"""Rows that are exact copies of other rows, as in a bootstrap sample or a table joined twice."""

import numpy as np

from skmine._columns import Column
from skmine._warning import warn

#: A warning is raised if the share of copies of other rows is above this.
_MOST_COPIES = 0.1
#: A column holds measurements if its distinct values exceed this share of the distinct rows.
MEASURED = 0.9
#: What to do instead of dropping copies, where groups can be passed.
AS_GROUPS = ", or pass groups with one label for all copies of a row"
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: multiplication spreads the bits


def copied_rows(columns: list[Column]) -> int:
    """Number of rows that are copies of others and include copied measurements; 0 if there are few.

    Rows of small integers, and rows without a measurement, repeat by chance. They do not count.

    Parameters
    ----------
    columns : list of Column
        All columns.

    Returns
    -------
    int
    """
    numeric = [column.values for column in columns if not column.categorical]
    fewest = _MOST_COPIES * len(columns[0].values)
    if not numeric or _n_copies(_hash_rows(numeric)) < fewest:
        return 0
    labels = [c.as_input().astype(str) for c in columns if c.categorical]
    numbers = [np.unique(label, return_inverse=True)[1].astype(np.float64) for label in labels]
    hashed = _hash_rows(numeric + numbers)
    n_copies = max(_n_copied_measurements(values, hashed) for values in numeric)
    return n_copies if n_copies >= fewest else 0


def copied_together(columns: list[np.ndarray]) -> int:
    """Number of rows in which columns, all of measurements, repeat together; 0 if there are few.

    Parameters
    ----------
    columns : list of ndarray of shape (n,)
        Numbers, with NaN for missing values.

    Returns
    -------
    int
    """
    hashed = _hash_rows(columns)
    n_copies = min(_n_copied_measurements(values, hashed) for values in columns)
    return n_copies if n_copies >= _MOST_COPIES * len(hashed) else 0


def warn_of_copies(n_copies: int, n_rows: int, effect: str, remedy: str = "") -> None:
    """Warn about copied rows, if there are any.

    Parameters
    ----------
    n_copies, n_rows : int
        Number of copies, and of all rows.
    effect : str
        Sentence that says what is wrong then.
    remedy : str, default=""
        What to do instead of dropping the copies.
    """
    if n_copies:
        warn(
            f"At least {n_copies} of {n_rows} rows are exact copies of other rows. {effect} Drop the copies, "
            f"for example with pandas.DataFrame.drop_duplicates{remedy}."
        )


def _hash_rows(columns: list[np.ndarray]) -> np.ndarray:
    """A 64-bit hash of each row of numeric columns."""
    hashed = np.zeros(len(columns[0]), dtype=np.uint64)
    for values in columns:
        bits = np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)  # one NaN, one 0
        hashed = (hashed ^ bits) * _ODD
        hashed ^= hashed >> np.uint64(29)
    return hashed


def _n_copies(values: np.ndarray) -> int:
    """Number of values that occurred before."""
    return len(values) - len(np.unique(values))


def _n_copied_measurements(values: np.ndarray, hashed: np.ndarray) -> int:
    """Copies among the rows with a measurement in a column; 0 if the column holds none.

    It holds measurements if it has nearly as many distinct values as there are distinct rows, and they are
    not multiples of a unit. Missing values do not count, nor does a frequent value such as zero.
    """
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    if not len(distinct) or has_unit(distinct):
        return 0
    is_measured = ~np.isnan(values)
    if counts.max() >= _MOST_COPIES * len(values):
        is_measured &= values != distinct[counts.argmax()]
    measured, rows = values[is_measured], hashed[is_measured]
    n_rows = len(rows) - _n_copies(rows)
    return _n_copies(rows) if len(measured) - _n_copies(measured) > MEASURED * n_rows else 0


def has_unit(values: np.ndarray) -> bool:
    """Whether numbers are multiples of the smallest distance between them, apart from an offset.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers, which may be missing.

    Returns
    -------
    bool
    """
    steps = np.diff(np.unique(values[np.isfinite(values)]))
    if not len(steps):
        return True
    multiples = steps / steps.min()
    return bool((np.abs(multiples - np.round(multiples)) < 1e-6 * multiples).all())
