"""What training loops share: draws on the CPU, the order of the rows, averaged weights, and an optimiser."""

import math
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


class BankWeights:
    """The trainable parameters of a bank as one vector, which they become views of.

    A step on one vector takes a fraction of the time of a step on each parameter.

    Parameters
    ----------
    bank : nn.Module
        Every parameter has the members on its first axis.

    Attributes
    ----------
    values : Tensor of shape (n_weights,)
        The weights, one parameter after the other.

    Raises
    ------
    ValueError
        The parameters are of several dtypes.
    """

    def __init__(self, bank: nn.Module):
        self._named = {name: p for name, p in bank.named_parameters() if p.requires_grad}
        dtypes = {str(p.dtype) for p in self._named.values()}
        if len(dtypes) > 1:
            raise ValueError(
                f"The trainable parameters of a critic must have one dtype; got {', '.join(sorted(dtypes))}. "
                "Convert them, as by critic.float()."
            )
        parts = [p.detach().flatten() for p in self._named.values()]
        self.values = torch.cat(parts) if parts else torch.zeros(0)
        for parameter, view in zip(self._named.values(), self.state(self.values).values(), strict=True):
            parameter.data = view

    def state(self, values: Tensor) -> dict[str, Tensor]:
        """The parameters that such a vector stands for, by name: views of it."""
        parts = values.split([p.numel() for p in self._named.values()])
        return {name: part.view(p.shape) for (name, p), part in zip(self._named.items(), parts, strict=True)}

    def release(self) -> None:
        """Give each parameter a memory of its own again: one that is pickled would take the others along."""
        for parameter in self._named.values():
            parameter.data = parameter.data.clone()

    def gradient(self, objective: Tensor) -> Tensor:
        """Of an objective, shape (n_weights,); zero where it does not depend on a weight."""
        parts = torch.autograd.grad(objective, list(self._named.values()), materialize_grads=True)
        return torch.cat([part.flatten() for part in parts])


class AdamW:
    """Adam with decoupled weight decay, as `torch.optim.AdamW` without its options, that climbs.

    The first optimiser of torch in a process imports its compiler, which takes longer than a fit of some
    hundred rows.

    Parameters
    ----------
    weights : Tensor
        Changed in place.
    learning_rate, weight_decay : float
        May be changed between steps.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay regularization, algorithm 2.
    """

    _MOMENTUM, _SQUARES, _EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, weights: Tensor, learning_rate: float, weight_decay: float):
        self.weights, self.learning_rate, self.weight_decay = weights, learning_rate, weight_decay
        self.mean, self.square = torch.zeros_like(weights), torch.zeros_like(weights)
        self.n_steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor) -> None:
        """Move the weights along a gradient of their shape."""
        self.n_steps += 1
        self.weights.mul_(1 - self.learning_rate * self.weight_decay)
        self.mean.lerp_(gradient, 1 - self._MOMENTUM)
        self.square.mul_(self._SQUARES).addcmul_(gradient, gradient, value=1 - self._SQUARES)
        scale = self.square.sqrt().div_(math.sqrt(1 - self._SQUARES**self.n_steps)).add_(self._EPSILON)
        size = self.learning_rate / (1 - self._MOMENTUM**self.n_steps)
        self.weights.addcdiv_(self.mean, scale, value=size)
