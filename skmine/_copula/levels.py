"""Mutual information with a column whose levels have no order: what left-out rows confirm.

Every row is predicted without itself, so that many levels, or levels of one row, explain nothing by chance.
"""

import numpy as np
from scipy.special import gammaln, xlogy

#: Rows that the shares of all rows count for within a level: few where levels are nearly sure of their class,
#: many where they hardly differ from the rest. Each level takes what its rows support.
CONCENTRATIONS = np.geomspace(0.1, 100, 4)
_STEPS, _SMALLEST_SHARE = 25, 1e-6
#: Prior shares of the shares of all rows, of own ones, sparse and dense, and of two halves; without halves.
_HALVED = np.array([1 / 4, 1 / 8, 1 / 8, 1 / 2])
_WHOLE = np.array([1 / 2, 1 / 4, 1 / 4])


def level_mixture(levels: np.ndarray, classes: np.ndarray, times: np.ndarray | None = None) -> float:
    """Mean log ratio of each row's class given its level, the row left out, in nats.

    Each level has the shares of all rows, or shares of its own, drawn around those of all rows from a
    Dirichlet distribution of one of several concentrations. How many levels have which is estimated from all
    levels.

    Parameters
    ----------
    levels, classes : ndarray of shape (n,)
        Numbers from 0.
    times : ndarray of shape (n,) or None, default=None
        Rows that each entry stands for; None for one each.

    Returns
    -------
    float
        Nats; about 0, or slightly below, where levels say nothing about classes.

    References
    ----------
    Minka (2000), Estimating a Dirichlet distribution; Good (1965), The estimation of probabilities, for
    mixtures of Dirichlet priors.
    """
    n_classes = int(classes.max()) + 1
    cell, count = count_values(levels.astype(np.int64) * n_classes + classes, times)
    level, kind = np.divmod(cell, n_classes)
    rows, n = np.bincount(levels, times), count.sum()
    share_of_all = np.bincount(classes, times, n_classes)[kind] / n
    strength = CONCENTRATIONS[:, None]
    prior = strength * share_of_all
    evidence = gammaln(prior + count) - gammaln(prior) - count * np.log(share_of_all)
    evidence = np.stack([np.bincount(level, e, len(rows)) for e in evidence])
    evidence += gammaln(strength) - gammaln(strength + rows)
    evidence = np.vstack([np.zeros(len(rows)), evidence])  # first, the shares of all rows
    log_share = _estimate_shares(evidence[:, rows > 1])
    # What a level's other rows say of the row's class, and of the level's own shares.
    predicted = (count - 1 + prior) / (rows[level] - 1 + strength) / share_of_all
    predicted = np.vstack([np.ones(len(cell)), predicted])
    without = evidence[:, level] - np.log(predicted) + log_share[:, None]
    ratio = np.exp(without - without.max(axis=0))
    return float(count @ np.log((ratio * predicted).sum(axis=0) / ratio.sum(axis=0)) / n)


