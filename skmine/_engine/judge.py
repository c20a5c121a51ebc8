"""The judge: values a critic on held-out rows, and computes the results to report."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from skmine._engine.forms.form import GAP_PENALTY, Fit
from skmine._engine.sample import Sample, effective_rows
from skmine._engine.scoring import Scored
from skmine._engine.unbiased import NORMAL_QUANTILE, UnbiasedValue
from skmine.nn.bounds import Normalised
from skmine.nn.training import TrainingResult

#: Minimum number of held-out rows per member to judge a network.
JUDGING_ROWS = 12
#: Minimum effective number of rows in each half of them.
_FEWEST_EFFECTIVE = 4.0
#: Minimum number of held-out rows per member for the first member to decide for all.
_DECIDING_ROWS = 200
#: Marginal pairs can test a value I if it is at least this far below log(N), where N is the number of pairs.
#: The relative variance of the mean of exp(T) over N pairs is at least (exp(I) - 1) / N, and about ten times
#: that for Gaussians with one strong pair. Up to two nats, the mean over the members is a sufficient test for
#: any number of rows.
_MARGIN_NATS, _TESTABLE_NATS = 6.0, 2.0
#: Values up to this many nats are not doubted if marginal pairs were used.
WELL_TESTED_NATS = 3.0
#: If the log of the mean of exp(T) over marginal pairs is above this, T is not a log density ratio.
_REFUTING_NATS = 3.0
#: Maximum relative standard error of that mean for this conclusion.
RELIABLE_ERROR = 0.5
#: Bias of a flexible critic, as a share of the cost of overfitting. If the held-out value chooses the amount
#: of smoothing, its derivatives cancel. For a function of d variables with s derivatives, the bias is then
#: d / (2 s) of the cost (Stone 1982): with two derivatives, one half for two variables and one for four. The
#: value between them has the smallest error on draws 0, 2 and 3 of the random joints.
_BIAS_SHARE = 0.75
#: Parts of half the gap between training and held-out value that extend the interval downwards, and upwards.
#: Where a critic overfits, it also misses information, so the truth is more often above the estimate than
#: below. The second factor was chosen on draws 0, 2 and 3 of the random joints; `known_joints --suite random`
#: shows the coverage for other draws.
_BELOW, _ABOVE = 0.5, 2.5


@dataclass(frozen=True)
class Verdict:
    """The results for a bank, from its values on held-out and training rows.

    Attributes
    ----------
    scored : Scored
        Critics, the bound and its scores.
    held_out, training : float
        Mean over the members of the bound on held-out and on training rows, in nats.
    bias : float
        Estimate in nats of what a flexible critic misses in addition to the cost of overfitting.
    standard_error : float
        Standard error of the mean log ratio over the held-out rows, in nats.
    testable : float
        Largest value in nats that the marginal pairs can test; infinity if y is discrete.
    n_effective : float
        Effective number of rows.
    is_judged : bool, default=True
        Whether there are enough rows to judge a network. If not, the value is that of a closed form.
    is_tested : bool, default=True
        Whether marginal pairs were used for the value.
    least_upper : float, default=0.0
        Minimum of the upper end of the interval, in nats: the upper end for other critics that were about as
        good.
    unbiased : UnbiasedValue or None, default=None
        Value to report instead, if held-out rows cannot judge the critic.
    """

    scored: Scored
    held_out: float
    training: float
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
        """What overfitting subtracts from the held-out value; see :func:`_overfit`."""
        return _overfit(self.held_out, self.training)

    @property
    def estimate(self) -> float:
        """Held-out value plus `overfit`, which cancels overfitting to first order, plus `bias`."""
        if self.unbiased is not None:
            return self.unbiased.estimate
        return self.held_out + self.overfit + self.bias

    @cached_property
    def merit(self) -> float:
        """Measure that compares critics: the cautious held-out value minus a share of the gap."""
        return self.scored.cautious_value - GAP_PENALTY * max(self.training - self.held_out, 0.0)

    @property
    def rests_on_form(self) -> bool:
        """Whether the value relies on the form of the critic, because the rows cannot test it.

        There are too few held-out rows, or the value is too high for the marginal pairs.
        """
        if self.unbiased is not None:
            return False
        is_beyond = self.estimate > max(self.testable, WELL_TESTED_NATS)
        return not self.is_tested or (is_beyond and self.scored.pair_error > RELIABLE_ERROR)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval in nats.

        Overfitting causes a part of the error. The gap between training and held-out value extends the
        interval downwards, and upwards by five times as much, because a critic that overfits also misses
        information. The interval is open if the value relies on the form of the critic.

        The upper end is at least that of Fisher's interval for a correlation of 0, because a critic that has
        learnt nothing has no standard error.
        """
        if self.unbiased is not None:
            low, high = self.unbiased.interval
            return low, max(high, self.least_upper)
        least_upper = math.inf if self.rests_on_form else self.least_upper
        half_gap = (self.training - self.held_out) / 2
        below, above = (
            NORMAL_QUANTILE * math.hypot(self.standard_error, k * half_gap) for k in (_BELOW, _ABOVE)
        )
        # I = -log(1 - r^2) / 2 = log cosh z for Fisher's z = arctanh(r), with standard error (n - 3)^(-1/2).
        reach = math.log(math.cosh(NORMAL_QUANTILE / math.sqrt(max(self.n_effective - 3, 1))))
        return self.estimate - self.bias - below, max(self.estimate + above, reach, least_upper)

    def on_all_rows(self, value: float, share: float, n_effective: float) -> "Verdict":
        """The verdict with a value that is a mean over more rows than those of the sample.

        A value that is not that of the critic stays as it is.

        Parameters
        ----------
        value : float
            The bound in nats on the further rows, which no critic has seen.
        share : float
            Share of these rows in the weight of all rows.
        n_effective : float
            Effective number of all rows.

        Returns
        -------
        Verdict
        """
        if self.unbiased is not None or self.least_upper == math.inf:
            return self
        shift = share * (value - self.held_out)
        return replace(
            self,
            held_out=self.held_out + shift,
            training=self.training + shift,
            standard_error=self.standard_error * math.sqrt(self.n_effective / n_effective),
            n_effective=n_effective,
        )


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

    @cached_property
    def can_judge(self) -> bool:
        """Whether each member holds out enough rows to judge a network."""
        halves = torch.stack(self.sample.folds.halves)
        poorest = float(effective_rows(self.sample.row_weight[halves]).min())
        return 2 * halves.shape[2] >= JUDGING_ROWS and poorest >= _FEWEST_EFFECTIVE

    @property
    def device(self) -> torch.device:
        """Device of the critics."""
        return self.sample.x.values.device

    @property
    def first_decides(self) -> bool:
        """Whether the first of several members holds out enough rows to choose forms and settings for all."""
        n_held_out = 2 * self.sample.folds.halves[0].shape[1]
        return self.sample.n_members > 1 and n_held_out >= _DECIDING_ROWS

    def testable(self, scored: Scored) -> float:
        """Largest value in nats that the marginal pairs can test; infinity if they enumerate the classes."""
        if self.sample.classes is not None:
            return math.inf
        return max(scored.highest_value - _MARGIN_NATS, _TESTABLE_NATS)

    def score(self, fit: Fit, *, is_first: bool = False) -> Scored:
        """Scores of a bank, or of a bank that contains only the first member."""
        sample = self.sample.first if is_first else self.sample
        device = sample.x.values.device
        if any(buffer.device != device for buffer in fit.critic.buffers()):
            fit = fit.to(device)
        return Scored(fit, sample, self.bound)

    def can_test(self, start: Scored) -> bool:
        """Whether the marginal pairs can test, or refute, the value of a closed form.

        If T is a log density ratio, the mean of exp(T) over marginal pairs is 1 in expectation. It exceeds 20
        in less than one sample in 20 (Markov's inequality). A few pairs must not determine the mean.
        """
        joint = torch.cat([scores.joint for scores in start.held_out], 1)
        normalisers = torch.stack(
            [self.bound.log_normaliser(scores.marginal, scores.marginal_weight) for scores in start.held_out]
        )
        log_mean = float(normalisers.logsumexp((0, 1))) - math.log(normalisers.numel())
        is_refuted = log_mean > _REFUTING_NATS and start.pair_error < RELIABLE_ERROR
        return is_refuted or float(joint.mean()) <= self.testable(start)

    def untested(self, start: Scored) -> "Verdict":
        """Verdict on a closed form whose value no pairs can test: its mean log ratio."""
        scored = Scored(start.fit, self.sample, Normalised())
        verdict = self.verdict(scored, 0.0, None, is_tested=False)
        return replace(verdict, is_judged=self.can_judge)

    def verdict(
        self, scored: Scored, flexible: float, start: Verdict | None, is_tested: bool = True
    ) -> Verdict:
        """Combine the values on held-out and training rows.

        Parameters
        ----------
        scored : Scored
            Scores of the bank.
        flexible : float
            Share of the members whose form is flexible. Such members miss more information than overfitting
            costs, which is corrected in proportion to their overfitting.
        start : Verdict or None
            Verdict on the closed form. A network is added to it, so its overfitting is subtracted first.
        is_tested : bool, default=True
            Whether marginal pairs are used for the values. If so, a value is at most the log of the number of
            pairs, and the interval is open if the value reaches this limit.

        Returns
        -------
        Verdict
        """
        held_out = scored.held_out_value
        training = scored.training_value
        least_upper = 0.0
        if is_tested and held_out > scored.highest_value:
            held_out = training = scored.highest_value
            least_upper = math.inf
        overfit, bias = _overfit(held_out, training), 0.0
        if flexible:
            origin = start if scored.fit.training is not None else None  # only networks contain it
            own = overfit - (max(origin.overfit, 0.0) if origin else 0.0)
            bias = flexible * _BIAS_SHARE * max(own, 0.0)
        return Verdict(
            scored=scored,
            held_out=held_out,
            training=training,
            bias=bias,
            standard_error=scored.standard_error,
            testable=self.testable(scored),
            is_tested=is_tested,
            least_upper=least_upper,
            n_effective=float(effective_rows(self.sample.row_weight)),
        )


def _overfit(held_out: float, training: float) -> float:
    """What overfitting subtracts from the held-out value, in nats.

    To first order, overfitting adds as much to the training value as it subtracts from the held-out value, so
    this is half the gap. A critic that has memorised its training rows gains more on them than it loses on
    others, so a gap counts by the share of the training value that is confirmed.

    Parameters
    ----------
    held_out, training : float
        Values on held-out and on training rows, in nats.

    Returns
    -------
    float
    """
    half = (training - held_out) / 2
    return half * max(held_out, 0.0) / training if half > 0 and training > 0 else half


def share_learnt(training: TrainingResult | None) -> float:
    """Share of the members of a bank whose value rose in training; 1 if nothing was trained.

    Parameters
    ----------
    training : TrainingResult or None
        Result of the training.

    Returns
    -------
    float
    """
    if training is None:
        return 1.0
    return float(torch.stack(training.best_iterations).gt(0).double().mean())
