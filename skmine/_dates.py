"""How to convert columns to numbers: dates and durations, in the library of the column, and text."""

import datetime
import json
import re

import numpy as np

from skmine._warning import warn

_SECONDS_OF_DAY = "(t.hour * 60 + t.minute) * 60 + t.second + t.microsecond / 1e6"
_IS_GONE = "t is None or t != t"

#: Kinds of dates -> code that converts a column {c} to numbers. Kinds of "objects" are values of Python's
#: datetime.
_PANDAS = {
    "date": "({c} - {c}.min()).dt.total_seconds()",
    "period": "({c}.dt.to_timestamp() - {c}.dt.to_timestamp().min()).dt.total_seconds()",
    "duration": "{c}.dt.total_seconds()",
    "time": f'{{c}}.map(lambda t: {_SECONDS_OF_DAY}, na_action="ignore")',
    "duration objects": "pd.to_timedelta({c}).dt.total_seconds()",
}
_PANDAS["date objects"] = _PANDAS["date"].format(c="pd.to_datetime({c}, utc=True)")
_PANDAS |= {"aware date objects": _PANDAS["date objects"], "time objects": _PANDAS["time"]}
_POLARS = {
    "date": "({c} - {c}.min()).dt.{unit}()",
    "duration": "{c}.dt.{unit}()",
    "time": "{c}.cast(pl.Int64)",
}
_POLARS |= {f"{kind} objects": line for kind, line in _POLARS.items()}
_POLARS["aware date objects"] = _POLARS["date"]
#: Steps per second, by polars' unit of time. Dates have none.
_POLARS_STEPS = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_NUMPY = {
    "date": '({c} - np.nanmin({c}, axis=0)) / np.timedelta64(1, "{unit}")',
    "duration": '{c} / np.timedelta64(1, "{unit}")',
    "date objects": '(t - np.nanmin(t)) / np.timedelta64(1, "s")',
    "aware date objects": f"[np.nan if {_IS_GONE} else t.timestamp() for t in {{c}}]",
    "duration objects": 't / np.timedelta64(1, "s")',
    "time objects": f"[np.nan if {_IS_GONE} else {_SECONDS_OF_DAY} for t in {{c}}]",
}
#: Python's dates and durations as a NumPy array. Values that are not equal to themselves are missing.
_AS_NUMPY = 't = np.array([None if t != t else t for t in {c}], dtype="{dtype}[us]"); '
_OBJECT_DTYPES = {"date objects": "datetime64", "duration objects": "timedelta64"}
#: Text such as 2024-05-31, 2024/5/31 10:00 or 31/05/2024.
_DATE_TEXT = re.compile(r"(\d{4}([-/])\d\d?\2\d\d?|\d\d?([-/])\d\d?\3\d{4})([T ].*)?")
#: Numbers with a currency sign, a percent sign or separators of thousands.
_FORMATTED_NUMBER = re.compile(r"[$€£]?\s?[-+]?[$€£]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?\s?[%$€£]?")
#: Patterns of text -> what it holds, and how to convert it.
_CONVERTIBLE = {
    _DATE_TEXT: "is text that holds dates, so each date is a category of its own. Convert it with "
    "pandas.to_datetime, then to a number such as its year.",
    _FORMATTED_NUMBER: "is text that holds formatted numbers, so each number is a category of its own. "
    'Remove the signs, as in .str.replace("[$€£%,]", "", regex=True), then convert it with .astype(float).',
}


def temporal_error(name: str, dtype, line: str) -> TypeError:
    """Error for a column of dates or durations. Its last line is the code that converts the column.

    Parameters
    ----------
    name : str
        Name of the column.
    dtype : object
        Type of the values, for the message.
    line : str
        The code.

    Returns
    -------
    TypeError
    """
    return TypeError(
        f"{name} must hold numbers or categories; got {dtype}, a date or a duration. Convert it to a number "
        f"first (use the same start date for new rows):\n    {line}"
    )


def warn_of_convertible_text(name: str, labels: list[str]) -> None:
    """Warn if all labels of a column are written like dates, or like numbers with signs or separators.

    Parameters
    ----------
    name : str
        Name of the column.
    labels : list of str
        Its distinct labels, at least one.
    """
    for pattern, meaning in _CONVERTIBLE.items():
        if all(pattern.fullmatch(label.strip()) for label in labels):
            warn(f"{name} {meaning}")


