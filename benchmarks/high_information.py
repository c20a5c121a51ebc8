"""High information: 5 to 20 nats in 10 to 128 dimensions, and whether a wrong value comes with a warning."""

import argparse

import numpy as np

from benchmarks._run import fit_recorded, merge_rows, run_all, write_rows
from benchmarks.rivals import add_environments, run_rival
from skmine.distributions import Affine, HalfCube, MultivariateNormal, Spiral, Transformed

METHODS = ["skmine", "bmi MINE", "bmi InfoNCE", "torch-mist SMILE", "torch-mist DoE"]
FOR_RIVALS = [
    "gaussian-20-5",
    "gaussian-20-10",
    "gaussian-20-20",
    "half_cube-10-5",
    "half_cube-10-10",
    "spiral-10-5",
    "spiral-10-10",
]


def joints() -> dict:
    """Joint distributions. Names contain the columns per side and the nats. Gaussian columns are rotated."""
    gaussians = {
        f"gaussian-{d}-{mi}": rotated(normal(d, mi), d) for d in (10, 20, 64, 128) for mi in (5, 10, 20)
    }
    bent = {
        f"half_cube-{d}-{mi}": Transformed(normal(d, mi), HalfCube(), HalfCube())
        for d in (10, 25)
        for mi in (5, 10)
    }
    turned = {
        f"spiral-{d}-{mi}": Transformed(normal(d, mi), Spiral(1 / d, 0, 1), Spiral(1 / d, 1, 2))
        for d in (10, 25)
        for mi in (5, 10)
    }
    return {**gaussians, **bent, **turned}


def normal(d: int, mi: float) -> MultivariateNormal:
    """`d` pairs with the same correlation, and `mi` nats in total."""
    return MultivariateNormal.pairs(d, float(np.sqrt(-np.expm1(-2 * mi / d))))


def rotated(joint, d: int):
    return Transformed(joint, *(Affine.rotation(d, random_state=seed) for seed in (0, 1)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, nargs="+", default=[5000, 10000], help="rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="others keep their rows in the table")
    add_environments(parser)


def fit_joint(name: str, n: int, seed: int) -> dict:
    joint = joints()[name]
    fit, messages = fit_recorded(*joint.sample(n, seed), random_state=seed)
    row = {"joint": name, "n": n, "seed": seed, "method": "skmine", "truth": joint.mi}
    row |= {key: fit[key] for key in ("mi", "lower", "low", "high", "seconds")}
    return row | {"warned": int(bool(messages))}


def run(arguments: argparse.Namespace) -> None:
    for method in arguments.methods or METHODS:
        if method == "skmine":
            jobs = [(name, n, seed) for n in arguments.n for name in joints() for seed in arguments.seeds]
            rows = run_all(fit_joint, jobs, arguments.jobs)
        else:
            rows = of_rival(method, max(arguments.n), arguments)
        rows = merge_rows("high_information", rows, keys=("joint", "n", "seed", "method"))
        path = write_rows("high_information", rows)
    print_summary(rows)
    print(path)


def of_rival(method: str, n: int, arguments: argparse.Namespace) -> list[dict]:
    """Results of a rival, only for the largest number of rows."""
    jobs = [(name, joints()[name], n, seed) for name in FOR_RIVALS for seed in arguments.seeds]
    missing = dict.fromkeys(("lower", "low", "high"), float("nan"))
    return [
        {"joint": row["task"], **{key: row[key] for key in ("n", "seed", "method", "truth", "mi")}}
        | missing
        | {"seconds": row["seconds"], "warned": 0}
        for row in run_rival(method, jobs, arguments.environments)
    ]


def print_summary(rows: list[dict]) -> None:
    for row in rows:
        truth, mi = float(row["truth"]), float(row["mi"])
        right = abs(mi - truth) <= max(0.05 * truth, 0.2)
        verdict = "within 5 % or 0.2 nats" if right else "OFF"
        warned = ", warned" if int(row["warned"]) else ""
        print(
            f"{row['method']}, {row['joint']}, n={row['n']}: {mi:.3f} for {truth:.1f} nats "
            f"({mi - truth:+.3f}, {mi / truth - 1:+.1%}), {verdict}{warned}"
        )
