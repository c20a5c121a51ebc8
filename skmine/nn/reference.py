"""References: closed-form log density ratios that a critic starts from.

A reference offers ``forward(x, y)`` like a critic, and the coordinates it found, ``project_x`` and
``project_y``, for the network to read. Dependence that the closed form explains needs no training.
"""

import math
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

#: Ridges on the within-block correlations, and shares of the sampling noise taken off the canonical
#: correlations, among which the held-out value chooses.
RIDGES = (1e-4, 0.03, 0.3)
NOISE_SHARES = (0.0, 0.5, 1.0, 1.5, 2.5)
MAX_RANK = 256
MAX_ROWS = 4096


class Projection(nn.Module):
    """Centred linear map of the leading columns of a block, one a bank member.

    Parameters
    ----------
    mean : Tensor of shape (n_members, d)
        Taken off the columns.
    weight : Tensor of shape (n_members, d, width)
        Coordinates as columns.
    """

    mean: Tensor
    weight: Tensor

    def __init__(self, mean: Tensor, weight: Tensor):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("weight", weight)

    @property
    def width(self) -> int:
        """Columns that it returns."""
        return self.weight.shape[-1]

    def leading(self, width: int) -> "Projection":
        """The first so many coordinates alone."""
        return Projection(self.mean, self.weight[..., :width])

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d or more) -> (n_members, ..., width)."""
        x = x[..., : self.mean.shape[-1]]
        flat = x.reshape(x.shape[0], -1, x.shape[-1])
        return torch.bmm(flat - self.mean.unsqueeze(1), self.weight).view(*x.shape[:-1], -1)


class Reference(nn.Module):
    """A closed form of coordinates of x and of y, which it names.

    Attributes
    ----------
    project_x, project_y : nn.Module
        Maps of the columns of a block, (n_members, ..., d) -> (n_members, ..., width), with their `width`.
    """

    project_x: Any
    project_y: Any

    @property
    def width_x(self) -> int:
        """Columns that ``project_x`` returns."""
        return self.project_x.width

    @property
    def width_y(self) -> int:
        """Columns that ``project_y`` returns."""
        return self.project_y.width


class GaussianReference(Reference):
    """Log density ratio of the Gaussian with the canonical correlations of the data.

    ``T(u, v) = sum_k [ -log(1 - r_k^2) / 2 - (r_k^2 (u_k^2 + v_k^2) - 2 r_k u_k v_k) / (2 (1 - r_k^2)) ]``
    in canonical coordinates u of x and v of y. Exact for Gaussians of any dimension. Where ridge and
    shrinkage leave the coordinates not quite canonical, the constant makes ``E_Q[exp(T)]`` one.

    Parameters
    ----------
    projection_x, projection_y : Projection or Variates
        Maps to whitened coordinates, (n_members, ..., d) -> (n_members, ..., d'), the canonical ones
        first.
    correlations : Tensor of shape (n_members, rank)
        Canonical correlations r_k, in [0, 1).
    covariance_x, covariance_y : Tensor of shape (n_members, rank, rank)
        Covariances of the leading coordinates.

    References
    ----------
    Hotelling (1936); Gelfand and Yaglom (1959) for ``I = -sum_k log(1 - r_k^2) / 2``.
    """

    correlations: Tensor
    constant: Tensor

    def __init__(
        self,
        projection_x: Projection,
        projection_y: Projection,
        correlations: Tensor,
        covariance_x: Tensor,
        covariance_y: Tensor,
    ):
        super().__init__()
        self.project_x = projection_x
        self.project_y = projection_y
        self.register_buffer("correlations", correlations)
        self.register_buffer("constant", _gaussian_constant(correlations, covariance_x, covariance_y))

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Log ratio of whitened coordinates, ``(n_members, ..., d')`` twice -> (n_members, ...)."""
        bank = (self.correlations.shape[0],) + (1,) * (max(u.dim(), v.dim()) - 2)
        r = self.correlations.view(*bank, -1)
        u, v = u[..., : r.shape[-1]], v[..., : r.shape[-1]]
        quadratic = r**2 / (2 * (1 - r**2))
        u_term = (quadratic * u**2).sum(-1)
        v_term = (quadratic * v**2).sum(-1)
        cross = torch.einsum("...k,...k->...", u * (r / (1 - r**2)), v)
        return cross - u_term - v_term + self.constant.view(bank)

    def all_pairs(self, u: Tensor, v: Tensor) -> Tensor:
        """Log ratio of every row of u with every row of v, (n_members, n, d') twice -> (n_members, n, n)."""
        r = self.correlations.unsqueeze(1)
        u, v = u[..., : r.shape[-1]], v[..., : r.shape[-1]]
        quadratic = r**2 / (2 * (1 - r**2))
        u_term, v_term = (quadratic * u**2).sum(-1), (quadratic * v**2).sum(-1)
        cross = u * (r / (1 - r**2)) @ v.mT
        return cross - u_term.unsqueeze(2) - v_term.unsqueeze(1) + self.constant.view(-1, 1, 1)

    def leading(self, rank: int) -> "GaussianReference":
        """The same log ratio of the first so many pairs of coordinates, where the others are independent."""
        eye = torch.eye(rank).to(self.correlations).expand(len(self.correlations), -1, -1)
        reference = GaussianReference(
            self.project_x.leading(rank),
            self.project_y.leading(rank),
            self.correlations[:, :rank],
            eye,
            eye,
        )
        reference.constant = self.constant
        return reference

    def mutual_information(self) -> Tensor:
        """``-sum_k log(1 - r_k^2) / 2`` in nats, shape (n_members,)."""
        return -0.5 * torch.log1p(-(self.correlations**2)).sum(-1)


def _gaussian_constant(r: Tensor, covariance_x: Tensor, covariance_y: Tensor) -> Tensor:
    """``-log E_Q[exp(quadratic form of T)]`` for Gaussian coordinates; finite for covariances up to I."""
    square, product = torch.diag_embed(r**2 / (1 - r**2)), torch.diag_embed(r / (1 - r**2))
    system = torch.cat(
        [
            torch.cat([covariance_x @ square, -covariance_x @ product], 2),
            torch.cat([-covariance_y @ product, covariance_y @ square], 2),
        ],
        1,
    )
    eye = torch.eye(system.shape[-1], dtype=r.dtype, device=r.device)
    return torch.logdet(eye + system) / 2


def whitening(z: Tensor) -> tuple[Tensor, Tensor]:
    """Principal axes of centred rows as columns, and their variances.

    Parameters
    ----------
    z : Tensor of shape (n, d)
        Centred.

    Returns
    -------
    Tensor of shape (d, rank), Tensor of shape (rank,)
        Variances ascend; the rank is at most n - 1.
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
    """1 or -1 a column, which a decomposition leaves open: the network would start elsewhere."""
    decreasing = torch.arange(1, len(axes) + 1).to(axes).rsqrt()  # of usual axes it cancels none
    return torch.where(decreasing @ axes < 0, -1.0, 1.0).to(axes)


class _CanonicalCorrelations:
    """Canonical correlations of one member's weighted training rows, at any ridge."""

    def __init__(self, x: Tensor, y: Tensor, weight: Tensor):
        share = (weight / weight.sum()).unsqueeze(1)
        self.n_effective = 1 / float((share**2).sum())
        self.mean_x, self.mean_y = (share * x).sum(0), (share * y).sum(0)
        scale = (share * len(x)).sqrt()  # products of scaled rows are weighted moments
        x, y = scale * (x - self.mean_x), scale * (y - self.mean_y)
        self.axes_x, self.variance_x = whitening(x)
        self.axes_y, self.variance_y = whitening(y)
        self.cross = (x @ self.axes_x).T @ (y @ self.axes_y) / len(x)

    def solve(self, ridge: float) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Whitening weights of x and of y, canonical directions first, covariances, and correlations.

        At most MAX_RANK columns each; the correlations are those of the leading columns.
        """
        scale_x = (self.variance_x + ridge).rsqrt()
        scale_y = (self.variance_y + ridge).rsqrt()
        left, r, right = torch.linalg.svd(scale_x[:, None] * self.cross * scale_y, full_matrices=True)
        sign_x, sign_y = _signs(left), _signs(right.T)
        sign_y[: len(r)] = sign_x[: len(r)]
        left, right = (left * sign_x)[:, :MAX_RANK], (right.T * sign_y)[:, :MAX_RANK]
        r = r[:MAX_RANK]
        return (
            self.axes_x @ (scale_x[:, None] * left),
            self.axes_y @ (scale_y[:, None] * right),
            left.T @ ((self.variance_x * scale_x**2)[:, None] * left),
            right.T @ ((self.variance_y * scale_y**2)[:, None] * right),
            r,
        )

    def noise(self, ridge: float) -> float:
        """Largest squared sample correlation to expect from independent blocks (Wachter 1980)."""
        ratio_x, ratio_y = (
            min(float((v / (v + ridge)).sum()) / self.n_effective, 0.999)
            for v in (self.variance_x, self.variance_y)
        )
        edge = math.sqrt(ratio_x * (1 - ratio_y)) + math.sqrt(ratio_y * (1 - ratio_x))
        return min(edge**2, 0.999)


def weighted_mean(values: Tensor, weight: Tensor) -> float:
    """Mean of values of sets of rows, each counting as much as its rows weigh.

    Parameters
    ----------
    values : Tensor of shape (..., n_members)
        One a set.
    weight : Tensor of shape (..., n_members, n_rows)
        Weights of the rows of each set, leading axes left out where they are the same.

    Returns
    -------
    float
    """
    share = weight.sum(-1).expand_as(values)
    return float((share * values).sum() / share.sum())


def shrink_correlations(r: Tensor, level: Tensor) -> Tensor:
    """Correlations with a noise level taken off their squares.

    Parameters
    ----------
    r : Tensor of shape (n_members, rank)
        Sample correlations.
    level : Tensor of shape (n_members, 1)
        Squared correlations that chance explains.

    Returns
    -------
    Tensor of shape (n_members, rank)
    """
    level = level.clamp_max(0.999)
    return ((r**2 - level).clamp_min(0) / (1 - level)).sqrt().clamp_max(1 - 1e-6)


class CanonicalSolution(NamedTuple):
    """Canonical coordinates of all members, at one ridge and one share of noise."""

    projection_x: Projection
    projection_y: Projection
    covariance_x: Tensor
    covariance_y: Tensor
    sample_correlations: Tensor
    correlations: Tensor
    noise: Tensor


def canonical_solutions(
    x: Tensor,
    y: Tensor,
    train_rows: Tensor,
    weight: Tensor,
    ridges: Sequence[float] = RIDGES,
    noise_shares: Sequence[float] = NOISE_SHARES,
) -> Iterator[CanonicalSolution]:
    """Solutions of all members for every ridge and every share of noise."""
    fits = [_CanonicalCorrelations(x[rows], y[rows], weight[rows]) for rows in train_rows]
    mean_x, mean_y = (torch.stack([getattr(f, m) for f in fits]) for m in ("mean_x", "mean_y"))
    for ridge in ridges:
        solved = [f.solve(ridge) for f in fits]
        width_x, width_y = (min(s[i].shape[1] for s in solved) for i in (0, 1))
        rank = min(width_x, width_y)
        # The members keep as many coordinates as the poorest of them.
        weight_x = torch.stack([s[0][:, :width_x] for s in solved])
        weight_y = torch.stack([s[1][:, :width_y] for s in solved])
        covariance_x, covariance_y = (torch.stack([s[i][:rank, :rank] for s in solved]) for i in (2, 3))
        r = torch.stack([s[4][:rank] for s in solved])
        noise = torch.tensor([f.noise(ridge) for f in fits], dtype=r.dtype, device=r.device)
        for share in noise_shares:
            yield CanonicalSolution(
                Projection(mean_x, weight_x),
                Projection(mean_y, weight_y),
                covariance_x,
                covariance_y,
                r,
                shrink_correlations(r, share * noise[:, None]),
                noise,
            )


def fit_gaussian_reference(
    x: Tensor,
    y: Tensor,
    train_rows: Tensor,
    held_out_rows: Tensor,
    weight: Tensor | None = None,
) -> GaussianReference:
    """Fit a :class:`GaussianReference` a bank member on its training rows.

    Ridge and shrinkage are one choice for the whole bank, by the mean held-out log ratio; independence
    (all correlations 0) competes too.

    Parameters
    ----------
    x, y : Tensor of shape (n, d_x), (n, d_y)
        The columns that the reference reads.
    train_rows, held_out_rows : LongTensor of shape (n_members, n_train), (n_members, n_held_out)
        Row numbers of each member.
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    GaussianReference
    """
    rows = held_out_rows[:, :MAX_ROWS]
    weight = x.new_ones(len(x)) if weight is None else weight
    share = weight[rows] / weight[rows].sum()

    def candidates():
        for solution in canonical_solutions(x, y, train_rows, weight):
            reference = GaussianReference(
                solution.projection_x,
                solution.projection_y,
                solution.correlations,
                solution.covariance_x,
                solution.covariance_y,
            )
            joint = reference(reference.project_x(x[rows]), reference.project_y(y[rows]))
            yield float((share * joint).sum()), reference

    value, best = max(candidates(), key=itemgetter(0))
    if value <= 0:
        best.correlations.zero_()
        best.constant.zero_()
    return best
