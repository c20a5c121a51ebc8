"""Scores of features: scikit-learn's own tests, known values, and what a drop-in must keep."""

import inspect
from functools import partial

import numpy as np
import pandas as pd
import pytest
import sklearn.feature_selection
from scipy import sparse
from scipy.stats import kstest
from sklearn.datasets import make_classification, make_regression
from sklearn.feature_selection import GenericUnivariateSelect, SelectKBest, SelectPercentile
from sklearn.feature_selection import mutual_info_regression as nearest_neighbours
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
from skmine.distributions import AdditiveUniformNoise

# Of scikit-learn's tests these cannot apply: the four of `_compute_mi`, its private nearest-neighbour
# helper; `test_mutual_info_classif_mixed`, for values that grow with n_neighbors; and
# `test_mutual_info_options`, for the refusal of continuous columns of a sparse matrix, which work here.
# What they state of the public functions is tested below. Two discrete columns have their value, the plug-in
# estimate, without the correction for bias.


@pytest.fixture
def patched(monkeypatch):
    for name in ("mutual_info_classif", "mutual_info_regression"):
        monkeypatch.setattr(theirs, name, partial(getattr(skmine, name), bias_correction=False))
    return theirs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scikit_learns_own__classes_in_order(patched, dtype):
    patched.test_mutual_info_classif_discrete(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scikit_learns_own__regression_in_order(patched, dtype):
    patched.test_mutual_info_regression(dtype)


@pytest.mark.parametrize("correlated", [True, False])
def test_scikit_learns_own__symmetry(patched, correlated):
    patched.test_mutual_information_symmetry_classif_regression(correlated, 0)


def test_scikit_learns_own__integers_are_floats(patched):
    patched.test_mutual_info_regression_X_int_dtype(0)


@pytest.mark.parametrize(
    ("score", "make"), [(mutual_info_regression, make_regression), (mutual_info_classif, make_classification)]
)
def test_scikit_learns_own__jobs(patched, score, make):
    patched.test_mutual_info_n_jobs(0, score, make)


@pytest.mark.parametrize("name", ["mutual_info_regression", "mutual_info_classif"])
def test_signature__starts_as_scikit_learns(name):
    ours = inspect.signature(getattr(skmine, name)).parameters
    rival = inspect.signature(getattr(sklearn.feature_selection, name)).parameters

    assert [(p.name, p.default, p.kind) for p in ours.values()][: len(rival)] == [
        (p.name, p.default, p.kind) for p in rival.values()
    ]


@pytest.mark.statistical
def test_regression__gaussian_of_their_test__value_within_ten_percent(seed):
    # 1,000 rows, rho = 0.5: 0.144 nats; the standard error of the mean log ratio is 0.016, so 20 draws
    # have one of 0.0035, and ten percent is 0.0144.
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(20):
        x = rng.normal(size=1000)
        y = 0.5 * x + 0.75**0.5 * rng.normal(size=1000)
        values.append(mutual_info_regression(x[:, None], y)[0])

    assert np.mean(values) == pytest.approx(0.1438, rel=0.1)


@pytest.mark.statistical
@pytest.mark.parametrize("p", [0.3, 0.5, 0.7])
def test_classif__overlapping_uniforms__theirs_value(p, seed):
    # The log ratio is log 2 above zero or below one, and near 0 or the log of 2 p between: its standard
    # deviation is about 0.4, the standard error 0.006, and ten percent 0.03.
    rng = np.random.default_rng(seed)
    label = rng.uniform(size=4000) > p
    x = np.where(label, rng.uniform(0, 2, 4000), rng.uniform(-1, 1, 4000))
    truth = -0.5 * ((1 - p) * np.log(0.5 * (1 - p)) + p * np.log(0.5 * p) + np.log(0.5)) - np.log(2)

    assert mutual_info_classif(x[:, None], label)[0] == pytest.approx(truth, rel=0.1)


def test_classif__discrete_features_without_correction__are_the_plug_in_value():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 4, (200, 2)), rng.integers(0, 3, 200)

    values = mutual_info_classif(X, y, discrete_features=True, bias_correction=False)

    np.testing.assert_allclose(values, [mutual_info_score(X[:, j], y) for j in (0, 1)], atol=1e-12)


