"""Network columns: relevant ones at full size, others faintly; differences across a ridge."""

import copy

import pytest
import torch
from blocks import make_folds
from scipy.stats import binom

from skmine.nn import (
    CRITICS,
    Block,
    NetworkColumns,
    ReferencedCritic,
    Variates,
    build_critic,
    fit_gaussian_reference,
)
from skmine.nn.coordinates import (
    FAINT,
    MAX_DIFFERENCES,
    fit_coordinates,
    fit_differences,
    relevant_columns,
)
from skmine.nn.reference import Projection
from skmine.nn.variates import EXPANSIONS

LEVEL = 0.01  # of the test of all pairs of columns together


def draw(n, correlations, seed=0):
    """Independent pairs of columns with these correlations."""
    generator = torch.Generator().manual_seed(seed)
    r = torch.tensor(correlations)
    x = torch.randn(n, len(r), generator=generator)
    return x, r * x + (1 - r**2).sqrt() * torch.randn(n, len(r), generator=generator)


def centre(*blocks):
    return tuple(block - block.mean(0) for block in blocks)


def most_hits(n_draws):
    """False hits that one in 10,000 runs of so many independent draws exceeds."""
    return binom.isf(1e-4, n_draws, LEVEL)


# --- Relevant columns ---


def test_relevant_columns__one_pair_of_squares_among_many__finds_that_pair_alone(seed):
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
def test_relevant_columns__exclusive_or__finds_its_two_columns(swapped, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1000, 10, generator=generator)
    label = (x[:, 2] * x[:, 5] > 0).float() - 0.5
    y = torch.stack([torch.randn(1000, generator=generator), label], 1)

    blocks = (y, x) if swapped else (x, y)
    in_first, in_second = relevant_columns(*centre(*blocks), torch.arange(1000))

    in_x, in_y = (in_second, in_first) if swapped else (in_first, in_second)
    assert in_x.nonzero().flatten().tolist() == [2, 5]
    assert in_y.tolist() == [False, True]


def test_relevant_columns__one_alone_and_two_together__finds_the_three(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 10, generator=generator)
    y = x[:, 0] + torch.sign(x[:, 2] * x[:, 5]) + torch.randn(2000, generator=generator)

    in_x, in_y = relevant_columns(*centre(x, y[:, None]), torch.arange(2000))

    assert in_x.nonzero().flatten().tolist() == [0, 2, 5]
    assert in_y.tolist() == [True]


def test_relevant_columns__very_many_columns__all_and_no_products():
    x = torch.randn(30, 25_000, generator=torch.Generator().manual_seed(0))

    in_x, in_y = relevant_columns(x, x[:, :1].flip(0), torch.arange(30))

    assert in_x.all()
    assert in_y.all()


def test_relevant_columns__nothing_depends__reports_everything(seed):
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
def test_relevant_columns__independent_binary_columns__no_more_hits_than_the_level(make, seed):
    n, n_draws = 500, 200
    generator = torch.Generator().manual_seed(seed)
    hits = 0

    for _ in range(n_draws):
        masks = relevant_columns(*centre(make(n, generator), make(n, generator)), torch.arange(n))
        hits += not all(bool(mask.all()) for mask in masks)

    # The 16 moments of a pair of binary columns are one number: its one degree of freedom is what counts.
    assert hits <= most_hits(n_draws)


