"""The variates form: nonlinear canonical variates, which are normal scores of functions of a block.

Linear canonical correlations measure linear dependence between columns. The same decomposition of functions
of the columns also measures dependence of squares, products, waves, and columns that rotate with their
distance from the centre. Each variate is then replaced by the normal scores of its ranks. This makes the
Gaussian log ratio of the variates a bounded critic.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from operator import itemgetter

import torch
from scipy.stats import chi2
from torch import Tensor, nn, special
from torch.quasirandom import SobolEngine

from skmine._engine.canonical import Projection, canonical_solutions, shrink_correlations, weighted_mean
from skmine._engine.critics import ReferencedCritic
from skmine._engine.forms.form import Fit, Form, Start
from skmine._engine.forms.gaussian import GaussianReference
from skmine._engine.limits import CHOOSING_ROWS, MOST_COLUMNS
from skmine._engine.sample import Reading, Sample
from skmine._engine.scores import CAUTION, Scores
from skmine.nn.bounds import DonskerVaradhan
from skmine.nn.pairs import SampledPairs

#: Ridge on the covariances of functions, because some functions may nearly coincide.
_RIDGE = 1e-3
#: Share of rows whose distance from the centre is not cut.
_CUT = 0.999
#: Candidates for the number of variates. The number of columns of the narrower block, at most 64, is tried as
#: well.
_NUMBERS = (1, 2, 4, 8)
#: Scores are cut at this value. Several variates of a block may be extreme together, and the log ratio must
#: not become far too large there.
_HIGHEST_SCORE, _KNOTS = 3.0, 65
#: Mean square below which the log of the distance is cut. Otherwise rows at the centre would dominate it.
_LEAST_SQUARE = 1e-3
#: Maximum number of values read in the training rows of all members, if the expansion is a single function.
_MOST_NUMBERS = 2**26
#: Maximum number of functions of both blocks, in total and per training row.
_MOST_COLUMNS, _COLUMN_SHARE = 800, 0.25
#: Number of held-out rows that form the marginal pairs when the number of variates is chosen.
_PAIRED_ROWS = 512


class NonlinearVariates(Form):
    """The Gaussian log ratio of normal scores of functions of columns.

    A setting is the name of an expansion and the columns of x and y that it reads. Held-out rows choose the
    number of variates.
    """

    is_flexible = False

    def applies(self, sample: Sample) -> bool:
        """Whether the blocks are continuous, with several columns.

        For two single columns, other forms use cosines.
        """
        return sample.classes is None and max(sample.x.n_core, sample.y.n_core) > 1

    def settings(self, sample: Sample, start: Start | None) -> Iterator[list[tuple[str, tuple]]]:
        """Every expansion of every reading for which there are enough rows and memory."""
        for pair in sample.readings:
            for name in EXPANSIONS:
                if _is_possible(name, pair, sample):
                    yield [(name, pair)]

    def fit(self, sample: Sample, setting: tuple[str, tuple]) -> Fit | None:
        """Fit one reference of variates per member; None if all functions are constant."""
        name, pair = setting
        *blocks, weight = sample.read(sample.fitted)
        expanded = [_expand(name, reading, block) for reading, block in zip(pair, blocks, strict=True)]
        flat_x, flat_y = (part.flatten(0, 1) for part in expanded)
        members = torch.arange(sample.fitted.numel()).view(sample.fitted.shape)
        (solution,) = canonical_solutions(flat_x, flat_y, members, weight.flatten(), (_RIDGE,))
        if not solution.correlations.shape[1]:
            return None  # a function can be constant, such as the distance of one-hot columns
        d = min(reading.stop - reading.start for reading in pair)
        numbers = [*_NUMBERS, min(d, MOST_COLUMNS)] if d > _NUMBERS[-1] else list(_NUMBERS)
        projections = (side.leading(numbers[-1]) for side in (solution.projection_x, solution.projection_y))
        sides = [
            _fit_variates(name, reading, part, projection, weight)
            for reading, part, projection in zip(pair, expanded, projections, strict=True)
        ]
        held_out = sample.read(sample.folds.held_out[:, :CHOOSING_ROWS])
        candidates = _candidates(sides, numbers, solution.noise, (*blocks, weight), held_out)
        best = max(candidates, key=itemgetter(0))[1]
        return Fit(ReferencedCritic(best), reference=best)


def _expand(name: str, reading: Reading, x: Tensor) -> Tensor:
    """Functions of the columns that are read, (..., d) -> (..., n_functions)."""
    return EXPANSIONS[name](reading.of(x), reading.relevant)


def _radial(x: Tensor, degree: int) -> Tensor:
    """Columns times Laguerre polynomials of their squared distance from the centre.

    For independent normal columns they are uncorrelated and have variance one. The distance is cut at the
    value that one row in a thousand exceeds, because such rows would dominate a polynomial.
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
    """Log of the mean square of the columns. Blocks whose columns share a volatility have it in common."""
    square = torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2 / x.shape[-1]
    return square.clamp_min(_LEAST_SQUARE).log()


