"""Mixture references: the log density ratio of a Gaussian mixture, for dependence that no one Gaussian has.

Curves, clusters, forks, noise whose size depends on x, heavy tails: a few Gaussians, each of its own
covariance, follow them from few rows and without a network. All densities of the ratio are mixtures with the
same weights, so that one fit of the joint density gives them. Held-out rows choose how many.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from .choosing import ReferenceRows, first_tells
from .classes import OneHot, closed_form
from .mixtures import Mixture, fit_mixtures, log_determinant, whitening_factor
from .reference import GaussianReference, Projection, Reference, weighted_mean
from .variates import Reading

_MOST_COMPONENTS = 32
#: Columns of a block that a mixture reads; of more, as many canonical coordinates.
_MOST_COLUMNS = 10
#: Share of the least gain that a mixture of classes must be worth, as its number of components is chosen.
_CLASS_GAIN = 1 / 3
#: Rows a component must have on average for each column.
_ROWS_A_COLUMN = 2


class MixtureReference(Reference):
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
        log_weight, mean, covariance = (part.double() for part in mixture[:3])
        d_x = project_x.width
        precision = torch.linalg.inv(covariance)
        blocks = {"x": (slice(None, d_x),) * 2, "y": (slice(d_x, None),) * 2}
        buffers = {"cross": precision[..., :d_x, d_x:]}
        for name, (block, _) in blocks.items():
            factor = whitening_factor(covariance[..., block, block])
            buffers[f"mean_{name}"] = mean[..., block]
            buffers[f"factor_{name}"] = factor
            buffers[f"constant_{name}"] = log_weight + log_determinant(factor)
            buffers[f"joint_factor_{name}"] = torch.linalg.cholesky(precision[..., block, block])
        buffers["constant"] = log_weight + log_determinant(whitening_factor(covariance))
        for name, value in buffers.items():
            self.register_buffer(name, value.contiguous())

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


class ClassMixtureReference(Reference):
    """Log densities of classes, each a Gaussian mixture, less a constant.

    ``T(u, c) = log sum_k w_k p(c | k) N_k(u) - log sum_k w_k p(c | k)``: mixture discriminant analysis with
    components that classes share. One Gaussian a class is regularised quadratic discriminant analysis.

    Parameters
    ----------
    project_x : nn.Module
        Map to the columns that are read, (n_members, ..., d) -> (n_members, ..., width).
    mixture : Mixture
        Of these columns, with classes.

    References
    ----------
    Hastie and Tibshirani (1996), Journal of the Royal Statistical Society B 58(1), for mixtures; Friedman
    (1989), Journal of the American Statistical Association 84, for covariances that lean on a common one.
    """

    mean: Tensor
    factor: Tensor
    constant: Tensor
    class_probability: Tensor
    log_prior: Tensor

    def __init__(self, project_x, mixture: Mixture):
        super().__init__()
        self.project_x, self.project_y = project_x, OneHot(mixture.log_class.shape[-1])
        factor = whitening_factor(mixture.covariance)
        self.register_buffer("mean", mixture.mean)
        self.register_buffer("factor", factor)
        self.register_buffer("constant", mixture.log_weight + log_determinant(factor))
        self.register_buffer("class_probability", mixture.log_class.exp())
        self.register_buffer("log_prior", (mixture.log_weight.unsqueeze(2) + mixture.log_class).logsumexp(1))

    def forward(self, u: Tensor, one_hot: Tensor) -> Tensor:
        """Log density of a class, ``(n_members, ..., width), (..., n_classes) -> (n_members, ...)``."""
        white = (u.reshape(len(u), 1, -1, u.shape[-1]) - self.mean.unsqueeze(2)) @ self.factor
        log_density = self.constant.unsqueeze(2) - white.square().sum(3) / 2
        highest = log_density.amax(1, keepdim=True)
        scores = ((log_density - highest).exp().mT @ self.class_probability).log() + highest.mT
        scores = scores - self.log_prior.unsqueeze(1)
        return torch.einsum("...c,...c->...", scores.view(*u.shape[:-1], -1), one_hot)


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


def _references(rows: ReferenceRows, projections: Sequence, n_cuts: int) -> Iterator[Reference]:
    """References of mixtures, the number of components doubled: of two blocks, or of one and its classes."""
    sides = [_of_members(side, slice(len(rows.fitted))).to(rows.x.dtype) for side in projections]
    chains = []
    for k, fitted in enumerate(rows.fitted.split(1)):  # one by one: each ends when it has converged
        blocks, weight = rows.read(fitted)
        own = [_of_members(side, slice(k, k + 1)) for side in sides]
        z = torch.cat([side(block) for side, block in zip(own, blocks, strict=False)], 2)
        one_hot = blocks[1].double() if len(sides) == 1 else None
        chains.append(fit_mixtures(z.double(), weight.double(), n_cuts, one_hot))  # differences cancel
    make: Callable[..., Reference] = MixtureReference if len(sides) == 2 else ClassMixtureReference
    for members in zip(*chains, strict=True):
        yield make(*sides, Mixture.of_members(members)).to(rows.x.dtype)


def _value(rows: ReferenceRows, reference: Reference) -> float:
    """On held-out rows, in nats: Donsker-Varadhan's of pairs, or the mean log ratio of classes."""
    if isinstance(reference, MixtureReference):
        return weighted_mean(rows.values(reference), rows.held_out_weight)
    (x, one_hot), weight = rows.read(rows.held_out)
    critic = closed_form(reference, rows.weight @ rows.y / rows.weight.sum())
    return float((weight * critic(x, one_hot)).sum() / weight.sum())


