"""Scores of features: scikit-learn's own tests, known values, and what a drop-in must keep."""

import inspect

import numpy as np
import pandas as pd
import pytest
import sklearn.feature_selection
from scipy import sparse
from scipy.stats import kstest
from sklearn.feature_selection import SelectKBest
from sklearn.feature_selection.tests import test_mutual_info as theirs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from sklearn.pipeline import make_pipeline

import skmine
from skmine import (
    conditional_mutual_info,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_regression,
    mutual_info_test,
)

# Of scikit-learn's tests these cannot apply: the four of `_compute_mi`, its private nearest-neighbour
# helper; `test_mutual_info_classif_mixed`, for values that grow with n_neighbors; and
# `test_mutual_info_options`, for the refusal of continuous columns of a sparse matrix, which work here.
# What they state of the public functions is tested below.


@pytest.fixture
def patched(monkeypatch):
    for name in ("mutual_info_classif", "mutual_info_regression"):
        monkeypatch.setattr(theirs, name, getattr(skmine, name))
    return theirs


def test_scikit_learns_own__classes_in_order(patched):
    patched.test_mutual_info_classif_discrete(np.float64)


def test_scikit_learns_own__regression_in_order(patched):
    patched.test_mutual_info_regression(np.float32)


@pytest.mark.parametrize("correlated", [True, False])
def test_scikit_learns_own__symmetry(patched, correlated):
    patched.test_mutual_information_symmetry_classif_regression(correlated, 0)


def test_scikit_learns_own__integers_are_floats(patched):
    patched.test_mutual_info_regression_X_int_dtype(0)


@pytest.mark.parametrize("name", ["mutual_info_regression", "mutual_info_classif"])
def test_signature__starts_as_scikit_learns(name):
    ours = inspect.signature(getattr(skmine, name)).parameters
    rival = inspect.signature(getattr(sklearn.feature_selection, name)).parameters

    assert [(p.name, p.default, p.kind) for p in ours.values()][: len(rival)] == [
        (p.name, p.default, p.kind) for p in rival.values()
    ]


@pytest.mark.statistical
def test_regression__gaussian_of_their_test__value_within_ten_percent():
    # 1,000 rows, rho = 0.5: 0.144 nats; the standard error of the mean log ratio is 0.016, so ten draws
    # have one of 0.005, and ten percent is 0.0144.
    rng = np.random.default_rng(0)
    values = []
    for _ in range(10):
        x = rng.normal(size=1000)
        y = 0.5 * x + 0.75**0.5 * rng.normal(size=1000)
        values.append(mutual_info_regression(x[:, None], y)[0])

    assert np.mean(values) == pytest.approx(0.1438, rel=0.1)


@pytest.mark.statistical
@pytest.mark.parametrize("p", [0.3, 0.5, 0.7])
def test_classif__overlapping_uniforms__theirs_value(p):
    rng = np.random.default_rng(0)
    label = rng.uniform(size=4000) > p
    x = np.where(label, rng.uniform(0, 2, 4000), rng.uniform(-1, 1, 4000))
    truth = -0.5 * ((1 - p) * np.log(0.5 * (1 - p)) + p * np.log(0.5 * p) + np.log(0.5)) - np.log(2)

    assert mutual_info_classif(x[:, None], label)[0] == pytest.approx(truth, rel=0.1)


def test_classif__discrete_features__are_the_plug_in_value():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 4, (200, 2)), rng.integers(0, 3, 200)

    values = mutual_info_classif(X, y, discrete_features=True)

    np.testing.assert_allclose(values, [mutual_info_score(X[:, j], y) for j in (0, 1)], atol=1e-12)


def test_scores__kinds_of_discrete_features_and_containers__agree():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (120, 3)) * 1.0
    y = X[:, 0] + rng.normal(size=120)
    as_sparse = sparse.csr_array(X)

    mask, indices = (
        mutual_info_regression(X, y, discrete_features=flag) for flag in ([True, False, True], [0, 2])
    )
    np.testing.assert_array_equal(mask, indices)
    np.testing.assert_array_equal(
        mutual_info_regression(as_sparse, y), mutual_info_regression(X, y, discrete_features=True)
    )
    np.testing.assert_array_equal(
        mutual_info_regression(as_sparse, y, discrete_features=False), mutual_info_regression(X, y)
    )


