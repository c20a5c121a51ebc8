"""Nonlinear variates: normal scores of functions of a block, and when the reference reads them."""

import math
import warnings

import numpy as np
import pytest
import torch
from blocks import make_folds, read_all, sample
from scipy.special import binom, genlaguerre
from sklearn.exceptions import ConvergenceWarning

from skmine import MutualInfoEstimator
from skmine.distributions import Mixture, MultivariateNormal, MultivariateStudent, Spiral, Transformed
from skmine.nn import (
    EXPANSIONS,
    DonskerVaradhan,
    Folds,
    GaussianReference,
    Reading,
    ReferenceRows,
    Variates,
    choosing,
    fit_gaussian_reference,
    fit_variate_reference,
    variates,
)
from skmine.nn.reference import Projection

#: Columns of each expansion of d columns.
WIDTHS = {
    "columns": lambda d: d,
    "distance": lambda _: 1,
    "relevant distance": lambda _: 1,
    "columns and distance": lambda d: d + 1,
    "radial 1": lambda d: 2 * d,
    "radial 2": lambda d: 3 * d,
    "radial 4": lambda d: 5 * d,
    "squares": lambda d: 2 * d,
    "products": lambda d: d + d * (d + 1) // 2,
    "waves 64": lambda d: d + 64,
    "waves 256": lambda d: d + 256,
    "short waves 64": lambda d: d + 64,
}
CROSS = Mixture([MultivariateNormal.bivariate(0.9), MultivariateNormal.bivariate(-0.9)])  # 0.41 nats
SPIRAL = Transformed(MultivariateNormal.pairs(2, 0.8), Spiral(0.25))  # 1.02 nats


def fit(x, y, folds, weight=None):
    """The reference of the columns, and the one that is chosen."""
    linear = fit_gaussian_reference(x, y, folds.train, folds.held_out, weight)
    readings = [(read_all(x), read_all(y))]
    rows = ReferenceRows.of_folds(x, y, folds.train, folds.held_out, weight)
    return linear, fit_variate_reference(rows, linear, readings)


def held_out_value(reference, x, y, folds, n_shifts=200):
    """Donsker-Varadhan value over many pairs, mean over the members."""
    rows = folds.held_out
    u, v = reference.project_x(x[rows]), reference.project_y(y[rows])
    others = torch.stack([v.roll(k, 1) for k in range(1, n_shifts + 1)], 2)
    marginal = reference(u.unsqueeze(2), others)
    return float(DonskerVaradhan().estimate(reference(u, v), marginal).mean())


# --- Expansions ---


@pytest.mark.parametrize("name", EXPANSIONS)
@pytest.mark.parametrize("shape", [(5, 1), (5, 3), (4, 5, 2, 3)])
def test_expansion__any_leading_axes__shape_and_the_columns_themselves_first(name, shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))

    expanded = read_all(x[..., :1, :].reshape(-1, shape[-1])).expand(name, x)

    assert expanded.shape == (*shape[:-1], WIDTHS[name](shape[-1]))
    if name not in ("distance", "relevant distance"):
        torch.testing.assert_close(expanded[..., : shape[-1]], x, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "degree"), [("radial 1", 1), ("radial 2", 2), ("radial 4", 4)])
@pytest.mark.parametrize("d", [1, 3, 10])
def test_expansion__radial__is_laguerre_polynomials_of_variance_one(name, degree, d):
    x = torch.full((1, d), 0.7, dtype=torch.float64)
    half, alpha = 0.49 * d / 2, d / 2

    expanded = EXPANSIONS[name](x, range(d))

    # Under normal columns x_i L_k has the variance binom(k + d / 2, k): orthogonality of the polynomials.
    factors = [genlaguerre(k, alpha)(half) / math.sqrt(binom(k + alpha, k)) for k in range(degree + 1)]
    torch.testing.assert_close(expanded, torch.cat([factor * x for factor in factors], 1))


def test_expansion__radial__far_rows_have_the_distance_of_one_in_a_thousand():
    x = torch.tensor([[3.0, 4.0], [30.0, 40.0]])  # chi2.ppf(0.999, 2) = 13.8

    expanded = EXPANSIONS["radial 4"](x, range(2))

    torch.testing.assert_close(expanded[1], 10 * expanded[0])


