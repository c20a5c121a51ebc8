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
from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array
from scipy.special import betaln, digamma

from skmine._copula.margins import Margin
from skmine._copula.ranks import FineRanks

#: Maximum number of cuts, in total and along one axis. They give the cells that 16,384 rows can resolve, and
#: limit time and memory for any number of rows.
MOST_CUTS, DEEPEST = 14, 12
#: Number of rows, over all pairs, in memory at a time.
_ROWS_AT_ONCE = 2**15
#: Number of cells, over several levels, that are weighted together, to limit memory.
_CELLS_AT_ONCE = 2**14
#: Minimum number of rows of a cell with a line (three parameters, and the kurtosis) or a cut.
_LEAST_ROWS = 8
#: Prior weights: independence, the two lines, and the two cuts.
_PRIOR = np.array([0.25, 0.125, 0.125, 0.25, 0.25])
#: Cost of a cut in the strict evidence, in nats. With it, the mean is below 0 for 7,000 independent rows.
_STRICT = 0.5
#: Maximum variance of rounding, as a share of the variance of the noise, for tied values to have a line.
_WIDEST_TIES = 0.05
#: Variances of normal scores below which floating point errors make a slope, or a kurtosis, unreliable.
_SMALLEST_VARIANCE, _LEAST_VARIANCE = 1e-12, 1e-5

