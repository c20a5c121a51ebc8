"""The version of this package, and a warning of the package that shares its import name."""

import warnings
from importlib import metadata

__version__ = "0.1.0"


def warn_of_namesake() -> None:
    """Warn where scikit-mine is installed: it imports under the same name, and pip mixes the two."""
    try:
        metadata.version("scikit-mine")
    except metadata.PackageNotFoundError:
        return
    warnings.warn(
        "scikit-mine (pattern mining) is installed too, and imports under the same name, skmine. Use two "
        "environments, or run: pip uninstall scikit-mine && pip install --force-reinstall --no-deps skmine",
        stacklevel=3,
    )


def warn_of_other_version(version: str) -> None:
    """Warn where a fitted object comes from another version of skmine than this one.

    Parameters
    ----------
    version : str
        The version that fitted it.
    """
    if version != __version__:
        warnings.warn(
            f"This object was fitted with skmine {version} and is loaded with skmine {__version__}: its "
            "values may be wrong. Fit it again, or install the version that fitted it.",
            stacklevel=4,
        )
