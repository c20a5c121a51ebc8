"""What all benchmarks share: one timed fit, the machine's description, tables and files."""

import csv
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.exceptions import ConvergenceWarning

import skmine

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """Versions and processor, to stand beside the figures."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    return (
        f"skmine {skmine.__version__}, torch {torch.__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}, Python {platform.python_version()}, "
        f"{names[0] if names else platform.machine()}, {torch.get_num_threads()} thread"
    )


def timed_fit(X, y, **parameters) -> dict:
    """Fit a MutualInfoEstimator; its values in nats and the seconds it took."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = skmine.MutualInfoEstimator(**parameters).fit(X, y)
    return {
        "mi": estimator.mi_,
        "lower": estimator.mi_lower_,
        "std": estimator.mi_std_,
        "iterations": estimator.n_iter_,
        "seconds": time.perf_counter() - started,
    }


def write_rows(name: str, rows: list[dict]) -> Path:
    """Write rows as CSV under ``benchmarks/results``, with four decimals."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows
        )
    return path
