"""Random joint distributions of known mutual information: as many as you like that nobody has tuned for."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import entr, ndtr, ndtri, softmax, xlogy
from scipy.stats import poisson, qmc

from skmine.distributions import (
    Affine,
    Asinh,
    ClaytonCopula,
    Concatenated,
    DiscreteTable,
    FrankCopula,
    GumbelCopula,
    HalfCube,
    Mixture,
    MultivariateNormal,
    MultivariateStudent,
    NormalClasses,
    NormalMixtureQuantile,
    Padded,
    Regression,
    Transformed,
    Wiggly,
    WithInliers,
)

_REFERENCE_BITS = 14
Rng = np.random.Generator
Function = Callable[[np.ndarray], np.ndarray]


class Counts:
    """A discrete y whose distribution given normal columns is known.

    Parameters
    ----------
    probability : callable
        Function of x, of shape (n, d), that returns the probabilities of the values 0, 1, ... of y.
    d : int
        Number of columns of x.
    """

    def __init__(self, probability: Function, d: int):
        self.probability, self.d = probability, d

    @cached_property
    def mi(self) -> float:
        """Truth in nats, from 16,384 quasi-random points of x."""
        points = qmc.Sobol(self.d, seed=0).random_base2(_REFERENCE_BITS).clip(1e-6, 1 - 1e-6)
        probability = self.probability(ndtri(points))
        return float(entr(probability.mean(0)).sum() + xlogy(probability, probability).sum(1).mean())

    def sample(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of x and of y."""
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, self.d))
        return x, (self.probability(x).cumsum(1) > rng.uniform(size=(n, 1))).argmax(1)


def _network(rng: Rng, d: int, slope: float, hinge: bool) -> Function:
    """A network of one hidden layer, of tanh units or of hinges."""
    hidden = slope * rng.normal(size=(d, 24)) / math.sqrt(d)
    offset, out = rng.normal(size=24), rng.normal(size=24) / 4
    bend = (lambda z: np.maximum(z, 0)) if hinge else np.tanh
    return lambda x: bend(x @ hidden + offset) @ out


def _tree(rng: Rng, d: int) -> Function:
    """A regression tree of depth three, with one column for each level."""
    columns, leaves = rng.integers(d, size=3), rng.normal(size=8)
    cuts = rng.normal(scale=0.5, size=3)
    return lambda x: leaves[(x[:, columns] > cuts) @ np.array([1, 2, 4])]


def _curve(rng: Rng) -> Function:
    """A random curve: a wave, a bend, a step or a bump."""
    speed, shift, height = rng.uniform(1, 3), rng.normal(), rng.normal()
    curves = [
        lambda z: np.sin(speed * z + shift),
        lambda z: np.abs(z - shift),
        lambda z: 1.5 * (z > shift),
        lambda z: 2 * np.exp(-2 * (z - shift) ** 2),
    ]
    curve = curves[rng.integers(4)]
    return lambda z: height * curve(z)


def _sum(rng: Rng, d: int) -> Function:
    """A sum of curves of single columns."""
    curves = [_curve(rng) for _ in range(d)]
    return lambda x: sum(curve(x[:, k]) for k, curve in enumerate(curves))


def _products(rng: Rng, d: int) -> Function:
    """A sum of products of two columns."""
    pairs = [rng.choice(d, 2, replace=False) for _ in range(2)]
    return lambda x: sum(x[:, i] * x[:, j] for i, j in pairs)


def _bumps(rng: Rng, d: int) -> Function:
    """Three bumps in two of the columns."""
    places, heights = rng.normal(size=(3, 2)), 2 * rng.normal(size=3)
    return lambda x: sum(
        h * np.exp(-2 * ((x[:, :2] - place) ** 2).sum(1)) for place, h in zip(places, heights, strict=True)
    )


def _gate(rng: Rng, d: int) -> Function:
    """One of two slopes, chosen by the sign of another column."""
    first, second = rng.normal(size=(2, d - 1))
    return lambda x: np.where(x[:, 0] > 0, x[:, 1:] @ first, x[:, 1:] @ second)


