"""Normal pairs with missing values."""

import numpy as np
from scipy.special import log_ndtr, ndtr

from skmine.distributions._base import LOG_SQRT_2_PI, JointDistribution, check_number
from skmine.distributions._continuous import MultivariateNormal
from skmine.distributions._quadrature import NORMAL_BREAKS, panel_nodes


class NormalWithMissing(JointDistribution):
    """Normal pair in which some values of X are missing (NaN). "Missing" counts as a value of X.

    X is missing with probability Phi(intercept + slope_x X + slope_y Y), where Phi is the normal distribution
    function.

    - If both slopes are 0, values are missing at random. `mi` is exact: the information of the complete pair
      times the share of rows with X.
    - Otherwise Y also depends on whether X is missing. `mi` is computed by quadrature, with an error below
      1e-6.

    Parameters
    ----------
    correlation : float
        Correlation of the complete pair, in (-1, 1).
    intercept : float, default=-0.5
        Higher values give more missing values. If both slopes are 0, their share is Phi(intercept).
    slope_x, slope_y : float, default=0.0
        Effect of X and of Y on whether X is missing.

    References
    ----------
    Rubin, 1976, Inference and missing data, Biometrika 63 (kinds of missingness).

    Examples
    --------
    >>> from skmine.distributions import NormalWithMissing
    >>> round(NormalWithMissing(0.8, intercept=0.0).mi, 4)  # half of that of the pair
    0.2554
    """

    d_x, d_y = 1, 1

    def __init__(self, correlation, intercept=-0.5, slope_x=0.0, slope_y=0.0):
        self.correlation = check_number(correlation, "correlation", -1, 1)
        self.intercept = check_number(intercept, "intercept")
        self.slope_x = check_number(slope_x, "slope_x")
        self.slope_y = check_number(slope_y, "slope_y")
        self._normal = MultivariateNormal.bivariate(self.correlation)

    def _sample(self, n_samples, rng):
        X, Y = self._normal._sample(n_samples, rng)
        missing = rng.uniform(size=X.shape) < ndtr(self.intercept + self.slope_x * X + self.slope_y * Y)
        return np.where(missing, np.nan, X), Y

    def _mutual_information(self):
        if self.slope_x == self.slope_y == 0:
            return ndtr(-self.intercept) * self._normal.mi
        y, weights = panel_nodes(NORMAL_BREAKS, n_nodes=20)
        weights = weights * np.exp(self._log_prob_y(y[:, np.newaxis]))
        log_missing = self._log_missing_given_y(y)
        missing = np.exp(log_missing) * (log_missing - self._log_missing())
        # X given y: the same nodes, shifted and scaled.
        spread = np.sqrt(1 - self.correlation**2)
        noise, noise_weights = panel_nodes(NORMAL_BREAKS, n_nodes=20)
        noise_weights = noise_weights * np.exp(-(noise**2) / 2 - LOG_SQRT_2_PI)
        x, y = np.broadcast_arrays(self.correlation * y[:, np.newaxis] + spread * noise, y[:, np.newaxis])
        x, y = x.reshape(-1, 1), y.reshape(-1, 1)
        seen = np.exp(self._log_seen(x[:, 0], y[:, 0])) * self._log_ratio(x, y)
        return weights @ (missing + seen.reshape(len(missing), -1) @ noise_weights)

    def _log_seen(self, x, y):
        return log_ndtr(-(self.intercept + self.slope_x * x + self.slope_y * y))

    def _log_seen_given_x(self, x):
        # E Phi(a + b Z) = Phi(a / sqrt(1 + b^2)) for a standard normal Z.
        mean = self.intercept + (self.slope_x + self.slope_y * self.correlation) * x
        return log_ndtr(-mean / np.sqrt(1 + self.slope_y**2 * (1 - self.correlation**2)))

    def _log_missing_given_y(self, y):
        mean = self.intercept + (self.slope_x * self.correlation + self.slope_y) * y
        return log_ndtr(mean / np.sqrt(1 + self.slope_x**2 * (1 - self.correlation**2)))

    def _log_missing(self):
        cross = 2 * self.slope_x * self.slope_y * self.correlation
        return log_ndtr(self.intercept / np.sqrt(1 + self.slope_x**2 + self.slope_y**2 + cross))

    def _log_prob(self, X, Y):
        seen = self._normal._log_prob(X, Y) + self._log_seen(X[:, 0], Y[:, 0])
        missing = self._log_prob_y(Y) + self._log_missing_given_y(Y[:, 0])
        return np.where(np.isnan(X[:, 0]), missing, seen)

    def _log_prob_x(self, X):
        seen = self._normal._log_prob_x(X) + self._log_seen_given_x(X[:, 0])
        return np.where(np.isnan(X[:, 0]), self._log_missing(), seen)

    def _log_prob_y(self, Y):
        return self._normal._log_prob_y(Y)
