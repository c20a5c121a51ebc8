"""Continuous distributions in closed form: multivariate normal, Student t, additive uniform noise."""

from abc import abstractmethod

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import digamma, gammaln

from skmine.distributions._base import (
    JointDistribution,
    check_count,
    check_number,
    log_prob_unit_interval,
)
from skmine.distributions._quadrature import NORMAL_BREAKS


class _Elliptical(JointDistribution):
    """Shared code of the normal and the Student t: location, dispersion, Mahalanobis distances."""

    def _set_dispersion(self, dispersion, d_x, mean, name):
        dispersion = np.array(dispersion, dtype=np.float64)
        d_x = check_count(d_x, "d_x")
        if dispersion.ndim != 2 or dispersion.shape[0] != dispersion.shape[1]:
            raise ValueError(
                f"{name} must be a square matrix; got shape {dispersion.shape}. "
                "Pass the joint matrix of the columns of X followed by those of Y."
            )
        if d_x >= len(dispersion):
            raise ValueError(
                f"d_x must leave at least one column for Y: at most {len(dispersion) - 1}; "
                f"got {d_x}. Lower d_x or pass a larger {name}."
            )
        mean = np.zeros(len(dispersion)) if mean is None else np.array(mean, dtype=np.float64)
        if mean.shape != (len(dispersion),):
            raise ValueError(
                f"mean must have shape ({len(dispersion)},); got {mean.shape}. "
                "Pass one number for each column of X and Y."
            )
        self.mean = mean
        self.d_x, self.d_y = d_x, len(dispersion) - d_x
        x, y = slice(None, d_x), slice(d_x, None)
        self._factor = _factor(dispersion, name)
        self._factor_x = _factor(dispersion[x, x], name)
        self._factor_y = _factor(dispersion[y, y], name)
        return dispersion

    def _gaussian_information(self):
        x, y, both = (_half_log_det(f) for f in (self._factor_x, self._factor_y, self._factor))
        return x + y - both

    @abstractmethod
    def _log_density(self, centred, factor):
        """Log density at `centred`, (n, d), for the dispersion factor @ factor.T; shape (n,)."""

    def _log_prob(self, X, Y):
        return self._log_density(np.hstack([X, Y]) - self.mean, self._factor)

    def _log_prob_x(self, X):
        return self._log_density(X - self.mean[: self.d_x], self._factor_x)

    def _log_prob_y(self, Y):
        return self._log_density(Y - self.mean[self.d_x :], self._factor_y)


