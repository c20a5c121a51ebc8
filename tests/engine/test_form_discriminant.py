"""The discriminant form: exact for normal classes with a common covariance."""

import pytest
import torch
from blocks import held_out_value, make_sample, one_split

from skmine._engine.critics import ClassNormalised
from skmine._engine.forms.discriminant import Discriminant


def normal_classes(n, seed):
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % 3
    means = torch.tensor([[-1.5, 0.0], [0.0, 1.0], [1.5, 0.0]])
    return means, means[label] + torch.randn(n, 2, generator=generator), torch.eye(3)[label]


@pytest.mark.parametrize(
    ("n_classes", "is_x_discrete", "is_y_discrete", "expected"),
    [(3, False, True, True), (1, False, True, False), (3, True, True, False), (3, False, False, False)],
)
def test_applies__continuous_x_and_two_classes_or_more(n_classes, is_x_discrete, is_y_discrete, expected):
    one_hot = torch.eye(n_classes)[torch.arange(60) % n_classes]
    sample = make_sample(one_hot, one_hot, is_x_discrete=is_x_discrete, is_y_discrete=is_y_discrete)

    assert Discriminant().applies(sample) is expected


def test_fit__normal_classes__is_the_log_posterior_ratio():
    means, x, one_hot = normal_classes(6000, 3)
    centre = x.mean(0)

    fit = Discriminant().fit(make_sample(x - centre, one_hot, is_y_discrete=True), None)

    log_likelihood = -0.5 * ((x[:9, None] - means) ** 2).sum(-1)
    expected = log_likelihood.log_softmax(1) - torch.tensor(1 / 3).log()
    rows = (x - centre)[:9].expand(4, 9, 2).unsqueeze(2)
    values = fit.critic(rows, torch.eye(3).expand(4, 9, 3, 3))
    # Standard error of a class mean is 0.03, times slopes of up to 3.
    torch.testing.assert_close(values[0], expected, atol=0.3, rtol=0)
    assert isinstance(fit.critic, ClassNormalised)
    assert fit.reference.confirmed().width_x == 2


def test_fit__held_out_rows_contradict__is_zero():
    _, x, one_hot = normal_classes(300, 0)
    x[150:] *= -1
    sample = make_sample(x, one_hot, one_split(300), is_y_discrete=True)

    fit = Discriminant().fit(sample, None)

    assert fit.reference.weight.abs().max() == fit.reference.bias.abs().max() == 0
    assert fit.critic(x[None], one_hot[None]).abs().max() < 1e-6  # rounding of the log of the shares


def test_fit__rows_of_weight_zero__are_not_read():
    _, x, one_hot = normal_classes(600, 0)
    kept = torch.arange(600) % 5 > 0
    spoilt = torch.where(kept[:, None], x, 9.0)
    values = []
    for columns in (x, spoilt):
        sample = make_sample(columns, one_hot, weight=kept.float(), is_y_discrete=True)
        values.append(held_out_value(sample, Discriminant().fit(sample, None)))

    assert values[1] == pytest.approx(values[0], abs=1e-4)
    assert values[0] > 0.3
