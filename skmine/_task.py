"""What a strategy of selection works on, and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from joblib import delayed

from skmine._copula import Margin, independence_pvalues, pair_information
from skmine._progress import run_counted
from skmine._screening import Screen

#: Features, and numbers of them, whose relevance is computed together, at most.
_AT_ONCE, _NUMBERS_A_CHUNK = 32, 2_000_000


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
    weight : ndarray of shape (n,) or None
        Weights of the rows, of mean 1, that the margins were made with.
    groups : ndarray of shape (n,) or None
        Number of each row's group; rows of a group may depend on each other.
    included : list of int
        Features that are chosen first, whatever they add.
    """

    features: Sequence[list[Margin]]
    targets: list[Margin]
    n_select: int | None
    alpha: float
    on_step: Callable[[int], None] = field(default=lambda feature: None)
    n_jobs: int | None = None
    weight: np.ndarray | None = None
    groups: np.ndarray | None = None
    included: list[int] = field(default_factory=list)

    def screen(self, which: Sequence[int] | None = None) -> Screen:
        """Moments of all features, or of some."""
        features = list(self.features) if which is None else [self.features[j] for j in which]
        return Screen(features, self.targets, self.weight, self.groups)

    def relevance(self) -> tuple[np.ndarray, np.ndarray]:
        """Mutual information in nats and p-value of each feature alone.

        Of several columns and targets the largest value counts, a lower bound of the joint one, with the
        smallest p-value times the number of pairs. With weights or groups of rows both are of moments, to
        second order.
        """
        if self.weight is not None or self.groups is not None:
            singles = self.screen().singles(n_tests=1)
            return np.maximum(singles.gain, 0.0), singles.pvalue
        at_once = int(np.clip(_NUMBERS_A_CHUNK // len(self.targets[0]), 1, _AT_ONCE))
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
class Reasons:
    """Why features were chosen or not.

    Attributes
    ----------
    alone : ndarray of shape (n_features,)
        Information of each feature alone in nats.
    pvalues : ndarray of shape (n_features,)
        Of no information alone, adjusted for the number of features.
    related : dict of int to list of int
        For features that depend on the target, but add nothing: chosen features that share most information
        with them.
    """

    alone: np.ndarray
    pvalues: np.ndarray
    related: dict[int, list[int]]


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
    reasons : Reasons or None
        None where the strategy gives none.
    """

    order: np.ndarray
    n_selected: int
    scores: np.ndarray
    pvalues: np.ndarray
    reasons: Reasons | None = None
