"""Frames of pandas, polars and Arrow, in and out: types are kept, and errors name the column."""

import enum
import http

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import skmine
from skmine import (
    MINEGAN,
    InformationBottleneckClassifier,
    MINEFeatureSelector,
    MutualInfoEstimator,
    conditional_mutual_info,
    mutual_info_classif,
    mutual_info_regression,
)

RNG = np.random.default_rng(0)
N = 120
COLUMNS = {
    "number": RNG.normal(size=N),
    "count": RNG.integers(0, 9, N),
    "text": np.array(["u", "v", "w"])[RNG.integers(0, 3, N)],
    "flag": RNG.normal(size=N) > 0,
    "small": RNG.normal(size=N).astype(np.float32),
}
Y = COLUMNS["number"] + 2 * COLUMNS["flag"] + 3 * (COLUMNS["text"] == "u")


def arrow():
    columns = {name: pa.array(values) for name, values in COLUMNS.items()}
    return pa.table(columns | {"text": columns["text"].dictionary_encode()})


FRAMES = {
    "pandas": lambda: pd.DataFrame(COLUMNS).astype({"text": "category", "count": "Int64"}),
    "pandas of arrow": lambda: arrow().to_pandas(types_mapper=pd.ArrowDtype),
    "polars": lambda: pl.DataFrame(COLUMNS).cast({"text": pl.Categorical}),
    "arrow": arrow,
}
LARGE = ["number", "flag", "text"]


def select(frame, output):
    selector = MINEFeatureSelector(3, strategy="marginal").set_output(transform=output)
    return selector.fit(frame, Y).transform(frame)


@pytest.mark.parametrize("name", FRAMES)
def test_transform__to_polars__columns_keep_their_types_and_cast(name):
    selected = select(FRAMES[name](), "polars")

    assert isinstance(selected, pl.DataFrame)
    assert set(selected.columns) == set(LARGE)
    assert selected["number"].dtype == pl.Float64
    assert selected["flag"].dtype == pl.Boolean
    assert selected["text"].cast(pl.String).to_list() == COLUMNS["text"].tolist()


@pytest.mark.parametrize("name", FRAMES)
def test_transform__to_pandas__columns_keep_their_types(name):
    selected = select(FRAMES[name](), "pandas")

    assert isinstance(selected, pd.DataFrame)
    assert set(selected.columns) == set(LARGE)
    assert pd.api.types.is_float_dtype(selected["number"])
    assert pd.api.types.is_bool_dtype(selected["flag"])
    assert selected["text"].astype(str).tolist() == COLUMNS["text"].tolist()


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("text", ["category", "str", "string[pyarrow]"])
def test_transform__default_output__array_of_the_values(name, text):
    frame = FRAMES[name]()
    frame = frame.astype({"text": text}) if hasattr(frame, "iloc") else frame
    columns = list(getattr(frame, "column_names", frame.columns))

    selected = select(frame, "default")

    chosen = [column for column in columns if column in LARGE]
    assert selected.dtype == object
    for number, column in enumerate(chosen):
        assert selected[:, number].tolist() == COLUMNS[column].tolist()


def test_transform__pandas_index__is_kept_and_other_columns_are_an_error():
    frame = FRAMES["pandas"]().set_index(np.arange(N) * 3)
    selector = MINEFeatureSelector(2, strategy="marginal").set_output(transform="pandas").fit(frame, Y)

    assert (selector.transform(frame).index == frame.index).all()
    for renamed in (frame.rename(columns={"flag": "flags"}), pl.from_pandas(frame).rename({"flag": "flags"})):
        with pytest.raises(ValueError, match="feature names"):
            selector.transform(renamed)


@pytest.mark.parametrize("name", FRAMES)
def test_fit__any_frame__same_scores(name):
    expected = mutual_info_regression(FRAMES["pandas"](), Y)

    assert (mutual_info_regression(FRAMES[name](), Y) == expected).all()
    assert expected[2] > 0.1  # a category, not its codes


@pytest.mark.parametrize(
    "target",
    [pa.array, lambda y: pa.table({"y": y}), lambda y: pl.Series(y), lambda y: pl.DataFrame({"y": y})],
)
def test_scores__target_of_any_container__as_an_array(target):
    X = np.column_stack([COLUMNS["number"], COLUMNS["small"]])

    assert (mutual_info_regression(X, target(Y)) == mutual_info_regression(X, Y)).all()
    classes = COLUMNS["count"]
    assert (mutual_info_classif(X, target(classes)) == mutual_info_classif(X, classes)).all()


