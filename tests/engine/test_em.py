"""Gaussian mixtures by expectation maximisation: likelihood, priors and splits."""

from itertools import islice
from operator import itemgetter

import numpy as np
import pytest
import torch
from scipy.special import multigammaln

from skmine._engine import em
from skmine._engine.em import Mixture, fit_mixtures


def last_of(n_cuts, *data):
    """The mixture after this many splits."""
    return next(islice(fit_mixtures(*data), n_cuts, None))


def test_maximise__each_iteration__raises_the_likelihood_of_rows_of_their_weight(monkeypatch):
    # Without the prior on the covariances, which is not a part of the likelihood, the likelihood may not
    # fall.
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2, 300, 2, generator=generator).double()
    z[:, :150] *= 0.2
    weight = 0.5 + torch.rand(2, 300, generator=generator).double()
    share = weight / weight.sum(1, keepdim=True)
    monkeypatch.setattr(em, "_MOST_ITERATIONS", 1)
    mixture, rows = last_of(1, z, weight), em._Rows(z, weight, None)

    values = []
    for _ in range(20):
        log_density = mixture.component_log_densities(rows.moments).logsumexp(2)
        values.append((share * log_density).sum(1))
        mixture = rows.maximise(mixture)

    rises = torch.stack(values).diff(dim=0)
    assert float(rises.min()) > -1e-3
    assert float(rises.sum(0).min()) > 0.1


def regularised(own, rows, floor):
    """Rows of the prior with the highest evidence, and the covariances of components with this prior."""
    d = len(floor)
    own = [part + floor for part in own]
    common = sum(n * part for n, part in zip(rows, own, strict=True)) / sum(rows)
    found = []
    for prior in 10 ** np.linspace(-1.5, 2, 8):
        evidence, covariances = 0.0, []
        for n, part in zip(rows, own, strict=True):
            volume = np.linalg.det((n * part + prior * common) / (n + prior)) / np.linalg.det(common)
            mean = volume ** (1 / d) * common
            freedom = prior + d + 1  # the mean of the prior is then `mean`
            evidence += freedom / 2 * np.linalg.slogdet(prior * mean)[1]
            evidence -= (freedom + n - 1) / 2 * np.linalg.slogdet(prior * mean + n * part)[1]
            evidence += multigammaln((freedom + n - 1) / 2, d) - multigammaln(freedom / 2, d)
            covariances.append((n * part + prior * mean) / (n + prior))
        found.append((evidence, prior, covariances))
    return max(found, key=itemgetter(0))[1:]


