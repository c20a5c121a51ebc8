"""Gaussian mixtures by expectation maximisation, one a bank member, of rows that may have a class."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_MOST_ITERATIONS, _TOLERANCE = 60, 1e-4  # of EM; nats a row
_LEAST_VARIANCE = 1e-4  # added to the columns', of the mean variance of all where that is above one
#: A component is cut in two at so many standard deviations from its mean, along its longest axis.
_CUT = 0.7
#: Rows of all classes that are added to those of each component.
_CLASS_ROWS = 0.5


class Mixture(NamedTuple):
    """Gaussian mixtures, one a bank member.

    Attributes
    ----------
    log_weight : Tensor of shape (n_members, n_components)
    mean : Tensor of shape (n_members, n_components, d)
    covariance : Tensor of shape (n_members, n_components, d, d)
    log_class : Tensor of shape (n_members, n_components, n_classes)
        Log probabilities of classes in each component; of one class, where rows have none.
    """

    log_weight: Tensor
    mean: Tensor
    covariance: Tensor
    log_class: Tensor

    @classmethod
    def of_members(cls, members: Sequence["Mixture"]) -> "Mixture":
        """Mixtures of as many components, each of one member, as one."""
        return cls(*(torch.cat(parts) for parts in zip(*members, strict=True)))

    def component_log_densities(self, moments: Tensor) -> Tensor:
        """Log of weight times density, less a constant, of rows whose :func:`_moments` are given.

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
        """Every component in two, side by side along its longest axis."""
        variance, axes = torch.linalg.eigh(self.covariance)
        axis = axes[..., -1]
        # The sign that a decomposition leaves open: the halves would come in another order.
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
    """Upper triangular F with ``F F' = covariance^-1``, of the same shape; found in double precision."""
    root = torch.linalg.cholesky(covariance.double())
    eye = torch.eye(root.shape[-1], dtype=root.dtype).expand_as(root)
    return torch.linalg.solve_triangular(root, eye, upper=False).mT.to(covariance)


def log_determinant(factor: Tensor) -> Tensor:
    """Log determinants of triangular matrices, (..., d, d) -> (...)."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _pairs_of_columns(d: int) -> Tensor:
    """Numbers of two columns, each pair once and each column with itself, shape (2, d (d + 1) / 2)."""
    return torch.triu_indices(d, d)


def _moments(z: Tensor) -> Tensor:
    """One, the columns, and their products, (n_members, n, d) -> (n_members, n, 1 + d + d (d + 1) / 2)."""
    first, second = _pairs_of_columns(z.shape[2])
    return torch.cat([torch.ones_like(z[..., :1]), z, z[..., first] * z[..., second]], 2)


def _floor(z: Tensor, weight: Tensor) -> Tensor:
    """What is added to covariances, (n_members, 1, d, d)."""
    share = weight / weight.sum(1, keepdim=True)
    variance = (share.unsqueeze(2) * z**2).sum(1).mean(1).clamp_min(1)
    return _LEAST_VARIANCE * variance.view(-1, 1, 1, 1) * torch.eye(z.shape[2], dtype=z.dtype)


def _of_shares(share: Tensor, moments: Tensor, floor: Tensor, one_hot: Tensor) -> Mixture:
    """The mixture whose components have such shares of the rows, (n_members, n, n_components).

    Each covariance is a mean of the component's own, by its rows, and of all components', by one row more
    than there are columns: a prior of no scale of its own. Each weight counts one row more than there are,
    and the classes of each component half a row of all classes.
    """
    n_members, d = len(share), floor.shape[-1]
    sums = share.mT @ moments
    rows = sums[..., 0]
    mean = sums[..., 1 : d + 1] / rows.clamp_min(1e-9).unsqueeze(2)
    first, second = _pairs_of_columns(d)
    scatter = moments.new_empty(*rows.shape, d, d)
    scatter[..., first, second] = scatter[..., second, first] = sums[..., d + 1 :]
    scatter = scatter - rows.view(n_members, -1, 1, 1) * mean.unsqueeze(3) * mean.unsqueeze(2)
    pooled = scatter.sum(1, keepdim=True) / rows.sum(1).view(-1, 1, 1, 1)
    covariance = (scatter + (d + 1) * pooled) / (rows + d + 1).view(n_members, -1, 1, 1) + floor
    log_weight = ((rows + 1) / (rows + 1).sum(1, keepdim=True)).log()
    counts = share.mT @ one_hot
    of_all = counts.sum(1, keepdim=True) + 1  # a class that no row has is possible
    prior = _CLASS_ROWS * of_all / of_all.sum(2, keepdim=True)
    log_class = ((counts + prior) / (rows + _CLASS_ROWS).unsqueeze(2)).log()
    return Mixture(log_weight, mean, covariance, log_class)


def _maximise(moments: Tensor, weight: Tensor, floor: Tensor, one_hot: Tensor, mixture: Mixture) -> Mixture:
    """A mixture by expectation maximisation from another one.

    Parameters
    ----------
    moments : Tensor of shape (n_members, n, n_moments)
        Of the rows.
    weight : Tensor of shape (n_members, n)
        Their weights, of sum the number of effective rows.
    floor : Tensor of shape (n_members, 1, d, d)
        What is added to covariances.
    one_hot : Tensor of shape (n_members, n, n_classes)
        Their classes.
    mixture : Mixture
        Where to start.

    Returns
    -------
    Mixture
    """
    n_effective = weight.sum(1)
    before = torch.full_like(n_effective, -math.inf)
    for _ in range(_MOST_ITERATIONS):
        share = mixture.component_log_densities(moments) + one_hot @ mixture.log_class.mT
        highest = share.amax(2, keepdim=True)
        total = share.sub_(highest).exp_().sum(2, keepdim=True)
        value = (weight * (total.log() + highest).squeeze(2)).sum(1) / n_effective
        if bool((value - before < _TOLERANCE).all()):
            break
        before = value
        mixture = _of_shares(share.mul_(weight.unsqueeze(2) / total), moments, floor, one_hot)
    return mixture


def fit_mixtures(z: Tensor, weight: Tensor, n_cuts: int, one_hot: Tensor | None = None) -> Iterator[Mixture]:
    """A Gaussian, or one a class, and mixtures of twice as many components each, from the one before.

    Parameters
    ----------
    z : Tensor of shape (n_members, n, d)
        Rows.
    weight : Tensor of shape (n_members, n)
        Their weights.
    n_cuts : int
        How often the number is doubled.
    one_hot : Tensor of shape (n_members, n, n_classes) or None, default=None
        Their classes; None for none.

    Yields
    ------
    Mixture
    """
    share = weight / weight.sum(1, keepdim=True)
    weight = share / (share**2).sum(1, keepdim=True)
    one_hot = torch.ones_like(z[..., :1]) if one_hot is None else one_hot
    moments, floor = _moments(z), _floor(z, weight)
    mixture = _of_shares(weight.unsqueeze(2) * one_hot, moments, floor, one_hot)
    yield mixture
    for _ in range(n_cuts):
        mixture = _maximise(moments, weight, floor, one_hot, mixture.cut())
        yield mixture
