"""Gaussians of the MINE paper (its figure 1): MINE, MINE-f, nearest neighbours and the truth."""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial import KDTree
from scipy.special import digamma

from benchmarks._run import run_all, save_figure, timed_fit, write_rows

CORRELATIONS = [-0.99, -0.9, -0.7, -0.5, -0.3, -0.1, 0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=5000, help="rows")
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1, 2, 20, 50])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])


def nearest_neighbours(X, Y, k: int = 3) -> float:
    """Estimator of Kraskov, Stoegbauer and Grassberger (2004), eq. 8, in nats."""
    joint = np.hstack([X, Y])
    distance = KDTree(joint).query(joint, k + 1, p=np.inf)[0][:, k]
    radius = np.nextafter(distance, 0)
    counts = [KDTree(Z).query_ball_point(Z, radius, p=np.inf, return_length=True) for Z in (X, Y)]
    return float(digamma(k) + digamma(len(X)) - np.mean(digamma(counts[0]) + digamma(counts[1])))


def fit_gaussian(n: int, dimension: int, correlation: float, seed: int) -> dict:
    rng = np.random.default_rng([seed, dimension, round(100 * correlation) + 100])
    X, noise = rng.normal(size=(2, n, dimension))
    Y = correlation * X + np.sqrt(1 - correlation**2) * noise
    mine, mine_f = (timed_fit(X, Y, bound=b, random_state=seed) for b in ("mine", "mine-f"))
    return {
        "dimension": dimension,
        "correlation": correlation,
        "seed": seed,
        "truth": -0.5 * dimension * float(np.log1p(-(correlation**2))),
        "mine": mine["mi"],
        "mine_f": mine_f["mi"],
        "nearest_neighbours": nearest_neighbours(X, Y),
        "seconds": mine["seconds"],
    }


def run(arguments: argparse.Namespace) -> None:
    jobs = [
        (arguments.n, dimension, correlation, seed)
        for dimension in arguments.dimensions
        for correlation in CORRELATIONS
        for seed in arguments.seeds
    ]
    rows = run_all(fit_gaussian, jobs, arguments.jobs)
    for dimension in arguments.dimensions:
        shown = [row for row in rows if row["dimension"] == dimension]
        largest = {
            key: max(abs(row[key] - row["truth"]) for row in shown)
            for key in ("mine", "mine_f", "nearest_neighbours")
        }
        print(f"dimension {dimension}: largest error", {k: round(v, 3) for k, v in largest.items()})
    print(write_rows("gaussians", rows))
    print(save_figure(draw(rows), "gaussians"))


def draw(rows: list[dict]):
    """Estimates against the correlation, one panel per dimension."""
    dimensions = sorted({row["dimension"] for row in rows})
    figure, axes = plt.subplots(1, len(dimensions), figsize=(4 * len(dimensions), 3.6), squeeze=False)
    lines = {
        "truth": ("0.3", "-", "truth"),
        "mine": ("#0072B2", "o", "MINE"),
        "mine_f": ("#D55E00", "x", "MINE-f"),
        "nearest_neighbours": ("#009E73", "^", "nearest neighbours (k = 3)"),
    }
    for axis, dimension in zip(axes[0], dimensions, strict=True):
        shown = [row for row in rows if row["dimension"] == dimension]
        for key, (colour, style, label) in lines.items():
            values = [np.mean([row[key] for row in shown if row["correlation"] == c]) for c in CORRELATIONS]
            axis.plot(CORRELATIONS, values, style, color=colour, ms=5, mfc="none", label=label)
        axis.set(title=f"{dimension} + {dimension} dimensions", xlabel="correlation of each pair")
    axes[0, 0].set_ylabel("mutual information (nats)")
    axes[0, 0].legend(frameon=False)
    return figure
