"""What training loops share: draws on the CPU, the order of the rows, averaged weights, and an optimiser."""

import math
from collections.abc import Iterator, Sequence

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


class AdamW:
    """Adam with decoupled weight decay, as `torch.optim.AdamW` without its options.

    The first optimiser of torch in a process imports its compiler, which takes longer than a fit of some
    hundred rows.

    Parameters
    ----------
    parameters : sequence of Tensor
        One without a gradient stays as it is.
    learning_rate, weight_decay : float
        May be changed between steps.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay regularization, algorithm 2.
    """

    _MOMENTUM, _SQUARES, _EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters: Sequence[Tensor], learning_rate: float, weight_decay: float):
        self.parameters, self.learning_rate, self.weight_decay = list(parameters), learning_rate, weight_decay
        self.mean = [torch.zeros_like(p) for p in self.parameters]
        self.square = [torch.zeros_like(p) for p in self.parameters]
        self.n_steps = 0

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters against their gradients."""
        self.n_steps += 1
        every = zip(self.parameters, self.mean, self.square, strict=True)
        moved = [(p, p.grad, mean, square) for p, mean, square in every if p.grad is not None]
        if not moved:
            return
        parameters, gradients, means, squares = (list(part) for part in zip(*moved, strict=True))
        torch._foreach_mul_(parameters, 1 - self.learning_rate * self.weight_decay)
        torch._foreach_lerp_(means, gradients, 1 - self._MOMENTUM)
        torch._foreach_mul_(squares, self._SQUARES)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - self._SQUARES)
        scale = torch._foreach_sqrt(squares)
        torch._foreach_div_(scale, math.sqrt(1 - self._SQUARES**self.n_steps))
        torch._foreach_add_(scale, self._EPSILON)
        size = self.learning_rate / (1 - self._MOMENTUM**self.n_steps)
        torch._foreach_addcdiv_(parameters, means, scale, -size)
