"""Ridge regressions of many targets on functions of some rows, with one decomposition for all of them.

Rows are compared within the levels of a category, so that the regressions follow any dependence on it.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

_RIDGES = np.logspace(-7, 1, 17)
_ROWS = 2**10


def unit(values: np.ndarray) -> np.ndarray:
    """Centre functions, and scale them to a mean square length of 1."""
    values = values - values.mean(axis=0)
    return values / np.sqrt(max((values**2).sum() / len(values), 1e-12))


class Within:
    """Rows within the levels of a category.

    Values hold the root of the rows' weights. Without their means in each level, the covariance of noise is
    ``C = (I - P) W (I - P)``. Here W are the weights, and P is the projection on the levels.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Level of each row; all 0 to compare all rows.
    weight : ndarray of shape (n,)
        Weights of the rows.

    Attributes
    ----------
    weight
        The parameter.
    diagonal : ndarray of shape (n,)
        Diagonal of C.
    squares : float
        Sum of the squared entries of C.
    """

    def __init__(self, codes: np.ndarray, weight: np.ndarray):
        self.weight = weight
        total, square, cube = (np.bincount(codes, weight**k) for k in (1, 2, 3))
        self._projection = csr_array((np.sqrt(weight / total[codes]), (codes, np.arange(len(codes)))))
        self._rows = self._projection.T.tocsr()
        self.diagonal = weight * (1 - 2 * weight / total[codes] + (square / total**2)[codes])
        self.squares = float((square - 2 * cube / total + (square / total) ** 2).sum())

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Values, (n, n_columns), without their means in each level."""
        left = values.copy()
        self.centre(left)
        return left

    def centre(self, values: np.ndarray) -> None:
        """Remove the means in each level from values in place."""
        means = self._projection @ values
        for start in range(0, len(values), _ROWS):  # a few rows stay in the processor's cache
            values[start : start + _ROWS] -= self._rows[start : start + _ROWS] @ means

    def spread(self, values: np.ndarray) -> np.ndarray:
        """C times values that have no means in any level."""
        return self(self.weight[:, None] * values) if np.ptp(self.weight) else values


class Span(NamedTuple):
    """Functions of n rows and their decomposition.

    Attributes
    ----------
    parts : list of ndarray of shape (n, n_functions of the part)
        Values of the functions, times the root of the rows' weights, without their means in each level.
    gram : ndarray of shape (n_functions, n_functions)
        Mean products of the functions.
    within : Within
        Levels of the rows.
    variance : ndarray of shape (n_axes,)
        Variances along the axes.
    axes : ndarray of shape (n_functions, n_axes)
        Combinations of the functions that are uncorrelated, with variance 1.
    noise : ndarray of shape (n_axes,)
        Variance along each axis of noise whose variance is the weight of the row. It exceeds 1 if heavy rows
        determine the axis.
    """

    parts: list[np.ndarray]
    gram: np.ndarray
    within: Within
    variance: np.ndarray
    axes: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, functions: np.ndarray, within: Within) -> "Span":
        """Decompose functions that are multiplied by the root of the weights. Centres them in place."""
        within.centre(functions)
        return cls._decompose([functions], functions.T @ functions / len(functions), within)

    @classmethod
    def _decompose(cls, parts: list[np.ndarray], gram: np.ndarray, within: Within) -> "Span":
        variance, axes = np.linalg.eigh(gram)
        kept = variance > max(1e-13 * variance[-1], 1e-300)
        axes = axes[:, kept] / np.sqrt(variance[kept])
        span = cls(parts, gram, within, variance[kept], axes, np.ones(kept.sum()))
        if not np.ptp(within.weight):
            return span
        return span._replace(noise=within.weight @ span.combine(axes) ** 2 / len(within.weight))

    def combine(self, coefficients: np.ndarray) -> np.ndarray:
        """Combinations of the functions, in all rows."""
        widths = np.cumsum([part.shape[1] for part in self.parts])[:-1]
        blocks = np.split(coefficients, widths)
        return sum(part @ block for part, block in zip(self.parts, blocks, strict=True))

    def beside(self, more: np.ndarray) -> "Span":
        """The span with further functions."""
        n, more = len(more), self.within(more)
        mixed = np.vstack([part.T @ more for part in self.parts]) / n
        gram = np.block([[self.gram, mixed], [mixed.T, more.T @ more / n]])
        return self._decompose([*self.parts, more], gram, self.within)


class Ridge(NamedTuple):
    """Ridge regressions, each with the ridge of the smallest generalised cross-validation error.

    Attributes
    ----------
    error : float
        Sum of the errors of the targets.
    coefficients : ndarray of shape (n_functions, n_targets)
        Coefficients of the functions, one column per target.
    shrinkage : ndarray of shape (n_axes, n_targets)
        Share of the target along each axis that is predicted.
    """

    error: float
    coefficients: np.ndarray
    shrinkage: np.ndarray

    @classmethod
    def fit(cls, span: Span, targets: np.ndarray) -> "Ridge":
        """Fit targets, (n, n_targets): like the functions, weighted and without their means in each level."""
        n, variance = len(targets), span.variance
        along = span.axes.T @ np.vstack([part.T @ targets for part in span.parts]) / n
        shrinkage = variance / (variance + _RIDGES[:, None])
        total = max(span.within.diagonal.sum(), 1e-300)  # 0 if each level has a single row
        freedom = np.maximum(1 - shrinkage @ span.noise / total, 1e-3)
        left = (targets**2).mean(axis=0) - (along**2).sum(axis=0) + (1 - shrinkage) ** 2 @ along**2
        error = left / freedom[:, None] ** 2
        chosen = shrinkage[error.argmin(axis=0)].T
        return cls(float(error.min(axis=0).sum()), span.axes @ (chosen * along), chosen)
