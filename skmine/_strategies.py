"""Selection strategies: functions of a task, in one table."""

import numpy as np
from joblib import delayed
from scipy.stats import false_discovery_control

from skmine._copula import Margin, pair_information
from skmine._greedy import Greedy
from skmine._progress import run_counted
from skmine._task import Reasons, SelectionRanking, SelectionTask

#: Maximum number of rows for joint strategies; rows times squared features up to which "auto" screens all
#: pairs (20,000 features with 1,000 rows take some minutes).
MAX_ROWS, MOST_PAIRED = 10_000, 4e11
#: Number of top features whose redundancy is computed together, and number of them in a task.
_LOOKED_AT, _A_TASK = 32, 8
#: Maximum number of redundant features for which related ones are searched.
_MOST_RELATED = 200


def select_marginal(task: SelectionTask) -> SelectionRanking:
    """Rank features by their own mutual information; "auto" controls the false discovery rate.

    References
    ----------
    Benjamini and Hochberg (1995).
    """
    mi, pvalues = task.relevance()
    adjusted = false_discovery_control(pvalues)
    included = np.isin(np.arange(len(mi)), task.included)
    order = np.lexsort((pvalues, -mi, adjusted > task.alpha, ~included))
    n_significant = int(((adjusted <= task.alpha) | included).sum())
    n_selected = n_significant if task.n_select is None else task.n_select
    for number in range(int(included.sum()), n_selected):
        if task.on_step(int(order[number])):
            n_selected = number + 1
            break
    return SelectionRanking(order, n_selected, mi, adjusted, Reasons(mi, adjusted, {}))


def select_mrmr(task: SelectionTask) -> SelectionRanking:
    """Rank features by relevance minus mean redundancy with the features already selected.

    "auto" stops when no significant feature has more relevance than redundancy.

    References
    ----------
    Peng, Long and Ding (2005), Feature selection based on mutual information: criteria of
    max-dependency, max-relevance, and min-redundancy, IEEE PAMI, eq. 6.
    """
    mi, pvalues = task.relevance()
    adjusted = false_discovery_control(pvalues)
    redundancy = _Redundancy([block[0] for block in task.features], task.n_jobs)
    redundancy.chosen += task.included
    score = np.where(adjusted <= task.alpha, mi, mi - mi.max() - 1)  # significant features first
    scores = mi.copy()
    left = ~np.isin(np.arange(len(mi)), task.included)
    n_most = len(mi) if task.n_select is None else task.n_select
    while len(redundancy.chosen) < n_most:
        best, net = redundancy.best(score, left)
        if task.n_select is None and (net <= 0 or adjusted[best] > task.alpha):
            break
        scores[best] = net
        left[best] = False
        redundancy.chosen.append(best)
        if task.on_step(best):
            break
    rest = np.flatnonzero(left)
    value = score - redundancy.total / max(len(redundancy.chosen), 1)
    ranked = [*redundancy.chosen, *rest[np.argsort(-value[rest], kind="stable")]]
    related = _relate(task, redundancy.chosen, [j for j in ranked if left[j] and adjusted[j] <= task.alpha])
    reasons = Reasons(mi, adjusted, related)
    return SelectionRanking(np.array(ranked, dtype=int), len(redundancy.chosen), scores, adjusted, reasons)


def _relate(task: SelectionTask, chosen: list[int], left: list[int]) -> dict[int, list[int]]:
    """Selected features most similar to the first few features that were not selected."""
    left = left[:_MOST_RELATED]
    which = [*chosen, *left]
    if not chosen or not left:
        return {}
    found = task.screen(which).related(range(len(chosen), len(which)), range(len(chosen)))
    return {which[k]: [chosen[i] for i in related] for k, related in found.items()}


class _Redundancy:
    """Sums of mutual information with the selected features, computed only if they can affect the choice.

    The sums only grow, so relevance minus a partial sum is an upper bound of the score. Only the sums of the
    features with the highest bounds are completed.

    Attributes
    ----------
    chosen : list of int
        Features.
    total : ndarray of shape (n_features,)
        Sum in nats over the first `n_known` selected features.
    """

    def __init__(self, margins: list[Margin], n_jobs):
        self.margins, self.n_jobs = margins, n_jobs
        self.chosen: list[int] = []
        self.total = np.zeros(len(margins))
        self.n_known = np.zeros(len(margins), dtype=int)

    def best(self, relevance: np.ndarray, left: np.ndarray) -> tuple[int, float]:
        """The remaining feature with the highest score, and its score in nats."""
        while True:
            score = np.where(left, relevance - self.total / max(len(self.chosen), 1), -np.inf)
            best = int(score.argmax())
            if self.n_known[best] == len(self.chosen):
                return best, float(score[best])
            first = np.argpartition(-score, min(_LOOKED_AT, len(score)) - 1)[:_LOOKED_AT]
            first = first[left[first]]
            behind = [(feature, first[self.n_known[first] <= k]) for k, feature in enumerate(self.chosen)]
            places = [
                (feature, some[i : i + _A_TASK])
                for feature, some in behind
                for i in range(0, len(some), _A_TASK)
            ]
            tasks = (
                delayed(pair_information)([self.margins[j] for j in some], self.margins[feature])
                for feature, some in places
            )
            found = run_counted(tasks, self.n_jobs, False, len(places), "block of pairs", require="sharedmem")
            for (_, some), values in zip(places, found, strict=True):
                self.total[some] += values
            self.n_known[first] = len(self.chosen)


def select_forward(task: SelectionTask) -> SelectionRanking:
    """Select greedily by the information that a feature adds to those already selected.

    "auto" stops when no feature adds information.

    References
    ----------
    Brown et al. (2012), Conditional likelihood maximisation, JMLR, eq. 11; Shah and Peters (2020), The
    hardness of conditional independence testing and the generalised covariance measure.
    """
    return Greedy(task, all_pairs=False).run()


def select_interaction(task: SelectionTask) -> SelectionRanking:
    """Select like "forward", with all pairs of features as additional candidates, to find XOR.

    "auto" stops when neither a feature nor a pair adds information.

    References
    ----------
    As for :func:`select_forward`.
    """
    return Greedy(task, all_pairs=True).run()


def select_auto(task: SelectionTask) -> SelectionRanking:
    """``"interaction"``, or ``"forward"`` if all pairs would take more than a few minutes."""
    work = len(task.targets[0]) * len(task.features) ** 2
    return Greedy(task, all_pairs=work <= MOST_PAIRED).run()


#: Strategies by name. To add one, write a function above and its line here.
STRATEGIES = {
    "auto": select_auto,
    "marginal": select_marginal,
    "mrmr": select_mrmr,
    "forward": select_forward,
    "interaction": select_interaction,
}
