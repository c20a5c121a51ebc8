"""Warnings of the column scores about rows that are copies of other rows."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skmine import (
    MINEFeatureSelector,
    dependence_table,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_regression,
    mutual_info_test,
)

N = 300
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(N, 3)), columns=list("abc")).assign(d=RNG.integers(0, 4, N))
Y = RNG.normal(size=N)
TWICE, BOOTSTRAP = np.tile(np.arange(N), 2), RNG.integers(0, N, N)
GAPS = FRAME.mask(RNG.uniform(size=FRAME.shape) < 0.3)


def messages(function, *data, **parameters):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*data, **parameters)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("function", [mutual_info_regression, dependence_table])
@pytest.mark.parametrize(
    ("frame", "rows", "expected"),
    [
        (FRAME, TWICE, "a, b, c"),
        (FRAME, BOOTSTRAP, "a, b, c"),
        (GAPS, TWICE, "a, b, c"),
        (pl.DataFrame(FRAME), TWICE, "a, b, c"),
        (FRAME.to_numpy(), TWICE, "x0, x1, x2"),
        (pd.DataFrame(RNG.normal(size=(N, 40))), TWICE, "0, 1, 2, 3, 4 and 35 more columns"),
    ],
    ids=["twice", "bootstrap", "gaps", "polars", "array", "many columns"],
)
def test_scores__rows_that_are_copies__one_warning_names_the_columns(function, frame, rows, expected):
    part = frame.iloc[rows] if hasattr(frame, "iloc") else frame[rows]
    (message,) = messages(function, part, Y[rows])

    n_copies = len(rows) - len(np.unique(rows))
    assert f"of {len(rows)} rows are exact copies of other rows. Values of {expected} are too high" in message
    assert 0.5 * n_copies < int(message.split()[2]) <= n_copies
    assert message.endswith("Drop the copies, for example with pandas.DataFrame.drop_duplicates.")


def test_scores__joined_with_another_table__warns_though_the_rows_differ():
    joined = FRAME.iloc[TWICE].assign(other=RNG.normal(size=2 * N))

    (message,) = messages(mutual_info_regression, joined, Y[TWICE])
    assert f"At least {N} of {2 * N} rows" in message
    assert "Values of a, b, c are" in message


@pytest.mark.parametrize("function", [mutual_info_matrix, dependence_table])
def test_pairs__rows_that_are_copies__one_warning(function):
    (message,) = messages(function, FRAME.iloc[TWICE])

    assert "exact copies of other rows. Values of a, b, c are" in message


def test_scores__two_targets_of_which_one_repeats__one_warning():
    targets = np.column_stack([Y[TWICE], RNG.normal(size=2 * N)])

    assert len(messages(mutual_info_regression, FRAME.iloc[TWICE], targets)) == 1


def test_scores__copies_of_weight_zero__no_warning():
    weight = np.repeat([1.0, 0.0], N)

    assert messages(mutual_info_regression, FRAME.iloc[TWICE], Y[TWICE], sample_weight=weight) == []


@pytest.mark.parametrize(
    ("frame", "y"),
    [
        (FRAME, Y),
        (FRAME.iloc[TWICE], np.concatenate([Y, -Y])),
        (FRAME.iloc[TWICE], RNG.normal(size=2 * N)),
        (FRAME.round(1), Y.round(1)),
        (FRAME.round(2), np.log1p(FRAME["a"].abs().round(2))),
        (pd.DataFrame(RNG.poisson(99, (N, 3))), RNG.poisson(99, N) / 8),
        (FRAME.gt(0).iloc[TWICE], (Y[TWICE] > 0) * 1.0),
        (pd.concat([FRAME, FRAME[:20]]), np.concatenate([Y, Y[:20]])),
    ],
    ids=["none", "other targets", "new targets", "rounded", "function", "counts", "discrete", "a few"],
)
def test_scores__rows_that_repeat_by_themselves_or_rarely__no_warning(frame, y):
    assert messages(mutual_info_regression, frame, y) == []


def test_classif__rows_that_are_copies__no_warning():
    assert messages(mutual_info_classif, FRAME.iloc[TWICE], Y[TWICE] > 0) == []


def select(X, y, **parameters):
    return MINEFeatureSelector(random_state=0).fit(X, y, **parameters)


def select_marginal(X, y, **parameters):
    return MINEFeatureSelector(strategy="marginal").fit(X, y, **parameters)


def test_given(X, y, **parameters):
    return mutual_info_test(X[["a"]], y, X[["b", "d"]], random_state=0, **parameters)


#: Calls whose p-values are too small if rows are copied, and what they say.
TESTS = {
    mutual_info_test: "pvalue is too small",
    test_given: "pvalue is too small",
    select: "Too many features are significant",
    select_marginal: "Too many features are significant",
}
test_given.__test__ = False


@pytest.mark.parametrize("function", TESTS)
@pytest.mark.parametrize("rows", [TWICE, BOOTSTRAP], ids=["twice", "bootstrap"])
def test_tests__rows_that_are_copies__one_warning_that_names_groups(function, rows):
    (message,) = messages(function, FRAME.iloc[rows].assign(row=np.arange(len(rows))), Y[rows])

    assert f"of {len(rows)} rows are exact copies of other rows. {TESTS[function]}" in message
    assert message.endswith("or pass groups with one label for all copies of a row.")


@pytest.mark.parametrize("function", TESTS)
def test_tests__copies_as_groups_or_no_copies__no_warning(function):
    assert messages(function, FRAME.iloc[TWICE], Y[TWICE], groups=TWICE) == []
    assert messages(function, FRAME, Y) == []
    assert messages(function, FRAME.round(1), Y.round(1)) == []


@pytest.mark.parametrize("function", [mutual_info_regression, dependence_table, *TESTS])
def test_warnings__any_function__point_at_the_line_of_the_call(function):
    with pytest.warns(UserWarning, match="exact copies") as caught:
        function(FRAME.iloc[TWICE], Y[TWICE])

    assert {warning.filename for warning in caught} == {__file__}
