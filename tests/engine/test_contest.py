"""The contest: order, who is asked first, when a path is left, what counts as better, and interruptions."""

import math
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from blocks import draw_pairs, make_sample

from skmine._engine import contest
from skmine._engine.contest import choose_sample, hold_contest
from skmine._engine.critics import Reference
from skmine._engine.forms import Fit, Form
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.judge import Judge, Verdict
from skmine._engine.misfit import misfits as real_misfits
from skmine.nn import DonskerVaradhan
from skmine.nn.bounds import Normalised
from skmine.nn.training import TrainingResult

# --- Forms whose critics are worth what the test says, and a judge that believes them ---


@dataclass
class StubScored:
    """A critic, its value for the first member and for all, and what its pools have over the mean."""

    fit: Fit
    name: str
    for_first: float
    for_all: float
    gain_of_pools: float = -9.0
    is_first: bool = False

    @property
    def cautious_value(self):
        return self.for_first if self.is_first else self.for_all

    @property
    def first(self):
        return replace(self, is_first=True)

    def pooled(self, other):
        assert self.is_first == other.is_first
        means = ((getattr(self, k) + getattr(other, k)) / 2 + self.gain_of_pools for k in _VALUES)
        name = f"{self.name} & {other.name}"
        return StubScored(Fit(SimpleNamespace(name=name)), name, *means, is_first=self.is_first)


_VALUES = ("for_first", "for_all")


@dataclass
class StubJudge:
    """Verdicts of the values of the stubs."""

    first_decides: bool = True
    device: str = "cpu"
    can_judge: bool = True
    most_testable: float = 10.0
    standard_error: float = 0.0
    gap: float = 0.0
    flexible: dict = field(default_factory=dict)
    starts: dict = field(default_factory=dict)

    def score(self, fit, *, is_first=False):
        return replace(fit.critic, fit=fit, is_first=is_first)

    def can_test(self, start):
        return start.for_all <= self.most_testable

    def untested(self, scored):
        return self.verdict(replace(scored, name=f"untested {scored.name}"), 0.0, None)

    def verdict(self, scored, flexible, start):
        assert not scored.is_first
        self.flexible[scored.name] = flexible
        self.starts[scored.name] = start and start.scored.name
        value = scored.for_all
        return Verdict(scored, value, value + self.gap, 0.0, self.standard_error, 10.0, 1e9)


class StubForm(Form):
    """A form with paths of settings, each a value for all members, or one for the first and one for all."""

    def __init__(self, name, *paths, is_flexible=True, applies=True, training=None, **scored):
        self.name, self.paths, self.training = name, paths or ([0.0],), training
        self.is_flexible, self.does_apply, self.scored = is_flexible, applies, scored
        self.fitted, self.starts, self.reference = [], [], Reference()

    def applies(self, sample):
        return self.does_apply

    def settings(self, sample, start):
        self.starts.append(start)
        return self.paths

    def fit(self, sample, setting):
        self.fitted.append((sample.n_members, setting))
        if setting is None:
            return None
        if isinstance(setting, BaseException):
            raise setting
        values = setting if isinstance(setting, tuple) else (setting, setting)
        critic = StubScored(None, self.name, *values, **self.scored)
        return StubFit(critic, training=self.training, reference=None if self.is_flexible else self.reference)


class StubFit(Fit):
    """Joins critics, which have no tensors."""

    def joined(self, others):
        assert others.critic.name == self.critic.name
        return self


def closed(name, *paths, **parameters):
    return StubForm(name, *paths, is_flexible=False, **parameters)


@pytest.fixture
def sample():
    """Four members of 750 training rows."""
    return make_sample(*draw_pairs(1000, [0.5]))


@pytest.fixture(autouse=True)
def misfit(monkeypatch):
    """Misfits by the name of a critic, infinite where none is given; and the critics that were examined."""
    misfits, examined = {}, []

    def stub(fit, sample, device):
        name = fit.critic.name
        examined.append(name)
        return [-1.0, misfits.get(name, math.inf)]

    monkeypatch.setattr(contest, "misfits", stub)
    return misfits, examined


