"""Interactions: the synthetic benchmark of Passemiers et al. (Scientific Reports, 2024), best-k."""

import argparse
import time

import numpy as np

from benchmarks._run import run_all, write_rows
from skmine import MINEFeatureSelector

#: Best published means over the numbers of features, for each number of rows.
PUBLISHED = {
    "XOR": {1000: 0.78, 500: 0.67, 250: 0.56},
    "RING": {1000: 1.00, 500: 0.98, 250: 0.85},
    "RING+XOR": {1000: 0.88, 500: 0.62, 250: 0.32},
    "RING+XOR+SUM": {1000: 0.84, 500: 0.61, 250: 0.46},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[1000, 500, 250], help="rows")
    parser.add_argument("-m", type=int, nargs="+", default=[8, 32, 128, 512, 2048], help="features")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--strategy", default="auto")


def draw_problem(name: str, n: int, m: int, seed: int):
    """Uniform X, classes y, and the relevant columns."""
    rng = np.random.default_rng([seed, n, m])
    X = rng.uniform(size=(n, m))

    def ring(width):
        return np.abs(np.hypot(X[:, 0] - 0.5, X[:, 1] - 0.5) - 0.35) <= width

    def quadrant(j, k, threshold):
        return (X[:, j] - 0.5) * (0.5 - X[:, k]) >= threshold

    if name == "XOR":
        y, n_relevant = quadrant(0, 1, 0), 2
    elif name == "RING":
        y, n_relevant = ring(0.1151), 2
    elif name == "RING+XOR":
        y, n_relevant = ring(0.0704) | quadrant(2, 3, 0.0337), 4
    else:
        total = X[:, 4] + X[:, 5] + rng.normal(0, 0.2, n)
        y, n_relevant = ring(0.0479) | quadrant(2, 3, 0.0598) | (total >= 1.4074), 6
    shuffled = rng.permutation(m)
    return X[:, shuffled], y.astype(int), np.flatnonzero(shuffled < n_relevant)


def fit_problem(name: str, n: int, m: int, seed: int, strategy: str) -> dict:
    X, y, relevant = draw_problem(name, n, m, seed)
    selector = MINEFeatureSelector(len(relevant), strategy=strategy, mi_path=False, random_state=seed)
    started = time.perf_counter()
    selector.fit(X, y)
    seconds = time.perf_counter() - started
    chosen = MINEFeatureSelector(strategy=strategy, mi_path=False, random_state=seed).fit(X, y).support_
    precision = np.isin(np.flatnonzero(chosen), relevant).mean() if chosen.any() else 1.0
    return {
        "problem": name,
        "n": n,
        "features": m,
        "seed": seed,
        "best_k": float(selector.support_[relevant].mean()),
        "auto_precision": float(precision),
        "auto_recall": float(chosen[relevant].mean()),
        "seconds": seconds,
    }


def run(arguments: argparse.Namespace) -> None:
    jobs = [
        (name, n, m, seed, arguments.strategy)
        for n in arguments.n
        for name in PUBLISHED
        for m in arguments.m
        for seed in arguments.seeds
    ]
    rows = run_all(fit_problem, jobs, arguments.jobs)
    for n in arguments.n:
        for name, published in PUBLISHED.items():
            shown = [row for row in rows if (row["problem"], row["n"]) == (name, n)]
            largest = [row["best_k"] for row in shown if row["features"] == max(arguments.m)]
            print(
                f"n={n} {name}: best-k {np.mean([r['best_k'] for r in shown]):.3f} (best published "
                f"{published.get(n, np.nan):.2f}), at {max(arguments.m)} features {np.mean(largest):.3f}; "
                f"'auto' precision {np.mean([r['auto_precision'] for r in shown]):.3f}, recall "
                f"{np.mean([r['auto_recall'] for r in shown]):.3f}; longest fit "
                f"{max(r['seconds'] for r in shown):.1f} s"
            )
    print(write_rows("interactions", rows))
