"""Critics that compete with a trained bank, alone and pooled with it: mixtures, tables, the closed form."""

import math
from functools import partial

from torch import Tensor, nn

from .building import Block, Folds, build_mixture
from .choosing import first_tells
from .classes import closed_form, referenced
from .local import PRIOR_ROWS, local_critic, paired_columns
from .scoring import ScoredBank
from .valuing import CrossFit, value_bank

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

    def enter(self, candidate: ScoredBank, flexible=1.0, most_gap=math.inf) -> None:
        """Let a bank be the best, if it is; not where its training value is above the other by too much."""
        if candidate.held_out_value <= self.best.merit:
            return  # its training value need not be known
        fit = value_bank(candidate, self.bank.result, self.bank.testable, flexible)
        gap = fit.training - fit.held_out
        if fit.merit > self.best.merit and gap <= max(_TABLE_GAP * fit.held_out, most_gap):
            self.best = fit

    def is_promising(self, partner: ScoredBank, critic: nn.Module) -> bool:
        """Whether a critic of the first member, alone or pooled with a partner's, may be the best of it."""
        best = self.best.bank.first
        other = best.untrained(critic)
        value = max(other.held_out_value, partner.first.pooled(other).held_out_value)
        return value > best.held_out_value - (self.best.held_out - self.best.merit)

    def enter_mixture(self) -> None:
        """A Gaussian mixture, alone and pooled with the bank."""
        if not self.bank.can_go_on:
            return
        bank = self.bank.bank
        mixture = build_mixture(self.bank.critic, *self.data, partial(self.is_promising, bank))
        if mixture is not None:
            candidate = bank.untrained(mixture)
            self.enter(candidate)
            self.enter(bank.pooled(candidate))

    def enter_closed_form(self) -> None:
        """That of classes alone, where few rows chose how long each member was trained."""
        _, y, folds, _ = self.data
        inner = referenced(self.bank.critic)
        if inner is not None and y.probability is not None and folds.halves[0].shape[1] < _FEW_ROWS:
            start = self.bank.bank.untrained(closed_form(inner.reference, y.probability))
            self.enter(start, flexible=0.0)

    def enter_tables(self) -> None:
        """A local critic, alone and pooled with the best so far; none that fits its own rows far better."""
        x, y, folds, weight = self.data
        pairs = paired_columns(x, y, folds, weight)
        partner, most_gap = self.best.bank, self.bank.training - self.bank.held_out
        for prior_rows in PRIOR_ROWS if pairs else ():
            fit = partial(local_critic, x, y, pairs=pairs, prior_rows=prior_rows, weight=weight)
            if first_tells(folds.held_out) and not self.is_promising(partner, fit(folds.first)):
                continue
            table = partner.untrained(fit(folds))
            self.enter(table, most_gap=most_gap)
            self.enter(partner.pooled(table), most_gap=most_gap)