def winner(outcome):
    return outcome.verdict.scored.name


# --- Who is tried ---


def test_contest__forms__in_their_order_and_those_that_apply(sample):
    order = []

    class Noting(StubForm):
        def fit(self, *arguments):
            order.append(self.name)
            return super().fit(*arguments)

    forms = [Noting("a", is_flexible=False), Noting("b", applies=False), Noting("c"), Noting("d")]

    hold_contest(sample, forms, StubJudge(first_decides=False))

    assert order == ["a", "c", "d"]


def test_contest__best__is_that_of_the_highest_merit(sample):
    forms = [closed("start", [0.1]), StubForm("low", [0.2]), StubForm("high", [0.4]), StubForm("last", [0.3])]

    outcome = hold_contest(sample, forms, StubJudge())

    assert winner(outcome) == "high"
    assert outcome.training is None
    assert not outcome.interrupted


def test_contest__no_start_needed__a_flexible_form_alone(sample):
    assert winner(hold_contest(sample, [StubForm("only", [-0.1])], StubJudge())) == "only"


def test_contest__nothing_to_fit__says_that_there_is_no_critic(sample):
    with pytest.raises(KeyboardInterrupt, match="before it had a first critic"):
        hold_contest(sample, [closed("a", [KeyboardInterrupt()])], StubJudge())


# --- compete=False ---


def test_contest__no_competition__the_last_form_is_valued_alone_whatever_it_is_worth(sample):
    judge = StubJudge()
    last = StubForm("last", [-5.0], gain_of_pools=9.0)

    outcome = hold_contest(sample, [closed("start", [0.3]), last], judge, compete=False)

    assert winner(outcome) == "last"
    assert last.fitted == [(4, -5.0)]  # for all at once: the first member is not asked
    assert not any("&" in name for name in judge.flexible)
    assert outcome.verdict.least_upper == 0  # of the start nothing is left


def test_contest__no_competition_between_closed_forms__the_best_of_them_is_the_start(sample):
    forms = [closed("plain", [0.3]), closed("worse", [0.2]), closed("better", [0.9])]
    last = StubForm("last", [0.0])

    outcome = hold_contest(sample, [*forms, last], StubJudge(), compete=False)

    assert winner(outcome) == "last"
    (start,) = last.starts
    assert (start.simplest, start.best) == (forms[0].reference, forms[2].reference)


def test_contest__no_competition_and_rows_that_cannot_test__the_start(sample):
    last = StubForm("last", [9.0])

    outcome = hold_contest(sample, [closed("start", [12.0]), last], StubJudge(), compete=False)

    assert winner(outcome) == "untested start"
    assert not last.fitted


# --- The first member ---


def test_contest__first_member__decides_what_is_fitted_for_all(sample):
    promising, not_promising = StubForm("yes", [(0.4, 0.5)]), StubForm("no", [(0.2, 9.0)])

    outcome = hold_contest(sample, [closed("start", [0.3]), not_promising, promising], StubJudge())

    assert not_promising.fitted == [(1, (0.2, 9.0))]
    assert promising.fitted == [(1, (0.4, 0.5)), (3, (0.4, 0.5))]
    assert winner(outcome) == "yes"


def test_contest__promising_for_the_first__the_others_are_fitted_and_joined(sample):
    form = StubForm("form", [0.5])

    hold_contest(sample, [closed("start", [0.3]), form], StubJudge())

    assert form.fitted == [(1, 0.5), (3, 0.5)]


def test_contest__closed_form__is_fitted_again_for_all_members(sample):
    form = closed("better", [0.5])

    hold_contest(sample, [closed("start", [0.3]), form], StubJudge())

    assert form.fitted == [(1, 0.5), (4, 0.5)]


def test_contest__as_good_as_the_best_of_the_first_member__is_not_promising(sample):
    form = StubForm("form", [(0.3, 9.0)])

    hold_contest(sample, [closed("start", [0.3]), form], StubJudge())

    assert form.fitted == [(1, (0.3, 9.0))]


