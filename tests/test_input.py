"""Input rows: copies of rows."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

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
