"""The regression form: regressions of one block, and mixtures with its predictions."""

import blocks
import numpy as np
import pytest
import torch
from blocks import draw_pairs, held_out_value, make_folds

from skmine._engine import em
from skmine._engine.forms.mixture import ClassMixtureReference, MixtureReference
from skmine._engine.forms.regression import Regression, _stacking_weights
from skmine._engine.predictions import Predictions
from skmine._engine.regressors import KernelRegressor, NetworkRegressor


def make_sample(x, y, **parameters):
    """A sample in two folds."""
    return blocks.make_sample(x, y, make_folds(len(x), 2), **parameters)


def product(n, seed, n_noise=0):
    """Two columns and their product with noise, which is independent of each single column: 1.91 nats."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2 + n_noise, generator=generator)
    return x, (2 * x[:, :1]).sin() * x[:, 1:2] + 0.1 * torch.randn(n, 1, generator=generator)


def settings(sample):
    return [list(path) for path in Regression().settings(sample, None)]


def fit(sample):
    """The form's mixture of four components."""
    return Regression().fit(sample, settings(sample)[0][2])


@pytest.mark.parametrize(
    ("d_x", "d_y", "expected"), [(2, 1, True), (1, 2, True), (1, 1, False), (12, 10, True), (12, 11, False)]
)
def test_applies__several_columns_against_a_few(d_x, d_y, expected):
    x, y = torch.randn(60, d_x + d_y, generator=torch.Generator().manual_seed(0)).split((d_x, d_y), 1)

    assert Regression().applies(make_sample(x, y)) is expected


@pytest.mark.parametrize(("n_classes", "expected"), [(1, False), (2, True), (12, True)])
def test_applies__classes(n_classes, expected):
    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    one_hot = torch.eye(n_classes)[torch.arange(60) % n_classes]

    assert Regression().applies(make_sample(x, one_hot, is_y_discrete=True)) is expected
    assert not Regression().applies(make_sample(one_hot, one_hot, is_x_discrete=True, is_y_discrete=True))


def test_settings__nothing_to_explain__none_or_nothing_is_found(seed):
    x, y = torch.randn(2, 400, 4, generator=torch.Generator().manual_seed(seed))
    sample = make_sample(x, y[:, :1])

    values = [held_out_value(sample, Regression().fit(sample, path[0])) for path in settings(sample)]

    assert all(abs(value) < 0.03 for value in values)


def fast_wave(n, seed):
    """Six periods across two columns."""
    x = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed))
    return x, (20 * x.sum(1, keepdim=True)).sin()


def gate(n, seed):
    """One of two sums of four columns, chosen by the sign of a fifth."""
    x = torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))
    return x, torch.where(x[:, :1] > 0, x[:, 1:5].sum(1, keepdim=True), -x[:, 1:3].sum(1, keepdim=True))


@pytest.mark.parametrize(("function", "kind"), [(fast_wave, KernelRegressor), (gate, NetworkRegressor)])
def test_settings__regression_of_the_smaller_error__has_the_largest_weight(function, kind, seed):
    x, y = function(800, seed)
    noise = 0.1 * torch.randn(800, 1, generator=torch.Generator().manual_seed(seed + 1))

    (stack, *_) = settings(make_sample(x, y + noise))[0][0].source

    heaviest = max(zip(stack.weights, stack.parts, strict=True), key=lambda one: one[0])
    assert isinstance(heaviest[1], kind)


def test_settings__errors_that_differ__are_averaged_out(seed):
    """A network and a sum of curves are each right about a half of the function."""
    x = torch.randn(800, 4, generator=torch.Generator().manual_seed(seed))
    y = (3 * x[:, :2]).sin().sum(1, keepdim=True) + torch.where(x[:, 2:3] > 0, x[:, 3:], -x[:, 3:])

    (stack, *_) = settings(make_sample(x, y))[0][0].source

    assert len(stack.parts) > 1
    assert all(weight >= 0 for (weight,) in stack.weights)


def test_stacking_weights__are_those_of_the_smallest_weighted_error_and_not_negative():
    generator = torch.Generator().manual_seed(0)
    first, second, third = torch.randn(3, 500, 2, generator=generator).double()
    weight = (torch.arange(500) < 400).double()
    y = 0.3 * first + 0.6 * second - 0.2 * third + 5
    y[400:] = 100

    weights, error = _stacking_weights(torch.stack([first, second, third]), y, weight)

    constant, no_error = _stacking_weights(torch.stack([first]), 0 * y, weight)
    assert (constant, no_error) == ([[0, 0]], 1)
    assert np.shape(weights) == (3, 2)
    np.testing.assert_allclose(weights, [[0.3, 0.3], [0.6, 0.6], [0, 0]], atol=0.03)
    assert error == pytest.approx(0.04 / 0.49, rel=0.15)


