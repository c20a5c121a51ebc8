"""Speed of column scores compared with scikit-learn: single columns, all pairs, many rows, many columns.

CPU milliseconds on one thread. A limit is the largest time, or memory, that a case may take.
"""

import argparse
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_selection import mutual_info_regression as nearest_neighbours
from threadpoolctl import threadpool_limits

from benchmarks._run import machine, merge_rows, write_rows
from skmine import MINEFeatureSelector, mutual_info_matrix, mutual_info_regression

SIZES = (1000, 5000, 20_000)
#: Maximum ratio to scikit-learn's time for a single column: below 5,000 rows, and with 5,000 or more.
MOST_RATIO, MOST_RATIO_MANY_ROWS = 1.5, 1.0
MOST_MS = {"matrix": 3e3, "large matrix": 120e3, "rows": 20e3, "scores": 10e3, "selection": 30e3}
MOST_MEMORY = 1.0  # peak beyond the input, in units of the input
MOST_COMPARED = 2000  # pairs of a matrix that are compared with mutual_info_regression
SMALLEST_COMPARED = 0.01  # above this many nats, a difference is also given as a share of the value
KEYS = ("part", "case", "n", "columns")
LINE = "{:<10}{:<32}{:>10}{:>9}{:>12}{:>15}{:>9}{:>10}  {}"

#: A column that depends on x; `e` is a standard normal column.
FORMS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "tanh(20 x)": lambda x, e: np.tanh(20 * x) + 0.1 * e,
    "exp(3 x)": lambda x, e: np.exp(3 * x) + e,
    "sin(20 x)": lambda x, e: np.sin(20 * x) + 0.2 * e,
    "step": lambda x, e: (x > 0) + 0.1 * e,
    "|x|": lambda x, e: np.abs(x) + 0.1 * e,
    "equal": lambda x, e: x,
    "rounded": lambda x, e: np.round(x + 0.5 * e, 1),
    "independent": lambda x, e: e,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=7, help="of each single column; the fastest counts")
    parser.add_argument("--large", action="store_true", help="also a matrix of 2,000 columns, 10,000 rows")


def fastest(calls: list[Callable], repeats: int = 1) -> list[float]:
    """CPU milliseconds of the fastest of several runs of each function. The functions take turns."""
    best = np.full(len(calls), np.inf)
    for _ in range(repeats):
        for i, call in enumerate(calls):
            started = time.process_time()
            call()
            best[i] = min(best[i], 1e3 * (time.process_time() - started))
    return best.tolist()


def result(part: str, case: str, shape: tuple, ms: float, theirs: float, limit: float, **others) -> dict:
    """One row of the table, printed."""
    row = {"part": part, "case": case, "n": shape[0], "columns": shape[1], "ms": ms}
    row |= {"scikit_learn_ms": theirs, "limit_ms": limit}
    row |= {"memory": "", "difference": "", "relative_difference": "", "asymmetric": ""} | others
    notes = [f"{name} {value}" for name, value in others.items() if value != ""]
    over = ms > limit or (row["memory"] != "" and float(row["memory"]) > MOST_MEMORY)
    notes += ["ABOVE THE LIMIT"] if over else []
    figures = f"{ms:.2f}", f"{theirs:.2f}", f"{ms / theirs:.3f}", f"{limit:.1f}"
    print(LINE.format(part, case, *shape, *figures, ", ".join(notes)).rstrip(), flush=True)
    return row


def single_columns(arguments: argparse.Namespace) -> list[dict]:
    rows = []
    for n in SIZES:
        for case, form in FORMS.items():
            rng = np.random.default_rng(0)
            x, e = rng.normal(size=(2, n))
            X, y = x[:, None], form(x, e)
            calls = [lambda: mutual_info_regression(X, y), lambda: nearest_neighbours(X, y, random_state=0)]  # noqa: B023
            ours, theirs = fastest(calls, arguments.repeats)
            most = MOST_RATIO_MANY_ROWS if n >= 5000 else MOST_RATIO
            rows.append(result("single", case, X.shape, ours, theirs, most * theirs))
    return rows


