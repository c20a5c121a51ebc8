"""Kernel ridge regression on the cells of columns, with residuals on held-out rows."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import ndtri

from skmine._copula import Margin
from skmine._copula.levels import ratio_of_variances

_RIDGES = np.geomspace(1e-4, 1e3, 15)
#: Share of the mean diagonal that is added to the kernel of the landmarks, so that it can be decomposed.
_JITTER = 1e-7
#: Directions that the ridge shrinks below this share are dropped.
_LEAST_SHRINK = 1e-2
_ROWS_AT_ONCE, _ROWS_A_PRODUCT = 256, 1024
#: Maximum number of cells of several columns together, whose factors of the kernel are multiplied first.
_MOST_MERGED = 256
#: Minimum share of a row's residual that remains after its own effect on the fit.
_LEAST_LEFT = 0.05
#: Variance of residuals, relative to that of their functions, that counts as rounding error.
_SMALLEST_VARIANCE = 1e-12


def kernel_table(margin: Margin) -> np.ndarray:
    """Kernel of every two cells of a column, shape (n_cells, n_cells).

    Gaussian in the normal score of the rank. Unordered levels and missing values are similar only to
    themselves.
    """
    if margin.rank is None:
        return np.eye(len(margin.mass))
    missing = np.isnan(margin.rank)
    share = np.where(missing, 0.0, margin.mass)
    share /= max(share.sum(), 1e-12)
    score = ndtri(np.where(missing, 0.5, margin.rank))
    score = score - share @ score
    score /= np.sqrt(max(share @ score**2, 1e-12))
    table = np.exp(-((score[:, None] - score) ** 2) / 2)
    table[missing] = table[:, missing] = 0.0
    table[missing, missing] = 1.0
    return table


def _merged(factors: list[np.ndarray], codes: list[np.ndarray]) -> tuple[list, list]:
    """Products of neighbouring factors with few cells, and the cells of their rows.

    Parameters
    ----------
    factors : list of ndarray of shape (n_cells, n_landmarks)
        Factors of the kernel.
    codes : list of ndarray of shape (n,)
        Cell of each row.
    """
    merged: tuple[list, list] = [], []
    for factor, code in sorted(zip(factors, codes, strict=True), key=lambda one: len(one[0])):
        if merged[0] and len(merged[0][-1]) * len(factor) <= _MOST_MERGED:
            last, cells = merged[0].pop(), merged[1].pop()
            code = cells * np.intp(len(factor)) + code
            factor = (last[:, None] * factor).reshape(-1, factor.shape[1])
        merged[0].append(factor)
        merged[1].append(code)
    return merged


class Kernel:
    """Kernel ``prod_j (1 + t k_j)`` over columns, between all rows and some rows, the landmarks.

    Parameters
    ----------
    tables, codes : sequence of ndarray
        Kernel of the cells of each column, and the cell of each row.
    landmarks : ndarray of shape (n_landmarks,)
        Indices of rows.
    share : float
        The factor t.

    Attributes
    ----------
    values : ndarray of shape (n, n_landmarks)
        Kernel between rows and landmarks.
    inner : ndarray of shape (n_landmarks, n_landmarks)
        Kernel between landmarks.
    """

    def __init__(self, tables, codes, landmarks: np.ndarray, share: float, n: int):
        # Unlike an index, take returns rows that are contiguous in memory.
        factors = [
            1 + share * table.take(code[landmarks], axis=1) for table, code in zip(tables, codes, strict=True)
        ]
        factors, codes = _merged(factors, list(codes))
        self.landmarks, self.share = landmarks, share
        self.values = np.ones((n, len(landmarks)))
        for start in range(0, n, _ROWS_AT_ONCE):  # a few rows stay in the processor's cache
            rows = slice(start, start + _ROWS_AT_ONCE)
            for factor, code in zip(factors, codes, strict=True):
                self.values[rows] *= factor[code[rows]]
        self.inner = self.values[landmarks]

    def times(self, tables, codes) -> "Kernel":
        """The kernel with further columns."""
        further = Kernel(tables, codes, self.landmarks, self.share, len(self.values))
        further.values *= self.values
        further.inner *= self.inner
        return further


class Smoother:
    """Kernel ridge regression of several functions on columns.

    The ridge has the smallest error by generalised cross-validation.

    Parameters
    ----------
    kernel : Kernel
        Kernel of the columns.
    target : ndarray of shape (n_functions, n)
        Functions for which the ridge is chosen.
    weight : ndarray of shape (n,) or None, default=None
        Weights of the rows, of mean 1.

    Attributes
    ----------
    error : float
        Error by generalised cross-validation.
    freedom_left : float
        Share of the degrees of freedom that the residuals have.

    References
    ----------
    Golub, Heath and Wahba (1979), Generalized cross-validation as a method for choosing a good ridge
    parameter, Technometrics.
    """

    def __init__(self, kernel: Kernel, target: np.ndarray, weight: np.ndarray | None = None):
        self.root = None if weight is None else np.sqrt(weight)
        rows = kernel.values if self.root is None else kernel.values * self.root[:, None]
        size = len(kernel.inner)
        lower = cholesky(kernel.inner + np.eye(size) * (_JITTER * np.trace(kernel.inner) / size), lower=True)
        gram = solve_triangular(lower, solve_triangular(lower, rows.T @ rows, lower=True).T, lower=True)
        spectrum, axes = np.linalg.eigh(gram)
        keep = spectrum > 1e-8 * spectrum[-1]
        self.spectrum = spectrum[keep]
        mixing = solve_triangular(lower, axes[:, keep] / np.sqrt(self.spectrum), lower=True, trans=1)
        values = target if self.root is None else target * self.root
        explained = (((values @ rows) @ mixing) ** 2).sum(axis=0)
        shrink = self.spectrum / (self.spectrum + _RIDGES[:, None])
        left = (values**2).sum() - (shrink * (2 - shrink)) @ explained
        errors = left / np.maximum(1 - shrink.sum(axis=1) / target.shape[1], _LEAST_LEFT) ** 2
        best = int(errors.argmin())
        self.error, self.ridge, self.shrink = errors[best], _RIDGES[best], shrink[best]
        keep = self.shrink > _LEAST_SHRINK
        self.freedom_left = max(1 - self.shrink.sum() / target.shape[1], _LEAST_LEFT)
        self.shrink, self.spectrum = self.shrink[keep], self.spectrum[keep]
        self.basis = _product(rows, mixing[:, keep])

    def residual(self, values: np.ndarray) -> np.ndarray:
        """Residuals of values of shape (n_functions, n)."""
        shown = (values if self.root is None else values * self.root).astype(np.float32)
        # OpenBLAS can set this flag although all numbers are finite (NumPy's issue 24067).
        with np.errstate(invalid="ignore"):
            smooth = ((shown @ self.basis) * self.shrink.astype(np.float32)) @ self.basis.T
        return values - (smooth if self.root is None else smooth / self.root.astype(np.float32))

    def left_out_residual(self, values: np.ndarray, folds: np.ndarray | None = None) -> np.ndarray:
        """Residuals of values on rows that are held out of the fit.

        Parameters
        ----------
        values : ndarray of shape (n_functions, n)
            Functions.
        folds : ndarray of shape (n,) or None, default=None
            Fold of each row. None holds out each row on its own.

        Returns
        -------
        ndarray of shape (n_functions, n)
        """
        if folds is None:
            own = self.basis**2 @ self.shrink.astype(np.float32)
            return self.residual(values) / np.maximum(1 - own, _LEAST_LEFT)
        shown = values if self.root is None else values * self.root
        features = self.basis * np.sqrt(self.spectrum)
        fitted = features.T @ shown.T
        residual = np.empty_like(shown)
        for fold in range(int(folds.max()) + 1):
            out = folds == fold
            curvature = np.diag(self.spectrum + self.ridge) - features[out].T @ features[out]
            weights = np.linalg.solve(curvature, fitted - features[out].T @ shown[:, out].T)
            residual[:, out] = shown[:, out] - (features[out] @ weights).T
        return residual if self.root is None else residual / self.root


def _product(rows: np.ndarray, mixing: np.ndarray) -> np.ndarray:
    """Product of two matrices in single precision, without a copy of it in double precision."""
    product = np.empty((len(rows), mixing.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), _ROWS_A_PRODUCT):
        some = slice(start, start + _ROWS_A_PRODUCT)
        product[some] = rows[some] @ mixing
    return product


def sharp_residual(
    smooth: np.ndarray,
    target: np.ndarray,
    columns: list[np.ndarray],
    weight: np.ndarray | None = None,
    folds: np.ndarray | None = None,
) -> np.ndarray:
    """Residuals without the jumps and sharp bends of single columns that a smooth regression leaves.

    They would look like dependence on every other column that follows one of these columns. For each column,
    the mean of the other rows in a cell is subtracted, shrunk towards 0 by as much as chance explains. Each
    function starts from its smooth residual or, if less remains, from its values.

    Parameters
    ----------
    smooth, target : ndarray of shape (n_functions, n)
        Residuals of a smooth regression on held-out rows, and the functions.
    columns : list of ndarray of shape (n,)
        Cell of each row, for each column.
    weight : ndarray of shape (n,) or None, default=None
        Weights of the rows, of mean 1.
    folds : ndarray of shape (n,) or None, default=None
        Fold of each row. The other rows of a row are those of other folds. None: each row is a fold.

    Returns
    -------
    ndarray of shape (n_functions, n)
    """
    found = []
    for residual in (smooth, target):
        for cells in columns:
            residual = _less_cell_means(residual, cells, weight, folds)
        found.append(residual)
    squares = [_sums(residual**2, weight) for residual in found]
    return np.where((squares[0] <= squares[1])[:, None], *found)


def are_determined(
    functions: np.ndarray, columns: list[np.ndarray], least: float, weight: np.ndarray | None = None
) -> np.ndarray:
    """Mask of the functions that have less than a share of their variance within the cells of some column.

    Copies and increasing maps of a column have the same cells. A smooth regression on many columns does not
    explain them completely.

    Parameters
    ----------
    functions : ndarray of shape (n_functions, n)
        Functions with mean 0 and variance 1.
    columns : list of ndarray of shape (n,)
        Cell of each row, for each column.
    least : float
        The share.
    weight : ndarray of shape (n,) or None, default=None
        Weights of the rows, of mean 1.

    Returns
    -------
    ndarray of shape (n_functions,)
    """
    determined = np.zeros(len(functions), dtype=bool)
    for cells in columns if len(functions) else []:
        rows, sums = _sums_of_cells(functions, cells, weight)
        between = (sums**2 / np.where(rows > 0, rows, 1)).sum(axis=1) / functions.shape[1]
        determined |= between > 1 - least
    return determined


def _less_cell_means(residual: np.ndarray, cells: np.ndarray, weight, folds) -> np.ndarray:
    rows, sums = _sums_of_cells(residual, cells, weight)
    n, n_used = rows.sum(), np.count_nonzero(rows)
    mean = sums / np.where(rows > 0, rows, 1)
    within = (_sums(residual**2, weight) - (rows * mean**2).sum(axis=1)) / max(n - n_used, 1)
    within = np.maximum(within, _SMALLEST_VARIANCE)[:, None]
    ratio = ratio_of_variances(np.broadcast_to(rows, mean.shape), mean, within)
    own_rows = np.ones(len(cells)) if weight is None else weight
    own = residual * own_rows
    if folds is not None:
        number = np.unique(cells * (int(folds.max()) + 1) + folds, return_inverse=True)[1]
        own_rows, own = (part[..., number] for part in _sums_of_cells(residual, number, weight))
    return residual - ratio * (sums[:, cells] - own) / (1 + ratio * (rows[cells] - own_rows))


def _sums(values: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    return values.sum(axis=1) if weight is None else values @ weight


def _sums_of_cells(values: np.ndarray, cells: np.ndarray, weight) -> tuple[np.ndarray, np.ndarray]:
    """Number of rows of each cell, and sums of functions over them, shape (n_functions, n_cells)."""
    rows = np.bincount(cells, weight)
    weighted = values if weight is None else values * weight
    return rows, np.stack([np.bincount(cells, row, len(rows)) for row in weighted])
