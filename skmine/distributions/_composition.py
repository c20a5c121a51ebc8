"""Distributions made from others: transformed, concatenated, padded with noise."""

import numpy as np

from skmine.distributions._base import LOG_SQRT_2_PI, JointDistribution, check_count, check_joint
from skmine.distributions._transforms import Transform


class Transformed(JointDistribution):
    """Apply injective maps to X and to Y, which do not change `mi`.

    Parameters
    ----------
    base : JointDistribution
        The distribution before the maps.
    transform_x, transform_y : Transform, list of Transform, or None, default=None
        A list is applied from left to right. None leaves the columns unchanged.

    Examples
    --------
    >>> from skmine.distributions import Asinh, HalfCube, MultivariateNormal, Transformed
    >>> base = MultivariateNormal.bivariate(0.75)
    >>> joint = Transformed(base, transform_x=[HalfCube(), Asinh()])
    >>> X, Y = joint.sample(4, random_state=0)
    >>> bool(joint.mi == base.mi), joint.log_ratio(X, Y).shape
    (True, (4,))
    """

    def __init__(self, base, transform_x=None, transform_y=None):
        self.base = check_joint(base, "base")
        self.transform_x = _check_transforms(transform_x, "transform_x")
        self.transform_y = _check_transforms(transform_y, "transform_y")
        self.d_x, self.d_y = base.d_x, base.d_y
        for transform in self.transform_x:
            self.d_x = transform.n_outputs(self.d_x)
        for transform in self.transform_y:
            self.d_y = transform.n_outputs(self.d_y)

    def _sample(self, n_samples, rng):
        X, Y = self.base._sample(n_samples, rng)
        return _forward(X, self.transform_x), _forward(Y, self.transform_y)

    def _mutual_information(self):
        return self.base._mi_and_error

    def _log_ratio(self, X, Y):
        return self.base._log_ratio(self._base_x(X), self._base_y(Y))

    def _log_prob(self, X, Y):
        base_x, base_y = self._base_x(X), self._base_y(Y)
        volume = _log_volume(base_x, self.transform_x) + _log_volume(base_y, self.transform_y)
        return self.base._log_prob(base_x, base_y) - volume

    def _log_prob_x(self, X):
        base_x = self._base_x(X)
        return self.base._log_prob_x(base_x) - _log_volume(base_x, self.transform_x)

    def _log_prob_y(self, Y):
        base_y = self._base_y(Y)
        return self.base._log_prob_y(base_y) - _log_volume(base_y, self.transform_y)

    def _base_x(self, X):
        return _inverse(X, self.transform_x)

    def _base_y(self, Y):
        return _inverse(Y, self.transform_y)


class Concatenated(JointDistribution):
    """Concatenate the columns of independent distributions. `mi` is the sum of theirs.

    Parameters
    ----------
    joints : sequence of JointDistribution
        At least one. Their columns are concatenated in this order, both for X and for Y.

    Examples
    --------
    >>> from skmine.distributions import AdditiveUniformNoise, Concatenated, MultivariateNormal
    >>> joint = Concatenated([AdditiveUniformNoise(0.75), MultivariateNormal.bivariate(0.75)])
    >>> joint.d_x, round(joint.mi, 4)
    (2, 0.7467)
    """

    def __init__(self, joints):
        self.joints = [check_joint(joint, "each of joints") for joint in joints]
        if not self.joints:
            raise ValueError("joints must hold at least one distribution; got none. Pass a list of them.")
        self.d_x = sum(joint.d_x for joint in self.joints)
        self.d_y = sum(joint.d_y for joint in self.joints)

    def _sample(self, n_samples, rng):
        halves = zip(*(joint._sample(n_samples, rng) for joint in self.joints), strict=True)
        X, Y = (np.hstack(half) for half in halves)
        return X, Y

    def _mutual_information(self):
        values, errors = np.transpose([joint._mi_and_error for joint in self.joints])
        return values.sum(), np.sqrt(np.sum(errors**2))

    def _log_ratio(self, X, Y):
        return sum(joint._log_ratio(x, y) for joint, x, y in self._parts(X, Y))

    def _log_prob(self, X, Y):
        return sum(joint._log_prob(x, y) for joint, x, y in self._parts(X, Y))

    def _log_prob_x(self, X):
        blocks = zip(self.joints, self._blocks(X, "d_x"), strict=True)
        return sum(joint._log_prob_x(block) for joint, block in blocks)

    def _log_prob_y(self, Y):
        blocks = zip(self.joints, self._blocks(Y, "d_y"), strict=True)
        return sum(joint._log_prob_y(block) for joint, block in blocks)

    def _parts(self, X, Y):
        return zip(self.joints, self._blocks(X, "d_x"), self._blocks(Y, "d_y"), strict=True)

    def _blocks(self, points, name):
        widths = [getattr(joint, name) for joint in self.joints]
        return np.split(points, np.cumsum(widths)[:-1], axis=1)


