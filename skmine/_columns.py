"""Columns of X and y as numbers or categories, from any container."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from skmine._containers import (
    RawColumn,
    as_container,
    find_missing,
    is_nested,
    nested_error,
    no_rows_error,
    raw_columns,
    shape_error,
    shape_of,
)
from skmine._dates import kind_of_objects, temporal_error, warn_of_convertible_text
from skmine._lazy import LazyTable as LazyTable  # for other modules
from skmine._lazy import is_lazy
from skmine._numbers import as_floats, number_labels, parse_numbers, read_numbers, shift_integers
from skmine._warning import warn
from skmine._wrappers import decode_bytes
from skmine._wrappers import is_foreign as is_foreign  # for other modules
from skmine._wrappers import unwrap as unwrap  # for other modules

#: Text is read as numbers if at most one value in this many is not a number.
_PARSED_A_FAILURE = 20


@dataclass(frozen=True)
class Column:
    """One column: numbers with NaN if missing, or categories with None if missing.

    Attributes
    ----------
    values : ndarray of shape (n,)
        float64 numbers, or objects that are categories.
    categorical : bool
        Whether the values have no order.
    name : str
        Name of the column in messages, such as ``"X (column 'a')"``.
    base : int
        Offset subtracted from integers beyond 2**53, a multiple of 2**52.
    text : ndarray of shape (n,) or None
        Original strings if the column was read from text, with None if missing.
    """

    values: np.ndarray
    categorical: bool
    name: str = ""
    base: int = field(default=0, repr=False)
    text: np.ndarray | None = field(default=None, repr=False, compare=False)

    @cached_property
    def numbered(self) -> tuple[np.ndarray, list[str]] | None:
        """Numbers of the labels, see :func:`number_labels`; None if the values are not strings."""
        return number_labels(self.values.tolist()) if self.categorical else None

    @cached_property
    def missing(self) -> np.ndarray:
        """Mask of missing values, shape (n,)."""
        if self.numbered is not None:
            return self.numbered[0] < 0
        if self.categorical:
            return np.equal(self.values, np.array(None, dtype=object)).astype(bool)
        return np.isnan(self.values)

    def take(self, rows: np.ndarray | slice) -> "Column":
        """The column at some rows, given by a mask or indices."""
        text = None if self.text is None else self.text[rows]
        return replace(self, values=self.values[rows], text=text)

    def as_input(self) -> np.ndarray:
        """Values that can be read as the same column again: numbers, or strings for categories."""
        if not self.categorical:
            return self.values
        labels = [None if v is None else f"{type(v).__name__} {v}" for v in self.values]
        return np.array(labels, dtype=object)

    def as_kind(self, categorical: bool, name: str, base: int = 0) -> "Column":
        """Convert the column to the kind and offset that it had in fit.

        Only text and empty columns can change kind: a few rows of text may all be numbers, or none.
        """
        if categorical == self.categorical:
            # The difference is a multiple of 2**52, so no precision is lost.
            shift = self.base - base
            return replace(self, values=self.values + shift, base=base) if shift else self
        if self.missing.all():
            fill, dtype = (None, object) if categorical else (np.nan, np.float64)
            return replace(self, values=np.full(len(self.values), fill, dtype), categorical=categorical)
        if self.text is not None and categorical:
            return replace(self, values=self.text, categorical=True)
        numbers = np.full(len(self.values), np.nan)
        if self.text is not None:
            numbers[~self.missing] = parse_numbers(self.text[~self.missing], len(self.text))
        if np.isnan(numbers).all():
            kinds = ("numbers", "categories")
            raise ValueError(
                f"{name} must hold {kinds[categorical]} as in fit; got {kinds[self.categorical]}. Pass "
                "columns of the same types as in fit."
            )
        return replace(self, values=numbers - base, categorical=False, base=base)


def _read_column(raw: RawColumn, parse_text: bool) -> Column:
    kind = raw.values.dtype.kind
    missing = np.zeros(len(raw.values), dtype=bool) if raw.missing is None else raw.missing
    if raw.categorical or kind == "b":
        objects = raw.values.astype(object)
        return Column(_labels(objects, missing | find_missing(objects)), True, raw.name)
    if kind == "c":
        raise ValueError(
            f"Complex data not supported: {raw.name} must hold real numbers; got {raw.values.dtype}. Pass "
            "real numbers, such as the real part."
        )
    if kind in "OUST":
        return _read_objects(raw, missing, parse_text)
    convert = shift_integers if kind in "iu" else as_floats
    if not missing.any():
        numbers, base = convert(raw.values)
    else:
        numbers = np.full(len(missing), np.nan)
        numbers[~missing], base = convert(raw.values[~missing])
    return _numbers(numbers, raw.name, base)


def _labels(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Objects with None for missing values, and Python strings and booleans instead of NumPy's."""
    values = values.copy()
    values[missing] = None
    for kind, plain in ((np.str_, str), (np.bool_, bool)):
        if kind in set(map(type, values.tolist())):
            values[:] = [plain(v) if isinstance(v, kind) else v for v in values.tolist()]
    return values


