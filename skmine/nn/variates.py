"""Nonlinear canonical variates: normal scores of functions of a block, for a reference to read.

Linear canonical correlations see only dependence between columns themselves. The same decomposition of
functions of the columns sees dependence of squares, of products, of columns that turn with their distance
from the centre, and of waves across them. Each variate is then put on the normal scores of its ranks, which
makes the Gaussian log ratio of the variates a bounded critic. Held-out rows choose the functions.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import NamedTuple

import torch
from scipy.stats import chi2
from torch import Tensor, nn, special
from torch.quasirandom import SobolEngine

from .choosing import ReferenceRows, held_out_values
from .reference import (
    GaussianReference,
    Projection,
    canonical_solutions,
    shrink_correlations,
    weighted_mean,
)

_RIDGE = 1e-3
_NOISE_SHARES = (0.0, 1.0, 2.5)
#: Share of rows whose distance from the centre is read as it is.
_CUT = 0.999
#: How many variates the log ratio may read: also as many as the narrower block has columns, at most 64.
_NUMBERS, _MOST_VARIATES = (1, 2, 4, 8), 64
#: Scores are cut here: variates of one block may be far out together, where the log ratio must not run away.
_HIGHEST_SCORE, _KNOTS = 3.0, 65
_LEAST_SQUARE = 1e-3
#: Numbers that the training rows of all members may be, for a function of any number of columns.
_MOST_NUMBERS = 2**26
#: Functions of both blocks at most, and for each training row.
_MOST_COLUMNS, _COLUMN_SHARE = 800, 0.25
#: Expansions that are fitted for the whole bank, of those that are promising for its first member.
_MOST_FITTED = 3


def _radial(x: Tensor, degree: int) -> Tensor:
    """Columns times Laguerre polynomials of their squared distance from the centre.

    Of independent normal columns these are uncorrelated, of variance one. The distance is cut where one row
    in a thousand lies beyond: a polynomial would be ruled by those.
    """
    d = x.shape[-1]
    alpha = d / 2
    half = ((x**2).sum(-1, keepdim=True) / 2).clamp_max(float(chi2.ppf(_CUT, d)) / 2)
    parts, before, now, variance = [x], torch.zeros_like(half), torch.ones_like(half), 1.0
    for k in range(1, degree + 1):
        before, now = now, ((2 * k - 1 + alpha - half) * now - (k - 1 + alpha) * before) / k
        variance *= (k + alpha) / k
        parts.append(x * now / math.sqrt(variance))
    return torch.cat(parts, -1)


def _log_distance(x: Tensor) -> Tensor:
    """Log of the mean square of the columns: what blocks share that one volatility scales."""
    square = torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2 / x.shape[-1]
    return square.clamp_min(_LEAST_SQUARE).log()


def _squares(x: Tensor) -> Tensor:
    return torch.cat([x, x**2], -1)


def _products(x: Tensor, relevant: Sequence[int]) -> Tensor:
    """Columns, and the products of each relevant one with all."""
    numbers = torch.as_tensor(relevant, device=x.device)
    once = torch.ones(len(numbers), x.shape[-1], dtype=torch.bool, device=x.device)
    once[:, numbers] = torch.ones_like(once[:, numbers]).triu()  # of two relevant columns
    first, second = once.nonzero().T
    first = numbers[first]
    return torch.cat([x, x[..., first] * x[..., second]], -1)


@cache
def _frequencies(d: int, n_waves: int) -> tuple[Tensor, Tensor]:
    points = SobolEngine(d + 1, scramble=True, seed=0).draw(n_waves).clamp(1e-4, 1 - 1e-4)
    return math.sqrt(2 / d) * special.ndtri(points[:, :d]).T, 2 * math.pi * points[:, d]


def _waves(x: Tensor, read: Sequence[int], n_waves: int, speed: float = 1.0) -> Tensor:
    """Columns, and cosines across those that are read, of a Gaussian kernel.

    Random Fourier features (Rahimi and Recht 2007), of frequencies that are the same in every fit. The kernel
    is as wide as half the median distance between rows, divided by the speed.
    """
    frequencies, phases = _frequencies(len(read), n_waves)
    angles = x[..., list(read)] @ (speed * frequencies).to(x) + phases.to(x)
    return torch.cat([x, math.sqrt(2) * angles.cos()], -1)


#: Functions of columns, ``(..., d) -> (..., n_functions)``, by name; their second argument is the numbers of
#: those columns that depend on the other block by themselves.
EXPANSIONS: dict[str, Callable[[Tensor, Sequence[int]], Tensor]] = {
    "columns": lambda x, _: x,
    "distance": lambda x, _: _log_distance(x),
    "relevant distance": lambda x, relevant: _log_distance(x[..., list(relevant)]),
    "columns and distance": lambda x, _: torch.cat([x, _log_distance(x)], -1),
    "radial 1": lambda x, _: _radial(x, 1),
    "radial 2": lambda x, _: _radial(x, 2),
    "radial 4": lambda x, _: _radial(x, 4),
    "squares": lambda x, _: _squares(x),
    "products": _products,
    "waves 64": lambda x, relevant: _waves(x, relevant, 64),
    "waves 256": lambda x, _: _waves(x, range(x.shape[-1]), 256),
    "short waves 64": lambda x, _: _waves(x, range(x.shape[-1]), 64, speed=2.0),
}

#: Those of one function, however many the columns.
_NARROW = {"distance", "relevant distance"}
#: Share of the least gain by which these must be better: one correlation is fitted.
_NARROW_GAIN = 1 / 3


class Reading(NamedTuple):
    """Columns of a block that an expansion reads.

    Attributes
    ----------
    start, stop : int
        The first, and one after the last.
    relevant : tuple of int
        Numbers among them of those that depend on the other block by themselves.
    """

    start: int
    stop: int
    relevant: tuple[int, ...]

    def expand(self, expansion: str, x: Tensor) -> Tensor:
        """Functions of the columns, (..., d) -> (..., n_functions)."""
        return EXPANSIONS[expansion](x[..., self.start : self.stop], self.relevant)


class Variates(nn.Module):
    """Normal scores of linear combinations of functions of columns, one set a bank member.

    Parameters
    ----------
    expansion : str
        Name in :data:`EXPANSIONS`.
    reading : Reading
        The columns.
    projection : Projection
        Of the functions.
    knots : Tensor of shape (n_members, width, n_knots)
        Ascending values of each combination.
    scores : Tensor of shape (n_members, width, n_knots)
        Normal scores at the knots, ascending.
    """

    knots: Tensor
    scores: Tensor

    def __init__(
        self, expansion: str, reading: Reading, projection: Projection, knots: Tensor, scores: Tensor
    ):
        super().__init__()
        self.expansion, self.reading, self.projection = expansion, reading, projection
        self.register_buffer("knots", knots)
        self.register_buffer("scores", scores)

    @property
    def width(self) -> int:
        """Columns that it returns."""
        return self.projection.width

    def leading(self, width: int) -> "Variates":
        """The first so many variates alone."""
        projection = self.projection.leading(width)
        knots, scores = (part[:, :width].contiguous() for part in (self.knots, self.scores))
        return Variates(self.expansion, self.reading, projection, knots, scores)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d or more) -> (n_members, ..., width)."""
        values = self.projection(self.reading.expand(self.expansion, x))
        flat = values.reshape(len(values), -1, self.width).mT.contiguous()
        right = torch.searchsorted(self.knots, flat).clamp(1, self.knots.shape[-1] - 1)
        low, high = self.knots.gather(2, right - 1), self.knots.gather(2, right)
        low_score, high_score = self.scores.gather(2, right - 1), self.scores.gather(2, right)
        share = ((flat - low) / (high - low).clamp_min(1e-9)).clamp(0, 1)
        return torch.lerp(low_score, high_score, share).mT.view(values.shape)


