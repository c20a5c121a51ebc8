"""Bounds: exact values for known critics, inequalities for any critic, gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmine.nn import BOUNDS, MINE, MINEF, SMILE, DonskerVaradhan, InfoNCE

SHIFTED = [name for name, bound in BOUNDS.items() if bound.offset]


def discrete_scores(table, critic):
    """Joint and marginal scores of a discrete distribution, with its probabilities as weights."""
    joint_weight = table.flatten()
    marginal_weight = table.sum(1, keepdim=True) * table.sum(0, keepdim=True)
    return critic.flatten(), critic, joint_weight, marginal_weight


@pytest.fixture
def table():
    return torch.tensor([[0.3, 0.1], [0.05, 0.55]], dtype=torch.float64)


@pytest.fixture
def log_ratio(table):
    return (table / (table.sum(1, keepdim=True) * table.sum(0, keepdim=True))).log()


@pytest.mark.parametrize("name", sorted(set(BOUNDS) - {"infonce"}))
def test_estimate__log_ratio__is_the_mutual_information(name, table, log_ratio):
    bound = BOUNDS[name]()
    truth = float((table * log_ratio).sum())

    value = bound.estimate(*discrete_scores(table, log_ratio + bound.offset))

    assert float(value) == pytest.approx(truth, abs=1e-12)


def test_estimate__infonce_with_all_pairs__is_the_mutual_information(table, log_ratio):
    # One row per cell. The marginal columns are the two values of y with their probabilities.
    rows = log_ratio.repeat_interleave(2, 0)
    value = InfoNCE().estimate(log_ratio.flatten(), rows, table.flatten(), table.sum(0))

    assert float(value) == pytest.approx(float((table * log_ratio).sum()), abs=1e-12)


@pytest.mark.parametrize("name", sorted(set(BOUNDS) - {"infonce"}))
def test_surrogate__at_the_log_ratio__has_no_gradient(name, table, log_ratio):
    bound = BOUNDS[name]()
    critic = (log_ratio + bound.offset).requires_grad_()

    (gradient,) = torch.autograd.grad(bound.surrogate(*discrete_scores(table, critic)), critic)

    assert gradient.abs().max() < 1e-12


scores = st.lists(st.floats(-30, 30), min_size=2, max_size=12)


@settings(deadline=None, max_examples=100)
@given(joint=scores, marginal=scores)
def test_estimate__any_critic__donsker_varadhan_is_at_least_mine_f(joint, marginal):
    joint = torch.tensor(joint, dtype=torch.float64)
    marginal = torch.tensor([marginal], dtype=torch.float64)

    dv = float(DonskerVaradhan().estimate(joint, marginal))
    mine_f = float(MINEF().estimate(joint, marginal))

    # Rounding is relative to exp(29), the largest second term of MINE-f.
    assert dv >= mine_f - 1e-12 * max(1.0, abs(mine_f))


def test_estimate__mine_f__has_no_logarithm():
    joint, marginal = torch.zeros(3), torch.full((3, 2), 1.0 + math.log(2.0))

    # E_P[T] - E_Q[exp(T - 1)] = 0 - 2; with a logarithm it would be -log 2.
    assert float(MINEF().estimate(joint, marginal)) == pytest.approx(-2.0)


def test_estimate__infonce__is_at_most_log_k():
    joint = torch.full((4,), 50.0)
    marginal = torch.zeros(4, 8)
    marginal[:, 0] = 50.0

    assert float(InfoNCE().estimate(joint, marginal)) == pytest.approx(math.log(8), abs=1e-6)


def test_estimate__smile__clips_the_ratio():
    joint, marginal = torch.zeros(2), torch.tensor([[9.0, -9.0]])
    expected = -math.log((math.exp(2.0) + math.exp(-2.0)) / 2)

    assert float(SMILE(clip=2.0).estimate(joint, marginal)) == pytest.approx(expected, abs=1e-6)


def test_surrogate__mine__divides_by_the_moving_average():
    bound = MINE(decay=0.75)
    first, second = torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(5.0)] * 2])
    bound.surrogate(torch.zeros(2), first)
    marginal = second.requires_grad_()

    (gradient,) = torch.autograd.grad(bound.surrogate(torch.zeros(2), marginal), marginal)

    # exp(T) / 2 over the average 0.75 * 1 + 0.25 * 5 = 2 (eq. 12), for each of two pairs.
    assert gradient.flatten().tolist() == pytest.approx([-5.0 / 2 / 2] * 2)


def test_surrogate__dv__divides_by_the_minibatch_mean():
    marginal = torch.tensor([[math.log(5.0)] * 2]).requires_grad_()

    (gradient,) = torch.autograd.grad(DonskerVaradhan().surrogate(torch.zeros(2), marginal), marginal)

    assert gradient.flatten().tolist() == pytest.approx([-0.5, -0.5])


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_bound__leading_axes__are_kept_apart(name):
    generator = torch.Generator().manual_seed(0)
    joint, marginal = (
        torch.randn(3, 7, generator=generator),
        torch.randn(3, 7, 4, generator=generator),
    )

    together = BOUNDS[name]().estimate(joint, marginal)
    apart = [BOUNDS[name]().estimate(j, m) for j, m in zip(joint, marginal, strict=True)]

    assert together.shape == (3,)
    torch.testing.assert_close(together, torch.stack(apart))
    assert BOUNDS[name]().surrogate(joint, marginal).shape == (3,)


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_bound__integer_weights__equal_repeated_rows(name):
    generator = torch.Generator().manual_seed(0)
    joint, marginal = torch.randn(5, generator=generator), torch.randn(5, 3, generator=generator)
    counts = torch.tensor([1, 3, 2, 1, 4])
    bound = BOUNDS[name]()

    weighted = [
        getattr(bound, method)(joint, marginal, counts.float(), counts.float().unsqueeze(-1))
        for method in ("estimate", "surrogate")
    ]
    bound = BOUNDS[name]()
    repeated = [
        getattr(bound, method)(joint.repeat_interleave(counts), marginal.repeat_interleave(counts, 0))
        for method in ("estimate", "surrogate")
    ]

    torch.testing.assert_close(torch.stack(weighted), torch.stack(repeated))
