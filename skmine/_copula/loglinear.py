"""Log ratios of many scalar pairs at once: log-linear models of their tables, by Newton's method.

The log ratio of a pair is a sum ``sum_ab theta_ab f_a(x) g_b(y)`` over functions of the two margins. On
the cells of the copula the expectation over independent pairs is an exact sum, and the Donsker-Varadhan
bound is concave in theta. After ranking, the cost does not depend on the number of rows.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import poisson
from torch import Tensor
from torch.nn.functional import one_hot, pad

from skmine._copula.margins import Margin

#: Largest order of the functions that may interact, from stage to stage. The first is the Gaussian copula.
STAGES = (1, 2, 4, 6, 8)
#: A stage is tried where one Newton step towards it promises this share of what the criterion asks for.
_PROMISE = 0.8
_RIDGE = 1e-2
_MAX_STEPS = 30
_SMALLEST_GAIN = 1e-9
_MAX_TRIES = 8
_DAMPING = 1e-4
_CHUNK = 16
_MOST_PARAMETERS = 0.3  # a row
#: Rows a cell of the coarse table on which the fit is checked, and the most cells a side.
_ROWS_A_CELL, _MOST_CELLS = 8, 32


@dataclass(frozen=True)
class PairScores:
    """Mutual information of pairs.

    Attributes
    ----------
    mi : ndarray of shape (n_pairs,)
        Estimates in nats, corrected for bias; not clipped.
    lower : ndarray of shape (n_pairs,)
        What new rows would be expected to give (Akaike's criterion), nats.
    standard_error : ndarray of shape (n_pairs,)
        Of the mean log ratio, nats.
    misfit : ndarray of shape (n_pairs,)
        Nats by which a coarse table of the rows exceeds the fit, and
    misfit_z : ndarray of shape (n_pairs,)
        its distance in standard deviations from what chance explains.
    """

    mi: np.ndarray
    lower: np.ndarray
    standard_error: np.ndarray
    misfit: np.ndarray
    misfit_z: np.ndarray


class _Pairs:
    """Tables and functions of a chunk of pairs, padded to one size."""

    def __init__(self, margins: list[Margin], target: Margin):
        self.n = len(target)
        self.n_cells = max(len(m.mass) for m in margins), len(target.mass)
        self.table = torch.stack([self._table(m, target) for m in margins])
        width = 1 + max(m.functions.shape[1] for m in margins)
        self.x = torch.stack([_padded(m.functions, self.n_cells[0], width) for m in margins])
        self.y = _padded(target.functions, self.n_cells[1], 1 + target.functions.shape[1])
        self.order_x = np.stack([_padded_order(m.order, width) for m in margins])
        self.order_y = _padded_order(target.order, 1 + len(target.order))
        self.ranked_x = torch.stack([_ranked(m, self.n_cells[0]) for m in margins])
        self.ranked_y = _ranked(target, self.n_cells[1])
        self.couples = (self.order_x > 0)[:, :, None] & (self.order_y > 0)
        self.moments = (self.x.mT @ self.table @ self.y).numpy()
        self.independent = self.table.sum(2).unsqueeze(2) * self.table.sum(1).unsqueeze(1)

    def _table(self, margin: Margin, target: Margin) -> Tensor:
        rows, columns = self.n_cells
        counts = np.bincount(margin.codes * columns + target.codes, minlength=rows * columns)
        return torch.as_tensor(counts.reshape(rows, columns) / self.n)

    def degrees_of_freedom(self, stage: int) -> np.ndarray:
        """Parameters that couple x and y, of each pair."""
        n_x = ((self.order_x > 0) & (self.order_x <= stage)).sum(1)
        return n_x * ((self.order_y > 0) & (self.order_y <= stage)).sum()

    def free(self, stage: int) -> np.ndarray:
        """Mask (n_pairs, functions of x, functions of y) of the parameters of a stage."""
        x, y = self.order_x[:, :, None], self.order_y[None, None, :]
        couples = (x > 0) & (y > 0) & (x <= stage) & (y <= stage)
        alone = ((x == 0) | (y == 0)) & (x <= max(stage, 2)) & (y <= max(stage, 2))
        alone[:, 0, 0] = False
        return couples | alone


def _padded(functions: np.ndarray, n_cells: int, width: int) -> Tensor:
    padded = torch.zeros(n_cells, width, dtype=torch.float64)
    padded[: len(functions), 0] = 1.0
    padded[: len(functions), 1 : functions.shape[1] + 1] = torch.as_tensor(functions)
    return padded


def _ranked(margin: Margin, n_cells: int) -> Tensor:
    """Mask of the cells that hold several ranks: neither missing values, nor padding."""
    ranked = torch.zeros(n_cells, dtype=torch.bool)
    if margin.coarse and margin.rank is not None:
        ranked[: len(margin.rank)] = torch.as_tensor(~np.isnan(margin.rank))
    return ranked


def _padded_order(order: np.ndarray, width: int) -> np.ndarray:
    padded = np.full(width, np.iinfo(np.int64).max)
    padded[0] = 0
    padded[1 : len(order) + 1] = order
    return padded


class _Newton:
    """Damped Newton steps for some pairs of a chunk, at one stage."""

    def __init__(self, pairs: _Pairs, which: np.ndarray, stage: int):
        free = pairs.free(stage)[which]
        self.keep_x = np.flatnonzero(free.any((0, 2)))
        self.keep_y = np.flatnonzero(free.any((0, 1)))
        self.pairs, self.which = pairs, which
        shown = free[:, self.keep_x][:, :, self.keep_y].reshape(len(which), -1)
        self.columns = torch.as_tensor(np.flatnonzero(shown.any(0)))
        self.free = torch.as_tensor(shown)[:, self.columns]
        self.x = pairs.x[which][:, :, self.keep_x]
        self.y = pairs.y[:, self.keep_y]
        self.ridge = _RIDGE / pairs.n
        self.moments = self.x.mT @ pairs.table[which] @ self.y
        self.log_independent = pairs.independent[which].log()
        self.x_products = (self.x.unsqueeze(3) * self.x.unsqueeze(2)).flatten(2)
        self.y_products = (self.y.unsqueeze(2) * self.y.unsqueeze(1)).flatten(1)

    def shown(self, theta: Tensor) -> Tensor:
        """The part of all parameters that this stage reads."""
        return theta[self.which][:, self.keep_x][:, :, self.keep_y]

    def value(self, theta: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Penalised bound, and the fitted table."""
        scores = self.x[rows] @ theta @ self.y.T + self.log_independent[rows]
        top = scores.amax((1, 2), keepdim=True)
        fitted = (scores - top).exp_()
        total = fitted.sum((1, 2), keepdim=True)
        bound = (theta * self.moments[rows]).sum((1, 2)) - (top + total.log()).flatten()
        return bound - self.ridge / 2 * (theta**2).sum((1, 2)), fitted / total

    def derivatives(self, theta: Tensor, fitted: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient and negative second derivatives of the penalised bound, of the free parameters."""
        x, columns = self.x[rows], self.columns
        n_rows, n_x, n_y = theta.shape
        expected = x.mT @ fitted @ self.y
        free = self.free[rows].to(theta.dtype)
        gradient = (self.moments[rows] - expected - self.ridge * theta).flatten(1)[:, columns] * free
        curvature = (self.x_products[rows].mT @ (fitted @ self.y_products)).view(n_rows, n_x, n_x, n_y, n_y)
        curvature = curvature.transpose(2, 3).reshape(n_rows, n_x * n_y, n_x * n_y)
        curvature = curvature[:, columns][:, :, columns]
        expected = expected.flatten(1)[:, columns]
        curvature -= expected.unsqueeze(2) * expected.unsqueeze(1)
        curvature *= free.unsqueeze(2) * free.unsqueeze(1)
        curvature.diagonal(dim1=1, dim2=2).add_(self.ridge + (1 - free))
        return gradient, curvature

    def promise(self, theta: Tensor) -> np.ndarray:
        """Gain in nats that one step promises."""
        rows = torch.arange(len(self.which))
        theta = self.shown(theta)
        _, fitted = self.value(theta, rows)
        gradient, curvature = self.derivatives(theta, fitted, rows)
        return (_solve(curvature, gradient, gradient.new_zeros(len(rows))) * gradient).sum(1).numpy() / 2

    def solve(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Parameters, bound without penalty, and fitted tables."""
        theta = self.shown(theta)
        value, fitted = self.value(theta, torch.arange(len(self.which)))
        damping = torch.zeros_like(value)
        rows = torch.arange(len(self.which))
        for _ in range(_MAX_STEPS):
            gradient, curvature = self.derivatives(theta[rows], fitted[rows], rows)
            change = _solve(curvature, gradient, damping[rows])
            going = (change * gradient).sum(1) > _SMALLEST_GAIN
            waiting = torch.arange(len(rows))  # those without a step that raises the bound
            for _ in range(_MAX_TRIES):
                now = rows[waiting]
                trial = theta[now].flatten(1)
                trial[:, self.columns] += change
                trial = trial.view(-1, *theta.shape[1:])
                trial_value, trial_fitted = self.value(trial, now)
                rose = trial_value >= value[now]
                up = now[rose]
                theta[up], value[up], fitted[up] = trial[rose], trial_value[rose], trial_fitted[rose]
                damping[up] = torch.where(damping[up] > _DAMPING, damping[up] / 10, 0.0)
                damping[now[~rose]] = (damping[now[~rose]] * 10).clamp_min(_DAMPING)
                waiting = waiting[~rose]
                if not len(waiting):
                    break
                change = _solve(curvature[waiting], gradient[waiting], damping[rows[waiting]])
            rows = rows[going]
            if not len(rows):
                break
        return theta, value + self.ridge / 2 * (theta**2).sum((1, 2)), fitted


def _solve(curvature: Tensor, gradient: Tensor, damping: Tensor) -> Tensor:
    """Steps ``(curvature + damping I)^-1 gradient``."""
    damped = curvature.clone()
    damped.diagonal(dim1=1, dim2=2).add_(damping.unsqueeze(1))
    factor, _ = torch.linalg.cholesky_ex(damped)
    return torch.cholesky_solve(gradient.unsqueeze(2), factor).squeeze(2)


def score_pairs(margins: list[Margin], target: Margin) -> PairScores:
    """Mutual information of each column with a target.

    The functions that may interact grow stage by stage; the stage is chosen by Akaike's criterion, and
    half its penalty is taken off the bound, which cancels the bias of fitting to first order.

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
    # Pairs of one size share a chunk; chunks do not depend on how the work is shared out.
    by_size = np.argsort([m.functions.shape[1] for m in margins], kind="stable")
    found = np.zeros((5, len(margins)))
    for start in range(0, len(margins), _CHUNK):
        chosen = by_size[start : start + _CHUNK]
        found[:, chosen] = _score_chunk(_Pairs([margins[j] for j in chosen], target))
    return PairScores(*found)


def _score_chunk(pairs: _Pairs) -> np.ndarray:
    n_pairs = len(pairs.table)
    theta = torch.zeros(n_pairs, pairs.x.shape[2], pairs.y.shape[1], dtype=torch.float64)
    fitted = pairs.independent.clone()
    mi, lower, freedom = np.zeros(n_pairs), np.zeros(n_pairs), np.zeros(n_pairs, dtype=int)
    for stage in STAGES:
        added = pairs.degrees_of_freedom(stage)
        which = np.flatnonzero((added > freedom) & (added < _MOST_PARAMETERS * pairs.n))
        if not len(which):
            continue
        asked = _PROMISE * (_penalty(added, pairs.n) - _penalty(freedom, pairs.n))[which]
        which = which[_promise(pairs, which, stage, theta, freedom) > asked]
        if not len(which):
            continue
        newton = _Newton(pairs, which, stage)
        solution, value, table = newton.solve(theta)
        penalty = _penalty(added[which], pairs.n)
        better = value.numpy() - penalty > lower[which]
        won = which[better]
        mi[won], lower[won] = ((value.numpy() - share * penalty)[better] for share in (0.5, 1.0))
        freedom[won] = added[won]
        fitted[won] = table[better]
        # The stages are nested: the next one starts from here.
        for row, pair in zip(np.flatnonzero(better), won, strict=True):
            theta[pair].zero_()
            theta[pair, newton.keep_x[:, None], newton.keep_y] = solution[row]
    log_ratio = (fitted / pairs.independent.clamp_min(1e-300)).clamp_min(1e-300).log()
    lost = _within_cells(pairs, log_ratio)
    error = _standard_error(pairs, log_ratio)
    return np.stack([mi + lost, lower + lost, error, *_misfit(pairs, fitted, freedom)])


def _promise(pairs: _Pairs, which: np.ndarray, stage: int, theta: Tensor, freedom: np.ndarray) -> np.ndarray:
    """Gain in nats that one Newton step to a stage promises each of some pairs."""
    couples = (pairs.free(stage) & pairs.couples)[which]
    gain = (np.where(couples, pairs.moments[which], 0.0) ** 2).sum((1, 2)) / 2  # from independence: exact
    moved = freedom[which] > 0
    if moved.any():
        gain[moved] = _Newton(pairs, which[moved], stage).promise(theta)
    return gain


def _penalty(freedom: np.ndarray, n: int) -> np.ndarray:
    """Bias of the bound on new rows against that on its own, with the correction for few rows."""
    return freedom / np.maximum(n - freedom - 1, 1)


def _within_cells(pairs: _Pairs, log_ratio: Tensor) -> np.ndarray:
    """Information lost by merging ranks into cells, to second order in the slope of the log ratio.

    A log ratio that changes by s over a cell has the variance ``s^2 / 12`` within it, and a variance v
    costs ``v / 2`` nats.
    """
    lost = torch.zeros(len(log_ratio), dtype=log_ratio.dtype)
    for axis, ranked in ((1, pairs.ranked_x), (2, pairs.ranked_y.expand(len(log_ratio), -1))):
        across = log_ratio.transpose(1, axis)
        both = (ranked[:, 1:] & ranked[:, :-1]).unsqueeze(2)
        step = torch.where(both, across[:, 1:] - across[:, :-1], 0.0)
        total, n_steps = (pad(v, (0, 0, 1, 0)) + pad(v, (0, 0, 0, 1)) for v in (step, both.to(step)))
        slope = (total / n_steps.clamp_min(1)).clamp(-1, 1)
        lost += (pairs.table.transpose(1, axis) * slope**2).sum((1, 2)) / 24
    return lost.numpy()


def _standard_error(pairs: _Pairs, log_ratio: Tensor) -> np.ndarray:
    mean = (pairs.table * log_ratio).sum((1, 2))
    variance = (pairs.table * log_ratio**2).sum((1, 2)) - mean**2
    return (variance.clamp_min(0) / pairs.n).sqrt().numpy()


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


def _misfit(pairs: _Pairs, fitted: Tensor, freedom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nats by which a coarse table exceeds the fit, and how surprising that is."""
    side = int(np.clip(np.sqrt(pairs.n / _ROWS_A_CELL), 4, _MOST_CELLS))
    rows, columns = (_coarse(pairs.table.sum(axis), side) for axis in (2, 1))
    observed = (rows @ pairs.table @ columns.mT).numpy() * pairs.n
    expected = (rows @ fitted @ columns.mT).numpy() * pairs.n
    expected = np.maximum(expected, _EXPECTED[0])
    log_ratio = np.log(np.maximum(observed, 1) / expected)
    deviance = 2 * (np.where(observed > 0, observed * log_ratio, 0.0) - (observed - expected))
    mean = np.interp(expected, _EXPECTED, _DEVIANCE_MEAN).sum((1, 2))
    variance = np.interp(expected, _EXPECTED, _DEVIANCE_VARIANCE).sum((1, 2))
    used = sum((coarse.sum(2) > 0).sum(1).numpy() for coarse in (rows, columns)) - 1 + freedom
    excess = deviance.sum((1, 2)) - np.maximum(mean - used, 0)
    return excess / (2 * pairs.n), excess / np.sqrt(np.maximum(variance, 1))


def _coarse(mass: Tensor, side: int) -> Tensor:
    """Sums over neighbouring cells, about even in mass, as matrices (n_pairs, side, n_cells)."""
    middle = mass.cumsum(1) - mass / 2
    number = (middle * side).long().clamp(0, side - 1)
    return one_hot(number, side).mT.to(mass) * (mass > 0).unsqueeze(1)
