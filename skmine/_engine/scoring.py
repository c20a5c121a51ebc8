"""Scores of a bank of critics on training and held-out rows, each computed once, and their values."""

import math
from dataclasses import replace
from functools import cached_property
from itertools import cycle
from statistics import fmean

import torch
from torch import Tensor

from skmine._engine.canonical import weighted_mean
from skmine._engine.critics import PooledCritic
from skmine._engine.forms.form import Fit
from skmine._engine.sample import Sample
from skmine._engine.scores import CAUTION, Scores


class Scored:
    """A bank in two states, with its scores on training and held-out rows, each computed once.

    A state is a set of weights. Each half of the held-out rows chooses when the training of a network stops,
    and so chooses a state. The state is then scored on the other half, which did not choose it.

    Parameters
    ----------
    fit : Fit
        The bank.
    sample : Sample
        The rows.
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    """

    def __init__(self, fit: Fit, sample: Sample, bound):
        self.fit, self.sample, self.bound = fit, sample, bound

    @property
    def unseen_rows(self) -> Tensor:
        """For each state, the half of the held-out rows that did not choose it, (2, n_members, n_half)."""
        return torch.stack(tuple(reversed(self.sample.folds.halves)))

    @property
    def train_rows(self) -> Tensor:
        """Training rows that are scored, (n_members, n_scored)."""
        return self.sample.folds.scored

    @property
    def n_compared(self) -> int:
        """Number of unseen rows of each member and state that the training rows are compared with."""
        return self.sample.folds.n_compared

    @property
    def compares_all(self) -> bool:
        """Whether the training rows are compared with all unseen rows."""
        return self.n_compared == self.unseen_rows.shape[2]

    @cached_property
    def held_out(self) -> list[Scores]:
        """Scores of both states, each on its unseen rows."""
        return [self._scores(*part) for part in zip(self.fit.states, self.unseen_rows, strict=True)]

    @cached_property
    def compared(self) -> list[Scores]:
        """Scores of both states on the unseen rows that the training rows are compared with."""
        if self.compares_all:
            return self.held_out
        rows = self.unseen_rows[..., : self.n_compared]
        return [self._scores(*part) for part in zip(self.fit.states, rows, strict=True)]

    @cached_property
    def training(self) -> list[Scores]:
        """Scores of both states on training rows, or of one state if they are the same."""
        states = self.fit.states if any(self.fit.states) else self.fit.states[:1]
        rows = self.train_rows
        # Rows that are compared with a part of the unseen ones form the same marginal pairs as these.
        n_paired = rows.shape[1] if self.compares_all else self.n_compared
        return [self._scores(state, rows, n_paired) for state in states]

    @torch.no_grad()
    def _scores(self, state: dict, rows: Tensor, n_paired: int | None = None) -> Scores:
        critic, sample = self.fit.critic, self.sample
        critic.load_state_dict(state, strict=False)
        critic.eval()
        pairs = sample.valuing_pairs(self.bound, n_paired or rows.shape[1])
        weight = None if sample.weight is None else sample.weight[rows]
        return Scores(*pairs(critic, sample.x.values[rows], sample.y.values[rows], weight))

    @cached_property
    def held_out_value(self) -> float:
        """The bound in nats on rows that were not used to train or choose a state."""
        return self._mean(self.held_out, self.unseen_rows)

    @cached_property
    def training_value(self) -> float:
        """The bound in nats on training rows: the held-out value plus the gap on rows that are compared.

        If a critic may have memorised its training rows, their value is meaningless. The cost of overfitting
        is nearly inversely proportional to the number of rows, so it is about as large as the fall of the
        held-out value if the critic is fitted to half of them. The gap is twice the cost. Half of the rows
        may be too few to learn the dependence at all. The fall therefore counts by the share of the held-out
        value that is left.
        """
        fit, value = self.fit, self.held_out_value
        if not fit.knows_rows:
            held_out = self._mean(self.compared, self.unseen_rows[..., : self.n_compared])
            return value + self._mean(self.training, self.train_rows) - held_out
        if fit.of_half is None or value <= 0:
            return value
        half = Scored(replace(fit, critic=fit.of_half), self.sample, self.bound).held_out_value
        share = min(max(half / value, 0.0), 1.0)
        return value + 2 * share * (1 - share) * value

    def _mean(self, scores: list[Scores], rows: Tensor) -> float:
        """Mean of the bound over sets of rows, weighted by the total weight of each."""
        values = torch.stack([self.bound.estimate(*part) for part in scores])
        weight = self.sample.weight
        return float(values.mean()) if weight is None else weighted_mean(values, weight[rows])

    @cached_property
    def pair_error(self) -> float:
        """Relative standard error of the mean of exp(T) over the marginal pairs, averaged over all halves."""
        return float(torch.stack([part.error() for part in self.held_out]).mean())

    @property
    def highest_value(self) -> float:
        """Log of the number of marginal pairs of a half. Higher values cannot be tested."""
        return math.log(self.held_out[0].marginal[0].numel())

    @cached_property
    def cautious_value(self) -> float:
        """Held-out value minus two standard errors of its marginal term; at most `highest_value`."""
        error = self.pair_error / math.sqrt(len(self.held_out) * len(self.held_out[0].marginal))
        return min(self.held_out_value, self.highest_value) - CAUTION * error

    @cached_property
    def log_ratios(self) -> Tensor:
        """Normalised critic at the held-out rows, shape (n_members, 2 n_half)."""
        parts = [
            scores.joint - self.bound.row_normalisers(scores.marginal, scores.marginal_weight)
            for scores in self.held_out
        ]
        return torch.cat(parts, 1)

    @property
    def standard_error(self) -> float:
        """Standard error in nats of the weighted mean of the log ratios over held-out rows.

        A row that several members hold out counts once.
        """
        rows, log_ratios = torch.cat(tuple(self.unseen_rows), 1), self.log_ratios.flatten()
        weight = self.sample.row_weight[rows].flatten()
        share = weight / weight.sum()
        deviation = log_ratios - (share * log_ratios).sum()
        repeats = rows.numel() / rows.unique().numel()
        return float(((share * deviation) ** 2).sum() * repeats) ** 0.5

    @cached_property
    def first(self) -> "Scored":
        """The first member, for which only held-out scores are known."""
        first = Scored(self.fit, self.sample.first, self.bound)
        first.held_out = [scores.first for scores in self.held_out]
        return first

    def pooled(self, other: "Scored") -> "Scored":
        """The mean of this bank and another. It needs no new scores."""
        return _Pooled(self, other)