def test_classif__five_rows_of_their_test__value_by_hand():
    x, y = np.array([0, 1, 1, 0, 0]), np.array([1, 0, 0, 0, 1])
    # H(x) = H(y) = h(3/5); of the four cells one has a fifth, two have two fifths, one is empty.
    entropy = -(3 / 5) * np.log(3 / 5) - (2 / 5) * np.log(2 / 5)
    joint = -(1 / 5) * np.log(1 / 5) - 2 * (2 / 5) * np.log(2 / 5)

    value = mutual_info_classif(x[:, None], y, discrete_features=True, bias_correction=False)[0]

    assert value == pytest.approx(2 * entropy - joint, abs=1e-12)


@pytest.mark.statistical
def test_classif__discrete_features_of_no_effect__near_zero_but_for_the_plug_in_value(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.integers(0, 50, (1000, 20)), rng.integers(0, 4, 1000)

    corrected, plug_in = (
        mutual_info_classif(X, y, discrete_features=True, bias_correction=flag) for flag in (True, False)
    )

    # Half a chi-square of 49 * 3 over 1,000: 0.0735 with a deviation of 0.009.
    assert plug_in.mean() == pytest.approx(0.0735, abs=0.01)
    assert corrected.mean() < 0.002


def test_scores__without_correction__changes_only_pairs_of_discrete_columns():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 9, (200, 3)) * 1.0, rng.integers(0, 3, 200)

    corrected, plain = (
        mutual_info_classif(X, y, discrete_features=[0], bias_correction=flag) for flag in (True, False)
    )

    assert corrected[0] < plain[0]
    np.testing.assert_array_equal(corrected[1:], plain[1:])
    np.testing.assert_array_equal(
        *(
            mutual_info_regression(X, y, discrete_features=True, bias_correction=flag)
            for flag in (True, False)
        )
    )


def test_classif__one_row_of_a_new_label__changes_little():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    x = rng.uniform(-1, 1, 400) + y

    before = mutual_info_classif(x[:, None], y)[0]
    after = mutual_info_classif(np.append(x, 10.0)[:, None], np.append(y, 2))[0]

    # A class of one row in 401 has an entropy of log(401) / 401 = 0.015 and another parameter a function:
    # at most eight of 1 / 800 each.
    assert after == pytest.approx(before, abs=0.015 + 0.01)


@pytest.mark.statistical
def test_classif__mixed_columns_of_their_test__in_order(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(1000, 3))
    X[:, 1] += X[:, 0]
    y = 0.5 * X[:, 0] + X[:, 2] > 0.5
    X[:, 2] = X[:, 2] > 0.5

    values = mutual_info_classif(X, y, discrete_features=[2])

    assert np.argsort(-values).tolist() == [2, 0, 1]


@pytest.mark.parametrize("dtype", [int, str, object, bool, "category"])
def test_classif__labels_of_any_dtype__same_bits(dtype):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    X = rng.normal(size=(200, 2)) + y[:, None]
    labels = pd.Series(np.where(y == 1, "yes", "no") if dtype is object else y).astype(dtype)

    values = mutual_info_classif(X, labels if dtype == "category" else labels.to_numpy())

    np.testing.assert_allclose(values, mutual_info_classif(X, y), rtol=1e-9)


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
    assert not np.allclose(mutual_info_regression(as_sparse, y), mutual_info_regression(X, y))


@pytest.mark.parametrize("score", [mutual_info_regression, mutual_info_classif, mutual_info_matrix])
def test_scores__invalid_discrete_features__value_error(score):
    target = () if score is mutual_info_matrix else (np.arange(6) % 2,)

    with pytest.raises(ValueError, match=r"'discrete_features' parameter.*Got 'manual'"):
        score(np.ones((6, 3)), *target, discrete_features="manual")


def test_scores__chunks_of_a_wide_sparse_matrix__equal_dense():
    rng = np.random.default_rng(0)
    X = sparse.random(150, 40, 0.3, random_state=0, format="coo")
    y = X.toarray()[:, 20] + 0.3 * rng.normal(size=150)

    values = mutual_info_regression(X, y, discrete_features=False)

    np.testing.assert_array_equal(values, mutual_info_regression(X.toarray(), y))
    assert values.argmax() == 20


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


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (np.ones((5, 1)), np.arange(4), ValueError, "inconsistent numbers of samples"),
        (np.arange(50.0)[:, None], np.linspace(0, 1, 50), ValueError, "Unknown label type: continuous"),
        (np.ones((3, 1)) * 1j, [0, 1, 0], ValueError, "Complex data not supported"),
        (np.ones((3, 0)), [0, 1, 0], ValueError, r"0 feature\(s\)"),
        (pd.DataFrame({"t": pd.date_range("2020", periods=3)}), [0, 1, 0], TypeError, "'t'.*date"),
        ([["a"], [1.5], ["b"]], [0, 1, 0], TypeError, "neither all strings nor all numbers"),
        (np.ones((3, 1)), pd.Series(["a", None, "b"]), ValueError, "a class in every row; got 1 missing"),
    ],
)
def test_classif__bad_input__is_told(X, y, error, message):
    with pytest.raises(error, match=message):
        mutual_info_classif(X, y)


