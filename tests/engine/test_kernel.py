"""Kernel ridge regression in a learnt metric."""

import math

import numpy as np
import pytest
import torch

from skmine._engine import kernel as kernels
from skmine._engine.kernel import (
    Kernel,
    Plan,
    choose_plain,
    choose_plan,
    choose_sum,
    left_out,
    moments,
    solve,
)


def draw(n, d, function, seed, noise=0.3):
    """Rows of d normal columns, a function of them with noise, and equal weights."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator).double()
    y = function(x).unsqueeze(1) + noise * torch.randn(n, 1, generator=generator)
    return x, y, torch.ones(n).double()


def functions(kernel, x):
    """Orthonormal functions of rows."""
    return kernel.at_landmarks(x) @ kernel.axes


def wave(x):
    """Of one direction in all columns."""
    return (2.5 * x.sum(1) / math.sqrt(x.shape[1])).sin()


def test_kernel__axes__are_functions_that_give_the_kernel():
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0)).double()

    features = functions(Kernel.at(x[:30], (0, 2), torch.eye(2).double(), 0.7), x)

    square = torch.cdist(x[:, [0, 2]], x[:, [0, 2]]) ** 2
    width = 0.7 * torch.pdist(x[:, [0, 2]]).median()
    # 1e-7 a landmark is added to the diagonal, 3e-6 for 30.
    torch.testing.assert_close(features @ features.T, (-square / (2 * width**2)).exp(), atol=1e-5, rtol=0)


def test_kernel__repeated_landmarks__are_no_error():
    x = torch.ones(20, 2).double()

    assert torch.isfinite(functions(Kernel.at(x[:20], (0, 1), torch.eye(2).double(), 1.0), x)).all()


def test_metric__linear_function__its_direction_alone(seed):
    x, y, weight = draw(800, 4, lambda x: x[:, 1] - x[:, 2], seed)

    root = Kernel.at(x[:300], (0, 1, 2, 3), torch.ones(4).double(), 2.4).metric(x, y, weight, 1e-3)

    direction = torch.tensor([0.0, 1.0, -1.0, 0.0]).double() / math.sqrt(2)
    # Other gradients are those of noise: a few hundredths of the slope.
    assert float((direction @ root).square().sum()) > 0.9 * float(root.square().sum())


def test_metric__many_columns__only_the_leading_coordinates_are_kept(monkeypatch):
    x, y, weight = draw(400, 6, lambda x: (2 * x[:, 1]).sin() + x[:, 4], 0)
    kernel = Kernel.at(x[:300], tuple(range(6)), torch.ones(6).double(), 1.2)
    whole = kernel.metric(x, y, weight, 1e-3)

    monkeypatch.setattr(kernels, "MOST_COLUMNS", 2)
    leading = kernel.metric(x, y, weight, 1e-3)

    assert whole.shape == (6, 6)
    assert leading.shape == (6, 2)
    left, values, _ = torch.linalg.svd(whole)
    expected = (left[:, :2] * values[:2].square()) @ left[:, :2].T
    products = leading @ leading.T
    torch.testing.assert_close(products / products.trace(), expected / expected.trace())


def test_kernel__scales__are_a_diagonal_map():
    x, y, weight = draw(400, 3, wave, 0)
    scales = torch.tensor([1.0, 0.5, 2.0]).double()

    by_scales, by_map = (Kernel.at(x, (0, 1, 2), part, 0.6) for part in (scales, scales.diag()))

    torch.testing.assert_close(by_scales.at_landmarks(x), by_map.at_landmarks(x))
    roots = [kernel.metric(x, y, weight, 1e-3) for kernel in (by_scales, by_map)]
    torch.testing.assert_close(*[root @ root.T for root in roots])


def test_metric__against_differences__is_of_the_gradients():
    x, y, weight = draw(60, 2, lambda x: x[:, 0] ** 2 + x[:, 1], 0)
    kernel = Kernel.at(x[:60], (0, 1), torch.tensor([[1.0, 0.3], [0.0, 0.5]]).double(), 1.0)
    slope = solve(*moments(kernel.at_landmarks(x), kernel.axes, y, weight), 1e-2 * 60)

    root = kernel.metric(x, y, weight, 1e-2)

    step = 1e-5 * torch.eye(2).double()
    gradient = torch.cat(
        [(functions(kernel, x + e) - functions(kernel, x - e)) @ slope / 2e-5 for e in step], 1
    )
    outer = gradient.T @ gradient
    products = root @ root.T
    torch.testing.assert_close(products / products.trace(), outer / outer.trace(), atol=1e-6, rtol=0)


def test_fit__coefficients__are_of_a_ridge_regression_of_the_rows():
    x, y, _ = draw(50, 2, wave, 0)
    weight = torch.linspace(0.5, 2, 50).double()

    plan, share = Plan((0, 1), (), 1.0, 0.1), (weight / weight.mean())[:, None]

    _, coefficients, mean = model = plan.fit(x, y, weight)

    kernel = plan.kernel(x, y, weight)
    features = functions(kernel, x)
    torch.testing.assert_close(mean, (share * y).mean(0))
    gram = features.T @ (share * features) + 0.1 * 50 * torch.eye(50).double()
    slope = torch.linalg.solve(gram, features.T @ (share * (y - mean)))
    torch.testing.assert_close(coefficients, kernel.axes @ slope)
    torch.testing.assert_close(model.predict(x), features @ slope + mean)


def test_choose_plan__one_direction_of_several_columns__is_learnt(seed, monkeypatch):
    x, y, weight = draw(800, 6, wave, seed)
    choices = [tuple(range(6))]

    plan, error = choose_plan(x, y, weight, choices)

    monkeypatch.setattr(kernels, "_MOST_STEPS", 0)
    plain, plain_error = choose_plan(x, y, weight, choices)
    assert not plain.steps
    assert plan.steps
    # The noise is 0.09 / 0.59 of the variance.
    assert 0.1 < error < 0.3 < plain_error


def test_choose_plan__noise_of_many_columns__no_metric_is_learnt(seed):
    x, y, weight = draw(200, 60, lambda x: 0 * x[:, 0], seed, noise=1.0)

    plan, error = choose_plan(x, y, weight, [tuple(range(60))])

    # A metric of all these rows would explain half of the noise in them; chance, up to a tenth.
    assert not plan.steps or error > 0.75


def test_choose_plan__columns__those_of_the_smallest_error():
    x, y, weight = draw(600, 12, lambda x: x[:, 0] * x[:, 1], 0)

    plan, _ = choose_plan(x, y, weight, [tuple(range(12)), (0, 1), (2, 3)])

    assert plan.columns == (0, 1)


def test_left_out__more_noise__a_larger_one():
    found = []
    for noise in (0.05, 2.0):
        x, y, weight = draw(400, 2, wave, 0, noise)
        kernel = Kernel.at(x[:100], (0, 1), torch.eye(2).double(), 1.0)
        found.append(left_out(kernel.at_landmarks(x), kernel.axes, y - y.mean(), weight))

    (small, small_error), (large, large_error) = found
    assert small < large
    assert small_error < 0.1
    assert 0.5 < large_error < 1.2


def test_left_out__error__is_that_of_regressions_without_the_row():
    x, y, weight = draw(40, 2, wave, 0)
    y = y - y.mean()
    kernel = Kernel.at(x[:10], (0, 1), torch.eye(2).double(), 1.0)
    features = functions(kernel, x)

    ridge, error = left_out(kernel.at_landmarks(x), kernel.axes, y, weight)

    expected = torch.empty_like(y)
    for i in range(40):
        others = torch.arange(40) != i
        gram, moment = features[others].T @ features[others], features[others].T @ y[others]
        expected[i] = features[i] @ solve(gram, moment, ridge * 40)
    assert error == pytest.approx(float((y - expected).square().mean() / y.square().mean()), rel=1e-6)


def test_narrower__values__are_a_power_of_those_of_the_wide_kernel():
    x, _, _ = draw(60, 3, wave, 0)
    wide = Kernel.at(x[:20], (0, 2), torch.eye(2).double(), 2.0)

    narrow = wide.narrower(8.0)

    expected = Kernel.at(x[:20], (0, 2), torch.eye(2).double(), 0.25)
    torch.testing.assert_close(narrow.at_landmarks(x), expected.at_landmarks(x))
    torch.testing.assert_close(narrow.axes, expected.axes)
    torch.testing.assert_close(wide.at_landmarks(x).pow(64), expected.at_landmarks(x), rtol=1e-6, atol=1e-12)


def test_choose_plain__narrow_kernel_after_wide_ones_that_find_nothing__is_tried(seed):
    x, y, weight = draw(1000, 2, lambda x: (8 * x.sum(1)).sin(), seed)

    plan, error = choose_plain(x, y, weight, [(0, 1)])

    assert plan.share < 0.5
    assert error < 0.8


def test_sum_at__functions__are_orthonormal_for_the_sum_of_the_kernels_of_the_columns():
    x, _, _ = draw(400, 3, wave, 0)
    kernel = Kernel.sum_at(x, (0, 2), 0.6)

    features = functions(kernel, x)

    width = 0.6 * (x - x.roll(1, 0)).abs().median(0).values
    expected = sum((-((x[:, j, None] - x[:, j]) ** 2) / (2 * width[j] ** 2)).exp() for j in (0, 2))
    # 24 quantiles of each column span its kernel where rows are dense.
    near = (x.abs() < 2).all(1)
    torch.testing.assert_close(
        (features @ features.T)[near][:, near], expected[near][:, near], atol=0.02, rtol=0
    )


@pytest.mark.parametrize("n_ones", [0, 1, 10, 20])
def test_sum_at__repeated_values__are_no_error(n_ones):
    x = (torch.arange(20) < n_ones)[:, None].expand(-1, 2).double()

    assert torch.isfinite(functions(Kernel.sum_at(x, (0, 1), 1.0), x)).all()


def test_choose_sum__waves_of_several_columns__a_smaller_error_than_functions_of_all(seed):
    x, y, weight = draw(800, 6, lambda x: (3 * x).sin().sum(1), seed)
    choices = [tuple(range(6))]

    plan, error = choose_sum(x, y, weight, choices)
    _, other_error = choose_plan(x, y, weight, choices)

    assert plan.is_sum
    # The noise is 0.09 / 3.09 of the variance.
    assert error < 0.1 < other_error


@pytest.mark.parametrize(("d", "is_possible"), [(75, True), (76, False), (0, True)])
def test_choose_sum__columns_that_a_sum_can_follow__up_to_75(d, is_possible):
    x, y, weight = draw(300, max(d, 1), lambda x: x[:, 0].sin(), 0)

    _, error = choose_sum(x, y, weight, [tuple(range(d))] if d else [(), (0,)])

    assert math.isfinite(error) is is_possible


def test_fit__sum_over_columns__predicts_new_rows(seed):
    x, y, weight = draw(800, 4, lambda x: (2 * x).sin().sum(1), seed)
    plan, _ = choose_sum(x, y, weight, [(0, 1, 2, 3)])

    model = plan.fit(x, y, weight)

    new, target, _ = draw(800, 4, lambda x: (2 * x).sin().sum(1), seed + 100)
    assert plan.is_sum
    assert np.corrcoef(model.predict(new)[:, 0], target[:, 0])[0, 1] > 0.95
