"""Columns of any container: the same data give equal columns, and errors name the column and a remedy."""

import datetime as dt
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skmine import MutualInfoEstimator
from skmine._columns import Column, read_columns, read_features, read_target
from skmine._numbers import number_labels

KINDS = {
    "numbers": [1.5, None, -2.0, 1.5],
    "integers": [3, None, -2, 3],
    "text": ["a", None, "b", "a"],
    "booleans": [True, None, False, True],
    "categories": ["x", None, "y", "x"],
    "numbered categories": [7, None, 9, 7],
    "decimals": [Decimal("1.5"), None, Decimal("-2"), Decimal("1.5")],
    "nothing": [None, None, None, None],
}
NULLABLE = {"numbers": "Float64", "integers": "Int64", "text": "string", "booleans": "boolean"}


def with_mask(values, kind):
    fill = next((v for v in values if v is not None), 0.0)
    dtype = object if kind in ("text", "categories", "decimals") else None
    data = np.array([fill if v is None else v for v in values], dtype=dtype)
    return np.ma.array(data, mask=[v is None for v in values])


def to_arrow(values, kind):
    array = pa.array(values)
    return array.dictionary_encode() if "categories" in kind else array


def to_pandas(values, kind):
    dtype = "category" if "categories" in kind else None
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


def to_polars(values, kind):
    dtype = pl.Categorical if kind == "categories" else None
    return pl.DataFrame({"a": pl.Series(values, dtype=dtype, strict=False)})  # decimals of several scales


def chunked(values, kind):
    halves = [to_arrow(values[:1], kind), to_arrow(values[1:], kind)]
    return pa.table({"a": pa.chunked_array(halves, type=halves[1].type)})


CONTAINERS = {
    "list": lambda values, kind: [[v] for v in values],
    "objects": lambda values, kind: np.array(values, dtype=object)[:, None],
    "masked": lambda values, kind: with_mask(values, kind)[:, None],
    "pandas": to_pandas,
    "pandas objects": lambda values, kind: pd.DataFrame({"a": pd.Series(values, dtype=object)}),
    "pandas nullable": lambda values, kind: pd.DataFrame({"a": pd.Series(values, dtype=NULLABLE[kind])}),
    "pandas arrow": lambda values, kind: chunked(values, kind).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": to_polars,
    "polars enum": lambda values, kind: pl.DataFrame({"a": pl.Series(values, dtype=pl.Enum(["y", "x"]))}),
    "arrow table": chunked,
    "arrow batch": lambda values, kind: pa.record_batch({"a": to_arrow(values, kind)}),
}


def can_hold(container, kind):
    if container == "pandas nullable":
        return kind in NULLABLE
    if container == "polars enum":
        return kind == "categories"
    if kind == "numbered categories":  # elsewhere these are numbers
        return container in ("pandas", "pandas arrow", "arrow table", "arrow batch")
    return True


def assert_equal_columns(column, expected):
    assert column.categorical == expected.categorical
    assert column.values.dtype == expected.values.dtype
    assert column.base == expected.base
    np.testing.assert_array_equal(column.missing, expected.missing)
    np.testing.assert_array_equal(column.values[~column.missing], expected.values[~expected.missing])
    np.testing.assert_array_equal(column.as_input()[~column.missing], expected.as_input()[~expected.missing])


def expected_column(values, kind):
    if kind in ("text", "booleans") or "categories" in kind:
        return Column(np.array(values, dtype=object), True)
    return Column(np.array([np.nan if v is None else float(v) for v in values]), False)


# --- The same data in any container ---


@pytest.mark.parametrize(("container", "kind"), [(c, k) for c in CONTAINERS for k in KINDS if can_hold(c, k)])
def test_read_features__same_data_in_any_container__equal_columns(container, kind):
    (column,) = read_features(CONTAINERS[container](KINDS[kind], kind))

    assert_equal_columns(column, expected_column(KINDS[kind], kind))


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "numbered categories"])
@pytest.mark.parametrize(
    "make",
    [
        lambda values, kind: values,
        with_mask,
        lambda values, kind: to_pandas(values, kind)["a"],
        lambda values, kind: pd.Index(to_pandas(values, kind)["a"]),
        lambda values, kind: to_polars(values, kind)["a"],
        to_arrow,
        lambda values, kind: chunked(values, kind)["a"],
        chunked,
    ],
    ids=["list", "masked", "pandas", "pandas index", "polars", "arrow", "arrow chunks", "arrow table"],
)
def test_read_target__same_data_in_any_container__equal_columns(make, kind):
    (column,) = read_target(make(KINDS[kind], kind))

    assert_equal_columns(column, expected_column(KINDS[kind], kind))


