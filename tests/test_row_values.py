"""Weights and labels of groups from any container, and their errors."""

import datetime
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from skmine import (
    InformationBottleneckClassifier,
    MINEFeatureSelector,
    MutualInfoEstimator,
    conditional_mutual_info,
    mutual_info_matrix,
    mutual_info_regression,
    mutual_info_test,
    selection_stability,
)
from skmine._row_values import check_weight, number_labels_of, read_groups

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 2))
Y = X[:, 0] + RNG.normal(size=N)
WEIGHT = RNG.integers(0, 4, N).astype(float)
LABELS = RNG.integers(0, 6, N)

#: Functions of weights.
WEIGHTED = {
    "scores": lambda w: mutual_info_regression(X, Y, sample_weight=w),
    "matrix": lambda w: mutual_info_matrix(X, sample_weight=w),
    "test": lambda w: mutual_info_test(X, Y, sample_weight=w, random_state=0),
    "conditional": lambda w: conditional_mutual_info(
        X[:, :1], Y, X[:, 1:], sample_weight=w, max_iter=0, cv=2
    ),
    "estimator": lambda w: MutualInfoEstimator(max_iter=0, cv=2).fit(X, Y, w),
    "score": lambda w: MutualInfoEstimator(critic="concat", max_iter=0, cv=2).fit(X, Y).score(X, Y, w),
    "selector": lambda w: MINEFeatureSelector(1).fit(X, Y, w),
    "bottleneck": lambda w: InformationBottleneckClassifier(max_iter=1).fit(X, Y > 0, w),
}
#: Functions of groups.
GROUPED = {
    "test": lambda g: mutual_info_test(X, Y, groups=g, random_state=0),
    "conditional": lambda g: conditional_mutual_info(X[:, :1], Y, X[:, 1:], groups=g, max_iter=0, cv=2),
    "estimator": lambda g: MutualInfoEstimator(max_iter=0, cv=2).fit(X, Y, groups=g),
    "selector": lambda g: MINEFeatureSelector(1).fit(X, Y, groups=g),
    "stability": lambda g: selection_stability(MINEFeatureSelector(1), X, Y, groups=g, n_resamples=2),
}


@pytest.mark.parametrize(
    "container",
    [
        list,
        lambda w: w.astype(int),
        lambda w: w.astype(object),
        lambda w: pd.Series(w, index=range(N, 0, -1)),
        lambda w: pd.array(w, dtype="Int64"),
        lambda w: pd.Series(w).astype(pd.ArrowDtype(pa.float32())),
        pl.Series,
        lambda w: pl.Series(w).cast(pl.Decimal(10, 2)),
        pa.array,
        lambda w: pa.chunked_array([w[:7], w[7:]]),
        lambda w: torch.tensor(w, requires_grad=True),
        lambda w: torch.tensor(w, dtype=torch.bfloat16),
        lambda w: 2**60 * w.astype(int),
    ],
)
def test_check_weight__any_container__same_weights(container):
    np.testing.assert_allclose(check_weight(container(WEIGHT), N), WEIGHT / WEIGHT[WEIGHT > 0].mean())


def test_check_weight__mask__equal_weights_of_these_rows():
    np.testing.assert_array_equal(check_weight(WEIGHT > 1, N), WEIGHT > 1)


DAYS = np.datetime64("2020-01-01") + LABELS
BAD_WEIGHTS = [
    (
        pd.Series(WEIGHT).astype("Float64").where(WEIGHT > 0),
        ValueError,
        r"a number in every row; got \d+ missing",
    ),
    (pl.Series([None, *WEIGHT[1:]]), ValueError, "a number in every row; got 1 missing .* Drop"),
    (np.where(np.arange(N) == 3, np.inf, WEIGHT), ValueError, "sample_weight contains infinity"),
    (["heavy"] * N, TypeError, "sample_weight must hold numbers; got text or categories. Convert"),
    (DAYS, TypeError, "sample_weight must hold numbers or categories; got datetime64"),
    (
        pl.Series([datetime.timedelta(1)] * N),
        TypeError,
        "sample_weight must hold numbers or categories; got Dur",
    ),
    (
        WEIGHT + 1j,
        ValueError,
        "Complex data not supported: sample_weight must hold real numbers; got complex128",
    ),
    (
        WEIGHT[:, None],
        ValueError,
        r"one weight for each row of X \(60\); got shape \(60, 1\). Pass .* one dim",
    ),
    (pd.DataFrame({"w": WEIGHT}), ValueError, r"one weight for each row of X \(60\); got shape \(60, 1\)"),
    (
        WEIGHT[1:],
        ValueError,
        r"sample_weight must have one weight for each row of X \(60\); got shape \(59,\)",
    ),
    ([], ValueError, r"sample_weight must have one weight for each row of X \(60\); got shape \(0,\)"),
    (dict(enumerate(WEIGHT)), ValueError, r"got shape \(\) of type dict. Pass one weight per row"),
    (0.5, ValueError, r"each row of X \(60\); got shape \(\) of type float. Pass one weight per row"),
    (np.zeros(N), ValueError, "sample_weight must have a weight above 0; got only zeros"),
    ([[1.0], [1.0, 2.0]] * 30, ValueError, "sample_weight must have rows of the same length"),
]


