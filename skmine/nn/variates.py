"""Nonlinear canonical variates: normal scores of polynomials of a block, for a reference to read.

Linear canonical correlations see only dependence between columns themselves. The same decomposition of
polynomials of the columns sees dependence of squares, of products, and of columns that turn with their
distance from the centre. Each variate is then put on the normal scores of its ranks, which makes the
Gaussian log ratio of the variates a bounded critic. Held-out rows choose the polynomials.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn, special

from .bounds import DonskerVaradhan
from .reference import MAX_ROWS, GaussianReference, Projection, canonical_solutions, shrink_correlations

_RIDGE = 1e-3
_NOISE_SHARES = (0.0, 1.0, 2.5)
#: How many variates the log ratio may read.
_NUMBERS = (1, 2, 4, 8)
#: Scores are cut here: variates of one block may be far out together, where the log ratio must not run away.
_HIGHEST_SCORE, _KNOTS = 3.0, 65
#: Columns of the polynomials of both blocks at most, and for each training row.
_MOST_COLUMNS, _COLUMN_SHARE = 800, 0.25
_HELD_OUT_ROWS, _SHIFTS, _MANY_SHIFTS = 1024, 8, 200
#: Nats by which polynomials must be better than the columns themselves, and further ones over the rows.
_LEAST_GAIN, _GAIN_TIMES_ROWS = 0.01, 10.0


def _radial(x: Tensor, degree: int) -> Tensor:
    """Columns times powers of their squared distance from the centre."""
    d = x.shape[-1]
    distance = ((x**2).sum(-1, keepdim=True) - d) / math.sqrt(2 * d)
    return torch.cat([x * distance**k for k in range(degree + 1)], -1)


def _squares(x: Tensor) -> Tensor:
    return torch.cat([x, x**2], -1)


def _products(x: Tensor) -> Tensor:
    first, second = torch.triu_indices(x.shape[-1], x.shape[-1], device=x.device)
    return torch.cat([x, x[..., first] * x[..., second]], -1)


#: Polynomials of the core columns, ``(..., d) -> (..., width)``, by name.
EXPANSIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "radial": lambda x: _radial(x, 1),
    "twice radial": lambda x: _radial(x, 2),
    "squares": _squares,
    "products": _products,
}


class Variates(nn.Module):
    """Normal scores of linear combinations of polynomials, one set a bank member.

    Parameters
    ----------
    expansion : str
        Name in :data:`EXPANSIONS`.
    n_core : int
        Leading columns that the polynomials are of.
    projection : Projection
        Of the polynomials.
    knots : Tensor of shape (n_members, width, n_knots)
        Ascending values of each combination.
    scores : Tensor of shape (n_members, n_knots)
        Normal scores at the knots, ascending.
    """

    knots: Tensor
    scores: Tensor

    def __init__(self, expansion: str, n_core: int, projection: Projection, knots: Tensor, scores: Tensor):
        super().__init__()
        self.expansion, self.n_core, self.projection = expansion, n_core, projection
        self.register_buffer("knots", knots)
        self.register_buffer("scores", scores)

    @property
    def width(self) -> int:
        """Columns that it returns."""
        return self.projection.width

    def leading(self, width: int) -> "Variates":
        """The first so many variates alone."""
        projection = self.projection.leading(width)
        return Variates(
            self.expansion, self.n_core, projection, self.knots[:, :width].contiguous(), self.scores
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d or more) -> (n_members, ..., width)."""
        values = self.projection(EXPANSIONS[self.expansion](x[..., : self.n_core]))
        flat = values.reshape(len(values), -1, self.width).mT.contiguous()
        right = torch.searchsorted(self.knots, flat).clamp(1, self.knots.shape[-1] - 1)
        low, high = self.knots.gather(2, right - 1), self.knots.gather(2, right)
        scores = self.scores.unsqueeze(1).expand(-1, self.width, -1)
        low_score, high_score = scores.gather(2, right - 1), scores.gather(2, right)
        share = ((flat - low) / (high - low).clamp_min(1e-9)).clamp(0, 1)
        return torch.lerp(low_score, high_score, share).mT.view(values.shape)


def _fit_variates(
    expansion: str, n_core: int, expanded: Tensor, projection: Projection, weight: Tensor
) -> Variates:
    """Knots at the weighted quantiles of training rows, (n_members, n_train, n_columns)."""
    projection = projection.leading(_NUMBERS[-1])
    values, order = projection(expanded).sort(1)
    weight = weight.unsqueeze(2).expand_as(values).gather(1, order)
    ranks = ((weight.cumsum(1) - weight / 2) / weight.sum(1, keepdim=True)).mT.contiguous()
    scores = torch.linspace(-_HIGHEST_SCORE, _HIGHEST_SCORE, _KNOTS, dtype=values.dtype)
    levels = special.ndtr(scores).expand(*ranks.shape[:2], -1).contiguous()
    nearest = torch.searchsorted(ranks, torch.minimum(levels, ranks[..., -1:]))
    knots = values.mT.gather(2, nearest)
    return Variates(expansion, n_core, projection, knots, scores.repeat(len(knots), 1))