def test_classif__few_numbers_with_a_decimal_part__are_classes():
    X = np.random.default_rng(0).normal(size=(300, 1))
    y = np.digitize(X[:, 0], [-0.5, 0.5])

    assert mutual_info_classif(X, np.array([0.5, 1.5, 2.5])[y]) == mutual_info_classif(X, y)


@pytest.mark.parametrize(
    "y", [np.ones((5, 2, 1)), np.array(["2020"] * 5, "datetime64[D]"), np.full(5, np.inf)]
)
def test_regression__bad_target__is_told(y):
    with pytest.raises(
        (TypeError, ValueError), match=r"y must have shape|y must hold numbers|y contains infin"
    ):
        mutual_info_regression(np.arange(5.0)[:, None], y)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, bool])
@pytest.mark.parametrize("copy", [True, False])
def test_scores__any_dtype__float64_and_input_as_it_was(dtype, copy):
    X = np.round(np.random.default_rng(0).normal(size=(60, 2)) * 3).astype(dtype)
    y = np.arange(60) % 2
    before = X.copy()

    values = [mutual_info_regression(X, y, copy=copy), mutual_info_classif(X, y, copy=copy)]

    assert [v.dtype for v in values] == [np.float64] * 2
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("y", [np.ones(30), np.arange(30) % 3, np.linspace(0, 1, 30)])
def test_scores__constant_side__exactly_zero(y):
    assert mutual_info_regression(np.full((30, 2), 7.0), y).tolist() == [0.0, 0.0]
    assert mutual_info_regression(y[:, None], np.zeros(30)).tolist() == [0.0]


@pytest.mark.parametrize("n_classes", [2, 5, 20])
def test_classif__column_that_tells_the_class__entropy_and_not_more(n_classes):
    x = np.random.default_rng(0).normal(size=1000)
    y = np.digitize(x, np.quantile(x, np.arange(1, n_classes) / n_classes))

    value = mutual_info_classif(x[:, None], y.astype(str))[0]

    # Halves of halves narrow an edge between classes down to a row in log2(1000) = 10 cells; each of them has
    # one class, of which its rows lack about one nat when they are left out, and half as much for its choice.
    assert np.log(n_classes) - 15 * (n_classes - 1) / 1000 < value <= np.log(n_classes) + 1e-12


def test_regression__thin_band_of_few_rows__not_below_nearest_neighbours(seed):
    joint = AdditiveUniformNoise(0.05)
    X, y = joint.sample(300, seed)

    value = mutual_info_regression(X, np.ravel(y))[0]

    rival = nearest_neighbours(X, np.ravel(y), random_state=seed)[0]
    # Neighbours have a standard error of about 0.05: two of them; noise with flat ends lacks 0.05.
    assert value > rival - 0.15
    assert value < joint.mi + 0.3


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

    with pytest.warns(UserWarning, match=r"X \(column 1\): no value at all, so the score is 0"):
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


def test_scores__dependent_columns_in_two_jobs__same_bits():
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    X = x[:, None] + 0.01 * rng.normal(size=(60, 40))  # above 0.7 nats: read by trees

    one, two = (mutual_info_regression(X, x, n_jobs=n_jobs) for n_jobs in (1, 2))

    np.testing.assert_array_equal(one, two)


def test_scores__many_columns_or_verbose__same_bits(capsys):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 70))
    y = X[:, 40] + rng.normal(size=80)

    values = mutual_info_regression(X, y, verbose=True)

    np.testing.assert_array_equal(values, mutual_info_regression(X, y))
    # Blocks of other columns change sums by rounding; Newton's method stops at 1e-9.
    np.testing.assert_allclose(values[40], mutual_info_regression(X[:, [40]], y)[0], rtol=1e-6)
    assert "block" in capsys.readouterr().err


