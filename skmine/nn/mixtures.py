"""Mixture reference: the log density ratio of a Gaussian mixture, for dependence that no one Gaussian has.

Curves, clusters, forks, noise whose size depends on x, heavy tails: a few Gaussians, each of its own
covariance, follow them from few rows and without a network. All three densities of the ratio are mixtures
with the same weights, so that one fit of the joint density gives them. Held-out rows choose how many.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .choosing import ReferenceRows
from .reference import GaussianReference, Projection, weighted_mean
from .variates import Reading

_MOST_COMPONENTS = 32
#: Columns of a block that a mixture reads; of more, as many canonical coordinates.
_MOST_COLUMNS = 10
_MOST_ITERATIONS, _TOLERANCE = 60, 1e-4  # of EM; nats a row
_LEAST_VARIANCE = 1e-4  # added to the columns', of the mean variance of all where that is above one
#: A component is cut in two at so many standard deviations from its mean, along its longest axis.
_CUT = 0.7
#: Rows a component must have on average for each column.
_ROWS_A_COLUMN = 2


class Mixture(NamedTuple):
    """Gaussian mixtures, one a bank member.

    Attributes
    ----------
    log_weight : Tensor of shape (n_members, n_components)
    mean : Tensor of shape (n_members, n_components, d)
    covariance : Tensor of shape (n_members, n_components, d, d)
    """

    log_weight: Tensor
    mean: Tensor
    covariance: Tensor

    def component_log_densities(self, moments: Tensor) -> Tensor:
        """Log of weight times density, less a constant, of rows whose :func:`_moments` are given.

        Shape (n_members, n, n_moments) -> (n_members, n, n_components): one product of matrices.
        """
        factor = _whitening_factor(self.covariance)
        slope = factor @ (factor.mT @ self.mean.unsqueeze(3))
        at_mean = (slope.squeeze(3) * self.mean).sum(2)
        constant = self.log_weight + _log_determinant(factor) - at_mean / 2
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
        )


def _whitening_factor(covariance: Tensor) -> Tensor:
    """Upper triangular F with ``F F' = covariance^-1``, of the same shape; found in double precision."""
    root = torch.linalg.cholesky(covariance.double())
    eye = torch.eye(root.shape[-1], dtype=root.dtype).expand_as(root)
    return torch.linalg.solve_triangular(root, eye, upper=False).mT.to(covariance)


def _log_determinant(factor: Tensor) -> Tensor:
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _pairs_of_columns(d: int) -> Tensor:
    """Numbers of two columns, each pair once and each column with itself, shape (2, d (d + 1) / 2)."""
    return torch.triu_indices(d, d)


def _moments(z: Tensor) -> Tensor:
    """One, the columns, and their products, (n_members, n, d) -> (n_members, n, 1 + d + d (d + 1) / 2)."""
    first, second = _pairs_of_columns(z.shape[2])
    return torch.cat([torch.ones_like(z[..., :1]), z, z[..., first] * z[..., second]], 2)


