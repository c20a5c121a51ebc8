"""Stability: Jaccard's index of four features on halves of three real tables, for several selectors."""

import argparse
import time

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import (
    SelectFromModel,
    SelectKBest,
    mutual_info_classif,
    mutual_info_regression,
)

from benchmarks._run import run_all, write_rows
from skmine import MINEFeatureSelector, selection_stability

TABLES = {"breast cancer": load_breast_cancer, "wine": load_wine, "diabetes": load_diabetes}
METHODS = ["auto", "mrmr", "marginal", "SelectKBest", "forest"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resamples", type=int, default=20)


def make_selector(method: str, classes: bool, k: int = 4):
    if method == "SelectKBest":
        return SelectKBest(mutual_info_classif if classes else mutual_info_regression, k=k)
    if method == "forest":
        forest = RandomForestClassifier if classes else RandomForestRegressor
        return SelectFromModel(forest(50, random_state=0), threshold=-np.inf, max_features=k)
    return MINEFeatureSelector(k, strategy=method, random_state=0)


def measure(table: str, method: str, n_resamples: int) -> dict:
    X, y = TABLES[table](return_X_y=True, as_frame=True)
    selector = make_selector(method, table != "diabetes")
    started = time.process_time()
    result = selection_stability(selector, X, y, n_resamples=n_resamples, random_state=0)
    seconds = time.process_time() - started
    return {"table": table, "method": method, "jaccard": result.jaccard, "cpu_seconds": seconds}


def run(arguments: argparse.Namespace) -> None:
    jobs = [(table, method, arguments.resamples) for table in TABLES for method in METHODS]
    print(write_rows("stability", run_all(measure, jobs, arguments.jobs)))
