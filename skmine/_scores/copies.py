"""Columns whose rows are copies of other rows, so that their scores are too high."""

from itertools import pairwise

import numpy as np

from skmine._copies import MEASURED, copied_together, has_unit, warn_of_copies
from skmine._copula import Margin
from skmine._scores.reading import some_of


def copied_with(margins: list[Margin], target: Margin) -> np.ndarray:
    """Number of rows in which a column and a target repeat together, if both hold measurements.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.

    Returns
    -------
    ndarray of shape (n_columns,)
        It is 0 if there are few such rows.
    """
    copies = np.zeros(len(margins), dtype=int)
    if not target.repeats or target.values is None:
        return copies
    share = _distinct_share(target)
    # Of other columns, most copied rows would have several values, or would share theirs with other rows.
    similar = [
        (j, margin.values)
        for j, margin in enumerate(margins)
        if margin.repeats and MEASURED < _distinct_share(margin) / share < 1 / MEASURED
    ]
    if not similar or has_unit(target.values):
        return copies
    for j, values in similar:
        assert values is not None
        copies[j] = copied_together([values, target.values])
    return copies


def copied_among(margins: list[Margin]) -> np.ndarray:
    """As `copied_with`, for each column and those with nearly the same number of distinct values."""
    copies = np.zeros(len(margins), dtype=int)
    repeating = [j for j, margin in enumerate(margins) if margin.repeats]
    repeating.sort(key=lambda j: int(margins[j].number.max()))
    for j, other in pairwise(repeating):
        copies[[j, other]] = np.maximum(copies[[j, other]], copied_with([margins[j]], margins[other]))
    return copies


def copies_between(margins: list[Margin], targets: list[Margin]) -> int:
    """The largest number of rows in which a column and a target repeat together, as in `copied_with`."""
    return max(int(copied_with(margins, target).max(initial=0)) for target in targets)


def warn_of_copied_columns(names: list, copies: np.ndarray, n_rows: int) -> None:
    """Warn about columns whose rows repeat together with those of a target or of another column.

    Parameters
    ----------
    names : list
        Names of the columns.
    copies : ndarray of shape (n_columns,)
        Numbers of copied rows.
    n_rows : int
        Number of all rows.
    """
    found = [str(name) for name, n_copies in zip(names, copies, strict=True) if n_copies]
    if found:
        effect = f"Values of {some_of(found)} are too high, because copies look like dependence."
        warn_of_copies(int(max(copies)), n_rows, effect)


def _distinct_share(margin: Margin) -> float:
    """Distinct values of a column, as a share of its values that are not missing."""
    assert margin.values is not None
    n_missing = np.count_nonzero(np.isnan(margin.values))
    return (int(margin.number.max()) + (n_missing == 0)) / (len(margin.values) - n_missing)
