"""How one reference is preferred to another: by its Donsker-Varadhan value on rows that it has not seen."""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .reference import MAX_ROWS

#: Rows that value a log ratio, and those of them whose pairs are the marginal ones.
_HELD_OUT_ROWS, _PAIRED_ROWS = 2048, 512
#: Rows that a member must hold out to tell alone what is worth fitting for the bank.
_TELLING_ROWS = 200
#: Nats by which a reference must be better than a simpler one, and further ones over the rows.
_LEAST_GAIN, _GAIN_TIMES_ROWS = 0.01, 10.0


def first_tells(held_out_rows: Tensor) -> bool:
    """Whether the first of several members holds out rows enough to tell alone what to fit for all.

    Parameters
    ----------
    held_out_rows : LongTensor of shape (n_members, n_held_out)
        Row numbers of each member.

    Returns
    -------
    bool
        Whether there are 200 or more.
    """
    n_members, n_held_out = held_out_rows.shape
    return n_members > 1 and n_held_out >= _TELLING_ROWS


class ReadByPairs(Protocol):
    """A closed form that all pairs can be read from."""

    @property
    def project_x(self) -> torch.nn.Module:
        """Map of columns of x to coordinates."""

    @property
    def project_y(self) -> torch.nn.Module:
        """Map of columns of y to coordinates."""

    def __call__(self, u: Tensor, v: Tensor) -> Tensor:
        """Log ratio of coordinates, (n_members, n, d) twice -> (n_members, n)."""

    def all_pairs(self, u: Tensor, v: Tensor) -> Tensor:
        """Log ratio of every row of u with every row of v, -> (n_members, n, n)."""


class ReferenceRows(NamedTuple):
    """All rows, and the numbers of those that each member is fitted on and valued on.

    Attributes
    ----------
    x, y : Tensor of shape (n, d_x), (n, d_y)
        All columns.
    weight : Tensor of shape (n,)
        Weights of the rows.
    fitted, held_out : LongTensor of shape (n_members, n_fitted), (n_members, n_held_out)
        Row numbers of each member.
    least_gain : float
        Nats by which a reference must be better than a simpler one: 0.01, and ten over the training rows.
        Of functions of which there is one, a third.
    """

    x: Tensor
    y: Tensor
    weight: Tensor
    fitted: Tensor
    held_out: Tensor
    least_gain: float

    @classmethod
    def of_folds(cls, x: Tensor, y: Tensor, train_rows: Tensor, held_out_rows: Tensor, weight: Tensor | None):
        """At most about 8,192 training rows of each member, and 2,048 of those that it holds out."""
        n_train = train_rows.shape[1]
        return cls(
            x,
            y,
            x.new_ones(len(x)) if weight is None else weight,
            train_rows[:, :: max(1, n_train // MAX_ROWS)],
            held_out_rows[:, :_HELD_OUT_ROWS],
            _LEAST_GAIN + _GAIN_TIMES_ROWS / n_train,
        )

    @property
    def first(self) -> "ReferenceRows":
        """Those of the first member alone."""
        return self._replace(fitted=self.fitted[:1], held_out=self.held_out[:1])

    def read(self, rows: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Columns of x and of y, and weights, of rows of each member."""
        return (self.x[rows], self.y[rows]), self.weight[rows]

    @property
    def held_out_weight(self) -> Tensor:
        """Weights of the rows that value, shape (n_members, n_held_out)."""
        return self.weight[self.held_out]

    def values(self, reference: ReadByPairs) -> Tensor:
        """Value of a reference on the rows that each member holds out, shape (n_members,)."""
        (x, y), weight = self.read(self.held_out)
        return held_out_values(reference, reference.project_x(x), reference.project_y(y), weight)


def held_out_values(reference: ReadByPairs, u: Tensor, v: Tensor, weight: Tensor) -> Tensor:
    """Donsker-Varadhan value of coordinates of rows in random order.

    All pairs of the first 512 rows are marginal ones. Two standard errors of their mean of exp(T) are taken
    off: a log ratio may run away where few pairs meet. It is at most the log of their number: where no pair
    comes near the joint ones, they tell no more.

    Parameters
    ----------
    reference : GaussianReference or MixtureReference
        The closed form.
    u, v : Tensor of shape (n_members, n, d')
        Coordinates of rows.
    weight : Tensor of shape (n_members, n)
        Their weights.

    Returns
    -------
    Tensor of shape (n_members,)
        Nats.
    """
    joint = (weight * reference(u, v)).sum(1) / weight.sum(1)
    few = slice(_PAIRED_ROWS)
    share = weight[:, few] / weight[:, few].sum(1, keepdim=True)
    log_ratio = reference.all_pairs(u[:, few], v[:, few])
    log_ratio.diagonal(dim1=1, dim2=2).fill_(-math.inf)  # those are joint
    largest = log_ratio.amax((1, 2))
    ratio = (log_ratio - largest.view(-1, 1, 1)).exp()
    others = (1 - share).clamp_min(1e-6)
    by_row = torch.einsum("bij,bj->bi", ratio, share) / others
    by_column = torch.einsum("bij,bi->bj", ratio, share) / others
    mean = (share * by_row).sum(1)
    errors = [(share * (part - mean.unsqueeze(1))).norm(dim=1) for part in (by_row, by_column)]
    value = joint - largest - mean.log() - 2 * torch.hypot(*errors) / mean
    n = ratio.shape[1]
    return value.clamp_max(math.log(n * (n - 1)))