def test_contest__worse_than_the_best_so_far_but_not_than_the_start__is_not_promising(sample):
    forms = [closed("start", [0.3]), StubForm("a", [0.5]), StubForm("b", [(0.4, 9.0)])]

    assert winner(hold_contest(sample, forms, StubJudge())) == "a"
    assert forms[2].fitted == [(1, (0.4, 9.0))]


def test_contest__closed_form__a_pool_does_not_make_it_promising(sample):
    form = closed("form", [(0.2, 9.0)], gain_of_pools=0.2)

    hold_contest(sample, [closed("start", [0.3]), form], StubJudge())

    assert form.fitted == [(1, (0.2, 9.0))]


def test_contest__rival_of_another_first_member__is_compared_by_that_member(sample):
    form = StubForm("form", [(0.2, 0.5)])

    hold_contest(sample, [closed("start", [(0.1, 0.4)]), form], StubJudge())

    assert len(form.fitted) == 2  # 0.2 is above the start's 0.1 of the first, though below its 0.4 of all


@pytest.mark.parametrize("is_one_member", [False, True])
def test_contest__too_few_rows_to_tell_by_the_first__all_members_tell(is_one_member, sample):
    sample = sample.first if is_one_member else sample
    form = StubForm("form", [0.1, 0.5])

    outcome = hold_contest(sample, [closed("start", [0.3]), form], StubJudge(is_one_member))

    assert form.fitted == [(sample.n_members, 0.1), (sample.n_members, 0.5)]
    assert outcome.verdict.held_out == 0.5


@pytest.mark.parametrize("first_decides", [True, False])
def test_contest__closed_forms__the_first_member_chooses_and_with_rows_enough_rejects(sample, first_decides):
    first, second = closed("first", [0.3]), closed("second", [0.2])

    hold_contest(sample, [first, second], StubJudge(first_decides=first_decides))

    assert first.fitted == [(4, 0.3)]
    assert second.fitted == ([(1, 0.2)] if first_decides else [(1, 0.2), (4, 0.2)])


def test_contest__no_form_applies__raises(sample):
    with pytest.raises(ValueError, match="forms must include one that applies"):
        hold_contest(sample, [StubForm("form", applies=False)], StubJudge())


# --- Paths ---


@pytest.mark.parametrize(
    ("path", "tried"),
    [
        ([1.0, 0.5, 0.4, 9.0], [1.0, 0.5, 0.4]),
        ([1.0, 0.5, 2.0, 1.0, 0.5, 9.0], [1.0, 0.5, 2.0, 1.0, 0.5]),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        ([1.0, 1.0, 1.0, 9.0], [1.0, 1.0, 1.0]),
        ([1.0, None, 9.0], [1.0, None]),
    ],
    ids=["two worse", "two worse after a rise", "rising", "no rise", "not determined"],
)
def test_contest__path__is_left_after_two_settings_that_are_no_better(path, tried, sample):
    form = StubForm("form", path)

    outcome = hold_contest(sample.first, [form], StubJudge())

    assert [setting for _, setting in form.fitted] == tried
    assert outcome.verdict.held_out == max(value for value in tried if value is not None)


def test_contest__path_that_determines_nothing__others_count(sample):
    form = StubForm("form", [None], [0.5])

    assert hold_contest(sample, [closed("start", [0.3]), form], StubJudge()).verdict.held_out == 0.5


def test_contest__many_paths__the_best_of_the_first_member_is_fitted_for_the_others(sample):
    form = StubForm("form", *([(value, 0.0)] for value in (0.5, 0.7, 0.9, 0.4)))

    hold_contest(sample, [closed("start", [0.3]), form], StubJudge())

    assert [setting for n_members, setting in form.fitted if n_members == 3] == [(0.9, 0.0)]


# --- Pools ---