@pytest.mark.parametrize(
    "selector",
    [
        SelectKBest(mutual_info_regression, k=2),
        SelectPercentile(mutual_info_regression, percentile=25),
        GenericUnivariateSelect(mutual_info_regression, mode="k_best", param=2),
    ],
)
def test_scores__in_scikit_learns_selectors__select(selector):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    y = X[:, 2] + np.abs(X[:, 6]) + 0.3 * rng.normal(size=300)

    assert selector.fit(X, y).get_support(indices=True).tolist() == [2, 6]


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
    expected = mutual_info_regression(frame[["a"]], frame["b"])[0]
    assert matrix.loc["a", "b"] == pytest.approx(expected, rel=1e-6)
    assert np.isinf(matrix.loc["a", "a"])
    assert matrix.loc["c", "c"] == pytest.approx(mutual_info_score(frame["c"], frame["c"]))


def test_matrix__array_of_any_columns__every_entry_is_the_score_of_the_pair():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    X[:, 1] = np.round(X[:, 0])
    X[:, 2] = (X[:, 1] + X[:, 3] > 0).astype(float)
    X[:, 3] = 5.0

    matrix = mutual_info_matrix(X)

    assert isinstance(matrix, np.ndarray)
    np.testing.assert_array_equal(matrix, matrix.T)
    for j in range(4):
        others = np.delete(np.arange(4), j)
        expected = mutual_info_regression(X[:, others], X[:, j])
        # Newton's method ends where a step gains less than 1e-9 nats.
        np.testing.assert_allclose(matrix[others, j], expected, rtol=0, atol=1e-6)
    entropies = [mutual_info_score(X[:, j], X[:, j]) for j in (1, 2, 3)]
    np.testing.assert_allclose(np.diag(matrix), [np.inf, *entropies], atol=1e-12)
    assert mutual_info_matrix(X[:, :1]).tolist() == [[np.inf]]


def test_matrix__columns_of_text_and_gaps__every_entry_is_the_score_of_the_pair():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200)})
    frame["b"] = np.where(frame["a"] > 0.5, "high", "low")
    frame["c"] = frame["a"].where(rng.uniform(size=200) < 0.7)

    matrix = mutual_info_matrix(frame, n_jobs=2)

    by_class = mutual_info_classif(frame[["a", "c"]], frame["b"])
    np.testing.assert_allclose(matrix.loc[["a", "c"], "b"], by_class, rtol=0, atol=1e-6)
    assert matrix.loc["a", "c"] == pytest.approx(
        mutual_info_regression(frame[["c"]], frame["a"])[0], rel=1e-6
    )


def test_matrix__column_without_values__warns_once_and_scores_zero():
    X = np.column_stack([np.arange(30.0), np.full(30, np.nan), np.arange(30) % 4])

    with pytest.warns(UserWarning, match=r"^X \(column 1\): no value at all") as caught:
        matrix = mutual_info_matrix(X)

    assert len(caught) == 1
    assert matrix[1].tolist() == [0.0, 0.0, 0.0]


# --- Warnings ---


@pytest.mark.parametrize("n", [94, 1000])
def test_classif__integers_that_hardly_repeat__one_warning_names_the_other_function(n):
    y = np.random.default_rng(0).permutation(n)

    with pytest.warns(UserWarning, match=f"y has {n} different numbers.*use mutual_info_reg") as caught:
        mutual_info_classif(np.arange(n)[:, None] % 7, y)

    assert len(caught) == 1


def test_scores__nearly_every_label_different__warns():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100)
    names = np.array([f"id {i}" for i in range(100)])
    frame = pd.DataFrame({"id": names, "city": rng.choice(list("abcdef"), 100)})

    with pytest.warns(UserWarning, match=r"^X \(column 'id'\): nearly every value is different") as caught:
        values = mutual_info_classif(frame, y)

    assert len(caught) == 1
    assert values[0] == 0.0


@pytest.mark.parametrize(
    ("n", "n_levels"), [(19, 19), (20, 18), (100, 90)], ids=["few rows", "nine of ten", "just nine of ten"]
)
def test_scores__labels_that_repeat_or_few_rows__do_not_warn(n, n_levels):
    names = np.array([f"id {min(i, n_levels - 1)}" for i in range(n)], dtype=object)

    mutual_info_classif(names[:, None], np.arange(n) % 2)  # warnings are errors


