"""Gaussian mixtures by expectation maximisation, one per bank member. Rows can have a class."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

#: Maximum number of EM iterations, and smallest change in nats per row.
_MOST_ITERATIONS, _TOLERANCE = 60, 1e-4
#: Added to the variance of each column, times the mean variance of all columns if that is above one.
_LEAST_VARIANCE = 1e-6
#: Candidates for the number of rows that the prior of a covariance counts as, two for each power of ten. With
#: more than 100, components would also have nearly the same volume.
_PRIOR_ROWS = torch.logspace(-1.5, 2, 8, dtype=torch.float64)
#: When a component is split along its longest axis, the halves are placed this many standard deviations from
#: its mean.
_CUT = 0.7
#: Pseudocount: rows with the overall class shares that are added to each component.
_CLASS_ROWS = 0.5


class Mixture(NamedTuple):
    """Gaussian mixtures, one per bank member.

    Attributes
    ----------
    log_weight : Tensor of shape (n_members, n_components)
    mean : Tensor of shape (n_members, n_components, d)
    covariance : Tensor of shape (n_members, n_components, d, d)
    log_class : Tensor of shape (n_members, n_components, n_classes)
        Log probabilities of the classes in each component. There is one class if rows have none.
    """

    log_weight: Tensor
    mean: Tensor
    covariance: Tensor
    log_class: Tensor

    def component_log_densities(self, moments: Tensor) -> Tensor:
        """Log of weight times density, up to a constant, of rows given by their :func:`_moments`.

        Shape (n_members, n, n_moments) -> (n_members, n, n_components): one product of matrices.
        """
        factor = whitening_factor(self.covariance)
        slope = factor @ (factor.mT @ self.mean.unsqueeze(3))
        at_mean = (slope.squeeze(3) * self.mean).sum(2)
        constant = self.log_weight + log_determinant(factor) - at_mean / 2
        first, second = _pairs_of_columns(self.mean.shape[2])
        precision = (factor @ factor.mT)[..., first, second]
        quadratic = torch.where(first == second, precision / 2, precision)
        return moments @ torch.cat([constant.unsqueeze(2), slope.squeeze(3), -quadratic], 2).mT

    def cut(self) -> "Mixture":
        """Split each component into two halves along its longest axis."""
        variance, axes = torch.linalg.eigh(self.covariance)
        axis = axes[..., -1]
        # A decomposition does not determine the sign, which sets the order of the halves.
        axis = axis * torch.where(axis.sum(2, keepdim=True) < 0, -1.0, 1.0).to(axis)
        step = _CUT * variance[..., -1:].sqrt() * axis
        half = self.covariance - 0.9 * step.unsqueeze(3) * step.unsqueeze(2)
        return Mixture(
            torch.cat([self.log_weight, self.log_weight], 1) - math.log(2),
            torch.cat([self.mean + step, self.mean - step], 1),
            torch.cat([half, half], 1),
            torch.cat([self.log_class, self.log_class], 1),
        )


def whitening_factor(covariance: Tensor) -> Tensor:
    """Upper triangular F with ``F F' = covariance^-1``, of the same shape, computed in double precision."""
    root = torch.linalg.cholesky(covariance.double())
    eye = torch.eye(root.shape[-1], dtype=root.dtype).expand_as(root)
    return torch.linalg.solve_triangular(root, eye, upper=False).mT.to(covariance)


