"""Cross-fitting: a bank of critics, one a fold, and the values that they give.

Each row is held out by one member. The held-out rows of a member are cut in two halves: the iteration
that is best on one half is valued on the other, so that stopping does not flatter the held-out value.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .bounds import Normalised
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
_TRAINING_PAIRS = 2**20
_STOPPING_GROUP = 8
_VALUED_PAIRS = 2**15
#: How far a value I must stay below the log of the number N of marginal pairs for these to test it: the
#: relative variance of their mean of exp(T) is at least (exp(I) - 1) / N, here 0.02. Up to two nats the mean
#: over the members does, however few the rows.
_MARGIN_NATS, _TESTABLE_NATS = 4.0, 2.0


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
    bound : object
        The bound that gave the values.
    states : list of dict
        Best parameters of the bank by the first and by the second half of the held-out rows.
    held_out, training : float
        Bound on held-out and on training rows in nats, mean over the members.
    standard_error : float
        Standard error of the mean log ratio over the held-out rows, in nats.
    result : TrainingResult
        History and how training ended.
    """

    bound: object
    states: list
    held_out: float
    training: float
    standard_error: float
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


def choose_valuing_pairs(bound, probability: Tensor | None, n_rows: int):
    """Marginal pairs for a value that is reported: more of them where there are few rows.

    Parameters
    ----------
    bound : object
        See :mod:`skmine.nn.bounds`.
    probability : Tensor or None
        Class probabilities of a discrete y.
    n_rows : int
        Rows that are valued.

    Returns
    -------
    EnumeratedPairs or SampledPairs
    """
    group_size = max(bound.group_size, min(256, _VALUED_PAIRS // n_rows))
    return choose_pairs(bound, probability, group_size)


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
    critic.eval()
    pairs = choose_valuing_pairs(bound, y.probability, rows.shape[1])
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
    if callable(critic):
        network = CriticBank(critic, d_x, d_y, n_members, generator)
    else:
        kind = CRITICS[critic] if probability is None else ClassCritic
        network = kind(
            d_x,
            d_y,
            hidden_layer_sizes,
            n_members=n_members,
            n_products=min(reference.width_x, reference.width_y) if probability is None else 0,
            generator=generator,
        )
    bank = ReferencedCritic(reference, network, first_x, first_y)
    if probability is None:
        return bank.to(device)
    return ClassNormalised(bank, probability, n_members).to(device)


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

    Where the Gaussian reference alone finds more nats than marginal pairs can test (the log of their
    number, less 4, and at least 2), it is not trained further, and valued by :class:`Normalised`.

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
    if _cannot_be_sampled(critic, folds):
        bound, training["max_iter"] = Normalised(), 0
    result = train(
        critic,
        x.values,
        y.values,
        folds.train,
        [half[:, :_STOPPING_ROWS] for half in folds.halves],
        bound=copy.deepcopy(bound),  # training may leave state in it
        pairs=choose_pairs(bound, y.probability, bound.group_size),
        stopping_pairs=choose_pairs(bound, y.probability, max(_STOPPING_GROUP, bound.group_size)),
        weight=weight,
        generator=generator,
        on_check=on_check,
        **training,
    )
    train_rows = folds.train[:, : _TRAINING_PAIRS // bound.group_size]
    held_out, in_training, log_ratios = [], [], []
    for state, unseen in zip(result.states, reversed(folds.halves), strict=True):
        critic.load_state_dict(state, strict=False)
        joint, marginal, *weights = pair_scores(critic, x, y, unseen, bound, weight)
        held_out.append(bound.estimate(joint, marginal, *weights))
        log_ratios.append(joint - bound.log_normaliser(marginal, weights[1]).unsqueeze(1))
        in_training.append(bound.estimate(*pair_scores(critic, x, y, train_rows, bound, weight)))
    valued = torch.cat(tuple(reversed(folds.halves)), 1)
    return CrossFit(
        bound=bound,
        states=result.states,
        held_out=float(torch.stack(held_out).mean()),
        training=float(torch.stack(in_training).mean()),
        standard_error=_standard_error(torch.cat(log_ratios, 1), valued, weight),
        result=result,
    )


def _cannot_be_sampled(critic: nn.Module, folds: Folds) -> bool:
    reference = getattr(critic, "reference", None)
    if not isinstance(reference, GaussianReference):
        return False
    n_pairs = min(_VALUED_PAIRS, folds.halves[0].shape[1] ** 2)
    testable = max(math.log(n_pairs) - _MARGIN_NATS, _TESTABLE_NATS)
    return float(reference.mutual_information().mean()) > testable


def _standard_error(log_ratio: Tensor, rows: Tensor, weight: Tensor | None) -> float:
    """Of the weighted mean log ratio; a row that several members hold out counts once."""
    weight = torch.ones_like(log_ratio) if weight is None else weight[rows]
    share = (weight / weight.sum()).flatten()
    deviation = log_ratio.flatten() - (share * log_ratio.flatten()).sum()
    repeats = rows.numel() / rows.unique().numel()
    return float(((share * deviation) ** 2).sum() * repeats) ** 0.5