DICTIONARIES = {
    "codes of integers": pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None] * 30), pa.array([5, 3, 4])),
    "null label": pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3] * 30), pa.array([5, 3, 4, None])),
}


@pytest.mark.parametrize("name", DICTIONARIES)
def test_fit__arrow_dictionary__codes_are_labels_and_nulls_missing(name):
    label = np.array([5, 3, 4, 0] * 30)
    y = (label == 3).astype(int)

    score = mutual_info_classif(pa.table({"d": DICTIONARIES[name]}), y)

    assert score == pytest.approx(
        mutual_info_classif(pd.DataFrame({"d": ["u", "v", "w", None] * 30}), y), abs=1e-12
    )


NESTED = {
    "polars list": lambda: pl.DataFrame({"a": COLUMNS["number"], "b": [[1, 2]] * N}),
    "polars struct": lambda: pl.DataFrame({"a": COLUMNS["number"], "b": [{"q": 1}] * N}),
    "arrow list": lambda: pa.table({"a": COLUMNS["number"], "b": pa.array([[1.0]] * N)}),
    "pandas lists": lambda: pd.DataFrame({"a": COLUMNS["number"], "b": [[1, 2]] * N}),
}
READERS = {
    "estimator": lambda X: MutualInfoEstimator(max_iter=0).fit(X, Y),
    "selector": lambda X: MINEFeatureSelector().fit(X, Y),
    "bottleneck": lambda X: InformationBottleneckClassifier(max_iter=1).fit(X, Y > 0),
    "gan": lambda X: MINEGAN(max_iter=1).fit(X),
    "scores": lambda X: mutual_info_regression(X, Y),
}


@pytest.mark.parametrize("frame", NESTED)
@pytest.mark.parametrize("reader", READERS)
def test_fit__nested_column__error_names_it_and_the_remedy(frame, reader):
    with pytest.raises(TypeError, match=r"X \(column 'b'\) must hold one number.*Make a column of each part"):
        READERS[reader](NESTED[frame]())


@pytest.mark.parametrize("reader", ["estimator", "bottleneck", "gan"])
def test_fit__lazy_frame__error_names_collect(reader):
    with pytest.raises(TypeError, match=r"X must be in memory; got a polars LazyFrame. Pass X.collect\(\)"):
        READERS[reader](pl.DataFrame({"a": COLUMNS["number"]}).lazy())


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("reader", ["bottleneck", "gan"])
def test_fit__text_where_numbers_are_needed__error_names_the_column_and_the_remedy(frame, reader):
    with pytest.raises(ValueError, match=r"X \(column 'text'\) must hold numbers.*OneHotEncoder"):
        READERS[reader](FRAMES[frame]())


def test_predict__text_in_new_rows__error_names_the_column():
    frame = pl.DataFrame({"a": COLUMNS["number"], "b": COLUMNS["small"]})
    model = InformationBottleneckClassifier(max_iter=1).fit(frame, Y > 0)

    with pytest.raises(ValueError, match=r"X \(column 'b'\) must hold numbers"):
        model.predict(frame.with_columns(b=pl.lit("u")))


# --- Memory maps: arrays that cannot be written ---

