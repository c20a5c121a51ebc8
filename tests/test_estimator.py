"""MutualInfoEstimator: scikit-learn's contract, input of any kind, and values compared with the truth."""

import pickle
import threading
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from scipy.stats import binom, entropy
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmine import MutualInfoEstimator, nn
from skmine._input import Rows
from skmine._validation import choose_max_iter
from skmine.distributions import (
    FunctionalRelation,
    MultivariateNormal,
    NormalClasses,
    beyond_normal_tasks,
    other_tasks,
)

# Short enough to test plumbing, long enough to change the weights. A contest of all forms takes six times as
# long, so only tests of what a form could break ask for one.
QUICK = {
    "critic": "concat",
    "cv": 3,
    "max_iter": 60,
    "n_iter_no_change": 1,
    "hidden_layer_sizes": (8,),
    "tol": 10.0,
}


def quick(**parameters):
    return MutualInfoEstimator(**{"random_state": 0, **QUICK, **parameters})


def quick_contest(**parameters):
    """A contest of all forms, on a single split."""
    return quick(**{"critic": "auto", "cv": None, **parameters})


def draw_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    return X, X[:, 0] + 0.5 * rng.normal(size=80)


@pytest.fixture
def rows():
    return draw_rows()


@pytest.fixture(scope="module")
def fitted_to_rows():
    """`quick`, fitted to `rows`."""
    return quick().fit(*draw_rows())


@pytest.fixture(scope="module")
def fitted():
    X, y = MultivariateNormal([[1, 0.8], [0.8, 1]], d_x=1).sample(400, 0)
    return quick().fit(X, y), X, y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # after 20 minibatches
@pytest.mark.filterwarnings("ignore:At least .* rows are exact copies:UserWarning")  # weights against repeats
@parametrize_with_checks(
    [
        MutualInfoEstimator(max_iter=0, cv=None, critic="concat"),
        MutualInfoEstimator(max_iter=5, cv=2, critic="separable"),
    ]
)
def test_estimator__scikit_learn_checks__pass(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:At least .* rows are exact copies:UserWarning")  # weights against repeats
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_dict_unchanged,
        estimator_checks.check_dtype_object,
        estimator_checks.check_fit2d_1feature,
        estimator_checks.check_fit2d_1sample,
        estimator_checks.check_fit_idempotent,
        estimator_checks.check_methods_sample_order_invariance,
        estimator_checks.check_methods_subset_invariance,
        estimator_checks.check_sample_weight_equivalence_on_dense_data,
    ],
)
def test_estimator__scikit_learn_checks_of_values__pass_in_a_contest(check):
    check("MutualInfoEstimator", MutualInfoEstimator(max_iter=0, cv=None))


# --- Input of any kind ---


def test_fit__containers_of_the_same_numbers__same_bits(rows):
    X, y = rows
    X[np.abs(X) < 0.5] = 0.0
    expected = quick(cv=None, max_iter=2).fit(X, y)
    score = expected.score(X, y)
    frame = pd.DataFrame(X, columns=list("abc"))
    read_only = X.copy()
    read_only.flags.writeable = False

    containers = [X.tolist(), frame, pl.DataFrame(frame.to_dict("list")), read_only, np.asfortranarray(X)]
    containers += [sp.csr_matrix(X), sp.coo_array(X), sp.csc_array(X)]
    for container in containers:
        estimator = quick(cv=None, max_iter=2).fit(container, y)
        assert estimator.mi_ == expected.mi_, type(container)
        assert estimator.score(container, y) == score, type(container)


def test_fit__memory_map__same_bits(rows, fitted_to_rows, tmp_path):
    X, y = rows
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")

    assert quick().fit(mapped, y).mi_ == fitted_to_rows.mi_


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_fit__data_frame__keeps_feature_names(make, rows):
    X, y = rows
    frame = make({"a": X[:, 0], "b": X[:, 1]})

    estimator = quick(cv=None).fit(frame, y)

    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.score(make({"b": X[:, 1], "a": X[:, 0]}), y)


def mixed_frame(make):
    rng = np.random.default_rng(1)
    colour = rng.choice(["red", "green", "blue"], 120)
    number = rng.normal(size=120)
    count = rng.poisson(3.0, 120)
    flag = rng.random(120) < 0.5
    frame = make({"colour": colour, "number": number, "count": count, "flag": flag})
    target = (colour == "red") * 1.0 + flag + 0.3 * rng.normal(size=120)
    return frame, target


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_fit__mixed_columns__uses_all_of_them(make):
    frame, target = mixed_frame(make)

    estimator = quick().fit(frame, target)

    assert estimator.mi_ > 0.5  # the target encodes colour and flag in well separated steps
    assert estimator.score_samples(frame, target).shape == (120,)


def test_fit__categories__order_and_names_do_not_matter():
    frame, target = mixed_frame(pd.DataFrame)
    renamed = frame.assign(colour=frame["colour"].map({"red": "a", "green": "b", "blue": "c"}))
    categorical = frame.assign(colour=frame["colour"].astype("category"))

    values = [quick().fit(f, target).mi_ for f in (frame, categorical)]

    assert values[0] == values[1]
    # One-hot columns in another order: the same information up to rounding and the random start.
    assert quick().fit(renamed, target).mi_ == pytest.approx(values[0], abs=0.1)


@pytest.fixture(scope="module")
def mi_of_labels():
    """Estimate for `rows` and the sign of their target, as integers."""
    X, y = draw_rows()
    return quick().fit(X, (y > 0).astype(int)).mi_


@pytest.mark.parametrize("dtype", [float, bool, str, object, "category"])
def test_fit__discrete_target__any_dtype_gives_the_same_as_integers(dtype, rows, mi_of_labels):
    X, y = rows
    labels = (y > 0).astype(int)
    target = pd.Series(labels).astype(dtype) if dtype == "category" else labels.astype(dtype)

    assert quick().fit(X, target).mi_ == mi_of_labels


def test_fit__several_targets__information_about_all(rows):
    X, _ = rows
    two = np.column_stack([X[:, 0], X[:, 1]]) + 0.3 * np.random.default_rng(2).normal(size=(80, 2))

    # Each noisy copy has log(1 + 1 / 0.09) / 2 = 1.25 nats.
    assert quick().fit(X, two).mi_ > quick().fit(X, two[:, 0]).mi_ + 0.5


def test_fit__missing_values__missingness_is_information():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 400)
    X = np.where(y == 1, np.nan, rng.normal(size=400))[:, None]

    estimator = quick(max_iter=200).fit(X, y)

    assert estimator.mi_ == pytest.approx(np.log(2), abs=0.05)  # I(X; y) = H(y) = log 2


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_fit__missing_categories__any_mark_will_do(missing, rows):
    _, y = rows
    column = np.array(["a", "b", missing, "a"] * 20, dtype=object)[:, None]
    expected = np.array(["a", "b", "none", "a"] * 20, dtype=object)[:, None]

    assert np.isfinite(quick().fit(column, y).mi_)
    assert quick().fit(column, column[:, 0]).mi_ == pytest.approx(
        quick().fit(expected, expected[:, 0]).mi_, abs=1e-6
    )


def test_fit__weight_zero__is_a_row_left_out(rows):
    X, y = rows
    weight = np.ones(80)
    weight[::4] = 0

    weighted = quick_contest().fit(X, y, sample_weight=weight)
    dropped = quick_contest().fit(X[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])

    assert weighted.mi_ == dropped.mi_