def test_scores__missing_labels__count_neither_as_rows_nor_as_levels():
    names = np.array([f"id {i}" if i < 30 else None for i in range(200)], dtype=object)

    with pytest.warns(UserWarning, match="nearly every value is different"):
        mutual_info_classif(names[:, None], np.arange(200) % 2)


def test_scores__many_such_columns__names_five():
    X = np.full((30, 7), np.nan)

    with pytest.warns(UserWarning, match=r"\(column 4\) and 2 more columns: no value at all"):
        mutual_info_regression(X, np.arange(30.0))


@pytest.mark.parametrize(("n_classes", "rows", "warned"), [(21, 99, True), (21, 100, False), (20, 20, False)])
def test_classif__many_numbers_with_few_rows_each__warns(recwarn, n_classes, rows, warned):
    y = np.repeat(np.arange(n_classes), rows)

    mutual_info_classif((y % 3)[:, None], y)

    assert [str(w.message)[:24] for w in recwarn] == ["y has 21 different numbe"] * warned


def test_classif__many_strings_with_few_rows_each__does_not_warn():
    y = np.array([f"class {k}" for k in np.repeat(np.arange(30), 5)])

    mutual_info_classif(np.arange(150.0)[:, None], y)


def test_regression__text_of_numbers__read_as_numbers_with_a_warning():
    x = np.random.default_rng(0).normal(size=100)
    y = x + np.random.default_rng(1).normal(size=100)

    with pytest.warns(UserWarning, match="X is text that holds numbers: 100 values were read"):
        value = mutual_info_regression(x.astype(str)[:, None], y)

    np.testing.assert_array_equal(value, mutual_info_regression(x[:, None], y))


# --- Given other columns, and tests ---


@pytest.mark.statistical
@pytest.mark.filterwarnings("ignore:Training had not ended")  # 200 minibatches are enough to tell
def test_conditional__copy_and_news__tells_them_apart(seed):
    rng = np.random.default_rng(seed)
    Z, news = rng.normal(size=(2, 600, 1))
    y = Z[:, 0] + news[:, 0] + rng.normal(size=600)
    settings = {"random_state": seed, "cv": 3, "max_iter": 200, "hidden_layer_sizes": (16,)}

    copied = conditional_mutual_info(Z + 0.01 * rng.normal(size=(600, 1)), y, Z, **settings)
    added, (low, high) = conditional_mutual_info(news, y, Z, return_interval=True, **settings)

    # Truth: 0 and log(2) / 2 = 0.347; the standard error of either is below 0.03.
    assert abs(copied) < 0.1
    assert added == pytest.approx(0.347, abs=0.12)
    # Half the interval is at least two standard errors, and a few of them with what was not learnt.
    assert low < added < high
    assert 0.03 < high - low < 0.6


def test_conditional__given_categories_and_a_seed__same_bits():
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b", "c"], 90)
    X = pd.DataFrame({"x": rng.normal(size=90) + (group == "a"), "kind": rng.choice(["u", "v"], 90)})
    y = X["x"] + (X["kind"] == "u") + rng.normal(size=90)

    first, second = (
        conditional_mutual_info(X, y, pd.DataFrame({"group": group}), random_state=0, max_iter=0, cv=None)
        for _ in range(2)
    )

    assert first == second > 0


def test_conditional__bad_input__is_told():
    with pytest.raises(ValueError, match="same number of rows; got 20 and 19"):
        conditional_mutual_info(np.ones((20, 1)), np.arange(20), np.ones((19, 1)))
    with pytest.raises(TypeError, match="n_layers"):
        conditional_mutual_info(np.ones((20, 1)), np.arange(20), np.ones((20, 1)), n_layers=3)


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
def test_test__independence__pvalues_are_uniform(seed):
    rng = np.random.default_rng(seed)
    pvalues = [
        mutual_info_test(rng.normal(size=(200, 2)), rng.integers(0, 3, 200)).pvalue for _ in range(200)
    ]

    assert kstest(pvalues, "uniform").pvalue > 1e-4  # one failure in 10,000