def kind_of_objects(present: np.ndarray, types: set[type]) -> str | None:
    """Kind of dates of an object column; None if there are other values or several kinds.

    Parameters
    ----------
    present : ndarray of shape (n,)
        Values that are not missing.
    types : set of type
        Types of these values.

    Returns
    -------
    str or None
    """
    for kind, of_kind in (
        ("date", (datetime.date, np.datetime64)),
        ("duration", (datetime.timedelta, np.timedelta64)),
        ("time", (datetime.time,)),
    ):
        if types and all(issubclass(t, of_kind) for t in types):
            is_aware = kind == "date" and any(getattr(v, "tzinfo", None) is not None for v in present)
            return f"{'aware ' if is_aware else ''}{kind} objects"
    return None


def _literal(label) -> str:
    """A column's label as source text, strings in double quotes."""
    return json.dumps(label, ensure_ascii=False) if isinstance(label, str) else repr(label)


def pandas_line(data: str, kind: str, label=None, position: int | None = None) -> str:
    """Line that converts a column of a pandas DataFrame, or a Series if there is no label.

    Parameters
    ----------
    data : str
        ``"X"`` or ``"y"``.
    kind : str
        Kind of the dates.
    label : object, default=None
        Label of the column.
    position : int or None, default=None
        Position of the column, if other columns have the same label.

    Returns
    -------
    str
    """
    if position is not None:
        return f"{data}.isetitem({position}, {_PANDAS[kind].format(c=f'{data}.iloc[:, {position}]')})"
    column = data if label is None else f"{data}[{_literal(label)}]"
    return f"{column} = {_PANDAS[kind].format(c=column)}"


def polars_line(data: str, kind: str, series, in_frame: bool) -> str:
    """Line that converts a column of a polars DataFrame, or a Series.

    Parameters
    ----------
    data : str
        ``"X"`` or ``"y"``.
    kind : str
        Kind of the dates.
    series : polars.Series
        The column.
    in_frame : bool
        Whether it is a column of a DataFrame.

    Returns
    -------
    str
    """
    label = _literal(series.name)
    steps = _POLARS_STEPS.get(getattr(series.dtype, "time_unit", ""), 1)
    physical = series.to_physical()
    elapsed = physical - physical.min() if kind == "date" else physical
    if kind in ("date", "duration") and (elapsed % steps == 0).all():
        unit = "total_seconds"
    else:
        unit = "total_nanoseconds" if steps == 10**9 else "total_microseconds"
    if kind == "date" and unit == "total_nanoseconds" and not in_frame:
        return f"{data} = {data}.to_physical()"  # the minimum of a Series has only microseconds
    if "objects" in kind:
        source = f"{data}[{label}]" if in_frame else data
        before, column = f"t = pl.Series({label}, {source}.to_list()); ", "t"
    else:
        before, column = "", f"pl.col({label})" if in_frame else data
    numbers = _POLARS[kind].format(c=column, unit=unit)
    return f"{before}{data} = " + (f"{data}.with_columns({numbers})" if in_frame else numbers)


def arrow_line(data: str, dtype: str, label: str | None, position: int) -> str:
    """Line that converts a column of a pyarrow Table, or an Array if there is no label.

    Parameters
    ----------
    data : str
        ``"X"`` or ``"y"``.
    dtype : str
        Arrow's name of its type.
    label : str or None
        Label of the column.
    position : int
        Position of the column.

    Returns
    -------
    str
    """
    cast = f'.cast("{"int32" if dtype.startswith(("date32", "time32")) else "int64"}")'
    if label is None:
        return f"{data} = {data}{cast}"
    return f"{data} = {data}.set_column({position}, {_literal(label)}, {data}.column({position}){cast})"


def numpy_line(data: str, kind: str, array: np.ndarray, position: int, before: str = "") -> str:
    """Line that converts an array of dates, or one column of an array of objects.

    Parameters
    ----------
    data : str
        ``"X"`` or ``"y"``.
    kind : str
        Kind of the dates.
    array : ndarray of shape (n,) or (n, d)
        The array.
    position : int
        Position of the column.
    before : str, default=""
        Code that converts the input to such an array.

    Returns
    -------
    str
    """
    if isinstance(array, np.ma.MaskedArray):
        gap = {"M": 'np.datetime64("NaT")', "m": 'np.timedelta64("NaT")'}.get(array.dtype.kind, "None")
        before += f"{data} = np.where(np.ma.getmaskarray({data}), {gap}, {data}.data); "
    if array.dtype.kind in "mM":
        unit = np.datetime_data(array.dtype)[0]  # a month has no seconds
        return f"{before}{data} = " + _NUMPY[kind].format(c=data, unit=unit if unit in "YM" else "s")
    column = data if array.ndim == 1 else f"{data}[:, {position}]"
    if kind in _OBJECT_DTYPES:
        before += _AS_NUMPY.format(c=column, dtype=_OBJECT_DTYPES[kind])
    return f"{before}{column} = {_NUMPY[kind].format(c=column)}"