def test_read_columns__arrow_dictionary_with_nulls_in_indices_and_labels__both_are_missing():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2], pa.uint8()), pa.array(["b", None, "a"]))
    frame = pd.DataFrame({"a": pd.Series(array, dtype=pd.ArrowDtype(array.type))})

    for data in (array, pa.chunked_array([array]), pa.table({"a": array}), frame):
        (column,) = read_columns(data, "y")
        assert column.categorical
        assert column.values.tolist() == ["b", None, None, "a"]


def test_read_columns__arrow_chunks_with_their_own_dictionaries__labels_not_codes():
    chunks = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", "a"]).dictionary_encode()]

    (column,) = read_target(pa.chunked_array(chunks))

    assert column.values.tolist() == ["a", "b", "b", "a"]


@pytest.mark.parametrize("categories", [[3, 1], [0.5, 0.25], [True, False]])
def test_read_columns__pandas_categories_of_numbers__stay_categories_of_their_type(categories):
    data = pd.Series(pd.Categorical([categories[0], None, categories[1]], categories=categories))

    (column,) = read_target(data)

    assert column.categorical
    assert column.values.tolist() == [categories[0], None, categories[1]]
    assert {type(v) for v in column.values} == {type(categories[0]), type(None)}


def test_read_columns__list_of_rows_of_several_types__each_column_is_its_own():
    flag, number, large = read_features([[True, 1.5, 2**60 + 1], [False, 2.5, 2**60 + 2]])

    assert (flag.categorical, number.categorical, large.categorical) == (True, False, False)
    assert flag.values.tolist() == [True, False]
    assert np.diff(large.values) == 1


def test_read_columns__numpy_scalars_among_objects__as_pythons():
    flags, labels = read_columns(np.array([[np.True_, np.str_("a")], [False, "b"]], dtype=object), "X")

    assert {type(v) for v in flags.values} == {bool}
    assert {type(v) for v in labels.values} == {str}


def test_read_columns__masked_values_that_cannot_be_read__are_not_looked_at():
    data = np.ma.array([1.0, np.inf, 3.0], mask=[False, True, False])
    objects = np.ma.array(np.array([1.0, {}, 3.0], dtype=object), mask=[False, True, False])

    for masked in (data, objects):
        np.testing.assert_array_equal(read_target(masked)[0].values, [1.0, np.nan, 3.0])


def test_read_columns__decimal_nan__is_missing():
    data = np.array([Decimal("1.5"), Decimal("NaN"), Decimal("sNaN")], dtype=object)

    np.testing.assert_array_equal(read_target(data)[0].values, [1.5, np.nan, np.nan])


@pytest.mark.parametrize(
    "make", [np.array, lambda x: pd.DataFrame(x, columns=["a", "b"]), pl.from_numpy, pa.table]
)
def test_read_features__names__are_those_of_messages(make):
    data = {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    table = make(data) if make is pa.table else make(np.array([[1.0, 3.0], [2.0, 4.0]]))
    labels = list(getattr(table, "column_names", getattr(table, "columns", [0, 1])))

    columns = read_features(table)

    assert [c.name for c in columns] == [f"X (column {label!r})" for label in labels]
    assert columns[0].take(np.array([0])).name == columns[0].name
    assert read_features(np.full((2, 1), None))[0].as_kind(True, "X").name == "X"
    assert read_target([1, 2])[0].name == "y"


def test_fit__arrow_table__is_that_of_the_frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.choice(["u", "v"], 60)})
    y = frame["a"] + (frame["b"] == "u")
    quick = MutualInfoEstimator(
        critic="concat", max_iter=20, hidden_layer_sizes=(4,), tol=10.0, n_iter_no_change=1, random_state=0
    )

    expected = quick.fit(frame, y).mi_

    assert quick.fit(pa.table({"a": frame["a"], "b": frame["b"].tolist()}), pa.array(y)).mi_ == expected
    assert quick.feature_names_in_.tolist() == ["a", "b"]