def fit_variate_reference(
    x: Tensor,
    y: Tensor,
    train_rows: Tensor,
    held_out_rows: Tensor,
    weight: Tensor | None,
    linear: GaussianReference,
) -> GaussianReference:
    """The Gaussian log ratio of nonlinear variates, where that is better than that of the columns.

    Parameters
    ----------
    x, y : Tensor of shape (n, d_x), (n, d_y)
        The core columns.
    train_rows, held_out_rows : LongTensor of shape (n_members, n_train), (n_members, n_held_out)
        Row numbers of each member.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    linear : GaussianReference
        Of the columns themselves.

    Returns
    -------
    GaussianReference
        `linear`, unless another has a Donsker-Varadhan value on held-out rows that is higher by 0.01 nats
        and ten over the number of training rows.
    """
    weight = x.new_ones(len(x)) if weight is None else weight
    rows = held_out_rows[:, :_HELD_OUT_ROWS]
    gain = _LEAST_GAIN + _GAIN_TIMES_ROWS / train_rows.shape[1]
    best, best_value = linear, _value_on(linear, x, y, rows, weight, _SHIFTS) + gain
    most = min(_MOST_COLUMNS, _COLUMN_SHARE * train_rows.shape[1])
    fit_rows = train_rows[:, :: max(1, train_rows.shape[1] // MAX_ROWS)]
    members = torch.arange(fit_rows.numel()).view(fit_rows.shape)
    blocks, held_out = (tuple(block[chosen] for block in (x, y)) for chosen in (fit_rows, rows))
    weights = weight[fit_rows], weight[rows]
    for name, expand in EXPANSIONS.items():
        if sum(expand(block[:1]).shape[1] for block in (x, y)) > most:
            continue
        expanded = [expand(block) for block in blocks]
        flat_x, flat_y = (part.flatten(0, 1) for part in expanded)
        (solution,) = canonical_solutions(flat_x, flat_y, members, weights[0].flatten(), (_RIDGE,), (1.0,))
        projections = solution.projection_x, solution.projection_y
        sides = [
            _fit_variates(name, block.shape[2], part, projection, weights[0])
            for block, part, projection in zip(blocks, expanded, projections, strict=True)
        ]
        for reference, value in _candidates(sides, solution.noise, blocks, held_out, weights):
            if value > best_value:
                best, best_value = reference, value
    if best is linear:
        return linear
    # A log ratio may run away where few pairs meet: the best one is judged on many.
    found, plain = (_value_on(reference, x, y, rows, weight, _MANY_SHIFTS) for reference in (best, linear))
    return best if found > plain + gain else linear


def _candidates(sides, noise: Tensor, training, held_out, weights):
    """References of the leading variates, one for each amount of shrinkage and number of them."""
    share = weights[0] / weights[0].sum(1, keepdim=True)
    width = min(side.width for side in sides)
    u, v = (side(block)[..., :width] for side, block in zip(sides, training, strict=True))
    sample = (share.unsqueeze(2) * u * v).sum(1).clamp(0, 1 - 1e-6)
    u, v = (side(block)[..., :width] for side, block in zip(sides, held_out, strict=True))
    for noise_share in _NOISE_SHARES:
        r = shrink_correlations(sample, noise_share * noise.unsqueeze(1))
        for k in (k for k in _NUMBERS if k <= width):
            eye = torch.eye(k).expand(len(r), -1, -1)
            side_x, side_y = (side.leading(k) for side in sides)
            reference = GaussianReference(side_x, side_y, r[:, :k], eye, eye)
            yield reference, _value(reference, u, v, weights[1], _SHIFTS)


def _value_on(
    reference: GaussianReference, x: Tensor, y: Tensor, rows, weight: Tensor, n_shifts: int
) -> float:
    u, v = reference.project_x(x[rows]), reference.project_y(y[rows])
    return _value(reference, u, v, weight[rows], n_shifts)


def _value(reference: GaussianReference, u: Tensor, v: Tensor, weight: Tensor, n_shifts: int) -> float:
    """Donsker-Varadhan value of coordinates of rows in random order, mean over the members."""
    shifts = range(1, min(n_shifts, u.shape[1] - 1) + 1)
    marginal = torch.stack([reference(u, v.roll(k, 1)) for k in shifts], 2)
    pair_weight = weight.unsqueeze(2) * torch.stack([weight.roll(k, 1) for k in shifts], 2)
    value = DonskerVaradhan().estimate(reference(u, v), marginal, weight, pair_weight)
    terms = (marginal + pair_weight.log()).flatten(1)
    error = ((2 * terms).logsumexp(1) / 2 - terms.logsumexp(1)).exp()  # relative, of the mean of exp(T)
    return float((value - 2 * error).mean())
