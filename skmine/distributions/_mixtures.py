"""Finite mixtures, and distributions with a share of independent rows (inliers)."""

import numpy as np
from scipy.special import logsumexp

from skmine.distributions._base import (
    JointDistribution,
    check_joint,
    check_number,
    check_weights,
)
from skmine.distributions._continuous import MultivariateNormal
from skmine.distributions._quadrature import chi_nodes


class Mixture(JointDistribution):
    """Each row is drawn from one of several distributions.

    `log_ratio` is exact. `mi` is computed in one of two ways:

    - For a mixture of normals with one column on each side, by Gauss-Legendre quadrature, with an error below
      1e-4.
    - Otherwise, or if the quadrature does not converge (correlations above 0.999), as the mean of the exact
      log ratio over 1,000,000 rows, with `mi_standard_error`.

    Parameters
    ----------
    components : sequence of JointDistribution
        Distributions with densities and with the same `d_x` and `d_y`. Do not mix discrete and continuous
        components; see NormalWithAtoms for that.
    weights : array-like of shape (n_components,), default=None
        Probability of each component, positive, with sum 1. None means equal probabilities.

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
            raise ValueError("components must hold at least one distribution; got none. Pass a list of them.")
        shapes = {(joint.d_x, joint.d_y) for joint in self.components}
        if len(shapes) > 1:
            raise ValueError(
                f"components must have the same d_x and d_y; got {sorted(shapes)}. "
                "Pad the smaller ones with Padded."
            )
        self.d_x, self.d_y = shapes.pop()
        self.weights = check_weights(weights, len(self.components))

    def _sample(self, n_samples, rng):
        counts = rng.multinomial(n_samples, self.weights)
        drawn = [
            joint._sample(count, rng) for joint, count in zip(self.components, counts, strict=True) if count
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
    """Replace a share of the rows by independent draws of X and Y. The marginals do not change.

    The log ratio is log((1 - share) r + share), where r is the density ratio of the base.

    `mi` is computed in one of two ways:

    - By quadrature, with an error below 1e-4, if the base is a multivariate normal whose non-zero canonical
      correlations are equal, or a mixture of normals with one column on each side.
    - Otherwise as the mean of the exact log ratio over 1,000,000 rows, with `mi_standard_error`.

    Parameters
    ----------
    base : JointDistribution
        The distribution of the other rows.
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
            if np.ptp(correlations) < 1e-8:
                return self._mi_equal_correlations(correlations[0], correlations.size)
        return self._mi_by_grid_or_sampling()

    def _mi_equal_correlations(self, correlation, n_pairs):
        """Integrate over the distribution of the log ratio of the base.

        The log ratio is a constant plus a scaled difference of independent chi-squared variables A and B with
        n_pairs degrees of freedom. They belong to (x + y) / sqrt(2) and (x - y) / sqrt(2) of the canonical
        pairs. The scales under the joint differ from those under the product of the marginals.
        """
        radii, weights = chi_nodes(n_pairs)
        a, b = radii[:, np.newaxis] ** 2, radii**2
        centre = -n_pairs / 2 * np.log1p(-(correlation**2))
        under_joint = centre + correlation * (a - b) / 2
        under_product = centre + correlation * (a / (1 + correlation) - b / (1 - correlation)) / 2
        joint, product = (
            weights @ self._mix(log_ratio) @ weights for log_ratio in (under_joint, under_product)
        )
        return (1 - self.share) * joint + self.share * product

    def _log_ratio(self, X, Y):
        return self._mix(self.base._log_ratio(X, Y))

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

    def _mix(self, log_ratio):
        return np.logaddexp(np.log1p(-self.share) + log_ratio, np.log(self.share))


class Independent(WithInliers):
    """Make X and Y of a distribution independent, without changing their marginals. `mi` is 0.

    Parameters
    ----------
    base : JointDistribution
        The distribution whose marginals are kept.

    Examples
    --------
    >>> from skmine.distributions import Independent, MultivariateNormal
    >>> Independent(MultivariateNormal.bivariate(0.75)).mi
    0.0
    """

    def __init__(self, base):
        super().__init__(base, share=1.0)