def test_relevant_columns__binary_pair_that_depends__is_found():
    x, y = (torch.arange(400)[:, None] // 2**k % 2 for k in (torch.arange(3), torch.arange(2, 5)))

    masks = relevant_columns(*centre(x.float(), y.float()), torch.arange(400))

    assert [mask.tolist() for mask in masks] == [[False, False, True], [True, False, False]]


def test_relevant_columns__rows_of_weight_zero__are_ignored():
    x, y = draw(600, [0.9, 0.0, 0.0])
    wrong = torch.arange(600) % 3 == 0
    x[wrong, 1] = y[wrong, 2] = torch.linspace(-3, 3, 200)
    weight = (~wrong).float()

    masks = relevant_columns(x, y, torch.arange(600), weight)

    expected = relevant_columns(x, y, torch.arange(600)[~wrong])
    assert [mask.tolist() for mask in masks] == [mask.tolist() for mask in expected]
    assert not masks[0][1]
    assert relevant_columns(x, y, torch.arange(600))[0][1]


def test_relevant_columns__more_pairs_than_can_be_tested__reports_everything():
    x = torch.randn(200, 800, generator=torch.Generator().manual_seed(0))  # 640,000 pairs of 16 moments

    masks = relevant_columns(x, x, torch.arange(200))

    assert all(bool(mask.all()) for mask in masks)


# --- Coordinates ---

RELEVANT = torch.tensor([True, False, True, False])


def make_mixed(n=1000):
    """Four correlated columns of different sizes."""
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(4, 4, generator=generator) + torch.diag(torch.tensor([1.0, 2.0, 5.0, 10.0]))
    return torch.randn(n, 4, generator=generator) @ mixing + 3


def make_leading(x, n_members=4):
    mean = x.mean(0).expand(n_members, -1)
    return Projection(mean, torch.randn(n_members, 4, 2, generator=torch.Generator().manual_seed(2)))


def test_fit_coordinates__relevant_columns__variance_one_and_the_others_faint():
    x = make_mixed()
    train_rows = make_folds(1000).train

    coordinates = fit_coordinates(x, make_leading(x), RELEVANT, train_rows)

    values = coordinates(x[train_rows[:1]].expand(4, -1, -1))
    sizes = torch.tensor([1.0, 1.0, FAINT, FAINT])
    assert coordinates.width == 2 + 4
    for member in values[..., 2:]:
        covariance = member.T.cov(correction=0)
        # The ridge of 1e-4 takes that share of a variance of one; those here are above a tenth: 1e-3.
        torch.testing.assert_close(covariance[:2, :2], torch.eye(2), atol=2e-3, rtol=0)
        torch.testing.assert_close(covariance[2:, 2:], FAINT**2 * torch.eye(2), atol=2e-5, rtol=0)
        torch.testing.assert_close(covariance.diagonal().sqrt(), sizes, atol=1e-3, rtol=0)


def test_fit_coordinates__leading__comes_first():
    x = make_mixed()
    leading = make_leading(x)

    coordinates = fit_coordinates(x, leading, RELEVANT, make_folds(1000).train)

    bank = x.expand(4, -1, -1)
    torch.testing.assert_close(coordinates(bank)[..., :2], leading(bank))


def test_fit_coordinates__columns_that_are_not_relevant__reach_the_faint_coordinates_alone():
    x = make_mixed()
    other = torch.where(RELEVANT, x, -x)

    coordinates = fit_coordinates(x, None, RELEVANT, make_folds(1000).train)

    values, changed = (coordinates(block.expand(4, -1, -1)) for block in (x, other))
    torch.testing.assert_close(changed[..., :2], values[..., :2])
    # Turned round, two coordinates of size s move by 2 s and more; by 1.6 s in the mean of absolute values.
    assert (changed[..., 2:] - values[..., 2:]).abs().mean() > FAINT


def test_fit_coordinates__all_relevant_and_no_leading__centred_on_the_training_rows():
    x = make_mixed()
    train_rows = make_folds(1000).train

    coordinates = fit_coordinates(x, None, torch.ones(4, dtype=torch.bool), train_rows)

    values = coordinates(x[train_rows[:1]].expand(4, -1, -1))
    assert coordinates.width == 4
    # Rounding of values of size 10 in single precision, times a whitening of up to 3, over 750 rows.
    torch.testing.assert_close(values.mean(1), torch.zeros(4, 4), atol=1e-4, rtol=0)


def test_fit_coordinates__more_columns_than_rows__is_finite():
    x = torch.randn(40, 90, generator=torch.Generator().manual_seed(3))

    coordinates = fit_coordinates(x, None, torch.arange(90) < 50, make_folds(40).train)

    assert coordinates(x.expand(4, -1, -1)).isfinite().all()


# --- Network columns ---


def make_columns(with_coordinates, with_differences, n_members=4):
    generator = torch.Generator().manual_seed(4)

    def projection(d, width):
        return Projection(
            torch.randn(n_members, d, generator=generator),
            torch.randn(n_members, d, width, generator=generator),
        )

    return NetworkColumns(
        projection(3, 2) if with_coordinates else None,
        3,
        torch.rand(n_members, 2, generator=generator),
        projection(5, 1) if with_differences else None,
    )


@pytest.mark.parametrize("with_coordinates", [True, False])
@pytest.mark.parametrize("with_differences", [True, False])
@pytest.mark.parametrize("leading", [(4, 7), (4, 7, 1), (4, 1, 6), (4, 3, 2, 5)])
def test_network_columns__any_leading_axes__width_and_values(with_coordinates, with_differences, leading):
    columns = make_columns(with_coordinates, with_differences)
    x = torch.randn(*leading, 5, generator=torch.Generator().manual_seed(5))

    values = columns(x)

    assert values.shape == (*leading, columns.width)
    flat = columns(x.reshape(4, -1, 5))
    torch.testing.assert_close(values.reshape(4, -1, columns.width), flat)


def test_network_columns__order__coordinates_then_sized_columns_then_differences():
    columns = make_columns(True, True)
    x = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(5))

    expected = [columns.coordinates(x), x[..., 3:] * columns.size.unsqueeze(1), columns.differences(x)]

    torch.testing.assert_close(columns(x), torch.cat(expected, -1))


