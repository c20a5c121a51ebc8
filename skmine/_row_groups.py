"""Groups of related rows, which are held out together and counted as one unit in tests."""

import numpy as np

from skmine._functions import runs

#: Maximum number of folds of groups.
_FOLDS = 10


class RowGroups:
    """Groups of rows, whose rows may depend on each other.

    Parameters
    ----------
    number : ndarray of shape (n,)
        Group number of each row, from 0.

    Attributes
    ----------
    folds : ndarray of shape (n,)
        Fold of each row. Groups are never split.
    """

    def __init__(self, number: np.ndarray):
        self.number = number
        self.order = np.argsort(number, kind="stable")
        self.starts = np.flatnonzero(np.append(True, np.diff(number[self.order]) > 0))
        sizes = np.bincount(number)
        fold = np.empty(len(sizes), dtype=int)
        fold[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes)) % min(_FOLDS, len(sizes))
        self.folds = fold[number]

    def means(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Sums over the groups of some rows, scaled so that their mean is that of the rows."""
        _, number = np.unique(self.number[rows], return_inverse=True)
        totals = np.bincount(number, values)
        return totals * (len(totals) / len(values))

    def variance(self, functions, target, owner, n_candidates: int):
        """Variance of moments whose rows depend on each other within groups, and the law of their sum.

        Returns
        -------
        variance : ndarray of shape (n_functions, n_target_functions)
            Variance of each moment, times the number of rows.
        scale, freedom : ndarray of shape (n_candidates,)
            The sum of squares is `scale` times a chi-square variable of `freedom` degrees, by its first two
            moments (Satterthwaite, 1946).
        """
        variance = np.ones((len(functions), len(target)))
        scale, freedom = np.ones(n_candidates), np.zeros(n_candidates)
        ordered = target[:, self.order]
        for j, start, stop in runs(owner):
            products = functions[start:stop, None, self.order] * ordered
            sums = np.add.reduceat(products, self.starts, axis=2).reshape(-1, len(self.starts))
            square = (sums.astype(np.float64) ** 2).sum(axis=1)
            variance[start:stop] = np.maximum(square / functions.shape[1], 1e-9).reshape(-1, len(target))
            standard = sums / np.sqrt(np.maximum(square, 1e-9))[:, None]
            spread = float(((standard @ standard.T) ** 2).sum())
            n_moments = len(standard)
            scale[j], freedom[j] = spread / n_moments, n_moments**2 / spread
        return variance, scale, freedom
