"""Mutual information of scalar pairs of any kind: which of the estimates of this package to take."""

import numpy as np
from scipy.stats import entropy

from skmine._copula.levels import _DEEPEST, class_tree, level_information
from skmine._copula.loglinear import score_pairs
from skmine._copula.margins import Margin
from skmine._copula.trees import pair_tree

#: Most levels of a column without order that the smooth functions read.
MOST_SMOOTH_LEVELS = 16
#: Halvings of the ranks into classes, beside a column of many levels.
_COARSE, _FINE = 4, 6


def pair_information(margins: list[Margin], target: Margin) -> np.ndarray:
    """Mutual information of each column with a target.

    Smooth functions of both columns are fitted first, to all columns at once. What they do not explain is
    left to trees, or to mixtures over levels. Estimates are weighted by what new rows would give them.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Of the same rows.

    Returns
    -------
    ndarray of shape (n_columns,)
        Nats, at least 0 and at most the entropy of either column with few distinct values; 0 for a constant.
    """
    mi, lower = np.zeros((2, len(margins)))
    unexplained = np.ones(len(margins), dtype=bool)
    smooth = np.array([_is_smooth(m) and _is_smooth(target) for m in margins], dtype=bool)
    if smooth.any():
        scores = score_pairs([m for m, s in zip(margins, smooth, strict=True) if s], target)
        mi[smooth], lower[smooth], unexplained[smooth] = scores.mi, scores.lower, scores.unexplained
    for j in np.flatnonzero(unexplained):
        if min(len(margins[j].mass), len(target.mass)) > 1:
            further = [(mi[j], lower[j])] * bool(smooth[j]) + list(_estimates(margins[j], target))
            mi[j] = _weighted(np.array(further), len(target))
    highest = [min(m.largest_information, target.largest_information) for m in margins]
    return np.clip(mi, 0.0, highest)


def plug_in_information(first: Margin, second: Margin) -> float:
    """Mutual information in nats of the observed shares of two discrete columns.

    Parameters
    ----------
    first, second : Margin
        Discrete, of the same rows.

    Returns
    -------
    float
    """
    assert first.levels is not None
    assert second.levels is not None
    n_second = int(second.levels.max()) + 1
    counts = np.unique(first.levels * n_second + second.levels, return_counts=True)[1]
    return max(first.entropy + second.entropy - float(entropy(counts)), 0.0)


def _is_smooth(margin: Margin) -> bool:
    return margin.levels is None or len(margin.order) < MOST_SMOOTH_LEVELS


def _weighted(estimates: np.ndarray, n: int) -> float:
    """Mean of estimates (value, lower) by Akaike's weights of what new rows would give."""
    weight = np.exp(n * (estimates[:, 1] - estimates[:, 1].max()))
    return float(weight @ estimates[:, 0] / weight.sum())


def _estimates(first: Margin, second: Margin):
    """Estimates beside the smooth fit: pairs of a value and of what new rows would give, in nats."""
    if first.levels is None and second.levels is None:
        tree = pair_tree(first, second)
        yield tree.mi, tree.lower
    elif first.levels is not None and second.levels is not None:
        value = level_information(first.levels, second.levels)
        yield value, value
    else:
        ranked, labels = (first, second) if first.levels is None else (second, first)
        depth = int(np.clip(np.ceil(np.log2(len(ranked))), 1, _DEEPEST))
        value = class_tree(ranked.fine_cells(depth), depth, labels.codes.astype(np.intp))
        yield value, value
        if not _is_smooth(labels):
            for depth in (_COARSE, _FINE):
                value = level_information(labels.levels, ranked.fine_cells(depth))
                yield value, value
