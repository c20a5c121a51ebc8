"""Finite mixtures of joints, and joints with a share of independent rows (inliers)."""

from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.special import gammaln, kve, logsumexp

from skmine.distributions._base import (
    JointDistribution,
    check_joint,
    check_number,
    check_weights,
)
from skmine.distributions._continuous import MultivariateNormal

_MOST_EQUAL_PAIRS = 64


class Mixture(JointDistribution):
    """Each row comes from one of several joints of the same shape.

    `log_ratio` is exact, from the densities of the components. `mi` of a 1 x 1 mixture of normals
    is by Gauss-Legendre quadrature with panels at every component (error below 1e-4). Where the
    quadrature does not settle (correlations beyond 0.999) and for all other mixtures it is the
    mean of the exact log ratio over 1,000,000 rows, with `mi_standard_error`.

    Parameters
    ----------
    components : sequence of JointDistribution
        All with densities, d_x and d_y alike. Densities must be with respect to one measure: do
        not mix discrete with continuous components (see NormalWithAtoms for that).
    weights : array-like of shape (n_components,), default=None
        Positive, sum to 1; None means equal.

    References
    ----------
    Czyz, Grabowski, Vogt, Beerenwinkel and Marx, 2023, On the properties and estimation of
    pointwise mutual information profiles, arXiv:2310.10240 (Bend and Mix models).

    Examples
    --------
    >>> from skmine.distributions import Mixture, MultivariateNormal
    >>> cross = Mixture([MultivariateNormal.bivariate(0.9), MultivariateNormal.bivariate(-0.9)])
    >>> round(cross.mi, 3)
    0.408
    """

    def __init__(self, components, weights=None):
        self.components = [check_joint(joint, "each of components") for joint in components]
        if not self.components:
            raise ValueError("components must hold at least one joint; got none. Pass a list.")
        shapes = {(joint.d_x, joint.d_y) for joint in self.components}
        if len(shapes) > 1:
            raise ValueError(
                f"components must have one (d_x, d_y); got {sorted(shapes)}. "
                "Pad the smaller ones with Padded."
            )
        self.d_x, self.d_y = shapes.pop()
        self.weights = check_weights(weights, len(self.components))

    def _sample(self, n_samples, rng):
        counts = rng.multinomial(n_samples, self.weights)
        drawn = [
            joint._sample(count, rng)
            for joint, count in zip(self.components, counts, strict=True)
            if count
        ]
        order = rng.permutation(n_samples)
        X, Y = (np.vstack(half)[order] for half in zip(*drawn, strict=True))
        return X, Y

    def _mutual_information(self):
        return self._mi_by_grid_or_sampling()

    def _log_prob(self, X, Y):
        return self._weighted([joint._log_prob(X, Y) for joint in self.components])

    def _log_prob_x(self, X):
        return self._weighted([joint._log_prob_x(X) for joint in self.components])

    def _log_prob_y(self, Y):
        return self._weighted([joint._log_prob_y(Y) for joint in self.components])

    def _weighted(self, log_probs):
        return logsumexp(np.transpose(log_probs), b=self.weights, axis=1)

    def _axis_breaks(self):
        breaks = [joint._axis_breaks() for joint in self.components]
        if any(pair is None for pair in breaks):
            return None
        return tuple(np.concatenate(axis) for axis in zip(*breaks, strict=True))


class WithInliers(JointDistribution):
    """A share of the rows is replaced by independent draws of X and Y: marginals stay.

    The log ratio is log((1 - share) r + share) with r the ratio of the base, so that it needs no
    densities. `mi` is by quadrature (error below 1e-4) when the base is a multivariate normal
    with at most 64 non-zero canonical correlations, all equal, or a 1 x 1 mixture of normals;
    otherwise the mean of the exact log ratio over 1,000,000 rows, with `mi_standard_error`.

    Parameters
    ----------
    base : JointDistribution
        The joint of the other rows.
    share : float
        Share of the rows that are independent, in [0, 1].

    References
    ----------
    Czyz et al., 2023, On the properties and estimation of pointwise mutual information profiles,
    arXiv:2310.10240 (inliers).

    Examples
    --------
    >>> from skmine.distributions import MultivariateNormal, WithInliers
    >>> round(WithInliers(MultivariateNormal.sparse(25, 25), 0.2).mi, 3)
    0.636
    """

    def __init__(self, base, share):
        self.base = check_joint(base, "base")
        self.share = check_number(share, "share", 0, 1, closed="both")
        self.d_x, self.d_y = base.d_x, base.d_y

    def _sample(self, n_samples, rng):
        X, Y = self.base._sample(n_samples, rng)
        _, other = self.base._sample(n_samples, rng)
        return X, np.where(rng.uniform(size=(n_samples, 1)) < self.share, other, Y)

    def _mutual_information(self):
        if self.share in (0.0, 1.0):
            return self.base._mi_and_error if self.share == 0.0 else 0.0
        if isinstance(self.base, MultivariateNormal):
            correlations = self.base.canonical_correlations()
            correlations = correlations[correlations > 1e-8]
            if correlations.size == 0:
                return 0.0
            # With more pairs the Bessel function overflows near the centre of the law.
            if np.ptp(correlations) < 1e-8 and correlations.size <= _MOST_EQUAL_PAIRS:
                return self._mi_equal_correlations(correlations[0], correlations.size)
        return self._mi_by_grid_or_sampling()

    def _mi_equal_correlations(self, correlation, n_pairs):
        """Integrate over the law of the base's log ratio, by quadrature on the line.

        In the coordinates (x + y) / sqrt(2), (x - y) / sqrt(2) of each canonical pair, the log
        ratio under the joint is -n_pairs log(1 - correlation^2) / 2 + correlation (A - B) / 2, with
        A and B independent chi-squared with n_pairs degrees of freedom: a symmetric variance
        gamma law, whose density holds a Bessel function K. Under the product of the marginals
        the law is the same times exp(-log ratio).
        """
        centre = -n_pairs / 2 * np.log1p(-(correlation**2))
        order = (n_pairs - 1) / 2
        log_constant = (
            np.log(correlation * np.sqrt(np.pi)) + gammaln(n_pairs / 2) + order * np.log(2)
        )

        def integrand(distance, sign):
            scaled = distance / correlation
            bessel = np.log(kve(order, scaled)) - scaled
            log_density = order * np.log(scaled) + bessel - log_constant
            log_base = centre + sign * distance
            log_mixture = np.logaddexp(np.log1p(-self.share) + log_base, np.log(self.share))
            return np.exp(log_density - log_base + log_mixture) * log_mixture

        # Pieces: the density is peaked, and for one pair singular, at the centre.
        slowest = max(1.0, correlation / (1 - correlation))
        edges = slowest * np.array([0, 1e-3, 1e-1, 1, 3, 10, 30, 100, 300])
        return sum(
            quad(integrand, low, high, args=(sign,), limit=200)[0]
            for low, high in pairwise(edges)
            for sign in (-1.0, 1.0)
        )

    def _log_ratio(self, X, Y):
        base = self.base._log_ratio(X, Y)
        return np.logaddexp(np.log1p(-self.share) + base, np.log(self.share))

    def _log_prob(self, X, Y):
        independent = self.base._log_prob_x(X) + self.base._log_prob_y(Y)
        joint = np.log1p(-self.share) + self.base._log_prob(X, Y)
        return np.logaddexp(joint, np.log(self.share) + independent)

    def _log_prob_x(self, X):
        return self.base._log_prob_x(X)

    def _log_prob_y(self, Y):
        return self.base._log_prob_y(Y)

    def _axis_breaks(self):
        return self.base._axis_breaks()
