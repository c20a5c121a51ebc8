"""Critics: functions of a pair (x, y) that are trained to estimate the log density ratio.

A critic is any ``nn.Module`` whose ``forward(x, y)`` maps ``(..., d_x), (..., d_y)`` to ``(...)``. The
leading axes broadcast, so that ``x[..., :, None, :]`` and ``y[..., None, :, :]`` give the scores of all
pairs.

A *bank* is one module that holds ``n_members`` critics. The members are on the first axis of every parameter
and of the inputs.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import silu


@runtime_checkable
class ReadsFirst(Protocol):
    """A critic in two steps. The first step transforms x and y separately and is not trained."""

    def read_x(self, x: Tensor) -> Tensor:
        """First step for x: (n_members, ..., d_x) -> (n_members, ..., width)."""

    def read_y(self, y: Tensor) -> Tensor:
        """First step for y: (n_members, ..., d_y) -> (n_members, ..., width)."""

    def score(self, seen_x: Tensor, seen_y: Tensor) -> Tensor:
        """Second step: critic values."""


class BankLinear(nn.Module):
    """Linear layer, or a bank of linear layers.

    Parameters
    ----------
    n_in, n_out : int
        Number of input and output columns.
    n_members : int or None
        Number of layers in the bank. None makes a single layer without a bank axis.
    generator : torch.Generator or None
        Source of the initial weights.
    gain : float, default=1.0
        Initial standard deviation of an output column if the input columns have standard deviation 1. With 0,
        the weights start at zero.
    dtype : torch.dtype or None, default=None
        Data type of the weights. None uses torch's default.
    """

    def __init__(self, n_in, n_out, n_members=None, generator=None, *, gain=1.0, dtype=None):
        super().__init__()
        bank = () if n_members is None else (n_members,)
        weight = torch.zeros(*bank, n_in, n_out, dtype=dtype)
        if gain:
            weight.normal_(0.0, gain * math.sqrt(1.0 / max(n_in, 1)), generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(*bank, 1, n_out, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., n_in) -> (..., n_out). In a bank, the first axis is n_members."""
        if self.weight.dim() == 2:
            return x @ self.weight + self.bias[0]
        flat = x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])  # works without columns too
        return torch.baddbmm(self.bias, flat, self.weight).view(*x.shape[:-1], -1)


def _mlp(widths, n_members, generator, *, last_gain=1.0, dtype=None) -> nn.ModuleList:
    last = len(widths) - 2
    return nn.ModuleList(
        BankLinear(n_in, n_out, n_members, generator, gain=last_gain if i == last else 1.0, dtype=dtype)
        for i, (n_in, n_out) in enumerate(pairwise(widths))
    )


def _run(layers: nn.ModuleList, x: Tensor) -> Tensor:
    for layer in layers[:-1]:
        x = silu(layer(x))
    return layers[-1](x)


def soft_clip(scores: Tensor, limit: float) -> Tensor:
    """Limit scores smoothly to (-limit, limit). Scores near 0 hardly change."""
    return limit * torch.tanh(scores / limit)


