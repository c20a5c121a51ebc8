"""The network form: the best closed form plus a network that is trained on minibatches."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from skmine._engine.canonical import WHITENING_RIDGE, Projection, whitening
from skmine._engine.critics import Reference, ReferencedCritic, normalised, of_members
from skmine._engine.forms.form import Fit, Form, Start
from skmine._engine.limits import CHOOSING_ROWS, MOST_COLUMNS
from skmine._engine.sample import Block, Sample
from skmine.nn.bank import CriticBank
from skmine.nn.critics import CRITICS, ClassCritic
from skmine.nn.training import train

#: Marginal pairs per held-out row when training may stop, to limit time.
_STOPPING_GROUP = 8
#: If chance contributes at most this many nats to the products of the two blocks' coordinates, all are shown.
_FEW_NATS = 0.01
#: Scale of columns that show no dependence. If only a few of many columns matter, the network would otherwise
#: learn the noise of the others first: with ``critic="concat"`` the error of `hidden-oscillation-10` is .04
#: instead of .08 nats, and that of `parity-2-of-10` .10 instead of .17.
_FAINT = 0.03


@dataclass(frozen=True)
class Network(Form):
    """A network that reads the coordinates of the start. Its output is added to the log ratio of the start.

    The setting is the input of the network.

    Attributes
    ----------
    critic : str or callable
        Name in :data:`skmine.nn.CRITICS`, or a factory ``(d_x, d_y) -> nn.Module``.
    hidden_layer_sizes : sequence of int
        Widths of the hidden layers of a named critic.
    bound : object
        Bound that is maximised, see :data:`skmine.nn.BOUNDS`.
    generator : torch.Generator
        On the CPU; the only source of randomness.
    device : torch.device
        Where to train.
    training : dict
        Further parameters of :func:`skmine.nn.training.train`.
    resume : callable or None, default=None
        Function that loads trained weights into a bank, to continue training.
    """

    critic: Any
    hidden_layer_sizes: Sequence[int]
    bound: Any
    generator: torch.Generator
    device: torch.device
    training: dict
    resume: Callable[[nn.Module], None] | None = None

    def applies(self, sample: Sample) -> bool:
        """Whether x is continuous, and y is continuous or has at least two classes."""
        return sample.x.probability is None and (sample.classes is None or len(sample.classes) > 1)

    def settings(self, sample: Sample, start: Start | None) -> list[list["Inputs"]]:
        """The input of the network, if there is a start."""
        return [] if start is None else [[Inputs.of(sample, start)]]

    def fit(self, sample: Sample, setting: "Inputs") -> Fit:
        """Train one network per member."""
        bank = self._build(sample, setting.of_members(sample.members))
        bank = bank.to(self.device, sample.x.values.dtype)
        if self.resume is not None:
            self.resume(bank)
        data = sample.to(self.device)
        result = train(
            bank,
            data.x.values,
            data.y.values,
            data.folds.train,
            [half[:, :CHOOSING_ROWS] for half in data.folds.halves],
            bound=copy.deepcopy(self.bound),  # training may leave state in it
            pairs=data.pairs(self.bound, self.bound.group_size),
            stopping_pairs=data.pairs(self.bound, max(_STOPPING_GROUP, self.bound.group_size)),
            weight=data.weight,
            generator=self.generator,
            **self.training,
        )
        return Fit(bank, tuple(result.states), result)

    def _build(self, sample: Sample, inputs: "Inputs") -> nn.Module:
        """The start plus an untrained network."""
        n_members = sample.n_members
        network: nn.Module
        if callable(self.critic):
            network = CriticBank(self.critic, inputs.d_x, inputs.d_y, n_members, self.generator)
        else:
            kind = CRITICS[self.critic] if sample.classes is None else ClassCritic
            network = kind(
                inputs.d_x,
                inputs.d_y,
                self.hidden_layer_sizes,
                n_members=n_members,
                generator=self.generator,
                dtype=sample.x.values.dtype,
                **({"n_products": inputs.n_products} if kind.reads_products else {}),
            )
        bank = ReferencedCritic(inputs.reference, network, inputs.shown_x, inputs.shown_y)
        return normalised(bank, sample.classes, n_members)


@dataclass(frozen=True)
class Inputs:
    """Input of a network: coordinates of the start, and further columns of both blocks.

    Attributes
    ----------
    reference : Reference
        The start.
    shown_x, shown_y : Columns or None
        Further columns, or None if there are none.
    n_products : int, default=0
        Number of leading columns of the two blocks that are multiplied in pairs, if the network reads
        products.
    """

    reference: Reference
    shown_x: "Columns"
    shown_y: "Columns | None"
    n_products: int = 0

    @classmethod
    def of(cls, sample: Sample, start: Start) -> "Inputs":
        """Dependent columns at full scale, and others scaled down."""
        plain, relevant = start.simplest, sample.dependence.relevant
        few = plain.width_x * plain.width_y <= 2 * sample.folds.train.shape[1] * _FEW_NATS
        whole = few and all(bool(mask.all()) for mask in relevant)
        leading = plain if whole else plain.confirmed()
        is_plain = start.best is start.simplest
        reference = leading if is_plain else start.best
        first_x, first_y = (None, None) if is_plain else (leading.project_x, leading.project_y)
        mask_x, mask_y = (None, None) if whole else relevant
        shown_x = _shown(sample.x, mask_x, sample, first_x, plain.width_x)
        if sample.classes is not None:
            return cls(reference, shown_x, None)
        shown_y = _shown(sample.y, mask_y, sample, first_y, plain.width_y)
        n_products = min(leading.width_x, leading.width_y) + (0 if is_plain else reference.width_x)
        return cls(reference, shown_x, shown_y, n_products)

    @property
    def d_x(self) -> int:
        """Number of columns of x that are read."""
        return self.reference.width_x + self.shown_x.width

    @property
    def d_y(self) -> int:
        """Number of columns of y that are read."""
        return self.reference.width_y + (0 if self.shown_y is None else self.shown_y.width)

    def of_members(self, members: slice) -> "Inputs":
        """The same for some members of the bank."""
        return replace(
            self,
            reference=of_members(self.reference, members),
            shown_x=of_members(self.shown_x, members),
            shown_y=None if self.shown_y is None else of_members(self.shown_y, members),
        )


class Columns(nn.Module):
    """Input columns of the network from one block.

    Parameters
    ----------
    coordinates : Projection or None
        Coordinates of the core columns.
    first : int
        Index of the first column that is read directly, times its size.
    size : Tensor of shape (n_members, d - first)
        1, or less for columns that show no dependence.
    """

    size: Tensor

    def __init__(self, coordinates: Projection | None, first: int, size: Tensor):
        super().__init__()
        self.coordinates, self.first = coordinates, first
        self.register_buffer("size", size)

    @property
    def width(self) -> int:
        """Number of columns returned."""
        return self.size.shape[-1] + (0 if self.coordinates is None else self.coordinates.width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., width)."""
        size = self.size.view(len(self.size), *(1,) * (x.dim() - 2), -1)
        parts = [x[..., self.first :] * size]
        if self.coordinates is not None:
            parts.insert(0, self.coordinates(x))
        return torch.cat(parts, -1)