class MultivariateNormal(_Elliptical):
    """Normal distribution of (X, Y).

    `mi` is exact: half the log of det(covariance of X) det(covariance of Y) / det(covariance).

    Parameters
    ----------
    covariance : array-like of shape (d_x + d_y, d_x + d_y)
        Positive definite matrix, with the columns of X first.
    d_x : int
        Number of columns of X.
    mean : array-like of shape (d_x + d_y,), default=None
        Mean of each column. None means zero.

    References
    ----------
    Cover and Thomas, 2006, Elements of Information Theory, theorem 8.4.1 (entropy of the normal).

    Examples
    --------
    >>> from skmine.distributions import MultivariateNormal
    >>> joint = MultivariateNormal([[1.0, 0.75], [0.75, 1.0]], d_x=1)
    >>> round(joint.mi, 4)
    0.4133
    >>> X, Y = joint.sample(5, random_state=0)
    >>> X.shape, joint.log_ratio(X, Y).shape
    ((5, 1), (5,))
    """

    def __init__(self, covariance, d_x, mean=None):
        self.covariance = self._set_dispersion(covariance, d_x, mean, "covariance")

    @classmethod
    def bivariate(cls, correlation):
        """One column on each side, with variance 1. I = -log(1 - correlation^2) / 2 nats.

        >>> round(MultivariateNormal.bivariate(0.5).mi, 4)
        0.1438
        """
        return cls.pairs(1, correlation)

    @classmethod
    def pairs(cls, n_pairs, correlation):
        """`n_pairs` independent pairs (X_i, Y_i) with the same correlation (Belghazi et al., 2018, 4.1).

        I = -n_pairs log(1 - correlation^2) / 2 nats.

        >>> round(MultivariateNormal.pairs(20, 0.5).mi, 4)
        2.8768
        """
        n_pairs = check_count(n_pairs, "n_pairs")
        correlation = check_number(correlation, "correlation", -1, 1)
        return cls(np.kron([[1, correlation], [correlation, 1]], np.eye(n_pairs)), n_pairs)

    @classmethod
    def dense(cls, d_x, d_y, correlation=0.5):
        """All pairs of the d_x + d_y columns have the same correlation, in [0, 1).

        >>> round(MultivariateNormal.dense(25, 25).mi, 4)
        1.2922
        """
        n_columns = check_count(d_x, "d_x") + check_count(d_y, "d_y")
        correlation = check_number(correlation, "correlation", 0, 1, closed="left")
        return cls(np.eye(n_columns) * (1 - correlation) + correlation, d_x)

    @classmethod
    def sparse(cls, d_x, d_y, n_interacting=2, strength=2.0):
        """The first `n_interacting` columns of X and Y are dependent in pairs. The others are noise.

        Each pair has a common latent variable Z_i: X_i = strength Z_i + E_i and Y_i = strength Z_i + F_i,
        both scaled to variance 1. Its correlation is strength^2 / (1 + strength^2) (Czyz et al., 2023).

        >>> round(MultivariateNormal.sparse(25, 25).mi, 4)
        1.0217
        """
        d_x, d_y = check_count(d_x, "d_x"), check_count(d_y, "d_y")
        n_interacting = check_count(n_interacting, "n_interacting", minimum=0)
        if n_interacting > min(d_x, d_y):
            raise ValueError(
                f"n_interacting must be at most min(d_x, d_y) = {min(d_x, d_y)}; "
                f"got {n_interacting}. Lower n_interacting or raise d_x and d_y."
            )
        strength = check_number(strength, "strength", 0, np.inf, closed="left")
        covariance = np.eye(d_x + d_y)
        paired = np.arange(n_interacting)
        covariance[paired, d_x + paired] = strength**2 / (1 + strength**2)
        covariance[d_x + paired, paired] = strength**2 / (1 + strength**2)
        return cls(covariance, d_x)

    def canonical_correlations(self):
        """Canonical correlations in descending order, shape (min(d_x, d_y),).

        >>> MultivariateNormal.sparse(3, 3, n_interacting=1).canonical_correlations()
        array([0.8, 0. , 0. ])
        """
        cross = self.covariance[: self.d_x, self.d_x :]
        left = solve_triangular(self._factor_x, cross, lower=True)
        whitened = solve_triangular(self._factor_y, left.T, lower=True)
        return np.linalg.svd(whitened, compute_uv=False)

    def _sample(self, n_samples, rng):
        rows = rng.standard_normal((n_samples, len(self.mean))) @ self._factor.T + self.mean
        return rows[:, : self.d_x], rows[:, self.d_x :]

    def _mutual_information(self):
        return self._gaussian_information()

    def _log_density(self, centred, factor):
        constant = len(factor) / 2 * np.log(2 * np.pi) + _half_log_det(factor)
        return -constant - _squared_distance(centred, factor) / 2

    def _axis_breaks(self):
        if (self.d_x, self.d_y) != (1, 1):
            return None
        deviations = np.sqrt(np.diag(self.covariance))
        return tuple(self.mean[i] + deviations[i] * NORMAL_BREAKS for i in (0, 1))


