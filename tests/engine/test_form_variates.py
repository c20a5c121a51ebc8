"""The variates form: normal scores of functions of a block, and when they are better than the columns."""

import math
import warnings

import numpy as np
import pytest
import torch
from blocks import draw, held_out_value, make_folds, make_sample, read_all
from scipy.special import binom, genlaguerre
from sklearn.exceptions import ConvergenceWarning

from skmine import MutualInfoEstimator
from skmine._engine.canonical import Projection
from skmine._engine.contest import hold_contest
from skmine._engine.forms import variates
from skmine._engine.forms.gaussian import Gaussian, GaussianReference
from skmine._engine.forms.variates import EXPANSIONS, NonlinearVariates, Variates
from skmine._engine.judge import Judge
from skmine._engine.sample import Block, Reading, Sample
from skmine.distributions import Mixture, MultivariateNormal, MultivariateStudent, Spiral, Transformed
from skmine.nn import DonskerVaradhan

#: Columns of each expansion of d columns.
WIDTHS = {
    "distance": lambda _: 1,
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
#: A table with only the columns themselves.
COLUMNS = {"columns": lambda x, _: x}
CROSS = Mixture([MultivariateNormal.bivariate(0.9), MultivariateNormal.bivariate(-0.9)])  # 0.41 nats
SPIRAL = Transformed(MultivariateNormal.pairs(2, 0.8), Spiral(0.25))  # 1.02 nats


def compete(sample):
    """The fit of the columns, and the best fit, which uses the columns or variates."""
    linear = Gaussian().fit(sample, None)
    judge = Judge(sample, DonskerVaradhan())
    return linear, hold_contest(sample, [Gaussian(), NonlinearVariates()], judge).verdict.scored.fit


def has_variates(fit):
    """Whether functions of the columns were preferred to the columns themselves."""
    return isinstance(fit.reference.project_x, Variates)


def settings(sample):
    """Names of the expansions that can be fitted, for each reading of the columns."""
    return [(name, pair) for path in NonlinearVariates().settings(sample, None) for name, pair in path]


# --- Expansions ---


@pytest.mark.parametrize("name", EXPANSIONS)
@pytest.mark.parametrize("shape", [(5, 1), (5, 3), (4, 5, 2, 3)])
def test_expansion__any_leading_axes__shape_and_the_columns_themselves_first(name, shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))

    expanded = variates._expand(name, Reading(0, shape[-1], tuple(range(shape[-1]))), x)

    assert expanded.shape == (*shape[:-1], WIDTHS[name](shape[-1]))
    if name != "distance":
        torch.testing.assert_close(expanded[..., : shape[-1]], x, rtol=0, atol=0)


@pytest.mark.parametrize("degree", [1, 2, 4])
@pytest.mark.parametrize("d", [1, 3, 10])
def test_expansion__radial__is_laguerre_polynomials_of_variance_one(degree, d):
    x = torch.full((1, d), 0.7, dtype=torch.float64)
    half, alpha = 0.49 * d / 2, d / 2

    expanded = variates._radial(x, degree)

    # For normal columns, x_i L_k has the variance binom(k + d / 2, k), by orthogonality of the polynomials.
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


def test_expansion__distance__is_the_log_mean_square_of_the_columns():
    x = torch.tensor([[2.0, -1.0, 3.0], [0.0, 0.0, 0.0]])

    distance, beside = (EXPANSIONS[name](x, (0, 1)) for name in ("distance", "columns and distance"))

    assert distance[:, 0].exp().tolist() == pytest.approx([14 / 3, 1e-3])
    torch.testing.assert_close(beside, torch.cat([x, distance], 1))


def test_expansion__products_of_one_relevant_column__it_times_all():
    x = torch.tensor([[2.0, -1.0, 3.0]])

    assert EXPANSIONS["products"](x, (1,))[0, 3:].tolist() == [-2.0, 1.0, -3.0]