@pytest.mark.parametrize("flag", [[True, False, True, False], [1, 4]])
def test_scores__discrete_features_that_do_not_fit__index_error(flag):
    with pytest.raises(IndexError, match="discrete_features must"):
        mutual_info_regression(np.ones((5, 3)), np.arange(5), discrete_features=flag)


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (np.ones((5, 1)), np.arange(4), ValueError, "inconsistent numbers of samples"),
        ([[np.inf], [1.0]], [0, 1], ValueError, "infinity"),
        (np.ones((0, 1)), [], ValueError, "0 sample"),
        (np.array([["2020-01-01"], ["2021-01-01"]], "datetime64[D]"), [0, 1], TypeError, "date"),
        (np.ones((2, 1)), ["a", "b"], ValueError, "y must be numeric"),
    ],
)
def test_regression__bad_input__is_told(X, y, error, message):
    with pytest.raises(error, match=message):
        mutual_info_regression(X, y)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_regression__extreme_scale__changes_nothing(scale):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 2))
    y = X[:, 0] + rng.normal(size=200)

    np.testing.assert_array_equal(mutual_info_regression(X * scale, y), mutual_info_regression(X, y))


def test_scores__degenerate_columns__have_their_answer():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    X = np.column_stack([np.full(300, 7.0), np.full(300, np.nan), y + 0.001 * rng.normal(size=300)])

    constant, missing, telling = mutual_info_classif(X.astype(np.float32), y)

    entropy = mutual_info_score(y, y)
    assert (constant, missing) == (0.0, 0.0)
    assert 0.9 * entropy < telling <= entropy + 1e-12


def test_scores__jobs__same_bits():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 40))
    y = X[:, 0] ** 2 + rng.normal(size=300)

    np.testing.assert_array_equal(mutual_info_regression(X, y, n_jobs=2), mutual_info_regression(X, y))


def test_scores__frame_with_categories_and_missing__counts_missingness():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    frame = pd.DataFrame(
        {
            "text": np.where(y == 1, "a", "b"),
            "missing": np.where(y == 1, np.nan, rng.normal(size=400)),
            "noise": rng.normal(size=400),
        }
    )

    text, missing, noise = mutual_info_classif(frame, y)

    assert text == pytest.approx(np.log(2), abs=0.02)
    assert missing > 0.6
    assert noise < 0.02  # twice the largest of 200 independent columns at this size


def test_scores__refine__finds_what_the_functions_cannot():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(1000, 1))
    y = np.sin(40 * x[:, 0]) + 0.1 * rng.normal(size=1000)

    fast = mutual_info_regression(x, y, refine=False)[0]
    full = mutual_info_regression(x, y, random_state=0)[0]

    assert full > fast + 0.5


def test_scores__in_a_pipeline__selects():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 10))
    y = (X[:, 3] > 0).astype(int)

    model = make_pipeline(SelectKBest(mutual_info_classif, k=1), LogisticRegression()).fit(X, y)

    assert model[0].get_support(indices=True).tolist() == [3]


def test_matrix__frame__symmetric_and_named():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300)})
    frame["b"] = frame["a"] + rng.normal(size=300)
    frame["c"] = rng.integers(0, 2, 300)

    matrix = mutual_info_matrix(frame)

    assert list(matrix.index) == list(matrix.columns) == ["a", "b", "c"]
    np.testing.assert_array_equal(matrix, matrix.T)
    expected = mutual_info_regression(frame[["a"]], frame["b"], refine=False)[0]
    assert matrix.loc["a", "b"] == pytest.approx(expected, rel=1e-6)
    assert np.isinf(matrix.loc["a", "a"])
    assert matrix.loc["c", "c"] == pytest.approx(mutual_info_score(frame["c"], frame["c"]))


@pytest.mark.statistical
@pytest.mark.filterwarnings("ignore:Training had not ended")  # 200 minibatches are enough to tell
def test_conditional__copy_and_news__tells_them_apart():
    rng = np.random.default_rng(0)
    Z, news = rng.normal(size=(2, 600, 1))
    y = Z[:, 0] + news[:, 0] + rng.normal(size=600)
    settings = {"random_state": 0, "cv": 3, "max_iter": 200}

    copied = conditional_mutual_info(Z + 0.01 * rng.normal(size=(600, 1)), y, Z, **settings)
    added = conditional_mutual_info(news, y, Z, **settings)

    # Truth: 0 and log(2) / 2 = 0.347; the standard error of either is below 0.03.
    assert abs(copied) < 0.1
    assert added == pytest.approx(0.347, abs=0.12)


@pytest.mark.parametrize(
    "relation", [lambda X: X[:, 0] ** 2, lambda X: (X[:, 0] > 0) ^ (X[:, 1] > 0), lambda X: X]
)
def test_test__dependence__small_pvalue(relation):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = relation(X)

    result = mutual_info_test(X, y + 0.3 * rng.normal(size=y.shape))

    assert result.statistic > 0
    assert result.pvalue < 1e-4


@pytest.mark.statistical
def test_test__independence__pvalues_are_uniform():
    rng = np.random.default_rng(0)
    pvalues = [
        mutual_info_test(rng.normal(size=(200, 2)), rng.integers(0, 3, 200)).pvalue for _ in range(200)
    ]

    assert kstest(pvalues, "uniform").pvalue > 1e-3
