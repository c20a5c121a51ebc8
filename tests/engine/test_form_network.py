"""The network form: the input of a network, its start, and how the first member is kept."""

import copy
import math

import numpy as np
import pytest
import torch
from blocks import draw_pairs, make_folds, make_sample

from skmine import MutualInfoEstimator
from skmine._engine import contest
from skmine._engine.canonical import Projection
from skmine._engine.critics import ClassNormalised, ReferencedCritic
from skmine._engine.forms import Network, Start, network
from skmine._engine.forms.discriminant import Discriminant
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.forms.network import Columns, Inputs
from skmine._engine.forms.variates import NonlinearVariates
from skmine._engine.sample import Block, Sample
from skmine.distributions import other_tasks
from skmine.nn import CRITICS, DonskerVaradhan

FAINT = network._FAINT


def make_network(seed=0, critic="concat", **training):
    return Network(
        critic=critic,
        hidden_layer_sizes=(8,),
        bound=DonskerVaradhan(),
        generator=torch.Generator().manual_seed(seed),
        device=torch.device("cpu"),
        training={"max_iter": 4, "check_every": 2, **training},
    )


def start_of(sample):
    form = Gaussian() if sample.classes is None else Discriminant()
    reference = form.fit(sample, None).reference
    return Start(reference, reference)


def inputs_of(sample, start=None):
    ((inputs,),) = make_network().settings(sample, start or start_of(sample))
    return inputs


def make_block(core):
    """Core columns, and their squares as views."""
    values = torch.cat([core, core**2 - 1], 1)
    return Block(values, core.shape[1], origin=torch.arange(core.shape[1]).repeat(2))


def with_views(x, y):
    return Sample(make_block(x), make_block(y), make_folds(len(x)))


# --- Columns ---


def make_columns(with_coordinates, n_members=4):
    generator = torch.Generator().manual_seed(4)

    def projection(d, width):
        return Projection(
            torch.randn(n_members, d, generator=generator),
            torch.randn(n_members, d, width, generator=generator),
        )

    return Columns(
        projection(3, 2) if with_coordinates else None,
        3,
        torch.rand(n_members, 2, generator=generator),
    )


@pytest.mark.parametrize("with_coordinates", [True, False])
@pytest.mark.parametrize("leading", [(4, 7), (4, 7, 1), (4, 1, 6), (4, 3, 2, 5)])
def test_columns__any_leading_axes__width_and_values(with_coordinates, leading):
    columns = make_columns(with_coordinates)
    x = torch.randn(*leading, 5, generator=torch.Generator().manual_seed(5))

    values = columns(x)

    assert values.shape == (*leading, columns.width)
    flat = columns(x.reshape(4, -1, 5))
    torch.testing.assert_close(values.reshape(4, -1, columns.width), flat)


def test_columns__order__coordinates_then_sized_columns():
    columns = make_columns(True)
    x = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(5))

    expected = [columns.coordinates(x), x[..., 3:] * columns.size.unsqueeze(1)]

    torch.testing.assert_close(columns(x), torch.cat(expected, -1))


# --- Coordinates in addition to those of the start ---

RELEVANT = torch.tensor([True, False, True, False])


def make_mixed(n=1000):
    """Four correlated columns of different sizes."""
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(4, 4, generator=generator) + torch.diag(torch.tensor([1.0, 2.0, 5.0, 10.0]))
    return torch.randn(n, 4, generator=generator) @ mixing + 3


def make_leading(x, n_members=4):
    mean = x.mean(0).expand(n_members, -1)
    return Projection(mean, torch.randn(n_members, 4, 2, generator=torch.Generator().manual_seed(2)))


def test_whitened__relevant_columns__variance_one_and_the_others_faint():
    x = make_mixed()
    train_rows = make_folds(1000).train

    coordinates = network._whitened(x, make_leading(x), RELEVANT, train_rows)

    values = coordinates(x[train_rows[:1]].expand(4, -1, -1))
    sizes = torch.tensor([1.0, 1.0, FAINT, FAINT])
    assert coordinates.width == 2 + 4
    for member in values[..., 2:]:
        covariance = member.T.cov(correction=0)
        # The ridge lowers a variance of one by a share of 1e-4. Variances here are above a tenth, so 1e-3.
        torch.testing.assert_close(covariance[:2, :2], torch.eye(2), atol=2e-3, rtol=0)
        torch.testing.assert_close(covariance[2:, 2:], FAINT**2 * torch.eye(2), atol=2e-5, rtol=0)
        torch.testing.assert_close(covariance.diagonal().sqrt(), sizes, atol=1e-3, rtol=0)


