"""Saved estimators: pickle, memory maps and skops give the same values, and contain no torch tensors."""

import io
import math
import pickle
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression

from skmine import MINEGAN, InformationBottleneckClassifier, MINEFeatureSelector, MutualInfoEstimator, nn
from skmine._engine import contest
from skmine._engine.critics import member_lists
from skmine._frozen import FrozenModule

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 3))
LINEAR = X[:, 0] + 0.5 * RNG.normal(size=150)
MIXED = pd.DataFrame(X, columns=list("abc")).assign(t=np.array(["u", "v"])[(X[:, 0] > 0).astype(int)])
CLASSES = np.digitize(X[:, 0] + X[:, 1] ** 2, [-1, 0, 1])


class Gated(torch.nn.Module):
    """A critic with a tensor that is neither parameter nor buffer, in a tuple."""

    def __init__(self, d_x, d_y):
        super().__init__()
        self.read = torch.nn.Linear(d_x + d_y, 1)
        self.scales = (torch.full((1,), 0.5), "half")

    def forward(self, x, y):
        return self.scales[0] * self.read(torch.cat([x, y], -1)).squeeze(-1)


def estimate(X, y, **parameters):
    quick = {"cv": 2, "max_iter": 50, "hidden_layer_sizes": (8, 8), "random_state": 0}
    return MutualInfoEstimator(**{**quick, **parameters}).fit(X, y)


def estimate_by_regression(kinds, rows, y):
    """An estimate whose best critic reads predictions of these kinds of regressors."""
    with mock.patch.object(contest, "misfits", return_value=[math.inf]):  # all forms are tried
        estimator = estimate(rows, y, max_iter=0, cv=None)
    predictions = member_lists(estimator._critic.frozen.module)
    assert kinds & {type(part).__name__ for one in predictions for part in one.regressors}
    return estimator, rows


GATE = RNG.normal(size=(400, 3))
RULES = RNG.uniform(size=(510, 4))  # trees need 400 rows of training
RULED = (RULES[:, 0] > 0.4) * (RULES[:, 1] > 0.7) + (RULES[:, 2] > 0.5) + 0.2 * RNG.normal(size=510)
FITTED = {
    "gaussian": lambda: (estimate(X[:, :1], LINEAR, critic="concat", max_iter=0), X[:, :1]),
    "contest": lambda: (estimate(X[:, :1], np.sin(3 * X[:, 0]) + 0.1 * LINEAR), X[:, :1]),
    "radial": lambda: (estimate(X, (X**2).sum(1) + 0.1 * LINEAR, cv=None), X),
    "mixed columns": lambda: (estimate(MIXED, LINEAR, cv=None), MIXED),
    "discrete": lambda: (estimate(X[:, :1] > 0, CLASSES), X[:, :1] > 0),
    "classes": lambda: (estimate(X, CLASSES, cv=None), X),
    "classes, network": lambda: (estimate(X, CLASSES, critic="concat"), X),
    "separable": lambda: (estimate(X, LINEAR, critic="separable", bound="infonce"), X),
    "own critic and bound": lambda: (estimate(X, LINEAR, critic=Gated, bound=nn.SMILE(2.0)), X),
    "regression": lambda: estimate_by_regression(
        {"KernelRegressor", "NetworkRegressor"}, GATE, np.where(GATE[:, 0] > 0, GATE[:, 1], GATE[:, 2])
    ),
    "trees": lambda: estimate_by_regression({"TreesRegressor"}, RULES, RULED),
    "model": lambda: (estimate(X, LINEAR, critic=LinearRegression()), X),
    "selector": lambda: (MINEFeatureSelector(2, random_state=0).fit(X, LINEAR), X),
    "bottleneck": lambda: (InformationBottleneckClassifier(max_iter=3).fit(X, CLASSES), X),
    "gan": lambda: (MINEGAN(max_iter=3, n_codes=2).fit(X), X[:20]),
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few iterations


def values(model, X):
    return model.score_samples(X) if hasattr(model, "score_samples") else model.transform(X)


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_skops(model):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    types = skops.get_untrusted_types(data=data)
    # As described on the page on persistence of the user guide, plus the critic of this test.
    known = ("skmine.", "torch.nn.modules.container.", "sklearn.ensemble._hist_gradient_boosting.")
    own = {f"{__name__}.Gated", "torch.nn.modules.linear.Linear"}
    assert [name for name in types if not name.startswith(known) and name not in own] == []
    return skops.loads(data, trusted=types)


@pytest.fixture(params=FITTED, scope="module")
def fitted(request):
    return FITTED[request.param]()


@pytest.mark.parametrize("copy", [by_pickle, by_skops])
def test_copy__any_fitted_estimator__same_values(copy, fitted):
    model, X = fitted

    np.testing.assert_array_equal(values(copy(model), X), values(model, X))


class Tensors(pickle.Pickler):
    """Finds the tensors that a pickle would contain."""

    def __init__(self):
        super().__init__(io.BytesIO())
        self.found = []

    def reducer_override(self, value):
        if isinstance(value, (torch.Tensor, torch.Generator)):
            self.found.append(value)
            return None.__class__, ()
        return NotImplemented


def test_pickle__any_fitted_estimator__holds_no_tensor(fitted):
    model, X = fitted
    values(model, X)  # caches are not written
    pickler = Tensors()

    pickler.dump(model)

    assert pickler.found == []


def test_frozen_module__shared_parts_and_plain_tensors__come_back():
    class Doubling(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(2, 2)
            self.again = [self.first]
            self.shift = {"by": (torch.ones(2), 3)}
            self.register_buffer("passing", torch.arange(2.0), persistent=False)

        def forward(self, x):
            return self.again[0](self.first(x)) + self.shift["by"][0] + self.passing

    module = Doubling()
    x = torch.ones(4, 2)
    expected = module(x)

    copy = FrozenModule(module).module

    assert torch.allclose(copy(x.double()).float(), expected, atol=1e-6)
    assert copy.again[0] is copy.first
    assert copy.shift["by"][1] == 3
