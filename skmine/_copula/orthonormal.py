"""Orthonormal functions of the cells of a column, and the scale of products of two columns."""

import numpy as np

#: A function is left out if earlier ones leave less than this share of it.
_SMALLEST_NORM = 1e-6


def contrasts(mass: np.ndarray) -> np.ndarray:
    """Orthonormal functions of levels without order: each compares one level with all later ones.

    The Gram-Schmidt process makes the same functions of indicators.

    Parameters
    ----------
    mass : ndarray of shape (n_cells,)
        Share of the rows in each cell.

    Returns
    -------
    ndarray of shape (n_cells, n_cells - 1)
    """
    later = np.cumsum(mass[::-1])[::-1]  # share of a level and all later ones
    own, both, rest = mass[:-1], later[:-1], later[1:]
    below = np.tri(len(mass), len(mass) - 1, -1)
    functions = -below * np.sqrt(own / (both * rest))
    functions[np.arange(len(own)), np.arange(len(own))] = np.sqrt(rest / (own * both))
    return functions


def orthonormal(raw: np.ndarray, mass: np.ndarray, return_kept: bool = False):
    """Uncorrelated functions with mean 0 and variance 1, by the Gram-Schmidt process.

    Parameters
    ----------
    raw : ndarray of shape (n_cells, n_functions)
        Values in each cell.
    mass : ndarray of shape (n_cells,)
        Share of the rows in each cell.
    return_kept : bool, default=False
        Whether to also return a mask of the functions that are not combinations of earlier ones.

    Returns
    -------
    ndarray of shape (n_cells, n_kept)
    """
    root = np.sqrt(mass)
    basis = [root]
    kept = np.zeros(raw.shape[1], dtype=bool)
    for i, column in enumerate(raw.T):
        vector = root * column
        before = np.linalg.norm(vector)
        known = np.array(basis)
        for _ in range(2):  # twice is enough: Giraud et al. (2005)
            vector = vector - (known @ vector) @ known
        norm = np.linalg.norm(vector)
        if norm > _SMALLEST_NORM * before:
            kept[i] = True
            basis.append(vector / norm)
    functions = np.array(basis[1:]).reshape(-1, len(mass)).T / root[:, None]
    return (functions, kept) if return_kept else functions


def excess_scale(variance: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Divisors that give products of functions of two columns at most the variance of independent columns.

    Otherwise a single row, in which two rare values meet, could decide the test.

    Parameters
    ----------
    variance, largest : ndarray of shape (n_products,)
        Variances of the products, and those that they have if the columns are independent.

    Returns
    -------
    ndarray of shape (n_products,)
    """
    return np.sqrt(np.maximum(variance / largest, 1.0))
