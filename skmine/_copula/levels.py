"""Mutual information with a column of unordered levels, by leave-one-out predictions.

Every row is predicted from the other rows. Many levels, or levels with one row, therefore do not raise the
value by chance.
"""

import numpy as np
from scipy.special import gammaln, xlogy

from skmine._copula.margins import row_share

#: Concentrations of the Dirichlet priors: how many rows the overall shares count for within a level. Small
#: ones suit levels that determine their class, large ones suit levels that hardly differ from the rest.
CONCENTRATIONS = np.geomspace(0.1, 100, 4)
_STEPS, _SMALLEST_SHARE = 25, 1e-6
#: Relative rounding error of sums of weights.
_ROUNDING = 1e-9
#: Prior weights of an interval: the overall shares, own sparse shares, own dense shares, and two halves.
_HALVED = np.array([1 / 4, 1 / 8, 1 / 8, 1 / 2])
_WHOLE = np.array([1 / 2, 1 / 4, 1 / 4])  # the same without halves


def level_mixture(
    levels: np.ndarray,
    classes: np.ndarray,
    times: np.ndarray | None = None,
    unit: np.ndarray | None = None,
) -> float:
    """Leave-one-out mean log ratio of the class given the level, in nats.

    A level has either the class shares of all rows, or its own. Own shares are drawn from a Dirichlet
    distribution around those of all rows, with one of several concentrations. The frequency of each case is
    estimated from all levels.

    Parameters
    ----------
    levels, classes : ndarray of shape (n,)
        Numbers from 0.
    times, unit : ndarray of shape (n,) or None, default=None
        Number of rows of each entry, and what one of them counts. None means one.

    Returns
    -------
    float
        Nats. About 0, or slightly below, if classes do not depend on levels.

    References
    ----------
    Minka (2000), Estimating a Dirichlet distribution; Good (1965), The estimation of probabilities, for
    mixtures of Dirichlet priors.
    """
    n_classes = int(classes.max()) + 1
    combined = levels.astype(np.int64) * n_classes + classes
    cell, count = count_values(combined, times)
    own = row_share(np.searchsorted(cell, combined), times, unit, len(cell))
    level, kind = np.divmod(cell, n_classes)
    rows, n = np.bincount(levels, times), count.sum()
    in_all, several = count, rows > 1
    if times is not None and unit is not None:  # within a level, its effective number of rows
        several = np.bincount(levels) > 1
        of_class = _unit_of_classes(classes, times, unit, n_classes)
        squares = np.bincount(levels, times * unit)
        one = _unit_of_groups(squares, rows, np.bincount(levels, times * of_class[classes]))
        rows = rows / one
        count, own = count / one[level], own / one[level]
    share_of_all = np.bincount(classes, times, n_classes)[kind] / n
    strength = CONCENTRATIONS[:, None]
    prior = strength * share_of_all
    evidence = gammaln(prior + count) - gammaln(prior) - count * np.log(share_of_all)
    evidence = np.stack([np.bincount(level, e, len(rows)) for e in evidence])
    evidence += gammaln(strength) - gammaln(strength + rows)
    evidence = np.vstack([np.zeros(len(rows)), evidence])  # first case: the shares of all rows
    log_share = _estimate_shares(evidence[:, several])
    # Predictions from the other rows of the level: the class of the row, and the case of the level.
    predicted = (count - own + prior) / (rows[level] - own + strength) / share_of_all
    predicted = np.vstack([np.ones(len(cell)), predicted])
    without = evidence[:, level] - np.log(predicted) + log_share[:, None]
    ratio = np.exp(without - without.max(axis=0))
    return float(in_all @ np.log((ratio * predicted).sum(axis=0) / ratio.sum(axis=0)) / n)


def _unit_of_classes(classes, times, unit, n_classes: int) -> np.ndarray:
    """What one row of each class counts, relative to how much a row of any class adds by chance.

    In nats, own shares of the classes gain by chance half of the sum of (1 - share) times what one row of the
    class counts.
    """
    of_class = row_share(classes, times, unit, n_classes) * np.ones(n_classes)
    shares = np.bincount(classes, times, n_classes) / np.sum(times)
    n_shares = np.count_nonzero(shares) - 1
    return of_class / (of_class @ (1 - shares) / n_shares) if n_shares else of_class