def rotation(rng: Rng, d: int) -> np.ndarray:
    """A random rotation, (d, d)."""
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


def normal_mixture(rng: Rng, n_components: int, d_x: int, d_y: int, spread: float, least: float) -> Mixture:
    """Gaussians at random places. Their covariances are squares of `least` I plus noise of size `spread`."""
    d = d_x + d_y
    components = []
    for _ in range(n_components):
        root = spread * rng.normal(size=(d, d)) / math.sqrt(d) + least * np.eye(d)
        components.append(MultivariateNormal(root @ root.T, d_x, 1.5 * rng.normal(size=d)))
    return Mixture(components, rng.dirichlet(3 * np.ones(n_components)))


def _bend(rng: Rng):
    """A random increasing map of each column."""
    waves = Wiggly(0.3 * rng.dirichlet(np.ones(2)), rng.uniform(1, 3, size=2), rng.normal(size=2))
    peaks = NormalMixtureQuantile(rng.normal(scale=2, size=3), rng.dirichlet(2 * np.ones(3)), 0.4)
    return [HalfCube(), Asinh(), waves, peaks][rng.integers(4)]


def _covariance(rng: Rng, d: int) -> np.ndarray:
    root = rng.normal(size=(d, d + 2))
    covariance = root @ root.T
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def _regression(of: Callable[[Rng, int], Function], even: bool = True) -> Callable[[Rng], Any]:
    """A regression whose noise is a random share of the spread of its mean, perhaps with idle columns."""

    def draw(rng: Rng):
        d = int(rng.integers(2, 9))
        mean = of(rng, d)
        spread = mean(np.random.default_rng(0).normal(size=(2000, d))).std()
        noise = spread * math.exp(rng.uniform(math.log(0.15), 0))
        lean = 0.0 if even else rng.uniform(0.4, 0.9)
        joint = Regression(
            mean, d, lambda x: noise * np.exp(lean * x[:, -1]) if lean else np.full(len(x), noise)
        )
        return Padded(joint, extra_x=int(rng.integers(1, 9))) if rng.uniform() < 0.4 else joint

    return draw


def _two_outputs(rng: Rng):
    """Two regressions on columns of their own, mixed on both sides."""
    parts = []
    for of in (_sum, lambda rng, d: _network(rng, d, 1.5, hinge=False)):
        d = int(rng.integers(1, 4))
        parts.append(Regression(of(rng, d), d, rng.uniform(0.2, 0.6)))
    joint = Concatenated(parts)
    return Transformed(joint, Affine(rotation(rng, joint.d_x)), Affine(rotation(rng, 2)))


def _bent_normal(rng: Rng):
    d_x, d_y = rng.integers(1, 6, size=2)
    joint = MultivariateNormal(_covariance(rng, d_x + d_y), int(d_x))
    return Transformed(joint, _bend(rng), _bend(rng))


def _mixed_normal(rng: Rng):
    """Normal columns, bent and then rotated, so that no increasing map of a column makes them normal."""
    d_x, d_y = rng.integers(2, 5, size=2)
    joint = MultivariateNormal(_covariance(rng, d_x + d_y), int(d_x))
    sides = [[_bend(rng), Affine(rotation(rng, int(d)))] for d in (d_x, d_y)]
    return Transformed(joint, *sides)


def _student(rng: Rng):
    d_x, d_y = rng.integers(1, 5, size=2)
    return MultivariateStudent(_covariance(rng, d_x + d_y), int(d_x), float(rng.uniform(1.5, 8)))


def _mixture(rng: Rng):
    d_x, d_y = (int(d) for d in rng.integers(1, 4, size=2))
    return normal_mixture(rng, int(rng.integers(2, 8)), d_x, d_y, 0.6, 0.25)


def _inliers(rng: Rng):
    d_x, d_y = rng.integers(1, 4, size=2)
    joint = WithInliers(MultivariateNormal(_covariance(rng, d_x + d_y), int(d_x)), rng.uniform(0.1, 0.6))
    return Transformed(joint, _bend(rng), _bend(rng))


