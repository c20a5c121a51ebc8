"""The private parts of scikit-learn that skmine uses. No other module imports any.

They have no public replacement, and they make messages and routing the same as in scikit-learn. The tests run
with the oldest and the newest supported version.
"""

# Runs validation of parameters before fit, and skips it where a meta-estimator has done so.
from sklearn.base import _fit_context

# Rows of any container by number, as train_test_split takes them; sklearn.utils.resample is no substitute.
from sklearn.utils import _safe_indexing

# Constraints of parameters with scikit-learn's messages, and the decorator of functions that checks them.
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

# Which container transform returns, as set_output has it.
from sklearn.utils._set_output import _get_output_config

# Weights of any container, scalars too, with scikit-learn's messages, which its estimator checks match.
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

fit_context = _fit_context
safe_indexing = _safe_indexing


def output_container(estimator) -> str:
    """What ``transform`` of an estimator returns: "default", "pandas" or "polars"."""
    return _get_output_config("transform", estimator)["dense"]


__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "output_container",
    "safe_indexing",
    "validate_params",
]
