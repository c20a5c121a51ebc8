"""False discoveries: how often "auto" selects noise, and whether p-values are uniform."""

import argparse

import numpy as np
from scipy.stats import kstest

from benchmarks._run import run_all, write_rows
from skmine import MINEFeatureSelector
from skmine._columns import read_columns
from skmine._copula import Margin, independence_pvalues

KINDS = ["continuous", "mixed", "dependent", "classes"]
#: "weighted" has normal columns and skewed weights.
NOISE = [*KINDS, "weighted"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--strategies", nargs="+", default=["auto", "marginal"])


def draw_columns(kind: str, n: int, m: int, rng):
    """Columns and a target that are independent of each other."""
    X = rng.normal(size=(n, m))
    if kind == "mixed":
        X[:, ::3] = rng.integers(0, 3, X[:, ::3].shape)
        X[:, 1::3] = np.exp(3 * X[:, 1::3]) * (rng.uniform(size=X[:, 1::3].shape) > 0.4)
    if kind == "dependent":
        X += 2 * rng.normal(size=(n, 1))
    return X, rng.integers(0, 3, n) if kind == "classes" else rng.normal(size=n)


def fit_noise(strategy: str, kind: str, seed: int) -> dict:
    rng = np.random.default_rng([seed, NOISE.index(kind)])
    X, y = draw_columns(kind, 500, 50, rng)
    weight = rng.lognormal(0, 1.5, 500) if kind == "weighted" else None
    selected = MINEFeatureSelector(strategy=strategy, mi_path=False).fit(X, y, weight).n_features_
    return {"strategy": strategy, "kind": kind, "relevant": 0, "seed": seed, "false": selected, "share": 0.0}


def fit_signal(strategy: str, kind: str, seed: int) -> dict:
    """Ten relevant features of 500, n=500."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(500, 500))
    y = X[:, :10] @ rng.uniform(0.3, 1, 10) + rng.normal(size=500)
    y = (y > 0).astype(int) if kind == "classes" else y
    selected = np.flatnonzero(MINEFeatureSelector(strategy=strategy, mi_path=False).fit(X, y).support_)
    false = int((selected >= 10).sum())
    return {
        "strategy": strategy,
        "kind": kind,
        "relevant": len(selected) - false,
        "seed": seed,
        "false": false,
        "share": false / max(len(selected), 1),
    }


def null_pvalues(kind: str, n: int = 1000, n_draws: int = 1000) -> np.ndarray:
    """P-values of one column of each draw, so that they do not depend on each other."""
    pvalues = np.empty(n_draws)
    for draw in range(n_draws):
        X, y = draw_columns(kind, n, 3, np.random.default_rng([draw, KINDS.index(kind)]))
        column = X[:, [draw % 3]]  # the kinds of columns repeat after three
        margin = Margin.of_column(read_columns(column, "X")[0], False)
        target = Margin.of_column(read_columns(y, "y")[0], kind == "classes")
        pvalues[draw] = independence_pvalues([margin], target)[0]
    return pvalues


def run(arguments: argparse.Namespace) -> None:
    rows = run_all(
        fit_noise,
        [(s, k, d) for s in arguments.strategies for k in NOISE for d in range(arguments.draws)],
        arguments.jobs,
    )
    signal = run_all(
        fit_signal,
        [(s, k, d) for s in arguments.strategies for k in ("continuous", "classes") for d in range(20)],
        arguments.jobs,
    )
    for strategy in arguments.strategies:
        for kind in NOISE:
            shown = [r["false"] > 0 for r in rows if (r["strategy"], r["kind"]) == (strategy, kind)]
            print(f"{strategy}, {kind}: selects noise in {np.mean(shown):.3f} of {len(shown)} draws")
        for kind in ("continuous", "classes"):
            shown = [r for r in signal if (r["strategy"], r["kind"]) == (strategy, kind)]
            share = np.array([r["share"] for r in shown])
            found = np.mean([r["relevant"] for r in shown])
            print(
                f"{strategy}, {kind}, 10 relevant of 500: false discovery rate {share.mean():.3f} (standard "
                f"error {share.std() / len(share) ** 0.5:.3f}), {found:.1f} found"
            )
    for kind in KINDS:
        pvalues = null_pvalues(kind)
        shares = ", ".join(f"{np.mean(pvalues <= level):.3f} at most {level}" for level in (0.05, 0.01))
        print(
            f"p-values of one column in each of {len(pvalues)} draws, {kind}: {shares}; Kolmogorov-Smirnov "
            f"test that they are uniform: p = {kstest(pvalues, 'uniform').pvalue:.2f}"
        )
    print(write_rows("false_discoveries", rows + signal))
