"""A bank of critics for the data at hand: its rows, its reference and its network."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .choosing import ReferenceRows
from .classes import (
    ClassNormalised,
    TableReference,
    closed_form,
    fit_class_reference,
    fit_table_reference,
    referenced,
)
from .coordinates import (
    FAINT,
    NetworkColumns,
    ReferencedCritic,
    fit_coordinates,
    fit_differences,
    relevant_columns,
)
from .critics import CRITICS, ClassCritic, CriticBank
from .mixture_references import fit_mixture_reference
from .reference import Projection, Reference, fit_gaussian_reference
from .variates import Reading, fit_variate_reference

#: Rows that a member must hold out for a network to be judged by them.
JUDGING_ROWS = 12
#: Nats that chance adds to the products of two blocks' coordinates, up to which all of them are shown.
_FEW_NATS = 0.01


@dataclass(frozen=True)
class Block:
    """Encoded columns of X or of y.

    Attributes
    ----------
    values : Tensor of shape (n, d)
        The columns; one-hot classes for a discrete block.
    n_core : int
        Leading columns that the reference reads.
    probability : Tensor of shape (n_classes,) or None
        Class probabilities of a discrete block.
    origin : LongTensor of shape (d,) or None
        Core column that each column is a function of; -1 for several. None where all columns are core ones.
    n_scaled : int, default=0
        Columns, after the core ones, that hold columns of the data in their own units, scaled.
    """

    values: Tensor
    n_core: int
    probability: Tensor | None = None
    origin: Tensor | None = None
    n_scaled: int = 0

    @property
    def core(self) -> Tensor:
        """The leading columns, shape (n, n_core)."""
        return self.values[:, : self.n_core]


@dataclass(frozen=True)
class Folds:
    """Row numbers of each member of the bank.

    Attributes
    ----------
    train : LongTensor of shape (n_members, n_train)
        Rows that a member learns from.
    halves : tuple of two LongTensor of shape (n_members, n_half)
        Rows that it holds out, in two halves.
    """

    train: Tensor
    halves: tuple[Tensor, Tensor]

    @classmethod
    def of_splits(cls, splits: Sequence[tuple[Tensor, Tensor]], generator: torch.Generator) -> "Folds":
        """Shuffle the rows of each split, and leave some out where the splits differ in length.

        Parameters
        ----------
        splits : sequence of (LongTensor, LongTensor)
            Training and held-out rows of each member.
        generator : torch.Generator
            On the CPU.

        Returns
        -------
        Folds
        """
        shuffled = [
            [rows[torch.randperm(len(rows), generator=generator)] for rows in split] for split in splits
        ]
        n_train = min(len(train) for train, _ in shuffled)
        half = min(len(held_out) for _, held_out in shuffled) // 2
        held_out = torch.stack([rows[: 2 * half] for _, rows in shuffled])
        train = torch.stack([rows[:n_train] for rows, _ in shuffled])
        return cls(train, (held_out[:, :half], held_out[:, half:]))

    @property
    def first(self) -> "Folds":
        """Those of the first member alone."""
        return Folds(self.train[:1], (self.halves[0][:1], self.halves[1][:1]))

    @property
    def held_out(self) -> Tensor:
        """Both halves, shape (n_members, 2 n_half)."""
        return torch.cat(self.halves, 1)

    def to(self, device: torch.device) -> "Folds":
        """The same rows on a device."""
        return Folds(self.train.to(device), (self.halves[0].to(device), self.halves[1].to(device)))


def build_critic(critic, x: Block, y: Block, folds: Folds, hidden_layer_sizes, generator, weight=None):
    """Reference plus untrained network, as a bank with one member a fold.

    Where x and y are both discrete, a table of their log ratios, which needs no network.

    Parameters
    ----------
    critic : str or callable
        Name in :data:`skmine.nn.CRITICS`, or a factory ``(d_x, d_y) -> nn.Module``.
    x, y : Block
        All rows.
    folds : Folds
        Rows of each member.
    hidden_layer_sizes : sequence of int
        Widths of the hidden layers of a named critic.
    generator : torch.Generator
        Source of the initial weights.
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    nn.Module
    """
    rows = folds.train.cpu(), folds.held_out.cpu()
    x_core, y_core = x.core.cpu(), y.core.cpu()  # decompositions: few devices have them all
    weight = None if weight is None else weight.cpu()
    probability = None if y.probability is None else y.probability.cpu()
    n_members = len(folds.train)
    if probability is not None and len(probability) == 1:  # nothing to tell apart: a log ratio of 0
        table = TableReference(x_core.new_zeros(n_members, x_core.shape[1], 1))
        return ClassNormalised(table, probability, n_members).to(x.values)
    if probability is not None and x.probability is not None:
        table = fit_table_reference(x_core, y_core, *rows, probability, weight)
        return ClassNormalised(table, probability, n_members).to(x.values)
    network = hidden_layer_sizes, generator, weight
    if probability is not None:
        return _class_bank(critic, x, y, probability, rows, *network).to(x.values)
    return _pair_bank(critic, x, y, rows, *network).to(x.values)


def _pair_bank(
    critic, x: Block, y: Block, rows: tuple[Tensor, Tensor], hidden_layer_sizes, generator, weight
) -> ReferencedCritic:
    """Critics of two blocks of which neither is discrete."""
    train_rows, n_members = rows[0], len(rows[0])
    x_core, y_core = x.core.cpu(), y.core.cpu()
    linear = fit_gaussian_reference(x_core, y_core, *rows, weight)
    relevant = relevant_columns(x_core, y_core, train_rows[0], weight)
    reference, readings = linear, _readings(x, y, relevant)
    if max(x.n_core, y.n_core) > 1:  # of two single columns the network reads cosines
        seen = ReferenceRows.of_folds(x.values.cpu(), y.values.cpu(), *rows, weight)
        reference = fit_variate_reference(seen, linear, readings)
    few = linear.width_x * linear.width_y <= 2 * train_rows.shape[1] * _FEW_NATS
    whole = few and all(bool(mask.all()) for mask in relevant)
    # Canonical coordinates beyond those that held-out rows confirm agree in the training rows by chance.
    leading = linear if whole else linear.leading(max(1, int((linear.correlations > 0).any(0).sum())))
    n_products = min(leading.width_x, leading.width_y)
    first: tuple[Projection | None, ...] = leading.project_x, leading.project_y
    if reference is linear:
        reference, first = leading, (None, None)
    else:
        n_products += reference.width_x
    differences = fit_differences(x.values.cpu(), y.values.cpu(), train_rows, weight)
    shown = [
        _network_columns(block, None if whole else mask, train_rows, projection, width, difference)
        for block, mask, projection, width, difference in zip(
            (x, y), relevant, first, (linear.width_x, linear.width_y), differences, strict=True
        )
    ]
    d_x, d_y = reference.width_x + shown[0].width, reference.width_y + shown[1].width
    network: nn.Module
    if callable(critic):
        network = CriticBank(critic, d_x, d_y, n_members, generator)
    else:
        network = CRITICS[critic](
            d_x,
            d_y,
            hidden_layer_sizes,
            n_members=n_members,
            n_products=n_products,
            n_differences=0 if differences[0] is None else differences[0].width,
            generator=generator,
        )
    return ReferencedCritic(reference, network, shown[0], shown[1], readings)


def build_mixture(
    critic: nn.Module,
    x: Block,
    y: Block,
    folds: Folds,
    weight: Tensor | None = None,
    is_promising: Callable[[nn.Module], bool] | None = None,
) -> nn.Module | None:
    """Gaussian mixtures, one a fold, of columns that depend on the other block.

    Parameters
    ----------
    critic : nn.Module
        The bank, from :func:`build_critic`: it has found such columns, and its reference the coordinates that
        are read where they are many.
    x, y, folds, weight
        As in :func:`build_critic`.
    is_promising : callable or None, default=None
        Whether the mixture of the first member, as a bank of one, is worth fitting for all; asked where that
        member holds out rows enough to tell.

    Returns
    -------
    ReferencedCritic, ClassNormalised or None
        None where none finds dependence on held-out rows or is promising, or both blocks are discrete.
    """
    inner = referenced(critic)
    if inner is None:
        return None

    def as_critic(reference: Reference) -> nn.Module:
        return closed_form(reference, y.probability).to(x.values)

    weight = None if weight is None else weight.cpu()
    rows = folds.train.cpu(), folds.held_out.cpu()
    seen = ReferenceRows.of_folds(x.values.cpu(), y.values.cpu(), *rows, weight)
    coordinates = copy.deepcopy(inner.reference).cpu()
    mixture = fit_mixture_reference(
        seen,
        coordinates,
        inner.readings,
        None if is_promising is None else lambda first: is_promising(as_critic(first)),
    )
    return None if mixture is None else as_critic(mixture)


def _readings(x: Block, y: Block, relevant: tuple[Tensor, Tensor]) -> list[tuple[Reading, Reading]]:
    """The core columns of both blocks, and, where there are any, those in their own units."""
    core, scaled = zip(*(_readings_of(*block) for block in zip((x, y), relevant, strict=True)), strict=True)
    return [core] if core == scaled else [core, scaled]


def _readings_of(block: Block, relevant: Tensor) -> tuple[Reading, Reading]:
    """The core columns of a block, and those in their own units, or the core ones again."""
    core = Reading(0, block.n_core, tuple(relevant.nonzero().flatten().tolist()))
    if not block.n_scaled or block.origin is None:
        return core, core
    start, stop = block.n_core, block.n_core + block.n_scaled
    found = tuple(relevant[block.origin.cpu()[start:stop]].nonzero().flatten().tolist())
    return core, Reading(start, stop, found or tuple(range(block.n_scaled)))


def _class_bank(
    critic,
    x: Block,
    y: Block,
    probability: Tensor,
    rows: tuple[Tensor, Tensor],
    hidden_layer_sizes,
    generator,
    weight,
) -> ClassNormalised:
    """Critics of a block and a discrete one."""
    train_rows, n_members = rows[0], len(rows[0])
    x_core, y_core = x.core.cpu(), y.core.cpu()
    reference = fit_class_reference(x_core, y_core, *rows, probability, weight)
    masks = relevant_columns(x_core, y_core, train_rows[0], weight)
    relevant, width = masks[0], reference.width_x
    whole = bool(relevant.all())
    if not whole:
        reference.project_x = reference.project_x.leading(reference.weight.shape[1])
    shown = _network_columns(x, None if whole else relevant, train_rows, None, width, None)
    d_x, d_y = reference.width_x + shown.width, reference.width_y
    network: nn.Module
    if callable(critic):
        network = CriticBank(critic, d_x, d_y, n_members, generator)
    else:
        network = ClassCritic(d_x, d_y, hidden_layer_sizes, n_members=n_members, generator=generator)
    bank = ReferencedCritic(reference, network, shown, readings=_readings(x, y, masks))
    return ClassNormalised(bank, probability, n_members)


def _network_columns(
    block: Block, relevant: Tensor | None, train_rows, leading, width: int, differences
) -> NetworkColumns:
    """Columns of a block for the network, beside the reference's coordinates.

    `leading` coordinates, whitened columns unless `relevant` is None, views, and the core columns as they are
    if there are more of them than the `width` of their whitening.
    """
    n_members = len(train_rows)
    coordinates = leading
    if relevant is not None:
        coordinates = fit_coordinates(block.core.cpu(), leading, relevant, train_rows)
    first = block.n_core if width >= block.n_core else 0
    size = block.values.cpu().new_ones(block.values.shape[1] - first)
    if relevant is not None:
        origin = torch.arange(block.n_core) if block.origin is None else block.origin.cpu()
        size = torch.where(relevant[origin] | (origin < 0), 1.0, FAINT)[first:]
    return NetworkColumns(coordinates, first, size.repeat(n_members, 1), differences)
