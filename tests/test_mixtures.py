"""Gaussian mixtures: their log ratio, their fit, and when they compete with a trained bank."""

import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from blocks import make_folds, read_all, sample
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning

from skmine import MutualInfoEstimator
from skmine.distributions import Mixture as MixtureOfJoints
from skmine.distributions import MultivariateNormal, other_tasks
from skmine.nn import (
    BOUNDS,
    Block,
    ClassMixtureReference,
    ClassNormalised,
    DonskerVaradhan,
    MixtureReference,
    PooledCritic,
    ReferencedCritic,
    ReferenceRows,
    TrainingResult,
    build_critic,
    build_mixture,
    fit_gaussian_reference,
    fit_mixture_reference,
    mixture_references,
    mixtures,
    scoring,
    valuing,
)
from skmine.nn.mixtures import Mixture
from skmine.nn.reference import Projection

CROSS = MixtureOfJoints([MultivariateNormal.bivariate(0.9), MultivariateNormal.bivariate(-0.9)])  # 0.41 nats


def fit(x, y, folds, weight=None):
    rows = ReferenceRows.of_folds(x, y, folds.train, folds.held_out, weight)
    linear = fit_gaussian_reference(x, y, folds.train, folds.held_out, weight)
    return rows, fit_mixture_reference(rows, linear, [(read_all(x), read_all(y))])


def mean_value(rows, reference):
    return float(rows.values(reference).mean())


