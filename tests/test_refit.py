"""Fits that fail or are interrupted: the previous model still works."""

import pickle
import threading

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skmine import MINEGAN, InformationBottleneckClassifier, MINEFeatureSelector, MutualInfoEstimator
from skmine._refit import new_fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 6))
Y = (X[:, 0] + 0.5 * RNG.normal(size=80) > 0).astype(int)

#: Estimators -> their predictions for rows, and a place where training can be made to fail.
MODELS = {
    "estimator": (
        lambda: MutualInfoEstimator(critic="concat", cv=2, max_iter=0, random_state=0),
        lambda model: model.score_samples(X, Y),
        "skmine._estimator.choose_sample",
    ),
    "selector": (
        lambda: MINEFeatureSelector(2, random_state=0),
        lambda model: model.transform(X),
        "skmine._selector.counter",
    ),
    "bottleneck": (
        lambda: InformationBottleneckClassifier(max_iter=5, random_state=0),
        lambda model: model.predict_proba(X),
        "skmine.nn.train_bottleneck",
    ),
    "gan": (
        lambda: MINEGAN(max_iter=5, random_state=0),
        lambda model: model.transform(X[:10]),
        "skmine.nn.train_gan",
    ),
}
BAD = {
    "other columns": (X[:, :3], Y[:5]),
    "infinite": (np.where(X > 2, np.inf, X), Y),
    "no rows": (X[:0], Y[:0]),
}


def fails(*_, **__):
    raise MemoryError("no memory")


def is_interrupted(*_, **__):
    raise KeyboardInterrupt


@pytest.fixture(params=MODELS)
def kind(request):
    return MODELS[request.param]


@pytest.mark.parametrize("bad", [name for name in BAD if name != "other columns"])
def test_fit__bad_rows_the_second_time__old_model_works(kind, bad):
    make, read, _ = kind
    model = make().fit(X, Y)
    before, state = read(model), set(vars(model))

    with pytest.raises(ValueError):  # noqa: PT011 - which one is tested where it is raised
        model.fit(*BAD[bad])

    assert (read(model) == before).all()
    assert set(vars(model)) == state


@pytest.mark.parametrize("error", [fails, is_interrupted])
def test_fit__training_fails_with_other_columns__old_model_works(kind, error, monkeypatch):
    make, read, where = kind
    model = make().fit(X, Y)
    before = read(model)
    monkeypatch.setattr(where, error)

    with pytest.raises((MemoryError, KeyboardInterrupt)):
        model.fit(X[:, :3], Y)

    assert model.n_features_in_ == 6
    assert (read(model) == before).all()
    assert (read(pickle.loads(pickle.dumps(model))) == before).all()


@pytest.mark.parametrize("error", [fails, is_interrupted])
def test_fit__training_fails_the_first_time__is_not_fitted(kind, error, monkeypatch):
    make, read, where = kind
    model = make()
    monkeypatch.setattr(where, error)

    with pytest.raises((MemoryError, KeyboardInterrupt)):
        model.fit(X, Y)

    with pytest.raises(NotFittedError):
        read(model)
    assert not [name for name in vars(model) if name.endswith("_")]


def test_fit__another_thread_reads_meanwhile__sees_the_old_model_or_the_new(kind):
    make, read, _ = kind
    model = make().fit(X, Y)
    seen, is_over = [], threading.Event()

    def look():
        while not is_over.is_set():
            seen.append(read(model))

    old, thread = read(model), threading.Thread(target=look)
    thread.start()
    model.fit(X, 1 - Y)
    is_over.set()
    thread.join()

    assert seen
    assert all((values == old).all() or (values == read(model)).all() for values in seen)


def test_fit__attribute_of_the_last_fit_alone__is_gone():
    selector = MINEFeatureSelector(1, mi_path=True, random_state=0).fit(X, Y)
    assert len(selector.mi_path_) == 1

    selector.set_params(mi_path=False).fit(X, Y)

    assert not hasattr(selector, "mi_path_")


def test_new_fit__parameters_that_end_in_an_underscore__stay():
    class Model(MutualInfoEstimator):
        def __init__(self, alpha_=1):
            super().__init__()
            self.alpha_ = alpha_

        def get_params(self, deep=True):
            return {"alpha_": self.alpha_}

    model = Model(3)
    with new_fit(model) as work:
        work.mi_ = 1.0

    assert (model.alpha_, model.mi_) == (3, 1.0)