@pytest.mark.parametrize(
    ("name", "further"), [("squares", [4.0, 1.0, 9.0]), ("products", [4.0, -2.0, 6.0, 1.0, -3.0, 9.0])]
)
def test_expansion__further_columns__are_what_the_name_says(name, further):
    x = torch.tensor([[2.0, -1.0, 3.0]])

    torch.testing.assert_close(EXPANSIONS[name](x, range(3))[0, 3:], torch.tensor(further))


def test_expansion__distance__log_mean_square_of_all_or_of_the_relevant_columns():
    x = torch.tensor([[2.0, -1.0, 3.0], [0.0, 0.0, 0.0]])

    whole, relevant, beside = (
        EXPANSIONS[name](x, (0, 1)) for name in ("distance", "relevant distance", "columns and distance")
    )

    assert whole[:, 0].exp().tolist() == pytest.approx([14 / 3, 1e-3])
    assert relevant[:, 0].exp().tolist() == pytest.approx([2.5, 1e-3])
    torch.testing.assert_close(beside, torch.cat([x, whole], 1))


def test_expansion__products_of_one_relevant_column__it_times_all():
    x = torch.tensor([[2.0, -1.0, 3.0]])

    assert EXPANSIONS["products"](x, (1,))[0, 3:].tolist() == [-2.0, 1.0, -3.0]


def test_expansion__waves__read_the_relevant_columns_and_make_a_gaussian_kernel():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = torch.cat([x[:, :2], 7 * x[:, 2:]], 1)

    waves, same, of_all = (
        EXPANSIONS[name](z, (0, 1))[:, 3:]
        for name, z in (("waves 64", x), ("waves 64", other), ("waves 256", x))
    )

    torch.testing.assert_close(waves, same, rtol=0, atol=0)
    # Frequencies of variance 2 / d: a kernel exp(-|x - x'|^2 / d), here of three columns. A mean of 256 draws
    # is off by up to 4 / 16.
    expected = (-(torch.cdist(x, x) ** 2) / 3).exp()
    torch.testing.assert_close(of_all @ of_all.T / 256, expected, atol=0.25, rtol=0)


def test_expansion__short_waves__are_waves_of_all_columns_twice_as_large():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    short, waves = EXPANSIONS["short waves 64"](x, (0,)), EXPANSIONS["waves 64"](2 * x, (0, 1, 2))

    torch.testing.assert_close(short[:, 3:], waves[:, 3:])


# --- Variates ---


@pytest.fixture(scope="module")
def spiral():
    """A joint that polynomials of its columns explain, its folds and its reference."""
    x, y = sample(SPIRAL, 2000, 0)
    folds = make_folds(2000)
    linear, reference = fit(x, y, folds)
    assert reference is not linear
    return reference, x, y, folds


@pytest.mark.parametrize("side", [0, 1])
def test_variates__training_rows__are_normal_scores_of_the_projection(spiral, side):
    reference, *blocks, folds = spiral
    variates, rows = (reference.project_x, reference.project_y)[side], folds.train
    bank = blocks[side][rows]

    scores = variates(bank)
    values = variates.projection(variates.reading.expand(variates.expansion, bank))

    order = values.argsort(1)
    ascending = scores.gather(1, order)
    assert (ascending.diff(dim=1) >= 0).all()
    # Exact at knots that are 6 / 64 apart, so between two knots off by no more; and the value at a knot is
    # that of the nearest rank, 1 / n off: 1 / (n phi(2)) = 0.012 of a score up to 2.
    ideal = torch.special.ndtri((torch.arange(rows.shape[1]) + 0.5) / rows.shape[1])
    inner = ideal.abs() < 2
    expected = ideal[inner].view(1, -1, 1).expand(4, -1, variates.width)
    torch.testing.assert_close(ascending[:, inner], expected, atol=6 / 64 + 0.012, rtol=0)
    # By the same bound on average, where the errors of both tails cancel; the cut takes 0.005 off a
    # variance of one.
    assert scores.mean(1).abs().max() < 0.03
    assert (scores.var(1) - 1).abs().max() < 0.05


