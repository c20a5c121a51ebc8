"""Maps of X or Y that do not change the mutual information: the base class, and maps of whole rows."""

from abc import ABC, abstractmethod

import numpy as np
from scipy.stats import ortho_group

from skmine._sklearn import make_random_state
from skmine.distributions._base import check_count, check_number, describe


class Transform(ABC):
    """Base class: an injective map of rows, with its inverse.

    `forward` maps the shape (n, d) to (n, n_outputs(d)), and `inverse` maps it back.
    `log_abs_det_jacobian` is evaluated at the points before the map. Maps that change the number of columns
    do not have it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine.distributions import MultivariateNormal, Transform, Transformed
    >>> class Exponential(Transform):
    ...     def forward(self, points):
    ...         return np.exp(points)
    ...
    ...     def inverse(self, points):
    ...         return np.log(points)
    >>> normal = MultivariateNormal.bivariate(0.8)
    >>> Transformed(normal, transform_x=Exponential()).mi == normal.mi
    True
    """

    @abstractmethod
    def forward(self, points):
        """Map rows, (n, d) -> (n, n_outputs(d))."""

    @abstractmethod
    def inverse(self, points):
        """Map rows back, (n, n_outputs(d)) -> (n, d)."""

    def log_abs_det_jacobian(self, points):
        """Log absolute determinant of the Jacobian at the points before the map, shape (n,)."""
        raise NotImplementedError(
            f"{type(self).__name__} changes the number of columns, so that its image has no "
            "density. Use log_ratio, which needs none."
        )

    def n_outputs(self, d):
        """Return the number of columns after the map of `d` columns. ValueError if `d` is not allowed."""
        return d

    def __repr__(self):
        return describe(self)


class Spiral(Transform):
    """Rotate the plane of columns `first` and `second` by the angle speed * ``||x||^2``.

    The map preserves volumes and the length of each row.

    Parameters
    ----------
    speed : float
        Radians for each unit of squared length of the whole row.
    first : int, default=0
        First column of the rotated plane.
    second : int, default=1
        Second column of the rotated plane. The rotation is from `first` to `second`.

    References
    ----------
    Czyz et al., 2023, Beyond Normal, NeurIPS (spiral diffeomorphism).

    Examples
    --------
    >>> import numpy as np
    >>> from skmine.distributions import Spiral
    >>> Spiral(speed=np.pi / 2).forward(np.array([[1.0, 0.0]])).round(12) + 0.0
    array([[0., 1.]])
    """

    def __init__(self, speed, first=0, second=1):
        self.speed = check_number(speed, "speed")
        self.first = check_count(first, "first", minimum=0)
        self.second = check_count(second, "second", minimum=0)
        if self.first == self.second:
            raise ValueError(f"first and second must differ; got {self.first} twice. Name two columns.")

    def forward(self, points):
        return self._turn(points, self.speed)

    def inverse(self, points):
        return self._turn(points, -self.speed)

    def log_abs_det_jacobian(self, points):
        return np.zeros(len(points))

    def n_outputs(self, d):
        if max(self.first, self.second) >= d:
            raise ValueError(
                f"first and second must be column indices below {d}; got {self.first} and {self.second}. "
                "Lower them, or add columns with Padded."
            )
        return d

    def _turn(self, points, speed):
        angle = speed * np.sum(points**2, axis=1)
        a, b = points[:, self.first], points[:, self.second]
        turned = points.copy()
        turned[:, self.first] = np.cos(angle) * a - np.sin(angle) * b
        turned[:, self.second] = np.sin(angle) * a + np.cos(angle) * b
        return turned


class SwissRoll(Transform):
    """Map one column x on [0, 1] to two columns on a spiral, t (cos t, sin t) / 21.

    Here t = 3 pi (1 + 2 x) / 2. The inverse computes t from the distance to the origin.

    >>> import numpy as np
    >>> from skmine.distributions import SwissRoll
    >>> SwissRoll().inverse(SwissRoll().forward(np.array([[0.25]]))).round(12)
    array([[0.25]])
    """

    def forward(self, points):
        t = 1.5 * np.pi * (1 + 2 * points)
        return np.hstack([t * np.cos(t), t * np.sin(t)]) / 21

    def inverse(self, points):
        t = 21 * np.hypot(points[:, :1], points[:, 1:])
        return (t / (1.5 * np.pi) - 1) / 2

    def n_outputs(self, d):
        if d != 1:
            raise ValueError(f"SwissRoll must be given 1 column; got {d}. Use a distribution with 1 column.")
        return 2


class Affine(Transform):
    """Map each row x to ``matrix @ x + offset``. An orthogonal matrix gives a rotation or a reflection.

    Parameters
    ----------
    matrix : array-like of shape (d, d)
        Invertible matrix.
    offset : array-like of shape (d,), default=None
        Added to each row. None means zero.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine.distributions import Affine
    >>> Affine([[0.0, -1.0], [1.0, 0.0]]).forward(np.array([[1.0, 0.0]]))
    array([[0., 1.]])
    """

    def __init__(self, matrix, offset=None):
        matrix = np.array(matrix, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrix must be square; got shape {matrix.shape}. Pass (d, d) numbers.")
        if np.linalg.cond(matrix) > 1e10:
            raise ValueError(
                f"matrix must be invertible; got condition number {np.linalg.cond(matrix):.3g}. "
                "Pass a matrix of linearly independent rows."
            )
        self.matrix = matrix
        self.offset = np.zeros(len(matrix)) if offset is None else np.array(offset, dtype=float)
        if self.offset.shape != (len(matrix),):
            raise ValueError(
                f"offset must have shape ({len(matrix)},); got {self.offset.shape}. "
                "Pass one number for each column."
            )

    @classmethod
    def rotation(cls, d, random_state=None):
        """Random rotation: an orthogonal matrix drawn from the uniform (Haar) distribution.

        >>> matrix = Affine.rotation(3, random_state=0).matrix
        >>> bool(np.allclose(matrix @ matrix.T, np.eye(3)))
        True
        """
        d = check_count(d, "d")
        rng = make_random_state(random_state)
        return cls(ortho_group.rvs(d, random_state=rng) if d > 1 else [[rng.choice([-1.0, 1.0])]])

    def forward(self, points):
        return points @ self.matrix.T + self.offset

    def inverse(self, points):
        return np.linalg.solve(self.matrix, (points - self.offset).T).T

    def log_abs_det_jacobian(self, points):
        return np.full(len(points), np.linalg.slogdet(self.matrix)[1])

    def n_outputs(self, d):
        if d != len(self.matrix):
            raise ValueError(
                f"matrix must be ({d}, {d}) for {d} columns; got {self.matrix.shape}. "
                "Pass a matrix of that shape."
            )
        return d
