"""Raw columns from any container: arrays, lists, sparse matrices, pandas, polars and Arrow tables.

Containers are recognised by their attributes, without importing their libraries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from scipy.sparse import issparse

from skmine._dates import arrow_line, numpy_line, pandas_line, polars_line, temporal_error
from skmine._lazy import LazyTable, is_lazy
from skmine._wrappers import decode_bytes, unwrap

_MISSING_TYPES = {"NoneType", "NAType", "NaTType", "MaskedConstant"}
#: Beginnings of Arrow's names of types -> kinds of dates, and beginnings of nested types.
_ARROW_DATES = {"date": "date", "timestamp": "date", "time": "time", "duration": "duration"}
_ARROW_NESTED = ("list", "large_list", "fixed_size_list", "struct", "map", "dense_union", "sparse_union")


@dataclass(frozen=True)
class RawColumn:
    """One column as its container holds it.

    Attributes
    ----------
    values : ndarray of shape (n,)
        Values of any dtype.
    name : str
        For messages.
    line : callable
        Function from the kind of dates to the line of code that converts the column.
    missing : ndarray of shape (n,) or None
        Mask of missing values, if the container stores one.
    categorical : bool
        Whether the container stores the values as categories.
    factorize : callable or None
        Function of the container that numbers the distinct values, see :func:`number_labels`.
    """

    values: np.ndarray
    name: str
    line: Callable[[str], str]
    missing: np.ndarray | None = None
    categorical: bool = False
    factorize: Callable[[], tuple] | None = None


def find_missing(values: np.ndarray) -> np.ndarray:
    """Mask of None, NaN, NA and NaT in an object array.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Objects.

    Returns
    -------
    ndarray of shape (n,)
    """
    objects = values.tolist()
    types = set(map(type, objects))
    absent = {t for t in types if t.__name__ in _MISSING_TYPES}
    compared = {t for t in types - absent if not issubclass(t, (str, bool, np.bool_)) and not is_nested(t)}
    if not absent and not compared:
        return np.zeros(len(values), dtype=bool)
    if not compared:
        return np.fromiter((type(v) in absent for v in objects), bool, len(objects))
    return np.fromiter(
        (type(v) in absent or (type(v) in compared and _is_nan(v)) for v in objects), bool, len(objects)
    )


def is_nested(kind: type) -> bool:
    """Whether values of a type hold several values.

    Parameters
    ----------
    kind : type
        Type of a value.

    Returns
    -------
    bool
    """
    # Not hasattr(kind, "__iter__"): the class of an enumeration can be iterated over, but its values cannot.
    iterates = any("__iter__" in vars(base) for base in kind.__mro__)
    return iterates and not issubclass(kind, (str, bytes))


def _is_nan(value) -> bool:
    """Whether a value is NaN. A signalling NaN cannot be compared, so it needs its own test."""
    return value.is_nan() if isinstance(value, Decimal) else value != value


def nested_error(name: str, dtype) -> TypeError:
    """The error for a column of lists, structs or arrays.

    Parameters
    ----------
    name : str
        Name of the column.
    dtype : object
        Type of its values, for the message.

    Returns
    -------
    TypeError
    """
    return TypeError(
        f"{name} must hold one number or category in each row; got {dtype}, which is nested: each argument "
        "must be a string or a number. Make a column of each part, or of a summary such as the length."
    )


def as_container(data, name: str, lazy: bool = False):
    """Return a container unchanged. A list becomes an array, of objects if types can differ.

    Parameters
    ----------
    data : array-like
        The input.
    name : str
        ``"X"`` or ``"y"``, for messages.
    lazy : bool, default=False
        Whether the data can be a LazyFrame or a Dataset, whose columns are read on demand.

    Returns
    -------
    array, sparse matrix, DataFrame, Series, Arrow table or array, or LazyTable

    Raises
    ------
    TypeError
        The data are not in memory.
    """
    data = unwrap(data, name)
    if isinstance(data, LazyTable) or (lazy and is_lazy(data)):
        return data if isinstance(data, LazyTable) else LazyTable(data)
    library = type(data).__module__.split(".")[0]
    call = ""
    if is_lazy(data):
        call = "collect" if type(data).__name__ == "LazyFrame" else "to_table"
    elif library.startswith("dask"):
        call = "compute"
    if call:
        raise TypeError(
            f"{name} must be in memory; got a {library} {type(data).__name__}. Pass {name}.{call}()."
        )
    if hasattr(data, "shape") or _is_arrow_array(data):
        return data
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(
            f"{name} must have rows of the same length; got rows of different lengths. Pass one value for "
            "each column in every row."
        ) from error
    # Numbers remain numbers if there are also strings or booleans, and integers are not rounded.
    return np.asarray(data, dtype=object) if array.dtype.kind in "USiuf" else array


def raw_columns(data, name: str, which: Sequence[int] | None = None) -> Iterator[RawColumn]:
    """Columns of any container.

    Parameters
    ----------
    data : array-like of shape (n,) or (n, d)
        The input.
    name : str
        ``"X"`` or ``"y"``, for messages.
    which : sequence of int or None, default=None
        The columns to read; None reads all.

    Yields
    ------
    RawColumn

    Raises
    ------
    TypeError
        The container says that a column holds dates or nested values, or the data are not in memory.
    """
    is_list = not hasattr(data, "dtype") and not hasattr(data, "shape")
    data = as_container(data, name)
    if isinstance(data, LazyTable):
        data, which = data.read(range(data.shape[1]) if which is None else which), None
    if hasattr(data, "schema") and hasattr(data, "column_names"):
        labels = data.column_names
        for j in range(len(labels)) if which is None else map(int, which):
            label = labels[j]
            yield _arrow_column(
                data.column(int(j)), f"{name} (column {label!r})", _arrow_liner(name, label, j)
            )
    elif hasattr(data, "columns") and hasattr(data, "dtypes"):
        yield from _frame_columns(data, name, which)
    elif _is_arrow_array(data):
        yield _arrow_column(data, name, _arrow_liner(name, None, 0))
    elif _is_polars(data):
        yield _polars_column(data, name, lambda kind: polars_line(name, kind, data, False))
    elif hasattr(data, "to_numpy") and hasattr(data, "dtype"):
        before = "" if hasattr(data, "iloc") else f"{name} = pd.Series({name}); "
        yield _pandas_column(data, name, lambda kind: before + pandas_line(name, kind))
    else:
        yield from _array_columns(data, name, is_list, which)


def _is_arrow_array(data) -> bool:
    return all(hasattr(data, part) for part in ("type", "null_count", "to_pylist"))


def _is_polars(series) -> bool:
    return hasattr(getattr(series, "dtype", None), "is_temporal")


def _frame_columns(frame, name: str, which: Sequence[int] | None) -> Iterator[RawColumn]:
    """Columns of a pandas or polars DataFrame, by position, because names can repeat."""
    labels = list(frame.columns)
    for j in range(len(labels)) if which is None else map(int, which):
        label = labels[j]
        of_column = f"{name} (column {label!r})"
        if hasattr(frame, "iloc"):
            position = j if labels.count(label) > 1 else None
            yield _pandas_column(
                frame.iloc[:, j],
                of_column,
                lambda kind, label=label, at=position: pandas_line(name, kind, label, at),
            )
        else:
            series = frame[:, j]
            yield _polars_column(
                series, of_column, lambda kind, series=series: polars_line(name, kind, series, True)
            )


def _array_columns(data, name: str, is_list: bool, which: Sequence[int] | None) -> Iterator[RawColumn]:
    """Columns of an array, which may be masked or sparse."""
    several = len(data.shape) > 1 and data.shape[1] > 1
    if which is None:
        which = range(data.shape[1] if several else 1)
    elif several:
        data = data[:, list(which)]
    if issparse(data):
        data = data.toarray()
    array = data if isinstance(data, np.ma.MaskedArray) else np.asarray(data)
    before = f"{name} = np.array({name}{', dtype=object' * (array.dtype == object)}); " if is_list else ""
    columns = array[:, None] if array.ndim == 1 else array
    for i, j in enumerate(which):
        of_column = f"{name} (column {j})" if several else name
        values, missing = columns[:, i], None
        if isinstance(values, np.ma.MaskedArray):
            values, missing = values.data, np.ma.getmaskarray(values)

        def line(kind: str, j: int = j) -> str:
            return numpy_line(name, kind, array, j, before)

        if values.dtype.kind in "mM":
            kind = "date" if values.dtype.kind == "M" else "duration"
            raise temporal_error(of_column, values.dtype, line(kind))
        if values.dtype.kind == "V":
            raise nested_error(of_column, values.dtype)
        yield RawColumn(values, of_column, line, missing)


def _categories(codes: np.ndarray, labels: list, name: str, line) -> RawColumn:
    """A column of indexed labels, where -1 means missing."""
    table = np.full(len(labels) + 1, None, dtype=object)  # the last label belongs to -1
    table[:-1] = labels
    table = decode_bytes(table)
    table[find_missing(table)] = None
    return RawColumn(table[codes], name, line, categorical=True)


def _pandas_column(series, name: str, line) -> RawColumn:
    dtype, array = series.dtype, getattr(series, "array", series)
    if hasattr(array, "codes") and hasattr(array, "categories"):
        return _categories(np.asarray(array.codes), array.categories.tolist(), name, line)
    kind = getattr(dtype, "kind", "O")
    is_period = type(dtype).__name__ == "PeriodDtype"
    if kind in "mM" or is_period:
        raise temporal_error(
            name, dtype, line("period" if is_period else "date" if kind == "M" else "duration")
        )
    if type(dtype).__name__ == "ArrowDtype":
        return _arrow_column(array.__arrow_array__(), name, lambda _, kind: line(kind))
    if kind in "iu":
        missing = np.asarray(series.isna())
        filled = {"na_value": 0} if missing.any() else {}
        return RawColumn(series.to_numpy(dtype=dtype.type, **filled), name, line, missing)
    return RawColumn(np.asarray(series.to_numpy()), name, line, factorize=getattr(array, "factorize", None))


def _polars_column(series, name: str, line) -> RawColumn:
    dtype = series.dtype
    if dtype.is_temporal():
        kind = {"Time": "time", "Duration": "duration"}.get(str(dtype).split("(")[0], "date")
        raise temporal_error(name, dtype, line(kind))
    if dtype.is_nested():
        raise nested_error(name, dtype)
    if dtype.is_integer() and str(dtype).endswith("128"):  # NumPy has no such dtype
        return RawColumn(np.array(series.to_list(), dtype=object), name, line)
    if dtype.is_integer():
        return RawColumn(series.fill_null(0).to_numpy(), name, line, series.is_null().to_numpy())
    categorical = str(dtype).startswith(("Categorical", "Enum"))
    return RawColumn(series.to_numpy(), name, line, categorical=categorical)


def _arrow_liner(name: str, label: str | None, position: int):
    return lambda dtype, _: arrow_line(name, dtype, label, position)


def _arrow_column(data, name: str, line: Callable[[str, str], str]) -> RawColumn:
    """A column of Arrow data in chunks. `line` receives Arrow's type and the kind of dates."""
    dtype = str(getattr(data.type, "storage_type", data.type))  # that of an extension type, if any
    chunks = [getattr(chunk, "storage", chunk) for chunk in getattr(data, "chunks", [data])]
    if kinds := [kind for start, kind in _ARROW_DATES.items() if dtype.startswith(start)]:
        raise temporal_error(name, dtype, line(dtype, kinds[0]))
    if dtype.startswith(_ARROW_NESTED):
        raise nested_error(name, dtype)

    def of_objects(kind: str) -> str:
        return line(dtype, kind)

    if dtype.startswith("dictionary"):
        return _categories(*_arrow_codes(chunks), name, of_objects)
    if not chunks:
        return RawColumn(np.empty(0), name, of_objects)
    values = np.concatenate([_arrow_values(chunk, dtype) for chunk in chunks])
    missing = [chunk.is_null().to_numpy(zero_copy_only=False) for chunk in chunks]
    return RawColumn(values, name, of_objects, np.concatenate(missing))


