"""Canonical correlations: whitening, shrinkage, ranks, and signs that a decomposition leaves open."""

import pytest
import torch
from blocks import draw_pairs, make_folds

from skmine._engine.canonical import (
    NOISE_SHARES,
    RIDGES,
    Projection,
    canonical_solutions,
    shrink_correlations,
    weighted_mean,
    whitening,
)


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def solve(x, y, rows, ridges=(1e-4,), weight=None):
    weight = torch.ones(len(x)) if weight is None else weight
    return list(canonical_solutions(x, y, rows, weight, ridges))


@pytest.mark.parametrize("shape", [(2, 7, 3), (2, 4, 5, 3), (2, 7, 6)])
def test_projection__any_leading_axes_and_further_columns__centred_map_of_the_first(shape):
    generator = torch.Generator().manual_seed(0)
    mean, weight = torch.randn(2, 3, generator=generator), torch.randn(2, 3, 4, generator=generator)
    x = torch.randn(shape, generator=generator)

    values = Projection(mean, weight)(x)

    assert values.shape == (*shape[:-1], 4)
    for member in (0, 1):
        torch.testing.assert_close(values[member], (x[member][..., :3] - mean[member]) @ weight[member])
    torch.testing.assert_close(Projection(mean, weight).leading(2)(x), values[..., :2])


@pytest.mark.parametrize(("n", "d", "rank"), [(50, 4, 4), (20, 30, 19)])
def test_whitening__centred_rows__axes_make_the_covariance_diagonal(n, d, rank):
    z = normal(n, d) @ torch.diag(torch.linspace(1, 3, d))
    z = z - z.mean(0)

    axes, variance = whitening(z)

    assert axes.shape == (d, rank)
    assert (variance.diff() >= 0).all()
    # Single precision, for variances of up to 30.
    torch.testing.assert_close((z @ axes).T @ (z @ axes) / n, variance.diag(), atol=1e-3, rtol=0)


def test_whitening__columns_repeated__are_counted_once():
    z = normal(50, 2)
    z = z - z.mean(0)

    axes, _ = whitening(torch.cat([z, z], 1))

    assert axes.shape == (4, 2)


def test_canonical_solutions__ridges_and_shares__each_lowers_the_correlations():
    x, y = draw_pairs(400, [0.8, 0.3])

    found = solve(x, y, make_folds(400).train, RIDGES)

    assert len(found) == len(RIDGES)
    strongest = torch.stack(
        [torch.stack([one.shrunk(share)[0, 0] for share in NOISE_SHARES]) for one in found]
    )
    assert (strongest.diff(dim=0) < 0).all()  # a ridge lowers the correlations
    assert (strongest.diff(dim=1) < 0).all()  # a share of the noise lowers them as well


def test_canonical_solutions__coordinates__are_white_and_correlated_in_pairs():
    x, y = draw_pairs(2000, [0.8, 0.3])
    mixing = torch.tensor([[2.0, -1.0], [0.5, 1.0]])
    rows = torch.arange(2000)[None]

    (found,) = solve(x @ mixing, y, rows)

    u, v = found.projection_x((x @ mixing)[None])[0], found.projection_y(y[None])[0]
    # The ridge lowers a variance of one by a share of 1e-4, and that of the smaller axis by more: 1e-3.
    torch.testing.assert_close(torch.cov(u.T, correction=0), torch.eye(2), atol=1e-3, rtol=0)
    torch.testing.assert_close(u.T @ v / 2000, found.correlations[0].diag(), atol=5e-3, rtol=0)
    torch.testing.assert_close(found.covariance_x[0], torch.cov(u.T, correction=0), atol=1e-4, rtol=0)


def test_canonical_solutions__independent_columns__noise_is_the_edge_of_the_sample_correlations():
    x, y = normal(1000, 40, 1), normal(1000, 30, 2)

    (found,) = solve(x, y, torch.arange(1000)[None])

    # Wachter's edge. The largest sample correlation deviates from it by about n^(-2/3) = 0.01.
    assert float(found.correlations.max()) ** 2 == pytest.approx(float(found.noise), abs=0.02)


@pytest.mark.parametrize(("n_columns", "rank"), [(300, 256), (30, 19)])
def test_canonical_solutions__many_columns__ranks_are_limited(n_columns, rank):
    n = 400 if n_columns == 300 else 20
    x = normal(n, n_columns)

    (found,) = solve(x, x.flip(0), torch.arange(n)[None])

    assert found.correlations.shape == (1, rank)
    assert found.projection_x.width == found.projection_y.width == rank


def test_canonical_solutions__weight_zero__is_a_row_left_out():
    x, y = draw_pairs(300, [0.8])
    kept = torch.arange(300) % 3 > 0
    spoilt = torch.where(kept[:, None], y, -y)

    (weighted,) = solve(x, spoilt, torch.arange(300)[None], weight=kept.float())
    (dropped,) = solve(x, y, torch.arange(300)[kept][None])

    torch.testing.assert_close(weighted.correlations, dropped.correlations)
    torch.testing.assert_close(weighted.noise, dropped.noise)


def test_shrink_correlations__level__is_taken_off_the_squares():
    r = torch.tensor([[0.9, 0.3, 0.1]])

    shrunk = shrink_correlations(r, torch.tensor([[0.04]]))

    expected = [((0.81 - 0.04) / 0.96) ** 0.5, (0.05 / 0.96) ** 0.5, 0.0]
    assert shrunk[0].tolist() == pytest.approx(expected)
    assert float(shrink_correlations(torch.ones(1, 1), torch.zeros(1, 1))) < 1  # finite log ratios


def test_weighted_mean__sets_of_rows__each_counts_as_its_rows_weigh():
    values, weight = torch.tensor([[1.0, 3.0], [5.0, 7.0]]), torch.tensor([[1.0, 1.0], [3.0, 3.0]])

    # The weights of the members are 2 and 6, in both sets of values.
    assert weighted_mean(values, weight) == pytest.approx((2 * (1 + 5) + 6 * (3 + 7)) / 16)


def test_canonical_solutions__number_of_components__those_of_the_largest_variance():
    x = torch.randn(300, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 2, 1, 1, 1, 1])
    y = torch.randn(300, 5, generator=torch.Generator().manual_seed(1))
    rows = torch.arange(300).unsqueeze(0)

    (solution,) = canonical_solutions(x, y, rows, torch.ones(300), (), ranks=(2,))

    assert solution.projection_x.width == solution.projection_y.width == 2
    assert solution.correlations.shape == (1, 2)
    # The other columns have variance one. Their leading components contain chance correlations.
    weight = solution.projection_x.weight[0].norm(dim=1)
    assert weight[:2].min() > 0.3
    assert weight[2:].max() < 0.1


def test_canonical_solutions__as_many_components_as_columns__are_left_out():
    x, y = torch.randn(2, 100, 3, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(100).unsqueeze(0)

    assert not list(canonical_solutions(x, y, rows, torch.ones(100), (), ranks=(3, 9)))