def _fit_variates(
    expansion: str, reading: Reading, expanded: Tensor, projection: Projection, weight: Tensor
) -> Variates:
    """Knots at the weighted quantiles of training rows, (n_members, n_train, n_columns)."""
    values, order = projection(expanded).sort(1)
    weight = weight.unsqueeze(2).expand_as(values).gather(1, order)
    ranks = ((weight.cumsum(1) - weight / 2) / weight.sum(1, keepdim=True)).mT.contiguous()
    scores = torch.linspace(-_HIGHEST_SCORE, _HIGHEST_SCORE, _KNOTS, dtype=values.dtype)
    levels = special.ndtr(scores).expand(*ranks.shape[:2], -1).contiguous()
    nearest = torch.searchsorted(ranks, torch.minimum(levels, ranks[..., -1:]))
    knots = values.mT.gather(2, nearest)
    first, after = torch.searchsorted(knots, knots), torch.searchsorted(knots, knots, right=True)
    scores = (scores[first] + scores[after - 1]) / 2  # of equal values the middle
    return Variates(expansion, reading, projection, knots, scores)


def fit_variate_reference(
    rows: ReferenceRows, linear: GaussianReference, readings: Sequence[tuple[Reading, Reading]]
) -> GaussianReference:
    """The Gaussian log ratio of nonlinear variates, where that is better than that of the columns.

    One member tells which functions of which columns are worth fitting for the bank.

    Parameters
    ----------
    rows : ReferenceRows
        What is read.
    linear : GaussianReference
        Of the columns themselves.
    readings : sequence of (Reading, Reading)
        Columns of x and of y that the expansions may read.

    Returns
    -------
    GaussianReference
        `linear`, unless another has a Donsker-Varadhan value on held-out rows that is higher by the least
        gain, or by a third of it where distances alone are read. Of several, the best less its gain.
    """
    first, floor = rows.first, rows.values(linear)
    gains = {name: rows.least_gain * (_NARROW_GAIN if name in _NARROW else 1) for name in EXPANSIONS}
    trials = [
        (_fit_expansion(name, pair, first, _NOISE_SHARES[1:2])[0] - gains[name], name, pair)
        for pair in readings
        for name in EXPANSIONS
        if _is_possible(name, pair, rows)
    ]
    promising = sorted((trial for trial in trials if trial[0] > floor[0]), key=itemgetter(0))[-_MOST_FITTED:]
    best, chosen = weighted_mean(floor, rows.held_out_weight), linear
    for _, name, pair in promising:
        value, reference = _fit_expansion(name, pair, rows, _NOISE_SHARES)
        if reference is not None and value - gains[name] > best:
            best, chosen = value - gains[name], reference
    return chosen


