"""References: exact where the closed form is exact, harmless where there is nothing to find."""

import numpy as np
import pytest
import torch
from blocks import make_folds

from skmine.nn import (
    Block,
    ClassNormalised,
    ReferencedCritic,
    TableReference,
    fit_class_reference,
    fit_gaussian_reference,
    fit_table_reference,
)


def draw(n, correlations, seed=0):
    """Independent pairs of columns with these correlations."""
    generator = torch.Generator().manual_seed(seed)
    r = torch.tensor(correlations)
    x = torch.randn(n, len(r), generator=generator)
    return x, r * x + (1 - r**2).sqrt() * torch.randn(n, len(r), generator=generator)


def test_gaussian_reference__linear_mixing__finds_the_canonical_correlations():
    x, y = draw(4000, [0.9, 0.5])
    mixing = torch.tensor([[2.0, -1.0], [0.5, 1.0]])
    folds = make_folds(4000)

    reference = fit_gaussian_reference(x @ mixing, y @ mixing.T, folds.train, folds.held_out)

    # Standard error of a correlation: (1 - r^2) / sqrt(n) = 0.014 for r = 0.5; three of them.
    expected = torch.tensor([0.9, 0.5]).expand(4, 2)
    torch.testing.assert_close(reference.correlations, expected, atol=0.045, rtol=0)


@pytest.mark.parametrize(("n", "d_x", "d_y"), [(500, 3, 3), (500, 5, 2), (500, 2, 5), (40, 60, 2)])
def test_gaussian_reference__decompositions_of_other_signs__same_coordinates(n, d_x, d_y, monkeypatch):
    x, y = torch.randn(n, d_x + d_y, generator=torch.Generator().manual_seed(0)).split((d_x, d_y), 1)
    y = y + 0.8 * x[:, :1]
    folds = make_folds(n)
    first = fit_gaussian_reference(x, y, folds.train, folds.held_out)
    eigh, svd = torch.linalg.eigh, torch.linalg.svd

    def signs(n_columns):
        return 1.0 - 2.0 * (torch.arange(n_columns) % 3 == 0)

    def other_eigh(matrix):
        variance, axes = eigh(matrix)
        return variance, axes * signs(len(axes))

    def other_svd(matrix, **parameters):
        left, r, right = svd(matrix, **parameters)
        return left * signs(len(left)), r, signs(len(right))[:, None] * right

    monkeypatch.setattr(torch.linalg, "eigh", other_eigh)
    monkeypatch.setattr(torch.linalg, "svd", other_svd)
    second = fit_gaussian_reference(x, y, folds.train, folds.held_out)

    rank = min(d_x, d_y)  # beyond it the axes are any of their space
    for one, other in ((first.project_x, second.project_x), (first.project_y, second.project_y)):
        torch.testing.assert_close(one.weight[..., :rank], other.weight[..., :rank], atol=1e-4, rtol=0)


def test_gaussian_reference__all_pairs__is_forward_of_every_pair():
    x, y = draw(200, [0.8, 0.4, 0.0])
    folds = make_folds(200)
    reference = fit_gaussian_reference(x, y, folds.train, folds.held_out)
    u, v = reference.project_x(x[folds.held_out]), reference.project_y(y[folds.held_out])

    expected = reference(u.unsqueeze(2), v.unsqueeze(1))

    torch.testing.assert_close(reference.all_pairs(u, v), expected)


def test_gaussian_reference__forward__is_the_log_density_ratio():
    x, y = draw(2000, [0.8])
    folds = make_folds(2000)
    reference = fit_gaussian_reference(x, y, folds.train, folds.held_out)
    rho = float(reference.correlations[0, 0])
    normal = torch.distributions.MultivariateNormal(torch.zeros(2), torch.tensor([[1, rho], [rho, 1]]))

    u = torch.linspace(-2, 2, 5).view(1, 5, 1).expand(4, 5, 1)
    v = torch.linspace(1, -1, 5).view(1, 5, 1).expand(4, 5, 1)

    pairs = torch.cat([u[0], v[0]], 1)
    expected = normal.log_prob(pairs) - torch.distributions.Normal(0, 1).log_prob(pairs).sum(1)
    torch.testing.assert_close(reference(u, v)[0], expected)