# --- Large integers ---

LARGE = {
    "int64": [2**60, 2**60 + 3, 2**60 + 1],
    "negative": [-(2**60), -(2**60) + 3, -(2**60) + 1],
    "uint64": [2**64 - 4, 2**64 - 1, 2**64 - 3],
    "far apart": [-(2**63), -(2**63) + 1, 2**63 - 1],
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("with_gap", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda v, t: np.array(v, dtype=object),
        lambda v, t: list(v),
        lambda v, t: np.ma.array([v[0] if i is None else i for i in v], t, mask=[i is None for i in v]),
        lambda v, t: pd.Series(v, dtype={"int64": "Int64", "uint64": "UInt64"}[t]),
        lambda v, t: pd.Series(pd.array(v, dtype=pd.ArrowDtype(pa.type_for_alias(t)))),
        lambda v, t: pl.Series(v, dtype={"int64": pl.Int64, "uint64": pl.UInt64}[t]),
        pytest.param(
            lambda v, t: pl.Series(v, dtype=pl.Int128),
            marks=pytest.mark.skipif(not hasattr(pl, "Int128"), reason="polars has them from 1.18 on"),
        ),
        lambda v, t: pa.array(v, pa.type_for_alias(t)),
        lambda v, t: pa.array([None if i is None else Decimal(i) for i in v], pa.decimal128(38, 0)),
    ],
    ids=[
        "objects",
        "list",
        "masked",
        "pandas",
        "pandas arrow",
        "polars",
        "polars 128",
        "arrow",
        "arrow decimal",
    ],
)
def test_read_columns__large_integers__stay_apart_and_in_order(make, with_gap, name):
    values = LARGE[name] + [None] * with_gap
    dtype = "uint64" if max(LARGE[name]) >= 2**63 else "int64"

    (column,) = read_target(make(values, dtype))

    low = min(LARGE[name]) // 2**52 * 2**52
    assert column.base == low
    assert column.values.dtype == np.float64
    np.testing.assert_array_equal(column.values[:3], [float(v - low) for v in LARGE[name]])
    assert column.missing.tolist() == [False] * 3 + [True] * with_gap


@pytest.mark.parametrize("make", [np.array, pd.Series, pl.Series, lambda v: np.array(v, dtype=object)])
def test_read_columns__integers_up_to_the_most_exact__are_as_they_are(make):
    (column,) = read_target(make([2**53, -(2**53), 5]))

    assert column.base == 0
    assert column.values.tolist() == [2.0**53, -(2.0**53), 5.0]


def test_read_columns__integers_beyond_64_bits__stay_apart():
    (column,) = read_target([2**90 + 1, 2**90, None])

    assert column.values[0] - column.values[1] == 1


def test_as_kind__another_base_than_in_fit__numbers_agree():
    fitted, later = (read_target(np.array([2**60 + k, 2**60 + k + 5]))[0] for k in (0, 3 * 2**52))
    small = read_target(np.array([7, 8]))[0]

    assert later.base != fitted.base
    np.testing.assert_array_equal(
        later.as_kind(False, "y", fitted.base).values, [3 * 2.0**52, 3 * 2.0**52 + 5]
    )
    np.testing.assert_array_equal(small.as_kind(False, "y", fitted.base).values, [7 - 2.0**60, 8 - 2.0**60])


def test_score_samples__large_integers__a_row_has_the_same_value_in_any_batch():
    rng = np.random.default_rng(0)
    x = 2**60 + np.arange(80) * 2**50
    y = np.arange(80) + rng.normal(size=80)
    fit = MutualInfoEstimator(max_iter=0, random_state=0).fit(x[:, None], y)

    whole, part = fit.score_samples(x[:, None], y), fit.score_samples(x[60:, None], y[60:])

    assert fit.mi_ > 0.5
    np.testing.assert_allclose(part, whole[60:])


# --- Text that holds numbers ---

TEXT = [" 1.5", "2 ", "-3e1", "4"] * 10


