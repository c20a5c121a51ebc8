"""Small networks whose evidence chooses their smoothness."""

import pytest
import torch

from skmine._engine import evidence as module
from skmine._engine.evidence import EvidenceNetwork, fit_network, n_units


def draw(n, seed, d=3):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return x, torch.randn(n, generator=generator, dtype=torch.float64)


def some_network(d, m, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return EvidenceNetwork.of(torch.randn(m * (d + 2) + d + 1, generator=generator, dtype=torch.float64), d)


def error(network, x, y):
    """Mean squared error as a share of the variance."""
    return float((y - network.predict(x)).square().mean() / y.var())


def test_derivatives__agree_with_autograd():
    x, _ = draw(5, 0)
    parameters = torch.cat([part.flatten() for part in some_network(3, 4)]).requires_grad_()

    predicted, derivatives = EvidenceNetwork.of(parameters.detach(), 3).derivatives(x)

    expected = torch.autograd.functional.jacobian(lambda p: EvidenceNetwork.of(p, 3).predict(x), parameters)
    torch.testing.assert_close(derivatives, expected)
    torch.testing.assert_close(predicted, EvidenceNetwork.of(parameters.detach(), 3).predict(x))


def test_fit__smooth_function_of_two_of_five_columns__nearly_the_noise_is_left(seed):
    x, noise = draw(900, seed, d=5)
    y = (2 * x[:, 0]).tanh() * x[:, 1] + 0.1 * noise

    network = fit_network(x[:600], y[:600], torch.ones(600).double(), 16, 0)

    assert error(network, x[600:], y[600:]) < 2 * 0.01 / float(y.var())


def test_fit__columns_without_effect__change_predictions_less_than_if_all_columns_had_one_prior(
    seed, monkeypatch
):
    x, noise = draw(600, seed, d=10)
    y = (2 * x[:, 0]).sin() + 0.3 * noise
    shuffled, changes = torch.cat([x[:, :1], x[:, 1:].roll(1, 0)], 1), []

    for n_steps in (module._COMMON_STEPS, module._MOST_STEPS):
        monkeypatch.setattr(module, "_COMMON_STEPS", n_steps)
        predict = fit_network(x, y, torch.ones(600).double(), 16, 0).predict
        changes.append(float((predict(shuffled) - predict(x)).square().mean()))

    assert changes[0] < changes[1] / 2


def test_fit__nothing_to_explain__about_the_mean(seed):
    x, y = draw(500, seed)
    new_x, new_y = draw(2000, seed + 1)

    network = fit_network(x, y, torch.ones(500).double(), 16, 0)

    assert error(network, new_x, new_y) < 1.05


def test_fit__fast_wave__is_found_from_steep_units(seed, monkeypatch):
    generator, errors = torch.Generator().manual_seed(seed), []
    x = 2 * torch.rand(1000, 2, generator=generator, dtype=torch.float64) - 1
    y = (12 * x[:, 0] + 5 * x[:, 1]).sin() + 0.3 * torch.randn(1000, generator=generator, dtype=torch.float64)

    for fastest in (module._FASTEST, 1.0):
        monkeypatch.setattr(module, "_FASTEST", fastest)
        networks = [fit_network(x[:640], y[:640], torch.ones(640).double(), 16, start) for start in range(4)]
        errors.append(min(error(network, x[640:], y[640:]) for network in networks))

    assert errors[0] < 0.8 < errors[1]


@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_fit__units_of_the_columns__do_not_matter(shift):
    x, noise = draw(300, 0)
    y = x[:, 0].tanh() + 0.1 * noise
    weight = torch.ones(300).double()
    scale = torch.tensor([1e-3, 5.0, 1e4]).double()

    plain = fit_network(x, y, weight, 4, 0).predict(x)
    other = fit_network(shift + scale * x, 100 * y - 7, weight, 4, 0).predict(shift + scale * x)

    torch.testing.assert_close((other + 7) / 100, plain, atol=1e-4, rtol=0)


def test_fit__weights__as_repeated_rows():
    x, noise = draw(200, 0)
    y = x[:, 0].square() + 0.2 * noise
    weight = 1.0 + torch.arange(200) % 3
    many_x, many_y = (rows.repeat_interleave(weight.long(), 0) for rows in (x, y))

    weighted = fit_network(x, y, weight.double(), 6, 0)
    repeated = fit_network(many_x, many_y, torch.ones(len(many_x)).double(), 6, 0)

    # Repeated rows are more rows for the evidence, but of the same distribution.
    difference = weighted.predict(x) - repeated.predict(x)
    assert float(difference.square().mean().sqrt()) < 0.1


@pytest.mark.parametrize("kind", ["constant target", "constant columns", "exact", "two rows", "heavy tails"])
def test_fit__degenerate_rows__finite(kind):
    x, noise = draw(60, 0)
    y = x[:, 0] + noise
    if kind == "constant target":
        y = torch.ones_like(y)
    if kind == "constant columns":
        x = torch.ones_like(x)
    if kind == "exact":
        y = x[:, 0].tanh()
    if kind == "two rows":
        x, y = x[:2], y[:2]
    if kind == "heavy tails":
        x, y = x**9, y**9

    network = fit_network(x, y, torch.ones(len(y)).double(), 16, 0)

    assert torch.isfinite(network.predict(x)).all()


@pytest.mark.parametrize(
    ("d", "n_targets", "expected"), [(3, 1, 16), (12, 1, 16), (30, 1, 7), (64, 1, 4), (8, 9, 7)]
)
def test_n_units__fewer_for_many_columns_or_targets(d, n_targets, expected):
    assert n_units(d, n_targets) == expected
