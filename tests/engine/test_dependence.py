"""Tests of columns: which columns depend on the other block, alone or in products."""

import pytest
import torch
from blocks import draw_pairs
from scipy.stats import binom

from skmine._engine.dependence import Dependence

LEVEL = 0.01  # of the test of all pairs of columns together


def relevant_columns(x, y, rows, weight=None):
    return Dependence(x, y, rows, weight).relevant


def centre(*blocks):
    return tuple(block - block.mean(0) for block in blocks)


def most_hits(n_draws):
    """Number of false hits that is exceeded in one of 10,000 runs of that many independent draws."""
    return binom.isf(1e-4, n_draws, LEVEL)


def test_relevant__one_pair_of_squares_among_many__finds_that_pair_alone(seed):
    n, n_draws = 1000, 20
    generator = torch.Generator().manual_seed(seed)
    missed = 0

    for _ in range(n_draws):
        x, y = torch.randn(2, n, 25, generator=generator)
        y[:, 3] = x[:, 7] ** 2 + 0.5 * y[:, 3]
        in_x, in_y = relevant_columns(*centre(x, y), torch.arange(n))

        assert in_x[7]
        assert in_y[3]
        missed += int(in_x.sum() + in_y.sum() > 2)

    assert missed <= most_hits(n_draws)


@pytest.mark.parametrize("swapped", [False, True])
def test_relevant__exclusive_or__finds_its_two_columns(swapped, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1000, 10, generator=generator)
    label = (x[:, 2] * x[:, 5] > 0).float() - 0.5
    y = torch.stack([torch.randn(1000, generator=generator), label], 1)

    blocks = (y, x) if swapped else (x, y)
    in_first, in_second = relevant_columns(*centre(*blocks), torch.arange(1000))

    in_x, in_y = (in_second, in_first) if swapped else (in_first, in_second)
    assert in_x.nonzero().flatten().tolist() == [2, 5]
    assert in_y.tolist() == [False, True]


def test_relevant__one_alone_and_two_together__finds_the_three(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 10, generator=generator)
    y = x[:, 0] + torch.sign(x[:, 2] * x[:, 5]) + torch.randn(2000, generator=generator)

    in_x, in_y = relevant_columns(*centre(x, y[:, None]), torch.arange(2000))

    assert in_x.nonzero().flatten().tolist() == [0, 2, 5]
    assert in_y.tolist() == [True]


def test_relevant__very_many_columns__all_and_no_products():
    x = torch.randn(30, 25_000, generator=torch.Generator().manual_seed(0))

    in_x, in_y = relevant_columns(x, x[:, :1].flip(0), torch.arange(30))

    assert in_x.all()
    assert in_y.all()


def test_relevant__nothing_depends__reports_everything(seed):
    n, n_draws = 500, 50
    generator = torch.Generator().manual_seed(seed)
    hits = 0

    for _ in range(n_draws):
        masks = relevant_columns(*torch.randn(2, n, 10, generator=generator), torch.arange(n))
        hits += not all(bool(mask.all()) for mask in masks)

    assert hits <= most_hits(n_draws)


def binary(share):
    return lambda n, generator: (torch.rand(n, 4, generator=generator) < share).float()


def one_hot(n_levels):
    return lambda n, generator: torch.eye(n_levels)[torch.randint(n_levels, (n,), generator=generator)]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(binary(0.5), id="half"),
        pytest.param(binary(0.1), id="tenth"),
        pytest.param(one_hot(4), id="4-levels"),
        pytest.param(binary(0.02), id="rare"),
        pytest.param(one_hot(16), id="16-levels"),
    ],
)
def test_relevant__independent_binary_columns__no_more_hits_than_the_level(make, seed):
    n, n_draws = 500, 100
    generator = torch.Generator().manual_seed(seed)
    hits = 0

    for _ in range(n_draws):
        masks = relevant_columns(*centre(make(n, generator), make(n, generator)), torch.arange(n))
        hits += not all(bool(mask.all()) for mask in masks)

    # The 16 moments of a pair of binary columns are functions of one number, with one degree of freedom.
    assert hits <= most_hits(n_draws)


def test_relevant__binary_pair_that_depends__is_found():
    x, y = (torch.arange(400)[:, None] // 2**k % 2 for k in (torch.arange(3), torch.arange(2, 5)))

    masks = relevant_columns(*centre(x.float(), y.float()), torch.arange(400))

    assert [mask.tolist() for mask in masks] == [[False, False, True], [True, False, False]]


def test_relevant__rows_of_weight_zero__are_ignored():
    x, y = draw_pairs(600, [0.9, 0.0, 0.0])
    wrong = torch.arange(600) % 3 == 0
    x[wrong, 1] = y[wrong, 2] = torch.linspace(-3, 3, 200)
    weight = (~wrong).float()

    masks = relevant_columns(x, y, torch.arange(600), weight)

    expected = relevant_columns(x, y, torch.arange(600)[~wrong])
    assert [mask.tolist() for mask in masks] == [mask.tolist() for mask in expected]
    assert not masks[0][1]
    assert relevant_columns(x, y, torch.arange(600))[0][1]


def test_relevant__more_pairs_than_can_be_tested__reports_everything():
    x = torch.randn(200, 800, generator=torch.Generator().manual_seed(0))  # 640,000 pairs of 16 moments

    masks = relevant_columns(x, x, torch.arange(200))

    assert all(bool(mask.all()) for mask in masks)


def test_pairs__shuffled_columns__each_depends_on_its_own_alone():
    x = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(2000, 3, generator=torch.Generator().manual_seed(1))
    y = x[:, [2, 0, 3]] + noise * torch.tensor([1.0, 2.0, 100.0])

    moments, dependent = Dependence(*centre(x, y), torch.arange(2000)).pairs

    assert dependent.nonzero().tolist() == [[0, 1], [2, 0]]
    assert moments[2, 0] > moments[0, 1] > moments[~dependent].max()
