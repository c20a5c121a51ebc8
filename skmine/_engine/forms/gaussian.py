"""The Gaussian form: canonical correlations of columns that are normal scores of ranks."""

import math
from operator import itemgetter

import torch
from torch import Tensor

from skmine._engine.canonical import NOISE_SHARES, RANKS, CanonicalSolution, canonical_solutions
from skmine._engine.critics import Reference, ReferencedCritic
from skmine._engine.forms.form import GAP_PENALTY, Fit, Form
from skmine._engine.sample import Sample


class Gaussian(Form):
    """The Gaussian log ratio of the core columns of two continuous blocks.

    The mean held-out log ratio chooses one ridge and one shrinkage for the whole bank. Independence (all
    correlations 0) is one of the choices.
    """

    is_flexible = False

    def applies(self, sample: Sample) -> bool:
        """Whether neither block is discrete."""
        return sample.classes is None

    def fit(self, sample: Sample, setting: None) -> Fit:
        """Fit one Gaussian reference per member."""
        x, y, weight = sample.x.core, sample.y.core, sample.row_weight
        rows = sample.choosing
        share = weight[rows] / weight[rows].sum()
        choosing_x, choosing_y = x[rows], y[rows]

        def candidates():
            for solution in canonical_solutions(x, y, sample.folds.train, weight, ranks=RANKS):
                u, v = solution.projection_x(choosing_x), solution.projection_y(choosing_y)
                for noise_share in NOISE_SHARES:
                    reference = GaussianReference.of(solution, noise_share)
                    held_out = float((share * reference(u, v)).sum())
                    gap = float(reference.mean_of(solution).mean()) - held_out
                    value = held_out - GAP_PENALTY * max(gap, 0.0)
                    # With correlations close to one, rounding can make the constant NaN.
                    yield value if math.isfinite(value) else -math.inf, reference

        value, best = max(candidates(), key=itemgetter(0))
        if value <= 0:
            best.correlations.zero_()
            best.constant.zero_()
        return Fit(ReferencedCritic(best), reference=best)


class GaussianReference(Reference):
    """Log density ratio of the Gaussian with the canonical correlations of the data.

    ``T(u, v) = sum_k [ -log(1 - r_k^2) / 2 - (r_k^2 (u_k^2 + v_k^2) - 2 r_k u_k v_k) / (2 (1 - r_k^2)) ]``
    in canonical coordinates u of x and v of y. Exact for Gaussians of any dimension. Because of ridge and
    shrinkage, the coordinates are not exactly canonical. The constant then makes ``E_Q[exp(T)]`` equal to
    one.

    Parameters
    ----------
    projection_x, projection_y : Projection or Variates
        Maps to whitened coordinates, (n_members, ..., d) -> (n_members, ..., d'). Canonical coordinates come
        first.
    correlations : Tensor of shape (n_members, rank)
        Canonical correlations r_k, in [0, 1).
    constant : Tensor of shape (n_members,)
        Constant of the log ratio, in nats: ``-sum_k log(1 - r_k^2) / 2`` for canonical coordinates.

    References
    ----------
    Hotelling (1936); Gelfand and Yaglom (1959) for ``I = -sum_k log(1 - r_k^2) / 2``.
    """

    correlations: Tensor
    constant: Tensor

    def __init__(self, projection_x, projection_y, correlations: Tensor, constant: Tensor):
        super().__init__()
        self.project_x = projection_x
        self.project_y = projection_y
        self.register_buffer("correlations", correlations)
        self.register_buffer("constant", constant)

    @classmethod
    def of(cls, solution: CanonicalSolution, noise_share: float) -> "GaussianReference":
        """Reference in the coordinates of a solution, with correlations reduced by a share of the noise."""
        r = solution.shrunk(noise_share)
        constant = _gaussian_constant(r, solution.covariance_x, solution.covariance_y)
        return cls(solution.projection_x, solution.projection_y, r, constant)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Log ratio of whitened coordinates, two tensors (n_members, ..., d') -> (n_members, ...)."""
        bank = (self.correlations.shape[0],) + (1,) * (max(u.dim(), v.dim()) - 2)
        r = self.correlations.view(*bank, -1)
        u, v = u[..., : r.shape[-1]], v[..., : r.shape[-1]]
        quadratic = r**2 / (2 * (1 - r**2))
        u_term = (quadratic * u**2).sum(-1)
        v_term = (quadratic * v**2).sum(-1)
        cross = torch.einsum("...k,...k->...", u * (r / (1 - r**2)), v)
        return cross - u_term - v_term + self.constant.view(bank)

    def mean_of(self, solution: CanonicalSolution) -> Tensor:
        """Mean log ratio of the rows whose second moments are in a solution, (n_members,)."""
        r = self.correlations
        square = sum(part.diagonal(0, 1, 2) for part in (solution.covariance_x, solution.covariance_y))
        product = solution.correlations
        return ((r * product - r**2 * square / 2) / (1 - r**2)).sum(1) + self.constant

    def confirmed(self) -> "GaussianReference":
        """The same log ratio, restricted to coordinates (at least one) that some member correlates."""
        return self.leading(max(1, int((self.correlations > 0).any(0).sum())))

    def leading(self, rank: int) -> "GaussianReference":
        """The same log ratio for the leading pairs of coordinates only, if all others are independent."""
        sides = self.project_x.leading(rank), self.project_y.leading(rank)
        return GaussianReference(*sides, self.correlations[:, :rank], self.constant)


def _gaussian_constant(r: Tensor, covariance_x: Tensor, covariance_y: Tensor) -> Tensor:
    """``-log E_Q[exp(quadratic form of T)]`` for Gaussian coordinates. Finite for covariances up to I."""
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
