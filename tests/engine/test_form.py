"""The contract of forms, for each form in the tables."""

import pytest
import torch
from blocks import draw_pairs, make_sample

from skmine._engine.canonical import Projection
from skmine._engine.forms import FLEXIBLE, STARTS, Fit, Form, Network, Start
from skmine.nn import DonskerVaradhan
from skmine.nn.training import TrainingResult

#: The forms that apply to each kind of blocks of two columns, in order.
APPLYING = {
    "continuous": ["Gaussian", "NonlinearVariates", "GaussianMixture", "Regression", "Grid", "Network"],
    "classes": ["Discriminant", "GaussianMixture", "Regression", "Network"],
    "discrete": ["Table"],
    "single class": ["Table", "GaussianMixture"],
}


def make_forms():
    network = Network(
        critic="concat",
        hidden_layer_sizes=(4,),
        bound=DonskerVaradhan(),
        generator=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
        training={"max_iter": 2, "check_every": 1},
    )
    return [*(form() for form in (*STARTS, *FLEXIBLE)), network]


def sample_of(kind):
    x, y = draw_pairs(120, [0.9, 0.6])
    if kind == "discrete":
        x = torch.eye(2)[(x[:, 0] > 0).long()]
    if kind in ("classes", "discrete"):
        y = torch.eye(2)[(y[:, 0] > 0).long()]
    if kind == "single class":
        y = torch.ones(120, 1)
    x, y = x.float(), y.float()
    return make_sample(x, y, is_x_discrete=kind == "discrete", is_y_discrete=kind != "continuous")


def test_form__defaults__applies_with_one_path_of_one_setting_and_is_flexible():
    form, sample = Form(), sample_of("continuous")

    assert form.is_flexible
    assert form.applies(sample)
    assert [list(path) for path in form.settings(sample, None)] == [[None]]
    with pytest.raises(NotImplementedError):
        form.fit(sample, None)


def test_fit__defaults__two_equal_states_and_nothing_trained():
    critic = torch.nn.Identity()

    assert Fit(critic) == Fit(critic, ({}, {}), None, None)


def test_tables__starts__are_closed_forms_and_the_others_flexible():
    assert not any(form.is_flexible for form in STARTS)
    assert all(form.is_flexible for form in (*FLEXIBLE, Network))


@pytest.mark.parametrize("kind", APPLYING)
def test_applies__kind_of_blocks__these_forms_alone(kind):
    sample = sample_of(kind)

    assert [type(form).__name__ for form in make_forms() if form.applies(sample)] == APPLYING[kind]


KINDS_AND_NAMES = [(kind, name) for kind in ("continuous", "classes", "discrete") for name in APPLYING[kind]]


def prepare(kind, name):
    """A form by its name, a sample, and the closed forms to start from."""
    sample, forms = sample_of(kind), {type(form).__name__: form for form in make_forms()}
    reference = forms[APPLYING[kind][0]].fit(sample, None).reference
    return forms[name], sample, None if reference is None else Start(reference, reference)


@pytest.mark.parametrize(("kind", "name"), KINDS_AND_NAMES)
def test_form__every_path__a_critic_a_member_that_broadcasts(kind, name):
    form, sample, start = prepare(kind, name)
    rows = sample.folds.held_out[:, :6]
    x, y, _ = sample.read(rows)

    paths = [list(path) for path in form.settings(sample, start)]
    fits = [form.fit(sample, path[0]) for path in paths]

    assert fits
    for fit in (fit for fit in fits if fit is not None):
        assert len(fit.states) == 2
        values = fit.critic(x, y)
        assert values.shape == (4, 6)
        assert values.isfinite().all()
        pairs = fit.critic(x.unsqueeze(2), y.unsqueeze(1))
        torch.testing.assert_close(pairs.diagonal(dim1=1, dim2=2), values, rtol=1e-3, atol=1e-4)
        assert (fit.reference is not None) == (not form.is_flexible and kind != "discrete")


@pytest.mark.parametrize(("kind", "name"), KINDS_AND_NAMES)
def test_form__double_precision_by_default__values_of_the_dtype_of_the_rows(kind, name, double_precision):
    form, sample, start = prepare(kind, name)
    (setting, *_), *_ = (list(path) for path in form.settings(sample, start))

    values = form.fit(sample, setting).critic(*sample.read(sample.folds.held_out)[:2])

    assert values.dtype == torch.float32


def history(*values):
    return [{"iteration": 50 * k, "training": 2 * v, "held_out": v} for k, v in enumerate(values)]


def result(n_members, values, converged=True, interrupted=False):
    iterations = [torch.full((n_members,), k) for k in (50, 100)]
    return TrainingResult([], iterations, history(*values), converged, interrupted)


@pytest.mark.parametrize("swapped", [False, True])
def test_joined__one_ended_earlier__counts_with_its_last_value(swapped):
    short, long = result(1, [0.0, 0.4]), result(3, [0.0, 0.8, 1.2])

    joined = long.joined(short) if swapped else short.joined(long)

    assert [entry["iteration"] for entry in joined.history] == [0, 50, 100]
    assert [entry["held_out"] for entry in joined.history] == pytest.approx([0, 0.7, 1.0])
    assert [entry["training"] for entry in joined.history] == pytest.approx([0, 1.4, 2.0])
    assert [len(part) for part in joined.best_iterations] == [4, 4]


@pytest.mark.parametrize(("one", "other"), [(True, True), (True, False), (False, True)])
def test_joined__converged_if_both_are_and_interrupted_if_either_is(one, other):
    joined = result(1, [0.0], converged=one, interrupted=not one).joined(
        result(3, [0.0], converged=other, interrupted=not other)
    )

    assert joined.converged == (one and other)
    assert joined.interrupted == (not one or not other)


def test_joined__nothing_trained__tensors_of_both():
    critics = [Projection(torch.full((n, 2), float(n)), torch.zeros(n, 2, 1)) for n in (1, 3)]

    joined = Fit(critics[0]).joined(Fit(critics[1]))

    assert joined.critic.mean[:, 0].tolist() == [1, 3, 3, 3]
    assert joined.training is None
    assert critics[0].mean.shape == (1, 2)
    assert joined.critic.weight.shape == (4, 2, 1)
