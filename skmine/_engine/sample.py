"""The rows, with everything that is computed from them once and shared by the forms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from skmine._engine.dependence import Dependence
from skmine._engine.limits import MOST_COLUMNS, MOST_ROWS
from skmine.nn.pairs import choose_pairs, choose_valuing_pairs

#: Number of parts of the rows. Models that learn from all parts but one predict this one.
PARTS = 4
#: Minimum number of rows in a half that are compared with training rows. They form about 1,000 pairs.
_FEWEST_COMPARED = 32
#: A column counts as having a density if at most this share of its rows have values that repeat.
_MOST_TIED = 0.5


@dataclass(frozen=True)
class Block:
    """Encoded columns of X or of y.

    Attributes
    ----------
    values : Tensor of shape (n, d)
        The columns, or one-hot classes for a discrete block.
    n_core : int
        Number of leading columns that contain all information. The others are views of the same data.
    probability : Tensor of shape (n_classes,) or None
        Class probabilities of a discrete block.
    origin : LongTensor of shape (d,) or None
        Index of the core column that each column is a function of, or -1 if there are several. None if all
        columns are core columns.
    n_scaled : int, default=0
        Number of columns, after the core columns, that contain the data in their own units, scaled.
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

    @property
    def has_atoms(self) -> bool:
        """Whether most values of some core column repeat, so that it has no density."""
        ordered = self.core.sort(0).values
        same = ordered[1:] == ordered[:-1]
        edge = torch.zeros_like(same[:1])
        tied = torch.cat([same, edge]) | torch.cat([edge, same])
        return bool((tied.float().mean(0) > _MOST_TIED).any())

    def to(self, device: torch.device) -> "Block":
        """Copy to a device."""
        probability = None if self.probability is None else self.probability.to(device)
        return Block(self.values.to(device), self.n_core, probability, self.origin, self.n_scaled)


class Reading(NamedTuple):
    """Columns of a block in one unit: normal scores, or the original units.

    Attributes
    ----------
    start, stop : int
        Index of the first column, and one after the last.
    relevant : tuple of int
        Indices, among these columns, of those that depend on the other block alone.
    """

    start: int
    stop: int
    relevant: tuple[int, ...]

    def of(self, x: Tensor) -> Tensor:
        """The columns, (..., d) -> (..., stop - start)."""
        return x[..., self.start : self.stop]

    @property
    def every(self) -> tuple[int, ...]:
        """Indices of all columns in the block."""
        return tuple(range(self.start, self.stop))

    @property
    def dependent(self) -> tuple[int, ...]:
        """Indices in the block of the columns that depend on the other block alone."""
        return tuple(self.start + j for j in self.relevant)

    @property
    def choices(self) -> list[tuple[int, ...]]:
        """Candidate columns of a kernel: all columns, or only those that depend on the other block alone."""
        return list(dict.fromkeys([self.every, self.dependent]))

    @property
    def few(self) -> tuple[int, ...]:
        """All columns, or, if they are too many for networks and trees, only the dependent ones."""
        return self.every if self.stop - self.start <= MOST_COLUMNS else self.dependent


