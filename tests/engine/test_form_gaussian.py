"""The Gaussian form: exact for Gaussian columns, and near zero for independent columns."""

import numpy as np
import pytest
import torch
from blocks import draw_pairs, held_out_value, make_sample, one_split

from skmine._engine.canonical import canonical_solutions
from skmine._engine.forms.gaussian import Gaussian, GaussianReference


def fit(x, y, weight=None):
    """The reference, and the sample that it was fitted to."""
    sample = make_sample(x, y, weight=weight)
    return Gaussian().fit(sample, None).reference, sample


def information(reference):
    """Mutual information of the correlations of each member, in nats."""
    return -0.5 * torch.log1p(-(reference.correlations**2)).sum(1)


def normal(n, *widths, seed=0):
    return torch.randn(n, sum(widths), generator=torch.Generator().manual_seed(seed)).split(widths, 1)


def test_applies__discrete_block__no():
    (x,), one_hot = normal(40, 2), torch.eye(2)[torch.arange(40) % 2]

    assert Gaussian().applies(make_sample(x, x))
    assert not Gaussian().applies(make_sample(x, one_hot, is_y_discrete=True))


def test_fit__linear_mixing__finds_the_canonical_correlations():
    x, y = draw_pairs(4000, [0.9, 0.5])
    mixing = torch.tensor([[2.0, -1.0], [0.5, 1.0]])

    reference, _ = fit(x @ mixing, y @ mixing.T)

    # Standard error of a correlation: (1 - r^2) / sqrt(n) = 0.014 for r = 0.5; three of them.
    expected = torch.tensor([0.9, 0.5]).expand(4, 2)
    torch.testing.assert_close(reference.correlations, expected, atol=0.045, rtol=0)


@pytest.mark.parametrize(("n", "d_x", "d_y"), [(500, 3, 3), (500, 5, 2), (500, 2, 5), (40, 60, 2)])
def test_fit__decompositions_of_other_signs__same_coordinates(n, d_x, d_y, monkeypatch):
    x, y = normal(n, d_x, d_y)
    y = y + 0.8 * x[:, :1]
    first, _ = fit(x, y)
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
    second, _ = fit(x, y)

    rank = min(d_x, d_y)  # further axes are not determined
    for one, other in ((first.project_x, second.project_x), (first.project_y, second.project_y)):
        torch.testing.assert_close(one.weight[..., :rank], other.weight[..., :rank], atol=1e-4, rtol=0)


def test_forward__is_the_log_density_ratio():
    reference, _ = fit(*draw_pairs(2000, [0.8]))
    rho = float(reference.correlations[0, 0])
    normal = torch.distributions.MultivariateNormal(torch.zeros(2), torch.tensor([[1, rho], [rho, 1]]))

    u = torch.linspace(-2, 2, 5).view(1, 5, 1).expand(4, 5, 1)
    v = torch.linspace(1, -1, 5).view(1, 5, 1).expand(4, 5, 1)

    pairs = torch.cat([u[0], v[0]], 1)
    expected = normal.log_prob(pairs) - torch.distributions.Normal(0, 1).log_prob(pairs).sum(1)
    torch.testing.assert_close(reference(u, v)[0], expected)


@pytest.mark.parametrize("d", [1, 30])
def test_fit__independent_blocks__is_nearly_zero(d):
    reference, _ = fit(*normal(300, d, d, seed=1))

    # The sample has about d^2 / n nats of spurious correlation (3 for d = 30); shrinkage removes it.
    assert float(information(reference).max()) < 0.03


def test_fit__held_out_rows_contradict__is_exactly_zero_and_confirms_one_coordinate():
    x, y = draw_pairs(200, [0.8, 0.5])
    y[100:] *= -1
    sample = make_sample(x, y, one_split(200))

    reference = Gaussian().fit(sample, None).reference

    assert reference.correlations.abs().max() == 0
    assert reference(reference.project_x(x[None]), reference.project_y(y[None])).abs().max() == 0
    assert reference.confirmed().width_x == 1


def test_fit__fewer_rows_than_columns__is_finite():
    x, y = normal(40, 90, 2, seed=2)

    reference, _ = fit(x, y)

    assert torch.isfinite(information(reference)).all()
    assert torch.isfinite(reference.project_x(x.expand(4, -1, -1))).all()


def test_fit__rows_of_weight_zero__are_neither_fitted_nor_held_out():
    x, y = draw_pairs(400, [0.8])
    kept = torch.arange(400) % 3 > 0

    plain, _ = fit(x, y, kept.float())
    spoilt, _ = fit(x, torch.where(kept[:, None], y, -9 * y), kept.float())

    torch.testing.assert_close(spoilt.correlations, plain.correlations)
    torch.testing.assert_close(spoilt.constant, plain.constant)


def test_confirmed__coordinates_that_no_member_finds__are_left_out_of_the_same_log_ratio():
    x, y = draw_pairs(1000, [0.8, 0.0, 0.0])
    reference, sample = fit(x, y)
    reference.correlations[:, 1:] = 0
    rows = sample.folds.held_out

    confirmed = reference.confirmed()

    assert (confirmed.width_x, confirmed.width_y) == (1, 1)
    torch.testing.assert_close(
        confirmed(confirmed.project_x(x[rows]), confirmed.project_y(y[rows])),
        reference(reference.project_x(x[rows]), reference.project_y(y[rows])),
    )


def test_fit__critic__is_the_reference_of_its_coordinates():
    x, y = draw_pairs(400, [0.8, 0.3])
    sample = make_sample(x, y)

    found = Gaussian().fit(sample, None)

    rows = sample.folds.held_out
    u, v = found.reference.project_x(x[rows]), found.reference.project_y(y[rows])
    torch.testing.assert_close(found.critic(x[rows], y[rows]), found.reference(u, v))
    assert found.states == ({}, {})
    assert found.training is None


def latent_blocks(n, d, seed):
    """A latent column per side, copied with noise into many columns. The latent columns share 0.8 nats."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(2, n, 1))
    latent[1] = 0.9 * latent[0] + np.sqrt(1 - 0.81) * latent[1]
    return tuple(torch.as_tensor(z + 2 * rng.normal(size=(n, d)), dtype=torch.float32) for z in latent)


def test_fit__more_columns_than_rows__leading_components_are_read(seed):
    sample = make_sample(*latent_blocks(240, 300, seed))

    reference = Gaussian().fit(sample, None).reference

    # The mean of 300 columns equals its latent column up to noise with variance 4 / 300, so the truth is
    # 0.80. The standard error is 0.9 / 240^(1/2) = 0.06; four of these.
    assert held_out_value(sample, Gaussian().fit(sample, None)) == pytest.approx(0.8, abs=0.25)
    assert (reference.correlations[:, 0] > 0.8).all()


def test_mean_of__solution__is_the_mean_log_ratio_of_its_rows():
    x, y = draw_pairs(200, [0.9, 0.5, 0.1])
    rows = torch.arange(200).unsqueeze(0)

    for solution in canonical_solutions(x, y, rows, torch.ones(200), ranks=(1, 2)):
        reference = GaussianReference.of(solution, noise_share=1.0)
        expected = reference(reference.project_x(x[rows]), reference.project_y(y[rows])).mean(1)
        torch.testing.assert_close(reference.mean_of(solution), expected, atol=1e-4, rtol=1e-4)
