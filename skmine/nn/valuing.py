"""The values of a bank of critics: on held-out rows, on training rows, and what they tell together."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .building import Block, Folds
from .classes import ClassNormalised, table_information
from .coordinates import ReferencedCritic
from .local import LocalCritic, PooledCritic
from .pairs import choose_valuing_pairs
from .reference import weighted_mean
from .training import TrainingResult

_TRAINING_PAIRS = 2**20
_NORMAL_QUANTILE = 1.96  # of 97.5 %
_GAP_PENALTY = 0.1  # a nat between the training and the held-out value, where critics compete
#: Bias of a critic of no fixed form, as a share of half the distance between training and held-out value.
#: Where smoothing is chosen by the held-out value, its derivatives cancel: for a function of d variables with
#: s derivatives the bias is d / (2 s) of what overfitting costs (Stone 1982).
_BIAS_SHARE = 0.25


@dataclass
class CrossFit:
    """What :func:`cross_fit` found.

    Attributes
    ----------
    critic : nn.Module
        The bank.
    bound : object
        The bound that gave the values.
    states : list of dict
        Best parameters of the bank by the first and by the second half of the held-out rows.
    held_out, training : float
        Bound on held-out and on training rows in nats, mean over the members.
    estimate : float
        Their mean, where what overfitting adds cancels to first order, and `bias`; the plug-in value where x
        and y are both discrete.
    testable : float
        Nats up to which the marginal pairs can test a value; infinity where y is discrete.
    standard_error : float
        Standard error of the mean log ratio over the held-out rows, in nats.
    result : TrainingResult
        History and how training ended.
    n_effective : float
        Rows of equal weight that all rows amount to.
    bias : float, default=0.0
        Nats that a critic of no fixed form is taken to miss beside what overfitting costs.
    is_judged : bool, default=True
        Whether there are rows enough to judge a network; else the value is the closed form's.
    least_upper : float, default=0.0
        Upper end of the interval at least, in nats: that of a network to which another critic was preferred.
    """

    critic: nn.Module
    bound: object
    states: list
    held_out: float
    training: float
    estimate: float
    testable: float
    standard_error: float
    result: TrainingResult
    n_effective: float
    bias: float = 0.0
    is_judged: bool = True
    least_upper: float = 0.0

    @property
    def can_go_on(self) -> bool:
        """Whether its critic is a bank with a network, or a table of classes, which can be trained on."""
        if isinstance(self.critic, (LocalCritic, PooledCritic)):
            return False
        inner = referenced(self.critic)
        return inner is None or inner.network is not None

    @property
    def merit(self) -> float:
        """Held-out value, less what speaks for the critic whose training value is closer to it."""
        return self.held_out - _GAP_PENALTY * max(self.training - self.held_out, 0.0)

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of 95 % in nats.

        The mean of the two values errs by a part of what overfitting adds: downwards, from the plain mean, it
        counts about as far as the held-out value, upwards two and a half times as far, since what was not
        learnt grows with it.
        The upper end is at least that of Fisher's z for a single correlation: of the estimate where no
        network could be judged, else of none, since a critic that found nothing has no standard error.
        """
        overfit = (self.training - self.held_out) / 2
        below, above = (_NORMAL_QUANTILE * math.hypot(self.standard_error, k * overfit) for k in (0.5, 1.25))
        reach = _fisher_upper(0.0 if self.is_judged else max(self.estimate, 0.0), self.n_effective)
        return self.estimate - self.bias - below, max(self.estimate + above, reach, self.least_upper)


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
        See :data:`skmine.nn.BOUNDS`.
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


class HeldOut(NamedTuple):
    """Value of a bank on rows that neither trained nor chose it, in nats, and its standard error."""

    value: float
    standard_error: float


