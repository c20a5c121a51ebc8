"""Conditional information I(X; Y | Z) against the truth, on Gaussian and nonlinear triples."""

import argparse
import time
import warnings

import numpy as np
import torch
from scipy.special import roots_hermitenorm

from benchmarks._run import run_all, write_rows
from skmine import conditional_mutual_info
from skmine.distributions import HalfCube, MultivariateNormal, NoisyLabel

CORRELATIONS = np.array([0.9, 0.0, -0.6])
SIZES = (3, 2, 4)  # columns of X, Y and Z
NOISE = 0.5
FLIP = 0.05


def chain(rng, n: int, d: int):
    """X <- Z -> Y with d columns each: X and Y are independent given Z."""
    Z = rng.normal(size=(n, d))
    return Z + rng.normal(size=(n, d)), Z + 0.5 * rng.normal(size=(n, d)), Z


def sum_of_both(rng, n: int):
    X, Z = rng.normal(size=(2, n, 1))
    return X, X + Z + rng.normal(size=(n, 1)), Z


def common_effect(rng, n: int):
    """X and Y are independent, but dependent given their sum."""
    X, Y = rng.normal(size=(2, n, 1))
    return X, Y, X + Y + NOISE * rng.normal(size=(n, 1))


def any_normal(rng, n: int):
    rows = rng.multivariate_normal(np.zeros(sum(SIZES)), covariance(), size=n)
    return np.split(rows, np.cumsum(SIZES)[:-1], axis=1)


def covariance() -> np.ndarray:
    factor = np.random.default_rng(0).normal(size=(sum(SIZES), sum(SIZES)))
    return factor @ factor.T + 2 * np.eye(sum(SIZES))


def information_of_normal() -> float:
    """I(X; Y | Z) = I(X; [Y, Z]) - I(X; Z)."""
    d_x, d_y, _ = SIZES
    matrix = covariance()
    without_y = np.delete(np.delete(matrix, range(d_x, d_x + d_y), 0), range(d_x, d_x + d_y), 1)
    return MultivariateNormal(matrix, d_x).mi - MultivariateNormal(without_y, d_x).mi


def bent(rng, n: int):
    return tuple(HalfCube().forward(block) for block in any_normal(rng, n))


def parabolas(rng, n: int):
    """Y depends on X only through Z, and both relations are parabolas."""
    Z = rng.normal(size=(n, 1))
    return np.sin(2 * Z) + 0.3 * rng.normal(size=(n, 1)), Z**2 + 0.3 * rng.normal(size=(n, 1)), Z


def product(rng, n: int):
    X, Z = rng.normal(size=(2, n, 1))
    return X, X * Z + NOISE * rng.normal(size=(n, 1)), Z


def information_of_product() -> float:
    """Given Z, X and Y are a normal pair: E log(1 + Z^2 / noise^2) / 2."""
    z, weights = roots_hermitenorm(200)
    return float(weights @ np.log1p((z / NOISE) ** 2) / weights.sum() / 2)


def exclusive_or(rng, n: int):
    X, Z = rng.normal(size=(2, n, 1))
    return X, (X * Z > 0) != (rng.uniform(size=(n, 1)) < FLIP), Z


def pair_by_class(rng, n: int):
    """A normal pair whose correlation depends on the class Z."""
    Z = rng.integers(3, size=(n, 1))
    X, noise = rng.normal(size=(2, n, 1))
    correlation = CORRELATIONS[Z]
    return X, correlation * X + np.sqrt(1 - correlation**2) * noise, Z.astype(str)


def classes_apart(rng, n: int):
    """X and Y both depend on the class Z, and on nothing else."""
    Z = rng.integers(4, size=(n, 1))
    return Z + 0.5 * rng.normal(size=(n, 3)), Z % 2 + 0.5 * rng.normal(size=(n, 2)), Z.astype(str)


# Functions that draw X, Y and Z, and I(X; Y | Z) in nats.
TRIPLES = {
    "chain-1": (lambda rng, n: chain(rng, n, 1), 0.0),
    "chain-5": (lambda rng, n: chain(rng, n, 5), 0.0),
    "sum": (sum_of_both, np.log(2) / 2),
    # Correlation of X and Y given Z: -1 / (1 + noise^2).
    "common-effect": (common_effect, -np.log1p(-1 / (1 + NOISE**2) ** 2) / 2),
    "normal-3-2-4": (any_normal, information_of_normal()),
    "half-cube-3-2-4": (bent, information_of_normal()),
    "parabolas": (parabolas, 0.0),
    "product": (product, information_of_product()),
    "exclusive-or": (exclusive_or, NoisyLabel(FLIP).mi),
    "pair-by-class": (pair_by_class, float(np.mean(-np.log1p(-(CORRELATIONS**2)) / 2))),
    "classes-apart": (classes_apart, 0.0),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[1000, 5000], help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])


def fit_triple(name: str, n: int, seed: int) -> dict:
    torch.set_num_threads(1)
    draw, truth = TRIPLES[name]
    X, y, Z = draw(np.random.default_rng([seed, n]), n)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value, (low, high) = conditional_mutual_info(X, y, Z, return_interval=True, random_state=seed)
    row = {"triple": name, "n": n, "seed": seed, "truth": float(truth), "mi": value, "low": low, "high": high}
    return row | {"error": value - truth, "seconds": time.perf_counter() - started}


def run(arguments: argparse.Namespace) -> None:
    jobs = [(name, n, seed) for n in arguments.n for name in TRIPLES for seed in arguments.seeds]
    rows = run_all(fit_triple, jobs, arguments.jobs)
    for n in arguments.n:
        for label, is_null in (("independent given Z", True), ("dependent given Z", False)):
            shown = [row for row in rows if row["n"] == n and (row["truth"] == 0) == is_null]
            error = np.array([row["error"] for row in shown])
            held = np.mean([row["low"] <= row["truth"] <= row["high"] for row in shown])
            worst = shown[int(np.argmax(np.abs(error)))]["triple"]
            print(
                f"n={n}, {label}: {len(shown)} fits, mean absolute error {np.abs(error).mean():.4f} nats, "
                f"mean error {error.mean():+.4f}, largest {np.abs(error).max():.3f} ({worst}); "
                f"in the interval {100 * held:.0f} %"
            )
    print(write_rows("conditional", rows))
