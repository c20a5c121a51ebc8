"""What the values of a bank on held-out and on training rows tell together: an estimate and its interval."""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from .classes import closed_form, referenced, table_information
from .local import LocalCritic, PooledCritic
from .scoring import ScoredBank
from .training import TrainingResult

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
    bank : ScoredBank
        Critics, the bound and its scores.
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

    bank: ScoredBank
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
    def critic(self) -> nn.Module:
        """The critics."""
        return self.bank.critic

    @property
    def states(self) -> list[dict]:
        """Their best parameters by the first and by the second half of the held-out rows."""
        return self.bank.states

    @property
    def bound(self):
        """The bound that gave the values."""
        return self.bank.bound

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


def value_bank(bank: ScoredBank, result: TrainingResult, testable: float, flexible: float) -> CrossFit:
    """Put together what the values of a bank on held-out and on training rows tell.

    Parameters
    ----------
    bank : ScoredBank
        The bank.
    result : TrainingResult
        How it was trained.
    testable : float
        Nats up to which the marginal pairs can test a value.
    flexible : float
        Share of the members that have no fixed form: these miss more than overfitting costs, but for what
        the closed form that they started from overfits.

    Returns
    -------
    CrossFit
    """
    held_out, training = bank.held_out_value, bank.training_value
    estimate, bias = (held_out + training) / 2, 0.0
    if bank.x.probability is not None and bank.y.probability is not None:
        estimate = table_information(bank.x.values, bank.y.values, bank.weight)
    else:  # at most what held-out rows confirm
        overfit = max(estimate - held_out - (_overfit_at_start(bank) if flexible else 0.0), 0.0)
        bias = min(flexible * _BIAS_SHARE * overfit, max(held_out, 0.0))
    return CrossFit(
        bank=bank,
        held_out=held_out,
        training=training,
        estimate=estimate + bias,
        bias=bias,
        testable=testable,
        standard_error=bank.standard_error,
        result=result,
        n_effective=len(bank.x.values) if bank.weight is None else float(effective_rows(bank.weight)),
    )


def _overfit_at_start(bank: ScoredBank) -> float:
    """Half the distance between training and held-out value of the closed form alone, in nats."""
    inner = referenced(bank.critic)
    if inner is None or inner.network is None:
        return 0.0
    start = bank.untrained(closed_form(inner.reference, bank.y.probability))
    return max((start.training_value - start.held_out_value) / 2, 0.0)


def effective_rows(weight: Tensor) -> Tensor:
    """Rows of equal weight that weighted ones amount to, (..., n) -> (...) (Kish 1965, section 8.2)."""
    weight = weight.cpu().double()
    return weight.sum(-1) ** 2 / (weight**2).sum(-1).clamp_min(1e-300)


def _fisher_upper(information: float, n_rows: float) -> float:
    """Upper end of I = -log(1 - r^2) / 2 = log cosh z, for Fisher's z = arctanh(r)."""
    z = information + math.log1p(math.sqrt(-math.expm1(-2 * information)))
    z += _NORMAL_QUANTILE / math.sqrt(max(n_rows - 3, 1))
    return z + math.log1p(math.exp(-2 * z)) - math.log(2)