def test_whitened__leading__comes_first():
    x = make_mixed()
    leading = make_leading(x)

    coordinates = network._whitened(x, leading, RELEVANT, make_folds(1000).train)

    bank = x.expand(4, -1, -1)
    torch.testing.assert_close(coordinates(bank)[..., :2], leading(bank))


def test_whitened__columns_that_are_not_relevant__reach_the_faint_coordinates_alone():
    x = make_mixed()
    other = torch.where(RELEVANT, x, -x)

    coordinates = network._whitened(x, None, RELEVANT, make_folds(1000).train)

    values, changed = (coordinates(block.expand(4, -1, -1)) for block in (x, other))
    torch.testing.assert_close(changed[..., :2], values[..., :2])
    # If its sign is changed, a coordinate of size s changes by 1.6 s on average of absolute values.
    assert (changed[..., 2:] - values[..., 2:]).abs().mean() > FAINT


def test_whitened__all_relevant_and_no_leading__centred_on_the_training_rows():
    x = make_mixed()
    train_rows = make_folds(1000).train

    coordinates = network._whitened(x, None, torch.ones(4, dtype=torch.bool), train_rows)

    values = coordinates(x[train_rows[:1]].expand(4, -1, -1))
    assert coordinates.width == 4
    # Rounding of values of size 10 in single precision, times a whitening of up to 3, over 750 rows.
    torch.testing.assert_close(values.mean(1), torch.zeros(4, 4), atol=1e-4, rtol=0)


def test_whitened__more_columns_than_rows__is_finite():
    x = torch.randn(40, 90, generator=torch.Generator().manual_seed(3))

    coordinates = network._whitened(x, None, torch.arange(90) < 50, make_folds(40).train)

    assert coordinates(x.expand(4, -1, -1)).isfinite().all()


# --- Input ---


def test_settings__no_start__none():
    assert make_network().settings(make_sample(*draw_pairs(40, [0.5])), None) == []


@pytest.mark.parametrize(
    ("n_classes", "is_x_discrete", "is_y_discrete", "expected"),
    [(2, False, True, True), (1, False, True, False), (2, True, True, False), (2, False, False, True)],
)
def test_applies__continuous_x_and_anything_to_learn(n_classes, is_x_discrete, is_y_discrete, expected):
    x = torch.eye(n_classes)[torch.arange(40) % n_classes]
    sample = make_sample(x, x, is_x_discrete=is_x_discrete, is_y_discrete=is_y_discrete)

    assert make_network().applies(sample) is expected


def test_inputs__few_columns_that_all_depend__the_start_whole_and_views_at_full_size():
    sample = with_views(*draw_pairs(1000, [0.9, 0.6]))
    start = start_of(sample)

    inputs = inputs_of(sample, start)

    assert inputs.reference is start.best
    assert inputs.shown_x.coordinates is None
    assert (inputs.shown_x.size == 1).all()
    assert inputs.n_products == 2
    assert (inputs.d_x, inputs.d_y) == (2 + 2, 2 + 2)  # coordinates, views


def test_inputs__other_start_than_the_simplest__its_coordinates_come_too():
    sample = with_views(*draw_pairs(1000, [0.9, 0.6]))
    simplest = Gaussian().fit(sample, None).reference
    setting = ("squares", sample.readings[0])
    best = NonlinearVariates().fit(sample, setting).reference

    inputs = inputs_of(sample, Start(simplest, best))

    assert inputs.reference is best
    assert inputs.shown_x.coordinates is simplest.project_x
    assert inputs.n_products == 2 + best.width_x


def test_inputs__columns_and_views_that_show_no_dependence__are_read_faintly():
    generator = torch.Generator().manual_seed(7)
    x, y = torch.randn(2, 1000, 12, generator=generator)
    y[:, 4] = x[:, 2] ** 2 + 0.3 * y[:, 4]

    size = inputs_of(with_views(x, y - y.mean(0))).shown_x.size

    views = size[0, -12:]
    assert views[2] == 1
    # By chance another column may pass the test, at a level of 0.01; hardly ever four.
    assert (views == FAINT).sum() >= 8
    assert (size == size[0]).all()


