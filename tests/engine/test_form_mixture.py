"""The mixture form: its log ratio, the columns that it reads, and the number of components."""

import math
import pickle

import numpy as np
import pytest
import torch
from blocks import draw, held_out_value, make_folds, make_sample
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from skmine import MutualInfoEstimator
from skmine._engine import em
from skmine._engine.canonical import Projection
from skmine._engine.contest import hold_contest
from skmine._engine.critics import ClassNormalised, PooledCritic
from skmine._engine.em import Mixture
from skmine._engine.forms import Start
from skmine._engine.forms.discriminant import Discriminant
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.forms.mixture import ClassMixtureReference, GaussianMixture, MixtureReference
from skmine._engine.judge import Judge
from skmine._engine.sample import Block, Sample
from skmine.distributions import Mixture as MixtureOfJoints
from skmine.distributions import MultivariateNormal, other_tasks
from skmine.nn import DonskerVaradhan

CROSS = MixtureOfJoints([MultivariateNormal.bivariate(0.9), MultivariateNormal.bivariate(-0.9)])  # 0.41 nats


def start_of(sample):
    """The closed form of the columns."""
    form = Gaussian() if sample.classes is None else Discriminant()
    reference = form.fit(sample, None).reference
    return Start(reference, reference)


def compete(sample):
    """The best fit among mixtures and the closed form of the columns."""
    forms = [Gaussian(), Discriminant(), GaussianMixture()]
    return hold_contest(sample, forms, Judge(sample, DonskerVaradhan())).verdict.scored.fit


def paths(sample):
    return [list(path) for path in GaussianMixture().settings(sample, start_of(sample))]


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


# --- Settings ---


def test_applies__both_blocks_discrete_or_many_classes__no():
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    two, many, most = (torch.eye(k)[torch.arange(400) % k] for k in (2, 33, 32))

    assert GaussianMixture().applies(make_sample(x, x))
    assert GaussianMixture().applies(make_sample(x, most, is_y_discrete=True))
    assert not GaussianMixture().applies(make_sample(x, many, is_y_discrete=True))
    assert not GaussianMixture().applies(make_sample(two, two, is_x_discrete=True, is_y_discrete=True))


def test_settings__no_start__none():
    x, y = draw(CROSS, 100, 0)

    assert list(GaussianMixture().settings(make_sample(x, y), None)) == []


@pytest.mark.parametrize(("n", "n_most"), [(44, 8), (80, 8), (2000, 32), (8, 1)])
def test_settings__rows__two_a_column_of_each_component_and_at_most_32(n, n_most):
    x, y = draw(CROSS, n, 0)

    (path,) = paths(make_sample(x, y))  # of 3/4 of the rows, over two columns

    assert [2**setting.n_cuts for setting in path] == [2**k for k in range(n_most.bit_length())]
    assert all(setting.source is path[0].source for setting in path)  # one path, one set of mixtures


def test_settings__three_classes__doubles_from_three():
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    one_hot = torch.eye(3)[torch.arange(200) % 3]

    (path,) = paths(make_sample(x, one_hot, is_y_discrete=True))

    assert [setting.n_cuts for setting in path] == [0, 1, 2, 3]  # 24 components; 150 rows of two columns: 37
    assert len(path[0].source) == 1


def test_settings__irrelevant_columns__reads_those_that_depend():
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.hstack([z, torch.randn(2000, 4, generator=generator)]) for z in draw(CROSS, 2000, 0))

    ((first, *_),) = paths(make_sample(x, y))

    assert [side.width for side in first.source] == [1, 1]
    x = x.expand(4, -1, -1)
    torch.testing.assert_close(first.source[0](x), x[..., :1])


def test_settings__many_columns__reads_leading_coordinates_once():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1500, 14, generator=generator)
    y = x @ torch.randn(14, 12, generator=generator) + torch.randn(1500, 12, generator=generator)
    scaled = Block(torch.cat([x, x**3], 1), 14, origin=torch.arange(14).repeat(2), n_scaled=14)

    for sample in (make_sample(x, y), Sample(scaled, Block(y, 12), make_folds(1500))):
        ((first, *_), *others) = paths(sample)

        assert [side.width for side in first.source] == [10, 10]
        coordinates = start_of(sample).best.project_x.leading(10)
        torch.testing.assert_close(first.source[0](x.expand(4, -1, -1)), coordinates(x.expand(4, -1, -1)))
        assert not others  # in their own units, the coordinates would be the same


