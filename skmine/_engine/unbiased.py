"""Mutual information of two wide Gaussian blocks without a critic, where held-out rows cannot judge one."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

#: Nats that chance adds to the sample value, d_x d_y / 2n, from which the unbiased one is preferred; and from
#: which the interval is open where the rows are not Gaussian.
LEAST_CHANCE, OPENING_CHANCE = 0.05, 0.5
#: Rows that there must be for each column.
_ROWS_A_COLUMN = 1.5
#: Least eigenvalue of a correlation matrix, for its determinant to be trusted.
_LEAST_EIGENVALUE = 1e-5
#: Largest standard score of Mardia's kurtosis.
_MOST_DEVIATIONS = 4.0


class UnbiasedValue(NamedTuple):
    """What the determinants of sample covariances tell.

    Attributes
    ----------
    estimate : float
        Nats.
    standard_error : float
        Nats.
    is_gaussian : bool
        Whether nothing speaks against Gaussian rows.
    """

    estimate: float
    standard_error: float
    is_gaussian: bool


def unbiased_information(x: Tensor, y: Tensor) -> UnbiasedValue | None:
    """Mutual information of Gaussian blocks, corrected for the bias of log determinants.

    The log determinant of a sample covariance of m degrees of freedom is too low by the sum of
    ``log(m / 2) - psi((m - i + 1) / 2)`` over its columns i. Its variance is that of Wilks' lambda under
    independence, and that of a mean log ratio beside.

    Parameters
    ----------
    x, y : Tensor of shape (n, d_x), (n, d_y)
        Columns.

    Returns
    -------
    UnbiasedValue or None
        None where there are too few rows, or columns nearly determine one another within a block.

    References
    ----------
    Misra, Singh and Demchuk (2005), Journal of Multivariate Analysis 92, for the entropy; Ince et al. (2017),
    Human Brain Mapping 38, for its use with normal scores; Mardia (1970), Biometrika 57, for the test.
    """
    n, d_x, d_y = len(x), x.shape[1], y.shape[1]
    d = d_x + d_y
    if n < _ROWS_A_COLUMN * d or not min(d_x, d_y):
        return None
    z = torch.cat([x, y], 1).double()
    z = z - z.mean(0)
    covariance = z.T @ z / (n - 1)
    scale = covariance.diagonal().sqrt()
    if float(scale.min()) <= 0:
        return None
    correlation = covariance / scale / scale.unsqueeze(1)
    blocks = correlation[:d_x, :d_x], correlation[d_x:, d_x:]
    if min(float(torch.linalg.eigvalsh(block)[0]) for block in (*blocks, correlation)) < _LEAST_EIGENVALUE:
        return None
    half = (n - 1 - torch.arange(d, dtype=torch.float64)) / 2
    bias = torch.digamma(half) - math.log((n - 1) / 2)
    logdets = [float(torch.linalg.slogdet(block)[1]) for block in (*blocks, correlation)]
    corrected = [value - float(bias[:k].sum()) for value, k in zip(logdets, (d_x, d_y, d), strict=True)]
    estimate = (corrected[0] + corrected[1] - corrected[2]) / 2
    wilks = torch.polygamma(1, half[d_x:]) - torch.polygamma(1, half[:d_y])
    # The mean log ratio has the variance sum_k r_k^2, which is at most 1 - exp(-2 I / k) each.
    strength = min(d_x, d_y) * -math.expm1(-2 * max(estimate, 0.0) / min(d_x, d_y))
    error = math.sqrt(max(float(wilks.sum()), 0.0) / 4 + strength / n)
    return UnbiasedValue(estimate, error, _is_gaussian(z / scale, correlation))


def _is_gaussian(z: Tensor, correlation: Tensor) -> bool:
    """Whether the fourth moment of the distance of the rows from their mean is that of a Gaussian."""
    n, d = z.shape
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(correlation), z.T, upper=False)
    kurtosis = float(((white**2).sum(0) ** 2).mean()) * (n / (n - 1)) ** 2
    expected = d * (d + 2) * (n - 1) / (n + 1)
    variance = 8 * d * (d + 2) * (n - 3) * (n - d - 1) * (n - d + 1) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    return abs(kurtosis - expected) < _MOST_DEVIATIONS * math.sqrt(variance)
