"""The predictive form: predictions of a scikit-learn model for unseen rows, and their value."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from blocks import draw, draw_pairs, held_out_value, make_folds, make_sample, normal_scores, one_split
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from skmine import MutualInfoEstimator
from skmine._encoding import encodings
from skmine._engine.critics import member_lists, of_members, stack_states
from skmine._engine.forms import is_model
from skmine._engine.forms.form import Fit
from skmine._engine.forms.gaussian import Gaussian
from skmine._engine.forms.regression import BoostedTrees, Predictive, Regression
from skmine._engine.judge import Judge
from skmine._engine.models import ModelRegressor, TreesRegressor
from skmine._engine.predictions import Targets, learn, learn_half
from skmine._engine.sample import Folds
from skmine._engine.scoring import Scored
from skmine._input import Rows
from skmine.distributions import MultivariateNormal
from skmine.nn import DonskerVaradhan
from skmine.nn.critics import ConcatCritic

PAIR = MultivariateNormal.bivariate(0.8)  # 0.51 nats
CLASSES_MI = 0.337  # two equally frequent classes, normal with means -1 and 1, variance 1 (by quadrature)


class Recorder(RegressorMixin, BaseEstimator):
    """Knows rows by their first column. It predicts -1 for training rows, and their number for others."""

    def fit(self, X, y):
        self.seen_ = X[:, 0]
        return self

    def predict(self, X):
        return np.where(np.isin(X[:, 0], self.seen_), -1.0, len(self.seen_))


class RecorderAsTrees(TreesRegressor):
    """A recorder of the first column in place of the trees."""

    def __init__(self):
        ModelRegressor.__init__(self, Recorder(), [0])


class Overconfident(LogisticRegression):
    """Log odds three times too large."""

    def predict_proba(self, X):
        odds = np.exp(3 * self.decision_function(X))
        return np.column_stack([1 / (1 + odds), odds / (1 + odds)])


def numbered_rows(n):
    """Row numbers as x, and noise."""
    return torch.arange(n)[:, None].float(), torch.randn(n, 1, generator=torch.Generator().manual_seed(0))


def normal_classes(n, seed):
    """A column, and one-hot classes of CLASSES_MI nats."""
    label = torch.arange(n) % 2
    noise = torch.randn(n, 1, generator=torch.Generator().manual_seed(seed))
    return noise + 2 * label[:, None] - 1, torch.eye(2)[label]


def read(model, sample):
    """Predictions as a map of x, and the columns to which mixtures are fitted."""
    form = Predictive(model, torch.Generator())
    (source,) = form.stacks(sample)
    sides, columns = form.read(sample, source)
    return sides[0], columns


def fit(model, sample, n_cuts=0):
    """The mixture of the form, with components doubled this many times."""
    form = Predictive(model, torch.Generator())
    (path,) = form.settings(sample, None)
    return form.fit(sample, path[n_cuts])


def estimate(critic, X, y, **parameters):
    return MutualInfoEstimator(**{"critic": critic, "cv": 3, "random_state": 0, **parameters}).fit(X, y)


def draw_wave(n, seed):
    """A column, and a wave of it that a straight line cannot fit."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 1))
    return X, np.sin(3 * X[:, 0]) + 0.3 * rng.normal(size=n)


# --- Which rows a model sees ---


def test_read__predictions_for_mixtures__are_of_models_that_have_not_seen_the_row():
    sample = make_sample(*numbered_rows(100))  # four folds, of 75 training rows

    _, columns = read(Recorder(), sample)

    assert columns.shape == (4, 75, 2)
    assert set(columns[..., 0].unique().tolist()) <= set(range(50, 63))  # about three of the four parts
    torch.testing.assert_close(columns[..., 1], sample.y.core[sample.fitted][..., 0].double())


def test_read__predictions_for_values__are_of_models_of_all_training_rows_of_their_member():
    sample = make_sample(*numbered_rows(100))
    side, _ = read(Recorder(), sample)

    predicted = side(sample.x.values.expand(4, -1, -1))[..., 0]

    for member in range(4):
        assert (predicted[member, sample.folds.train[member]] == -1).all()
        assert (predicted[member, sample.folds.held_out[member]] == 75).all()


