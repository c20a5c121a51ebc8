"""Effect of switching off each form and each rule of the engine: error by suite, coverage, seconds."""

import argparse
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np
import torch

from benchmarks._run import run_all, timed_fit, write_rows
from benchmarks.known_joints import SUITES, joints_of
from skmine._engine import contest, judge, misfit, scoring
from skmine._engine.crossfit import Regressor
from skmine._engine.forms import FLEXIBLE, STARTS, Network, gaussian, network, regression
from skmine._engine.models import TreesRegressor

#: The suites of known joints, and a draw of the random joints.
ALL_SUITES = [*SUITES, "random-20"]


def without_form(name: str) -> Callable[[], list]:
    """A form that applies to no rows."""
    forms = {form.__name__: form for form in (*STARTS, *FLEXIBLE, Network)}
    return lambda: [mock.patch.object(forms[name], "applies", return_value=False)]


def with_value(module, **values) -> Callable[[], list]:
    """Constants of a module at other values."""
    return lambda: [mock.patch.object(module, name, value) for name, value in values.items()]


#: Names of ablations, and the patches that switch something off.
ABLATIONS: dict[str, Callable[[], list]] = {
    "nothing": lambda: [],
    "early end": with_value(contest, misfits=lambda *_: [math.inf]),
    "form: student": without_form("StudentCopula"),
    "form: variates": without_form("NonlinearVariates"),
    "form: mixture": without_form("GaussianMixture"),
    "form: regression": without_form("Regression"),
    "networks and boosted trees": with_value(regression, MOST_COLUMNS=0),
    "trees in the test of misfit": with_value(
        misfit, predicted_by_trees=lambda x, y, *_: torch.zeros_like(y)
    ),
    "halves of regressions": lambda: [
        mock.patch.object(kind, "learns_halves", False) for kind in (Regressor, TreesRegressor)
    ],
    "form: boosted trees": without_form("BoostedTrees"),
    "form: grid": without_form("Grid"),
    "form: network": without_form("Network"),
    "pools": lambda: [mock.patch.object(scoring.Scored, "pooled", lambda self, other: self)],
    "gap penalty": lambda: [mock.patch.object(module, "GAP_PENALTY", 0.0) for module in (judge, gaussian)],
    "faint columns": with_value(network, _FAINT=1.0),
    "patience on paths": with_value(contest, _PATIENCE=1),
    "caution": with_value(scoring, CAUTION=0.0),
    "bias of flexible forms": with_value(judge, _BIAS_SHARE=0.0),
    "refuted closed forms": with_value(judge, _REFUTING_NATS=math.inf),
    "first member decides": lambda: [mock.patch.object(judge.Judge, "first_decides", False)],
    "unbiased value": with_value(contest, LEAST_CHANCE=math.inf),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ablations", nargs="+", choices=ABLATIONS, default=list(ABLATIONS))
    parser.add_argument("-n", type=int, default=1000, help="rows")
    parser.add_argument("--every", type=int, default=4, help="one task of so many")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])


@contextmanager
def ablated(name: str) -> Iterator[None]:
    with ExitStack() as stack:
        for patch in ABLATIONS[name]():
            stack.enter_context(patch)
        yield


def fit_task(ablation: str, suite: str, task: str, n: int, seed: int) -> dict:
    joint = joints_of(suite)[task]
    X, y = joint.sample(n, seed)
    with ablated(ablation):
        fit = timed_fit(X, y, random_state=seed)
    row = {"ablation": ablation, "suite": suite, "task": task, "n": n, "seed": seed}
    covers = fit["low"] <= joint.mi <= fit["high"]
    return row | {"error": abs(fit["mi"] - joint.mi), "covers": int(covers), "seconds": fit["seconds"]}


def run(arguments: argparse.Namespace) -> None:
    names = list(dict.fromkeys(["nothing", *arguments.ablations]))
    tasks = [(suite, task) for suite in ALL_SUITES for task in list(joints_of(suite))[:: arguments.every]]
    jobs = [
        (name, suite, task, arguments.n, seed)
        for suite, task in tasks
        for seed in arguments.seeds
        for name in names
    ]
    rows = run_all(fit_task, jobs, arguments.jobs)
    table = summarise(rows, names)
    print(write_rows("ablation", table))


def summarise(rows: list[dict], names: list[str]) -> list[dict]:
    """For each ablation and suite: change of the mean error and its standard error, coverage, seconds."""
    table = []
    for suite in ALL_SUITES:
        errors = {
            name: np.array([r["error"] for r in rows if (r["ablation"], r["suite"]) == (name, suite)])
            for name in names
        }
        for name in names:
            own = [row for row in rows if (row["ablation"], row["suite"]) == (name, suite)]
            change = errors[name] - errors["nothing"]
            entry = {
                "without": name,
                "suite": suite,
                "fits": len(own),
                "error": errors[name].mean(),
                "change": change.mean(),
                "standard_error": change.std(ddof=1) / len(change) ** 0.5,
                "coverage": np.mean([row["covers"] for row in own]),
                "seconds": np.mean([row["seconds"] for row in own]),
            }
            print("  ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in entry.items()))
            table.append(entry)
    return table
