"""Noisy functions of one variable: Y = f(X) + noise."""

from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import logsumexp

from skmine.distributions._base import JointDistribution, check_number
from skmine.distributions._quadrature import panel_nodes

_LOG_SQRT_2_PI = np.log(2 * np.pi) / 2
_LARGEST_RANGE = 2_500


class FunctionalRelation(JointDistribution):
    """Y = function(X) + noise, for one column X.

    `mi` is h(Y) - h(noise), with the density of Y by quadrature over x and its entropy by
    quadrature over y: error below 1e-4 for a continuous function, 1e-3 for one with a few jumps.

    Parameters
    ----------
    function : callable
        Takes and returns an array of shape (n,).
    noise_scale : float
        Standard deviation of normal noise, half the width of uniform noise; positive, and at
        least 1 / 2,500 of the range of the function for `mi` and `log_ratio`.
    x : {"uniform", "normal"}, default="uniform"
        X is uniform on [0, 1] or standard normal.
    noise : {"normal", "uniform"}, default="normal"

    Examples
    --------
    >>> import numpy as np
    >>> from skmine.distributions import FunctionalRelation
    >>> joint = FunctionalRelation(np.positive, noise_scale=1.0, x="normal")
    >>> round(joint.mi, 4)  # a normal pair with correlation 1 / sqrt(2)
    0.3466
    """

    d_x, d_y = 1, 1

    def __init__(self, function, noise_scale, x="uniform", noise="normal"):
        if not callable(function):
            raise TypeError(
                f"function must be callable; got {type(function).__name__}. Pass for example "
                "numpy.sin."
            )
        for name, value in (("x", x), ("noise", noise)):
            if value not in ("uniform", "normal"):
                raise ValueError(
                    f'{name} must be "uniform" or "normal"; got {value!r}. Pass one of the two.'
                )
        self.function = function
        self.noise_scale = check_number(noise_scale, "noise_scale", 0)
        self.x, self.noise = x, noise

    def _sample(self, n_samples, rng):
        if self.x == "uniform":
            X = rng.uniform(size=(n_samples, 1))
        else:
            X = rng.standard_normal((n_samples, 1))
        if self.noise == "uniform":
            noise = rng.uniform(-1, 1, size=n_samples)
        else:
            noise = rng.standard_normal(n_samples)
        return X, (self._values(X[:, 0]) + self.noise_scale * noise)[:, np.newaxis]

    def _mutual_information(self):
        y, log_density = self._y_density
        widths = np.diff(y)
        density = np.exp(log_density)
        terms = np.where(density > 0, -density * log_density, 0.0)
        entropy = np.sum((terms[1:] + terms[:-1]) / 2 * widths)
        return entropy - self._noise_entropy()

    def _log_ratio(self, X, Y):
        return self._log_noise(Y[:, 0] - self._values(X[:, 0])) - self._log_prob_y(Y)

    def _log_prob(self, X, Y):
        return self._log_prob_x(X) + self._log_noise(Y[:, 0] - self._values(X[:, 0]))

    def _log_prob_x(self, X):
        if self.x == "uniform":
            return np.where((X[:, 0] >= 0) & (X[:, 0] <= 1), 0.0, -np.inf)
        return -_LOG_SQRT_2_PI - X[:, 0] ** 2 / 2

    def _log_prob_y(self, Y):
        y, log_density = self._y_density
        if self.noise == "uniform":
            # Interpolated as a density: it has edges, and is zero outside the grid.
            return np.log(np.interp(Y[:, 0], y, np.exp(log_density), left=0, right=0))
        return CubicSpline(y, log_density)(np.clip(Y[:, 0], y[0], y[-1]))

    def _values(self, x):
        values = np.asarray(self.function(x), dtype=np.float64)
        if values.shape != x.shape or not np.all(np.isfinite(values)):
            raise ValueError(
                f"function must return finite numbers of shape {x.shape}; got shape "
                f"{values.shape}, {np.sum(~np.isfinite(values))} not finite. Pass a function that "
                "works element by element."
            )
        return values

    def _log_noise(self, residual):
        deviation = residual / self.noise_scale
        if self.noise == "uniform":
            return np.where(np.abs(deviation) <= 1, -np.log(2 * self.noise_scale), -np.inf)
        return -_LOG_SQRT_2_PI - np.log(self.noise_scale) - deviation**2 / 2

    def _noise_entropy(self):
        if self.noise == "uniform":
            return np.log(2 * self.noise_scale)
        return 0.5 + _LOG_SQRT_2_PI + np.log(self.noise_scale)

    @cached_property
    def _y_density(self):
        """Grid of y and the log density of Y on it."""
        return self._density_uniform_noise() if self.noise == "uniform" else self._density_normal()

    def _x_rule(self, n_panels):
        """Values of the function at quadrature nodes of x, and their weights."""
        if self.x == "uniform":
            x, weights = panel_nodes(np.linspace(0, 1, n_panels + 1), n_nodes=10)
        else:
            # The mass beyond 6 is 2e-9.
            x, weights = panel_nodes(np.linspace(-6, 6, n_panels + 1), n_nodes=10)
            weights = weights * np.exp(-_LOG_SQRT_2_PI - x**2 / 2)
        centres = self._values(x)
        if np.ptp(centres) > _LARGEST_RANGE * self.noise_scale:
            raise ValueError(
                f"noise_scale must be at least 1 / {_LARGEST_RANGE} of the range of function "
                f"({np.ptp(centres):.3g}) for the quadrature; got {self.noise_scale:g}. Raise "
                "noise_scale or bound the function."
            )
        return centres, weights

    def _density_normal(self):
        scale = self.noise_scale
        for n_panels in (400, 4_000):
            centres, weights = self._x_rule(n_panels)
            unresolved = weights[1:][np.abs(np.diff(centres)) > scale].sum()
            if unresolved < 1e-6:
                break
        if unresolved > 1e-3:
            raise ValueError(
                f"noise_scale must be at least the change of function over 1 / 40,000 of the range "
                f"of x; got {scale:g}, too small on a share {unresolved:.2g} of x. Raise "
                "noise_scale or smooth the function."
            )
        n_points = int(np.clip(np.ptp(centres) / scale * 8, 1_000, 8 * _LARGEST_RANGE))
        y = np.linspace(centres.min() - 9 * scale, centres.max() + 9 * scale, n_points)
        log_weights = np.log(weights)
        log_density = [
            logsumexp(log_weights + self._log_noise(part[:, np.newaxis] - centres), axis=1)
            for part in np.array_split(y, max(1, n_points * centres.size // 1_000_000))
        ]
        return y, np.concatenate(log_density)

    def _density_uniform_noise(self):
        # p(y) is the mass of f(X) within noise_scale of y, over twice noise_scale.
        centres, weights = self._x_rule(20_000)
        order = np.argsort(centres)
        centres, mass = centres[order], np.cumsum(weights[order]) - weights[order] / 2
        scale = self.noise_scale
        y = np.linspace(centres[0] - scale, centres[-1] + scale, 50_001)
        above = np.interp(y + scale, centres, mass, left=0, right=1)
        below = np.interp(y - scale, centres, mass, left=0, right=1)
        with np.errstate(divide="ignore"):
            return y, np.log(np.maximum(above - below, 0) / (2 * scale))


class Oscillation(FunctionalRelation):
    """Y = sin(2 pi n_periods X) + normal noise, X uniform on [0, 1]. `mi` by quadrature.

    Parameters
    ----------
    n_periods : float
        Positive.
    noise_scale : float
        Standard deviation of the noise, positive.

    Examples
    --------
    >>> from skmine.distributions import Oscillation
    >>> round(Oscillation(n_periods=4, noise_scale=0.2).mi, 3)
    1.154
    """

    def __init__(self, n_periods, noise_scale):
        self.n_periods = check_number(n_periods, "n_periods", 0)
        super().__init__(self._wave, noise_scale)

    def _wave(self, x):
        return np.sin(2 * np.pi * self.n_periods * x)
