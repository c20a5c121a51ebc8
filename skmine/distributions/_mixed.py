"""Distributions with discrete and continuous columns, or columns that are both."""

import numpy as np
from scipy.special import entr, gammaln, logsumexp, xlogy

from skmine.distributions._base import (
    LOG_SQRT_2_PI,
    JointDistribution,
    check_count,
    check_number,
    check_weights,
)
from skmine.distributions._continuous import MultivariateNormal
from skmine.distributions._discrete import DiscreteTable, positions
from skmine.distributions._quadrature import NORMAL_BREAKS, chi_nodes, panel_nodes


class NormalClasses(JointDistribution):
    """Y is a class label 0, 1, ...; X is normal in each class.

    In class k, X has the mean ``means[k]`` and independent columns with standard deviation
    ``standard_deviations[k]``.

    `mi` is computed by quadrature if X has one column or if all classes have the same mean. Otherwise it is
    the mean of the exact log ratio over 1,000,000 rows, with `mi_standard_error`.

    Parameters
    ----------
    means : array-like of shape (n_classes, d_x) or (n_classes,)
        Mean of X in each class. Pass a vector for a single column.
    standard_deviations : array-like of shape (n_classes,), default=None
        Standard deviation in each class, positive. None means 1.
    weights : array-like of shape (n_classes,), default=None
        Probability of each class. None means equal probabilities.

    Examples
    --------
    >>> from skmine.distributions import NormalClasses
    >>> round(NormalClasses([-1.0, 1.0]).mi, 4)
    0.3368
    """

    d_y = 1

    def __init__(self, means, standard_deviations=None, weights=None):
        means = np.array(means, dtype=np.float64)
        self.means = means[:, np.newaxis] if means.ndim == 1 else means
        if self.means.ndim != 2 or 0 in self.means.shape:
            raise ValueError(
                f"means must have shape (n_classes, d_x); got {means.shape}. Pass one row for each class."
            )
        n_classes, self.d_x = self.means.shape
        deviations = np.ones(n_classes) if standard_deviations is None else standard_deviations
        self.standard_deviations = np.array(deviations, dtype=np.float64)
        is_positive = np.all(self.standard_deviations > 0)
        if self.standard_deviations.shape != (n_classes,) or not is_positive:
            raise ValueError(
                f"standard_deviations must be {n_classes} positive numbers; "
                f"got {self.standard_deviations.tolist()}. Pass one for each class."
            )
        self.weights = check_weights(weights, n_classes)

    def _sample(self, n_samples, rng):
        labels = rng.choice(len(self.weights), size=n_samples, p=self.weights)
        noise = rng.standard_normal((n_samples, self.d_x))
        X = self.means[labels] + self.standard_deviations[labels, np.newaxis] * noise
        return X, labels[:, np.newaxis].astype(np.float64)

    def _mutual_information(self):
        if self.d_x == 1:
            return self._mi_one_column()
        if np.ptp(self.means, axis=0).max() == 0:
            return self._mi_concentric()
        return self._mi_by_sampling()

    def _mi_one_column(self):
        breaks = self.means + self.standard_deviations[:, np.newaxis] * NORMAL_BREAKS
        x, quadrature_weights = panel_nodes(breaks.ravel(), n_nodes=20)
        conditional = self._log_conditional(x[:, np.newaxis])
        marginal = self._log_prob_x(x[:, np.newaxis])
        terms = np.exp(conditional) * (conditional - marginal[:, np.newaxis])
        return quadrature_weights @ terms @ self.weights

    def _mi_concentric(self):
        # The radius of class k is standard_deviations[k] times that of the standard normal.
        radii, radius_weights = chi_nodes(self.d_x)
        total = 0.0
        for k, (weight, deviation) in enumerate(zip(self.weights, self.standard_deviations, strict=True)):
            X = np.tile(self.means[0], (radii.size, 1))
            X[:, 0] += deviation * radii
            log_ratio = self._log_conditional(X)[:, k] - self._log_prob_x(X)
            total += weight * radius_weights @ log_ratio
        return total

    def _log_conditional(self, X):
        """Log density of X in each class, shape (n, n_classes)."""
        squared = np.sum((X[:, np.newaxis, :] - self.means) ** 2, axis=2)
        log_scale = self.d_x * (np.log(self.standard_deviations) + LOG_SQRT_2_PI)
        return -squared / (2 * self.standard_deviations**2) - log_scale

    def _log_prob(self, X, Y):
        labels, known = positions(Y, np.arange(len(self.weights)))
        conditional = self._log_conditional(X)[np.arange(len(X)), labels]
        return np.where(known, conditional + np.log(self.weights[labels]), -np.inf)

    def _log_prob_x(self, X):
        return logsumexp(self._log_conditional(X), b=self.weights, axis=1)

    def _log_prob_y(self, Y):
        labels, known = positions(Y, np.arange(len(self.weights)))
        return np.where(known, np.log(self.weights[labels]), -np.inf)