@pytest.fixture
def mixture():
    """Three components in 2 + 1 columns, of two members."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(2, 3, 3, 3)) + 2 * np.eye(3)
    weight = rng.dirichlet([2, 2, 2], size=2)
    mean = rng.normal(size=(2, 3, 3))
    parts = np.log(weight), mean, root @ root.swapaxes(2, 3), np.zeros((2, 3, 1))
    return Mixture(*(torch.as_tensor(part) for part in parts))


@pytest.fixture
def reference(mixture):
    sides = [Projection(torch.zeros(2, d), torch.eye(d).expand(2, -1, -1).contiguous()) for d in (2, 1)]
    return MixtureReference(*sides, mixture).float()


# --- The log ratio ---


def log_density(mixture, member, z, columns):
    parts = [
        float(mixture.log_weight[member, k])
        + multivariate_normal.logpdf(
            z,
            mixture.mean[member, k, columns].numpy(),
            mixture.covariance[member, k][columns][:, columns].numpy(),
        )
        for k in range(3)
    ]
    return logsumexp(parts, axis=0)


def test_mixture_reference__forward__is_the_log_ratio_of_its_densities(mixture, reference):
    z = np.random.default_rng(1).normal(size=(2, 50, 3))
    u, v = (torch.as_tensor(part, dtype=torch.float32) for part in (z[..., :2], z[..., 2:]))

    values = reference(u, v)

    for member in (0, 1):
        joint, x, y = (
            log_density(mixture, member, z[member][:, columns], columns)
            for columns in ([0, 1, 2], [0, 1], [2])
        )
        np.testing.assert_allclose(values[member], joint - x - y, atol=1e-4)


def test_mixture_reference__pairs_in_groups__as_row_by_row(reference):
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, 6, 4, 2, generator=generator), torch.randn(2, 6, 4, 1, generator=generator)

    pairs = reference(u.unsqueeze(3), v.unsqueeze(2))

    assert pairs.shape == (2, 6, 4, 4)
    torch.testing.assert_close(pairs[:, :, 1, 3], reference(u[:, :, 1], v[:, :, 3]), rtol=1e-4, atol=1e-5)
    flat = [part.flatten(1, 2) for part in (u, v)]
    whole = reference.all_pairs(*flat)
    torch.testing.assert_close(whole[:, 5, 7], reference(flat[0][:, 5], flat[1][:, 7]), rtol=1e-4, atol=1e-5)


def test_class_mixture_reference__forward__is_the_log_density_of_a_class(mixture):
    log_class = torch.as_tensor(np.random.default_rng(2).dirichlet([1, 1], size=(2, 3))).log()
    side = Projection(torch.zeros(2, 3), torch.eye(3).expand(2, -1, -1).contiguous())
    reference = ClassMixtureReference(side, mixture._replace(log_class=log_class)).float()
    z, classes = np.random.default_rng(1).normal(size=(2, 4, 5, 3)), torch.eye(2)[torch.arange(5) % 2]

    values = reference(torch.as_tensor(z, dtype=torch.float32), classes.expand(2, 4, 5, 2))

    assert values.shape == (2, 4, 5)
    for member in (0, 1):
        for c in (0, 1):
            log_weight = mixture.log_weight[member] + log_class[member, :, c]
            own = mixture._replace(log_weight=(log_weight - log_weight.logsumexp(0)).expand(2, -1))
            expected = log_density(own, member, z[member].reshape(-1, 3), [0, 1, 2]).reshape(4, 5)
            ours = values[member] - 1.5 * math.log(2 * math.pi)  # a constant that T leaves out
            np.testing.assert_allclose(ours[:, c::2], expected[:, c::2], atol=1e-4)


# --- The fit ---


def test_maximise__each_iteration__raises_the_likelihood_of_rows_of_their_weight(monkeypatch):
    # Without the prior on the covariances, which the likelihood alone does not know, it may not fall.
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2, 300, 2, generator=generator).double()
    z[:, :150] *= 0.2
    weight = 0.5 + torch.rand(2, 300, generator=generator).double()
    share = weight / weight.sum(1, keepdim=True)
    monkeypatch.setattr(mixtures, "_MOST_ITERATIONS", 1)
    mixture, rows = list(mixtures.fit_mixtures(z, weight, 1))[-1], mixtures._Rows(z, weight, None)

    values = []
    for _ in range(20):
        log_density = mixture.component_log_densities(rows.moments).logsumexp(2)
        values.append((share * log_density).sum(1))
        mixture = rows.maximise(mixture)

    rises = torch.stack(values).diff(dim=0)
    assert float(rises.min()) > -1e-3
    assert float(rises.sum(0).min()) > 0.1


def test_fit_mixtures__no_cut__is_the_weighted_gaussian():
    z = torch.randn(1, 400, 3, generator=torch.Generator().manual_seed(0)).double()
    weight = torch.linspace(0.1, 2, 400).double()[None]

    (mixture,) = mixtures.fit_mixtures(z, weight, 0)

    expected = np.cov(z[0].T, aweights=weight[0], ddof=0)
    size = max(1.0, float(np.average(z[0] ** 2, 0, weight[0]).mean()))
    np.testing.assert_allclose(mixture.covariance[0, 0], expected + 1e-4 * size * np.eye(3), rtol=1e-9)
    np.testing.assert_allclose(mixture.mean[0, 0], np.average(z[0], 0, weight[0]), rtol=1e-9)


def test_fit_mixtures__classes__starts_from_one_gaussian_a_class_of_common_shape_and_own_volume_by_few_rows():
    z = torch.randn(1, 300, 2, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.arange(300) % 3
    z[0] *= (1 + labels)[:, None]
    weight = torch.linspace(0.1, 2, 300).double()[None]

    (mixture,) = mixtures.fit_mixtures(z, weight, 0, torch.eye(3).double()[labels][None])

    share = weight[0] / weight.sum()
    share = share / (share**2).sum()  # effective rows
    rows = [float(share[labels == c].sum()) for c in range(3)]
    own = [np.cov(z[0][labels == c].T, aweights=share[labels == c], ddof=0) for c in range(3)]
    common = sum(n * part for n, part in zip(rows, own, strict=True)) / sum(rows)
    size = max(1.0, float(np.average(z[0] ** 2, 0, share).mean()))
    for c in range(3):
        floor = 1e-4 * size * np.eye(2)
        volume = np.linalg.det((rows[c] * own[c] + 1.5 * common) / (rows[c] + 1.5) + floor)
        prior = common * np.sqrt(volume / np.linalg.det(common + floor))
        expected = (rows[c] * own[c] + 1.5 * prior) / (rows[c] + 1.5) + floor
        np.testing.assert_allclose(mixture.covariance[0, c], expected, rtol=1e-9)
        prior = (np.array(rows) + 1) / (sum(rows) + 3)
        shares = (rows[c] * np.eye(3)[c] + 0.5 * prior) / (rows[c] + 0.5)
        np.testing.assert_allclose(mixture.log_class[0, c].exp(), shares, rtol=1e-9)


def test_fit_mixtures__thin_and_thick_components__the_thin_one_stays_thin():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(1, 400, 3, generator=generator).double()
    z[:, ::10] = 0.05 * z[:, ::10] + torch.tensor([4.0, 0.0, 0.0])  # forty rows

    *_, mixture = mixtures.fit_mixtures(z, torch.ones(1, 400).double(), 1)

    thin = mixture.covariance[0, mixture.mean[0, :, 0].argmax()]
    assert float(thin.diagonal().sqrt().max()) < 2 * 0.05  # with the common covariance as prior .23


def test_maximise__cut_of_thin_and_thick_components__goes_on_where_the_first_step_falls():
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([0.02, 1.0, 0.2, 0.5]).double()[torch.arange(240) % 4]
    z = (scale[:, None] * torch.randn(240, 6, generator=generator).double())[None]
    rows = mixtures._Rows(z, torch.ones(1, 240).double(), None)
    start = rows.mixture(rows.one_hot)

    for _ in range(3):
        cut = start.cut()
        reached = rows.maximise(cut)
        after_one_step = rows.mixture(rows.expect(cut)[1])
        assert float(rows.expect(reached)[0]) > max(float(rows.expect(m)[0]) for m in (cut, after_one_step))
        start = reached


def test_fit_mixtures__clusters__never_less_likely_than_cuts_alone_and_now_and_then_more(monkeypatch):
    gains = []
    for draw in range(8):
        generator = torch.Generator().manual_seed(draw)
        centre = 3 * torch.randn(4, 5, generator=generator).double()
        z = (centre[torch.arange(400) % 4] + 0.5 * torch.randn(400, 5, generator=generator).double())[None]
        rows = mixtures._Rows(z, torch.ones(1, 400).double(), None)
        values = []
        for clustered in ((4,), ()):
            monkeypatch.setattr(mixtures, "_CLUSTERED", clustered)
            *_, four = mixtures.fit_mixtures(z, torch.ones(1, 400).double(), 2)
            values.append(float(rows.expect(four)[0]))
        gains.append(values[0] - values[1])

    assert min(gains) >= 0
    assert max(gains) > 0.1


def test_clusters__one_hot_rows__one_each_and_none_of_weight_zero():
    z = torch.eye(5).double().repeat(10, 1)[None]
    weight = torch.ones(1, 50).double()
    weight[0, 4::5] = 0

    clusters = mixtures._Rows(z, weight, None).clusters(4)

    assert sorted(clusters[0, weight[0] > 0].sum(0).tolist()) == [10, 10, 10, 10]


def test_cut__two_halves__have_the_moments_of_the_whole():
    covariance = torch.tensor([[[[2.0, 0.5], [0.5, 1.0]]]]).double()
    whole = Mixture(
        torch.zeros(1, 1).double(), torch.tensor([[[1.0, -1.0]]]).double(), covariance, torch.zeros(1, 1, 1)
    )

    halves = whole.cut()

    assert halves.log_weight.exp().sum() == pytest.approx(1)
    torch.testing.assert_close(halves.mean.mean(1), whole.mean[:, 0])
    between = torch.einsum("bki,bkj->bij", halves.mean - whole.mean, halves.mean - whole.mean) / 2
    trace = (halves.covariance.mean(1) + between).diagonal(dim1=1, dim2=2).sum()
    # The halves overlap a little: a tenth of what lies between them is in both.
    assert float(trace) == pytest.approx(3, rel=0.05)
    assert torch.linalg.eigvalsh(halves.covariance).min() > 0


def test_fit_mixture_reference__cross__is_near_the_truth(seed):
    x, y = sample(CROSS, 2000, seed)

    rows, mixture = fit(x, y, make_folds(2000))

    assert mixture.constant.shape == (4, mixture.constant.shape[1])
    assert mixture.constant.shape[1] >= 2
    assert mean_value(rows, mixture) == pytest.approx(CROSS.mi, abs=0.06)


def test_fit_mixture_reference__independent_columns__none_or_nearly_nothing(seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(1000, 3, generator=generator), torch.randn(1000, 2, generator=generator)

    rows, mixture = fit(x, y, make_folds(1000))

    assert mixture is None or mean_value(rows, mixture) < 0.01


def test_fit_mixture_reference__few_rows__all_members_tell_how_many_components(seed):
    x, y = sample(CROSS, 200, seed)

    rows, mixture = fit(x, y, make_folds(200))

    assert 0.1 < mean_value(rows, mixture) < CROSS.mi + 0.15


def test_fit_mixture_reference__spoilt_rows_of_weight_zero__as_good_as_without(seed):
    x, y = sample(CROSS, 1200, seed)
    weight = torch.ones(1200)
    weight[::6] = 0
    spoilt = x.clone()
    spoilt[::6] = 50.0

    rows, mixture = fit(spoilt, y, make_folds(1200), weight)

    assert mean_value(rows, mixture) == pytest.approx(CROSS.mi, abs=0.12)


def test_fit_mixture_reference__many_columns__reads_leading_coordinates():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1500, 14, generator=generator)
    y = x @ torch.randn(14, 12, generator=generator) + torch.randn(1500, 12, generator=generator)

    rows, mixture = fit(x, y, make_folds(1500))

    assert (mixture.project_x.width, mixture.project_y.width) == (10, 10)
    assert mean_value(rows, mixture) > 1


def test_fit_mixture_reference__tied_values__is_finite():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(3, (600, 1), generator=generator).float()
    y = x + torch.randint(2, (600, 1), generator=generator).float()

    rows, mixture = fit(x, y, make_folds(600))

    assert math.isfinite(mean_value(rows, mixture))


# --- Beside a trained bank ---


def test_build_mixture__irrelevant_columns__reads_those_that_depend():
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.hstack([z, torch.randn(2000, 4, generator=generator)]) for z in sample(CROSS, 2000, 0))
    folds, blocks = make_folds(2000), (Block(x, 5), Block(y, 5))
    bank = build_critic("concat", *blocks, folds, (8,), generator)

    mixture = build_mixture(bank, *blocks, folds)

    assert isinstance(mixture, ReferencedCritic)
    reference = mixture.reference
    assert (reference.project_x.width, reference.project_y.width) == (1, 1)
    x = x.expand(4, -1, -1)
    torch.testing.assert_close(mixture.reference.project_x(x), x[..., :1])


def turned_classes(n, seed):
    """Two columns whose correlation is 0.8 in one class and -0.8 in the other: 0.31 nats."""
    rng = np.random.default_rng(seed)
    y, (first, second) = rng.integers(2, size=n), rng.normal(size=(2, n))
    return np.column_stack([first, np.where(y, 0.8, -0.8) * first + 0.6 * second]), y


def class_blocks(n, seed):
    X, y = turned_classes(n, seed)
    one_hot = torch.eye(2)[torch.as_tensor(y)]
    return Block(torch.as_tensor(X, dtype=torch.float32), 2), Block(one_hot, 2, one_hot.mean(0))


@pytest.mark.parametrize("n", [200, 1500])  # all members tell how many components; the first does
def test_build_mixture__classes__is_near_the_truth_on_held_out_rows(n, seed):
    blocks, folds = class_blocks(n, seed), make_folds(n)
    bank = build_critic("concat", *blocks, folds, (8,), torch.Generator().manual_seed(0))

    mixture = build_mixture(bank, *blocks, folds)

    x, y = (block.values[folds.held_out] for block in blocks)
    log_ratio = mixture(x, y)
    assert isinstance(mixture, ClassNormalised)
    total = (mixture(x, torch.eye(2)[[0]].expand_as(y)).exp() * blocks[1].probability[0]) + (
        mixture(x, torch.eye(2)[[1]].expand_as(y)).exp() * blocks[1].probability[1]
    )
    torch.testing.assert_close(total, torch.ones_like(total))
    # A standard deviation of the log ratio of 0.6, so 0.04 and 0.015: three of them, and what 150 rows cost.
    assert float(log_ratio.mean()) == pytest.approx(0.31, abs=0.17 if n == 200 else 0.06)


def test_build_mixture__both_blocks_or_many_classes__none():
    one_hot = torch.eye(2)[torch.arange(400) % 2]
    table = Block(one_hot, 2, one_hot.mean(0))
    x, many = (
        torch.randn(400, 2, generator=torch.Generator().manual_seed(0)),
        torch.eye(40)[torch.arange(400) % 40],
    )

    for blocks in ((table, table), (Block(x, 2), Block(many, 40, many.mean(0)))):
        bank = build_critic("concat", *blocks, make_folds(400), (8,), torch.Generator().manual_seed(0))
        assert build_mixture(bank, *blocks, make_folds(400)) is None


def test_fit__class_of_one_row__is_finite():
    X, y = turned_classes(150, 0)
    labels = np.array(["left", "right"])[y]
    labels[7] = "rare"

    estimator = MutualInfoEstimator(random_state=0).fit(X, labels)

    assert np.isfinite([estimator.mi_, estimator.mi_lower_, *estimator.mi_interval_]).all()
    assert np.isfinite(estimator.score_samples(X, labels)).all()
    assert estimator.mi_lower_ > 0.1


def test_fit__turned_classes__is_near_the_truth_from_few_rows(seed):
    X, y = turned_classes(150, seed)
    labels = np.array(["left", "right"])[y]

    estimator = MutualInfoEstimator(random_state=seed).fit(X, labels)

    unseen, theirs = turned_classes(4000, seed + 1)
    assert estimator.mi_ == pytest.approx(0.31, abs=0.15)
    assert estimator.score(unseen, np.array(["left", "right"])[theirs]) > 0.2
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.score_samples(X, labels), estimator.score_samples(X, labels))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 100 minibatches are too few
@pytest.mark.parametrize("task", ["mixture-cross-twice", "hidden-cross-25"])
def test_fit__mixture__is_better_than_the_network_and_is_stored_whole(task, seed):
    joint = other_tasks()[task]
    X, y = joint.sample(1000, seed)

    estimator = MutualInfoEstimator(cv=3, max_iter=100, random_state=seed)
    alone = MutualInfoEstimator(cv=3, max_iter=100, warm_start=True, random_state=seed).fit(X, y)
    estimator.fit(X, y)

    skeleton = estimator._critic.frozen.skeleton
    is_pool = isinstance(skeleton, PooledCritic)
    mixture = skeleton.second if is_pool else skeleton
    assert isinstance(mixture.reference, MixtureReference)
    assert alone.mi_lower_ + 0.05 < estimator.mi_lower_ < joint.mi + 0.05
    assert abs(estimator.mi_ - joint.mi) < 0.12
    unseen = joint.sample(1000, seed + 1)
    assert estimator.score(*unseen) == pytest.approx(estimator.mi_lower_, abs=0.15)
    stored = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(stored.score_samples(*unseen), estimator.score_samples(*unseen))


def test_fit__mixture_wins__an_eighth_of_the_distance_is_added_and_the_network_bounds_the_interval(seed):
    X, y = other_tasks()["hidden-cross-25"].sample(1000, seed)

    estimator = MutualInfoEstimator(cv=3, max_iter=20, random_state=seed)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        alone = MutualInfoEstimator(cv=3, max_iter=20, warm_start=True, random_state=seed).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        estimator.fit(X, y)

    held_out, training = (estimator.history_[-1][name] for name in ("held_out", "training"))
    assert estimator.mi_lower_ == held_out
    assert estimator.mi_ == pytest.approx((held_out + training) / 2 + max(training - held_out, 0) / 8)
    assert estimator.mi_interval_[1] >= alone.mi_interval_[1] - 1e-6


@pytest.mark.parametrize(("low", "high", "added"), [(1.0, 1.4, 0.05), (0.02, 0.42, 0.02), (-0.1, 0.3, 0.0)])
def test_value_bank__flexible__adds_an_eighth_and_no_more_than_is_held_out(low, high, added):
    x = torch.randn(40, 1, generator=torch.Generator().manual_seed(0))
    data = Block(x, 1), Block(x, 1), make_folds(40), None, DonskerVaradhan()
    bank = scoring.ScoredBank(torch.nn.Identity(), [{}, {}], *data)
    bank.held_out, bank.training = (
        [scoring.Scores(value + torch.linspace(-1, 1, 5).expand(4, -1), torch.zeros(4, 5, 3), None, None)] * 2
        for value in (low, high)
    )

    fit = valuing.value_bank(bank, TrainingResult([{}, {}], []), testable=2.0, flexible=1.0)

    assert fit.bias == pytest.approx(added)
    assert fit.estimate == pytest.approx((low + high) / 2 + added)
    below, above = fit.interval
    assert below < low
    assert above > fit.estimate


@pytest.mark.parametrize("classes", [False, True])
def test_value_bank__network_that_adds_nothing__counts_no_bias(classes):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 12, generator=generator)
    y = x + 2 * torch.randn(300, 12, generator=generator)
    one_hot = torch.eye(2)[(y[:, 0] > 0).long()]
    y_block = Block(one_hot, 2, one_hot.mean(0)) if classes else Block(y, 12)
    bank = build_critic("concat", Block(x, 12), y_block, make_folds(300), (8,), generator)
    states = [dict(bank.named_parameters())] * 2
    scored = scoring.ScoredBank(bank, states, Block(x, 12), y_block, make_folds(300), None, DonskerVaradhan())

    fit = valuing.value_bank(scored, TrainingResult(states, []), testable=2.0, flexible=1.0)

    assert fit.training - fit.held_out > 0.02
    assert fit.bias == pytest.approx(0, abs=1e-6)


def test_pooled__scores__are_those_of_the_mean_critic(seed):
    x, y = sample(CROSS, 300, seed)
    blocks, folds = (Block(x, 1), Block(y, 1)), make_folds(300)
    generator = torch.Generator().manual_seed(seed)
    bank = build_critic("concat", *blocks, folds, (8,), generator)
    states = [
        {name: torch.randn(p.shape, generator=generator) for name, p in bank.named_parameters()}
        for _ in range(2)
    ]
    data, other = (*blocks, folds, None, DonskerVaradhan()), build_mixture(bank, *blocks, folds)

    pool = scoring.ScoredBank(bank, states, *data).pooled(scoring.ScoredBank(other, [{}, {}], *data))

    afresh = scoring.ScoredBank(pool.critic, pool.states, *data)
    assert isinstance(pool.critic, PooledCritic)
    assert pool.held_out_value == pytest.approx(afresh.held_out_value, abs=1e-5)
    assert pool.training_value == pytest.approx(afresh.training_value, abs=1e-5)
    assert pool.standard_error == pytest.approx(afresh.standard_error, abs=1e-5)


@pytest.mark.parametrize(
    "kind", ["pairs", "classes", "weighted pairs", "weighted classes", "infonce", "mine-f"]
)
def test_first__scores__are_those_of_the_first_member(kind):
    bound, classes = BOUNDS[kind]() if kind in BOUNDS else DonskerVaradhan(), "classes" in kind
    x, y = class_blocks(300, 0)
    y = y if classes else Block(x.values[:, 1:], 1)
    weight = torch.linspace(0, 1, 300) if "weighted" in kind else None
    folds = make_folds(300)
    bank = build_mixture(
        build_critic("concat", x, y, folds, (8,), torch.Generator().manual_seed(0), weight),
        x,
        y,
        folds,
        weight,
    )
    scored = scoring.ScoredBank(bank, [{}, {}], x, y, folds, weight, bound)

    first = scored.first

    for one, of_all in zip(first.held_out, scored.held_out, strict=True):
        torch.testing.assert_close(bound.estimate(*one), bound.estimate(*of_all)[:1])
    assert first.held_out_value != pytest.approx(scored.held_out_value, abs=1e-6)


def test_build_mixture__first_member_not_promising__none():
    x, y = sample(CROSS, 1200, 0)
    blocks, folds, generator = (Block(x, 1), Block(y, 1)), make_folds(1200), torch.Generator().manual_seed(0)
    bank = build_critic("concat", *blocks, folds, (8,), generator)
    seen = []

    def answer(promising, first):
        seen.append(first)
        return promising

    for promising in (True, False):
        mixture = build_mixture(bank, *blocks, folds, None, partial(answer, promising))
        assert (mixture is not None) == promising

    assert [len(first.reference.constant) for first in seen] == [1, 1]
    assert build_mixture(bank, *blocks, make_folds(1200, 12), None, lambda _: False) is not None  # 100 rows


def test_fit__no_training_asked_for__the_closed_form_alone():
    X, y = other_tasks()["mixture-cross"].sample(500, 0)

    estimator = MutualInfoEstimator(max_iter=0, random_state=0).fit(X, y)

    assert abs(estimator.mi_) < 0.02


def test_fit__interrupted_while_others_compete__keeps_the_trained_network(monkeypatch):
    X, y = other_tasks()["mixture-cross"].sample(300, 0)
    alone = MutualInfoEstimator(cv=3, max_iter=50, warm_start=True, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        alone.fit(X, y)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skmine.nn.competing.build_mixture", interrupt)
    estimator = MutualInfoEstimator(cv=3, max_iter=50, random_state=0)
    with pytest.raises(KeyboardInterrupt, match="keeps the best critics"):
        estimator.fit(X, y)

    assert estimator.mi_lower_ == alone.mi_lower_
    np.testing.assert_array_equal(estimator.score_samples(X, y), alone.score_samples(X, y))


def test_fits__copies_of_large_columns__are_finite():
    generator = torch.Generator().manual_seed(0)
    x = 1e3 * torch.randn(500, 1, generator=generator).expand(-1, 3)
    y = x[:, :1].abs() + 100 * torch.randn(500, 1, generator=generator)

    folds = make_folds(500)
    rows = ReferenceRows.of_folds(x, y, folds.train, folds.held_out, None)
    sides = [mixture_references._projection(read_all(z), None, 4) for z in (x, y)]

    values = [value for value, _ in mixture_references._fits(rows, sides, 5)]

    assert len(values) >= 3
    assert np.isfinite(values).all()
