"""Local critics: a table over ranks that is right where counts are, and modest where they are not."""

import pickle

import numpy as np
import pytest
import torch
from blocks import make_folds
from sklearn.base import clone

from skmine import MutualInfoEstimator
from skmine.distributions import beyond_normal_tasks, other_tasks
from skmine.nn import (
    PRIOR_ROWS,
    Block,
    DonskerVaradhan,
    LocalCritic,
    PooledCritic,
    SampledPairs,
    local_critic,
    paired_columns,
)


def scores(n, seed):
    """Normal scores of a uniform column and of a thin band around it, ends joined."""
    generator = torch.Generator().manual_seed(seed)
    u, noise = torch.rand(2, n, generator=generator)
    v = (u + 0.05 * noise) % 1
    return (torch.special.ndtri(z.clamp(1e-6, 1 - 1e-6))[:, None] for z in (u, v))


def held_out_value(critic, x, y, folds):
    joint, marginal, *_ = SampledPairs(64)(critic, x[folds.held_out], y[folds.held_out])
    return DonskerVaradhan().estimate(joint, marginal)


def test_local_critic__cell_centres__are_the_table():
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(2, 8, 8, generator=generator)
    centres = torch.special.ndtri((torch.arange(8) + 0.5) / 8)

    x = centres.view(1, 8, 1, 1).expand(2, 8, 1, 1)
    y = centres.view(1, 1, 8, 1).expand(2, 1, 8, 1)

    torch.testing.assert_close(
        LocalCritic(table.unsqueeze(1))(x, y), table, atol=5e-3, rtol=0
    )  # clamped by 1e-3 of a cell


def test_local_critics__thin_band__most_of_its_information_on_unseen_rows(seed):
    x, y = scores(6000, seed)
    folds = make_folds(6000, 3)

    values = [
        held_out_value(local_critic(Block(x, 1), Block(y, 1), folds, [(0, 0)], rows), x, y, folds).mean()
        for rows in PRIOR_ROWS
    ]

    # log(20) = 3.0 nats. A cell at an edge of the band is half in: of a band of 25 cells of 512, about 3 are.
    assert max(values) > 0.85 * np.log(20)
    assert max(values) < np.log(20) + 0.05


def test_local_critics__independent_columns__next_to_nothing(seed):
    x, y = torch.randn(2, 3000, 1, generator=torch.Generator().manual_seed(seed))
    folds = make_folds(3000, 3)

    for rows in PRIOR_ROWS:
        critic = local_critic(Block(x, 1), Block(y, 1), folds, [(0, 0)], rows)
        # What 2,000 rows teach is noise, which costs the rows that are held out.
        assert (held_out_value(critic, x, y, folds) < 0.02).all()


def test_local_critics__weights__rows_without_weight_are_not_counted():
    x, y = scores(900, 0)
    folds = make_folds(900, 3)
    weight = (torch.arange(900) % 4 > 0).float()
    spoilt = torch.where(weight[:, None] > 0, y, -y)

    plain, other = (
        local_critic(Block(x, 1), Block(z, 1), folds, [(0, 0)], 2.0, weight).log_ratio for z in (y, spoilt)
    )

    torch.testing.assert_close(plain, other)


def test_local_critic__two_pairs__log_ratios_are_added():
    x, y = (torch.hstack([z, z.flip(0)]) for z in scores(900, 0))
    folds, pairs = make_folds(900, 3), [(0, 1), (1, 0)]

    both = local_critic(Block(x, 2), Block(y, 2), folds, pairs, 2.0)
    each = [
        local_critic(Block(x[:, [j]], 1), Block(y[:, [k]], 1), folds, [(0, 0)], 2.0)(
            x[None, :, [j]], y[None, :, [k]]
        )
        for j, k in pairs
    ]

    torch.testing.assert_close(both(x[None], y[None]), each[0] + each[1])


def test_pooled_critic__two_banks__the_mean_of_their_values():
    x, y = scores(900, 0)
    table = local_critic(Block(x, 1), Block(y, 1), make_folds(900, 3), [(0, 0)], 2.0)

    values = PooledCritic(lambda x, y: (3 * x * y).squeeze(-1), table)(x[None], y[None])

    torch.testing.assert_close(values, ((3 * x * y).squeeze(-1) + table(x[None], y[None])) / 2)