def test_expansion__waves__read_the_relevant_columns_and_make_a_gaussian_kernel():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = torch.cat([x[:, :2], 7 * x[:, 2:]], 1)

    waves, same = (EXPANSIONS["waves 64"](z, (0, 1))[:, 3:] for z in (x, other))
    of_all = variates._waves(x, range(3), 256)[:, 3:]

    torch.testing.assert_close(waves, same, rtol=0, atol=0)
    # Frequencies with variance 2 / d give the kernel exp(-|x - x'|^2 / d), here for three columns. A mean of
    # 256 draws has an error of up to 4 / 16.
    expected = (-(torch.cdist(x, x) ** 2) / 3).exp()
    torch.testing.assert_close(of_all @ of_all.T / 256, expected, atol=0.25, rtol=0)


def test_expansion__short_waves__are_waves_of_all_columns_twice_as_large():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    short, waves = EXPANSIONS["short waves 64"](x, (0,)), EXPANSIONS["waves 64"](2 * x, (0, 1, 2))

    torch.testing.assert_close(short[:, 3:], waves[:, 3:])


# --- Variates ---


@pytest.fixture(scope="module")
def spiral():
    """A distribution that is explained by polynomials of the columns, and the chosen reference."""
    x, y = draw(SPIRAL, 2000, 0)
    sample = make_sample(x, y)
    _, fit = compete(sample)
    assert has_variates(fit)
    return fit.reference, sample


@pytest.mark.parametrize("side", [0, 1])
def test_variates__training_rows__are_normal_scores_of_the_projection(spiral, side):
    reference, sample = spiral
    told, rows = (reference.project_x, reference.project_y)[side], sample.folds.train
    bank = (sample.x, sample.y)[side].values[rows]

    scores = told(bank)
    values = told.projection(variates._expand(told.expansion, told.reading, bank))

    order = values.argsort(1)
    ascending = scores.gather(1, order)
    assert (ascending.diff(dim=1) >= 0).all()
    # Exact at knots that are 6 / 64 apart, so between two knots off by no more; and the value at a knot is
    # that of the nearest rank, 1 / n off: 1 / (n phi(2)) = 0.012 of a score up to 2.
    ideal = torch.special.ndtri((torch.arange(rows.shape[1]) + 0.5) / rows.shape[1])
    inner = ideal.abs() < 2
    expected = ideal[inner].view(1, -1, 1).expand(4, -1, told.width)
    torch.testing.assert_close(ascending[:, inner], expected, atol=6 / 64 + 0.012, rtol=0)
    # By the same bound on average, where the errors of both tails cancel; the cut takes 0.005 off a
    # variance of one.
    assert scores.mean(1).abs().max() < 0.03
    assert (scores.var(1) - 1).abs().max() < 0.05


def test_variates__tied_values__have_the_middle_score_of_their_run(monkeypatch):
    monkeypatch.setattr(variates, "EXPANSIONS", COLUMNS)
    x, _ = draw(CROSS, 2000, 0)
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
    reference, sample = spiral

    scores = reference.project_x(1000 * sample.x.values.expand(4, -1, -1))

    assert scores.abs().max() == 3


def test_variates__leading__are_the_first_ones_alone(spiral):
    reference, sample = spiral
    bank = sample.x.values.expand(4, -1, -1)

    first = reference.project_x.leading(1)

    assert isinstance(first, Variates)
    assert first.width == 1
    torch.testing.assert_close(first(bank), reference.project_x(bank)[..., :1])


def test_variates__further_axes_and_columns__same_scores(spiral):
    reference, sample = spiral
    bank = sample.x.values[:12].expand(4, -1, -1)

    wide = torch.cat([bank, torch.full((4, 12, 5), 7.0)], 2)
    scores = reference.project_x(wide.view(4, 3, 4, -1))

    torch.testing.assert_close(scores.view(4, 12, -1), reference.project_x(bank))


def test_fit__reference__is_a_gaussian_log_ratio_of_as_many_variates(spiral):
    reference, _ = spiral

    assert isinstance(reference, GaussianReference)
    assert reference.width_x == reference.width_y == reference.correlations.shape[1]
    # Of independent normal scores: the constant is that of the closed form.
    r = reference.correlations
    torch.testing.assert_close(reference.constant, -0.5 * torch.log1p(-(r**2)).sum(1), atol=1e-5, rtol=0)


# --- Settings ---


