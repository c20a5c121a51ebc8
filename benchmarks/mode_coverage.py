"""Modes covered by a generative network, without and with information: 25 Gaussians, swiss roll, digits."""

import argparse
import functools
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.spatial import KDTree
from sklearn.datasets import load_digits, make_swiss_roll
from sklearn.svm import SVC

from benchmarks._run import run_all, save_figure, write_rows
from skmine import MINEGAN

STEPS = {"gaussians": 20_000, "swiss_roll": 10_000, "digits": 6_000}
PARTS = list(STEPS)
METHODS = {"plain": 0.0, "mine": 1.0}
GRID = 2.0 * np.array([(a, b) for a in range(-2, 3) for b in range(-2, 3)])
MODE_SCALE = 0.05
N_ROWS, N_SAMPLES, SHOWN_SAMPLES = 20_000, 25_600, 2_000
MEASURES = ["modes", "on_modes", "divergence", "mi", "seconds"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, help=f"minibatches of 256; by default {STEPS}")


def draw_gaussians(n: int, rng) -> np.ndarray:
    return GRID[rng.integers(len(GRID), size=n)] + MODE_SCALE * rng.normal(size=(n, 2))


def draw_swiss_roll(n: int, rng) -> np.ndarray:
    roll, _ = make_swiss_roll(n, noise=0.25, random_state=int(rng.integers(2**31)))
    return roll[:, [0, 2]]


def draw_digits(n: int, rng) -> np.ndarray:
    """Three of scikit-learn's 1,797 digits side by side: 1,000 modes, as the stacked MNIST."""
    digits = load_digits().data
    return digits[rng.integers(len(digits), size=(n, 3))].reshape(n, -1)


DRAW = {"gaussians": draw_gaussians, "swiss_roll": draw_swiss_roll, "digits": draw_digits}


@functools.cache
def digit_classifier() -> SVC:
    """A classifier of single digits, with 99 % accuracy on held-out rows."""
    return SVC(gamma=1e-3).fit(*load_digits(return_X_y=True))


def number_modes(part: str, rows: np.ndarray) -> np.ndarray:
    """Mode that each row belongs to; -1 for none."""
    if part == "digits":
        labels = digit_classifier().predict(rows.reshape(-1, 64)).astype(int).reshape(-1, 3)
        return labels @ [100, 10, 1]
    if part == "gaussians":
        distance, mode = KDTree(GRID).query(rows)
        return np.where(distance <= 3 * MODE_SCALE, mode, -1)
    # Bins of the angle along the roll; a row belongs to one within 3 standard deviations of the curve.
    angle = np.linspace(1.5 * np.pi, 4.5 * np.pi, 3000)
    curve = np.column_stack([angle * np.cos(angle), angle * np.sin(angle)])
    distance, nearest = KDTree(curve).query(rows)
    return np.where(distance <= 3 * 0.25, nearest * 25 // len(angle), -1)


def divergence(part: str, modes: np.ndarray) -> float:
    """KL divergence of the shares of modes from those of the data, in nats, for rows that are on a mode."""
    n_modes = {"gaussians": 25, "swiss_roll": 25, "digits": 1000}[part]
    truth = (
        number_modes(part, DRAW[part](500_000, np.random.default_rng(0))) if part == "swiss_roll" else None
    )
    q = np.full(n_modes, 1 / n_modes)
    if truth is not None:
        q = np.bincount(truth[truth >= 0], minlength=n_modes) / (truth >= 0).sum()
    p = np.bincount(modes[modes >= 0], minlength=n_modes) / max(1, (modes >= 0).sum())
    return float(np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0])))


def fit_gan(part: str, method: str, seed: int, steps: int) -> MINEGAN:
    X = DRAW[part](N_ROWS, np.random.default_rng(seed))
    sizes = {"n_components": 16, "n_noise": 16} if part == "digits" else {}
    return MINEGAN(METHODS[method], max_iter=steps, random_state=seed, **sizes).fit(X)


def fit_one(part: str, method: str, seed: int, steps: int) -> dict:
    torch.set_num_threads(1)
    started = time.perf_counter()
    gan = fit_gan(part, method, seed, steps)
    seconds = time.perf_counter() - started
    sample = gan.sample(N_SAMPLES, random_state=seed)
    modes = number_modes(part, sample)
    return {
        "part": part,
        "method": method,
        "seed": seed,
        "modes": len(np.unique(modes[modes >= 0])),
        "on_modes": float((modes >= 0).mean()),
        "divergence": divergence(part, modes),
        "mi": gan.mi_,
        "seconds": seconds,
        "sample": sample[:SHOWN_SAMPLES],
    }


def list_jobs(arguments: argparse.Namespace) -> list[tuple]:
    return [
        (part, method, seed, arguments.steps or STEPS[part])
        for part in arguments.parts
        for seed in arguments.seeds
        for method in METHODS
    ]


def print_summary(rows: list[dict]) -> None:
    for part, method in dict.fromkeys((row["part"], row["method"]) for row in rows):
        shown = [row for row in rows if (row["part"], row["method"]) == (part, method)]
        values = {key: np.array([row[key] for row in shown]) for key in MEASURES}
        text = ", ".join(
            f"{key} {value.mean():.3f} ± {value.std(ddof=1) / len(value) ** 0.5 if len(value) > 1 else 0:.3f}"
            for key, value in values.items()
        )
        print(f"{part} {method}, {len(shown)} seeds: {text}")


def show(axis, part: str, rows: np.ndarray) -> None:
    """Points, or the first rows as pictures."""
    if part == "digits":
        tiles = rows[:24].reshape(8, 3, 3, 8, 8).transpose(0, 3, 1, 2, 4).reshape(64, 72)
        axis.imshow(tiles, cmap="gray_r", vmin=0, vmax=16)
        axis.set_axis_off()
    else:
        axis.scatter(*rows.T, s=1, alpha=0.5, color="#0072B2", rasterized=True)
        axis.set_aspect("equal")
        axis.set(xticks=[], yticks=[])


def draw(rows: list[dict], parts: list[str], seed: int):
    """Data and samples of both networks, one line per part."""
    size = 3.2 * len(parts)
    figure, axes = plt.subplots(len(parts), 3, figsize=(9.6, size), layout="constrained", squeeze=False)
    for line, part in zip(axes, parts, strict=True):
        data = DRAW[part](SHOWN_SAMPLES, np.random.default_rng(seed))
        show(line[0], part, data)
        line[0].set_title(f"{part.replace('_', ' ')}: data")
        for axis, method in zip(line[1:], METHODS, strict=True):
            row = next(r for r in rows if (r["part"], r["method"], r["seed"]) == (part, method, seed))
            show(axis, part, row["sample"])
            axis.set_title(f"{method}: {row['modes']} modes, KL {row['divergence']:.2f} nats")
        limits = line[0].axis()
        for axis in line[1:]:
            axis.axis(limits)
    return figure


def run(arguments: argparse.Namespace) -> None:
    rows = run_all(fit_one, list_jobs(arguments), arguments.jobs)
    print_summary(rows)
    figure = draw(rows, arguments.parts, arguments.seeds[0])
    for row in rows:
        del row["sample"]
    print(write_rows("mode_coverage", rows))
    print(save_figure(figure, "mode_coverage"))