def log_determinant(factor: Tensor) -> Tensor:
    """Log determinants of triangular matrices, (..., d, d) -> (...)."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _pairs_of_columns(d: int) -> Tensor:
    """Indices of all pairs of columns, including each column with itself, shape (2, d (d + 1) / 2)."""
    return torch.triu_indices(d, d)


def moments(z: Tensor) -> Tensor:
    """One, the columns, and their products, (n_members, n, d) -> (n_members, n, 1 + d + d (d + 1) / 2)."""
    first, second = _pairs_of_columns(z.shape[2])
    return torch.cat([torch.ones_like(z[..., :1]), z, z[..., first] * z[..., second]], 2)


class _Rows:
    """Rows that mixtures are fitted to.

    Parameters
    ----------
    z : Tensor of shape (n_members, n, d)
        Rows.
    weight : Tensor of shape (n_members, n)
        Their weights.
    one_hot : Tensor of shape (n_members, n, n_classes) or None
        Classes of the rows, or None if there are none.
    """

    def __init__(self, z: Tensor, weight: Tensor, one_hot: Tensor | None):
        self.z, self.moments = z, moments(z)
        self.share = weight / weight.sum(1, keepdim=True)
        self.weight = self.share / (self.share**2).sum(1, keepdim=True)  # sums to the effective rows
        self.one_hot = torch.ones_like(z[..., :1]) if one_hot is None else one_hot
        variance = (self.share.unsqueeze(2) * z**2).sum(1).mean(1).clamp_min(1)
        self.floor = _LEAST_VARIANCE * variance.view(-1, 1, 1, 1) * torch.eye(z.shape[2], dtype=z.dtype)

    def mixture(self, membership: Tensor) -> Mixture:
        """The mixture that follows from the shares of components in each row, (n_members, n, n_components).

        One row is added to each component for its weight, and half a row with the overall class shares for
        its classes.
        """
        d = self.z.shape[2]
        part = membership * self.weight.unsqueeze(2)
        sums = part.mT @ self.moments
        rows = sums[..., 0]
        mean = sums[..., 1 : d + 1] / rows.clamp_min(1e-9).unsqueeze(2)
        first, second = _pairs_of_columns(d)
        scatter = self.moments.new_empty(*rows.shape, d, d)
        scatter[..., first, second] = scatter[..., second, first] = sums[..., d + 1 :]
        scatter = scatter - rows[..., None, None] * mean.unsqueeze(3) * mean.unsqueeze(2)
        covariance = _regularised(scatter, rows[..., None, None], self.floor)
        log_weight = ((rows + 1) / (rows + 1).sum(1, keepdim=True)).log()
        counts = part.mT @ self.one_hot
        of_all = counts.sum(1, keepdim=True) + 1  # so that a class without rows is possible
        prior = _CLASS_ROWS * of_all / of_all.sum(2, keepdim=True)
        log_class = ((counts + prior) / (rows + _CLASS_ROWS).unsqueeze(2)).log()
        return Mixture(log_weight, mean, covariance, log_class)

    def expect(self, mixture: Mixture) -> tuple[Tensor, Tensor]:
        """Mean log density of the rows, (n_members,), and the shares of components in each row."""
        scores = mixture.component_log_densities(self.moments) + self.one_hot @ mixture.log_class.mT
        highest = scores.amax(2, keepdim=True)
        total = scores.sub_(highest).exp_().sum(2, keepdim=True)
        value = (self.share * (total.log() + highest).squeeze(2)).sum(1)
        return value, scores.div_(total)

    def maximise(self, mixture: Mixture) -> Mixture:
        """Improve a mixture by expectation maximisation."""
        before = torch.full_like(self.share[:, 0], -math.inf)
        for _ in range(_MOST_ITERATIONS):
            value, membership = self.expect(mixture)
            # It may fall, because it does not include the prior, and the prior has not been applied to a
            # split component.
            if bool(((value - before).abs() < _TOLERANCE).all()):
                break
            before = value
            mixture = self.mixture(membership)
        return mixture


def _regularised(scatter: Tensor, rows: Tensor, floor: Tensor) -> Tensor:
    """Covariances of components, (n_members, n_components, d, d), regularised by an inverse Wishart prior.

    The mean of the prior has the shape of the common covariance of all components, scaled to the volume of a
    mean of each component's own and the common covariance, because the own covariance of few rows has no
    volume. The prior counts as many rows as have the highest evidence: many if the components are alike, few
    if their shapes differ, because a strong prior would make thin components of different shapes too thick.

    Parameters
    ----------
    scatter : Tensor of shape (n_members, n_components, d, d)
        Sums of squares and products of the rows of each component.
    rows : Tensor of shape (n_members, n_components, 1, 1)
        Number of rows of each component.
    floor : Tensor of shape (n_members, 1, d, d)
        Covariance that is added to each row, so that every direction has some variance.

    Returns
    -------
    Tensor of shape (n_members, n_components, d, d)

    References
    ----------
    Chen (1979), Journal of the Royal Statistical Society B 41(2), for the evidence.
    """
    d = scatter.shape[-1]
    scatter = scatter + rows * floor
    common = scatter.sum(1, keepdim=True) / rows.sum(1, keepdim=True)
    factor = whitening_factor(common)
    variance = torch.linalg.eigvalsh(factor.mT @ scatter @ factor).clamp_min(0)
    prior = _PRIOR_ROWS.to(scatter).view(-1, 1, 1, 1)  # (n_candidates, n_members, n_components, d)
    rows = rows.squeeze(3)
    scale = ((variance + prior) / (rows + prior)).log().mean(-1, keepdim=True).exp()
    freedom = prior + d + 1
    half = (freedom + (rows - 1).clamp_min(0)) / 2  # a row determines the mean
    evidence = freedom * d / 2 * (prior * scale).log() - half * (prior * scale + variance).log().sum(
        -1, keepdim=True
    )
    evidence = evidence + torch.special.multigammaln(half, d) - torch.special.multigammaln(freedom / 2, d)
    best = evidence.sum((2, 3)).argmax(0)  # (n_members,)
    prior_rows = _PRIOR_ROWS.to(scatter)[best].view(-1, 1, 1, 1)
    scale = scale[best, torch.arange(len(best))].unsqueeze(3)
    return (scatter + prior_rows * scale * common) / (rows.unsqueeze(3) + prior_rows)


def fit_mixtures(z: Tensor, weight: Tensor, one_hot: Tensor | None = None) -> Iterator[Mixture]:
    """One Gaussian (or one per class), then mixtures with twice the components, each from the one before.

    All members iterate until all have converged. Fitted one by one, each ends when it has converged itself.

    Parameters
    ----------
    z : Tensor of shape (n_members, n, d)
        Rows.
    weight : Tensor of shape (n_members, n)
        Their weights.
    one_hot : Tensor of shape (n_members, n, n_classes) or None, default=None
        Classes of the rows, or None if there are none.

    Yields
    ------
    Mixture
        The sequence has no end.
    """
    rows = _Rows(z, weight, one_hot)
    mixture = rows.mixture(rows.one_hot)
    while True:
        yield mixture
        mixture = rows.maximise(mixture.cut())
