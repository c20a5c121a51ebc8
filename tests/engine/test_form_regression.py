"""The regression form: kernel ridge regression of one block, and mixtures of its predictions."""

import numpy as np
import pytest
import torch
from blocks import draw_pairs, held_out_value, make_folds, make_sample

from skmine._engine.forms import regression
from skmine._engine.forms.mixture import ClassMixtureReference, MixtureReference
from skmine._engine.forms.regression import Kernel, KernelRegression, Regression, choose_kernel
from skmine._engine.sample import Block, Sample


def product(n, seed, n_noise=0):
    """Two columns and their product, which no column shows by itself, with some noise: 1.91 nats."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2 + n_noise, generator=generator)
    return x, (2 * x[:, :1]).sin() * x[:, 1:2] + 0.1 * torch.randn(n, 1, generator=generator)


def settings(sample):
    return [list(path) for path in KernelRegression().settings(sample, None)]


def fit(sample):
    """The form's mixture of four components."""
    return KernelRegression().fit(sample, settings(sample)[0][2])


@pytest.mark.parametrize(
    ("d_x", "d_y", "expected"), [(2, 1, True), (1, 2, True), (1, 1, False), (12, 10, True), (12, 11, False)]
)
def test_applies__several_columns_against_a_few(d_x, d_y, expected):
    x, y = torch.randn(60, d_x + d_y, generator=torch.Generator().manual_seed(0)).split((d_x, d_y), 1)

    assert KernelRegression().applies(make_sample(x, y)) is expected


@pytest.mark.parametrize(("n_classes", "expected"), [(1, False), (2, True), (11, True), (12, False)])
def test_applies__a_few_classes(n_classes, expected):
    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    one_hot = torch.eye(n_classes)[torch.arange(60) % n_classes]

    assert KernelRegression().applies(make_sample(x, one_hot, is_y_discrete=True)) is expected
    assert not KernelRegression().applies(
        make_sample(one_hot, one_hot, is_x_discrete=True, is_y_discrete=True)
    )


def test_kernel__axes__are_functions_that_give_the_kernel():
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0)).double()

    features = Kernel.at((0, 2), x[:, [0, 2]], 0.7).features(x)

    square = torch.cdist(x[:, [0, 2]], x[:, [0, 2]]) ** 2
    # Functions below 1e-7 of the largest eigenvalue, of up to 30, are left out.
    torch.testing.assert_close(features @ features.T, (-square / (2 * 0.49)).exp(), atol=1e-4, rtol=0)


def test_regress__predictions__are_of_a_ridge_regression_on_the_other_parts():
    generator = torch.Generator().manual_seed(0)
    features, y = torch.randn(50, 4, generator=generator).double(), torch.randn(50, 2, generator=generator)
    weight = torch.linspace(0.5, 2, 50).double()

    coefficients, predicted = regression._regress(features, y.double(), weight, 0.1)

    share = (weight / weight.mean())[:, None]
    others, part = slice(10, None), slice(10)
    gram = features[others].T @ (share[others] * features[others]) + 0.1 * 40 * torch.eye(4).double()
    slope = torch.linalg.solve(gram, (share[others] * features[others]).T @ y[others].double())
    torch.testing.assert_close(predicted[part], features[part] @ slope)
    whole = features.T @ (share * features) + 0.1 * 50 * torch.eye(4).double()
    torch.testing.assert_close(coefficients, torch.linalg.solve(whole, features.T @ (share * y.double())))


def test_regress__noise__predictions_of_other_parts_are_no_function_of_the_targets():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1000, 20, generator=generator).double()
    y = torch.randn(1000, 1, generator=generator).double()

    _, predicted = regression._regress(features, y, torch.ones(1000).double(), 1.0)

    # Shrunken predictions with the row left out one by one have a correlation near -1 with it; in five parts
    # the mean of the other parts leaves less than 0.1, and chance 1 / 1000^(1/2) = 0.03: three of them.
    assert abs(np.corrcoef(predicted[:, 0], y[:, 0])[0, 1]) < 0.2


