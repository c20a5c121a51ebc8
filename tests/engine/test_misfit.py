"""The test of misfit: near 0 for correct log ratios, large for wrong ones, whatever the weights and rows."""

from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from blocks import draw_pairs, folds_of, make_folds, make_sample, normal_scores
from scipy import stats
from torch.nn.functional import logsigmoid

from skmine._engine import misfit as module
from skmine._engine.canonical import Projection
from skmine._engine.contest import _LARGEST_MISFIT
from skmine._engine.critics import ReferencedCritic
from skmine._engine.forms import Fit
from skmine._engine.forms.gaussian import Gaussian, GaussianReference
from skmine._engine.misfit import misfits
from skmine._engine.sample import Block, Folds, Sample

#: Rows, of which each of four folds holds out 400.
N = 1600
CPU = torch.device("cpu")
#: From here on a misfit is no chance: that of correct log ratios has a standard deviation of about one.
LARGE = 5.0
#: The largest of four statistics of mean 0 and standard deviation 1 has mean 1.03 and standard deviation 0.7
#: at most. Three standard errors of a mean of ten.
BY_CHANCE = 1.03 + 3 * 0.7 / 10**0.5
#: Five pairs of columns with 1.5 nats together.
STRONG = [float(1 - np.exp(-0.6)) ** 0.5] * 5


def misfit(fit, sample, n_statistics=4):
    """The largest of the first statistics. The last takes nearly all of the time."""
    return max(islice(misfits(fit, sample, CPU), n_statistics))


def of_pairs(correlations, n_members=4):
    """The log ratio of pairs of normal columns with these correlations."""
    d = len(correlations)
    sides = (Projection.of_columns(range(d), d, n_members) for _ in range(2))
    correlations = torch.tensor(correlations, dtype=torch.float32).expand(n_members, -1)
    constant = -torch.log1p(-(correlations**2)).sum(1) / 2
    return Fit(ReferencedCritic(GaussianReference(*sides, correlations, constant)))


#: The log ratio of independent blocks.
NOTHING = Fit(lambda x, y: torch.zeros(torch.broadcast_shapes(x.shape[:-1], y.shape[:-1])))


#: Log odds of the second class at x = 0, and its probability where x has slope 1.5.
LOG_ODDS = 1.5
PROBABILITY = float(
    np.mean(1 / (1 + np.exp(-LOG_ODDS - 1.5 * stats.norm.ppf((np.arange(9999) + 0.5) / 9999))))
)


def logistic(slope):
    """The log ratio of two classes by the first column of x."""

    def critic(x, one_hot):
        log_odds = LOG_ODDS + slope * x[..., 0]
        log_probability = torch.stack([logsigmoid(-log_odds), logsigmoid(log_odds)], -1)
        log_share = torch.tensor([1 - PROBABILITY, PROBABILITY]).log()
        return ((log_probability - log_share) * one_hot).sum(-1)

    return Fit(critic)


def draw_classes(n, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator)
    label = torch.rand(n, generator=generator) < torch.sigmoid(LOG_ODDS + 1.5 * x[:, 0])
    return make_sample(x, torch.eye(2)[label.long()], is_y_discrete=True)


def many(seed, n_draws=10):
    """Seeds of several draws."""
    return range(seed * n_draws, (seed + 1) * n_draws)


# --- Correct log ratios ---


@pytest.mark.parametrize("correlations", [[0.5], [0.9], STRONG], ids=["one pair", "strong pair", "1.5 nats"])
def test_misfit__correct_gaussian_log_ratio__about_zero(correlations, seed):
    fit = of_pairs(correlations)

    values = [misfit(fit, make_sample(*draw_pairs(N, correlations, draw))) for draw in many(seed)]

    assert abs(np.mean(values)) < BY_CHANCE


def test_misfit__plain_weighted_mean__would_be_biased_where_log_ratios_are_large(seed, monkeypatch):
    monkeypatch.setattr(module, "_weights", lambda scores: scores.softmax(-1))
    fit = of_pairs(STRONG)

    values = [misfit(fit, make_sample(*draw_pairs(N, STRONG, draw)), 3) for draw in many(seed)]

    assert np.mean(values) > 3  # above what the test before allows


