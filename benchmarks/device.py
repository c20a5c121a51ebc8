"""Seconds and values of the same tasks on the CPU and on a GPU. Skipped without a GPU."""

import argparse
import time
import warnings

import numpy as np
import torch

from benchmarks._run import machine, write_rows
from skmine import InformationBottleneckClassifier, MINEFeatureSelector, MutualInfoEstimator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[2000, 20_000], help="rows")
    parser.add_argument("--device", default="cuda", help="beside the CPU")


def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 10))
    return X, X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.5 * rng.normal(size=n)


#: Tasks by name: functions of rows and device that return a value.
WORK = {
    "MutualInfoEstimator": lambda X, y, device: (
        MutualInfoEstimator(device=device, random_state=0).fit(X, y).mi_
    ),
    "a wide network": lambda X, y, device: (
        MutualInfoEstimator(
            critic="concat", hidden_layer_sizes=(512, 512), batch_size=1024, device=device, random_state=0
        )
        .fit(X, y)
        .mi_
    ),
    "mi_path_ of a selection": lambda X, y, device: float(
        MINEFeatureSelector(3, mi_path=True, device=device, random_state=0).fit(X, y).mi_path_[-1]
    ),
    "InformationBottleneckClassifier": lambda X, y, device: (
        InformationBottleneckClassifier(device=device, random_state=0).fit(X, y > 0).score(X, y > 0)
    ),
}


def timed(work, n: int, device: str) -> tuple[float, float]:
    X, y = draw(n)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = work(X, y, device)
    return time.perf_counter() - started, value


def run(arguments: argparse.Namespace) -> None:
    print(machine())
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("device: skipped, torch sees no GPU here")
        return
    rows = []
    for name, work in WORK.items():
        work(*draw(200), arguments.device)  # the first call loads the libraries of the device
        for n in arguments.n:
            (cpu_seconds, cpu), (seconds, value) = (timed(work, n, d) for d in ("cpu", arguments.device))
            rows.append(
                {
                    "work": name,
                    "n": n,
                    "cpu_seconds": cpu_seconds,
                    "seconds": seconds,
                    "cpu_value": cpu,
                    "value": value,
                }
            )
            print(
                f"{name:<34}{n:>8} rows  CPU {cpu_seconds:7.1f} s {cpu:.4f}   {arguments.device} "
                f"{seconds:7.1f} s {value:.4f}",
                flush=True,
            )
    print(write_rows("device", rows))
