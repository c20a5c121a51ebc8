"""No operation mixes devices: fits on a simulated device."""

import numpy as np
import pytest
import torch
from pretend import PretendDevice

from skmine import MutualInfoEstimator


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    return PretendDevice()


def draw(n=200):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=n)


QUICK = {"cv": 2, "hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0}


def test_pretend_device__two_devices__error(device):
    with device:
        there = torch.ones(3).to("cuda")

        assert (there + 1).device.type == "cuda"
        assert there.cpu().device.type == "cpu"
        assert (there.cpu() + torch.ones(3)).device.type == "cpu"
        with pytest.raises(RuntimeError, match="two devices"):
            there + torch.ones(3)
        with pytest.raises(TypeError, match="NumPy"):
            there.numpy()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 20 minibatches
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("critic", ["auto", "separable", "concat"])
def test_estimator__device__never_mixed_and_same_value(device, critic, classes):
    X, y = draw(500 if critic == "auto" else 100)
    y = y > 0 if classes else y
    expected = MutualInfoEstimator(critic=critic, device="cpu", **QUICK).fit(X, y)

    with device:
        fitted = MutualInfoEstimator(critic=critic, device="cuda", **QUICK).fit(X, y)
        score = fitted.score(X, y)

    assert device.n_calls > 100
    assert fitted.mi_ == expected.mi_
    assert score == expected.score(X, y)
