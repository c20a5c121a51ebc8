"""The test of misfit: whether held-out rows are what a log density ratio says they are.

A log ratio T says how y is distributed given x: as y is at all, weighted by exp(T(x, y)). So functions of y,
less their means under these weights, must be uncorrelated with all functions of x. Three sets of functions
are tested: polynomials of the rank of each column, kernels of all columns at some rows, and the views of the
columns that a network reads.

References
----------
Bierens (1982), Journal of Econometrics 20, for tests of conditional moments; Muandet, Jitkrittum and Kübler
(2020), Conference on Uncertainty in Artificial Intelligence, for their kernel form.
"""

import math

import torch
from torch import Tensor

from skmine._engine.dependence import rank_polynomials
from skmine._engine.forms.form import Fit
from skmine._engine.kernel import gaussian
from skmine._engine.sample import Block, Sample
from skmine.nn.pairs import score_in_chunks

#: Rows of all members that are tested at most.
_MOST_ROWS = 2**14
#: Rows in a group: those of the next group stand for the marginal distribution of y.
_GROUP = 64
#: Widths of the kernels, in root mean squares of the rows' distance from the centre.
_WIDTHS = (0.15, 0.5, 1.5)
#: Columns of a block that polynomials are made of, at most: a limit on time.
_MOST_COLUMNS = 64


@torch.no_grad()
def misfit(fit: Fit, sample: Sample) -> float:
    """What is left to explain: the largest of three statistics, in their standard deviations if nothing is.

    Parameters
    ----------
    fit : Fit
        A bank of closed forms.
    sample : Sample
        The rows, on the device of the bank.

    Returns
    -------
    float
        Near 0 or below where the log ratio is correct, or its error too small to be seen.
    """
    n_members, n_held_out = sample.folds.held_out.shape
    n_groups = max(2, min(n_held_out, _MOST_ROWS // n_members) // _GROUP)
    size = min(_GROUP, n_held_out // 2)
    rows = sample.folds.held_out[:, : n_groups * size].view(n_members, n_groups, size)
    x, y, weight = sample.read(rows)
    weight = (weight / weight.mean()).clamp_min(1e-30)  # groups may have no weight at all
    if sample.classes is None:
        marginal, log_weight = y.roll(1, 1), weight.roll(1, 1).log()
    else:
        marginal = torch.eye(len(sample.classes), dtype=y.dtype, device=y.device).expand(
            n_members, n_groups, -1, -1
        )
        log_weight = sample.classes.log().expand(n_members, n_groups, -1)
    scores = score_in_chunks(fit.critic, x.unsqueeze(3), marginal.unsqueeze(2)) + log_weight.unsqueeze(2)
    statistics = []
    for functions in (_polynomials, _kernels, _views):
        of_x = functions(x, sample.x, sample.dependence.relevant[0])
        if sample.classes is None:
            of_y = functions(y, sample.y, sample.dependence.relevant[1])
            expected = _expected(scores.float(), of_y.roll(1, 1))
        else:
            of_y, expected = y.float(), scores.softmax(3).float()
        statistics.append(_statistic(of_x, of_y - expected, weight))
    return max(statistics) if all(map(math.isfinite, statistics)) else math.inf


def _expected(scores: Tensor, values: Tensor) -> Tensor:
    """Means of functions of y for each x, (..., g, g') and (..., g', K) -> (..., g, K).

    A weighted mean of few rows is biased. Other rows say by how much: the mean of their weights is one.
    """
    means = []
    halves = [slice(None, None, 2), slice(1, None, 2)]
    for one, other in (halves, halves[::-1]):
        mean = scores[..., one].softmax(-1) @ values[..., one, :]
        ratio = scores[..., other].exp() / scores[..., other].shape[-1]
        means.append(mean + ratio @ values[..., other, :] - ratio.sum(-1, keepdim=True) * mean)
    return (means[0] + means[1]) / 2


def _polynomials(z: Tensor, block: Block, relevant: Tensor) -> Tensor:
    """Uncorrelated polynomials of the ranks of each column, (..., d) -> (..., n_functions)."""
    flat = z[..., : block.n_core][..., relevant][..., :_MOST_COLUMNS].flatten(0, -2)
    values, _ = rank_polynomials(flat, flat.new_full((len(flat), 1), 1 / len(flat)))
    return values.reshape(*z.shape[:-1], -1)


def _kernels(z: Tensor, block: Block, relevant: Tensor) -> Tensor:
    """Kernels at the rows of the first group, less their means."""
    z = z[..., : block.n_core][..., relevant]
    z = z / z.square().sum(-1).mean().sqrt().clamp_min(1e-6)
    landmarks = z[0, 0]
    values = torch.cat([gaussian(z / width, landmarks / width) for width in _WIDTHS], -1).float()
    return values - values.flatten(0, -2).mean(0)


def _views(z: Tensor, block: Block, relevant: Tensor) -> Tensor:
    """The last encoded columns, less their means. They are views, such as cosines of a single column."""
    values = z[..., -_MOST_COLUMNS:].float()
    return values - values.flatten(0, -2).mean(0)


def _statistic(functions: Tensor, residual: Tensor, weight: Tensor) -> float:
    """Sum of products of the moments of groups of rows, in its standard deviations if all have mean 0.

    Groups of a member that follow one another share rows, and are left out.
    """
    n_members, n_groups, _ = weight.shape
    moments = (functions.mT @ (weight.to(residual).unsqueeze(-1) * residual)).view(n_members * n_groups, -1)
    products = (moments @ moments.T).double().view(n_members, n_groups, n_members, n_groups)
    groups = torch.arange(n_groups)
    for shift in (-1, 0, 1):
        products.diagonal(0, 0, 2)[groups, (groups + shift) % n_groups] = 0
    return float(products.sum() / (2 * products.square().sum()).sqrt().clamp_min(1e-300))
