"""Error on joints with known mutual information: the 40 tasks of Beyond Normal, and other families."""

import argparse

import numpy as np

from benchmarks._run import machine, timed_fit, write_rows
from skmine.distributions import beyond_normal_tasks, other_tasks

SUITES = {"beyond_normal": beyond_normal_tasks, "other": other_tasks}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", choices=SUITES, default="beyond_normal")
    parser.add_argument("-n", type=int, nargs="+", default=[1000, 5000], help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--tasks", nargs="+", help="parts of names; all tasks if not given")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="parameters")


def _value(text: str):
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def run(arguments: argparse.Namespace) -> None:
    parameters = {k: _value(v) for k, v in (item.split("=") for item in arguments.set)}
    print(machine())
    rows = []
    for name, joint in SUITES[arguments.suite]().items():
        if arguments.tasks and not any(part in name for part in arguments.tasks):
            continue
        for n in arguments.n:
            for seed in arguments.seeds:
                X, y = joint.sample(n, seed)
                result = timed_fit(X, y, random_state=seed, **parameters)
                row = {"task": name, "n": n, "seed": seed, "truth": joint.mi, **result}
                rows.append(row)
                print(
                    f"{name:50s} n={n:<6d} seed={seed} truth={joint.mi:6.3f} mi={row['mi']:6.3f} "
                    f"lower={row['lower']:6.3f} error={row['mi'] - joint.mi:+.3f} "
                    f"it={row['iterations']:4d} {row['seconds']:5.1f} s",
                    flush=True,
                )
    if not arguments.tasks and not arguments.set:
        print(write_rows(arguments.suite, rows))
    for n in arguments.n:
        _print_summary(n, [row for row in rows if row["n"] == n])


def _print_summary(n: int, rows: list[dict]) -> None:
    error = np.array([row["mi"] - row["truth"] for row in rows])
    lower = np.array([row["lower"] - row["truth"] for row in rows])
    seconds = np.array([row["seconds"] for row in rows])
    print(
        f"n={n}: {len(rows)} fits, mean absolute error {np.abs(error).mean():.4f} nats (held-out value "
        f"{np.abs(lower).mean():.4f}), mean error {error.mean():+.4f}, largest {np.abs(error).max():.3f}; "
        f"seconds: median {np.median(seconds):.1f}, largest {seconds.max():.1f}"
    )
