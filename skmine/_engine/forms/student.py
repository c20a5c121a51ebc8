"""The Student form: the log density ratio of Student's t copula, for columns with joint extreme values.

It extends the Gaussian form by one parameter, the degrees of freedom. The columns of a row share a random
scale. Large values therefore occur together, even if columns are uncorrelated.
"""

import math

import torch
from scipy import optimize, stats
from torch import Tensor, nn

from skmine._engine.canonical import RIDGES
from skmine._engine.critics import Reference, ReferencedCritic
from skmine._engine.forms.form import Fit, Form
from skmine._engine.sample import Sample

#: Smallest and largest degrees of freedom: 1 is Cauchy's distribution, and with the largest number the copula
#: is nearly Gaussian. The precision of their logarithm is near its standard error with 5,000 rows.
_LEAST_DEGREES, _MOST_DEGREES, _PRECISION = 1.0, 30.0, 0.05
#: Maximum number of columns of both blocks, as a share of the training rows, because all correlations are
#: fitted.
_COLUMN_SHARE = 0.02
#: Maximum number of iterations for the correlations. They end earlier if the change is at most the second
#: number.
_STEPS, _TOLERANCE = 20, 1e-4
#: Largest normal score in the table of t scores, and the number of its entries.
_HIGHEST_SCORE, _KNOTS = 5.0, 1001


class StudentCopula(Form):
    """The t copula of the columns that depend on the other block, fitted by maximum likelihood."""

    is_flexible = False

    def applies(self, sample: Sample) -> bool:
        """Whether there are few columns, and each has a density."""
        if sample.x.probability is not None or sample.has_atoms:
            return False
        n_columns = sum(len(reading.relevant) for reading in sample.readings[0])
        return n_columns <= _COLUMN_SHARE * sample.folds.train.shape[1]

    def fit(self, sample: Sample, setting: None) -> Fit:
        """Fit one reference per member, all with the same degrees of freedom."""
        numbers = [reading.relevant for reading in sample.readings[0]]
        blocks = [
            block.core[:, list(part)] for block, part in zip((sample.x, sample.y), numbers, strict=True)
        ]
        z = torch.cat(blocks, 1)[sample.fitted].double()
        degrees, correlation = most_likely(z, sample.row_weight[sample.fitted].double())
        reference = StudentReference.of(numbers, correlation, degrees)
        return Fit(ReferencedCritic(reference.to(sample.x.values.dtype)))


def most_likely(z: Tensor, weight: Tensor) -> tuple[float, Tensor]:
    """Degrees of freedom and correlations of the t copula of maximum likelihood.

    Parameters
    ----------
    z : Tensor of shape (n_members, n, d)
        Normal scores.
    weight : Tensor of shape (n_members, n)
        Weights of the rows.

    Returns
    -------
    degrees : float
        Degrees of freedom, the same for all members.
    correlation : Tensor of shape (n_members, d, d)
        Correlations of t scores.

    References
    ----------
    Demarta and McNeil (2005), "The t copula and related copulas", International Statistical Review 73(1).
    """
    found = {0.0: torch.eye(z.shape[2], dtype=z.dtype).expand(len(z), -1, -1)}

    def loss(log_degrees: float) -> float:
        degrees, start = math.exp(log_degrees), found[next(reversed(found))]
        scores = student_scores(z, _table(degrees))
        found[log_degrees] = _correlations(scores, weight, degrees, start)
        return -float(_log_likelihood(scores, weight, degrees, found[log_degrees]))

    bounds = math.log(_LEAST_DEGREES), math.log(_MOST_DEGREES)
    best = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": _PRECISION})
    return math.exp(best.x), found[best.x]


def _log_likelihood(scores: Tensor, weight: Tensor, degrees: float, correlation: Tensor) -> Tensor:
    """Mean logarithm of the density of the t copula at t scores."""
    d = scores.shape[2]
    factor = torch.linalg.cholesky(correlation)
    white = torch.linalg.solve_triangular(factor, scores.mT, upper=False)
    joint = math.lgamma((degrees + d) / 2) + (d - 1) * math.lgamma(degrees / 2)
    constant = joint - d * math.lgamma((degrees + 1) / 2)
    log_density = (degrees + 1) / 2 * torch.log1p(scores.square() / degrees).sum(2)
    log_density -= (degrees + d) / 2 * torch.log1p(white.square().sum(1) / degrees)
    log_volume = factor.diagonal(0, 1, 2).log().sum(1).mean()
    return constant - log_volume + (weight * log_density).sum() / weight.sum()


def _table(degrees: float) -> Tensor:
    """Values of Student's distribution at evenly spaced normal scores from 0 on."""
    knots = torch.linspace(0, _HIGHEST_SCORE, _KNOTS, dtype=torch.float64)
    return torch.as_tensor(stats.t.isf(stats.norm.sf(knots.numpy()), degrees))


def student_scores(z: Tensor, table: Tensor) -> Tensor:
    """Values of Student's distribution at the ranks of normal scores.

    Parameters
    ----------
    z : Tensor
        Normal scores.
    table : Tensor of shape (n_knots,)
        Result of :func:`_table`.

    Returns
    -------
    Tensor of the shape of z
    """
    place = (z.abs() * ((_KNOTS - 1) / _HIGHEST_SCORE)).clamp_max(_KNOTS - 1.001)
    low = place.long()
    return torch.lerp(table[low], table[low + 1], place - low) * z.sign()


