"""The grid form: a table over ranks that is accurate with many counts, and cautious with few."""

import pickle

import numpy as np
import pytest
import torch
from blocks import held_out_value, make_folds, make_sample
from sklearn.base import clone

from skmine import MutualInfoEstimator
from skmine._engine.critics import PooledCritic
from skmine._engine.forms.grid import PRIOR_ROWS, Grid, LocalCritic, paired_columns
from skmine.distributions import beyond_normal_tasks, other_tasks


def scores(n, seed):
    """Normal scores of a uniform column and of a narrow strip around it, modulo 1."""
    generator = torch.Generator().manual_seed(seed)
    u, noise = torch.rand(2, n, generator=generator)
    v = (u + 0.05 * noise) % 1
    return (torch.special.ndtri(z.clamp(1e-6, 1 - 1e-6))[:, None] for z in (u, v))


def test_local_critic__cell_centres__are_the_table():
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(2, 8, 8, generator=generator)
    centres = torch.special.ndtri((torch.arange(8) + 0.5) / 8)

    x = centres.view(1, 8, 1, 1).expand(2, 8, 1, 1)
    y = centres.view(1, 1, 8, 1).expand(2, 1, 8, 1)

    # Clamped by 1e-3 of a cell.
    torch.testing.assert_close(LocalCritic(table.unsqueeze(1))(x, y), table, atol=5e-3, rtol=0)


def test_local_critic__two_pairs__log_ratios_are_added():
    x, y = (torch.hstack([z, z.flip(0)]).expand(3, -1, -1) for z in scores(900, 0))
    tables = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))

    both = LocalCritic(tables, (0, 1), (1, 0))(x, y)

    first = LocalCritic(tables[:, :1])(x[..., [0]], y[..., [1]])
    second = LocalCritic(tables[:, 1:])(x[..., [1]], y[..., [0]])
    torch.testing.assert_close(both, first + second)


def test_settings__either_prior__a_path_of_its_own():
    assert Grid().settings(make_sample(*scores(40, 0)), None) == [[rows] for rows in PRIOR_ROWS]


def test_fit__thin_band__most_of_its_information_on_unseen_rows(seed):
    sample = make_sample(*scores(6000, seed), make_folds(6000, 3))

    values = [held_out_value(sample, Grid().fit(sample, rows)) for rows in PRIOR_ROWS]

    # log(20) = 3.0 nats. Cells at an edge of the strip are half inside: about 3 of the 25 cells (among 512)
    # of the strip.
    assert max(values) > 0.85 * np.log(20)
    assert max(values) < np.log(20) + 0.05


def test_fit__independent_columns__next_to_nothing(seed):
    x, y = torch.randn(2, 3000, 1, generator=torch.Generator().manual_seed(seed))
    sample = make_sample(x, y, make_folds(3000, 3))

    for rows in PRIOR_ROWS:
        # The 2,000 rows contain only noise, which lowers the value on held-out rows.
        assert held_out_value(sample, Grid().fit(sample, rows)) < 0.02


@pytest.mark.parametrize(("n", "n_cells"), [(400, 256), (4800, 512)])
def test_fit__more_than_3000_training_rows_of_one_pair__a_finer_grid(n, n_cells):
    sample = make_sample(*scores(n, 0), make_folds(n, 3))

    assert Grid().fit(sample.first, 2.0).critic.log_ratio.shape == (1, 1, n_cells, n_cells)


def test_fit__more_than_3000_training_rows_of_two_pairs__the_coarse_grid():
    x, y = (torch.hstack([z, z.flip(0)]) for z in scores(4800, 0))

    assert Grid().fit(make_sample(x, y).first, 2.0).critic.log_ratio.shape == (1, 2, 256, 256)


def test_fit__ratios__have_mean_one_over_the_marginals():
    x, y = scores(900, 0)
    sample = make_sample(x, y)

    table = Grid().fit(sample, 2.0).critic.log_ratio[0, 0].exp().double()

    rows = sample.folds.train[0]
    shares = [
        torch.bincount((torch.special.ndtr(z[rows, 0]) * 256).long(), minlength=256) / len(rows)
        for z in (x, y)
    ]
    assert float(shares[0].double() @ table @ shares[1].double()) == pytest.approx(1, abs=1e-4)


def test_fit__rows_without_weight__are_not_counted():
    x, y = scores(900, 0)
    weight = (torch.arange(900) % 4 > 0).float()
    spoilt = torch.where(weight[:, None] > 0, y, -y)

    plain, other = (Grid().fit(make_sample(x, z, weight=weight), 2.0).critic.log_ratio for z in (y, spoilt))

    torch.testing.assert_close(plain, other)