def test_applies__single_columns_or_classes__no():
    x, y = draw(MultivariateNormal.pairs(2, 0.5), 40, 0)
    classes = torch.eye(2)[torch.arange(40) % 2]

    assert NonlinearVariates().applies(make_sample(x[:, :1], y))
    assert not NonlinearVariates().applies(make_sample(x[:, :1], y[:, :1]))
    assert not NonlinearVariates().applies(make_sample(x, classes, is_y_discrete=True))


def test_settings__many_rows__every_expansion_of_each_reading_on_a_path_of_its_own():
    x, y = draw(MultivariateNormal.pairs(3, 0.5), 3000, 0)
    block = Block(torch.cat([x, x**3], 1), 3, origin=torch.arange(3).repeat(2), n_scaled=3)
    sample = Sample(block, Block(y, 3), make_folds(3000))

    paths = list(NonlinearVariates().settings(sample, None))

    assert all(len(path) == 1 for path in paths)
    assert [name for name, _ in settings(sample)] == 2 * list(EXPANSIONS)
    assert {pair[0].start for _, pair in settings(sample)} == {0, 3}


def test_settings__few_rows__as_many_functions_as_a_quarter_of_the_training_rows():
    x, y = draw(MultivariateNormal.pairs(2, 0.5), 80, 0)  # 60 of them train: 15 functions of both blocks

    found = settings(make_sample(x, y))

    assert max(2 * WIDTHS[name](2) for name, _ in found) <= 15
    left_out = set(EXPANSIONS) - {name for name, _ in found}
    assert min(2 * WIDTHS[name](2) for name in left_out) > 15


def test_settings__more_columns_than_functions__the_distance_alone():
    x, y = torch.randn(2, 40, 2500, generator=torch.Generator().manual_seed(0))
    sample = make_sample(x, y)
    sample.__dict__["readings"] = [(read_all(x), read_all(y))]

    assert [name for name, _ in settings(sample)] == ["distance"]


def test_settings__more_numbers_than_memory__nothing_is_expanded(monkeypatch):
    x, y = torch.randn(2, 40, 2500, generator=torch.Generator().manual_seed(0))
    sample = make_sample(x, y)
    sample.__dict__["readings"] = [(read_all(x), read_all(y))]

    monkeypatch.setattr(variates, "_MOST_NUMBERS", 4 * 30 * 5000 - 1)  # one below what the rows hold
    monkeypatch.setattr(variates, "_expand", None)

    assert settings(sample) == []


def test_settings__too_many_columns__expands_single_rows_only(monkeypatch):
    rows_expanded = []

    def spy(x, _):
        rows_expanded.append(x.shape[0])
        return x.repeat(1, 1000)

    monkeypatch.setattr(variates, "EXPANSIONS", {"spy": spy})
    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))

    assert settings(make_sample(x, x.flip(0))) == []
    assert set(rows_expanded) == {1}


# --- The choice ---


@pytest.mark.parametrize(("d", "correlation"), [(3, 0.0), (3, 0.6), (10, 0.5)])
def test_contest__gaussian_or_independent__is_the_linear_one(d, correlation, seed):
    n_chosen = 0

    for k in range(3):
        x, y = draw(MultivariateNormal.pairs(d, correlation), 2000, 1000 * seed + k)
        n_chosen += has_variates(compete(make_sample(x, y))[1])

    # There is no gain to find. By chance, the gain exceeds 0.01 nats in fewer than one of 100 draws, and in
    # two of three draws in fewer than one of 3,000 runs.
    assert n_chosen <= 1


@pytest.mark.parametrize("n_noise", [1, 3])
def test_contest__squares_depend__finds_them(n_noise, seed):
    x, y = draw(CROSS, 2000, seed)
    noise = torch.randn(2000, n_noise, generator=torch.Generator().manual_seed(seed))
    sample = make_sample(torch.cat([x, noise], 1), y)

    linear, fit = compete(sample)

    # The squares contain all of the 0.41 nats, but are not jointly Gaussian. The log ratio of their scores
    # gives 0.3. Standard error of the mean log ratio: 0.8 / 2000^(1/2) = 0.018; three of them, and as much
    # again for the mean of exp(T).
    assert 0.2 < held_out_value(sample, fit) < CROSS.mi + 0.11
    assert held_out_value(sample, linear) < 0.02