def test_predictions__views_and_any_leading_axes__reads_core_columns_row_by_row():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, generator=generator)
    sample = make_sample(x, x @ torch.tensor([[1.0], [-2.0]]))
    side, _ = read(LinearRegression(), sample)
    rows = torch.randn(4, 5, 3, 7, generator=generator)  # five views beside the two core columns

    values = side(rows)

    assert values.shape == (4, 5, 3, 1)
    assert values.dtype == rows.dtype
    # Noiseless rows, of float32.
    torch.testing.assert_close(values[..., 0], rows[..., 0] - 2 * rows[..., 1], atol=1e-4, rtol=1e-4)


def test_read__model__is_cloned():
    model = LinearRegression()

    read(model, make_sample(*draw(PAIR, 60, 0)))

    assert not hasattr(model, "coef_")


# --- What a model predicts ---


def test_read__several_targets__each_by_a_model_of_its_own():
    generator = torch.Generator().manual_seed(0)
    x, slopes = torch.randn(60, 3, generator=generator), torch.randn(3, 2, generator=generator)
    sample = make_sample(x, x @ slopes)

    side, columns = read(DecisionTreeRegressor(random_state=0), sample)

    target = sample.y.core[sample.fitted].double()
    torch.testing.assert_close(columns[..., 2:], target)
    # A tree knows its training rows exactly; up to float32.
    torch.testing.assert_close(side(sample.x.values[sample.fitted]).double(), target, atol=1e-5, rtol=0)


@pytest.mark.parametrize("model", [DummyClassifier(), DummyRegressor()])
def test_read__classes__shares_of_all_but_the_last(model):
    label = torch.tensor([0, 1, 1, 2, 2, 2]).repeat(20)
    sample = make_sample(torch.randn(120, 1), torch.eye(3)[label], one_split(120), is_y_discrete=True)

    side, columns = read(model, sample)

    predicted = side(sample.x.values[None, :9])
    torch.testing.assert_close(predicted, torch.tensor([1 / 6, 1 / 3]).expand(1, 9, 2))
    assert columns.shape == (1, 60, 2)


def test_read__class_missing_in_training__has_probability_zero_and_others_keep_their_place():
    label = torch.cat([torch.tensor([0, 0, 2]).repeat(20), torch.arange(60) % 3])
    sample = make_sample(torch.randn(120, 1), torch.eye(3)[label], one_split(120), is_y_discrete=True)

    side, _ = read(DummyClassifier(), sample)

    torch.testing.assert_close(side(sample.x.values[None, :1]), torch.tensor([[[2 / 3, 0.0]]]))


def test_read__class_missing_in_training__value_is_finite():
    x, one_hot = normal_classes(120, 0)
    label = one_hot.argmax(1)
    label[-6:] = 2
    sample = make_sample(x, torch.eye(3)[label], one_split(120), is_y_discrete=True)

    value = held_out_value(sample, fit(LogisticRegression(), sample))

    assert np.isfinite(value)


@pytest.mark.parametrize(
    ("model", "is_y_discrete", "message"),
    [
        (LogisticRegression(), False, "must be a regressor if y is continuous.*Pass a regressor"),
        (LinearSVC(), True, "must have predict_proba.*CalibratedClassifierCV"),
        (make_pipeline(LinearSVC()), True, "must have predict_proba.*CalibratedClassifierCV"),
    ],
)
def test_read__model_of_the_wrong_kind__raises_with_the_remedy(model, is_y_discrete, message):
    x, one_hot = normal_classes(60, 0)
    sample = make_sample(x, one_hot if is_y_discrete else x, is_y_discrete=is_y_discrete)

    with pytest.raises(ValueError, match=message):
        read(model, sample)


def test_read__weights__are_passed_on_where_the_model_takes_them():
    x, y = numbered_rows(100)
    weight = 1 + torch.arange(100) % 7
    sample = make_sample(x, y, one_split(100), weight.float())

    side, columns = read(DummyRegressor(), sample)

    mean = np.average(y[:50, 0], weights=weight[:50])
    assert float(side(x[None, :1])) == pytest.approx(mean, abs=1e-6)  # float32
    rows, part = sample.fitted[0], sample.folds.part[0]
    others = rows[part[rows] != part[rows[0]]]
    assert float(columns[0, 0, 0]) == pytest.approx(np.average(y[others, 0], weights=weight[others]))


def test_read__weights_that_a_model_does_not_take__are_left_out():
    x, y = numbered_rows(100)
    values = []
    for weight in (None, 1 + torch.arange(100.0) % 7):
        side, _ = read(KNeighborsRegressor(), make_sample(x, y, weight=weight))
        values.append(side(x.expand(4, -1, -1)))

    torch.testing.assert_close(*values)


