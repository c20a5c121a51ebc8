"""The Student form: exact for Student's t copula, with degrees of freedom chosen by the rows."""

import numpy as np
import pytest
import torch
from blocks import draw, draw_pairs, held_out_value, make_sample, normal_scores
from scipy import stats

from skmine._engine.critics import ReferencedCritic
from skmine._engine.forms import STARTS
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.forms.student import StudentCopula, StudentReference, most_likely
from skmine.distributions import MultivariateStudent

#: Correlations of two columns of x and one of y.
CORRELATION = torch.tensor([[1.0, 0.3, 0.6], [0.3, 1.0, -0.2], [0.6, -0.2, 1.0]], dtype=torch.float64)


def student(dof):
    return MultivariateStudent(CORRELATION.numpy(), 2, dof)


def student_sample(n, dof, seed, **parameters):
    """Normal scores of rows of a Student distribution."""
    return make_sample(*map(normal_scores, draw(student(dof), n, seed)), **parameters)


# --- What it applies to ---


def test_starts__student__comes_after_the_gaussian():
    assert STARTS.index(StudentCopula) == STARTS.index(Gaussian) + 1
    assert not StudentCopula.is_flexible


@pytest.mark.parametrize(("n", "expected"), [(528, False), (536, True)])
def test_applies__columns_of_both_blocks__one_for_fifty_training_rows(n, expected):
    # Eight columns, with three quarters of the rows for training: 396 and 402.
    assert StudentCopula().applies(make_sample(*draw_pairs(n, 4 * [0.9]))) is expected


def test_applies__columns_that_depend_on_nothing__do_not_count():
    x, y = draw_pairs(600, [0.9])
    sample = make_sample(
        torch.cat([x, torch.randn(600, 20, generator=torch.Generator().manual_seed(0))], 1), y
    )
    assert int(sample.dependence.relevant[0].sum()) == 1

    assert StudentCopula().applies(sample)
    assert np.isfinite(held_out_value(sample, StudentCopula().fit(sample, None)))


@pytest.mark.parametrize("kind", ["x", "y", "both"])
def test_applies__block_of_classes__no(kind):
    x, y = draw_pairs(400, [0.5])
    one_hot = torch.eye(2)[(x[:, 0] > 0).long()]
    x, y = (one_hot if kind != "y" else x), (one_hot if kind != "x" else y)

    sample = make_sample(x, y, is_x_discrete=kind != "y", is_y_discrete=kind != "x")

    assert not StudentCopula().applies(sample)


def test_applies__atoms__no():
    x, y = draw_pairs(400, [0.5])

    assert StudentCopula().applies(make_sample(x, y))
    assert not StudentCopula().applies(make_sample(x, (2 * y).round()))
    assert not StudentCopula().applies(make_sample((2 * x).round(), y))


# --- The log ratio ---


@pytest.mark.parametrize("degrees", [1.0, 2.0**1.5, 16.0])
@pytest.mark.parametrize("d_x", [1, 2])
def test_reference__any_degrees__is_the_log_ratio_of_students_densities(degrees, d_x):
    numbers = [range(d_x), range(3 - d_x)]
    correlation = CORRELATION.expand(2, -1, -1)
    z = 1.3 * torch.randn(2, 200, 3, generator=torch.Generator().manual_seed(0)).double()
    z = z.clamp(-4.9, 4.9)  # the t scores of more extreme rows are those of 5

    critic = ReferencedCritic(StudentReference.of(numbers, correlation, degrees))
    values = critic(z[..., :d_x], z[..., d_x:])

    t = stats.t.isf(stats.norm.sf(z.numpy()), degrees)
    parts = [slice(None), slice(d_x), slice(d_x, None)]
    joint, of_x, of_y = (
        stats.multivariate_t(shape=CORRELATION[part, part].numpy(), df=degrees).logpdf(t[..., part])
        for part in parts
    )
    expected = torch.as_tensor(joint - of_x - of_y).view(2, 200)
    torch.testing.assert_close(values, expected, atol=1e-4, rtol=0)


def test_reference__broadcast_pairs__as_one_by_one():
    sample = student_sample(300, 3.0, 0)
    critic = StudentCopula().fit(sample, None).critic
    x, y = (z[:5].expand(4, -1, -1) for z in (sample.x.values, sample.y.values))

    pairs = critic(x.unsqueeze(2), y.unsqueeze(1))

    assert pairs.shape == (4, 5, 5)
    torch.testing.assert_close(pairs[:, 1, 3], critic(x[:, 1:2], y[:, 3:4])[:, 0])


@pytest.mark.parametrize("degrees", [1.0, 16.0])
def test_reference__rows_far_out__are_finite_in_single_precision(degrees):
    reference = StudentReference.of([range(2), range(1)], CORRELATION.expand(4, -1, -1), degrees).float()
    far = torch.tensor([-1e6, -9.0, -5.0, 0.0, 4.999, 5.0, 9.0, 1e6]).view(1, -1, 1).expand(4, -1, -1)

    values = ReferencedCritic(reference)(far.expand(-1, -1, 2), far.flip(1))

    assert values.dtype == torch.float32
    assert torch.isfinite(values).all()


# --- The fit ---


