"""Archimedean copulas: uniform marginals, with dependence that may be strongest in the tails."""

from abc import abstractmethod

import numpy as np
from scipy.special import hyperu, ndtr, xlogy

from skmine.distributions._base import JointDistribution, check_number, log_prob_unit_interval
from skmine.distributions._quadrature import panel_nodes


class _Copula(JointDistribution):
    """Two columns, each uniform on (0, 1). The log ratio equals the log density."""

    d_x, d_y = 1, 1

    def _log_ratio(self, X, Y):
        inside = (X > 0) & (X < 1) & (Y > 0) & (Y < 1)
        return np.where(inside[:, 0], self._log_density(X[:, 0], Y[:, 0]), -np.inf)

    def _log_prob(self, X, Y):
        return self._log_ratio(X, Y)

    def _log_prob_x(self, X):
        return log_prob_unit_interval(X)

    def _log_prob_y(self, Y):
        return log_prob_unit_interval(Y)

    @abstractmethod
    def _log_density(self, u, v):
        """Log density at points of the open unit square, element by element."""

    def _mutual_information(self):
        # The density is unbounded in the corners. Normal scores of u and v put more nodes there.
        scores, weights = panel_nodes(np.linspace(-8, 8, 65), n_nodes=10)
        weights = weights * np.exp(-(scores**2) / 2) / np.sqrt(2 * np.pi)
        u, v = np.meshgrid(ndtr(scores), ndtr(scores), indexing="ij")
        log_density = self._log_density(u, v)
        return weights @ (np.exp(log_density) * log_density) @ weights


class ClaytonCopula(_Copula):
    """Clayton copula: dependence in the lower tail.

    `mi` is exact: log(1 + theta) - theta / (1 + theta) nats.

    Parameters
    ----------
    theta : float
        Strength of the dependence, positive. Kendall's tau is theta / (theta + 2).

    References
    ----------
    Nelsen, 2006, An Introduction to Copulas, equation 4.2.1.

    Examples
    --------
    >>> from skmine.distributions import ClaytonCopula
    >>> round(ClaytonCopula(2.0).mi, 4)
    0.4319
    """

    def __init__(self, theta):
        self.theta = check_number(theta, "theta", 0)

    def _sample(self, n_samples, rng):
        u, level = rng.uniform(size=(2, n_samples, 1))
        # Inverse of the conditional distribution of v given u.
        log_inner = np.log(np.expm1(-self.theta / (1 + self.theta) * np.log(level)))
        return u, np.exp(-np.logaddexp(0, log_inner - self.theta * np.log(u)) / self.theta)

    def _mutual_information(self):
        # From the distribution of C(u, v), Nelsen 2006, theorem 4.3.4.
        return np.log1p(self.theta) - self.theta / (1 + self.theta)

    def _log_density(self, u, v):
        theta, log_u, log_v = self.theta, np.log(u), np.log(v)
        # log(u^-theta + v^-theta - 1), safe from overflow.
        largest = np.maximum(-theta * log_u, -theta * log_v)
        sum_ = np.exp(-theta * log_u - largest) + np.exp(-theta * log_v - largest)
        log_sum = largest + np.log(sum_ - np.exp(-largest))
        return np.log1p(theta) - (1 + theta) * (log_u + log_v) - (2 + 1 / theta) * log_sum


class GumbelCopula(_Copula):
    """Gumbel copula: dependence in the upper tail.

    `mi` is exact: gamma - 1 + 1 / theta + log(k) + exp(k) E_1(k) / theta nats, where k = theta - 1, gamma is
    Euler's constant and E_1 the exponential integral. It is 0 for theta = 1.

    Parameters
    ----------
    theta : float
        Strength of the dependence, at least 1 (independence). Kendall's tau is 1 - 1 / theta.

    References
    ----------
    Nelsen, 2006, An Introduction to Copulas, equation 4.2.4. Genest and Rivest, 1993, Journal of
    the American Statistical Association 88, proposition 1.1 (for `mi`). Kanter, 1975, Annals of
    Probability 3, 697-707 (positive stable variables, for sampling).

    Examples
    --------
    >>> from skmine.distributions import GumbelCopula
    >>> round(GumbelCopula(2.0).mi, 3)
    0.375
    """

    def __init__(self, theta):
        self.theta = check_number(theta, "theta", 1, closed="left")

    def _sample(self, n_samples, rng):
        alpha = 1 / self.theta
        angle = rng.uniform(0, np.pi, size=(n_samples, 1))
        waiting, first, second = rng.exponential(size=(3, n_samples, 1))
        # Log of a frailty with Laplace transform exp(-s^alpha); a constant when alpha is 1.
        log_frailty = np.log(np.sin(alpha * angle)) - self.theta * np.log(np.sin(angle))
        log_frailty += xlogy(self.theta - 1, np.sin((1 - alpha) * angle) / waiting)
        u, v = (np.exp(-np.exp(alpha * (np.log(e) - log_frailty))) for e in (first, second))
        return u, v

    def _mutual_information(self):
        # With a = -log U, b = -log V and s^theta = a^theta + b^theta (Genest and Rivest, 1993):
        # W = (a / s)^theta is uniform and independent of s, whose density is the mixture
        # (1 - 1 / theta) exp(-s) + (1 / theta) s exp(-s). The expectation of the log density
        # below needs that of s, log s and log(s + theta - 1) only.
        excess = self.theta - 1
        if excess == 0:
            return 0.0
        # hyperu(1, 1, k) = exp(k) E_1(k), without overflow.
        tail = (1 + hyperu(1, 1, excess)) / self.theta
        return np.euler_gamma - 1 + np.log(excess) + tail

    def _log_density(self, u, v):
        theta, a, b = self.theta, -np.log(u), -np.log(v)
        log_sum = np.logaddexp(theta * np.log(a), theta * np.log(b))
        level = np.exp(log_sum / theta)
        powers = (theta - 1) * (np.log(a) + np.log(b)) + (1 / theta - 2) * log_sum
        return -level + a + b + powers + np.log(level + theta - 1)


class FrankCopula(_Copula):
    """Frank copula: symmetric, without tail dependence. `mi` is computed by quadrature.

    Parameters
    ----------
    theta : float
        Strength of the dependence, between -35 and 35 and not zero. Negative values give negative dependence.

    References
    ----------
    Nelsen, 2006, An Introduction to Copulas, equation 4.2.5.

    Examples
    --------
    >>> from skmine.distributions import FrankCopula
    >>> round(FrankCopula(5.0).mi, 3)
    0.258
    """

    def __init__(self, theta):
        self.theta = check_number(theta, "theta", -35, 35)
        if self.theta == 0:
            raise ValueError(f"theta must not be zero; got {theta!r}. Use Independent for no dependence.")

    def _sample(self, n_samples, rng):
        u, level = rng.uniform(size=(2, n_samples, 1))
        # Inverse of the conditional distribution of v given u.
        log_rest = np.log1p(-level) - self.theta * u
        log_odds = np.logaddexp(np.log(level), log_rest)
        return u, (log_odds - np.logaddexp(np.log(level) - self.theta, log_rest)) / self.theta

    def _log_density(self, u, v):
        theta = self.theta
        # 1 - e^-theta - (1 - e^-theta u)(1 - e^-theta v), as a sum of terms of one sign.
        first = np.exp(-theta * u) * np.expm1(-theta * v)
        second = np.exp(-theta * v) * np.expm1(-theta * (1 - v))
        log_numerator = np.log(-theta * np.expm1(-theta)) - theta * (u + v)
        return log_numerator - 2 * np.log(np.abs(first + second))
