"""Values of critics on paired rows and on marginal pairs."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

#: When critics are compared, this many standard errors of the mean of exp(T) over the marginal pairs are
#: subtracted, because a log ratio can be far too large in regions with few pairs.
CAUTION = 2.0


class Scores(NamedTuple):
    """Input of the bounds.

    Attributes
    ----------
    joint : Tensor of shape (n_members, n)
        Critic values of paired rows.
    marginal : Tensor of shape (n_members, m, k)
        Critic values of marginal pairs.
    joint_weight, marginal_weight : Tensor or None
        Weights, in shapes that broadcast to these.
    """

    joint: Tensor
    marginal: Tensor
    joint_weight: Tensor | None
    marginal_weight: Tensor | None

    def pooled(self, other: "Scores") -> "Scores":
        """Scores of the mean of two critics on the same pairs."""
        joint = torch.lerp(self.joint, other.joint, 0.5)
        return self._replace(joint=joint, marginal=torch.lerp(self.marginal, other.marginal, 0.5))

    @property
    def first(self) -> "Scores":
        """Scores of the first member."""
        pairs = zip(self[2:], self[:2], strict=True)
        weights = (None if weight is None else weight.expand_as(scores)[:1] for weight, scores in pairs)
        return Scores(self.joint[:1], self.marginal[:1], *weights)

    def error(self) -> Tensor:
        """Relative standard error of the mean of exp(T) over the marginal pairs, shape (n_members,).

        It is computed from the means over the pairs of each row of x, on the assumption that the rows of y
        contribute as much.
        """
        ratio = (self.marginal - self.marginal.amax((1, 2), keepdim=True)).exp()
        if self.marginal_weight is None:
            by_row, weight = ratio.mean(2), torch.ones_like(ratio[..., 0])
        else:
            pair_weight = self.marginal_weight.expand_as(ratio)
            weight = pair_weight.sum(2)
            by_row = (pair_weight * ratio).sum(2) / weight.clamp_min(1e-30)
        share = weight / weight.sum(1, keepdim=True)
        mean = (share * by_row).sum(1, keepdim=True)
        return math.sqrt(2) * (share * (by_row - mean)).norm(dim=1) / mean.squeeze(1)
