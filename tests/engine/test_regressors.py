"""Predictions of rows by trees and kernels of other rows."""

import numpy as np
import pytest
import torch

from skmine._engine.regressors import predicted_by_kernels, predicted_by_trees


def draw(n, d, function, seed=0):
    """Columns, a function of them with noise, minus its mean, and equal weights."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = (torch.randn(n, k, generator=generator).double() for k in (d, 1))
    y = function(x).unsqueeze(1) + noise
    return x, y - y.mean(0), torch.ones(n, dtype=torch.float64)


PREDICT = {
    "trees": predicted_by_trees,
    "kernels": lambda x, *rest: predicted_by_kernels(x, *rest, [tuple(range(x.shape[1]))]),
}


@pytest.mark.parametrize("name", PREDICT)
@pytest.mark.parametrize("d", [3, 40])
def test_predicted__noise__is_no_function_of_its_own_row(name, d):
    x, y, weight = draw(1000, d, lambda x: 0 * x[:, 0])

    predicted = PREDICT[name](x, y, weight, torch.arange(1000) % 4)

    # Chance is 1 / 1000^(1/2) = 0.03. Models that knew the row would have a correlation above 0.5 with it.
    correlation = np.corrcoef(predicted[:, 0], y[:, 0])[0, 1] if predicted.any() else 0.0
    assert abs(correlation) < 0.15


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("trees", lambda x: 3.0 * (x[:, 0] > 0.3) * (x[:, 1] > 0)),
        ("kernels", lambda x: 2 * (5 * x[:, :2].sum(1)).sin()),
    ],
)
def test_predicted__function_of_their_kind__is_found(name, function):
    x, y, weight = draw(1000, 2, function)

    predicted = PREDICT[name](x, y, weight, torch.arange(1000) % 4)

    assert np.corrcoef(predicted[:, 0], y[:, 0])[0, 1] > 0.7


@pytest.mark.parametrize("name", PREDICT)
def test_predicted__copies_of_rows_in_one_part__are_not_known(name):
    x, y, weight = draw(200, 3, lambda x: 0 * x[:, 0])
    x, y, weight = (part.repeat_interleave(5, 0) for part in (x, y, weight))

    predicted = PREDICT[name](x, y, weight, (torch.arange(1000) // 5) % 4)

    # Models that knew a copy would be sure of its value. Chance is 1 / 200^(1/2) = 0.07.
    correlation = np.corrcoef(predicted[:, 0], y[:, 0])[0, 1] if predicted.any() else 0.0
    assert abs(correlation) < 0.3
