"""A bank of critics for the data at hand: its rows, its reference and its network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .classes import (
    ClassNormalised,
    ClassReference,
    TableReference,
    fit_class_reference,
    fit_table_reference,
)
from .critics import CRITICS, ClassCritic, CriticBank
from .reference import GaussianReference, ReferencedCritic, fit_differences, fit_gaussian_reference


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
    """

    values: Tensor
    n_core: int
    probability: Tensor | None = None

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
    def held_out(self) -> Tensor:
        """Both halves, shape (n_members, 2 n_half)."""
        return torch.cat(self.halves, 1)

    def to(self, device: torch.device) -> "Folds":
        """The same rows on a device."""
        return Folds(self.train.to(device), (self.halves[0].to(device), self.halves[1].to(device)))


def _network_columns(block: Block, width: int) -> tuple[int, int]:
    """First column that the network reads as it is, and all that it reads.

    The reference's coordinates stand for the core columns, unless there are fewer of them.
    """
    first = block.n_core if width >= block.n_core else 0
    return first, width + block.values.shape[1] - first


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
    device = x.values.device
    x_core, y_core = x.core.cpu(), y.core.cpu()  # decompositions: few devices have them all
    weight = None if weight is None else weight.cpu()
    probability = None if y.probability is None else y.probability.cpu()
    n_members = len(folds.train)
    if probability is not None and len(probability) == 1:  # nothing to tell apart: a log ratio of 0
        table = TableReference(x_core.new_zeros(n_members, x_core.shape[1], 1))
        return ClassNormalised(table, probability, n_members).to(device)
    if probability is not None and x.probability is not None:
        table = fit_table_reference(x_core, y_core, *rows, probability, weight)
        return ClassNormalised(table, probability, n_members).to(device)
    reference: ClassReference | GaussianReference
    if probability is not None:
        reference = fit_class_reference(x_core, y_core, *rows, probability, weight)
    else:
        reference = fit_gaussian_reference(x_core, y_core, *rows, weight)
    first_x, d_x = _network_columns(x, reference.width_x)
    first_y, d_y = _network_columns(y, reference.width_y)
    differences = None
    network: nn.Module
    if callable(critic):
        network = CriticBank(critic, d_x, d_y, n_members, generator)
    elif probability is not None:
        network = ClassCritic(d_x, d_y, hidden_layer_sizes, n_members=n_members, generator=generator)
    else:
        differences = fit_differences(x.values.cpu(), y.values.cpu(), rows[0], weight)
        n_differences = 0 if differences is None else differences.width
        network = CRITICS[critic](
            d_x + n_differences,
            d_y + n_differences,
            hidden_layer_sizes,
            n_members=n_members,
            n_products=min(reference.width_x, reference.width_y),
            n_differences=n_differences,
            generator=generator,
        )
    bank = ReferencedCritic(reference, network, first_x, first_y, differences)
    if probability is None:
        return bank.to(device)
    return ClassNormalised(bank, probability, n_members).to(device)