class Padded(JointDistribution):
    """Append columns of independent standard normal noise to X and to Y. This does not change `mi`.

    To hide the informative columns, apply `Affine.rotation` afterwards.

    Parameters
    ----------
    base : JointDistribution
        The distribution of the first columns.
    extra_x, extra_y : int, default=0
        Number of columns of noise.

    Examples
    --------
    >>> from skmine.distributions import MultivariateNormal, Padded
    >>> joint = Padded(MultivariateNormal.bivariate(0.75), extra_x=9)
    >>> joint.d_x, joint.d_y, round(joint.mi, 4)
    (10, 1, 0.4133)
    """

    def __init__(self, base, extra_x=0, extra_y=0):
        self.base = check_joint(base, "base")
        self.extra_x = check_count(extra_x, "extra_x", minimum=0)
        self.extra_y = check_count(extra_y, "extra_y", minimum=0)
        self.d_x, self.d_y = base.d_x + self.extra_x, base.d_y + self.extra_y

    def _sample(self, n_samples, rng):
        X, Y = self.base._sample(n_samples, rng)
        noise_x = rng.standard_normal((n_samples, self.extra_x))
        noise_y = rng.standard_normal((n_samples, self.extra_y))
        return np.hstack([X, noise_x]), np.hstack([Y, noise_y])

    def _mutual_information(self):
        return self.base._mi_and_error

    def _log_ratio(self, X, Y):
        return self.base._log_ratio(X[:, : self.base.d_x], Y[:, : self.base.d_y])

    def _log_prob(self, X, Y):
        base = self.base._log_prob(X[:, : self.base.d_x], Y[:, : self.base.d_y])
        return base + _log_normal(X[:, self.base.d_x :]) + _log_normal(Y[:, self.base.d_y :])

    def _log_prob_x(self, X):
        base = self.base._log_prob_x(X[:, : self.base.d_x])
        return base + _log_normal(X[:, self.base.d_x :])

    def _log_prob_y(self, Y):
        base = self.base._log_prob_y(Y[:, : self.base.d_y])
        return base + _log_normal(Y[:, self.base.d_y :])


def _check_transforms(transforms, name):
    if transforms is None:
        return []
    transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
    for transform in transforms:
        if not isinstance(transform, Transform):
            raise TypeError(
                f"{name} must be a Transform or a list of them; got {type(transform).__name__}. "
                "Pass for example HalfCube()."
            )
    return transforms


def _forward(points, transforms):
    for transform in transforms:
        points = transform.forward(points)
    return points


def _inverse(points, transforms):
    for transform in reversed(transforms):
        points = transform.inverse(points)
    return points


def _log_volume(points, transforms):
    total = np.zeros(len(points))
    for transform in transforms:
        total = total + transform.log_abs_det_jacobian(points)
        points = transform.forward(points)
    return total


def _log_normal(points):
    return -np.sum(points**2 / 2 + LOG_SQRT_2_PI, axis=1)
