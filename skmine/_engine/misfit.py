"""The test of misfit: whether held-out rows agree with a log density ratio.

A log ratio T determines the distribution of y given x: it is the marginal distribution of y, weighted by
exp(T(x, y)). If T is correct, functions of y minus their means under these weights are therefore uncorrelated
with all functions of x. Three tests use fixed sets of functions: polynomials of the rank of each column,
kernels of all columns at some rows, and the views of the columns that a network reads. Two tests use
functions of x that are fitted to other rows: randomised trees, which find steps, and kernel ridge regression,
which finds fast waves across columns.

References
----------
Bierens (1982), Journal of Econometrics 20, for tests of conditional moments; Muandet, Jitkrittum and Kübler
(2020), Conference on Uncertainty in Artificial Intelligence, for their kernel form.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from skmine._engine.dependence import rank_polynomials
from skmine._engine.forms.form import Fit
from skmine._engine.kernel import gaussian
from skmine._engine.limits import MOST_COLUMNS, MOST_MIXED
from skmine._engine.regressors import predicted_by_kernels, predicted_by_trees
from skmine._engine.sample import PARTS, Block, Sample
from skmine.nn.pairs import score_in_chunks

#: Maximum number of tested rows of all members.
_MOST_ROWS = 2**14
#: Rows in a group. The rows of the next group represent the marginal distribution of y.
_GROUP = 64
#: Widths of the kernels, in root mean square distances of the rows from the centre.
_WIDTHS = (0.15, 0.5, 1.5)


@torch.no_grad()
def misfits(fit: Fit, sample: Sample, device: torch.device) -> Iterator[float]:
    """Five statistics of what the log ratio does not explain, in standard deviations if it is correct.

    Parameters
    ----------
    fit : Fit
        A bank.
    sample : Sample
        The rows, on the CPU.
    device : torch.device
        Device of the bank.

    Yields
    ------
    float
        Near 0 or below if the log ratio is correct, or if its error is too small to be detected. If there are
        too few rows, or if several members hold out the same row, the only value is infinity. The last
        statistic takes the longest.
    """
    n_members, n_held_out = sample.folds.held_out.shape
    fewest = 2 if n_members > 1 else 4  # so that some groups have no rows in common
    n_groups = max(fewest, min(n_held_out, _MOST_ROWS // n_members) // _GROUP)
    size = min(_GROUP, n_held_out // fewest)
    rows = sample.folds.held_out[:, : n_groups * size].reshape(n_members, n_groups, size)
    if not size or rows.numel() > len(rows.unique()):
        yield math.inf
        return
    x, y, weight = sample.read(rows)
    weight = (weight / weight.mean()).clamp_min(1e-30)  # groups may have no weight
    blocks, relevant = (sample.x, sample.y), sample.dependence.relevant
    if sample.classes is None:
        marginal, log_weight = y.roll(1, 1), weight.roll(1, 1).log()
    else:
        classes = torch.eye(len(sample.classes), dtype=y.dtype)
        marginal = classes.expand(n_members, n_groups, -1, -1)
        log_weight = sample.classes.log().expand(n_members, n_groups, -1)
    pairs = x.unsqueeze(3), marginal.unsqueeze(2)
    if sample.given == 1:
        pairs = x.roll(1, 1).unsqueeze(2), y.unsqueeze(3)
        x, y, blocks, relevant = y, x, blocks[::-1], relevant[::-1]
    scores = score_in_chunks(fit.critic, *(part.to(device) for part in pairs)).cpu() + log_weight.unsqueeze(2)
    weights = (_weights(scores) if sample.classes is None else scores.softmax(3)).float()

    def residual(functions: Callable) -> Tensor:
        if sample.classes is not None:
            return y.float() - weights
        of_y = functions(y, blocks[1], relevant[1])
        return of_y - weights @ of_y.roll(1, 1)

    for functions in (_polynomials, _kernels, _views):
        statistic = _statistic(functions(x, blocks[0], relevant[0]), residual(functions), weight)
        if not math.isfinite(statistic):
            yield math.inf
            return
        yield statistic
    x, of_y, weight = (part.double().flatten(0, 2) for part in (x, residual(_core), weight))
    of_y = of_y / of_y.square().mean(0).sqrt().clamp_min(1e-12)
    part = torch.arange(len(x)) * PARTS // len(x)
    yield _predictability(predicted_by_trees(x[:, : blocks[0].n_core], of_y, weight, part), of_y, weight)
    choices = sample.readings[0][sample.given].choices
    yield _predictability(predicted_by_kernels(x, of_y, weight, part, choices), of_y, weight)


def _predictability(predicted: Tensor, residual: Tensor, weight: Tensor) -> float:
    """Mean product of residuals and their predictions from other rows, in standard errors."""
    product = weight * (residual * predicted).sum(1)
    return float(product.sum() / product.square().sum().sqrt().clamp_min(1e-300))


def _weights(scores: Tensor) -> Tensor:
    """Weights of the rows of y in the mean of a function of y for each x, with the shape of the scores.

    A weighted mean of few rows is biased. The bias is estimated on other rows, whose mean weight is one.
    """
    weights = torch.zeros_like(scores)
    halves = [slice(None, None, 2), slice(1, None, 2)]
    for one, other in (halves, halves[::-1]):
        ratio = scores[..., other].exp() / scores[..., other].shape[-1]
        weights[..., one] += scores[..., one].softmax(-1) * (1 - ratio.sum(-1, keepdim=True)) / 2
        weights[..., other] += ratio / 2
    return weights


def _core(z: Tensor, block: Block, relevant: Tensor) -> Tensor:
    """The first core columns."""
    return z[..., : block.n_core][..., :MOST_MIXED].float()


def _polynomials(z: Tensor, block: Block, relevant: Tensor) -> Tensor:
    """Uncorrelated polynomials of the ranks of each column, (..., d) -> (..., n_functions)."""
    flat = z[..., : block.n_core][..., relevant][..., :MOST_COLUMNS].flatten(0, -2)
    values, _ = rank_polynomials(flat, flat.new_full((len(flat), 1), 1 / len(flat)))
    return values.reshape(*z.shape[:-1], -1)


def _kernels(z: Tensor, block: Block, relevant: Tensor) -> Tensor:
    """Kernels at the rows of the first group, minus their means."""
    z = z[..., : block.n_core][..., relevant]
    z = z / z.square().sum(-1).mean().sqrt().clamp_min(1e-6)
    landmarks = z[0, 0]
    values = torch.cat([gaussian(z / width, landmarks / width) for width in _WIDTHS], -1).float()
    return values - values.flatten(0, -2).mean(0)


def _views(z: Tensor, block: Block, relevant: Tensor) -> Tensor:
    """The last encoded columns, minus their means. They are views, such as cosines of a single column."""
    values = z[..., -MOST_COLUMNS:].float()
    return values - values.flatten(0, -2).mean(0)


def _statistic(functions: Tensor, residual: Tensor, weight: Tensor) -> float:
    """Sum of products of the moments of groups of rows, in standard deviations if all moments have mean 0.

    Products of neighbouring groups of a member are left out, because these groups share rows.
    """
    n_members, n_groups, _ = weight.shape
    moments = (functions.mT @ (weight.to(residual).unsqueeze(-1) * residual)).view(n_members * n_groups, -1)
    products = (moments @ moments.T).double().view(n_members, n_groups, n_members, n_groups)
    groups = torch.arange(n_groups)
    for shift in (-1, 0, 1):
        products.diagonal(0, 0, 2)[groups, (groups + shift) % n_groups] = 0
    spread = float((2 * products.square().sum()).sqrt())
    return float(products.sum()) / spread if spread else math.inf