def _shown(
    block: Block,
    relevant: Tensor | None,
    sample: Sample,
    leading: Projection | None,
    width: int,
) -> Columns:
    """Columns of a block that are shown besides the coordinates of the start.

    These are the `leading` coordinates, whitened columns (unless `relevant` is None) and views. If there are
    more core columns than the `width` of their whitening, the core columns are added unchanged.
    """
    coordinates = leading
    if relevant is not None:
        coordinates = _whitened(block.core, leading, relevant, sample.folds.train)
    first = block.n_core if width >= block.n_core else 0
    size = block.values.new_ones(block.values.shape[1])
    if relevant is not None:
        origin = torch.arange(block.n_core) if block.origin is None else block.origin
        size[~relevant[origin] & (origin >= 0)] = _FAINT
    return Columns(coordinates, first, size[first:].repeat(sample.n_members, 1))


def _whitened(x: Tensor, leading: Projection | None, relevant: Tensor, train_rows: Tensor) -> Projection:
    """Leading coordinates, then relevant columns (whitened), then the other columns (scaled down)."""
    n_members, d = len(train_rows), x.shape[1]
    rows = x[train_rows[0]]
    mean = rows.mean(0)
    parts = [] if leading is None else [leading.weight]
    for mask, size in ((relevant, 1.0), (~relevant, _FAINT)):
        if mask.any():
            axes, variance = whitening(rows[:, mask] - mean[mask])
            weight = x.new_zeros(d, min(MOST_COLUMNS, len(variance)))
            weight[mask] = (size * axes * (variance + WHITENING_RIDGE).rsqrt()).flip(1)[:, :MOST_COLUMNS]
            parts.append(weight.expand(n_members, -1, -1))
    return Projection(mean.repeat(n_members, 1) if leading is None else leading.mean, torch.cat(parts, 2))
