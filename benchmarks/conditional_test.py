"""Tests of conditional independence: rejections with and without dependence, compared with KCIT and GCM.

KCIT is taken from causal-learn. `--causal-learn FOLDER` is the site-packages folder of an environment with
it.
"""

import argparse
import sys
import time
import warnings

import numpy as np
import torch
from scipy.stats import norm
from sklearn.datasets import load_diabetes, load_wine, make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_predict

from benchmarks._run import run_all, write_rows
from skmine import mutual_info_test

LINKS = (
    lambda v: v,
    lambda v: 1.3 * np.sin(1.8 * v),
    lambda v: 1.6 * np.abs(v),
    lambda v: np.tanh(2 * v),
    lambda v: 3 * np.exp(-2 * v**2),
    lambda v: 2.0 * (v > 0.4),
    lambda v: np.cos(2 * v) * 1.4,
)
LEVEL = 0.05
TABLE_ROWS = {"diabetes": 300, "wine": 150}


def scaled(values):
    return (values - values.mean()) / max(values.std(), 1e-12)


def cut(values, rng):
    levels = rng.integers(2, 6)
    return np.searchsorted(np.quantile(values, np.arange(1, levels) / levels), values).astype(float)


def mixed(n: int, rng):
    """One to seven common parents, several link functions, columns cut into levels (Huegle et al., 2023)."""
    share = rng.choice([0.0, 0.25, 0.5, 0.75, 1.0])

    def maybe_cut(values):
        return cut(values, rng) if rng.random() < share else values

    def link(values):
        return LINKS[rng.integers(len(LINKS))](scaled(values))

    Z = np.column_stack([maybe_cut(z) for z in rng.normal(size=(rng.integers(1, 8), n))])

    def of_parents():
        return scaled(sum(rng.uniform(0.4, 1) * rng.choice([-1, 1]) * link(z) for z in Z.T))

    x = maybe_cut(scaled(of_parents() + rng.uniform(0.5, 1) * rng.normal(size=n)))
    dependent = bool(rng.random() < 0.5)
    effect = rng.uniform(0.3, 0.9) * link(x) if dependent else 0.0
    y = maybe_cut(scaled(of_parents() + effect + rng.uniform(0.5, 1) * rng.normal(size=n)))
    return x, y, Z, dependent


def special(kind: str):
    """Difficult relations to Z; X and y are independent given Z."""

    def draw(n: int, rng):
        noise = rng.normal(size=(2, n))
        Z = rng.normal(size=(n, 1))
        if kind == "copy of x":
            return Z[:, 0] + 0.01 * noise[0], np.sin(2 * Z[:, 0]) + 0.5 * noise[1], Z, False
        if kind == "copy of y":
            return Z[:, 0] ** 2 + 0.5 * noise[0], Z[:, 0] + 0.01 * noise[1], Z, False
        if kind == "heavy tails":
            Z = rng.standard_t(1, size=(n, 2))
            x, y = 2 * np.arctan(Z[:, 0]) + np.sign(Z[:, 1]), np.arctan(Z).sum(axis=1)
        elif kind == "discrete":
            Z = rng.integers(0, [4, 3], size=(n, 2)).astype(float)
            x, y = 2 * (Z[:, 0] == 2) + Z[:, 1], Z[:, 0] * Z[:, 1] % 3
            noise = noise * (1 + Z[:, 1])
        else:
            Z = rng.normal(size=(n, 50))
            x, y = Z @ rng.normal(size=(50, 2)).T[0] / 7, np.sin(2 * Z[:, 0]) + Z[:, 1]
        return x + 0.7 * noise[0], y + 0.7 * noise[1], Z, False

    return draw


def friedman(n: int, rng):
    """y depends on five of ten columns, and on the product of two of them."""
    X, y = make_friedman1(n, random_state=int(rng.integers(2**31)))
    j = rng.integers(10)
    return X[:, j], y, np.delete(X, j, axis=1), bool(j < 5)


