"""Critics: the contract of every entry of CRITICS, and of critics written by users."""

import pytest
import torch
from torch import nn

from skmine.nn import CRITICS, ClassCritic, CriticBank

N_MEMBERS = 3


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def randomise(module):
    """Set weights of the last layer that are not zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator(1))
    return module


@pytest.mark.parametrize("name", CRITICS)
def test_critic__untrained__is_zero(name):
    critic = CRITICS[name](2, 3, generator=generator())
    x, y = torch.randn(10, 2, generator=generator()), torch.randn(10, 3, generator=generator())

    assert critic(x, y).abs().max() == 0


@pytest.mark.parametrize("name", CRITICS)
@pytest.mark.parametrize("n_products", [0, 2])
def test_critic__all_pairs__equal_the_pairs_one_by_one(name, n_products):
    pairs = {"n_products": n_products} if CRITICS[name].reads_products else {}
    critic = randomise(CRITICS[name](2, 3, (8, 8), generator=generator(), **pairs))
    x, y = torch.randn(4, 2, generator=generator()), torch.randn(5, 3, generator=generator())

    together = critic(x[:, None], y[None, :])
    one_by_one = torch.stack([torch.stack([critic(a, b) for b in y]) for a in x])

    assert together.shape == (4, 5)
    torch.testing.assert_close(together, one_by_one)


@pytest.mark.parametrize("name", CRITICS)
def test_critic__bank__members_are_critics_of_their_own(name):
    bank = randomise(CRITICS[name](2, 3, (8, 8), n_members=N_MEMBERS, generator=generator()))
    single = CRITICS[name](2, 3, (8, 8), generator=generator())
    x = torch.randn(N_MEMBERS, 6, 2, generator=generator())
    y = torch.randn(N_MEMBERS, 6, 3, generator=generator())

    values = bank(x, y)

    assert values.shape == (N_MEMBERS, 6)
    for k in range(N_MEMBERS):
        single.load_state_dict({name: value[k] for name, value in bank.state_dict().items()})
        torch.testing.assert_close(values[k], single(x[k], y[k]))


def test_class_critic__one_hot__picks_the_output_of_the_class():
    critic = randomise(ClassCritic(2, 3, (8,), generator=generator()))
    x, classes = torch.randn(4, 1, 2, generator=generator()), torch.eye(3)

    values = critic(x, classes)

    assert values.shape == (4, 3)
    torch.testing.assert_close(critic(x[:, 0], classes[[1, 1, 1, 1]]), values[:, 1])


class Product(nn.Module):
    """A critic without a bank axis."""

    def __init__(self, d_x, d_y):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(d_x, d_y))
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x, y):
        return self.scale * torch.einsum("...i,ij,...j->...", x, self.weight, y)


def test_critic_bank__members__are_those_of_the_factory():
    bank = CriticBank(Product, 2, 3, N_MEMBERS, generator())
    x = torch.randn(N_MEMBERS, 6, 2, generator=generator())
    y = torch.randn(N_MEMBERS, 6, 3, generator=generator())

    values = bank(x, y)

    weight = bank.weights[0]
    assert not torch.equal(weight[0], weight[1])
    expected = 2 * torch.einsum("bni,bij,bnj->bn", x, weight, y)
    torch.testing.assert_close(values, expected)


def test_critic_bank__same_generator__same_weights_and_global_state_as_found():
    before = torch.get_rng_state()

    banks = [CriticBank(Product, 2, 3, N_MEMBERS, generator(5)) for _ in range(2)]

    assert torch.equal(banks[0].weights[0], banks[1].weights[0])
    assert torch.equal(torch.get_rng_state(), before)


class Recurrent(nn.Module):
    """A critic that torch.func.vmap cannot evaluate."""

    def __init__(self, d_x, d_y):
        super().__init__()
        self.cell, self.last = nn.GRU(1, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, x, y):
        rows = torch.cat([x, y], -1)
        states, _ = self.cell(rows.reshape(-1, rows.shape[-1], 1))
        return self.last(states[:, -1]).reshape(rows.shape[:-1])


class Branching(Product):
    """A critic whose operations depend on values of the rows."""

    def forward(self, x, y):
        return super().forward(x, y) if float(x.detach().mean()) < 1e3 else x[..., 0]


@pytest.mark.parametrize("critic", [Recurrent, Branching])
def test_critic_bank__operations_of_any_kind__can_be_trained(critic):
    bank = CriticBank(critic, 2, 1, N_MEMBERS, generator())
    x = torch.randn(N_MEMBERS, 6, 1, 2, generator=generator())
    y = torch.randn(N_MEMBERS, 1, 4, 1, generator=generator())

    values = bank(x, y)
    values.sum().backward()

    assert values.shape == (N_MEMBERS, 6, 4)
    assert all(bool(weight.grad.any()) for weight in bank.weights)