#: Powers of the two scores in the sums of products.
_POWERS = [(k, total - k) for total in range(1, 5) for k in range(total + 1)]


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
    """

    mi: np.ndarray
    lower: np.ndarray
    strict: np.ndarray


def pair_trees(margins: list[Margin], target: Margin) -> TreeScores:
    """Mutual information of ordered columns with an ordered target.

    Parameters
    ----------
    margins : list of Margin
        Columns, represented by their ranks.
    target : Margin
        Target with the same rows, represented by its ranks.

    Returns
    -------
    TreeScores

    References
    ----------
    Willems, Shtarkov and Tjalkens (1995), The context-tree weighting method, for exact mixtures over trees;
    Chipman, George and McCulloch (2002), Bayesian treed models, for lines in the cells; Akaike (1979), for
    weights made of likelihoods corrected for bias.
    """
    n = len(target)
    n_cuts = int(np.clip(np.ceil(np.log2(n)) - 1, 1, MOST_CUTS))
    deepest = min(DEEPEST, n_cuts)
    second = target.fine(deepest)
    at_once = max(1, _ROWS_AT_ONCE // n)
    found = []
    for start in range(0, len(margins), at_once):
        firsts = [m.fine(deepest) for m in margins[start : start + at_once]]
        plane = _Plane(firsts, second, n_cuts, deepest, target.times, target.unit)
        del firsts  # they take as much memory as several columns
        found.append(_weigh_trees(plane) / n)
    evidence, value, strict = np.hstack(found)
    return TreeScores(value, evidence, strict)


def _weigh_trees(plane: "_Plane") -> np.ndarray:
    """Log evidence, value and strict log evidence of the whole plane, shape (3, n_pairs)."""
    score = np.empty((3, 0))
    waiting: list[_Cells] = []  # several small levels are cheaper together
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


class _Cells(NamedTuple):
    """The cells of one level that have enough rows for a line or a cut.

    Attributes
    ----------
    n_cells : int
        Number of all cells of the level.
    used : ndarray of shape (n_used,)
        Indices of these cells.
    sums : ndarray of shape (n_used, n_sums)
        As in :class:`_Plane`.
    mass, flatness : ndarray of shape (2, n_used)
        Share of the rows in the interval of each axis, and the gain from its ties.
    halves : ndarray of shape (2, 2, n_used)
        Indices of the first and second half, in the level below, of a cut along each axis.
    share : ndarray of shape (2, n_used)
        Share of the first half in the rows of the interval that is cut; NaN if it cannot be cut.
    n_first : ndarray of shape (2, n_used)
        Number of rows in the first half.
    unit : ndarray of shape (n_used,)
        How much one row of the cell counts: 1, or the mean weight of its rows, weighted by themselves.
    """

    n_cells: int
    used: np.ndarray
    sums: np.ndarray
    mass: np.ndarray
    flatness: np.ndarray
    halves: np.ndarray
    share: np.ndarray
    n_first: np.ndarray
    unit: np.ndarray


class _Plane:
    """Sums over the rows of every cell of one level, that is after ``level`` cuts of the plane.

    For each pair, entry i on the axis of shapes is for the cells with i cuts along the first axis and
    ``level - i`` along the second.

    Attributes
    ----------
    sums : ndarray of shape (n_pairs, n_shapes, 2**level, n_sums)
        Counts, products of powers of the two scores, and variances of rounding; for rows with weights, also
        the squares of the weights.
    weighted : bool
        Whether rows have weights.
    mass : ndarray of shape (2, n_pairs, 2 * 2**deepest)
        Share of the rows in each interval of either axis, as in :func:`_masses`.
    flatness : ndarray of shape (2, n_pairs)
        Nats for flat noise that the ties of either column alone would gain, see :func:`_gain_of_ties`.
    """

    def __init__(self, firsts: list[FineRanks], second: FineRanks, n_cuts: int, deepest: int, times, unit):
        self.weighted = unit is not None
        self.n_pairs, self.n_cuts, self.deepest = len(firsts), n_cuts, deepest
        self.mass = np.empty((2, self.n_pairs, 2 * 2**deepest))
        self.mass[0], self.mass[1] = [_masses(first, deepest) for first in firsts], _masses(second, deepest)
        self.flatness = np.empty((2, self.n_pairs))
        self.flatness[0], self.flatness[1] = [_gain_of_ties(first) for first in firsts], _gain_of_ties(second)
        n = len(second.number)
        self.sums = np.zeros(
            (self.n_pairs, len(self.shapes(n_cuts)), 2**n_cuts, 1 + len(_POWERS) + 4 + self.weighted)
        )
        for start in range(0, n, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            of_pairs = zip(*(first.of_rows(rows) for first in firsts), strict=True)
            self._add(
                [np.concatenate(values) for values in of_pairs],
                [np.tile(values, self.n_pairs) for values in second.of_rows(rows)],
                None if times is None else np.tile(times[rows], self.n_pairs),
                [] if unit is None else [np.tile(unit[rows], self.n_pairs)],
            )
        self.finer_count = np.zeros(1)

    def _add(self, first: list[np.ndarray], second: list[np.ndarray], times, unit: list[np.ndarray]) -> None:
        """Add rows of all pairs to the sums. The rows of the pairs are concatenated."""
        (cell_x, x, *ties_x), (cell_y, y, *ties_y) = first, second
        cell_x, cell_y = cell_x.astype(np.int64), cell_y.astype(np.int64)
        powers = [[np.ones_like(v), v, v**2, v**2 * v, v**2 * v**2] for v in (x, y)]
        columns = [powers[0][0], *(powers[0][k] * powers[1][m] for k, m in _POWERS)]
        values = np.column_stack([*columns, *ties_x, *ties_y, *unit])
        pair = np.repeat(np.arange(self.n_pairs) << self.n_cuts, len(x) // self.n_pairs)
        shape = self.n_pairs << self.n_cuts, len(x)
        entry = np.ones(len(x)) if times is None else times
        ends = np.arange(len(x) + 1)
        for row, i in enumerate(self.shapes(self.n_cuts)):
            j = self.n_cuts - i
            cell = pair + ((cell_x >> (self.deepest - i) << j) | (cell_y >> (self.deepest - j)))
            total = csc_array((entry, cell, ends), shape) @ values
            self.sums[:, row] += total.reshape(self.n_pairs, -1, values.shape[1])

    def shapes(self, level: int) -> range:
        """Possible numbers of cuts along the first axis."""
        return range(max(0, level - self.deepest), min(level, self.deepest) + 1)

    def cells(self, level: int) -> _Cells:
        """The cells in use at the present level."""
        sums = self.sums.reshape(-1, self.sums.shape[-1])
        unit = np.ones(len(sums))
        if self.weighted:
            np.divide(sums[:, -1], sums[:, 0], out=unit, where=sums[:, 0] > 0)
        used = np.flatnonzero(sums[:, 0] >= _LEAST_ROWS * unit)
        pair, shape = np.divmod(used >> level, len(self.shapes(level)))
        cut_x = shape + self.shapes(level).start
        cut_y = level - cut_x
        position = used & (2**level - 1)
        place_x, place_y = position >> cut_y, position & ((1 << cut_y) - 1)
        heap = np.stack([(1 << cut_x) + place_x, (1 << cut_y) + place_y])
        shapes = self.shapes(level + 1)
        row = pair * len(shapes) + cut_x - shapes.start
        of_x = ((row + 1) << (level + 1)) + ((place_x << cut_y + 1) + place_y)
        first = [of_x, (row << (level + 1)) + 2 * position]
        halves = np.stack([first, [first[0] + (1 << cut_y), first[1] + 1]])
        child = np.where(heap < 2**self.deepest, 2 * heap, 0)  # the deepest intervals have no halves
        axis = np.arange(2)[:, None]
        one, other = self.mass[axis, pair, child], self.mass[axis, pair, child + 1]
        possible = (one > 0) & (other > 0) & (level < self.n_cuts)
        halves = np.where(possible, halves, 0)
        share = np.divide(one, one + other, out=np.full(one.shape, np.nan), where=possible)
        n_first = self.finer_count[halves[0]]
        mass, flatness = self.mass[axis, pair, heap], self.flatness[:, pair]
        return _Cells(len(sums), used, sums[used], mass, flatness, halves, share, n_first, unit[used])

    def merge(self, level: int) -> None:
        """Go to the level above: merge halves along the second axis, or along the first if there are none."""
        shapes = self.shapes(level - 1)
        self.finer_count = self.sums[..., 0].ravel()
        n_sums = self.sums.shape[-1]
        merged = np.empty((self.n_pairs, len(shapes), 2 ** (level - 1), n_sums))
        halved = merged
        if level > self.deepest:
            halved = merged[:, 1:]
            halves = self.sums[:, 0].reshape(self.n_pairs, 2**shapes.start, 2, -1, n_sums)
            merged[:, 0] = (halves[:, :, 0] + halves[:, :, 1]).reshape(merged[:, 0].shape)
        finer = self.sums[:, : halved.shape[1]]
        np.add(finer[:, :, 0::2], finer[:, :, 1::2], out=halved)
        self.sums = merged


def _masses(ranks: FineRanks, deepest: int) -> np.ndarray:
    """Share of the rows in each interval of each depth, in the order of a heap with root 1."""
    mass = np.zeros(2 ** (deepest + 1))
    counts = np.bincount(ranks.cell, ranks.n_rows, 2**deepest)
    mass[2**deepest :] = counts / counts.sum()
    for depth in range(deepest - 1, -1, -1):
        finer = mass[2 ** (depth + 1) : 2 ** (depth + 2)]
        mass[2**depth : 2 ** (depth + 1)] = finer[0::2] + finer[1::2]
    return mass


def _weigh(levels: list[_Cells], finer: np.ndarray) -> np.ndarray:
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
    start = 0
    for cells in levels:
        now = slice(start, start := start + len(cells.used))
        score = np.zeros((3, cells.n_cells))
        if len(cells.used):
            log_weight, gained, one = evidence[:, now], value[:, now], unit[now]
            strict = log_weight.copy()
            strict[3:] -= _STRICT * one
            if finer.size:
                below = finer[:, halves[:, :, now]].sum(axis=1)
                log_weight[3:] += below[0]
                gained[3:] += below[1]
                strict[3:] += below[2]
            score[0, cells.used], weight = _mix(log_weight, one)
            score[1, cells.used] = (weight * gained).sum(axis=0) / weight.sum(axis=0)
            score[2, cells.used] = _mix(strict, one)[0]
        finer = score
    return finer


def _mix(evidence: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint log evidence of the choices, and their weights, shape (5, n_cells)."""
    top = evidence.max(axis=0)
    weight = np.exp((evidence - top) / unit) * _PRIOR[:, None]
    return top + unit * np.log(weight.sum(axis=0) / (_PRIOR @ (evidence > -np.inf))), weight


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
    number = {power: k for k, power in enumerate(_POWERS)}
    # Both directions at once: moments of the given score and of the other one, shape (2, n_cells).
    moment = {(k, m): means[[number[k, m], number[m, k]]] for k, m in _POWERS}
    ties = 1 + len(_POWERS)
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