@dataclass(frozen=True)
class Folds:
    """Row indices for each member of a bank of critics.

    Attributes
    ----------
    train : LongTensor of shape (n_members, n_train)
        Training rows of each member.
    halves : tuple of two LongTensor of shape (n_members, n_half)
        Held-out rows of each member, in two halves.
    learning : BoolTensor of shape (n_members, n)
        Rows that each member may learn from: its training rows, and those that `train` drops.
    part : LongTensor of shape (n_members, n)
        Part of each row for each member; see :func:`_parts`.
    scored : LongTensor of shape (n_members, n_scored)
        Training rows on which critics are valued again, at most 8,192.
    n_compared : int
        Number of leading rows of each half whose values are compared with those of `scored`.
    """

    train: Tensor
    halves: tuple[Tensor, Tensor]
    learning: Tensor
    part: Tensor
    scored: Tensor
    n_compared: int

    @classmethod
    def of_splits(
        cls,
        splits: Sequence[tuple[Tensor, Tensor]],
        generator: torch.Generator,
        groups: Tensor | None = None,
    ) -> "Folds":
        """Shuffle the rows of each split, and drop some if the splits differ in length.

        If every row is held out once and learnt from otherwise, and there are too many training rows to score
        them all, the scored ones are the leading held-out rows of the other members. Training and held-out
        values are then of the same rows and pairs, and differ by overfitting alone.

        Parameters
        ----------
        splits : sequence of (LongTensor, LongTensor)
            Training and held-out rows of each member.
        generator : torch.Generator
            On the CPU.
        groups : LongTensor of shape (n,) or None, default=None
            Group number of each row. Rows of a group are related; None if no rows are.

        Returns
        -------
        Folds
        """
        shuffled = [
            [rows[torch.randperm(len(rows), generator=generator)] for rows in split] for split in splits
        ]
        n_train = min(len(train) for train, _ in shuffled)
        half = n_compared = min(len(held_out) for _, held_out in shuffled) // 2
        held_out = torch.stack([rows[: 2 * half] for _, rows in shuffled])
        n = 1 + max(int(rows.max()) for split in splits for rows in split) if groups is None else len(groups)
        learning = torch.zeros(len(splits), n, dtype=torch.bool)
        for member, (rows, _) in zip(learning, splits, strict=True):
            member[rows] = True
        part = _parts(learning, splits, groups)
        halves, train = held_out.split(half, 1), torch.stack([rows[:n_train] for rows, _ in shuffled])
        scored = train[:, :MOST_ROWS]
        is_matched = _are_folds(splits, n) and int(learning.sum()) == n * (len(splits) - 1)
        if n_train > MOST_ROWS and is_matched:
            scored, n_compared = _held_out_by_others(halves[0], halves[1])
            is_scored = torch.zeros(n, dtype=torch.bool).index_fill(0, scored.flatten(), True)
            # Forms that are fitted to a part of the training rows are fitted to the scored ones.
            in_order = (rows[(~is_scored[rows]).int().argsort(stable=True)] for rows, _ in shuffled)
            train = torch.stack([rows[:n_train] for rows in in_order])
        return cls(train, (halves[0], halves[1]), learning, part, scored, n_compared)

    def of_members(self, members: slice) -> "Folds":
        """Folds of some members."""
        halves = self.halves[0][members], self.halves[1][members]
        per_member = {name: getattr(self, name)[members] for name in ("train", "learning", "part", "scored")}
        return replace(self, halves=halves, **per_member)

    @property
    def held_out(self) -> Tensor:
        """Both halves, shape (n_members, 2 n_half)."""
        return torch.cat(self.halves, 1)

    def to(self, device: torch.device) -> "Folds":
        """Copy to a device."""
        halves = self.halves[0].to(device), self.halves[1].to(device)
        return replace(self, train=self.train.to(device), halves=halves, scored=self.scored.to(device))


def _held_out_by_others(first_half: Tensor, second_half: Tensor) -> tuple[Tensor, int]:
    """For each member, the leading held-out rows of all others, and how many there are in each half.

    The number is a power of two, so that the rows form the same groups of marginal pairs as they do for the
    members that hold them out.
    """
    n_members, half = first_half.shape
    number = 2 ** int(math.log2(min(half, max(MOST_ROWS / (2 * (n_members - 1)), _FEWEST_COMPARED))))
    leading = torch.cat([first_half[:, :number], second_half[:, :number]], 1)
    members = torch.arange(n_members)
    return torch.stack([leading[members != member].flatten() for member in members]), number


def _are_folds(splits: Sequence[tuple[Tensor, Tensor]], n: int) -> bool:
    """Whether each of n rows is held out once."""
    held_out = torch.cat([rows for _, rows in splits])
    return len(held_out) == n == len(held_out.unique())


def _parts(learning: Tensor, splits: Sequence[tuple[Tensor, Tensor]], groups: Tensor | None) -> Tensor:
    """Part of each row for each member, (n_members, n).

    If the rows are split into five folds, these are the parts. Then what one member learns without a part,
    another learns as well. Otherwise the parts are random. The rows of a group are in one part, unless a
    member has only one group to learn from.
    """
    n = learning.shape[1]
    part = torch.empty(learning.shape, dtype=torch.long)
    if len(splits) == PARTS + 1 and _are_folds(splits, n):
        for number, (_, rows) in enumerate(splits):
            part[:, rows] = number
        return part
    generator = torch.Generator().manual_seed(0)
    for member, rows in enumerate(learning):
        label = torch.arange(n)
        if groups is not None and len(groups[rows].unique()) > 1:
            label = groups
        rank = torch.zeros(int(label.max()) + 1, dtype=torch.long)
        values = label[rows].unique()
        rank[values] = torch.randperm(len(values), generator=generator) * PARTS // len(values)
        part[member] = rank[label]
    return part