# --- Differences ---


def test_differences__thin_ridge__have_variance_one_under_any_mixing():
    x, y = draw(4000, [0.999, 0.0])
    folds = make_folds(4000)
    mixing = torch.tensor([[2.0, -1.0], [0.5, 1.0]])

    for shown_x, shown_y in ((x, y), (x @ mixing + 3, y @ mixing.T)):
        of_x, of_y = fit_differences(shown_x, shown_y, folds.train)
        u, v = of_x(shown_x.expand(4, -1, -1)), of_y(shown_y.expand(4, -1, -1))

        assert of_x.width == of_y.width == 1
        # Standard error of a standard deviation: 1 / (2 n)^(1/2) = 0.011; three of them. The ridge of 1e-4
        # takes up to 1e-4 off a correlation of 0.999: a tenth of 1 - r, a twentieth of the deviation.
        torch.testing.assert_close((u - v).std(1).flatten(), torch.ones(4), atol=0.09, rtol=0)


def test_differences__pairs_above_the_least_correlation__as_many_coordinates():
    # Standard error of a correlation: at most 1 / n^(1/2) = 0.016, and 0.3 is the least.
    for correlations, width in (
        ([0.9, 0.5, 0.2], 2),
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], MAX_DIFFERENCES),
    ):
        x, y = draw(4000, correlations)
        of_x, of_y = fit_differences(x, y, make_folds(4000).train)

        assert of_x.width == of_y.width == width
        assert of_y(y.expand(4, -1, -1)).shape == (4, 4000, width)


@pytest.mark.parametrize("d", [1, 30])
def test_differences__independent_blocks__none(d):
    x, y = torch.randn(2, 300, d, generator=torch.Generator().manual_seed(1))

    assert fit_differences(x, y, make_folds(300).train) == (None, None)


def test_differences__equal_columns__finite():
    x, _ = draw(200, [0.5])

    of_x, of_y = fit_differences(x, x, make_folds(200).train)

    assert of_x(x.expand(4, -1, -1)).isfinite().all()
    assert of_y(x.expand(4, -1, -1)).isfinite().all()


def test_differences__rows_of_weight_zero__are_not_read():
    x, y = draw(400, [0.9])
    train, wrong = make_folds(400).train, torch.arange(400)[:, None] % 3 == 0
    weight = (~wrong).float().flatten()

    plain, _ = fit_differences(x, y, train, weight)
    spoilt, _ = fit_differences(torch.where(wrong, -5.0, x), torch.where(wrong, 9.0, y), train, weight)

    torch.testing.assert_close(spoilt(x.expand(4, -1, -1)), plain(x.expand(4, -1, -1)))


# --- Reference and network ---


class Zero(torch.nn.Module):
    """A network that has learnt nothing, and keeps the shapes that it was shown."""

    def forward(self, x, y):
        self.seen = x.shape[-1], y.shape[-1]
        return 0 * (x.sum(-1) + y.sum(-1))


