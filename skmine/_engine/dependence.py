"""Tests for dependence between columns of two blocks, by moments of polynomials of their ranks."""

from functools import cached_property

import torch
from scipy.stats import chi2
from torch import Tensor

#: Level of the tests of pairs of columns, after Bonferroni's correction.
_LEVEL = 0.01
#: Level of the tests of products, and the maximum number of products.
_PRODUCT_LEVEL, _MOST_PRODUCTS = 0.001, 500
#: Degree of the polynomials, and the number of rows in which rare levels must be expected together (Cochran
#: 1954).
_DEGREE, _LEAST_EXPECTED = 4, 5
#: Number of moments in memory at a time: 40 MB.
_MOST_MOMENTS = 10**7


class Dependence:
    """Tests whether columns of two blocks depend on each other, on some of the rows.

    Columns that show no dependence alone are tested in products of two columns.

    Parameters
    ----------
    x, y : Tensor of shape (n, d_x), (n, d_y)
        Centred columns.
    rows : LongTensor of shape (m,)
        Rows to test. All members of a bank share the result, although a row that one member trains on is
        held out by another. This does little harm, because at this level of the test, noise hardly ever
        passes.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    """

    def __init__(self, x: Tensor, y: Tensor, rows: Tensor, weight: Tensor | None = None):
        self.x, self.y = x[rows], y[rows]
        share = x.new_ones(len(rows)) if weight is None else weight[rows]
        self.share = (share / share.sum()).unsqueeze(1)

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """Sum of squared moments of each pair of columns, (d_x, d_y), and whether the pair is dependent."""
        return _test(self.x, self.y, self.share, _LEVEL)

    @cached_property
    def relevant(self) -> tuple[Tensor, Tensor]:
        """Masks of the columns of x, (d_x,), and y, (d_y,), that depend on a column of the other block.

        All are True if no columns depend on each other, or if there are too many pairs to test.
        """
        _, dependent = self.pairs
        found_x, found_y = dependent.any(1), dependent.any(0)
        by_x, by_y = _test_products(self.x, ~found_x, self.y, self.share)
        also_y, also_x = _test_products(self.y, ~found_y, self.x, self.share)
        found_x, found_y = found_x | by_x | also_x, found_y | by_y | also_y
        if not found_x.any():
            return torch.ones_like(found_x), torch.ones_like(found_y)
        return found_x, found_y


def _test(x: Tensor, y: Tensor, share: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Squared moments of pairs of columns, and whether each pair passes. None passes if there are too many.

    Under independence, the moments of a pair times the number of rows are a chi-square variable.
    """
    n_pairs = x.shape[1] * y.shape[1]
    if n_pairs * _DEGREE**2 > _MOST_MOMENTS:
        shape = x.shape[1], y.shape[1]
        # There may be too many pairs to copy, so these are views.
        return x.new_zeros(()).expand(shape), torch.zeros((), dtype=torch.bool).expand(shape)
    f_x, n_x = rank_polynomials(x, share)
    f_y, n_y = rank_polynomials(y, share)
    moments = ((share * f_x.flatten(1)).T @ f_y.flatten(1)) ** 2
    total = moments.view(len(n_x), _DEGREE, len(n_y), _DEGREE).sum((1, 3))
    n_effective = 1 / float((share**2).sum())
    critical = chi2.isf(level / n_pairs, torch.outer(n_x, n_y).clamp_min(1).numpy())
    # Cochran's rule: if rare levels meet in too few rows, the moments do not follow a chi-square
    # distribution.
    kurtosis = [(share.unsqueeze(2) * f**4).sum(0).amax(1) for f in (f_x, f_y)]
    enough = n_effective >= _LEAST_EXPECTED * torch.outer(*kurtosis)
    return total, enough & (n_effective * total > torch.as_tensor(critical))


def _test_products(x: Tensor, read: Tensor, y: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Masks of the columns of x in a product that depends on y, and of the columns of y that depend on one.

    All products of two columns in the mask `read` are tested, unless there are too many.
    """
    found_x, found_y = x.new_zeros(x.shape[1], dtype=torch.bool), y.new_zeros(y.shape[1], dtype=torch.bool)
    n_read = int(read.sum())
    if 0 < n_read * (n_read - 1) // 2 <= _MOST_PRODUCTS:
        first, second = torch.combinations(read.nonzero().flatten()).T
        _, dependent = _test(x[:, first] * x[:, second], y, share, _PRODUCT_LEVEL)
        pairs, found_y = dependent.any(1), dependent.any(0)
        found_x[first[pairs]] = found_x[second[pairs]] = True
    return found_x, found_y


def rank_polynomials(x: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Uncorrelated polynomials of each column's rank, (n, d, 4), and the number that are not zero, (d,)."""
    scale = (share * x**2).sum(0).sqrt().clamp_min(1e-6)
    rank = torch.erf(x / scale / 2**0.5)
    powers = torch.stack([rank**k for k in range(1, _DEGREE + 1)], 2).double()
    share = share.double().unsqueeze(2)
    powers = powers - (share * powers).sum(0)
    gram = torch.einsum("nda,ndb->dab", share * powers, powers)
    variance, axes = torch.linalg.eigh(gram)
    kept = variance > 1e-7
    scale = torch.where(kept, variance.clamp_min(1e-7).rsqrt(), 0.0)
    return torch.einsum("nda,dab->ndb", powers, axes * scale.unsqueeze(1)).float(), kept.sum(1)