def test_fit__weights__move_the_estimate():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 2, 600)
    y = np.where(np.arange(600) < 300, x, rng.integers(0, 2, 600))
    weight = np.where(np.arange(600) < 300, 1.0, 1e-3)

    informative = quick().fit(x[:, None], y, sample_weight=weight)

    assert informative.mi_ == pytest.approx(np.log(2), abs=0.03)
    assert quick().fit(x[:, None], y).mi_ < 0.5


def test_fit__explicit_folds__are_used(rows):
    X, y = rows
    groups = np.arange(80) // 10
    splits = list(GroupKFold(4).split(X, y, groups))

    first, again, other = (quick(cv=cv).fit(X, y).mi_ for cv in (splits, splits, KFold(4)))

    assert first == again != other


# --- Invalid input, and degenerate input that has an answer ---

NUMBERS = np.random.default_rng(5).normal(size=(40, 2))
TARGET = NUMBERS[:, 0]
NOISY_TARGET = TARGET + np.random.default_rng(6).normal(size=40)


def with_value(value, dtype=float):
    X = NUMBERS.astype(dtype)
    X[3, 1] = value
    return X


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (with_value(np.inf), TARGET, ValueError, r"X \(column 1\) contains infinity.*Replace"),
        (NUMBERS, with_value(np.inf)[:, 1], ValueError, r"y contains infinity"),
        (NUMBERS.astype(complex), TARGET, ValueError, r"Complex data not supported: X \(column 0\)"),
        (NUMBERS, TARGET.astype("datetime64[s]"), TypeError, "y must hold numbers.*datetime64.*Convert"),
        (np.empty((0, 2)), np.empty(0), ValueError, "X is empty"),
        (np.empty((40, 0)), TARGET, ValueError, r"0 feature\(s\)"),
        (NUMBERS[:1], TARGET[:1], ValueError, "X must have at least 8 rows.*n_samples=1"),
        (NUMBERS, TARGET[:-1], ValueError, "same number of rows; got 40 and 39"),
        (NUMBERS[:, 0], TARGET, ValueError, "Expected 2D array, got 1D array instead: X must"),
        (NUMBERS, np.zeros((40, 2, 2)), ValueError, r"y must have shape.*\(40, 2, 2\)"),
        (with_value({}, object), TARGET, TypeError, r"X \(column 1\) has object values.*Convert"),
        (NUMBERS, None, ValueError, "requires y to be passed"),
    ],
)
def test_fit__bad_rows__error_names_what_and_remedy(X, y, error, message):
    with pytest.raises(error, match=message):
        quick().fit(X, y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(40), "at least 0; got -1.0. Drop"),
        (np.zeros(40), "a weight above 0; got only zeros"),
        (np.full(40, np.nan), "NaN"),
        (np.ones(39), r"sample_weight must have one weight for each row of X \(40\); got shape \(39,\)"),
        (np.r_[1e6, np.ones(39)], r"must give an effective sample size.*at least 4; got 1\.0.*Limit"),
    ],
)
def test_fit__bad_weights__error_names_sample_weight(weight, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(NUMBERS, TARGET, sample_weight=weight)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bound": "kl"}, r"'bound' parameter.*'mine'.*Got 'kl'"),
        ({"critic": "deep"}, r"'critic' parameter.*'concat'.*Got 'deep'"),
        ({"device": "cuda:99"}, "device must be available to torch.*got 'cuda:99'. Pass"),
        ({"device": "abacus"}, "device must be 'auto'.*got 'abacus'"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes must be one or more positive integers"),
        ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes must be.*got \(8, 0\)"),
        ({"learning_rate_init": 0.0}, "'learning_rate_init' parameter"),
        ({"max_iter": -1}, "'max_iter' parameter"),
        ({"cv": 1}, "'cv' parameter"),
        ({"cv": [(np.arange(38), np.arange(38, 40))]}, "cv must give every fold at least 4 .*fold with 2"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"cv": None, "validation_fraction": 0.97}, "validation_fraction must leave.*got 0.97.*Lower"),
        ({"cv": []}, "cv must give at least one split"),
        ({"tol": "small"}, "'tol' parameter"),
    ],
)
def test_fit__bad_parameter__error_names_it_and_leaves_nothing_fitted(parameters, message):
    estimator = quick(**parameters)

    with pytest.raises(ValueError, match=message):
        estimator.fit(NUMBERS, TARGET)

    with pytest.raises(NotFittedError):
        estimator.score(NUMBERS, TARGET)


@pytest.mark.parametrize("batch_size", [27, 512])
def test_fit__batch_above_the_training_rows__is_clipped_with_a_warning(batch_size):
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = X[:, 0] ** 2

    with pytest.warns(UserWarning, match=rf"batch_size should be.*got {batch_size}, clipped to 26. L"):
        estimator = quick(batch_size=batch_size).fit(X, y)

    assert estimator.mi_ == quick(batch_size=26).fit(X, y).mi_


def test_fit__fails_the_second_time__keeps_the_first(rows):
    X, y = rows
    estimator = quick().fit(X, y)
    before = estimator.score(X, y)

    with pytest.raises(ValueError, match="infinity"):
        estimator.fit(with_value(np.inf), TARGET)

    assert estimator.n_features_in_ == 3
    assert estimator.score(X, y) == before


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.ones((40, 2)), TARGET),
        (NUMBERS, np.ones(40)),
        (NUMBERS, np.full(40, "only")),
        (np.ones((40, 1)), np.ones(40)),
    ],
)
def test_fit__constant__exactly_zero(X, y):
    estimator = quick().fit(X, y)

    assert estimator.mi_ == 0
    assert estimator.score(X, y) == 0
    assert (estimator.score_samples(X, y) == 0).all()


@pytest.mark.parametrize(
    ("X", "y", "name"),
    [
        (np.full((40, 2), np.nan), TARGET, "X .column 0."),
        (np.full((40, 1), None), TARGET, "X"),
        (NUMBERS, np.full(40, np.nan), "y"),
        (NUMBERS, pd.Series([None] * 40, dtype="category"), "y"),
        (np.c_[np.full(40, np.nan), np.ones(40)], TARGET, "X .column 0."),
    ],
)
@pytest.mark.filterwarnings("ignore:X .column 1. is missing in every row")
def test_fit__all_missing__warns_and_is_exactly_zero(X, y, name):
    estimator = quick()

    with pytest.warns(UserWarning, match=f"^{name} is missing in every row.*Drop the column"):
        estimator.fit(X, y)

    assert estimator.mi_ == 0
    assert estimator.score(X, y) == 0
    assert (estimator.score_samples(X, y) == 0).all()


@pytest.mark.parametrize("others", [NUMBERS, NUMBERS > 0], ids=["continuous", "discrete"])
def test_fit__one_all_missing_column__is_ignored_whatever_it_holds_later(others):
    def with_column(values):
        return pd.DataFrame(others, columns=["a", "b"]).assign(last=values)

    expected = quick().fit(with_column(1.0), NOISY_TARGET)
    estimator = quick()

    with pytest.warns(UserWarning, match="X .column 'last'. is missing in every row"):
        estimator.fit(with_column(np.nan), NOISY_TARGET)

    assert estimator.mi_ == expected.mi_
    score = expected.score(with_column(1.0), NOISY_TARGET)
    for later in (np.arange(40.0), np.array(["a", "b"] * 20)):
        assert estimator.score(with_column(later), NOISY_TARGET) == score


