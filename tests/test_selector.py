"""MINEFeatureSelector: each strategy finds what it should, and nothing where there is nothing."""

import pickle
import re
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmine import MINEFeatureSelector, _screening, _selector_input, mutual_info_regression
from skmine._columns import read_columns
from skmine._copula import Margin
from skmine._functions import _triangular, products, variance_of_products
from skmine._screening import Screen
from skmine._smoothing import are_determined, sharp_residual
from skmine._strategies import STRATEGIES, SelectionRanking


def draw_copies(seed=0, n=400):
    """Columns 0 and 2 count; column 1 is a near-copy of 0; the rest is noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 12))
    X[:, 1] = X[:, 0] + 0.05 * rng.normal(size=n)
    return X, X[:, 0] + 0.7 * X[:, 2] + 0.5 * rng.normal(size=n)


def screen_of(X, y, discrete_target=False, weight=None):
    columns, (target,) = read_columns(X, "X"), read_columns(y, "y")
    weights = {} if weight is None else {"times": weight, "weighted": True}
    features = [[Margin.of_column(column, False, **weights)] for column in columns]
    return Screen(features, [Margin.of_column(target, discrete_target, **weights)], weight)


# --- Screening ---


@pytest.mark.statistical
def test_singles__gaussian_features__information_to_second_order(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2000, 2))
    y = 0.3 * X[:, 0] + (1 - 0.3**2) ** 0.5 * rng.normal(size=2000)

    singles = screen_of(X, y).singles()

    # I = -log(1 - 0.09) / 2 = 0.047. Standard error 0.3 / 2000^(1/2) = 0.007 (the log ratio deviates by
    # rho); 16 functions add (2 * 16)^(1/2) / (2 * 2000) = 0.001. Four of them.
    assert singles.gain[0] == pytest.approx(0.047, abs=0.03)
    assert singles.gain[1] == pytest.approx(0.0, abs=0.006)
    assert singles.pvalue[0] < 1e-6


@pytest.mark.statistical
def test_condition_on__near_copy_and_news__copy_adds_nothing_more(seed):
    X, y = draw_copies(seed)
    screen = screen_of(X, y)
    before = screen.singles()

    screen.condition_on([0])
    after = screen.singles()

    assert before.pvalue[1] < 1e-9
    assert after.members[:, 0].tolist() == list(range(1, 12))
    # The residual of the near-copy has 16 moments, of a deviation of (2 * 16)^(1/2) / 800 = 0.007 nats.
    assert after.gain[0] < 0.03
    assert after.gain[1] > 0.1
    assert after.pvalue[1] < 1e-9


def test_condition_on__increasing_map_of_the_chosen__few_functions_are_left():
    rng = np.random.default_rng(0)
    x, other = rng.normal(size=(2, 2000))
    screen = screen_of(np.column_stack([x, np.exp(x), other]), x + rng.normal(size=2000))

    screen.condition_on([0])
    after = screen.singles()

    # The smoother of the target does not reach the roughest of the four functions of a copy.
    _, copied, others = screen.n_functions
    assert copied < others == 4
    assert after.pvalue[0] > 0.01
    assert after.gain[0] < 0.005


#: Targets that the first column determines.
DETERMINED = {
    "increasing": np.exp,
    "bend": lambda x: x**2,
    "steps": lambda x: np.digitize(x, [-1, 0, 0.3, 1.5]),
    "levels": lambda x: (np.round(3 * x) // 2).clip(-3, 3),
}


@pytest.mark.statistical
@pytest.mark.parametrize("form", DETERMINED)
def test_condition_on__target_is_a_function_of_the_chosen__columns_that_follow_it_add_nothing(form, seed):
    rng = np.random.default_rng(seed)
    x, *noise = rng.normal(size=(5, 2000))
    if form == "levels":
        x = np.round(3 * x) / 3
    followers = [np.abs(x) + 0.3 * noise[0], np.floor(x) + noise[1], np.sin(2 * x) + 0.3 * noise[2]]
    classes = form in ("steps", "levels")
    screen = screen_of(np.column_stack([x, *followers, noise[3]]), DETERMINED[form](x), classes)

    screen.condition_on([0])

    # The smooth regression alone leaves p-values below 1e-15 for the last three forms. For the first one, it
    # leaves a variance of 1e-4. If that were tested, p-values would be below 5e-4.
    assert screen.singles().pvalue.min() > 1e-3


def test_condition_on__eight_columns__nothing_is_left_of_copies_and_increasing_maps():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 8))
    X[:, 4:] = np.round(2 * X[:, 4:])
    screen = screen_of(np.hstack([X, X[:, :2], np.sinh(X)]), X.sum(axis=1) + rng.normal(size=1000))

    screen.condition_on(list(range(4)))
    screen.condition_on(list(range(8)))

    # The smoother of the target leaves some of each.
    assert screen.n_functions[8:18].tolist() == [0] * 10


@pytest.mark.parametrize("weighted", [False, True])
def test_are_determined__steps_of_a_column_and_noise__only_the_steps_are(weighted):
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 20, 1000)
    weight = rng.permutation(np.tile([0.5, 1.5], 500)) if weighted else None
    functions = np.stack([cells**2.0, cells + rng.normal(size=1000), rng.normal(size=1000)])
    functions -= np.average(functions, axis=1, weights=weight)[:, None]
    functions /= np.sqrt(np.average(functions**2, axis=1, weights=weight))[:, None]

    assert are_determined(functions, [cells], 1e-6, weight).tolist() == [True, False, False]
    assert are_determined(functions, [cells], 0.5, weight).tolist() == [True, True, False]
    assert not are_determined(functions, [], 0.5, weight).any()


@pytest.mark.statistical
@pytest.mark.parametrize("weighted", [False, True])
def test_sharp_residual__step_and_noise__only_the_step_is_removed(weighted, seed):
    rng = np.random.default_rng(seed)
    cells = np.repeat(np.arange(100), 20)
    step, noise = np.sign(cells - 30.0), rng.normal(size=2000)
    functions = np.stack([step + 0.1 * noise, noise])
    weight = rng.permutation(np.tile([0.5, 1.5], 1000)) if weighted else None

    left = sharp_residual(functions, functions, [cells], weight)

    # The means of 19 other rows add a nineteenth of the variance. Under chance, they are shrunk to nothing.
    assert left[0].var() == pytest.approx(0.01, rel=0.2)
    assert left[1].var() == pytest.approx(1.0, abs=0.02 + abs(noise.var() - 1))


def test_sharp_residual__cells_of_one_fold__are_not_used():
    rng = np.random.default_rng(0)
    folds = np.repeat(np.arange(4), 50)
    functions = rng.normal(size=(1, 200)) + folds

    np.testing.assert_array_equal(sharp_residual(functions, functions, [folds], None, folds), functions)
    shared = sharp_residual(functions, functions, [folds], None, np.tile(np.arange(4), 50))
    assert shared.var() < functions.var() / 1.5


def test_sharp_residual__smooth_residual_is_larger_than_the_function__function_is_used():
    functions = np.repeat([[-1.0, 1.0]], 50, axis=1).repeat(2, axis=0)
    smooth = functions * np.array([[2.0], [0.5]])

    left = sharp_residual(smooth, functions, [])

    np.testing.assert_array_equal(left, functions * np.array([[1.0], [0.5]]))


@pytest.mark.statistical
def test_condition_on__confounder__pvalues_hold_their_level(seed):
    pvalues = []
    for i in range(100):
        rng = np.random.default_rng([seed, i])
        z = rng.normal(size=300)
        x, y = z + rng.normal(size=300), z**2 + 0.5 * z + rng.normal(size=300)  # independent given z
        screen = screen_of(np.column_stack([z, x]), y)
        screen.condition_on([0])
        pvalues.append(screen.singles().pvalue[0])

    # Times two for two features: 2.5 of 100 are expected; 11 or more have a probability of 3e-5.
    assert np.sum(np.array(pvalues) < 0.05) < 11


def test_left_out_information__xor__both_together_tell_and_neither_alone():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    screen = screen_of(X, (X[:, 0] > 0) ^ (X[:, 1] > 0), discrete_target=True)

    together, alone, noise = (told.mean() for told in screen.left_out_information([[0, 1], [0], [2, 3]]))

    # Half of the share of the squared error: at most one half.
    assert 0.2 < together <= 0.5
    assert max(abs(alone), abs(noise)) < 0.02


def test_fit__moments_see_little_of_the_best__left_out_rows_choose_it(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(600, 6))
    y = (np.floor(5 * X[:, 0]) % 2).astype(int)
    X[:, 1] = np.where(rng.random(600) < 0.15, 1 - y, y) + 0.3 * rng.normal(size=600)

    selector = MINEFeatureSelector(1).fit(X, y)

    # The first feature determines y, in five steps that polynomials of degree 4 follow badly.
    margins = [[Margin.of_column(column, False)] for column in read_columns(X, "X")]
    moments = Screen(margins, [Margin.of_column(read_columns(y, "y")[0], True)]).singles().gain
    assert moments[0] < moments[1]
    assert selector.get_support(indices=True).tolist() == [0]


def test_pairs__xor__is_the_only_significant_pair():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 12))
    screen = screen_of(X, (X[:, 3] > 0) ^ (X[:, 7] > 0), discrete_target=True)

    promising = screen.promising_pairs(list(range(12)), 66).members
    tested = screen.test_pairs(np.array([(i, j) for j in range(12) for i in range(j)]), 66)

    # Few of the other 65 exceed two deviations: 1 in 40 or so of such sums of squares do.
    assert [3, 7] in promising.tolist()
    assert len(promising) < 10
    assert tested.members[tested.pvalue.argmin()].tolist() == [3, 7]
    assert np.sort(tested.pvalue)[0] < 1e-12 < 1e-3 < np.sort(tested.pvalue)[1]
    # XOR of fair signs holds log 2 nats, of which the largest moments are a part.
    assert 0.2 < tested.gain.max() < 1


def test_pairs__among_some_features__each_has_one_of_them_and_is_open(monkeypatch):
    monkeypatch.setattr(_screening, "_PROMISING", -np.inf)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 8))
    screen = screen_of(X, X[:, 2] + X[:, 5] + rng.normal(size=200))
    screen.condition_on([2, 5])

    pairs = screen.promising_pairs([2, 5], 16).members

    # Two chosen features with six others each; not the pair of both.
    assert {tuple(pair) for pair in pairs} == {(c, j) for c in (2, 5) for j in (0, 1, 3, 4, 6, 7)}


# --- Selector ---


def checks_that_fail(_):
    """Weights are those of a survey: two rows of weight 1 are more evidence than one of weight 2."""
    kinds = ("dense", "sparse")
    return {f"check_sample_weight_equivalence_on_{kind}_data": checks_that_fail.__doc__ for kind in kinds}


@pytest.mark.filterwarnings("ignore:No features were selected:UserWarning")  # of checks on noise
@parametrize_with_checks(
    [MINEFeatureSelector(), MINEFeatureSelector(1, strategy="marginal")],
    expected_failed_checks=checks_that_fail,
)
def test_selector__scikit_learns_checks__pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_fit__every_strategy__ranks_the_relevant_first(strategy):
    X, y = draw_copies()

    selector = MINEFeatureSelector(3, strategy=strategy).fit(X, y)

    assert sorted(selector.ranking_) == list(range(1, 13))
    assert selector.n_features_ == selector.support_.sum() == 3
    assert set(np.flatnonzero(selector.ranking_ <= 2)) <= {0, 1, 2}
    np.testing.assert_array_equal(selector.support_, selector.ranking_ <= 3)
    assert selector.pvalues_[selector.ranking_ == 1] < 1e-6
    assert ((selector.pvalues_ >= 0) & (selector.pvalues_ <= 1)).all()


@pytest.mark.statistical
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_fit__auto_number__the_relevant_and_few_others(strategy, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 10))
    y = X[:, 4] + np.abs(X[:, 8]) + 0.5 * rng.normal(size=300)

    chosen = set(MINEFeatureSelector(strategy=strategy).fit(X, y).get_support(indices=True))

    # Features 4 and 8 hold 0.4 and 0.1 nats or more; another is added with a probability of about 0.05,
    # two of them with 0.003.
    assert {4, 8} <= chosen
    assert len(chosen) <= 3


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("constant", "asked", "expected"), [("X", "auto", 0), ("y", 2, 2)])
def test_fit__constant__nothing_tells_anything(strategy, constant, asked, expected):
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60.0)
    X, y = (np.ones_like(X), y) if constant == "X" else (X, np.ones_like(y))

    selector = MINEFeatureSelector(asked, strategy=strategy).fit(X, y)

    assert selector.n_features_ == expected
    assert sorted(selector.ranking_) == [1, 2, 3]
    assert np.isfinite(selector.scores_).all()
    assert (selector.pvalues_ == 1).all()


@pytest.mark.parametrize("strategy", ["auto", "forward", "interaction", "mrmr"])
def test_fit__near_copy__takes_no_slot(strategy):
    X, y = draw_copies()

    chosen = MINEFeatureSelector(2, strategy=strategy).fit(X, y).get_support(indices=True)

    assert chosen[-1] == 2
    assert chosen[0] in (0, 1)


@pytest.mark.parametrize("n_features", [20, 300])
def test_fit__xor__found_together_not_alone(n_features):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(500, n_features))
    y = (X[:, 3] > 0.5) ^ (X[:, 7] > 0.5)

    together = MINEFeatureSelector().fit(X, y)
    alone = MINEFeatureSelector(2, strategy="marginal").fit(X, y)

    assert together.get_support(indices=True).tolist() == [3, 7]
    assert not alone.support_[[3, 7]].all()


@pytest.mark.parametrize("n_shared", range(8))
def test_variance__rare_levels__squared_moment_is_deviance_of_their_shared_rows(n_shared):
    n, n_level = 40_000, 283  # two rows are shared on average
    level = np.zeros((2, n), dtype=np.float32)
    level[0, :n_level] = 1
    level[1, n_level - n_shared : 2 * n_level - n_shared] = 1
    one, other = (level - level.mean(axis=1, keepdims=True)) / level.std(axis=1, keepdims=True)
    moments = (one[None] @ other[None].T).astype(float)

    statistic = moments**2 / variance_of_products(one[None], other[None], None, moments)

    # Terms of the order of the share of a level, .007, are left out.
    mean = n_level**2 / n
    assert statistic.item() == pytest.approx(
        (n_shared - mean) ** 2 * 3 / (2 * mean + n_shared), rel=0.03, abs=0.01
    )


@pytest.mark.statistical
def test_singles__noise_given_two_features__pvalues_hold(seed):
    pvalues = []
    for i in range(30):
        rng = np.random.default_rng([seed, i])
        X = rng.uniform(size=(250, 40))
        y = (np.abs(np.hypot(X[:, 0] - 0.5, X[:, 1] - 0.5) - 0.35) < 0.12).astype(int)
        screen = screen_of(X, y, discrete_target=True)
        screen.condition_on([0, 1])
        pvalues.append(screen.singles(n_tests=1).pvalue)

    # The standard error of a share of .1 among 1,140 p-values is .009. Without the degrees of freedom of the
    # residuals, the share is about .145.
    assert np.mean(np.concatenate(pvalues) <= 0.1) < 0.127


@pytest.mark.statistical
def test_singles__noise_whose_spread_depends_on_a_selected_feature__pvalues_hold(seed):
    pvalues = []
    for i in range(40):
        rng = np.random.default_rng([seed, i])
        kind = rng.integers(0, 4, 500)
        spread = np.where(kind == 3, np.exp(2), 1)
        X = np.column_stack([kind, rng.normal(size=(500, 20)) * spread[:, None]])
        screen = screen_of(X, rng.normal(size=500) * spread)
        screen.condition_on([0])
        pvalues.append(screen.singles(n_tests=1).pvalue)

    # The standard error of a share of .1 among 800 p-values is .011. With the variance of independent
    # functions, the share is about .19.
    assert np.mean(np.concatenate(pvalues) <= 0.1) < 0.145


@pytest.mark.statistical
@pytest.mark.parametrize("sigma", [1.0, 1.5])
def test_singles__noise_and_skewed_weights__pvalues_hold(sigma, seed):
    found = []
    for i in range(40):
        rng = np.random.default_rng([seed, i])
        X, y, weight = rng.normal(size=(500, 20)), rng.normal(size=500), rng.lognormal(0, sigma, 500)
        found.append(screen_of(X, y, weight=weight / weight.mean()).singles(n_tests=1))

    # The standard error of a share of .1 among 800 p-values is .011. With a sigma of 1.5, the share is about
    # .18 if the variance has no floor.
    pvalues, gains = (np.concatenate([getattr(one, name) for one in found]) for name in ("pvalue", "gain"))
    assert np.mean(pvalues <= 0.1) < 0.145
    assert gains.max() < 0.3  # nats; up to .55 if the mean squares of products have no floor


@pytest.mark.statistical
def test_fit__levels_that_a_target_copies__are_found(seed):
    found = []
    for i in range(5):
        rng = np.random.default_rng([seed, i])
        number = np.floor(60 ** rng.uniform(size=(300, 7))).astype(int)
        levels = np.char.add("level ", number.astype(str))
        y = np.where(rng.uniform(size=300) < 0.6, levels[:, 0], levels[:, 6])
        found.append(MINEFeatureSelector().fit(pd.DataFrame(levels[:, :6]), y).support_[0])

    assert sum(found) >= 4


@pytest.mark.statistical
@pytest.mark.parametrize("strategy", ["auto", "marginal"])
def test_fit__noise__is_seldom_selected(strategy, seed):
    selected = []
    for i in range(20):
        rng = np.random.default_rng([seed, i])
        X, y = rng.normal(size=(200, 20)), rng.normal(size=200)
        selected.append(MINEFeatureSelector(strategy=strategy).fit(X, y).n_features_ > 0)

    # At a level of 0.05, seven or more of 20 have a probability of 3e-5.
    assert sum(selected) < 7


@pytest.mark.statistical
@pytest.mark.parametrize("rows", ["alike", "weighted", "grouped"])
def test_fit__noise_of_many_levels__is_seldom_selected(rows, seed):
    selected = []
    for i in range(12):
        rng = np.random.default_rng([seed, i])
        number = np.floor(60 ** rng.uniform(size=(300, 6))).astype(int)  # many of them rare
        levels = np.char.add("level ", number.astype(str))
        weight = rng.uniform(0.5, 1.5, 300) if rows == "weighted" else None
        groups = np.repeat(np.arange(150), 2) if rows == "grouped" else None
        selector = MINEFeatureSelector(mi_path=False)
        selector.fit(pd.DataFrame(levels[:, :5]), levels[:, 5], weight, groups=groups)
        selected.append(selector.n_features_ > 0)

    # At a level of .05, five or more of 12 have a probability of 2e-4.
    assert sum(selected) < 5


def test_fit__path__has_a_value_a_step_and_rises():
    X, y = draw_copies()

    path = MINEFeatureSelector(2, mi_path=True, random_state=0).fit(X, y).mi_path_

    assert path.shape == (2,)
    assert not hasattr(MINEFeatureSelector(2, strategy="marginal", mi_path=True).fit(X, y), "mi_path_")
    assert not hasattr(MINEFeatureSelector(2).fit(X, y), "mi_path_")
    assert path[1] > path[0] + 0.2  # 0.30 to 0.90 nats, each with a standard error of 0.04


def test_fit__estimates_of_the_path_fall__are_kept(monkeypatch):
    X, y = draw_copies()
    estimates = [0.1, 0.4, 0.2, 0.5]
    following = iter(estimates)
    monkeypatch.setattr("skmine._selector._joint_information", lambda *_: next(following))

    path = MINEFeatureSelector(4, mi_path=True).fit(X, y).mi_path_

    np.testing.assert_array_equal(path, estimates)


@pytest.mark.parametrize(("asked", "expected"), [(3, 3), (0.25, 3), (0.01, 1)])
def test_fit__number_or_share__is_kept(asked, expected):
    X, y = draw_copies()

    assert MINEFeatureSelector(asked).fit(X, y).n_features_ == expected


def test_fit__feature_groups__stay_together():
    X, y = draw_copies()
    groups = ["a", "b", "a", "c", *"defghijk"]

    selector = MINEFeatureSelector(1, feature_groups=groups).fit(X, y)

    assert selector.get_support(indices=True).tolist() == [0, 2]
    assert selector.ranking_[0] == selector.ranking_[2] == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_features_to_select": 13}, "n_features_to_select must be at most"),
        ({"feature_groups": [1, 2]}, "feature_groups must have one label for each column"),
        (
            {"n_features_to_select": 3, "feature_groups": [0, 1] * 6},
            r"features or groups \(n_features=2\); got 3",
        ),
        ({"n_features_to_select": 0}, "n_features_to_select"),
        ({"n_features_to_select": 1.5}, "n_features_to_select"),
        ({"device": "abacus"}, "device must be 'auto'"),
        ({"strategy": "best"}, "strategy"),
        ({"alpha": 1.5}, "alpha"),
    ],
)
def test_fit__bad_parameter__is_told(parameters, message):
    X, y = draw_copies()

    with pytest.raises(ValueError, match=message):
        MINEFeatureSelector(**parameters).fit(X, y)


RANKING = {"order": [2, 0, 1], "n_selected": 1, "scores": [0.0, 0.1, 0.2], "pvalues": [1.0, 0.5, 0.1]}


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (None, TypeError, "strategy must return a SelectionRanking; got NoneType. Return SelectionRanking"),
        (
            {"order": [0, 0, 1]},
            ValueError,
            r"each of the 3 features once; got \[0, 0, 1\]\. Return the index",
        ),
        ({"order": [0, 1]}, ValueError, r"each of the 3 features once; got \[0, 1\]"),
        ({"n_selected": 4}, ValueError, r"n_selected from 0 to the number of features \(3\); got 4. Return"),
        ({"n_selected": 1.0}, ValueError, "n_selected from 0 .*; got 1.0"),
        (
            {"scores": [0.1]},
            ValueError,
            r"scores with one value for each of the 3 features; got shape \(1,\)",
        ),
        ({"pvalues": np.ones((3, 1))}, ValueError, r"pvalues with one value .* got shape \(3, 1\)"),
    ],
)
def test_fit__own_strategy_returns_no_ranking__is_told_and_nothing_is_fitted(wrong, error, message):
    X, y = np.arange(90.0).reshape(30, 3), np.arange(30)
    ranking = None if wrong is None else SelectionRanking(**(RANKING | wrong))
    selector = MINEFeatureSelector(strategy=lambda task: ranking)

    with pytest.raises(error, match=message):
        selector.fit(X, y)
    with pytest.raises(NotFittedError):
        selector.transform(X)
    selector.set_params(strategy=lambda task: SelectionRanking(**RANKING)).fit(X, y)  # lists will do
    assert selector.ranking_.tolist() == [2, 3, 1]


def test_explain__parameters_changed_after_fit__reasons_of_the_fit():
    X, y = draw_copies()
    selector = MINEFeatureSelector(1, strategy="mrmr").fit(X, y)
    before = selector.explain()

    selector.set_params(alpha=0.999, strategy="forward", n_features_to_select=2, exclude=[0])

    pd.testing.assert_frame_equal(selector.explain(), before)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"discrete_features": ["a"]},
            IndexError,
            r"indices .* or be a mask; got \['a'\]\. .* X.columns.isin",
        ),
        ({"discrete_features": [0.5]}, IndexError, r"discrete_features must hold indices .*; got \[0.5\]"),
        (
            {"discrete_features": pd.array([True, None, False])},
            IndexError,
            "discrete_features must hold indices",
        ),
        ({"discrete_features": [[0]]}, ValueError, r"discrete_features must have one dimension; .* \(1, 1\)"),
        (
            {"include": {"a"}},
            ValueError,
            "include must have one dimension; got set of shape .* Pass a list",
        ),
        (
            {"exclude": [[0], [1, 2]]},
            ValueError,
            "^exclude must have one dimension; got rows of different lengths. Pass a list",
        ),
        (
            {"exclude": [0.0]},
            ValueError,
            r"exclude must hold indices .* got \[0.0\]\. Pass integers from -3 to 2",
        ),
    ],
)
def test_fit__invalid_choice_of_columns__is_told(parameters, error, message):
    X = pd.DataFrame(np.arange(90.0).reshape(30, 3), columns=list("abc"))

    with pytest.raises(error, match=message):
        MINEFeatureSelector(1, **parameters).fit(X, np.arange(30))


@pytest.mark.parametrize("kind", [list, pd.array, pl.Series, lambda mask: np.array(mask, dtype=object)])
def test_fit__mask_of_any_container__is_a_mask(kind):
    X = np.random.default_rng(0).normal(size=(200, 3))
    mask = kind([True, False, False])
    selector = MINEFeatureSelector(1, include=mask).fit(X, X[:, 2])
    labels = MINEFeatureSelector(1, strategy="marginal", discrete_features=mask).fit(X, X.sum(axis=1))

    assert selector.support_.tolist() == [True, False, False]
    assert labels.scores_[0] == 0  # an id
    assert (labels.scores_[1:] > 0.05).all()


def test_fit__own_strategy__decides():
    def last_first(task):
        n_features = len(task.features)
        return SelectionRanking(np.arange(n_features)[::-1], 1, np.zeros(n_features), np.ones(n_features))

    X, y = draw_copies()

    chosen = MINEFeatureSelector(strategy=last_first).fit(X, y).get_support(indices=True)

    assert chosen.tolist() == [11]


def test_transform__frame_with_categories_and_missing__keeps_names():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    frame = pd.DataFrame(
        {
            "noise": rng.normal(size=300),
            "kind": np.where(y == 1, "u", np.where(rng.uniform(size=300) < 0.5, "v", "w")),
            "gap": np.where(y == 0, np.nan, 1.0) * rng.normal(size=300),
        }
    )

    selector = MINEFeatureSelector(1, strategy="marginal").set_output(transform="pandas").fit(frame, y)

    assert selector.get_feature_names_out()[0] in ("kind", "gap")
    assert selector.scores_[0] < 0.05 < selector.scores_[1]


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_transform__polars_frame__has_the_names_and_rows_of_the_selected(output):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200), "c": ["u", "v"] * 100})
    y = frame["b"].to_numpy() + (frame["c"] == "u").to_numpy() + 0.3 * rng.normal(size=200)

    selector = MINEFeatureSelector(2).set_output(transform=output).fit(frame, y)
    transformed = selector.transform(frame)

    assert selector.feature_names_in_.tolist() == ["a", "b", "c"]
    assert selector.get_feature_names_out().tolist() == list(transformed.columns) == ["b", "c"]
    assert transformed["c"].to_numpy().tolist() == ["u", "v"] * 100


def test_fit__sparse__selects_and_transforms_as_dense():
    X, y = draw_copies()
    X[np.abs(X) < 0.4] = 0.0

    dense, thin = (
        MINEFeatureSelector(3, discrete_features=False).fit(data, y) for data in (X, sparse.csr_array(X))
    )

    np.testing.assert_array_equal(dense.scores_, thin.scores_)
    np.testing.assert_array_equal(dense.transform(X), thin.transform(sparse.csr_array(X)).toarray())


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (np.ones((20, 2)), np.arange(19), ValueError, "same number of rows; got 20 and 19"),
        (np.full((20, 2), np.inf), np.arange(20), ValueError, "infinity"),
        (np.arange(20), np.arange(20), ValueError, "Expected 2D array"),
        (np.ones((20, 2)), np.full(20, "2020", "datetime64[D]"), TypeError, "a date or a duration"),
    ],
)
def test_fit__bad_rows__is_told_and_leaves_nothing_fitted(X, y, error, message):
    selector = MINEFeatureSelector(1)

    with pytest.raises(error, match=message):
        selector.fit(X, y)

    with pytest.raises(NotFittedError):
        selector.get_support()


def test_fit__classes_of_any_name__same_choice():
    X, y = draw_copies()
    codes = np.digitize(y, [-1, 1])

    numbers, words = (MINEFeatureSelector(2).fit(X, labels) for labels in (codes, np.array([*"abc"])[codes]))

    np.testing.assert_array_equal(numbers.ranking_, words.ranking_)
    np.testing.assert_allclose(numbers.scores_, words.scores_, atol=1e-6)


def test_fit__several_targets__finds_the_features_of_each():
    X, _ = draw_copies()
    Y = X[:, [2, 5]] + 0.3 * np.random.default_rng(1).normal(size=(len(X), 2))

    assert MINEFeatureSelector().fit(X, Y).get_support(indices=True).tolist() == [2, 5]


def test_fit__many_rows__a_sample_decides(monkeypatch):
    monkeypatch.setattr(_selector_input, "MAX_ROWS", 300)
    X, y = draw_copies()

    first, second = (MINEFeatureSelector(2, random_state=0).fit(X, y) for _ in range(2))

    np.testing.assert_array_equal(first.scores_, second.scores_)
    assert first.support_[2]


def test_fit__many_rows__the_sample_is_of_the_seed_and_not_for_one_column_at_a_time(monkeypatch):
    X, y = draw_copies()
    whole = MINEFeatureSelector(2, strategy="marginal").fit(X, y)
    monkeypatch.setattr(_selector_input, "MAX_ROWS", 300)

    one, other = (MINEFeatureSelector(2, random_state=seed).fit(X, y) for seed in (0, 1))
    alone = MINEFeatureSelector(2, strategy="marginal").fit(X, y)

    assert (one.scores_ != other.scores_).any()
    np.testing.assert_array_equal(alone.scores_, whole.scores_)


def test_selector__clone_and_pickle__same_choice():
    X, y = draw_copies()
    selector = MINEFeatureSelector(2).fit(X, y)

    for other in (clone(selector).fit(X, y), pickle.loads(pickle.dumps(selector))):
        np.testing.assert_array_equal(other.ranking_, selector.ranking_)
        np.testing.assert_array_equal(other.scores_, selector.scores_)
        np.testing.assert_array_equal(other.transform(X), X[:, selector.support_])
    with pytest.raises(NotFittedError):
        clone(selector).transform(X)


def test_selector__in_a_grid_search__is_tuned():
    X, y = draw_copies()
    pipeline = Pipeline([("select", MINEFeatureSelector()), ("model", LogisticRegression())])
    grid = {"select__n_features_to_select": [1, 2], "select__strategy": ["marginal", "forward"]}

    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y > 0)

    assert search.best_params_ == {"select__n_features_to_select": 2, "select__strategy": "forward"}


def test_fit__column_without_values_selected__path_leaves_it_out():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X[:, 0].copy()
    X[:, 1] = np.nan

    assert MINEFeatureSelector(2, mi_path=True, random_state=0).fit(X, y).mi_path_.shape == (2,)


def test_fit__too_few_rows_for_the_path__is_told_and_nothing_is_fitted():
    selector = MINEFeatureSelector(1, mi_path=True)

    with pytest.raises(ValueError, match="at least 8 rows"):
        selector.fit(np.arange(10.0).reshape(5, 2), np.arange(5.0))

    assert not hasattr(selector, "scores_")


# --- Included and excluded features ---


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("by_name", [True, False])
def test_fit__included_and_excluded__first_and_never(strategy, by_name):
    X, y = draw_copies()
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(12)])
    include, exclude = (["c5"], ["c0"]) if by_name else ([5], np.arange(12) == 0)

    selector = MINEFeatureSelector(3, strategy=strategy, include=include, exclude=exclude).fit(frame, y)

    # A near-copy takes the place of the excluded feature.
    assert selector.get_support(indices=True).tolist() == [1, 2, 5]
    assert selector.ranking_[5] == 1
    assert selector.ranking_[0] == 12
    assert np.isnan(selector.scores_[0])
    assert np.isnan(selector.pvalues_[0])


@pytest.mark.parametrize("strategy", ["auto", "mrmr"])
def test_fit__included_copy__the_original_adds_nothing(strategy):
    X, y = draw_copies()

    selector = MINEFeatureSelector(2, strategy=strategy, include=[1]).fit(X, y)

    assert selector.get_support(indices=True).tolist() == [1, 2]


def test_fit__own_strategy__included_features_come_first():
    def last_first(task):
        n_features = len(task.features)
        return SelectionRanking(np.arange(n_features)[::-1], 1, np.zeros(n_features), np.ones(n_features))

    X, y = draw_copies()

    selector = MINEFeatureSelector(strategy=last_first, include=[3], exclude=[11]).fit(X, y)

    assert selector.get_support(indices=True).tolist() == [3]
    assert selector.ranking_[[3, 10, 11]].tolist() == [1, 2, 12]
    assert selector.explain()["reason"].iloc[-2] == "not chosen by the strategy"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"include": [12]}, "include must hold indices of the 12 columns of X"),
        (
            {"exclude": ["a"]},
            r"exclude must hold names of columns of X; got \['a'\]\. X has no names, so pass",
        ),
        ({"exclude": [True]}, "exclude must have one entry for each column of X"),
        ({"include": [1], "exclude": [1]}, r"must not name the same columns or groups; got \[1\]"),
        ({"exclude": range(12)}, "exclude must leave at least one column"),
        ({"n_features_to_select": 1, "include": [1, 2]}, "at least the number of features in include"),
    ],
)
def test_fit__bad_choice_of_columns__is_told(parameters, message):
    X, y = draw_copies()

    with pytest.raises(ValueError, match=message):
        MINEFeatureSelector(**parameters).fit(X, y)


def test_fit__unknown_name_of_a_column__is_told_with_the_names():
    X, y = draw_copies()
    X = pd.DataFrame(X).add_prefix("f")

    with pytest.raises(ValueError, match=r"got \['f12'\]\. X has the columns 'f0', .*'f4' and others"):
        MINEFeatureSelector(include=["f1", "f12"]).fit(X, y)


# --- Reasons ---


@pytest.mark.parametrize("strategy", ["auto", "forward"])
@pytest.mark.parametrize("n_features", [1, 2])
def test_select__oscillation_beside_a_noisy_copy_of_the_target__is_chosen_first(strategy, n_features, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=1000)
    y = np.sin(40 * np.pi * x) + 0.1 * rng.normal(size=1000)
    X = np.column_stack([rng.normal(size=1000), x, y + rng.normal(size=1000)])

    selector = MINEFeatureSelector(n_features, strategy=strategy).fit(X, y)

    assert selector.explain()["feature"][0] == "x1"
    assert selector.get_support(indices=True).tolist() == [1, 2][:n_features]


def test_explain__feature_that_is_significant_alone_but_not_among_all__is_not_redundant():
    rng = np.random.default_rng(0)
    selector = MINEFeatureSelector().fit(rng.normal(size=(300, 2)), rng.normal(size=300))
    selector._facts["pvalues"][0] = 0.03

    reasons = selector.explain().set_index("feature")["reason"]

    assert not selector.support_.any()
    assert reasons["x0"].startswith("not significant: adds 0")
    assert reasons["x1"].startswith("no dependence (p = ")


def test_explain__copy_noise_and_excluded__each_with_its_reason():
    X, y = draw_copies(n=1000)
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(12)])

    selector = MINEFeatureSelector(exclude=["c7"]).fit(frame, y)
    table = selector.explain().set_index("feature")

    selected = selector.get_feature_names_out()
    assert set(table.index[: len(selected)]) == set(selected)
    assert table["selected"].tolist() == [True] * len(selected) + [False] * (12 - len(selected))
    original = selected[0]
    copy = "c1" if original == "c0" else "c0"
    assert table.loc[copy, "related"].split(", ")[0] == original
    assert table.loc[copy, "reason"].startswith(f"redundant given {original}")
    assert table.loc[copy, "alone"] > 0.1 > table.loc[copy, "added"]
    assert table.loc["c9", "reason"].startswith("no dependence (p = ")
    assert table.loc["c7", "reason"] == "excluded by the user"
    np.testing.assert_allclose(table["added"], selector.scores_[[int(name[1:]) for name in table.index]])
    bits = selector.explain(unit="bits").set_index("feature")
    np.testing.assert_allclose(bits["alone"] * np.log(2), table["alone"])
    assert bits.loc[original, "reason"].count("bits") == 1


def test_explain__constant_column__information_is_not_a_negative_zero():
    X = np.column_stack([np.arange(40.0), np.ones(40)])

    table = MINEFeatureSelector().fit(X, X[:, 0]).explain()

    assert table["alone"][1] == 0.0
    assert not np.signbit(table["alone"][1])


def test_explain__number_asked__more_and_filled_up():
    X, y = draw_copies(n=1000)

    few = MINEFeatureSelector(1).fit(X, y).explain().set_index("feature")
    many = MINEFeatureSelector(12).fit(X, y).explain().set_index("feature")

    assert few.loc["x2", "reason"].startswith("more than the number asked for: adds ")
    assert many.loc["x9", "reason"].startswith("fills the number asked for: adds ")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_explain__polars__table_of_polars_for_every_strategy(strategy):
    X, y = draw_copies()

    table = MINEFeatureSelector(strategy=strategy).fit(pl.DataFrame(X), y).explain()

    assert isinstance(table, pl.DataFrame)
    assert table["feature"].len() == 12
    assert all(table["reason"].to_list())


# --- Weights and groups of rows ---


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_fit__rows_of_weight_0__are_not_there(strategy):
    X, y = draw_copies()
    weight = np.arange(len(X)) % 2
    shuffled = np.where(weight == 1, y, np.random.default_rng(1).permutation(y))

    weighted = MINEFeatureSelector(3, strategy=strategy).fit(X, shuffled, weight)
    half = MINEFeatureSelector(3, strategy=strategy).fit(X[1::2], y[1::2], np.full(len(X) // 2, 7.0))

    np.testing.assert_array_equal(weighted.ranking_, half.ranking_)
    np.testing.assert_allclose(weighted.scores_, half.scores_)


def test_fit__equal_weights__as_without():
    X, y = draw_copies()

    weighted, plain = MINEFeatureSelector(3).fit(X, y, np.full(len(X), 2.0)), MINEFeatureSelector(3).fit(X, y)

    np.testing.assert_array_equal(weighted.ranking_, plain.ranking_)
    np.testing.assert_allclose(weighted.scores_, plain.scores_, atol=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_fit__weights__choose_what_matters_where_they_are_large(strategy):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 6))
    y = np.where(np.arange(1000) < 500, X[:, 1], X[:, 4]) + 0.3 * rng.normal(size=1000)
    weight = np.where(np.arange(1000) < 500, 10.0, 1.0)

    selector = MINEFeatureSelector(1, strategy=strategy).fit(X, y, weight)

    assert selector.get_support(indices=True).tolist() == [1]


@pytest.mark.statistical
@pytest.mark.parametrize("strategy", ["auto", "marginal", "mrmr"])
def test_fit__noise_of_groups__is_seldom_selected_with_groups_and_often_without(strategy, seed):
    with_groups, without_groups = [], []
    for i in range(12):
        rng = np.random.default_rng([seed, i])
        groups = np.repeat(np.arange(60), 8)
        X = rng.normal(size=(60, 5))[groups] + 0.2 * rng.normal(size=(480, 5))
        y = rng.normal(size=60)[groups] + 0.2 * rng.normal(size=480)
        with_groups.append(MINEFeatureSelector(strategy=strategy).fit(X, y, groups=groups).n_features_ > 0)
        without_groups.append(MINEFeatureSelector(strategy=strategy).fit(X, y).n_features_ > 0)

    # At a level of .05, five or more of 12 have a probability of 2e-4.
    assert sum(with_groups) < 5
    assert sum(without_groups) > 8


def test_fit__groups__dependence_between_groups_is_found():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(200), 3))
    X = rng.normal(size=(200, 5))[groups] + 0.3 * rng.normal(size=(600, 5))
    y = X[:, 2] + rng.normal(size=200)[groups]

    selector = MINEFeatureSelector().fit(X, y, groups=[f"patient {g}" for g in groups])

    assert selector.get_support(indices=True).tolist() == [2]


def test_fit__weights_and_groups_in_a_pipeline__are_routed():
    X, y = draw_copies()
    weight, groups = np.random.default_rng(0).uniform(size=len(X)), np.arange(len(X)) // 4
    with config_context(enable_metadata_routing=True):
        selector = MINEFeatureSelector(2).set_fit_request(sample_weight=True, groups=True)
        model = LogisticRegression().set_fit_request(sample_weight=True)
        pipeline = Pipeline([("select", selector), ("model", model)])
        pipeline.fit(X, y > 0, sample_weight=weight, groups=groups)

    alone = MINEFeatureSelector(2).fit(X, y > 0, weight, groups=groups)
    np.testing.assert_array_equal(pipeline[0].scores_, alone.scores_)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"sample_weight": [-1.0] * 400}, "weights must be at least 0"),
        ({"groups": [1, 2]}, r"groups must have one label for each row of X \(400\)"),
    ],
)
def test_fit__bad_weights_or_groups__is_told(rows, message):
    X, y = draw_copies()

    with pytest.raises(ValueError, match=message):
        MINEFeatureSelector().fit(X, y, **rows)


def test_promising_pairs__few_numbers_at_a_time__same_pairs(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 40))
    screen = screen_of(X, (X[:, 3] > 0) ^ (X[:, 7] > 0), discrete_target=True)
    together = screen.promising_pairs(list(range(40)), 780)

    monkeypatch.setattr(_screening, "_NUMBERS_AT_ONCE", 1)  # a feature at a time
    monkeypatch.setattr(_screening, "_KEPT_PAIRS", len(together.members))

    apart = screen.promising_pairs(list(range(40)), 780)

    assert len(together.members) > 5
    np.testing.assert_array_equal(apart.members, together.members)
    np.testing.assert_allclose(apart.gain, together.gain, rtol=1e-4)  # products of float32


def test_promising_pairs__many_features__no_table_of_all_pairs(monkeypatch):
    rng = np.random.default_rng(0)
    screen = screen_of(rng.integers(0, 2, size=(60, 1_500)).astype(float), rng.normal(size=60))
    monkeypatch.setattr(_screening, "_NUMBERS_AT_ONCE", 2**16)

    tracemalloc.start()
    screen.promising_pairs(list(range(1_500)), 1_124_250)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_500**2 * 8 / 2  # half of one number for each pair


def test_related__many_redundant_features__their_functions_are_copied_in_parts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 1)) + rng.normal(size=(500, 300))
    screen = screen_of(X, X[:, 0])

    tracemalloc.start()
    related = screen.related(range(2, 300), [0, 1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert all(len(found) == 2 for found in related.values())
    assert peak < screen.functions.nbytes / 4


@pytest.mark.parametrize(("most", "screens_all"), [(80 * 20**2, True), (80 * 20**2 - 1, False)])
def test_auto__work_of_all_pairs__decides(monkeypatch, most, screens_all):
    monkeypatch.setattr("skmine._strategies.MOST_PAIRED", most)
    widest = []
    promising = Screen.promising_pairs
    monkeypatch.setattr(
        Screen,
        "promising_pairs",
        lambda self, among, n: widest.append(len(among)) or promising(self, among, n),
    )
    X = np.random.default_rng(0).normal(size=(80, 20))

    MINEFeatureSelector(random_state=0).fit(X, X[:, 0])

    assert (max(widest) == 20) is screens_all


@pytest.mark.parametrize("strategy", ["auto", "marginal"])
@pytest.mark.parametrize(("n_groups", "warns"), [(8, True), (17, True), (20, False)])
def test_fit__few_groups__warns_with_their_number_and_the_remedy(recwarn, strategy, n_groups, warns):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    groups = np.arange(400) % n_groups

    MINEFeatureSelector(strategy=strategy).fit(X, X[:, 0], groups=groups)
    MINEFeatureSelector(strategy=strategy).fit(X, X[:, 0])

    expected = rf"groups has {n_groups} different labels.*fewer than 20 groups.*set n_features_to_select"
    assert [bool(re.search(expected, str(w.message))) for w in recwarn] == [True] * warns
    weight = np.where(groups < 1, 1.0, 0.0)
    with pytest.raises(ValueError, match=r"groups must have 2 or more different labels; got 1"):
        MINEFeatureSelector(strategy=strategy).fit(X, X[:, 0], weight, groups=groups)


@pytest.mark.parametrize("strategy", ["auto", "forward", "mrmr"])
@pytest.mark.parametrize("weighted", [False, True])
def test_explain__feature_alone__as_the_marginal_strategy_and_the_scores(strategy, weighted):
    """A weak feature that depends on y alone is redundant, and not one without dependence."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 12))
    y = X[:, 0] + 0.5 * rng.normal(size=500)
    X[:, 1] = 0.2 * X[:, 0] + rng.normal(size=500)  # raw p-value below .001, about .05 by the screen
    weight = rng.uniform(0.8, 1.2, 500) if weighted else None

    table = MINEFeatureSelector(strategy=strategy).fit(X, y, weight).explain().set_index("feature")

    alone = table["alone"][[f"x{j}" for j in range(12)]]
    np.testing.assert_allclose(alone, mutual_info_regression(X, y, sample_weight=weight), rtol=1e-9)
    marginal = MINEFeatureSelector(strategy="marginal").fit(X, y, weight)
    np.testing.assert_array_equal(marginal.scores_, alone)
    assert marginal.pvalues_[1] <= 0.05
    assert "redundant" in table["reason"]["x1"]
    assert table["related"]["x1"] == "x0"
    assert table["reason"]["x2"].startswith("no dependence")


