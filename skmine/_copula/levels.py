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
ROUNDING = 1e-9


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
    in_classes = np.bincount(classes, times, n_classes)
    n = in_classes.sum()
    weighted = times is not None and unit is not None
    several = np.bincount(levels, None if weighted else times) > 1
    if not several.any():
        return 0.0
    of_class = unit_of_classes(classes, times, unit, n_classes) if weighted else np.ones(n_classes)
    if not several.all():  # rows whose level has no other row are not predicted, so that an id scores 0
        kept = several[levels]
        levels, classes = (np.cumsum(several) - 1)[levels[kept]], classes[kept]
        times, unit = (None if part is None else part[kept] for part in (times, unit))
    combined = levels.astype(np.int64) * n_classes + classes
    cell, count = count_values(combined, times)
    own: float | np.ndarray = 1.0
    level, kind = np.divmod(cell, n_classes)
    rows = np.bincount(levels, times)
    in_all, one_row = count, own
    if times is not None and unit is not None:  # within a level, its effective number of rows
        one_row = row_share(np.searchsorted(cell, combined), times, unit, len(cell))
        squares = np.bincount(levels, times * unit)
        one = unit_of_groups(squares, rows, np.bincount(levels, times * of_class[classes]))
        rows = rows / one
        count, own = count / one[level], one_row / one[level]
    share_of_all = in_classes[kind] / n
    strength = CONCENTRATIONS[:, None]
    prior = strength * share_of_all
    evidence = np.repeat(np.log(strength), len(count), axis=1)  # for a single row
    more = np.flatnonzero(count != 1)
    gammas = gammaln(prior[:, more] + count[more]) - gammaln(prior[:, more])
    evidence[:, more] = gammas - count[more] * np.log(share_of_all[more])
    evidence = np.stack([np.bincount(level, e, len(rows)) for e in evidence])
    evidence += gammaln(strength) - gammaln(strength + rows)
    evidence = np.vstack([np.zeros(len(rows)), evidence])  # first case: the shares of all rows
    log_share = _estimate_shares(evidence)
    # Predictions from the other rows of the level: the class of the row, and the case of the level. The class
    # is compared with its share in all other rows, so that the mean ratio is 1 under independence.
    others = (in_classes[kind] - one_row) / (n - one_row)
    excess = relative(count - own, others)
    left = rows[level] - own
    ratio = np.vstack([np.ones(len(cell)), (excess + strength) / (left + strength)])
    drawn = np.vstack([np.ones(len(cell)), (count - own + prior) / (left + strength) / share_of_all])
    without = evidence[:, level] - np.log(drawn) + log_share[:, None]
    weight = np.exp(without - without.max(axis=0))
    return float(in_all @ np.log((weight * ratio).sum(axis=0) / weight.sum(axis=0)) / n)


def unit_of_classes(classes, times, unit, n_classes: int) -> np.ndarray:
    """How much one row of each class counts, relative to what a row of any class adds by chance.

    By chance, own shares of the classes gain half of the sum of (1 - share) times the count of one row, in
    nats.
    """
    of_class = row_share(classes, times, unit, n_classes) * np.ones(n_classes)
    shares = np.bincount(classes, times, n_classes) / np.sum(times)
    n_shares = np.count_nonzero(shares) - 1
    return of_class / (of_class @ (1 - shares) / n_shares) if n_shares else of_class


def unit_of_groups(squares: np.ndarray, rows: np.ndarray, expected: np.ndarray) -> np.ndarray:
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
    return np.maximum(divide(squares, rows), divide(squares, expected))


def relative(count: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Numbers of other rows of a class, divided by its share in all other rows; 0 if there are none."""
    return np.divide(count, others, out=np.zeros(len(count)), where=others > ROUNDING)


def divide(total: np.ndarray, other: np.ndarray) -> np.ndarray:
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
        of_others = (rows[level] * mean[level] - own[i] * score[i]) / np.where(others > ROUNDING, left, 1)
        expected = ratio * others / (1 + ratio * others) * of_others
        variance = within * (1 + ratio / (1 + ratio * others))
        square = ((score[i] - expected) ** 2 + rounding[i]) / variance
        return score[i] ** 2 + rounding[i] - square - np.log(variance)

    return mean_of(log_ratio) / 2
