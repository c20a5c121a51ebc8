"""Canonical correlations of two blocks: whitening, shrinkage, and the maps to canonical coordinates."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

#: Default ridge on the correlations within a block: a hundredth of a standard deviation.
WHITENING_RIDGE = 1e-4
#: Candidates for the ridge, among which the held-out value chooses. The smallest one limits the value of a
#: pair to 6.9 nats.
RIDGES = (1e-6, WHITENING_RIDGE, 0.03, 0.3)
#: Candidates for the share of the sampling noise that is subtracted from canonical correlations: none, or all
#: of it (Wachter 1980). With three further shares, the mean error of 99 fits changed by less than 0.001 nats.
NOISE_SHARES = (0.0, 1.0)
#: Numbers of principal components to keep for wide blocks, as an alternative to a larger ridge.
RANKS = (4, 16, 64)
#: Maximum number of canonical coordinates, to limit time and memory.
MAX_RANK = 256


class Projection(nn.Module):
    """Centred linear map of the leading columns of a block, one per bank member.

    Parameters
    ----------
    mean : Tensor of shape (n_members, d)
        Mean that is subtracted from the columns.
    weight : Tensor of shape (n_members, d, width)
        Coordinates as columns.
    """

    mean: Tensor
    weight: Tensor

    def __init__(self, mean: Tensor, weight: Tensor):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("weight", weight)

    @classmethod
    def of_columns(cls, numbers: Sequence[int], width: int, n_members: int) -> "Projection":
        """Select columns by their indices among the first `width` columns of a block."""
        weight = torch.zeros(n_members, width, len(numbers), dtype=torch.float32)
        weight[:, list(numbers), range(len(numbers))] = 1
        return cls(weight.new_zeros(n_members, width), weight)

    @property
    def width(self) -> int:
        """Number of columns returned."""
        return self.weight.shape[-1]

    def leading(self, width: int) -> "Projection":
        """The first `width` coordinates."""
        return Projection(self.mean, self.weight[..., :width])

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d or more) -> (n_members, ..., width)."""
        x = x[..., : self.mean.shape[-1]]
        flat = x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])
        return torch.bmm(flat - self.mean.unsqueeze(1), self.weight).view(*x.shape[:-1], -1)


def whitening(z: Tensor) -> tuple[Tensor, Tensor]:
    """Principal axes of centred rows, as columns, and their variances.

    Parameters
    ----------
    z : Tensor of shape (n, d)
        Centred.

    Returns
    -------
    Tensor of shape (d, rank), Tensor of shape (rank,)
        Variances in ascending order. The rank is at most n - 1.
    """
    n, d = z.shape
    if d <= n:
        variance, axes = torch.linalg.eigh(z.T @ z / n)
    else:
        variance, left = torch.linalg.eigh(z @ z.T / n)
        axes = z.T @ (left / (variance.clamp_min(1e-12) * n).sqrt())
    keep = variance > 1e-6 * max(float(variance[-1]), 1e-12)
    axes = axes[:, keep]
    return axes * _signs(axes), variance[keep]


def _signs(axes: Tensor) -> Tensor:
    """1 or -1 per column. A decomposition leaves signs open, but the start of the network depends on them."""
    decreasing = torch.arange(1, len(axes) + 1).to(axes).rsqrt()  # such weights rarely sum to 0
    return torch.where(decreasing @ axes < 0, -1.0, 1.0).to(axes)


