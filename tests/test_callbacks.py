"""scikit-learn's callbacks: the values that they receive during a fit, and how they stop it."""

import warnings

import numpy as np
import pytest

from skmine import (
    MINEGAN,
    InformationBottleneckClassifier,
    MINEFeatureSelector,
    MutualInfoEstimator,
    SelectionRanking,
)
from skmine._callbacks import HAS_CALLBACKS
from skmine._strategies import STRATEGIES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 2))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
MODELS = {
    "estimator": lambda: MutualInfoEstimator(
        critic="concat", cv=2, max_iter=150, hidden_layer_sizes=8, tol=1e-9, random_state=0
    ),
    "bottleneck": lambda: InformationBottleneckClassifier(max_iter=150, hidden_layer_sizes=8, random_state=0),
    "gan": lambda: MINEGAN(max_iter=150, hidden_layer_sizes=8, random_state=0),
}
pytestmark = [
    pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on"),
    pytest.mark.filterwarnings("ignore:Training had not ended"),
]


class Watching:
    """A callback that records its input, and stops after some checks."""

    def __init__(self, most=99):
        self.most, self.checks, self.tasks, self.fitted, self.over = most, [], [], None, False

    def setup(self, estimator, context):
        self.tasks.append(context.task_name)

    def teardown(self, estimator, context):
        self.over = True

    def on_fit_task_begin(self, estimator, context, *, metadata=None):
        self.tasks.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        if context.task_name in ("check", "feature"):
            self.checks.append(metadata)
        else:
            self.fitted = fitted_estimator
        return len(self.checks) >= self.most


@pytest.mark.parametrize("name", MODELS)
def test_fit__callback__sees_each_check_and_the_fitted_estimator(name):
    callback = Watching()
    model = MODELS[name]().set_callbacks(callback).fit(X, Y)

    assert callback.tasks[:3] == ["fit", "fit", "check"]
    iterations = [check["iteration"] for check in callback.checks]
    assert iterations == [entry["iteration"] for entry in model.history_ if entry["iteration"]]
    assert callback.over
    read = "score_samples" if name == "estimator" else "transform"
    assert (getattr(callback.fitted, read)(X) == getattr(model, read)(X)).all()
    assert not [attribute for attribute in vars(model) if "ctx" in attribute]


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_fit__callback_returns_true__training_ends_without_a_warning(name, verbose):
    model = MODELS[name]().set_params(verbose=verbose).set_callbacks(Watching(most=2))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y)

    assert model.n_iter_ == 100
    assert model.history_[-1]["iteration"] == 100


def test_fit__callback__does_not_change_the_result():
    first, second = MODELS["estimator"](), MODELS["estimator"]().set_callbacks(Watching())

    assert first.fit(X, Y).mi_ == second.fit(X, Y).mi_


def test_fit__callback_raises__model_is_as_before_and_teardown_is_called():
    class Failing(Watching):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("a callback's own")

    callback = Failing()
    model = MODELS["estimator"]().fit(X, Y)
    before = model.mi_

    with pytest.raises(RuntimeError, match="a callback's own"):
        model.set_callbacks(callback).fit(X, 1 - Y)

    assert model.mi_ == before
    assert callback.over


WIDE = RNG.normal(size=(300, 6))
SUM = WIDE[:, :3].sum(axis=1)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_selector__callback__sees_each_feature_and_the_fitted_selector(strategy):
    callback = Watching()
    selector = MINEFeatureSelector(3, strategy=strategy, include=[5]).set_callbacks(callback).fit(WIDE, SUM)

    assert callback.tasks[:3] == ["fit", "fit", "feature"]
    in_order = np.argsort(selector.ranking_)[1:3].tolist()
    assert callback.checks == [{"iteration": i + 2, "columns": [j]} for i, j in enumerate(in_order)]
    assert callback.over
    np.testing.assert_array_equal(callback.fitted.transform(WIDE), selector.transform(WIDE))
    without = MINEFeatureSelector(3, strategy=strategy, include=[5]).fit(WIDE, SUM)
    np.testing.assert_array_equal(selector.scores_, without.scores_)


@pytest.mark.parametrize("asked", ["auto", 3])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_selector__callback_returns_true__selection_ends(strategy, asked):
    selector = MINEFeatureSelector(asked, strategy=strategy).set_callbacks(Watching(most=2)).fit(WIDE, SUM)

    assert selector.n_features_ == 2
    assert sorted(selector.ranking_) == list(range(1, 7))
    assert np.isfinite(selector.scores_).all()


def test_selector__callback_raises__selector_is_as_before():
    class Failing(Watching):
        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("a callback's own")

    selector = MINEFeatureSelector(1).fit(WIDE, WIDE[:, 1])
    with pytest.raises(RuntimeError, match="a callback's own"):
        selector.set_callbacks(Failing()).fit(WIDE, WIDE[:, 2])

    assert np.flatnonzero(selector.support_) == [1]


def test_selector__callback_and_own_strategy__on_step_returns_whether_to_stop():
    answers = []

    def in_order(task):
        answers.extend(task.on_step(feature) for feature in range(3))
        return SelectionRanking(np.arange(6), 3, np.zeros(6), np.ones(6))

    MINEFeatureSelector(strategy=in_order).set_callbacks(Watching(most=2)).fit(WIDE, SUM)

    assert answers == [False, True, True]
