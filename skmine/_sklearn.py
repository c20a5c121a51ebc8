"""The private parts of scikit-learn that skmine uses. No other module imports private parts.

They have no public replacement. With them, messages and metadata routing are the same as in scikit-learn. The
tests run with the oldest and the newest supported version.
"""

# Validates parameters before fit, and skips this if a meta-estimator has already validated them.
from sklearn.base import _fit_context

# Selects rows of any container by index, as train_test_split does; sklearn.utils.resample is no substitute.
from sklearn.utils import _safe_indexing

# Constraints of parameters with scikit-learn's messages, and the decorator of functions that checks them.
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

# The container that transform returns, as configured by set_output.
from sklearn.utils._set_output import _get_output_config

fit_context = _fit_context
safe_indexing = _safe_indexing


def output_container(estimator) -> str:
    """What ``transform`` of an estimator returns: "default", "pandas" or "polars"."""
    return _get_output_config("transform", estimator)["dense"]


__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "fit_context",
    "output_container",
    "safe_indexing",
    "validate_params",
]