# --- Values ---


@pytest.mark.parametrize(("n_classes", "expected"), [(1, False), (2, True)])
def test_applies__y_that_is_not_constant(n_classes, expected):
    one_hot = torch.eye(n_classes)[torch.arange(60) % n_classes]
    x = torch.randn(60, 1)
    form = Predictive(LinearRegression(), torch.Generator())

    assert form.applies(make_sample(x, one_hot, is_y_discrete=True)) is expected
    assert form.applies(make_sample(x, x))


def test_settings__predictions_beside_targets__of_classes_alone_one_less_than_there_are():
    x, y = torch.randn(2, 400, 3, generator=torch.Generator().manual_seed(0))
    four = torch.eye(4)[torch.arange(400) % 4]
    form = Predictive(LinearRegression(), torch.Generator())

    (path,) = form.settings(make_sample(x, y), None)
    (classes,) = form.settings(make_sample(x, four, is_y_discrete=True), None)

    # At most 300 / (2 * 6) = 25 components, doubled from one; at most 32, doubled from four.
    assert [setting.n_cuts for setting in path] == [0, 1, 2, 3, 4]
    assert [setting.n_cuts for setting in classes] == [0, 1, 2, 3]


def test_fit__overconfident_classifier__is_recalibrated(seed):
    x, one_hot = normal_classes(800, seed)
    sample = make_sample(x, one_hot, is_y_discrete=True)

    value = held_out_value(sample, fit(Overconfident(), sample, n_cuts=1))

    side, _ = read(Overconfident(), sample)
    rows = sample.folds.held_out
    first = side(sample.x.values[rows])[..., 0]
    chosen = torch.where(one_hot[rows][..., 0] > 0, first, 1 - first)
    as_it_is = float((chosen.clamp_min(1e-6).log() + np.log(2)).mean())
    # Log ratios have a deviation of 0.4, so that a mean of 800 has an error of 0.015; a few Gaussians of
    # probabilities near 0 and 1 lose some hundredths.
    assert CLASSES_MI - 0.12 < value < CLASSES_MI + 0.06
    assert value > as_it_is + 0.1


def test_verdict__model_that_knows_its_rows__held_out_value_alone():
    sample = make_sample(*draw(PAIR, 400, 0))
    judge = Judge(sample, DonskerVaradhan())
    scored = judge.score(fit(DecisionTreeRegressor(random_state=0), sample))

    verdict = judge.verdict(scored, 1.0, None)

    assert scored.fit.knows_rows
    assert verdict.held_out == verdict.training == verdict.estimate == scored.held_out_value
    assert verdict.bias == 0
    # A tree memorises its training rows, so its value on them would be meaningless.
    assert abs(scored._mean(scored.training, scored.train_rows) - scored.held_out_value) > 0.1


@pytest.mark.parametrize("kind", [BoostedTrees, Regression])
def test_training_value__regression__the_gap_follows_from_models_of_half_of_the_rows(kind, seed):
    sample, form = make_sample(*map(normal_scores, threshold_rules(600, seed))), kind()
    judge, found = Judge(sample, DonskerVaradhan()), form.fit(sample, first_setting(form, sample))

    scored = judge.score(found)

    assert found.knows_rows
    half = judge.score(replace(found, critic=found.of_half)).held_out_value
    # With a cost c / n of overfitting, half of the rows cost as much again. It counts by what they confirm.
    # Training rows add it twice.
    gap = 2 * (scored.held_out_value - half) * half / scored.held_out_value
    assert gap > 0
    assert scored.training_value - scored.held_out_value == pytest.approx(gap, abs=1e-9)
    closed = judge.score(Gaussian().fit(sample, None))
    for pool in (scored.pooled(closed), closed.pooled(scored)):
        both = (gap + closed.training_value - closed.held_out_value) / 2
        assert pool.fit.knows_rows
        assert pool.training_value - pool.held_out_value == pytest.approx(both, abs=1e-9)


