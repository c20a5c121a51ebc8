"""The Student form: the log density ratio of Student's t copula, for columns with joint extreme values.

It extends the Gaussian form by one parameter, the degrees of freedom. The columns of a row share a random
scale. Large values therefore occur together, even if columns are uncorrelated.
"""

import math

import torch
from scipy import stats
from torch import Tensor, nn

from skmine._engine.critics import Reference, ReferencedCritic
from skmine._engine.forms.form import Fit, Form, Start
from skmine._engine.sample import Sample

#: Degrees of freedom, in steps by a factor of sqrt(2). With more degrees of freedom, the copula is nearly
#: Gaussian.
_DEGREES = tuple(2 ** (k / 2) for k in range(8, -1, -1))
#: Maximum number of columns of both blocks, as a share of the training rows, because all correlations are
#: fitted.
_COLUMN_SHARE = 0.02
#: Number of iterations for the correlations.
_STEPS = 20
#: Amount by which correlations are reduced, so that copied columns do no harm.
_RIDGE = 1e-6
#: Largest normal score in the table of t scores, and the number of its entries.
_HIGHEST_SCORE, _KNOTS = 5.0, 1001


class StudentCopula(Form):
    """The t copula of the columns that depend on the other block.

    A setting is a number of degrees of freedom.
    """

    is_flexible = False

    def applies(self, sample: Sample) -> bool:
        """Whether there are few columns, and each has a density."""
        if sample.x.probability is not None or sample.has_atoms:
            return False
        n_columns = sum(len(reading.relevant) for reading in sample.readings[0])
        return n_columns <= _COLUMN_SHARE * sample.folds.train.shape[1]

    def settings(self, sample: Sample, start: Start | None) -> list[list[float]]:
        """Degrees of freedom, from nearly Gaussian to Cauchy's distribution."""
        return [list(_DEGREES)]

    def fit(self, sample: Sample, setting: float) -> Fit:
        """Fit one reference per member."""
        numbers = [reading.relevant for reading in sample.readings[0]]
        blocks = [
            block.core[:, list(part)] for block, part in zip((sample.x, sample.y), numbers, strict=True)
        ]
        scores = student_scores(torch.cat(blocks, 1)[sample.fitted].double(), _table(setting))
        correlation = _correlations(scores, sample.row_weight[sample.fitted].double(), setting)
        reference = StudentReference.of(numbers, correlation, setting)
        return Fit(ReferencedCritic(reference.to(sample.x.values.dtype)))


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


def _correlations(scores: Tensor, weight: Tensor, degrees: float) -> Tensor:
    """Correlations of t scores by maximum likelihood, (n_members, n, d) -> (n_members, d, d).

    References
    ----------
    Kent and Tyler (1991), Annals of Statistics 19, for the iteration.
    """
    d = scores.shape[2]
    correlation = eye = torch.eye(d, dtype=scores.dtype).expand(len(scores), -1, -1)
    for _ in range(_STEPS):
        white = torch.linalg.solve_triangular(torch.linalg.cholesky(correlation), scores.mT, upper=False)
        part = weight / (degrees + white.square().sum(1))
        scatter = scores.mT @ (part.unsqueeze(2) * scores)
        scale = scatter.diagonal(0, 1, 2).rsqrt()  # a copula does not depend on scales
        correlation = torch.lerp(scale.unsqueeze(2) * scatter * scale.unsqueeze(1), eye, _RIDGE)
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
        """Columns that it returns."""
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