def test_misfit__correct_log_ratio_of_classes__about_zero(seed):
    values = [misfit(logistic(1.5), draw_classes(N, draw)) for draw in many(seed)]

    assert abs(np.mean(values)) < BY_CHANCE


def test_misfit__small_samples__is_calibrated(seed, monkeypatch):
    fit, parts, statistic = of_pairs([0.5]), [], module._statistic

    def noted(*arguments):
        parts.append(statistic(*arguments))
        return parts[-1]

    monkeypatch.setattr(module, "_statistic", noted)

    values = [misfit(fit, make_sample(*draw_pairs(N, [0.5], draw)), 3) for draw in many(seed, 100)]

    parts = np.reshape(parts, (100, 3))  # of polynomials, kernels and views
    np.testing.assert_array_equal(values, parts.max(1))
    # The largest of five is above the limit once in twelve times by chance. Of 100 draws, three standard
    # errors are 0.083.
    assert np.mean(np.array(values) > _LARGEST_MISFIT) <= 1 / 12 + 0.083
    for part in parts.T:
        assert abs(part.mean()) < 0.3  # three standard errors
        assert 0.4 < part.std() < 1.3


def of_table(x, y):
    """The log ratio of the shares of the table of two blocks of classes."""
    joint = x.T @ y / len(x)
    log_ratio = (joint / (joint.sum(1, keepdim=True) * joint.sum(0))).log()
    return Fit(lambda x, y: (x @ log_ratio * y).sum(-1))


# --- Wrong ones ---


def exclusive_or(generator):
    x = torch.randn(N, 2, generator=generator)
    return x, x.prod(1, keepdim=True).sign() * torch.randn(N, 1, generator=generator).abs()


def curve(generator):
    x = torch.randn(N, 1, generator=generator)
    return x, 0.5 * x + 0.5 * x**2 + torch.randn(N, 1, generator=generator)


def uneven_noise(generator):
    x = torch.randn(N, 1, generator=generator)
    return x, (x / 2).exp() * torch.randn(N, 1, generator=generator)


def common_scale(generator):
    scale = (torch.randn(N, 2, generator=generator) ** 2).mean(1, keepdim=True).rsqrt()
    return scale * torch.randn(N, 1, generator=generator), scale * torch.randn(N, 1, generator=generator)


@pytest.mark.parametrize("draw", [exclusive_or, curve, uneven_noise, common_scale])
def test_misfit__gaussian_log_ratio_of_what_is_not__is_large(draw, seed):
    sample = make_sample(*map(normal_scores, draw(torch.Generator().manual_seed(seed))))
    columns = (torch.ones(block.n_core, dtype=torch.bool) for block in (sample.x, sample.y))
    # Which columns depend on which is another test's task, and that has a level.
    sample.dependence = SimpleNamespace(relevant=tuple(columns))

    assert misfit(Gaussian().fit(sample, None), sample) > LARGE


@pytest.mark.parametrize(
    ("true", "claimed"),
    [([0.6], [0.4]), ([0.4], [0.6]), ([0.4], [-0.4]), (5 * [0.6], [*4 * [0.6], 0.0])],
    ids=["too small", "too large", "of the other sign", "one of five missing"],
)
def test_misfit__wrong_correlations__is_large(true, claimed, seed):
    assert misfit(of_pairs(claimed), make_sample(*draw_pairs(N, true, seed))) > LARGE


@pytest.mark.parametrize("slope", [0.7, 3.0])
def test_misfit__wrong_slope_of_classes__is_large(slope, seed):
    assert misfit(logistic(slope), draw_classes(N, seed)) > LARGE


