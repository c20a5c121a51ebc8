"""What training loops share: draws on the CPU, the order of the rows, and averaged weights."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


def draw_normal(shape, generator: torch.Generator | None, like: Tensor) -> Tensor:
    """Normal draws made on the CPU, so that a seed gives the same on every device."""
    return torch.randn(shape, generator=generator, dtype=like.dtype).to(like.device)


def draw_batches(n: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of minibatches without end; every pass over the rows has its own order."""
    while True:
        yield from torch.randperm(n, generator=generator).split(batch_size)


@torch.no_grad()
def average_weights(averaged: nn.Module, model: nn.Module, weight: float) -> None:
    """Move the weights of `averaged` towards those of `model`.

    Parameters
    ----------
    averaged, model : nn.Module
        Two modules of one form.
    weight : float
        Share of the way.
    """
    for kept, new in zip(averaged.parameters(), model.parameters(), strict=True):
        kept.lerp_(new, weight)