class Sample:
    """Encoded blocks, folds, weights and the rule for marginal pairs, with everything computed from them.

    Parameters
    ----------
    x, y : Block
        All rows. If only one block is discrete, it is y.
    folds : Folds
        Rows of each member.
    weight : Tensor of shape (n,) or None, default=None
        Weights of the rows.

    Attributes
    ----------
    members : slice
        Members of a larger bank that this sample contains.
    root : Sample
        The sample of all members.
    shared : dict
        What forms have computed for some members and may use again, also for others.
    """

    def __init__(self, x: Block, y: Block, folds: Folds, weight: Tensor | None = None):
        self.x, self.y, self.folds, self.weight = x, y, folds, weight
        self.members, self.root = slice(None), self
        self.shared: dict = {}

    @property
    def n_members(self) -> int:
        """Number of critics in a bank."""
        return len(self.folds.train)

    @property
    def classes(self) -> Tensor | None:
        """Probabilities of the classes if marginal pairs enumerate them; None if they are drawn."""
        return self.y.probability

    @property
    def given(self) -> int:
        """Index of the block that predicts the other: the wider block, or x if y consists of classes."""
        return 0 if self.classes is not None or self.x.n_core >= self.y.n_core else 1

    @property
    def predictor(self) -> Block:
        """The block that predicts the other."""
        return (self.x, self.y)[self.given]

    @property
    def predicted(self) -> Block:
        """The block that is predicted."""
        return (self.y, self.x)[self.given]

    def pairs(self, bound, group_size: int):
        """Marginal pairs for a minibatch, see :func:`skmine.nn.pairs.choose_pairs`."""
        return choose_pairs(bound, self.classes, group_size)

    def valuing_pairs(self, bound, n_rows: int):
        """Marginal pairs for a value that is reported."""
        return choose_valuing_pairs(bound, self.classes, n_rows)

    def _of_members(self, members: slice) -> "Sample":
        part = Sample(self.x, self.y, self.folds.of_members(members), self.weight)
        part.members, part.dependence = members, self.dependence
        part.root, part.shared = self.root, self.shared
        return part

    @cached_property
    def first(self) -> "Sample":
        """Sample of the first member."""
        return self._of_members(slice(1))

    @cached_property
    def others(self) -> "Sample":
        """Sample of all members except the first."""
        return self._of_members(slice(1, None))

    def to(self, device: torch.device) -> "Sample":
        """Copy to a device."""
        if device == self.x.values.device:
            return self
        weight = None if self.weight is None else self.weight.to(device)
        moved = Sample(self.x.to(device), self.y.to(device), self.folds.to(device), weight)
        moved.members = self.members
        return moved

    @cached_property
    def row_weight(self) -> Tensor:
        """Weights of the rows, or ones if no weights are given."""
        return self.x.values.new_ones(len(self.x.values)) if self.weight is None else self.weight

    @property
    def fitted(self) -> Tensor:
        """Training rows of each member to which closed forms with many parameters are fitted."""
        return self.folds.train[:, :MOST_ROWS]

    @property
    def choosing(self) -> Tensor:
        """Held-out rows of each member that choose the ridge and the shrinkage of a closed form."""
        return self.folds.held_out[:, :MOST_ROWS]

    @property
    def has_atoms(self) -> bool:
        """Whether a core column of either block has no density."""
        return self.x.has_atoms or self.y.has_atoms

    def read(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Columns of x, columns of y and weights for rows of each member, (n_members, n_rows, ...)."""
        return self.x.values[rows], self.y.values[rows], self.row_weight[rows]

    @cached_property
    def dependence(self) -> Dependence:
        """Tests for dependence between core columns, on the rows of the first member of the bank."""
        return Dependence(self.x.core, self.y.core, self.fitted[0], self.weight)

    @cached_property
    def readings(self) -> list[tuple[Reading, Reading]]:
        """The core columns of both blocks, and the columns in their own units, if any."""
        blocks = zip((self.x, self.y), self.dependence.relevant, strict=True)
        core, scaled = zip(*(_readings_of(block, mask) for block, mask in blocks), strict=True)
        return [core] if core == scaled else [core, scaled]


def _readings_of(block: Block, relevant: Tensor) -> tuple[Reading, Reading]:
    """The core columns of a block, and its columns in their own units (or the core columns again)."""
    core = Reading(0, block.n_core, tuple(relevant.nonzero().flatten().tolist()))
    if not block.n_scaled or block.origin is None:
        return core, core
    start, stop = block.n_core, block.n_core + block.n_scaled
    found = tuple(relevant[block.origin[start:stop]].nonzero().flatten().tolist())
    return core, Reading(start, stop, found or tuple(range(block.n_scaled)))


def effective_rows(weight: Tensor) -> Tensor:
    """Effective number of weighted rows, (..., n) -> (...) (Kish 1965, section 8.2)."""
    weight = weight.cpu().double()
    return weight.sum(-1) ** 2 / (weight**2).sum(-1).clamp_min(1e-300)