def test_misfit__curve_in_one_of_many_pairs_of_columns__is_large(seed):
    # Among twenty columns all rows are far from each other: kernels show little.
    n, d = 2 * N, 20
    x, y = draw_pairs(n, [0.2] * d, seed)
    y[:, 0] = (x[:, 0] ** 2 - 1) / 2**0.5 * 0.8 + 0.6 * y[:, 0]

    assert misfit(of_pairs([0.0, *[0.2] * (d - 1)]), make_sample(x, y)) > LARGE


def test_misfit__two_blocks_of_classes__by_their_table(seed):
    generator = torch.Generator().manual_seed(seed)
    first, other = torch.randint(3, (2, N), generator=generator)
    second = torch.where(torch.rand(N, generator=generator) < 0.3, first, other)
    x, y = torch.eye(3)[first], torch.eye(3)[second]
    sample = make_sample(x, y, is_x_discrete=True, is_y_discrete=True)

    assert misfit(NOTHING, sample) > LARGE
    assert misfit(of_table(x, y), sample) < LARGE


# --- What is read ---


def test_misfit__columns_that_depend_on_nothing__are_not_read():
    x, y = exclusive_or(torch.Generator().manual_seed(0))
    noise = torch.randn(N, 20, generator=torch.Generator().manual_seed(1))
    sample = make_sample(torch.cat([x, noise], 1), y)
    assert sample.dependence.relevant[0].tolist() == [True, True, *20 * [False]]

    assert misfit(NOTHING, sample, 3) == pytest.approx(misfit(NOTHING, make_sample(x, y), 3))


def test_misfit__wave_that_a_view_shows__is_seen():
    x = torch.rand(N, 1, generator=torch.Generator().manual_seed(0))
    wave = (200 * x).cos()
    y = wave + 0.5 * torch.randn(N, 1, generator=torch.Generator().manual_seed(1))
    plain, shown = (Block(columns, 1) for columns in (x, torch.cat([x, wave], 1)))

    values = [misfit(NOTHING, Sample(block, Block(y, 1), make_folds(N)), 3) for block in (plain, shown)]

    assert values[0] < 3 < 5 < values[1]


