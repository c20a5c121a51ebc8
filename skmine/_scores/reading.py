"""Input of the scores: parameters, targets and labels, and columns that are read a few at a time."""

from collections.abc import Iterable
from itertools import chain
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skmine._clusters import is_clustered
from skmine._columns import Column, is_lazy, no_rows_error, read_target, unwrap
from skmine._copula import Margin
from skmine._features import Part
from skmine._row_values import check_weight
from skmine._sklearn import StrOptions
from skmine._validation import effective_samples, read_choice
from skmine._warning import warn

#: A column of labels is an id or free text if its share of distinct values is above this, with at least this
#: many rows.
_ID_SHARE, _ID_ROWS = 0.9, 20
#: A numeric class is probably a quantity if it has more than this many distinct values, and fewer rows per
#: value.
_MANY_CLASSES, _ROWS_A_CLASS = 20, 100
#: Integer targets are classes if they have at most this many levels, and at least this many rows per level.
_MOST_CLASSES, _ROWS_A_LEVEL = 20, 20

#: Parameters that all scores share.
PARAMETERS = {
    "X": "no_validation",  # data that are not in memory have no length
    "discrete_features": [StrOptions({"auto"}), "boolean", "array-like"],
    "n_jobs": [Integral, None],
    "verbose": ["verbose"],
}


class RowWeights:
    """The rows that are used, and how much each row counts.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,) or None
        Weights of all rows. None means equal weights.
    n_rows : int
        Number of rows.

    Attributes
    ----------
    rows : ndarray or None
        Rows of positive weight; None means all.
    times : ndarray or None
        Weights of these rows, whose sum is the effective sample size, rounded (Kish, 1965, section 8.2). None
        means equal weights.
    """

    def __init__(self, sample_weight, n_rows: int):
        self.rows: np.ndarray | None = None
        self.times: np.ndarray | None = None
        if sample_weight is None:
            return
        weight = check_weight(sample_weight, n_rows)
        if not weight.all():
            self.rows = np.flatnonzero(weight)
            weight = weight[self.rows]
        if np.ptp(weight):
            weight = weight / weight.max()  # so that sums of large weights are not infinite
            self.times = weight * (round(effective_samples(weight)) / weight.sum())

    def __sizeof__(self) -> int:
        # Dask sends large objects to a worker only once, not with every task.
        arrays = [array for array in (self.rows, self.times) if array is not None]
        return object.__sizeof__(self) + sum(array.nbytes for array in arrays)

    def take(self, columns: list[Column]) -> list[Column]:
        """Columns without the rows of weight 0."""
        return columns if self.rows is None else [column.take(self.rows) for column in columns]

    def margin(self, column: Column, discrete: bool) -> Margin:
        """The margin of a column of these rows."""
        return Margin.of_column(column, discrete, self.times, weighted=self.times is not None)


def check_in_memory(X, **by_row) -> None:
    """Raise an error if X is a Dask collection and there are weights or groups of its rows."""
    given = [name for name, values in by_row.items() if values is not None]
    if given and is_clustered(X):
        raise ValueError(
            f"X must be in memory with {' or '.join(given)}; got a Dask collection. Pass X.compute()."
        )


def read_targets(y) -> list[Column]:
    """The columns of a target, see :func:`skmine._columns.read_target`."""
    y = unwrap(y, "y")
    is_table = is_lazy(y) or hasattr(y, "columns") or getattr(getattr(y, "dtype", None), "kind", "") == "c"
    if hasattr(y, "shape") and not is_table and len(y.shape) == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    columns = read_target(y, lazy=True)
    if not len(columns[0].values):
        raise no_rows_error("y")
    return columns


def check_target(categorical: bool, n_missing: int, discrete: bool, name: str = "y") -> None:
    """Raise an error if the target does not have the type that a score needs.

    Parameters
    ----------
    categorical : bool
        Whether the target is not numeric.
    n_missing : int
        Number of missing values.
    discrete : bool
        Whether the score needs classes.
    name : str, default="y"
        Name of the column in messages.

    Raises
    ------
    ValueError
        The score needs numbers and the target is not numeric, or it needs classes and some are missing.
    """
    where = "" if name == "y" else f" in {name}"
    if categorical and not discrete:
        raise ValueError(
            f"y must be numeric; got strings, booleans or categories{where}. Use mutual_info_classif for "
            "classes."
        )
    if discrete and n_missing:
        raise ValueError(
            f"y must have a class in every row; got {n_missing} missing{where}. Drop these rows."
        )


