"""Mutual information with a column of unordered levels, by predictions of each row.

Every row is predicted from the other rows. Many levels, or levels with one row, therefore do not raise the
value by chance. Each row is also predicted from all rows, which shows what estimating shares and means costs.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from skmine._copula.ranks import ROWS_AT_ONCE, row_share

#: Concentrations of the Dirichlet priors: the number of rows that the overall shares count as within a level.
#: Small values suit levels that determine their class. Large values suit levels that hardly differ from the
#: others.
CONCENTRATIONS = np.geomspace(0.1, 100, 4)
#: Values are counted without sorting if they are below this number times the number of rows.
_FEW_VALUES = 8
_STEPS, _SMALLEST_SHARE = 25, 1e-6
#: Relative rounding error of sums of weights.
ROUNDING = 1e-9


def level_mixtures(
    pairs: list[tuple[np.ndarray, np.ndarray]],
    times: np.ndarray | None = None,
    unit: np.ndarray | None = None,
) -> np.ndarray:
    """Mean log ratio of a class given a level, in nats, for several pairs of columns.

    A level has either the class shares of all rows, or its own. Own shares are drawn from a Dirichlet
    distribution around those of all rows, with one of several concentrations. The frequency of each case is
    estimated from all levels.

    Parameters
    ----------
    pairs : list of tuple of two ndarray of shape (n,)
        Levels and classes of the rows: numbers from 0. All pairs have the same rows.
    times, unit : ndarray of shape (n,) or None, default=None
        Number of rows of each entry, and how much one row counts. None means one.

    Returns
    -------
    ndarray of shape (2, n_pairs)
        Means over left-out rows, and over rows predicted from all rows, in nats. The former are about 0, or
        slightly below, if classes do not depend on levels.

    References
    ----------
    Minka (2000), Estimating a Dirichlet distribution; Good (1965), The estimation of probabilities, for
    mixtures of Dirichlet priors.
    """
    values = np.zeros((2, len(pairs)))
    prepared = [_repeating_levels(*pair, times, unit) for pair in pairs]
    used = [k for k, one in enumerate(prepared) if one is not None]
    if used:
        values[:, used] = _mixtures([one for one in prepared if one is not None])
    return values


class _LevelCounts(NamedTuple):
    """Numbers of rows of each class in the levels of a column that have several rows.

    Attributes
    ----------
    n : float
        Number of all rows.
    level, kind : ndarray of shape (n_cells,)
        Level and class of each cell, in the order of the levels. A cell is a class in a level.
    in_all : ndarray of shape (n_cells,)
        Number of rows.
    share, others : ndarray of shape (n_cells,)
        Share of the class in all rows, and in all rows without one of its rows in this cell.
    effective, own : ndarray of shape (n_cells,)
        Effective number of rows, and how much one row counts.
    rows : ndarray of shape (n_levels,)
        Effective number of rows of each level.
    """

    n: float
    level: np.ndarray
    in_all: np.ndarray
    share: np.ndarray
    others: np.ndarray
    effective: np.ndarray
    own: np.ndarray
    rows: np.ndarray


def _repeating_levels(levels, classes, times, unit) -> _LevelCounts | None:
    """Counts for a mixture. Rows whose level has no other row are not predicted, so that an id scores 0."""
    n_classes = int(classes.max()) + 1
    in_classes = np.bincount(classes, times, n_classes)
    n = in_classes.sum()
    weighted = times is not None and unit is not None
    rows = np.bincount(levels, times)
    several = (np.bincount(levels) if weighted else rows) > 1
    if not several.any():
        return None
    of_class = unit_of_classes(classes, times, unit, n_classes) if weighted else None
    if not several.all():
        kept = several[levels]
        levels, classes = (np.cumsum(several) - 1)[levels[kept]], classes[kept]
        times, unit = (None if part is None else part[kept] for part in (times, unit))
        rows = rows[several]
    combined = levels.astype(np.int64) * n_classes + classes
    cell, count = count_values(combined, times)
    level, kind = np.divmod(cell, n_classes)
    in_all, own = count, np.ones(len(cell))
    one_row = own
    if of_class is not None:  # within a level, its effective number of rows
        one_row = row_share(np.searchsorted(cell, combined), times, unit, len(cell))
        squares = np.bincount(levels, times * unit)
        one = unit_of_groups(squares, rows, np.bincount(levels, times * of_class[classes]))
        rows = rows / one
        count, own = count / one[level], one_row / one[level]
    of_kind = in_classes[kind]
    # The class is compared with its share in all other rows, so that the mean ratio is 1 under independence.
    others = (of_kind - one_row) / (n - one_row)
    return _LevelCounts(n, level, in_all, of_kind / n, others, count, own, rows)


def _mixtures(columns: list[_LevelCounts]) -> np.ndarray:
    """See :func:`level_mixtures`. The cells of all columns are concatenated, which takes less time."""
    n_cells, n_levels = (
        [len(part) for part in parts] for parts in zip(*((c.level, c.rows) for c in columns), strict=True)
    )
    level = np.concatenate([c.level for c in columns]) + np.repeat(np.cumsum(n_levels) - n_levels, n_cells)
    in_all, share, others, count, own, rows = (
        np.concatenate(part) for part in zip(*(c[2:] for c in columns), strict=True)
    )
    strength = CONCENTRATIONS[:, None]
    prior = strength * share
    evidence = np.repeat(np.log(strength), len(count), axis=1)  # for a single row
    more = np.flatnonzero(count != 1)
    gammas = gammaln(prior[:, more] + count[more]) - gammaln(prior[:, more])
    evidence[:, more] = gammas - count[more] * np.log(share[more])
    evidence = np.add.reduceat(evidence, np.flatnonzero(np.diff(level, prepend=-1)), axis=1)
    evidence += gammaln(strength) - gammaln(strength + rows)
    evidence = np.vstack([np.zeros(len(rows)), evidence])  # first case: the shares of all rows
    log_shares = _estimate_shares(evidence, n_levels)
    # Predictions from the other rows of the level: the class of the row, and the case of the level.
    left = rows[level] - own
    ratio = np.vstack([np.ones(len(level)), (relative(count - own, others) + strength) / (left + strength)])
    drawn = np.vstack([np.ones(len(level)), (count - own + prior) / (left + strength) / share])
    without = evidence[:, level] - np.log(drawn) + np.repeat(log_shares, n_cells, axis=1)
    weight = np.exp(without - without.max(axis=0))
    left_out = (weight * ratio).sum(axis=0) / weight.sum(axis=0)
    # Predictions from all rows of the level.
    evidence += np.repeat(log_shares, n_levels, axis=1)
    weight = np.exp(evidence - evidence.max(axis=0))
    weight /= weight.sum(axis=0)
    ratio[1:] = (count / share + strength) / (rows[level] + strength)
    fitted = (weight[:, level] * ratio).sum(axis=0)
    gains = in_all * np.log([left_out, fitted])
    return np.add.reduceat(gains, np.cumsum([0, *n_cells[:-1]]), axis=1) / [c.n for c in columns]


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
    if values.max(initial=0) < _FEW_VALUES * len(values):
        counts = np.bincount(values, times)
        distinct = np.flatnonzero(counts)
        return distinct, counts[distinct]
    if times is None:
        return np.unique(values, return_counts=True)
    distinct, number = np.unique(values, return_inverse=True)
    return distinct, np.bincount(number, times)


def _estimate_shares(evidence: np.ndarray, n_levels: list[int]) -> np.ndarray:
    """Log frequencies of the cases of levels for each column, by the EM algorithm.

    Parameters
    ----------
    evidence : ndarray of shape (n_kinds, n_all_levels)
        Log likelihood of each case, with the levels of all columns next to each other.
    n_levels : list of int
        Number of levels of each column.

    Returns
    -------
    ndarray of shape (n_kinds, n_columns)
    """
    likelihood = np.ones((len(n_levels), len(evidence), max(n_levels)))
    present = np.arange(max(n_levels)) < np.reshape(n_levels, (-1, 1))  # columns with fewer levels are padded
    likelihood.swapaxes(1, 2)[present] = np.exp(evidence - evidence.max(axis=0)).T
    part = (present / np.reshape(n_levels, (-1, 1)))[:, :, None]
    share = np.full((len(n_levels), 1, len(evidence)), 1 / len(evidence))
    for _ in range(_STEPS):
        new = likelihood @ (part / (share @ likelihood).mT)
        share = np.maximum(share * new.mT, _SMALLEST_SHARE)
    return np.log(share[:, 0]).T


def level_means(
    levels: np.ndarray,
    score: np.ndarray,
    rounding: np.ndarray,
    times: np.ndarray | None = None,
    unit: np.ndarray | None = None,
) -> np.ndarray:
    """Mean log ratio of the normal score given the level, for several pairs of columns.

    The scores of a level are normal around the mean of the level, and these means are normal around the
    overall mean. Both variances are estimated from all levels.

    Parameters
    ----------
    levels : ndarray of shape (n_pairs, n)
        Numbers from 0.
    score : ndarray of shape (n_pairs, n)
        Normal scores of the ranks of the other column.
    rounding : ndarray of shape (n_pairs, n)
        Variance of a score that is spread uniformly over the ranks of its value.
    times, unit : ndarray of shape (n,) or None, default=None
        Number of rows of each entry, and how much one row counts. None means one.

    Returns
    -------
    ndarray of shape (2, n_pairs)
        Means over left-out rows, and over rows predicted from all rows, in nats. 0 if ties are wider than
        the spread within levels.

    References
    ----------
    Searle, Casella and McCulloch (1992), Variance components, section 3.6 (one random factor).
    """
    n_entries, most = levels.shape[1], int(levels.max()) + 1
    at_once = max(1, ROWS_AT_ONCE // len(levels))
    pair = np.arange(len(levels))[:, None]

    def mean_of(function) -> np.ndarray:
        """Mean over the rows of a function of some rows, which takes less memory than all of them."""
        some = [slice(start, start + at_once) for start in range(0, n_entries, at_once)]
        sums = [np.sum(v, axis=1) if times is None else v @ times[i] for i in some for v in [function(i)]]
        return sum(sums)[:, None] / (n_entries if times is None else times.sum())

    def by_level(values: np.ndarray | None) -> np.ndarray:
        """Sums over the rows of each level, shape (n_pairs, most)."""
        flat = None if values is None else np.broadcast_to(values, levels.shape).ravel()
        return np.bincount((levels + pair * most).ravel(), flat, most * len(levels)).reshape(-1, most)

    middle = mean_of(lambda i: score[:, i])
    # The scale is below 1 if many rows share a value.
    scale = mean_of(lambda i: (score[:, i] - middle) ** 2 + rounding[:, i])
    score, rounding = (score - middle) / np.sqrt(scale), rounding / scale
    rows = by_level(times)
    used = rows > 0
    mean = by_level(score if times is None else score * times) / np.where(used, rows, 1)
    n = rows.sum(axis=1, keepdims=True)
    own = np.ones(n_entries) if unit is None else unit
    one = used.astype(np.float64)
    if times is not None and unit is not None:
        one = np.stack(
            [row_share(level, times, unit, most) * own for level, own in zip(levels, used, strict=True)]
        )
    freedom = n - one.sum(axis=1, keepdims=True)  # without the part that the means of the levels use up
    enough = freedom >= 0.5
    within = mean_of(lambda i: (score[:, i] - mean[pair, levels[:, i]]) ** 2)
    within = within * n / np.where(enough, freedom, 1)
    of_ties = mean_of(lambda i: rounding[:, i])
    possible = enough & (within >= of_ties) & (within > 0)
    within = np.where(possible, within + of_ties, 1.0)
    ratio = ratio_of_variances(np.divide(rows, one, out=np.zeros(rows.shape), where=used), mean, within)

    def log_ratio(i: slice) -> np.ndarray:
        level = pair, levels[:, i]
        left = rows[level] - own[i]
        others = left / one[level]
        # Mean of the level without the row, shrunk towards the overall mean, and the variance around it.
        of_others = (rows[level] * mean[level] - own[i] * score[:, i]) / np.where(others > ROUNDING, left, 1)
        expected = ratio * others / (1 + ratio * others) * of_others
        variance = within * (1 + ratio / (1 + ratio * others))
        square = ((score[:, i] - expected) ** 2 + rounding[:, i]) / variance
        return score[:, i] ** 2 + rounding[:, i] - square - np.log(variance)

    left_out = mean_of(log_ratio) / 2
    square = by_level((score**2 + rounding) * (1.0 if times is None else times))
    fitted = _fitted_gain(rows, one, mean, square, ratio, within) / n / 2
    return np.where(possible, np.hstack([left_out, fitted]), 0.0).T


def _fitted_gain(rows, one, mean, square, ratio, within) -> np.ndarray:
    """Twice the sum of the log ratios of all rows, predicted from all rows of their level.

    `square` are the sums over the levels of the squared scores, with rounding.
    """
    number = np.divide(rows, one, out=np.zeros(rows.shape), where=rows > (1 + ROUNDING) * one)
    expected = ratio * number / (1 + ratio * number) * mean  # a row alone in its level is not predicted
    variance = within * (1 + ratio / (1 + ratio * number))
    about = square - 2 * expected * rows * mean + rows * expected**2
    return (square - about / variance - rows * np.log(variance)).sum(axis=1, keepdims=True)


def ratio_of_variances(rows: np.ndarray, mean: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Variance of the means of levels relative to that within levels, shape (n_pairs, 1).

    Parameters
    ----------
    rows, mean : ndarray of shape (n_pairs, n_levels)
        Number of rows of each level, which can be 0, and the mean of their scores.
    within : ndarray of shape (n_pairs, 1)
        Variance within levels.
    """
    n, squares, of_means = (v.sum(axis=1, keepdims=True) for v in (rows, rows**2, rows * mean**2))
    more = np.maximum((rows > 0).sum(axis=1, keepdims=True) - 1, 1)
    typical = (n - squares / n) / more
    gain = np.maximum(of_means / more - within, 0.0)
    return np.divide(gain, typical, out=np.zeros(gain.shape), where=typical > 0) / within