def count_values(values: np.ndarray, times: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values, and how many rows have each.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Any numbers.
    times : ndarray of shape (n,) or None
        Rows that each stands for; None for one each.

    Returns
    -------
    distinct, counts : ndarray
    """
    if times is None:
        return np.unique(values, return_counts=True)
    distinct, number = np.unique(values, return_inverse=True)
    return distinct, np.bincount(number, times)


def _estimate_shares(evidence: np.ndarray) -> np.ndarray:
    """Log shares of the kinds of levels (n_kinds,), by the EM algorithm."""
    n_kinds, n_levels = evidence.shape
    share = np.full(n_kinds, 1 / n_kinds)
    if n_levels:
        likelihood = np.exp(evidence - evidence.max(axis=0))
        for _ in range(_STEPS):
            share = np.maximum(share * (likelihood @ (1 / (share @ likelihood))) / n_levels, _SMALLEST_SHARE)
    return np.log(share)


def level_information(first: np.ndarray, second: np.ndarray, times: np.ndarray | None = None) -> float:
    """Mutual information of two columns of levels in nats: the larger of both directions, lower bounds."""
    return max(level_mixture(first, second, times), level_mixture(second, first, times))


def level_means(
    levels: np.ndarray, score: np.ndarray, rounding: np.ndarray, times: np.ndarray | None = None
) -> float:
    """Mean log ratio of each row's normal score given its level, the row left out, in nats.

    The scores of a level are normal around a mean of its own; the means are normal around that of all rows.
    Both variances are estimated from all levels.

    Parameters
    ----------
    levels : ndarray of shape (n,)
        Numbers from 0.
    score : ndarray of shape (n,)
        Normal scores of the ranks of the other column.
    rounding : ndarray of shape (n,)
        Variance of a score that is uniform over the ranks of its value.
    times : ndarray of shape (n,) or None, default=None
        Rows that each entry stands for; None for one each.

    Returns
    -------
    float
        Nats; 0 where ties are wider than the spread within levels.

    References
    ----------
    Searle, Casella and McCulloch (1992), Variance components, section 3.6 (one random factor).
    """

    def mean_of(values: np.ndarray) -> float:
        return float(np.average(values, weights=times))

    centred = score - mean_of(score)
    scale = mean_of(centred**2 + rounding)  # below 1 where many rows share a value
    score, rounding = centred / np.sqrt(scale), rounding / scale
    rows = np.bincount(levels, times)
    total = np.bincount(levels, score if times is None else score * times)
    mean = total / np.maximum(rows, 1)
    n, n_levels = int(rows.sum()), np.count_nonzero(rows)
    if n_levels == n:
        return 0.0
    within = mean_of((score - mean[levels]) ** 2) * n / (n - n_levels)
    if within < mean_of(rounding):
        return 0.0
    within += mean_of(rounding)
    typical = (n - (rows**2).sum() / n) / max(n_levels - 1, 1)
    between = (rows * mean**2).sum() / max(n_levels - 1, 1)
    ratio = max((between - within) / typical, 0.0) / within
    others = rows[levels] - 1
    # The level's mean without the row, drawn towards that of all rows; and the variance of the row around it.
    shrink = ratio * others / (1 + ratio * others)
    of_others = (rows[levels] * mean[levels] - score) / np.maximum(others, 1)
    expected = shrink * of_others
    variance = within * (1 + ratio / (1 + ratio * others))
    square = ((score - expected) ** 2 + rounding) / variance
    return mean_of(score**2 + rounding - square - np.log(variance)) / 2


def class_tree(cells: np.ndarray, depth: int, classes: np.ndarray, times: np.ndarray | None = None) -> float:
    """Mean log ratio of each row's class given the interval of ranks that holds it, in nats.

    An interval has the shares of all rows, or shares of its own, or is halved; each choice is weighted by its
    evidence. The mixture over all trees is exact.

    Parameters
    ----------
    cells : ndarray of shape (n,)
        Interval of ranks of each row, below 2^depth.
    depth : int
        Halvings.
    classes : ndarray of shape (n,)
        Numbers from 0; few of them.
    times : ndarray of shape (n,) or None, default=None
        Rows that each entry stands for; None for one each.

    Returns
    -------
    float
        Nats; about 0 where the ranks say nothing about classes.

    References
    ----------
    Willems, Shtarkov and Tjalkens (1995), The context-tree weighting method.
    """
    n_classes = int(classes.max()) + 1
    table = np.bincount(cells * n_classes + classes, times, n_classes * 2**depth).reshape(-1, n_classes)
    table = table.astype(np.float64)
    n = table.sum()
    shares = table.sum(axis=0) / n
    evidence = value = np.zeros(len(table))
    for level in range(depth, -1, -1):
        none = np.zeros(len(table))
        options, values = np.stack([(none, none), *_own_shares(table, shares)], axis=1)
        prior = _WHOLE
        if level < depth:
            prior = _HALVED
            options = np.vstack([options, evidence.reshape(-1, 2).sum(axis=1)])
            values = np.vstack([values, value.reshape(-1, 2).sum(axis=1)])
        top = options.max(axis=0)
        weight = prior[:, None] * np.exp(options - top)
        total = weight.sum(axis=0)
        evidence = top + np.log(total)
        value = (weight * values).sum(axis=0) / total
        if level:
            table = table.reshape(-1, 2, n_classes).sum(axis=1)
    return float(value[0] / n)


def _own_shares(table: np.ndarray, shares: np.ndarray):
    """Log evidence and left-out log ratios of own shares in each interval, of sparse and of dense ones."""
    rows = table.sum(axis=1)
    interval, kind = np.nonzero(table)
    count, share = table[interval, kind], shares[kind]
    for strength in (1.0, float(len(shares))):
        prior = strength * share
        evidence = gammaln(prior + count) - gammaln(prior) - count * np.log(share)
        left_out = count * np.log((count - 1 + prior) / share)
        evidence, left_out = (np.bincount(interval, v, len(rows)) for v in (evidence, left_out))
        evidence += gammaln(strength) - gammaln(strength + rows)
        yield evidence, left_out - xlogy(rows, rows - 1 + strength)