def test_contest__pool__is_considered_and_may_win(sample):
    judge = StubJudge()
    form = StubForm("form", [(0.4, 0.4)], gain_of_pools=0.2)

    outcome = hold_contest(sample, [closed("start", [0.3]), form], judge)

    assert winner(outcome) == "form & start"
    assert outcome.verdict.held_out == pytest.approx(0.55)
    assert judge.flexible == {"start": 0.0, "form": 1.0, "form & start": 1.0}


def test_contest__worse_alone_and_better_in_a_pool__is_promising(sample):
    form = StubForm("form", [(0.2, 0.2)], gain_of_pools=0.2)

    assert winner(hold_contest(sample, [closed("start", [0.3]), form], StubJudge())) == "form & start"


def test_contest__pool__is_with_the_best_before_the_form(sample):
    form = StubForm("b", [0.4], gain_of_pools=0.0)

    judge = StubJudge()
    hold_contest(sample, [closed("start", [0.1]), StubForm("a", [0.3]), form], judge)

    assert "b & a" in judge.flexible
    assert "b & b" not in judge.flexible


def test_contest__closed_forms__are_not_pooled(sample):
    judge = StubJudge()

    hold_contest(sample, [closed("a", [0.3]), closed("b", [0.5], gain_of_pools=9.0)], judge)

    assert set(judge.flexible) == {"a", "b"}


# --- The start ---


@pytest.mark.parametrize(("gain", "expected"), [(-1e-4, "plain"), (1e-4, "other")])
def test_contest__second_closed_form__wins_if_it_is_better(gain, expected, sample):
    forms = [closed("plain", [0.3]), closed("other", [0.3 + gain])]

    assert winner(hold_contest(sample, forms, StubJudge())) == expected


def test_contest__start__is_the_simplest_and_the_best_closed_form(sample):
    forms = [closed("plain", [0.3]), closed("worse", [0.2]), closed("better", [0.9])]
    judge, last = StubJudge(), StubForm("last", [1.5])

    hold_contest(sample, [*forms, last], judge)

    assert [form.starts[0] for form in forms[:1]] == [None]
    assert forms[1].starts[0].simplest is forms[1].starts[0].best is forms[0].reference
    (start,) = last.starts
    assert (start.simplest, start.best) == (forms[0].reference, forms[2].reference)
    assert judge.starts["last"] == "better"  # what it overfits is no bias of the last
    assert judge.starts["better"] is None


def test_contest__flexible_form_that_wins__is_no_start(sample):
    start, last = closed("start", [0.3]), StubForm("last")

    hold_contest(sample, [start, StubForm("flexible", [0.9]), last], StubJudge())

    assert last.starts[0].best is start.reference


# --- Where nothing is left to explain ---


@pytest.mark.parametrize(("value", "stops"), [(-2.0, True), (1.69, True), (1.71, False), (50.0, False)])
def test_contest__misfit_of_the_best__small_ends_the_contest_and_large_goes_on(value, stops, sample, misfit):
    misfits, _ = misfit
    misfits["start"] = value
    form = StubForm("form", [0.5])
    forms = [closed("start", [0.3]), StubForm("worse", [0.1]), form]

    outcome = hold_contest(sample, forms, StubJudge())

    assert winner(outcome) == ("start" if stops else "form")
    assert bool(form.fitted) is not stops
    assert not outcome.interrupted


def test_contest__flexible_form_explains_all__the_next_is_not_tried(sample, misfit):
    misfits, examined = misfit
    misfits["a"] = 0.0
    last = StubForm("b", [9.0])

    outcome = hold_contest(sample, [closed("start", [0.3]), StubForm("a", [0.5]), last], StubJudge())

    assert winner(outcome) == "a"
    assert not last.fitted
    assert examined == ["a"]


@pytest.mark.parametrize(("n", "is_tried"), [(4000, True), (4200, False)])
def test_contest__closed_form_explains_all_of_few_rows__a_flexible_form_is_tried(n, is_tried, misfit):
    misfits, _ = misfit
    misfits["start"] = -1.0
    forms = [StubForm("first", [0.5]), StubForm("second", [0.6])]
    sample = make_sample(*draw_pairs(n, [0.5]))

    hold_contest(sample, [closed("start", [0.7]), *forms], StubJudge())

    assert [bool(form.fitted) for form in forms] == [is_tried, False]


