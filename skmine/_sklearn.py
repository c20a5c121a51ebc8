"""The private parts of scikit-learn that skmine uses, and random states for every module.

No other module imports private parts. They have no public replacement. With them, messages and metadata
routing are the same as in scikit-learn. The tests run with the oldest and the newest supported version.
"""

import numpy as np

# Validates parameters before fit, and skips this if a meta-estimator has already validated them.
from sklearn.base import _fit_context

# Selects rows of any container by index, as train_test_split does; sklearn.utils.resample is no substitute.
from sklearn.utils import _safe_indexing, check_random_state

# Constraints of parameters with scikit-learn's messages, and the decorator of functions that checks them.
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

# The container that transform returns, as configured by set_output.
from sklearn.utils._set_output import _get_output_config

fit_context = _fit_context


def safe_indexing(data, rows: np.ndarray):
    """Rows of any container in memory. scikit-learn 1.6 does not select them from Arrow tables."""
    return data.take(rows) if type(data).__module__.startswith("pyarrow") else _safe_indexing(data, rows)


def output_container(estimator) -> str:
    """What ``transform`` of an estimator returns: "default", "pandas" or "polars"."""
    return _get_output_config("transform", estimator)["dense"]


def make_random_state(random_state) -> np.random.RandomState:
    """NumPy's older generator for scikit-learn's ``random_state``. None leaves the global one as it is."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "fit_context",
    "make_random_state",
    "output_container",
    "safe_indexing",
    "validate_params",
]