def test_test__labels_and_constants__read_as_asked():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 8, (300, 1))
    y = np.array([3, 0, 2, 1, 0, 3, 1, 2])[codes[:, 0]] + rng.normal(size=300)

    as_numbers, as_labels = (mutual_info_test(codes, y, discrete_features=flag) for flag in (False, True))

    assert as_labels.statistic != as_numbers.statistic
    assert as_labels == mutual_info_test(np.char.add("level ", codes.astype(str)), y)
    assert mutual_info_test(np.ones((300, 2)), y) == (0.0, 1.0, np.inf)
    with pytest.raises(IndexError, match="indices of the 1 columns of X"):
        mutual_info_test(codes, y, discrete_features=[1])


def test_classif__missingness_tells_the_class__not_above_its_entropy():
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 2
    x = np.where(y == 1, np.nan, rng.normal(size=2000))

    assert 0.68 < mutual_info_classif(x[:, None], y)[0] <= np.log(2) + 1e-12


@pytest.mark.parametrize(
    "score",
    [mutual_info_regression, mutual_info_classif, mutual_info_test, lambda X, y: mutual_info_matrix(X)],
)
def test_scores__one_dimensional_X__is_told(score):
    with pytest.raises(ValueError, match="Expected 2D array"):
        score(np.arange(20.0), np.arange(20) % 2)


def test_regression__sparse_without_columns__is_told():
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        mutual_info_regression(sparse.csr_array((20, 0)), np.arange(20))


def test_conditional__categories_of_any_type__are_read():
    y = np.random.default_rng(0).normal(size=100)
    intervals = pd.DataFrame({"a": pd.cut(y, 30)})

    value = conditional_mutual_info(intervals, y, y[:, None] ** 2, max_iter=0, cv=None, random_state=0)

    assert np.isfinite(value)


def test_regression__polars_column_as_target__is_a_column():
    polars = pytest.importorskip("polars")
    X = np.arange(20.0)[:, None]

    framed = mutual_info_regression(X, polars.DataFrame({"y": X[:, 0]}))

    np.testing.assert_array_equal(framed, mutual_info_regression(X, X[:, 0]))


# --- Units and scales ---


@pytest.mark.statistical
@pytest.mark.parametrize("correlation", [0.1, -0.3, 0.9])
def test_matrix__normal_columns_as_correlations__are_those_of_the_sample(correlation, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(5000, 2))
    X[:, 1] = correlation * X[:, 0] + (1 - correlation**2) ** 0.5 * X[:, 1]

    found = mutual_info_matrix(X, scale="correlation")

    # At .1 both are moments of the same rows, of the ranks and of the values: they differ by .003 or so.
    assert found[0, 1] == pytest.approx(abs(np.corrcoef(X.T)[0, 1]), abs=0.02)
    assert found[0, 0] == 1


@pytest.mark.parametrize("kind", ["continuous", "binary", "counts", "text", "rounded"])
def test_matrix__column_and_map_of_it_as_correlations__are_1(kind):
    rng = np.random.default_rng(0)
    column = {
        "continuous": rng.normal(size=1000),
        "binary": rng.integers(0, 2, 1000),
        "counts": rng.poisson(3.0, 1000),
        "text": np.array([*"abcde"])[rng.integers(0, 5, 1000)],
        "rounded": np.round(rng.normal(size=1000), 1),
    }[kind]
    mapped = np.char.upper(column) if kind == "text" else np.exp(column)

    matrix = mutual_info_matrix(pd.DataFrame({"a": column, "b": mapped}), scale="correlation")

    np.testing.assert_allclose(matrix, 1, atol=0.002)


def test_matrix__constant_as_correlation__is_0():
    matrix = mutual_info_matrix(np.column_stack([np.ones(50), np.arange(50.0)]), scale="correlation")

    np.testing.assert_array_equal(matrix, [[0, 0], [0, 1]])


@pytest.mark.parametrize("score", [mutual_info_regression, mutual_info_classif])
def test_scores__unit_and_scale__change_the_values_alone(score):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 2)), np.arange(300) % 2
    X[:, 0] += y
    nats = score(X, y)

    np.testing.assert_allclose(score(X, y, unit="bits"), nats / np.log(2))
    np.testing.assert_allclose(
        score(X, y, scale="correlation"), np.sqrt(np.expm1(-2 * nats) / np.expm1(-2 * np.log(2)))
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"unit": "bans"}, "unit must be 'nats' or 'bits'; got 'bans'"),
        ({"scale": "linear"}, "scale must be 'information' or 'correlation'; got 'linear'"),
        ({"unit": "bits", "scale": "correlation"}, "unit must not be set with scale='correlation'"),
    ],
)
def test_scores__unknown_unit_or_scale__is_told(parameters, message):
    X = np.arange(20.0)[:, None]

    with pytest.raises(ValueError, match=message):
        mutual_info_regression(X, X[:, 0], **parameters)
    with pytest.raises(ValueError, match=message):
        mutual_info_matrix(X, **parameters)


