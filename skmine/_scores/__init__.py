"""Scores of features: replacements for scikit-learn's, pairwise and conditional forms, and a test.

`drop_in`, `dependence`, `table` and `testing` contain the public functions. `reading` reads their input, and
`copies` looks for rows that are copies of others.
`given` contains the regressions for tests given other columns, and `combined` combines p-values. `power`
computes the weakest dependence that a test would detect.
"""

from skmine._scores.copies import copies_between
from skmine._scores.dependence import (
    conditional_mutual_info,
    mutual_info_matrix,
)
from skmine._scores.drop_in import mutual_info_classif, mutual_info_regression
from skmine._scores.reading import (
    RowWeights,
    are_few_integers,
    check_in_memory,
    is_class,
    read_discrete_features,
)
from skmine._scores.table import dependence_table
from skmine._scores.testing import MutualInfoTestResult, mutual_info_test

__all__ = [
    "MutualInfoTestResult",
    "RowWeights",
    "are_few_integers",
    "check_in_memory",
    "conditional_mutual_info",
    "copies_between",
    "dependence_table",
    "is_class",
    "mutual_info_classif",
    "mutual_info_matrix",
    "mutual_info_regression",
    "mutual_info_test",
    "read_discrete_features",
]
