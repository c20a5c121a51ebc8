"""Information bottleneck with GridSearchCV, compared with MLPClassifier on three tables of KEEL."""

import argparse

from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._run import run_all, write_rows
from benchmarks.real_data import load
from skmine import InformationBottleneckClassifier

SETS = ["ionosphere", "sonar", "vehicle"]
WIDTHS = (64, 64)
MODELS = {
    "MLPClassifier": (MLPClassifier(WIDTHS, max_iter=500), {"model__alpha": [1e-4, 1e-2, 1.0]}),
    "bottleneck": (
        InformationBottleneckClassifier(hidden_layer_sizes=WIDTHS),
        {"model__beta": [1e-3, 1e-2, 1e-1]},
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])


def score_model(name: str, model: str, seed: int) -> dict:
    """Accuracy and log loss over five outer folds. Three inner folds choose the weight in each."""
    X, y = load(name)
    network, grid = MODELS[model]
    network.set_params(random_state=seed)
    pipeline = Pipeline([("scale", StandardScaler()), ("model", network)])
    search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_log_loss")
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    scores = cross_validate(search, X, y, cv=folds, scoring=["accuracy", "neg_log_loss"])
    return {
        "set": name,
        "model": model,
        "seed": seed,
        "accuracy": scores["test_accuracy"].mean(),
        "log_loss": -scores["test_neg_log_loss"].mean(),
        "seconds": scores["fit_time"].sum(),
    }


def run(arguments: argparse.Namespace) -> None:
    jobs = [(name, model, seed) for name in arguments.sets for seed in arguments.seeds for model in MODELS]
    print(write_rows("bottleneck_tables", run_all(score_model, jobs, arguments.jobs)))
