"""Errors and seconds compared with other packages, each in its own environment, on the same rows."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from benchmarks._baselines import standardised
from benchmarks._run import merge_rows, run_all, save_figure, timed_fit, write_rows
from skmine.distributions import beyond_normal_tasks, other_tasks

ENVIRONMENTS = {
    "bmi": [["benchmark-mi==0.1.3", "jax==0.4.30", "jaxlib==0.4.30"]],
    # torch-mist imports pandas, but does not declare it.
    "torch-mist": [["torch==2.13.0"], ["torch-mist==0.2.17", "pandas<3"]],
    "latentmi": [["torch==2.13.0"], ["latentmi==0.1.3"]],
}
OTHERS = [
    "mixture-cross",
    "mixture-letters",
    "mixture-galaxy",
    "inliers-1v1",
    "inliers-sparse-25",
    "oscillation-4",
    "band-0.05",
    "wave-and-normal",
    "clayton-normal",
    "gumbel-student",
    "hidden-rotated-25",
    "hidden-oscillation-10",
]
FEW = [
    "1v1-normal-0.75",
    "1v1-additive-0.1",
    "multinormal-dense-5-5-0.5",
    "multinormal-dense-50-50-0.5",
    "multinormal-sparse-25-25-2-2.0",
    "half_cube-multinormal-sparse-5-5-2-2.0",
    "spiral-multinormal-sparse-3-3-2-2.0",
    "spiral-normal_cdf-multinormal-sparse-25-25-2-2.0",
    "student-identity-2-2-1",
    "asinh-student-identity-5-5-2",
    "mixture-letters",
    "oscillation-4",
]
VERY_FEW = [FEW[2], FEW[5], FEW[8], FEW[10]]
# Tasks of each method; None means all.
METHODS = {
    "skmine": None,
    "bmi CCA": None,
    "bmi KSG(10)": None,
    "bmi MINE": None,
    "torch-mist SMILE": None,
    "torch-mist MINE": FEW,
    "latentmi": VERY_FEW,
}
KEYS = ("task", "n", "seed", "method")


def joints() -> dict:
    others = other_tasks()
    return {**beyond_normal_tasks(), **{name: others[name] for name in OTHERS}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[5000], help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="others keep their rows in the table")
    parser.add_argument("--tasks", nargs="+", help="parts of names; all tasks if not given")
    add_environments(parser)


def add_environments(parser: argparse.ArgumentParser) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "skmine-rivals"
    parser.add_argument("--environments", type=Path, default=cache, help="folder of the environments")


def environment_python(name: str, folder: Path) -> Path:
    """Python of a rival's environment, which is created if needed."""
    python, ready = folder / name / "bin" / "python", folder / name / "ready"
    if not ready.exists():
        print(f"making the environment of {name} in {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / name], check=True)
        for packages in ENVIRONMENTS[name]:
            pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            subprocess.run([*pip, *packages], check=True)
        ready.touch()
    return python


def fit_skmine(task: str, joint, n: int, seed: int) -> dict:
    fit = timed_fit(*joint.sample(n, seed), random_state=seed)
    return _row(task, n, seed, joint.mi, "skmine", fit)


def run_rival(method: str, jobs: list[tuple], environments: Path) -> list[dict]:
    """Results of a rival for jobs (task, joint, n, seed), in one process with one thread.

    It receives the same rows as skmine, as float32, standardised to mean 0 and variance 1.
    """
    python = environment_python(method.split()[0], environments)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for i, (_, joint, n, seed) in enumerate(jobs):
            x, y = (standardised(block).astype(np.float32) for block in joint.sample(n, seed))
            np.savez(Path(folder) / f"{i:04d}.npz", x=x, y=y)
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
        one_thread["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        script = Path(__file__).with_name("_rival_process.py")
        process = subprocess.Popen(
            [python, script, method, folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | one_thread,
        )
        for line in process.stdout:
            found = json.loads(line)
            task, joint, n, seed = jobs[int(found["file"])]
            rows.append(_row(task, n, seed, joint.mi, method, found))
            print(f"{method}  {task}  truth {joint.mi:.3f}  mi {found['mi']:.3f}", flush=True)
        if process.wait():
            raise RuntimeError(f"{method} ended with code {process.returncode} after {len(rows)} tasks.")
    return rows


def _row(task: str, n: int, seed: int, truth: float, method: str, found: dict) -> dict:
    row = {"task": task, "n": n, "seed": seed, "truth": truth, "method": method}
    return row | {"mi": found["mi"], "seconds": found["seconds"]}


def run(arguments: argparse.Namespace) -> None:
    known = joints()
    for method in arguments.methods or METHODS:
        tasks = {
            task: joint
            for task, joint in known.items()
            if task in (METHODS[method] or known)
            and (not arguments.tasks or any(part in task for part in arguments.tasks))
        }
        jobs = [(*task, n, seed) for n in arguments.n for task in tasks.items() for seed in arguments.seeds]
        if method == "skmine":
            rows = run_all(fit_skmine, jobs, arguments.jobs)
        else:
            rows = run_rival(method, jobs, arguments.environments)
        rows = merge_rows("rivals", rows, KEYS)
        path = write_rows("rivals", rows)
    print_summary(rows)
    print(path)
    print(save_figure(draw(rows), "rivals"))


def print_summary(rows: list[dict]) -> None:
    """Compare each method with skmine on the tasks that both have."""
    error = {tuple(row[k] for k in KEYS): abs(float(row["mi"]) - float(row["truth"])) for row in rows}
    for method in dict.fromkeys(row["method"] for row in rows):
        for suite, names in (("beyond_normal", beyond_normal_tasks()), ("other", OTHERS)):
            shown = [row for row in rows if row["method"] == method and row["task"] in names]
            if not shown:
                continue
            places = [(row["task"], row["n"], row["seed"]) for row in shown]
            theirs = np.array([error[(*place, method)] for place in places])
            ours = np.array([error.get((*place, "skmine"), np.nan) for place in places])
            seconds = np.median([float(row["seconds"]) for row in shown])
            print(
                f"{method}, {len(shown)} of {suite}: mean absolute error {np.nanmean(theirs):.4f} nats, "
                f"largest {np.nanmax(theirs):.3f}, failed {np.sum(np.isnan(theirs))}, median {seconds:.1f} "
                f"s; skmine on the same {np.mean(ours):.4f}"
            )


def draw(rows: list[dict]):
    """Absolute error of each method on each task, and the mean as a bar."""
    methods = [method for method in METHODS if any(row["method"] == method for row in rows)]
    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for place, method in enumerate(methods):
        shown = [row for row in rows if row["method"] == method]
        error = np.array([abs(float(row["mi"]) - float(row["truth"])) for row in shown])
        spread = place + np.linspace(-0.3, 0.3, len(error))
        colour, mean = "#0072B2" if method == "skmine" else "0.5", np.nanmean(error)
        axis.plot(spread, np.sort(np.maximum(error, 1e-3)), "o", ms=3, alpha=0.7, color=colour)
        axis.hlines(mean, place - 0.35, place + 0.35, color="#D55E00", lw=2)
        axis.text(place, 1.1 * mean, f"{mean:.3f}", ha="center", fontsize=8)
    labels = [f"{method}\n{sum(row['method'] == method for row in rows)} tasks" for method in methods]
    axis.set(
        yscale="log",
        ylabel="absolute error (nats)",
        title="Each task (dots) and the mean (lines)",
    )
    axis.set_xticks(range(len(methods)), labels, fontsize=8)
    return figure
