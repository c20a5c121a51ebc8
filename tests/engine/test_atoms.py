"""Columns with atoms on both sides: missing together, zero together, codes and bits. None is Gaussian."""

import numpy as np
import pytest
import torch
from blocks import draw_pairs, make_sample

from skmine import MutualInfoEstimator
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.judge import Judge
from skmine._engine.sample import Block
from skmine.nn import DonskerVaradhan


def entropy(p):
    return -p * np.log(p) - (1 - p) * np.log(1 - p)


def draw_atoms(kind, rng, n=1000):
    """X, y and their mutual information in nats."""
    x, y = rng.normal(size=(2, n, 2))
    if kind == "missing together":
        gaps = rng.uniform(size=(n, 2)) < 0.3
        x[gaps] = y[gaps] = np.nan
        return x, y, 2 * entropy(0.3)
    if kind == "zero together":
        zeros = rng.uniform(size=(n, 1)) < 0.4
        return np.where(zeros, 0, x), np.where(zeros, 0, y), entropy(0.4)
    if kind == "code":
        code = np.eye(3)[rng.integers(0, 3, n)]
        return np.hstack([code, x]), np.hstack([code, y]), np.log(3)
    bits = rng.integers(0, 2, size=(n, 8))
    return bits, bits, 8 * np.log(2)


@pytest.mark.statistical
@pytest.mark.parametrize("kind", ["missing together", "zero together", "code", "bits"])
def test_estimator__atoms_on_both_sides__near_the_truth(kind, seed):
    X, y, truth = draw_atoms(kind, np.random.default_rng(seed))

    estimator = MutualInfoEstimator(max_iter=0, cv=2, random_state=seed).fit(X, y)

    # The log ratio of one or two levels of atoms has a standard deviation of about 0.5, so three standard
    # errors are 0.05. The Gaussian value of such columns is 4 to 38 nats.
    assert estimator.mi_ == pytest.approx(truth, abs=0.08)


def test_estimator__many_bits_with_errors__interval_is_open_up_to_their_entropy():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, size=(1000, 8))
    errors = rng.uniform(size=bits.shape) < 0.05

    with pytest.warns(UserWarning, match="mi_interval_ extends up to mi_max_"):
        estimator = MutualInfoEstimator(random_state=0).fit(bits, bits ^ errors)

    low, high = estimator.mi_interval_
    assert low < 8 * (np.log(2) - entropy(0.05)) < high == estimator.mi_max_
    assert estimator.mi_max_ == pytest.approx(8 * np.log(2), abs=0.01)  # eight shares of about a half


@pytest.mark.parametrize(("shift", "can_test"), [(0.0, False), (2.9, False), (3.1, True), (8.0, True)])
def test_can_test__log_ratio_whose_mean_of_exp_is_beyond_twenty__is_refuted(shift, can_test, monkeypatch):
    sample = make_sample(*draw_pairs(400, [0.5]))
    judge = Judge(sample, DonskerVaradhan())
    scored = judge.score(Gaussian().fit(sample, None))
    judge.testable = lambda scored: -np.inf  # every value is too large for the pairs to test
    for scores in scored.held_out:
        own = scores.marginal.logsumexp((1, 2), keepdim=True) - np.log(scores.marginal[0].numel())
        scores.marginal.add_(shift - own)

    assert judge.can_test(scored) is can_test


def test_can_test__mean_of_exp_that_rests_on_one_pair__does_not_count():
    sample = make_sample(*draw_pairs(400, [0.5]))
    judge = Judge(sample, DonskerVaradhan())
    scored = judge.score(Gaussian().fit(sample, None))
    judge.testable = lambda scored: -np.inf
    for scores in scored.held_out:
        scores.marginal[:, 0, 0] = 50.0

    assert not judge.can_test(scored)


@pytest.mark.parametrize(("share", "has_atoms"), [(0.45, False), (0.55, True)])
def test_block__tied_share_of_a_column__more_than_half_is_atoms(share, has_atoms):
    values = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
    values[: int(1000 * share), 1] = 0.0

    assert Block(values, 3).has_atoms is has_atoms


@pytest.mark.statistical
def test_estimator__integer_codes_copied_with_errors__near_the_truth_and_at_most_their_entropy(seed):
    # Neighbouring codes have nothing in common, so functions of their ranks find 2.5 of 3.4 nats.
    rng = np.random.default_rng(seed)
    n, n_codes, share = 600, 60, 0.1
    x = rng.integers(0, n_codes, n)
    y = np.where(rng.uniform(size=n) < share, rng.integers(0, n_codes, n), rng.permutation(n_codes)[x])
    kept, changed = 1 - share + share / n_codes, share / n_codes
    truth = np.log(n_codes) + kept * np.log(kept) + (n_codes - 1) * changed * np.log(changed)

    estimator = MutualInfoEstimator(max_iter=0, cv=2, random_state=seed).fit(x[:, None], y)

    # The log ratio is about log(60) for the share that is kept and -3 for the others, so its standard
    # deviation is 2, and three standard errors are 0.25.
    assert estimator.mi_ == pytest.approx(truth, abs=0.25)
    assert estimator.mi_interval_[1] <= estimator.mi_max_ <= np.log(n_codes)
