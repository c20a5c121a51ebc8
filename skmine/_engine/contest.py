"""The contest: forms are tried in the order of their cost, alone and pooled with the best critic so far."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from skmine._engine.forms.form import Fit, Form, Start
from skmine._engine.judge import JUDGING_ROWS, WELL_TESTED_NATS, Judge, Scored, Verdict, share_learnt
from skmine._engine.misfit import misfits
from skmine._engine.sample import Sample
from skmine._engine.unbiased import LEAST_CHANCE, OPENING_CHANCE, unbiased_information
from skmine.nn.training import TrainingResult

#: Largest misfit that passes, in standard deviations. If the critic is correct, the largest of five
#: statistics exceeds this limit once in twelve times (250 draws of normal columns). With a limit of 2.33, a
#: band and a spiral of 5,000 rows ended early with values that were 0.04 nats lower.
_LARGEST_MISFIT = 1.7
#: If all members hold out fewer rows than this, only large misfits are found, and a flexible form is tried
#: before the contest may end.
_ENOUGH_ROWS = 4096
#: A path is left after this many consecutive settings that are worse than its best setting.
_PATIENCE = 2


@dataclass(frozen=True)
class Outcome:
    """Result of a contest.

    Attributes
    ----------
    verdict : Verdict
        Verdict on the best critic.
    training : TrainingResult or None
        Result of the last training by minibatches; None if there was none.
    interrupted : bool
        Whether a KeyboardInterrupt ended the contest. The verdict is then on the best critic so far.
    """

    verdict: Verdict
    training: TrainingResult | None
    interrupted: bool

    def doubts(self, mi: float, max_iter: int) -> list[str]:
        """Reasons to doubt a value although nothing failed, each with a remedy.

        Parameters
        ----------
        mi : float
            The reported value in nats.
        max_iter : int
            Maximum number of minibatches.

        Returns
        -------
        list of str
        """
        doubts, verdict = [], self.verdict
        if not verdict.is_judged and max_iter > 0:
            doubts.append(
                f"There are too few held-out rows to judge a network: fewer than {JUDGING_ROWS} in a fold, "
                "or with very uneven weights. mi_ therefore misses most dependence other than rising or "
                "falling trends, and mi_interval_ extends up to mi_max_. Pass more rows, fewer folds, a "
                "larger validation_fraction or less uneven weights."
            )
        elif verdict.rests_on_form and mi > WELL_TESTED_NATS:
            doubts.append(
                f"mi_ is {mi:.1f} nats, and these rows can verify values up to {verdict.testable:.1f}. "
                "mi_ comes from a formula that is correct if the columns are jointly Gaussian, each after a "
                "suitable transformation. Otherwise the truth may be higher or lower, so mi_interval_ "
                "extends up to mi_max_. Check whether a column of X is a copy or a function of y. Pass 1,500 "
                "rows if you have fewer: they can verify values up to about 4 nats."
            )
        training = verdict.scored.fit.training
        if training is not None and not training.converged:
            doubts.append(
                f"Training had not ended after max_iter={max_iter} minibatches. Raise max_iter: the value of "
                "the network may rise further."
            )
        return doubts


def hold_contest(sample: Sample, forms: Iterable[Form], judge: Judge, *, compete: bool = True) -> Outcome:
    """Fit forms to a sample and keep the critic with the highest merit.

    If there are several members, each form is first tried on the first one, which chooses the settings of a
    closed form. If the first member holds out 200 rows, it also chooses the settings of other forms, and
    decides whether they are fitted for all members: only if they beat the best critic so far, alone or pooled
    with it.

    The contest ends early if held-out rows show nothing that the best critic leaves unexplained. It also ends
    if the best closed form so far has a value that is higher than the marginal pairs can test, or if too few
    rows are held out to judge another form; the mean log ratio of this closed form is then the result.

    Parameters
    ----------
    sample : Sample
        The rows, on the CPU.
    forms : iterable of Form
        In the order of their cost.
    judge : Judge
        Judge on the device of the critics.
    compete : bool, default=True
        Whether the forms compete. Otherwise the last form that applies is fitted, and its value is reported.

    Returns
    -------
    Outcome
    """
    contest = _Contest(sample, judge, compete)
    interrupted = False
    try:
        for form in forms:
            if not form.applies(sample):
                continue
            if contest.settles_for_start() or contest.explains_all():
                break
            contest.enter(form)
            if contest.training is not None and contest.training.interrupted:
                interrupted = True
                break
    except KeyboardInterrupt:
        interrupted = True
    if compete and not interrupted:
        contest.correct()
    if contest.best is None and not interrupted:
        raise ValueError("forms must include one that applies to these rows; got none. Add a form.")
    if contest.best is None:
        raise KeyboardInterrupt("MutualInfoEstimator was interrupted before it had a first critic.")
    values = contest.best.held_out, contest.best.estimate
    if not all(map(math.isfinite, values)):
        raise ValueError(
            "Training diverged, or the critic returned NaN or infinity: critic must have a finite value on "
            f"held-out rows; got {values[0]}. Lower learning_rate_init, or correct the critic."
        )
    return Outcome(contest.best, contest.training, interrupted)


def choose_sample(
    samples: Sequence[Sample], forms: Sequence[Form], bound, device: torch.device, compete: bool
) -> tuple[int, Outcome]:
    """Hold a contest for each encoding of the same rows, and keep the best.

    Parameters
    ----------
    samples : sequence of Sample
        The rows in each encoding, the usual one first.
    forms : sequence of Form
        In the order of their cost.
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    device : torch.device
        Of the critics.
    compete : bool
        As in :func:`hold_contest`.

    Returns
    -------
    int, Outcome
        Index of the sample, and the result. A further encoding is used only if its value can be tested.
    """

    def contest_on(sample: Sample) -> Outcome:
        return hold_contest(sample, forms, Judge(sample.to(device), bound), compete=compete)

    chosen, best = 0, contest_on(samples[0])
    for number, sample in enumerate(samples[1:], start=1):
        if best.interrupted:
            break
        try:
            outcome = contest_on(sample)
        except KeyboardInterrupt:
            return chosen, replace(best, interrupted=True)
        verdict = outcome.verdict
        if best.verdict.held_out < verdict.held_out <= verdict.testable:
            chosen, best = number, outcome
        best = replace(best, interrupted=outcome.interrupted)
    return chosen, best


class _Contest:
    """The best critic so far, and the closed forms to start from."""

    def __init__(self, sample: Sample, judge: Judge, compete: bool):
        self.sample, self.judge, self.compete = sample, judge, compete
        self.best: Verdict | None = None
        self.start: Start | None = None
        self.start_verdict: Verdict | None = None
        self.training: TrainingResult | None = None
        self.examined: Scored | None = None
        self.has_tried_flexible = False

    def settles_for_start(self) -> bool:
        """Whether the contest ends with the best start, because the rows cannot judge a further form."""
        if self.start_verdict is None:
            return False
        scored = self.start_verdict.scored
        if self.judge.can_judge and self.judge.can_test(scored):
            return False
        self.best = self.judge.untested(scored)
        return True

    def explains_all(self) -> bool:
        """Whether held-out rows show that the best critic so far explains the dependence.

        This is the case if there is no misfit and if overfitting costs at most the standard error.
        """
        best = self.best
        if best is None or not self.compete:
            return False
        if self.sample.folds.held_out.numel() < _ENOUGH_ROWS and not self.has_tried_flexible:
            return False
        before, self.examined = self.examined, best.scored
        if best.scored is before:
            return False
        if best.overfit > best.standard_error:
            return False
        found = misfits(best.scored.fit, self.sample, self.judge.device)
        return all(misfit < _LARGEST_MISFIT for misfit in found)

    def enter(self, form: Form) -> None:
        """Fit a form, and keep it if it is the best so far."""
        self.has_tried_flexible = self.has_tried_flexible or form.is_flexible
        paths = [list(path) for path in form.settings(self.sample, self.start)]
        by_first = self.best is not None and self.sample.n_members > 1
        if form.is_flexible:
            by_first = by_first and self.compete and self.judge.first_decides
        chosen = self._choose(form, paths, self.sample.first if by_first else self.sample)
        if chosen is None:
            return
        setting, scored = chosen
        self.training = scored.fit.training or self.training
        if not by_first:
            self._value(form, scored)
        elif not self.judge.first_decides or self._is_promising(form, scored):
            fit = self._of_all(form, setting, scored.fit)
            if fit is not None:
                self._value(form, self.judge.score(fit))

    def _is_promising(self, form: Form, scored: Scored) -> bool:
        """Whether a critic of the first member is better than the best so far, alone or pooled with it."""
        assert self.best is not None  # the first critic is fitted for all members at once
        rival = self.best.scored.first
        critics = [scored, scored.pooled(rival)] if form.is_flexible else [scored]
        return max(critic.cautious_value for critic in critics) > rival.cautious_value

    def _choose(self, form: Form, paths: list[list], sample: Sample) -> tuple[Any, Scored] | None:
        """The best setting of all paths, with its scores; None if none can be fitted."""
        chosen = None
        for path in paths:
            tried: list[tuple[Any, Scored]] = []
            best = 0
            for setting in path:
                fit = form.fit(sample, setting)
                if fit is None:
                    break
                tried.append((setting, self.judge.score(fit, is_first=sample is self.sample.first)))
                if tried[-1][1].cautious_value > tried[best][1].cautious_value:
                    best = len(tried) - 1
                if len(tried) > best + _PATIENCE:
                    break
            if tried and (chosen is None or tried[best][1].cautious_value > chosen[1].cautious_value):
                chosen = tried[best]
        return chosen

    def _of_all(self, form: Form, setting: Any, first: Fit) -> Fit | None:
        """The bank of all members. The first member is already fitted.

        The members of a closed form must read the same coordinates, so the first member may change when the
        others are fitted.
        """
        if not form.is_flexible:
            return form.fit(self.sample, setting)
        others = form.fit(self.sample.others, setting)
        return None if others is None else first.joined(others)

    def _value(self, form: Form, scored: Scored) -> None:
        """Evaluate a bank of all members, alone and pooled with the best critic so far."""
        self.training = scored.fit.training or self.training
        if not form.is_flexible:
            self._enter_start(scored)
            return
        flexible, partner = share_learnt(scored.fit.training), self.best
        self._consider(self.judge.verdict(scored, flexible, self.start_verdict))
        if self.compete and partner is not None:
            self._consider(self.judge.verdict(scored.pooled(partner.scored), 1.0, self.start_verdict))

    def _enter_start(self, scored: Scored) -> None:
        """Consider a closed form. If it has coordinates and is better, later forms start from it."""
        verdict = self.judge.verdict(scored, 0.0, None)
        reference = scored.fit.reference
        if reference is None:
            self._consider(verdict)
        elif self.start_verdict is None or verdict.merit > self.start_verdict.merit:
            self.start_verdict = verdict
            self._consider(verdict)
            self.start = Start(self.start.simplest if self.start else reference, reference)

    def correct(self) -> None:
        """Report the unbiased value of Gaussian blocks, if held-out rows cannot judge their critic.

        Held-out rows cannot judge a critic whose value is too large for the pairs to test. They can judge it
        poorly if the blocks are wide: every critic then loses much to overfitting. The unbiased value is then
        reported, unless a critic is better than the linear one by more than a standard error and has an
        estimate above the lower end of the unbiased interval. If no critic is better than the linear one and
        the rows are not Gaussian, the interval is open.
        """
        best, plain, sample = self.best, self.start_verdict, self.sample
        if best is None or plain is None or self.start is None or sample.classes is not None:
            return
        if not best.is_judged or plain.scored.fit.reference is not self.start.simplest:
            return
        x, y = sample.x.core, sample.y.core
        chance = x.shape[1] * y.shape[1] / (2 * len(x))
        if best.is_tested and chance < LEAST_CHANCE:
            return
        is_possible = sample.weight is None and not sample.has_atoms
        value = unbiased_information(x, y) if is_possible else None
        is_linear = not best.is_tested or best.held_out <= plain.held_out + best.standard_error
        if value is not None and value.is_gaussian and (is_linear or value.interval[0] > best.estimate):
            self.best = replace(best, unbiased=value, least_upper=0.0 if is_linear else best.interval[1])
        elif is_linear and chance > OPENING_CHANCE:
            self.best = replace(best, least_upper=math.inf)

    def _consider(self, verdict: Verdict) -> None:
        """Keep a critic if it is the best. One that is about as good only extends the interval upwards."""
        if self.best is None or not self.compete:
            self.best = verdict
            return
        winner, loser = self.best, verdict
        if verdict.merit > self.best.merit:
            winner, loser = verdict, self.best
        if loser.merit > winner.merit - winner.standard_error:
            winner = replace(winner, least_upper=max(winner.least_upper, loser.interval[1]))
        self.best = winner