def test_settings__own_units__a_path_of_them():
    x, y = draw(CROSS, 500, 0)
    block = Block(torch.cat([x, 9 * x], 1), 1, origin=torch.zeros(2, dtype=torch.long), n_scaled=1)

    core, scaled = paths(Sample(block, Block(y, 1), make_folds(500)))

    bank = block.values.expand(4, -1, -1)
    torch.testing.assert_close(scaled[0].source[0](bank), 9 * core[0].source[0](bank))


# --- The fit ---


@pytest.mark.parametrize("n_cuts", [0, 2])
def test_fit__first_member_alone_and_as_many_steps__is_that_of_all(n_cuts, monkeypatch):
    monkeypatch.setattr(em, "_TOLERANCE", 0.0)
    sample = make_sample(*draw(CROSS, 600, 0))
    setting = paths(sample)[0][n_cuts]

    alone = GaussianMixture().fit(sample.first, setting).critic.reference
    together = GaussianMixture().fit(sample, setting).critic.reference

    assert together.constant.shape == (4, 2**n_cuts)
    torch.testing.assert_close(alone.cross, together.cross[:1])


def test_fit__first_member_alone__is_about_that_of_all(seed):
    sample = make_sample(*draw(CROSS, 600, seed))
    setting = paths(sample)[0][2]

    alone, together = (GaussianMixture().fit(part, setting) for part in (sample.first, sample))

    values = [
        float(fit.critic(*part.read(part.folds.train)[:2])[0].mean())
        for fit, part in ((alone, sample.first), (together, sample))
    ]
    # The members iterate together until the last has converged. Alone, the first ends when a step changes the
    # log density by less than the tolerance per row. Further steps change it by less, and their number is
    # limited. The log ratio is a difference of log densities.
    assert values[0] == pytest.approx(values[1], abs=em._MOST_ITERATIONS * em._TOLERANCE)


def test_fit__path__goes_on_from_the_mixture_before(monkeypatch):
    sample, calls = make_sample(*draw(CROSS, 300, 0)), []
    (path,), form = paths(sample), GaussianMixture()
    original = em._Rows.maximise

    def maximise(rows, mixture):
        calls.append(mixture.log_weight.shape[1])
        return original(rows, mixture)

    monkeypatch.setattr(em._Rows, "maximise", maximise)

    for setting in path[:2]:
        form.fit(sample.first, setting)
    assert calls == [2]
    form.fit(sample.first, path[1])  # kept
    assert calls == [2]
    form.fit(sample, path[1])  # all four members at once
    assert calls == 2 * [2]


def test_fit__cross__is_near_the_truth(seed):
    sample = make_sample(*draw(CROSS, 2000, seed))

    fit = compete(sample)

    assert isinstance(fit.critic.reference, MixtureReference)
    assert fit.critic.reference.constant.shape[1] >= 2
    assert held_out_value(sample, fit) == pytest.approx(CROSS.mi, abs=0.06)


def test_fit__independent_columns__nearly_nothing(seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(1000, 3, generator=generator), torch.randn(1000, 2, generator=generator)
    sample = make_sample(x, y)

    assert held_out_value(sample, compete(sample)) < 0.01


def test_fit__few_rows__all_members_tell_how_many_components(seed):
    sample = make_sample(*draw(CROSS, 200, seed))

    assert 0.1 < held_out_value(sample, compete(sample)) < CROSS.mi + 0.15


def test_fit__spoilt_rows_of_weight_zero__as_good_as_without(seed):
    x, y = draw(CROSS, 1200, seed)
    weight = torch.ones(1200)
    weight[::6] = 0
    x[::6] = 50.0
    sample = make_sample(x, y, weight=weight)

    assert held_out_value(sample, compete(sample)) == pytest.approx(CROSS.mi, abs=0.12)


def test_fit__leading_coordinates_of_many_columns__most_of_what_they_hold():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1500, 14, generator=generator)
    y = x @ torch.randn(14, 12, generator=generator) + torch.randn(1500, 12, generator=generator)
    sample = make_sample(x, y)

    assert held_out_value(sample, GaussianMixture().fit(sample, paths(sample)[0][0])) > 1


def test_fit__tied_values__every_number_of_components_is_finite():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(3, (600, 1), generator=generator).float()
    y = x + torch.randint(2, (600, 1), generator=generator).float()
    sample, form = make_sample(x, y), GaussianMixture()

    values = [held_out_value(sample, form.fit(sample, setting)) for setting in paths(sample)[0]]

    assert len(values) == 6
    assert np.isfinite(values).all()


