"""Mutual information with a column of unordered levels, by leave-one-out predictions.

Every row is predicted from the other rows. Many levels, or levels with one row, therefore do not raise the
value by chance.
"""

import numpy as np
from scipy.special import gammaln

from skmine._copula.margins import row_share

#: Concentrations of the Dirichlet priors: the number of rows that the overall shares count as within a level.
#: Small values suit levels that determine their class. Large values suit levels that hardly differ from the
#: others.
CONCENTRATIONS = np.geomspace(0.1, 100, 4)
#: Rows in memory at a time.
_ROWS_AT_ONCE = 2**16
#: Values are counted without sorting if they are below this number times the number of rows.
_FEW_VALUES = 8
_STEPS, _SMALLEST_SHARE = 25, 1e-6
#: Relative rounding error of sums of weights.
_ROUNDING = 1e-9
#: Prior weights of an interval: the overall shares, own sparse shares, own dense shares, and two halves.
_CHOICES = np.array([[1 / 4], [1 / 8], [1 / 8], [1 / 2]])


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
        Number of rows of each entry, and how much one row counts. None means one.

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
    own: float | np.ndarray = 1.0
    level, kind = np.divmod(cell, n_classes)
    rows, n = np.bincount(levels, times), count.sum()
    in_all, several = count, rows > 1
    if times is not None and unit is not None:  # within a level, its effective number of rows
        own = row_share(np.searchsorted(cell, combined), times, unit, len(cell))
        several = np.bincount(levels) > 1
        of_class = _unit_of_classes(classes, times, unit, n_classes)
        squares = np.bincount(levels, times * unit)
        one = _unit_of_groups(squares, rows, np.bincount(levels, times * of_class[classes]))
        rows = rows / one
        count, own = count / one[level], own / one[level]
    share_of_all = np.bincount(classes, times, n_classes)[kind] / n
    strength = CONCENTRATIONS[:, None]
    prior = strength * share_of_all
    evidence = np.repeat(np.log(strength), len(count), axis=1)  # for a single row
    more = np.flatnonzero(count != 1)
    gammas = gammaln(prior[:, more] + count[more]) - gammaln(prior[:, more])
    evidence[:, more] = gammas - count[more] * np.log(share_of_all[more])
    evidence = np.stack([np.bincount(level, e, len(rows)) for e in evidence])
    evidence += gammaln(strength) - gammaln(strength + rows)
    evidence = np.vstack([np.zeros(len(rows)), evidence])  # first case: the shares of all rows
    log_share = _estimate_shares(evidence[:, several])
    # Predictions from the other rows of the level: the class of the row, and the case of the level.
    predicted = (count - own + prior) / (rows[level] - own + strength) / share_of_all
    predicted[:, rows[level] <= own] = 1.0  # exactly, so that an id scores 0
    predicted = np.vstack([np.ones(len(cell)), predicted])
    without = evidence[:, level] - np.log(predicted) + log_share[:, None]
    ratio = np.exp(without - without.max(axis=0))
    return float(in_all @ np.log((ratio * predicted).sum(axis=0) / ratio.sum(axis=0)) / n)


def _unit_of_classes(classes, times, unit, n_classes: int) -> np.ndarray:
    """How much one row of each class counts, relative to what a row of any class adds by chance.

    By chance, own shares of the classes gain half of the sum of (1 - share) times the count of one row, in
    nats.
    """
    of_class = row_share(classes, times, unit, n_classes) * np.ones(n_classes)
    shares = np.bincount(classes, times, n_classes) / np.sum(times)
    n_shares = np.count_nonzero(shares) - 1
    return of_class / (of_class @ (1 - shares) / n_shares) if n_shares else of_class


