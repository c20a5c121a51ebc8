"""Cross-fitting: a bank of critics, one a fold, and the values that they give.

Each row is held out by one member. The held-out rows of a member are cut in two halves: the iteration
that is best on one half is valued on the other, so that stopping does not flatter the held-out value.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from .bounds import Normalised
from .building import JUDGING_ROWS, Block, Folds
from .classes import referenced
from .competing import best_critic
from .pairs import VALUED_PAIRS, choose_pairs
from .reference import GaussianReference
from .scoring import ScoredBank
from .training import train
from .valuing import CrossFit, effective_rows, value_bank

_STOPPING_ROWS = 2048
_STOPPING_GROUP = 8
#: How far a value I must stay below the log of the number N of marginal pairs for these to test it: the
#: relative variance of their mean of exp(T) is at least (exp(I) - 1) / N, and for Gaussians of one strong
#: pair about ten times that. Up to two nats the mean over the members does, however few the rows.
_MARGIN_NATS, _TESTABLE_NATS = 6.0, 2.0
#: Rows of equal weight that each half of what a member holds out must amount to, for a network to be judged.
_FEWEST_EFFECTIVE = 4.0


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
    compete: bool = False,
    **training,
) -> CrossFit:
    """Train a bank of critics on folds and value each on the rows it held out.

    Where the reference of continuous blocks finds more nats than marginal pairs can test (the log of their
    number, less 6, and at least 2), or a member holds out fewer than 12 rows or as few by weight, it is not
    trained further, and valued by :class:`Normalised`.

    Parameters
    ----------
    critic : nn.Module
        The bank, from :func:`build_critic`.
    x, y : Block
        All rows.
    folds : Folds
        Rows of each member.
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    generator : torch.Generator
        On the CPU; the only source of randomness.
    on_check : callable or None
        Called with each new entry of the history.
    compete : bool, default=False
        Whether other critics compete, alone and pooled with the best so far: Gaussian mixtures, then, where
        training or a mixture has found what the closed form had not, tables of pairs of columns. Where
        members hold out 200 rows, the first tells which are worth fitting for all. The highest held-out
        value wins, less a tenth of its distance to the training value; tables only where that distance is at
        most a quarter of the value or the bank's. The choice among seven values at most, and that of the
        number of components, are not corrected for. Against classes no table competes, but the closed form
        alone where a half has fewer than 50 rows.
    **training
        Further parameters of :func:`train`.

    Returns
    -------
    CrossFit
    """
    data = {"bound": bound, "weight": weight, "generator": generator}
    bank = _fit_bank(critic, x, y, folds, on_check=on_check, **data, **training)
    if not compete or bank.result.interrupted or training.get("max_iter") == 0:
        return bank
    try:
        best = best_critic(bank, x, y, folds, weight)
    except KeyboardInterrupt:
        bank.result.interrupted = True
        return bank
    if best is bank:
        return bank
    entry = {
        "iteration": bank.result.history[-1]["iteration"],
        "training": best.training,
        "held_out": best.held_out,
    }
    history = [*bank.result.history, entry]
    result = replace(bank.result, history=history)
    return replace(best, result=result, least_upper=bank.interval[1])


def _fit_bank(critic, x: Block, y: Block, folds: Folds, *, bound, weight, generator, on_check, **training):
    testable = math.inf if y.probability is not None else _testable(folds)
    inner = referenced(critic)
    is_judged = inner is None or _can_judge(folds, weight)
    if inner is not None and (not is_judged or _reference_information(inner.reference) > testable):
        bound, training["max_iter"] = Normalised(), 0
        inner.network = None  # which is normalised by no form of its own
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
    learnt = float(torch.stack(result.best_iterations).gt(0).double().mean())
    bank = ScoredBank(critic, result.states, x, y, folds, weight, bound)
    return replace(value_bank(bank, result, testable, flexible=learnt), is_judged=is_judged)


def _can_judge(folds: Folds, weight: Tensor | None) -> bool:
    """Whether the rows that each member holds out can judge a network."""
    n_half = folds.halves[0].shape[1]
    poorest = n_half if weight is None else float(effective_rows(weight[torch.stack(folds.halves)]).min())
    return 2 * n_half >= JUDGING_ROWS and poorest >= _FEWEST_EFFECTIVE


def _testable(folds: Folds) -> float:
    n_pairs = min(VALUED_PAIRS, folds.halves[0].shape[1] ** 2)
    return max(math.log(n_pairs) - _MARGIN_NATS, _TESTABLE_NATS)


def _reference_information(reference: nn.Module) -> float:
    if not isinstance(reference, GaussianReference):
        return 0.0
    return float(reference.mutual_information().mean())
