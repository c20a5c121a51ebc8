"""Scores of features: drop-ins for scikit-learn's, pairwise and conditional forms, and a test.

`drop_in` and `dependence` hold the public functions; `reading` reads the input of both.
"""

from skmine._scores.dependence import (
    MutualInfoTestResult,
    conditional_mutual_info,
    mutual_info_matrix,
    mutual_info_test,
)
from skmine._scores.drop_in import mutual_info_classif, mutual_info_regression
from skmine._scores.reading import read_discrete_features

__all__ = [
    "MutualInfoTestResult",
    "conditional_mutual_info",
    "mutual_info_classif",
    "mutual_info_matrix",
    "mutual_info_regression",
    "mutual_info_test",
    "read_discrete_features",
]