def _copulas(rng: Rng):
    """Pairs of three copulas side by side."""
    draws = [lambda t: ClaytonCopula(t), lambda t: GumbelCopula(1 + t), lambda t: FrankCopula(4 * t)]
    return Concatenated([draw(float(rng.uniform(0.3, 3))) for draw in draws[: rng.integers(1, 4)]])


def _relation(rng: Rng):
    curves = [_curve(rng) for _ in range(2)]
    return Regression(lambda x: sum(curve(3 * x[:, 0]) for curve in curves), 1, rng.uniform(0.05, 0.6))


def _table(rng: Rng):
    rows, columns = rng.integers(2, 16, size=2)
    return DiscreteTable(rng.dirichlet(np.full(rows * columns, 0.3)).reshape(rows, columns))


def _classes(rng: Rng):
    parts, d = int(rng.integers(2, 8)), int(rng.integers(1, 7))
    return NormalClasses(1.5 * rng.normal(size=(parts, d)), np.exp(0.4 * rng.normal(size=parts)))


def _softmax(rng: Rng):
    d, parts = int(rng.integers(2, 9)), int(rng.integers(2, 7))
    scores = [_network(rng, d, 1.0, hinge=bool(rng.integers(2))) for _ in range(parts)]
    return Counts(lambda x: softmax(2 * np.stack([score(x) for score in scores], 1), axis=1), d)


def _poisson(rng: Rng):
    d = int(rng.integers(1, 6))
    log_rate = _sum(rng, d)
    values = np.arange(200)

    def probability(x: np.ndarray) -> np.ndarray:
        rate = np.exp(log_rate(x).clip(-3, 4))
        table = poisson.pmf(values, rate[:, np.newaxis])
        return table / table.sum(1, keepdims=True)

    return Counts(probability, d)


def _rounded(rng: Rng):
    """A regression whose y is rounded to a grid."""
    d = int(rng.integers(1, 6))
    mean, noise, step = _network(rng, d, 1.5, hinge=False), rng.uniform(0.2, 0.8), rng.uniform(0.2, 1)
    edges = step * np.arange(-40, 40)

    def probability(x: np.ndarray) -> np.ndarray:
        below = ndtr((edges - mean(x)[:, np.newaxis]) / noise)
        return np.diff(below, axis=1, prepend=0, append=1).clip(0)

    return Counts(probability, d)


def _side_by_side(rng: Rng):
    """Normal columns beside two columns of a table."""
    return Concatenated([_bent_normal(rng), _table(rng)])


KINDS: dict[str, Callable[[Rng], Any]] = {
    "tanh": _regression(lambda rng, d: _network(rng, d, 1.5, hinge=False)),
    "hinge": _regression(lambda rng, d: _network(rng, d, 1.5, hinge=True)),
    "tree": _regression(_tree),
    "sum": _regression(_sum),
    "products": _regression(_products),
    "bumps": _regression(_bumps),
    "gate": _regression(_gate),
    "uneven": _regression(_sum, even=False),
    "curve": _relation,
    "two-outputs": _two_outputs,
    "bent-normal": _bent_normal,
    "mixed-normal": _mixed_normal,
    "student": _student,
    "mixture": _mixture,
    "inliers": _inliers,
    "copulas": _copulas,
    "table": _table,
    "classes": _classes,
    "softmax": _softmax,
    "poisson": _poisson,
    "rounded": _rounded,
    "side-by-side": _side_by_side,
}


def random_tasks(draw: int, copies: int = 2) -> dict:
    """Joint distributions of all kinds, `copies` of each, with random parameters.

    Parameters
    ----------
    draw : int
        Seed of the parameters. A draw that has never been looked at shows what to expect of new data.
    copies : int, default=2
        Number of distributions of each kind.

    Returns
    -------
    dict
        Names and distributions. The parameters depend on the position of the kind, so append new kinds.
    """
    return {
        f"{kind}-{copy}": KINDS[kind](np.random.default_rng([draw, number, copy]))
        for number, kind in enumerate(KINDS)
        for copy in range(copies)
    }
