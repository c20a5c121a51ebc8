"""Tables that are not in memory: polars LazyFrames, pyarrow Datasets and memory-mapped arrays."""

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

from skmine import (
    MINEFeatureSelector,
    MutualInfoEstimator,
    _features,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_regression,
    mutual_info_test,
)
from skmine._features import Features
from skmine._lazy import LazyTable

N_ROWS, N_COLUMNS = 400, 5
KINDS = ["lazy frame", "dataset", "memmap by rows", "memmap by columns"]


def draw_table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_COLUMNS))
    X[:, 1] = X[:, 0] + 0.5 * X[:, 1]
    X[::7, 2] = np.nan
    return X, X[:, 0] + rng.normal(size=N_ROWS)


@pytest.fixture
def opened(tmp_path):
    def as_kind(kind):
        X, y = draw_table()
        if kind.startswith("memmap"):
            order = "C" if kind.endswith("rows") else "F"
            stored = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=X.shape, order=order)
            stored[:] = X
            return np.memmap(tmp_path / "X", dtype=np.float64, mode="r", shape=X.shape, order=order), y
        table = pa.table({f"x{j}": X[:, j] for j in range(N_COLUMNS)} | {"y": y})
        pa.parquet.write_table(table, tmp_path / "table.parquet")
        if kind == "lazy frame":
            frame = pl.scan_parquet(tmp_path / "table.parquet")
            return frame.drop("y"), frame.select("y")
        schema = pa.schema([table.schema.field(f"x{j}") for j in range(N_COLUMNS)])
        return pa.dataset.dataset(tmp_path / "table.parquet", schema=schema), y

    return as_kind


def select(strategy):
    return lambda X, y: MINEFeatureSelector(strategy=strategy, random_state=0).fit(X, y).scores_


FUNCTIONS = {
    "regression": mutual_info_regression,
    "matrix": lambda X, y: mutual_info_matrix(X),
    "test": mutual_info_test,
    "marginal": select("marginal"),
    "mrmr": select("mrmr"),
    "forward": select("forward"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions__table_that_is_not_in_memory__values_of_the_array(opened, kind, name):
    X, y = draw_table()

    np.testing.assert_allclose(FUNCTIONS[name](*opened(kind)), FUNCTIONS[name](X, y), rtol=1e-9, atol=1e-12)


def test_mutual_info_classif__lazy_frame_of_text__values_of_the_frame():
    rng = np.random.default_rng(0)
    letters = rng.choice(list("abc"), size=200)
    frame = pl.DataFrame({"letter": letters, "class": np.where(rng.random(200) < 0.8, letters, "a")})
    lazy = frame.lazy()

    score = mutual_info_classif(lazy.select("letter"), lazy.select("class"))

    assert score == mutual_info_classif(frame.select("letter"), frame["class"])
    assert score > 0.3


@pytest.mark.parametrize("name", ["regression", "marginal", "matrix", "test", "mrmr"])
def test_functions__few_numbers_at_a_time__no_column_is_read_with_others(opened, monkeypatch, name):
    widths = []
    read = LazyTable.read
    monkeypatch.setattr(_features, "_NUMBERS_A_CHUNK", N_ROWS)
    monkeypatch.setattr("skmine._scores.dependence._NUMBERS_A_BLOCK", N_ROWS)
    monkeypatch.setattr("skmine._selector_input.MAX_ROWS", N_ROWS - 1)  # mrmr takes rows of each chunk
    monkeypatch.setattr(LazyTable, "read", lambda self, which: widths.append(len(which)) or read(self, which))

    FUNCTIONS[name](*opened("lazy frame"))

    assert len(widths) > N_COLUMNS
    assert set(widths) == {1}


@pytest.mark.parametrize("order", ["C", "F"])
def test_chunks__memmap__as_many_columns_as_cost_the_same_to_read(tmp_path, order):
    stored = np.memmap(tmp_path / "X", dtype=np.int8, mode="w+", shape=(2_000_000, 8), order=order)

    widest = max(len(chunk) for chunk in Features(stored).chunks())

    assert widest == (8 if order == "C" else 1)


@pytest.mark.parametrize("kind", ["lazy frame", "dataset"])
def test_transform__not_in_memory__selected_columns_not_read(opened, monkeypatch, kind):
    X, y = opened(kind)
    selector = MINEFeatureSelector(2, strategy="marginal").fit(X, y)
    monkeypatch.setattr(LazyTable, "read", None)

    reduced = selector.transform(X)

    assert type(reduced) is type(X)
    table = reduced.collect().to_numpy() if kind == "lazy frame" else np.column_stack(reduced.to_table())
    np.testing.assert_array_equal(table, draw_table()[0][:, selector.support_])


@pytest.mark.parametrize("kind", KINDS)
def test_transform__nothing_selected__warns_as_in_memory(opened, kind):
    X, _ = opened(kind)
    selector = MINEFeatureSelector(strategy="marginal").fit(X, np.ones(N_ROWS))

    with pytest.warns(UserWarning, match="No features were selected"):
        selector.transform(X)


def test_transform__lazy_frame_with_other_names__raises(opened):
    X, y = opened("lazy frame")
    selector = MINEFeatureSelector(2, strategy="marginal").fit(X.collect(), y)

    with pytest.raises(ValueError, match="feature names"):
        selector.transform(X.rename({"x0": "z"}))


def test_features__arrays_in_messages__have_their_numbers(monkeypatch):
    monkeypatch.setattr(_features, "_NUMBERS_A_CHUNK", 1)
    X = np.zeros((30, 3))
    X[:, 2] = np.inf

    with pytest.raises(ValueError, match=r"X \(column 2\) contains infinity"):
        mutual_info_regression(X, np.arange(30.0))


def test_lazy_frame__other_lengths__raises():
    frame = pl.LazyFrame({"a": [1.0, 2.0, 3.0]})

    with pytest.raises(ValueError, match="3"):
        mutual_info_regression(frame, [1.0, 2.0])


@pytest.mark.parametrize("argument", ["X", "y"])
def test_estimator__dataset__to_table_is_the_remedy(opened, argument):
    X, _ = opened("dataset")
    data = {"X": np.zeros((N_ROWS, 1)), "y": np.zeros(N_ROWS)} | {argument: X}

    with pytest.raises(TypeError, match=rf"{argument} must be in memory; got a pyarrow.*{argument}.to_table"):
        MutualInfoEstimator().fit(**data)


def test_lazy_frame__verbose__progress(opened, capfd):
    mutual_info_regression(*opened("lazy frame"), verbose=True)

    assert "1/1" in capfd.readouterr().err
