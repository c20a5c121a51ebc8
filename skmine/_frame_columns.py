"""Select columns of frames without changing their types, and check them with errors that name the column."""

from typing import Any

from skmine._columns import read_features, read_target


def is_frame(X: Any) -> bool:
    """Whether X is a pandas or polars DataFrame or an Arrow table."""
    return hasattr(X, "columns") and (hasattr(X, "dtypes") or hasattr(X, "schema"))


def take_columns(frame: Any, numbers: list[int], output: str) -> Any:
    """Some columns of a frame, each of its own type.

    Parameters
    ----------
    frame : DataFrame or Table
        Frame of pandas, polars or Arrow.
    numbers : list of int
        Indices of the columns.
    output : {"pandas", "polars"}
        The library wanted. scikit-learn itself makes polars frames of pandas ones.

    Returns
    -------
    DataFrame
    """
    if hasattr(frame, "iloc"):
        return frame.iloc[:, numbers]
    if hasattr(frame, "column_names"):
        chosen = frame.select(numbers)
        if output == "pandas":
            return chosen.to_pandas()
        import polars as pl

        return pl.from_arrow(chosen)
    chosen = frame[:, numbers]
    return chosen.to_pandas() if output == "pandas" else chosen


def check_numeric(X: Any) -> None:
    """Raise an error that names the column if a column is not numeric.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame
        The input. scikit-learn checks numeric arrays and sparse matrices later.

    Raises
    ------
    TypeError
        A column holds dates or nested values, or the frame is not in memory.
    ValueError
        X does not have two dimensions, or a column holds text or categories.
    """
    if getattr(getattr(X, "dtype", None), "kind", "") in tuple("biuf"):
        return
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
    for column in read_target(y):
        if column.missing.any():
            raise ValueError(
                f"{column.name} must have a class in every row; got {int(column.missing.sum())} missing: y "
                "contains NaN. Drop these rows."
            )