def test_paired_columns__shuffled_columns__each_finds_its_own():
    x = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(2000, 3, generator=torch.Generator().manual_seed(1))
    y = x[:, [2, 0, 3]] + noise * torch.tensor([1.0, 1.0, 100.0])

    assert sorted(paired_columns(make_sample(x, y))) == [(0, 1), (2, 0)]


@pytest.mark.parametrize(
    ("n_columns", "is_discrete", "expected"),
    [(1, False, [(0, 0)]), (6, False, [(k, k) for k in range(6)]), (7, False, []), (2, True, [])],
    ids=["two columns", "six pairs", "too many", "classes"],
)
def test_applies__by_the_blocks__where_there_are_pairs(n_columns, is_discrete, expected):
    x = torch.randn(900, n_columns, generator=torch.Generator().manual_seed(0))
    sample = make_sample(x, x, is_y_discrete=is_discrete)

    assert Grid().applies(sample) == bool(expected)
    if not is_discrete:
        assert paired_columns(sample) == expected


def test_paired_columns__no_dependence_found__the_pair_of_single_columns_and_none_of_several():
    x, y = torch.randn(2, 900, 2, generator=torch.Generator().manual_seed(0))
    several, single = make_sample(x, y), make_sample(x[:, :1], y[:, :1])
    for sample in (several, single):
        shape = sample.x.n_core, sample.y.n_core
        sample.dependence.__dict__["pairs"] = torch.ones(shape), torch.zeros(shape, dtype=torch.bool)

    assert paired_columns(several) == []
    assert paired_columns(single) == [(0, 0)]


# --- In the estimator ---


def test_estimator__integer_columns_in_pairs_with_continuous_ones__exact_however_many_classes(seed):
    joint = other_tasks()["integer-uniform-three-columns"]
    X, y = joint.sample(700, seed)

    estimator = MutualInfoEstimator(cv=2, max_iter=0, random_state=seed).fit(X, y)

    # With the 64 classes, of 11 rows each, it would be 0.7 too low. Three standard errors, and 5 % of the
    # truth.
    assert estimator.mi_ == pytest.approx(joint.mi, abs=3 * estimator.mi_std_ + 0.05 * joint.mi)
    assert estimator.mi_lower_ < joint.mi
    assert estimator.mi_max_ < np.log(64)


@pytest.mark.statistical
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 300 minibatches are too few
def test_estimator__thin_relation__the_grid_wins(seed):
    joint = other_tasks()["sine-0.03"]
    X, y = joint.sample(5000, seed)

    estimator = MutualInfoEstimator(cv=2, max_iter=300, random_state=seed).fit(X, y)

    # 300 minibatches alone reach 2.3. A tenth of the truth is allowed, and three standard errors.
    assert estimator.mi_ == pytest.approx(joint.mi, abs=0.28 + 3 * estimator.mi_std_)
    assert estimator.mi_lower_ < joint.mi
    assert np.isfinite(estimator.score_samples(X, y)).all()


@pytest.mark.statistical
def test_estimator__smooth_dependence__the_network_stays(seed):
    joint = beyond_normal_tasks()["1v1-bimodal-0.75"]
    X, y = joint.sample(1000, seed)

    estimator = MutualInfoEstimator(cv=3, random_state=seed).fit(X, y)

    # Three standard errors, and 0.01 for the training.
    assert estimator.mi_ == pytest.approx(joint.mi, abs=3 * estimator.mi_std_ + 0.01)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 100 minibatches are too few
def test_estimator__grid_won__history_is_of_the_network_and_the_network_alone_is_worse():
    X, y = other_tasks()["sine-0.03"].sample(3000, 0)
    estimator = MutualInfoEstimator(cv=2, max_iter=100, random_state=0).fit(X, y)
    alone = clone(estimator).set_params(critic="concat").fit(X, y)

    assert [entry["iteration"] for entry in estimator.history_] == [0, 50, 100]
    assert estimator.n_iter_ == 100
    assert alone.mi_lower_ < estimator.mi_lower_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 100 minibatches are too few
def test_estimator__wave_beside_normal_columns__the_pool_wins_and_is_stored_whole(seed):
    joint = other_tasks()["wave-and-normal"]
    X, y = joint.sample(500, seed)

    estimator = MutualInfoEstimator(cv=3, max_iter=100, random_state=seed).fit(X, y)
    alone = clone(estimator).set_params(critic="concat").fit(X, y)

    assert isinstance(estimator._critic.frozen.module, PooledCritic)
    assert alone.mi_lower_ < estimator.mi_lower_ < joint.mi
    unseen = joint.sample(2000, seed + 1)
    assert estimator.score(*unseen) == pytest.approx(estimator.mi_lower_, abs=0.25)
    stored = pickle.loads(pickle.dumps(estimator))
    few = [block[:100] for block in unseen]
    np.testing.assert_array_equal(stored.score_samples(*few), estimator.score_samples(*few))