@pytest.mark.parametrize(
    "X",
    [
        NUMBERS[:, [0, 0, 1, 1]],
        np.random.default_rng(6).normal(size=(40, 90)),
        NUMBERS.astype(np.float16),
        np.round(NUMBERS * 10).astype(np.int8),
        NUMBERS * 1e300,
        NUMBERS * 1e-300,
        np.tan(NUMBERS * 1.5),
        np.random.default_rng(7).standard_cauchy((40, 3)) ** 5,
        np.where(NUMBERS > 1, np.nan, NUMBERS),
        np.hstack([NUMBERS, np.ones((40, 1))]),
    ],
    ids=["duplicates", "wide", "float16", "int8", "huge", "tiny", "tan", "cauchy", "missing", "one-constant"],
)
@pytest.mark.filterwarnings("ignore:mi_ is:sklearn.exceptions.ConvergenceWarning")  # duplicates of the target
def test_fit__awkward_columns__finite(X):
    estimator = quick_contest().fit(X, TARGET)

    values = [estimator.mi_, estimator.mi_lower_, estimator.mi_std_, estimator.score(X, TARGET)]
    assert np.isfinite([*values, *estimator.score_samples(X, TARGET)]).all()


def test_score__category_never_seen__is_finite(rows):
    _, y = rows
    X = np.array(["a", "b"] * 40, dtype=object)[:, None]
    estimator = quick().fit(X, y)

    assert np.isfinite(estimator.score_samples([["c"]] * 4, y[:4])).all()


def test_score__columns_of_another_kind__error_names_the_column(rows, fitted_to_rows):
    X, y = rows
    estimator = fitted_to_rows

    with pytest.raises(ValueError, match=r"X \(column 0\) must hold numbers as in fit; got categories"):
        estimator.score(np.full((80, 3), "a", dtype=object), y)
    with pytest.raises(ValueError, match=r"y must have as many columns as in fit \(1\); got 2"):
        estimator.score(X, X[:, :2])


# --- Values ---


def test_score__same_rows__same_float(fitted):
    estimator, X, y = fitted

    assert type(estimator.score(X, y)) is float
    assert estimator.score(X, y) == estimator.score(X, y)


def test_score__sorted_rows__does_not_depend_on_their_order(fitted):
    estimator, X, y = fitted
    order = np.argsort(y[:, 0])

    # All pairs of up to 181 rows meet: nothing is left to the order.
    values = [estimator.score(X[:150], y[:150])]
    values.append(estimator.score(X[:150][::-1], y[:150][::-1]))
    assert values[0] == pytest.approx(values[1], abs=1e-12)
    # More rows meet in groups; the sampling error of the second term is far below 0.05 nats.
    assert estimator.score(X[order], y[order]) == pytest.approx(estimator.score(X, y), abs=0.05)


@pytest.mark.parametrize("bound", ["mine", "infonce"])
def test_score__more_rows_than_are_paired_at_once__is_near_the_truth(bound):
    joint = MultivariateNormal([[1, 0.8], [0.8, 1]], d_x=1)
    X, y = joint.sample(2**15 + 7, 0)
    estimator = quick(bound=bound, max_iter=0, cv=None).fit(X[:2000], y[:2000])

    # Standard error of the mean log ratio: 0.9 / 181 = 0.005; three of them, and 0.015 for the fit.
    assert estimator.score(X, y) == pytest.approx(joint.mi, abs=0.03)


def test_score_samples__any_batch__same_values(fitted):
    estimator, X, y = fitted

    together = estimator.score_samples(X, y)
    apart = [estimator.score_samples(X[i : i + 1], y[i : i + 1])[0] for i in range(20)]

    np.testing.assert_allclose(together[:20], apart, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        estimator.score_samples(X)[:5], estimator.score_samples(X[:5]), rtol=0, atol=1e-12
    )


def test_score_samples__mean__agrees_with_score(fitted):
    estimator, X, y = fitted

    # Both are E_P[T] - log E_Q[exp T]. They differ in the rows that represent Q.
    assert estimator.score_samples(X, y).mean() == pytest.approx(estimator.score(X, y), abs=0.05)
    assert estimator.score_samples(X).mean() == pytest.approx(estimator.score(X, y), abs=0.1)


def test_fit__no_training__is_the_gaussian_reference(seed):
    joint = MultivariateNormal([[1, 0.8], [0.8, 1]], d_x=1)
    X, y = joint.sample(4000, seed)

    estimator = MutualInfoEstimator(max_iter=0, random_state=seed).fit(X, y)

    # Three standard errors of the mean log ratio, and 0.005 for the fitted correlation.
    assert estimator.mi_ == pytest.approx(joint.mi, abs=3 * estimator.mi_std_ + 0.005)
    assert estimator.n_iter_ == 0


@pytest.mark.parametrize("correlation", [0.9, 0.99])
def test_fit__more_nats_than_pairs_can_test__is_the_closed_form(correlation, seed):
    rng = np.random.default_rng(seed)
    X, noise = rng.normal(size=(2, 1000, 20))
    y = correlation * X + np.sqrt(1 - correlation**2) * noise
    truth = -10 * np.log1p(-(correlation**2))  # 16.6 and 39.2 nats

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # if columns differ only by the error of their scores
        estimator = MutualInfoEstimator(random_state=seed).fit(X, y)

    assert estimator.n_iter_ == 0
    # Twice the reach of 95 %.
    low, high = estimator.mi_interval_
    assert low - (estimator.mi_ - low) < truth < high + (high - estimator.mi_)
    assert estimator.mi_ == pytest.approx(truth, rel=0.05)
    assert estimator.score(X, y) == pytest.approx(truth, rel=0.05)
    assert estimator.score_samples(X, y).mean() == pytest.approx(truth, rel=0.05)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # sharp edges rise slowly
@pytest.mark.parametrize("task", ["1v1-bimodal-0.75", "multinormal-sparse-5-5-2-2.0", "1v1-additive-0.75"])
def test_fit__known_truth__estimate_is_near(task, seed):
    joint = beyond_normal_tasks()[task]
    X, y = joint.sample(1500, seed)

    estimator = MutualInfoEstimator(cv=2, random_state=seed).fit(X, y)

    # Three standard errors of the mean log ratio, and 0.05 nats for incomplete training.
    assert estimator.mi_ == pytest.approx(joint.mi, abs=3 * estimator.mi_std_ + 0.05)
    assert estimator.mi_lower_ < joint.mi + 3 * estimator.mi_std_


def test_fit__independent_blocks__near_zero_and_lower_value_not_above(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(1000, 5)), rng.normal(size=1000)

    estimator = MutualInfoEstimator(cv=2, random_state=seed).fit(X, y)

    assert estimator.mi_ == pytest.approx(0.0, abs=0.03)
    assert estimator.mi_lower_ < 0.01


def test_fit__discrete_target__near_the_truth_and_symmetric(seed):
    joint = NormalClasses([[-1.0, 0.0], [1.0, 0.5]], weights=[0.3, 0.7])
    X, y = joint.sample(1000, seed)

    forward = MutualInfoEstimator(cv=2, random_state=seed).fit(X, y[:, 0])
    backward = MutualInfoEstimator(cv=2, random_state=seed).fit(y, X)

    assert forward.mi_ == pytest.approx(joint.mi, abs=3 * forward.mi_std_ + 0.02)
    # The roles are swapped inside: the class is always enumerated.
    assert backward.mi_ == forward.mi_


