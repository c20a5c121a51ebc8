"""Mutual information estimation by neural critics (MINE), with the scikit-learn API."""

from skmine._estimator import MutualInfoEstimator

__version__ = "0.1.0"

__all__ = ["MutualInfoEstimator"]