class _Pooled(Scored):
    """A pool, whose scores are computed from those of its two parts."""

    def __init__(self, mine: Scored, other: Scored):
        states = tuple(
            {f"first.{name}": value for name, value in one.items()}
            | {f"second.{name}": value for name, value in another.items()}
            for one, another in zip(mine.fit.states, other.fit.states, strict=True)
        )
        training = mine.fit.training or other.fit.training
        knows_rows = mine.fit.knows_rows or other.fit.knows_rows
        critic = PooledCritic(mine.fit.critic, other.fit.critic)
        super().__init__(Fit(critic, states, training, knows_rows=knows_rows), mine.sample, mine.bound)
        self.parts = mine, other

    @cached_property
    def training_value(self) -> float:
        """The bound in nats on training rows.

        If a part may have memorised them, the gap is the mean of those of the parts.
        """
        if not self.fit.knows_rows:
            return super().training_value
        return self.held_out_value + fmean(part.training_value - part.held_out_value for part in self.parts)

    @cached_property
    def held_out(self) -> list[Scores]:
        mine, other = (part.held_out for part in self.parts)
        return [one.pooled(another) for one, another in zip(mine, other, strict=True)]

    @cached_property
    def compared(self) -> list[Scores]:
        if self.compares_all:
            return self.held_out
        mine, other = (part.compared for part in self.parts)
        return [one.pooled(another) for one, another in zip(mine, other, strict=True)]

    @cached_property
    def training(self) -> list[Scores]:
        mine, other = sorted((part.training for part in self.parts), key=len, reverse=True)
        return [one.pooled(another) for one, another in zip(mine, cycle(other), strict=False)]
