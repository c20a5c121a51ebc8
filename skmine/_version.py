"""Versions of skmine and its dependencies, and a warning about scikit-mine, a package of the same name."""

import platform
import sys
from importlib import metadata

import threadpoolctl
import torch

from skmine._warning import warn

__version__ = "0.1.0"

_DEPENDENCIES = (
    "skmine",
    "pip",
    "setuptools",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "joblib",
    "threadpoolctl",
    "matplotlib",
    "tqdm",
    "pandas",
    "polars",
    "dask",
)


def show_versions() -> None:
    """Print versions for a bug report: system, packages, torch and its devices, thread pools.

    Examples
    --------
    >>> from skmine import show_versions
    >>> show_versions()
    <BLANKLINE>
    System:
        python: ...
    """
    sections: list[tuple[str, list[tuple[str, object]]]] = [
        ("System", _system()),
        ("Python dependencies", [(name, _installed_version(name)) for name in _DEPENDENCIES]),
        ("torch", _torch_build()),
    ]
    sections += [
        (f"thread pool {number}", list(pool.items()))
        for number, pool in enumerate(threadpoolctl.threadpool_info())
    ]
    for title, entries in sections:
        sys.stdout.write(f"\n{title}:\n")
        width = max(len(name) for name, _ in entries) + 4
        sys.stdout.writelines(f"{name:>{width}}: {value}\n" for name, value in entries)


def _system() -> list[tuple[str, object]]:
    return [
        ("python", sys.version.replace("\n", " ")),
        ("executable", sys.executable),
        ("machine", platform.platform()),
    ]


def _installed_version(name: str) -> str | None:
    if name == "skmine":
        return __version__
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _torch_build() -> list[tuple[str, object]]:
    devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return [
        ("CUDA build", torch.version.cuda),
        ("CUDA devices", ", ".join(devices) or None),
        ("MPS available", torch.backends.mps.is_available()),
        ("threads", torch.get_num_threads()),
    ]


def warn_of_namesake() -> None:
    """Warn if scikit-mine is installed. It has the same import name, so the two overwrite each other."""
    try:
        metadata.version("scikit-mine")
    except metadata.PackageNotFoundError:
        return
    warn(
        "scikit-mine (pattern mining) is also installed and has the same import name, skmine. Use separate "
        "environments, or run pip uninstall scikit-mine skmine, and then install skmine again."
    )


def warn_of_other_version(version: str) -> None:
    """Warn if an object was fitted with another version of skmine.

    Parameters
    ----------
    version : str
        The version that fitted it.
    """
    if version != __version__:
        warn(
            f"This object was fitted with skmine {version} and is loaded with skmine {__version__}, so its "
            f"results may be wrong. Fit it again, or install skmine {version}."
        )