def _arrow_codes(chunks: list) -> tuple[np.ndarray, list]:
    """Indices of labels (-1 means missing), and the labels. Each chunk has its own labels."""
    codes = [np.empty(0, dtype=np.int64)]
    labels: list = []
    for chunk in chunks:
        present = chunk.indices.is_valid().to_numpy(zero_copy_only=False)
        indices = chunk.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        codes.append(np.where(present, indices + len(labels), -1))
        labels.extend(chunk.dictionary.to_pylist())
    return np.concatenate(codes), labels


def _arrow_values(chunk, dtype: str) -> np.ndarray:
    """Values of a chunk. Missing values are filled, because integers with gaps would be rounded."""
    if dtype.startswith("run_end_encoded"):
        return np.array(chunk.to_pylist(), dtype=object)
    if dtype.startswith(("int", "uint")):
        chunk = chunk.fill_null(0)
    elif dtype == "bool":
        chunk = chunk.fill_null(False)
    return chunk.to_numpy(zero_copy_only=False)


def shape_of(data) -> tuple[int, ...]:
    """Rows and columns, or rows alone, of what :func:`as_container` returned."""
    return tuple(data.shape) if hasattr(data, "shape") else (len(data),)


def no_rows_error(name: str) -> ValueError:
    """The error for data without rows."""
    return ValueError(
        f"Found array with 0 sample(s) while a minimum of 1 is required: {name} is empty. Pass rows."
    )


def shape_error(data, name: str) -> ValueError:
    """The error for data without rows and columns. `data` is what :func:`as_container` returned."""
    shape = shape_of(data)
    of_rows = len(shape) == 1 and isinstance(data, np.ndarray) and len(data) > 0
    if not shape and data.dtype == object:
        message = f"got {type(data.item()).__name__}. Pass an array, a list of rows or a DataFrame."
    elif getattr(getattr(data, "dtype", None), "names", None) or (of_rows and isinstance(data[0], dict)):
        message = f"got {shape}, rows with named fields. Pass pandas.DataFrame({name})."
    elif hasattr(data, "to_frame"):
        got = shape if isinstance(shape[0], int) else type(data).__name__  # Dask does not count the rows
        message = f"got {got}. Pass {name}.to_frame(), which has one column."
    else:
        message = (
            f"got {shape}. Reshape it: {name}.reshape(-1, 1) makes one column, and {name}.reshape(1, -1) "
            "makes one row."
        )
    return ValueError(
        f"Expected 2D array, got {len(shape)}D array instead: {name} must have shape (n_samples, "
        f"n_features); {message}"
    )