def test_products__functions_of_two_features__orthonormal_and_the_first_stay_what_they_are():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    (one, other) = (
        Screen([[Margin.of_column(c, False)]], [Margin.of_column(c, False)]) for c in read_columns(X, "X")
    )

    found = products(one.functions, other.functions, None)

    np.testing.assert_allclose(found @ found.T / 200, np.eye(16), atol=1e-3)
    np.testing.assert_allclose(found @ np.vstack([one.functions, other.functions]).T / 200, 0, atol=1e-3)
    # Only what either feature explains is removed from the product of the first functions: 8 of 200 rows.
    assert np.corrcoef(found[0], one.functions[0] * other.functions[0])[0, 1] > 0.95
    twice = np.vstack([one.functions, one.functions[:1]])
    assert len(products(twice, other.functions, None)) == 16


def test_triangular__mean_products_with_a_negative_variance__orthonormal_for_the_nearest_ones_without():
    """Rounding makes variances negative if functions of columns with few levels are dependent."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        axes = np.linalg.qr(rng.normal(size=(6, 6)))[0]
        variance = np.array([2.0, 1.0, 0.5, 0.1, -0.1, -0.2])

        mixing = _triangular((axes * variance) @ axes.T)

        nearest = (axes * np.maximum(variance, 0.0)) @ axes.T
        np.testing.assert_allclose(mixing.T @ nearest @ mixing, np.eye(mixing.shape[1]), atol=1e-9)
        assert 1 <= mixing.shape[1] <= 4


def test_promising_pairs__few_rows__keep_pairs_that_are_significant_once_studentised():
    """On a thin ring, the noise of the products is smaller than their mean squares."""
    missed = 0
    for seed in range(40):
        X = np.random.default_rng(seed).uniform(size=(250, 20))
        y = (np.abs(np.hypot(X[:, 0] - 0.5, X[:, 1] - 0.5) - 0.35) <= 0.04).astype(int)
        margins = [[Margin.of_column(c, False)] for c in read_columns(X, "X")]
        screen = Screen(margins, [Margin.of_column(read_columns(y, "y")[0], True)])
        pairs = screen.promising_pairs(list(range(20)), 10**6)
        first = pairs.pvalue[(pairs.members == [0, 1]).all(axis=1)].min(initial=1.0)
        missed += first == 1 and screen.test_pairs(np.array([[0, 1]]), 10**6).pvalue[0] < 0.5

    # 24 of 40 are missed if the first estimate must be significant itself, and 10 with a quarter more.
    assert missed <= 16
