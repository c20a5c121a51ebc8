"""Uncertainty: how often mi_interval_ contains the truth and mi_lower_ exceeds it; p-values."""

import argparse
import zlib

import numpy as np
from scipy.stats import kstest

from benchmarks._run import merge_rows, run_all, timed_fit, write_rows
from skmine import mutual_info_test
from skmine.distributions import (
    Independent,
    MultivariateNormal,
    MultivariateStudent,
    NormalClasses,
    beyond_normal_tasks,
    other_tasks,
)

TASKS = [
    "1v1-bimodal-0.75",
    "1v1-additive-0.1",
    "multinormal-dense-5-5-0.5",
    "multinormal-dense-25-25-0.5",
    "multinormal-sparse-25-25-2-2.0",
    "half_cube-multinormal-sparse-5-5-2-2.0",
    "normal_cdf-multinormal-sparse-3-3-2-2.0",
    "spiral-multinormal-sparse-3-3-2-2.0",
    "student-identity-2-2-1",
    "asinh-student-identity-3-3-2",
    "mixture-letters",
    "inliers-sparse-25",
    "oscillation-4",
    "classes-concentric-5",
    "normal-with-atoms",
    "independent-5-5",
]
LEVELS = [0.01, 0.05, 0.2]


def joints() -> dict:
    independent = Independent(MultivariateNormal.dense(5, 5, 0.5))
    return {**beyond_normal_tasks(), **other_tasks(), "independent-5-5": independent}


def independent_joints() -> dict:
    """Joint distributions with mutual information 0, for p-values."""
    normal = MultivariateNormal.dense
    return {
        "normal-1-1": Independent(normal(1, 1)),
        "normal-5-5": Independent(normal(5, 5)),
        "normal-25-25": Independent(normal(25, 25)),
        "cauchy-3-3": Independent(MultivariateStudent.identity(3, 3, 1)),
        "classes-5": Independent(NormalClasses(np.zeros((3, 5)), [1.0, 2.0, 3.0])),
        "normal-with-atoms": Independent(other_tasks()["normal-with-atoms"]),
        "table-3-3": Independent(other_tasks()["table-3-3"]),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=2000, help="rows")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first draw; adds to the table")
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--tests", type=int, default=500, help="p-values of each independent joint")


def fit_draw(task: str, n: int, draw: int) -> dict:
    joint = joints()[task]
    seed = zlib.crc32(task.encode()) % 10_000 * 10_000 + draw  # so that tasks do not share their normal draws
    X, y = joint.sample(n, seed)
    fit = timed_fit(X, y, random_state=seed)
    return {
        "task": task,
        "n": n,
        "draw": draw,
        "truth": joint.mi,
        "exact": float(np.mean(joint.log_ratio(X, y))),  # the mean log ratio of the exact critic
        **{key: fit[key] for key in ("mi", "lower", "std", "low", "high", "seconds")},
    }


def pvalues(name: str, n: int, draws: int) -> dict:
    joint = independent_joints()[name]
    values = [mutual_info_test(*joint.sample(n, draw)).pvalue for draw in range(draws)]
    shares = {f"below_{level}": float(np.mean(np.array(values) <= level)) for level in LEVELS}
    return {"joint": name, "n": n, **shares, "uniform_p": float(kstest(values, "uniform").pvalue)}


def run(arguments: argparse.Namespace) -> None:
    draws = range(arguments.first, arguments.first + arguments.draws)
    jobs = [(task, arguments.n, draw) for draw in draws for task in arguments.tasks]
    rows = run_all(fit_draw, jobs, arguments.jobs) if jobs else []
    if arguments.first or arguments.tasks != TASKS or not jobs:
        rows = merge_rows("coverage", rows, keys=("task", "n", "draw"))
    print_summary(rows)
    print(write_rows("coverage", rows))
    if arguments.tests:
        tests = [(name, n, arguments.tests) for name in independent_joints() for n in (200, arguments.n)]
        print(write_rows("coverage_pvalues", run_all(pvalues, tests, arguments.jobs)))


def print_summary(rows: list[dict]) -> None:
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    groups = [(task, [row for row in rows if row["task"] == task]) for task in tasks]
    for task, shown in [*groups, ("all", rows)]:
        truth, exact, mi, lower, std, low, high = (
            np.array([float(row[key]) for row in shown])
            for key in ("truth", "exact", "mi", "lower", "std", "low", "high")
        )
        error = mi - truth
        print(
            f"{task}: {len(shown)} draws, truth {truth.mean():.3f}, mean error {error.mean():+.4f}, its "
            f"deviation {error.std():.4f} (exact log ratio {(exact - truth).std():.4f}, mi_std_ "
            f"{std.mean():.4f}), error / mi_std_ {np.sqrt(np.mean((error / std) ** 2)):.2f}; covered "
            f"{np.mean((low <= truth) & (truth <= high)):.3f} (width {np.mean(high - low):.3f}), lower "
            f"too high {np.mean(lower > truth + std):.3f}"
        )
