"""Mutual information of two wide Gaussian blocks without a critic, for rows that cannot judge one."""

import math
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

#: Standard errors on either side of an estimate, for intervals that contain the truth with 95 %.
NORMAL_QUANTILE = NormalDist().inv_cdf(0.975)
#: Thresholds in nats of the chance contribution to the sample value, d_x d_y / 2n. Above the first, the
#: unbiased value is preferred. Above the second, the interval is open if the rows are not Gaussian.
LEAST_CHANCE, OPENING_CHANCE = 0.05, 0.5
#: Minimum number of rows per column.
_ROWS_A_COLUMN = 1.5
#: Number of draws in the simulation of the cost of normal scores.
_DRAWS = 2
#: Maximum standard score of a test of normality. A Gaussian exceeds it once in 30,000 times.
_MOST_DEVIATIONS = 4.0
#: Maximum number of rows whose products are compared: 64 MB for each matrix.
_COMPARED_ROWS = 4096


class UnbiasedValue(NamedTuple):
    """The value computed from determinants of sample covariances.

    Attributes
    ----------
    estimate : float
        Nats.
    standard_error : float
        Nats.
    is_gaussian : bool
        Whether the rows are consistent with a Gaussian distribution.
    """

    estimate: float
    standard_error: float
    is_gaussian: bool

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval in nats."""
        reach = NORMAL_QUANTILE * self.standard_error
        return self.estimate - reach, self.estimate + reach


def unbiased_information(x: Tensor, y: Tensor) -> UnbiasedValue | None:
    """Mutual information of Gaussian blocks from their normal scores, corrected for two biases.

    The log determinant of a sample covariance with m degrees of freedom is too low by the sum of ``log(m / 2)
    - psi((m - i + 1) / 2)`` over its columns i. Its variance is the sum of two terms: the variance of Wilks'
    lambda under independence, and the variance of a mean log ratio. The bias of normal scores, compared with
    the original columns, is found by simulation.

    Parameters
    ----------
    x, y : Tensor of shape (n, d_x), (n, d_y)
        Normal scores of the columns.

    Returns
    -------
    UnbiasedValue or None
        None if there are too few rows, or if columns determine each other so closely that the errors of their
        normal scores matter.

    References
    ----------
    Misra, Singh and Demchuk (2005), Journal of Multivariate Analysis 92, for the entropy; Ince et al. (2017),
    Human Brain Mapping 38, for its use with normal scores; Mardia (1970), Biometrika 57, for the kurtosis;
    Gretton et al. (2005), Algorithmic Learning Theory, for the test of the residuals.
    """
    n, d_x, d_y = len(x), x.shape[1], y.shape[1]
    d = d_x + d_y
    if n < _ROWS_A_COLUMN * d or not min(d_x, d_y):
        return None
    z = torch.cat([x, y], 1).double()
    z = z - z.mean(0)
    scale = z.square().mean(0).sqrt()
    if float(scale.min()) <= 0:
        return None
    z = z / scale
    correlation = z.T @ z / n
    # The score of rank k of n has the variance (n - k) k / (n^3 phi^2): in the mean about log(n) / n.
    if float(torch.linalg.eigvalsh(correlation)[0]) < math.log(n) / n:
        return None
    half = (n - 1 - torch.arange(d, dtype=torch.float64)) / 2
    bias = torch.digamma(half) - math.log((n - 1) / 2)
    chance = float(bias[:d_x].sum() + bias[:d_y].sum() - bias.sum()) / 2
    sampled = _information(correlation, d_x)
    # Correlations are reduced by the contribution of chance. Information is about proportional to their
    # squares.
    known = correlation.clone()
    known[:d_x, d_x:] *= math.sqrt(max(1 - chance / max(sampled, chance), 0.0))
    known[d_x:, :d_x] = known[:d_x, d_x:].T
    is_gaussian = _has_normal_kurtosis(z, correlation) and _has_independent_residuals(z, d_x)
    estimate = sampled - chance
    if is_gaussian:  # for other rows the value is not reported
        estimate -= _cost_of_scores(known, n, d_x)
    wilks = torch.polygamma(1, half[d_x:]) - torch.polygamma(1, half[:d_y])
    # The mean log ratio has the variance sum_k r_k^2, which is at most 1 - exp(-2 I / k) each.
    strength = min(d_x, d_y) * -math.expm1(-2 * max(estimate, 0.0) / min(d_x, d_y))
    error = math.sqrt(max(float(wilks.sum()), 0.0) / 4 + strength / n)
    return UnbiasedValue(estimate, error, is_gaussian)


def _information(correlation: Tensor, d_x: int) -> float:
    """Mutual information of a Gaussian with such correlations, in nats."""
    blocks = correlation[:d_x, :d_x], correlation[d_x:, d_x:]
    x, y, both = (float(torch.linalg.slogdet(block)[1]) for block in (*blocks, correlation))
    return (x + y - both) / 2


def _cost_of_scores(correlation: Tensor, n: int, d_x: int) -> float:
    """Difference in nats between the sample value of the normal scores of n Gaussian rows and of the rows.

    It is negative, because replacing a column by ranks adds errors that act as noise. Found by simulation.
    """
    generator = torch.Generator().manual_seed(0)
    root = torch.linalg.cholesky(correlation)
    scores = torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n).unsqueeze(1)
    costs = []
    for _ in range(_DRAWS):
        rows = torch.randn(n, len(root), generator=generator, dtype=torch.float64) @ root.T
        ranked = torch.empty_like(rows).scatter_(0, rows.argsort(0), scores.expand_as(rows))
        before, after = (_information(torch.corrcoef(z.T), d_x) for z in (rows, ranked))
        costs.append(after - before)
    return sum(costs) / len(costs)


def _has_normal_kurtosis(z: Tensor, correlation: Tensor) -> bool:
    """Whether the fourth moment of the distance of the rows from their mean is that of a Gaussian."""
    n, d = z.shape
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(correlation), z.T, upper=False)
    kurtosis = float(((white**2).sum(0) ** 2).mean())
    expected = d * (d + 2) * (n - 1) / (n + 1)
    variance = 8 * d * (d + 2) * (n - 3) * (n - d - 1) * (n - d + 1) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    return abs(kurtosis - expected) < _MOST_DEVIATIONS * math.sqrt(variance)


def _has_independent_residuals(z: Tensor, d_x: int) -> bool:
    """Whether the residuals of the linear regression of y on x are independent of x, as for Gaussians.

    The statistic is the Hilbert-Schmidt independence criterion with kernels ``(1 + u'v)^2``, which contain
    all products of two columns. It has mean zero because pairs of equal rows are left out. In a sample of n
    rows, the residuals of rows i and j have the covariance ``-q_i'q_j / n``, where q are the whitened columns
    of x. Without a correction, this would be dependence.
    """
    n = len(z)
    x = torch.linalg.qr(z[:, :d_x]).Q * math.sqrt(n)
    residual = z[:, d_x:] - x @ (x.T @ z[:, d_x:]) / n
    spread = (1 - (x.square().sum(1, keepdim=True) + 1) / n).clamp_min(1e-6).sqrt()
    residual = torch.linalg.qr(residual / spread).Q * math.sqrt(n)
    x, residual, spread = (part[:_COMPARED_ROWS].float() for part in (x, residual, spread))
    products = x @ x.T
    covariance = -products / (n * spread * spread.T)
    of_x, of_residual = products, residual @ residual.T - residual.shape[1] * covariance
    both = (_centred_kernel(of_x) * _centred_kernel(of_residual)).fill_diagonal_(0).double()
    return abs(float(both.sum())) < _MOST_DEVIATIONS * float((2 * both.square().sum()).sqrt())


def _centred_kernel(products: Tensor) -> Tensor:
    """Kernel ``(1 + u'v)^2`` of different rows, minus its means over rows, (n, n)."""
    kernel = ((1 + products) ** 2).fill_diagonal_(0)
    mean = kernel.sum(0) / (len(kernel) - 1)
    return kernel - mean - mean.unsqueeze(1) + mean.mean()