def exclusive_or(n: int, rng):
    """A confounder c of x and y. In half of the cases, y also depends on the sign of a product."""
    c, e, b, free, noise = rng.normal(size=(5, n))
    dependent = bool(rng.random() < 0.5)
    sign = np.sign((e if dependent else free) * b)
    return c + e, c + 0.7 * sign + 0.7 * noise, np.column_stack([c, b]), dependent


def real(load):
    """A column of a table and its target given all others, or a copy that adds nothing to them."""
    X, y = load(return_X_y=True)

    def draw(n: int, rng):
        rows = rng.permutation(len(y))[:n]
        j = rng.integers(X.shape[1])
        x, Z = X[:, j], np.delete(X, j, axis=1)
        dependent = bool(rng.random() < 0.5)
        if not dependent:
            predicted = cross_val_predict(HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=8), Z, x)
            x = predicted + rng.permutation(x - predicted)
        return x[rows], y[rows].astype(float), Z[rows], dependent

    return draw


CASES = {
    "mixed": mixed,
    **{kind: special(kind) for kind in ("copy of x", "copy of y", "heavy tails", "discrete", "50 columns")},
    "friedman1": friedman,
    "exclusive or": exclusive_or,
    "diabetes": real(load_diabetes),
    "wine": real(load_wine),
}


def skmine_test(x, y, Z):
    return mutual_info_test(x[:, None], y, Z, random_state=0).pvalue


def gcm(x, y, Z):
    """Shah and Peters (2020), with boosted trees and five folds."""
    model = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=8)
    product = np.prod([v - cross_val_predict(model, Z, v) for v in (x, y)], axis=0)
    return 2 * norm.sf(abs(np.sqrt(len(x)) * product.mean() / product.std()))


def kcit(x, y, Z):
    """Zhang et al. (2011), as in causal-learn."""
    from causallearn.utils.cit import CIT

    return CIT(np.column_stack([x, y, Z]), "kci")(0, 1, list(range(2, 2 + Z.shape[1])))


METHODS = {"skmine": skmine_test, "gcm": gcm, "kcit": kcit}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", type=int, nargs="+", default=[500, 1000], help="rows; all but `mixed` take the first"
    )
    parser.add_argument("--draws", type=int, default=200, help="of `mixed`; half of the others")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--methods", nargs="+", default=["skmine", "gcm"], choices=METHODS)
    parser.add_argument("--causal-learn", default=None, help="site-packages with causal-learn, for kcit")


def run_case(name: str, n: int, draws: int, method: str, folder: str | None) -> dict:
    torch.set_num_threads(1)
    if folder:
        sys.path.append(folder)
    rows = TABLE_ROWS.get(name, n)
    pvalue, dependent, seconds = [], [], 0.0
    for draw in range(draws):
        x, y, Z, depends = CASES[name](rows, np.random.default_rng([draw, n]))
        if min(np.ptp(x), np.ptp(y)) == 0:  # a link of levels can be constant
            continue
        started = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pvalue.append(float(METHODS[method](x, y, Z)))
        seconds += time.process_time() - started
        dependent.append(depends)
    p, d = np.array(pvalue), np.array(dependent)
    pairs = p[d][:, None] - p[~d]
    return {
        "case": name,
        "n": rows,
        "method": method,
        "draws": len(p),
        "rejected_independent": float((p[~d] <= LEVEL).mean()),
        "rejected_dependent": float((p[d] <= LEVEL).mean()) if d.any() else np.nan,
        "area": float((pairs < 0).mean() + (pairs == 0).mean() / 2) if d.any() else np.nan,
        "seconds": seconds / len(p),
    }


def run(arguments: argparse.Namespace) -> None:
    jobs = [
        (
            name,
            n,
            arguments.draws if name == "mixed" else arguments.draws // 2,
            method,
            arguments.causal_learn,
        )
        for name in arguments.cases
        for n in (arguments.n if name == "mixed" else arguments.n[:1])
        for method in arguments.methods
    ]
    print(write_rows("conditional_test", run_all(run_case, jobs, arguments.jobs)))