def test_variates__tied_values__have_the_middle_score_of_their_run():
    x, _ = sample(CROSS, 2000, 0)
    x = torch.cat([torch.sign(x), x.clamp_min(0)], 1)  # of two values; half of them tied
    rows = make_folds(2000).train
    block = x[rows]

    columns = Projection(torch.zeros(4, 2), torch.eye(2).repeat(4, 1, 1))
    weight = torch.ones(rows.shape)

    told = variates._fit_variates("columns", read_all(x), block, columns, weight)
    scores = told(block)

    ends = [scores[..., 0][block[..., 0] == sign] for sign in (-1, 1)]
    # Each of them is half of the rows, so the middles are those of -3 to 0 and of 0 to 3.
    for end, middle in zip(ends, (-1.5, 1.5), strict=True):
        assert end == pytest.approx(torch.full_like(end, middle), abs=0.1)
    tied = scores[..., 1][block[..., 1] == 0]
    assert tied == pytest.approx(torch.full_like(tied, -1.5), abs=0.1)
    assert scores[..., 1].max() == 3


def test_variates__far_out__are_cut_at_three(spiral):
    reference, x, *_ = spiral

    scores = reference.project_x(1000 * x.expand(4, -1, -1))

    assert scores.abs().max() == 3


def test_variates__leading__are_the_first_ones_alone(spiral):
    reference, x, *_ = spiral
    bank = x.expand(4, -1, -1)

    first = reference.project_x.leading(1)

    assert isinstance(first, Variates)
    assert first.width == 1
    torch.testing.assert_close(first(bank), reference.project_x(bank)[..., :1])


def test_variates__further_axes_and_columns__same_scores(spiral):
    reference, x, *_ = spiral
    bank = x[:12].expand(4, -1, -1)

    wide = torch.cat([bank, torch.full((4, 12, 5), 7.0)], 2)
    scores = reference.project_x(wide.view(4, 3, 4, -1))

    torch.testing.assert_close(scores.view(4, 12, -1), reference.project_x(bank))


# --- The choice ---


@pytest.mark.parametrize(("d", "correlation"), [(1, 0.0), (1, 0.6), (3, 0.0), (3, 0.6), (10, 0.5)])
def test_variate_reference__gaussian_or_independent__is_the_linear_one(d, correlation, seed):
    n_chosen = 0

    for k in range(5):
        x, y = sample(MultivariateNormal.pairs(d, correlation), 2000, 1000 * seed + k)
        linear, reference = fit(x, y, make_folds(2000))
        n_chosen += reference is not linear

    # Nothing is to be gained. Chance gains 0.01 nats in fewer than one of 100 draws, twice in five in fewer
    # than one of 1,000.
    assert n_chosen <= 1


def test_variate_reference__squares_depend__finds_them(seed):
    x, y = sample(CROSS, 2000, seed)
    folds = make_folds(2000)

    linear, reference = fit(x, y, folds)

    value = held_out_value(reference, x, y, folds)
    # The squares hold all of the 0.41 nats, but they are not jointly Gaussian: the log ratio of their scores
    # reads 0.3. Standard error of the mean log ratio: 0.8 / 2000^(1/2) = 0.018; three of them, and as much
    # again for the mean of exp(T).
    assert 0.2 < value < CROSS.mi + 0.11
    assert float(linear.mutual_information().mean()) < 0.02


def test_variate_reference__spiral__is_near_the_truth(seed):
    x, y = sample(SPIRAL, 4000, seed)
    folds = make_folds(4000)

    linear, reference = fit(x, y, folds)

    value = held_out_value(reference, x, y, folds)
    # Standard error of the mean log ratio of a Gaussian: (sum of r^2)^(1/2) / n^(1/2) = 0.018; of the log of
    # the mean of exp(T), at 1,000 rows of 200 pairs: below 0.04. Three of both, and a tenth of the truth that
    # polynomials of degree five leave.
    assert value == pytest.approx(SPIRAL.mi, abs=3 * 0.044 + 0.1)
    assert value > held_out_value(linear, x, y, folds) + 0.15


def test_variate_reference__fast_sine_of_a_sum__short_waves_find_it(seed, monkeypatch):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 2, generator=generator)
    phase = torch.special.ndtr(x) @ torch.tensor([[12.0], [6.0]])  # three turns
    y = phase.sin() + 0.2 * torch.randn(1500, 1, generator=generator)  # 1.15 nats
    folds = make_folds(1500)

    def value():
        return held_out_value(fit(x, y, folds)[1], x, y, folds)

    # Of a sine the scores are no Gaussian pair: their log ratio reads a third.
    with_short_waves = value()
    monkeypatch.delitem(EXPANSIONS, "short waves 64")
    assert with_short_waves > max(0.25, value() + 0.1)


