"""Log ratios of many scalar pairs at once: log-linear models of their tables, by Newton's method.

The log ratio of a pair is a sum ``sum_ab theta_ab f_a(x) g_b(y)`` over functions of the two margins. On
the cells of the copula the expectation over independent pairs is an exact sum, and the Donsker-Varadhan
bound is concave in theta. After ranking, the cost does not depend on the number of rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, poisson

from skmine._copula.margins import Margin

#: Largest order of the functions that may interact, from stage to stage. The first is the Gaussian copula.
STAGES = (1, 2, 4, 6, 8)
#: Functions of either margin alone up to this order keep the shares of its cells.
_ALONE = 2
#: A stage is tried where one Newton step towards it promises this share of what the criterion asks for.
_PROMISE = 0.8
#: Probability under independence of moments from which Newton's method goes on; those before it differ from
#: where it would end by less than their standard error.
CHANCE = 1e-3
_RIDGE = 1e-2
_MOST_STEPS, _MOST_HALVINGS = 12, 6
#: Nats that a step must promise; those after it are of second order in what it promises.
_SMALLEST_GAIN = 1e-5
_CHUNK = 32
_MOST_PARAMETERS = 0.3  # a row
#: Rows up to which a tree costs less than the rougher functions: pairs that need these are left to it.
_FEW_ROWS = 5_000
#: Rows a cell of the coarse table on which the fit is checked, and the most cells a side.
_ROWS_A_CELL, _MOST_CELLS = 8, 32
#: A fit does not do where a coarse table of the rows exceeds it by so many nats and standard deviations, or
#: where the dependence is so strong that the functions may be wider than its ridge.
_MISFIT_NATS, _MISFIT_Z, _STRONG_NATS = 0.005, 3.0, 0.7


@dataclass(frozen=True)
class PairScores:
    """Mutual information of pairs.

    Attributes
    ----------
    mi : ndarray of shape (n_pairs,)
        Estimates in nats, corrected for bias; not clipped.
    lower : ndarray of shape (n_pairs,)
        What new rows would be expected to give (Akaike's criterion), nats.
    unexplained : ndarray of shape (n_pairs,)
        Mask of the pairs whose dependence the functions may not represent.
    variance : ndarray of shape (n_pairs,)
        Of the fitted log ratio over the rows, squared nats.
    """

    mi: np.ndarray
    lower: np.ndarray
    unexplained: np.ndarray
    variance: np.ndarray


def score_pairs(margins: list[Margin], target: Margin) -> PairScores:
    """Mutual information of each column with a target.

    The functions that may interact grow stage by stage, while the fit may still do; the stage is chosen by
    Akaike's criterion, and half its penalty is taken off the bound, which cancels the bias of fitting to
    first order.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Of the same rows.

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
    """Numbers of margins of one kind, with functions of the same orders, a few at a time."""
    alike: dict = {}
    for j, margin in enumerate(margins):
        alike.setdefault((margin.levels is None, *margin.order), []).append(j)
    for numbers in alike.values():
        for start in range(0, len(numbers), _CHUNK):
            yield numbers[start : start + _CHUNK]


class _Pairs:
    """Tables and functions of a chunk of pairs; cells have no mass where a margin has fewer than others."""

    def __init__(self, margins: list[Margin], target: Margin):
        self.n = len(target)
        shape = max(len(m.mass) for m in margins), len(target.mass)
        self.table = np.stack([_table(m, target, shape) for m in margins])
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

    def freedom(self, stage: int) -> int:
        """Parameters of a stage that couple x and y."""
        return int(((self.order_x > 0) & (self.order_x <= stage)).sum()) * int(
            ((self.order_y > 0) & (self.order_y <= stage)).sum()
        )


def _table(margin: Margin, target: Margin, shape: tuple[int, int]) -> np.ndarray:
    cell = margin.codes.astype(np.intp) * shape[1] + target.codes
    return np.bincount(cell, target.times, shape[0] * shape[1]).reshape(shape) / len(target)


def _functions(margin: Margin, n_cells: int) -> np.ndarray:
    """The constant, and the functions of a margin, in each cell."""
    functions = np.zeros((n_cells, 1 + margin.functions.shape[1]))
    functions[: len(margin.mass), 0] = 1.0
    functions[: len(margin.mass), 1:] = margin.functions
    return functions


def _ranked(margin: Margin, n_cells: int) -> np.ndarray:
    """Mask of the cells that hold several ranks: neither missing values, nor padding."""
    ranked = np.zeros(n_cells, dtype=bool)
    if margin.coarse and margin.rank is not None:
        ranked[: len(margin.rank)] = ~np.isnan(margin.rank)
    return ranked


class _Stage:
    """The bound of some pairs of a chunk, with the functions of one stage."""

    def __init__(self, pairs: _Pairs, which: np.ndarray, stage: int):
        self.pairs, self.which = pairs, which
        self.keep = [np.flatnonzero(o <= max(stage, _ALONE)) for o in (pairs.order_x, pairs.order_y)]
        x, y = (o[k] for o, k in zip((pairs.order_x, pairs.order_y), self.keep, strict=True))
        couples = np.multiply.outer((x > 0) & (x <= stage), (y > 0) & (y <= stage))
        alone = np.logical_xor.outer(x > 0, y > 0)
        self.free = np.flatnonzero(couples | alone)
        self.x, self.y = pairs.x[which][:, :, self.keep[0]], pairs.y[:, self.keep[1]]
        self.moments = pairs.moments[which][:, self.keep[0]][:, :, self.keep[1]]
        self.ridge = _RIDGE / pairs.n

    def read(self, theta: np.ndarray) -> np.ndarray:
        """The parameters of this stage among all."""
        return theta[self.which][:, self.keep[0]][:, :, self.keep[1]]

    def value(self, theta: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Penalised bound, and the fitted table."""
        fitted = self.x[rows] @ theta @ self.y.T + self.pairs.log_independent[self.which[rows]]
        top = fitted.max((1, 2), keepdims=True)
        fitted -= top
        np.exp(fitted, out=fitted)
        total = fitted.sum((1, 2), keepdims=True)
        fitted /= total
        bound = (theta * self.moments[rows]).sum((1, 2)) - (top + np.log(total)).ravel()
        return bound - self.ridge / 2 * (theta**2).sum((1, 2)), fitted

    def step(self, theta: np.ndarray, fitted: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Newton's step, and twice what it promises."""
        x = self.x[rows]
        n_rows, n_x, n_y = theta.shape
        expected = x.mT @ fitted @ self.y
        gradient = (self.moments[rows] - expected - self.ridge * theta).reshape(n_rows, -1)[:, self.free]
        x_products = (x[:, :, :, None] * x[:, :, None, :]).reshape(n_rows, x.shape[1], -1)
        y_products = (self.y[:, :, None] * self.y[:, None, :]).reshape(len(self.y), -1)
        curvature = (x_products.mT @ (fitted @ y_products)).reshape(n_rows, n_x, n_x, n_y, n_y)
        curvature = curvature.transpose(0, 1, 3, 2, 4).reshape(n_rows, n_x * n_y, n_x * n_y)
        curvature = curvature[:, self.free[:, None], self.free]
        expected = expected.reshape(n_rows, -1)[:, self.free]
        curvature -= expected[:, :, None] * expected[:, None, :]
        curvature[:, np.arange(len(self.free)), np.arange(len(self.free))] += self.ridge
        change = _solve(curvature, gradient)
        return change, (change * gradient).sum(1)

    def climb(self, theta: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Parameters, bound without penalty, and fitted tables, at the top; only some rows take steps.

        From independence the first step is known: to the moments.
        """
        theta = self.read(theta)
        fresh = ~theta.any((1, 2))
        start = np.zeros_like(self.moments[fresh]).reshape(-1, self.moments[0].size)
        start[:, self.free] = self.moments[fresh].reshape(start.shape)[:, self.free]
        theta[fresh] = start.reshape(-1, *theta.shape[1:])
        value, fitted = self.value(theta, np.arange(len(theta)))
        overshot = np.flatnonzero(fresh & (value < 0))
        if len(overshot):
            theta[overshot] = 0.0
            value[overshot], fitted[overshot] = self.value(theta[overshot], overshot)
        for _ in range(_MOST_STEPS if len(rows) else 0):
            change, promise = self.step(theta[rows], fitted[rows], rows)
            waiting = np.arange(len(rows))  # those without a step that raises the bound
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
    """Newton's steps; along the gradient where no curvature can be inverted."""
    try:
        return np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        return gradient / np.maximum(np.trace(curvature, axis1=1, axis2=2), 1e-300)[:, None]


def _score_chunk(pairs: _Pairs) -> tuple[np.ndarray, ...]:
    theta = np.zeros_like(pairs.moments)
    fitted = pairs.independent.copy()
    mi, lower = np.zeros((2, len(pairs)))
    freedom = np.zeros(len(pairs), dtype=int)
    unexplained = _are_strong(pairs)
    for stage in STAGES:
        added = pairs.freedom(stage)
        if added >= _MOST_PARAMETERS * pairs.n:
            break
        if stage > _ALONE:
            unexplained |= mi > _STRONG_NATS
            if pairs.n <= _FEW_ROWS:
                unexplained |= _misfit(pairs, fitted, freedom)
        which = np.flatnonzero((added > freedom) & ~unexplained)
        if not len(which):
            continue
        asked = _PROMISE * (penalty(added, pairs.n) - penalty(freedom[which], pairs.n))
        promise = _promise(pairs, which, stage, theta, freedom)
        which, promise = which[promise > asked], promise[promise > asked]
        if not len(which):
            continue
        fit = _Stage(pairs, which, stage)
        surprising = 2 * pairs.n * promise > chi2.isf(CHANCE, added)
        solution, value, table = fit.climb(theta, np.flatnonzero((freedom[which] > 0) | surprising))
        cost = penalty(added, pairs.n)
        better = value - cost > lower[which]
        won = which[better]
        mi[won], lower[won] = (value[better] - share * cost for share in (0.5, 1.0))
        freedom[won] = added
        fitted[won] = table[better]
        # The stages are nested: the next one starts from here.
        theta[won] = 0.0
        theta[won[:, None, None], fit.keep[0][:, None], fit.keep[1]] = solution[better]
    unexplained |= _misfit(pairs, fitted, freedom) | (mi > _STRONG_NATS)
    log_ratio = np.log(np.maximum(fitted, 1e-300) / np.maximum(pairs.independent, 1e-300))
    lost = _within_cells(pairs, log_ratio)
    mean = (pairs.table * log_ratio).sum((1, 2))
    variance = (pairs.table * (log_ratio - mean[:, None, None]) ** 2).sum((1, 2))
    return mi + lost, lower + lost, unexplained, variance


def _are_strong(pairs: _Pairs) -> np.ndarray:
    """Mask of the pairs with an order whose moments show at once that the functions may be too wide."""
    x, y = ((order > 0) & (order <= _ALONE) for order in (pairs.order_x, pairs.order_y))
    gain = (pairs.moments[:, x][:, :, y] ** 2).sum((1, 2)) / 2
    return (gain > _STRONG_NATS) & all(pairs.ordered)


def _promise(
    pairs: _Pairs, which: np.ndarray, stage: int, theta: np.ndarray, freedom: np.ndarray
) -> np.ndarray:
    """Gain in nats that one Newton step to a stage promises each of some pairs."""
    x, y = ((order > 0) & (order <= stage) for order in (pairs.order_x, pairs.order_y))
    gain = (pairs.moments[which][:, x][:, :, y] ** 2).sum((1, 2)) / 2  # from independence: exact
    moved = np.flatnonzero(freedom[which])
    if len(moved):
        fit = _Stage(pairs, which[moved], stage)
        start = fit.read(theta)
        rows = np.arange(len(moved))
        _, fitted = fit.value(start, rows)
        gain[moved] = fit.step(start, fitted, rows)[1] / 2
    return gain


def penalty(freedom, n: int):
    """Bias of the bound on new rows against that on its own, with the correction for few rows."""
    return freedom / np.maximum(n - freedom - 1, 1)


def _within_cells(pairs: _Pairs, log_ratio: np.ndarray) -> np.ndarray:
    """Information lost by merging ranks into cells, to second order in the slope of the log ratio.

    A log ratio that changes by s over a cell has the variance ``s^2 / 12`` within it, and a variance v
    costs ``v / 2`` nats.
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


_EXPECTED = np.geomspace(1e-6, 1e3, 200)


def _poisson_deviance() -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the deviance of a Poisson count, at each expected count."""
    counts = np.arange(1_500)[:, None]
    log_ratio = np.log(np.maximum(counts, 1) / _EXPECTED)
    deviance = 2 * (np.where(counts > 0, counts * log_ratio, 0.0) - (counts - _EXPECTED))
    mass = poisson.pmf(counts, _EXPECTED)
    mean = (mass * deviance).sum(0)
    return mean, (mass * deviance**2).sum(0) - mean**2


_DEVIANCE_MEAN, _DEVIANCE_VARIANCE = _poisson_deviance()


def _misfit(pairs: _Pairs, fitted: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Mask of the pairs of which a coarse table exceeds the fit by more than chance.

    Tables of three shapes: of two columns that oscillate with each other, two halves of the one show it.
    """
    n_cells = pairs.n / _ROWS_A_CELL
    side, length = (int(np.clip(size, 4, _MOST_CELLS)) for size in (np.sqrt(n_cells), n_cells / 2))
    exceeds = np.zeros(len(pairs), dtype=bool)
    shapes = dict.fromkeys([(side, side), (length, 2), (2, length)]) if any(pairs.ordered) else [(side, side)]
    for shape in shapes:
        exceeds |= _exceeds(pairs, fitted, freedom, shape)
    return exceeds


def _exceeds(pairs: _Pairs, fitted: np.ndarray, freedom: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mask of the pairs of which a coarse table of some shape exceeds the fit by more than chance."""
    rows, columns = (
        _coarse(pairs.table.sum(axis), size, ordered)
        for axis, size, ordered in zip((2, 1), shape, pairs.ordered, strict=True)
    )
    observed = (rows @ pairs.table @ columns.mT) * pairs.n
    expected = np.maximum((rows @ fitted @ columns.mT) * pairs.n, _EXPECTED[0])
    log_ratio = np.log(np.maximum(observed, 1) / expected)
    deviance = 2 * (np.where(observed > 0, observed * log_ratio, 0.0) - (observed - expected))
    mean = np.interp(expected, _EXPECTED, _DEVIANCE_MEAN).sum((1, 2))
    variance = np.interp(expected, _EXPECTED, _DEVIANCE_VARIANCE).sum((1, 2))
    used = sum((coarse.sum(2) > 0).sum(1) for coarse in (rows, columns)) - 1 + freedom
    excess = deviance.sum((1, 2)) - np.maximum(mean - used, 0)
    surprise = excess / np.sqrt(np.maximum(variance, 1))
    return (excess > 2 * pairs.n * _MISFIT_NATS) & (surprise > _MISFIT_Z)


def _coarse(mass: np.ndarray, side: int, ordered: bool) -> np.ndarray:
    """Sums over neighbouring cells, about even in mass, as matrices (n_pairs, side, n_cells).

    Cells without order have no neighbours: each stays as it is.
    """
    number = np.broadcast_to(np.arange(mass.shape[1]), mass.shape)
    if ordered:
        middle = mass.cumsum(1) - mass / 2
        number = np.clip((middle * side).astype(int), 0, side - 1)
    inside = (number[:, None, :] == np.arange(number.max() + 1)[:, None]) & (mass > 0)[:, None, :]
    return inside.astype(np.float64)
