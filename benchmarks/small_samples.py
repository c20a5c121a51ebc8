"""Small samples: errors at n = 100, 200 and 500, compared with nearest neighbours and CCA."""

import argparse

import numpy as np

from benchmarks._baselines import cca, ksg
from benchmarks._run import merge_rows, run_all, timed_fit, write_rows
from skmine.distributions import (
    HalfCube,
    Independent,
    MultivariateNormal,
    MultivariateStudent,
    NormalCDF,
    Padded,
    Transformed,
    beyond_normal_tasks,
    other_tasks,
)

METHODS = {"skmine": "mi", "KSG(3)": "ksg_3", "KSG(10)": "ksg_10", "CCA": "cca"}
OF_BEYOND_NORMAL = [
    "1v1-normal-0.75",
    "normal_cdf-1v1-normal-0.75",
    "half_cube-1v1-normal-0.75",
    "1v1-bimodal-0.75",
    "1v1-additive-0.1",
    "1v1-additive-0.75",
    "multinormal-dense-2-2-0.5",
    "multinormal-dense-5-5-0.5",
    "multinormal-sparse-3-3-2-2.0",
    "multinormal-sparse-5-5-2-2.0",
    "half_cube-multinormal-sparse-3-3-2-2.0",
    "half_cube-multinormal-sparse-5-5-2-2.0",
    "normal_cdf-multinormal-sparse-3-3-2-2.0",
    "normal_cdf-multinormal-sparse-5-5-2-2.0",
    "student-identity-1-1-1",
    "student-identity-2-2-2",
    "asinh-student-identity-3-3-2",
    "student-identity-5-5-2",
]
OF_OTHERS = ["mixture-cross", "mixture-letters", "inliers-1v1", "parabola", "clayton-normal"]


def joints() -> dict:
    """33 joint distributions with 1 to 10 columns per side."""
    normal, tasks = MultivariateNormal, {**beyond_normal_tasks(), **other_tasks()}
    sparse = normal.sparse(10, 10, 2, 2.0)
    return {name: tasks[name] for name in [*OF_BEYOND_NORMAL, *OF_OTHERS]} | {
        "multinormal-dense-10-10-0.5": normal.dense(10, 10, 0.5),
        "multinormal-dense-10-1-0.5": normal.dense(10, 1, 0.5),
        "multinormal-sparse-10-10-2-2.0": sparse,
        "half_cube-multinormal-sparse-10-10-2-2.0": Transformed(sparse, HalfCube(), HalfCube()),
        "normal_cdf-multinormal-sparse-10-10-2-2.0": Transformed(sparse, NormalCDF(), NormalCDF()),
        "inliers-padded-5-5": Padded(tasks["inliers-1v1"], 4, 4),
        "independent-1-1": Independent(normal.bivariate(0.5)),
        "independent-5-5": Independent(normal.dense(5, 5, 0.5)),
        "independent-10-10": Independent(normal.dense(10, 10, 0.5)),
        "independent-student-5-5": Independent(MultivariateStudent.identity(5, 5, 2)),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[100, 200, 500], help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tasks", nargs="+", help="parts of names; all tasks if not given")


def fit_task(task: str, n: int, seed: int) -> dict:
    joint = joints()[task]
    X, y = joint.sample(n, seed)
    fit = timed_fit(X, y, random_state=seed)
    return {
        "task": task,
        "n": n,
        "seed": seed,
        "truth": joint.mi,
        **{key: fit[key] for key in ("mi", "lower", "std", "low", "high", "seconds")},
        "ksg_3": ksg(X, y, 3),
        "ksg_10": ksg(X, y, 10),
        "cca": cca(X, y),
    }


def run(arguments: argparse.Namespace) -> None:
    names = [
        name for name in joints() if not arguments.tasks or any(part in name for part in arguments.tasks)
    ]
    jobs = [(name, n, seed) for n in arguments.n for name in names for seed in arguments.seeds]
    rows = run_all(fit_task, jobs, arguments.jobs)
    for n in arguments.n:
        print_summary(n, [row for row in rows if row["n"] == n])
    if arguments.tasks:
        rows = merge_rows("small_samples", rows, keys=("task", "n", "seed"))
    print(write_rows("small_samples", rows))


def print_summary(n: int, rows: list[dict]) -> None:
    for method, key in METHODS.items():
        error = np.array([row[key] - row["truth"] for row in rows])
        worst = sorted(zip(-np.abs(error), error, rows, strict=True), key=lambda item: item[0])[:5]
        listed = ", ".join(f"{row['task']} {value:+.2f}" for _, value, row in worst)
        print(
            f"n={n}, {method}: mean absolute error {np.abs(error).mean():.4f} nats, beyond 0.3 in "
            f"{np.sum(np.abs(error) > 0.3)} of {len(rows)}; worst {listed}"
        )
    covered = [row["low"] <= row["truth"] <= row["high"] for row in rows]
    print(f"n={n}: mi_interval_ holds the truth in {np.mean(covered):.3f}")