def test_choose_kernel__smooth_function_of_several_columns__explains_it(seed):
    x, y = product(800, seed)

    kernel, error = choose_kernel(make_sample(x, y), 0, y.double())

    assert set(kernel.columns) <= {0, 1}
    # Of a variance of about 0.5 the noise is 0.02.
    assert 0.01 < error < 0.3


def test_choose_kernel__own_units__are_read_where_they_explain_more():
    generator = torch.Generator().manual_seed(0)
    core = torch.randn(600, 2, generator=generator)
    units = torch.where(core > 0, 8.0, 0.0) * core**4  # far apart where normal scores are near
    y = (units[:, :1] / 5).sin() + (units[:, 1:] / 5).sin()
    block = Block(torch.cat([core, units], 1), 2, origin=torch.arange(2).repeat(2), n_scaled=2)
    sample = Sample(block, Block(y, 1), make_folds(600))
    plain = Sample(Block(core, 2), Block(y, 1), make_folds(600))

    _, error = choose_kernel(sample, 0, y.double())

    assert error <= choose_kernel(plain, 0, y.double())[1]


def test_settings__nothing_to_explain__none():
    x, y = torch.randn(2, 400, 4, generator=torch.Generator().manual_seed(0))
    sample = make_sample(x, y[:, :1])

    found = choose_kernel(sample, 0, y[:, :1].double())[1]

    assert bool(settings(sample)) == (found < 1)


def test_fit__smooth_function__most_of_its_information(seed):
    sample = make_sample(*product(800, seed))

    found = fit(sample)

    assert isinstance(found.critic.reference, MixtureReference)
    # Neither a Gaussian copula nor a mixture of the columns comes near.
    assert 1.2 < held_out_value(sample, found) < 1.91 + 0.15  # three standard errors of a mean of 800 rows


@pytest.mark.parametrize("swapped", [False, True])
def test_fit__either_block__predicts_the_one_of_fewer_columns(swapped, seed):
    x, y = product(600, seed)
    sample = make_sample(y, x) if swapped else make_sample(x, y)

    reference = fit(sample).critic.reference

    predicts, told = (
        (reference.project_y, reference.project_x) if swapped else (reference.project_x, reference.project_y)
    )
    assert isinstance(predicts, Regression)
    assert predicts.width == told.width == 1
    torch.testing.assert_close(told(y.expand(4, -1, -1)), y.expand(4, -1, -1))


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
        value = held_out_value(sample, KernelRegression().fit(sample, path[0]))
        assert abs(value) < 0.03


def test_fit__rows_of_weight_zero__are_not_read():
    x, y = product(600, 0)
    kept = torch.arange(600) % 3 > 0
    spoilt = torch.where(kept[:, None], y, 9.0)
    values = []
    for target in (y, spoilt):
        sample = make_sample(x, target, weight=kept.float())
        values.append(held_out_value(sample, fit(sample)))

    assert values[1] == pytest.approx(values[0], abs=0.1)
    assert values[1] > 0.3


@pytest.mark.parametrize("kind", ["constant target", "constant columns", "atoms", "few rows"])
def test_fit__degenerate_columns__are_finite(kind):
    x, y = draw_pairs(40 if kind == "few rows" else 200, [0.9, 0.5, 0.2])
    y = y[:, :1]
    if kind == "constant target":
        y = torch.zeros_like(y)
    if kind == "constant columns":
        x = torch.zeros_like(x)
    if kind == "atoms":
        x, y = (x > 1).float(), (y > 1).float()
    sample = make_sample(x, y)

    for path in settings(sample):
        for setting in path:
            assert np.isfinite(held_out_value(sample, KernelRegression().fit(sample, setting)))


def test_regression__any_leading_axes__predictions_of_the_kernel():
    generator = torch.Generator().manual_seed(0)
    landmarks = torch.randn(7, 2, generator=generator).double()
    told = Regression(Kernel.at((0, 2), landmarks, 1.0), torch.randn(3, 7, 1, generator=generator).double())
    x = torch.randn(3, 4, 5, 3, generator=generator).double()

    values = told(x)

    assert values.shape == (3, 4, 5, 1)
    square = ((x[1, 2, 3, [0, 2]] - landmarks) ** 2).sum(1)
    torch.testing.assert_close(values[1, 2, 3], (-square / 2).exp() @ told.coefficients[1])