class MultivariateStudent(_Elliptical):
    """Student t distribution of (X, Y): a normal vector divided by sqrt(chi-squared(dof) / dof).

    X and Y depend on each other even if the dispersion is the identity, because they have a common scale.

    `mi` is exact. It is that of a normal distribution with covariance `dispersion`, plus h(d_x) + h(d_y) -
    h(d_x + d_y), where h(d) is the entropy of the standard Student t distribution in d dimensions.

    Parameters
    ----------
    dispersion : array-like of shape (d_x + d_y, d_x + d_y)
        Positive definite matrix, with the columns of X first. If dof > 2, the covariance is dof / (dof - 2)
        times it.
    d_x : int
        Number of columns of X.
    dof : float
        Degrees of freedom, positive. Fewer give heavier tails.
    mean : array-like of shape (d_x + d_y,), default=None
        Centre of each column. None means zero.

    References
    ----------
    Arellano-Valle, Contreras-Reyes and Genton, 2013, Scandinavian Journal of Statistics 40,
    equation 7 (entropy). Czyz et al., 2023, Beyond Normal, NeurIPS.

    Examples
    --------
    >>> from skmine.distributions import MultivariateStudent
    >>> round(MultivariateStudent.identity(5, 5, dof=2).mi, 4)
    0.4482
    """

    def __init__(self, dispersion, d_x, dof, mean=None):
        self.dof = check_number(dof, "dof", 0)
        self.dispersion = self._set_dispersion(dispersion, d_x, mean, "dispersion")

    @classmethod
    def identity(cls, d_x, d_y, dof):
        """Uncorrelated columns with a common random scale.

        >>> round(MultivariateStudent.identity(1, 1, dof=1).mi, 4)
        0.2242
        """
        return cls(np.eye(check_count(d_x, "d_x") + check_count(d_y, "d_y")), d_x, dof)

    def _sample(self, n_samples, rng):
        normal = rng.standard_normal((n_samples, len(self.mean))) @ self._factor.T
        scale = np.sqrt(rng.chisquare(self.dof, size=(n_samples, 1)) / self.dof)
        rows = normal / scale + self.mean
        return rows[:, : self.d_x], rows[:, self.d_x :]

    def _mutual_information(self):
        correction = self._entropy(self.d_x) + self._entropy(self.d_y)
        return self._gaussian_information() + correction - self._entropy(self.d_x + self.d_y)

    def _entropy(self, d):
        # Arellano-Valle et al. 2013, equation 7, for the identity dispersion.
        half = (self.dof + d) / 2
        return half * (digamma(half) - digamma(self.dof / 2)) - self._log_normaliser(d)

    def _log_normaliser(self, d):
        log_gammas = gammaln((self.dof + d) / 2) - gammaln(self.dof / 2)
        return log_gammas - d / 2 * np.log(self.dof * np.pi)

    def _log_density(self, centred, factor):
        d = len(factor)
        kernel = np.log1p(_squared_distance(centred, factor) / self.dof)
        return self._log_normaliser(d) - _half_log_det(factor) - (self.dof + d) / 2 * kernel


class AdditiveUniformNoise(JointDistribution):
    """X is uniform on [0, 1]; Y is X plus uniform noise on [-epsilon, epsilon].

    `mi` is exact: epsilon - log(2 epsilon) nats if epsilon <= 1/2, otherwise 1 / (4 epsilon).

    Parameters
    ----------
    epsilon : float
        Half of the width of the noise, positive.

    References
    ----------
    Czyz et al., 2023, Beyond Normal, NeurIPS (additive noise task).

    Examples
    --------
    >>> from skmine.distributions import AdditiveUniformNoise
    >>> round(AdditiveUniformNoise(0.1).mi, 4)
    1.7094
    """

    d_x, d_y = 1, 1

    def __init__(self, epsilon):
        self.epsilon = check_number(epsilon, "epsilon", 0)

    def _sample(self, n_samples, rng):
        X = rng.uniform(size=(n_samples, 1))
        return X, X + rng.uniform(-self.epsilon, self.epsilon, size=(n_samples, 1))

    def _mutual_information(self):
        if self.epsilon > 0.5:
            return 1 / (4 * self.epsilon)
        return self.epsilon - np.log(2 * self.epsilon)

    def _log_prob(self, X, Y):
        within = np.abs(Y - X)[:, 0] <= self.epsilon
        return self._log_prob_x(X) + np.where(within, -np.log(2 * self.epsilon), -np.inf)

    def _log_prob_x(self, X):
        return log_prob_unit_interval(X)

    def _log_prob_y(self, Y):
        y = Y[:, 0]
        overlap = np.minimum(1, y + self.epsilon) - np.maximum(0, y - self.epsilon)
        return np.log(np.maximum(overlap, 0)) - np.log(2 * self.epsilon)


def _factor(matrix, name):
    asymmetric = np.max(np.abs(matrix - matrix.T)) > 1e-8 * np.max(np.abs(matrix))
    try:
        if asymmetric or not np.all(np.isfinite(matrix)):
            raise np.linalg.LinAlgError
        return cholesky(matrix, lower=True)
    except (np.linalg.LinAlgError, ValueError):
        smallest = np.linalg.eigvalsh(np.nan_to_num(matrix)).min()
        raise ValueError(
            f"{name} must be symmetric and positive definite; got smallest eigenvalue "
            f"{smallest:.3g}{' and an asymmetric matrix' if asymmetric else ''}. "
            "Symmetrise it or add a small multiple of the identity."
        ) from None


def _half_log_det(factor):
    return np.log(np.diag(factor)).sum()


def _squared_distance(centred, factor):
    # No check for nan: rows outside the domain of a transform are nan, and give nan.
    whitened = solve_triangular(factor, centred.T, lower=True, check_finite=False)
    return np.sum(whitened**2, axis=0)
