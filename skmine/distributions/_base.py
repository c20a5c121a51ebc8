"""Base class of joint distributions with known mutual information, and parameter checks."""

import inspect
import math
from abc import ABC, abstractmethod
from functools import cached_property
from numbers import Integral, Real

import numpy as np

from skmine._sklearn import make_random_state
from skmine.distributions._quadrature import mutual_information_on_grid

LOG_SQRT_2_PI = np.log(2 * np.pi) / 2

_SAMPLING_ROWS = 1_000_000
_SAMPLING_CHUNK = 50_000
_SAMPLING_SEED = 20230601


class JointDistribution(ABC):
    """Base class: joint distribution of (X, Y) with known mutual information.

    A subclass sets `d_x` and `d_y` and implements `_sample` and `_mutual_information`. It also implements
    either `_log_ratio`, or the densities `_log_prob`, `_log_prob_x` and `_log_prob_y`, from which the log
    ratio follows.

    Attributes
    ----------
    d_x, d_y : int
        Number of columns of X and of Y.
    mi : float
        I(X; Y) in nats, not negative up to rounding. It is computed at first use and then kept.
    mi_standard_error : float
        Standard error of `mi` in nats. It is 0.0 if `mi` is exact or computed by quadrature, whose error is
        below 1e-4 unless the class says otherwise. It is positive if `mi` is a mean of the exact log ratio
        over 1,000,000 rows, drawn with a fixed seed.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine.distributions import JointDistribution
    >>> class SameCoin(JointDistribution):
    ...     d_x = d_y = 1
    ...
    ...     def _sample(self, n_samples, rng):
    ...         coin = rng.randint(2, size=(n_samples, 1))
    ...         return coin, coin
    ...
    ...     def _mutual_information(self):
    ...         return np.log(2)
    >>> X, y = SameCoin().sample(100, random_state=0)
    >>> print(f"{SameCoin().mi:.2f} nats")
    0.69 nats
    """

    d_x: int
    d_y: int

    @abstractmethod
    def _sample(self, n_samples, rng):
        """Draw rows: arrays of shapes (n_samples, d_x) and (n_samples, d_y)."""

    @abstractmethod
    def _mutual_information(self):
        """Return I(X; Y) in nats, or the pair (I(X; Y), standard error)."""

    def _log_ratio(self, X, Y):
        return self._log_prob(X, Y) - self._log_prob_x(X) - self._log_prob_y(Y)

    def _log_prob(self, X, Y):
        raise NotImplementedError(f"{type(self).__name__} has no joint density in closed form.")

    def _log_prob_x(self, X):
        raise NotImplementedError(f"{type(self).__name__} has no density of X in closed form.")

    def _log_prob_y(self, Y):
        raise NotImplementedError(f"{type(self).__name__} has no density of Y in closed form.")

    @cached_property
    def _mi_and_error(self):
        with _quiet():
            value = self._mutual_information()
        value, error = value if isinstance(value, tuple) else (value, 0.0)
        return float(value), float(error)

    @property
    def mi(self):
        """I(X; Y) in nats."""
        return self._mi_and_error[0]

    @property
    def mi_standard_error(self):
        """Standard error of `mi` in nats; 0.0 if `mi` is exact or computed by quadrature."""
        return self._mi_and_error[1]

    def sample(self, n_samples, random_state=None):
        """Draw independent rows.

        Parameters
        ----------
        n_samples : int
            Number of rows, at least 1.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows at each call.

        Returns
        -------
        X : ndarray of shape (n_samples, d_x), float64
        Y : ndarray of shape (n_samples, d_y), float64
        """
        n_samples = check_count(n_samples, "n_samples")
        X, Y = self._sample(n_samples, make_random_state(random_state))
        return np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)

    def log_ratio(self, X, Y):
        """Pointwise mutual information log p(x, y) - log p(x) - log p(y) of each row.

        Parameters
        ----------
        X : array-like of shape (n, d_x)
        Y : array-like of shape (n, d_y)

        Returns
        -------
        log_ratio : ndarray of shape (n,)
            In nats. Its mean over rows drawn from the distribution converges to `mi`. Rows outside the
            support give -inf, or nan if a marginal density is also zero.
        """
        X, Y = self._check_pair(X, Y)
        with _quiet():
            return self._log_ratio(X, Y)

    def log_prob(self, X, Y):
        """Log joint density of each row. Discrete columns have probabilities instead of densities.

        Parameters
        ----------
        X : array-like of shape (n, d_x)
        Y : array-like of shape (n, d_y)

        Returns
        -------
        log_prob : ndarray of shape (n,)
            In nats; -inf outside the support.

        Raises
        ------
        NotImplementedError
            If the density has no closed form.
        """
        X, Y = self._check_pair(X, Y)
        with _quiet():
            return self._log_prob(X, Y)

    def log_prob_x(self, X):
        """Log density of X of shape (n, d_x), in nats, shape (n,); see `log_prob`."""
        with _quiet():
            return self._log_prob_x(check_rows(X, self.d_x, "X"))

    def log_prob_y(self, Y):
        """Log density of Y of shape (n, d_y), in nats, shape (n,); see `log_prob`."""
        with _quiet():
            return self._log_prob_y(check_rows(Y, self.d_y, "Y"))

    def _axis_breaks(self):
        """Points on each axis that separate the panels of a quadrature, for one column on each side.

        None if the distribution defines no panels.
        """
        return None

    def _mi_by_grid_or_sampling(self):
        """I(X; Y) by quadrature on the panels of `_axis_breaks`; by sampling if that is not possible."""
        value = None if self._axis_breaks() is None else mutual_information_on_grid(self)
        return self._mi_by_sampling() if value is None else value

    def _mi_by_sampling(self):
        """Mean of the log ratio over rows drawn with a fixed seed, and its standard error."""
        rng = np.random.RandomState(_SAMPLING_SEED)
        chunks = [
            self._log_ratio(*self._sample(_SAMPLING_CHUNK, rng))
            for _ in range(_SAMPLING_ROWS // _SAMPLING_CHUNK)
        ]
        log_ratio = np.concatenate(chunks)
        return log_ratio.mean(), log_ratio.std() / np.sqrt(log_ratio.size)

    def _check_pair(self, X, Y):
        X, Y = check_rows(X, self.d_x, "X"), check_rows(Y, self.d_y, "Y")
        if len(X) != len(Y):
            raise ValueError(
                f"X and Y must have the same number of rows; got {len(X)} and {len(Y)}. "
                "Pass one row of Y for each row of X."
            )
        return X, Y

    def __repr__(self):
        return describe(self)


def _quiet():
    # -inf = log 0 marks rows outside a support, nan those outside the range of a transform.
    return np.errstate(divide="ignore", invalid="ignore", over="ignore")


def describe(instance):
    """`Name(parameter=value, ...)`, with the shape of arrays instead of their values."""
    names = inspect.signature(type(instance)).parameters
    values = ((name, getattr(instance, name)) for name in names)
    inside = ", ".join(f"{name}={_short(value)}" for name, value in values)
    return f"{type(instance).__name__}({inside})"


def _short(value):
    if isinstance(value, np.ndarray):
        small = value.ndim == 1 and value.size <= 6
        return str(value.tolist()) if small else f"<array of shape {value.shape}>"
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return repr(value)


def log_prob_unit_interval(points):
    """Log density of the uniform distribution on [0, 1] for one column, shape (n, 1) -> (n,)."""
    return np.where((points[:, 0] >= 0) & (points[:, 0] <= 1), 0.0, -np.inf)


def check_rows(points, n_columns, name):
    """Return `points` as float64 of shape (n, n_columns); a vector counts as one column."""
    points = np.asarray(points, dtype=np.float64)
    if points.ndim == 1 and n_columns == 1:
        points = points[:, np.newaxis]
    if points.ndim != 2 or points.shape[1] != n_columns:
        raise ValueError(
            f"{name} must have shape (n, {n_columns}); got {points.shape}. "
            f"Pass one row per observation and {n_columns} column(s)."
        )
    return points


def check_count(value, name, minimum=1):
    """Return an integer that is at least `minimum`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < minimum:
        raise ValueError(
            f"{name} must be an integer of at least {minimum}; got {value!r}. Pass {minimum} or more."
        )
    return int(value)


def check_number(value, name, low=-np.inf, high=np.inf, closed="neither"):
    """Return a finite float between `low` and `high`; `closed` says which ends are allowed."""
    has_low, has_high = closed in ("left", "both"), closed in ("right", "both")
    inside = (isinstance(value, Real) and math.isfinite(value)) and (
        low < value < high or (has_low and value == low) or (has_high and value == high)
    )
    if not inside:
        left, right = "[" if has_low else "(", "]" if has_high else ")"
        raise ValueError(
            f"{name} must be a number in {left}{low:g}, {high:g}{right}; got {value!r}. "
            "Pass a value inside this interval."
        )
    return float(value)


def check_weights(weights, n_weights, name="weights"):
    """Return positive weights that sum to one; equal weights for None."""
    if weights is None:
        return np.full(n_weights, 1.0 / n_weights)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_weights,) or not np.all(weights > 0) or abs(weights.sum() - 1) > 1e-8:
        raise ValueError(
            f"{name} must be {n_weights} positive numbers that sum to 1; got {weights.tolist()}. "
            "Divide them by their sum and drop the zeros."
        )
    return weights / weights.sum()


def check_joint(value, name):
    """Return `value` if it is a JointDistribution."""
    if not isinstance(value, JointDistribution):
        raise TypeError(
            f"{name} must be a JointDistribution; got {type(value).__name__}. "
            "Pass an object from skmine.distributions."
        )
    return value