def test_contest__spiral__is_near_the_truth(seed):
    sample = make_sample(*draw(SPIRAL, 4000, seed))

    linear, fit = compete(sample)

    value = held_out_value(sample, fit)
    # Standard error of the mean log ratio of a Gaussian: (sum of r^2)^(1/2) / n^(1/2) = 0.018; of the log of
    # the mean of exp(T), at four members of 8,000 pairs each half: below 0.04. Three of both, and a tenth of
    # the truth that polynomials of degree five leave.
    assert value == pytest.approx(SPIRAL.mi, abs=3 * 0.044 + 0.1)
    assert value > held_out_value(sample, linear) + 0.15


def test_contest__fast_sine_of_a_sum__short_waves_find_it(seed, monkeypatch):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 2, generator=generator)
    phase = torch.special.ndtr(x) @ torch.tensor([[12.0], [6.0]])  # three turns
    y = phase.sin() + 0.2 * torch.randn(1500, 1, generator=generator)  # 1.15 nats
    sample = make_sample(x, y)

    def value():
        return held_out_value(sample, compete(sample)[1])

    # The scores of a sine are not a Gaussian pair, and their log ratio gives a third of the value.
    with_short_waves = value()
    monkeypatch.delitem(EXPANSIONS, "short waves 64")
    assert with_short_waves > max(0.25, value() + 0.1)


def test_fit__more_than_eight_dependent_columns__as_many_variates(seed):
    d = 12
    turned = Transformed(MultivariateNormal.pairs(d, 0.6), Spiral(1.5 / d, 0, 1), Spiral(1.5 / d, 1, 2))
    sample = make_sample(*draw(turned, 4000, seed))

    fit = NonlinearVariates().fit(sample, ("squares", sample.readings[0]))

    assert fit.reference.width_x == d
    # Eight of the pairs contain 1.8 of the 2.7 nats.
    assert 1.8 < held_out_value(sample, fit) < turned.mi + 0.13


def test_contest__few_rows_for_the_polynomials__is_the_linear_one():
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    y = x**2 - (x**2).mean(0)  # 12 columns and more; a quarter of the 30 training rows is the most

    assert not has_variates(compete(make_sample(x, y))[1])


def test_contest__spoilt_rows_of_weight_zero__as_good_as_without():
    x, y = (torch.hstack([z, torch.zeros(2000, 1)]) for z in draw(CROSS, 2000, 0))
    wrong = torch.arange(2000)[:, None] % 3 == 0
    weight = (~wrong).float().flatten()

    plain = make_sample(x, y, weight=weight)
    spoilt = make_sample(torch.where(wrong, -5.0, x), torch.where(wrong, 9.0, y), weight=weight)
    fits = [compete(sample)[1] for sample in (plain, spoilt)]

    assert has_variates(fits[1])
    # Where the rows stand may decide between two quantiles next to each other, and between references that
    # are as good: 0.01 nats of the choice, and a tenth of the truth for the rest.
    values = [held_out_value(sample, fit) for sample, fit in zip((plain, spoilt), fits, strict=True)]
    assert values[1] == pytest.approx(values[0], abs=0.05)


def test_contest__weights__move_the_choice():
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.hstack([z, torch.zeros(2000, 1)]) for z in draw(CROSS, 2000, 0))
    y[1000:, 0] = torch.randn(1000, generator=generator)

    dependent, independent = (torch.where((torch.arange(2000) < 1000) == half, 1.0, 1e-4) for half in (1, 0))

    assert has_variates(compete(make_sample(x, y, weight=dependent))[1])
    assert not has_variates(compete(make_sample(x, y, weight=independent))[1])


def test_fit__one_scale_of_many_columns_and_few_rows__the_distance_is_best(seed):
    joint = MultivariateStudent.identity(15, 15, dof=3)  # 0.67 nats
    sample = make_sample(*draw(joint, 200, seed))

    fits = {setting[0]: NonlinearVariates().fit(sample, setting) for setting in settings(sample)}
    values = {name: held_out_value(sample, fit) for name, fit in fits.items()}

    assert max(values, key=values.get) == "distance"
    assert 0.3 < values["distance"] < joint.mi + 0.2


