"""The grid form: log ratios of pairs of columns on a grid of their ranks, smoothed as their counts ask for.

A thin band with sharp edges is no smooth function of the ranks, and a network takes long to find it. On a
grid the density of a pair is a matter of counting: each cell takes what its neighbourhood of a width says, as
far as rows are expected there, and else what the next wider neighbourhood said. Nothing is trained. Where
columns of x and y depend in pairs, the log ratios of the pairs are added.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, zoom
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from skmine._engine.forms.form import Fit, Form, Start
from skmine._engine.sample import Sample

#: Widths of the neighbourhoods in cells of a grid of 256, each about half the one before; doubled for 512.
_WIDTHS = (64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.6)
#: Weights of the wider neighbourhoods, in rows, that compete.
PRIOR_ROWS = (2.0, 6.0)
_COARSE = 4.0  # cells: wider neighbourhoods are smoothed on a coarser grid
_FINE_ROWS = 3_000  # from which on a single pair has a grid of 512
#: Pairs of columns at most: a limit on time.
_MOST_PAIRS = 6


class Grid(Form):
    """Density ratios of pairs of columns, counted on a grid. A setting is the weight of the neighbourhood."""

    def applies(self, sample: Sample) -> bool:
        """To two single columns, and to blocks with at most six columns that depend on others."""
        return sample.classes is None and bool(paired_columns(sample))

    def settings(self, sample: Sample, start: Start | None) -> list[list[float]]:
        """Either weight."""
        return [[prior_rows] for prior_rows in PRIOR_ROWS]

    def fit(self, sample: Sample, setting: float) -> Fit:
        """Tables, one a member."""
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
    """Core columns of x and y that depend on each other, each in one pair: those of the largest moments.

    Parameters
    ----------
    sample : Sample
        Of two blocks that are not discrete.

    Returns
    -------
    list of (int, int)
        The pair of two single columns, whether they depend or not; nothing where more than six columns of
        both blocks depend on others.
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
        In the cells of ``Phi(x)`` and ``Phi(y)``, for columns that are normal scores or indicators.
    columns_x, columns_y : sequence of int, of length n_pairs
        The column of x, and of y, of each pair.
    """

    log_ratio: Tensor

    def __init__(self, log_ratio: Tensor, columns_x: Sequence[int] = (0,), columns_y: Sequence[int] = (0,)):
        super().__init__()
        self.columns_x, self.columns_y = tuple(columns_x), tuple(columns_y)
        self.register_buffer("log_ratio", log_ratio)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log ratio by bilinear interpolation, (n_members, ..., d) twice -> (n_members, ...)."""
        columns = zip(self.log_ratio.unbind(1), self.columns_x, self.columns_y, strict=True)
        return torch.stack([_interpolate(table, x[..., j], y[..., k]) for table, j, k in columns]).sum(0)


def _interpolate(table: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Values of tables (n_members, n_cells, n_cells) at normal scores (n_members, ...)."""
    n_cells = table.shape[-1]
    row, row_share = _cells(x, n_cells)
    column, column_share = _cells(y, n_cells)
    low = row * n_cells + column
    shape = np.broadcast_shapes(row.shape, column.shape)  # torch.broadcast_shapes imports sympy
    flat = table.flatten(1)

    def read(shift: int) -> Tensor:
        return flat.gather(1, (low + shift).expand(shape).flatten(1)).view(shape)

    first = torch.lerp(read(0), read(1), column_share.expand(shape))
    second = torch.lerp(read(n_cells), read(n_cells + 1), column_share.expand(shape))
    return torch.lerp(first, second, row_share.expand(shape))


def _cells(score: Tensor, n_cells: int) -> tuple[Tensor, Tensor]:
    """Cell to the left of a normal score, and how far it is towards the next cell."""
    place = (torch.special.ndtr(score) * n_cells - 0.5).clamp(0, n_cells - 1.001)
    return place.floor().long(), place.frac()


def _smooth(counts: np.ndarray, width: float) -> np.ndarray:
    """Gaussian mean of the counts around each cell, of one or two axes."""
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
        n_cells = 4 * np.pi * width**2  # that a Gaussian mean of this width amounts to
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