def _unit_of_groups(squares: np.ndarray, rows: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """What one row of each group counts: the larger of two estimates.

    The mean weight of its rows is too low for a group that has, by chance, only rows of light classes.
    Relative to the classes of its rows, it is too low for a group of rows of heavy classes.

    Parameters
    ----------
    squares, rows : ndarray of shape (n_groups,)
        Sums of squared weights, and of weights.
    expected : ndarray of shape (n_groups,)
        Sums of the products of weights and of what one row of the class counts.

    Returns
    -------
    ndarray of shape (n_groups,)
    """
    return np.maximum(_divide(squares, rows), _divide(squares, expected))


def _divide(total: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Quotients; 1 without rows."""
    return np.divide(total, other, out=np.ones(len(total)), where=other > 0)


def count_values(values: np.ndarray, times: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values and their numbers of rows.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Any numbers.
    times : ndarray of shape (n,) or None
        Number of rows of each value. None means one.

    Returns
    -------
    distinct, counts : ndarray
    """
    if times is None:
        return np.unique(values, return_counts=True)
    distinct, number = np.unique(values, return_inverse=True)
    return distinct, np.bincount(number, times)


def _estimate_shares(evidence: np.ndarray) -> np.ndarray:
    """Log frequencies of the cases of levels, shape (n_kinds,), by the EM algorithm."""
    n_kinds, n_levels = evidence.shape
    share = np.full(n_kinds, 1 / n_kinds)
    if n_levels:
        likelihood = np.exp(evidence - evidence.max(axis=0))
        for _ in range(_STEPS):
            share = np.maximum(share * (likelihood @ (1 / (share @ likelihood))) / n_levels, _SMALLEST_SHARE)
    return np.log(share)


def level_information(first: np.ndarray, second: np.ndarray, times=None, unit=None) -> float:
    """Mutual information of two columns of levels in nats: the larger of two lower bounds, by direction."""
    return max(level_mixture(first, second, times, unit), level_mixture(second, first, times, unit))


def level_means(
    levels: np.ndarray,
    score: np.ndarray,
    rounding: np.ndarray,
    times: np.ndarray | None = None,
    unit: np.ndarray | None = None,
) -> float:
    """Leave-one-out mean log ratio of the normal score given the level, in nats.

    The scores of a level are normal around the mean of the level, and these means are normal around the
    overall mean. Both variances are estimated from all levels.

    Parameters
    ----------
    levels : ndarray of shape (n,)
        Numbers from 0.
    score : ndarray of shape (n,)
        Normal scores of the ranks of the other column.
    rounding : ndarray of shape (n,)
        Variance of a score that is spread uniformly over the ranks of its value.
    times, unit : ndarray of shape (n,) or None, default=None
        Number of rows of each entry, and what one of them counts. None means one.

    Returns
    -------
    float
        Nats. 0 if ties are wider than the spread within levels.

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
    mean = total / np.where(rows > 0, rows, 1)
    n, n_levels = rows.sum(), np.count_nonzero(rows)
    own, one = (
        (1.0, np.ones(len(rows))) if unit is None else (unit, row_share(levels, times, unit, len(rows)))
    )
    known = one[rows > 0].sum()  # what the means of the levels use up
    if n - known < 0.5:
        return 0.0
    within = mean_of((score - mean[levels]) ** 2) * n / (n - known)
    if within < mean_of(rounding):
        return 0.0
    within += mean_of(rounding)
    effective = np.divide(rows, one, out=np.zeros(len(rows)), where=rows > 0)
    typical = (effective.sum() - (effective**2).sum() / effective.sum()) / max(n_levels - 1, 1)
    between = (effective * mean**2).sum() / max(n_levels - 1, 1)
    ratio = max((between - within) / typical, 0.0) / within
    others = (rows[levels] - own) / one[levels]
    # Mean of the level without the row, shrunk towards the overall mean, and the variance of the row around
    # it.
    shrink = ratio * others / (1 + ratio * others)
    left = rows[levels] - own
    of_others = (rows[levels] * mean[levels] - own * score) / np.where(others > _ROUNDING, left, 1)
    expected = shrink * of_others
    variance = within * (1 + ratio / (1 + ratio * others))
    square = ((score - expected) ** 2 + rounding) / variance
    return mean_of(score**2 + rounding - square - np.log(variance)) / 2


def class_tree(
    cells: np.ndarray,
    depth: int,
    classes: np.ndarray,
    times: np.ndarray | None = None,
    unit: np.ndarray | None = None,
) -> float:
    """Leave-one-out mean log ratio of the class given the rank, in nats.

    An interval of ranks has the class shares of all rows, or its own, or is cut in half. Each choice is
    weighted by its evidence. The mean over all trees of such choices is exact.

    Parameters
    ----------
    cells : ndarray of shape (n,)
        Interval of ranks of each row, below 2^depth.
    depth : int
        Number of halvings.
    classes : ndarray of shape (n,)
        Numbers from 0, only a few different ones.
    times, unit : ndarray of shape (n,) or None, default=None
        Number of rows of each entry, and what one of them counts. None means one.

    Returns
    -------
    float
        Nats. About 0 if classes do not depend on ranks.

    References
    ----------
    Willems, Shtarkov and Tjalkens (1995), The context-tree weighting method.
    """
    n_classes = int(classes.max()) + 1
    cell, n_cells = cells * n_classes + classes, n_classes * 2**depth
    table = np.bincount(cell, times, n_cells).reshape(-1, n_classes).astype(np.float64)
    # Divided by the table, this is what one row of a cell counts.
    squares: np.ndarray = table
    of_class = np.ones(n_classes)
    if times is not None and unit is not None:
        squares = np.bincount(cell, times * unit, n_cells).reshape(-1, n_classes)
        of_class = _unit_of_classes(classes, times, unit, n_classes)
    n = table.sum()
    shares = table.sum(axis=0) / n
    evidence = value = np.zeros(len(table))
    for level in range(depth, -1, -1):
        none = np.zeros(len(table))
        one = _unit_of_groups(squares.sum(axis=1), table.sum(axis=1), table @ of_class)
        options, values = np.stack([(none, none), *_own_shares(table, squares, shares, one)], axis=1)
        prior = _WHOLE
        if level < depth:
            prior = _HALVED
            options = np.vstack([options, evidence.reshape(-1, 2).sum(axis=1)])
            values = np.vstack([values, value.reshape(-1, 2).sum(axis=1)])
        top = options.max(axis=0)
        weight = prior[:, None] * np.exp((options - top) / one)
        total = weight.sum(axis=0)
        evidence = top + one * np.log(total)
        value = (weight * values).sum(axis=0) / total
        if level:
            table, squares = (part.reshape(-1, 2, n_classes).sum(axis=1) for part in (table, squares))
    return float(value[0] / n)


def _own_shares(table: np.ndarray, squares: np.ndarray, shares: np.ndarray, one: np.ndarray):
    """Log evidence and leave-one-out log ratios of own shares in each interval, sparse and dense.

    `one` is what one row of each interval counts.
    """
    rows = table.sum(axis=1) / one
    left_rows = rows - _divide(squares.sum(axis=1), table.sum(axis=1)) / one
    interval, kind = np.nonzero(table)
    count, share = table[interval, kind] / one[interval], shares[kind]
    own = squares[interval, kind] / table[interval, kind] / one[interval]
    for strength in (1.0, float(len(shares))):
        prior = strength * share
        evidence = gammaln(prior + count) - gammaln(prior) - count * np.log(share)
        left_out = count * np.log((count - own + prior) / share)
        evidence, left_out = (np.bincount(interval, v, len(rows)) for v in (evidence, left_out))
        evidence += gammaln(strength) - gammaln(strength + rows)
        yield one * evidence, one * (left_out - xlogy(rows, left_rows + strength))