def _squares(x: Tensor) -> Tensor:
    return torch.cat([x, x**2], -1)


def _products(x: Tensor, relevant: Sequence[int]) -> Tensor:
    """Columns, and the products of each relevant column with all columns."""
    numbers = torch.as_tensor(relevant, device=x.device)
    once = torch.ones(len(numbers), x.shape[-1], dtype=torch.bool, device=x.device)
    once[:, numbers] = torch.ones_like(once[:, numbers]).triu()  # pairs of relevant columns only once
    first, second = once.nonzero().T
    first = numbers[first]
    return torch.cat([x, x[..., first] * x[..., second]], -1)


@cache
def _frequencies(d: int, n_waves: int) -> tuple[Tensor, Tensor]:
    engine = SobolEngine(d + 1, scramble=True, seed=0)
    # The first point of torch's Sobol engine has torch's default dtype.
    first = engine.quasi.to(torch.float32).unsqueeze(0) / 2**engine.MAXBIT
    points = torch.cat([first, engine.draw(n_waves, dtype=torch.float32)[1:].to(first)]).clamp(1e-4, 1 - 1e-4)
    return math.sqrt(2 / d) * special.ndtri(points[:, :d]).T, 2 * math.pi * points[:, d]


def _waves(x: Tensor, read: Sequence[int], n_waves: int, speed: float = 1.0) -> Tensor:
    """Columns, and cosines across several columns that approximate a Gaussian kernel.

    Random Fourier features (Rahimi and Recht 2007) with frequencies that are the same in every fit. The width
    of the kernel is half the median distance between rows, divided by the speed.
    """
    frequencies, phases = _frequencies(len(read), n_waves)
    angles = x[..., list(read)] @ (speed * frequencies).to(x) + phases.to(x)
    return torch.cat([x, math.sqrt(2) * angles.cos()], -1)


