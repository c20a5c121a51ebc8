"""Shared parts of the training loops: random draws, minibatches, averages of weights and optimisers."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

_EPSILON = 1e-8  # for Adam, against division by zero


def draw_normal(shape, generator: torch.Generator | None, like: Tensor) -> Tensor:
    """Normal draws. They are made on the CPU, so that a seed gives the same values on every device."""
    return torch.randn(shape, generator=generator, dtype=like.dtype).to(like.device)


def draw_rows(n: int, generator: torch.Generator, weight: Tensor | None = None) -> Tensor:
    """Draw row numbers in random order: each row once, or in proportion to its weight, up to rounding.

    Parameters
    ----------
    n : int
        Number of rows, and of draws.
    generator : torch.Generator
        On the CPU.
    weight : Tensor of shape (n,) or None, default=None
        Sample weights, on the CPU in double precision.

    Returns
    -------
    LongTensor of shape (n,)
    """
    order = torch.randperm(n, generator=generator)
    if weight is None:
        return order
    # Systematic sampling: equally spaced points on the cumulative weight.
    first = torch.rand((), generator=generator, dtype=torch.float64)
    share = weight.cumsum(0) / weight.sum()
    return torch.searchsorted(share, (torch.arange(n) + first) / n, right=True).clamp_max(n - 1)[order]


def draw_batches(
    n: int, batch_size: int, generator: torch.Generator, weight: Tensor | None = None
) -> Iterator[Tensor]:
    """Row numbers of minibatches, without end. Each epoch has a new order from :func:`draw_rows`."""
    while True:
        yield from draw_rows(n, generator, weight).split(batch_size)


@torch.no_grad()
def average_weights(averaged: nn.Module, model: nn.Module, weight: float) -> None:
    """Move the weights of `averaged` towards those of `model`.

    Parameters
    ----------
    averaged, model : nn.Module
        Two modules with the same parameters.
    weight : float
        Weight of the new parameters: 0 keeps the old average, 1 replaces it.
    """
    for kept, new in zip(averaged.parameters(), model.parameters(), strict=True):
        kept.lerp_(new, weight)


class BankWeights:
    """The trainable parameters of a bank as one vector. The parameters become views of it.

    An optimiser step on one vector is much faster than a step on each parameter.

    Parameters
    ----------
    bank : nn.Module
        Every parameter has the members on its first axis.

    Attributes
    ----------
    values : Tensor of shape (n_weights,)
        The concatenated weights.

    Raises
    ------
    ValueError
        If the parameters have different dtypes.
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
        """The parameters in a vector of weights, by name, as views of it."""
        parts = values.split([p.numel() for p in self._named.values()])
        return {name: part.view(p.shape) for (name, p), part in zip(self._named.items(), parts, strict=True)}

    def release(self) -> None:
        """Give each parameter its own memory again. Otherwise pickling one would store the whole vector."""
        for parameter in self._named.values():
            parameter.data = parameter.data.clone()

    def gradient(self, objective: Tensor) -> Tensor:
        """Gradient of an objective, shape (n_weights,). It is zero for weights that have no effect."""
        parts = torch.autograd.grad(objective, list(self._named.values()), materialize_grads=True)
        return torch.cat([part.flatten() for part in parts])


class Adam:
    """Adam without the options of ``torch.optim.Adam``. It minimises.

    The optimisers of torch are not used, because the first one in a process imports the compiler of torch.
    That takes seconds and adds warning filters.

    Parameters
    ----------
    module : nn.Module
        Its trainable parameters are changed in place. It may be moved to a device before the first step.
    learning_rate : float
        Learning rate. It may be changed between steps.
    momentum, squares : float
        Decay of the moving averages of the gradients and of their squares.

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
        """Remove the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters. A missing gradient counts as 0."""
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
    """AdamW without the options of ``torch.optim.AdamW``. It maximises.

    Parameters
    ----------
    weights : Tensor
        Changed in place.
    learning_rate, weight_decay : float
        Learning rate and weight decay. They may be changed between steps.

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
        """Update the weights by a gradient of the same shape."""
        self.n_steps += 1
        self.weights.mul_(1 - self.learning_rate * self.weight_decay)
        self.mean.lerp_(gradient, 1 - self._MOMENTUM)
        self.square.mul_(self._SQUARES).addcmul_(gradient, gradient, value=1 - self._SQUARES)
        scale = self.square.sqrt().div_(math.sqrt(1 - self._SQUARES**self.n_steps)).add_(_EPSILON)
        size = self.learning_rate / (1 - self._MOMENTUM**self.n_steps)
        self.weights.addcdiv_(self.mean, scale, value=size)