@pytest.mark.parametrize("with_columns", [True, False])
def test_referenced_critic__zero_network__is_the_reference(with_columns):
    x, y = draw(400, [0.8, 0.4, 0.0, 0.0, 0.0])
    folds = make_folds(400)
    reference = fit_gaussian_reference(x, y, folds.train, folds.held_out)
    shown = (make_columns(True, True), make_columns(False, True)) if with_columns else (None, None)
    critic = ReferencedCritic(reference, Zero(), *shown)

    rows_x, rows_y = x[folds.train[:, :6]].unsqueeze(2), y[folds.train[:, :6]].unsqueeze(1)
    values = critic(rows_x, rows_y)

    assert values.shape == (4, 6, 6)
    torch.testing.assert_close(
        values, reference(reference.project_x(rows_x), reference.project_y(rows_y)), rtol=0, atol=0
    )
    widths = [0 if columns is None else columns.width for columns in shown]
    assert critic.network.seen == (reference.width_x + widths[0], reference.width_y + widths[1])


def make_block(core):
    """Core columns, and their squares as views."""
    values = torch.cat([core, core**2 - 1], 1)
    return Block(values, core.shape[1], origin=torch.arange(core.shape[1]).repeat(2))


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize("kind", ["linear", "sparse", "squares"])
def test_build_critic__untrained__is_the_reference_and_can_be_loaded_again(critic, kind):
    generator = torch.Generator().manual_seed(6)
    x, y = torch.randn(2, 800, 2 if kind == "linear" else 12, generator=generator)
    y[:, 0] = 0.6 * y[:, 0] + (x[:, 0] ** 2 - 1 if kind == "squares" else 0.8 * x[:, 0])
    folds = make_folds(800)

    bank = build_critic(critic, make_block(x), make_block(y), folds, (8,), generator)

    rows_x, rows_y = (make_block(block).values[folds.train[:, :20]] for block in (x, y))
    u, v = bank.reference.project_x(rows_x), bank.reference.project_y(rows_y)
    torch.testing.assert_close(bank(rows_x, rows_y), bank.reference(u, v))
    bank.load_state_dict(copy.deepcopy(bank.state_dict()))


@pytest.mark.parametrize("d", [1, 2])
def test_build_critic__even_dependence__nonlinear_variates_of_more_than_one_column_a_side(d):
    generator = torch.Generator().manual_seed(6)
    x, y = torch.randn(2, 2000, d, generator=generator)
    y[:, 0] = x[:, 0] ** 2 - 1 + 0.5 * y[:, 0]

    bank = build_critic("concat", make_block(x), make_block(y), make_folds(2000), (8,), generator)

    assert isinstance(bank.reference.project_x, Variates) == (d > 1)


def test_build_critic__columns_and_views_that_show_no_dependence__are_read_faintly():
    generator = torch.Generator().manual_seed(7)
    x, y = torch.randn(2, 1000, 12, generator=generator)
    y[:, 4] = x[:, 2] ** 2 + 0.3 * y[:, 4]
    y = y - y.mean(0)

    bank = build_critic("concat", make_block(x), make_block(y), make_folds(1000), (8,), generator)

    size = bank.shown_x.size
    views = size[0, -12:]
    assert views[2] == 1
    # By chance another column may pass the test, at a level of 0.01; hardly ever four.
    assert (views == FAINT).sum() >= 8
    assert (size == size[0]).all()


def test_build_critic__sum_of_two_columns_in_their_own_units__reads_those_and_tells_which(monkeypatch):
    monkeypatch.setattr("skmine.nn.variates.EXPANSIONS", {"columns": EXPANSIONS["columns"]})
    generator = torch.Generator().manual_seed(0)
    core = torch.randn(2000, 4, generator=generator)
    y = core[:, 1:2] ** 3 + core[:, 3:] ** 3 + torch.randn(2000, 1, generator=generator)
    block = Block(torch.cat([core, core**3], 1), 4, origin=torch.arange(4).repeat(2), n_scaled=4)

    bank = build_critic("concat", block, Block(y - y.mean(0), 1), make_folds(2000), (8,), generator)

    reading = bank.reference.project_x.reading
    assert (reading.start, reading.stop) == (4, 8)
    assert {1, 3} <= set(reading.relevant)  # by chance another may pass the test, at a level of 0.01
    assert bank.reference.project_y.reading.start == 0