def test_conditional__bits__are_those_nats_over_log_2():
    rng = np.random.default_rng(0)
    X, Z, noise = rng.normal(size=(3, 60, 1))
    y = (X + Z + noise)[:, 0]

    quick = {"return_interval": True, "random_state": 0, "critic": "concat", "cv": None, "max_iter": 0}
    value, interval = conditional_mutual_info(X, y, Z, **quick)
    bits = conditional_mutual_info(X, y, Z, **quick, unit="bits")

    np.testing.assert_allclose(np.array(bits[0]) * np.log(2), value)
    np.testing.assert_allclose(np.array(bits[1]) * np.log(2), interval)


@pytest.mark.parametrize("score", [mutual_info_regression, mutual_info_classif])
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame])
def test_scores__several_targets__are_those_of_each(score, container):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    X[:, 2] = X[:, 2].round()
    y = (X[:, :2] + rng.normal(size=(200, 2))).round().clip(-1, 1)

    for settings in ({}, {"scale": "correlation"}, {"bias_correction": False, "discrete_features": [2]}):
        values = score(X, container(y), **settings)

        assert values.shape == (3, 2)
        np.testing.assert_array_equal(values, np.column_stack([score(X, t, **settings) for t in y.T]))


def test_scores__one_of_several_targets_does_not_fit__is_named():
    X = np.arange(50.0)[:, None]
    frame = pd.DataFrame({"good": np.arange(50) % 2, "bad": [None, "a"] * 25})

    with pytest.raises(ValueError, match=r"y must be numeric; got .* in y \(column 'bad'\)"):
        mutual_info_regression(X, frame)
    with pytest.raises(
        ValueError, match=r"y must have a class in every row; got 25 missing in y \(column 'bad'\)"
    ):
        mutual_info_classif(X, frame)


def draw_selected(rng, n, share):
    """Rows drawn with a probability, the weights that undo it, and whether y depends on x."""
    y = rng.normal(size=n)
    probability = np.clip(share(y), 0.02, 1)
    kept = rng.uniform(size=n) < probability
    return y, kept, 1 / probability[kept]


@pytest.mark.parametrize(
    ("relation", "truth"),
    [
        (lambda rng, y: 0.8 * y + 0.6 * rng.normal(size=len(y)), -0.5 * np.log(0.36)),
        (lambda rng, y: (0.8 * y + 0.6 * rng.normal(size=len(y))) ** 2, 0.2),  # of 200,000 rows
        (lambda rng, y: rng.normal(size=len(y)), 0.0),
        (lambda rng, y: rng.integers(0, 300, len(y)).astype(float), 0.0),  # numbers that repeat
    ],
)
def test_regression__weights_that_undo_a_selection__value_of_the_population(relation, truth):
    """Rows of large weight are few where they are drawn: their chance dependence must not count as much."""
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        y, kept, weight = draw_selected(rng, 8000, lambda y: 0.25 * np.exp(0.8 * y))
        x = relation(rng, y)[kept, None]
        found.append(mutual_info_regression(x, y[kept], sample_weight=weight)[0])

    # The standard deviation of a draw is .03 where x and y depend.
    assert abs(np.mean(found) - truth) < (0.06 if truth else 0.01)


