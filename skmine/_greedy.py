"""Greedy selection of features, one at a time or in pairs, by the information that they add."""

from dataclasses import replace

import numpy as np
from scipy.stats import false_discovery_control

from skmine._screening import Candidates
from skmine._task import Reasons, SelectionRanking, SelectionTask

#: Number of top candidates compared on held-out rows at each step.
_JUDGED = 6
#: Pairs that are tested at a time.
_TESTED_AT_ONCE = 16
#: If the screen finds less than this share of the information of a feature alone, it has missed the rest.
_SEEN = 0.1
#: Adjusted p-value up to which a candidate is preferred if a number of features is requested.
_LIKELY = 0.5


class Greedy:
    """Selects, step by step, the significant feature or pair that adds most per feature."""

    def __init__(self, task: SelectionTask, all_pairs: bool):
        self.task, self.all_pairs = task, all_pairs
        self.screen = task.screen()
        n_features = len(task.features)
        self.scores, self.pvalues = np.zeros(n_features), np.ones(n_features)
        self.alone, self.alone_pvalues = np.zeros(n_features), np.ones(n_features)
        self.chosen: list[int] = list(task.included)
        self.missed: list[int] = []  # features that the functions of the screen miss
        self.shared: dict[tuple[int, int], float] = {}  # p-values of two features
        self.is_stopped = False  # by a callback

    def run(self) -> SelectionRanking:
        n_features = len(self.scores)
        n_most = n_features if self.task.n_select is None else self.task.n_select
        self.relevance = self.task.relevance()
        singles = self._singles()
        self.alone[singles.members[:, 0]] = -singles.gain
        self.alone_pvalues[singles.members[:, 0]] = singles.pvalue
        if self.chosen:
            self.scores, self.pvalues = -self.alone, self.alone_pvalues.copy()
            self.screen.condition_on(self.chosen)
        self._find_pairs()
        fresh = True
        while len(self.chosen) < n_most and not self.is_stopped:
            singles, tested = self._singles(), self._test_pairs()
            self._note(singles, tested)
            best = self._best(singles, tested)
            if best is None and fresh and self.task.n_select is not None:
                best = self._best(singles, tested, significant=False)
            if best is not None:
                self._choose(best, n_most - len(self.chosen))
                fresh = False
            elif fresh:
                break
            if best is None or not self.all_pairs:
                # All pairs are screened again only if no known candidate adds information.
                self._find_pairs()
                fresh = True
        if len(self.chosen) == n_most or self.is_stopped:
            self._note(self._singles())
        left = np.setdiff1d(np.arange(n_features), self.chosen)
        # Features that add nothing are ordered by their own moments.
        known = np.where(self.pvalues < _LIKELY, self.pvalues, 1.0)
        left = left[np.lexsort((self.alone[left], known[left]))]
        order = np.concatenate([np.array(self.chosen, dtype=int), left])
        n_selected = len(self.chosen) if self.task.n_select is None or self.is_stopped else n_most
        # The reasons are about the same test as "marginal": it weighs smooth functions more than the screen.
        mi, pvalues = self.relevance
        adjusted = false_discovery_control(pvalues)
        explained = left[(adjusted[left] <= self.task.alpha) & (self.pvalues[left] > self.task.alpha)]
        related = self.screen.related(explained, self.chosen)
        reasons = Reasons(mi, adjusted, related)
        return SelectionRanking(order, n_selected, self.scores, self.pvalues, reasons)

    def _singles(self) -> Candidates:
        """What each remaining feature adds.

        The functions of the screen miss most of a rapid oscillation, which the relevance includes. A feature
        that shares nothing with the selected features adds at least its relevance.
        """
        singles, (mi, pvalue) = self.screen.singles(), self.relevance
        members, pvalue = singles.members[:, 0], np.minimum(pvalue * len(pvalue), 1.0)
        missed = (singles.gain < _SEEN * mi[members]) & (pvalue[members] <= self.task.alpha / 2)
        self.missed = self._share_nothing(members[missed].tolist()) if missed.any() else []
        alone = np.isin(members, self.missed)
        singles.gain[alone], singles.pvalue[alone] = mi[self.missed], pvalue[self.missed]
        return singles

    def _share_nothing(self, features: list[int]) -> list[int]:
        """Those of some features that depend on no selected feature."""
        related = self.screen.related(features, self.chosen)
        left = [j for j in features if not related[j]]
        for k in self.chosen:
            asked = [j for j in left if (j, k) not in self.shared]
            if asked:
                of_features, target = [self.task.features[j] for j in asked], self.task.features[k]
                _, pvalues = replace(self.task, features=of_features, targets=target).relevance()
                self.shared |= {(j, k): pvalue for j, pvalue in zip(asked, pvalues, strict=True)}
            left = [j for j in left if self.shared[j, k] > self.task.alpha / len(self.chosen)]
        return left

    @property
    def _n_pairs(self) -> int:
        n_features, n_chosen = len(self.scores), len(self.chosen)
        return n_features * (n_features - 1) // 2 if self.all_pairs else n_features * max(n_chosen, 1)

    def _find_pairs(self) -> None:
        among = list(range(len(self.scores))) if self.all_pairs else self.chosen
        self.pairs = self.screen.promising_pairs(among, self._n_pairs)

    def _test_pairs(self) -> Candidates:
        """Test the most promising pairs, in the order of their gains before the last choice.

        The gain of a pair rarely grows as features are selected. Testing stops when the old gain of the next
        pair is below the gains of enough tested pairs (lazy evaluation).

        References
        ----------
        Minoux (1978), Accelerated greedy algorithms for maximizing submodular set functions.
        """
        is_open = np.flatnonzero(~np.isin(self.pairs.members, self.chosen).all(axis=1))
        pairs = self.pairs = self.pairs.take(is_open)
        likely = np.flatnonzero(pairs.pvalue < 1)
        value = pairs.gain / self._n_new(pairs)
        order = likely[np.argsort(-value[likely], kind="stable")]
        n_tested = 0
        while n_tested < len(order):
            now = order[n_tested : n_tested + _TESTED_AT_ONCE]
            tested = self.screen.test_pairs(pairs.members[now], self._n_pairs)
            pairs.gain[now], pairs.pvalue[now] = tested.gain, tested.pvalue
            gain = tested.gain / self._n_new(tested)
            value[now] = np.where(tested.pvalue <= self.task.alpha, gain, -np.inf)
            n_tested += len(now)
            known = np.sort(value[order[:n_tested]])[::-1]
            if n_tested < len(order) and known[:_JUDGED][-1] >= value[order[n_tested]]:
                break
        return pairs.take(order[:n_tested])

    def _note(self, *candidates: Candidates) -> None:
        """Record what each remaining feature adds, alone or in its best pair."""
        left = np.setdiff1d(np.arange(len(self.scores)), self.chosen)
        self.scores[left], self.pvalues[left] = -np.inf, 1.0
        for kind in candidates:
            for column in kind.members.T:
                open_rows = ~np.isin(column, self.chosen)
                share = self._n_new(kind)[open_rows]
                np.maximum.at(self.scores, column[open_rows], kind.gain[open_rows] / share)
                adjusted = np.minimum(kind.pvalue * len(candidates), 1.0)
                np.minimum.at(self.pvalues, column[open_rows], adjusted[open_rows])

    def _n_new(self, kind: Candidates) -> np.ndarray:
        return (~np.isin(kind.members, self.chosen)).sum(axis=1)

    def _best(self, *candidates: Candidates, significant: bool = True) -> tuple[Candidates, int] | None:
        """The significant candidate that adds most per new feature.

        It has the largest gain, unless another candidate is better on held-out rows by a standard error. The
        comparison needs a gain that the functions of the screen can find.
        Without `significant`, candidates count that are likely to add information or depend on the target
        alone, if they help on held-out rows by a standard error.
        """
        found = []
        for kind in candidates:
            value = kind.gain / np.maximum(self._n_new(kind), 1)
            pvalue = kind.pvalue * len(candidates)
            open_ones = pvalue <= (self.task.alpha if significant else _LIKELY)
            if not significant and kind.members.shape[1] == 1:
                open_ones |= self.alone_pvalues[kind.members[:, 0]] <= self.task.alpha
            value[~open_ones] = 0.0
            first = np.argsort(-value, kind="stable")[:_JUDGED]
            found += [(value[i], kind, i) for i in first if value[i] > 0]
        found = sorted(found, key=lambda one: -one[0])[:_JUDGED]
        if not found:
            return None
        _, kind, i = found[0]
        if significant and (len(found) == 1 or kind.members[i].tolist() in [[j] for j in self.missed]):
            return kind, i
        best, most = None, 0.0
        gains = self.screen.left_out_information(kind.members[i] for _, kind, i in found)
        for (_, kind, i), gain in zip(found, gains, strict=True):
            per_feature = gain / self._n_new(kind)[i]
            more = per_feature - most
            if more.mean() > more.std() / len(more) ** 0.5 or (significant and best is None):
                best, most = (kind, i), per_feature
        return best

    def _choose(self, best: tuple[Candidates, int], n_left: int) -> None:
        kind, number = best
        new = [int(j) for j in kind.members[number] if j not in self.chosen]
        new.sort(key=lambda j: self.pvalues[j])
        for feature in new[:n_left]:
            self.scores[feature] = kind.gain[number] / len(new)
            self.pvalues[feature] = min(kind.pvalue[number] * 2, 1.0)  # single features, and pairs
            self.chosen.append(feature)
            if self.task.on_step(feature):
                self.is_stopped = True
                break
        self.screen.condition_on(self.chosen)
