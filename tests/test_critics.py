"""Critics: the contract of every entry of CRITICS, and of critics written by users."""

import pytest
import torch
from torch import nn

from skmine.nn import CRITICS, ClassCritic, ConcatCritic, CriticBank

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
    pairs = {"n_products": n_products} if CRITICS[name].reads_pairs else {}
    critic = randomise(CRITICS[name](2, 3, (8, 8), generator=generator(), **pairs))
    x, y = torch.randn(4, 2, generator=generator()), torch.randn(5, 3, generator=generator())

    together = critic(x[:, None], y[None, :])
    one_by_one = torch.stack([torch.stack([critic(a, b) for b in y]) for a in x])

    assert together.shape == (4, 5)
    torch.testing.assert_close(together, one_by_one)


@pytest.mark.parametrize("n_members", [None, N_MEMBERS])
def test_concat_critic__differences__are_all_that_is_seen_of_the_last_columns(n_members):
    critic = ConcatCritic(3, 4, (8, 8), n_differences=2, n_members=n_members, generator=generator())
    randomise(critic)
    bank = () if n_members is None else (n_members,)
    x, y = torch.randn(*bank, 6, 3, generator=generator()), torch.randn(*bank, 6, 4, generator=generator())
    shift_x, shift_y = torch.tensor([0.0, 1.5, -2.0]), torch.tensor([0.0, 0.0, 1.5, -2.0])

    values = critic(x, y)

    assert values.shape == (*bank, 6)
    torch.testing.assert_close(critic(x + shift_x, y + shift_y), values)
    assert not torch.isclose(critic(x + shift_x, y), values).any()
    assert not torch.isclose(critic(x, y + torch.tensor([1.0, 0.0, 0.0, 0.0])), values).any()


def test_concat_critic__differences_and_products__equal_the_pairs_one_by_one():
    critic = randomise(ConcatCritic(3, 4, (8, 8), n_products=1, n_differences=2, generator=generator()))
    x, y = torch.randn(4, 3, generator=generator()), torch.randn(5, 4, generator=generator())

    together = critic(x[:, None], y[None, :])

    torch.testing.assert_close(together, torch.stack([torch.stack([critic(a, b) for b in y]) for a in x]))


def test_concat_critic__difference_of_any_size__is_compressed():
    critic = randomise(ConcatCritic(1, 1, (8,), n_differences=1, generator=generator()))
    with torch.no_grad():
        critic.from_differences.weight.copy_(torch.linspace(-1, 1, 8)[None])

    values = critic(torch.tensor([[0.0], [1e6], [1e30]]), torch.zeros(1, 1))

    assert values.isfinite().all()
    # asinh grows as the log: 1e30 is log(1e24) = 55 beyond 1e6, at most 55 times the weights after it.
    slope = critic.layers[-1].weight.abs().sum() * torch.asinh(torch.tensor(1e24))
    assert (values[2] - values[1]).abs() <= slope


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
