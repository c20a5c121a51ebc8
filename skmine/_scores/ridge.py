"""Ridge regressions of many targets on functions of some rows, with one decomposition for all of them."""

from typing import NamedTuple

import numpy as np

_RIDGES = np.logspace(-7, 1, 17)


def unit(values: np.ndarray) -> np.ndarray:
    """Centre functions, and scale them to a mean square length of 1."""
    values = values - values.mean(axis=0)
    return values / np.sqrt(max((values**2).sum() / len(values), 1e-12))


class Span(NamedTuple):
    """Functions of n rows and their decomposition.

    Attributes
    ----------
    parts : list of ndarray of shape (n, n_functions of the part)
        Values of the functions, times the root of the rows' weights.
    gram : ndarray of shape (n_functions, n_functions)
        Mean products of the functions.
    weight : ndarray of shape (n,)
        Weights of the rows.
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
    weight: np.ndarray
    variance: np.ndarray
    axes: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, functions: np.ndarray, weight: np.ndarray) -> "Span":
        """Decompose functions that are multiplied by the root of the rows' weights."""
        return cls._decompose([functions], functions.T @ functions / len(functions), weight)

    @classmethod
    def _decompose(cls, parts: list[np.ndarray], gram: np.ndarray, weight: np.ndarray) -> "Span":
        variance, axes = np.linalg.eigh(gram)
        kept = variance > 1e-13 * variance[-1]
        axes = axes[:, kept] / np.sqrt(variance[kept])
        span = cls(parts, gram, weight, variance[kept], axes, np.ones(kept.sum()))
        if not np.ptp(weight):
            return span
        return span._replace(noise=weight @ span.combine(axes) ** 2 / weight.sum())

    def combine(self, coefficients: np.ndarray) -> np.ndarray:
        """Combinations of the functions, in all rows."""
        widths = np.cumsum([part.shape[1] for part in self.parts])[:-1]
        blocks = np.split(coefficients, widths)
        return sum(part @ block for part, block in zip(self.parts, blocks, strict=True))

    def beside(self, more: np.ndarray) -> "Span":
        """The span with further functions."""
        n = len(more)
        mixed = np.vstack([part.T @ more for part in self.parts]) / n
        gram = np.block([[self.gram, mixed], [mixed.T, more.T @ more / n]])
        return self._decompose([*self.parts, more], gram, self.weight)


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
        """Fit targets, (n, n_targets), that hold the root of the rows' weights."""
        n, variance = len(targets), span.variance
        along = span.axes.T @ np.vstack([part.T @ targets for part in span.parts]) / n
        shrinkage = variance / (variance + _RIDGES[:, None])
        freedom = np.maximum(1 - shrinkage @ span.noise / n, 1e-3)
        left = (targets**2).mean(axis=0) - (along**2).sum(axis=0) + (1 - shrinkage) ** 2 @ along**2
        error = left / freedom[:, None] ** 2
        chosen = shrinkage[error.argmin(axis=0)].T
        return cls(float(error.min(axis=0).sum()), span.axes @ (chosen * along), chosen)
