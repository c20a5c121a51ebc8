"""Mutual information of pairs of columns of any kind: chooses among the estimates of this package."""

from collections.abc import Iterator

import numpy as np

from skmine._copula.classes import ClassCounts, class_trees
from skmine._copula.levels import count_values, level_means, level_mixtures
from skmine._copula.loglinear import score_pairs
from skmine._copula.margins import Margin
from skmine._copula.ranks import ROWS_AT_ONCE, entropy
from skmine._copula.trees import pair_trees

#: Maximum number of levels of an unordered column for smooth functions.
MOST_SMOOTH_LEVELS = 16
#: Minimum weight of the smooth estimate for its variance to be used.
_PREVAILS = 0.5
#: Leave-one-out predictions by labels use each pair of rows twice, and the evidence of labels uses it once.
_PAIR_ONCE = 0.5
#: Weight of independence, relative to one estimate, is sqrt(n) + _FEW / n. The score that chance gives is of
#: the order 1 / n. With this value, it exceeds 0.01 nats for at most 1 in 500 pairs of 200 rows (measured on
#: shuffled targets of real tables, 13,000 pairs), and the mean error at a correlation of 0.2 rises by 5 %
#: compared with a quarter of it, which lets through three times as many pairs.
_FEW = 200_000
#: Factor of p-values from evidence. At a level of 0.05, chance then makes at most one more pair in 1,000
#: significant (measured with 30,000 independent pairs of numbers and labels, 30 to 3,000 rows).
_PRICE = 5.0
#: Maximum number of classes that a tree over the ranks predicts. With more, few of them have rows in an
#: interval.
_MOST_CLASSES = 256
#: Maximum number of halvings of the ranks: in a tree that predicts classes, and if intervals of ranks are the
#: classes.
_DEEPEST, _AS_CLASSES = 12, 5


def pair_information(margins: list[Margin], target: Margin) -> np.ndarray:
    """Mutual information of each column with a target.

    - Smooth functions are fitted first, for all columns at once.
    - Pairs that they do not fit are also estimated by trees.
    - Unordered levels, and numbers that repeat, are also read as labels.
    - The result is a mean of these estimates, weighted by their expected value on new rows.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.

    Returns
    -------
    ndarray of shape (n_columns,)
        Nats, at least 0. At most the entropy of each column of labels or of repeating numbers. 0 for a
        constant.
    """
    return estimate_pairs(margins, target)[0]


def estimate_pairs(margins: list[Margin], target: Margin, extrapolate: bool = True) -> np.ndarray:
    """As :func:`pair_information`, with the quantities that an interval needs.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.
    extrapolate : bool, default=True
        Whether trees are extrapolated from half of the rows.

    Returns
    -------
    ndarray of shape (5, n_columns)
        The estimates in nats, the estimates before independence is averaged in, the latter without
        extrapolation, the evidence of all rows against independence, and the variance of the log ratio over
        the rows in squared nats. The variance is NaN if the smooth functions do not fit, or if other
        estimates have more weight.
    """
    mi, lower = np.zeros((2, len(margins)))
    variance = np.full(len(margins), np.nan)
    unexplained = np.ones(len(margins), dtype=bool)
    smooth = np.array([is_smooth(m) and is_smooth(target) for m in margins], dtype=bool)
    if smooth.any():
        scores = score_pairs([m for m, s in zip(margins, smooth, strict=True) if s], target)
        mi[smooth], lower[smooth], unexplained[smooth] = scores.mi, scores.lower, scores.unexplained
        variance[smooth] = np.where(scores.unexplained, np.nan, scores.variance)
    varies = np.array([min(len(m.mass), len(target.mass)) > 1 for m in margins], dtype=bool)
    ordered = np.array([m.levels is None and target.levels is None for m in margins], dtype=bool)
    found = [[(mi[j], lower[j], lower[j], 0.0)] for j in range(len(margins))]
    in_plane = np.flatnonzero(unexplained & varies & ordered)
    if len(in_plane):
        trees = pair_trees([margins[j] for j in in_plane], target, extrapolate)
        for j, *score in zip(in_plane, trees.mi, trees.lower, trees.strict, trees.added, strict=True):
            found[j].append(tuple(score))
    _by_labels(found, margins, target, np.flatnonzero(varies), unexplained)
    values = np.stack([mi, mi, mi, np.zeros_like(mi)])
    values[0], values[3] = weigh_against_independence(mi, lower, len(target)), len(target) * lower
    for j in np.flatnonzero([len(estimates) > 1 for estimates in found]):
        *values[:, j], share_smooth = _weighted(np.array(found[j]), len(target))
        if share_smooth < _PREVAILS:
            variance[j] = np.nan
    highest = [min(m.largest_information, target.largest_information) for m in margins]
    values[:3] = np.clip(values[:3], 0.0, highest)
    return np.vstack([values, variance])