@pytest.mark.parametrize(
    "make",
    [
        lambda v: np.array(v, dtype=object)[:, None],
        lambda v: [[text] for text in v],
        lambda v: pd.DataFrame({"a": v}),
        lambda v: pd.DataFrame({"a": pd.Series(v, dtype="string")}),
        lambda v: pl.DataFrame({"a": v}),
        lambda v: pa.table({"a": v}),
    ],
    ids=["objects", "list", "pandas", "pandas string", "polars", "arrow"],
)
def test_read_features__text_of_numbers__is_numbers_and_is_told(make):
    values = [*TEXT, None, "?"]

    with pytest.warns(
        UserWarning, match=r"^X.* is text that holds numbers: 40 values.* and 1 that.*category"
    ):
        (column,) = read_features(make(values))

    assert not column.categorical
    np.testing.assert_array_equal(column.values, [1.5, 2, -30, 4] * 10 + [np.nan, np.nan])


@pytest.mark.parametrize(
    "texts",
    [["$5", "$1,234.50"], ["12.5%", "7 %"], ["1,000", "12,345,678"], ["-£3", "£2.5"], ["10 €", "9 €"]],
)
def test_read_features__formatted_numbers__stay_text_with_a_warning(texts):
    with pytest.warns(
        UserWarning, match=r"^X \(column 'price'\) is text that holds formatted numbers.*replace"
    ):
        (column,) = read_features(pd.DataFrame({"price": texts * 20}))

    assert column.categorical


