"""Names of columns, and results as a frame of the library of the input."""

from importlib import import_module

import numpy as np


def column_names(data, n_columns: int, prefix: str = "x") -> list:
    """Names of the columns of a container, or x0, x1, ... if it has none.

    Parameters
    ----------
    data : array, sparse matrix, DataFrame, LazyFrame, Series or Arrow table
        The container.
    n_columns : int
        How many columns it has.
    prefix : str, default="x"
        Prefix of the names of columns without a name; a single column of y is ``"y"``.

    Returns
    -------
    list
    """
    # A LazyFrame of polars warns if its columns are read otherwise.
    if hasattr(data, "collect_schema"):
        return list(data.collect_schema().names())
    for attribute in ("column_names", "columns"):
        if hasattr(data, attribute):
            return list(getattr(data, attribute))
    name = getattr(data, "name", None)
    if n_columns == 1 and name:
        return [name]
    return [prefix] if n_columns == 1 and prefix == "y" else [f"{prefix}{j}" for j in range(n_columns)]


def library_of(*data) -> str:
    """Library of the first polars or Arrow container, otherwise pandas."""
    libraries = [type(part).__module__.split(".")[0] for part in data]
    return next((library for library in libraries if library in ("polars", "pyarrow")), "pandas")


def make_frame(columns: dict, library: str):
    """A DataFrame of a library.

    Parameters
    ----------
    columns : dict of str to array-like
        The columns.
    library : {"pandas", "polars", "pyarrow"}
        See :func:`library_of`.

    Returns
    -------
    DataFrame or Arrow table

    Raises
    ------
    ImportError
        pandas is needed and not installed.
    """
    if library == "polars":
        return import_module("polars").DataFrame({name: _plain(v) for name, v in columns.items()})
    if library == "pyarrow":
        return import_module("pyarrow").table({name: _plain(v) for name, v in columns.items()})
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise ImportError(
            "The result needs pandas, unless X is a polars DataFrame or an Arrow table. Install it with: "
            "pip install pandas"
        ) from error
    return pandas.DataFrame(columns)


def _plain(values):
    """Values of a single type, which polars and Arrow need: labels of mixed types become strings."""
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if len(set(map(type, values)) - {type(None)}) > 1 and any(isinstance(v, str) for v in values):
        return [None if v is None else str(v) for v in values]
    return values