@pytest.mark.parametrize(("weight", "error", "message"), BAD_WEIGHTS)
def test_check_weight__invalid__error_names_the_rule_and_the_remedy(weight, error, message):
    with pytest.raises(error, match=message):
        check_weight(weight, N)


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("weight", [pl.Series([None, *WEIGHT[1:]]), ["heavy"] * N, DAYS, WEIGHT[1:]])
def test_functions__invalid_weights__error_names_sample_weight(name, weight):
    with pytest.raises((TypeError, ValueError), match=r"^sample_weight must"):
        WEIGHTED[name](weight)


@pytest.mark.parametrize(
    "container", [list, pd.Series, pl.Series, pa.array, lambda v: torch.tensor(v, dtype=torch.float64)]
)
def test_test__weights_and_groups_in_a_container__as_for_arrays(container):
    pairs = np.arange(N) // 2
    arrays = mutual_info_test(X, Y, sample_weight=1 + WEIGHT, groups=pairs, random_state=0)
    weight, groups = container(1 + WEIGHT), container(pairs)

    # The detectable information comes from draws for each group, so it depends on the order of the labels.
    result = mutual_info_test(X, Y, sample_weight=weight, groups=groups, random_state=0)
    # Memory that is aligned differently changes the order of sums.
    np.testing.assert_allclose(result[:2], arrays[:2], rtol=1e-12)


@pytest.mark.parametrize(
    "container",
    [
        lambda g: [f"g{i}" for i in g],
        lambda g: pd.Categorical(g),
        lambda g: pd.array(g, dtype="Int64"),
        lambda g: pd.Series(g).astype("string"),
        lambda g: pd.period_range("2020", periods=6)[g],
        lambda g: pd.interval_range(0, 6)[g],
        lambda g: DAYS,
        lambda g: [datetime.date(2020, 1, 1 + i) for i in g],
        lambda g: pl.Series([f"g{i}" for i in g], dtype=pl.Categorical),
        lambda g: pa.array([f"g{i}" for i in g]).dictionary_encode(),
        lambda g: pa.chunked_array([g[:7], g[7:]]),
        torch.tensor,
        lambda g: np.ma.masked_array(g, mask=False),
        lambda g: [int(i) if i % 2 else str(i) for i in g],
    ],
)
def test_read_groups__any_labels__same_groups(container):
    number = read_groups(container(LABELS), N)

    assert len(set(zip(number, LABELS, strict=True))) == len(set(LABELS)) == len(set(number))


def test_read_groups__number_and_string_of_the_same_text__are_different_groups():
    assert len(set(read_groups([1, "1"] * 30, N))) == 2


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize(
    "groups",
    [
        pd.array([None, *"ab" * 29, "c"], dtype="string"),
        pd.array([None, *[True, False] * 29, True], dtype="boolean"),
        np.array([pd.NA, *LABELS[1:]], dtype=object),
        np.where(np.arange(N) == 0, np.datetime64("NaT"), DAYS),
        np.ma.masked_array(LABELS, mask=np.arange(N) == 0),
        pa.array([None, *LABELS[1:].tolist()]),
    ],
)
def test_functions__label_is_missing__error_names_groups(name, groups):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"groups must have a label in every row; got 1 missing\. Label"):
            GROUPED[name](groups)


@pytest.mark.parametrize("labels", [["a", 1, "a"], ["a", 1.5, "a"], pd.Categorical(["x", "y", "x"])])
def test_number_labels_of__feature_groups_of_any_types__together(labels):
    X = RNG.normal(size=(200, 3))
    selector = MINEFeatureSelector(1, feature_groups=labels).fit(X, X[:, 0])

    assert selector.support_.tolist() == [True, False, True]
    first, second, third = number_labels_of(labels, 3, "feature_groups", "column")
    assert first == third != second


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_feature_groups__label_is_missing__is_told(missing):
    with pytest.raises(ValueError, match="feature_groups must have a label in every column; got 1 missing"):
        MINEFeatureSelector(1, feature_groups=["a", missing]).fit(X, Y)
