"""The weakest dependence that a test of independence would detect."""

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import ncx2

from skmine._copula import BlockLaw, weighted_chi2_isf

#: Significance level and power that define the smallest detectable dependence.
LEVEL, _POWER = 0.05, 0.8


def detectable_information(law: BlockLaw, signal: float, level: float = LEVEL) -> float:
    """Dependence along the leading functions, in nats, that is detected with 80 % power.

    A dependence of correlation r adds signal * r^2 to the statistic. Its information is that of a normal
    pair, -log(1 - r^2) / 2.

    Parameters
    ----------
    law : BlockLaw
        Distribution of the statistic under independence.
    signal : float
        See above.
    level : float, default=0.05
        Significance level.

    Returns
    -------
    float
        Infinite if a block is constant, or if no such dependence would be detected.
    """
    if not len(law.weights) or not signal:
        return math.inf
    shift = _detected_shift(law.weights.tobytes(), max(round(law.spread, 2), 0.01), level)
    squared = shift * law.weights.max() / signal
    return -0.5 * math.log1p(-squared) if squared < 1 else math.inf


@lru_cache(maxsize=256)  # pairs of columns without ties share a distribution
def _detected_shift(weight_bytes: bytes, spread: float, level: float) -> float:
    """Squared mean of the normal of the largest weight that is detected with 80 % power."""
    weights = np.frombuffer(weight_bytes)
    threshold = weighted_chi2_isf(level, weights, spread)

    def shortfall(shift: float) -> float:
        return _shifted_sf(threshold, weights, shift) - _POWER

    high = 1.0
    while shortfall(high) < 0:
        high *= 2
    return brentq(shortfall, 0.0, high, rtol=1e-3)


def _shifted_sf(threshold: float, weights: np.ndarray, shift: float) -> float:
    """Probability that a weighted sum of squared normals, one of them non-central, exceeds a threshold.

    Parameters
    ----------
    threshold : float
        The value.
    weights : ndarray of shape (k,)
        Positive.
    shift : float
        Squared mean of the normal of the largest weight.

    References
    ----------
    Liu, Tang and Zhang (2009), A new chi-square approximation to the distribution of non-negative definite
    quadratic forms in non-central normal variables, Computational Statistics and Data Analysis.
    """
    largest = weights.max()
    one, two, three, four = ((weights**k).sum() + k * largest**k * shift for k in (1, 2, 3, 4))
    skewness, kurtosis = three / two**1.5, four / two**2
    if skewness**2 > kurtosis:
        scale = 1 / (skewness - math.sqrt(skewness**2 - kurtosis))
        offset = skewness * scale**3 - scale**2
    else:
        scale, offset = 1 / skewness, 0.0
    freedom = scale**2 - 2 * offset
    standard = (threshold - one) / math.sqrt(2 * two)
    return float(ncx2.sf(standard * math.sqrt(2) * scale + freedom + offset, freedom, offset))
