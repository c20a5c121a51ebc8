"""MINEFeatureSelector: each strategy finds what it should, and nothing where there is nothing."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmine import MINEFeatureSelector, _selector
from skmine._strategies import STRATEGIES, Ranking

QUICK = {"mi_path": False}


def draw_copies(seed=0, n=400):
    """Columns 0 and 2 count; column 1 is a near-copy of 0; the rest is noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 12))
    X[:, 1] = X[:, 0] + 0.05 * rng.normal(size=n)
    return X, X[:, 0] + 0.7 * X[:, 2] + 0.5 * rng.normal(size=n)


@pytest.mark.filterwarnings("ignore:No features were selected:UserWarning")  # of checks on noise
@parametrize_with_checks([MINEFeatureSelector(**QUICK), MINEFeatureSelector(1, strategy="marginal")])
def test_selector__scikit_learns_checks__pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_fit__every_strategy__ranks_the_relevant_first(strategy):
    X, y = draw_copies()

    selector = MINEFeatureSelector(3, strategy=strategy, **QUICK).fit(X, y)

    assert sorted(selector.ranking_) == list(range(1, 13))
    assert selector.n_features_ == selector.support_.sum() == 3
    assert set(np.flatnonzero(selector.ranking_ <= 2)) <= {0, 1, 2}


@pytest.mark.parametrize("strategy", ["auto", "forward", "interaction", "mrmr"])
def test_fit__near_copy__takes_no_slot(strategy):
    X, y = draw_copies()

    chosen = MINEFeatureSelector(2, strategy=strategy, **QUICK).fit(X, y).get_support(indices=True)

    assert chosen[-1] == 2
    assert chosen[0] in (0, 1)


@pytest.mark.parametrize("n_features", [20, 300])
def test_fit__xor__found_together_not_alone(n_features):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(500, n_features))
    y = (X[:, 3] > 0.5) ^ (X[:, 7] > 0.5)

    together = MINEFeatureSelector(**QUICK).fit(X, y)
    alone = MINEFeatureSelector(2, strategy="marginal").fit(X, y)

    assert together.get_support(indices=True).tolist() == [3, 7]
    assert not alone.support_[[3, 7]].all()


@pytest.mark.statistical
@pytest.mark.parametrize("strategy", ["auto", "marginal"])
def test_fit__noise__is_seldom_selected(strategy):
    selected = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(200, 20)), rng.normal(size=200)
        selected.append(MINEFeatureSelector(strategy=strategy, **QUICK).fit(X, y).n_features_ > 0)

    # At a level of 0.05, five or more of 20 have a probability of 0.003.
    assert sum(selected) < 5


def test_fit__path__has_a_value_a_step_and_rises():
    X, y = draw_copies()

    path = MINEFeatureSelector(2, random_state=0).fit(X, y).mi_path_

    assert path.shape == (2,)
    assert path[1] > path[0] + 0.2  # 0.30 to 0.90 nats, each with a standard error of 0.04


@pytest.mark.parametrize(("asked", "expected"), [(3, 3), (0.25, 3), (0.01, 1)])
def test_fit__number_or_share__is_kept(asked, expected):
    X, y = draw_copies()

    assert MINEFeatureSelector(asked, **QUICK).fit(X, y).n_features_ == expected


def test_fit__groups__stay_together():
    X, y = draw_copies()
    groups = ["a", "b", "a", "c", *"defghijk"]

    selector = MINEFeatureSelector(1, groups=groups, **QUICK).fit(X, y)

    assert selector.get_support(indices=True).tolist() == [0, 2]
    assert selector.ranking_[0] == selector.ranking_[2] == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_features_to_select": 13}, "n_features_to_select must be at most"),
        ({"groups": [1, 2]}, "groups must have one label a column"),
        ({"strategy": "best"}, "strategy"),
        ({"alpha": 1.5}, "alpha"),
    ],
)
def test_fit__bad_parameter__is_told(parameters, message):
    X, y = draw_copies()

    with pytest.raises(ValueError, match=message):
        MINEFeatureSelector(**parameters).fit(X, y)


def test_fit__own_strategy__decides():
    def last_first(task):
        n_features = len(task.features)
        return Ranking(np.arange(n_features)[::-1], 1, np.zeros(n_features), np.ones(n_features))

    X, y = draw_copies()

    chosen = MINEFeatureSelector(strategy=last_first, **QUICK).fit(X, y).get_support(indices=True)

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


def test_fit__several_targets__finds_the_features_of_each():
    X, _ = draw_copies()
    Y = X[:, [2, 5]] + 0.3 * np.random.default_rng(1).normal(size=(len(X), 2))

    assert MINEFeatureSelector(**QUICK).fit(X, Y).get_support(indices=True).tolist() == [2, 5]


def test_fit__many_rows__a_sample_decides(monkeypatch):
    monkeypatch.setattr(_selector, "MAX_ROWS", 300)
    X, y = draw_copies()

    first, second = (MINEFeatureSelector(2, random_state=0, **QUICK).fit(X, y) for _ in range(2))

    np.testing.assert_array_equal(first.scores_, second.scores_)
    assert first.support_[2]


def test_selector__clone_and_pickle__same_choice():
    X, y = draw_copies()
    selector = MINEFeatureSelector(2, **QUICK).fit(X, y)

    for other in (clone(selector).fit(X, y), pickle.loads(pickle.dumps(selector))):
        np.testing.assert_array_equal(other.ranking_, selector.ranking_)


def test_selector__in_a_grid_search__is_tuned():
    X, y = draw_copies()
    pipeline = Pipeline([("select", MINEFeatureSelector(**QUICK)), ("model", LogisticRegression())])
    grid = {"select__n_features_to_select": [1, 2], "select__strategy": ["marginal", "forward"]}

    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y > 0)

    assert search.best_params_ == {"select__n_features_to_select": 2, "select__strategy": "forward"}
