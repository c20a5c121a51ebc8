"""Regression models with independent features: Y = mean(X) + scale(X) * noise."""

from functools import cached_property

import numpy as np
from scipy.special import entr, ndtri
from scipy.stats import qmc

from skmine.distributions._base import LOG_SQRT_2_PI, JointDistribution, check_count

_N_POINTS = 2**14  # quasi-random points of X
_N_NODES = 2_000  # equally spaced points of y; about as many are added at steep parts of the density
_REACH = 7.0  # range of the noise, in standard deviations


class Regression(JointDistribution):
    """Y is normal given X; its mean and its standard deviation are functions of X.

    The features, which are the columns of X, are independent. `mi` is h(Y) - E[h(Y | X)], computed by
    quadrature over y and 16,384 quasi-random points of X. Its error is below 0.003 for functions that are
    smooth enough to be resolved by a thousand points.

    Parameters
    ----------
    mean : callable
        Function of X, of shape (n, d_x), that returns the mean of Y, of shape (n,).
    d_x : int
        Number of features.
    scale : callable or float, default=0.3
        Standard deviation of the noise: a positive number, or a function like `mean`.
    x : {"uniform", "normal"}, default="normal"
        Each feature is uniform on [0, 1] or standard normal.

    Raises
    ------
    TypeError
        If `mean` is not callable.
    ValueError
        If `x` or `scale` is not a valid value, or a function returns the wrong shape.

    Examples
    --------
    >>> from skmine.distributions import Regression
    >>> joint = Regression(lambda X: X.sum(axis=1), d_x=3, scale=1.0)
    >>> round(joint.mi, 2)  # log(1 + 3) / 2
    0.69
    """

    d_y = 1

    def __init__(self, mean, d_x, scale=0.3, x="normal"):
        if not callable(mean):
            raise TypeError(
                f"mean must be callable; got {type(mean).__name__}. Pass a function of X of shape (n, d_x)."
            )
        if not callable(scale) and not scale > 0:
            raise ValueError(f"scale must be positive; got {scale!r}. Pass a positive number or a function.")
        if x not in ("uniform", "normal"):
            raise ValueError(f'x must be "uniform" or "normal"; got {x!r}. Pass one of the two.')
        self.mean, self.scale, self.x = mean, scale, x
        self.d_x = check_count(d_x, "d_x")

    def _sample(self, n_samples, rng):
        shape = n_samples, self.d_x
        X = rng.uniform(size=shape) if self.x == "uniform" else rng.standard_normal(shape)
        mean, scale = self._moments(X)
        return X, (mean + scale * rng.standard_normal(n_samples))[:, np.newaxis]

    def _moments(self, X):
        """Mean and standard deviation of Y for each row of X."""
        scale = self.scale(X) if callable(self.scale) else np.full(len(X), float(self.scale))
        moments = [np.asarray(values, dtype=np.float64) for values in (self.mean(X), scale)]
        for name, rule, least, values in zip(
            ("mean", "scale"), ("finite", "positive"), (-np.inf, 0), moments, strict=True
        ):
            if values.shape != (len(X),) or not (np.isfinite(values) & (values > least)).all():
                raise ValueError(
                    f"{name} must return {len(X)} {rule} numbers for {len(X)} rows; got shape "
                    f"{values.shape}. Return one number for each row of X."
                )
        return moments

    @cached_property
    def _points(self):
        points = qmc.Sobol(self.d_x, seed=0).random(_N_POINTS).clip(1e-6, 1 - 1e-6)
        return points if self.x == "uniform" else ndtri(points)

    @cached_property
    def _y_density(self):
        """Sorted values of y and the density of Y."""
        mean, scale = self._moments(self._points)
        ends = (mean - _REACH * scale).min(), (mean + _REACH * scale).max()
        narrow = np.argsort(scale)[:: len(scale) // 50]
        near = mean[narrow] + np.outer(np.linspace(-_REACH, _REACH, 41), scale[narrow])
        y = np.sort(np.concatenate([np.linspace(*ends, _N_NODES), near.ravel()]))
        density = [
            np.exp(-(((part - mean) / scale) ** 2) / 2) @ (1 / scale) / len(scale)
            for part in np.array_split(y[:, np.newaxis], len(y) // 8)  # each stays in the cache
        ]
        return y, np.concatenate(density) / np.exp(LOG_SQRT_2_PI)

    def _mutual_information(self):
        y, density = self._y_density
        _, scale = self._moments(self._points)
        return np.trapezoid(entr(density), y) - np.log(scale).mean() - LOG_SQRT_2_PI - 0.5

    def _log_ratio(self, X, Y):
        return self._log_prob_y_given_x(X, Y) - self._log_prob_y(Y)

    def _log_prob(self, X, Y):
        return self._log_prob_x(X) + self._log_prob_y_given_x(X, Y)

    def _log_prob_x(self, X):
        if self.x == "uniform":
            return np.where(((X >= 0) & (X <= 1)).all(axis=1), 0.0, -np.inf)
        return -(LOG_SQRT_2_PI + X**2 / 2).sum(axis=1)

    def _log_prob_y_given_x(self, X, Y):
        mean, scale = self._moments(X)
        return -LOG_SQRT_2_PI - np.log(scale) - ((Y[:, 0] - mean) / scale) ** 2 / 2

    def _log_prob_y(self, Y):
        y, density = self._y_density
        return np.log(np.interp(Y[:, 0], y, density, left=0, right=0))


def regression_tasks():
    """Build ten different regression models, to test estimators on.

    They include networks, jumps, waves, a maximum, Friedman's functions and noise of uneven size.

    Returns
    -------
    tasks : dict of str to Regression

    References
    ----------
    Friedman, J. H. (1991). Multivariate adaptive regression splines. The Annals of Statistics 19(1). The
    tasks "friedman-1" to "friedman-3" are the functions of :func:`sklearn.datasets.make_friedman1` and its
    two siblings, with features on the unit cube.

    Examples
    --------
    >>> from skmine.distributions import regression_tasks
    >>> len(regression_tasks())
    10
    """
    return {
        "network-smooth-10": Regression(_Network(10, 16, 1.0, seed=1), 10, 0.25),
        "network-rough-3": Regression(_Network(3, 40, 2.0, seed=2), 3, 0.1),
        "chirp-across-2": Regression(_chirp, 2, 0.3, "uniform"),
        "chequerboard-2": Regression(_chequerboard, 2, 0.4, "uniform"),
        "steps-4": Regression(_steps, 4, 0.5, "uniform"),
        "maximum-of-8": Regression(_maximum, 8, 0.3),
        "friedman-1": Regression(_friedman_1, 10, 1.0, "uniform"),
        "friedman-2": Regression(_friedman_2, 4, 125.0, "uniform"),
        "friedman-3": Regression(_friedman_3, 4, 0.1, "uniform"),
        "additive-uneven-6": Regression(_additive, 6, _uneven),
    }


class _Network:
    """A random network of one hidden layer of tanh units, scaled to variance about one."""

    def __init__(self, d, width, size, seed):
        rng = np.random.default_rng(seed)
        self.hidden = size * rng.normal(size=(d, width)) / np.sqrt(d)
        self.bias = rng.normal(size=width)
        self.out = rng.normal(size=width) * np.sqrt(2 / width)

    def __repr__(self):
        return f"<network of {len(self.bias)} tanh units>"

    def __call__(self, X):
        return np.tanh(X @ self.hidden + self.bias) @ self.out


def _chirp(X):
    return np.sin(2 * np.pi * (1 + 2 * X[:, 0]) * (X[:, 0] + X[:, 1]))


def _chequerboard(X):
    return (-1.0) ** np.floor(3 * X).sum(axis=1)


def _steps(X):
    return np.floor(4 * X[:, 0]) - 2.0 * (X[:, 1] > 0.6) + 1.5 * (X[:, 2] > X[:, 0])


def _maximum(X):
    return X.max(axis=1)


def _friedman_1(X):
    return 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]


def _circuit(X):
    """Friedman's resistance, and reactance from frequency, inductance and capacitance."""
    frequency = 40 * np.pi + 520 * np.pi * X[:, 1]
    return 100 * X[:, 0], frequency * X[:, 2] - 1 / (frequency * (1 + 10 * X[:, 3]))


def _friedman_2(X):
    return np.hypot(*_circuit(X))


def _friedman_3(X):
    resistance, reactance = _circuit(X)
    return np.arctan2(reactance, resistance)


def _additive(X):
    return np.sin(2 * X[:, 0]) + np.abs(X[:, 1]) + 0.5 * X[:, 2] ** 2 - X[:, 3]


def _uneven(X):
    return 0.3 * np.exp(0.7 * X[:, 4])