def _fits(rows: ReferenceRows, projections: Sequence, n_cuts: int) -> Iterator[tuple[float, Reference]]:
    """Values and references of mixtures, the number of components doubled until two were no better."""
    values: list[float] = []
    for reference in _references(rows, projections, n_cuts):
        values.append(_value(rows, reference))
        yield values[-1], reference
        if len(values) > values.index(max(values)) + 2:
            break


def fit_mixture_reference(
    rows: ReferenceRows,
    coordinates: Reference,
    readings: Sequence[tuple[Reading, Reading]],
    is_promising: Callable[[Reference], bool] | None = None,
) -> Reference | None:
    """The log ratio of the Gaussian mixture of the highest value on held-out rows.

    Where members hold out 200 rows or more, the first tells which columns are worth reading, how many
    components to fit and whether to go on.

    Parameters
    ----------
    rows : ReferenceRows
        What is read.
    coordinates : GaussianReference or ClassReference
        Its leading coordinates are read of a block of which more than ten columns depend on the other. One of
        classes asks for mixtures of classes.
    readings : sequence of (Reading, Reading)
        Columns of x and of y that it may read.
    is_promising : callable or None, default=None
        Whether the mixture of the first member is worth fitting for all.

    Returns
    -------
    MixtureReference, ClassMixtureReference or None
        None where no mixture has a positive value (of classes, a third of the least gain), the first member's
        is not promising, or there are more than 32 classes.
    """
    trial = rows.first if first_tells(rows.held_out) else rows
    of_pairs = isinstance(coordinates, GaussianReference)
    read = [coordinates.project_x, coordinates.project_y] if of_pairs else [coordinates.project_x]
    n_first = 1 if of_pairs else rows.y.shape[1]
    value, best, chosen = 0.0 if of_pairs else _CLASS_GAIN * rows.least_gain, None, None
    for number, pair in enumerate(readings if n_first <= _MOST_COMPONENTS else ()):
        if number and all(len(told.relevant) > _MOST_COLUMNS for told in pair[: len(read)]):
            continue  # the same coordinates again
        projections = [_projection(*side, len(rows.fitted)) for side in zip(pair, read, strict=False)]
        most = rows.fitted.shape[1] / (_ROWS_A_COLUMN * sum(side.width for side in projections))
        n_cuts = int(math.log2(max(min(most, _MOST_COMPONENTS) / n_first, 1)))
        for i, found in enumerate(_fits(trial, projections, n_cuts)):
            if found[0] > value:
                (value, best), chosen = found, (projections, i)
    if best is None or chosen is None or trial is rows:
        return best
    if is_promising is not None and not is_promising(best):
        return None
    *_, reference = _references(rows, *chosen)
    return reference if _value(rows, reference) > 0 else None
