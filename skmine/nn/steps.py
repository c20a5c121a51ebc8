"""What training loops share: draws on the CPU, the order of the rows, averaged weights, and an optimiser."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

_EPSILON = 1e-8  # of Adam, which keeps a division by 0 away


def draw_normal(shape, generator: torch.Generator | None, like: Tensor) -> Tensor:
    """Normal draws made on the CPU, so that a seed gives the same on every device."""
    return torch.randn(shape, generator=generator, dtype=like.dtype).to(like.device)


def draw_rows(n: int, generator: torch.Generator, weight: Tensor | None = None) -> Tensor:
    """N row numbers in random order: each row once, or as often as its share of the weight, up to rounding.

    Parameters
    ----------
    n : int
        Rows.
    generator : torch.Generator
        On the CPU.
    weight : Tensor of shape (n,) or None, default=None
        Weights of the rows, on the CPU in double precision.

    Returns
    -------
    LongTensor of shape (n,)
    """
    order = torch.randperm(n, generator=generator)
    if weight is None:
        return order
    # Systematic sampling: points at equal distances on the line that the weights cut.
    first = torch.rand((), generator=generator, dtype=torch.float64)
    share = weight.cumsum(0) / weight.sum()
    return torch.searchsorted(share, (torch.arange(n) + first) / n, right=True).clamp_max(n - 1)[order]


def draw_batches(
    n: int, batch_size: int, generator: torch.Generator, weight: Tensor | None = None
) -> Iterator[Tensor]:
    """Row numbers of minibatches without end, as :func:`draw_rows`; every pass over the rows has its own."""
    while True:
        yield from draw_rows(n, generator, weight).split(batch_size)


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
        self.values = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float32)
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


class Adam:
    """As ``torch.optim.Adam`` without its options: the parameters move down along their gradients.

    The first optimiser of torch in a process imports its compiler: that takes seconds, and leaves a filter of
    warnings behind.

    Parameters
    ----------
    module : nn.Module
        Its trainable parameters are changed in place; it may be moved before the first step.
    learning_rate : float
        May be changed between steps.
    momentum, squares : float
        Decay of the means of the gradients and of their squares.

    References
    ----------
    Kingma and Ba (2015), Adam: a method for stochastic optimization, algorithm 1.
    """

    def __init__(
        self, module: nn.Module, learning_rate: float, momentum: float = 0.9, squares: float = 0.999
    ):
        self.parameters: list[Tensor] = [p for p in module.parameters() if p.requires_grad]
        self.learning_rate, self.momentum, self.squares = learning_rate, momentum, squares
        self.means: list[Tensor] = []
        self.mean_squares: list[Tensor] = []
        self.n_steps = 0

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters; one without gradient counts as one of gradient 0."""
        if not self.n_steps:
            self.means = [torch.zeros_like(p) for p in self.parameters]
            self.mean_squares = [torch.zeros_like(p) for p in self.parameters]
        self.n_steps += 1
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        torch._foreach_lerp_(self.means, gradients, 1 - self.momentum)
        torch._foreach_mul_(self.mean_squares, self.squares)
        torch._foreach_addcmul_(self.mean_squares, gradients, gradients, 1 - self.squares)
        scales = torch._foreach_sqrt(self.mean_squares)
        torch._foreach_div_(scales, math.sqrt(1 - self.squares**self.n_steps))
        torch._foreach_add_(scales, _EPSILON)
        size = self.learning_rate / (1 - self.momentum**self.n_steps)
        torch._foreach_addcdiv_(self.parameters, self.means, scales, -size)


class AdamW:
    """Adam with decoupled weight decay, as `torch.optim.AdamW` without its options, that climbs.

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

    _MOMENTUM, _SQUARES = 0.9, 0.999

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
        scale = self.square.sqrt().div_(math.sqrt(1 - self._SQUARES**self.n_steps)).add_(_EPSILON)
        size = self.learning_rate / (1 - self._MOMENTUM**self.n_steps)
        self.weights.addcdiv_(self.mean, scale, value=size)
