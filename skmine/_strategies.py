"""How features are ranked and chosen: functions of one task, in one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from joblib import delayed
from scipy.stats import false_discovery_control

from skmine._copula import Margin, independence_pvalues, pair_information
from skmine._progress import run_counted
from skmine._screening import Candidates, Screen

#: Rows at most on which features are chosen given others, and features of which all pairs are screened.
MAX_ROWS, MAX_PAIRED_FEATURES = 10_000, 5_000
#: Candidates of the largest moments that are judged by left-out rows at each step.
_JUDGED = 6
#: Pairs that are tested at a time.
_TESTED_AT_ONCE = 16
#: Features of the highest scores whose redundancy is computed together.
_LOOKED_AT = 32
#: Numbers of the features whose relevance is computed together, at most.
_NUMBERS_A_CHUNK = 2_000_000
#: Adjusted p-value up to which a candidate is rather counted in than out, if a number of features is asked.
_LIKELY = 0.5


@dataclass
class Task:
    """What a strategy works on.

    Attributes
    ----------
    features : sequence of list of Margin
        Margins of each feature; several for a group of columns.
    targets : list of Margin
        Target columns.
    n_select : int or None
        Features to select; None selects those that are significant.
    alpha : float
        False discovery rate, or error rate of each step, at which a feature is significant.
    on_step : callable
        Called with each feature as it is chosen.
    n_jobs : int or None
        Features whose relevance is computed at once.
    """

    features: Sequence[list[Margin]]
    targets: list[Margin]
    n_select: int | None
    alpha: float
    on_step: Callable[[int], None] = field(default=lambda feature: None)
    n_jobs: int | None = None

    def relevance(self) -> tuple[np.ndarray, np.ndarray]:
        """Mutual information in nats and p-value of each feature alone.

        Of several columns and targets the largest value counts, a lower bound of the joint one, with the
        smallest p-value times the number of pairs.
        """
        at_once = int(np.clip(_NUMBERS_A_CHUNK // len(self.targets[0]), 1, _LOOKED_AT))
        starts = range(0, len(self.features), at_once)
        tasks = (delayed(_relevance)(self.features[i : i + at_once], self.targets) for i in starts)
        found = run_counted(tasks, self.n_jobs, False, len(starts), "block of features", prefer="threads")
        largest, smallest = np.hstack(found)
        return largest, smallest


def _relevance(features: Sequence[list[Margin]], targets: list[Margin]) -> np.ndarray:
    """Mutual information and p-value of some features, shape (2, n_features)."""
    blocks = list(features)
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    margins = [margin for block in blocks for margin in block]
    mi = np.max([pair_information(margins, target) for target in targets], axis=0)
    pvalue = np.min([independence_pvalues(margins, target) for target in targets], axis=0)
    largest, smallest = np.zeros(len(blocks)), np.ones(len(blocks))
    np.maximum.at(largest, owner, mi)
    np.minimum.at(smallest, owner, pvalue)
    return np.stack([largest, np.minimum(smallest * np.bincount(owner) * len(targets), 1.0)])


@dataclass(frozen=True)
class Ranking:
    """What a strategy found.

    Attributes
    ----------
    order : ndarray of shape (n_features,)
        All features, best first.
    n_selected : int
        The first so many are selected.
    scores : ndarray of shape (n_features,)
        Nats; see the strategies.
    pvalues : ndarray of shape (n_features,)
        Adjusted for the number of features, or pairs of features, tried.
    """

    order: np.ndarray
    n_selected: int
    scores: np.ndarray
    pvalues: np.ndarray


def select_marginal(task: Task) -> Ranking:
    """By the mutual information of each feature alone; "auto" by the false discovery rate.

    References
    ----------
    Benjamini and Hochberg (1995).
    """
    mi, pvalues = task.relevance()
    adjusted = false_discovery_control(pvalues)
    order = np.lexsort((pvalues, -mi, adjusted > task.alpha))
    n_selected = int((adjusted <= task.alpha).sum()) if task.n_select is None else task.n_select
    return Ranking(order, n_selected, mi, adjusted)


def select_mrmr(task: Task) -> Ranking:
    """By relevance less mean redundancy with the features already chosen, both mutual information.

    "auto" stops where no significant feature has more relevance than redundancy.

    References
    ----------
    Peng, Long and Ding (2005), Feature selection based on mutual information: criteria of
    max-dependency, max-relevance, and min-redundancy, IEEE PAMI, eq. 6.
    """
    mi, pvalues = task.relevance()
    adjusted = false_discovery_control(pvalues)
    redundancy = _Redundancy([block[0] for block in task.features])
    score = np.where(adjusted <= task.alpha, mi, mi - mi.max() - 1)  # significant features first
    scores = mi.copy()
    left = np.ones(len(mi), dtype=bool)
    n_most = len(mi) if task.n_select is None else task.n_select
    while len(redundancy.chosen) < n_most:
        best, net = redundancy.best(score, left)
        if task.n_select is None and (net <= 0 or adjusted[best] > task.alpha):
            break
        scores[best] = net
        left[best] = False
        redundancy.chosen.append(best)
        task.on_step(best)
    rest = np.flatnonzero(left)
    value = score - redundancy.total / max(len(redundancy.chosen), 1)
    ranked = [*redundancy.chosen, *rest[np.argsort(-value[rest], kind="stable")]]
    return Ranking(np.array(ranked, dtype=int), len(redundancy.chosen), scores, adjusted)


class _Redundancy:
    """Sums of mutual information with the chosen features, computed where they can matter.

    They are never negative, so relevance less what is known of them is the most that a feature can score:
    only the features with the highest such scores are looked at.

    Attributes
    ----------
    chosen : list of int
        Features.
    total : ndarray of shape (n_features,)
        Sum in nats over the first `n_known` chosen features of each.
    """

    def __init__(self, margins: list[Margin]):
        self.margins = margins
        self.chosen: list[int] = []
        self.total = np.zeros(len(margins))
        self.n_known = np.zeros(len(margins), dtype=int)

    def best(self, relevance: np.ndarray, left: np.ndarray) -> tuple[int, float]:
        """The feature of the highest score among those left, and its score in nats."""
        while True:
            score = np.where(left, relevance - self.total / max(len(self.chosen), 1), -np.inf)
            best = int(score.argmax())
            if self.n_known[best] == len(self.chosen):
                return best, float(score[best])
            first = np.argpartition(-score, min(_LOOKED_AT, len(score)) - 1)[:_LOOKED_AT]
            for number, feature in enumerate(self.chosen):
                behind = first[left[first] & (self.n_known[first] == number)]
                margins = [self.margins[j] for j in behind]
                self.total[behind] += pair_information(margins, self.margins[feature])
                self.n_known[behind] += 1


def select_forward(task: Task) -> Ranking:
    """Greedily by the information that a feature adds to those already chosen, alone or with one of them.

    "auto" stops where no feature adds any.

    References
    ----------
    Brown et al. (2012), Conditional likelihood maximisation, JMLR, eq. 11; Shah and Peters (2020), The
    hardness of conditional independence testing and the generalised covariance measure.
    """
    return _Greedy(task, all_pairs=False).run()


def select_interaction(task: Task) -> Ranking:
    """As "forward", with all pairs of features as candidates too: XOR is found.

    "auto" stops where neither a feature nor a pair adds any.

    References
    ----------
    As for :func:`select_forward`.
    """
    return _Greedy(task, all_pairs=True).run()


def select_auto(task: Task) -> Ranking:
    """``"interaction"``, or ``"forward"`` where there are more than 5,000 features."""
    return _Greedy(task, all_pairs=len(task.features) <= MAX_PAIRED_FEATURES).run()


class _Greedy:
    """Chooses, step by step, the significant single or pair that adds most a feature; then likely ones."""

    def __init__(self, task: Task, all_pairs: bool):
        self.task, self.all_pairs = task, all_pairs
        self.screen = Screen(list(task.features), task.targets)
        n_features = len(task.features)
        self.scores, self.pvalues = np.zeros(n_features), np.ones(n_features)
        self.alone, self.alone_pvalues = np.zeros(n_features), np.ones(n_features)
        self.chosen: list[int] = []

    def run(self) -> Ranking:
        n_features = len(self.scores)
        n_most = n_features if self.task.n_select is None else self.task.n_select
        singles = self.screen.singles()
        self.alone[singles.members[:, 0]] = -singles.gain
        self.alone_pvalues[singles.members[:, 0]] = singles.pvalue
        self._find_pairs()
        fresh = True
        while len(self.chosen) < n_most:
            singles, tested = self.screen.singles(), self._test_pairs()
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
                # All pairs are screened again only where all that is known of adds nothing.
                self._find_pairs()
                fresh = True
        left = np.setdiff1d(np.arange(n_features), self.chosen)
        # Where nothing is known to add anything, by the moments of a feature alone.
        known = np.where(self.pvalues < _LIKELY, self.pvalues, 1.0)
        left = left[np.lexsort((self.alone[left], known[left]))]
        order = np.concatenate([np.array(self.chosen, dtype=int), left])
        n_selected = len(self.chosen) if self.task.n_select is None else n_most
        return Ranking(order, n_selected, self.scores, self.pvalues)

    @property
    def _n_pairs(self) -> int:
        n_features, n_chosen = len(self.scores), len(self.chosen)
        return n_features * (n_features - 1) // 2 if self.all_pairs else n_features * max(n_chosen, 1)

    def _find_pairs(self) -> None:
        among = list(range(len(self.scores))) if self.all_pairs else self.chosen
        self.pairs = self.screen.promising_pairs(among, self._n_pairs)

    def _test_pairs(self) -> Candidates:
        """Test the pairs that may add most, given what is known of them from before the last choice.

        What a pair adds seldom grows as features are chosen, so that pairs are tested until what is known of
        the next one is less than what enough tested ones add (lazy evaluation).

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
        """Keep what each feature that is not chosen adds, alone or in its best pair."""
        left = np.setdiff1d(np.arange(len(self.scores)), self.chosen)
        self.scores[left], self.pvalues[left] = -np.inf, 1.0
        for kind in candidates:
            for column in kind.members.T:
                open_rows = ~np.isin(column, self.chosen)
                share = self._n_new(kind)[open_rows]
                np.maximum.at(self.scores, column[open_rows], kind.gain[open_rows] / share)
                np.minimum.at(self.pvalues, column[open_rows], kind.pvalue[open_rows])

    def _n_new(self, kind: Candidates) -> np.ndarray:
        return (~np.isin(kind.members, self.chosen)).sum(axis=1)

    def _best(self, *candidates: Candidates, significant: bool = True) -> tuple[Candidates, int] | None:
        """Of the significant candidates, the one that adds most a new feature.

        The one with the largest moments, unless left-out rows profit more from another by a standard error.
        Without `significant`, one that left-out rows profit from by as much, of those that are likely to add
        something or depend on the target alone.
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
        if significant and len(found) < 2:
            return found[0][1:] if found else None
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
            self.pvalues[feature] = kind.pvalue[number]
            self.chosen.append(feature)
            self.task.on_step(feature)
        self.screen.condition_on(self.chosen)


#: Strategies by name. A new one is one function above and its line here.
STRATEGIES = {
    "auto": select_auto,
    "marginal": select_marginal,
    "mrmr": select_mrmr,
    "forward": select_forward,
    "interaction": select_interaction,
}