def test_fit__two_discrete_columns_of_few_levels__close_to_the_plug_in_value(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, 2000)
    y = np.where(rng.random(2000) < 0.7, x, rng.integers(0, 4, 2000))

    estimator = quick().fit(x[:, None], y)

    # Chance adds (4 - 1)^2 / (2 n) to the plug-in value.
    assert mutual_info_score(x, y) - 2 * 9 / 4000 < estimator.mi_ < mutual_info_score(x, y)
    assert estimator.n_iter_ == 0


@pytest.mark.parametrize("n_levels", [5, 20, 60])
def test_fit__independent_categories__about_zero(n_levels, seed):
    numbers = np.random.default_rng(seed).integers(0, n_levels, size=(2, 1000))
    X, y = np.char.add("level ", numbers.astype(str))

    estimator = quick().fit(X[:, None], y)

    # The plug-in value is 0.01, 0.19 and 1.1 nats.
    assert estimator.mi_ == pytest.approx(0, abs=0.005)
    assert estimator.mi_interval_[0] <= 0 <= estimator.mi_interval_[1] < 0.05


@pytest.mark.parametrize(("n", "n_levels"), [(100, 20), (400, 100), (1000, 300)])
def test_fit__category_that_is_copied_with_errors__interval_holds_the_truth(n, n_levels, seed):
    rng = np.random.default_rng(seed)
    x, others = rng.integers(0, n_levels, size=(2, n))
    y = np.where(rng.random(n) < 0.8, x, others)
    diagonal, other = 0.8 / n_levels + 0.2 / n_levels**2, 0.2 / n_levels**2
    truth = diagonal * n_levels * np.log(n_levels**2 * diagonal)
    truth += other * n_levels * (n_levels - 1) * np.log(n_levels**2 * other)

    X, y = np.char.add("level ", np.stack([x, y]).astype(str))
    estimator = quick().fit(X[:, None], y)

    low, high = estimator.mi_interval_
    assert 0 < low < truth < high <= estimator.mi_max_
    assert estimator.mi_lower_ < estimator.mi_ == pytest.approx(truth, rel=0.3)


LEARNING = {"cv": None, "max_iter": 300, "hidden_layer_sizes": (32, 32), "n_iter_no_change": 10, "tol": 0.0}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 300 minibatches are enough
@pytest.mark.parametrize("bound", nn.BOUNDS)
def test_fit__any_bound__learns_what_the_reference_cannot_see(bound):
    joint = FunctionalRelation(lambda x: np.cos(6 * np.pi * x), 0.3)  # no polynomial; about 1 nat
    X, y = joint.sample(1000, 0)

    estimator = quick(bound=bound, **LEARNING).fit(X, y)

    assert estimator.history_[0]["held_out"] < 0.1
    assert estimator.mi_ > 0.6
    assert estimator.score(X, y) > 0.6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 300 minibatches are enough
@pytest.mark.parametrize("bound", nn.BOUNDS)
def test_fit__any_bound_and_classes__learns_what_the_reference_cannot_see(bound):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 1))
    y = (np.abs(X[:, 0]) > 0.6745).astype(int)  # a function of X: log 2 = 0.69 nats

    estimator = quick(bound=bound, **LEARNING).fit(X, y)

    assert estimator.history_[0]["held_out"] < 0.1
    assert estimator.mi_ > 0.5


def test_score__infonce_and_many_rows__does_not_fall_with_their_number():
    X, y = MultivariateNormal([[1, 0.99], [0.99, 1]], d_x=1).sample(4000, 0)  # 1.96 nats
    estimator = quick(bound="infonce", max_iter=0).fit(X[:400], y[:400])

    # Far below log 64 = 4.2, so the cap costs little at any number of rows.
    assert estimator.score(X, y) == pytest.approx(estimator.score(X[:500], y[:500]), abs=0.25)


def test_fit__weights__equal_the_rows_they_select():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(800, 1))
    y = np.where(np.arange(800) < 400, X[:, 0] + 0.3 * rng.normal(size=800), rng.normal(size=800))
    weight = np.where(np.arange(800) < 400, 1.0, 1e-3)

    weighted = quick(max_iter=0).fit(X, y, sample_weight=weight)
    selected = quick(max_iter=0).fit(X[:400], y[:400])

    # Standard error of the mean log ratio: 0.9 / 20 = 0.045; other folds, the same rows.
    assert weighted.mi_ == pytest.approx(selected.mi_, abs=0.09)
    assert weighted.mi_std_ == pytest.approx(selected.mi_std_, rel=0.2)
    values = weighted.score_samples(X, y)
    assert np.average(values, weights=weight) == pytest.approx(weighted.score(X, y, weight), abs=0.1)


@pytest.mark.parametrize("scale", [1e-25, 1e25, 1e-300])
def test_fit__weights_of_any_scale__same_value(scale, rows, fitted_to_rows):
    X, y = rows

    scaled = quick().fit(X, y, sample_weight=np.full(80, scale))

    assert scaled.mi_ == pytest.approx(fitted_to_rows.mi_, abs=1e-3)


def test_score__one_row_without_classes__error_and_pointwise_value(fitted):
    estimator, X, y = fitted

    with pytest.raises(ValueError, match=r"at least 2 rows.*got 1\. Pass more rows, or use score_samples"):
        estimator.score(X[:1], y[:1])
    assert np.isfinite(estimator.score_samples(X[:1], y[:1])).all()
    with pytest.raises(ValueError, match="X is empty"):
        estimator.score_samples(X[:0])


class Concatenating(torch.nn.Module):
    """A critic with dropout that is not written for leading axes."""

    def __init__(self, d_x, d_y):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(d_x + d_y, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
        )

    def forward(self, x, y):
        return self.layers(torch.cat([x, y], -1)).squeeze(-1)


def test_fit__own_critic_with_dropout__is_deterministic_and_leaves_global_state(rows):
    X, y = rows
    before = torch.get_rng_state()

    estimators = [quick(critic=Concatenating).fit(X, y) for _ in range(2)]

    assert estimators[0].score(X, y) == estimators[0].score(X, y) == estimators[1].score(X, y)
    assert torch.equal(torch.get_rng_state(), before)


class OuterProduct(torch.nn.Module):
    """A critic written by a user."""

    def __init__(self, d_x, d_y):
        super().__init__()
        self.weight = torch.nn.Parameter(1e-3 * torch.randn(d_x, d_y))

    def forward(self, x, y):
        return torch.einsum("...i,ij,...j->...", x, self.weight, y)


def test_fit__own_critic_and_bound__work_and_pickle(rows):
    X, y = rows
    estimator = quick(critic=OuterProduct, bound=nn.SMILE(clip=2.0)).fit(X, y)

    copy = pickle.loads(pickle.dumps(estimator))

    assert copy.score(X, y) == estimator.score(X, y)
    assert estimator.bound.clip == 2.0


# --- Life as a scikit-learn estimator ---


def test_fit__same_seed__same_bits(rows):
    X, y = rows
    first, second, other = (quick_contest(random_state=seed).fit(X, y) for seed in (0, 0, 1))

    assert first.mi_ == second.mi_ != other.mi_
    assert first.history_ == second.history_
    assert (first.score_samples(X, y) == second.score_samples(X, y)).all()