class _CanonicalCorrelations:
    """Canonical correlations of one member's weighted training rows, for any ridge."""

    def __init__(self, x: Tensor, y: Tensor, weight: Tensor):
        share = (weight / weight.sum()).unsqueeze(1)
        self.n_effective = 1 / float((share**2).sum())
        self.mean_x, self.mean_y = (share * x).sum(0), (share * y).sum(0)
        scale = (share * len(x)).sqrt()  # products of scaled rows are weighted moments
        x, y = scale * (x - self.mean_x), scale * (y - self.mean_y)
        self.axes_x, self.variance_x = whitening(x)
        self.axes_y, self.variance_y = whitening(y)
        self.cross = (x @ self.axes_x).T @ (y @ self.axes_y) / len(x)

    def solve(self, ridge: float, rank: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Whitening weights of x and y (canonical directions first), covariances and correlations.

        Each has at most MAX_RANK columns. If the number of principal components is given, only these are
        used. The correlations belong to the leading columns.
        """
        (axes_x, variance_x), (axes_y, variance_y) = self._components(rank)
        scale_x, scale_y = (variance_x + ridge).rsqrt(), (variance_y + ridge).rsqrt()
        cross = self.cross[-len(variance_x) :, -len(variance_y) :]
        left, r, right = torch.linalg.svd(scale_x[:, None] * cross * scale_y, full_matrices=True)
        sign_x, sign_y = _signs(left), _signs(right.T)
        sign_y[: len(r)] = sign_x[: len(r)]
        left, right = (left * sign_x)[:, :MAX_RANK], (right.T * sign_y)[:, :MAX_RANK]
        r = r[:MAX_RANK]
        return (
            axes_x @ (scale_x[:, None] * left),
            axes_y @ (scale_y[:, None] * right),
            left.T @ ((variance_x * scale_x**2)[:, None] * left),
            right.T @ ((variance_y * scale_y**2)[:, None] * right),
            r,
        )

    def _components(self, rank: int) -> list[tuple[Tensor, Tensor]]:
        """Principal axes and variances of x and y.

        If a number is given, only the leading ones, which come last.
        """
        parts = ((self.axes_x, self.variance_x), (self.axes_y, self.variance_y))
        return [(axes[:, -rank:], variance[-rank:]) for axes, variance in parts]

    def noise(self, ridge: float, rank: int) -> float:
        """Largest squared sample correlation to expect from independent blocks (Wachter 1980)."""
        ratio_x, ratio_y = (
            min(float((v / (v + ridge)).sum()) / self.n_effective, 0.999) for _, v in self._components(rank)
        )
        edge = math.sqrt(ratio_x * (1 - ratio_y)) + math.sqrt(ratio_y * (1 - ratio_x))
        return min(edge**2, 0.999)


def weighted_mean(values: Tensor, weight: Tensor) -> float:
    """Mean over sets of rows of one value per set, weighted by the total weight of the rows.

    Parameters
    ----------
    values : Tensor of shape (..., n_members)
        One value per set.
    weight : Tensor of shape (..., n_members, n_rows)
        Weights of the rows of each set. Leading axes can be omitted if the weights do not differ along them.

    Returns
    -------
    float
    """
    share = weight.sum(-1).expand_as(values)
    return float((share * values).sum() / share.sum())


def shrink_correlations(r: Tensor, level: Tensor) -> Tensor:
    """Shrink correlations by subtracting a noise level from their squares.

    Parameters
    ----------
    r : Tensor of shape (n_members, rank)
        Sample correlations.
    level : Tensor of shape (n_members, 1)
        Squared correlation that is expected by chance.

    Returns
    -------
    Tensor of shape (n_members, rank)
    """
    level = level.clamp_max(0.999)
    return ((r**2 - level).clamp_min(0) / (1 - level)).sqrt().clamp_max(1 - 1e-6)


class CanonicalSolution(NamedTuple):
    """Canonical coordinates of all members, for one ridge or number of components.

    Attributes
    ----------
    projection_x, projection_y : Projection
        Maps to the coordinates.
    covariance_x, covariance_y : Tensor of shape (n_members, rank, rank)
        Covariances of the leading coordinates.
    correlations : Tensor of shape (n_members, rank)
        Sample correlations of the leading coordinates.
    noise : Tensor of shape (n_members,)
        Largest squared correlation to expect from independent blocks.
    """

    projection_x: Projection
    projection_y: Projection
    covariance_x: Tensor
    covariance_y: Tensor
    correlations: Tensor
    noise: Tensor

    def shrunk(self, share: float) -> Tensor:
        """Correlations from whose squares a share of the noise is subtracted."""
        return shrink_correlations(self.correlations, share * self.noise.unsqueeze(1))


def canonical_solutions(
    x: Tensor,
    y: Tensor,
    train_rows: Tensor,
    weight: Tensor,
    ridges: Sequence[float] = RIDGES,
    ranks: Sequence[int] = (),
) -> Iterator[CanonicalSolution]:
    """Solutions of all members for every ridge, then for every number of components."""
    fits = [_CanonicalCorrelations(x[rows], y[rows], weight[rows]) for rows in train_rows]
    mean_x, mean_y = (torch.stack([getattr(f, m) for f in fits]) for m in ("mean_x", "mean_y"))
    widest = max(x.shape[1], y.shape[1])
    kept = [(WHITENING_RIDGE, rank) for rank in ranks if rank < widest]
    for ridge, number in [*((ridge, 0) for ridge in ridges), *kept]:
        solved = [f.solve(ridge, number) for f in fits]
        width_x, width_y = (min(s[i].shape[1] for s in solved) for i in (0, 1))
        rank = min(width_x, width_y)
        # All members keep as many coordinates as the member with the fewest.
        weight_x = torch.stack([s[0][:, :width_x] for s in solved])
        weight_y = torch.stack([s[1][:, :width_y] for s in solved])
        covariance_x, covariance_y = (torch.stack([s[i][:rank, :rank] for s in solved]) for i in (2, 3))
        r = torch.stack([s[4][:rank] for s in solved])
        noise = torch.tensor([f.noise(ridge, number) for f in fits], dtype=r.dtype, device=r.device)
        projections = Projection(mean_x, weight_x), Projection(mean_y, weight_y)
        yield CanonicalSolution(*projections, covariance_x, covariance_y, r, noise)
