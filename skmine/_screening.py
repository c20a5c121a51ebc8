"""Tests for features, or pairs of features, that add information to the selected ones, by moments.

Functions of the target are replaced by their residuals given the selected features, and multiplied with
smooth functions of the ranks of a candidate. If the candidate adds nothing, the mean products are zero, and
the sum of their squares times the number of rows is a chi-square variable. Half of its excess over the mean,
divided by the number of rows, is a second-order estimate of the added information in nats. Moments of a few
functions miss part of a steep relation, so the best candidates are compared by a kernel regression of the
target on them and the selected features, on held-out rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from skmine._copula import Margin
from skmine._functions import (
    SMALLEST,
    block_functions,
    blocks,
    lost_share,
    products,
    runs,
    sums,
    variance_of_products,
    whitened,
)
from skmine._row_groups import RowGroups
from skmine._smoothing import Kernel, Smoother, are_determined, kernel_table, sharp_residual

#: Degree of the polynomials of a feature and of the target, and maximum number of functions for levels.
_DEGREE, _MOST_FUNCTIONS = 4, 8
_TARGET_DEGREE, _MOST_TARGET_FUNCTIONS = 4, 32
#: Maximum number of target functions, and of values in memory, if all pairs of features are screened.
_PAIR_TARGET_FUNCTIONS, _NUMBERS_AT_ONCE = 9, 2**25
#: Landmarks of the kernel regression on the selected features; landmarks and rows to compare candidates.
_LANDMARKS, _JUDGE_LANDMARKS, _JUDGE_ROWS = 300, 150, 3_000
#: Maximum number of pairs kept, and how many standard deviations their moments must exceed the mean.
_KEPT_PAIRS, _PROMISING = 200, 2.0
#: How much larger a studentised statistic can be. Pairs that are not significant even then are not tested.
#: RING+XOR, 250 rows, 512 features, 100 draws: finds .873 with 1, .885 with 1.25, .888 if all are tested.
_SLACK = 1.25
#: A function is tested if at least this share of its variance remains after conditioning.
_LEAST_VARIANCE = 2.5e-3
#: Two features are reported as related below this p-value of independence.
_SHARED_BY_CHANCE = 1e-3


@dataclass(frozen=True)
class Candidates:
    """Single features or pairs, with the information that they add.

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
        """Some of the candidates, by mask or indices."""
        return Candidates(self.members[which], self.gain[which], self.pvalue[which])