def test_contest__pool_is_the_best__its_misfit_counts(sample, misfit):
    misfits, examined = misfit
    misfits["a & start"] = 0.0
    last = StubForm("b", [9.0])

    hold_contest(
        sample,
        [closed("start", [0.3]), StubForm("a", [0.4], gain_of_pools=0.2), last],
        StubJudge(),
    )

    assert not last.fitted
    assert examined == ["a & start"]


@pytest.mark.parametrize(("standard_error", "stops"), [(0.07, True), (0.05, False)])
def test_contest__overfits_by_more_than_its_standard_error__goes_on(standard_error, stops, sample, misfit):
    misfits, examined = misfit
    misfits["start"] = 0.0
    form = StubForm("form", [0.5])

    hold_contest(
        sample,
        [closed("start", [0.3]), StubForm("worse", [0.1]), form],
        StubJudge(gap=0.2, standard_error=standard_error),
    )

    assert bool(form.fitted) is not stops
    assert examined == (["start"] if stops else [])


def test_contest__forms_do_not_compete__all_are_fitted_whatever_the_misfit(sample, misfit):
    misfits, examined = misfit
    misfits["start"] = -9.0
    form = StubForm("form", [0.5])

    outcome = hold_contest(sample, [closed("start", [0.3]), form], StubJudge(), compete=False)

    assert winner(outcome) == "form"
    assert not examined


def test_contest__best_stays_the_best__is_examined_once(sample, misfit):
    _, examined = misfit
    worse = [StubForm(name, [0.1]) for name in "abc"]

    hold_contest(
        sample,
        [closed("start", [0.3]), *worse, StubForm("d", [0.5]), StubForm("e")],
        StubJudge(),
    )

    assert examined == ["start", "d"]


class Spy(Form):
    """Notes that it was reached."""

    reached = False

    def settings(self, sample, start):
        self.reached = True
        return []


@pytest.mark.parametrize("is_curved", [False, True])
def test_contest__gaussian_rows_and_a_curve__the_first_alone_end_it(is_curved, monkeypatch, seed):
    # Chance alone exceeds the limit once in twelve times, and five times that hardly ever.
    monkeypatch.setattr(contest, "misfits", lambda *rows: (misfit / 5 for misfit in real_misfits(*rows)))
    monkeypatch.setattr(contest, "_ENOUGH_ROWS", 1)
    x, y = draw_pairs(2000, [0.6, 0.3], seed)
    if is_curved:
        y = y + x**2
    sample, spy = make_sample(x, y), Spy()

    hold_contest(sample, [Gaussian(), spy], Judge(sample, DonskerVaradhan()))

    assert spy.reached is is_curved


# --- Rows that cannot test, or judge ---


@pytest.mark.parametrize(
    ("judge", "value"), [(StubJudge(), 10.1), (StubJudge(can_judge=False), 0.3)], ids=["nats", "rows"]
)
def test_contest__rows_that_cannot_judge__no_further_form_and_the_start_by_its_mean_log_ratio(
    judge, value, sample
):
    forms = [closed("plain", [value]), closed("other", [2 * value]), StubForm("a", [99.0]), StubForm("b")]

    outcome = hold_contest(sample, forms, judge)

    assert winner(outcome) == "untested plain"
    assert not forms[1].fitted + forms[2].fitted + forms[3].fitted


def test_contest__value_that_pairs_can_test__goes_on(sample):
    assert winner(hold_contest(sample, [closed("start", [10.0]), StubForm("a", [10.5])], StubJudge())) == "a"