def test_paired_columns__shuffled_columns__each_finds_its_own():
    x = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(2000, 3, generator=torch.Generator().manual_seed(1))
    y = x[:, [2, 0, 3]] + noise * torch.tensor([1.0, 1.0, 100.0])

    pairs = paired_columns(Block(x, 4), Block(y, 3), make_folds(2000, 3))

    assert sorted(pairs) == [(0, 1), (2, 0)]


@pytest.mark.parametrize(
    ("n_columns", "probability", "expected"),
    [(1, None, [(0, 0)]), (7, None, []), (2, torch.tensor([0.5, 0.5]), [])],
    ids=["two columns", "too many", "classes"],
)
def test_paired_columns__by_the_blocks__one_or_none(n_columns, probability, expected):
    x = torch.randn(900, n_columns, generator=torch.Generator().manual_seed(0))

    found = paired_columns(Block(x, n_columns), Block(x, n_columns, probability), make_folds(900, 3))

    assert found == expected


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 100 minibatches are too few
def test_fit__integer_columns_in_pairs_with_continuous_ones__exact_however_many_classes(seed):
    joint = other_tasks()["integer-uniform-three-columns"]
    X, y = joint.sample(3000, seed)

    estimator = MutualInfoEstimator(cv=3, max_iter=100, random_state=seed).fit(X, y)

    # By the 64 classes, of 47 rows each, it is 0.4 too low. Three standard errors, and 0.05 of the truth.
    assert estimator.mi_ == pytest.approx(joint.mi, abs=3 * estimator.mi_std_ + 0.05 * joint.mi)
    assert estimator.mi_lower_ < joint.mi
    assert estimator.mi_max_ < np.log(64)


@pytest.mark.statistical
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 300 minibatches are too few
def test_fit__thin_relation__the_local_critic_wins(seed):
    joint = other_tasks()["sine-0.03"]
    X, y = joint.sample(5000, seed)

    estimator = MutualInfoEstimator(cv=3, max_iter=300, random_state=seed).fit(X, y)

    # 300 minibatches alone come to 2.3; a tenth of the truth is allowed, and three standard errors.
    assert estimator.mi_ == pytest.approx(joint.mi, abs=0.28 + 3 * estimator.mi_std_)
    assert estimator.mi_lower_ < joint.mi
    assert np.isfinite(estimator.score_samples(X, y)).all()


@pytest.mark.statistical
def test_fit__smooth_dependence__the_network_stays(seed):
    joint = beyond_normal_tasks()["1v1-bimodal-0.75"]
    X, y = joint.sample(1000, seed)

    estimator = MutualInfoEstimator(cv=3, random_state=seed).fit(X, y)

    # Three standard errors, and 0.01 for the training.
    assert estimator.mi_ == pytest.approx(joint.mi, abs=3 * estimator.mi_std_ + 0.01)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 100 minibatches are too few
def test_fit__local_critic_won__tells_its_values_and_warm_start_begins_afresh():
    X, y = other_tasks()["sine-0.03"].sample(3000, 0)
    estimator = MutualInfoEstimator(cv=3, max_iter=100, random_state=0).fit(X, y)
    first = estimator.mi_lower_

    last = estimator.history_[-1]
    estimator.set_params(warm_start=True).fit(X, y)

    assert last["held_out"] == first
    assert last["iteration"] == 100
    assert estimator.mi_lower_ < first  # networks alone


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 200 minibatches are too few
def test_fit__sharp_edges_of_few_rows__the_pool_wins_and_is_stored_whole(seed):
    joint = other_tasks()["steps-0.1"]
    X, y = joint.sample(500, seed)

    estimator = MutualInfoEstimator(cv=3, max_iter=200, random_state=seed)
    alone = clone(estimator).set_params(warm_start=True).fit(X, y)  # networks alone
    estimator.fit(X, y)

    assert isinstance(estimator._critic.frozen.skeleton, PooledCritic)
    assert alone.mi_lower_ + 0.02 < estimator.mi_lower_ < joint.mi
    unseen = joint.sample(2000, seed + 1)
    assert estimator.score(*unseen) == pytest.approx(estimator.mi_lower_, abs=0.25)
    stored = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(stored.score_samples(*unseen), estimator.score_samples(*unseen))