def test_variate_reference__more_than_eight_dependent_columns__as_many_variates(seed):
    d = 12
    turned = Transformed(MultivariateNormal.pairs(d, 0.6), Spiral(1.5 / d, 0, 1), Spiral(1.5 / d, 1, 2))
    x, y = sample(turned, 4000, seed)
    folds = make_folds(4000)

    linear, reference = fit(x, y, folds)

    assert reference.width_x == d
    # Eight of the pairs have 1.8 of their 2.7 nats, the columns themselves 2.3.
    value = held_out_value(reference, x, y, folds)
    assert held_out_value(linear, x, y, folds) + 0.1 < value < turned.mi + 0.13


def test_variate_reference__chosen__is_a_gaussian_log_ratio_of_as_many_variates(spiral):
    reference, *_ = spiral

    assert isinstance(reference, GaussianReference)
    assert reference.width_x == reference.width_y == reference.correlations.shape[1]
    # Of independent normal scores: the constant is that of the closed form.
    r = reference.correlations
    torch.testing.assert_close(reference.constant, -0.5 * torch.log1p(-(r**2)).sum(1), atol=1e-5, rtol=0)


def test_variate_reference__few_rows_for_the_polynomials__is_the_linear_one():
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    y = x**2 - (x**2).mean(0)  # 12 columns and more; a quarter of the 30 training rows is the most

    linear, reference = fit(x, y, make_folds(40))

    assert reference is linear


def test_variate_reference__spoilt_rows_of_weight_zero__as_good_as_without():
    x, y = sample(CROSS, 2000, 0)
    folds, wrong = make_folds(2000), torch.arange(2000)[:, None] % 3 == 0
    weight = (~wrong).float().flatten()

    _, plain = fit(x, y, folds, weight)
    _, spoilt = fit(torch.where(wrong, -5.0, x), torch.where(wrong, 9.0, y), folds, weight)

    assert isinstance(spoilt.project_x, Variates)
    # Where the rows stand may decide between two quantiles next to each other, and between references that
    # are as good: 0.01 nats of the choice, and a tenth of the truth for the rest.
    values = [held_out_value(reference, x, y, folds) for reference in (plain, spoilt)]
    assert values[1] == pytest.approx(values[0], abs=0.05)


@pytest.mark.parametrize("n_noise", [0, 20])
def test_fit_variate_reference__one_scale_of_many_columns_and_few_rows__reads_the_distance(n_noise, seed):
    joint = MultivariateStudent.identity(15, 15, dof=3)  # 0.67 nats
    x, y = (
        torch.hstack([z, torch.randn(200, n_noise, generator=torch.Generator().manual_seed(k))])
        for k, z in enumerate(sample(joint, 200, seed))
    )
    folds, relevant = make_folds(200), tuple(range(15))
    linear = fit_gaussian_reference(x, y, folds.train, folds.held_out)
    readings = [tuple(Reading(0, 15 + n_noise, relevant) for _ in range(2))]
    rows = ReferenceRows.of_folds(x, y, folds.train, folds.held_out, None)

    reference = fit_variate_reference(rows, linear, readings)

    assert reference.project_x.expansion == (
        "relevant distance" if n_noise else reference.project_x.expansion
    )
    assert "distance" in reference.project_x.expansion
    assert 0.3 < held_out_value(reference, x, y, folds, 40) < joint.mi + 0.2


def test_variate_reference__weights__move_the_choice():
    generator = torch.Generator().manual_seed(0)
    x, y = sample(CROSS, 2000, 0)
    y[1000:] = torch.randn(1000, 1, generator=generator)
    folds = make_folds(2000)

    dependent, independent = (torch.where((torch.arange(2000) < 1000) == half, 1.0, 1e-4) for half in (1, 0))

    assert isinstance(fit(x, y, folds, dependent)[1].project_x, Variates)
    linear, reference = fit(x, y, folds, independent)
    assert reference is linear


