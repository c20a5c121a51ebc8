"""The unbiased value of wide Gaussian blocks: known values, its standard error, and when not to use it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from blocks import make_sample
from scipy.special import ndtri
from scipy.stats import ortho_group, rankdata

from skmine import MutualInfoEstimator
from skmine._engine.contest import _Contest
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.judge import Judge
from skmine._engine.unbiased import unbiased_information
from skmine.nn import DonskerVaradhan


def draw_wide(n, d, information, rng):
    """Blocks of d columns with equal canonical correlations, rotated and scaled."""
    r = np.sqrt(-np.expm1(-2 * information / d))
    x = rng.normal(size=(n, d))
    y = r * x + np.sqrt(1 - r**2) * rng.normal(size=(n, d))
    turn = ortho_group.rvs(d, random_state=1) * np.linspace(0.5, 2, d)
    return x @ turn, y @ turn[::-1]


def scores(x):
    """Normal scores of columns."""
    return ndtri((rankdata(x, axis=0) - 0.5) / len(x))


def value_of(x, y):
    return unbiased_information(torch.as_tensor(x), torch.as_tensor(y))


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n", "d", "truth"), [(500, 40, 0.0), (500, 40, 1.5), (1000, 5, 0.7), (300, 80, 2.0)]
)
def test_unbiased_information__gaussian__mean_and_spread_of_many_draws(n, d, truth, seed):
    rng = np.random.default_rng(seed)

    values = [value_of(*map(scores, draw_wide(n, d, truth, rng))) for _ in range(40)]

    estimates = np.array([value.estimate for value in values])
    error = np.mean([value.standard_error for value in values])
    # The mean of 40 errs by a sixth of the standard error; four of these. The standard deviation of 40 draws
    # errs by a ninth: a half is four of these.
    assert abs(estimates.mean() - truth) < 4 * error / 40**0.5
    assert 0.5 * error < estimates.std() < 1.5 * error
    assert np.mean([value.is_gaussian for value in values]) >= 0.9  # four deviations: nearly all pass


@pytest.mark.statistical
def test_unbiased_information__normal_scores__what_they_cost_is_made_up_for(seed):
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(2, 1000, 20))
    y = 0.97 * x + np.sqrt(1 - 0.97**2) * noise  # 28.3 nats

    plain, ranked = value_of(x, y), value_of(scores(x), scores(y))

    # Both are corrected by 0.35 nats. The value of the original rows is then too high by this amount, and the
    # value of the scores is correct. Two draws differ by about 0.05.
    assert ranked.estimate == pytest.approx(plain.estimate - 0.35, abs=0.2)


def test_unbiased_information__any_linear_maps__same_value_but_for_what_scores_cost():
    rng = np.random.default_rng(0)
    x, y = draw_wide(400, 10, 1.0, rng)
    maps = [np.linalg.qr(rng.normal(size=(10, 10)))[0] * rng.uniform(0.5, 2, size=10) for _ in range(2)]

    one, other = value_of(x, y), value_of(x @ maps[0] + 3, y @ maps[1] - 2)

    # The cost of normal scores, from two draws of 400 rows, is accurate to about 0.01.
    assert other.estimate == pytest.approx(one.estimate, abs=0.03)
    assert other.standard_error == pytest.approx(one.standard_error, rel=0.02)
    assert one.estimate == pytest.approx(value_of(y, x).estimate, abs=0.03)


@pytest.mark.parametrize("case", ["few rows", "constant", "collinear", "nearly collinear", "no column"])
def test_unbiased_information__determinants_not_to_be_trusted__none(case):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60 if case == "few rows" else 400, 30))
    if case == "constant":
        x[:, 3] = 1.0
    elif case == "collinear":
        y[:, 3] = y[:, :3].sum(axis=1)
    elif case == "nearly collinear":
        y[:, 3] = x[:, 3] + 0.1 * y[:, 3]  # 2 (1 - r) is 0.01, and log(400) / 400 is 0.015
    elif case == "no column":
        x = x[:, :0]

    assert value_of(x, y) is None


@pytest.mark.parametrize("case", ["common scale", "shared sign", "normal up to a shared sign"])
def test_unbiased_information__not_gaussian__is_told(case):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2000, 20))
    if case == "common scale":
        scale = np.sqrt(3 / rng.chisquare(3, size=(2000, 1)))
        x, y = scale * x, scale * y
    elif case == "normal up to a shared sign":  # both blocks are normal, and their products depend
        y[:, :5] = 0.9 * x[:, :5] * rng.choice([-1.0, 1.0], size=(2000, 1)) + 0.436 * y[:, :5]
    else:
        sign = rng.choice([-1.0, 1.0], size=(2000, 1))
        x, y = sign * abs(x), sign * abs(y)

    assert not value_of(x, y).is_gaussian


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n", "d_x", "d_y"), [(1000, 10, 10), (600, 30, 150), (600, 150, 30), (900, 200, 200)]
)
def test_unbiased_information__gaussian_of_any_width__residuals_pass(n, d_x, d_y, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d_x)), rng.normal(size=(n, d_y))
    y[:, :10] += x[:, :10]

    # Without the correction for the estimated regression, the statistic of the widest is above 50.
    assert value_of(scores(x), scores(y)).is_gaussian


# --- In the estimator ---


@pytest.mark.statistical
def test_estimator__wide_gaussian_blocks__truth_in_a_narrow_interval(seed):
    X, y = draw_wide(1000, 50, 2.0, np.random.default_rng(seed))

    estimator = MutualInfoEstimator(max_iter=0, random_state=0).fit(X, y)

    low, high = estimator.mi_interval_
    # The standard error is 0.07. The held-out value alone is about 0.7, because no critic can be judged.
    assert estimator.mi_ == pytest.approx(2.0, abs=3 * 0.075)
    assert high - low < 0.4
    assert estimator.mi_lower_ < 1.5


def test_estimator__wide_blocks_that_are_not_gaussian__interval_is_open():
    rng = np.random.default_rng(0)
    scale = np.sqrt(3 / rng.chisquare(3, size=(2, 600, 1)))  # independent of each other
    X, y = scale * rng.normal(size=(2, 600, 60))

    estimator = MutualInfoEstimator(max_iter=0, random_state=0).fit(X, y)

    assert estimator.mi_ == pytest.approx(0.0, abs=0.1)  # nothing is found, and little could be
    assert estimator.mi_interval_[1] == np.inf


@pytest.mark.parametrize(("gain", "is_corrected"), [(1.05, True), (1.3, False), (2.0, False)])
def test_contest__critic_better_than_the_linear_one__is_corrected_if_far_below_the_unbiased_value(
    gain, is_corrected
):
    x, y = (torch.as_tensor(scores(z)) for z in draw_wide(500, 20, 2.0, np.random.default_rng(0)))
    sample = make_sample(x, y)
    contest = _Contest(sample, Judge(sample, DonskerVaradhan()), compete=True)
    contest.enter(Gaussian())
    better = contest.best = replace(contest.best, held_out=gain * contest.best.held_out)
    # The linear critic has 1.35 +- 0.05 on held-out rows. The unbiased value is 1.87 +- 0.09.
    assert better.held_out > contest.start_verdict.held_out + better.standard_error

    contest.correct()

    if is_corrected:
        assert contest.best.estimate == unbiased_information(x, y).estimate > better.estimate
        assert contest.best.interval[1] >= better.interval[1]
    else:
        assert contest.best is better
