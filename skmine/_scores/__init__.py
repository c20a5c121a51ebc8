"""Scores of features: drop-ins for scikit-learn's, pairwise and conditional forms, and a test.

`drop_in`, `dependence` and `table` hold the public functions; `reading` reads the input of all.
"""

from skmine._scores.dependence import (
    MutualInfoTestResult,
    conditional_mutual_info,
    mutual_info_matrix,
    mutual_info_test,
)
from skmine._scores.drop_in import mutual_info_classif, mutual_info_regression
from skmine._scores.reading import are_few_integers, is_class, read_discrete_features
from skmine._scores.table import dependence_table

__all__ = [
    "MutualInfoTestResult",
    "are_few_integers",
    "conditional_mutual_info",
    "dependence_table",
    "is_class",
    "mutual_info_classif",
    "mutual_info_matrix",
    "mutual_info_regression",
    "mutual_info_test",
    "read_discrete_features",
]
