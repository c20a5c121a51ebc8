"""Mutual information of pairs of ordered columns, by a mixture of trees over the plane of their ranks.

A cell of the plane is a rectangle of ranks. There are three choices for a cell:

- x and y are independent in it.
- y is a line in x plus noise, or x is a line in y plus noise.
- It is cut in half along one of the axes. Both halves are cells again.

Each choice is weighted by its likelihood, corrected for overfitting. The mean over all trees of such choices
is exact. It takes one pass from the smallest cells to the whole plane, and needs only sums over the rows of
each cell.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from scipy.special import betaln, digamma

from skmine._copula.margins import Margin
from skmine._copula.planes import LEAST_ROWS, POWERS, Cells, Plane, Table
from skmine._copula.ranks import ROWS_AT_ONCE, FineRanks, halve

#: Maximum number of cuts, in total and along one axis. They give the cells that 16,384 rows can resolve, and
#: limit time and memory for any number of rows.
MOST_CUTS, DEEPEST = 14, 12
#: Minimum number of rows whose value is extrapolated from half of the rows: a half then fills two of the
#: smallest cells.
_LEAST_HALVED = 4 * LEAST_ROWS
#: Up to this many rows, the value is fully extrapolated. The correction then fades, and is 0 from twice as
#: many rows on. At 2,000 rows it would lower the error by a tenth, and take half as much time again. This is
#: more time than nearest neighbours take.
FULLY_HALVED = 1000
#: Number of cells, over several levels, that are weighted together, to limit memory.
_CELLS_AT_ONCE = 2**14
#: Prior weights: independence, the two lines, and the two cuts.
_PRIOR = np.array([0.25, 0.125, 0.125, 0.25, 0.25])
#: Cost of a cut in the strict evidence, in nats. With it, the mean is below 0 for 7,000 independent rows.
_STRICT = 0.5
#: Maximum variance of rounding, as a share of the variance of the noise, for tied values to have a line.
_WIDEST_TIES = 0.05
#: Variances of normal scores below which floating point errors make a slope, or a kurtosis, unreliable.
_SMALLEST_VARIANCE, _LEAST_VARIANCE = 1e-12, 1e-5


@dataclass(frozen=True)
class TreeScores:
    """Estimates by trees.

    Attributes
    ----------
    mi : ndarray of shape (n_pairs,)
        Estimates of mutual information in nats, corrected for bias and not clipped.
    lower : ndarray of shape (n_pairs,)
        Expected values on new rows in nats: the log evidence divided by the number of rows.
    strict : ndarray of shape (n_pairs,)
        The same with a higher cost of cuts. Under independence, the mean of `lower` grows with the rows,
        because chance favours some of very many cuts; that of `strict` does not.
    added : ndarray of shape (n_pairs,)
        Part of `mi` that is extrapolated, in nats.
    """

    mi: np.ndarray
    lower: np.ndarray
    strict: np.ndarray
    added: np.ndarray


def pair_trees(margins: list[Margin], target: Margin, extrapolate: bool = True) -> TreeScores:
    """Mutual information of ordered columns with an ordered target.

    Few rows show only a part of the structure, so that the value grows with the number of rows. The mean
    value of two halves of the rows shows by how much. If the bias is proportional to 1 / n, the value plus
    its difference from that of the halves has none. With many rows, the difference has a smaller weight.

    Parameters
    ----------
    margins : list of Margin
        Columns, represented by their ranks.
    target : Margin
        Target with the same rows, represented by its ranks.
    extrapolate : bool, default=True
        Whether to extrapolate from half of the rows, if there are few.

    Returns
    -------
    TreeScores

    References
    ----------
    Willems, Shtarkov and Tjalkens (1995), The context-tree weighting method, for exact mixtures over trees;
    Chipman, George and McCulloch (2002), Bayesian treed models, for lines in the cells; Akaike (1979), for
    weights made of likelihoods corrected for bias; Quenouille (1956), Notes on bias in estimation, for the
    extrapolation.
    """
    n = len(target)
    share_added = float(np.clip(2 - n / FULLY_HALVED, 0, 1))
    halved = extrapolate and n >= _LEAST_HALVED and share_added > 0
    # The smallest cells have one or two rows, or two to four if there are few: these take less time.
    n_cuts = int(np.clip((np.floor if halved else np.ceil)(np.log2(n)) - 1, 1, MOST_CUTS))
    deepest = min(DEEPEST, n_cuts)
    second, times, rows = target.fine(deepest), target.times, np.arange(len(target.codes))
    if halved and times is not None and target.unit is None:  # equal rows are counted: one by one again
        rows, times = np.repeat(rows, times.astype(np.int64)), None
        second = second._replace(number=second.number[rows])
    at_once = max(1, ROWS_AT_ONCE // n)
    flatness = _gain_of_ties(second)
    found = []
    for start in range(0, len(margins), at_once):
        firsts = [m.fine(deepest) for m in margins[start : start + at_once]]
        n_pairs = len(firsts)
        tables = [Table(f, second, (_gain_of_ties(f), flatness), times, target.unit) for f in firsts]
        later: list[Table] = []
        if halved:
            tables = [
                table._replace(first=f._replace(number=f.number[rows]))
                for table, f in zip(tables, firsts, strict=True)
            ]
            both = [_halves(table, deepest) for table in tables]
            later = [table for half in zip(*both, strict=True) for table in half]
        del firsts  # they take as much memory as several columns
        plane = Plane(tables, later, (n_cuts, deepest))
        del tables, later
        scores = _weigh_trees(plane) / n
        added = np.zeros(n_pairs)
        if halved:
            scores, one, other = np.split(scores, 3, axis=1)
            # n ranks hold log(n) nats, which an exact relation would exceed.
            most = np.maximum(np.log(n) - scores[1], 0.0)
            added = share_added * np.minimum(scores[1] - (one[1] + other[1]), most)
        found.append(np.vstack([scores, added]))
    evidence, value, strict, added = np.hstack(found)
    return TreeScores(value + added, evidence, strict, added)


def _halves(table: Table, deepest: int) -> list[Table]:
    """The pair with each half of the rows, which are ranked again."""
    half = halve(table.first.number, table.second.number, table.times)
    found = []
    for kept in (half, ~half):
        times, unit = (None if part is None else part[kept] for part in (table.times, table.unit))
        first, second = (ranks.take(kept, times, unit, deepest) for ranks in (table.first, table.second))
        found.append(Table(first, second, (_gain_of_ties(first), _gain_of_ties(second)), times, unit))
    return found


def _weigh_trees(plane: "Plane") -> np.ndarray:
    """Log evidence, value and strict log evidence of the whole plane, shape (3, n_pairs)."""
    score = np.empty((3, 0))
    waiting: list[Cells] = []  # several small levels are cheaper together
    for level in range(plane.n_cuts, -1, -1):
        cells = plane.cells(level)
        if waiting and sum(len(some.used) for some in [*waiting, cells]) > _CELLS_AT_ONCE:
            score = _weigh(waiting, score)
            waiting = []
        waiting.append(cells)
        if not level or len(cells.used) > _CELLS_AT_ONCE:
            score = _weigh(waiting, score)
            waiting = []
        del cells  # as large as the plane
        if level:
            plane.merge(level)
    return score


def _weigh(levels: list[Cells], finer: np.ndarray) -> np.ndarray:
    """Log evidence, value and strict log evidence of every cell of the last level, shape (3, n_cells).

    `finer` contains the values of the level below the first one. Weighted rows count as the effective number
    of rows of their cell: evidence is divided by the count of one row, and chance gain multiplied by it.
    """
    parts = (np.concatenate(part, axis=-1) for part in zip(*(c[3:] for c in levels), strict=True))
    mass, flatness, halves, share, n_first, unit = parts
    sums = levels[0].sums if len(levels) == 1 else np.concatenate([cells.sums for cells in levels])
    evidence, value = np.full((5, len(sums)), -np.inf), np.zeros((5, len(sums)))
    evidence[0] = 0.0
    for first in range(0, len(sums), _CELLS_AT_ONCE):
        some = slice(first, first + _CELLS_AT_ONCE)
        of_lines = mass[:, some], flatness[:, some], evidence[1:3, some], value[1:3, some]
        _draw_lines(np.ascontiguousarray(sums[some].T), unit[some], *of_lines)
        of_cuts = share[:, some], n_first[:, some], evidence[3:, some], value[3:, some]
        _cut(sums[some, 0], unit[some], *of_cuts)
    prior = _PRIOR @ (evidence > -np.inf)
    start = 0
    for cells in levels:
        now = slice(start, start := start + len(cells.used))
        score = np.zeros((3, cells.n_cells))
        if len(cells.used):
            one, gained = unit[now], value[:, now]
            log_weight = np.stack([evidence[:, now], evidence[:, now]])  # the second one is strict
            log_weight[1, 3:] -= _STRICT * one
            if finer.size:
                below = finer[:, halves[:, :, now]].sum(axis=1)
                log_weight[:, 3:] += below[::2]
                gained[3:] += below[1]
            top = log_weight.max(axis=1)
            weight = np.exp((log_weight - top[:, None]) / one) * _PRIOR[:, None]
            total = weight.sum(axis=1)
            score[::2, cells.used] = top + one * np.log(total / prior[now])
            score[1, cells.used] = (weight[0] * gained).sum(axis=0) / total[0]
        finer = score
    return finer


def _cut(n: np.ndarray, unit: np.ndarray, share: np.ndarray, n_first: np.ndarray, evidence, value) -> None:
    """Evidence and value of a cut along each axis, without those of the halves, written in place."""
    n_second = n - n_first
    log_first, log_second, log_both = (np.log(np.where(k > 0, k, 1)) for k in (n_first, n_second, n))
    # A share is one parameter, which gains half a nat by chance on the rows that it is fitted to.
    gain = n_first * (log_first - np.log(share)) + n_second * (log_second - np.log1p(-share)) - 0.5 * unit
    gain -= n * log_both
    possible = ~np.isnan(share)
    evidence[:], value[:] = np.where(possible, gain, -np.inf), np.where(possible, gain, 0.0)


def _gain_of_ties(ranks: FineRanks) -> float:
    """Nats for flat noise around a constant. The tails of tied scores are too short; without ties it is 0."""
    if not ranks.rounding.any():
        return 0.0
    powers = [ranks.score**2, ranks.score**4, ranks.rounding]
    second, fourth, spread = np.average(powers, axis=1, weights=ranks.n_rows)
    return float(np.interp(_kurtosis(second, fourth, spread), *_flat_noise()))


def _kurtosis(second, fourth, spread) -> np.ndarray:
    """Kurtosis of values spread uniformly around points, from the central moments of the points.

    The fourth moment of a uniform value is 9/5 of its squared variance `spread`.
    """
    square = np.maximum(second + spread, _LEAST_VARIANCE) ** 2
    return (fourth + 6 * second * spread + 1.8 * spread**2) / square


def _draw_lines(sums, unit: np.ndarray, masses: np.ndarray, flatness: np.ndarray, evidence, value) -> None:
    """Evidence and value of the two lines: the second score given the first, and the reverse.

    The value is the unbiased log likelihood of a line with noise minus that of the ranks alone. The score of
    a tied value is known up to the interval of its ranks, so a line needs ties narrower than its noise.
    """
    n = sums[0]
    means = sums[1:] / n
    # Both directions at once: moments of the given score and of the other one, shape (2, n_cells).
    moment = {(k, m): means[_places(k, m)] for k, m in POWERS}
    ties = 1 + len(POWERS)
    resolution, rounding = means[ties - 1 : ties + 3].reshape(2, 2, -1)[::-1].swapaxes(0, 1)
    freedom = n / unit - 2
    bias = np.log(n / unit / freedom) + 1 / freedom + 1 / (3 * freedom**2)
    variance = moment[2, 0] - moment[1, 0] ** 2
    slope = (moment[1, 1] - moment[1, 0] * moment[0, 1]) / np.maximum(variance, _SMALLEST_VARIANCE)
    # Raw moments of the score minus slope times the given score; the moments about the line follow from them.
    powers = [1.0, -slope, slope**2, -(slope**2) * slope, slope**2 * slope**2]
    about = [1.0] + [
        sum(comb(order, k) * powers[k] * moment[k, order - k] for k in range(order + 1))
        for order in range(1, 5)
    ]
    mean, square = about[1], about[1] ** 2
    residual = np.maximum(about[2] - square, 0.0)
    fourth = about[4] - 4 * mean * about[3] + 6 * square * about[2] - 3 * square**2
    spread = resolution + rounding  # variance of a value over its ranks
    log_noise = np.log(residual + spread) + bias
    explained = n * ((moment[0, 2] + spread - log_noise - 1) / 2 + np.log(masses[::-1]))
    exact = residual > _LEAST_VARIANCE
    kurtosis = np.where(exact, _kurtosis(residual, fourth, rounding), 3.0)
    flat = np.interp(kurtosis, *_flat_noise()) - flatness[::-1]
    explained += np.maximum(n * flat - unit, 0)
    possible = (variance > _SMALLEST_VARIANCE) & (rounding <= _WIDEST_TIES * residual)
    # Subtract the expected cost of three parameters on new rows from the evidence.
    evidence[:] = np.where(possible, explained - 1.5 * unit, -np.inf)
    value[:] = np.where(possible, explained, 0.0)


@lru_cache(maxsize=len(POWERS))
def _places(k: int, m: int) -> slice:
    """Places of the moments (k, m) and (m, k) among all moments: a slice, because it is not copied."""
    first, last, step = POWERS.index((k, m)), POWERS.index((m, k)), (m > k) - (m < k)
    end = last + (step or 1)
    return slice(first, end if end >= 0 else None, last - first or 1)


@lru_cache(maxsize=1)
def _flat_noise() -> tuple[np.ndarray, np.ndarray]:
    """Kurtosis, and entropy of normal noise minus that of noise with this kurtosis, in nats.

    The noise has a symmetric beta distribution (Pearson's type II), from uniform to nearly normal. Noise of
    maximum entropy with this kurtosis would gain 0.06 nats less than uniform noise, and 0.02 nats less than a
    beta distribution with a kurtosis of 2.
    """
    shape = np.geomspace(1000, 1, 200)
    kurtosis = 3 - 6 / (2 * shape + 3)
    log_variance = -np.log(4 * (2 * shape + 1))
    entropy = betaln(shape, shape) - 2 * (shape - 1) * (digamma(shape) - digamma(2 * shape))
    missing = (np.log(2 * np.pi * np.e) + log_variance) / 2 - entropy
    return np.append(3.0, kurtosis)[::-1], np.append(0.0, missing)[::-1]
