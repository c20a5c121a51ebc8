"""Mutual information as an objective: only the model gets gradients, and the value is bounded."""

import numpy as np
import pytest
import torch
from torch import nn

from skmine.nn import BOUNDS, CRITICS, MutualInformation, clipped_backward


def draw_pair(seed=0, n=512, correlation=0.9):
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, n, 1, generator=generator)
    return x, correlation * x + (1 - correlation**2) ** 0.5 * noise, generator


def test_forward__backward__leaves_the_critic_without_gradient():
    x, z, generator = draw_pair()
    information = MutualInformation(1, 1, generator=generator)
    information.update(x, z)  # the last layer starts at zero, so every gradient is zero
    before = [p.detach().clone() for p in information.critic.parameters()]
    for parameter in information.critic.parameters():
        parameter.grad = None
    z = z.requires_grad_(True)

    information(x, z).backward()

    assert z.grad.abs().sum() > 0
    assert all(p.grad is None and p.requires_grad for p in information.critic.parameters())
    assert all(torch.equal(b, p) for b, p in zip(before, information.critic.parameters(), strict=True))


def test_update__leaves_the_model_without_gradient():
    x, z, generator = draw_pair()
    z = z.requires_grad_(True)

    MutualInformation(1, 1, generator=generator).update(x, z)

    assert z.grad is None


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("critic", CRITICS)
def test_update__gaussian_pair__value_rises_towards_the_truth(bound, critic):
    x, z, generator = draw_pair()
    information = MutualInformation(1, 1, bound=bound, critic=critic, learning_rate=6e-3, generator=generator)
    start = float(information(x, z).detach())

    values = [information.update(x, z) for _ in range(50)]

    # The truth is 0.83 nats. A critic that is not optimal stays below. The value of 512 rows has a standard
    # error of 0.04, and InfoNCE cannot exceed log(8) = 2.08.
    assert abs(start) < 0.01
    assert 0.3 < np.mean(values[-10:]) < 1.0


def test_forward__critic_beyond_the_clip__value_is_bounded():
    class Steep(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(1e6))

        def forward(self, x, z):
            return -self.scale * (x - z).abs().squeeze(-1) + self.scale

    x = torch.randn(64, 1, generator=torch.Generator().manual_seed(0))
    information = MutualInformation(1, 1, critic=Steep(), clip=5.0)

    value = float(information(x, x).detach())

    assert 0 < value <= 10.0  # the mean of one end of the clip less the other


def test_minimise__encoder_with_noise__information_falls():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(512, 2, generator=generator)
    scale = nn.Parameter(torch.tensor([2.0, 2.0]))
    information = MutualInformation(2, 2, learning_rate=1e-2, n_steps=5, generator=generator)
    optimiser = torch.optim.Adam([scale], lr=5e-2)

    for _ in range(60):
        z = scale * x + torch.randn(512, 2, generator=generator)
        information.update(x, z)
        optimiser.zero_grad()
        information(x, z).backward()
        optimiser.step()

    # I = sum log(1 + s^2) / 2: 1.6 nats at the start; half of that would need |s| = 1.1.
    assert float((1 + scale.detach() ** 2).log().sum()) / 2 < 0.8


@pytest.mark.parametrize(("weight", "longest"), [(1e6, 1.0), (1e-3, 1e-3)])
def test_clipped_backward__information_is_no_longer_than_the_loss(weight, longest):
    parameter = nn.Parameter(torch.tensor([3.0, 4.0]))
    loss, information = parameter[0] * 1.0, weight * parameter[1]

    clipped_backward(loss, information, [parameter])

    torch.testing.assert_close(parameter.grad, torch.tensor([1.0, longest]))


def test_clipped_backward__unused_parameter__is_left_as_it_is():
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))

    clipped_backward(used.sum(), 0.5 * used.sum(), [used, unused])

    torch.testing.assert_close(used.grad, torch.full((2,), 1.5))
    torch.testing.assert_close(unused.grad, torch.zeros(2))