@pytest.mark.parametrize(
    ("value", "half", "gap"), [(1.0, 0.8, 0.32), (1.0, -0.1, 0), (1.0, 1.2, 0), (-0.1, -0.2, 0)]
)
def test_training_value__half_of_the_rows__counts_by_what_it_confirms(value, half, gap, monkeypatch):
    sample, critic, of_half = make_sample(*draw_pairs(40, [0.5])), torch.nn.Identity(), torch.nn.Identity()
    scored = Scored(Fit(critic, knows_rows=True, of_half=of_half), sample, DonskerVaradhan())
    values = {critic: value, of_half: half}
    monkeypatch.setattr(Scored, "held_out_value", property(lambda self: values[self.fit.critic]))

    assert scored.training_value == pytest.approx(value + gap)


@pytest.mark.parametrize("n_levels", [4, 16])
def test_verdict__trees_that_half_of_the_rows_hardly_feed__estimate_is_not_far_above_the_truth(
    n_levels, seed
):
    """Levels in random order: half of 600 rows leave few for each of 16."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(600, 2))
    level = rng.permutation(n_levels)[(n_levels * x[:, 0]).astype(int)]
    y = level + 0.05 * rng.normal(size=600)
    sample = make_sample(*(normal_scores(torch.from_numpy(z).float()) for z in (x, y[:, None])))
    form, judge = BoostedTrees(), Judge(sample, DonskerVaradhan())
    ((path),) = form.settings(sample, None)

    verdicts = [judge.verdict(judge.score(form.fit(sample, setting)), 1.0, None) for setting in path]

    best = max(verdicts, key=lambda verdict: verdict.held_out)
    # The levels are known up to noise of 0.05, so the truth is nearly log(n_levels).
    assert best.held_out <= best.estimate < np.log(n_levels) + 0.3


@pytest.mark.parametrize("n_folds", [4, 5])
def test_learn__groups__half_of_the_rows_and_parts_are_whole_groups(n_folds):
    x, y = numbered_rows(2000)
    groups = torch.arange(2000) // 10
    sample = make_sample((x // 10).float(), y, make_folds(2000, n_folds, groups))
    targets = Targets([y.double()] * n_folds, list(sample.folds.learning), are_equal=True)

    members = learn(RecorderAsTrees(), sample, 0, targets)
    halves = learn_half(RecorderAsTrees(), sample, 0, targets)

    for member, (of_half,), train in zip(members, halves, sample.folds.train, strict=True):
        assert (member.predicted[:, 0] > 0).all()  # no row has a group that its model has seen
        assert len(member.models) == 4
        seen = set(of_half[0].seen_.tolist())
        kept = [int(label) in seen for label in groups[train].unique()]
        assert sum(kept) == len(seen)
        assert 0.4 < np.mean(kept) < 0.6


@pytest.mark.parametrize("model", [KNeighborsRegressor(3), DecisionTreeRegressor(random_state=0)])
def test_estimator__near_copies_in_groups__are_not_known_to_the_models(model, seed):
    rng = np.random.default_rng(seed)
    centre = np.repeat(rng.normal(size=(120, 2)), 5, axis=0)
    X = centre + 0.01 * rng.normal(size=(600, 2))
    y = np.repeat(rng.normal(size=120), 5)
    groups = np.repeat(np.arange(120), 5)

    estimator = MutualInfoEstimator(critic=model, random_state=0).fit(X, y, groups=groups)

    # X and y are independent. Models that knew rows of the same group would be sure of their predictions, and
    # fail on others by several nats. The error of 120 groups is about 1 / 120^(1/2).
    assert estimator.mi_lower_ > -0.3


def test_read__groups__are_predicted_from_other_groups():
    x, y = numbered_rows(60)
    x = (x // 4).float()  # the number of the group, which a recorder knows rows by
    sample = make_sample(x, y, one_split(60, x[:, 0].long()))

    _, columns = read(Recorder(), sample)

    assert (columns[..., 0] > 0).all()  # no row is among those that its model has seen


def test_read__one_member_with_a_single_group__the_others_keep_their_groups():
    _, y = numbered_rows(60)
    groups = torch.arange(60) // 4
    groups[:30] = 0
    halves = torch.arange(60).chunk(2)  # one group, and eight
    folds = Folds.of_splits([halves, halves[::-1]], torch.Generator().manual_seed(0), groups)

    _, columns = read(Recorder(), make_sample(groups[:, None].float(), y, folds))

    assert (columns[1, :, 0] > 0).all()  # no row is among those that its model has seen


# --- Boosted trees ---


def threshold_rules(n, seed, d=4):
    """Columns in [0, 1], and a sum of two thresholds plus noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, d, generator=generator)
    rules = 1.0 * (x[:, 0] > 0.4) * (x[:, 1] > 0.7) + 1.0 * (x[:, 2] > 0.5)
    return x, (rules + 0.2 * torch.randn(n, generator=generator))[:, None]