class ConcatCritic(nn.Module):
    """Multilayer perceptron of the concatenation of x and y.

    The last layer starts at zero, so that an untrained critic is 0.

    Parameters
    ----------
    d_x, d_y : int
        Number of columns of x and of y.
    hidden_layer_sizes : sequence of int, default=(64, 64, 64)
        Number of units in each hidden layer.
    n_members : int or None, default=None
        Number of critics in the bank. None makes one critic without a bank axis.
    n_products : int, default=0
        Number of products among the inputs: for the first `n_products` columns, the column of x times the
        column of y.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    dtype : torch.dtype or None, default=None
        Data type of the weights. None uses torch's default.

    Notes
    -----
    The first layer is linear in x and in y, so it is applied to each of them once and the results are added.
    Scoring all pairs of a group then needs only one pass through that layer for each row.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import ConcatCritic
    >>> critic = ConcatCritic(2, 1)
    >>> critic(torch.zeros(100, 2), torch.zeros(100, 1)).shape
    torch.Size([100])
    """

    #: Whether it takes ``n_products``.
    reads_products: ClassVar[bool] = True

    def __init__(
        self,
        d_x: int,
        d_y: int,
        hidden_layer_sizes: Sequence[int] = (64, 64, 64),
        *,
        n_members: int | None = None,
        n_products: int = 0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        first, *rest = hidden_layer_sizes
        self.n_products = n_products

        def reader(width: int) -> BankLinear:
            return BankLinear(width, first, n_members, generator, dtype=dtype)

        self.from_x, self.from_y = reader(d_x), reader(d_y)
        self.from_products = reader(n_products) if n_products else None
        self.layers = _mlp([first, *rest, 1], n_members, generator, last_gain=0.0, dtype=dtype)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Critic values, ``(..., d_x), (..., d_y) -> (...)``."""
        hidden = self.from_x(x) + self.from_y(y)
        if self.from_products is not None:
            products = x[..., : self.n_products] * y[..., : self.n_products]
            hidden = hidden + self.from_products(products)
        return _run(self.layers, silu(hidden)).squeeze(-1)


class SeparableCritic(nn.Module):
    """Inner product of an embedding of x and an embedding of y.

    The scores of all pairs are one matrix product. Use it with bounds that need many marginal pairs, such as
    InfoNCE.

    Parameters
    ----------
    d_x, d_y, hidden_layer_sizes, n_members
        As in :class:`ConcatCritic`.
    embedding_size : int, default=32
        Number of columns of the embeddings.
    generator : torch.Generator or None, default=None
        Source of the initial weights.
    dtype : torch.dtype or None, default=None
        Data type of the weights. None uses torch's default.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import SeparableCritic
    >>> critic = SeparableCritic(2, 1)
    >>> x, y = torch.zeros(100, 2), torch.zeros(100, 1)
    >>> critic(x[:, None], y[None, :]).shape  # all pairs of rows
    torch.Size([100, 100])
    """

    #: Whether it takes ``n_products``.
    reads_products: ClassVar[bool] = False

    def __init__(
        self,
        d_x: int,
        d_y: int,
        hidden_layer_sizes: Sequence[int] = (64, 64, 64),
        *,
        n_members: int | None = None,
        embedding_size: int = 32,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        widths = [*hidden_layer_sizes, embedding_size]
        self.embed_x = _mlp([d_x, *widths], n_members, generator, last_gain=0.0, dtype=dtype)
        self.embed_y = _mlp([d_y, *widths], n_members, generator, dtype=dtype)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Critic values, ``(..., d_x), (..., d_y) -> (...)``."""
        return torch.einsum("...e,...e->...", _run(self.embed_x, x), _run(self.embed_y, y))


class ClassCritic(nn.Module):
    """Network with one output for each class of y. ``forward(x, one_hot)`` selects the output of the class.

    Parameters
    ----------
    d_x : int
        Number of columns of x.
    d_y : int
        Number of classes. y is one-hot.
    hidden_layer_sizes, n_members, generator, dtype
        As in :class:`ConcatCritic`.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import ClassCritic
    >>> labels = torch.tensor([0, 1, 2, 1])
    >>> critic = ClassCritic(2, 3)
    >>> critic(torch.zeros(4, 2), torch.nn.functional.one_hot(labels, 3).float()).shape
    torch.Size([4])
    """

    #: Whether the network reads products of columns of x and y.
    reads_products: ClassVar[bool] = False

    def __init__(
        self,
        d_x: int,
        d_y: int,
        hidden_layer_sizes: Sequence[int] = (64, 64, 64),
        *,
        n_members: int | None = None,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.layers = _mlp([d_x, *hidden_layer_sizes, d_y], n_members, generator, last_gain=0.0, dtype=dtype)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Critic values, ``(..., d_x), (..., n_classes) -> (...)``."""
        return torch.einsum("...c,...c->...", _run(self.layers, x), y)


#: Critics by name. To add one, write a class above and list it here.
CRITICS: dict[str, type[ConcatCritic] | type[SeparableCritic]] = {
    "concat": ConcatCritic,
    "separable": SeparableCritic,
}