def _correlations(scores: Tensor, weight: Tensor, degrees: float, start: Tensor) -> Tensor:
    """Correlations of t scores by maximum likelihood, (n_members, n, d) -> (n_members, d, d).

    References
    ----------
    Kent and Tyler (1991), Annals of Statistics 19, for the iteration.
    """
    correlation, eye = start, torch.eye(scores.shape[2], dtype=scores.dtype)
    for _ in range(_STEPS):
        white = torch.linalg.solve_triangular(torch.linalg.cholesky(correlation), scores.mT, upper=False)
        part = weight / (degrees + white.square().sum(1))
        scatter = scores.mT @ (part.unsqueeze(2) * scores)
        scale = scatter.diagonal(0, 1, 2).rsqrt()  # a copula does not depend on scales
        before = correlation
        correlation = torch.lerp(scale.unsqueeze(2) * scatter * scale.unsqueeze(1), eye, RIDGES[0])
        if float((correlation - before).abs().max()) < _TOLERANCE:
            break
    return correlation


class WhitenedScores(nn.Module):
    """Canonical coordinates of t scores of some columns.

    Parameters
    ----------
    numbers : sequence of int
        Indices of the columns that are read, which are normal scores.
    weight : Tensor of shape (n_members, n_columns, n_columns)
        Coordinates as columns.
    table : Tensor of shape (n_members, n_knots)
        t scores at evenly spaced normal scores.
    """

    weight: Tensor
    table: Tensor

    def __init__(self, numbers, weight: Tensor, table: Tensor):
        super().__init__()
        self.numbers = list(numbers)
        self.register_buffer("weight", weight)
        self.register_buffer("table", table)

    @property
    def width(self) -> int:
        """Number of columns returned."""
        return self.weight.shape[2]

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., width)."""
        scores = student_scores(x[..., self.numbers], self.table[0])
        return (scores.flatten(1, -2) @ self.weight).view(scores.shape)


class StudentReference(Reference):
    """Log density ratio of Student's distribution in canonical coordinates u of x and v of y.

    Let k be the degrees of freedom, r the canonical correlations, ``q_x = |u|^2``, ``q_y = |v|^2``, and q the
    quadratic form of both. Then ``T = constant - (k + d_x + d_y) / 2 log(1 + q / k)
    + (k + d_x) / 2 log(1 + q_x / k) + (k + d_y) / 2 log(1 + q_y / k)``.

    Parameters
    ----------
    project_x, project_y : WhitenedScores
        Maps to canonical coordinates.
    correlations : Tensor of shape (n_members, rank)
        Canonical correlations.
    degrees : float
        Degrees of freedom.

    References
    ----------
    Demarta and McNeil (2005), "The t copula and related copulas", International Statistical Review 73(1).
    """

    correlations: Tensor
    constant: Tensor

    def __init__(self, project_x, project_y, correlations: Tensor, degrees: float):
        super().__init__()
        self.project_x, self.project_y, self.degrees = project_x, project_y, degrees
        self.register_buffer("correlations", correlations)
        d_x, d_y = self.width_x, self.width_y
        gamma = [math.lgamma((degrees + d) / 2) for d in (d_x + d_y, 0, d_x, d_y)]
        constant = gamma[0] + gamma[1] - gamma[2] - gamma[3] - torch.log1p(-(correlations**2)).sum(1) / 2
        self.register_buffer("constant", constant)

    @classmethod
    def of(cls, numbers, correlation: Tensor, degrees: float) -> "StudentReference":
        """Reference of columns of x and y, given by their indices, from correlations of their t scores."""
        d_x = len(numbers[0])
        blocks = slice(d_x), slice(d_x, None)
        factor_x, factor_y = (torch.linalg.cholesky(correlation[:, part, part]).mT for part in blocks)
        cross = torch.linalg.solve_triangular(factor_x.mT, correlation[:, :d_x, d_x:], upper=False)
        cross = torch.linalg.solve_triangular(factor_y, cross, upper=True, left=False)
        left, r, right = torch.linalg.svd(cross, full_matrices=True)
        weights = (
            torch.linalg.solve_triangular(factor, rotation, upper=True)
            for factor, rotation in ((factor_x, left), (factor_y, right.mT))
        )
        table = _table(degrees).repeat(len(r), 1)
        side_x, side_y = (
            WhitenedScores(part, weight, table) for part, weight in zip(numbers, weights, strict=True)
        )
        return cls(side_x, side_y, r.clamp_max(1 - 1e-6), degrees)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Log ratio of canonical coordinates, two tensors (n_members, ..., d') -> (n_members, ...)."""
        bank = (len(self.constant),) + (1,) * (max(u.dim(), v.dim()) - 2)
        r, k = self.correlations.view(*bank, -1), self.degrees
        (q_x, d_x), (q_y, d_y) = ((z.square().sum(-1), z.shape[-1]) for z in (u, v))
        u, v = u[..., : r.shape[-1]], v[..., : r.shape[-1]]
        gain = (r**2 / (1 - r**2) * u**2).sum(-1) + (r**2 / (1 - r**2) * v**2).sum(-1)
        q = q_x + q_y + gain - 2 * torch.einsum("...k,...k->...", u * (r / (1 - r**2)), v)
        both, of_x, of_y = (
            (k + d) / 2 * torch.log1p(part / k)
            for part, d in ((q.clamp_min(0), d_x + d_y), (q_x, d_x), (q_y, d_y))
        )
        return self.constant.view(bank) - both + of_x + of_y
