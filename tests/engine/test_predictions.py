"""Regressors: what each learns from rows, and their predictions as a map."""

import pytest
import torch
from blocks import make_folds, make_sample

from skmine._engine.evidence import fit_network
from skmine._engine.kernel import Plan
from skmine._engine.predictions import Predictions, Targets, learn
from skmine._engine.regressors import KernelRegressor, NetworkRegressor


def wave(n, seed, d=3):
    """Columns, and a smooth function of two of them with noise."""
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    noise = torch.randn(n, 1, generator=torch.Generator().manual_seed(seed + 1))
    return x, x[:, :1].sin() + x[:, -1:] + 0.1 * noise


def targets_of(sample, are_equal=True):
    target = sample.y.core.double()
    return Targets([target] * sample.n_members, list(sample.folds.learning), are_equal)


def test_learn__networks_of_five_folds__are_shared_by_members_that_predict_the_same():
    x, y = wave(400, 0)
    counts = []
    for n_folds in (4, 5):
        for are_equal in (True, False):
            sample = make_sample(x, y, make_folds(400, n_folds))
            learnt = learn(NetworkRegressor((0, 1, 2)), sample, 0, targets_of(sample, are_equal))
            networks = [one[0] for member in learnt for one in member.models]
            counts.append((len(networks), len({id(one) for one in networks})))

    assert counts == [(16, 16), (16, 16), (20, 10), (20, 20)]


def test_learn__kernels__new_rows_by_one_model_of_all_training_rows():
    sample = make_sample(*wave(200, 0))
    regressor = KernelRegressor(Plan((0, 1, 2), (), 1.0, 1e-3))

    learnt = learn(regressor, sample, 0, targets_of(sample))

    assert [len(member.models) for member in learnt] == [1] * 4
    assert len(learnt[0].models[0].kernel.landmarks) == 150  # the training rows of a member


@pytest.mark.parametrize(
    "regressor", [KernelRegressor(Plan((0, 2), (), 1.0, 1e-3)), NetworkRegressor((0, 2))]
)
def test_learn__sorted_rows__are_predicted_as_well_as_others(regressor):
    x, y = wave(1200, 0)
    order = x[:, 0].argsort()
    errors = []
    for rows in (torch.arange(1200), order):
        sample = make_sample(x[rows], y[rows])
        learnt = learn(regressor, sample, 0, targets_of(sample))
        target = sample.y.core[sample.fitted].double()
        predicted = torch.stack([member.predicted for member in learnt])
        errors.append(float((target - predicted).square().mean() / target.var()))

    # The noise is 0.01 / 1.44 of the variance.
    assert max(errors) < 0.03


def test_predictions__any_leading_axes__weighted_sum_of_the_means_of_models():
    x, y = (part.double() for part in wave(60, 0))
    kernel, network = KernelRegressor(Plan((0, 2), (), 1.0, 1e-3)), NetworkRegressor((1, 2))
    weight = torch.ones(60, dtype=torch.float64)
    y = torch.cat([y, -y], 1)
    kernels = [kernel.fit(x[rows], y[rows], weight[rows], 0) for rows in (slice(30), slice(30, 60))]
    networks = [[network.fit(x, y, weight, seed) for seed in pair] for pair in ((0, 1), (2, 3))]
    members = [[[kernels[k]], networks[k]] for k in range(2)]
    rows = torch.randn(2, 4, 5, 3, generator=torch.Generator().manual_seed(2))

    values = Predictions((kernel, network), ((0.5, 1.0), (2.0, 0.25)), members)(rows)

    assert values.shape == (2, 4, 5, 2)
    assert values.dtype == rows.dtype
    one = rows[1, 2, 3:4].double()
    mean = torch.stack([network.predict(model, one) for model in networks[1]]).mean(0)
    expected = torch.tensor([0.5, 1.0]) * kernel.predict(kernels[1], one) + torch.tensor([2.0, 0.25]) * mean
    torch.testing.assert_close(values[1, 2, 3:4].double(), expected, atol=1e-5, rtol=1e-5)


def test_network_regressor__columns_and_targets__one_network_of_these_columns_each():
    x, y = (part.double() for part in wave(60, 0))
    y, weight = torch.cat([y, y.square()], 1), torch.ones(60, dtype=torch.float64)

    models = NetworkRegressor((0, 2)).fit(x, y, weight, 3)

    expected = [fit_network(x[:, [0, 2]], target, weight, len(models[0].out), 3) for target in y.T]
    for found, network in zip(models, expected, strict=True):
        torch.testing.assert_close(found.predict(x[:, [0, 2]]), network.predict(x[:, [0, 2]]))