def value_held_out(
    critic: nn.Module, states: list, x: Block, y: Block, folds: Folds, weight: Tensor | None, bound
) -> HeldOut:
    """Value each state of a bank on the half of the held-out rows that did not choose it.

    Parameters
    ----------
    critic : nn.Module
        The bank.
    states : list of dict
        Its best parameters by the first and by the second half of the held-out rows.
    x, y : Block
        All rows.
    folds : Folds
        Rows of each member.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    bound : object
        See :data:`skmine.nn.BOUNDS`.

    Returns
    -------
    HeldOut
    """
    unseen_rows = torch.stack(tuple(reversed(folds.halves)))
    values, log_ratios = [], []
    for state, unseen in zip(states, unseen_rows, strict=True):
        critic.load_state_dict(state, strict=False)
        joint, marginal, *weights = pair_scores(critic, x, y, unseen, bound, weight)
        values.append(bound.estimate(joint, marginal, *weights))
        log_ratios.append(joint - bound.log_normaliser(marginal, weights[1]).unsqueeze(1))
    error = _standard_error(torch.cat(log_ratios, 1), torch.cat(tuple(unseen_rows), 1), weight)
    return HeldOut(_mean(torch.stack(values), unseen_rows, weight), error)


def value_critic(
    held_out: HeldOut,
    critic: nn.Module,
    result: TrainingResult,
    x: Block,
    y: Block,
    folds: Folds,
    weight: Tensor | None,
    *,
    bound,
    testable: float,
    flexible: float,
) -> CrossFit:
    """Value each state of a bank in training too, and put together what the values tell.

    Parameters
    ----------
    held_out : HeldOut
        From :func:`value_held_out`.
    critic : nn.Module
        The bank.
    result : TrainingResult
        With the two states.
    x, y, folds, weight, bound
        As there.
    testable : float
        Nats up to which the marginal pairs can test a value.
    flexible : float
        Share of the members that have no fixed form: these miss more than overfitting costs.

    Returns
    -------
    CrossFit
    """
    train_rows, values = folds.train[:, : _TRAINING_PAIRS // bound.group_size], []
    for state in result.states if any(result.states) else result.states[:1]:
        critic.load_state_dict(state, strict=False)
        values.append(bound.estimate(*pair_scores(critic, x, y, train_rows, bound, weight)))
    training = _mean(torch.stack(values), train_rows, weight)
    estimate, bias = (held_out.value + training) / 2, 0.0
    if x.probability is not None and y.probability is not None:
        estimate = table_information(x.values, y.values, weight)
    else:  # at most what held-out rows confirm
        overfit = max(estimate - held_out.value, 0.0)
        bias = min(flexible * _BIAS_SHARE * overfit, max(held_out.value, 0.0))
    return CrossFit(
        critic=critic,
        bound=bound,
        states=result.states,
        held_out=held_out.value,
        training=training,
        estimate=estimate + bias,
        bias=bias,
        testable=testable,
        standard_error=held_out.standard_error,
        result=result,
        n_effective=len(x.values) if weight is None else float(effective_rows(weight)),
    )


def _mean(values: Tensor, rows: Tensor, weight: Tensor | None) -> float:
    """Mean of values of sets of rows, each by its weight."""
    return float(values.mean()) if weight is None else weighted_mean(values, weight[rows])


def referenced(critic: nn.Module) -> ReferencedCritic | None:
    """The closed form and its network; None for a table of two discrete blocks, which has no network."""
    inner = critic.critic if isinstance(critic, ClassNormalised) else critic
    return inner if isinstance(inner, ReferencedCritic) else None


def effective_rows(weight: Tensor) -> Tensor:
    """Rows of equal weight that weighted ones amount to, (..., n) -> (...) (Kish 1965, section 8.2)."""
    weight = weight.cpu().double()
    return weight.sum(-1) ** 2 / (weight**2).sum(-1).clamp_min(1e-300)


def _fisher_upper(information: float, n_rows: float) -> float:
    """Upper end of I = -log(1 - r^2) / 2 = log cosh z, for Fisher's z = arctanh(r)."""
    z = information + math.log1p(math.sqrt(-math.expm1(-2 * information)))
    z += _NORMAL_QUANTILE / math.sqrt(max(n_rows - 3, 1))
    return z + math.log1p(math.exp(-2 * z)) - math.log(2)


def _standard_error(log_ratio: Tensor, rows: Tensor, weight: Tensor | None) -> float:
    """Of the weighted mean log ratio; a row that several members hold out counts once."""
    weight = torch.ones_like(log_ratio) if weight is None else weight[rows]
    share = (weight / weight.sum()).flatten()
    deviation = log_ratio.flatten() - (share * log_ratio.flatten()).sum()
    repeats = rows.numel() / rows.unique().numel()
    return float(((share * deviation) ** 2).sum() * repeats) ** 0.5
