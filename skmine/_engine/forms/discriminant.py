"""The discriminant form: linear discriminants for a discrete y."""

import math
from operator import itemgetter
from typing import cast

import torch
from torch import Tensor

from skmine._engine.canonical import NOISE_SHARES, Projection, canonical_solutions
from skmine._engine.critics import ClassNormalised, OneHot, Reference, ReferencedCritic
from skmine._engine.forms.form import Fit, Form
from skmine._engine.sample import Sample


class Discriminant(Form):
    """Classes with Gaussian columns and a common covariance, for a continuous x and a discrete y.

    The mean held-out log ratio chooses one ridge and one shrinkage for the whole bank. Independence is one of
    the choices.
    """

    is_flexible = False

    def applies(self, sample: Sample) -> bool:
        """Whether y is discrete with at least two classes, and x is not discrete."""
        return sample.classes is not None and len(sample.classes) > 1 and sample.x.probability is None

    def fit(self, sample: Sample, setting: None) -> Fit:
        """Fit one set of discriminants per member."""
        x, one_hot, weight = sample.x.core, sample.y.core, sample.row_weight
        rows, train = sample.choosing, sample.folds.train
        probability = cast(Tensor, sample.classes)
        log_probability = probability.log()
        members = one_hot[train] * weight[train].unsqueeze(-1)
        counts = members.sum(1).clamp_min(1e-6).unsqueeze(-1)

        def candidates():
            for solution in canonical_solutions(x, one_hot, train, weight):
                projection, found = solution.projection_x, solution.correlations
                learnt, choosing = (projection(x[some])[..., : found.shape[1]] for some in (train, rows))
                class_means = members.mT @ learnt / counts
                for share in NOISE_SHARES:
                    r = solution.shrunk(share)
                    means = class_means * (r / found.clamp_min(1e-6)).unsqueeze(1)
                    within = (1 - r**2).unsqueeze(1)
                    slopes = (means / within).mT.contiguous()
                    bias = -0.5 * (means**2 / within).sum(-1).unsqueeze(1)
                    scores = torch.baddbmm(bias, choosing, slopes) + log_probability
                    log_ratio = scores.log_softmax(-1) - log_probability
                    held_out = (log_ratio * one_hot[rows]).sum(-1) * weight[rows]
                    yield float(held_out.sum()), ClassReference(projection, slopes, bias)

        value, best = max(candidates(), key=itemgetter(0))
        if value <= 0:
            best.weight.zero_()
            best.bias.zero_()
        critic = ClassNormalised(ReferencedCritic(best), probability, sample.n_members)
        return Fit(critic, reference=best)


class ClassReference(Reference):
    """Log ratio of classes with Gaussian columns and a common covariance (linear discriminant analysis).

    Parameters
    ----------
    projection_x : Projection
        Map to whitened coordinates, (n_members, ..., d) -> (n_members, ..., d'). Discriminant coordinates
        come first.
    weight : Tensor of shape (n_members, rank, n_classes)
        Class means, divided by the variance within classes.
    bias : Tensor of shape (n_members, 1, n_classes)
        Minus half the squared length of the class means, in that metric.

    References
    ----------
    Fisher (1936); Hastie, Tibshirani and Friedman (2009), section 4.3.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, projection_x: Projection, weight: Tensor, bias: Tensor):
        super().__init__()
        self.project_x, self.project_y = projection_x, OneHot(weight.shape[-1])
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def confirmed(self) -> "ClassReference":
        """The same log ratio, restricted to the coordinates in which the classes differ."""
        return ClassReference(self.project_x.leading(self.weight.shape[1]), self.weight, self.bias)

    def forward(self, u: Tensor, one_hot: Tensor) -> Tensor:
        """Class scores, ``(n_members, ..., d'), (..., n_classes) -> (n_members, ...)``."""
        rank = self.weight.shape[1]
        flat = u[..., :rank].reshape(u.shape[0], math.prod(u.shape[1:-1]), rank)
        flat = torch.baddbmm(self.bias, flat, self.weight)
        return torch.einsum("...c,...c->...", flat.view(*u.shape[:-1], -1), one_hot)