def test_contest__sum_in_own_units__reads_the_columns_that_add_up(monkeypatch):
    monkeypatch.setattr(variates, "EXPANSIONS", COLUMNS)
    generator = torch.Generator().manual_seed(0)
    core = torch.randn(2000, 4, generator=generator)
    y = core[:, 1:2] ** 3 + core[:, 3:] ** 3 + torch.randn(2000, 1, generator=generator)
    x = Block(torch.cat([core, core**3], 1), 4, origin=torch.arange(4).repeat(2), n_scaled=4)
    sample = Sample(x, Block(y - y.mean(0), 1), make_folds(2000))

    reference = compete(sample)[1].reference

    reading = reference.project_x.reading
    assert (reading.start, reading.stop) == (4, 8)
    assert {1, 3} <= set(reading.relevant)  # by chance another may pass the test, at a level of 0.01
    assert reference.project_y.reading.start == 0


@pytest.mark.parametrize(("n", "d"), [(60, 3), (300, 3), (300, 12)])
def test_fit__no_pair_is_near__values_are_finite_and_the_columns_stay(n, d, monkeypatch):
    values, value_of = [], variates._values

    def spy(*arguments):
        values.append(value_of(*arguments))
        return values[-1]

    monkeypatch.setattr(variates, "_values", spy)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, d, generator=generator)
    y = x + 1e-3 * torch.randn(n, d, generator=generator)

    sample = make_sample(x, y)

    for (setting,), _ in zip(NonlinearVariates().settings(sample, None), range(3), strict=False):
        NonlinearVariates().fit(sample, setting)

    assert not has_variates(compete(sample)[1])
    assert values
    # At most the log of the number of pairs of 512 rows.
    assert all(torch.isfinite(value).all() and (value <= math.log(512**2)).all() for value in values)


def test_fit__constant_function__none():
    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    one_hot = torch.eye(4)[torch.arange(300) % 4]  # all at the same distance from the centre
    sample = make_sample(one_hot, x)

    assert NonlinearVariates().fit(sample, ("distance", (read_all(one_hot), read_all(x)))) is None
    assert not has_variates(compete(sample)[1])


# --- In the estimator ---


def test_estimator__one_scale_of_fifty_columns__is_near_the_truth_from_three_hundred_rows(seed):
    joint = MultivariateStudent.identity(25, 25, dof=3)  # 0.89 nats

    estimator = MutualInfoEstimator(random_state=seed).fit(*joint.sample(300, seed))

    assert estimator.mi_ == pytest.approx(joint.mi, abs=0.2)
    assert estimator.mi_interval_[0] < joint.mi < estimator.mi_interval_[1]


@pytest.mark.filterwarnings("ignore:mi_ is:sklearn.exceptions.ConvergenceWarning")  # far beyond the pairs
@pytest.mark.parametrize("n", [60, 100, 300])
def test_estimator__more_nats_than_any_pair_can_show__is_not_above_the_truth(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    joint = X, X + 1e-3 * rng.normal(size=(n, 3))  # 20.7 nats

    estimator = MutualInfoEstimator(random_state=0).fit(*joint)

    # Three standard errors of the mean log ratio of three strong pairs: (3 / n)^(1/2).
    assert 10 < estimator.mi_ < 1.5 * np.log1p(1e6) + 3 * (3 / n) ** 0.5


def test_estimator__one_hot_columns_against_several__the_constant_distance_is_left_out():
    rng, n = np.random.default_rng(0), 400
    x, classes, identity = (
        rng.normal(size=(n, 2)),
        rng.integers(0, (3, 2), size=(n, 2)),
        np.arange(n)[:, None],
    )
    quick = {"cv": None, "max_iter": 0, "random_state": 0}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        values = [
            MutualInfoEstimator(**quick).fit(*blocks).mi_
            for blocks in ((x, classes.astype(str)), (np.char.add("id ", (identity // 2).astype(str)), x))
        ]

    assert np.abs(values).max() < 0.4
