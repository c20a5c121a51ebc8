"""Further joint distributions: regressions on several columns, mixtures, mixed columns, a spatial field."""

import math
from functools import cache

import numpy as np
from scipy.linalg import toeplitz
from scipy.special import softmax

from benchmarks._random import Counts, normal_mixture, rotation
from skmine.distributions import (
    Affine,
    Asinh,
    HalfCube,
    Mixture,
    MultivariateNormal,
    Regression,
    Transformed,
    regression_tasks,
)


def _softmax(x: np.ndarray) -> np.ndarray:
    """Probabilities of six classes: the output of a random network of eight columns."""
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=(8, 16)), rng.normal(size=(16, 6))
    return softmax(np.tanh(x @ first) @ second, axis=1)


def _rotation(d: int, seed: int) -> np.ndarray:
    return rotation(np.random.default_rng(seed), d)


def _random_mixture(n_components: int, d_x: int, d_y: int, seed: int) -> Mixture:
    return normal_mixture(np.random.default_rng(seed), n_components, d_x, d_y, 0.5, 0.3)


def _mixed(d: int, correlation: float, seed: int) -> Transformed:
    """Pairs of normal columns. Each side is rotated, transformed column by column, and rotated again."""
    maps = [
        [Affine(_rotation(d, seed + side)), bend, Affine(_rotation(d, seed + side + 2))]
        for side, bend in enumerate((HalfCube(), Asinh()))
    ]
    return Transformed(MultivariateNormal.pairs(d, correlation), *maps)


def _turned(joint: Regression, seed: int) -> Transformed:
    return Transformed(joint, Affine(_rotation(joint.d_x, seed).T))


def _sine(x: np.ndarray) -> np.ndarray:
    return np.sin(3 * x[:, 0])


def _tree(x: np.ndarray) -> np.ndarray:
    left, right = np.where(x[:, 1] > 0.3, 2.0, 0.0), np.where(x[:, 2] > 0.7, 3.0, 1.0)
    return np.where(x[:, 0] > 0.5, left, right)


def _steps(x: np.ndarray) -> np.ndarray:
    return np.array([3.0, 0.0, 2.0, 5.0, 1.0, 4.0])[(6 * x[:, 0]).astype(int)]


@cache
def further_tasks() -> dict:
    """29 joint distributions. One, "friedman-10", is also in `skmine.distributions.regression_tasks`."""
    fork = [MultivariateNormal([[1, sign], [sign, 1.04]], 1) for sign in (1, -1)]
    lag = np.arange(13)
    place = np.stack(np.divmod(np.arange(64), 8), 1)
    distance = ((place[:, None] - place) ** 2).sum(2)
    return {
        "noise-of-its-own-size-1": Regression(lambda x: 0 * x[:, 0], 1, lambda x: np.exp(x[:, 0])),
        "noise-of-its-own-size-3": Regression(lambda x: x[:, 0] * x[:, 1], 3, lambda x: 0.3 + abs(x[:, 2])),
        "sine-of-a-sum-2": Regression(lambda x: np.sin(12 * x[:, 0] + 6 * x[:, 1]), 2, 0.2, x="uniform"),
        "friedman-10": regression_tasks()["friedman-1"],
        "maximum-5": Regression(lambda x: x.max(1), 5),
        "length-10": Regression(lambda x: np.linalg.norm(x, axis=1), 10),
        "gate-2": Regression(lambda x: (x[:, 0] > 0) * x[:, 1], 2),
        "product-3": Regression(lambda x: x.prod(1), 3),
        "sign-of-a-product-2": Regression(lambda x: np.sign(x.prod(1)), 2, 0.5),
        "tree-8": Regression(_tree, 8, x="uniform"),
        "sum-of-10-of-30": Regression(lambda x: x[:, :10].sum(1) / math.sqrt(10), 30, 0.6),
        "shuffled-steps-1": Regression(_steps, 1, 0.4, x="uniform"),
        "sine-1": Regression(_sine, 1, 0.2),
        "sine-turned-6": _turned(Regression(_sine, 6, 0.2), 11),
        "square-turned-8": _turned(Regression(lambda x: x[:, 0] ** 2, 8), 12),
        "fork": Mixture(fork),
        "mixture-1-1": _random_mixture(5, 1, 1, 0),
        "mixture-2-1": _random_mixture(6, 2, 1, 2),
        "mixture-2-2": _random_mixture(6, 2, 2, 1),
        "mixture-5-2": _random_mixture(4, 5, 2, 3),
        "mixed-2-2": _mixed(2, 0.8, 20),
        "mixed-3-3": _mixed(3, 0.7, 30),
        "mixed-5-5": _mixed(5, 0.6, 50),
        "mixed-10-10": _mixed(10, 0.5, 100),
        "series-10-3": MultivariateNormal(
            toeplitz(np.exp(-lag / 3) * np.cos(lag / 2)) + 0.05 * np.eye(13), 10
        ),
        "field-48-16": MultivariateNormal(np.exp(-distance / 8) + 0.3 * np.eye(64), 48),
        "softmax-8": Counts(_softmax, 8),
        "independent-3-3": Transformed(MultivariateNormal(np.eye(6), 3), HalfCube(), Asinh()),
        "independent-20-1": MultivariateNormal(np.eye(21), 20),
    }
