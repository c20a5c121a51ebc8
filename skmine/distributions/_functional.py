"""Noisy functions of one variable: Y = f(X) + noise."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import entr

from skmine.distributions._base import (
    LOG_SQRT_2_PI,
    JointDistribution,
    check_number,
    log_prob_unit_interval,
)

_LARGEST_RANGE = 5_000
_N_NODES = (200_000, 2_000_000)  # points of x; the second if the first cannot resolve the function
_LARGEST_UNRESOLVED = 1e-4
_ROUNDING = 1e-13


class _Rule(NamedTuple):
    """How fine the quadrature is, in units of noise_scale."""

    points: int  # grid points of y in one unit
    reach: int  # largest noise in these units
    largest_change: float  # of the function between neighbouring nodes of x, in these units


# A density with edges needs more points, because it has no tails that smooth over the nodes of x.
_RULES = {"normal": _Rule(100, 9, 0.5), "uniform": _Rule(1_000, 1, 0.04)}


class FunctionalRelation(JointDistribution):
    """Y = function(X) + noise, with one column X.

    `mi` is h(Y) - h(noise), computed by quadrature. Its error is below 1e-4 with normal noise and below 1e-3
    with uniform noise. It is largest for functions with jumps or flat parts.

    Parameters
    ----------
    function : callable
        Function of an array of shape (n,) that returns an array of the same shape.
    noise_scale : float
        Standard deviation of normal noise, or half of the width of uniform noise. It must be positive, and
        for `mi` and `log_ratio` at least 1 / 5,000 of the range of the function.
    x : {"uniform", "normal"}, default="uniform"
        X is uniform on [0, 1] or standard normal.
    noise : {"normal", "uniform"}, default="normal"
        Distribution of the noise, which has mean zero and is independent of X.

    Raises
    ------
    ValueError
        At first use of `mi` or `log_ratio`, if the noise is too narrow for the quadrature.

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
                f"function must be callable; got {type(function).__name__}. Pass for example numpy.sin."
            )
        for name, value in (("x", x), ("noise", noise)):
            if value not in ("uniform", "normal"):
                raise ValueError(f'{name} must be "uniform" or "normal"; got {value!r}. Pass one of the two.')
        self.function = function
        self.noise_scale = check_number(noise_scale, "noise_scale", 0)
        self.x, self.noise = x, noise

    def _sample(self, n_samples, rng):
        x = rng.uniform(size=n_samples) if self.x == "uniform" else rng.standard_normal(n_samples)
        if self.noise == "uniform":
            noise = rng.uniform(-1, 1, size=n_samples)
        else:
            noise = rng.standard_normal(n_samples)
        y = self._values(x) + self.noise_scale * noise
        return x[:, np.newaxis], y[:, np.newaxis]

    def _mutual_information(self):
        y, density = self._y_density
        return entr(density).sum() * (y[1] - y[0]) - self._noise_entropy()

    def _log_ratio(self, X, Y):
        return self._log_noise(Y[:, 0] - self._values(X[:, 0])) - self._log_prob_y(Y)

    def _log_prob(self, X, Y):
        return self._log_prob_x(X) + self._log_noise(Y[:, 0] - self._values(X[:, 0]))

    def _log_prob_x(self, X):
        if self.x == "uniform":
            return log_prob_unit_interval(X)
        return -LOG_SQRT_2_PI - X[:, 0] ** 2 / 2

    def _log_prob_y(self, Y):
        y, density = self._y_density
        if self.noise == "uniform":
            # The density is interpolated, not its log: it has edges and is zero outside the grid.
            return np.log(np.interp(Y[:, 0], y, density, left=0, right=0))
        return np.interp(Y[:, 0], y, np.log(density))

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
        return -LOG_SQRT_2_PI - np.log(self.noise_scale) - deviation**2 / 2

    def _noise_entropy(self):
        if self.noise == "uniform":
            return np.log(2 * self.noise_scale)
        return 0.5 + LOG_SQRT_2_PI + np.log(self.noise_scale)

    @cached_property
    def _y_density(self):
        """Equally spaced y and the density of Y: that of function(X), convolved with the noise."""
        rule = _RULES[self.noise]
        centres, weights = self._x_rule(rule)
        lowest, step = centres.min(), self.noise_scale / rule.points
        # The mass of each value is split between the two grid points around it, which keeps its mean.
        offsets = (centres - lowest) / step
        below = offsets.astype(np.intp)
        above_share = offsets - below
        n_values, reach = below.max() + 2, rule.reach * rule.points
        mass = np.bincount(below, weights * (1 - above_share), n_values)
        mass += np.bincount(below + 1, weights * above_share, n_values)
        y = lowest + step * np.arange(-reach, n_values + reach)
        if self.noise == "uniform":
            # Mass within noise_scale of y, with half of that at the ends, divided by twice noise_scale.
            mass = np.pad(mass, 2 * reach)
            until = np.cumsum(mass) - mass / 2
            within = until[2 * reach :] - until[: -2 * reach]
            return y, np.where(within > _ROUNDING, within, 0) / (2 * self.noise_scale)
        noise = np.exp(self._log_noise(step * np.arange(-reach, reach + 1)))
        # The density is positive everywhere, also far from all values.
        return y, np.maximum(np.convolve(mass, noise), noise[0])

    def _x_rule(self, rule):
        """Values of the function at equally spaced x, and their probabilities."""
        for n_nodes in _N_NODES:
            x, weights = self._x_nodes(n_nodes)
            centres = self._values(x)
            value_range = np.ptp(centres)
            if value_range > _LARGEST_RANGE * self.noise_scale:
                raise ValueError(
                    f"noise_scale must be at least 1 / {_LARGEST_RANGE} of the range of function "
                    f"({value_range:.3g}) for the quadrature; got {self.noise_scale:g}. Raise "
                    "noise_scale or bound the function."
                )
            is_unresolved = np.abs(np.diff(centres)) > rule.largest_change * self.noise_scale
            unresolved = weights[1:][is_unresolved].sum()
            if unresolved < _LARGEST_UNRESOLVED:
                return centres, weights
        raise ValueError(
            f"noise_scale must be at least {1 / rule.largest_change:g} times the change of "
            f"function over 1 / {n_nodes:,} of the range of x; got {self.noise_scale:g}, too small on a "
            f"share {unresolved:.2g} of x. Raise noise_scale or smooth the function."
        )

    def _x_nodes(self, n_nodes):
        unit = (np.arange(n_nodes) + 0.5) / n_nodes
        if self.x == "uniform":
            return unit, np.full(n_nodes, 1 / n_nodes)
        x = 14 * unit - 7  # the mass beyond 7 is 3e-12
        return x, np.exp(-LOG_SQRT_2_PI - x**2 / 2) * 14 / n_nodes


class Oscillation(FunctionalRelation):
    """Y = sin(2 pi n_periods X) + normal noise, with X uniform on [0, 1].

    `mi` is computed by quadrature.

    Parameters
    ----------
    n_periods : float
        Number of periods, positive.
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