def test_inputs__columns_of_several_origins__at_full_size():
    generator = torch.Generator().manual_seed(7)
    x, y = torch.randn(2, 1000, 12, generator=generator)
    y[:, 4] = x[:, 2] + 0.3 * y[:, 4]
    block = Block(torch.cat([x, x[:, :1] * x[:, 1:2]], 1), 12, origin=torch.tensor([*range(12), -1]))

    size = inputs_of(Sample(block, Block(y, 12), make_folds(1000))).shown_x.size

    assert (size[:, -1] == 1).all()


def test_inputs__classes__shows_columns_of_x_alone():
    x, y = draw_pairs(400, [0.9, 0.6])
    sample = make_sample(x, torch.eye(2)[(y[:, 0] > 0).long()], is_y_discrete=True)

    inputs = inputs_of(sample)

    assert inputs.shown_y is None
    assert inputs.d_y == 2
    assert inputs.n_products == 0


def test_inputs__of_members__are_those_of_the_members():
    sample = with_views(*draw_pairs(400, [0.9, 0.6]))
    inputs = inputs_of(sample)

    part = inputs.of_members(slice(1, 3))

    bank = sample.x.values.expand(4, -1, -1)
    torch.testing.assert_close(part.shown_x(bank[1:3]), inputs.shown_x(bank)[1:3])
    assert isinstance(part, Inputs)
    assert len(part.reference.correlations) == 2


# --- The bank ---


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize("kind", ["linear", "sparse", "squares"])
def test_fit__untrained__is_the_reference_and_can_be_loaded_again(critic, kind):
    generator = torch.Generator().manual_seed(6)
    x, y = torch.randn(2, 800, 2 if kind == "linear" else 12, generator=generator)
    y[:, 0] = 0.6 * y[:, 0] + (x[:, 0] ** 2 - 1 if kind == "squares" else 0.8 * x[:, 0])
    sample = with_views(x, y)

    fit = make_network(critic=critic, max_iter=0).fit(sample, inputs_of(sample))

    bank = fit.critic
    rows_x, rows_y, _ = sample.read(sample.folds.train[:, :20])
    u, v = bank.reference.project_x(rows_x), bank.reference.project_y(rows_y)
    torch.testing.assert_close(bank(rows_x, rows_y), bank.reference(u, v))
    bank.load_state_dict(copy.deepcopy(bank.state_dict()))
    assert len(fit.states) == 2
    assert [entry["iteration"] for entry in fit.training.history] == [0]


class Bilinear(torch.nn.Module):
    """A critic written by a user."""

    def __init__(self, d_x, d_y):
        super().__init__()
        self.weight = torch.nn.Parameter(1e-2 * torch.randn(d_x, d_y))

    def forward(self, x, y):
        return torch.einsum("...i,ij,...j->...", x, self.weight, y)


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("critic", ["concat", Bilinear])
def test_fit__trained__weights_of_each_member_move(classes, critic):
    x, y = draw_pairs(200, [0.9, 0.6])
    y = torch.eye(2)[(y[:, 0] > 0).long()] if classes else y
    sample = make_sample(x, y, is_y_discrete=classes)

    fit = make_network(critic=critic).fit(sample, inputs_of(sample))

    assert [entry["iteration"] for entry in fit.training.history] == [0, 2, 4]
    assert isinstance(fit.critic, ClassNormalised) == classes
    assert fit.reference is None
    states = fit.states[0]
    assert states
    assert all(len(value) == 4 for value in states.values())


def test_fit__bound_with_memory__is_as_before():
    class Counting(DonskerVaradhan):
        n_steps = 0

        def surrogate(self, *scores):
            self.n_steps += 1
            return super().surrogate(*scores)

    sample = make_sample(*draw_pairs(200, [0.9]))
    form = make_network()
    form = Network(**{**vars(form), "bound": Counting()})

    form.fit(sample, inputs_of(sample))

    assert form.bound.n_steps == 0


def test_fit__resume__goes_on_from_the_weights_that_it_puts_in():
    sample = make_sample(*draw_pairs(200, [0.9]))

    def resume(bank):
        with torch.no_grad():
            for parameter in bank.parameters():
                parameter.fill_(0.5)

    form = Network(**{**vars(make_network(max_iter=0)), "resume": resume})

    fit = form.fit(sample, inputs_of(sample))

    assert all((value == 0.5).all() for value in fit.states[0].values())