@pytest.mark.parametrize("d", [1, 30])
def test_gaussian_reference__independent_blocks__is_nearly_zero(d):
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(300, d, generator=generator), torch.randn(300, d, generator=generator)
    folds = make_folds(300)

    reference = fit_gaussian_reference(x, y, folds.train, folds.held_out)

    # The sample has about d^2 / n nats of spurious correlation (3 for d = 30); shrinkage removes it.
    assert float(reference.mutual_information().max()) < 0.03


def test_gaussian_reference__fewer_rows_than_columns__is_finite():
    generator = torch.Generator().manual_seed(2)
    x, y = torch.randn(40, 90, generator=generator), torch.randn(40, 2, generator=generator)
    folds = make_folds(40)

    reference = fit_gaussian_reference(x, y, folds.train, folds.held_out)

    assert torch.isfinite(reference.mutual_information()).all()
    assert torch.isfinite(reference.project_x(x.expand(4, -1, -1))).all()


def test_class_reference__normal_classes__is_the_log_posterior_ratio():
    generator = torch.Generator().manual_seed(3)
    label = torch.arange(6000) % 3
    means = torch.tensor([[-1.5, 0.0], [0.0, 1.0], [1.5, 0.0]])
    x = means[label] + torch.randn(6000, 2, generator=generator)
    x = x - x.mean(0)
    one_hot = torch.eye(3)[label]
    probability = torch.full((3,), 1 / 3)
    folds = make_folds(6000)

    reference = fit_class_reference(x, one_hot, folds.train, folds.held_out, probability)
    bank = ClassNormalised(ReferencedCritic(reference), probability, 4)

    centred = means - (means[label]).mean(0)
    log_likelihood = -0.5 * ((x[:9, None] - centred) ** 2).sum(-1)
    expected = log_likelihood.log_softmax(1) - probability.log()
    rows = x[:9].expand(4, 9, 2).unsqueeze(2)
    values = bank(rows, torch.eye(3).expand(4, 9, 3, 3))
    # Standard error of a class mean is 0.03, times slopes of up to 3.
    torch.testing.assert_close(values[0], expected, atol=0.3, rtol=0)


def test_table_reference__two_discrete_columns__is_the_log_ratio_of_the_table():
    rng = np.random.default_rng(4)
    table = np.array([[0.3, 0.1], [0.05, 0.55]])
    cells = rng.choice(4, 20_000, p=table.ravel())
    x, y = (torch.eye(2)[torch.from_numpy(codes)] for codes in (cells // 2, cells % 2))
    folds = make_folds(20_000)

    reference = fit_table_reference(x, y, folds.train, folds.held_out, y.mean(0))

    expected = np.log(table / np.outer(table.sum(1), table.sum(0)))
    # Standard error of a log cell frequency: 1 / sqrt(n p) = 0.036 for the smallest, in three quarters of n.
    np.testing.assert_allclose(reference.log_ratio[0].numpy(), expected, atol=0.15)


def test_table_reference__independent_many_levels__smooths_to_zero():
    rng = np.random.default_rng(5)
    x, y = (torch.eye(30)[torch.from_numpy(rng.integers(0, 30, 600))] for _ in range(2))
    folds = make_folds(600)

    reference = fit_table_reference(x, y, folds.train, folds.held_out, y.mean(0))

    assert reference.log_ratio.abs().max() < 0.5  # unsmoothed, empty cells would be -3 and below


def test_class_normalised__any_critic__has_mean_ratio_one():
    probability = torch.tensor([0.2, 0.3, 0.5])
    table = TableReference(torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(6)))
    bank = ClassNormalised(table, probability, 2)

    x = torch.eye(4).expand(2, 4, 4).unsqueeze(2)
    values = bank(x, torch.eye(3).expand(2, 4, 3, 3))

    torch.testing.assert_close((values.exp() * probability).sum(-1), torch.ones(2, 4))


def test_block__core__is_the_leading_columns():
    values = torch.arange(12.0).view(3, 4)

    assert Block(values, 2).core.tolist() == values[:, :2].tolist()
