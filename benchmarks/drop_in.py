"""mutual_info_regression compared with scikit-learn's: error, power and speed."""

import argparse
import time
import tracemalloc
import warnings

import numpy as np
import torch
from sklearn.feature_selection import mutual_info_regression as nearest_neighbours

from benchmarks._run import machine, run_all, write_rows
from skmine import mutual_info_regression
from skmine.distributions import beyond_normal_tasks, other_tasks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[300, 1000, 10000], help="rows, for the errors")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--speed-only", action="store_true")


def joints() -> dict:
    """Distributions of two numeric columns without missing values, which scikit-learn does not accept."""
    tasks = beyond_normal_tasks() | other_tasks()
    others = ("label", "class", "missing")
    return {
        k: j for k, j in tasks.items() if (j.d_x, j.d_y) == (1, 1) and not any(other in k for other in others)
    }


def fit_joint(name: str, n: int, seed: int) -> dict:
    torch.set_num_threads(1)
    joint = joints()[name]
    X, y = joint.sample(n, seed)
    started = time.perf_counter()
    value = mutual_info_regression(X, np.ravel(y), random_state=seed)[0]
    seconds = time.perf_counter() - started
    rival = nearest_neighbours(X, np.ravel(y), random_state=seed)[0]
    return {
        "joint": name,
        "n": n,
        "seed": seed,
        "truth": joint.mi,
        "error": value - joint.mi,
        "scikit_learn_error": rival - joint.mi,
        "seconds": seconds,
    }


def power(n: int = 1000, m: int = 200) -> None:
    """Spread without dependence, and how often a correlation of 0.1 is detected at a level of 0.05."""
    rng = np.random.default_rng(0)
    noise, y = rng.normal(size=(n, m)), rng.normal(size=n)
    weak = 0.1 * y[:, None] + 0.99**0.5 * rng.normal(size=(n, m))
    for name, score in (("skmine", mutual_info_regression), ("scikit-learn", nearest_neighbours)):
        null, signal = score(noise, y), score(weak, y)
        found = (signal > np.quantile(null, 0.95)).mean()
        print(f"n={n}, {name}: spread without dependence {null.std():.5f} nats; power at rho=0.1 {found:.2f}")


def speed(sizes=(1000, 10_000, 100_000), m: int = 100) -> list[dict]:
    """Seconds for 100 columns on one thread (20 depend on y), and memory in units of the input."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    rows = []
    for n in sizes:
        y = rng.normal(size=n)
        X = rng.normal(size=(n, m))
        X[:, :10] += y[:, None]
        X[:, 10:20] += np.abs(y[:, None])
        started = time.perf_counter()
        mutual_info_regression(X, y)
        ours = time.perf_counter() - started
        tracemalloc.start()
        mutual_info_regression(X, y)
        memory = tracemalloc.get_traced_memory()[1] / X.nbytes
        tracemalloc.stop()
        few = 100 if n <= 10_000 else 5
        started = time.perf_counter()
        nearest_neighbours(X[:, :few], y)
        theirs = (time.perf_counter() - started) * m / few
        rows.append({"n": n, "seconds": ours, "scikit_learn_seconds": theirs, "memory": memory})
        print(
            f"n={n}: {ours / m * 1e3:.1f} ms a column, scikit-learn {theirs / m * 1e3:.1f} ms "
            f"({theirs / ours:.1f} times); memory {memory:.1f} times the input",
            flush=True,
        )
    return rows


def run(arguments: argparse.Namespace) -> None:
    warnings.simplefilter("ignore")
    print(machine())
    print(write_rows("drop_in_speed", speed()))
    power()
    if arguments.speed_only:
        return
    jobs = [(name, n, seed) for n in arguments.n for name in joints() for seed in arguments.seeds]
    rows = run_all(fit_joint, jobs, arguments.jobs)
    for n in arguments.n:
        shown = [row for row in rows if row["n"] == n]
        ours, theirs = (np.mean([abs(r[k]) for r in shown]) for k in ("error", "scikit_learn_error"))
        print(f"n={n}: mean absolute error {ours:.4f} nats, scikit-learn {theirs:.4f}")
    print(write_rows("drop_in", rows))