def combine_pvalues(pvalues: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """P-values of independence that also use the evidence of an estimate.

    The test compares smooth functions of the ranks, and can miss oscillations and equal rows that the
    estimate finds. Under independence, the probability of more evidence than e falls like ``exp(-0.7 e)``.

    Parameters
    ----------
    pvalues : ndarray of shape (n,)
        P-values of :func:`skmine._copula.independence.independence_pvalues`.
    evidence : ndarray of shape (n,)
        Evidence of :func:`estimate_pairs` for the same pairs, in nats.

    Returns
    -------
    ndarray of shape (n,)
    """
    return np.minimum(pvalues, _PRICE * np.exp(-np.maximum(evidence, 0.0) / 2))


def plug_in_information(first: Margin, second: Margin) -> float:
    """Plug-in mutual information of two discrete columns, in nats.

    Parameters
    ----------
    first, second : Margin
        Discrete columns, with the same rows.

    Returns
    -------
    float
    """
    assert first.levels is not None
    assert second.levels is not None
    n_second = int(second.levels.max()) + 1
    counts = count_values(first.levels * n_second + second.levels, first.times)[1]
    return max(first.entropy + second.entropy - entropy(counts), 0.0)


def is_smooth(margin: Margin) -> bool:
    """Whether smooth functions are fitted to a column: it is ordered, or has few levels."""
    return margin.levels is None or len(margin.order) < MOST_SMOOTH_LEVELS


def weigh_against_independence(mi: np.ndarray, lower: np.ndarray, n: int) -> np.ndarray:
    """Average estimates with 0, the value under independence.

    As in Schwarz's criterion, the weight of independence grows with the number of rows. It also grows if
    there are few rows, because chance then gives large values. Chance therefore gives values near 0.

    Parameters
    ----------
    mi, lower : ndarray
        Estimates, and their evidence against independence per row, in nats.
    n : int
        Number of rows.

    Returns
    -------
    ndarray
        Nats.
    """
    return mi / (1 + (np.sqrt(n) + _FEW / n) * np.exp(np.minimum(-n * lower, 690)))


def _add_overfit(left_out: float, fitted: float, evidence: float) -> float:
    """Left-out value plus what overfitting subtracts from it, in nats.

    To first order, overfitting adds as much to the fitted value as it subtracts from the left-out value: half
    of the gap. If x and y are independent, chance has to exceed this half for any evidence to remain. As a
    signal is shrunk by its noise, the half is therefore multiplied by ``evidence^2 / (evidence^2 + half^2)``.

    Parameters
    ----------
    left_out, fitted : float
        Mean log ratios of rows that are predicted from the other rows, and from all rows.
    evidence : float
        Evidence against independence, divided by the number of rows.

    Returns
    -------
    float
        At least the left-out value, and at most half of the evidence more.

    References
    ----------
    Watanabe (2010), Asymptotic equivalence of Bayes cross validation and widely applicable information
    criterion in singular learning theory, for the errors of both predictions; Wiener (1949), for the factor.
    """
    half = (fitted - left_out) / 2
    if min(half, evidence) <= 0:
        return left_out
    return left_out + half * evidence**2 / (evidence**2 + half**2)


def _weighted(estimates: np.ndarray, n: int) -> tuple[float, float, float, float, float]:
    """Weighted mean of estimates.

    An estimate is a row of `estimates`: its value, its expected value on new rows, its evidence against
    independence, and the part of its value that is extrapolated, in nats.

    Returns
    -------
    weighted : float
        Mean of the estimates and of independence, in nats.
    mean : float
        Mean of the estimates alone.
    plain : float
        Mean of the estimates alone, without extrapolation.
    total : float
        Evidence of all rows against independence, in nats.
    first : float
        Weight of the first estimate among the estimates.

    References
    ----------
    Akaike (1979), A Bayesian extension of the minimum AIC procedure.
    """
    mi, lower, evidence, added = estimates.T
    weight = np.exp(n * (lower - lower.max()))
    weight /= weight.sum()
    mean = weight @ mi
    total = evidence.max() + np.log(np.exp(n * (evidence - evidence.max())).sum()) / n
    weighted = weigh_against_independence(mean, total, n)
    return float(weighted), float(mean), float(mean - weight @ added), float(n * total), float(weight[0])


def _by_labels(found: list[list], margins: list[Margin], target: Margin, which, unexplained) -> None:
    """Add the estimates of the columns `which` that use labels: values, expected values, and evidence."""
    by_classes, by_levels = [], []
    for j in which:
        margin = margins[j]
        one_is_labels = margin.levels is not None or target.levels is not None
        if unexplained[j] or ((margin.repeats or target.repeats) and one_is_labels):
            by_classes.append(j)
        if unexplained[j] or margin.tied or target.tied:
            by_levels.append(j)
    at_once = max(1, ROWS_AT_ONCE // len(target.codes))
    for estimates, asked in ((_by_classes, by_classes), (_by_levels, by_levels)):
        for start in range(0, len(asked), at_once):
            some = asked[start : start + at_once]
            for k, left_out, fitted, evidence in estimates([margins[j] for j in some], target):
                value = _add_overfit(left_out, fitted, evidence)
                found[some[k]].append((value, left_out, evidence, 0.0))


def _by_classes(firsts: list[Margin], second: Margin) -> Iterator[tuple[int, float, float, float]]:
    """Left-out and fitted values, and evidence, of trees over ranks that predict classes, in nats."""
    depth = int(np.clip(np.ceil(np.log2(len(second))), 1, _DEEPEST))
    columns, owners = [], []
    for k, first in enumerate(firsts):
        for ranked, other in ((first, second), (second, first)):
            labels = other.labels()
            if not ranked.coarse or labels is None:
                continue
            n_classes = int(labels.max()) + 1
            in_tree = n_classes <= _MOST_CLASSES
            # Numbers have trees over both ranks; intervals have rows of all classes if these are few.
            is_nested = other.levels is not None and n_classes > MOST_SMOOTH_LEVELS
            if not (in_tree or is_nested):
                continue
            cells = ranked.fine_cells(depth)
            counts = ClassCounts(cells, depth, labels, ranked.times, ranked.unit)
            if in_tree:
                columns.append(counts)
                owners.append(k)
            if is_nested:
                frequent = np.zeros(2**depth, dtype=bool)
                frequent[cells[ranked.frequent()]] = True
                left_out, fitted = counts.nested(frequent)
                yield k, left_out, fitted, left_out
    if columns:
        yield from zip(owners, *class_trees(columns), strict=True)


def _by_levels(firsts: list[Margin], second: Margin) -> Iterator[tuple[int, float, float, float]]:
    """Left-out and fitted values, and evidence, of labels that predict labels or ranks, in nats."""
    mixtures, means, of_mean = [], [], []
    of_mixture: list[tuple] = []
    of_ranked: dict[int, list[np.ndarray]] = {}
    for k, first in enumerate(firsts):
        labels, others = first.labels(), second.labels()
        # If hardly any values of either are equal, rows that occur twice should not count for much.
        if labels is not None and others is not None and (first.is_labels or second.is_labels):
            mixtures += [(labels, others), (others, labels)]
            of_mixture += [(k,), (k,)]  # the larger of two lower bounds, by direction
        for own, column, ranked in ((labels, first, second), (others, second, first)):
            if own is None or not ranked.coarse or ranked.levels is not None:
                continue
            if id(ranked) not in of_ranked:
                of_ranked[id(ranked)] = ranked.fine(_AS_CLASSES).of_rows()
            cell, score, resolution, rounding = of_ranked[id(ranked)]
            means.append((own, score, resolution + rounding))
            of_mean.append(k)
            if not ranked.repeats:  # otherwise its values are labels themselves
                mixtures.append((own, cell))
                of_mixture.append((k, column is second))
    values = level_mixtures(mixtures, second.times, second.unit)
    best: dict[tuple, tuple[float, float]] = {}
    for key, *both in zip(of_mixture, *values.tolist(), strict=True):
        best[key] = max(tuple(both), best.get(key, tuple(both)))
    found = [(k, *both) for (k, *_), both in best.items()]
    if means:
        levels, score, spread = map(np.stack, zip(*means, strict=True))
        found += zip(of_mean, *level_means(levels, score, spread, second.times, second.unit), strict=True)
    for k, left_out, fitted in found:
        yield k, left_out, fitted, _PAIR_ONCE * left_out