def _read_objects(raw: RawColumn, missing: np.ndarray, parse_text: bool) -> Column:
    values, name = raw.values.astype(object, copy=False), raw.name
    numbered = number_labels(values.tolist(), raw.factorize)
    if numbered is not None and not missing.any():
        labels = values.copy()
        labels[numbered[0] < 0] = None
        return _read_text(labels, numbered, name, parse_text)
    values = decode_bytes(values)
    missing = missing | find_missing(values)
    present = values[~missing]
    types = set(map(type, present.tolist()))
    is_text = {t: issubclass(t, (str, bool, np.bool_)) for t in types}
    if types and all(is_text.values()):
        labels = _labels(values, missing)
        if all(issubclass(t, str) for t in types):
            return _read_text(labels, number_labels(labels.tolist()), name, parse_text)
        return Column(labels, True, name)
    if kind := kind_of_objects(present, types):
        raise temporal_error(name, " and ".join(sorted(t.__name__ for t in types)), raw.line(kind))
    if types and all(is_nested(t) for t in types):
        raise nested_error(name, " and ".join(sorted(t.__name__ for t in types)))
    numbers = np.full(len(values), np.nan)
    try:
        if any(is_text.values()):
            raise TypeError("a mixture")
        numbers[~missing], base = read_numbers(present, types)
    except (TypeError, ValueError, OverflowError) as error:
        kinds = sorted(t.__name__ for t in types)
        raise TypeError(
            f"{name} has object values that are neither all strings nor all numbers (types {kinds}): each "
            "argument must be a string or a number that a float can hold. Convert the column to one of them."
        ) from error
    return _numbers(numbers, name, base)


def _read_text(labels: np.ndarray, numbered: tuple | None, name: str, parse_text: bool) -> Column:
    """Read text as numbers if nearly all of it is numeric, otherwise as categories."""
    column = Column(labels, True, name, text=labels if parse_text else None)
    vars(column)["numbered"] = numbered  # fills the cached property
    if not parse_text or numbered is None:  # other string types are categories
        return column
    number, distinct = numbered
    n_present = int(np.count_nonzero(number >= 0))
    counts = np.bincount(number + 1)[1:].tolist()
    found = parse_numbers(distinct, n_present // _PARSED_A_FAILURE, counts)
    if found is None or np.isnan(found).all():
        warn_of_convertible_text(name, distinct)
        return column
    numbers = np.append(found, np.nan)[number]
    n_read = np.count_nonzero(~np.isnan(numbers))
    warn(
        f"{name} is text that holds numbers: {n_read} values were read as numbers, and {n_present - n_read} "
        "that are not finite numbers became missing. Convert the column to numbers yourself, or make it a "
        "category to keep its labels."
    )
    return Column(numbers, False, name, text=labels)


def _numbers(values: np.ndarray, name: str, base: int = 0) -> Column:
    if np.isinf(values).any():
        raise ValueError(
            f"Input {name} contains infinity or a value too large for dtype('float64'). Replace it with a "
            "finite number, or with NaN if it means missing."
        )
    return Column(values, False, name, base)


def read_columns(data, name: str, parse_text: bool = False, which=None) -> list[Column]:
    """Columns of an array, a sparse matrix, or a pandas, polars or Arrow table or column.

    Parameters
    ----------
    data : array-like of shape (n,) or (n, d)
        The input.
    name : str
        ``"X"`` or ``"y"``, for messages.
    parse_text : bool, default=False
        Whether to read text that holds numbers as numbers. Categories are never converted.
    which : sequence of int or None, default=None
        The columns to read; None reads all.

    Returns
    -------
    list of Column

    Raises
    ------
    TypeError
        A column holds dates, nested values, or objects that are neither strings nor numbers; or the data are
        not in memory.
    ValueError
        A column has complex or infinite values.

    Warns
    -----
    UserWarning
        Text was read as numbers, or holds dates.
    """
    return [_read_column(raw, parse_text) for raw in raw_columns(data, name, which)]


def check_features(X, lazy: bool = False, name: str = "X"):
    """Check that X has two dimensions, and at least one row and one column.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n, d)
        The input, n and d at least 1.
    lazy : bool, default=False
        Whether X may be a LazyFrame or a Dataset.
    name : str, default="X"
        Name in messages.

    Returns
    -------
    array, sparse matrix, DataFrame or LazyTable
        X; a list becomes an array.

    Raises
    ------
    ValueError
        X does not have two dimensions, or has no column or no row.
    """
    X = as_container(X, name, lazy)
    shape = shape_of(X)
    if len(shape) != 2:
        raise shape_error(X, name)
    if shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required: {name} "
            "must have a column. Pass at least one column."
        )
    if shape[0] == 0:
        raise no_rows_error(name)
    return X


def read_features(X, name: str = "X") -> list[Column]:
    """Columns of a two-dimensional X, see :func:`read_columns`.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n, d)
        The input, n and d at least 1.
    name : str, default="X"
        Name in messages.

    Returns
    -------
    list of Column

    Raises
    ------
    ValueError
        X does not have two dimensions, or has no column or no row.
    """
    check_features(X, name=name)
    return read_columns(X, name, parse_text=True)


def read_target(y, lazy: bool = False) -> list[Column]:
    """Columns of a target of one or two dimensions, see :func:`read_columns`.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, k)
        The target.
    lazy : bool, default=False
        Whether y may be a LazyFrame or a Dataset.

    Returns
    -------
    list of Column

    Raises
    ------
    ValueError
        y is None, does not have one or two dimensions, or has no column.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass one or more target "
            "columns."
        )
    container = as_container(y, "y", lazy)
    shape = shape_of(container)
    if len(shape) not in (1, 2) or shape[1:] == (0,):
        raise ValueError(
            f"y must have shape (n_samples,) or (n_samples, n_targets); got {shape or type(y).__name__}. "
            "Pass one or more target columns."
        )
    return read_columns(container if is_lazy(y) else y, "y")