def test_misfit__training_rows__are_not_read():
    x, y = draw_pairs(N, [0.5])
    generator = torch.Generator().manual_seed(0)
    folds = Folds.of_splits([torch.arange(N).chunk(2)] * 2, generator)
    spoilt = make_sample(x, torch.where(torch.arange(N)[:, None] < N // 2, -y, y), folds)
    fit = of_pairs([0.5], n_members=2)

    assert misfit(fit, spoilt) == misfit(fit, make_sample(x, y, folds))


def test_misfit__many_rows__about_16384_are_scored():
    n_rows = []

    def critic(x, y):
        n_rows.append(x.shape[:3].numel())
        return NOTHING.critic(x, y)

    misfit(Fit(critic), make_sample(*draw_pairs(40_000, [0.5])), 1)

    assert sum(n_rows) == 2**14


# --- Weights ---


def test_misfit__weights_restore_the_joint__about_zero(seed):
    # Drawn from independent columns, weighted by the density ratio.
    fit, unweighted, weighted = of_pairs([0.4]), [], []

    for draw in many(seed):
        x, y = draw_pairs(N, [0.0], draw)
        weight = fit.critic(x.expand(4, -1, -1), y.expand(4, -1, -1))[0].exp()
        unweighted.append(misfit(fit, make_sample(x, y), 3))
        weighted.append(misfit(fit, make_sample(x, y, weight=weight)))

    assert abs(np.mean(weighted)) < BY_CHANCE
    assert np.mean(unweighted) > LARGE


def test_misfit__weights_restore_the_distribution_of_y__the_marginal_rows_have_them_too(seed):
    values = []

    for draw in many(seed):
        x, y = draw_pairs(N, [0.6], draw)
        # y from N(-1, 1), x given y as before.
        x, y = x - 0.6, y - 1
        values.append(misfit(of_pairs([0.6]), make_sample(x, y, weight=(y[:, 0] + 0.5).exp())))

    assert abs(np.mean(values)) < BY_CHANCE


def test_misfit__weights_of_one__as_without():
    x, y = draw_pairs(N, [0.5])

    value = misfit(of_pairs([0.4]), make_sample(x, y, weight=torch.ones(N)))

    assert value == pytest.approx(misfit(of_pairs([0.4]), make_sample(x, y)))


@pytest.mark.parametrize("share", [0.8])
def test_misfit__many_rows_of_weight_zero__do_not_count(share, seed):
    fit, values = of_pairs(STRONG), []

    for draw in many(seed):
        kept = torch.rand(2 * N, generator=torch.Generator().manual_seed(draw)) >= share
        values.append(misfit(fit, make_sample(*draw_pairs(2 * N, STRONG, draw), weight=kept.float())))

    assert abs(np.mean(values)) < BY_CHANCE


@pytest.mark.parametrize("factor", [float("nan"), 1000.0])
def test_misfit__log_ratio_that_is_not_finite_or_runs_away__is_infinite(factor):
    fit = Fit(lambda x, y: factor * x[..., 0] * y[..., 0])

    assert misfit(fit, make_sample(*draw_pairs(N, [0.5]))) == np.inf


# --- Few rows ---


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("n_half", [1, 2, 12, 70])
def test_misfit__few_held_out_rows__is_no_evidence_and_of_two_rows_infinite(n_half, n_members):
    n = 40 + 2 * n_half * n_members
    x, y = draw_pairs(n, [0.5])
    train, *halves = torch.arange(n).split([40, n_half * n_members, n_half * n_members])
    folds = folds_of(train.expand(n_members, -1), *(half.view(n_members, -1) for half in halves))

    value = misfit(of_pairs([0.5], n_members), make_sample(x, y, folds))

    # A single member needs four groups, because groups that follow one another share rows.
    assert value == np.inf if n_half == n_members == 1 else abs(value) < LARGE


# --- Functions of several columns that no smooth one shows ---


def test_predictability__correct_log_ratio__about_zero(seed):
    samples = [make_sample(*draw_pairs(1000, [0.5], draw)) for draw in many(seed)]

    values = np.array([list(misfits(of_pairs([0.5]), sample, CPU))[-2:] for sample in samples])

    assert (abs(values.mean(0)) < 1).all()  # of trees and of kernels; three standard errors
    assert values.max() < LARGE


def test_predictability__steps_about_a_smooth_sum__are_found_by_trees(seed):
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(N, 3, generator=generator) - 1
    steps = (3 * x).floor().sum(1, keepdim=True) - 3 * x.sum(1, keepdim=True)
    y = steps + 0.3 * torch.randn(N, 1, generator=generator)

    *fixed, by_trees, _ = misfits(NOTHING, make_sample(x, y), CPU)

    assert max(fixed[:2]) < 3 < LARGE < by_trees


def fast_wave(x):
    return (25 * x.sum(1)).sin()


def parity_of_three(x):
    return 2 * (x[:, :3] - 0.5).prod(1).sign()


@pytest.mark.parametrize(("function", "d"), [(fast_wave, 2), (parity_of_three, 5)])
@pytest.mark.parametrize("swapped", [False, True])
def test_misfit__fast_function_of_several_columns__is_seen(function, d, swapped, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1000, d, generator=generator)
    y = (function(x) + 0.3 * torch.randn(1000, generator=generator)).unsqueeze(1)
    x, y = (normal_scores(z) for z in (x, y))

    value = misfit(NOTHING, make_sample(y, x) if swapped else make_sample(x, y), 5)

    assert value > 10


@pytest.mark.parametrize("n_members", [1, 4])
def test_misfits__rows_that_are_held_out_once_or_twice__five_statistics_or_infinity(n_members):
    sample = make_sample(*draw_pairs(800, [0.5]))  # each member holds out 200
    once = sample.first if n_members == 1 else sample
    half = once.folds.halves[0]
    twice = Sample(once.x, once.y, replace(once.folds, halves=(half, half)))

    assert np.isfinite(list(misfits(of_pairs([0.5], n_members), once, CPU))).tolist() == [True] * 5
    assert list(misfits(of_pairs([0.5], n_members), twice, CPU)) == [np.inf]