class MixtureReference(nn.Module):
    """Log density ratio of a Gaussian mixture.

    ``T(u, v) = log sum_k w_k N_k(u, v) - log sum_k w_k N_k(u) - log sum_k w_k N_k(v)``.

    Parameters
    ----------
    project_x, project_y : nn.Module
        Maps to the columns that are read, (n_members, ..., d) -> (n_members, ..., width).
    mixture : Mixture
        Of these columns of both blocks side by side.

    References
    ----------
    Dempster, Laird and Rubin (1977) for EM; Piras et al. (2023), Machine Learning: Science and Technology 4,
    for mutual information from Gaussian mixtures.
    """

    cross: Tensor
    constant: Tensor
    mean_x: Tensor
    mean_y: Tensor

    def __init__(self, project_x, project_y, mixture: Mixture):
        super().__init__()
        self.project_x, self.project_y = project_x, project_y
        mixture = Mixture(*(part.double() for part in mixture))
        covariance, d_x = mixture.covariance, project_x.width
        precision = torch.linalg.inv(covariance)
        blocks = {"x": (slice(None, d_x),) * 2, "y": (slice(d_x, None),) * 2}
        buffers = {"cross": precision[..., :d_x, d_x:]}
        for name, (block, _) in blocks.items():
            factor = _whitening_factor(covariance[..., block, block])
            buffers[f"mean_{name}"] = mixture.mean[..., block]
            buffers[f"factor_{name}"] = factor
            buffers[f"constant_{name}"] = mixture.log_weight + _log_determinant(factor)
            buffers[f"joint_factor_{name}"] = torch.linalg.cholesky(precision[..., block, block])
        buffers["constant"] = mixture.log_weight + _log_determinant(_whitening_factor(covariance))
        for name, value in buffers.items():
            self.register_buffer(name, value.contiguous())

    @property
    def width_x(self) -> int:
        """Columns that ``project_x`` returns."""
        return self.project_x.width

    @property
    def width_y(self) -> int:
        """Columns that ``project_y`` returns."""
        return self.project_y.width

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Log ratio, ``(n_members, ..., width)`` twice -> (n_members, ...); leading axes broadcast."""
        off_x, quadratic_x, log_density_x = self._read(u, "x")
        _, quadratic_y, log_density_y = self._read(v, "y")
        slope = off_x @ self.cross
        level = self.constant.unsqueeze(2) - quadratic_x + (slope * self.mean_y.unsqueeze(2)).sum(3)
        slope = slope.transpose(1, 2).reshape(*u.shape[:-1], *slope.shape[1::2])
        cross = torch.einsum("...kd,...d->...k", slope, v)
        joint = _by_row(level, u) - _by_row(quadratic_y, v) - cross
        return joint.logsumexp(-1) - log_density_x - log_density_y

    def _read(self, z: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """Offsets from the means and joint quadratic forms, components second; log densities of the block."""
        mean, factor, joint_factor, constant = (
            getattr(self, f"{part}_{name}") for part in ("mean", "factor", "joint_factor", "constant")
        )
        off = z.reshape(len(z), 1, -1, z.shape[-1]) - mean.unsqueeze(2)
        marginal = constant.unsqueeze(2) - (off @ factor).square().sum(3) / 2
        joint = (off @ joint_factor).square().sum(3) / 2
        return off, joint, marginal.logsumexp(1).view(z.shape[:-1])

    def all_pairs(self, u: Tensor, v: Tensor) -> Tensor:
        """Log ratio of every row of u with every row of v, (n_members, n, width) twice -> (..., n, n)."""
        return self(u.unsqueeze(2), v.unsqueeze(1))


def _by_row(values: Tensor, z: Tensor) -> Tensor:
    """(n_members, n_components, n) -> (n_members, ..., n_components), with the leading axes of z."""
    return values.mT.reshape(*z.shape[:-1], -1)


def _floor(z: Tensor, weight: Tensor) -> Tensor:
    """What is added to covariances, (n_members, 1, d, d)."""
    share = weight / weight.sum(1, keepdim=True)
    variance = (share.unsqueeze(2) * z**2).sum(1).mean(1).clamp_min(1)
    return _LEAST_VARIANCE * variance.view(-1, 1, 1, 1) * torch.eye(z.shape[2], dtype=z.dtype)


def _maximise(z: Tensor, weight: Tensor, mixture: Mixture) -> Mixture:
    """A mixture by expectation maximisation from another one.

    Each covariance is a mean of the component's own, by its rows, and of all components', by one row more
    than there are columns: a prior of no scale of its own. Each weight counts one row more than there are.

    Parameters
    ----------
    z : Tensor of shape (n_members, n, d)
        Rows.
    weight : Tensor of shape (n_members, n)
        Their weights, of sum the number of effective rows.
    mixture : Mixture
        Where to start.

    Returns
    -------
    Mixture
    """
    n_members, _, d = z.shape
    n_effective = weight.sum(1)
    floor, moments = _floor(z, weight), _moments(z)
    before = z.new_full((n_members,), -math.inf)
    first, second = _pairs_of_columns(d)
    for _ in range(_MOST_ITERATIONS):
        share = mixture.component_log_densities(moments)
        highest = share.amax(2, keepdim=True)
        total = share.sub_(highest).exp_().sum(2, keepdim=True)
        value = (weight * (total.log() + highest).squeeze(2)).sum(1) / n_effective
        if bool((value - before < _TOLERANCE).all()):
            break
        before = value
        sums = share.mul_(weight.unsqueeze(2) / total).mT @ moments
        rows = sums[..., 0]
        mean = sums[..., 1 : d + 1] / rows.clamp_min(1e-9).unsqueeze(2)
        scatter = z.new_empty(*rows.shape, d, d)
        scatter[..., first, second] = scatter[..., second, first] = sums[..., d + 1 :]
        scatter = scatter - rows.view(n_members, -1, 1, 1) * mean.unsqueeze(3) * mean.unsqueeze(2)
        pooled = scatter.sum(1, keepdim=True) / n_effective.view(-1, 1, 1, 1)
        covariance = (scatter + (d + 1) * pooled) / (rows + d + 1).view(n_members, -1, 1, 1) + floor
        log_weight = ((rows + 1) / (rows + 1).sum(1, keepdim=True)).log()
        mixture = Mixture(log_weight, mean, covariance)
    return mixture


def _mixtures(z: Tensor, weight: Tensor, n_cuts: int) -> Iterator[Mixture]:
    """A Gaussian, and mixtures of twice as many components each, from the one before."""
    share = weight / weight.sum(1, keepdim=True)
    weight = share / (share**2).sum(1, keepdim=True)
    mean = (share.unsqueeze(2) * z).sum(1, keepdim=True)
    off = z - mean
    covariance = (share.unsqueeze(2) * off).mT @ off + _floor(z, weight).squeeze(1)
    mixture = Mixture(z.new_zeros(len(z), 1), mean, covariance.unsqueeze(1))
    yield mixture
    for _ in range(n_cuts):
        mixture = _maximise(z, weight, mixture.cut())
        yield mixture


def _projection(reading: Reading, coordinates, n_members: int):
    """The columns that depend on the other block; of many, the leading coordinates."""
    if len(reading.relevant) > _MOST_COLUMNS:
        return coordinates.leading(min(_MOST_COLUMNS, coordinates.width))
    numbers = torch.tensor(reading.relevant, dtype=torch.long) + reading.start
    weight = torch.zeros(n_members, reading.stop, len(numbers))
    weight[:, numbers, torch.arange(len(numbers))] = 1
    return Projection(weight.new_zeros(n_members, reading.stop), weight)


def _of_members(module: nn.Module, members: slice) -> nn.Module:
    module = copy.deepcopy(module)
    for buffer in module.buffers():
        buffer.data = buffer.data[members]
    return module


def _fits(
    rows: ReferenceRows, projections: Sequence, n_cuts: int
) -> Iterator[tuple[float, MixtureReference]]:
    """Values and references of mixtures, the number of components doubled until two were no better."""
    values: list[float] = []
    for reference in _references(rows, projections, n_cuts):
        values.append(weighted_mean(rows.values(reference), rows.held_out_weight))
        yield values[-1], reference
        if len(values) > values.index(max(values)) + 2:
            break


def _references(rows: ReferenceRows, projections: Sequence, n_cuts: int) -> Iterator[MixtureReference]:
    """References of mixtures, the number of components doubled."""
    n_members, dtype = len(rows.fitted), rows.x.dtype
    side_x, side_y = (_of_members(side, slice(n_members)).to(dtype) for side in projections)
    chains = []
    for k, fitted in enumerate(rows.fitted.split(1)):  # one by one: each ends when it has converged
        (x, y), weight = rows.read(fitted)
        own_x, own_y = (_of_members(side, slice(k, k + 1)) for side in (side_x, side_y))
        z = torch.cat([own_x(x), own_y(y)], 2)
        chains.append(_mixtures(z.double(), weight.double(), n_cuts))  # products of offsets cancel
    for members in zip(*chains, strict=True):
        mixture = Mixture(*(torch.cat(parts) for parts in zip(*members, strict=True)))
        yield MixtureReference(side_x, side_y, mixture).to(dtype)


def fit_mixture_reference(
    rows: ReferenceRows,
    coordinates: GaussianReference,
    readings: Sequence[tuple[Reading, Reading]],
    is_promising: Callable[[MixtureReference], bool] | None = None,
) -> MixtureReference | None:
    """The log ratio of the Gaussian mixture of the highest value on held-out rows.

    Where members hold out 200 rows or more, the first tells which columns are worth reading, how many
    components to fit and whether to go on.

    Parameters
    ----------
    rows : ReferenceRows
        What is read.
    coordinates : GaussianReference
        Its leading coordinates are read of a block of which more than ten columns depend on the other.
    readings : sequence of (Reading, Reading)
        Columns of x and of y that it may read.
    is_promising : callable or None, default=None
        Whether the mixture of the first member is worth fitting for all.

    Returns
    -------
    MixtureReference or None
        None where no mixture has a positive value, or the first member's is not promising.
    """
    trial = rows.first if rows.first_tells else rows
    value, best, chosen = 0.0, None, None
    for pair in readings:
        sides = zip(pair, (coordinates.project_x, coordinates.project_y), strict=True)
        projections = [_projection(*side, len(rows.fitted)) for side in sides]
        most = rows.fitted.shape[1] / (_ROWS_A_COLUMN * sum(side.width for side in projections))
        n_cuts = int(math.log2(min(max(most, 1), _MOST_COMPONENTS)))
        for i, found in enumerate(_fits(trial, projections, n_cuts)):
            if found[0] > value:
                (value, best), chosen = found, (projections, i)
    if best is None or chosen is None or trial is rows:
        return best
    if is_promising is not None and not is_promising(best):
        return None
    *_, reference = _references(rows, *chosen)
    return reference if weighted_mean(rows.values(reference), rows.held_out_weight) > 0 else None