def test_fit__smooth_function__most_of_its_information(seed):
    sample = make_sample(*product(800, seed))

    found = fit(sample)

    assert isinstance(found.critic.reference, MixtureReference)
    # A Gaussian copula and a mixture of the columns are both far too low.
    assert 1.2 < held_out_value(sample, found) < 1.91 + 0.15  # three standard errors of a mean of 800 rows


@pytest.mark.parametrize("swapped", [False, True])
def test_fit__either_block__predicts_the_one_of_fewer_columns(swapped, seed):
    x, y = product(200, seed)
    sample = make_sample(y, x) if swapped else make_sample(x, y)

    reference = fit(sample).critic.reference

    predicts, told = (
        (reference.project_y, reference.project_x) if swapped else (reference.project_x, reference.project_y)
    )
    assert isinstance(predicts, Predictions)
    assert predicts.width == told.width == 1
    torch.testing.assert_close(told(y.expand(2, -1, -1)), y.expand(2, -1, -1))


def test_fit__classes__of_a_product_of_columns(seed):
    x, y = product(800, seed)
    one_hot = torch.eye(2)[(y[:, 0] > 0).long()]
    sample = make_sample(x, one_hot, is_y_discrete=True)

    found = fit(sample)

    assert isinstance(found.critic.critic.reference, ClassMixtureReference)
    assert 0.3 < held_out_value(sample, found) < np.log(2)


def test_fit__independent_blocks__next_to_nothing(seed):
    x, y = torch.randn(2, 800, 3, generator=torch.Generator().manual_seed(seed))
    sample = make_sample(x, y[:, :1])

    for path in settings(sample):
        value = held_out_value(sample, Regression().fit(sample, path[0]))
        assert abs(value) < 0.03


def test_fit__rows_of_weight_zero__are_not_read():
    x, y = product(420, 0)
    kept = torch.arange(420) % 3 > 0
    spoilt = torch.where(kept[:, None], y, 9.0)
    values = []
    for target in (y, spoilt):
        sample = make_sample(x, target, weight=kept.float())
        values.append(held_out_value(sample, fit(sample)))

    assert values[1] == pytest.approx(values[0], abs=0.1)
    assert values[1] > 0.3


@pytest.mark.parametrize(
    "kind", ["constant target", "constant and copied target", "constant columns", "atoms", "few rows"]
)
def test_fit__degenerate_columns__are_finite(kind):
    x, y = draw_pairs(40 if kind == "few rows" else 100, [0.9, 0.5, 0.2])
    y = y[:, :1]
    if kind == "constant target":
        y = torch.zeros_like(y)
    if kind == "constant and copied target":
        y = torch.cat([torch.zeros_like(y), x[:, :1], y], 1)
    if kind == "constant columns":
        x = torch.zeros_like(x)
    if kind == "atoms":
        x, y = (x > 1).float(), (y > 1).float()
    sample = make_sample(x, y)

    for path in settings(sample):
        for setting in path:
            assert np.isfinite(held_out_value(sample, Regression().fit(sample, setting)))


def uneven(n, seed):
    """A sum of two columns and noise whose size depends on a third column, and its mutual information."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=generator)
    return x, x[:, :1] + x[:, 1:2] + x[:, 2:].exp() * torch.randn(n, 1, generator=generator)


def test_settings__noise_of_uneven_size__its_size_is_read_too(seed):
    sample = make_sample(*uneven(800, seed))

    paths = settings(sample)

    assert [len(path[0].source) for path in paths] == [1, 2]
    values = [
        max(held_out_value(sample, form.fit(sample, setting)) for setting in path)
        for path, form in zip(paths, [Regression(), Regression()], strict=True)
    ]
    # The true value is .86 nats. The mean alone explains less, by more than a standard error of .03.
    assert values[1] > values[0] + 0.05


def test_settings__noise_of_one_size__its_size_is_not_read():
    x, y = product(800, 0)
    y = x[:, :1] + 0.5 * torch.randn(800, 1, generator=torch.Generator().manual_seed(1))

    assert [len(path[0].source) for path in settings(make_sample(x, y))] == [1]


@pytest.mark.parametrize(
    # EM ends where a step changes the log density by less than its tolerance a row; a bank goes on until all
    # its members have converged. Further steps change it by less each, and there are at most 60.
    ("tolerance", "error"),
    [(0.0, 1e-6), (em._TOLERANCE, em._MOST_ITERATIONS * em._TOLERANCE)],
    ids=["as many steps", "until convergence"],
)
def test_fit__first_member_and_others__equal_the_whole_bank(tolerance, error, monkeypatch):
    monkeypatch.setattr(em, "_TOLERANCE", tolerance)
    sample = make_sample(*product(400, 0))
    form = Regression()
    setting = next(list(path) for path in form.settings(sample, None))[1]

    joined = form.fit(sample.first, setting).joined(form.fit(sample.others, setting))

    whole = form.fit(sample, setting)
    assert held_out_value(sample, joined) == pytest.approx(held_out_value(sample, whole), abs=error)
