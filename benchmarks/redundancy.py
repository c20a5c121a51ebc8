"""Redundancy: features found among copies and noise, compared with SelectKBest, mRMR and a forest."""

import argparse
import time

import numpy as np
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from benchmarks._run import run_all, write_rows
from skmine import MINEFeatureSelector

STRATEGIES = ["auto", "forward", "mrmr", "marginal"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=1000, help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])


def friedman(n, seed):
    """Five relevant features with two near-copies of each, and 85 columns of noise."""
    rng = np.random.default_rng(seed)
    X, y = make_friedman1(n, n_features=90, noise=1.0, random_state=seed)
    copies = np.repeat(X[:, :5], 2, axis=1) + rng.normal(0, 0.02, (n, 10))
    sources = np.concatenate([np.arange(90), np.repeat(np.arange(5), 2)])
    return np.hstack([X, copies]), y, np.where(sources < 5, sources, -1)


def linear_classes(n, seed):
    """Five informative features with two near-copies of each, and 85 columns of noise."""
    rng = np.random.default_rng(seed)
    X, y = make_classification(
        n, n_features=90, n_informative=5, n_redundant=0, shuffle=False, class_sep=1.5, random_state=seed
    )
    copies = np.repeat(X[:, :5], 2, axis=1) + rng.normal(0, 0.05, (n, 10))
    sources = np.concatenate([np.arange(90), np.repeat(np.arange(5), 2)])
    return np.hstack([X, copies]), y, np.where(sources < 5, sources, -1)


def madelon(n, seed):
    """Clusters on a hypercube: 5 informative features, 15 of their combinations, 480 of noise.

    Any five features that span the informative ones are a good choice, so all of these count as relevant.
    """
    X, y = make_classification(
        n,
        n_features=500,
        n_informative=5,
        n_redundant=15,
        n_clusters_per_class=16,
        class_sep=2.0,
        flip_y=0.01,
        shuffle=False,
        random_state=seed,
    )
    return X, y, np.where(np.arange(500) < 20, np.arange(500), -1)


PROBLEMS = {"friedman1": friedman, "make_classification": linear_classes, "madelon": madelon}


def choose(method: str, X, y, seed: int) -> np.ndarray:
    """Five features by a method, best first."""
    classes = len(np.unique(y)) == 2
    if method == "forest":
        forest = RandomForestClassifier if classes else RandomForestRegressor
        scores = forest(500, random_state=seed).fit(X, y).feature_importances_
    elif method == "SelectKBest":
        scores = (mutual_info_classif if classes else mutual_info_regression)(X, y, random_state=seed)
    else:
        selector = MINEFeatureSelector(5, strategy=method, mi_path=False, random_state=seed).fit(X, y)
        scores = -selector.ranking_
    return np.argsort(-scores, kind="stable")[:5]


def fit_problem(problem: str, method: str, n: int, seed: int) -> dict:
    X, y, source = PROBLEMS[problem](n, seed)
    started = time.perf_counter()
    chosen = source[choose(method, X, y, seed)]
    seconds = time.perf_counter() - started
    relevant = chosen[chosen >= 0]
    return {
        "problem": problem,
        "method": method,
        "seed": seed,
        "precision": len(relevant) / 5,
        "distinct": len(np.unique(relevant)) / 5,
        "seconds": seconds,
    }


def run(arguments: argparse.Namespace) -> None:
    methods = [*STRATEGIES, "SelectKBest", "forest"]
    jobs = [(p, m, arguments.n, seed) for p in PROBLEMS for m in methods for seed in arguments.seeds]
    rows = run_all(fit_problem, jobs, arguments.jobs)
    for problem in PROBLEMS:
        for method in methods:
            shown = [row for row in rows if (row["problem"], row["method"]) == (problem, method)]
            means = [np.mean([row[k] for row in shown]) for k in ("precision", "distinct", "seconds")]
            print(
                f"{problem}, {method}: of five chosen, relevant {means[0]:.2f}, distinct sources "
                f"{means[1]:.2f}; {means[2]:.1f} s"
            )
    print(write_rows("redundancy", rows))
