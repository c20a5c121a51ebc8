"""Discrete and mixed columns: error compared with the plug-in value, missing values, entropy as limit."""

import argparse

import numpy as np
from scipy.stats import entropy

from benchmarks._run import run_all, timed_fit, write_rows
from skmine import mutual_info_classif
from skmine.distributions import (
    Affine,
    Concatenated,
    DiscreteTable,
    Independent,
    IntegerWithUniform,
    NoisyLabel,
    NormalClasses,
    NormalWithAtoms,
    NormalWithMissing,
    Padded,
    SignParity,
    Transformed,
    ZeroInflatedPoisson,
)


class Copy(DiscreteTable):
    """Y is X, one of `n_values`."""

    def __init__(self, n_values: int):
        super().__init__(np.eye(n_values) / n_values)


def tables() -> dict:
    """Two discrete columns."""
    rng = np.random.default_rng(0)
    return {
        "noisy-label": NoisyLabel(0.1),
        "table-4-6": DiscreteTable(rng.dirichlet(np.ones(24)).reshape(4, 6)),
        "table-30-20": DiscreteTable(rng.dirichlet(np.full(600, 0.3)).reshape(30, 20)),
        "table-independent": Independent(DiscreteTable(np.full((5, 5), 1 / 25))),
        "copy-2": Copy(2),
        "copy-20": Copy(20),
    }


def classes() -> dict:
    """Discrete y, continuous X."""
    one = NormalClasses([-2.0, 0.0, 1.5], [0.5, 1.0, 0.7])
    ten = NormalClasses(np.arange(10) * 1.5)
    rotation = Affine.rotation(50, random_state=0)
    return {
        "classes-three": one,
        "classes-hidden-50": Transformed(Padded(one, extra_x=49), rotation),
        "classes-ten-hidden-50": Transformed(Padded(ten, extra_x=49), rotation),
        "classes-concentric-5": NormalClasses(np.zeros((3, 5)), [1.0, 2.0, 3.0]),
        "classes-concentric-20": NormalClasses(np.zeros((3, 20)), [1.0, 1.3, 1.7]),
        "classes-rare": NormalClasses([0.0, 2.0], weights=[0.97, 0.03]),
        "classes-apart-10": NormalClasses(20.0 * np.eye(10)),
        "classes-none-20": Independent(NormalClasses(np.zeros((3, 20)), [1.0, 1.3, 1.7])),
        "parity-2-of-10": SignParity(2, d_x=10),
    }


def mixed() -> dict:
    """The cases of Gao et al. (2017), and missing values: NaN, or 0 if the name contains "zeros"."""
    return {
        "gao-1-atoms": NormalWithAtoms(),
        "gao-2-integer-uniform": IntegerWithUniform(5),
        "gao-3-integer-uniform-three-columns": Concatenated([IntegerWithUniform(m) for m in (2, 4, 8)]),
        "gao-4-poisson-0.15": ZeroInflatedPoisson(0.15),
        "missing-at-random": NormalWithMissing(0.9),
        "missing-by-value": NormalWithMissing(0.8, slope_x=1.5),
        "missing-by-target": NormalWithMissing(0.6, slope_y=1.5),
        "only-missingness-tells": NormalWithMissing(0.0, slope_y=3.0),
        "zeros-at-random": NormalWithMissing(0.9),
        "zeros-by-target": NormalWithMissing(0.6, slope_y=1.5),
    }


GROUPS = {"table": tables, "classes": classes, "mixed": mixed}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[500, 2000, 5000], help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])


def entropy_of(columns) -> float:
    """Entropy of the rows in nats; infinite if most rows occur once."""
    counts = np.unique(columns, axis=0, return_counts=True)[1]
    return float("inf") if len(counts) > len(columns) / 2 else float(entropy(counts))


def fit_joint(group: str, name: str, n: int, seed: int) -> dict:
    joint = GROUPS[group]()[name]
    X, y = joint.sample(n, seed)
    if name.startswith("zeros"):
        X = np.nan_to_num(X)
    entropies = entropy_of(X), entropy_of(y)
    plug_in = drop_in = float("nan")
    if group == "table":
        plug_in = sum(entropies) - entropy_of(np.hstack([X, y]))
        drop_in = mutual_info_classif(X, y.ravel(), discrete_features=True)[0]
    fit = timed_fit(X, y, random_state=seed)
    row = {"group": group, "joint": name, "n": n, "seed": seed, "truth": joint.mi, "plug_in": plug_in}
    row |= {"drop_in": drop_in, "at_most": min(entropies)}
    return row | {k: fit[k] for k in ("mi", "lower", "low", "high", "seconds")}


def run(arguments: argparse.Namespace) -> None:
    jobs = [
        (group, name, n, seed)
        for n in arguments.n
        for group in GROUPS
        for name in GROUPS[group]()
        for seed in arguments.seeds
    ]
    rows = run_all(fit_joint, jobs, arguments.jobs)
    print_summary(arguments.n, rows)
    print(write_rows("discrete", rows))


def print_summary(sizes: list[int], rows: list[dict]) -> None:
    for n in sizes:
        tables = [row for row in rows if (row["n"], row["group"]) == (n, "table")]
        for key, label in (("mi", "mi_"), ("drop_in", "mutual_info_classif"), ("plug_in", "plug-in value")):
            error = np.mean([abs(row[key] - row["truth"]) for row in tables])
            print(f"n={n}, table, {label}: mean absolute error {error:.4f} nats")
        for group in ("classes", "mixed"):
            shown = [row for row in rows if (row["n"], row["group"]) == (n, group)]
            error = np.array([row["mi"] - row["truth"] for row in shown])
            worst = sorted(zip(-np.abs(error), error, shown, strict=True), key=lambda item: item[0])[:3]
            listed = ", ".join(f"{row['joint']} {value:+.3f}" for _, value, row in worst)
            print(f"n={n}, {group}: mean absolute error {np.abs(error).mean():.4f} nats; worst {listed}")
    above = [row for row in rows if max(row["mi"], row["high"]) > row["at_most"] + 1e-9]
    names = ", ".join(f"{row['joint']} at n={row['n']}" for row in above)
    print(f"above the entropy of X or y: {len(above)} of {len(rows)} {names}")