class IntegerWithUniform(JointDistribution):
    """X is uniform on {0, ..., n_values - 1}; Y is uniform on [X, X + 2].

    `mi` is exact: log n_values - (n_values - 1) / n_values log 2 nats.

    Parameters
    ----------
    n_values : int
        Number of values of X, at least 1.

    References
    ----------
    Gao, Kannan, Oh and Viswanath, 2017, Estimating Mutual Information for Discrete-Continuous
    Mixtures, NeurIPS, experiment II.

    Examples
    --------
    >>> from skmine.distributions import IntegerWithUniform
    >>> round(IntegerWithUniform(5).mi, 4)
    1.0549
    """

    d_x, d_y = 1, 1

    def __init__(self, n_values):
        self.n_values = check_count(n_values, "n_values")

    def _sample(self, n_samples, rng):
        X = rng.randint(self.n_values, size=(n_samples, 1)).astype(np.float64)
        return X, X + rng.uniform(0, 2, size=(n_samples, 1))

    def _mutual_information(self):
        return np.log(self.n_values) - (self.n_values - 1) / self.n_values * np.log(2)

    def _log_prob(self, X, Y):
        distance = Y[:, 0] - X[:, 0]
        within = (distance >= 0) & (distance <= 2)
        return self._log_prob_x(X) + np.where(within, -np.log(2), -np.inf)

    def _log_prob_x(self, X):
        _, known = positions(X, np.arange(self.n_values))
        return np.where(known, -np.log(self.n_values), -np.inf)

    def _log_prob_y(self, Y):
        cell = np.floor(Y[:, 0])
        first, last = np.maximum(0, cell - 1), np.minimum(self.n_values - 1, cell)
        return np.log(np.maximum(last - first + 1, 0) / (2 * self.n_values))


class ZeroInflatedPoisson(JointDistribution):
    """X is exponential with mean 1; Y is 0 with `zero_probability`, otherwise Poisson with mean X.

    `mi` is computed by quadrature over x and a sum over y, with an error below 1e-6. For zero_probability = 0
    it is 2 log 2 - gamma - sum_k log(k) 2^-k = 0.3012 nats.

    Gao et al. give (1 - zero_probability) times that. This is only an upper bound: it would be correct if the
    added zeros could be recognised.

    Parameters
    ----------
    zero_probability : float
        Probability of an added zero, in [0, 1).

    References
    ----------
    Gao, Kannan, Oh and Viswanath, 2017, Estimating Mutual Information for Discrete-Continuous
    Mixtures, NeurIPS, experiment IV.

    Examples
    --------
    >>> from skmine.distributions import ZeroInflatedPoisson
    >>> round(ZeroInflatedPoisson(0.0).mi, 4)
    0.3012
    """

    d_x, d_y = 1, 1

    def __init__(self, zero_probability):
        self.zero_probability = check_number(zero_probability, "zero_probability", 0, 1, "left")

    def _sample(self, n_samples, rng):
        X = rng.exponential(size=(n_samples, 1))
        seen = rng.uniform(size=(n_samples, 1)) >= self.zero_probability
        return X, seen * rng.poisson(X).astype(np.float64)

    def _mutual_information(self):
        # P(Y > 80) is below 2^-80; x beyond 60 has mass exp(-60).
        edges = np.concatenate([np.geomspace(1e-8, 1, 25), np.arange(2, 61)])
        x, quadrature_weights = panel_nodes(np.concatenate([[0], edges]), n_nodes=10)
        counts = np.arange(81.0)
        conditional = self._log_conditional(x[:, np.newaxis], counts)
        terms = np.exp(conditional) * (conditional - self._log_count(counts))
        return (quadrature_weights * np.exp(-x)) @ terms.sum(axis=1)

    def _log_conditional(self, x, counts):
        return self._inflate(xlogy(counts, x) - x - gammaln(counts + 1), counts)

    def _log_count(self, counts):
        # Exponential mixing makes the Poisson geometric: P(k) = 2^-(k + 1).
        return self._inflate(-(counts + 1) * np.log(2), counts)

    def _inflate(self, log_prob, counts):
        seen = np.log1p(-self.zero_probability) + log_prob
        inflated = np.where(counts == 0, np.logaddexp(seen, np.log(self.zero_probability)), seen)
        return np.where((counts >= 0) & (counts == np.floor(counts)), inflated, -np.inf)

    def _log_prob(self, X, Y):
        return self._log_prob_x(X) + self._log_conditional(X[:, 0], Y[:, 0])

    def _log_prob_x(self, X):
        return np.where(X[:, 0] >= 0, -X[:, 0], -np.inf)

    def _log_prob_y(self, Y):
        return self._log_count(Y[:, 0])