@pytest.mark.parametrize("text", ["1,2", "1.2.3", "12-34", "$", "5 kg", "1,2345"])
def test_read_features__text_that_is_no_number__no_warning(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (column,) = read_features(pd.DataFrame({"code": [text, "$1"] * 20}))

    assert column.categorical


@pytest.mark.parametrize("text", ["2024-05-31", "2024-05-31 10:00:00+00:00", "31/05/2024", " 2024/5/1 "])
def test_read_features__text_of_dates__stays_text_with_a_warning(text):
    with pytest.warns(UserWarning, match=r"^X \(column 'day'\) is text that holds dates"):
        (column,) = read_features(pd.DataFrame({"day": [text, None, "1999-12-01"]}))

    assert column.categorical


@pytest.mark.parametrize("text", ["2024-05", "12-34-56", "10.05.2024", "unknown", "12024-05-31"])
def test_read_features__text_with_a_value_that_is_no_date__no_warning(text):
    (column,) = read_features(pd.DataFrame({"day": [text, None, "1999-12-01"]}))  # a warning is an error

    assert column.categorical


@pytest.mark.parametrize(
    ("other", "n", "categorical"),
    [
        ("?", 2, False),
        ("?", 3, True),
        ("nan", 30, False),  # how missing numbers become text
        ("inf", 3, True),
        ("1e999", 3, True),
        ("1_0", 3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:X is text that holds numbers")
def test_read_features__share_of_text_without_a_number__at_most_one_in_twenty(other, n, categorical):
    (column,) = read_features(np.array(TEXT[:-2] + [other] * n, dtype=object)[:, None])

    assert column.categorical == categorical


@pytest.mark.parametrize("text", [["nan"] * 8, ["True", "False"] * 4, ["inf"] * 8, [""] * 8])
def test_read_features__text_that_is_no_number__is_categories(text):
    (column,) = read_features(np.array(text, dtype=object)[:, None])

    assert column.categorical
    assert column.values.tolist() == text


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": pd.Categorical(TEXT)}),
        pl.DataFrame({"a": pl.Series(TEXT, dtype=pl.Categorical)}),
        pl.DataFrame({"a": pl.Series(TEXT, dtype=pl.Enum(sorted(set(TEXT))))}),
        pa.table({"a": pa.array(TEXT).dictionary_encode()}),
    ],
    ids=["pandas", "polars", "polars enum", "arrow"],
)
def test_read_features__categories_named_by_numbers__stay_categories(data):
    (column,) = read_features(data)

    assert column.categorical
    assert column.values.tolist() == TEXT


def test_read_target__text_of_numbers__is_classes():
    (column,) = read_target(np.array(TEXT, dtype=object))

    assert column.categorical


@pytest.mark.filterwarnings("ignore:X is text that holds numbers")
def test_as_kind__few_rows_of_text__are_of_the_kind_of_fit():
    numbers, mixture = (
        read_features(np.array(v, dtype=object)[:, None])[0] for v in (["1", "2"], ["1", "?"])
    )
    words = read_features(np.array([["a"], ["b"]], dtype=object))[0]

    assert (numbers.categorical, mixture.categorical) == (False, True)
    assert numbers.as_kind(True, "X").values.tolist() == ["1", "2"]
    np.testing.assert_array_equal(mixture.as_kind(False, "X").values, [1, np.nan])
    assert mixture.take(np.array([0])).as_kind(False, "X").values.tolist() == [1]
    with pytest.raises(ValueError, match="X must hold numbers as in fit; got categories"):
        words.as_kind(False, "X")


# --- Dates and durations ---

DAYS = [dt.datetime(2020, 1, 1), None, dt.datetime(2020, 1, 3, 12)]
DATES = [dt.date(2020, 1, 1), None, dt.date(2020, 1, 3)]
SPANS = [dt.timedelta(days=1), None, dt.timedelta(milliseconds=5)]
TIMES = [dt.time(1), None, dt.time(2, 30)]
AWARE = [d and d.replace(tzinfo=dt.timezone.utc) for d in DAYS]


def as_frame(values, dtype=None):
    return pd.DataFrame({"when": pd.Series(values, dtype=dtype)})


def as_column(values, dtype=object):
    return np.array([[1.5, v] for v in values], dtype=dtype)


def same_names():
    frame = pd.DataFrame({"a": [1, 2, 3], "when": pd.to_datetime(DAYS)})
    return frame.set_axis(["when", "when"], axis=1)


DATED = {
    "pandas": as_frame(DAYS),
    "pandas aware": as_frame(AWARE),
    "pandas span": as_frame(SPANS),
    "pandas period": as_frame(pd.PeriodIndex(["2020-01", None, "2020-03"], freq="M")),
    "pandas objects": as_frame(DATES, object),
    "pandas aware objects": as_frame(AWARE, object),
    "pandas span objects": as_frame(SPANS, object),
    "pandas time objects": as_frame(TIMES, object),
    "pandas same names": same_names(),
    "pandas number as name": pd.DataFrame({3: pd.to_datetime(DAYS)}),
    "pandas arrow": as_frame(DAYS, pd.ArrowDtype(pa.timestamp("us"))),
    "pandas arrow date": as_frame(DATES, pd.ArrowDtype(pa.date32())),
    "pandas arrow span": as_frame(SPANS, pd.ArrowDtype(pa.duration("us"))),
    "pandas arrow time": as_frame(TIMES, pd.ArrowDtype(pa.time64("us"))),
    "polars": pl.DataFrame({"when": DAYS}),
    "polars aware": pl.DataFrame({"when": AWARE}),
    "polars date": pl.DataFrame({"when": DATES}),
    "polars span": pl.DataFrame({"when": SPANS}),
    "polars nanoseconds": pl.DataFrame({"when": pl.Series([0, None, 5]).cast(pl.Datetime("ns"))}),
    "polars time": pl.DataFrame({"when": TIMES}),
    "polars objects": pl.DataFrame({"when": pl.Series(DATES, dtype=pl.Object)}),
    "numpy": np.array([DAYS, DAYS], "datetime64[us]").T,
    "numpy months": np.array([["2020-01"], ["NaT"], ["2020-03"]], "datetime64[M]"),
    "numpy span": np.array([SPANS, SPANS], "timedelta64[us]").T,
    "numpy masked": np.ma.array(np.array([DAYS], "datetime64[us]").T, mask=[[False], [False], [True]]),
    "numpy objects": as_column([pd.Timestamp(DAYS[0]), None, pd.NaT]),
    "numpy date objects": as_column(DATES),
    "numpy aware objects": as_column(AWARE),
    "numpy span objects": as_column(SPANS),
    "numpy time objects": as_column(TIMES),
    "numpy masked objects": np.ma.array(as_column(DATES), mask=[[0, 0], [0, 0], [0, 1]]),
    "list": as_column(DAYS).tolist(),
    "arrow": pa.table({"a": [1, 2, 3], "when": DAYS}),
    "arrow date": pa.table({"when": DATES}),
    "arrow span": pa.record_batch({"when": pa.array(SPANS)}),
    "arrow time": pa.table({"when": pa.array(TIMES, pa.time32("s"))}),
}


def converted(data, name, message):
    """Run the last line of a message on a copy of the data."""
    names = {"np": np, "pd": pd, "pl": pl, name: data.copy() if hasattr(data, "copy") else data}
    exec(message.splitlines()[-1].strip(), names)
    return names[name]


@pytest.mark.parametrize("name", DATED)
def test_read_features__dates__line_of_the_error_converts_them(name):
    with pytest.raises(
        TypeError, match=r"X.* must hold numbers or categories; got .* date or a duration"
    ) as told:
        read_features(DATED[name])

    column = read_features(converted(DATED[name], "X", str(told.value)))[-1]

    assert not column.categorical
    assert len(column.values) == 3
    assert np.isfinite(column.values[0])
    assert column.missing[1] or "masked" in name
    assert column.missing[2] or column.values[2] != column.values[0]


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(pd.to_datetime(DAYS)),
        pd.DatetimeIndex(DAYS),
        pd.Series(pd.to_timedelta(SPANS)),
        pl.Series("t", DAYS),
        pl.Series("t", [0, None, 5]).cast(pl.Datetime("ns")),
        pl.Series("t", SPANS),
        pl.Series("t", DATES, dtype=pl.Object),
        np.array(DAYS, "datetime64[ms]"),
        np.array(SPANS, "timedelta64[ms]"),
        np.array(DATES, dtype=object),
        DAYS,
        pa.array(DAYS),
        pa.chunked_array([pa.array(DATES)]),
    ],
    ids=lambda y: f"{type(y).__module__.split('.')[0]}-{type(y).__name__}",
)
def test_read_target__dates__line_of_the_error_converts_them(y):
    with pytest.raises(TypeError, match="y must hold numbers") as told:
        read_target(y)

    (column,) = read_target(converted(y, "y", str(told.value)))

    assert column.missing.tolist() == [False, True, False]
    assert column.values[0] != column.values[2]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pandas", 'X["when"] = (X["when"] - X["when"].min()).dt.total_seconds()'),
        ("pandas span", 'X["when"] = X["when"].dt.total_seconds()'),
        ("polars", 'X = X.with_columns((pl.col("when") - pl.col("when").min()).dt.total_seconds())'),
        ("polars span", 'X = X.with_columns(pl.col("when").dt.total_microseconds())'),  # milliseconds count
        ("numpy", 'X = (X - np.nanmin(X, axis=0)) / np.timedelta64(1, "s")'),
    ],
)
def test_read_features__dates__line_is_of_the_library(name, line):
    with pytest.raises(TypeError, match="date") as told:
        read_features(DATED[name])

    assert str(told.value).splitlines()[-1].strip() == line


