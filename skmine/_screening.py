"""Which feature, or pair of features, adds information to those already chosen: tests on moments.

A candidate's smooth functions of its ranks are multiplied with functions of the target of which the part
that the chosen features explain has been taken off. Their mean products are zero where the candidate adds
nothing; the sum of their squares, times the number of rows, is then a chi-square variable. Half of what
it exceeds its mean by, over the rows, estimates the information that the candidate adds, in nats, to
second order. Moments of a few functions see little of a steep relation: candidates that pass are compared by
a kernel regression of the target on them and the chosen features, on rows left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.stats import chi2

from skmine._copula import Margin
from skmine._smoothing import Kernel, Smoother, kernel_table

#: Degree of the polynomials of a feature and of the target, and functions at most where there are levels.
_DEGREE, _MOST_FUNCTIONS = 4, 8
_TARGET_DEGREE, _MOST_TARGET_FUNCTIONS = 4, 32
#: Target functions at most where all pairs of features are screened, and numbers held in memory meanwhile.
_PAIR_TARGET_FUNCTIONS, _NUMBERS_AT_ONCE = 9, 2**25
#: Landmarks of the kernel regression on the chosen features; and on candidates to compare, and their rows.
_LANDMARKS, _JUDGE_LANDMARKS, _JUDGE_ROWS = 300, 150, 3_000
#: Pairs kept at most, and how many deviations their moments exceed the mean by under independence.
_KEPT_PAIRS, _PROMISING = 200, 2.0
_SMALLEST_NORM = 1e-6
#: Share of a function's variance that must be left after conditioning, for it to be tested; and of a product
#: of functions of two features, beside what functions of either explain.
_LEAST_VARIANCE, _LEAST_PRODUCT = 2.5e-3, 0.01


@dataclass(frozen=True)
class Candidates:
    """Singles or pairs of features with what they add.

    Attributes
    ----------
    members : ndarray of shape (n_candidates, 1 or 2)
        Features.
    gain : ndarray of shape (n_candidates,)
        Information added in nats, second-order estimate; not clipped.
    pvalue : ndarray of shape (n_candidates,)
        Bonferroni-adjusted over all candidates of the kind, at most 1.
    """

    members: np.ndarray
    gain: np.ndarray
    pvalue: np.ndarray

    def take(self, which: np.ndarray) -> "Candidates":
        """Some of them, by mask or numbers."""
        return Candidates(self.members[which], self.gain[which], self.pvalue[which])


class Screen:
    """Functions of all features and of the target, and the residuals of both given the chosen features.

    Parameters
    ----------
    features : list of list of Margin
        Margins of each feature; several for a group of columns that is one feature.
    targets : list of Margin
        Target columns.

    Attributes
    ----------
    functions : ndarray of shape (n_functions, n)
        Functions of the features in each row, those of a feature one after the other.
    owner : ndarray of shape (n_functions,)
        Feature of each function.
    residuals, residual_owner : ndarray
        The same, of what the chosen features leave of the functions.
    """

    def __init__(self, features: list[list[Margin]], targets: list[Margin]):
        self.n = len(targets[0])
        self.n_features = len(features)
        self.codes = [[m.codes for m in margins] for margins in features]
        self.tables = [[kernel_table(m) for m in margins] for margins in features]
        blocks = [_block_functions(margins, _DEGREE, _MOST_FUNCTIONS).T for margins in features]
        self.functions = np.vstack(blocks).astype(np.float32)
        self.owner = np.repeat(np.arange(self.n_features), [len(block) for block in blocks])
        self.residuals, self.residual_owner = self.functions, self.owner
        self.target = _block_functions(targets, _TARGET_DEGREE, _MOST_TARGET_FUNCTIONS).T
        self.residual_target = self.target.astype(np.float32)
        self.judged_rows = np.linspace(0, self.n - 1, min(self.n, _JUDGE_ROWS)).round().astype(int)
        self.chosen: list[int] = []
        self.additive = False

    @property
    def n_functions(self) -> np.ndarray:
        """Functions of each feature that are left, shape (n_features,)."""
        return np.bincount(self.residual_owner, minlength=self.n_features)

    def condition_on(self, chosen: list[int]) -> None:
        """Take off what the chosen features explain, of the target and of all other features.

        Parameters
        ----------
        chosen : list of int
            Features.
        """
        self.chosen = list(chosen)
        if not self.additive and sum(len(self.codes[j]) for j in chosen) > 1:
            target = self.target[:, self.judged_rows]
            errors = []
            for self.additive in (False, True):
                kernel = self._kernel(chosen, self.judged_rows, _JUDGE_LANDMARKS, self._share(chosen))
                errors.append(Smoother(kernel, target).error)
            self.additive = errors[1] < errors[0]
        kernel = self._kernel(chosen, slice(None), _LANDMARKS, self._share(chosen))
        smoother = Smoother(kernel, self.target)
        residual = smoother.left_out_residual(self.target)
        largest = max(residual.var(axis=1).max(initial=0.0), 1e-12)
        self.residual_target = _whitened(residual, _LEAST_VARIANCE * largest).astype(np.float32)
        parts = []
        free = ~np.isin(self.owner, chosen)
        residuals = smoother.residual(self.functions[free])
        for feature, start, stop in _runs(self.owner[free]):
            parts.append((feature, _whitened(residuals[start:stop], _LEAST_VARIANCE)))
        parts += [(j, self.functions[self.owner == j]) for j in chosen]
        parts = sorted(((j, part) for j, part in parts if len(part)), key=lambda one: one[0])
        empty = np.empty((0, self.n), dtype=np.float32)
        self.residuals = np.vstack([empty, *(part for _, part in parts)])
        self.residual_owner = np.repeat([j for j, _ in parts], [len(part) for _, part in parts]).astype(int)

    def _share(self, features: Sequence[int]) -> float:
        """How much of the kernel of a column counts."""
        return 1 / max(sum(len(self.codes[j]) for j in features), 1) if self.additive else 1.0

    def _columns(self, features: Sequence[int], rows) -> tuple[list[np.ndarray], list[np.ndarray]]:
        tables = [table for j in features for table in self.tables[j]]
        return tables, [code[rows] for j in features for code in self.codes[j]]

    def _kernel(self, features: Sequence[int], rows, n_landmarks: int, share: float) -> Kernel:
        n = self.target[:, rows].shape[1]
        landmarks = np.linspace(0, n - 1, min(n, n_landmarks)).round().astype(int)
        return Kernel(*self._columns(features, rows), landmarks, share, n)

    def left_out_information(self, candidates: Iterable[Sequence[int]]) -> Iterator[np.ndarray]:
        """What candidates add for each of some rows, left out of the fit, in nats to second order.

        Parameters
        ----------
        candidates : iterable of sequence of int
            Features of each; those chosen already count as given.

        Yields
        ------
        ndarray of shape (n_rows,)
            Half of what they take off the squared errors of the functions of the target, in units of the
            mean squared errors without them.
        """
        rows, target = self.judged_rows, self.target[:, self.judged_rows]
        kernel = self._kernel(self.chosen, rows, _JUDGE_LANDMARKS, self._share(self.chosen))
        given = target**2
        if self.chosen:
            given = Smoother(kernel, target).left_out_residual(target) ** 2
        for members in candidates:
            new = [j for j in dict.fromkeys(members) if j not in self.chosen]
            together = Smoother(kernel.times(*self._columns(new, rows)), target)
            gain = given - together.left_out_residual(target) ** 2
            yield (gain / given.mean(axis=1, keepdims=True)).sum(axis=0) / 2

    def singles(self) -> Candidates:
        """What each feature that is not chosen adds."""
        members = np.setdiff1d(np.arange(self.n_features), self.chosen)
        number = np.full(self.n_features, -1)
        number[members] = np.arange(len(members))
        owner = number[self.residual_owner]
        functions = self.residuals[owner >= 0]
        return self._candidates(members[:, None], functions, owner[owner >= 0], self.n_features)

    def promising_pairs(self, among: list[int], n_tests: int) -> Candidates:
        """The pairs with the largest moments, not both chosen, with one feature of those given.

        Parameters
        ----------
        among : list of int
            Features.
        n_tests : int
            Pairs that there are.

        Returns
        -------
        Candidates
            With a first estimate, by moments that are not studentised.
        """
        given, every = np.sort(np.asarray(among, dtype=int)), np.arange(self.n_features)
        moments = self._screen_pairs(given)
        freedom = np.multiply.outer(self.n_functions[given], self.n_functions) * len(self._pair_target)
        # A pair of which both features are given appears once, and no feature with itself.
        twice = np.isin(every, given) & (every <= given[:, None])
        known = np.logical_and.outer(np.isin(given, self.chosen), np.isin(every, self.chosen))
        excess = np.where(twice | known, -np.inf, moments - freedom)
        surprise = (excess / np.sqrt(2 * np.maximum(freedom, 1))).ravel()
        best = np.argsort(-surprise, kind="stable")[:_KEPT_PAIRS]
        best = np.sort(best[surprise[best] > _PROMISING])
        rows, columns = np.unravel_index(best, excess.shape)
        pvalue = n_tests * chi2.sf(moments[rows, columns], np.maximum(freedom[rows, columns], 1))
        members = np.column_stack([given[rows], columns])
        return Candidates(members, excess[rows, columns] / (2 * self.n), np.minimum(pvalue, 1.0))

    def test_pairs(self, members: np.ndarray, n_tests: int) -> Candidates:
        """What given pairs add, by studentised moments.

        Parameters
        ----------
        members : ndarray of shape (n_pairs, 2)
            Features.
        n_tests : int
            Pairs that they are the most promising of.

        Returns
        -------
        Candidates
        """
        products = [_products(*(self.residuals[self.residual_owner == j] for j in pair)) for pair in members]
        owner = np.repeat(np.arange(len(members)), [len(product) for product in products])
        functions = np.vstack([np.empty((0, self.n), dtype=np.float32), *products])
        return self._candidates(members, functions, owner, n_tests)

    @property
    def _pair_target(self) -> np.ndarray:
        return self.residual_target[:_PAIR_TARGET_FUNCTIONS]

    def _screen_pairs(self, among: np.ndarray) -> np.ndarray:
        """Sums of squared moments of pairs (given features, all features), times the rows.

        Only for pairs of which the second feature is given too, and comes later, or is not given.
        """
        starts = np.searchsorted(self.residual_owner, np.arange(self.n_features + 1))
        total = np.zeros((len(among), self.n_features))
        widest = max(1, _NUMBERS_AT_ONCE // max(len(self.residuals), self.n, 1))
        every = len(among) == self.n_features
        for first, last in _blocks((starts[1:] - starts[:-1])[among], widest):
            rows = np.concatenate([np.arange(starts[j], starts[j + 1]) for j in among[first:last]])
            begin = first if every else 0  # pairs with earlier features are known
            columns = self.residuals[starts[begin] :]
            squares = np.zeros((len(rows), len(columns)), dtype=np.float32)
            for target in self._pair_target:
                squares += ((self.residuals[rows] * target) @ columns.T) ** 2
            by_feature = _sums(squares.T, starts[begin:] - starts[begin])
            bounds = np.cumsum([0, *(starts[1:] - starts[:-1])[among[first:last]]])
            total[first:last, begin:] = _sums(by_feature.T, bounds) / self.n
        return total

    def _candidates(self, members, functions: np.ndarray, owner: np.ndarray, n_tests: int) -> Candidates:
        """Candidates by the moments of their functions (n_functions, n); `owner` numbers the candidates."""
        target = self.residual_target
        mean = functions @ target.T / self.n
        square = functions**2 @ (target**2).T / self.n
        usable = square > 1e-9
        moments = np.where(usable, mean.astype(np.float64) ** 2 / np.maximum(square, 1e-9), 0.0)
        statistic = self.n * np.bincount(owner, moments.sum(axis=1), len(members))
        freedom = np.bincount(owner, usable.sum(axis=1), len(members))
        pvalue = np.minimum(n_tests * chi2.sf(statistic, np.maximum(freedom, 1)), 1.0)
        return Candidates(members, (statistic - freedom) / (2 * self.n), pvalue)


def _runs(owner: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Feature, first and last function plus one, of each feature."""
    features, starts = np.unique(owner, return_index=True)
    if not len(owner):
        return
    yield from zip(features.tolist(), starts.tolist(), [*starts[1:].tolist(), len(owner)], strict=True)