def first_setting(form, sample):
    return next(iter(form.settings(sample, None)))[0]


@pytest.mark.parametrize(
    ("n", "d", "n_targets", "expected"),
    [(540, 4, 1, True), (528, 4, 1, False), (540, 4, 11, False), (540, 1, 1, False), (540, 65, 1, False)],
    ids=["many rows", "399 training rows", "many targets", "one column each", "many columns"],
)
def test_boosted_trees_apply__rows_columns_and_targets(n, d, n_targets, expected):
    x, y = (torch.randn(n, k, generator=torch.Generator().manual_seed(k)) for k in (d + 100, n_targets))
    x = x[:, :d]
    if n_targets > 1:
        x = torch.randn(n, 12, generator=torch.Generator().manual_seed(0))

    assert BoostedTrees().applies(make_sample(x, y)) is expected


def test_boosted_trees__many_columns_of_which_some_matter__these_are_read():
    x, y = threshold_rules(600, 0, 80)
    sample = make_sample(normal_scores(x), normal_scores(y))
    form = BoostedTrees()

    ((stack,),) = form.stacks(sample)

    assert form.applies(sample)
    (trees,) = stack.parts
    assert {0, 1, 2} <= {*trees.columns}
    assert len(trees.columns) < 20


@pytest.mark.parametrize("swapped", [False, True])
def test_boosted_trees__threshold_rules__find_more_than_kernel_regression(swapped, seed):
    x, y = map(normal_scores, threshold_rules(600, seed))
    sample = make_sample(y, x) if swapped else make_sample(x, y)

    trees, kernel = (
        held_out_value(sample, form.fit(sample, form_setting[-1]))
        for form in (BoostedTrees(), Regression())
        for form_setting in [next(iter(form.settings(sample, None)))[:3]]
    )

    assert trees > kernel + 0.05


def test_boosted_trees__classes__near_the_truth(seed):
    x, one_hot = normal_classes(4500, seed)
    x = torch.cat([x, torch.randn(4500, 1, generator=torch.Generator().manual_seed(seed + 1))], 1)
    sample = make_sample(x, one_hot, one_split(4500), is_y_discrete=True)
    form = BoostedTrees()

    value = held_out_value(sample, form.fit(sample, first_setting(form, sample)))

    # An error of 0.01; trees overfit two columns of 2,250 rows by up to a tenth.
    assert CLASSES_MI - 0.15 < value < CLASSES_MI + 0.06


