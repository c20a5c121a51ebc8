"""Smooth log ratios of many pairs of columns at once: log-linear models of their tables, by Newton's method.

The log ratio of a pair is a sum ``sum_ab theta_ab f_a(x) g_b(y)`` of functions of the two margins. The
expectation over independent pairs is an exact sum over cells, and the Donsker-Varadhan bound is concave in
theta. After ranking, the cost does not depend on the number of rows.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.stats import chi2

from skmine._copula.margins import Margin
from skmine._copula.misfit import CoarseTables, coarse_tables

#: Largest order of the functions in each stage. The first stage is the Gaussian copula.
STAGES = (1, 2, 4, 6, 8)
#: Largest order of functions of one margin alone, which keep the shares of its cells.
_ALONE = 2
#: A stage is tried if the expected gain of one Newton step is at least this share of the required gain.
_PROMISE = 0.8
#: P-value of the moments below which Newton's method continues. Above it, the first step differs from the
#: solution by less than its standard error.
CHANCE = 1e-3
_RIDGE = 1e-2
_MOST_STEPS, _MOST_HALVINGS = 12, 6
#: Minimum expected gain of a step, in nats. Further steps gain at most 4e-5 nats (29 real tables).
_SMALLEST_GAIN = 1e-4
_CHUNK = 32
_MOST_PARAMETERS = 0.3  # per row
#: Up to this many rows, a tree costs less than the functions of higher order and replaces them.
_FEW_ROWS = 5_000
#: A fit is rejected if the dependence is so strong, in nats, that the functions may be too smooth for it.
_STRONG_NATS = 0.7


@dataclass(frozen=True)
class PairScores:
    """Estimates for pairs of columns.

    Attributes
    ----------
    mi : ndarray of shape (n_pairs,)
        Estimates of mutual information in nats, corrected for bias and not clipped.
    lower : ndarray of shape (n_pairs,)
        Expected values on new rows in nats, by Akaike's criterion.
    unexplained : ndarray of shape (n_pairs,)
        Mask of the pairs that the functions may not fit.
    variance : ndarray of shape (n_pairs,)
        Variance of the fitted log ratio over the rows, in squared nats.
    """

    mi: np.ndarray
    lower: np.ndarray
    unexplained: np.ndarray
    variance: np.ndarray


def score_pairs(margins: list[Margin], target: Margin) -> PairScores:
    """Mutual information of each column with a target.

    The number of functions grows from stage to stage, as long as the fit is not rejected. Akaike's criterion
    chooses the stage. Half of its penalty is subtracted from the bound, which cancels the bias of fitting to
    first order.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.

    Returns
    -------
    PairScores

    References
    ----------
    Belghazi et al. (2018), eq. 9, for the bound; Akaike (1974); Neyman (1937) for smooth functions of a
    rank.
    """
    mi, lower, variance = np.zeros((3, len(margins)))
    unexplained = np.zeros(len(margins), dtype=bool)
    for chosen in _chunks(margins):
        pairs = _Pairs([margins[j] for j in chosen], target)
        mi[chosen], lower[chosen], unexplained[chosen], variance[chosen] = _score_chunk(pairs)
    return PairScores(mi, lower, unexplained, variance)


def _chunks(margins: list[Margin]) -> Iterator[list[int]]:
    """Indices of margins with functions of the same orders, a few at a time."""
    alike: dict = {}
    for j, margin in enumerate(margins):
        alike.setdefault((margin.levels is None, *margin.order), []).append(j)
    for numbers in alike.values():
        for start in range(0, len(numbers), _CHUNK):
            yield numbers[start : start + _CHUNK]


class _Pairs:
    """Tables and functions of a chunk of pairs. Margins with fewer cells are padded with empty ones."""

    def __init__(self, margins: list[Margin], target: Margin):
        self.n = len(target)
        shape = max(len(m.mass) for m in margins), len(target.mass)
        self.table = np.stack([_table(m, target, shape, target.times) for m in margins])
        #: Sums of squared weights; the table itself if rows have no weights.
        self.squares = self.table
        if target.times is not None and target.unit is not None:
            squares = target.times * target.unit
            self.squares = np.stack([_table(m, target, shape, squares) for m in margins])
        self.x = np.stack([_functions(m, shape[0]) for m in margins])
        self.y = _functions(target, shape[1])
        self.ordered = margins[0].levels is None, target.levels is None
        self.order_x, self.order_y = (np.append(0, m.order) for m in (margins[0], target))
        self.ranked_x = np.stack([_ranked(m, shape[0]) for m in margins])
        self.ranked_y = np.broadcast_to(_ranked(target, shape[1]), (len(margins), shape[1]))
        self.moments = self.x.mT @ self.table @ self.y
        self.independent = self.table.sum(2)[:, :, None] * self.table.sum(1)[:, None, :]
        with np.errstate(divide="ignore"):
            self.log_independent = np.log(self.independent)

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def coarse(self) -> list[CoarseTables]:
        """See :func:`skmine._copula.misfit.coarse_tables`."""
        return coarse_tables(self.table, self.squares, self.n, self.ordered)

    def freedom(self, stage: int) -> int:
        """Number of parameters of a stage that couple x and y."""
        return int(((self.order_x > 0) & (self.order_x <= stage)).sum()) * int(
            ((self.order_y > 0) & (self.order_y <= stage)).sum()
        )

    def penalty(self, stage: int) -> np.ndarray:
        """Penalty of a stage for each pair. Weights change it if they depend on the columns.

        See Takeuchi (1976), as in Burnham and Anderson (2002), Model selection and multimodel inference,
        eq. 7.33.
        """
        freedom = self.freedom(stage)
        share = np.ones(len(self))
        if self.squares is not self.table and freedom:
            x, y = ((order > 0) & (order <= stage) for order in (self.order_x, self.order_y))
            share = (self.x[:, :, x].mT ** 2 @ self.squares @ self.y[:, y] ** 2).sum((1, 2)) / freedom
        return penalty(freedom, self.n) * share


def _table(margin: Margin, target: Margin, shape: tuple[int, int], times) -> np.ndarray:
    cell = margin.codes.astype(np.intp) * shape[1] + target.codes
    return np.bincount(cell, times, shape[0] * shape[1]).reshape(shape) / len(target)


def _functions(margin: Margin, n_cells: int) -> np.ndarray:
    """The constant and the functions of a margin in each cell."""
    functions = np.zeros((n_cells, 1 + margin.functions.shape[1]))
    functions[: len(margin.mass), 0] = 1.0
    functions[: len(margin.mass), 1:] = margin.functions
    return functions


def _ranked(margin: Margin, n_cells: int) -> np.ndarray:
    """Mask of the cells with several ranks, that is without missing values and padding."""
    ranked = np.zeros(n_cells, dtype=bool)
    if margin.coarse and margin.rank is not None:
        ranked[: len(margin.rank)] = ~np.isnan(margin.rank)
    return ranked


class _Stage:
    """The bound for some pairs of a chunk, with the functions of one stage."""

    def __init__(self, pairs: _Pairs, which: np.ndarray, stage: int):
        self.pairs, self.which = pairs, which
        self.keep = [np.flatnonzero(o <= max(stage, _ALONE)) for o in (pairs.order_x, pairs.order_y)]
        x, y = (o[k] for o, k in zip((pairs.order_x, pairs.order_y), self.keep, strict=True))
        #: Whether the functions of both margins are the normal score and its square.
        self.gaussian = stage == 1 and all(np.array_equal(order, [0, 1, 2]) for order in (x, y))
        couples = np.multiply.outer((x > 0) & (x <= stage), (y > 0) & (y <= stage))
        alone = np.logical_xor.outer(x > 0, y > 0)
        self.is_free = couples | alone
        self.coupled, self.free = np.flatnonzero(couples), np.flatnonzero(self.is_free)
        self.every, self.diagonal = np.append(0, self.free), np.arange(1, len(self.free) + 1)
        self.x, self.y = pairs.x[which][:, :, self.keep[0]], pairs.y[:, self.keep[1]]
        self.x_products, self.y_products = (
            np.einsum("...i,...j->...ij", part, part).reshape(*part.shape[:-1], -1)
            for part in (self.x, self.y)
        )
        self.moments = pairs.moments[which][:, self.keep[0]][:, :, self.keep[1]]
        self.ridge = _RIDGE / pairs.n

    def read(self, theta: np.ndarray) -> np.ndarray:
        """The parameters of this stage."""
        return theta[self.which][:, self.keep[0]][:, :, self.keep[1]]

    def value(self, theta: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Penalised bound and fitted table."""
        fitted = self.x[rows] @ theta @ self.y.T + self.pairs.log_independent[self.which[rows]]
        top = fitted.max((1, 2), keepdims=True)
        fitted -= top
        np.exp(fitted, out=fitted)
        total = fitted.sum((1, 2), keepdims=True)
        fitted /= total
        bound = (theta * self.moments[rows]).sum((1, 2)) - (top + np.log(total)).ravel()
        return bound - self.ridge / 2 * (theta**2).sum((1, 2)), fitted

    def step(self, theta: np.ndarray, fitted: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Newton step, and twice its expected gain."""
        n_rows, n_x, n_y = theta.shape
        expected = self.x[rows].mT @ fitted @ self.y
        gradient = self.moments[rows] - expected - self.ridge * theta
        gradient = gradient.reshape(n_rows, n_x * n_y)[:, self.free]
        curvature = self.x_products[rows].mT @ (fitted @ self.y_products)
        curvature = curvature.reshape(n_rows, n_x, n_x, n_y, n_y).transpose(0, 1, 3, 2, 4)
        curvature = curvature.reshape(n_rows, n_x * n_y, n_x * n_y)
        # With the constant in front, mean products act like covariances.
        every = self.every
        if len(every) < n_x * n_y:
            curvature = curvature[:, every[:, None], every]
        curvature[:, self.diagonal, self.diagonal] += self.ridge
        slope = np.zeros((n_rows, len(every)))
        slope[:, 1:] = gradient
        change = _solve(curvature, slope)[:, 1:]
        return change, (change * gradient).sum(1)

    def take(self, chosen: np.ndarray) -> "_Stage":
        """The same for some of the pairs, given by a mask."""
        taken = copy(self)
        vars(taken).update((k, getattr(self, k)[chosen]) for k in ("which", "x", "x_products", "moments"))
        return taken

    def promise(self, theta: np.ndarray, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected gain in nats of one Newton step, and the step for the pairs that have moved.

        The other pairs start from independence, where the gain is given by the moments.
        """
        gain = (self.moments.reshape(len(moved), -1)[:, self.coupled] ** 2).sum(1) / 2
        change = np.zeros((len(moved), len(self.free)))
        rows = np.flatnonzero(moved)
        if len(rows):
            start = self.read(theta)[rows]
            change[rows], twice = self.step(start, self.value(start, rows)[1], rows)
            gain[rows] = twice / 2
        return gain, change

    def climb(self, theta: np.ndarray, rows: np.ndarray, first: tuple) -> tuple[np.ndarray, ...]:
        """Parameters, bound without penalty, and fitted tables at the maximum. Only `rows` take more steps.

        The first Newton step, which starts from independence, is given by the moments. The Gaussian copula
        starts from the correlation of normal scores. Pairs with parameters of an earlier stage start there,
        and `first` holds their first step and twice its expected gain.
        """
        theta = self.read(theta)
        fresh = np.asarray(~theta.any((1, 2)))
        theta[fresh] = np.where(self.is_free, self.moments[fresh], 0.0)
        if self.gaussian:
            correlation = self.moments[fresh, 1, 1]
            left = 1 - correlation**2 + 1 / self.pairs.n
            theta[fresh, 1, 1] = correlation / left
            theta[fresh, 2, 0] = theta[fresh, 0, 2] = -(correlation**2) / left / np.sqrt(2)
        value, fitted = self.value(theta, np.arange(len(theta)))
        overshot = np.flatnonzero(fresh & (value < 0))
        if len(overshot):
            theta[overshot] = 0.0
            value[overshot], fitted[overshot] = self.value(theta[overshot], overshot)
        new, known = rows[fresh[rows]], rows[~fresh[rows]]
        rows = np.concatenate([known, new])
        steps = self.step(theta[new], fitted[new], new)
        change, promise = (np.concatenate([v[known], w]) for v, w in zip(first, steps, strict=True))
        for number in range(_MOST_STEPS if len(rows) else 0):
            if number:
                change, promise = self.step(theta[rows], fitted[rows], rows)
            waiting = np.arange(len(rows))  # rows whose step does not raise the bound yet
            for _ in range(_MOST_HALVINGS):
                now = rows[waiting]
                trial = theta[now].reshape(len(now), -1)
                trial[:, self.free] += change[waiting]
                trial = trial.reshape(-1, *theta.shape[1:])
                trial_value, trial_fitted = self.value(trial, now)
                rose = trial_value >= value[now]
                up = now[rose]
                theta[up], value[up], fitted[up] = trial[rose], trial_value[rose], trial_fitted[rose]
                waiting = waiting[~rose]
                if not len(waiting):
                    break
                change[waiting] /= 4
            rows = rows[promise > _SMALLEST_GAIN]
            if not len(rows):
                break
        return theta, value + self.ridge / 2 * (theta**2).sum((1, 2)), fitted


def _solve(curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Newton steps. Steps along the gradient if the curvature cannot be inverted."""
    try:
        return np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        return gradient / np.maximum(np.trace(curvature, axis1=1, axis2=2), 1e-300)[:, None]


def _score_chunk(pairs: _Pairs) -> tuple[np.ndarray, ...]:
    theta = np.zeros_like(pairs.moments)
    fitted = pairs.independent.copy()
    mi, lower, paid = np.zeros((3, len(pairs)))
    freedom = np.zeros(len(pairs), dtype=int)
    unexplained = _are_strong(pairs)
    checked = np.zeros(len(pairs), dtype=bool)  # pairs whose fit is not rejected by a coarse table
    for stage in STAGES:
        added = pairs.freedom(stage)
        if added >= _MOST_PARAMETERS * pairs.n:
            break
        if stage > _ALONE:
            unexplained |= mi > _STRONG_NATS
            if pairs.n <= _FEW_ROWS:
                unexplained |= _misfit(pairs, ~unexplained & ~checked, fitted, freedom)
                checked |= ~unexplained
        which = np.flatnonzero((added > freedom) & ~unexplained)
        if not len(which):
            continue
        price = pairs.penalty(stage)
        asked = _PROMISE * (price[which] - paid[which])
        fit = _Stage(pairs, which, stage)
        promise, change = fit.promise(theta, freedom[which] > 0)
        tried = promise > asked
        if not tried.any():
            continue
        fit, which, promise, change = fit.take(tried), which[tried], promise[tried], change[tried]
        surprising = 2 * pairs.n * promise > _largest_by_chance(added)
        unsolved = np.flatnonzero((freedom[which] > 0) | surprising)
        solution, value, table = fit.climb(theta, unsolved, (change, 2 * promise))
        cost = price[which]
        better = value - cost > lower[which]
        won = which[better]
        mi[won], lower[won] = ((value - share * cost)[better] for share in (0.5, 1.0))
        freedom[won], paid[won], checked[won] = added, cost[better], False
        fitted[won] = table[better]
        # The stages are nested, so the next one starts here.
        theta[won] = 0.0
        theta[won[:, None, None], fit.keep[0][:, None], fit.keep[1]] = solution[better]
    unexplained |= mi > _STRONG_NATS
    unexplained |= _misfit(pairs, ~unexplained & ~checked, fitted, freedom)
    log_ratio = np.log(np.maximum(fitted, 1e-300) / np.maximum(pairs.independent, 1e-300))
    lost = _within_cells(pairs, log_ratio)
    mean = (pairs.table * log_ratio).sum((1, 2))
    variance = (pairs.squares * (log_ratio - mean[:, None, None]) ** 2).sum((1, 2))
    return mi + lost, lower + lost, unexplained, variance


@lru_cache(maxsize=64)
def _largest_by_chance(freedom: int) -> float:
    """Twice the gain in nats over all rows that chance exceeds with probability `CHANCE`."""
    return float(chi2.isf(CHANCE, freedom))


def _misfit(pairs: _Pairs, asked: np.ndarray, fitted: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Mask of the given pairs whose coarse table exceeds the fit by more than chance."""
    exceeds = np.zeros(len(pairs), dtype=bool)
    which = np.flatnonzero(asked)
    if len(which):
        for coarse in pairs.coarse:
            exceeds[which] |= coarse.exceeds(which, fitted[which], freedom[which])
    return exceeds


def _are_strong(pairs: _Pairs) -> np.ndarray:
    """Mask of the ordered pairs whose moments show that the dependence is too strong for the functions."""
    x, y = ((order > 0) & (order <= _ALONE) for order in (pairs.order_x, pairs.order_y))
    gain = (pairs.moments[:, x][:, :, y] ** 2).sum((1, 2)) / 2
    return (gain > _STRONG_NATS) & all(pairs.ordered)


def penalty(freedom, n: int):
    """Expected difference of the bound between the fitted rows and new rows, corrected for few rows."""
    return freedom / np.maximum(n - freedom - 1, 1)


def _within_cells(pairs: _Pairs, log_ratio: np.ndarray) -> np.ndarray:
    """Information that is lost by merging ranks into cells, to second order in the slope of the log ratio.

    If the log ratio changes by s over a cell, its variance within the cell is ``s^2 / 12``. A variance v
    loses ``v / 2`` nats.
    """
    lost = np.zeros(len(log_ratio))
    for axis, ranked in ((1, pairs.ranked_x), (2, pairs.ranked_y)):
        across, table = (np.swapaxes(a, 1, axis) for a in (log_ratio, pairs.table))
        both = (ranked[:, 1:] & ranked[:, :-1])[:, :, None]
        step = np.where(both, np.diff(across, axis=1), 0.0)
        total = np.zeros_like(across)
        n_steps = np.zeros((*ranked.shape, 1))
        for side in (slice(1, None), slice(None, -1)):
            total[:, side] += step
            n_steps[:, side] += both
        slope = np.clip(total / np.maximum(n_steps, 1), -1, 1)
        lost += (table * slope**2).sum((1, 2)) / 24
    return lost