class NormalWithAtoms(JointDistribution):
    """Each row is a pair of signs with probability `atom_weight`, otherwise a correlated normal pair.

    X and Y are therefore partly discrete and partly continuous. Each of them shows by itself whether a row is
    a pair of signs. `mi` is exact: the entropy of the kind of row + atom_weight I(signs) + (1 - atom_weight)
    I(normal).

    Parameters
    ----------
    correlation : float, default=0.9
        Correlation of the normal pair, in (-1, 1).
    agreement : float, default=0.9
        Probability that the two signs are equal, in [0, 1]. Each sign is positive with probability 1/2.
    atom_weight : float, default=0.5
        Probability of a pair of signs, in (0, 1).

    References
    ----------
    Gao, Kannan, Oh and Viswanath, 2017, Estimating Mutual Information for Discrete-Continuous
    Mixtures, NeurIPS, experiment I.

    Examples
    --------
    >>> from skmine.distributions import NormalWithAtoms
    >>> round(NormalWithAtoms().mi, 4)
    1.2924
    """

    d_x, d_y = 1, 1

    def __init__(self, correlation=0.9, agreement=0.9, atom_weight=0.5):
        self.correlation = check_number(correlation, "correlation", -1, 1)
        self.agreement = check_number(agreement, "agreement", 0, 1, "both")
        self.atom_weight = check_number(atom_weight, "atom_weight", 0, 1)
        same, other = self.agreement / 2, (1 - self.agreement) / 2
        signs = [-1.0, 1.0]
        self._normal = MultivariateNormal.bivariate(self.correlation)
        self._signs = DiscreteTable([[same, other], [other, same]], signs, signs)

    def _sample(self, n_samples, rng):
        is_atom = rng.uniform(size=(n_samples, 1)) < self.atom_weight
        atoms, normals = self._signs._sample(n_samples, rng), self._normal._sample(n_samples, rng)
        X, Y = (np.where(is_atom, *pair) for pair in zip(atoms, normals, strict=True))
        return X, Y

    def _mutual_information(self):
        kind = entr(self.atom_weight) + entr(1 - self.atom_weight)
        normal = (1 - self.atom_weight) * self._normal.mi
        return kind + normal + self.atom_weight * self._signs.mi

    def _log_ratio(self, X, Y):
        atom_x, atom_y = np.abs(X[:, 0]) == 1, np.abs(Y[:, 0]) == 1
        atoms = self._signs._log_ratio(X, Y) - np.log(self.atom_weight)
        normals = self._normal._log_ratio(X, Y) - np.log1p(-self.atom_weight)
        within = np.where(atom_x, atoms, normals)
        return np.where(atom_x == atom_y, within, -np.inf)


class SignParity(JointDistribution):
    """Y is the parity of the signs of the first `n_signs` columns of X; some Y are flipped.

    Y is 1 if an even number of these columns is negative, otherwise 0.

    The columns of X are independent and standard normal. Y depends on all `n_signs` columns together, but is
    independent of any smaller set of columns. With n_signs = 2, Y is an exclusive or. `mi` is exact: log 2
    minus the entropy of the flip.

    Parameters
    ----------
    n_signs : int
        Number of columns that Y depends on, at least 1.
    d_x : int
        Number of columns of X, at least `n_signs`.
    flip_probability : float, default=0.05
        Probability that Y is flipped, in [0, 1].

    Examples
    --------
    >>> from skmine.distributions import SignParity
    >>> round(SignParity(2, d_x=10).mi, 4)
    0.4946
    """

    d_y = 1

    def __init__(self, n_signs, d_x, flip_probability=0.05):
        self.n_signs = check_count(n_signs, "n_signs")
        self.d_x = check_count(d_x, "d_x", minimum=self.n_signs)
        self.flip_probability = check_number(flip_probability, "flip_probability", 0, 1, "both")

    def _sample(self, n_samples, rng):
        X = rng.standard_normal((n_samples, self.d_x))
        flipped = rng.uniform(size=n_samples) < self.flip_probability
        return X, (self._parity(X) != flipped)[:, np.newaxis].astype(np.float64)

    def _mutual_information(self):
        return np.log(2) - entr(self.flip_probability) - entr(1 - self.flip_probability)

    def _parity(self, X):
        return np.prod(np.sign(X[:, : self.n_signs]), axis=1) > 0

    def _log_prob(self, X, Y):
        kept = self._parity(X) == Y[:, 0]
        log_label = np.log(np.where(kept, 1 - self.flip_probability, self.flip_probability))
        return self._log_prob_x(X) + np.where(positions(Y, np.arange(2.0))[1], log_label, -np.inf)

    def _log_prob_x(self, X):
        return -np.sum(X**2 / 2 + LOG_SQRT_2_PI, axis=1)

    def _log_prob_y(self, Y):
        return np.where(positions(Y, np.arange(2.0))[1], -np.log(2), -np.inf)
