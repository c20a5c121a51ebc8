"""Tests of independence of blocks of columns, from functions of each column and of pairs of columns."""

from collections.abc import Callable

import numpy as np

from skmine._copula.independence import HIGHEST_DEGREE, BlockLaw, permutation_spread
from skmine._copula.margins import Margin
from skmine._copula.orthonormal import excess_scale

#: Maximum number of functions of a block, in total and per row, and degrees to try in turn.
_MOST_FUNCTIONS, _FUNCTIONS_A_ROW = 600, 0.12
_DEGREES, _PRODUCT_DEGREES = (HIGHEST_DEGREE, 4, 2, 1), (4, 2, 1)
#: Rows whose functions are in memory at a time.
_ROWS = 2**13


def block_law(first: list[Margin], second: list[Margin]) -> BlockLaw:
    """Statistic for the independence of two blocks of columns, and its distribution.

    Parameters
    ----------
    first, second : list of Margin
        Columns of the same rows.

    Returns
    -------
    BlockLaw
    """
    n = len(first[0])
    sides = BlockFunctions(first, n), BlockFunctions(second, n)
    blocks = [
        [[m.codes[start : start + _ROWS] for m in margins] for margins in (first, second)]
        for start in range(0, n, _ROWS)
    ]
    for number, side in enumerate(sides):
        side.standardise(np.add.reduce([side.product_sums(codes[number]) for codes in blocks]) / n)
    sums = moment_sums(*sides, *blocks[0])
    for codes in blocks[1:]:
        for total, part in zip(sums, moment_sums(*sides, *codes), strict=True):
            total += part
    return law_of_sums(sums, n)


def moment_sums(left: "BlockFunctions", right: "BlockFunctions", codes, other_codes) -> list[np.ndarray]:
    """Sums over some rows, for :func:`law_of_sums`.

    Parameters
    ----------
    left, right : BlockFunctions
        Functions of the two blocks.
    codes, other_codes : list of ndarray of shape (n_rows,)
        Cells of the columns of the two blocks.

    Returns
    -------
    list of ndarray
        Products of the functions of both blocks, products within each block, and the squares of the squared
        lengths of the rows.
    """
    one, other = left.values(codes), right.values(other_codes)
    lengths = [((side**2).sum(axis=1) ** 2).sum() for side in (one, other)]
    return [one.T @ other, one.T @ one, other.T @ other, np.array(lengths)]


def law_of_sums(sums: list[np.ndarray], n: int) -> BlockLaw:
    """Statistic and distribution from the sums over all rows.

    Parameters
    ----------
    sums : list of ndarray
        See :func:`moment_sums`.
    n : int
        Number of rows.

    Returns
    -------
    BlockLaw
    """
    products, left, right, lengths = sums
    if not products.size:
        return BlockLaw(0.0, np.empty(0), 1.0)
    statistic = (n - 1) * float(((products / n) ** 2).sum())
    scales = [np.linalg.eigvalsh(side / n) for side in (left, right)]
    weights = np.outer(*(scale[scale > 1e-9 * scale.max()] for scale in scales)).ravel()
    # The statistic over permutations has the mean of the weighted chi-square. Its variance is larger if the
    # functions of a block are large in a few rows.
    of_sides = [
        [np.trace(side), (side**2).sum(), total] for side, total in zip((left, right), lengths, strict=True)
    ]
    spread = permutation_spread(np.array(of_sides), weights, n)
    if not spread:  # few rows: all permutations give the same value
        return BlockLaw(statistic, np.empty(0), 1.0)
    return BlockLaw(statistic, weights, spread)


def choose_functions(
    functions_of: Callable[[int], list[np.ndarray]], n: int, most: int = _MOST_FUNCTIONS
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Functions of each column of a block, and factors of products of two columns, as many as n rows allow.

    Parameters
    ----------
    functions_of : callable
        Returns functions of each column, (..., n_functions), of a given degree.
    n : int
        Number of rows.
    most : int, default=600
        Maximum number of functions and of products.

    Returns
    -------
    single, paired : list of ndarray
        The second list is empty if there would be too many products, or if there is one column.
    """
    most = min(most, int(_FUNCTIONS_A_ROW * n))
    for degree in _DEGREES:
        single = functions_of(degree)
        if sum(part.shape[-1] for part in single) <= most:
            break
    for degree in _PRODUCT_DEGREES if len(single) > 1 else ():
        paired = functions_of(degree)
        widths = np.array([part.shape[-1] for part in paired])
        if (widths.sum() ** 2 - (widths**2).sum()) / 2 <= most:
            return single, paired
    return single, []


class BlockFunctions:
    """Functions of the rows of a block of columns, scaled by the root of their weights.

    They are functions of each column and, if that does not make too many, centred products for pairs of
    columns, whose variances are limited (:func:`excess_scale`).

    Parameters
    ----------
    margins : list of Margin
        Columns.
    n : int
        Number of rows.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_products,)
        Means of the products, and factors that limit their variances. Call :meth:`standardise` before
        :meth:`values`.
    """

    def __init__(self, margins: list[Margin], n: int):
        self.single, self.paired = choose_functions(lambda degree: _scaled(margins, degree), n)
        variance = [margin.mass @ part**2 for margin, part in zip(margins, self.paired, strict=False)]
        largest = [np.outer(one, other).ravel() for j, one in enumerate(variance) for other in variance[:j]]
        self._largest = np.concatenate([np.empty(0), *largest])
        self.mean, self.scale = np.zeros(0), np.ones(0)

    def _products(self, codes: list[np.ndarray]) -> np.ndarray:
        parts = [np.empty((len(codes[0]), 0))]
        values = [functions[c] for functions, c in zip(self.paired, codes, strict=False)]
        for j, one in enumerate(values):
            for other in values[:j]:
                parts += [one[:, [i]] * other for i in range(one.shape[1])]
        return np.hstack(parts)

    def product_sums(self, codes: list[np.ndarray]) -> np.ndarray:
        """Sums over rows of the products and of their squares, given their cells, shape (2, n_products)."""
        products = self._products(codes)
        return np.stack([products.sum(axis=0), (products**2).sum(axis=0)])

    def standardise(self, means: np.ndarray) -> None:
        """Set the means and factors of the products from their means and mean squares."""
        self.mean, square = means
        self.scale = 1 / excess_scale(square - self.mean**2, self._largest)

    def values(self, codes: list[np.ndarray]) -> np.ndarray:
        """Values of the functions in rows, given their cells, shape (n_rows, n_functions)."""
        single = [functions[c] for functions, c in zip(self.single, codes, strict=True)]
        return np.hstack([*single, (self._products(codes) - self.mean) * self.scale])


def _scaled(margins: list[Margin], degree: int) -> list[np.ndarray]:
    found = [margin.polynomials(degree) for margin in margins]
    return [functions / np.sqrt(order) for functions, order in found]