def _blocks(sizes: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Neighbours whose sizes add up to a number at most, or single ones."""
    first, total = 0, 0
    for j, size in enumerate(sizes):
        if j > first and total + size > most:
            yield first, j
            first, total = j, 0
        total += size
    if len(sizes):
        yield first, len(sizes)


def _sums(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sums of rows between neighbouring bounds."""
    # reduceat takes no bound beyond the last row, and gives the row at a bound where there is none between.
    padded = np.vstack([values, np.zeros((1, values.shape[1]), dtype=values.dtype)])
    total = np.add.reduceat(padded, bounds[:-1], axis=0)
    total[bounds[1:] == bounds[:-1]] = 0.0
    return total


def _whitened(values: np.ndarray, least: float) -> np.ndarray:
    """Uncorrelated combinations of functions with mean 0 and variance 1, those of most variance first."""
    if not len(values):
        return values
    values = values - values.mean(axis=1, keepdims=True)
    variance, axes = (part[..., ::-1] for part in eigh(values @ values.T / values.shape[1]))
    keep = variance > least
    return (axes[:, keep] / np.sqrt(variance[keep])).T @ values


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Products of functions of two features, less what functions of either explain, orthonormal."""
    n = one.shape[1]
    products = (one[:, None, :] * other[None, :, :]).reshape(-1, n)
    alone = np.vstack([np.ones((1, n), dtype=one.dtype), one, other])
    both = np.vstack([alone, products])
    gram = (both @ both.T).astype(np.float64) / n
    n_alone = len(alone)
    explained = np.linalg.lstsq(gram[:n_alone, :n_alone], gram[:n_alone, n_alone:], rcond=1e-6)[0]
    left = gram[n_alone:, n_alone:] - gram[n_alone:, :n_alone] @ explained
    variance, axes = eigh((left + left.T) / 2)
    keep = variance > _LEAST_PRODUCT
    mixing = axes[:, keep] / np.sqrt(variance[keep])
    return np.vstack([-explained @ mixing, mixing]).T.astype(one.dtype) @ both


def _block_functions(margins: list[Margin], degree: int, most: int) -> np.ndarray:
    """Functions of a block of columns, orthonormal over the rows, at most so many of each column."""
    parts = [functions[m.codes] for m in margins for functions, _ in [m.polynomials(degree, most)]]
    functions = np.hstack(parts)
    if len(margins) == 1 or not functions.shape[1]:
        return functions
    left, singular, _ = np.linalg.svd(functions - functions.mean(axis=0), full_matrices=False)
    keep = singular > _SMALLEST_NORM * max(singular[0], 1e-12)
    return (left[:, keep] * np.sqrt(len(left)))[:, :most]