def test_joined__first_member_and_the_others__is_the_bank_of_all():
    sample = make_sample(*draw_pairs(400, [0.9, 0.6]))
    form, inputs = make_network(max_iter=20, check_every=5, n_iter_no_change=9), inputs_of(sample)
    first = form.fit(sample.first, inputs)
    kept = copy.deepcopy(first.states)

    fit = first.joined(form.fit(sample.others, inputs))

    rows = sample.read(sample.folds.held_out[:, :9])[:2]
    assert fit.critic(*rows).shape == (4, 9)
    for state, before in zip(fit.states, kept, strict=True):
        assert state.keys() == before.keys()
        for name, value in state.items():
            assert value.shape == (4, *before[name].shape[1:])
            torch.testing.assert_close(value[:1], before[name], rtol=0, atol=0)
    fit.critic.load_state_dict(fit.states[0], strict=False)
    first.critic.load_state_dict(kept[0], strict=False)
    alone = first.critic(*(z[:1] for z in rows))
    torch.testing.assert_close(fit.critic(*rows)[:1], alone)
    assert all(len(iterations) == 4 for iterations in fit.training.best_iterations)


def test_fit__first_member_kept__history_is_the_mean_over_all_members():
    sample = make_sample(*draw_pairs(400, [0.9, 0.6]))
    inputs = inputs_of(sample)
    first = make_network(max_iter=20, check_every=5, n_iter_no_change=9).fit(sample.first, inputs)
    others = make_network(1, max_iter=20, check_every=5, n_iter_no_change=9).fit(sample.others, inputs)

    fit = first.joined(others)

    assert [entry["iteration"] for entry in fit.training.history] == [0, 5, 10, 15, 20]
    for entry, one, rest in zip(
        fit.training.history, first.training.history, others.training.history, strict=True
    ):
        assert entry["held_out"] == pytest.approx((one["held_out"] + 3 * rest["held_out"]) / 4, abs=1e-6)


# --- In the estimator ---


def test_estimator__interrupted_in_the_network__keeps_the_best_of_the_forms_before(monkeypatch):
    X, y = other_tasks()["mixture-cross"].sample(300, 0)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(contest, "misfits", lambda *_: [math.inf])  # the mixture explains all
    monkeypatch.setattr(Network, "fit", interrupt)
    estimator = MutualInfoEstimator(cv=3, random_state=0)
    with pytest.raises(KeyboardInterrupt, match="keeps the best critics"):
        estimator.fit(X, y)

    assert estimator.mi_lower_ > 0.1  # a mixture, because the Gaussian copula finds nothing
    assert estimator.n_iter_ == 0
    assert np.isfinite(estimator.score_samples(X, y)).all()


def test_estimator__no_training_asked_for__other_forms_compete_and_a_named_critic_is_the_closed_form():
    X, y = other_tasks()["mixture-cross"].sample(300, 0)

    of_all, named = (
        MutualInfoEstimator(critic=critic, max_iter=0, cv=3, random_state=0).fit(X, y)
        for critic in ("auto", "concat")
    )

    assert of_all.n_iter_ == named.n_iter_ == 0
    assert of_all.mi_ > 0.1
    assert abs(named.mi_) < 0.02


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 50 minibatches are too few
@pytest.mark.parametrize("critic", [*CRITICS, Bilinear])
def test_estimator__named_critic__is_valued_alone_however_good_others_are(critic, monkeypatch):
    monkeypatch.setattr(contest, "misfits", lambda *_: [math.inf])  # the mixture explains all
    X, y = other_tasks()["mixture-cross"].sample(300, 0)

    quick = {"cv": 3, "max_iter": 50, "hidden_layer_sizes": (4,), "random_state": 0}
    named = MutualInfoEstimator(critic=critic, **quick).fit(X, y)
    of_all = MutualInfoEstimator(**quick).fit(X, y)

    assert isinstance(named._critic.frozen.module, ReferencedCritic)
    assert named.n_iter_ == of_all.n_iter_ == 50
    assert of_all.mi_lower_ > named.mi_lower_ + 0.1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 50 minibatches are too few
@pytest.mark.parametrize("parameters", [{"critic": "concat"}, {"critic": Bilinear}, {"warm_start": True}])
def test_estimator__codes_and_a_named_critic__the_network_is_trained(parameters):
    codes = np.random.default_rng(0).integers(0, 40, 400)
    quick = {"cv": 2, "max_iter": 50, "hidden_layer_sizes": (4,), "random_state": 0}

    estimator = MutualInfoEstimator(**parameters, **quick).fit(codes[:, None], codes)

    assert estimator.n_iter_ == 50
