"""Mutual information estimation by neural critics (MINE), with the scikit-learn API."""

from skmine._estimator import MutualInfoEstimator
from skmine._version import __version__, warn_of_namesake

warn_of_namesake()
del warn_of_namesake

__all__ = ["MutualInfoEstimator", "__version__"]