def _is_possible(name: str, pair: tuple[Reading, Reading], rows: ReferenceRows) -> bool:
    """Whether an expansion is another than those before it, and not too wide for the rows or the memory."""
    n_columns = sum(told.stop - told.start for told in pair)
    if name == "relevant distance" and n_columns == sum(len(told.relevant) for told in pair):
        return False  # the distance itself
    most = min(_MOST_COLUMNS, _COLUMN_SHARE * rows.fitted.shape[1])
    read, limit = (rows.fitted.numel() * n_columns, _MOST_NUMBERS) if name in _NARROW else (n_columns, most)
    if read > limit:
        return False  # before they are expanded at all
    return sum(told.expand(name, z[:1]).shape[1] for told, z in zip(pair, rows[:2], strict=True)) <= most


def _fit_expansion(
    name: str, readings, rows: ReferenceRows, noise_shares
) -> tuple[float, GaussianReference | None]:
    """The reference of an expansion with the number of variates and the shrinkage of the highest value."""
    blocks, weight = rows.read(rows.fitted)
    expanded = [told.expand(name, block) for told, block in zip(readings, blocks, strict=True)]
    flat_x, flat_y = (part.flatten(0, 1) for part in expanded)
    members = torch.arange(rows.fitted.numel()).view(rows.fitted.shape)
    (solution,) = canonical_solutions(flat_x, flat_y, members, weight.flatten(), (_RIDGE,), (1.0,))
    if not solution.correlations.shape[1]:
        return -math.inf, None  # of a block that is constant, as the distance of one-hot columns
    d = min(told.stop - told.start for told in readings)
    numbers = [*_NUMBERS, min(d, _MOST_VARIATES)] if d > _NUMBERS[-1] else list(_NUMBERS)
    projections = (side.leading(numbers[-1]) for side in (solution.projection_x, solution.projection_y))
    sides = [
        _fit_variates(name, told, part, projection, weight)
        for told, part, projection in zip(readings, expanded, projections, strict=True)
    ]
    held_out = rows.read(rows.held_out)
    candidates = _candidates(sides, numbers, solution.noise, noise_shares, (blocks, weight), held_out)
    return max(candidates, key=itemgetter(0))


def _candidates(sides, numbers: Sequence[int], noise: Tensor, noise_shares, training, held_out):
    """Values and references of the leading variates, for each amount of shrinkage and number of them."""
    width = min(side.width for side in sides)
    (blocks, weight), (unseen, unseen_weight) = training, held_out
    u, v = (side(block)[..., :width] for side, block in zip(sides, blocks, strict=True))
    share = weight / weight.sum(1, keepdim=True)
    # Of tied values the scores may have a variance above one.
    scale = math.prod((share.unsqueeze(2) * z**2).sum(1).sqrt().clamp_min(1) for z in (u, v))
    sample = ((share.unsqueeze(2) * u * v).sum(1) / scale).clamp(0, 1 - 1e-6)
    u, v = (side(block)[..., :width] for side, block in zip(sides, unseen, strict=True))
    for noise_share in noise_shares:
        r = shrink_correlations(sample, noise_share * noise.unsqueeze(1))
        for k in (k for k in numbers if k <= width):
            eye = torch.eye(k, dtype=r.dtype).expand(len(r), -1, -1)
            side_x, side_y = (side.leading(k) for side in sides)
            reference = GaussianReference(side_x, side_y, r[:, :k], eye, eye)
            yield weighted_mean(held_out_values(reference, u, v, unseen_weight), unseen_weight), reference