@pytest.mark.parametrize(("n", "correlation"), [(400, 0.9999), (16, 0.5)], ids=["nats", "rows"])
def test_contest__closed_form_beyond_the_pairs_or_rows__is_valued_by_the_normalised_bound(n, correlation):
    sample = make_sample(*draw_pairs(n, [correlation]))
    form = StubForm("flexible")

    outcome = hold_contest(sample, [Gaussian(), form], Judge(sample, DonskerVaradhan()))

    assert isinstance(outcome.verdict.scored.bound, Normalised)
    assert outcome.verdict.is_judged is (n == 400)
    assert not form.fitted


# --- Interruptions ---


def test_contest__interrupted__keeps_the_best_so_far(sample):
    forms = [
        closed("start", [0.3]),
        StubForm("a", [0.5]),
        StubForm("b", [KeyboardInterrupt()]),
        StubForm("c"),
    ]

    outcome = hold_contest(sample, forms, StubJudge())

    assert outcome.interrupted
    assert winner(outcome) == "a"
    assert not forms[3].fitted


def test_contest__interrupted_while_it_values_all_members__keeps_the_best_so_far(sample):
    class Interrupted(StubForm):
        def fit(self, sample, setting):
            if sample.n_members > 1:
                raise KeyboardInterrupt
            return super().fit(sample, setting)

    outcome = hold_contest(sample, [closed("start", [0.3]), Interrupted("a", [0.5])], StubJudge())

    assert outcome.interrupted
    assert winner(outcome) == "start"


def trained(*best_iterations, **parameters):
    return TrainingResult([], [torch.tensor(best_iterations)] * 2, **parameters)


@pytest.mark.parametrize("value", [0.5, 0.1])
def test_contest__training_was_interrupted__what_it_found_competes_and_is_the_last(value, sample):
    first = StubForm("a", [value], training=trained(50, 0, 0, 50, interrupted=True))
    last = StubForm("b", [9.0])

    outcome = hold_contest(sample, [closed("start", [0.3]), first, last], StubJudge())

    assert outcome.interrupted
    assert winner(outcome) == ("a" if value == 0.5 else "start")
    assert not last.fitted


def test_contest__other_errors__are_not_swallowed(sample):
    with pytest.raises(ValueError, match="no such thing"):
        hold_contest(
            sample, [closed("start", [0.3]), StubForm("a", [ValueError("no such thing")])], StubJudge()
        )


# --- What is told of it ---


@pytest.mark.parametrize("value", [0.5, 0.1])
def test_contest__network_that_won_or_not__its_training_is_told(value, sample):
    training = trained(50, 0, 0, 50)
    forms = [closed("start", [0.3]), StubForm("a", [value], training=training), StubForm("b", [0.0])]
    judge = StubJudge()

    outcome = hold_contest(sample, forms, judge)

    assert outcome.training is training
    if value == 0.5:
        assert judge.flexible["a"] == 0.5  # of the members half have learnt


@pytest.mark.parametrize("flexible_first", [False, True])
@pytest.mark.parametrize(("other", "reaches"), [(0.45, True), (0.35, False)])
def test_contest__critic_within_a_standard_error__counts_for_the_upper_end(
    other, reaches, flexible_first, sample
):
    values = [0.5, other] if flexible_first else [other, 0.5]
    forms = [StubForm(name, [value]) for name, value in zip("ab", values, strict=True)]

    verdict = hold_contest(sample, forms, StubJudge(first_decides=False, standard_error=0.1)).verdict

    assert verdict.held_out == 0.5
    # Its own interval reaches 1.96 standard errors up.
    assert verdict.least_upper == pytest.approx(other + 0.196 if reaches else 0.0, abs=1e-5)


def test_choose_sample__interrupted_before_the_first_critic_of_another__the_first_result_is_kept(
    sample, monkeypatch
):
    first = contest.Outcome(SimpleNamespace(held_out=0.5), None, False)
    monkeypatch.setattr(contest, "hold_contest", Mock(side_effect=[first, KeyboardInterrupt]))

    chosen, outcome = choose_sample([sample, sample], [], DonskerVaradhan(), torch.device("cpu"), True)

    assert chosen == 0
    assert outcome.verdict.held_out == 0.5
    assert outcome.interrupted
