"""The judge: what a critic is worth on rows that it has not seen, and what is reported of it."""

import copy
import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from skmine._engine.forms.form import GAP_PENALTY, Fit
from skmine._engine.sample import Sample, effective_rows
from skmine._engine.scoring import Scored
from skmine._engine.unbiased import UnbiasedValue
from skmine.nn.bounds import Normalised
from skmine.nn.pairs import VALUED_PAIRS
from skmine.nn.training import TrainingResult

#: Rows that a member must hold out for a network to be judged by them.
JUDGING_ROWS = 12
#: Rows of equal weight that each half of them must amount to.
_FEWEST_EFFECTIVE = 4.0
#: Rows that a member must hold out to choose the settings of a form alone, and to decide if it is worth
#: fitting for the bank.
_CHOOSING_ROWS, _REJECTING_ROWS = 200, 400
#: How far a value I must stay below the log of the number N of marginal pairs for these to test it: the
#: relative variance of their mean of exp(T) is at least (exp(I) - 1) / N, and for Gaussians of one strong
#: pair about ten times that. Up to two nats the mean over the members does, however few the rows.
_MARGIN_NATS, _TESTABLE_NATS = 6.0, 2.0
#: Nats up to which no value is doubted that pairs took part in.
WELL_TESTED_NATS = 3.0
#: Log of the mean of exp(T) over marginal pairs from which T is no log density ratio.
_REFUTING_NATS = 3.0
#: Largest relative standard error of that mean for this to count.
RELIABLE_ERROR = 0.5
_NORMAL_QUANTILE = 1.96  # of 97.5 %
#: Bias of a critic of no fixed form, as a share of half the distance between training and held-out value.
#: Where smoothing is chosen by the held-out value, its derivatives cancel: for a function of d variables with
#: s derivatives the bias is d / (2 s) of what overfitting costs (Stone 1982): of two variables and two
#: derivatives, a half.
_BIAS_SHARE = 0.5