# --- Columns that cannot be read ---

LISTS, STRUCTS = [[1, 2], None, [3]], [{"u": 1}, None, {"u": 2}]


@pytest.mark.parametrize("values", [LISTS, STRUCTS], ids=["lists", "structs"])
@pytest.mark.parametrize(
    "make",
    [
        lambda v: pd.DataFrame({"a": v}),
        lambda v: pl.DataFrame({"a": v}),
        lambda v: pa.table({"a": v}),
        lambda v: pa.table({"a": v}).to_pandas(types_mapper=pd.ArrowDtype),
    ],
    ids=["pandas", "polars", "arrow", "pandas arrow"],
)
def test_read_features__nested_column__is_told(make, values):
    with pytest.raises(TypeError, match=r"X \(column 'a'\) must hold one number.*nested.*Make a column"):
        read_features(make(values))


@pytest.mark.parametrize(
    "data",
    [
        np.array([(1, 2.0)] * 3, dtype=[("u", int), ("v", float)]),
        pl.Series([[1, 2]] * 3, dtype=pl.Array(pl.Int64, 2)),
        np.array([None, np.ones(2), np.ones(3)], dtype=object),
    ],
    ids=["structured", "polars array", "arrays"],
)
def test_read_target__nested__is_told(data):
    with pytest.raises(TypeError, match=r"y must hold one number.*nested"):
        read_target(data)