#: Functions of columns, ``(..., d) -> (..., n_functions)``, by name. The second argument contains the indices
#: of the columns that depend on the other block alone.
EXPANSIONS: dict[str, Callable[[Tensor, Sequence[int]], Tensor]] = {
    "distance": lambda x, _: _log_distance(x),
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

#: The expansion that is a single function for any number of columns.
_NARROW = "distance"


class Variates(nn.Module):
    """Normal scores of linear combinations of functions of columns, one set per bank member.

    Parameters
    ----------
    expansion : str
        Name in :data:`EXPANSIONS`.
    reading : Reading
        The columns.
    projection : Projection
        Linear combinations of the functions.
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
        """Number of columns returned."""
        return self.projection.width

    def leading(self, width: int) -> "Variates":
        """The first `width` variates."""
        projection = self.projection.leading(width)
        knots, scores = (part[:, :width].contiguous() for part in (self.knots, self.scores))
        return Variates(self.expansion, self.reading, projection, knots, scores)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d or more) -> (n_members, ..., width)."""
        values = self.projection(_expand(self.expansion, self.reading, x))
        flat = values.reshape(len(values), -1, self.width).mT.contiguous()
        right = torch.searchsorted(self.knots, flat).clamp(1, self.knots.shape[-1] - 1)
        low, high = self.knots.gather(2, right - 1), self.knots.gather(2, right)
        low_score, high_score = self.scores.gather(2, right - 1), self.scores.gather(2, right)
        share = ((flat - low) / (high - low).clamp_min(1e-9)).clamp(0, 1)
        return torch.lerp(low_score, high_score, share).mT.view(values.shape)


def _fit_variates(
    expansion: str, reading: Reading, expanded: Tensor, projection: Projection, weight: Tensor
) -> Variates:
    """Fit knots at the weighted quantiles of training rows, (n_members, n_train, n_columns)."""
    values, order = projection(expanded).sort(1)
    weight = weight.unsqueeze(2).expand_as(values).gather(1, order)
    ranks = ((weight.cumsum(1) - weight / 2) / weight.sum(1, keepdim=True)).mT.contiguous()
    scores = torch.linspace(-_HIGHEST_SCORE, _HIGHEST_SCORE, _KNOTS, dtype=values.dtype)
    levels = special.ndtr(scores).expand(*ranks.shape[:2], -1).contiguous()
    nearest = torch.searchsorted(ranks, torch.minimum(levels, ranks[..., -1:]))
    knots = values.mT.gather(2, nearest)
    first, after = torch.searchsorted(knots, knots), torch.searchsorted(knots, knots, right=True)
    scores = (scores[first] + scores[after - 1]) / 2  # the middle of equal values
    return Variates(expansion, reading, projection, knots, scores)


def _is_possible(name: str, pair: tuple[Reading, Reading], sample: Sample) -> bool:
    """Whether there are enough rows and memory for an expansion."""
    n_columns = sum(reading.stop - reading.start for reading in pair)
    most = min(_MOST_COLUMNS, _COLUMN_SHARE * sample.fitted.shape[1])
    read, limit = (sample.fitted.numel() * n_columns, _MOST_NUMBERS) if name == _NARROW else (n_columns, most)
    if read > limit:
        return False  # before expansion
    blocks = sample.x.values[:1], sample.y.values[:1]
    return sum(_expand(name, reading, z).shape[1] for reading, z in zip(pair, blocks, strict=True)) <= most


def _candidates(sides, numbers: Sequence[int], noise: Tensor, training, held_out) -> Iterator[tuple]:
    """Values and references for each number of leading variates."""
    width = min(side.width for side in sides)
    (*blocks, weight), (*unseen, unseen_weight) = training, held_out
    u, v = (side(block)[..., :width] for side, block in zip(sides, blocks, strict=True))
    share = weight / weight.sum(1, keepdim=True)
    # With tied values, the scores can have a variance above one.
    scale = math.prod((share.unsqueeze(2) * z**2).sum(1).sqrt().clamp_min(1) for z in (u, v))
    sample = ((share.unsqueeze(2) * u * v).sum(1) / scale).clamp(0, 1 - 1e-6)
    r = shrink_correlations(sample, noise.unsqueeze(1))
    u, v = (side(block)[..., :width] for side, block in zip(sides, unseen, strict=True))
    for k in (k for k in numbers if k <= width):
        constant = -torch.log1p(-(r[:, :k] ** 2)).sum(1) / 2
        side_x, side_y = (side.leading(k) for side in sides)
        reference = GaussianReference(side_x, side_y, r[:, :k], constant)
        yield weighted_mean(_values(reference, u, v, unseen_weight), unseen_weight), reference


def _values(reference: GaussianReference, u: Tensor, v: Tensor, weight: Tensor) -> Tensor:
    """Cautious Donsker-Varadhan value in nats of coordinates of rows in random order, (n_members,).

    The marginal pairs are all pairs of the first 512 rows. The value is at most the log of their number.
    """
    few = slice(_PAIRED_ROWS)
    pairs = SampledPairs(_PAIRED_ROWS)
    _, marginal, _, pair_weight = pairs(reference, u[:, few], v[:, few], weight[:, few])
    scores = Scores(reference(u, v), marginal, weight, pair_weight)
    value = DonskerVaradhan().estimate(*scores) - CAUTION * scores.error()
    return value.clamp_max(math.log(marginal[0].numel()))