def test_fit_mixtures__no_cut__is_the_weighted_gaussian():
    z = torch.randn(1, 400, 3, generator=torch.Generator().manual_seed(0)).double()
    weight = torch.linspace(0.1, 2, 400).double()[None]

    mixture = last_of(0, z, weight)

    size = max(1.0, float(np.average(z[0] ** 2, 0, weight[0]).mean()))
    own = np.cov(z[0].T, aweights=weight[0], ddof=0)
    rows = float(weight.sum() ** 2 / (weight**2).sum())
    _, (expected,) = regularised([own], [rows], 1e-6 * size * np.eye(3))
    np.testing.assert_allclose(expected, own, atol=1e-5)
    np.testing.assert_allclose(mixture.covariance[0, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(mixture.mean[0, 0], np.average(z[0], 0, weight[0]), rtol=1e-9)


@pytest.mark.parametrize(("turn", "least", "most"), [(0, 5, 200), (1, 0.01, 3)], ids=["alike", "turned"])
def test_fit_mixtures__classes__shrunk_to_a_common_shape_as_much_as_their_shapes_are_alike(turn, least, most):
    z = torch.randn(1, 300, 2, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.arange(300) % 3
    z[0, :, 0] *= 5
    z[0, labels == 1] = z[0, labels == 1].roll(turn, 1)  # columns exchanged
    z[0] *= (1 + labels)[:, None]
    weight = torch.linspace(0.1, 2, 300).double()[None]

    mixture = last_of(0, z, weight, torch.eye(3).double()[labels][None])

    share = weight[0] / weight.sum()
    share = share / (share**2).sum()  # effective rows
    rows = [float(share[labels == c].sum()) for c in range(3)]
    own = [np.cov(z[0][labels == c].T, aweights=share[labels == c], ddof=0) for c in range(3)]
    size = max(1.0, float(np.average(z[0] ** 2, 0, share).mean()))
    prior, expected = regularised(own, rows, 1e-6 * size * np.eye(2))
    assert least < prior < most
    for c in range(3):
        np.testing.assert_allclose(mixture.covariance[0, c], expected[c], rtol=1e-9)
        prior = (np.array(rows) + 1) / (sum(rows) + 3)
        shares = (rows[c] * np.eye(3)[c] + 0.5 * prior) / (rows[c] + 0.5)
        np.testing.assert_allclose(mixture.log_class[0, c].exp(), shares, rtol=1e-9)


@pytest.mark.parametrize("kind", ["constant", "duplicate", "sum"])
def test_regularised__direction_without_variance__the_prior_is_as_strong_as_without_it(kind):
    z = torch.randn(1, 300, 4, generator=torch.Generator().manual_seed(0)).double()
    extra = {"constant": 0 * z[..., :1], "duplicate": z[..., :1], "sum": z.sum(2, keepdim=True)}[kind]
    parts = torch.eye(6).double()[torch.arange(300) % 6][None]

    def spread(rows_of):
        """How much the covariances of parts that are alike differ."""
        covariance = em._Rows(rows_of, torch.ones(1, 300).double(), None).mixture(parts).covariance
        return float(covariance[0, :, :4, :4].std(0).mean())

    assert spread(torch.cat([z, extra], 2)) < 1.5 * spread(z)


def test_fit_mixtures__thin_and_thick_components__the_thin_one_stays_thin():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(1, 400, 3, generator=generator).double()
    z[:, ::10] = 0.05 * z[:, ::10] + torch.tensor([4.0, 0.0, 0.0])  # forty rows

    mixture = last_of(1, z, torch.ones(1, 400).double())

    thin = mixture.covariance[0, mixture.mean[0, :, 0].argmax()]
    assert float(thin.diagonal().sqrt().max()) < 2 * 0.05  # with the common covariance as prior .23


def test_maximise__cut_of_thin_and_thick_components__goes_on_where_the_first_step_falls():
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([0.02, 1.0, 0.2, 0.5]).double()[torch.arange(240) % 4]
    z = (scale[:, None] * torch.randn(240, 6, generator=generator).double())[None]
    rows = em._Rows(z, torch.ones(1, 240).double(), None)
    start = rows.mixture(rows.one_hot)

    for _ in range(3):
        cut = start.cut()
        reached = rows.maximise(cut)
        after_one_step = rows.mixture(rows.expect(cut)[1])
        assert float(rows.expect(reached)[0]) > max(float(rows.expect(m)[0]) for m in (cut, after_one_step))
        start = reached


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
    # The halves overlap a little: a tenth of the rows between them are in both.
    assert float(trace) == pytest.approx(3, rel=0.05)
    assert torch.linalg.eigvalsh(halves.covariance).min() > 0


@pytest.mark.parametrize("n_classes", [1, 3])
def test_fit_mixtures__each_step__twice_as_many_components(n_classes):
    z = torch.randn(1, 200, 2, generator=torch.Generator().manual_seed(0)).double()
    one_hot = torch.eye(3).double()[torch.arange(200) % 3][None] if n_classes == 3 else None

    found = list(islice(fit_mixtures(z, torch.ones(1, 200).double(), one_hot), 4))

    assert [mixture.log_weight.shape[1] for mixture in found] == [n_classes * 2**k for k in range(4)]
    for mixture in found:
        assert mixture.log_class.shape[2] == n_classes
        torch.testing.assert_close(mixture.log_weight.exp().sum(1), torch.ones(1).double())


def test_whitening_factor__covariance__is_that_of_its_inverse():
    covariance = torch.tensor([[[2.0, 0.5], [0.5, 1.0]]])

    factor = em.whitening_factor(covariance)

    torch.testing.assert_close(factor @ factor.mT, torch.linalg.inv(covariance))
    torch.testing.assert_close(em.log_determinant(factor), -0.5 * torch.logdet(covariance))