def test_fit__student_rows__held_out_value_is_the_truth(seed):
    sample = student_sample(5000, 2.0, seed)

    fit = StudentCopula().fit(sample, None)

    rows = sample.folds.held_out
    log_ratios = fit.critic(*sample.read(rows)[:2]).flatten()
    # Four standard errors; four parameters of 3750 rows cost (4 / 2) / 3750 nats.
    error = 4 * float(log_ratios.std()) / len(log_ratios) ** 0.5 + 0.001
    assert float(log_ratios.mean()) == pytest.approx(student(2.0).mi, abs=error)
    # The correlations alone explain clearly less.
    assert float(log_ratios.mean()) > held_out_value(sample, Gaussian().fit(sample, None)) + 0.1


def test_fit__correlations__are_those_of_the_distribution(seed):
    sample = student_sample(5000, 2.0, seed)

    reference = StudentCopula().fit(sample, None).critic.reference

    # The canonical correlation of two columns with one. Standard error of a correlation: about 0.01.
    across = CORRELATION[:2, 2]
    expected = float((across @ torch.linalg.solve(CORRELATION[:2, :2], across)) ** 0.5)
    torch.testing.assert_close(reference.correlations, torch.full((4, 1), expected), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("dof", "low", "high"), [(1.0, 1, 1.2), (2.0, 1.7, 2.4), (5.0, 3.5, 7.5), (200, 15, 30)]
)
def test_most_likely__student_rows__finds_their_degrees_and_correlations(dof, low, high, seed):
    sample = student_sample(5000, dof, seed)
    z = torch.cat([sample.x.core, sample.y.core], 1).double()

    degrees, correlation = most_likely(z.unsqueeze(0), torch.ones(1, 5000).double())

    # Standard errors: of the logarithm of the degrees about .05 for up to 5, of a correlation .015.
    assert low <= degrees <= high
    torch.testing.assert_close(correlation[0], CORRELATION, atol=0.06, rtol=0)


def test_most_likely__any_degrees_and_correlations__no_neighbour_is_likelier(seed):
    sample = student_sample(1000, 3.0, seed)
    z = torch.cat([sample.x.core, sample.y.core], 1).double()
    weight = 0.5 + torch.rand(1, 1000, generator=torch.Generator().manual_seed(seed)).double()

    def log_likelihood(degrees, correlation):
        t = stats.t.isf(stats.norm.sf(z.numpy()), degrees)
        joint = stats.multivariate_t(shape=correlation[0].numpy(), df=degrees).logpdf(t)
        return float(np.average(joint - stats.t.logpdf(t, degrees).sum(1), weights=weight[0].numpy()))

    degrees, correlation = most_likely(z.unsqueeze(0), weight)

    best = log_likelihood(degrees, correlation)
    for factor in (0.8, 1.25):
        assert log_likelihood(factor * degrees, correlation) < best
    for j in range(3):
        for shift in (-0.1, 0.1):
            other = correlation.clone()
            other[0, j, (j + 1) % 3] += shift
            other[0, (j + 1) % 3, j] += shift
            assert log_likelihood(degrees, other) < best


def test_fit__gaussian_rows_and_many_degrees__is_nearly_the_gaussian(seed):
    sample = make_sample(*map(normal_scores, draw_pairs(4000, [0.7], seed)))

    student_value, gaussian_value = (
        held_out_value(sample, fit)
        for fit in (StudentCopula().fit(sample, None), Gaussian().fit(sample, None))
    )

    assert student_value == pytest.approx(gaussian_value, abs=0.02)


def test_fit__rows_of_weight_zero__are_not_fitted():
    x, y = (normal_scores(z) for z in draw(student(3.0), 600, 0))
    kept = torch.arange(600) % 3 > 0
    spoilt = torch.where(kept[:, None], y, -3 * y)

    plain, other = (
        StudentCopula().fit(make_sample(x, z, weight=kept.float()), None).critic.reference
        for z in (y, spoilt)
    )

    assert float(plain.correlations.min()) > 0.4
    torch.testing.assert_close(other.correlations, plain.correlations)


def test_fit__row_of_weight_two__counts_as_two_rows():
    sample = student_sample(600, 3.0, 0)
    x, y = sample.x.values, sample.y.values
    twice = torch.arange(600) < 200
    # The same training rows, some of them repeated, for one member that is trained on the first half.
    weighted = make_sample(x, y, weight=1.0 + twice)
    repeated = make_sample(torch.cat([x, x[twice]]), torch.cat([y, y[twice]]))
    weighted.folds.train.data = torch.arange(400).expand(4, -1)
    repeated.folds.train.data = torch.cat([torch.arange(400), torch.arange(600, 800)]).expand(4, -1)

    one, other = (StudentCopula().fit(part, None).critic.reference for part in (weighted, repeated))

    torch.testing.assert_close(one.correlations, other.correlations)


@pytest.mark.parametrize("kind", ["copy in x", "copy in y", "copy of the other sign"])
def test_fit__copied_columns__are_finite(kind):
    x, y = (normal_scores(z) for z in draw(student(3.0), 600, 0))
    x = torch.cat([x, x[:, :1]], 1) if kind == "copy in x" else x
    y = torch.cat([y, {"copy in x": y[:, :0], "copy in y": x[:, :1]}.get(kind, -x[:, :1])], 1)

    sample = make_sample(x, y)

    assert np.isfinite(held_out_value(sample, StudentCopula().fit(sample, None)))
