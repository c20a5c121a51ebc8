"""Consistency: error against the number of rows, compared with the error of the exact log ratio."""

import argparse

import matplotlib.pyplot as plt
import numpy as np

from benchmarks._run import run_all, save_figure, timed_fit, write_rows
from skmine.distributions import beyond_normal_tasks

TASKS = ["1v1-bimodal-0.75", "multinormal-sparse-5-5-2-2.0", "asinh-student-identity-2-2-1"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[250, 1000, 4000, 16000, 64000], help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])


def fit_task(task: str, n: int, seed: int) -> dict:
    joint = beyond_normal_tasks()[task]
    X, y = joint.sample(n, seed)
    sampling_error = float(np.mean(joint.log_ratio(X, y))) - joint.mi
    fit = timed_fit(X, y, random_state=seed)
    return {
        "task": task,
        "n": n,
        "seed": seed,
        "truth": joint.mi,
        "sampling_error": sampling_error,
        "error": fit["mi"] - joint.mi,
        **fit,
    }


def run(arguments: argparse.Namespace) -> None:
    jobs = [(task, n, seed) for n in arguments.n for task in TASKS for seed in arguments.seeds]
    rows = run_all(fit_task, jobs, arguments.jobs)
    for n in arguments.n:
        shown = [row for row in rows if row["n"] == n]
        error, sampling = (np.mean([abs(r[k]) for r in shown]) for k in ("error", "sampling_error"))
        print(f"n={n}: mean absolute error {error:.4f} nats, of the exact log ratio {sampling:.4f}")
    print(write_rows("consistency", rows))
    print(save_figure(draw(rows, arguments.n), "consistency"))


def draw(rows: list[dict], sizes: list[int]):
    """Mean absolute errors on logarithmic axes, one panel per task."""
    figure, axes = plt.subplots(1, len(TASKS), figsize=(4 * len(TASKS), 3.6), sharey=True)
    for axis, task in zip(axes, TASKS, strict=True):
        for key, colour, label in (
            ("error", "#0072B2", "estimate"),
            ("sampling_error", "0.5", "mean of the exact log ratio"),
        ):
            values = [
                np.mean([abs(row[key]) for row in rows if (row["task"], row["n"]) == (task, n)])
                for n in sizes
            ]
            axis.loglog(sizes, values, "o-", color=colour, label=label)
        axis.set(title=task, xlabel="rows")
    axes[0].set_ylabel("mean absolute error (nats)")
    axes[0].legend(frameon=False)
    return figure
