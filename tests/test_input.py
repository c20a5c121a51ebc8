"""Input rows: copies of rows, and rows that are not in memory."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold

from skmine import MutualInfoEstimator
from skmine._input import Rows

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(200, 3)), RNG.normal(size=200)
LEVEL = RNG.integers(0, 60, 1000)


def messages(X, y, **parameters):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Rows.read(X, y).check_can_train(**parameters)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("X", "y", "n_copies"),
    [
        (np.vstack([X, X]), np.concatenate([Y, Y]), 200),
        (np.repeat(X[:20], 10, axis=0), np.repeat(Y[:20], 10), 180),
        (np.vstack([X, X[:30]]), np.concatenate([Y, Y[:30]]), 30),
        (pd.DataFrame({"a": np.tile(Y, 2), "b": ["u", "v"] * 200}), np.array(["p"] * 400), 200),
        (np.tile(np.where(Y > 1, np.nan, Y), 2)[:, None], np.tile(Y, 2), 200),
        (np.tile(np.where(Y > 1, 0, Y), 2)[:, None], np.tile(Y, 2), 200),
    ],
    ids=["twice", "ten times", "a part", "text beside", "missing values", "zeros"],
)
def test_check_can_train__rows_are_copies__warns_of_so_many(X, y, n_copies):
    (message,) = messages(X, y)

    assert message.startswith(f"At least {n_copies} of {len(X)} rows are exact copies of other rows.")
    assert "drop_duplicates" in message


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (X, Y),
        (LEVEL[:, None], LEVEL**2),
        (LEVEL[:, None] / 8, np.array(["p", "q"])[LEVEL % 2]),
        (np.array(["p", "q"])[LEVEL % 2][:, None], np.array(["r", "s"])[LEVEL % 2]),
        (np.vstack([X, X]), np.concatenate([Y, -Y])),
        (np.vstack([X, X[:10]]), np.concatenate([Y, Y[:10]])),
        (np.where(Y > 0, np.nan, Y)[:, None], Y > 0),
        (np.where(Y > 0, 0.0, Y)[:, None], Y > 0),
    ],
    ids=["measured", "whole numbers", "eighths", "classes", "other targets", "a few", "gaps", "atoms"],
)
def test_check_can_train__rows_that_repeat_by_themselves_or_rarely__no_warning(X, y):
    assert messages(X, y) == []


def test_check_can_train__groups__no_warning():
    assert messages(np.vstack([X, X]), np.concatenate([Y, Y]), has_groups=True) == []


def test_fit__copies_of_noise__warns_and_groups_give_nothing():
    rows, target, groups = np.repeat(X, 3, axis=0), np.repeat(Y, 3), np.repeat(np.arange(200), 3)
    estimator = MutualInfoEstimator(cv=2, max_iter=0, random_state=0)

    with pytest.warns(UserWarning, match="At least 400 of 600 rows are exact copies"):
        clone(estimator).set_params(critic="concat").fit(rows, target)

    assert estimator.fit(rows, target, groups=groups).mi_ < 0.05


@pytest.fixture
def few_in_memory(monkeypatch):
    """At most 2,000 rows in memory."""
    monkeypatch.setattr("skmine._input._MOST_ROWS", 2_000)
    monkeypatch.setattr("skmine._input._LEAST_ROWS", 2_000)
    monkeypatch.setattr("skmine._input._ROWS_AT_ONCE", 3_000)


def draw_normal(seed, n=40_000, rho=0.8):
    """Rows of a normal pair, sorted by y, and the mean of their log density ratio."""
    z = np.random.default_rng(seed).normal(size=(n, 2))
    x, y = z[:, 0], rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1]
    order = np.argsort(y)
    log_ratio = -np.log(1 - rho**2) / 2 + (y**2 - z[:, 1] ** 2) / 2
    return x[order, None], y[order], log_ratio[order]


def stored(array, path):
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def fit(*data, cv=3, **parameters):
    """Fit with a critic that is fast."""
    estimator = MutualInfoEstimator(critic=LinearRegression(), max_iter=0, cv=cv, random_state=0)
    return estimator.fit(*data, **parameters)


def test_estimator__more_rows_than_in_memory__error_of_all_rows(few_in_memory):
    errors = []
    for seed in range(6):
        x, y, log_ratio = draw_normal(seed)
        estimator = fit(x, y)
        errors.append(estimator.mi_ - log_ratio.mean())

    # A log ratio has standard deviation rho, so 2,000 rows alone would give an error of 0.8 / sqrt(2000) =
    # 0.018. What is left is the error of a critic of about ten parameters, 10 / (2 * 1600) = 0.003, and that
    # of the mean density ratio of 120,000 pairs, with variance 1 / (1 - rho^2) - 1: 0.004. Together 0.005,
    # and six draws exceed 1.8 times that with a probability of 0.002.
    assert np.sqrt(np.mean(np.square(errors))) < 0.009
    assert estimator.mi_std_ == pytest.approx(0.8 / np.sqrt(40_000), rel=0.1)
    low, high = estimator.mi_interval_
    assert low < log_ratio.mean() < high
    kept = Rows.read(x, y, seed=0).kept
    assert high - low < np.ptp(fit(x[kept], y[kept]).mi_interval_)


@pytest.mark.parametrize("kind", ["memmap", "memmap by columns", "pandas", "polars", "weights"])
def test_estimator__more_rows_than_in_memory__any_input_the_same_bits(few_in_memory, tmp_path, kind):
    x, y, _ = draw_normal(0, n=10_000)
    X = np.column_stack([x, np.random.default_rng(1).normal(size=len(x))])
    inputs = {
        "memmap": lambda: (stored(X, tmp_path / "X.npy"), stored(y, tmp_path / "y.npy")),
        "memmap by columns": lambda: (stored(np.asfortranarray(X), tmp_path / "X.npy"), y),
        "pandas": lambda: (pd.DataFrame(X), y),
        "polars": lambda: (pl.DataFrame(X), y),
        "weights": lambda: (np.vstack([X, X]), np.append(y, y), np.arange(20_000) < 10_000),  # empty chunks
    }
    expected, found = fit(X, y), fit(*inputs[kind]())

    assert found.mi_ == pytest.approx(expected.mi_, abs=1e-6 if kind == "weights" else 0)
    assert found.mi_std_ == pytest.approx(expected.mi_std_, rel=1e-6)


def test_estimator__more_rows_of_classes_and_text__value_of_all_rows(few_in_memory):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 30_000)
    label = np.where(rng.random(30_000) < 0.9, y, 1 - y)
    X = pd.DataFrame({"a": np.array(["u", "v"])[label]})

    estimator = fit(X, y)

    share = np.mean(label == y)
    # The marginal shares of the sample differ from 1/2 by 0.011, which adds 2 * 0.011^2 nats.
    expected = np.log(2) + share * np.log(share) + (1 - share) * np.log(1 - share)
    assert estimator.mi_ == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("related", ["groups", "splitter"])
def test_estimator__more_rows_that_are_related__value_of_those_in_memory(few_in_memory, related):
    x, y, _ = draw_normal(0, n=6_000)
    groups = np.arange(6_000) // 3
    parameters = {"groups": {"groups": groups}, "splitter": {"cv": KFold(3, shuffle=True, random_state=0)}}

    estimator = fit(x, y, **parameters[related])

    assert estimator.mi_std_ == pytest.approx(0.8 / np.sqrt(2_000), rel=0.1)


def test_read__memory_map__only_some_rows_in_memory(few_in_memory, tmp_path):
    rng = np.random.default_rng(0)
    X = stored(rng.normal(size=(100_000, 40)), tmp_path / "X.npy")
    y = rng.normal(size=len(X))

    tracemalloc.start()
    rows = Rows.read(X, y, seed=0)
    n_rows = sum(len(weight) for _, weight in rows.others.chunks(print))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(rows) == 2_000
    assert n_rows == 98_000
    # Three copies of the kept rows or of a chunk, and a few values of every row, but not X (32 MB).
    assert peak < 3 * 3_000 * 40 * 8 + 4 * 8 * len(X)


def test_estimator__infinite_value_beyond_memory__raises(few_in_memory, tmp_path):
    x, y, _ = draw_normal(0, n=6_000)
    kept = Rows.read(x, y, seed=0).kept
    x[np.setdiff1d(np.arange(6_000), kept)[:1]] = np.inf

    with pytest.raises(ValueError, match="X contains infinity"):
        for _ in Rows.read(x, y, seed=0).others.chunks(print):
            pass


def test_estimator__more_rows_verbose__progress(few_in_memory, capfd):
    x, y, _ = draw_normal(0, n=6_000)

    MutualInfoEstimator(critic=LinearRegression(), max_iter=0, cv=3, verbose=True).fit(x, y)

    assert "2/2" in capfd.readouterr().err
