"""The judge: scores, merit, estimate, bias, interval, and values that the rows cannot test."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from blocks import draw_pairs, folds_of, make_folds, make_sample, one_split
from sklearn.metrics import mutual_info_score
from torch import nn

from skmine._engine.canonical import Projection
from skmine._engine.critics import PooledCritic
from skmine._engine.forms import Fit, Network, Start
from skmine._engine.forms.discriminant import Discriminant
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.forms.table import Table
from skmine._engine.judge import Judge, Verdict, share_learnt
from skmine._engine.sample import Folds
from skmine._engine.scores import Scores
from skmine._engine.scoring import Scored
from skmine.nn import BOUNDS, DonskerVaradhan
from skmine.nn.bounds import Normalised
from skmine.nn.training import TrainingResult

BOUND = DonskerVaradhan()


class Product(nn.Module):
    """A bank whose critics are the product of the first columns, times a factor per member."""

    def __init__(self, factors):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factors))

    def forward(self, x, y):
        shape = (-1, *[1] * (max(x.dim(), y.dim()) - 2))
        return self.factor.view(shape) * x[..., 0] * y[..., 0]


def states(*factors):
    return tuple({"factor": torch.tensor(part)} for part in factors)


@pytest.fixture
def sample():
    return make_sample(*draw_pairs(300, [0.8]))


@pytest.fixture
def trained(sample):
    """A bank with two different states."""
    fit = Fit(Product([0.0] * 4), states([0.3, 0.5, 0.7, 0.9], [0.2, 0.4, 0.6, 1.0]))
    return Judge(sample, BOUND).score(fit)


def with_values(sample, held_out, training, spread=1.0):
    """Scores whose bound has these values. Joint scores vary around them, and marginal scores are zero."""
    scored = Scored(Fit(nn.Identity()), sample, BOUND)
    n_members, n_half = sample.folds.halves[0].shape
    deviation = spread * torch.linspace(-1, 1, n_half).expand(n_members, -1)
    zeros = torch.zeros(n_members, n_half, 3)
    scored.held_out, scored.training = (
        [Scores(value + deviation, zeros, None, None)] * 2 for value in (held_out, training)
    )
    return scored


# --- Scores ---


def test_error__no_weights__is_that_of_the_means_of_rows():
    marginal = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))
    ratio = marginal.exp().double()

    error = Scores(torch.zeros(2, 50), marginal, None, None).error()

    by_row = ratio.mean(2)
    expected = math.sqrt(2) * by_row.std(1, correction=0) / math.sqrt(50) / by_row.mean(1)
    torch.testing.assert_close(error.double(), expected)


def test_error__any_constant__is_the_same():
    marginal = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))

    errors = [Scores(torch.zeros(2, 50), marginal + shift, None, None).error() for shift in (0, 500)]

    torch.testing.assert_close(*errors, rtol=1e-3, atol=0)


def test_error__weights_of_zero__are_rows_and_pairs_left_out():
    marginal = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(2, 50, 4)
    weight[:, 30:] = 0
    weight[:, :, 3] = 0

    weighted = Scores(torch.zeros(2, 50), marginal, None, weight).error()

    torch.testing.assert_close(weighted, Scores(torch.zeros(2, 30), marginal[:, :30, :3], None, None).error())


def test_scored__values__are_those_of_each_state_on_the_half_that_did_not_choose_it(sample, trained):
    pairs = sample.valuing_pairs(BOUND, sample.folds.halves[0].shape[1])
    first, second = sample.folds.halves
    critic, values = Product([0.0] * 4), []

    for state, rows in zip(trained.fit.states, (second, first), strict=True):
        critic.load_state_dict(state)
        x, y, _ = sample.read(rows)
        with torch.no_grad():
            values.append(BOUND.estimate(*pairs(critic, x, y)).mean())

    assert trained.held_out_value == pytest.approx(float(sum(values)) / 2, abs=1e-6)
    assert trained.unseen_rows.tolist() == torch.stack([second, first]).tolist()


def test_scored__training_value__is_over_training_rows_and_once_where_nothing_was_trained(sample, trained):
    untrained = Judge(sample, BOUND).score(Fit(Product([0.5] * 4)))

    assert len(trained.training) == 2
    assert len(untrained.training) == 1
    assert untrained.training[0].joint.shape == sample.folds.train.shape
    assert untrained.training_value != pytest.approx(untrained.held_out_value, abs=1e-4)


def test_scored__weights__each_set_of_rows_counts_as_it_weighs(sample):
    weight = torch.ones(300)
    weight[sample.folds.held_out[0]] = 1e-6
    fit = Fit(Product([9.0, 0.0, 0.0, 0.0]))  # only the first member has a value, on rows without weight

    scored = Judge(make_sample(sample.x.values, sample.y.values, sample.folds, weight), BOUND).score(fit)

    assert scored.held_out_value == pytest.approx(0, abs=1e-3)
    assert Judge(sample, BOUND).score(fit).held_out_value < -1


def test_cautious_value__two_standard_errors_of_the_pairs_are_taken_off(trained):
    errors = torch.stack([scores.error() for scores in trained.held_out])
    error = float(errors.mean()) / math.sqrt(8)  # the mean of eight values

    assert error > 0.003
    assert trained.cautious_value == pytest.approx(trained.held_out_value - 2 * error)


def test_training_value__same_critic_in_all_folds_of_many_rows__is_the_held_out_value():
    sample = make_sample(*draw_pairs(20_000, [0.5]), make_folds(20_000, 5))
    scored = Scored(Fit(Product([0.5] * 5)), sample, BOUND)

    assert scored.training[0].joint.shape == (5, 8192)
    # The log of a mean over more pairs at a time differs in its bias of about 1e-5.
    assert scored.training_value == pytest.approx(scored.held_out_value, abs=1e-4)
    assert scored.pooled(scored).training_value == pytest.approx(scored.held_out_value, abs=1e-4)


def test_standard_error__rows__deviation_of_their_log_ratios(sample, trained):
    values = trained.log_ratios.double()

    assert values.shape == (4, 2 * sample.folds.halves[0].shape[1])
    expected = values.std(correction=0) / math.sqrt(values.numel())
    assert trained.standard_error == pytest.approx(float(expected), rel=1e-4)


def test_standard_error__rows_that_several_members_hold_out__count_once(sample):
    train, first, second = (torch.cat([z, z]) for z in (sample.folds.train, *sample.folds.halves))
    folds = folds_of(train, first, second)
    twice = make_sample(sample.x.values, sample.y.values, folds)

    once = Judge(sample, BOUND).score(Fit(Product([0.5] * 4)))
    repeated = Judge(twice, BOUND).score(Fit(Product([0.5] * 8)))

    expected = once.standard_error
    assert repeated.standard_error == pytest.approx(expected, rel=1e-4)


def test_standard_error__weights__that_of_the_rows_they_leave(sample):
    weight = torch.zeros(300)
    weight[sample.folds.held_out[0]] = 2.0
    values = torch.randn(sample.folds.held_out.shape, generator=torch.Generator().manual_seed(0))
    whole = make_sample(sample.x.values, sample.y.values, sample.folds, weight)

    scored = Scored(Fit(nn.Identity()), whole, BOUND)
    scored.log_ratios = values

    expected = values[0].std(correction=0) / math.sqrt(values.shape[1])
    assert scored.standard_error == pytest.approx(float(expected), rel=1e-4)


def test_pooled__scores__are_those_of_the_mean_critic(sample, trained):
    other = Judge(sample, BOUND).score(Gaussian().fit(sample, None))

    for pool in (trained.pooled(other), other.pooled(trained)):
        afresh = Scored(pool.fit, sample, BOUND)

        assert isinstance(pool.fit.critic, PooledCritic)
        assert pool.held_out_value == pytest.approx(afresh.held_out_value, abs=1e-5)
        assert pool.training_value == pytest.approx(afresh.training_value, abs=1e-5)
        torch.testing.assert_close(pool.log_ratios, afresh.log_ratios, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "kind", ["pairs", "classes", "weighted pairs", "weighted classes", "infonce", "mine-f"]
)
def test_first__scores__are_those_of_the_first_member(kind):
    bound, classes = BOUNDS[kind]() if kind in BOUNDS else BOUND, "classes" in kind
    x, y = draw_pairs(300, [0.8])
    y = torch.eye(2)[(y[:, 0] > 0).long()] if classes else y
    weight = torch.linspace(0, 1, 300) if "weighted" in kind else None
    sample = make_sample(x, y, weight=weight, is_y_discrete=classes)
    form = Discriminant() if classes else Gaussian()
    scored = Judge(sample, bound).score(form.fit(sample, None))

    first = scored.first

    for one, of_all in zip(first.held_out, scored.held_out, strict=True):
        torch.testing.assert_close(bound.estimate(*one), bound.estimate(*of_all)[:1])
    assert first.held_out_value != pytest.approx(scored.held_out_value, abs=1e-6)
    assert math.isfinite(first.cautious_value)


def test_score__sample_of_the_first__is_of_the_first_alone(sample):
    judge = Judge(sample, BOUND)
    fit = Gaussian().fit(sample.first, None)

    assert judge.score(fit, is_first=True).sample is sample.first
    assert judge.score(Gaussian().fit(sample, None)).sample is sample


# --- What the rows can judge and test ---


@pytest.mark.parametrize(("n_held_out", "expected"), [(10, False), (11, False), (12, True)])
def test_can_judge__held_out_rows__twelve_or_more(n_held_out, expected):
    x, y = draw_pairs(20 + n_held_out, [0.5])
    rows = torch.arange(20 + n_held_out)
    folds = Folds.of_splits([(rows[:20], rows[20:])], torch.Generator().manual_seed(0))

    assert Judge(make_sample(x, y, folds), BOUND).can_judge is expected


@pytest.mark.parametrize(("n_heavy", "expected"), [(3, False), (4, True)])
def test_can_judge__weights__four_effective_rows_a_half(n_heavy, expected):
    folds = one_split(100)
    weight = torch.ones(100)
    weight[folds.halves[1][0]] = 1e-9
    weight[folds.halves[1][0, :n_heavy]] = 1.0

    assert Judge(make_sample(*draw_pairs(100, [0.5]), folds, weight), BOUND).can_judge is expected


@pytest.mark.parametrize(
    ("n", "n_folds", "expected"), [(796, 4, False), (800, 4, True), (400, 2, True), (800, 1, False)]
)
def test_first_decides__several_members_and_200_held_out_rows(n, n_folds, expected):
    folds = one_split(n) if n_folds == 1 else make_folds(n, n_folds)

    assert Judge(make_sample(*draw_pairs(n, [0.5]), folds), BOUND).first_decides is expected


@pytest.mark.parametrize(
    ("half", "expected"), [(20, 2.0), (80, math.log(80 * 79) - 6), (1000, math.log(32 * 32 * 31) - 6)]
)
def test_testable__number_of_pairs__log_of_them_less_six_nats_and_two_at_least(half, expected):
    sample = make_sample(*draw_pairs(4 * half, [0.5]), one_split(4 * half))
    judge = Judge(sample, BOUND)

    assert judge.testable(judge.score(Gaussian().fit(sample, None))) == pytest.approx(expected)


def test_testable__classes__any_value():
    x, one_hot = draw_pairs(40, [0.5])[0], torch.eye(2)[torch.arange(40) % 2]
    sample = make_sample(x, one_hot, is_y_discrete=True)
    judge = Judge(sample, BOUND)

    assert judge.testable(judge.score(Discriminant().fit(sample, None))) == math.inf


@pytest.mark.parametrize(("joint", "expected"), [(2.0, True), (2.1, False)])
def test_can_test__mean_log_ratio__up_to_what_is_testable(joint, expected):
    sample = make_sample(*draw_pairs(80, [0.5]), one_split(80))

    assert Judge(sample, BOUND).can_test(with_values(sample, joint, joint, spread=0.0)) is expected


@pytest.mark.parametrize("n", [40, 16])
def test_untested__mean_log_ratio_is_the_value_and_it_says_whether_the_rows_could_judge(n):
    sample = make_sample(*draw_pairs(n, [0.99]), one_split(n))
    judge, fit = Judge(sample, BOUND), Gaussian().fit(sample, None)
    scored = judge.score(fit)

    verdict = judge.untested(scored)

    x, y, _ = sample.read(sample.folds.held_out)
    assert isinstance(verdict.scored.bound, Normalised)
    assert verdict.held_out == pytest.approx(float(fit.critic(x, y).mean()), abs=1e-5)
    assert verdict.held_out != pytest.approx(scored.held_out_value, abs=1e-3)
    assert verdict.bias == 0
    assert verdict.is_judged is (n == 40)
    assert math.isinf(verdict.interval[1])


# --- The verdict ---


@pytest.mark.parametrize(
    ("low", "high", "flexible", "overfit", "bias"),
    [
        (1.0, 1.4, 1.0, 0.2 / 1.4, 0.15 / 1.4),
        (1.0, 1.4, 0.5, 0.2 / 1.4, 0.075 / 1.4),
        (1.0, 1.4, 0.0, 0.2 / 1.4, 0.0),
        (0.02, 0.42, 1.0, 0.004 / 0.42, 0.003 / 0.42),
        (-0.1, 0.3, 1.0, 0.0, 0.0),
        (1.0, 0.8, 1.0, -0.1, 0.0),
    ],
    ids=["three quarters", "half of the members", "closed form", "unconfirmed", "nothing", "no gap"],
)
def test_verdict__flexible__adds_three_quarters_of_what_overfitting_costs(low, high, flexible, overfit, bias):
    sample = make_sample(*draw_pairs(40, [0.5]))

    verdict = Judge(sample, BOUND).verdict(with_values(sample, low, high), flexible, None)

    assert verdict.bias == pytest.approx(bias, abs=1e-6)
    assert verdict.estimate == pytest.approx(low + overfit + bias, abs=1e-6)
    assert (verdict.held_out, verdict.training) == pytest.approx((low, high), abs=1e-6)
    assert verdict.overfit == pytest.approx(overfit, abs=1e-6)


@pytest.mark.parametrize(
    ("start_gap", "subtracted"), [(0.0, 0.0), (0.2, 0.05 / 0.7), (0.4, 0.1 / 0.9), (9.5, 0.2), (-0.4, 0.0)]
)
def test_verdict__network_on_a_closed_form_that_overfits_too__its_share_counts_no_bias(start_gap, subtracted):
    sample = make_sample(*draw_pairs(40, [0.5]))
    judge = Judge(sample, BOUND)
    start = judge.verdict(with_values(sample, 0.5, 0.5 + start_gap), 0.0, None)
    others, trained = with_values(sample, 1.0, 1.4), with_values(sample, 1.0, 1.4)
    trained.fit = replace(trained.fit, training=TrainingResult([], []))

    bias = 0.75 * max(0.2 / 1.4 - subtracted, 0)
    assert judge.verdict(trained, 1.0, start).bias == pytest.approx(bias, abs=1e-6)
    assert judge.verdict(others, 1.0, start).bias == pytest.approx(0.75 * 0.2 / 1.4, abs=1e-6)


@pytest.mark.parametrize("classes", [False, True])
def test_verdict__network_that_adds_nothing__counts_no_bias(classes):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 12, generator=generator)
    y = x + 2 * torch.randn(300, 12, generator=generator)
    y = torch.eye(2)[(y[:, 0] > 0).long()] if classes else y
    sample = make_sample(x, y, is_y_discrete=classes)
    fit = (Discriminant() if classes else Gaussian()).fit(sample, None)
    judge = Judge(sample, BOUND)
    start = judge.verdict(judge.score(fit), 0.0, None)
    network = Network("concat", (8,), BOUND, generator, torch.device("cpu"), {"max_iter": 0})
    ((inputs,),) = network.settings(sample, Start(fit.reference, fit.reference))

    verdict = judge.verdict(judge.score(network.fit(sample, inputs)), 1.0, start)

    assert verdict.training - verdict.held_out > 0.02
    assert verdict.bias == pytest.approx(0, abs=1e-6)


def test_verdict__table_of_many_cells__nearer_to_the_truth_than_the_plug_in_value():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 12, 600)
    y = np.where(rng.random(600) < 0.5, x, rng.integers(0, 12, 600))
    joint = (np.eye(12) / 2 + 1 / 24) / 12
    truth = float((joint * np.log(144 * joint)).sum())
    one_hot = [torch.eye(12)[torch.as_tensor(z)] for z in (x, y)]
    sample = make_sample(*one_hot, is_x_discrete=True, is_y_discrete=True)
    judge = Judge(sample, BOUND)

    verdict = judge.verdict(judge.score(Table().fit(sample, None)), 0.0, None)

    plug_in = mutual_info_score(x, y)
    assert verdict.held_out < truth < plug_in
    assert abs(verdict.estimate - truth) < 0.5 * (plug_in - truth)


@pytest.mark.parametrize(("weight", "n_effective"), [(None, 40), (torch.arange(40.0) % 2, 20)])
def test_verdict__rows__as_many_as_they_amount_to(weight, n_effective):
    sample = make_sample(*draw_pairs(40, [0.5]), weight=weight)

    verdict = Judge(sample, BOUND).verdict(with_values(sample, 1.0, 1.4), 0.0, None)

    assert verdict.n_effective == pytest.approx(n_effective)


class Valued:
    """The attributes of scores that a verdict uses."""

    cautious_value = 0.7


#: Held-out value 1 and training value 1.4: half of the gap, by the share that is confirmed, is added.
OVERFIT = 1 + 0.2 / 1.4


def make_verdict(**changes):
    values = {
        "scored": Valued(),
        "held_out": 1.0,
        "training": 1.0,
        "bias": 0.0,
        "standard_error": 0.0,
        "testable": 2.0,
        "n_effective": 1e9,
    }
    return Verdict(**(values | changes))


@pytest.mark.parametrize(("training", "merit"), [(1.0, 0.7), (1.5, 0.65), (0.5, 0.7)])
def test_merit__gap__a_tenth_of_it_is_taken_off_the_cautious_value(training, merit):
    assert make_verdict(training=training).merit == pytest.approx(merit)


@pytest.mark.parametrize(
    ("changes", "low", "high"),
    [
        ({"standard_error": 0.1}, 1 - 0.196, 1 + 0.196),
        ({"training": 1.4}, OVERFIT - 1.96 * 0.1, OVERFIT + 1.96 * 0.5),
        ({"training": 1.4, "bias": 0.1}, OVERFIT - 1.96 * 0.1, OVERFIT + 0.1 + 1.96 * 0.5),
        (
            {"training": 1.4, "standard_error": 0.1},
            OVERFIT - 1.96 * math.hypot(0.1, 0.1),
            OVERFIT + 1.96 * math.hypot(0.1, 0.5),
        ),
        ({"least_upper": 1.7}, 1.0, 1.7),
        ({"least_upper": 0.7}, 1.0, 1.0),
    ],
    ids=["sampling error", "gap", "bias", "both", "another critic reaches further", "not so far"],
)
def test_interval__each_part__reaches_as_far(changes, low, high):
    assert make_verdict(**changes).interval == pytest.approx((low, high), rel=1e-4)


@pytest.mark.parametrize(("value", "high"), [(-0.2, 0.1998), (0.0, 0.1998), (0.5, 0.5)])
def test_interval__few_rows__reaches_as_far_as_that_of_no_correlation(value, high):
    verdict = make_verdict(held_out=value, training=value, n_effective=12.0)

    # I = log cosh z for z = arctanh(r), which deviates by 1 / (n - 3)^(1/2): log cosh(1.96 / 3) = 0.1998
    assert verdict.interval[1] == pytest.approx(high, abs=5e-4)


@pytest.mark.parametrize(
    ("iterations", "share"),
    [(None, 1.0), ([[0, 0], [0, 0]], 0.0), ([[50, 0], [0, 0]], 0.25), ([[50, 9], [1, 2]], 1.0)],
)
def test_share_learnt__members_whose_best_iteration_is_not_the_start(iterations, share):
    training = None
    if iterations is not None:
        training = TrainingResult([], [torch.tensor(part) for part in iterations])

    assert share_learnt(training) == share


def test_score__critic_of_another_device__is_moved_there_as_a_copy():
    sample = make_sample(*draw_pairs(40, [0.5]))
    moved = sample.to(torch.device("meta"))
    fit = Fit(Projection(torch.zeros(4, 1), torch.ones(4, 1, 1)))

    scored = Judge(moved, BOUND).score(fit)

    assert scored.fit.critic.mean.device.type == "meta"
    assert fit.critic.mean.device.type == "cpu"
    assert Judge(sample, BOUND).score(fit).fit.critic is fit.critic
