"""Select columns of frames without changing their types, and check them with errors that name the column."""

from collections import Counter
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from skmine._columns import is_lazy, read_features, read_target, unwrap


def is_frame(X: Any) -> bool:
    """Whether X is a pandas or polars DataFrame or an Arrow table."""
    if is_lazy(X):  # a LazyFrame warns if its columns are asked for
        return False
    return hasattr(X, "columns") and (hasattr(X, "dtypes") or hasattr(X, "schema"))


def check_names(estimator: Any, X: Any, reset: bool = True) -> Any:
    """Store the number and names of the columns of X in an estimator, or check that they are as in fit.

    Parameters
    ----------
    estimator : estimator
        It is given `n_features_in_` and, if X has names, `feature_names_in_`.
    X : array, sparse matrix or DataFrame
        The input.
    reset : bool, default=True
        Whether to store them. They are checked otherwise.

    Returns
    -------
    array, sparse matrix or DataFrame
        X, or what a container holds that only wraps other data.

    Raises
    ------
    ValueError
        Two columns have the same name, or the columns are not those of fit.
    """
    X = unwrap(X)
    check_distinct_names(X)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return X


def check_distinct_names(X: Any) -> None:
    """Raise ValueError if two columns of a frame have the same name.

    Parameters
    ----------
    X : array, sparse matrix or DataFrame
        The input. Only frames have names.

    Raises
    ------
    ValueError
        Two columns have the same name.
    """
    if not is_frame(X):
        return
    counts = Counter(X.column_names if hasattr(X, "column_names") else X.columns)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise ValueError(
            f"X must have columns of different names; got {repeated[0]!r} {counts[repeated[0]]} times. "
            "Rename or drop the others, or pass X as an array, without names."
        )


def take_columns(frame: Any, numbers: list[int], output: str) -> Any:
    """Some columns of a frame, each of its own type.

    Parameters
    ----------
    frame : DataFrame or Table
        Frame of pandas, polars or Arrow.
    numbers : list of int
        Indices of the columns.
    output : {"pandas", "polars"}
        The library wanted. scikit-learn itself makes polars frames of dense pandas ones.

    Returns
    -------
    DataFrame
    """
    if hasattr(frame, "iloc"):
        chosen = frame.iloc[:, numbers]
        return dense_columns(chosen) if output == "polars" else chosen
    if hasattr(frame, "column_names"):
        chosen = frame.select(numbers)
        if output == "pandas":
            return chosen.to_pandas()
        import polars as pl

        return pl.from_arrow(chosen)
    chosen = frame[:, numbers]
    return chosen.to_pandas() if output == "pandas" else chosen


def dense_columns(frame: Any) -> Any:
    """A pandas DataFrame without sparse columns; any other container unchanged."""
    if not _fill_values(frame):
        return frame
    return frame.apply(lambda column: column.sparse.to_dense() if hasattr(column, "sparse") else column)


def needs_objects(frame: Any) -> bool:
    """Whether a pandas DataFrame has text, and types of pandas that let scikit-learn expect numbers only."""
    if not hasattr(frame, "iloc") or not hasattr(frame, "columns"):
        return False
    of_pandas = any(not isinstance(dtype, np.dtype) for dtype in frame.dtypes)
    return of_pandas and any(getattr(dtype, "kind", "O") not in "biufc" for dtype in frame.dtypes)


def has_fill_values(frame: Any) -> bool:
    """Whether a pandas DataFrame has sparse columns that scikit-learn cannot read."""
    return any(value != 0 for value in _fill_values(frame))


def _fill_values(frame: Any) -> list:
    """What each sparse column of a pandas DataFrame omits."""
    if not hasattr(frame, "iloc") or not hasattr(frame, "columns"):
        return []
    return [dtype.fill_value for dtype in frame.dtypes if hasattr(dtype, "fill_value")]


def check_numeric(X: Any) -> Any:
    """X in a container that scikit-learn reads, or an error that names a column without numbers.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame
        The input. scikit-learn checks numeric arrays and sparse matrices later.

    Returns
    -------
    array, sparse matrix or DataFrame
        X without sparse columns of a frame, or what a container holds that only wraps other data.

    Raises
    ------
    TypeError
        A column holds dates or nested values, or the frame is not in memory.
    ValueError
        X does not have two dimensions, or a column holds text or categories.
    """
    X = dense_columns(unwrap(X))
    check_distinct_names(X)
    if getattr(getattr(X, "dtype", None), "kind", "") in tuple("biuf"):
        return X
    for column in read_features(X):
        if not column.categorical:
            continue
        try:
            column.values[~column.missing].astype(float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{column.name} must hold numbers; got text or categories ({error}). Encode it, for example "
                "with sklearn.preprocessing.OneHotEncoder, or drop it."
            ) from error
    return X


def check_classes(y: Any) -> None:
    """Raise an error unless y holds labels or numbers without missing values.

    Parameters
    ----------
    y : array-like
        The classes.

    Raises
    ------
    TypeError
        A column holds dates, nested values, or both labels and numbers.
    ValueError
        y is None, complex or infinite, or a value is missing.
    """
    columns = read_target(y)
    if len(columns) > 1:
        raise ValueError(f"y should be a 1d array: y must have one column; got {len(columns)}. Pass one.")
    for column in columns:
        if column.missing.any():
            raise ValueError(
                f"{column.name} must have a class in every row; got {int(column.missing.sum())} missing: y "
                "contains NaN. Drop these rows."
            )
