"""P-value of the smaller of two p-values from the same rows."""

import math

import numpy as np
from scipy.special import ndtri, owens_t


def pvalue_of_smaller(pvalue: float, correlation: float) -> float:
    """P-value of the smaller of two p-values whose normal scores have this correlation."""
    slope = math.sqrt(max(1 - correlation, 0.0) / (1 + correlation))
    both_above = pvalue - 2 * float(owens_t(ndtri(pvalue), slope))  # Owen (1956), tables
    return min(2 * pvalue - both_above, 1.0)


def correlation_of(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of two statistics over random signs of the groups."""

    def covariance(one: np.ndarray, other: np.ndarray) -> float:
        own = (one**2).sum(axis=1) @ (other**2).sum(axis=1)
        return float(((one.T @ other) ** 2).sum() - own)

    size = covariance(first, first) * covariance(second, second)
    return float(np.clip(covariance(first, second) / math.sqrt(size), 0.0, 1.0)) if size > 0 else 0.0