def test_boosted_trees__members_apart_in_two_states_and_joined__as_the_whole_bank():
    sample = make_sample(*map(normal_scores, threshold_rules(600, 0)))
    judge = Judge(sample, DonskerVaradhan())
    form = BoostedTrees()
    setting = first_setting(form, sample)
    x, y, _ = sample.read(sample.folds.held_out)

    whole = form.fit(sample, setting)
    joined = form.fit(sample.first, setting).joined(form.fit(sample.others, setting))

    expected = whole.critic(x, y)
    torch.testing.assert_close(joined.critic(x, y), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(of_members(whole.critic, slice(1, 3))(x[1:3], y[1:3]), expected[1:3])
    doubled = stack_states(whole.critic, ({"reference.constant": whole.critic.reference.constant},) * 2)
    torch.testing.assert_close(doubled(x.repeat(2, 1, 1), y.repeat(2, 1, 1)), expected.repeat(2, 1))
    # It also needs the models of half of the rows.
    assert judge.score(joined).training_value == pytest.approx(judge.score(whole).training_value, abs=1e-6)


def test_estimator__threshold_rules__trees_win_and_are_stored_whole(seed):
    X, y = (z.numpy() for z in threshold_rules(820, seed))  # trees need 400 rows of training
    split = [np.split(np.arange(820), 2)]
    unseen = [z.numpy() for z in threshold_rules(1000, seed + 100)]

    estimator = MutualInfoEstimator(max_iter=0, cv=split, random_state=0).fit(X, y)

    predictions = member_lists(estimator._critic.frozen.module)
    assert any(isinstance(part, TreesRegressor) for one in predictions for part in one.regressors)
    loaded = pickle.loads(pickle.dumps(estimator))
    assert loaded.score(*unseen) == estimator.score(*unseen)
    # Standard errors: 0.03 of 1,000 rows, 0.04 of the 410 that are held out.
    assert estimator.score(*unseen) == pytest.approx(estimator.mi_lower_, abs=0.12)


# --- In the estimator ---


def test_estimator__linear_model_of_a_normal_pair__near_the_truth(seed):
    X, y = PAIR.sample(1000, seed)

    estimator = estimate(LinearRegression(), X, y)

    # Log ratios have a standard deviation of 0.8, so a mean of 1,000 rows has a standard error of 0.025.
    # Three of them, and 0.02 for the parameters of a mixture.
    assert estimator.mi_ == pytest.approx(PAIR.mi, abs=0.1)
    assert estimator.mi_interval_[0] < estimator.mi_ < estimator.mi_interval_[1]


def test_estimator__classifier_of_normal_classes__near_the_truth(seed):
    x, one_hot = normal_classes(1000, seed)
    model = make_pipeline(StandardScaler(), LogisticRegression())

    estimator = estimate(model, x.numpy(), np.array(["no", "yes"])[one_hot.argmax(1)])

    # Three standard errors of 0.4 / 1000^(1/2), and 0.02 for a mixture's parameters.
    assert estimator.mi_ == pytest.approx(CLASSES_MI, abs=0.06)
    assert estimator.mi_max_ == pytest.approx(np.log(2))


def test_estimator__forest_on_independent_rows__about_zero(seed):
    X, y = np.random.default_rng(seed).normal(size=(2, 600, 2))

    estimator = estimate(RandomForestRegressor(10, random_state=0), X, y[:, 0])

    # Four components of five parameters each cost 20 / (2 * 400) = 0.025 nats at most.
    assert abs(estimator.mi_) < 0.04
    assert estimator.mi_ == estimator.mi_lower_


def test_estimator__interaction_that_a_model_cannot_follow__is_valued_alone(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(500, 2))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=500)

    estimator = estimate(LinearRegression(), X, y)

    # A contest finds more than 1 nat. A single linear combination of the columns carries 0.3: if it is
    # larger, the absolute value of y is larger.
    assert estimator.mi_ < 0.6


def test_estimator__model_that_predicts_nothing__closed_forms_do_not_stand_in():
    X = np.random.default_rng(0).normal(size=(100, 1))

    estimator = estimate(DummyRegressor(), X, X[:, 0])

    # A closed form has a higher value than the rows can test. In a contest, its value would be reported.
    assert estimator.mi_ == pytest.approx(0, abs=0.05)  # mixtures of the two columns, one of them constant


@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression()])
def test_estimator__constant_y__zero(model):
    X = np.random.default_rng(0).normal(size=(60, 2))

    estimator = estimate(model, X, np.ones(60))

    assert estimator.mi_ == estimator.mi_lower_ == 0


def test_estimator__discrete_x__y_is_predicted_from_x(seed):
    x, one_hot = normal_classes(1000, seed)
    X, y = one_hot[:, :1].numpy(), x[:, 0].numpy()

    estimator = estimate(LinearRegression(), X, y)

    assert estimator.mi_ == pytest.approx(CLASSES_MI, abs=0.06)  # as above
    with pytest.raises(ValueError, match=r"got LogisticRegression\. Pass a regressor"):
        estimate(LogisticRegression(), X, y)


def test_encodings__model_predicts__one_way_in_order_and_x_column_by_column():
    rng = np.random.default_rng(0)
    rows = Rows.read(rng.integers(0, 4, size=(400, 2)), rng.normal(size=400), None)

    ((x, y),) = encodings(rows.columns, None, predicts=True)

    assert (x.name, y.name) == ("X", "y")
    assert x.probability is None
    assert x.n_core == 2


def test_estimator__missing_values__linear_model_reads_them():
    X, y = PAIR.sample(500, 0)
    X[::2] = np.nan

    estimator = estimate(LinearRegression(), X, y)

    # Half of the value of all rows, 0.26, with a standard error of 0.03.
    assert estimator.mi_ == pytest.approx(PAIR.mi / 2, abs=0.12)


@pytest.fixture(scope="module")
def fitted():
    """A tree on a wave, 300 rows."""
    return estimate(DecisionTreeRegressor(max_leaf_nodes=12, random_state=0), *draw_wave(300, 0))


