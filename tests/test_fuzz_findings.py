"""Inputs that revealed a fault in `python -m benchmarks fuzz`, one of each kind."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skmine import (
    MINEGAN,
    InformationBottleneckClassifier,
    MutualInfoEstimator,
    conditional_mutual_info,
    mutual_info_regression,
    mutual_info_test,
)

RNG = np.random.default_rng(0)
ONE_VALUE = np.where(np.arange(60) == 0, 1.0, np.nan)
NUMBERS = RNG.normal(size=60)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("critic", ["auto", "concat", "separable"])
@pytest.mark.parametrize(
    ("X", "y"),
    [
        (ONE_VALUE[:, None], NUMBERS),
        (NUMBERS[:, None], ONE_VALUE),
        (np.column_stack([ONE_VALUE, ONE_VALUE]), NUMBERS > 0),
        (np.column_stack([ONE_VALUE, RNG.integers(0, 2, 60), np.arange(60)]), np.c_[np.zeros(60), ONE_VALUE]),
    ],
)
def test_fit__column_of_one_value_among_gaps__is_finite(X, y, critic):
    estimator = MutualInfoEstimator(critic=critic, cv=2, max_iter=5, random_state=0).fit(X, y)

    assert np.isfinite([estimator.mi_, estimator.score(X, y)]).all()
    assert estimator.mi_ <= estimator.mi_max_


def test_fit__weights_that_leave_no_column_that_varies__are_finite():
    rng = np.random.default_rng(0)
    only_first = np.where(np.arange(40) == 0, 1.0, np.nan)

    for _ in range(8):
        codes = {"a": only_first, "b": rng.integers(0, 9, 40), "c": rng.integers(0, 3, 40)}
        weight = np.append(1, rng.integers(0, 3, 39))
        estimator = MutualInfoEstimator(cv=2, max_iter=0, random_state=0)
        estimator.fit(pd.DataFrame(codes).astype("category"), only_first, weight)

        assert np.isfinite(estimator.mi_)
        assert estimator.mi_ <= estimator.mi_max_


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_fit__numbers_near_the_ends_of_floats__are_finite_or_an_error_with_the_remedy(scale):
    X = scale * RNG.normal(size=(40, 2))

    assert np.isfinite(MINEGAN(max_iter=2, random_state=0).fit(X).sample(3, random_state=0)).all()
    with pytest.raises(ValueError, match=r"X must have columns on a common scale.*StandardScaler"):
        InformationBottleneckClassifier(max_iter=2, random_state=0).fit(X, X[:, 0] > 0)


@pytest.mark.parametrize("kind", [complex, np.complex64, np.complex128])
def test_scores__complex_numbers_among_objects__error_instead_of_the_real_parts(kind):
    rows = [["a", kind(1 + 1j)], ["b", kind(2)]] * 10

    with pytest.raises(TypeError, match=r"X \(column 1\) has object values .*a number that a float can hold"):
        mutual_info_regression(rows, np.arange(20))


def test_conditional__few_rows_whose_classes_nothing_predicts__is_finite():
    x, y = np.array(["aabcbcccabcbbacbacabccba", "bacbccabacbbcacabbaccabc"]).view("U1").reshape(2, 24)

    values = [
        conditional_mutual_info(x[order, None], y, x[order, None], max_iter=0, cv=2, random_state=seed)
        for seed in range(5)
        for order in (np.arange(24), np.argsort(x), RNG.permutation(24))
    ]

    assert np.isfinite(values).all()


@pytest.mark.parametrize("n", range(4, 24, 3))
def test_test__few_rows_of_many_ties__pvalue_without_a_warning(n):
    rng = np.random.default_rng(n)
    X = np.column_stack([np.arange(n), rng.standard_cauchy(n), rng.integers(0, 2, n)])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 <= mutual_info_test(X, np.where(rng.uniform(size=n) < 0.7, 0.0, 1.0)).pvalue <= 1


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (["a", None] * 20, ValueError, "y must have a class in every row; got 20 missing"),
        ([1, "a"] * 20, TypeError, "y has object values"),
        ([1j] * 40, TypeError, "y has object values"),
    ],
)
def test_fit__bad_classes__error_names_y(y, error, message):
    with pytest.raises(error, match=message):
        InformationBottleneckClassifier(max_iter=1).fit(NUMBERS[:40, None], np.array(y, dtype=object))