def test_fit__copies_of_large_columns__are_finite():
    generator = torch.Generator().manual_seed(0)
    x = 1e3 * torch.randn(500, 1, generator=generator).expand(-1, 3)
    y = x[:, :1].abs() + 100 * torch.randn(500, 1, generator=generator)
    sample, form = make_sample(x, y), GaussianMixture()

    values = [held_out_value(sample, form.fit(sample, setting)) for setting in paths(sample)[0]]

    assert len(values) >= 3
    assert np.isfinite(values).all()


def turned_classes(n, seed):
    """Two columns whose correlation is 0.8 in one class and -0.8 in the other: 0.31 nats."""
    rng = np.random.default_rng(seed)
    y, (first, second) = rng.integers(2, size=n), rng.normal(size=(2, n))
    return np.column_stack([first, np.where(y, 0.8, -0.8) * first + 0.6 * second]), y


@pytest.mark.parametrize("n", [200, 2000])  # all members choose the components, or the first
def test_fit__classes__is_near_the_truth_on_held_out_rows(n, seed):
    X, labels = turned_classes(n, seed)
    one_hot = torch.eye(2)[torch.as_tensor(labels)]
    sample = make_sample(torch.as_tensor(X, dtype=torch.float32), one_hot, is_y_discrete=True)

    critic = compete(sample).critic

    x, y, _ = sample.read(sample.folds.held_out)
    assert isinstance(critic, ClassNormalised)
    assert isinstance(critic.critic.reference, ClassMixtureReference)
    ratios = [critic(x, torch.eye(2)[[c]].expand_as(y)).exp() * sample.classes[c] for c in (0, 1)]
    torch.testing.assert_close(sum(ratios), torch.ones_like(ratios[0]))
    # The log ratio has a standard deviation of 0.6, so the standard errors are 0.04 and 0.015. Three of them,
    # plus the cost of overfitting 150 rows.
    assert float(critic(x, y).mean()) == pytest.approx(0.31, abs=0.17 if n == 200 else 0.06)


# --- In the estimator ---


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 100 minibatches are too few
def test_estimator__class_of_one_row__is_finite():
    X, y = turned_classes(160, 0)
    labels = np.array(["left", "right"])[y]
    labels[7] = "rare"

    estimator = MutualInfoEstimator(cv=2, max_iter=100, random_state=0).fit(X, labels)

    assert np.isfinite([estimator.mi_, estimator.mi_lower_, *estimator.mi_interval_]).all()
    assert np.isfinite(estimator.score_samples(X, labels)).all()
    assert estimator.mi_lower_ > 0.1


def test_estimator__turned_classes__is_near_the_truth_from_few_rows(seed):
    X, y = turned_classes(150, seed)
    labels = np.array(["left", "right"])[y]

    estimator = MutualInfoEstimator(cv=2, random_state=seed).fit(X, labels)

    unseen, theirs = turned_classes(4000, seed + 1)
    assert estimator.mi_ == pytest.approx(0.31, abs=0.15)
    assert estimator.score(unseen, np.array(["left", "right"])[theirs]) > 0.2
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.score_samples(X, labels), estimator.score_samples(X, labels))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 100 minibatches are too few
@pytest.mark.parametrize("task", ["mixture-cross-twice", "hidden-cross-25"])
def test_estimator__mixture__is_better_than_the_network_and_is_stored_whole(task, seed):
    joint = other_tasks()[task]
    X, y = joint.sample(1000, seed)

    quick = {"cv": 3, "max_iter": 100, "random_state": seed}
    estimator = MutualInfoEstimator(**quick).fit(X, y)
    alone = MutualInfoEstimator(critic="concat", **quick).fit(X, y)

    skeleton = estimator._critic.frozen.module
    while isinstance(skeleton, PooledCritic):
        skeleton = skeleton.second  # the same as before
    assert isinstance(skeleton.reference, MixtureReference)
    assert alone.mi_lower_ + 0.05 < estimator.mi_lower_ < joint.mi + 0.05
    assert abs(estimator.mi_ - joint.mi) < 0.12
    unseen = joint.sample(1000, seed + 1)
    assert estimator.score(*unseen) == pytest.approx(estimator.mi_lower_, abs=0.15)
    stored = pickle.loads(pickle.dumps(estimator))
    few = [block[:100] for block in unseen]
    np.testing.assert_array_equal(stored.score_samples(*few), estimator.score_samples(*few))
