"""Increasing functions of every entry, which do not change the mutual information."""

from abc import abstractmethod

import numpy as np
from scipy.special import ndtr, ndtri

from skmine.distributions._base import LOG_SQRT_2_PI, check_number, check_weights
from skmine.distributions._quadrature import invert_increasing
from skmine.distributions._transforms import Transform


class _Elementwise(Transform):
    """Apply the same increasing function to every entry."""

    def log_abs_det_jacobian(self, points):
        return self._log_derivative(points).sum(axis=1)

    @abstractmethod
    def _log_derivative(self, points):
        """Log of the derivative at every entry, (n, d) -> (n, d)."""


class HalfCube(_Elementwise):
    """Map x to x sqrt(``|x|``), which makes the tails heavier (Czyz et al., 2023).

    >>> import numpy as np
    >>> from skmine.distributions import HalfCube
    >>> HalfCube().forward(np.array([[-4.0, 1.0]]))
    array([[-8.,  1.]])
    """

    def forward(self, points):
        return points * np.sqrt(np.abs(points))

    def inverse(self, points):
        return np.sign(points) * np.abs(points) ** (2 / 3)

    def _log_derivative(self, points):
        return np.log(1.5 * np.sqrt(np.abs(points)))


class NormalCDF(_Elementwise):
    """Map x to the standard normal distribution function of x. Normal columns become uniform.

    >>> import numpy as np
    >>> from skmine.distributions import NormalCDF
    >>> NormalCDF().forward(np.array([[0.0]]))
    array([[0.5]])
    """

    def forward(self, points):
        return ndtr(points)

    def inverse(self, points):
        return ndtri(points)

    def _log_derivative(self, points):
        return -LOG_SQRT_2_PI - points**2 / 2


class Asinh(_Elementwise):
    """Map x to asinh(x), which makes the tails lighter.

    >>> import numpy as np
    >>> from skmine.distributions import Asinh
    >>> Asinh().inverse(Asinh().forward(np.array([[2.0]]))).round(12)
    array([[2.]])
    """

    def forward(self, points):
        return np.arcsinh(points)

    def inverse(self, points):
        return np.sinh(points)

    def _log_derivative(self, points):
        return -np.log1p(points**2) / 2


class Wiggly(_Elementwise):
    """Map x to x + sum_k amplitude_k sin(frequency_k x + phase_k).

    Parameters
    ----------
    amplitudes, frequencies, phases : array-like of shape (n_waves,)
        One number for each wave. The derivative of the map must be positive; this is checked on a grid of
        [-100, 100].

    Examples
    --------
    >>> import numpy as np
    >>> from skmine.distributions import Wiggly
    >>> wiggly = Wiggly([0.4], [1.0], [0.0])
    >>> wiggly.inverse(wiggly.forward(np.array([[2.0]]))).round(12)
    array([[2.]])
    """

    def __init__(self, amplitudes, frequencies, phases):
        waves = [np.array(wave, dtype=np.float64) for wave in (amplitudes, frequencies, phases)]
        if any(wave.ndim != 1 or wave.shape != waves[0].shape for wave in waves):
            shapes = [wave.shape for wave in waves]
            raise ValueError(
                "amplitudes, frequencies and phases must be vectors of the same length; "
                f"got shapes {shapes}. Pass one number of each for every wave."
            )
        self.amplitudes, self.frequencies, self.phases = waves
        slope = self._slope(np.linspace(-100, 100, 100_001)).min()
        if slope <= 0:
            raise ValueError(
                "amplitudes times frequencies must keep the map increasing; got smallest slope "
                f"{slope:.3g}. Lower the amplitudes."
            )

    def forward(self, points):
        return points + np.sin(self._angles(points)) @ self.amplitudes

    def inverse(self, points):
        bound = np.abs(self.amplitudes).sum()
        return invert_increasing(self.forward, points, points - bound, points + bound)

    def _angles(self, points):
        return points[..., np.newaxis] * self.frequencies + self.phases

    def _slope(self, points):
        return 1 + np.cos(self._angles(points)) @ (self.amplitudes * self.frequencies)

    def _log_derivative(self, points):
        return np.log(self._slope(points))


class NormalMixtureQuantile(_Elementwise):
    """Map standard normal columns to a mixture of normals, by F^-1(Phi(x)).

    Parameters
    ----------
    locations : array-like of shape (n_components,)
        Mean of each component.
    weights : array-like of shape (n_components,), default=None
        Probability of each component, positive, with sum 1. None means equal probabilities.
    scale : float, default=1.0
        Standard deviation of every component.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine.distributions import NormalMixtureQuantile
    >>> NormalMixtureQuantile([-3.0, 3.0]).forward(np.array([[0.0]])).round(6) + 0.0
    array([[0.]])
    """

    def __init__(self, locations, weights=None, scale=1.0):
        self.locations = np.array(locations, dtype=np.float64).reshape(-1)
        self.weights = check_weights(weights, len(self.locations))
        self.scale = check_number(scale, "scale", 0)

    def forward(self, points):
        # The quantile lies between those of the lowest and the highest component.
        lower, upper = (f(self.locations) + self.scale * points for f in (np.min, np.max))
        return invert_increasing(self.inverse, points, lower, upper)

    def inverse(self, points):
        deviations = (points[..., np.newaxis] - self.locations) / self.scale
        below, above = ndtr(deviations) @ self.weights, ndtr(-deviations) @ self.weights
        # The smaller of the two tails is computed more precisely.
        return np.where(below < 0.5, ndtri(below), -ndtri(above))

    def _log_derivative(self, points):
        outputs = self.forward(points)
        deviations = (outputs[..., np.newaxis] - self.locations) / self.scale
        density = np.exp(-(deviations**2) / 2) @ self.weights / self.scale
        return -(points**2) / 2 - np.log(density)


class Quantile(_Elementwise):
    """Map uniform columns on (0, 1) to columns with a given continuous distribution.

    Parameters
    ----------
    distribution : frozen scipy.stats distribution, or any object with ppf, cdf and logpdf
        The distribution of the columns after the map.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from skmine.distributions import Quantile
    >>> Quantile(stats.expon()).inverse(np.array([[np.log(2.0)]])).round(12)
    array([[0.5]])
    """

    def __init__(self, distribution):
        if not all(hasattr(distribution, name) for name in ("ppf", "cdf", "logpdf")):
            raise TypeError(
                "distribution must have ppf, cdf and logpdf; "
                f"got {type(distribution).__name__}. Pass for example scipy.stats.expon()."
            )
        self.distribution = distribution

    def forward(self, points):
        return self.distribution.ppf(points)

    def inverse(self, points):
        return self.distribution.cdf(points)

    def _log_derivative(self, points):
        return -self.distribution.logpdf(self.distribution.ppf(points))

    def __repr__(self):
        name = getattr(getattr(self.distribution, "dist", None), "name", None)
        return f"Quantile({name or self.distribution!r})"