def draw_groups(n: int, m: int, share: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Columns in which a share of the pairs are dependent. All columns of a group depend on one hidden
    column.

    Returns the columns and the group of each.
    """
    size = round(share * (m - 1)) + 1
    group = np.arange(m) // size
    hidden = rng.normal(size=(n, group.max() + 1))
    forms = [lambda x, e: x + e, FORMS["|x|"], FORMS["exp(3 x)"], FORMS["step"], FORMS["rounded"]]
    X = np.empty((n, m))
    for j in range(m):
        X[:, j] = forms[j % len(forms)](hidden[:, group[j]], rng.normal(size=n))
    return X, group[:, None] == group


def draw_factors(n: int, m: int, rng, n_factors: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Sums or differences of two of seven factors plus noise, so that half of the pairs are dependent."""
    loadings = np.zeros((n_factors, m))
    for j in range(m):
        loadings[rng.choice(n_factors, 2, replace=False), j] = rng.choice([-1, 1], 2)
    # All columns are normal, so pairs without correlation are independent.
    X = rng.normal(size=(n, n_factors)) @ loadings + rng.normal(size=(n, m))
    return X, loadings.T @ loadings != 0


def agreement(matrix: np.ndarray, X: np.ndarray, dependent: np.ndarray, rng) -> dict:
    """Largest differences from mutual_info_regression for dependent pairs, and number of asymmetric pairs."""
    difference, relative, compared = 0.0, 0.0, 0
    for j in rng.permutation(len(dependent)):
        others = np.flatnonzero(dependent[j] & (np.arange(len(dependent)) != j))
        others = others[: MOST_COMPARED - compared]
        if not len(others):
            continue
        scores = mutual_info_regression(X[:, others], X[:, j])
        gap = np.abs(matrix[others, j] - scores)
        large = scores > SMALLEST_COMPARED
        difference = max(difference, gap.max())
        relative = max(relative, (gap[large] / scores[large]).max(initial=0))
        compared += len(others)
    asymmetric = int((matrix != matrix.T).sum() // 2)
    if not compared:
        return {"asymmetric": asymmetric}
    return {
        "difference": f"{difference:.1e}",
        "relative_difference": f"{relative:.1e}",
        "asymmetric": asymmetric,
    }


def matrices(arguments: argparse.Namespace) -> list[dict]:
    """scikit-learn's time is extrapolated from 20 pairs to all pairs."""
    n, m = 2000, 200
    cases = {
        "independent": lambda rng: (rng.normal(size=(n, m)), np.zeros((m, m), dtype=bool)),
        "5 % of the pairs depend": lambda rng: draw_groups(n, m, 0.05, rng),
        "factors, half depend": lambda rng: draw_factors(n, m, rng),
    }
    if arguments.large:
        cases["5 % depend, large"] = lambda rng: draw_groups(10_000, 2000, 0.05, rng)
    rows = []
    for case, draw in cases.items():
        rng = np.random.default_rng(0)
        X, dependent = draw(rng)
        found = []
        (ours,) = fastest([lambda: found.append(mutual_info_matrix(X))], 1 if "large" in case else 2)  # noqa: B023
        (theirs,) = fastest([lambda: nearest_neighbours(X[:, :20], X[:, -1], random_state=0)])  # noqa: B023
        theirs *= X.shape[1] * (X.shape[1] - 1) / 2 / 20
        limit = MOST_MS["large matrix" if "large" in case else "matrix"]
        checked = agreement(found[-1], X, dependent, rng)
        rows.append(result("matrix", case, X.shape, ours, theirs, limit, **checked))
    return rows


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure_rows(n: int, m: int) -> tuple[float, float, float]:
    """CPU milliseconds for `m` columns (from two for scikit-learn), and memory over input size."""
    prepare()
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    X = np.empty((n, m))
    forms = list(FORMS.values())
    for j in range(m):  # one at a time, because a temporary copy of X would raise the peak
        X[:, j] = forms[j % len(forms)](y, rng.normal(size=n))
    before = peak_bytes()
    (ours,) = fastest([lambda: mutual_info_regression(X, y)])
    memory = (peak_bytes() - before) / X.nbytes
    (theirs,) = fastest([lambda: nearest_neighbours(X[:, [0, -1]], y, random_state=0)])
    return ours, theirs * m / 2, memory


def many_rows(arguments: argparse.Namespace, n: int = 1_000_000, m: int = 20) -> list[dict]:
    """Run the case in a separate process, so that the peak memory is that of this case."""
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as pool:
        ours, theirs, memory = pool.submit(measure_rows, n, m).result()
    return [result("rows", "all forms", (n, m), ours, theirs, MOST_MS["rows"], memory=f"{memory:.2f}")]


def many_columns(arguments: argparse.Namespace, n: int = 60, m: int = 20_000) -> list[dict]:
    """scikit-learn's time is that of its scores, also for the selection, because it has no mRMR."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, m))
    y = X[:, :5].sum(axis=1) + rng.normal(size=n)
    selector = MINEFeatureSelector(25, strategy="mrmr")
    calls = [
        lambda: mutual_info_regression(X, y),
        lambda: selector.fit(X, y),
        lambda: nearest_neighbours(X, y, random_state=0),
    ]
    scores, selection, theirs = fastest(calls)
    return [
        result("columns", "mutual_info_regression", X.shape, scores, theirs, MOST_MS["scores"]),
        result("columns", "mrmr, 25 features", X.shape, selection, theirs, MOST_MS["selection"]),
    ]


PARTS = {"single": single_columns, "matrix": matrices, "rows": many_rows, "columns": many_columns}


def prepare() -> None:
    """One thread, and a small call of each function: the first also imports and compiles."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    threadpool_limits(1)
    X = np.random.default_rng(0).normal(size=(200, 10))
    X[:, 1] = np.tanh(20 * X[:, 0])
    mutual_info_matrix(X)
    mutual_info_regression(X, X[:, 0])
    MINEFeatureSelector(2, strategy="mrmr").fit(X, X[:, 0])
    nearest_neighbours(X, X[:, 0])


def commit() -> str:
    """Commit of the measured code, with a mark if files have been changed. Empty outside a repository."""
    command = ["git", "describe", "--always", "--dirty=-changed", "--exclude=*"]
    found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def run(arguments: argparse.Namespace) -> None:
    prepare()
    made_by = {"commit": commit(), "machine": machine()}
    print(made_by["machine"], "commit", made_by["commit"])
    heads = ("rows", "columns", "CPU ms", "scikit-learn", "ratio", "limit", "")
    print(LINE.format("part", "case", *heads).rstrip(), flush=True)
    rows = [row | made_by for part in arguments.parts for row in PARTS[part](arguments)]
    print(write_rows("columns", merge_rows("columns", rows, KEYS)))
