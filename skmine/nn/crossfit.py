"""Cross-fitting: a bank of critics, one a fold, and the values that they give.

Each row is held out by one member. The held-out rows of a member are cut in two halves: the iteration
that is best on one half is valued on the other, so that stopping does not flatter the held-out value.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .bounds import log_mean_exp, pool_marginal
from .classes import (
    ClassNormalised,
    ClassReference,
    TableReference,
    fit_class_reference,
    fit_table_reference,
)
from .critics import CRITICS, ClassCritic, CriticBank
from .pairs import EnumeratedPairs, SampledPairs
from .reference import GaussianReference, ReferencedCritic, fit_gaussian_reference
from .training import TrainingResult, train

_STOPPING_ROWS = 2048
_TRAINING_ROWS = 2**18
_STOPPING_GROUP = 8
_MAX_GROUP = 256
_PAIRS_A_MEMBER = 2**15


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


@dataclass
class CrossFit:
    """What :func:`cross_fit` found.

    Attributes
    ----------
    critic : nn.Module
        The bank.
    states : list of dict
        Best parameters of the bank by the first and by the second half of the held-out rows.
    held_out : Tensor of shape (n_members,)
        Bound on held-out rows, in nats.
    training : Tensor of shape (n_members,)
        Bound on training rows, in nats.
    pointwise : Tensor of shape (n_rows,)
        Log density ratio at the held-out rows, normalised, in nats.
    result : TrainingResult
        History and how training ended.
    """

    critic: nn.Module
    states: list
    held_out: Tensor
    training: Tensor
    pointwise: Tensor
    result: TrainingResult


def stack_states(critic: nn.Module, states: list) -> nn.Module:
    """The members of a bank in each of several states, as one larger bank.

    Parameters
    ----------
    critic : nn.Module
        A bank; it is copied.
    states : list of dict
        Trained parameters of the bank.

    Returns
    -------
    nn.Module
    """
    critic = copy.deepcopy(critic).requires_grad_(False)
    tensors = dict(critic.named_parameters()) | dict(critic.named_buffers())
    for name, value in tensors.items():
        value.data = torch.cat([state.get(name, value) for state in states])
    return critic


def choose_pairs(bound, probability: Tensor | None, group_size: int):
    """Marginal pairs: exact over classes where y is discrete, sampled within groups otherwise.

    Parameters
    ----------
    bound : object
        See :mod:`skmine.nn.bounds`.
    probability : Tensor or None
        Class probabilities of a discrete y.
    group_size : int
        Rows of a group.

    Returns
    -------
    EnumeratedPairs or SampledPairs
    """
    if probability is not None:
        return EnumeratedPairs(probability, bound.offset)
    return SampledPairs(max(2, group_size), bound.includes_joint, bound.offset)


@torch.no_grad()
def pair_scores(critic: nn.Module, x: Block, y: Block, rows: Tensor, bound, weight=None):
    """Scores of many rows for the final values, in chunks.

    Parameters
    ----------
    critic : nn.Module
        A bank.
    x, y : Block
        All rows.
    rows : LongTensor of shape (n_members, m)
        Rows of each member.
    bound : object
        See :mod:`skmine.nn.bounds`.
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    tuple of Tensor or None
        joint, marginal, joint_weight, marginal_weight, as the bounds take them.
    """
    group_size = max(4, min(_MAX_GROUP, _PAIRS_A_MEMBER // rows.shape[1]))
    pairs = choose_pairs(bound, y.probability, group_size)
    row_weight = None if weight is None else weight[rows]
    return pairs(critic, x.values[rows], y.values[rows], row_weight)


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
        Weights of the rows; only a table reads them.

    Returns
    -------
    nn.Module
    """
    rows = folds.train, folds.held_out
    if y.probability is not None and len(y.probability) == 1:
        nothing = TableReference(x.values.new_zeros(len(folds.train), x.values.shape[1], 1))
        return ClassNormalised(nothing, y.probability, len(folds.train))
    if x.probability is not None and y.probability is not None:
        table = fit_table_reference(x.values, y.values, *rows, y.probability, weight)
        return ClassNormalised(table, y.probability, len(folds.train))
    reference: ClassReference | GaussianReference
    if y.probability is not None:
        reference = fit_class_reference(x.core, y.core, *rows, y.probability)
    else:
        reference = fit_gaussian_reference(x.core, y.core, *rows)
    first_x, d_x = _network_columns(x, reference.width_x)
    first_y, d_y = _network_columns(y, reference.width_y)
    if callable(critic):
        network = CriticBank(critic, d_x, d_y, len(folds.train), generator)
    else:
        kind = CRITICS[critic] if y.probability is None else ClassCritic
        network = kind(
            d_x,
            d_y,
            hidden_layer_sizes,
            n_members=len(folds.train),
            n_products=min(reference.width_x, reference.width_y) if y.probability is None else 0,
            generator=generator,
        )
    bank = ReferencedCritic(reference, network.to(x.values.device), first_x, first_y)
    if y.probability is None:
        return bank
    return ClassNormalised(bank, y.probability, len(folds.train))


def cross_fit(
    critic: nn.Module,
    x: Block,
    y: Block,
    folds: Folds,
    *,
    bound,
    weight: Tensor | None = None,
    generator: torch.Generator,
    on_check: Callable[[dict], None] | None = None,
    **training,
) -> CrossFit:
    """Train a bank of critics on folds and value each on the rows it held out.

    Parameters
    ----------
    critic : nn.Module
        The bank, from :func:`build_critic`.
    x, y : Block
        All rows.
    folds : Folds
        Rows of each member.
    bound : object
        See :mod:`skmine.nn.bounds`.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    generator : torch.Generator
        On the CPU; the only source of randomness.
    on_check : callable or None
        Called with each new entry of the history.
    **training
        Further parameters of :func:`train`.

    Returns
    -------
    CrossFit
    """
    result = train(
        critic,
        x.values,
        y.values,
        folds.train,
        [half[:, :_STOPPING_ROWS] for half in folds.halves],
        bound=bound,
        pairs=choose_pairs(bound, y.probability, bound.group_size),
        stopping_pairs=choose_pairs(bound, y.probability, max(_STOPPING_GROUP, bound.group_size)),
        weight=weight,
        generator=generator,
        on_check=on_check,
        **training,
    )
    held_out, in_training, pointwise = [], [], []
    train_rows = folds.train[:, :_TRAINING_ROWS]
    for state, unseen in zip(result.states, reversed(folds.halves), strict=True):
        critic.load_state_dict(state, strict=False)
        joint, marginal, *weights = pair_scores(critic, x, y, unseen, bound, weight)
        held_out.append(bound.estimate(joint, marginal, *weights))
        pointwise.append(joint - log_mean_exp(*pool_marginal(marginal, weights[1])).unsqueeze(1))
        in_training.append(bound.estimate(*pair_scores(critic, x, y, train_rows, bound, weight)))
    return CrossFit(
        critic=critic,
        states=result.states,
        held_out=torch.stack(held_out).mean(0),
        training=torch.stack(in_training).mean(0),
        pointwise=torch.cat(pointwise, 1).flatten(),
        result=result,
    )
