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
from scipy.special import xlogy

from skmine._copula.margins import FineRanks, Margin

#: Most cuts in all, and along one axis. They give the cells that 16,384 rows can resolve, and limit time and
#: memory for any number of rows.
MOST_CUTS, DEEPEST = 14, 12
#: Rows, over all pairs, in memory at a time.
_ROWS_AT_ONCE = 2**15
#: Least rows of a cell with a line (three parameters, and the kurtosis) or a cut.
_LEAST_ROWS = 8
#: Prior weights: independence, the two lines, and the two cuts.
_PRIOR = np.array([0.25, 0.125, 0.125, 0.25, 0.25])
#: Largest variance of rounding, relative to that of the noise, with which tied values can have a line.
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
    """

    mi: np.ndarray
    lower: np.ndarray


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
        score = np.zeros((2, plane.n_pairs))
        for level in range(n_cuts, -1, -1):
            score = _weigh(plane, level, score)
            if level:
                plane.merge(level)
        found.append(score / n)
    evidence, value = np.hstack(found)
    return TreeScores(value, evidence)


class _Plane:
    """Sums over the rows of every cell of one level, that is after ``level`` cuts of the plane.

    For each pair, entry i on the axis of shapes is for the cells with i cuts along the first axis and
    ``level - i`` along the second.

    Attributes
    ----------
    sums : ndarray of shape (n_sums, n_pairs, n_shapes, 2**level)
        Counts, products of powers of the two scores, and variances of rounding; for rows with weights, also
        the squares of the weights.
    weighted : bool
        Whether rows have weights.
    mass : list of two ndarray of shape (n_pairs, 2 * 2**deepest)
        Share of the rows in each interval of either axis, as in :func:`_masses`.
    """

    def __init__(self, firsts: list[FineRanks], second: FineRanks, n_cuts: int, deepest: int, times, unit):
        self.weighted = unit is not None
        self.n_pairs, self.n_cuts, self.deepest = len(firsts), n_cuts, deepest
        mass = _masses(second, deepest, times)
        self.mass = [
            np.stack([_masses(first, deepest, times) for first in firsts]),
            np.tile(mass, (len(firsts), 1)),
        ]
        n = len(second.number)
        n_sums = 1 + len(_POWERS) + 4 + self.weighted
        self.sums = np.zeros((n_sums, self.n_pairs, len(self.shapes(n_cuts)), 2**n_cuts))
        for start in range(0, n, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            of_pairs = zip(*(first.of_rows(rows) for first in firsts), strict=True)
            self._add(
                [np.concatenate(values) for values in of_pairs],
                [np.tile(values, self.n_pairs) for values in second.of_rows(rows)],
                None if times is None else np.tile(times[rows], self.n_pairs),
                [] if unit is None else [np.tile(unit[rows], self.n_pairs)],
            )
        self.finer_count = np.empty(0)

    def _add(self, first: list[np.ndarray], second: list[np.ndarray], times, unit: list[np.ndarray]) -> None:
        """Add rows of all pairs to the sums. The rows of the pairs are concatenated."""
        (cell_x, x, *ties_x), (cell_y, y, *ties_y) = first, second
        powers = [[np.ones_like(v), v, v**2, v**2 * v, v**2 * v**2] for v in (x, y)]
        columns = [powers[0][k] * powers[1][m] for k, m in _POWERS] + ties_x + ties_y + unit
        if times is not None:
            columns = [times * column for column in columns]
        pair = np.repeat(np.arange(self.n_pairs) << self.n_cuts, len(x) // self.n_pairs)
        n_cells = self.n_pairs << self.n_cuts
        for row, i in enumerate(self.shapes(self.n_cuts)):
            j = self.n_cuts - i
            cell = pair + ((cell_x >> (self.deepest - i) << j) | (cell_y >> (self.deepest - j)))
            self.sums[0, :, row] += np.bincount(cell, times, n_cells).reshape(self.n_pairs, -1)
            for k, column in enumerate(columns, start=1):
                self.sums[k, :, row] += np.bincount(cell, column, n_cells).reshape(self.n_pairs, -1)

    def shapes(self, level: int) -> range:
        """Possible numbers of cuts along the first axis."""
        return range(max(0, level - self.deepest), min(level, self.deepest) + 1)

    def merge(self, level: int) -> None:
        """Go to the level above: merge halves along the second axis, or along the first if there are none."""
        shapes = self.shapes(level - 1)
        self.finer_count = self.sums[0].ravel()
        merged = np.empty((len(self.sums), self.n_pairs, len(shapes), 2 ** (level - 1)))
        halved = merged
        if level > self.deepest:
            halved = merged[:, :, 1:]
            halves = self.sums[:, :, 0].reshape(len(self.sums), self.n_pairs, 2**shapes.start, 2, -1)
            merged[:, :, 0] = (halves[:, :, :, 0] + halves[:, :, :, 1]).reshape(*merged[:, :, 0].shape)
        finer = self.sums[:, :, : halved.shape[2]]
        np.add(finer[..., 0::2], finer[..., 1::2], out=halved)
        self.sums = merged


def _masses(ranks: FineRanks, deepest: int, times: np.ndarray | None) -> np.ndarray:
    """Share of the rows in each interval of each depth, in the order of a heap with root 1."""
    mass = np.zeros(2 ** (deepest + 1))
    counts = np.bincount(ranks.of_rows()[0], times, 2**deepest)
    mass[2**deepest :] = counts / counts.sum()
    for depth in range(deepest - 1, -1, -1):
        finer = mass[2 ** (depth + 1) : 2 ** (depth + 2)]
        mass[2**depth : 2 ** (depth + 1)] = finer[0::2] + finer[1::2]
    return mass


def _weigh(plane: _Plane, level: int, finer: np.ndarray) -> np.ndarray:
    """Log evidence and value of every cell of a level, shape (2, n_cells), from those of the level below.

    Rows with weights count as the effective number of rows of their cell. Evidence is therefore divided by
    what one row of the cell counts when choices are weighted, and chance gains so many times as much.
    """
    counts = plane.sums[0].ravel()
    score = np.zeros((2, counts.size))
    unit: np.ndarray = np.ones(1)
    if plane.weighted:
        squares = plane.sums[-1].ravel()
        unit = np.divide(squares, counts, out=np.ones_like(counts), where=counts > 0)
    used = np.flatnonzero(counts >= _LEAST_ROWS * unit)
    if not used.size:
        return score
    pair, shape = np.divmod(used >> level, len(plane.shapes(level)))
    cuts = shape + plane.shapes(level).start, level - shape - plane.shapes(level).start
    position = used & (2**level - 1)
    place = position >> cuts[1], position & ((1 << cuts[1]) - 1)
    heap = [(1 << cut) + where for cut, where in zip(cuts, place, strict=True)]
    evidence, value = np.full((5, used.size), -np.inf), np.zeros((5, used.size))
    evidence[0] = 0.0
    unit = unit[used] if plane.weighted else unit
    sums = plane.sums.reshape(len(plane.sums), -1)[: len(plane.sums) - plane.weighted, used]
    masses = np.stack([mass[pair, h] for mass, h in zip(plane.mass, heap, strict=True)])
    _draw_lines(sums, unit, masses, evidence, value)
    if level < plane.n_cuts:
        shapes = plane.shapes(level + 1)
        row = pair * len(shapes) + cuts[0] - shapes.start
        width = 1 << cuts[1]
        first = ((row + 1) << (level + 1)) + (place[0] * 2 * width + place[1])
        second = (row << (level + 1)) + 2 * position
        _cut(plane, 0, pair, heap[0], sums[0], unit, first, width, finer, evidence, value)
        _cut(plane, 1, pair, heap[1], sums[0], unit, second, np.ones_like(width), finer, evidence, value)
    share = np.exp((evidence - evidence.max(axis=0)) / unit) * _PRIOR[:, None]
    total = share.sum(axis=0)
    prior = _PRIOR @ (evidence > -np.inf)
    score[0, used] = evidence.max(axis=0) + unit * np.log(total / prior)
    score[1, used] = (share * value).sum(axis=0) / total
    return score


def _cut(plane, axis, pair, heap, counts, unit, half, width, finer, evidence, value) -> None:
    """Evidence and value of cutting cells in half along an axis. They are written in place."""
    mass = plane.mass[axis]
    child = np.where(heap < 2**plane.deepest, 2 * heap, 0)  # the deepest intervals have no halves
    one, other = mass[pair, child], mass[pair, child + 1]
    possible = np.flatnonzero((one > 0) & (other > 0))
    first = half[possible]
    second = first + width[possible]
    share = one[possible] / (one[possible] + other[possible])
    n_one, n_both = plane.finer_count[first], counts[possible]
    n_other = n_both - n_one
    log_one, log_other, log_both = (np.log(np.where(n > 0, n, 1)) for n in (n_one, n_other, n_both))
    # A share is one parameter, which gains half a nat by chance on the rows that it is fitted to.
    gain = n_one * (log_one - np.log(share)) + n_other * (log_other - np.log1p(-share))
    gain -= 0.5 * (unit[possible] if plane.weighted else unit)
    gain -= n_both * log_both
    evidence[3 + axis, possible] = gain + finer[0, first] + finer[0, second]
    value[3 + axis, possible] = gain + finer[1, first] + finer[1, second]


def _draw_lines(sums: np.ndarray, unit: np.ndarray, masses: np.ndarray, evidence, value) -> None:
    """Evidence and value of the two lines: the second score given the first, and the reverse.

    The value is the unbiased log likelihood of a line with noise minus that of the ranks alone. The score of
    a tied value is only known up to the interval of its ranks, so that a line needs ties narrower than its
    noise.
    """
    n = sums[0]
    means = sums[1:] / n
    number = {power: k for k, power in enumerate(_POWERS)}
    # Both directions at once: moments of the given score and of the other one, shape (2, n_cells).
    moment = {(k, m): means[[number[k, m], number[m, k]]] for k, m in _POWERS}
    resolution, rounding = means[-4:].reshape(2, 2, -1)[::-1].swapaxes(0, 1)
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
    spread = resolution + rounding  # of each value over its ranks
    log_noise = np.log(residual + spread) + bias
    explained = n * ((moment[0, 2] + spread - log_noise - 1) / 2 + np.log(masses[::-1]))
    exact = residual > _LEAST_VARIANCE
    kurtosis = np.where(exact, fourth / np.maximum(residual, _LEAST_VARIANCE) ** 2, 3.0)
    explained += np.maximum(n * np.interp(kurtosis, *_flat_noise()) - unit, 0)
    possible = (variance > _SMALLEST_VARIANCE) & (rounding <= _WIDEST_TIES * residual)
    # Subtract the expected cost of three parameters on new rows from the evidence.
    evidence[1:3] = np.where(possible, explained - 1.5 * unit, -np.inf)
    value[1:3] = np.where(possible, explained, 0.0)


@lru_cache(maxsize=1)
def _flat_noise() -> tuple[np.ndarray, np.ndarray]:
    """Kurtosis, and entropy of normal noise minus that of noise with this kurtosis, in nats.

    The noise has the densities ``exp(-x^4 - t x^2)``, which have the largest entropy given two moments
    (Jaynes, 1957).
    """
    x = np.linspace(-4, 4, 4001)
    strength = np.concatenate([-np.geomspace(0.01, 12, 100)[::-1], np.geomspace(0.01, 30, 100)])[:, None]
    density = np.exp(-(x**4) - strength * x**2 - np.maximum(-strength, 0) ** 2 / 4)
    density /= density.sum(axis=1, keepdims=True)
    second, fourth = density @ x**2, density @ x**4
    entropy = -xlogy(density, density).sum(axis=1) + np.log(x[1] - x[0])
    missing = np.log(2 * np.pi * np.e * second) / 2 - entropy
    order = np.argsort(fourth / second**2)
    return np.append((fourth / second**2)[order], 3.0), np.append(missing[order], 0.0)
