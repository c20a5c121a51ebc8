"""The mixture form: log density ratios of Gaussian mixtures, for dependence that is not Gaussian.

A few Gaussians with different covariances can follow curves, clusters, forks, heavy tails and noise whose
size depends on x. They need fewer rows than a network. All densities in the ratio are mixtures with the same
weights, so one fit of the joint density determines them all. Held-out rows choose the number of components.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from skmine._engine.canonical import Projection
from skmine._engine.critics import OneHot, Reference, ReferencedCritic, normalised, of_members
from skmine._engine.em import Mixture, fit_mixtures, log_determinant, whitening_factor
from skmine._engine.forms.form import Fit, Form, Start
from skmine._engine.limits import MOST_MIXED
from skmine._engine.sample import Reading, Sample

#: Maximum number of components, to limit time.
_MOST_COMPONENTS = 32
#: Minimum number of rows per component and column, on average.
_ROWS_A_COLUMN = 2


class MixtureSetting(NamedTuple):
    """Source of the columns, and how often the number of components is doubled."""

    source: Any
    n_cuts: int


class MixtureForm(Form):
    """Gaussian mixtures of columns of both blocks, or of columns of x with classes if y is discrete."""

    def __init__(self):
        self._known: tuple = (None, None, [], None)

    def settings(self, sample: Sample, start: Start | None) -> Iterator[list[MixtureSetting]]:
        """For each source of columns, a path along which the number of components doubles."""
        n_first = 1 if sample.classes is None else len(sample.classes)
        for source, width in self.sources(sample, start):
            if not width:
                continue  # there is no column that varies
            most = min(sample.fitted.shape[1] / (_ROWS_A_COLUMN * width), _MOST_COMPONENTS)
            n_cuts = int(math.log2(max(most / n_first, 1)))
            yield [MixtureSetting(source, k) for k in range(n_cuts + 1)]

    def fit(self, sample: Sample, setting: MixtureSetting) -> Fit:
        """Fit one mixture per member."""
        sides, mixture = self.mixture(sample, setting)
        return Fit(self.critic(sample, sides, mixture))

    def mixture(self, sample: Sample, setting: MixtureSetting) -> tuple[list[nn.Module], Mixture]:
        """Maps to the columns, and their mixtures. Those of the last sample and source are kept."""
        known_sample, known_source, sides, chain = self._known
        if known_sample is not sample or known_source is not setting.source:
            sides, columns = self.read(sample, setting.source)
            classes = None if sample.classes is None else sample.y.values[sample.fitted]
            chain = _Chain(columns, sample.row_weight[sample.fitted], classes)
            self._known = sample, setting.source, sides, chain
        return sides, chain.after(setting.n_cuts)

    def critic(self, sample: Sample, sides: list[nn.Module], mixture: Mixture) -> nn.Module:
        """Log density ratios of mixtures of the columns that the maps return."""
        make: Any = MixtureReference if sample.classes is None else ClassMixtureReference
        reference: Reference = make(*sides, mixture)
        critic = ReferencedCritic(reference.to(sample.x.values.dtype))
        return normalised(critic, sample.classes, sample.n_members)

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple[Any, int]]:
        """Sources of columns, and the number of columns of each.

        Parameters
        ----------
        sample : Sample
            The rows.
        start : Start or None
            Closed forms to start from.

        Yields
        ------
        tuple of object and int
        """
        raise NotImplementedError

    def read(self, sample: Sample, source: Any) -> tuple[list[nn.Module], Tensor]:
        """Maps to the columns, and the values of these columns in the rows that mixtures are fitted to.

        Parameters
        ----------
        sample : Sample
            The rows.
        source : object
            One of the sources.

        Returns
        -------
        sides : list of nn.Module
            Maps of x and of y, or of x alone if y is discrete.
        columns : Tensor of shape (n_members, n_fitted, n_columns)
        """
        raise NotImplementedError


class GaussianMixture(MixtureForm):
    """Mixtures of columns that depend on the other block, or of canonical coordinates if these are many."""

    def applies(self, sample: Sample) -> bool:
        """Whether x is not discrete, and y has at most 32 classes."""
        n_first = 1 if sample.classes is None else len(sample.classes)
        return sample.x.probability is None and n_first <= _MOST_COMPONENTS

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple[tuple, int]]:
        """Maps for each reading of the columns."""
        if start is None:
            return
        start_from = start.best.confirmed()
        sides = [start_from.project_x, start_from.project_y][: 2 if sample.classes is None else 1]
        for number, pair in enumerate(sample.readings):
            if number and all(len(reading.relevant) > MOST_MIXED for reading in pair[: len(sides)]):
                continue  # the coordinates are the same
            read = tuple(_projection(*side) for side in zip(pair, sides, strict=False))
            yield read, sum(side.width for side in read)

    def read(self, sample: Sample, source: tuple) -> tuple[list[nn.Module], Tensor]:
        """The columns themselves."""
        sides = [of_members(side, sample.members) for side in source]
        *blocks, _ = sample.read(sample.fitted)
        return sides, torch.cat([side(block) for side, block in zip(sides, blocks, strict=False)], 2)


class _Chain:
    """Mixtures of all members with 1, 2, 4, ... components, each computed when it is needed."""

    def __init__(self, columns: Tensor, weight: Tensor, classes: Tensor | None):
        one_hot = None if classes is None else classes.double()
        # Double precision, because log densities are subtracted.
        self.source = fit_mixtures(columns.double(), weight.double(), one_hot)
        self.found: list[Mixture] = []

    def after(self, n_cuts: int) -> Mixture:
        while len(self.found) <= n_cuts:
            self.found.append(next(self.source))
        return self.found[n_cuts]


def _projection(reading: Reading, coordinates) -> Any:
    """The columns that depend on the other block, or the leading canonical coordinates if they are many."""
    if len(reading.relevant) > MOST_MIXED:
        return coordinates.leading(min(MOST_MIXED, coordinates.width))
    n_members = len(next(coordinates.buffers()))
    return Projection.of_columns(reading.dependent, reading.stop, n_members)


class MixtureReference(Reference):
    """Log density ratio of a Gaussian mixture.

    ``T(u, v) = log sum_k w_k N_k(u, v) - log sum_k w_k N_k(u) - log sum_k w_k N_k(v)``.

    Parameters
    ----------
    project_x, project_y : nn.Module
        Maps to the columns that are read, (n_members, ..., d) -> (n_members, ..., width).
    mixture : Mixture
        Mixture of these columns of both blocks, side by side.

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
        """Log ratio, two tensors (n_members, ..., width) -> (n_members, ...). Leading axes broadcast."""
        off_x, quadratic_x, log_density_x = self._read(u, "x")
        _, quadratic_y, log_density_y = self._read(v, "y")
        slope = off_x @ self.cross
        level = self.constant.unsqueeze(2) - quadratic_x + (slope * self.mean_y.unsqueeze(2)).sum(3)
        slope = slope.transpose(1, 2).reshape(*u.shape[:-1], *slope.shape[1::2])
        cross = torch.einsum("...kd,...d->...k", slope, v)
        joint = _by_row(level, u) - _by_row(quadratic_y, v) - cross
        return joint.logsumexp(-1) - log_density_x - log_density_y

    def _read(self, z: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """Offsets from the means and joint quadratic forms (components second), and log densities."""
        mean, factor, joint_factor, constant = (
            getattr(self, f"{part}_{name}") for part in ("mean", "factor", "joint_factor", "constant")
        )
        off = z.reshape(len(z), 1, -1, z.shape[-1]) - mean.unsqueeze(2)
        marginal = constant.unsqueeze(2) - (off @ factor).square().sum(3) / 2
        joint = (off @ joint_factor).square().sum(3) / 2
        return off, joint, marginal.logsumexp(1).view(z.shape[:-1])


def _by_row(values: Tensor, z: Tensor) -> Tensor:
    """(n_members, n_components, n) -> (n_members, ..., n_components), with the leading axes of z."""
    return values.mT.reshape(*z.shape[:-1], -1)


class ClassMixtureReference(Reference):
    """Log densities of classes up to a constant. Each class is a Gaussian mixture.

    ``T(u, c) = log sum_k w_k p(c | k) N_k(u) - log sum_k w_k p(c | k)``: mixture discriminant analysis with
    components that classes share. With one Gaussian per class, it is regularised quadratic discriminant
    analysis.

    Parameters
    ----------
    project_x : nn.Module
        Map to the columns that are read, (n_members, ..., d) -> (n_members, ..., width).
    mixture : Mixture
        Mixture of these columns, with classes.

    References
    ----------
    Hastie and Tibshirani (1996), Journal of the Royal Statistical Society B 58(1), for mixtures; Friedman
    (1989), Journal of the American Statistical Association 84, for covariances that are shrunk towards a
    common one.
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