@pytest.mark.parametrize(
    ("target", "d"),
    [
        (lambda X: X[:, 0], 3),
        (lambda X: X[:, 0] ** 2 + X[:, 1] ** 2, 3),
        (lambda X: abs(X[:, 0]), 1),
        (lambda X: X[:, 0] > 0, 2),
    ],
    ids=["linear", "radial", "even", "classes"],
)
def test_fit__double_precision_by_default__same_value(target, d, double_precision):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, d))
    y = target(X + 0.1 * rng.normal(size=X.shape))
    estimator = quick_contest().fit(X, y)
    value, values = estimator.mi_, estimator.score_samples(X, y)

    torch.set_default_dtype(torch.float32)
    expected = quick_contest().fit(X, y)

    assert value == pytest.approx(expected.mi_, abs=0.05)  # other initial weights
    assert np.corrcoef(values, expected.score_samples(X, y))[0, 1] > 0.95


@pytest.mark.parametrize("random_state", [0, None])
def test_fit__global_state__is_as_found(random_state, rows):
    X, y = rows

    def state():
        return (
            pickle.dumps(np.random.get_state()),  # noqa: NPY002
            torch.get_rng_state().tolist(),
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            list(warnings.filters),
            threading.active_count(),
            np.geterr(),
        )

    before = state()
    estimator = quick(random_state=random_state).fit(X, y)
    estimator.score(X, y)

    assert state() == before


def test_fit__parameters_and_input__are_not_changed(rows):
    X, y = rows
    estimator = quick_contest(bound=nn.MINE())
    before, X_before = estimator.get_params().copy(), X.copy()

    estimator.fit(X, y)

    assert estimator.get_params() == before
    assert (X_before == X).all()


def test_pickle__fitted__same_scores_without_torch_tensors(fitted, tmp_path):
    estimator, X, y = fitted
    joblib.dump(estimator, tmp_path / "estimator.joblib")

    copies = [
        pickle.loads(pickle.dumps(estimator)),
        joblib.load(tmp_path / "estimator.joblib", mmap_mode="r"),
    ]

    for copy in copies:
        assert copy.score(X, y) == estimator.score(X, y)
        assert (copy.score_samples(X, y) == estimator.score_samples(X, y)).all()
    assert all(isinstance(array, np.ndarray) for array in estimator._critic.frozen.arrays.values())
    assert not any(isinstance(v, torch.Tensor) for v in vars(estimator._critic.bound).values())


def test_pickle__of_another_version__warns(fitted, monkeypatch):
    estimator, *_ = fitted
    monkeypatch.setattr(estimator._critic.frozen, "version", "0.0.1")
    pickled = pickle.dumps(estimator)

    with pytest.warns(UserWarning, match="fitted with skmine 0.0.1 and is loaded with skmine"):
        pickle.loads(pickled)


def test_clone__fitted__is_unfitted_with_the_same_parameters(fitted):
    estimator, X, y = fitted

    copy = clone(estimator)

    assert copy.get_params() == estimator.get_params()
    with pytest.raises(NotFittedError):
        copy.score_samples(X, y)


def test_warm_start__second_fit__goes_on_from_the_first(rows):
    X, y = rows
    estimator = quick(warm_start=True).fit(X, y)
    first = estimator.history_

    second = estimator.fit(X, y).history_

    assert second[0]["held_out"] > first[0]["held_out"]  # it starts from trained critics


@pytest.mark.parametrize("change", [{"cv": 2}, {"cv": KFold(5)}, {"X": NUMBERS[:, :1]}, {"y": -NOISY_TARGET}])
def test_warm_start__other_rows_or_folds__raises_and_keeps_the_first(change):
    # Critics of other folds were trained on the rows that would evaluate them.
    estimator = quick(warm_start=True, cv=5).fit(NUMBERS, NOISY_TARGET)
    before = estimator.score(NUMBERS, NOISY_TARGET)
    estimator.set_params(cv=change.get("cv", 5))

    with pytest.raises(ValueError, match="warm_start=True needs the same rows and folds"):
        estimator.fit(change.get("X", NUMBERS), change.get("y", NOISY_TARGET))

    assert estimator.score(NUMBERS, NOISY_TARGET) == before


@pytest.mark.parametrize(
    ("max_iter", "n_train", "expected"),
    [("auto", 8, 1000), ("auto", 1000, 1000), ("auto", 4000, 2000), (0, 16_000, 0), (np.int64(70), 8, 70)],
)
def test_choose_max_iter__rows_of_training__grows_with_their_root(max_iter, n_train, expected):
    assert choose_max_iter(max_iter, n_train) == expected


def test_fit__max_iter_reached__warns():
    X, y = beyond_normal_tasks()["1v1-additive-0.1"].sample(300, 0)

    with pytest.warns(ConvergenceWarning, match="not ended after max_iter=50.*Raise"):
        MutualInfoEstimator(critic="concat", cv=None, max_iter=50, random_state=0).fit(X, y)


def test_fit__interrupted__raises_and_keeps_the_best_so_far(rows, monkeypatch):
    X, y = rows
    calls = []

    def interrupt(self):
        calls.append(self)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return original(self)

    original = nn.training._Trainer.held_out
    monkeypatch.setattr(nn.training._Trainer, "held_out", interrupt)
    estimator = quick(max_iter="auto", n_iter_no_change=4, tol=2e-3)

    with pytest.raises(KeyboardInterrupt, match="best critics so far"):
        estimator.fit(X, y)

    # The start makes one call, and each check makes one. The fifth call is in the fourth check.
    assert len(estimator.history_) == 3
    assert np.isfinite(estimator.score(X, y))


def test_fit__verbose__shows_progress_on_stderr(rows, capsys):
    quick(verbose=True).fit(*rows)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nats" in captured.err


def test_grid_search__bounds_and_critics__picks_by_the_held_out_value(rows):
    X, y = rows
    grid = [
        {"bound": ["mine", "mine-f"], "hidden_layer_sizes": [(4,)]},
        {"critic": ["separable"], "hidden_layer_sizes": [8]},
    ]

    search = GridSearchCV(quick(cv=None, validation_fraction=0.3), grid, cv=2).fit(X, y)

    values = search.cv_results_["mean_test_score"]
    assert len(values) == 3
    assert search.best_score_ == values.max()
    assert np.isfinite(search.score(X, y))


def test_cross_val_score__pipeline__gives_mutual_information_of_unseen_rows():
    joint = MultivariateNormal([[1, 0.8], [0.8, 1]], d_x=1)
    X, y = joint.sample(900, 0)
    pipeline = make_pipeline(StandardScaler(), quick())

    values = cross_val_score(pipeline, X, y, cv=3)

    # Standard error of the mean log ratio over 900 rows: 0.8 / 30 = 0.027; three of them.
    assert values.mean() == pytest.approx(joint.mi, abs=0.08)


def test_history__fit__one_entry_a_check(fitted):
    estimator, *_ = fitted

    assert [entry["iteration"] for entry in estimator.history_] == [0, 50]
    assert set(estimator.history_[0]) == {"iteration", "training", "held_out"}
    assert estimator.n_iter_ == 50
    assert estimator.device_ in ("cpu", "cuda")


# --- The interval, the maximum, and values that no sample can test ---