def test_estimator__clone__has_a_model_of_its_own(fitted):
    copied = clone(fitted)

    assert copied.critic is not fitted.critic
    assert copied.critic.get_params() == fitted.critic.get_params()
    assert not hasattr(copied, "mi_")


def test_estimator__pickle__same_scores(fitted):
    X, y = draw_wave(50, 1)

    loaded = pickle.loads(pickle.dumps(fitted))

    assert loaded.score(X, y) == fitted.score(X, y)
    np.testing.assert_array_equal(loaded.score_samples(X), fitted.score_samples(X))


def test_estimator__new_rows__score_is_the_mean_of_score_samples_of_each_row(fitted):
    X, y = draw_wave(400, 1)

    pointwise = fitted.score_samples(X, y)

    # The truth is 0.9 nats; twelve leaves of 200 rows find most of it. Both have the same joint mean; what
    # is taken off is a mean over pairs of these rows, or of those of the fit.
    assert 0.3 < fitted.score(X, y) < 1.1
    assert fitted.score(X, y) == pytest.approx(pointwise.mean(), abs=0.1)
    np.testing.assert_allclose(fitted.score_samples(X[7:9], y[7:9]), pointwise[7:9])
    given_x = fitted.score_samples(X)
    assert given_x.shape == (400,)
    assert given_x.mean() == pytest.approx(pointwise.mean(), abs=0.15)  # deviation 1 / 400^(1/2), three times


def test_cross_val_score__model__near_the_truth():
    X, y = PAIR.sample(600, 0)

    scores = cross_val_score(MutualInfoEstimator(critic=LinearRegression(), cv=3, random_state=0), X, y, cv=3)

    assert scores.mean() == pytest.approx(PAIR.mi, abs=0.12)  # three errors of 0.8 / 600^(1/2), and 0.02


def test_grid_search__parameter_of_the_model__chooses_the_one_that_finds_more():
    model = HistGradientBoostingRegressor(max_leaf_nodes=2, random_state=0)  # stumps: one step each
    search = GridSearchCV(
        MutualInfoEstimator(critic=model, cv=None, random_state=0), {"critic__max_iter": [1, 30]}, cv=2
    )

    search.fit(*draw_wave(300, 0))

    assert search.best_params_ == {"critic__max_iter": 30}
    low, high = search.cv_results_["mean_test_score"]
    assert high > low + 0.1


# --- What is a model ---


class CriticWithFit(ConcatCritic):
    """A network with a method named fit."""

    def fit(self):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("critic", "expected"),
    [
        (LinearRegression(), True),
        (make_pipeline(StandardScaler(), LinearRegression()), True),
        (LinearRegression, False),
        (CriticWithFit, False),
        (lambda d_x, d_y: ConcatCritic(d_x, d_y), False),
        ("auto", False),
    ],
)
def test_is_model__instances_that_have_fit(critic, expected):
    assert is_model(critic) is expected


def test_estimator__class_with_fit__is_a_factory_of_networks():
    X, y = PAIR.sample(80, 0)

    with pytest.warns(Warning, match="Training had not ended"):
        estimator = estimate(CriticWithFit, X, y, max_iter=4)

    assert estimator.n_iter_ == 4


@pytest.mark.parametrize("case", ["constant columns", "constant columns, classes", "a class of two rows"])
def test_estimator__nothing_to_fit__a_constant_is_predicted(case):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) if case == "a class of two rows" else np.ones((300, 2))
    y = rng.normal(size=300) if case == "constant columns" else rng.integers(0, 2, 300)
    if case == "a class of two rows":
        y = (np.arange(300) < 2).astype(int)
    model = LinearRegression() if case == "constant columns" else LogisticRegression()

    estimator = estimate(model, X, y)

    # A mixture of one column has few parameters: a hundredth of a nat of 200 rows.
    assert estimator.mi_ == pytest.approx(0.0, abs=0.02)


def test_estimator__fewer_rows_than_parts__no_more_than_pairs_can_show():
    X = np.random.default_rng(0).normal(size=(8, 2))

    estimator = estimate(LinearRegression(), X, X[:, 0])

    assert estimator.mi_ <= np.log(2) + 1e-6  # halves of two rows have two marginal pairs
    assert estimator.mi_interval_[1] == np.inf


def test_read__neither_regressor_nor_classifier__raises():
    X = np.random.default_rng(0).normal(size=(60, 2))

    with pytest.raises(ValueError, match="must be a regressor or a classifier; got KMeans"):
        estimate(KMeans(), X, X[:, 0])
