"""How critics are combined: references and networks, classes, pools, members and states."""

import pytest
import torch
from blocks import draw_pairs, make_sample
from torch import nn

from skmine._engine.canonical import Projection
from skmine._engine.critics import (
    ClassNormalised,
    OneHot,
    PooledCritic,
    Reference,
    ReferencedCritic,
    normalised,
    of_members,
    stack_states,
)
from skmine._engine.forms.discriminant import ClassReference
from skmine._engine.forms.gaussian import Gaussian
from skmine.nn.critics import BankLinear, ReadsFirst


class Zero(nn.Module):
    """A network that has learnt nothing, and records the shapes of its input."""

    def forward(self, x, y):
        self.seen = x.shape[-1], y.shape[-1]
        return 0 * (x.sum(-1) + y.sum(-1))


class Doubled(nn.Module):
    """Further columns: all columns, times two."""

    def forward(self, x):
        return 2 * x


@pytest.mark.parametrize("shown", [(None, None), (Doubled(), None), (Doubled(), Doubled())])
def test_referenced_critic__zero_network__is_the_reference(shown):
    x, y = draw_pairs(400, [0.8, 0.4, 0.0, 0.0, 0.0])
    sample = make_sample(x, y)
    reference = Gaussian().fit(sample, None).reference
    critic = ReferencedCritic(reference, Zero(), *shown)

    rows_x, rows_y = (z[sample.folds.train[:, :6]] for z in (x, y))
    values = critic(rows_x.unsqueeze(2), rows_y.unsqueeze(1))

    assert values.shape == (4, 6, 6)
    u, v = reference.project_x(rows_x), reference.project_y(rows_y)
    torch.testing.assert_close(values, reference(u.unsqueeze(2), v.unsqueeze(1)), rtol=0, atol=0)
    widths = [0 if columns is None else 5 for columns in shown]
    assert critic.network.seen == (reference.width_x + widths[0], reference.width_y + widths[1])


def test_referenced_critic__read_first__scores_the_same():
    x, y = draw_pairs(200, [0.8, 0.0])
    reference = Gaussian().fit(make_sample(x, y), None).reference
    network = nn.Bilinear(4, 4, 1)
    critic = ReferencedCritic(reference, lambda u, v: network(u, v).squeeze(-1), Doubled(), Doubled())
    bank = [z.expand(4, -1, -1) for z in (x, y)]

    assert isinstance(critic, ReadsFirst)
    seen = critic.read_x(bank[0]), critic.read_y(bank[1])
    torch.testing.assert_close(critic.score(*seen), critic(*bank))


def test_reference__nothing_to_leave_out__is_confirmed_as_it_is():
    reference = Reference()

    assert reference.confirmed() is reference


def test_one_hot__classes__as_they_are():
    one_hot = torch.eye(3)

    assert OneHot(3)(one_hot) is one_hot
    assert OneHot(3).width == 3


def by_class(weight):
    """A critic of four columns and three classes, with these weights."""
    reference = ClassReference(Projection.of_columns(range(4), 4, 2), weight, torch.zeros(2, 1, 3))
    return ReferencedCritic(reference)


def test_class_normalised__any_critic__has_mean_ratio_one():
    probability = torch.tensor([0.2, 0.3, 0.5])
    critic = by_class(torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(6)))
    bank = ClassNormalised(critic, probability, 2)

    x = torch.eye(4).expand(2, 4, 4).unsqueeze(2)
    values = bank(x, torch.eye(3).expand(2, 4, 3, 3))

    torch.testing.assert_close((values.exp() * probability).sum(-1), torch.ones(2, 4))


def test_normalised__by_the_classes__or_the_critic_itself():
    critic = by_class(torch.zeros(2, 4, 3))

    assert normalised(critic, None, 2) is critic
    bank = normalised(critic, torch.full((3,), 1 / 3), 2)
    assert isinstance(bank, ClassNormalised)
    assert bank.log_probability.shape == (2, 3)


def test_pooled_critic__two_banks__the_mean_of_their_values():
    x, y = draw_pairs(50, [0.5])

    values = PooledCritic(lambda x, y: x - y, lambda x, y: 3 * x * y)(x, y)

    torch.testing.assert_close(values, (x - y + 3 * x * y) / 2)


def test_of_members__slice__is_a_copy_of_those():
    bank = BankLinear(2, 3, 4, torch.Generator().manual_seed(0))

    part = of_members(bank, slice(1, 3))
    with torch.no_grad():
        part.bias.add_(7)

    torch.testing.assert_close(part.weight, bank.weight[1:3])
    assert bank.bias.abs().max() == 0


def test_stack_states__two_states__is_a_larger_bank_of_both_and_no_gradient():
    bank = BankLinear(2, 3, 2, torch.Generator().manual_seed(0))
    other = {"weight": bank.weight.detach() + 1}

    stacked = stack_states(bank, ({}, other))

    torch.testing.assert_close(stacked.weight, torch.cat([bank.weight, bank.weight + 1]))
    assert stacked.bias.shape[0] == 4  # of which the second state says nothing
    assert not any(parameter.requires_grad for parameter in stacked.parameters())
    assert bank.weight.requires_grad


def test_stack_states__nothing_trained__is_one_copy():
    bank = BankLinear(2, 3, 2, torch.Generator().manual_seed(0))

    stacked = stack_states(bank, ({}, {}))

    assert stacked is not bank
    torch.testing.assert_close(stacked.weight, bank.weight)
