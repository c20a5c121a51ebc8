"""Columns of X and of y out of any container: arrays, lists, sparse matrices, pandas and polars frames."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import issparse


@dataclass(frozen=True)
class Column:
    """One column: numbers with NaN for missing, or categories with None for missing.

    Attributes
    ----------
    values : ndarray of shape (n,)
        float64 numbers, or objects that are categories.
    categorical : bool
        Whether the values have no order.
    """

    values: np.ndarray
    categorical: bool

    @cached_property
    def missing(self) -> np.ndarray:
        """Mask of missing values, shape (n,)."""
        if self.categorical:
            return np.fromiter((v is None for v in self.values), bool, len(self.values))
        return np.isnan(self.values)

    def take(self, rows: np.ndarray) -> "Column":
        """The column at some rows, by mask or numbers."""
        return Column(self.values[rows], self.categorical)

    def as_input(self) -> np.ndarray:
        """Values that read as the same column again: numbers, or strings for categories of any type."""
        if not self.categorical:
            return self.values
        labels = [None if v is None else f"{type(v).__name__} {v}" for v in self.values]
        return np.array(labels, dtype=object)

    def as_kind(self, categorical: bool, name: str) -> "Column":
        """The column as the kind it was fitted as; only an all-missing column changes kind."""
        if categorical == self.categorical:
            return self
        if not self.missing.all():
            kinds = ("numbers", "categories")
            raise ValueError(
                f"{name} must hold {kinds[categorical]} as in fit; got {kinds[self.categorical]}. Pass "
                "columns of the same types as in fit."
            )
        empty = np.full(len(self.values), None, dtype=object)
        return Column(empty if categorical else np.full(len(self.values), np.nan), categorical)


def _is_missing(values: np.ndarray) -> np.ndarray:
    """Mask of None, NaN, NA and NaT in an object array: what is not equal to itself, or cannot tell."""
    return np.fromiter(
        (v is None or type(v).__name__ in ("NAType", "NaTType") or v != v for v in values),
        dtype=bool,
        count=len(values),
    )


def _without(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Objects with None for what is missing."""
    values = values.copy()
    values[missing] = None
    return values


def _read_objects(values: np.ndarray, name: str) -> Column:
    missing = _is_missing(values)
    present = values[~missing]
    is_text = [isinstance(v, (str, bool, np.bool_)) for v in present]
    if is_text and all(is_text):
        return Column(_without(values, missing), categorical=True)
    numbers = np.full(len(values), np.nan)
    try:
        if any(is_text):
            raise TypeError("a mixture")
        numbers[~missing] = present.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        kinds = sorted({type(v).__name__ for v in present})
        raise TypeError(
            f"{name} has object values that are neither all strings nor all numbers (types {kinds}): each "
            "argument must be a string or a number that a float can hold. Convert the column to one of them."
        ) from error
    return _numbers(numbers, name)


def _numbers(values: np.ndarray, name: str) -> Column:
    if np.isinf(values).any():
        raise ValueError(
            f"Input {name} contains infinity or a value too large for dtype('float64'). Replace it by a "
            "finite number, or by NaN if it means missing."
        )
    return Column(values, categorical=False)


def _read_column(values: np.ndarray, name: str, categorical: bool = False) -> Column:
    kind = values.dtype.kind
    if categorical or kind == "b":
        objects = values.astype(object)
        return Column(_without(objects, _is_missing(objects)), categorical=True)
    if kind in "mM":
        raise TypeError(
            f"{name} must hold numbers or categories; got {values.dtype}, a date or a duration. Convert it "
            "to a number first, such as days since a date."
        )
    if kind == "c":
        raise ValueError(f"Complex data not supported: {name} is {values.dtype}. Pass its parts.")
    if kind in "OUST":
        return _read_objects(values.astype(object), name)
    return _numbers(values.astype(np.float64, copy=False), name)


def _with_shape(data):
    """Data that has a shape as it is; a list as an array, its numbers beside strings still numbers."""
    if hasattr(data, "shape"):
        return data
    array = np.asarray(data)
    return np.asarray(data, dtype=object) if array.dtype.kind in "US" else array


def _series_to_column(series, name: str) -> Column:
    """A column of a pandas or polars DataFrame, told apart by their own words for dtypes."""
    dtype = str(series.dtype).lower()
    categorical = dtype.startswith(("category", "categorical", "enum", "bool"))
    values = np.asarray(series.to_numpy())
    return _read_column(values, name, categorical)


def read_columns(data, name: str) -> list[Column]:
    """Columns of an array, a sparse matrix, or a pandas or polars DataFrame or Series.

    Parameters
    ----------
    data : array-like of shape (n,) or (n, d)
        The input.
    name : str
        ``"X"`` or ``"y"``, for messages.

    Returns
    -------
    list of Column

    Raises
    ------
    TypeError
        Dates, or object columns that are neither strings nor numbers.
    ValueError
        Complex or infinite values.
    """
    if issparse(data):
        data = data.toarray()
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        table = data.iloc if hasattr(data, "iloc") else data  # by position: names may repeat
        return [
            _series_to_column(table[:, j], f"{name} (column {column!r})")
            for j, column in enumerate(data.columns)
        ]
    if hasattr(data, "to_numpy") and hasattr(data, "dtype"):
        return [_series_to_column(data, name)]
    array = np.asarray(_with_shape(data))
    if array.ndim == 1:
        array = array[:, None]
    return [
        _read_column(array[:, j], f"{name} (column {j})" if array.shape[1] > 1 else name)
        for j in range(array.shape[1])
    ]


def check_features(X):
    """A two-dimensional X with rows and columns.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n, d)
        The input, n and d at least 1.

    Returns
    -------
    array, sparse matrix or DataFrame
        X, an array for a list.

    Raises
    ------
    ValueError
        X has not two dimensions, or no column, or no row.
    """
    X = _with_shape(X)
    if len(X.shape) != 2:
        raise ValueError(
            f"Expected 2D array, got {len(X.shape)}D array instead: X must have shape (n_samples, "
            f"n_features); got {tuple(X.shape)}. Reshape it: X.reshape(-1, 1) makes one column, "
            "X.reshape(1, -1) one row."
        )
    if X.shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={tuple(X.shape)}) while a minimum of 1 is required: X "
            "must have a column. Pass at least one."
        )
    if X.shape[0] == 0:
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: X is empty. Pass rows."
        )
    return X


def read_features(X) -> list[Column]:
    """Columns of a two-dimensional X, see :func:`read_columns`.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n, d)
        The input, n and d at least 1.

    Returns
    -------
    list of Column

    Raises
    ------
    ValueError
        X has not two dimensions, or no column, or no row.
    """
    return read_columns(check_features(X), "X")


def read_target(y) -> list[Column]:
    """Columns of a target of one or two dimensions, see :func:`read_columns`.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, k)
        The target.

    Returns
    -------
    list of Column

    Raises
    ------
    ValueError
        y is None, or has not one or two dimensions, or no column.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass one or more target "
            "columns."
        )
    y = _with_shape(y)
    if len(y.shape) not in (1, 2) or y.shape[1:] == (0,):
        raise ValueError(
            f"y must have shape (n_samples,) or (n_samples, n_targets); got {tuple(y.shape)}. Pass one or "
            "more target columns."
        )
    return read_columns(y, "y")
