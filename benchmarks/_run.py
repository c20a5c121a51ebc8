"""Shared code of the benchmarks: a timed fit, the description of the machine, tables and files."""

import csv
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn
import torch
from joblib import Parallel, delayed

import skmine

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """Versions and processor, to record with the results."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    return (
        f"skmine {skmine.__version__}, torch {torch.__version__}, scikit-learn {sklearn.__version__}, "
        f"NumPy {np.__version__}, Python {platform.python_version()}, "
        f"{names[0] if names else platform.machine()}, one thread a fit"
    )


def timed_fit(X, y, **parameters) -> dict:
    """Fit a MutualInfoEstimator on one thread. Return its values in nats and its CPU seconds."""
    return fit_recorded(X, y, **parameters)[0]


def fit_recorded(X, y, **parameters) -> tuple[dict, list[str]]:
    """As `timed_fit`, with the messages of all warnings except those that training reached `max_iter`."""
    torch.set_num_threads(1)
    started = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator = skmine.MutualInfoEstimator(**parameters).fit(X, y)
    seconds = time.process_time() - started
    messages = [str(warning.message) for warning in caught]
    low, high = estimator.mi_interval_
    values = {
        "mi": estimator.mi_,
        "lower": estimator.mi_lower_,
        "std": estimator.mi_std_,
        "low": low,
        "high": high,
        "iterations": estimator.n_iter_,
        "seconds": seconds,
    }
    return values, [message for message in messages if not message.startswith("Training had not ended")]


def run_all(function, jobs: list[tuple], n_jobs: int) -> list[dict]:
    """Rows returned by ``function(*job)`` for all jobs. Each is printed when it is available."""
    print(machine(), flush=True)
    rows = []
    for row in Parallel(n_jobs, return_as="generator")(delayed(function)(*job) for job in jobs):
        print("  ".join(f"{k} {_text(v)}" for k, v in row.items()), flush=True)
        rows.append(row)
    return rows


def _text(value) -> str:
    if isinstance(value, np.ndarray):
        return f"of shape {value.shape}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def save_figure(figure, name: str) -> Path:
    """Save a figure as PNG under ``benchmarks/results``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.png"
    figure.savefig(path, dpi=120, bbox_inches="tight")
    return path


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


def read_rows(name: str) -> list[dict]:
    """Rows of a table under ``benchmarks/results``, all values as text. Empty if there is no such table."""
    path = RESULTS / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def merge_rows(name: str, rows: list[dict], keys: tuple[str, ...]) -> list[dict]:
    """Rows of the existing table, in which `rows` replace those with the same keys. Values are text."""
    rows = [{k: f"{v:.4f}" if isinstance(v, float) else str(v) for k, v in row.items()} for row in rows]
    merged = {tuple(row[key] for key in keys): row for row in [*read_rows(name), *rows]}
    return list(merged.values())
