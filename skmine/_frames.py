"""Tables out: names of columns, and a DataFrame of the library that came in."""

from importlib import import_module

import numpy as np


def column_names(data, n_columns: int, prefix: str = "x") -> list:
    """Names of the columns of a container; x0, x1 and so on where it has none.

    Parameters
    ----------
    data : array, sparse matrix, DataFrame, Series or Arrow table
        The container.
    n_columns : int
        How many columns it has.
    prefix : str, default="x"
        Of the names of columns without one; a single column of y is ``"y"``.

    Returns
    -------
    list
    """
    for attribute in ("column_names", "columns"):
        if hasattr(data, attribute):
            return list(getattr(data, attribute))
    name = getattr(data, "name", None)
    if n_columns == 1 and name:
        return [name]
    return [prefix] if n_columns == 1 and prefix == "y" else [f"{prefix}{j}" for j in range(n_columns)]


def make_frame(columns: dict, *like):
    """A DataFrame of the library of the first container that has one, or of pandas.

    Parameters
    ----------
    columns : dict of str to array-like
        The columns.
    *like : object
        What the user passed.

    Returns
    -------
    DataFrame or Arrow table
        pandas for pandas, polars for polars, an Arrow table for Arrow.

    Raises
    ------
    ImportError
        No container has a library, and pandas is not installed.
    """
    libraries = [type(data).__module__.split(".")[0] for data in like]
    if any(library == "polars" for library in libraries):
        return import_module("polars").DataFrame({name: _plain(v) for name, v in columns.items()})
    if any(library == "pyarrow" for library in libraries):
        return import_module("pyarrow").table({name: _plain(v) for name, v in columns.items()})
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise ImportError(
            "A table needs pandas, unless X is a polars DataFrame or an Arrow table. Install it with: "
            "pip install 'skmine[table]'"
        ) from error
    return pandas.DataFrame(columns)


def _plain(values):
    """Values that polars and Arrow read as one type: labels of several types become strings."""
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if len(set(map(type, values)) - {type(None)}) > 1 and any(isinstance(v, str) for v in values):
        return [None if v is None else str(v) for v in values]
    return values
