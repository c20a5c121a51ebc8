"""Smooth log ratios of many pairs of columns at once: log-linear models of their tables, by Newton's method.

The log ratio of a pair is a sum ``sum_ab theta_ab f_a(x) g_b(y)`` of functions of the two margins. The
expectation over independent pairs is an exact sum over cells, and the Donsker-Varadhan bound is concave in
theta. After ranking, the cost does not depend on the number of rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import chi2

from skmine._copula.margins import Margin
from skmine._copula.misfit import MISFIT_NATS, neighbours_agree
from skmine._copula.tables import PairTables

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
_CHUNK = 64
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
        pairs = PairTables([margins[j] for j in chosen], target)
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


class _Stage:
    """The bound for some pairs of a chunk, with the functions of one stage."""

    def __init__(self, pairs: PairTables, which: np.ndarray, stage: int):
        self.pairs, self.which = pairs, which
        self.keep = [np.flatnonzero(o <= max(stage, _ALONE)) for o in (pairs.order_x, pairs.order_y)]
        x, y = (o[k] for o, k in zip((pairs.order_x, pairs.order_y), self.keep, strict=True))
        #: Whether the functions of both margins are the normal score and its square.
        self.gaussian = stage == 1 and all(np.array_equal(order, [0, 1, 2]) for order in (x, y))
        couples = np.multiply.outer((x > 0) & (x <= stage), (y > 0) & (y <= stage))
        alone = np.logical_xor.outer(x > 0, y > 0)
        self.is_free = couples | alone
        self.coupled, self.free = np.flatnonzero(couples), np.flatnonzero(self.is_free)
        #: Smallest order at which each free parameter is used.
        self.born = np.maximum.outer(x, y).ravel()[self.free]
        self.is_coupled = couples.ravel()[self.free]
        self.every, self.diagonal = np.append(0, self.free), np.arange(1, len(self.free) + 1)
        self.x, self.y = pairs.x[which][:, :, self.keep[0]], pairs.y[:, self.keep[1]]
        self.x_products, self.y_products = map(_products, (self.x, self.y))
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

    def curvature(self, fitted: np.ndarray, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Mean products of some functions of a pair, with the ridge; the first function is 1."""
        products = self.x_products[rows].mT @ (fitted @ self.y_products)
        places = _places(*map(len, self.keep))[kept[:, None], kept]
        products = products.reshape(len(rows), -1).take(places, axis=1)
        products[:, self.diagonal, self.diagonal] += self.ridge
        return products

    def gradient(self, theta: np.ndarray, fitted: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Slope of the penalised bound, (n_rows, n_free)."""
        expected = self.x[rows].mT @ fitted @ self.y
        gradient = self.moments[rows] - expected - self.ridge * theta
        return gradient.reshape(len(rows), -1)[:, self.free]

    def step(self, theta: np.ndarray, fitted: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Newton step, and twice its expected gain."""
        gradient = self.gradient(theta, fitted, rows)
        # With the constant in front, mean products act like covariances.
        curvature = self.curvature(fitted, rows, self.every)
        slope = np.zeros(curvature.shape[:2])
        slope[:, 1:] = gradient
        change = _solve(curvature, slope)[:, 1:]
        return change, (change * gradient).sum(1)

    def promises(
        self, theta: np.ndarray, fitted: np.ndarray, moved: np.ndarray, stages: list[int]
    ) -> np.ndarray:
        """Expected gain in nats of one Newton step for this stage and for earlier ones, (n_stages, n_pairs).

        The functions of the stages are nested, and so are the factors of their curvatures: one Cholesky
        decomposition serves all stages. Pairs that have not moved start from independence, where the gain is
        given by the moments.
        """
        squares = self.moments.reshape(len(moved), -1)[:, self.coupled] ** 2
        gains = np.stack([squares[:, self.born[self.is_coupled] <= stage].sum(1) for stage in stages])
        rows = np.flatnonzero(moved)
        if len(rows):
            in_order = np.argsort(self.born, kind="stable")
            gradient = self.gradient(self.read(theta)[rows], fitted[rows], rows)[:, in_order]
            curvature = self.curvature(fitted[rows], rows, np.append(0, self.free[in_order]))
            squares = _whitened(curvature, gradient, 2 / self.ridge) ** 2
            gains[:, rows] = [squares[:, self.born[in_order] <= stage].sum(1) for stage in stages]
        return gains / 2

    def climb(self, theta: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Parameters, bound without penalty, and fitted tables at the maximum. Only `rows` take more steps.

        The first Newton step, which starts from independence, is given by the moments. The Gaussian copula
        starts from the correlation of normal scores. Pairs with parameters of an earlier stage start there.
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
        for _ in range(_MOST_STEPS if len(rows) else 0):
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


def _products(functions: np.ndarray) -> np.ndarray:
    """Products of any two functions on the last axis, each pair once."""
    one, other = _two_of(functions.shape[-1])
    return functions[..., one] * functions[..., other]


@lru_cache(maxsize=64)
def _two_of(n_functions: int) -> tuple[np.ndarray, np.ndarray]:
    """Each two functions, in any order, also twice the same."""
    return np.triu_indices(n_functions)


@lru_cache(maxsize=64)
def _places(n_x: int, n_y: int) -> np.ndarray:
    """Place of the product of each two functions of a pair of columns among the products of both columns."""
    of_x, of_y = (np.zeros((n, n), dtype=np.intp) for n in (n_x, n_y))
    for place in (of_x, of_y):
        one, other = _two_of(len(place))
        place[one, other] = place[other, one] = np.arange(len(one))
    places = of_x[:, None, :, None] * (of_y.max() + 1) + of_y[None, :, None, :]
    return places.reshape(n_x * n_y, n_x * n_y)


def _whitened(curvature: np.ndarray, gradient: np.ndarray, most: float) -> np.ndarray:
    """Gradient divided by the Cholesky factor of the curvature, whose first row is for a constant.

    `most` is more than the largest eigenvalue of the inverse of the curvature.
    """
    # It is the last row of the factor of a matrix with the gradient in its last row.
    bordered = np.pad(curvature, ((0, 0), (0, 1), (0, 1)))
    bordered[:, -1, 1:-1] = gradient
    bordered[:, -1, -1] = 1 + most * (gradient**2).sum(1)
    try:
        return np.linalg.cholesky(bordered)[:, -1, 1:-1]
    except np.linalg.LinAlgError:
        return gradient / np.sqrt(np.maximum(np.trace(curvature, axis1=1, axis2=2), 1e-300))[:, None]


def _solve(curvature: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Newton steps. Steps along the gradient if the curvature cannot be inverted."""
    try:
        return np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        return gradient / np.maximum(np.trace(curvature, axis1=1, axis2=2), 1e-300)[:, None]


def _score_chunk(pairs: PairTables) -> tuple[np.ndarray, ...]:
    theta = np.zeros_like(pairs.moments)
    fitted = pairs.independent.copy()
    mi, lower, paid = np.zeros((3, len(pairs)))
    freedom = np.zeros(len(pairs), dtype=int)
    unexplained = _are_strong(pairs)
    checked = np.zeros(len(pairs), dtype=bool)  # pairs whose fit is not rejected by a coarse table
    allowed = [stage for stage in STAGES if pairs.freedom(stage) < _MOST_PARAMETERS * pairs.n]
    promises = np.full((len(allowed), len(pairs)), np.nan)
    for number, stage in enumerate(allowed):
        added = pairs.freedom(stage)
        if stage > _ALONE:
            unexplained |= mi > _STRONG_NATS
            if pairs.n <= _FEW_ROWS:
                unexplained |= _misfit(pairs, ~unexplained & ~checked, fitted, freedom)
                checked |= ~unexplained
        which = np.flatnonzero((added > freedom) & ~unexplained)
        new = which[np.isnan(promises[number, which])]
        if len(new):
            # After the second stage, most pairs stay as they are, and the same factors serve later stages.
            ahead = allowed[number:] if stage > _ALONE else [stage]
            fit = _Stage(pairs, new, ahead[-1])
            found = fit.promises(theta, fitted[new], freedom[new] > 0, ahead)
            promises[number : number + len(ahead), new] = found
        price = pairs.penalty(stage)
        which = which[promises[number, which] > _PROMISE * (price[which] - paid[which])]
        if not len(which):
            continue
        if not (len(new) and ahead[-1] == stage and np.array_equal(new, which)):
            fit = _Stage(pairs, which, stage)
        surprising = 2 * pairs.n * promises[number, which] > _largest_by_chance(added)
        unsolved = np.flatnonzero((freedom[which] > 0) | surprising)
        solution, value, table = fit.climb(theta, unsolved)
        cost = price[which]
        better = value - cost > lower[which]
        won = which[better]
        mi[won], lower[won] = ((value - share * cost)[better] for share in (0.5, 1.0))
        freedom[won], paid[won], checked[won] = added, cost[better], False
        fitted[won], promises[:, won] = table[better], np.nan
        # The stages are nested, so the next one starts here.
        theta[won] = 0.0
        theta[won[:, None, None], fit.keep[0][:, None], fit.keep[1]] = solution[better]
    unexplained |= mi > _STRONG_NATS
    unexplained |= _misfit(pairs, ~unexplained & ~checked, fitted, freedom)
    log_ratio = np.log(np.maximum(fitted, 1e-300) / np.maximum(pairs.independent, 1e-300))
    lost, steep = _within_cells(pairs, log_ratio)
    unexplained |= steep > MISFIT_NATS
    explained = np.flatnonzero(~unexplained)
    unexplained[explained] = neighbours_agree(
        [pairs.margins[j] for j in explained], pairs.target, fitted[explained]
    )
    mean = (pairs.table * log_ratio).sum((1, 2))
    variance = (pairs.squares * (log_ratio - mean[:, None, None]) ** 2).sum((1, 2))
    return mi + lost, lower + lost, unexplained, variance


@lru_cache(maxsize=64)
def _largest_by_chance(freedom: int) -> float:
    """Twice the gain in nats over all rows that chance exceeds with probability `CHANCE`."""
    return float(chi2.isf(CHANCE, freedom))


def _misfit(pairs: PairTables, asked: np.ndarray, fitted: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Mask of the given pairs whose coarse table exceeds the fit by more than chance."""
    exceeds = np.zeros(len(pairs), dtype=bool)
    which = np.flatnonzero(asked)
    if len(which):
        for coarse in pairs.coarse:
            exceeds[which] |= coarse.exceeds(which, fitted[which], freedom[which])
    return exceeds


def _are_strong(pairs: PairTables) -> np.ndarray:
    """Mask of the ordered pairs whose moments show that the dependence is too strong for the functions."""
    x, y = ((order > 0) & (order <= _ALONE) for order in (pairs.order_x, pairs.order_y))
    gain = (pairs.moments[:, x][:, :, y] ** 2).sum((1, 2)) / 2
    return (gain > _STRONG_NATS) & all(pairs.ordered)


def _within_cells(pairs: PairTables, log_ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Information that is lost by merging ranks into cells, to second order in the slope of the log ratio.

    The second value is what slopes above 1 would add, where the expansion does not hold.

    If the log ratio changes by s over a cell of many values, its variance within the cell is ``s^2 / 12``. In
    a cell of a single value it is 0. A variance v loses ``v / 2`` nats.
    """
    lost, steep = np.zeros((2, len(log_ratio)))
    for axis, ranked in ((1, pairs.ranked_x), (2, pairs.ranked_y)):
        merged = np.nan_to_num(ranked)[:, :, None]
        if not merged.any():
            continue
        across, table = (np.swapaxes(a, 1, axis) for a in (log_ratio, pairs.table))
        has_rank = ~np.isnan(ranked)
        both = (has_rank[:, 1:] & has_rank[:, :-1])[:, :, None]
        step = np.where(both, np.diff(across, axis=1), 0.0)
        total = np.zeros_like(across)
        n_steps = np.zeros((*ranked.shape, 1))
        for side in (slice(1, None), slice(None, -1)):
            total[:, side] += step
            n_steps[:, side] += both
        square = (total / np.maximum(n_steps, 1)) ** 2
        weight = table * merged / 24
        lost += (weight * np.minimum(square, 1)).sum((1, 2))
        steep += (weight * np.maximum(square - 1, 0)).sum((1, 2))
    return lost, steep