@dataclass(frozen=True)
class Verdict:
    """The estimate that the values of a bank on held-out and on training rows give together.

    Attributes
    ----------
    scored : Scored
        Critics, the bound and its scores.
    held_out, training : float
        Bound on held-out and on training rows in nats, mean over the members.
    estimate : float
        Their mean, where what overfitting adds cancels to first order, and `bias`; the plug-in value where x
        and y are both discrete.
    bias : float
        Nats that a critic of no fixed form is taken to miss beside what overfitting costs.
    standard_error : float
        Standard error of the mean log ratio over the held-out rows, in nats.
    testable : float
        Nats up to which the marginal pairs can test a value; infinity where y is discrete.
    n_effective : float
        Rows of equal weight that all rows amount to.
    is_judged : bool, default=True
        Whether the rows are enough to judge a network; if not, the value is that of the closed form.
    is_tested : bool, default=True
        Whether marginal pairs took part in the value.
    least_upper : float, default=0.0
        Upper end of the interval at least, in nats: that of a network to which another critic was preferred.
    unbiased : UnbiasedValue or None, default=None
        What is reported instead, where held-out rows cannot judge the critic.
    """

    scored: Scored
    held_out: float
    training: float
    estimate: float
    bias: float
    standard_error: float
    testable: float
    n_effective: float
    is_judged: bool = True
    is_tested: bool = True
    least_upper: float = 0.0
    unbiased: UnbiasedValue | None = None

    @property
    def overfit(self) -> float:
        """Half the distance between the two values: what overfitting adds to one and costs the other."""
        return (self.training - self.held_out) / 2

    @cached_property
    def merit(self) -> float:
        """What critics are compared by: the cautious held-out value, less a share of the gap in training."""
        return self.scored.cautious_value - GAP_PENALTY * max(self.training - self.held_out, 0.0)

    @property
    def rests_on_form(self) -> bool:
        """Whether the value is beyond what the marginal pairs can test, and so is right if its form is."""
        if self.unbiased is not None or not self.is_judged:
            return False
        is_beyond = self.estimate > max(self.testable, WELL_TESTED_NATS)
        return not self.is_tested or (is_beyond and self.scored.pair_error > RELIABLE_ERROR)

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of 95 % in nats.

        The mean of the two values errs by a part of what overfitting adds: downwards, from the plain mean, it
        counts about as far as the held-out value, upwards two and a half times as far, since what was not
        learnt grows with it. The interval is open where the value rests on the form of the critic.
        The upper end is at least that of Fisher's z for a single correlation: of the estimate where no
        network could be judged, else of none, since a critic that found nothing has no standard error.
        """
        if self.unbiased is not None:
            reach = _NORMAL_QUANTILE * self.unbiased.standard_error
            return self.unbiased.estimate - reach, self.unbiased.estimate + reach
        least_upper = math.inf if self.rests_on_form else self.least_upper
        below, above = (
            _NORMAL_QUANTILE * math.hypot(self.standard_error, k * self.overfit) for k in (0.5, 1.25)
        )
        reach = _fisher_upper(0.0 if self.is_judged else max(self.estimate, 0.0), self.n_effective)
        return self.estimate - self.bias - below, max(self.estimate + above, reach, least_upper)


class Judge:
    """Values critics on the rows of a sample.

    Parameters
    ----------
    sample : Sample
        The rows, on the device of the critics.
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    """

    def __init__(self, sample: Sample, bound):
        self.sample, self.bound = sample, bound
        half = sample.folds.halves[0].shape[1]
        self.testable = math.inf
        if sample.classes is None:
            n_pairs = min(VALUED_PAIRS, half**2)
            self.testable = max(math.log(n_pairs) - _MARGIN_NATS, _TESTABLE_NATS)

    @cached_property
    def can_judge(self) -> bool:
        """Whether the rows that each member holds out can judge a network."""
        halves, weight = torch.stack(self.sample.folds.halves), self.sample.weight
        poorest = halves.shape[2] if weight is None else float(effective_rows(weight[halves]).min())
        return 2 * halves.shape[2] >= JUDGING_ROWS and poorest >= _FEWEST_EFFECTIVE

    @property
    def device(self) -> torch.device:
        """Of the critics."""
        return self.sample.x.values.device

    @property
    def can_end(self) -> bool:
        """Whether members hold out rows enough to find that nothing is left to explain."""
        return 2 * self.sample.folds.halves[0].shape[1] >= _CHOOSING_ROWS

    @property
    def first_chooses(self) -> bool:
        """Whether the first of several members holds out rows enough to choose among settings for all."""
        return self.sample.n_members > 1 and self.can_end

    @property
    def first_rejects(self) -> bool:
        """Whether it holds out enough rows to decide which forms are worth fitting for all."""
        return self.first_chooses and 2 * self.sample.folds.halves[0].shape[1] >= _REJECTING_ROWS

    def score(self, fit: Fit, sample: Sample | None = None) -> Scored:
        """Scores of a bank; of the first member alone, where the sample is that of the first."""
        sample = self.sample.first if sample is not None and sample.n_members == 1 else self.sample
        critic, device = fit.critic, sample.x.values.device
        if any(buffer.device != device for buffer in critic.buffers()):
            critic = copy.deepcopy(critic).to(device)  # others read the coordinates of the one here
        return Scored(replace(fit, critic=critic), sample, self.bound)

    def can_test(self, start: Scored) -> bool:
        """Whether the marginal pairs can test a value as large as a closed form claims, or refute it.

        Of a log density ratio the mean of exp(T) over marginal pairs is one, so that it exceeds 20 in less
        than one sample of 20 (Markov). It must not rest on a few pairs.
        """
        joint = torch.cat([scores.joint for scores in start.held_out], 1)
        normalisers = torch.stack(
            [self.bound.log_normaliser(scores.marginal, scores.marginal_weight) for scores in start.held_out]
        )
        log_mean = float(normalisers.logsumexp((0, 1))) - math.log(normalisers.numel())
        is_refuted = log_mean > _REFUTING_NATS and start.pair_error < RELIABLE_ERROR
        return is_refuted or float(joint.mean()) <= self.testable

    def untested(self, start: Scored) -> "Verdict":
        """On a closed form whose value no pairs can test: its mean log ratio."""
        scored = Scored(start.fit, self.sample, Normalised())
        verdict = self.verdict(scored, 0.0, None, is_tested=False)
        return replace(verdict, is_judged=self.can_judge)

    def verdict(
        self, scored: Scored, flexible: float, start: Verdict | None, is_tested: bool = True
    ) -> Verdict:
        """Combine the values on held-out and on training rows.

        Parameters
        ----------
        scored : Scored
            The bank.
        flexible : float
            Share of the members that have no fixed form. These miss more than overfitting costs, except for
            what the closed form that they started from overfits.
        start : Verdict or None
            On that closed form.
        is_tested : bool, default=True
            Whether marginal pairs take part in the values. These are then at most the log of their number; of
            a higher one the interval is open.

        Returns
        -------
        Verdict
        """
        sample = self.sample
        held_out = scored.held_out_value
        training = held_out if scored.fit.knows_rows else scored.training_value
        least_upper = 0.0
        if is_tested and held_out > scored.highest_value:
            held_out = training = scored.highest_value
            least_upper = math.inf
        estimate, bias = (held_out + training) / 2, 0.0
        if sample.x.probability is not None and sample.classes is not None:
            estimate = _table_information(sample.x.values, sample.y.values, sample.weight)
        elif flexible:  # at most what held-out rows confirm
            overfit = estimate - held_out - (max(start.overfit, 0.0) if start else 0.0)
            bias = min(flexible * _BIAS_SHARE * max(overfit, 0.0), max(held_out, 0.0))
        return Verdict(
            scored=scored,
            held_out=held_out,
            training=training,
            estimate=estimate + bias,
            bias=bias,
            standard_error=scored.standard_error(scored.log_ratios),
            testable=self.testable,
            is_tested=is_tested,
            least_upper=least_upper,
            n_effective=(
                len(sample.x.values) if sample.weight is None else float(effective_rows(sample.weight))
            ),
        )


def share_learnt(training: TrainingResult | None) -> float:
    """Share of the members of a bank whose training brought a rise; 1 where nothing was trained.

    Parameters
    ----------
    training : TrainingResult or None
        How training went.

    Returns
    -------
    float
    """
    if training is None:
        return 1.0
    return float(torch.stack(training.best_iterations).gt(0).double().mean())


def _table_information(x: Tensor, y: Tensor, weight: Tensor | None) -> float:
    """Plug-in mutual information of one-hot rows, in nats: that of their observed shares."""
    x, y = x.double(), y.double()
    joint = x.T @ (y if weight is None else weight.double().unsqueeze(1) * y)
    joint = joint / joint.sum()
    independent = joint.sum(1, keepdim=True) * joint.sum(0)
    return float(torch.xlogy(joint, joint / independent.clamp_min(1e-300)).sum())


def _fisher_upper(information: float, n_rows: float) -> float:
    """Upper end of I = -log(1 - r^2) / 2 = log cosh z, for Fisher's z = arctanh(r)."""
    z = information + math.log1p(math.sqrt(-math.expm1(-2 * information)))
    z += _NORMAL_QUANTILE / math.sqrt(max(n_rows - 3, 1))
    return z + math.log1p(math.exp(-2 * z)) - math.log(2)