def _unit_of_groups(squares: np.ndarray, rows: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How much one row of each group counts: the larger of two estimates.

    The mean weight of the rows is too low for a group that, by chance, has only rows of classes with small
    weights. Relative to the classes of the rows, it is too low for a group with rows of classes with large
    weights.

    Parameters
    ----------
    squares, rows : ndarray of shape (n_groups,)
        Sums of squared weights, and of weights.
    expected : ndarray of shape (n_groups,)
        Sums of the weights times the count of one row of the class.

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
        Integers from 0.
    times : ndarray of shape (n,) or None
        Number of rows of each value. None means one.

    Returns
    -------
    distinct, counts : ndarray
    """
    if values.max() < _FEW_VALUES * len(values):
        counts = np.bincount(values, times)
        distinct = np.flatnonzero(counts)
        return distinct, counts[distinct]
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
        Number of rows of each entry, and how much one row counts. None means one.

    Returns
    -------
    float
        Nats. 0 if ties are wider than the spread within levels.

    References
    ----------
    Searle, Casella and McCulloch (1992), Variance components, section 3.6 (one random factor).
    """

    def mean_of(function) -> float:
        """Mean over the rows of a function of some rows, which takes less memory than all of them."""
        some = (slice(start, start + _ROWS_AT_ONCE) for start in range(0, len(levels), _ROWS_AT_ONCE))
        sums = (np.sum(v) if times is None else v @ times[i] for i, v in ((i, function(i)) for i in some))
        return float(sum(sums)) / (len(levels) if times is None else float(times.sum()))

    middle = mean_of(lambda i: score[i])
    scale = mean_of(lambda i: (score[i] - middle) ** 2 + rounding[i])  # below 1 if many rows share a value
    score, rounding = (score - middle) / np.sqrt(scale), rounding / scale
    rows = np.bincount(levels, times)
    total = np.bincount(levels, score if times is None else score * times)
    mean = total / np.where(rows > 0, rows, 1)
    n, n_levels = rows.sum(), np.count_nonzero(rows)
    own = np.broadcast_to(1.0, len(levels)) if unit is None else unit
    one = np.ones(len(rows)) if unit is None else row_share(levels, times, unit, len(rows))
    known = one[rows > 0].sum()  # the part that the means of the levels use up
    if n - known < 0.5:
        return 0.0
    within = mean_of(lambda i: (score[i] - mean[levels[i]]) ** 2) * n / (n - known)
    of_ties = mean_of(lambda i: rounding[i])
    if within < of_ties:
        return 0.0
    within += of_ties
    effective = np.divide(rows, one, out=np.zeros(len(rows)), where=rows > 0)
    typical = (effective.sum() - (effective**2).sum() / effective.sum()) / max(n_levels - 1, 1)
    between = (effective * mean**2).sum() / max(n_levels - 1, 1)
    ratio = max((between - within) / typical, 0.0) / within

    def log_ratio(i: slice) -> np.ndarray:
        level = levels[i]
        left = rows[level] - own[i]
        others = left / one[level]
        # Mean of the level without the row, shrunk towards the overall mean, and the variance of the row
        # around it.
        of_others = (rows[level] * mean[level] - own[i] * score[i]) / np.where(others > _ROUNDING, left, 1)
        expected = ratio * others / (1 + ratio * others) * of_others
        variance = within * (1 + ratio / (1 + ratio * others))
        square = ((score[i] - expected) ** 2 + rounding[i]) / variance
        return score[i] ** 2 + rounding[i] - square - np.log(variance)

    return mean_of(log_ratio) / 2


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
        Number of rows of each entry, and how much one row counts. None means one.

    Returns
    -------
    float
        Nats. About 0 if classes do not depend on ranks.

    References
    ----------
    Willems, Shtarkov and Tjalkens (1995), The context-tree weighting method.
    """
    # Occupied pairs of a class and an interval, for the intervals of each level, sorted by class.
    combined = (classes.astype(np.int64) << depth) + cells
    pair, count = count_values(combined, times)
    counts: np.ndarray = count[None].astype(np.float64)
    squares = counts
    if times is not None and unit is not None:
        number = np.searchsorted(pair, combined)
        squares = np.bincount(number, times * unit, len(pair))[None]
    sums, pairs, found = np.vstack([counts, squares]), [pair], []
    found.append(sums)
    for _ in range(depth):
        pair = pair >> 1
        starts = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
        pair, sums = pair[starts], np.add.reduceat(sums, starts, axis=1)
        pairs.append(pair)
        found.append(sums)
    levels = range(depth, -1, -1)
    kind = np.concatenate([pair >> level for level, pair in zip(levels, pairs, strict=True)])
    # Intervals are numbered in the order of a heap with root 1.
    heap = [(1 << level) + (pair & ((1 << level) - 1)) for level, pair in zip(levels, pairs, strict=True)]
    n_classes = int(classes.max()) + 1
    of_class = np.ones(n_classes)
    if times is not None and unit is not None:
        of_class = _unit_of_classes(classes, times, unit, n_classes)
    shares = np.bincount(pair, sums[0], n_classes) / sums[0].sum()
    rows_of, squares_of = np.hstack(found)
    table = _Table(np.concatenate(heap), kind, rows_of, squares_of, of_class, 2 << depth)
    evidence, value = table.own_shares(shares)
    below: tuple = ()
    for level in levels:
        here = slice(2**level, 2 ** (level + 1))
        options, values, one = evidence[:, here], value[:, here], table.one[here]
        if below:
            options[3], values[3] = (halves[0::2] + halves[1::2] for halves in below)
        top = options.max(axis=0)
        weight = _CHOICES * np.exp((options - top) / one)
        total = weight.sum(axis=0)
        # The deepest intervals cannot be cut.
        below = top + one * np.log(total if below else total * 2), (weight * values).sum(axis=0) / total
    return float(below[1][0] / sums[0].sum())


class _Table:
    """Numbers of rows of each class in each interval of ranks, without the empty ones.

    Parameters
    ----------
    interval, kind : ndarray of shape (n_entries,)
        Numbers of the interval and of the class.
    count, squares : ndarray of shape (n_entries,)
        Number of rows, and the sum of their squared weights. Without weights, the two are equal.
    of_class : ndarray of shape (n_classes,)
        How much one row of each class counts, see :func:`_unit_of_classes`.
    n_intervals : int
        Number of intervals.

    Attributes
    ----------
    one : ndarray of shape (n_intervals,)
        How much one row of each interval counts.
    """

    def __init__(self, interval, kind, count, squares, of_class: np.ndarray, n_intervals: int):
        self.interval, self.kind = interval, kind
        rows, of_squares, expected = (
            np.bincount(interval, v, n_intervals) for v in (count, squares, count * of_class[kind])
        )
        self.one = _unit_of_groups(of_squares, rows, expected)
        self.rows = rows / self.one
        self.left_rows = self.rows - _divide(of_squares, rows) / self.one
        self.count = count / self.one[interval]
        self.own = squares / count / self.one[interval]

    def own_shares(self, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log evidence and leave-one-out log ratios of overall, own sparse and own dense class shares.

        Both have the shape (4, n_intervals). The last row is for two halves, which are not possible yet.
        """
        used = np.flatnonzero(self.rows)
        rows, left_rows, one = self.rows[used], self.left_rows[used], self.one[used]
        evidence, left_out = np.zeros((2, 4, len(self.rows)))
        evidence[3] = -np.inf
        more = np.flatnonzero((self.count != 1) | (self.own != 1))
        count, own, share = self.count[more], self.own[more], shares[self.kind[more]]
        log_share = count * np.log(share)
        for k, strength in enumerate((1.0, float(len(shares))), start=1):
            prior = strength * share
            gain, predicted = np.full((2, len(self.count)), np.log(strength))  # for a single row
            gain[more] = gammaln(prior + count) - gammaln(prior) - log_share
            predicted[more] = count * np.log(count - own + prior) - log_share
            gain, predicted = (np.bincount(self.interval, v, len(self.rows))[used] for v in (gain, predicted))
            evidence[k, used] = one * (gain + gammaln(strength) - gammaln(strength + rows))
            left_out[k, used] = one * (predicted - rows * np.log(left_rows + strength))
        return evidence, left_out
