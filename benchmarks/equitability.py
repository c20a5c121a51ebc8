"""Invariance (figure 2 of the MINE paper): y = f(x) + noise for several f."""

import argparse

import matplotlib.pyplot as plt
import numpy as np

from benchmarks._run import run_all, save_figure, timed_fit, write_rows
from skmine.distributions import FunctionalRelation

FUNCTIONS = {"x": np.positive, "x^3": lambda x: x**3, "sin(2 pi x)": lambda x: np.sin(2 * np.pi * x)}
NOISE_LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=5000, help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])


def fit_relation(n: int, name: str, noise: float, seed: int) -> dict:
    # The library's uniform x is on [0, 1]; the paper's on [-1, 1].
    joint = FunctionalRelation(lambda x: FUNCTIONS[name](2 * x - 1), noise)
    X, y = joint.sample(n, seed)
    fit = timed_fit(X, y, random_state=seed)
    return {"function": name, "noise": noise, "seed": seed, "truth": joint.mi, **fit}


def run(arguments: argparse.Namespace) -> None:
    jobs = [
        (arguments.n, name, noise, seed)
        for name in FUNCTIONS
        for noise in NOISE_LEVELS
        for seed in arguments.seeds
    ]
    rows = run_all(fit_relation, jobs, arguments.jobs)
    for name in FUNCTIONS:
        errors = [abs(row["mi"] - row["truth"]) for row in rows if row["function"] == name]
        print(f"f = {name}: mean absolute error {np.mean(errors):.4f} nats, largest {max(errors):.4f}")
    print(write_rows("equitability", rows))
    print(save_figure(draw(rows), "equitability"))


def draw(rows: list[dict]):
    """Estimates and truth against the noise, one line per function."""
    figure, axis = plt.subplots(figsize=(5.5, 4))
    for name, colour in zip(FUNCTIONS, ("#0072B2", "#D55E00", "#009E73"), strict=True):
        values = {
            key: [
                np.mean([row[key] for row in rows if (row["function"], row["noise"]) == (name, noise)])
                for noise in NOISE_LEVELS
            ]
            for key in ("truth", "mi")
        }
        axis.plot(NOISE_LEVELS, values["truth"], color=colour, lw=1, label=f"f(x) = {name}, truth")
        axis.plot(NOISE_LEVELS, values["mi"], "o", color=colour, mfc="none", label="estimate")
    axis.set(xlabel="standard deviation of the noise", ylabel="mutual information (nats)")
    axis.legend(frameon=False)
    return figure