def test_fit_variate_reference__sum_in_own_units__reads_the_columns_that_add_up(monkeypatch):
    monkeypatch.setattr("skmine.nn.variates.EXPANSIONS", {"columns": EXPANSIONS["columns"]})
    generator = torch.Generator().manual_seed(0)
    core = torch.randn(2000, 2, generator=generator)
    x = torch.cat([core, core**3], 1)
    y = core[:, :1] ** 3 + core[:, 1:] ** 3 + torch.randn(2000, 1, generator=generator)
    folds = make_folds(2000)
    linear = fit_gaussian_reference(core, y, folds.train, folds.held_out)
    readings = [(Reading(start, start + 2, (0, 1)), read_all(y)) for start in (0, 2)]

    rows = ReferenceRows.of_folds(x, y, folds.train, folds.held_out, None)
    reference = fit_variate_reference(rows, linear, readings)

    assert reference.project_x.reading.start == 2


@pytest.mark.parametrize(("n", "d"), [(60, 3), (300, 3), (300, 12)])
def test_fit_variate_reference__no_pair_is_near__values_are_finite_and_the_columns_stay(n, d, monkeypatch):
    values, value_of = [], choosing.held_out_values

    def spy(*arguments):
        values.append(value_of(*arguments))
        return values[-1]

    monkeypatch.setattr(choosing, "held_out_values", spy)
    monkeypatch.setattr(variates, "held_out_values", spy)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, generator=generator)
    y = x + 1e-3 * torch.randn(n, d, generator=generator)

    linear, reference = fit(x, y, make_folds(n))

    assert reference is linear
    assert all(torch.isfinite(value).all() for value in values)
    assert max(float(value.max()) for value in values) <= 2 * math.log(n)


def test_fit_variate_reference__more_columns_than_functions__is_the_linear_one():
    x, y = torch.randn(2, 40, 25_000, generator=torch.Generator().manual_seed(0))
    folds = make_folds(40)
    linear = fit_gaussian_reference(x[:, :3], y[:, :2], folds.train, folds.held_out)

    rows = ReferenceRows.of_folds(x, y, folds.train, folds.held_out, None)
    found = fit_variate_reference(rows, linear, [(read_all(x), read_all(y))])

    assert found is linear


def test_fit_variate_reference__too_many_columns__expands_single_rows_only(monkeypatch):
    rows_expanded = []

    def spy(x, _):
        rows_expanded.append(x.shape[0])
        return x.repeat(1, 1000)

    monkeypatch.setattr("skmine.nn.variates.EXPANSIONS", {"spy": spy})
    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(300)
    folds = Folds.of_splits([(rows[:200], rows[200:])], torch.Generator().manual_seed(0))
    linear = fit_gaussian_reference(x, x.flip(0), folds.train, folds.held_out)

    seen = ReferenceRows.of_folds(x, x.flip(0), folds.train, folds.held_out, None)
    found = fit_variate_reference(seen, linear, [(read_all(x),) * 2])

    assert found is linear
    assert set(rows_expanded) == {1}


def test_fit__one_scale_of_fifty_columns__is_near_the_truth_from_three_hundred_rows(seed):
    joint = MultivariateStudent.identity(25, 25, dof=3)  # 0.89 nats

    estimator = MutualInfoEstimator(random_state=seed).fit(*joint.sample(300, seed))

    assert estimator.mi_ == pytest.approx(joint.mi, abs=0.2)
    assert estimator.mi_interval_[0] < joint.mi < estimator.mi_interval_[1]


@pytest.mark.parametrize("n", [100, 200, 400])
def test_fit__one_hot_columns_against_several__the_constant_distance_is_left_out(n):
    rng = np.random.default_rng(0)
    x, classes, identity = (
        rng.normal(size=(n, 2)),
        rng.integers(0, (3, 2), size=(n, 2)),
        np.arange(n)[:, None],
    )
    quick = {"cv": 3, "max_iter": 20, "random_state": 0}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        values = [
            MutualInfoEstimator(**quick).fit(*blocks).mi_
            for blocks in ((x, classes.astype(str)), (np.char.add("id ", (identity // 2).astype(str)), x))
        ]

    assert np.abs(values).max() < 0.4


def test_fit_variate_reference__constant_block__stays_linear():
    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    one_hot = torch.eye(4)[torch.arange(300) % 4]

    linear, reference = fit(one_hot, x, make_folds(300))

    assert reference is linear
