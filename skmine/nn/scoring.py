"""The scores of a bank of critics on held-out and on training rows, each scored once, and their values."""

from functools import cached_property
from itertools import cycle
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .building import Block, Folds
from .local import PooledCritic
from .pairs import choose_valuing_pairs
from .reference import weighted_mean

_TRAINING_PAIRS = 2**20


class Scores(NamedTuple):
    """What the bounds take.

    Attributes
    ----------
    joint : Tensor of shape (n_members, n)
        Critic values of paired rows.
    marginal : Tensor of shape (n_members, m, k)
        Critic values of marginal pairs.
    joint_weight, marginal_weight : Tensor or None
        Weights, of shapes that broadcast to these.
    """

    joint: Tensor
    marginal: Tensor
    joint_weight: Tensor | None
    marginal_weight: Tensor | None

    def pooled(self, other: "Scores") -> "Scores":
        """Of the mean of two critics, on the same pairs."""
        joint = torch.lerp(self.joint, other.joint, 0.5)
        return self._replace(joint=joint, marginal=torch.lerp(self.marginal, other.marginal, 0.5))

    @property
    def first(self) -> "Scores":
        """Of the first member alone."""
        pairs = zip(self[2:], self[:2], strict=True)
        weights = (None if weight is None else weight.expand_as(scores)[:1] for weight, scores in pairs)
        return Scores(self.joint[:1], self.marginal[:1], *weights)


class ScoredBank:
    """A bank in two states and its scores on the rows that count, each scored once.

    Parameters
    ----------
    critic : nn.Module
        The bank.
    states : list of dict
        Its best parameters by the first and by the second half of the held-out rows; empty ones for a bank
        that is not trained.
    x, y : Block
        All rows.
    folds : Folds
        Rows of each member.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    """

    def __init__(
        self, critic: nn.Module, states: list, x: Block, y: Block, folds: Folds, weight: Tensor | None, bound
    ):
        self.critic, self.states, self.folds, self.weight, self.bound = critic, states, folds, weight, bound
        self.x, self.y = x, y

    @property
    def unseen_rows(self) -> Tensor:
        """The half of the held-out rows that did not choose each state, (2, n_members, n_half)."""
        return torch.stack(tuple(reversed(self.folds.halves)))

    @property
    def train_rows(self) -> Tensor:
        """Training rows that are scored, (n_members, n_scored)."""
        return self.folds.train[:, : _TRAINING_PAIRS // self.bound.group_size]

    @cached_property
    def held_out(self) -> list[Scores]:
        """Scores of both states, each on its unseen rows."""
        return [self._scores(*part) for part in zip(self.states, self.unseen_rows, strict=True)]

    @cached_property
    def training(self) -> list[Scores]:
        """Scores of both states on training rows; of one, where the states are the same."""
        states = self.states if any(self.states) else self.states[:1]
        return [self._scores(state, self.train_rows) for state in states]

    @torch.no_grad()
    def _scores(self, state: dict, rows: Tensor) -> Scores:
        self.critic.load_state_dict(state, strict=False)
        self.critic.eval()
        pairs = choose_valuing_pairs(self.bound, self.y.probability, rows.shape[1])
        weight = None if self.weight is None else self.weight[rows]
        return Scores(*pairs(self.critic, self.x.values[rows], self.y.values[rows], weight))

    @cached_property
    def held_out_value(self) -> float:
        """The bound on rows that neither trained nor chose a state, in nats."""
        return _mean(self._values(self.held_out), self.unseen_rows, self.weight)

    @cached_property
    def training_value(self) -> float:
        """The bound on training rows, in nats."""
        return _mean(self._values(self.training), self.train_rows, self.weight)

    @property
    def standard_error(self) -> float:
        """Of the mean log ratio over the held-out rows, in nats."""
        log_ratios = [
            scores.joint - self.bound.log_normaliser(scores.marginal, scores.marginal_weight).unsqueeze(1)
            for scores in self.held_out
        ]
        return _standard_error(torch.cat(log_ratios, 1), torch.cat(tuple(self.unseen_rows), 1), self.weight)

    def _values(self, scores: list[Scores]) -> Tensor:
        return torch.stack([self.bound.estimate(*part) for part in scores])

    @property
    def first(self) -> "ScoredBank":
        """The first member alone, of which nothing but the held-out scores is known."""
        first = self.untrained(self.critic, self.folds.first)
        first.held_out = [scores.first for scores in self.held_out]
        return first

    def untrained(self, critic: nn.Module, folds: Folds | None = None) -> "ScoredBank":
        """A bank that is not trained, on the same rows; of the members of other folds, if these are given."""
        folds = self.folds if folds is None else folds
        return ScoredBank(critic, [{}, {}], self.x, self.y, folds, self.weight, self.bound)

    def pooled(self, other: "ScoredBank") -> "ScoredBank":
        """The mean of this bank and of one that is not trained, which need not be scored again."""
        states = [{f"first.{name}": value for name, value in state.items()} for state in self.states]
        data = self.x, self.y, self.folds, self.weight, self.bound
        return _PooledBank(self, other, PooledCritic(self.critic, other.critic), states, *data)


class _PooledBank(ScoredBank):
    """A pool, which takes its scores from those of its two parts."""

    def __init__(self, mine: ScoredBank, other: ScoredBank, *data):
        super().__init__(*data)
        self.parts = mine, other

    @cached_property
    def held_out(self) -> list[Scores]:
        mine, other = (part.held_out for part in self.parts)
        return [one.pooled(another) for one, another in zip(mine, other, strict=True)]

    @cached_property
    def training(self) -> list[Scores]:
        mine, other = (part.training for part in self.parts)
        return [one.pooled(another) for one, another in zip(mine, cycle(other), strict=False)]


def _mean(values: Tensor, rows: Tensor, weight: Tensor | None) -> float:
    """Mean of values of sets of rows, each by its weight."""
    return float(values.mean()) if weight is None else weighted_mean(values, weight[rows])


def _standard_error(log_ratio: Tensor, rows: Tensor, weight: Tensor | None) -> float:
    """Of the weighted mean log ratio; a row that several members hold out counts once."""
    weight = torch.ones_like(log_ratio) if weight is None else weight[rows]
    share = (weight / weight.sum()).flatten()
    deviation = log_ratio.flatten() - (share * log_ratio.flatten()).sum()
    repeats = rows.numel() / rows.unique().numel()
    return float(((share * deviation) ** 2).sum() * repeats) ** 0.5
