"""Local critic of a scalar pair: the log ratio on a grid of ranks, smoothed as far as its counts ask for.

A thin band with sharp edges is no smooth function of the ranks, and a network takes long to find it. On a
grid the density of a pair is a matter of counting: each cell takes what its neighbourhood of a width says, as
far as rows are expected there, and else what the next wider neighbourhood said. Nothing is trained.
"""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, zoom
from torch import Tensor, nn

from .building import Block, Folds

_WIDTHS = (64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.6)  # cells, of a grid of 256; doubled for 512
_PRIOR_ROWS = (2.0, 6.0)
_COARSE = 4.0  # cells: wider neighbourhoods are smoothed on a coarser grid
_FINE_ROWS = 3_000


class LocalCritic(nn.Module):
    """Log density ratio of two scalar columns, read from a table over their ranks.

    Parameters
    ----------
    log_ratio : Tensor of shape (n_members, n_cells, n_cells)
        In the cells of ``Phi(x)`` and ``Phi(y)``, for columns that are normal scores.
    """

    log_ratio: Tensor

    def __init__(self, log_ratio: Tensor):
        super().__init__()
        self.register_buffer("log_ratio", log_ratio)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log ratio by bilinear interpolation, (n_members, ..., d) twice -> (n_members, ...)."""
        n_cells = self.log_ratio.shape[-1]
        row, row_share = _cells(x[..., 0], n_cells)
        column, column_share = _cells(y[..., 0], n_cells)
        low = row * n_cells + column
        shape = torch.broadcast_shapes(row.shape, column.shape)
        flat = self.log_ratio.flatten(1)

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


def local_critics(x: Block, y: Block, folds: Folds, weight: Tensor | None = None) -> Iterator[LocalCritic]:
    """Banks of local critics, one for each weight of the wider neighbourhoods.

    Parameters
    ----------
    x, y : Block
        All rows.
    folds : Folds
        Rows of each member.
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Yields
    ------
    LocalCritic
        Nothing where a block is discrete or has more than one core column.
    """
    if x.n_core != 1 or y.n_core != 1 or x.probability is not None or y.probability is not None:
        return
    n_cells = 512 if folds.train.shape[1] > _FINE_ROWS else 256
    rank = [torch.special.ndtr(block.values[:, 0].cpu()) for block in (x, y)]
    row, column = ((r * n_cells).long().clamp(0, n_cells - 1).numpy() for r in rank)
    share = torch.ones(len(row)) if weight is None else weight.cpu() / weight.cpu().mean()
    tables = [
        np.bincount((row * n_cells + column)[rows], share[rows].numpy(), n_cells**2).reshape(n_cells, n_cells)
        for rows in folds.train.cpu()
    ]
    for prior_rows in _PRIOR_ROWS:
        ratios = np.stack([_ratio(table, prior_rows) for table in tables])
        yield LocalCritic(torch.as_tensor(np.log(ratios)).to(x.values))
