"""CPU seconds of each task at three numbers of rows, measured once on one thread."""

import argparse
import time
import warnings
from collections.abc import Callable

import torch
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning

import skmine
from benchmarks._run import machine, merge_rows, run_all, write_rows
from benchmarks.columns import commit

ROWS = [1_000, 10_000, 100_000]


def _estimate(X, y, **parameters) -> None:
    skmine.MutualInfoEstimator(random_state=0, **parameters).fit(X, y)


def _classify(X, y) -> None:
    skmine.InformationBottleneckClassifier(random_state=0).fit(X, y > y.mean())


#: Friedman's first problem with 20 columns, five of them relevant. Defaults, unless the name says otherwise.
TASKS: dict[str, Callable] = {
    "mutual_info_regression": skmine.mutual_info_regression,
    "dependence_table": skmine.dependence_table,
    "mutual_info_matrix": lambda X, y: skmine.mutual_info_matrix(X),
    "mutual_info_test": skmine.mutual_info_test,
    "mutual_info_test given Z": lambda X, y: skmine.mutual_info_test(X[:, :1], y, X[:, 1:], random_state=0),
    "MINEFeatureSelector": lambda X, y: skmine.MINEFeatureSelector(random_state=0).fit(X, y),
    "selection_stability": lambda X, y: skmine.selection_stability(
        skmine.MINEFeatureSelector(random_state=0), X, y, n_resamples=10, random_state=0
    ),
    "MutualInfoEstimator": _estimate,
    "MutualInfoEstimator, max_iter=0": lambda X, y: _estimate(X, y, max_iter=0),
    "MutualInfoEstimator, critic=model": lambda X, y: _estimate(
        X, y, critic=HistGradientBoostingRegressor(random_state=0)
    ),
    "conditional_mutual_info": lambda X, y: skmine.conditional_mutual_info(
        X[:, :1], y, X[:, 1:], random_state=0
    ),
    "InformationBottleneckClassifier": _classify,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS)


def measure(task: str, n: int) -> dict:
    torch.set_num_threads(1)
    X, y = make_friedman1(n, 20, noise=1.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        started = time.process_time()
        TASKS[task](X, y)
        seconds = time.process_time() - started
    made_by = {"commit": commit(), "machine": machine()}
    return {"task": task, "rows": n, "columns": 20, "cpu_seconds": seconds, **made_by}


def run(arguments: argparse.Namespace) -> None:
    rows = run_all(measure, [(task, n) for n in arguments.rows for task in arguments.tasks], arguments.jobs)
    print(write_rows("seconds", merge_rows("seconds", rows, ("task", "rows"))))
