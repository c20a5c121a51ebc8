"""Warnings that point at the user's line."""

import sys
import warnings

#: Packages whose functions lie between the user's line and the place that warns.
_BETWEEN = {"skmine", "sklearn", "joblib", "functools", "contextlib"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the last line outside this package and the libraries that call it.

    The number of frames in between differs: scikit-learn's checks of parameters, its callbacks, pipelines and
    joblib add some.

    Parameters
    ----------
    message : str
        Text of the warning.
    category : type, default=UserWarning
        Class of the warning.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
