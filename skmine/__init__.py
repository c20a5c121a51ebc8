"""Mutual information estimation and feature selection, with the scikit-learn API."""

from importlib import import_module

from skmine._bottleneck import InformationBottleneckClassifier
from skmine._estimator import MutualInfoEstimator
from skmine._generative import MINEGAN
from skmine._scores import (
    conditional_mutual_info,
    dependence_table,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_regression,
    mutual_info_test,
)
from skmine._selector import MINEFeatureSelector
from skmine._stability import SelectionStability, selection_stability
from skmine._task import SelectionRanking, SelectionTask
from skmine._version import __version__, show_versions, warn_of_namesake

warn_of_namesake()
del warn_of_namesake

__all__ = [
    "MINEGAN",
    "InformationBottleneckClassifier",
    "MINEFeatureSelector",
    "MutualInfoEstimator",
    "SelectionRanking",
    "SelectionStability",
    "SelectionTask",
    "__version__",
    "conditional_mutual_info",
    "dependence_table",
    "mutual_info_classif",
    "mutual_info_matrix",
    "mutual_info_regression",
    "mutual_info_test",
    "selection_stability",
    "show_versions",
]

#: Submodules that are imported on first use, to keep ``import skmine`` fast.
_MODULES = ("distributions", "nn", "plotting")


def __getattr__(name):
    if name in _MODULES:
        return import_module(f"skmine.{name}")
    raise AttributeError(f"module 'skmine' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_MODULES})