def test_classif__weights_that_undo_a_selection__value_of_the_population():
    found, plain = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        label = rng.integers(0, 10, 8000)
        y = rng.uniform(size=8000) < np.linspace(0.05, 0.95, 10)[label]
        kept = rng.uniform(size=8000) < np.where(y, 0.1, 0.5)
        X, weight = label[kept, None], np.where(y, 10, 2)[kept]
        found.append(mutual_info_classif(X, y[kept], discrete_features=True, sample_weight=weight)[0])
        plain.append(mutual_info_classif(X, y[kept], discrete_features=True)[0])

    share = np.linspace(0.05, 0.95, 10)
    truth = np.log(2) + np.mean(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert abs(np.mean(found) - truth) < 0.02 < abs(np.mean(plain) - truth)


@pytest.mark.parametrize("kind", ["labels", "labels and ranks", "classes and ranks"])
def test_scores__heavy_rows_and_independence__close_to_zero(kind):
    """One row of weight 100 is not 100 rows that agree."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(20):
        label, y = rng.integers(0, 40, 2000), rng.normal(size=2000)
        # Rows of some labels, and of low y, are heavy: 230 effective rows.
        weight = np.where(label < 4, 10.0, 1.0) * np.where(y < -1.5, 10.0, 1.0)
        if kind == "labels":
            y = np.digitize(y, [-1.5, 0, 1])
        if kind == "classes and ranks":
            label = label < 4
        values.append(
            mutual_info_regression(label[:, None], y, discrete_features=True, sample_weight=weight)[0]
            if kind != "labels"
            else mutual_info_classif(label[:, None], y, discrete_features=True, sample_weight=weight)[0]
        )

    # With as many rows of equal weight, the mean is .001; its standard error over 20 draws is .002.
    assert np.mean(values) < 0.01


@pytest.mark.parametrize("tiny", [1e-15, 1e-300])
def test_scores__weights_that_rounding_removes__as_without_these_rows(tiny):
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    X = np.column_stack([x, np.sin(5 * x) + 0.1 * rng.normal(size=600), np.round(x)])
    y = x + 0.5 * rng.normal(size=600)
    weight = np.where(np.arange(600) % 2, 1.0, tiny)

    for score, target in ((mutual_info_regression, y), (mutual_info_classif, np.round(y))):
        values = score(X, target, sample_weight=weight)

        np.testing.assert_array_equal(values, score(X[1::2], target[1::2]))


def test_matrix__weights__every_entry_is_the_score_of_the_pair():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 1))
    X = np.hstack([z + rng.normal(size=(400, 2)), np.sin(6 * z), z.round(), rng.normal(size=(400, 1))])
    weight = rng.gamma(1, size=400)

    matrix = mutual_info_matrix(X, sample_weight=weight)

    for j in range(5):
        others = np.arange(5) != j
        values = mutual_info_regression(X[:, others], X[:, j], sample_weight=weight)
        np.testing.assert_allclose(matrix[j, others], values, atol=0.01)
    assert matrix[0, 1] != pytest.approx(mutual_info_matrix(X)[0, 1], abs=1e-3)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([-1.0] * 50, "weights must be at least 0"),
        (np.zeros(50), "a weight above 0; got only zeros"),
        (np.ones(49), r"sample_weight must have one weight for each row of X \(50\); got shape \(49,\)"),
        ([np.nan] * 50, "NaN"),
    ],
)
def test_scores__bad_weights__are_told(weight, message):
    X = np.arange(100.0).reshape(50, 2)

    for function in (mutual_info_regression, mutual_info_classif):
        with pytest.raises(ValueError, match=message):
            function(X, np.arange(50) % 2, sample_weight=weight)
    with pytest.raises(ValueError, match=message):
        mutual_info_matrix(X, sample_weight=weight)


def test_conditional__weights_and_groups__are_those_of_the_fits():
    rng = np.random.default_rng(0)
    Z = rng.integers(0, 2, (120, 1))
    X, y, weight = rng.normal(size=(120, 1)), rng.normal(size=120), np.arange(120) % 2
    y = y + np.where(weight == 1, 2 * X[:, 0], 0)
    cheap = {"critic": "separable", "max_iter": 0, "cv": 2}

    heavy, plain = (
        conditional_mutual_info(X, y, Z, sample_weight=w, random_state=0, **cheap) for w in (weight, None)
    )

    assert heavy > plain + 0.1
    with pytest.raises(ValueError, match="groups must have one label for each row"):
        conditional_mutual_info(X, y, Z, groups=[1, 2])


@pytest.mark.parametrize("function", [mutual_info_regression, mutual_info_matrix])
def test_scores__ids_in_several_chunks__one_warning_of_all(function):
    ids = np.array([[f"{row} {column}" for column in range(70)] for row in range(60)], dtype=object)
    arguments = (ids,) if function is mutual_info_matrix else (ids, np.arange(60.0))

    with pytest.warns(UserWarning, match="and 65 more columns: nearly every value is different") as caught:
        function(*arguments)

    assert len(caught) == 1


def test_matrix__constant_columns__zero_without_a_sign():
    assert not np.signbit(mutual_info_matrix(np.ones((50, 2)))).any()