@pytest.mark.parametrize("read", [read_features, read_target])
def test_read__lazy_frame__collect_is_the_remedy(read):
    name = "X" if read is read_features else "y"

    with pytest.raises(
        TypeError, match=rf"{name} must be in memory; got a polars LazyFrame. Pass {name}.collect"
    ):
        read(pl.LazyFrame({"a": [1, 2]}))


def test_read_features__dask__compute_is_the_remedy():
    lazy = type("DataFrame", (), {"__module__": "dask.dataframe", "shape": (None, 2)})()

    with pytest.raises(TypeError, match=r"X must be in memory; got a dask DataFrame. Pass X.compute\(\)"):
        read_features(lazy)


@pytest.mark.parametrize(
    "data",
    [pd.DataFrame({"a": [1.0, np.inf]}), pl.DataFrame({"a": [1.0, np.inf]}), pa.table({"a": [1.0, np.inf]})],
    ids=["pandas", "polars", "arrow"],
)
def test_read_features__infinity__names_the_column(data):
    with pytest.raises(ValueError, match=r"Input X \(column 'a'\) contains infinity.*Replace it"):
        read_features(data)


@pytest.mark.parametrize("values", [["a", 1.5], [dt.date(2020, 1, 1), 1.5], [[1], 2.5], [True, 2]])
def test_read_features__mixed_objects__names_column_and_types(values):
    with pytest.raises(TypeError, match=r"X \(column 'a'\) has object values that are neither.*Convert"):
        read_features(pd.DataFrame({"a": pd.Series(values, dtype=object)}))


def test_fit__last_column_cannot_be_read__nothing_is_trained(monkeypatch):
    monkeypatch.setattr("skmine._estimator.choose_sample", None)
    X = pd.DataFrame({"a": np.arange(40.0), "when": pd.date_range("2020", periods=40)})

    with pytest.raises(TypeError, match="column 'when'"):
        MutualInfoEstimator().fit(X, np.arange(40.0))


def test_read_features__good_input_of_any_kind__no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for container in ("pandas", "polars", "arrow table"):
            for kind in ("numbers", "text", "booleans", "categories"):
                read_features(CONTAINERS[container](KINDS[kind], kind))


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, pd.NaT])
def test_number_labels__strings_and_gaps__numbers_in_order_of_appearance(gap):
    number, labels = number_labels(["b", gap, "a", "b", None])

    assert number.tolist() == [0, -1, 1, 0, -1]
    assert labels == ["b", "a"]


@pytest.mark.parametrize("rows", [["a", 1.5], ["a", True], ["a", np.str_("a")], [None], [], ["a", ["b"]]])
def test_number_labels__anything_else__none(rows):
    assert number_labels(rows) is None


def read_or_raise(data):
    try:
        return read_columns(data, "X")[0], None
    except TypeError as error:
        return None, error


@pytest.mark.parametrize("dtype", [object, "str", "string"])
def test_read_columns__text_of_pandas__as_the_same_text_in_a_list(dtype):
    rows = ["b", None, "a", "b", "c", None, "a"]

    column = read_columns(pd.Series(rows, dtype=dtype), "X")[0]

    assert column.values.tolist() == rows
    assert column.numbered[0].tolist() == number_labels(rows)[0].tolist()
    assert column.numbered[1] == ["b", "a", "c"]


@pytest.mark.parametrize("other", [True, 1.5, np.str_("d")])
def test_read_columns__text_and_other_types_of_pandas__as_in_a_list(other):
    rows = ["b", other, None]

    of_pandas, of_list = (
        (type(raised).__name__, str(raised)) if raised else column.values.tolist()
        for column, raised in map(
            read_or_raise, (pd.Series(rows, dtype=object), np.array(rows, dtype=object))
        )
    )

    assert of_pandas == of_list


def test_take__text__its_own_labels():
    (column,) = read_columns(np.array(["b", None, "a"], dtype=object), "X")

    taken = column.take(np.array([2, 1]))

    assert taken.values.tolist() == ["a", None]
    assert taken.missing.tolist() == [False, True]
