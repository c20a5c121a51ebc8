"""Error on joints of known mutual information: the 40 of Beyond Normal, other families, and random ones."""

import argparse
from functools import cache

import matplotlib.pyplot as plt
import numpy as np

from benchmarks._further import further_tasks
from benchmarks._random import random_tasks
from benchmarks._run import run_all, save_figure, timed_fit, write_rows
from skmine.distributions import beyond_normal_tasks, other_tasks

SUITES = {"beyond_normal": beyond_normal_tasks, "other": other_tasks, "further": further_tasks}


@cache
def joints_of(suite: str) -> dict:
    """The joints of a suite. "random-7" is draw 7 of the random joints."""
    name, _, draw = suite.partition("-")
    return random_tasks(int(draw)) if name == "random" else SUITES[suite]()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", choices=[*SUITES, "random"], default="beyond_normal")
    parser.add_argument("--draws", type=int, nargs="+", default=[0], help="draws of the random suite")
    parser.add_argument("-n", type=int, nargs="+", default=[1000, 5000], help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--tasks", nargs="+", help="parts of names; all tasks if not given")


def fit_task(suite: str, task: str, n: int, seed: int) -> dict:
    joint = joints_of(suite)[task]
    X, y = joint.sample(n, seed)
    names = {"suite": suite, "task": task} if suite.startswith("random") else {"task": task}
    return {**names, "n": n, "seed": seed, "truth": joint.mi, **timed_fit(X, y, random_state=seed)}


def run(arguments: argparse.Namespace) -> None:
    is_random = arguments.suite == "random"
    suites = [f"random-{draw}" for draw in arguments.draws] if is_random else [arguments.suite]
    tasks = [
        (suite, task)
        for suite in suites
        for task in joints_of(suite)
        if not arguments.tasks or any(part in task for part in arguments.tasks)
    ]
    jobs = [(*task, n, seed) for n in arguments.n for task in tasks for seed in arguments.seeds]
    rows = run_all(fit_task, jobs, arguments.jobs)
    for n in arguments.n:
        print_summary(n, [row for row in rows if row["n"] == n])
    if not arguments.tasks:
        print(write_rows(arguments.suite, rows))
        print(save_figure(draw(rows), arguments.suite))


def print_summary(n: int, rows: list[dict]) -> None:
    truth, value, lower, seconds = (
        np.array([row[key] for row in rows]) for key in ("truth", "mi", "lower", "seconds")
    )
    error = np.abs(value - truth)
    covers = np.mean([row["low"] <= row["truth"] <= row["high"] for row in rows])
    print(
        f"n={n}: {len(rows)} fits, mean absolute error {error.mean():.4f} nats (held-out value "
        f"{np.abs(lower - truth).mean():.4f}), mean error {(value - truth).mean():+.4f}, largest "
        f"{error.max():.3f}; interval contains the truth in {covers:.0%}; seconds a fit: median "
        f"{np.median(seconds):.1f}, mean {seconds.mean():.1f}, largest {seconds.max():.1f}"
    )


def draw(rows: list[dict]):
    """Estimate against truth, one panel per number of rows."""
    sizes = sorted({row["n"] for row in rows})
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(4.5 * len(sizes), 4.8), squeeze=False, layout="constrained"
    )
    for axis, n in zip(axes[0], sizes, strict=True):
        shown = [row for row in rows if row["n"] == n]
        truth = np.array([row["truth"] for row in shown])
        top = 1.08 * truth.max()
        axis.plot([0, top], [0, top], color="0.6", lw=1, label="truth")
        for key, colour, label in (("lower", "#E69F00", "held-out value"), ("mi", "#0072B2", "mi_")):
            axis.plot(truth, [row[key] for row in shown], "o", ms=4, alpha=0.8, color=colour, label=label)
        error = np.mean([abs(row["mi"] - row["truth"]) for row in shown])
        axis.set(
            title=f"n = {n:,}: mean absolute error {error:.3f}",
            xlabel="true mutual information (nats)",
            ylabel="estimate (nats)",
            aspect="equal",
        )
        axis.legend(frameon=False)
    return figure