class Screen:
    """Functions of all features and of the target, and their residuals given the selected features.

    Parameters
    ----------
    features : list of list of Margin
        Margins of each feature; several for a group of columns that is one feature.
    targets : list of Margin
        Target columns.
    weight : ndarray of shape (n,) or None, default=None
        Weights of the rows, of mean 1; those that the margins were made with.
    groups : ndarray of shape (n,) or None, default=None
        Number of each row's group: rows of a group may depend on each other.

    Attributes
    ----------
    functions : ndarray of shape (n_functions, n)
        Functions of the features in each row, ordered by feature.
    owner : ndarray of shape (n_functions,)
        Feature of each function.
    residuals, residual_owner : ndarray
        The same for the residuals of the functions given the selected features.
    """

    def __init__(
        self,
        features: Sequence[list[Margin]],
        targets: list[Margin],
        weight: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ):
        self.n = len(targets[0].codes)
        self.weight = weight
        self.groups = None if groups is None else RowGroups(groups)
        self.n_features = len(features)
        self.features = features
        self._cells: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = {}
        parts = [block_functions(margins, _DEGREE, _MOST_FUNCTIONS, weight).T for margins in features]
        self.functions = np.vstack(parts).astype(np.float32)
        self.owner = np.repeat(np.arange(self.n_features), [len(part) for part in parts])
        self.residuals, self.residual_owner = self.functions, self.owner
        self._determined = np.zeros(len(self.owner), dtype=bool)
        targets = [margin.finer() for margin in targets]
        self.target = block_functions(targets, _TARGET_DEGREE, _MOST_TARGET_FUNCTIONS, weight).T
        self.residual_target = self.target.astype(np.float32)
        self.judged_rows = np.linspace(0, self.n - 1, min(self.n, _JUDGE_ROWS)).round().astype(int)
        self.chosen: list[int] = []
        self.freedom_left = 1.0
        self.additive = False
        self.judged_kernel = self._kernel([], self.judged_rows, _JUDGE_LANDMARKS, self.additive)
        self.judged: Smoother | None = None

    @property
    def n_functions(self) -> np.ndarray:
        """Number of remaining functions of each feature, shape (n_features,)."""
        return np.bincount(self.residual_owner, minlength=self.n_features)

    def condition_on(self, chosen: list[int]) -> None:
        """Replace the target and all other features by their residuals given the selected features.

        Parameters
        ----------
        chosen : list of int
            Features, including those of earlier calls.
        """
        new = [margin.codes for j in chosen if j not in self.chosen for margin in self.features[j]]
        self._determined |= are_determined(self.functions, new, _LEAST_VARIANCE, self.weight)
        self.chosen = list(chosen)
        can_be_additive = sum(len(self.features[j]) for j in chosen) > 1
        kinds = (False, True) if can_be_additive and not self.additive else (self.additive,)
        judged = []
        for additive in kinds:
            kernel = self._kernel(chosen, self.judged_rows, _JUDGE_LANDMARKS, additive)
            judged.append((kernel, self._judge(kernel), additive))
        self.judged_kernel, self.judged, self.additive = min(judged, key=lambda one: one[1].error)
        kernel = self._kernel(chosen, slice(None), _LANDMARKS, self.additive)
        smoother = Smoother(kernel, self.target, self.weight)
        folds = self._folds(slice(None))
        smooth, cells = smoother.left_out_residual(self.target, folds), self._columns(chosen, slice(None))[1]
        residual = sharp_residual(smooth, self.target, cells, self.weight, folds)
        self.residual_target = whitened(residual, _LEAST_VARIANCE, self.weight).astype(np.float32)
        self.freedom_left = smoother.freedom_left
        parts = []
        free = ~np.isin(self.owner, chosen) & ~self._determined
        residuals = smoother.residual(self.functions[free])
        for feature, start, stop in runs(self.owner[free]):
            parts.append((feature, whitened(residuals[start:stop], _LEAST_VARIANCE, self.weight)))
        parts += [(j, self.functions[self.owner == j]) for j in chosen]
        parts = sorted(((j, part) for j, part in parts if len(part)), key=lambda one: one[0])
        self.residuals = np.vstack([self.functions[:0], *(part for _, part in parts)])
        self.residual_owner = np.repeat([j for j, _ in parts], [len(part) for _, part in parts]).astype(int)

    def _judge(self, kernel: Kernel) -> Smoother:
        """Regression on the rows that candidates are compared on."""
        weight = None if self.weight is None else self.weight[self.judged_rows]
        return Smoother(kernel, self.target[:, self.judged_rows], weight)

    def _folds(self, rows) -> np.ndarray | None:
        return None if self.groups is None else self.groups.folds[rows]

    def _columns(self, features: Sequence[int], rows) -> tuple[list[np.ndarray], list[np.ndarray]]:
        for j in features:
            if j not in self._cells:
                finer = [margin.finer() for margin in self.features[j]]
                self._cells[j] = [kernel_table(m) for m in finer], [m.codes for m in finer]
        tables = [table for j in features for table in self._cells[j][0]]
        return tables, [code[rows] for j in features for code in self._cells[j][1]]

    def _kernel(self, features: Sequence[int], rows, n_landmarks: int, additive: bool) -> Kernel:
        n, n_columns = self.target[:, rows].shape[1], sum(len(self.features[j]) for j in features)
        share = 1 / max(n_columns, 1) if additive else 1.0
        landmarks = np.linspace(0, n - 1, min(n, n_landmarks)).round().astype(int)
        return Kernel(*self._columns(features, rows), landmarks, share, n)

    def left_out_information(self, candidates: Iterable[Sequence[int]]) -> Iterator[np.ndarray]:
        """Information that candidates add on held-out rows, in nats, as a second-order estimate.

        Parameters
        ----------
        candidates : iterable of sequence of int
            Features of each candidate. The selected features are added to them.

        Yields
        ------
        ndarray of shape (n_rows,), or (n_groups,) of the groups of these rows
            Half of the reduction of the squared errors of the target functions, relative to the mean squared
            error without the candidate.
        """
        rows, target = self.judged_rows, self.target[:, self.judged_rows]
        weight = np.ones(len(rows)) if self.weight is None else self.weight[rows]
        folds, given = self._folds(rows), target**2
        if self.judged is not None:
            given = self.judged.left_out_residual(target, folds) ** 2
        mean = (given * weight).sum(axis=1, keepdims=True) / weight.sum()
        for members in candidates:
            new = [j for j in dict.fromkeys(members) if j not in self.chosen]
            together = self._judge(self.judged_kernel.times(*self._columns(new, rows)))
            gain = given - together.left_out_residual(target, folds) ** 2
            gain = weight * (gain / mean).sum(axis=0) / 2
            yield gain if self.groups is None else self.groups.means(gain, rows)

    def related(self, features: Sequence[int], others: Sequence[int], most: int = 3) -> dict[int, list[int]]:
        """For each feature, those among `others` most similar to it, beyond chance, best first."""
        known, n_known = self._functions_of(others)
        number = np.bincount(self.owner, minlength=self.n_features)[np.asarray(features, dtype=int)]
        statistic = np.empty((len(features), len(others)))
        for first, last in blocks(number, len(known)):  # so that copies need little memory
            own, n_own = self._functions_of(features[first:last])
            squares = ((own if self.weight is None else own * self.weight) @ known.T) ** 2 / self.n
            by_feature = sums(squares, np.cumsum([0, *n_own]))
            statistic[first:last] = sums(by_feature.T, np.cumsum([0, *n_known])).T
        freedom = np.multiply.outer(number, n_known)
        is_related = statistic > chi2.isf(_SHARED_BY_CHANCE, np.maximum(freedom, 1))
        excess = np.where(is_related, statistic - freedom, -np.inf)
        found = {}
        for feature, of_feature in zip(features, excess, strict=True):
            order = np.argsort(-of_feature, kind="stable")[:most]
            found[int(feature)] = [int(others[k]) for k in order if of_feature[k] > -np.inf]
        return found

    def _functions_of(self, features: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Functions of some features (n_functions, n), and the number of each feature's functions."""
        parts = [self.functions[self.owner == feature] for feature in features]
        functions = np.vstack([np.empty((0, self.n), dtype=np.float32), *parts])
        return functions, np.array([len(part) for part in parts], dtype=int)

    def singles(self, n_tests: int | None = None) -> Candidates:
        """What each remaining feature adds, with p-values for `n_tests` tests (None: one per feature)."""
        members = np.setdiff1d(np.arange(self.n_features), self.chosen)
        number = np.full(self.n_features, -1)
        number[members] = np.arange(len(members))
        owner = number[self.residual_owner]
        functions = self.residuals[owner >= 0]
        return self._candidates(members[:, None], functions, owner[owner >= 0], n_tests or self.n_features)

    def promising_pairs(self, among: list[int], n_tests: int) -> Candidates:
        """The pairs with the largest moments that include a given feature and a feature not yet selected.

        Parameters
        ----------
        among : list of int
            Features.
        n_tests : int
            Number of all pairs.

        Returns
        -------
        Candidates
            Pairs with a first estimate, from moments that are not studentised. Their p-values are low.
        """
        given, every = np.sort(np.asarray(among, dtype=int)), np.arange(self.n_features)
        best, members = np.empty((3, 0)), np.empty((0, 2), dtype=int)
        for number, moments in self._screen_pairs(given):
            here = given[number]
            freedom = np.multiply.outer(self.n_functions[here], self.n_functions) * len(self._pair_target)
            # A pair with both features among the given ones is listed once. No feature is paired with itself.
            twice = np.isin(every, given) & (every <= here[:, None])
            known = np.logical_and.outer(np.isin(here, self.chosen), np.isin(every, self.chosen))
            excess = np.where(twice | known, -np.inf, moments - freedom)
            surprise = (excess / np.sqrt(2 * np.maximum(freedom, 1))).ravel()
            found = np.argpartition(-surprise, min(_KEPT_PAIRS, len(surprise) - 1))[:_KEPT_PAIRS]
            found = np.sort(found[surprise[found] > _PROMISING])
            of_found = np.stack([surprise[found], moments.ravel()[found], freedom.ravel()[found]])
            best = np.hstack([best, of_found])
            rows, columns = np.unravel_index(found, excess.shape)
            members = np.vstack([members, np.column_stack([here[rows], columns])])
            kept = np.sort(np.argsort(-best[0], kind="stable")[:_KEPT_PAIRS])
            best, members = best[:, kept], members[kept]
        _, moments, freedom = best
        pvalue = n_tests * chi2.sf(_SLACK * moments, np.maximum(freedom, 1))
        return Candidates(members, (moments - freedom) / (2 * self.n), np.minimum(pvalue, 1.0))

    def test_pairs(self, members: np.ndarray, n_tests: int) -> Candidates:
        """Information that the given pairs add, from studentised moments.

        Parameters
        ----------
        members : ndarray of shape (n_pairs, 2)
            Features.
        n_tests : int
            Number of all pairs, including the less promising ones.

        Returns
        -------
        Candidates
        """
        found = [products(self._left_of(j), self._left_of(k), self.weight) for j, k in members]
        owner = np.repeat(np.arange(len(members)), [len(functions) for functions in found])
        functions = np.vstack([np.empty((0, self.n), dtype=np.float32), *found])
        return self._candidates(members, functions, owner, n_tests)

    def _left_of(self, feature: int) -> np.ndarray:
        return self.residuals[self.residual_owner == feature]

    @property
    def _pair_target(self) -> np.ndarray:
        target = self.residual_target[:_PAIR_TARGET_FUNCTIONS]
        return target if self.weight is None else target * self.weight.astype(np.float32)

    def _screen_pairs(self, among: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Sums of squared moments of pairs (given features, all features), times the rows, block by block.

        Only pairs whose second feature comes later, or is not among the given ones, are computed.
        """
        starts = np.searchsorted(self.residual_owner, np.arange(self.n_features + 1))
        widest = max(1, _NUMBERS_AT_ONCE // max(len(self.residuals), self.n, 1))
        every = len(among) == self.n_features
        for first, last in blocks((starts[1:] - starts[:-1])[among], widest):
            rows = np.concatenate([np.arange(starts[j], starts[j + 1]) for j in among[first:last]])
            begin = first if every else 0  # pairs with earlier features are known
            columns = self.residuals[starts[begin] :]
            squares = np.zeros((len(rows), len(columns)), dtype=np.float32)
            for target in self._pair_target:
                squares += ((self.residuals[rows] * target) @ columns.T) ** 2
            by_feature = sums(squares.T, starts[begin:] - starts[begin])
            bounds = np.cumsum([0, *(starts[1:] - starts[:-1])[among[first:last]]])
            total = np.zeros((last - first, self.n_features))
            total[:, begin:] = sums(by_feature.T, bounds) / self.n
            yield slice(first, last), total

    def _candidates(self, members, functions: np.ndarray, owner: np.ndarray, n_tests: int) -> Candidates:
        """Candidates by the moments of their functions (n_functions, n); `owner` numbers the candidates."""
        target = self.residual_target
        weight = None if self.weight is None else self.weight.astype(np.float32)
        weighted = target if weight is None else target * weight
        moments = (functions @ weighted.T).astype(np.float64)
        variance = variance_of_products(functions, weighted, weight, moments) / self.n
        usable, mean = variance > SMALLEST, moments / self.n

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(owner, np.where(usable, values, 0.0).sum(axis=1), len(members))

        variance = np.maximum(variance, SMALLEST)
        # Products of independent functions have a weighted mean square of 1. If few rows have much of the
        # weight, the estimate is too uncertain to be far below it.
        lost = lost_share(weight)
        square = np.maximum((1 - lost) * variance, lost)
        freedom, scale = total(np.ones_like(mean)), np.ones(len(members))
        if self.groups is not None:
            of_groups, scale, freedom = self.groups.variance(functions, weighted, owner, len(members))
            variance = np.maximum(of_groups, variance)
        # The residuals of different rows are correlated (MacKinnon and White, 1985, HC1). This matters less
        # for products of the residuals of two features. The larger scale of left-out residuals cancels.
        one_new = (~np.isin(members, self.chosen)).sum(axis=1) == 1
        variance = variance / np.where(one_new, self.freedom_left, 1.0)[owner][:, None]
        statistic = self.n * total(mean**2 / variance)
        pvalue = np.minimum(n_tests * chi2.sf(statistic / scale, np.maximum(freedom, 1e-3)), 1.0)
        pvalue[freedom == 0] = 1.0
        return Candidates(members, total((mean**2 - variance / self.n) / square) / 2, pvalue)
