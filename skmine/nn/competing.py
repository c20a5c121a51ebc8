"""Critics that compete with a trained bank, alone and pooled with it: mixtures, tables, the closed form."""

import math
from dataclasses import replace

from torch import Tensor, nn

from .building import Block, Folds, build_mixture
from .classes import ClassNormalised
from .coordinates import ReferencedCritic
from .local import PRIOR_ROWS, PooledCritic, local_critic, paired_columns
from .valuing import CrossFit, referenced, value_critic, value_held_out

#: Rows of a half, below which the closed form competes with what they choose among the iterations of classes.
_FEW_ROWS = 50
_TABLE_GAP = (
    0.25  # between training and held-out value, of the latter, or that of the bank where it is larger
)


def best_critic(bank: CrossFit, x: Block, y: Block, folds: Folds, weight: Tensor | None) -> CrossFit:
    """The critic of the highest merit: the bank, or one that competes with it.

    Parameters
    ----------
    bank : CrossFit
        What training found.
    x, y, folds, weight
        What it was fitted on, as in :func:`cross_fit`.

    Returns
    -------
    CrossFit
    """
    contest = _Contest(bank, x, y, folds, weight)
    contest.enter_mixture()
    learnt = any(bool((best > 0).any()) for best in bank.result.best_iterations)
    if learnt or contest.best is not bank:
        contest.enter_closed_form()
        contest.enter_tables()
    return contest.best


class _Contest:
    """A bank, what it was fitted on, and the best critic so far."""

    def __init__(self, bank: CrossFit, x: Block, y: Block, folds: Folds, weight: Tensor | None):
        self.bank, self.best = bank, bank
        self.data = x, y, folds, weight

    def enter(self, critic: nn.Module, states: list[dict], flexible=1.0, most_gap=math.inf) -> None:
        """Let a critic be the best, if it is; not where its training value is above the other by too much."""
        held_out = value_held_out(critic, states, *self.data, self.bank.bound)
        if held_out.value <= self.best.merit:
            return  # its training value need not be known
        result = replace(self.bank.result, states=states)
        valued = {"bound": self.bank.bound, "testable": self.bank.testable, "flexible": flexible}
        fit = value_critic(held_out, critic, result, *self.data, **valued)
        gap = fit.training - fit.held_out
        if fit.merit > self.best.merit and gap <= max(_TABLE_GAP * fit.held_out, most_gap):
            self.best = fit

    def enter_mixture(self) -> None:
        """A Gaussian mixture, alone and pooled with the bank."""
        mixture = build_mixture(self.bank.critic, *self.data) if self.bank.can_go_on else None
        if mixture is not None:
            self.enter(mixture, [{}, {}])
            self.enter(*_pool(self.bank, mixture))

    def enter_closed_form(self) -> None:
        """That of classes alone, where few rows chose how long each member was trained."""
        _, y, folds, _ = self.data
        inner = referenced(self.bank.critic)
        if inner is not None and y.probability is not None and folds.halves[0].shape[1] < _FEW_ROWS:
            start = ReferencedCritic(inner.reference, None, None, None)
            critic = ClassNormalised(start, y.probability, len(folds.train))
            self.enter(critic, [{}, {}], flexible=0.0)

    def enter_tables(self) -> None:
        """A local critic, alone and pooled with the best so far; none that fits its own rows far better."""
        x, y, folds, weight = self.data
        pairs = paired_columns(x, y, folds, weight)
        best, most_gap = self.best, self.bank.training - self.bank.held_out
        for prior_rows in PRIOR_ROWS if pairs else ():
            table = local_critic(x, y, folds, pairs, prior_rows, weight)
            self.enter(table, [{}, {}], most_gap=most_gap)
            self.enter(*_pool(best, table), most_gap=most_gap)


def _pool(fit: CrossFit, other: nn.Module) -> tuple[PooledCritic, list[dict]]:
    """The mean of a fitted critic and one that is not trained, and its states."""
    states = [{f"first.{name}": value for name, value in state.items()} for state in fit.states]
    return PooledCritic(fit.critic, other), states