def read_discrete_features(discrete_features, n_features: int, sparse: bool = False) -> np.ndarray:
    """Mask of the columns of X to treat as labels.

    Parameters
    ----------
    discrete_features : "auto", bool or array-like
        See :func:`mutual_info_regression`.
    n_features : int
        Columns of X.
    sparse : bool, default=False
        Whether X is a sparse matrix.

    Returns
    -------
    ndarray of shape (n_features,)

    Raises
    ------
    IndexError
        The mask has the wrong length, or an index is out of range.
    """
    if isinstance(discrete_features, str):
        discrete_features = sparse
    mask = np.zeros(n_features, dtype=bool)
    if isinstance(discrete_features, (bool, np.bool_)):
        mask[:] = discrete_features
        return mask
    chosen = read_choice(discrete_features, "discrete_features")
    if chosen.dtype == bool:
        if len(chosen) != n_features:
            raise IndexError(
                f"discrete_features must have one entry for each column of X ({n_features}) if it is a mask; "
                f"got {len(chosen)}. Pass a mask of that length, or the indices of the discrete columns."
            )
        return chosen
    if len(chosen) and (
        chosen.dtype.kind not in "iu" or not -n_features <= chosen.min() <= chosen.max() < n_features
    ):
        raise IndexError(
            f"discrete_features must hold indices of the {n_features} columns of X, or be a mask; got "
            f"{chosen.tolist()}. Pass integers from {-n_features} to {n_features - 1}, or a mask such as "
            "X.columns.isin(names)."
        )
    mask[chosen.astype(int)] = True
    return mask


class Unusual(NamedTuple):
    """Names of columns that must score 0: those without a value, and labels that are nearly all different."""

    empty: list[str]
    ids: list[str]


def read_margins(part: Part, discrete: np.ndarray, weights: RowWeights) -> tuple[list[Margin], Unusual]:
    """Some columns as ranks or levels, and which of them are unusual.

    Parameters
    ----------
    part : Part
        The columns.
    discrete : ndarray of shape (n_columns,)
        Mask of the columns to treat as labels.
    weights : RowWeights
        Weights of the rows.

    Returns
    -------
    list of Margin, Unusual
    """
    columns = weights.take(part.read())
    margins = [weights.margin(c, d) for c, d in zip(columns, discrete, strict=True)]
    unusual = Unusual([], [])
    for column, margin in zip(columns, margins, strict=True):
        if column.missing.all():
            unusual.empty.append(column.name)
        elif margin.levels is not None and is_id(margin.levels[~column.missing]):
            unusual.ids.append(column.name)
    return margins, unusual


def warn_of_unusual(parts: Iterable[Unusual]) -> None:
    """Warn about unusual columns, once for all parts of a table."""
    empty, ids = map(list, map(chain.from_iterable, zip(*parts, strict=True)))
    warn_of_empty(empty)
    if ids:
        warn(
            f"{some_of(ids)}: nearly every value is different, as in an id or free text. Such a column "
            "scores close to 0, because only repeated values can predict new rows. Drop the column, or "
            "derive features from it."
        )


def warn_of_empty(names: list[str]) -> None:
    """Warn about columns without a value, if there are any."""
    if names:
        warn(f"{some_of(names)}: no value at all, so the score is 0. Drop the column.")


def is_id(levels: np.ndarray) -> bool:
    """Whether nearly all labels are different, as in an id or free text."""
    n_levels = np.count_nonzero(np.bincount(levels))
    return len(levels) >= _ID_ROWS and bool(n_levels > _ID_SHARE * len(levels))


def is_class(column: Column) -> bool:
    """Whether a target holds classes: not numeric, or integers with few distinct values.

    Parameters
    ----------
    column : Column
        Column of the target.

    Returns
    -------
    bool
    """
    if column.categorical:
        return True
    return are_few_integers(np.unique(column.values[~column.missing]), len(column.values))


def are_few_integers(levels: np.ndarray, n: int) -> bool:
    """Whether the distinct values of n rows are integers, and few of them."""
    few = len(levels) <= max(2, min(_MOST_CLASSES, n // _ROWS_A_LEVEL))
    return few and bool((levels == np.round(levels)).all())


def some_of(names: list[str], most: int = 5) -> str:
    """The first names of a list, and the number of the others."""
    listed = ", ".join(names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more columns"


def check_classes_of(y, target: Column) -> None:
    """Warn, or raise an error, if a class looks like a quantity.

    Parameters
    ----------
    y : array-like of shape (n,)
        The target as passed.
    target : Column
        The same, as read.

    Raises
    ------
    ValueError
        There are many numbers with a decimal part.

    Warns
    -----
    UserWarning
        There are many integers.
    """
    if target.categorical:
        return
    n_classes = len(np.unique(target.values))
    if n_classes <= _MANY_CLASSES or len(target.values) >= _ROWS_A_CLASS * n_classes:
        return
    if (target.values != np.round(target.values)).any():  # for integers, it warns of many classes, too
        check_classification_targets(y)
    warn(
        f"{target.name} has {n_classes} different numbers, and each is treated as a class. If it is a "
        "quantity, use mutual_info_regression."
    )