LABELS = (NUMBERS[:, 1] > 0).astype(int)
KINDS = {
    "continuous": (NUMBERS, TARGET + NUMBERS[::-1, 1]),
    "independent": (NUMBERS, NUMBERS[::-1, 1]),
    "classes": (NUMBERS, LABELS),
    "a column decides the class": (LABELS[:, None], LABELS),
    "classes in X": (LABELS[:, None], TARGET),
    "discrete": (LABELS[:, None], np.arange(40) % 2),
    "constant": (NUMBERS, np.ones(40)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_interval__any_kind__holds_the_estimate_up_to_the_most_possible(kind):
    estimator = quick_contest().fit(*KINDS[kind])

    low, high = estimator.mi_interval_
    assert low <= estimator.mi_ <= high <= estimator.mi_max_
    assert (type(low), type(high), type(estimator.mi_max_)) == (float, float, float)


def test_interval__many_draws__holds_the_truth_in_most(seed):
    joint = MultivariateNormal.bivariate(0.8)
    n_draws, n_held = 20, 0

    for k in range(n_draws):
        estimator = quick(max_iter=0, cv=None).fit(*joint.sample(400, n_draws * seed + k))
        low, high = estimator.mi_interval_
        n_held += low <= joint.mi <= high

    # 95 % each: fewer than 14 of 20 in one of 10,000 runs.
    assert n_held >= binom.ppf(1e-4, n_draws, 0.95)


@pytest.mark.parametrize(
    ("X", "y", "probability"),
    [
        (NUMBERS, np.arange(40) % 4 // 3, [0.75, 0.25]),
        ((np.arange(40) % 4 // 3)[:, None], TARGET, [0.75, 0.25]),
        (LABELS[:, None], np.arange(40) % 4 // 3, [0.75, 0.25]),
        ((np.arange(40) % 4 // 3)[:, None], np.arange(40) % 2, [0.75, 0.25]),
        (NUMBERS, np.array(["only"] * 40), [1.0]),
    ],
    ids=["y", "X", "both, y less", "both, X less", "constant"],
)
def test_mi_max__discrete__is_the_lower_entropy(X, y, probability):
    estimator = quick(max_iter=0).fit(X, y)

    assert estimator.mi_max_ == pytest.approx(entropy(probability), abs=1e-12)


def test_mi_max__weights__count_in_the_entropy():
    y = np.arange(40) % 2

    estimator = quick(max_iter=0).fit(NUMBERS, y, sample_weight=np.where(y == 1, 3.0, 1.0))

    assert estimator.mi_max_ == pytest.approx(entropy([0.25, 0.75]), abs=1e-12)


def test_mi_max__continuous__is_infinite():
    assert quick(max_iter=0).fit(NUMBERS, NOISY_TARGET).mi_max_ == np.inf


@pytest.mark.parametrize("n", [16, 24, 35])
def test_fit__too_few_rows_to_judge_a_network__is_the_closed_form_and_not_wild(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    y = X.sum(axis=1) + rng.normal(size=n)  # log(3) / 2 = 0.55 nats

    with pytest.warns(
        ConvergenceWarning, match="too few held-out rows to judge a network: fewer than 12.*Pass more rows"
    ):
        estimator = MutualInfoEstimator(random_state=seed).fit(X, y)

    assert estimator.n_iter_ == 0
    # Standard error of the mean log ratio of a Gaussian with r^2 = 2 / 3: 0.82 / 16^(1/2) = 0.2.
    assert estimator.mi_ == pytest.approx(0.55, abs=0.8)


def test_fit__few_rows_of_nearly_all_weight__is_the_closed_form_and_not_wild(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 3))
    y = X[:, 0] + rng.normal(size=400)  # log(2) / 2 = 0.35 nats
    weight = np.where(np.arange(400) % 40 == 0, 1.0, 1e-6)  # ten rows

    with pytest.warns(ConvergenceWarning, match="too few held-out rows to judge a network"):
        estimator = MutualInfoEstimator(random_state=seed).fit(X, y, sample_weight=weight)

    assert estimator.n_iter_ == 0
    assert -0.1 < estimator.mi_ < 3  # thousands of nats when a network was judged by one row per half
    # Ten rows that show nothing leave room for a correlation of which Fisher's z is 1.96 / sqrt(7).
    assert estimator.mi_interval_[1] >= np.log(np.cosh(1.96 / 7**0.5)) - 1e-3


def test_fit__fifty_rows__finds_a_parabola_in_folds_that_can_judge_it(seed):
    x = np.random.default_rng(seed).normal(size=50)
    y = x**2 + 0.3 * np.random.default_rng(seed + 1).normal(size=50)

    estimator = quick(critic="auto", cv=5, random_state=seed).fit(x[:, None], y)

    assert estimator.mi_ > 0.3  # about 1 nat, which a Gaussian copula does not find


@pytest.mark.filterwarnings("ignore:There are too few held-out rows:sklearn.exceptions.ConvergenceWarning")
def test_fit__five_rows_of_all_the_weight__is_valued_by_the_weight_of_each_half(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 3))
    weight = np.where(np.arange(400) < 5, 1.0, 1e-3)

    estimator = MutualInfoEstimator(random_state=seed).fit(X, X[:, 0] + rng.normal(size=400), weight)

    assert -0.5 < estimator.mi_lower_ < 3  # -100 nats if a half with hardly any weight counts as much


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("n", [16, 35])
@pytest.mark.filterwarnings("ignore:There are too few held-out rows:sklearn.exceptions.ConvergenceWarning")
def test_mi_interval__closed_form_of_few_rows__holds_the_truth_in_most(n, d, seed):
    held = 0
    for draw in range(20):
        rng = np.random.default_rng([seed, draw])
        X = rng.normal(size=(n, d))
        y = X[:, 0] + rng.normal(size=n)  # log(2) / 2 = 0.35 nats
        low, high = MutualInfoEstimator(random_state=0).fit(X, y).mi_interval_
        held += low <= np.log(2) / 2 <= high

    # In .82 to .95 of 40 draws; fewer than 12 of 20 where it is .82: probability .006.
    assert held >= 12


@pytest.mark.parametrize(
    ("n", "cv", "n_folds", "is_judged"),
    [
        (35, 5, 3 * 5, False),
        (36, 5, 3 * 3, True),
        (59, 5, 3 * 4, True),
        (60, 5, 3 * 5, True),
        (100, 10, 3 * 8, True),
        (30, 2, 3 * 2, True),
        (150, 5, 2 * 5, True),
        (151, 5, 5, True),
        (30, None, 1, False),
        (40, None, 1, True),
        (50, KFold(5), 5, False),
        (50, KFold(4), 4, True),
    ],
)
@pytest.mark.parametrize("classes", [False, True])
def test_fit__folds__hold_out_rows_enough_to_judge_a_network_or_warn(n, cv, n_folds, is_judged, classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    y = X[:, 0] + rng.normal(size=n)
    y = y > 0 if classes else y
    rows = Rows.read(X, y)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator = quick(cv=cv).fit(X, y)

    assert len(rows.splits(cv, 0.2, 0, y)) == n_folds
    assert (
        any("too few held-out rows to judge a network" in str(warning.message) for warning in caught)
        != is_judged
    )
    assert (estimator.n_iter_ > 0) == is_judged


def test_fit__closed_form_asked_for__is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = quick(max_iter=0).fit(NUMBERS[:30], NOISY_TARGET[:30])

    assert estimator.n_iter_ == 0


@pytest.mark.parametrize("n", [36, 60, 72])
def test_fit__nearly_even_weights__trains_as_without(n):
    x = np.random.default_rng(0).normal(size=n)
    y = x**2 + 0.3 * np.random.default_rng(1).normal(size=n)
    weight = np.random.default_rng(2).uniform(0.5, 1, n)

    estimator = quick(max_iter=200).fit(x[:, None], y, weight)

    assert estimator.n_iter_ > 0


def test_fit__weights_that_vanish_beside_others__are_those_of_rows_left_out(rows):
    X, y = rows
    weight = np.where(np.arange(80) < 60, 1.0, 1e-20)

    expected = quick().fit(X[:60], y[:60], weight[:60]).mi_

    assert quick().fit(X, y, weight).mi_ == pytest.approx(expected, abs=1e-4)


@pytest.mark.statistical
@pytest.mark.filterwarnings("ignore:There are too few held-out rows:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("n", "n_draws"), [(24, 6), (35, 6), (50, 3)])
def test_fit__few_rows_of_two_classes__is_near_the_closed_form_that_is_right(n, n_draws, seed):
    errors = []
    for draw in range(n_draws):
        rng = np.random.default_rng([seed, draw])
        X = rng.normal(size=(n, 3))
        y = X[:, 0] + 0.5 * rng.normal(size=n) > 0  # 0.373 nats
        errors.append(MutualInfoEstimator(hidden_layer_sizes=32, random_state=0).fit(X, y).mi_ - 0.373)

    # Networks that were judged by a few rows gave -.5 to -.15 on average. The error of a draw of 24 rows has
    # a standard deviation of .12, of 50 rows .08. Three standard errors of the mean, and .07 for bias.
    assert abs(np.mean(errors)) < 0.22


@pytest.mark.filterwarnings("ignore:There are too few held-out rows:sklearn.exceptions.ConvergenceWarning")
def test_fit__too_few_rows_to_judge_a_critic_of_the_users__is_the_closed_form_alone():
    def factory(d_x, d_y):
        critic = Concatenating(d_x, d_y)
        torch.nn.init.constant_(critic.layers[-1].bias, 3.0)
        return critic

    X, y = np.random.default_rng(0).normal(size=(2, 30, 2))
    own = MutualInfoEstimator(critic=factory, random_state=0).fit(X, y)
    again = clone(own).set_params(warm_start=True).fit(X, y).fit(X, y)

    assert own.mi_ == pytest.approx(MutualInfoEstimator(random_state=0).fit(X, y).mi_)
    assert again.mi_ == pytest.approx(own.mi_)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_fit__class_that_x_decides__at_most_its_entropy(n_classes, seed):
    X = np.random.default_rng(seed).normal(size=(200, 1))
    y = np.digitize(X[:, 0], np.quantile(X[:, 0], np.arange(1, n_classes) / n_classes))

    estimator = quick().fit(X, y)

    assert estimator.mi_max_ == pytest.approx(np.log(n_classes))
    assert estimator.mi_ <= estimator.mi_max_


def test_fit__two_discrete_columns_with_weights__near_the_plug_in_value_of_repeated_rows(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, 800)
    y = np.where(rng.random(800) < 0.4, x, rng.integers(0, 3, 800)).astype(str)
    counts = rng.integers(0, 4, 800)

    estimator = quick().fit(x[:, None], y, sample_weight=counts.astype(float))

    repeated = mutual_info_score(np.repeat(x, counts), np.repeat(y, counts))
    assert estimator.mi_ == pytest.approx(repeated, abs=0.005)
    assert abs(quick().fit(x[:, None], y).mi_ - repeated) > 0.005


def test_fit__two_discrete_columns_of_equal_rows__is_nearly_the_entropy():
    x = np.arange(60) % 3

    estimator = quick().fit(x[:, None], np.array(["a", "b", "c"])[x])

    # The smallest pseudocount adds 0.03 rows to the 13 of each class.
    assert np.log(3) - 0.03 / 13 < estimator.mi_ < estimator.mi_max_ == pytest.approx(np.log(3))


TESTED = "these rows can verify values up to"


@pytest.mark.parametrize("d", [1, 3])
def test_fit__more_nats_than_rows_can_test__warns(d, seed):
    X, y = MultivariateNormal.pairs(d, 0.9999).sample(500, seed)  # 4.3 nats a column

    with pytest.warns(
        ConvergenceWarning, match=rf"mi_ is \d+\.\d nats, and {TESTED} \d\.\d.*Pass 1,500 rows"
    ):
        estimator = quick().fit(X, y)

    # The columns differ by less than the errors of their normal scores, so the value cannot be determined.
    assert estimator.mi_interval_[0] < d * 4.3
    assert estimator.mi_interval_[1] == np.inf


@pytest.mark.parametrize("correlation", [0.0, 0.8, 0.99])  # 0, 0.5 and 2.0 nats
def test_fit__nats_that_rows_can_test__no_warning(correlation, seed):
    X, y = MultivariateNormal.bivariate(correlation).sample(500, seed)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(critic="auto").fit(X, y)


def test_fit__many_classes__no_warning():
    y = np.arange(600) % 50  # log 50 = 3.9 nats, each an exact sum over the classes

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = quick().fit(np.char.add("class ", y[:, None].astype(str)), y.astype(str))

    assert estimator.mi_ == pytest.approx(np.log(50), abs=0.03 / 6)  # pseudocount per row of a class


def test_interval__training_above_held_out__reaches_further_up_than_down():
    joint = other_tasks()["two-scales"]  # few rows for fast waves, so the two values differ
    X, y = joint.sample(100, 0)

    estimator = quick(critic="auto", max_iter=200).fit(X, y)

    low, high = estimator.mi_interval_
    assert estimator.mi_ > estimator.mi_lower_
    assert high - estimator.mi_ > 1.2 * (estimator.mi_ - low)


# --- Groups ---

GROUPS = np.repeat(np.arange(10), 20)


def grouped_rows():
    """Groups of 20 copies of a row, up to noise. If a group is split, its rows reveal the y of the others."""
    rng = np.random.default_rng(0)
    centres, targets = rng.normal(size=(10, 2)), rng.normal(size=10)
    return centres[GROUPS] + 1e-2 * rng.normal(size=(200, 2)), targets[GROUPS] + 0.1 * rng.normal(size=200)


@pytest.mark.parametrize("cv", [3, None, GroupKFold(3), GroupShuffleSplit(2, random_state=0)])
@pytest.mark.parametrize(
    "labels", [GROUPS, GROUPS.astype(str), GROUPS.astype(object), (GROUPS - 4.5).tolist()]
)
def test_splits__groups__stay_together(cv, labels):
    rows = Rows.read(np.zeros((200, 1)), np.arange(200))

    splits = rows.splits(cv, 0.3, 0, None, labels)

    for train, held_out in splits:
        assert not {*GROUPS[train]} & {*GROUPS[held_out]}
    if cv == 3:
        assert sorted(torch.cat([held_out for _, held_out in splits]).tolist()) == list(range(200))


def test_splits__rows_of_no_weight_and_groups__whole_groups_of_the_kept_rows():
    weight = (np.arange(200) % 3 > 0).astype(float)
    rows = Rows.read(np.zeros((200, 1)), np.arange(200), weight)

    for train, held_out in rows.splits(3, 0.2, 0, None, GROUPS):
        assert not {*GROUPS[rows.kept[train]]} & {*GROUPS[rows.kept[held_out]]}


def test_splits__one_large_group__fewer_folds():
    groups = np.append(np.zeros(190), np.arange(1, 11))

    splits = Rows.read(np.zeros((200, 1)), np.arange(200)).splits(5, 0.2, 0, None, groups)

    # The ten small groups share all folds but one: five rows each, or two in four folds of five.
    assert sorted(len(held_out) for _, held_out in splits) == [5, 5, 190]


def test_fit__copies_in_groups__are_no_information_about_other_groups():
    X, y = grouped_rows()

    apart = quick().fit(X, y).mi_lower_
    together = quick().fit(X, y, groups=GROUPS).mi_lower_

    assert apart > 0.5
    # Ten independent groups show up to log cosh(1.96 / 7^(1/2)) = 0.25 nats by chance (Fisher's interval).
    assert together < 0.25


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (GROUPS[:50], r"groups must have one label for each row of X \(200\); got shape \(50,\)"),
        (np.zeros(200), "groups must have 2 or more different labels; got 1"),
        (
            np.arange(200) // 198,
            r"groups must form folds .* got a fold with 2, from 2 groups.* 198 of the 200",
        ),
        (np.where(GROUPS > 5, np.nan, 1.0), "groups must have a label in every row; got 80 missing"),
        ([None, *GROUPS[1:]], "groups must have a label in every row; got 1 missing"),
    ],
)
def test_fit__bad_groups__error_names_them(groups, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(*grouped_rows(), groups=groups)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (
            [(np.arange(60), np.arange(40, 80))],
            "cv must hold out rows .* got a fold with 20 rows in both. Remove",
        ),
        (
            [(1, 2, 3)],
            r"cv must give pairs of .* rows; got list with a split that is not a pair .* Pass a number",
        ),
        (
            [(5, 6)],
            r"cv must give each side of a split as a list of integers or as a mask; got shape \(\) of int",
        ),
        ([(np.arange(20.0), np.arange(20.0, 40))], r"as a mask; got shape \(20,\) of float64. Convert it"),
        (
            [([], np.arange(20))],
            "cv must give every fold at least 4 training and held-out rows; got a fold with 0",
        ),
        ([1, 2], "cv must give pairs of .* rows; got list with a split that is not a pair"),
        # Errors of a splitter are those of its author.
        (StratifiedKFold(2), "^Supported target types are"),
        (LeaveOneGroupOut(), "^The 'groups' parameter should not be None"),
    ],
)
def test_fit__folds_that_no_estimate_can_use__error_names_cv(cv, message, rows):
    with pytest.raises(ValueError, match=message):
        quick(cv=cv).fit(*rows)


BOOTSTRAP = np.random.default_rng(0).integers(0, 60, 60)


@pytest.mark.parametrize(
    ("cv", "n_folds"),
    [
        (ShuffleSplit(2, random_state=0), 2),
        (RepeatedKFold(n_splits=2, n_repeats=2, random_state=0), 4),
        ([(BOOTSTRAP, np.arange(60, 80)), (BOOTSTRAP + 20, np.arange(20))], 2),  # repeated training rows
        ([(np.arange(80) < 60, np.arange(80) >= 60)], 1),
        ([(list(range(60)), range(60, 80))], 1),
    ],
)
def test_splits__folds_of_any_kind__are_kept(cv, n_folds):
    rows = Rows.read(np.zeros((80, 1)), np.arange(80))

    splits = rows.splits(cv, 0.2, 0, np.arange(80))

    assert len(splits) == n_folds
    expected = cv.split(np.zeros(80)) if hasattr(cv, "split") else cv
    for found, parts in zip(splits, expected, strict=True):
        for part, own in zip(found, parts, strict=True):
            np.testing.assert_array_equal(part, np.arange(80)[own])


@pytest.mark.parametrize(
    "container",
    [
        lambda y: torch.tensor(y, dtype=torch.float32, requires_grad=True),
        lambda y: torch.tensor(y).to_sparse(),
        pl.Series,
        pa.array,
        pd.Series,
    ],
)
def test_splits__target_in_any_container__reaches_the_splitter(container):
    classes = np.arange(80) % 2
    rows = Rows.read(np.zeros((80, 1)), classes)

    for _, held_out in rows.splits(StratifiedKFold(2), 0.2, 0, container(classes)):
        assert classes[held_out].sum() == 20


class OwnCritic(torch.nn.Module):
    """A critic whose values end in a function."""

    def __init__(self, d_x, d_y, end):
        super().__init__()
        self.layer, self.end = torch.nn.Linear(d_x + d_y, 1), end

    def forward(self, x, y):
        return self.end(self.layer(torch.cat([x, y], -1)))


class OwnModel(LinearRegression):
    """A model whose predictions end in a function."""

    def __init__(self, end=None):
        super().__init__()
        self.end = end

    def predict(self, X):
        return self.end(super().predict(X))


@pytest.mark.parametrize(
    ("critic", "error", "message"),
    [
        (
            lambda d_x, d_y: OwnCritic(d_x, d_y, lambda v: v),
            ValueError,
            r"critic must return one number .*squeeze",
        ),
        (
            lambda d_x, d_y: OwnCritic(d_x, d_y, lambda v: v.mean()),
            ValueError,
            r"critic must return one number",
        ),
        (
            lambda d_x, d_y: OwnCritic(d_x, d_y, lambda v: v.squeeze(-1) * torch.nan),
            ValueError,
            "Training diverged, or the critic returned NaN .* got nan. Lower learning_rate_init",
        ),
        (lambda d_x, d_y: None, TypeError, "critic must be a function .*; it returned a NoneType"),
        (torch.nn.Linear(4, 1), TypeError, "critic must be a function .*; got Linear, which is one module"),
        (LinearRegression, TypeError, r"got the class LinearRegression. Pass LinearRegression\(\)"),
        (
            OwnModel(lambda v: v * np.nan),
            ValueError,
            "critic must predict .* not all finite numbers, .* Correct",
        ),
        (
            OwnModel(lambda v: v[1:]),
            ValueError,
            "critic must predict finite numbers, one row for each row of X",
        ),
        (OwnModel(lambda v: v.astype(str)), ValueError, "critic must predict finite numbers.* type <U"),
        (OwnModel(lambda v: None), ValueError, "critic must predict finite numbers.* from OwnModel.predict"),
    ],
)
def test_fit__invalid_critic__error_names_critic(critic, error, message, rows):
    estimator = quick(critic=critic, max_iter=20)

    with pytest.raises(error, match=message):
        estimator.fit(*rows)
    with pytest.raises(NotFittedError):
        estimator.score(*rows)


@pytest.mark.parametrize("splits", ["list", "masks of other length", "predefined"])
def test_cross_validation__splits_of_other_rows__is_told(splits):
    X, y = grouped_rows()
    cv = {
        "list": list(GroupKFold(3).split(X, y, GROUPS)),
        "masks of other length": [(GROUPS < 5, GROUPS >= 5)],
        "predefined": [(np.arange(100), np.arange(100, 200))],
    }[splits]

    with pytest.raises(ValueError, match=r"cv must split the \d+ rows that fit is given.*pass a splitter"):
        cross_val_score(quick(cv=cv), X, y, cv=3, error_score="raise")


def test_cross_validation__groups_routed__reach_both_splitters_and_the_inner_weights_too():
    X, y = grouped_rows()
    seen = []

    class Spy(GroupKFold):
        def split(self, X, y=None, groups=None):
            seen.append(np.asarray(groups))
            return super().split(X, y, groups)

    with config_context(enable_metadata_routing=True):
        estimator = quick(cv=Spy(2)).set_fit_request(groups=True, sample_weight=True)
        params = {"groups": GROUPS, "sample_weight": np.ones(200)}
        estimator.set_score_request(sample_weight=False)
        cross_val_score(estimator, X, y, cv=GroupKFold(3), params=params, error_score="raise")

    assert len(seen) == 3
    assert all(len(groups) < 200 and len({*groups.tolist()}) < 10 for groups in seen)
