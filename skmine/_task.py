"""What a selection strategy receives and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from joblib import delayed

from skmine._copula import Margin, combine_pvalues, estimate_pairs, independence_pvalues
from skmine._progress import run_counted
from skmine._screening import Screen

#: Maximum number of features, and of their values, whose relevance is computed together.
_AT_ONCE, _NUMBERS_A_CHUNK = 32, 500_000


@dataclass
class SelectionTask:
    """Data and settings that a selection strategy receives.

    A strategy is a function that takes a `SelectionTask` and returns a :class:`SelectionRanking`. Pass it as
    ``strategy`` to :class:`MINEFeatureSelector`, which makes the task.

    Attributes
    ----------
    features : sequence of list of Margin
        Columns of each feature; a group of columns has several. See Notes for what a margin offers.
    targets : list of Margin
        Target columns.
    n_select : int or None
        Number of features to select. With None, select those that are significant.
    alpha : float
        Significance level, as in :class:`MINEFeatureSelector`.
    on_step : callable
        Call it with the index of each selected feature, for the progress bar and for callbacks. It returns
        True if a callback wants the selection to end.
    n_jobs : int or None
        Number of parallel jobs.
    weight : ndarray of shape (n_samples,) or None
        Weights of the rows, with mean 1.
    groups : ndarray of shape (n_samples,) or None
        Group number of each row. Rows of a group may depend on each other.
    included : list of int
        Features to select first, regardless of what they add.

    Notes
    -----
    A margin holds one column, reduced to cells of its ranks (or levels):

    - ``codes``, shape (n_samples,): cell of each row;
    - ``mass``, shape (n_cells,): share of the rows in each cell;
    - ``values``: the numbers, or None for labels;
    - ``polynomials(degree)``: orthonormal functions of the cells, shape (n_cells, n_functions), and the
      degree of each.

    Examples
    --------
    A strategy that keeps the one feature with the highest mutual information:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skmine import MINEFeatureSelector, SelectionRanking
    >>> def best_one(task):
    ...     mi, pvalues = task.relevance()
    ...     return SelectionRanking(np.argsort(-mi), n_selected=1, scores=mi, pvalues=pvalues)
    >>> selector = MINEFeatureSelector(strategy=best_one).fit(*load_iris(return_X_y=True))
    >>> selector.n_features_
    1
    """

    features: Sequence[list[Margin]]
    targets: list[Margin]
    n_select: int | None
    alpha: float
    on_step: Callable[[int], bool] = field(default=lambda feature: False)
    n_jobs: int | None = None
    weight: np.ndarray | None = None
    groups: np.ndarray | None = None
    included: list[int] = field(default_factory=list)

    def screen(self, which: Sequence[int] | None = None) -> Screen:
        """Sums that compare features with the targets, as the built-in strategies use them.

        Parameters
        ----------
        which : sequence of int or None, default=None
            Indices of the features; None takes all.

        Returns
        -------
        Screen
            Private: it can change in any version.
        """
        features = list(self.features) if which is None else [self.features[j] for j in which]
        return Screen(features, self.targets, self.weight, self.groups)

    def relevance(self) -> tuple[np.ndarray, np.ndarray]:
        """Mutual information and p-value of each feature with the targets.

        Returns
        -------
        mi : ndarray of shape (n_features,)
            Mutual information in nats. If a feature or the target has several columns, it is the largest
            value of any pair of columns, which is a lower bound of the joint value.
        pvalue : ndarray of shape (n_features,)
            P-value of independence, corrected for the number of these pairs.

        Notes
        -----
        With weights or groups, the p-values come from fewer functions of each column.
        """
        owner, values, pvalues = self._relevance_of_columns()
        n_columns = np.bincount(owner)
        largest, smallest = np.zeros(len(n_columns)), np.ones(len(n_columns))
        np.maximum.at(largest, owner, values)
        np.minimum.at(smallest, owner, pvalues)
        smallest = np.minimum(smallest * n_columns, 1.0)
        if self.weight is not None or self.groups is not None:
            smallest = self.screen().singles(n_tests=1).pvalue
        return largest, smallest

    def _relevance_of_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Feature of each column, and its :func:`relevance`."""
        owner = np.repeat(np.arange(len(self.features)), [len(block) for block in self.features])
        margins = [margin for block in self.features for margin in block]
        at_once = int(np.clip(_NUMBERS_A_CHUNK // len(self.targets[0]), 1, _AT_ONCE))
        blocks = [margins[i : i + at_once] for i in range(0, len(margins), at_once)]
        tasks = (delayed(relevance)(block, self.targets) for block in blocks)
        found = run_counted(tasks, self.n_jobs, False, len(blocks), "block of columns", prefer="threads")
        return owner, *np.hstack(found)


def relevance(margins: list[Margin], targets: list[Margin]) -> np.ndarray:
    """Largest value of each column with any target, in nats, and p-value times the number of targets."""
    mi, pvalue = np.zeros(len(margins)), np.ones(len(margins))
    for target in targets:
        values, _, _, evidence, _ = estimate_pairs(margins, target)
        mi = np.maximum(mi, values)
        pvalue = np.minimum(pvalue, combine_pvalues(independence_pvalues(margins, target), evidence))
    return np.stack([mi + 0.0, len(targets) * pvalue])  # 0 instead of -0


@dataclass(frozen=True)
class Reasons:
    """Why features were selected or not.

    Attributes
    ----------
    alone : ndarray of shape (n_features,)
        Mutual information of each feature alone with the target, in nats.
    pvalues : ndarray of shape (n_features,)
        P-values of `alone`, adjusted for the number of features.
    related : dict of int to list of int
        For features that depend on the target but add nothing: the selected features most similar to them.
    """

    alone: np.ndarray
    pvalues: np.ndarray
    related: dict[int, list[int]]


@dataclass(frozen=True)
class SelectionRanking:  # numpydoc ignore=PR02
    """Ranking of the features that a selection strategy returns.

    Attributes
    ----------
    order : ndarray of shape (n_features,)
        Indices of all features, best first.
    n_selected : int
        Number of features to select, from the start of `order`.
    scores : ndarray of shape (n_features,)
        Score of each feature in nats, shown as `scores_`.
    pvalues : ndarray of shape (n_features,)
        P-values, adjusted for the number of candidates, shown as `pvalues_`.
    reasons : Reasons or None, default=None
        Details for :meth:`MINEFeatureSelector.explain`, which only the built-in strategies give.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine import SelectionRanking
    >>> ranking = SelectionRanking(np.array([1, 0]), 1, np.array([0.1, 0.4]), np.array([0.2, 0.001]))
    >>> print(ranking.order[: ranking.n_selected])
    [1]
    """

    order: np.ndarray
    n_selected: int
    scores: np.ndarray
    pvalues: np.ndarray
    reasons: Reasons | None = None
