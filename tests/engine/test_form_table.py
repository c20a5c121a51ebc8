"""The table form: shares of classes, with smoothing chosen by held-out rows."""

import numpy as np
import pytest
import torch
from blocks import make_sample

from skmine._engine.forms.table import Table


def one_hot(codes, n_levels):
    return torch.eye(n_levels)[torch.as_tensor(codes)]


def fit(x, y, weight=None):
    sample = make_sample(x, y, weight=weight, is_x_discrete=True, is_y_discrete=True)
    return Table().fit(sample, None).critic.log_ratio


@pytest.mark.parametrize(
    ("n_classes", "is_x_discrete", "is_y_discrete", "expected"),
    [(3, True, True, True), (1, False, True, True), (3, False, True, False), (3, False, False, False)],
)
def test_applies__two_discrete_blocks_or_a_single_class(n_classes, is_x_discrete, is_y_discrete, expected):
    y = one_hot(torch.arange(60) % n_classes, n_classes)
    sample = make_sample(y, y, is_x_discrete=is_x_discrete, is_y_discrete=is_y_discrete)

    assert Table().applies(sample) is expected


def test_fit__two_discrete_columns__is_the_log_ratio_of_the_table():
    rng = np.random.default_rng(4)
    table = np.array([[0.3, 0.1], [0.05, 0.55]])
    cells = rng.choice(4, 20_000, p=table.ravel())

    log_ratio = fit(one_hot(cells // 2, 2), one_hot(cells % 2, 2))

    expected = np.log(table / np.outer(table.sum(1), table.sum(0)))
    # Standard error of a log cell frequency: 1 / sqrt(n p) = 0.036 for the smallest, in three quarters of n.
    np.testing.assert_allclose(log_ratio[0].numpy(), expected, atol=0.15)


def test_fit__independent_many_levels__smooths_to_zero():
    rng = np.random.default_rng(5)

    log_ratio = fit(*(one_hot(rng.integers(0, 30, 600), 30) for _ in range(2)))

    assert log_ratio.abs().max() < 0.5  # unsmoothed, empty cells would be -3 and below


def test_fit__rows_of_weight_zero__are_not_counted():
    rng = np.random.default_rng(6)
    x = rng.integers(0, 3, 600)
    y = np.where(rng.random(600) < 0.7, x, rng.integers(0, 3, 600))
    kept = np.arange(600) % 3 > 0
    spoilt = np.where(kept, x, (y + 1) % 3)

    weight = torch.as_tensor(kept).float()
    values = [fit(one_hot(z, 3), one_hot(y, 3), weight) for z in (x, spoilt)]

    torch.testing.assert_close(*values)


@pytest.mark.parametrize("is_x_discrete", [False, True])
def test_fit__single_class__is_exactly_zero(is_x_discrete):
    x = one_hot(torch.arange(60) % 3, 3) if is_x_discrete else torch.linspace(-1, 1, 60)[:, None]
    y = torch.ones(60, 1)
    sample = make_sample(x, y, is_x_discrete=is_x_discrete, is_y_discrete=True)

    critic = Table().fit(sample, None).critic

    assert (critic(x.expand(4, -1, -1), y.expand(4, -1, -1)) == 0).all()
