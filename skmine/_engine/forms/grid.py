"""The grid form: log ratios of pairs of columns on a grid of ranks, with smoothing that adapts to the counts.

The density of a narrow strip with sharp edges is not a smooth function of the ranks, and a network needs many
iterations to learn it. On a grid, the density of a pair of columns can simply be counted. The density in a
cell combines the counts of neighbourhoods of several widths, and a narrower neighbourhood has the more weight
the more rows are expected in it. Nothing is trained. If columns of x and y depend on each other in pairs, the
log ratios of the pairs are added.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, zoom
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from skmine._engine.forms.form import Fit, Form, Start
from skmine._engine.sample import Sample

#: Widths of the neighbourhoods in cells of a grid of 256; each is about half the previous. Doubled for 512.
_WIDTHS = (64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.6)
#: Candidates for the weight of the wider neighbourhood, in rows.
PRIOR_ROWS = (2.0, 6.0)
_COARSE = 4.0  # cells; wider neighbourhoods are smoothed on a coarser grid
_FINE_ROWS = 3_000  # from this number on, a single pair has a grid of 512
#: Maximum number of pairs of columns, to limit time.
_MOST_PAIRS = 6


class Grid(Form):
    """Density ratios of pairs of columns, counted on a grid.

    A setting is a weight of the wider neighbourhood.
    """

    def applies(self, sample: Sample) -> bool:
        """Whether both blocks are single columns, or at most six columns of one depend on the other."""
        return sample.classes is None and bool(paired_columns(sample))

    def settings(self, sample: Sample, start: Start | None) -> list[list[float]]:
        """Each of the weights."""
        return [[prior_rows] for prior_rows in PRIOR_ROWS]

    def fit(self, sample: Sample, setting: float) -> Fit:
        """Fit one set of tables per member."""
        pairs = paired_columns(sample)
        train = sample.folds.train
        n_cells = 512 if train.shape[1] > _FINE_ROWS and len(pairs) == 1 else 256
        x, y, share = sample.x.values, sample.y.values, sample.row_weight / sample.row_weight.mean()
        ratios = [
            [_ratio(_counts(x[:, j], y[:, k], rows, share, n_cells), setting) for j, k in pairs]
            for rows in train
        ]
        return Fit(LocalCritic(torch.as_tensor(np.log(np.stack(ratios))).to(x), *zip(*pairs, strict=True)))


def paired_columns(sample: Sample) -> list[tuple[int, int]]:
    """Pairs of core columns of x and y that depend on each other. Each column is in at most one pair.

    Parameters
    ----------
    sample : Sample
        Sample of two blocks that are not discrete.

    Returns
    -------
    list of (int, int)
        If both blocks are single columns, this pair, even if the columns are independent. Otherwise, the
        pairs with the largest sum of moments. Empty if more than six columns of each block depend on the
        other block.
    """
    if sample.x.n_core == sample.y.n_core == 1:
        return [(0, 0)]
    moments, dependent = sample.dependence.pairs
    rows, columns = dependent.any(1), dependent.any(0)
    if not 1 <= min(int(rows.sum()), int(columns.sum())) <= _MOST_PAIRS:
        return []
    chosen = zip(*linear_sum_assignment(moments * dependent, maximize=True), strict=True)
    return [(int(j), int(k)) for j, k in chosen if dependent[j, k]]


class LocalCritic(nn.Module):
    """Sum of log density ratios of pairs of columns, each read from a table over their ranks.

    Parameters
    ----------
    log_ratio : Tensor of shape (n_members, n_pairs, n_cells, n_cells)
        Log ratio in the cells of ``Phi(x)`` and ``Phi(y)``, for columns that are normal scores or indicators.
    columns_x, columns_y : sequence of int, of length n_pairs
        Column of x, and column of y, of each pair.
    """

    log_ratio: Tensor

    def __init__(self, log_ratio: Tensor, columns_x: Sequence[int] = (0,), columns_y: Sequence[int] = (0,)):
        super().__init__()
        self.columns_x, self.columns_y = tuple(columns_x), tuple(columns_y)
        self.register_buffer("log_ratio", log_ratio)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log ratio by bilinear interpolation; two tensors (n_members, ..., d) -> (n_members, ...)."""
        columns = zip(self.log_ratio.unbind(1), self.columns_x, self.columns_y, strict=True)
        return torch.stack([_interpolate(table, x[..., j], y[..., k]) for table, j, k in columns]).sum(0)


def _interpolate(table: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Values of tables, (n_members, n_cells, n_cells), at normal scores, (n_members, ...)."""
    # erf(z / 2^(1/2)) is 2 Phi(z) - 1, and the tables extend from -1 to 1. Columns come first.
    place = torch.stack(torch.broadcast_tensors(*(torch.erf(z / 2**0.5) for z in (y, x))), -1)
    flat = place.flatten(1, -2).unsqueeze(1)
    values = grid_sample(table.unsqueeze(1), flat, padding_mode="border", align_corners=False)
    return values.view(place.shape[:-1])


def _smooth(counts: np.ndarray, width: float) -> np.ndarray:
    """Gaussian mean of the counts around each cell, along one or two axes."""
    factor = max(1, int(width / _COARSE))
    if factor == 1:
        return gaussian_filter(counts, width, mode="reflect", truncate=3)
    shape = [part for size in counts.shape for part in (size // factor, factor)]
    coarse = counts.reshape(shape).mean(axis=tuple(range(1, 2 * counts.ndim, 2)))
    coarse = gaussian_filter(coarse, width / factor, mode="reflect", truncate=3)
    return zoom(coarse, factor, order=1, mode="nearest", grid_mode=True)


def _ratio(counts: np.ndarray, prior_rows: float) -> np.ndarray:
    """Density ratio in each cell, from the widest neighbourhood to the narrowest."""
    n, margins = counts.sum(), (counts.sum(1), counts.sum(0))
    ratio = np.ones_like(counts)
    for width in _WIDTHS:
        width *= len(counts) / 256
        n_cells = 4 * np.pi * width**2  # effective number of cells in a Gaussian mean of this width
        expected = np.outer(*(_smooth(margin, width) for margin in margins)) / n * n_cells
        ratio = (_smooth(counts, width) * n_cells + prior_rows * ratio) / (expected + prior_rows)
    normaliser = margins[0] @ ratio @ margins[1] / n**2
    return ratio / normaliser


def _counts(x: Tensor, y: Tensor, rows: Tensor, share: Tensor, n_cells: int) -> np.ndarray:
    """Rows in each cell of the ranks of two columns of normal scores."""
    row, column = (
        (torch.special.ndtr(z[rows]) * n_cells).long().clamp(0, n_cells - 1).numpy() for z in (x, y)
    )
    return np.bincount(row * n_cells + column, share[rows].numpy(), n_cells**2).reshape(n_cells, n_cells)