X = np.column_stack([COLUMNS["number"], COLUMNS["small"]])
MODELS = {
    "continuous": (
        lambda: MutualInfoEstimator(cv=None, max_iter=0, random_state=0).fit(X, Y),
        lambda model: [model.score(X, Y), model.score_samples(X), model.score_samples(X, Y)],
    ),
    "classes": (
        lambda: MutualInfoEstimator(cv=None, max_iter=0, random_state=0).fit(X, COLUMNS["flag"]),
        lambda model: [model.score(X, COLUMNS["flag"]), model.score_samples(X)],
    ),
    "infonce": (
        lambda: MutualInfoEstimator(cv=None, bound="infonce", max_iter=0, random_state=0).fit(X, Y),
        lambda model: [model.score(X, Y), model.score_samples(X, Y)],
    ),
    "selector": (
        lambda: MINEFeatureSelector(1, random_state=0).fit(X, Y),
        lambda model: [model.transform(X)],
    ),
    "bottleneck": (
        lambda: InformationBottleneckClassifier(max_iter=2, random_state=0).fit(X, COLUMNS["flag"]),
        lambda model: [model.predict_proba(X), model.transform(X)],
    ),
    "gan": (
        lambda: MINEGAN(max_iter=2, random_state=0).fit(X),
        lambda model: [model.transform(X), model.sample(3, random_state=0)],
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_load__memory_map__same_values_without_a_warning_and_fits_again(name, tmp_path):
    make, read = MODELS[name]
    model = make()
    joblib.dump(model, tmp_path / "model.joblib")

    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r")

    for value, expected in zip(read(loaded), read(model), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_fit__model_and_folds_and_rows_that_cannot_be_written__goes_on(tmp_path):
    rows = np.arange(N)
    joblib.dump((X, Y, [(rows[:80], rows[80:]), (rows[40:], rows[:40])]), tmp_path / "rows.joblib")
    X_map, y_map, splits = joblib.load(tmp_path / "rows.joblib", mmap_mode="r")
    model = MutualInfoEstimator(cv=splits, max_iter=0, warm_start=True, random_state=0).fit(X_map, y_map)
    joblib.dump(model, tmp_path / "model.joblib")

    again = joblib.load(tmp_path / "model.joblib", mmap_mode="r").fit(X_map, y_map)

    assert np.isfinite(again.mi_)


# --- Names in messages ---


@pytest.mark.parametrize(
    ("Z", "message"),
    [
        (COLUMNS["number"], r"got 1D array instead: Z must have shape.*Z.reshape\(-1, 1\)"),
        (X[:50], "X and Z must have the same number of rows; got 120 and 50. Pass one row of Z"),
        (np.where(X > 1, np.inf, X), r"Input Z \(column 0\) contains infinity"),
        (np.where(X > 1, np.inf, X)[:, :1], "Input Z contains infinity"),
        (X + 1j, r"Complex data not supported: Z \(column 0\)"),
        (X[:, :0], "Z must have a column"),
        (X[:0], "Z is empty"),
        (pd.DataFrame({"d": pd.date_range("2020", periods=N)}), r"(?s)Z \(column 'd'\).*\n    Z\[.d.\] = "),
        (pl.DataFrame({"d": [[1]] * N}), r"Z \(column 'd'\).*nested"),
        (pl.DataFrame({"d": [1] * N}).lazy(), r"Z must be in memory.*Z.collect"),
    ],
)
def test_conditional__bad_condition__error_is_of_z(Z, message):
    with pytest.raises((ValueError, TypeError), match=message):
        conditional_mutual_info(X, Y, Z, max_iter=0, cv=2)


@pytest.mark.parametrize("block", ["X", "Z"])
def test_conditional__column_without_values__is_a_constant_with_a_warning(block):
    gap = np.column_stack([COLUMNS["number"], np.full(N, np.nan)])
    options = {"critic": "concat", "max_iter": 0, "cv": 2, "random_state": 0}
    blocks = {"X": X, "Z": X[:, 1:]}

    with pytest.warns(UserWarning, match=rf"{block} \(column 1\) is missing in every row"):
        value = conditional_mutual_info(**blocks | {block: gap}, y=Y, **options)

    assert value == conditional_mutual_info(**blocks | {block: np.nan_to_num(gap)}, y=Y, **options)


@pytest.mark.parametrize("name", ["plotting", "distributions", "nn"])
def test_package__public_module__is_an_attribute(name):
    assert getattr(skmine, name).__name__ == f"skmine.{name}"
    assert name in dir(skmine)


def test_package__unknown_attribute__is_an_error():
    with pytest.raises(AttributeError, match="'skmine' has no attribute 'plot'"):
        skmine.plot  # noqa: B018


class Level(enum.Enum):
    LOW, HIGH = "low", "high"


@pytest.mark.parametrize("kind", [http.HTTPStatus, enum.IntEnum("Grade", "A B C")])
def test_scores__enumeration_of_integers__are_numbers(kind):
    values = np.array(list(kind)[:3] * 40, dtype=object)
    numbers = np.array([int(value) for value in values])

    scored = mutual_info_regression(values[:, None], numbers % 7)
    np.testing.assert_array_equal(scored, mutual_info_regression(numbers[:, None], numbers % 7))


def test_scores__enumeration_of_other_values__error_does_not_say_that_they_are_nested():
    with pytest.raises(TypeError, match=r"X has object values that are neither .* \(types \['Level'\]\)"):
        mutual_info_regression(np.array(list(Level) * 60, dtype=object)[:, None], np.arange(N))
