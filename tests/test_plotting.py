"""Displays: they draw the values of the object, in the requested unit."""

import itertools
import math
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmine import (
    MINEGAN,
    InformationBottleneckClassifier,
    MINEFeatureSelector,
    MutualInfoEstimator,
    SelectionStability,
    mutual_info_matrix,
    plotting,
)
from skmine.plotting import (
    FeatureScoresDisplay,
    InformationPlaneDisplay,
    MutualInfoMatrixDisplay,
    PointwiseDisplay,
    SamplesDisplay,
    SelectionDisplay,
    SelectionPathDisplay,
    StabilityDisplay,
    TrainingDisplay,
)
from skmine.plotting._matrix import _cluster

LOG_2 = math.log(2)
QUICK = {
    "critic": "concat",
    "cv": None,
    "hidden_layer_sizes": (8,),
    "n_iter_no_change": 1,
    "tol": 1.0,
    "random_state": 0,
}
SCORES = np.array([0.1, 0.5, np.nan, 0.3])

#: A display, its class method for an estimator, the class of the estimator, and further arguments.
TAKING_ESTIMATORS = [
    (TrainingDisplay.from_estimator, MutualInfoEstimator, ()),
    (PointwiseDisplay.from_estimator, MutualInfoEstimator, ([[0.0]], [0.0])),
    (FeatureScoresDisplay.from_estimator, MINEFeatureSelector, ()),
    (SelectionPathDisplay.from_estimator, MINEFeatureSelector, ()),
    (InformationPlaneDisplay.from_history, InformationBottleneckClassifier, ()),
    (lambda e: InformationPlaneDisplay.from_estimators([e]), InformationBottleneckClassifier, ()),
    (SamplesDisplay.from_estimator, MINEGAN, ([[0.0, 0.0]],)),
]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def draw_rows(n=200):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    return pd.DataFrame({"weight": x}), pd.Series(x + rng.normal(size=n), name="height")


def fit_quickly(X, y, **parameters):
    return MutualInfoEstimator(**(QUICK | parameters)).fit(X, y)


@pytest.fixture(scope="module")
def estimator():
    return fit_quickly(*draw_rows())


@pytest.fixture(scope="module")
def selector():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 5)), columns=list("abcde"))
    return MINEFeatureSelector(2, mi_path=True, random_state=0).fit(
        X, X["b"] + X["d"] + 0.5 * rng.normal(size=200)
    )


@pytest.fixture(scope="module")
def bottlenecks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    return [
        InformationBottleneckClassifier(beta, hidden_layer_sizes=8, max_iter=100, random_state=0).fit(
            X, np.where(X[:, 0] > 0, "a", "b")
        )
        for beta in (1e-2, 1.0)
    ]


def fit_gan(n_codes, n_components=1):
    X = np.random.default_rng(0).normal(size=(100, 3))
    gan = MINEGAN(
        n_codes=n_codes, n_components=n_components, hidden_layer_sizes=8, max_iter=20, random_state=0
    )
    return gan.fit(X), X


def tick_labels(labels):
    return [label.get_text() for label in labels]


def legend_labels(legend):
    return [text.get_text() for text in legend.get_texts()]


# --- All displays ---


@pytest.mark.parametrize(("draw", "kind", "data"), TAKING_ESTIMATORS)
def test_display__other_estimator__type_error_with_remedy(draw, kind, data):
    pipeline = make_pipeline(StandardScaler(), kind())
    with pytest.raises(TypeError, match=rf"must be a fitted {kind.__name__}; got Pipeline\..*pipeline\[-1\]"):
        draw(pipeline, *data)
    with pytest.raises(TypeError, match="got LogisticRegression"):
        draw(LogisticRegression(), *data)


@pytest.mark.parametrize(("draw", "kind", "data"), TAKING_ESTIMATORS)
def test_display__not_fitted__not_fitted_error(draw, kind, data):
    with pytest.raises(NotFittedError, match=kind.__name__):
        draw(kind(), *data)


def draw_each(unit):
    """Every display that draws nats, from plain numbers."""
    grid = plotting._pointwise.PointwiseGrid(np.array([0.0]), np.array([1.0]), np.array([[1.0]]))
    return {
        "TrainingDisplay": lambda: TrainingDisplay([0], [np.nan], [0.1]).plot(unit=unit),
        "FeatureScoresDisplay": lambda: FeatureScoresDisplay.from_scores([0.1], unit=unit),
        "SelectionDisplay": lambda: SelectionDisplay(
            {"feature": ["a"], "selected": [True], "alone": [0.1], "added": [0.1], "reason": [""]}, unit=unit
        ).plot(),
        "StabilityDisplay": lambda: StabilityDisplay(
            SelectionStability(np.ones(1), 1.0, np.ones((2, 1), dtype=bool), ["a"])
        ).plot(),
        "SelectionPathDisplay": lambda: SelectionPathDisplay([0.1]).plot(unit=unit),
        "MutualInfoMatrixDisplay": lambda: MutualInfoMatrixDisplay.from_matrix([[1.0]], unit=unit),
        "InformationPlaneDisplay": lambda: InformationPlaneDisplay.from_values([2.0], [1.0], unit=unit),
        "PointwiseDisplay": lambda: PointwiseDisplay([0.0], [1.0], [1.0], grid=grid).plot(unit=unit),
        "SamplesDisplay": lambda: SamplesDisplay(np.zeros((2, 2)), np.ones((3, 2))).plot(),
    }


def test_displays__all_public_ones__in_the_tests_of_all():
    assert sorted(draw_each("nats")) == sorted(plotting.__all__)


@pytest.mark.parametrize("name", sorted(set(plotting.__all__) - {"SamplesDisplay", "StabilityDisplay"}))
@pytest.mark.parametrize("unit", ["nats", "bits"])
def test_plot__unit__on_a_label(name, unit):
    display = draw_each(unit)[name]()

    labels = [label for ax in display.figure_.axes for label in (ax.get_xlabel(), ax.get_ylabel())]
    assert any(f"({unit})" in label for label in labels)


@pytest.mark.parametrize("name", sorted(set(plotting.__all__) - {"SamplesDisplay", "StabilityDisplay"}))
def test_plot__unknown_unit__error_names_the_units(name):
    with pytest.raises(ValueError, match=r"unit must be 'nats' or 'bits'; got 'bans'"):
        draw_each("bans")[name]()


@pytest.mark.parametrize("name", plotting.__all__)
def test_plot__without_matplotlib__error_names_the_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)

    with pytest.raises(ImportError, match=r"needs matplotlib.*pip install matplotlib"):
        draw_each("nats")[name]()


@pytest.mark.parametrize("name", plotting.__all__)
def test_plot__axes_given__drawn_there_and_returns_itself(name):
    display = draw_each("nats")[name]()
    figure, axes = plt.subplots(1, 2)
    target = axes if name == "SamplesDisplay" else axes[0]

    again = display.plot(target)

    assert again is display
    assert display.figure_ is figure
    assert np.all(display.ax_ == target)
    figure.canvas.draw()


# --- TrainingDisplay ---


@pytest.mark.parametrize(("unit", "scale"), [("nats", 1.0), ("bits", LOG_2)])
def test_training__history__is_drawn_in_the_unit(estimator, unit, scale):
    display = TrainingDisplay.from_estimator(estimator, unit=unit)

    held_out = np.array([entry["held_out"] for entry in estimator.history_])
    assert_array_equal(display.held_out_line_.get_xdata(), [e["iteration"] for e in estimator.history_])
    assert_allclose(display.held_out_line_.get_ydata(), held_out / scale)
    assert_allclose(display.training_line_.get_ydata(), [e["training"] / scale for e in estimator.history_])
    assert_allclose(display.chosen_point_.get_ydata(), held_out.max() / scale)
    assert display.chosen_iteration_ == estimator.history_[held_out.argmax()]["iteration"]
    assert f"mi_ = {estimator.mi_ / scale:.3f}" in legend_labels(display.figure_.legends[0])[3]


def test_training__interval__is_a_band(estimator):
    display = TrainingDisplay.from_estimator(estimator)

    (band,) = [patch for patch in display.ax_.patches if patch.get_width() == 1.0]
    low, high = estimator.mi_interval_
    assert band.get_y() == pytest.approx(low)
    assert band.get_y() + band.get_height() == pytest.approx(high)


@pytest.mark.parametrize(("mi_max", "drawn"), [(0.6, True), (5.0, False), (math.inf, False)])
def test_training__entropy__is_a_line_unless_far_above(mi_max, drawn):
    display = TrainingDisplay([0, 50], [np.nan, 0.5], [0.3, 0.4], mi=0.45, mi_max=mi_max).plot()

    heights = [line.get_ydata()[0] for line in display.ax_.lines if len(line.get_ydata())]
    assert (mi_max in heights) == drawn
    told = [label for label in legend_labels(display.figure_.legends[0]) if "entropy" in label]
    assert told == ([] if math.isinf(mi_max) else [f"entropy = {mi_max:.3f}{'' if drawn else ' (above)'}"])


def test_training__closed_form_alone__one_check():
    display = TrainingDisplay.from_estimator(fit_quickly(*draw_rows(), max_iter=0))

    assert display.held_out_line_.get_xdata().tolist() == [0]


# --- FeatureScoresDisplay ---


@pytest.mark.parametrize(("unit", "scale"), [("nats", 1.0), ("bits", LOG_2)])
def test_scores__bars__sorted_in_the_unit(unit, scale):
    display = FeatureScoresDisplay.from_scores(SCORES, list("abcd"), unit=unit)

    assert display.shown_.tolist() == [1, 3, 0, 2]
    assert_allclose([bar.get_width() for bar in display.bars_], np.array([0.5, 0.3, 0.1, 0]) / scale)
    assert tick_labels(display.ax_.get_yticklabels()) == list("bdac")
    assert display.ax_.yaxis_inverted()


def test_scores__errors__as_the_intervals_they_mean():
    by_errors = FeatureScoresDisplay.from_scores([0.1, 0.5], errors=[0.05, 0.2])
    by_intervals = FeatureScoresDisplay.from_scores([0.1, 0.5], intervals=[[0.05, 0.15], [0.3, 0.7]])

    for display in (by_errors, by_intervals):
        (bars,) = (c for c in display.ax_.collections if hasattr(c, "get_segments"))
        assert_allclose([s[:, 0] for s in bars.get_segments()], [[0.3, 0.7], [0.05, 0.15]])


def test_scores__selected__told_by_colour_and_hatch():
    display = FeatureScoresDisplay.from_scores(SCORES, selected=[False, True, False, True], threshold=0.2)

    chosen, other = display.bars_[:2], display.bars_[2:]
    assert not any(bar.get_hatch() for bar in chosen)
    assert all(bar.get_hatch() for bar in other)
    assert {to_hex(b.get_facecolor()) for b in chosen}.isdisjoint(to_hex(b.get_facecolor()) for b in other)
    assert legend_labels(display.ax_.get_legend()) == ["threshold = 0.200", "selected", "not selected"]


def test_scores__many_features__the_best_are_shown():
    display = FeatureScoresDisplay.from_scores(np.arange(50.0), max_features=3)

    assert tick_labels(display.ax_.get_yticklabels()) == ["x49", "x48", "x47"]
    assert display.ax_.get_title() == "best 3 of 50"


def test_scores__selector__in_its_ranking(selector):
    display = FeatureScoresDisplay.from_estimator(selector)

    assert display.shown_.tolist() == np.argsort(selector.ranking_).tolist()
    assert_allclose([bar.get_width() for bar in display.bars_], selector.scores_[display.shown_])
    assert [not bar.get_hatch() for bar in display.bars_] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"feature_names": ["a"]}, r"feature_names must have 4 entries; got 1"),
        ({"errors": [0.1]}, r"errors must have shape \(4,\); got \(1,\)"),
        ({"intervals": SCORES}, r"intervals must have shape \(4, 2\)"),
        ({"selected": [True]}, r"selected must have shape \(4,\)"),
        ({"errors": SCORES, "intervals": [[0, 1]] * 4}, "must not both be given"),
    ],
)
def test_scores__wrong_shape__error_names_it(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeatureScoresDisplay.from_scores(SCORES, **arguments)


# --- SelectionPathDisplay ---


@pytest.mark.parametrize(("unit", "scale"), [("nats", 1.0), ("bits", LOG_2)])
def test_path__selector__joint_information_and_names(selector, unit, scale):
    display = SelectionPathDisplay.from_estimator(selector, unit=unit)

    first, second = np.array(list("abcde"))[np.argsort(selector.ranking_)[:2]]
    assert_allclose(display.line_.get_ydata(), selector.mi_path_ / scale)
    assert tick_labels(display.ax_.get_xticklabels()) == [f"+ {first}", f"+ {second}"]
    assert display.ax_.get_ylim()[0] <= 0 < selector.mi_path_[-1] / scale < display.ax_.get_ylim()[1]


def test_path__groups__are_one_step_each():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4))
    y = X[:, 0] + X[:, 1] + 0.3 * rng.normal(size=150)
    selector = MINEFeatureSelector(1, feature_groups=[0, 0, 1, 2], mi_path=True, random_state=0).fit(X, y)

    display = SelectionPathDisplay.from_estimator(selector)

    assert tick_labels(display.ax_.get_xticklabels()) == ["+ x0 and 1 more"]


def test_path__nothing_selected__says_so():
    display = SelectionPathDisplay([]).plot()

    assert [text.get_text() for text in display.ax_.texts] == ["no feature selected"]


def test_path__selector_without_path__error_with_remedy():
    X = np.random.default_rng(0).normal(size=(50, 2))
    selector = MINEFeatureSelector(1, strategy="marginal").fit(X, X[:, 0])

    with pytest.raises(ValueError, match=r"must have mi_path_.*mi_path=True"):
        SelectionPathDisplay.from_estimator(selector)


# --- MutualInfoMatrixDisplay ---


@pytest.mark.parametrize(("unit", "scale"), [("nats", 1.0), ("bits", LOG_2)])
def test_matrix__data__off_diagonal_in_the_unit(unit, scale):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 3)), columns=list("abc"))
    X["d"] = X["a"] + 0.1 * X["b"]
    matrix = mutual_info_matrix(X).to_numpy()

    display = MutualInfoMatrixDisplay.from_data(X, scale="information", unit=unit)

    order = display.order_
    shown, off = display.im_.get_array(), ~np.eye(4, dtype=bool)
    assert_allclose(shown.data[off], matrix[np.ix_(order, order)][off] / scale)
    assert shown.mask.tolist() == np.eye(4, dtype=bool).tolist()
    assert display.im_.get_clim() == pytest.approx((0, matrix[off].max() / scale))
    assert tick_labels(display.ax_.get_yticklabels()) == list(np.array(list("abcd"))[order])
    assert abs(np.flatnonzero(order == 0)[0] - np.flatnonzero(order == 3)[0]) == 1
    assert display.text_[0, 0].get_text() == "∞"
    assert display.text_[0, 1].get_text() == f"{shown[0, 1]:.2f}"


def test_matrix__from_data_and_from_matrix__agree_on_polars():
    X = pl.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), schema=["a", "b", "c"])

    of_data = MutualInfoMatrixDisplay.from_data(X, cluster=False, scale="information")
    of_matrix = MutualInfoMatrixDisplay.from_matrix(mutual_info_matrix(X), list("abc"), cluster=False)

    assert_array_equal(of_data.im_.get_array(), of_matrix.im_.get_array())
    assert of_data.labels.tolist() == of_matrix.labels.tolist() == ["a", "b", "c"]


def test_matrix__data__correlations_from_0_to_1_by_default():
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[:, 2] = np.abs(X[:, 0])

    display = MutualInfoMatrixDisplay.from_data(X, cluster=False)

    assert_array_equal(display.matrix, mutual_info_matrix(X, scale="correlation"))
    assert display.im_.get_clim() == (0, 1)
    assert display.figure_.axes[1].get_ylabel() == "correlation of any form"
    with pytest.raises(ValueError, match="unit must not be set with scale='correlation'"):
        display.plot(unit="bits")


def test_matrix__fifty_columns__names_do_not_touch():
    labels = [f"a rather long name of column {j}" for j in range(50)]

    display = MutualInfoMatrixDisplay.from_matrix(np.zeros((50, 50)), labels)

    display.figure_.canvas.draw()
    below = [label.get_window_extent() for label in display.ax_.get_xticklabels()]
    aside = [label.get_window_extent() for label in display.ax_.get_yticklabels()]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(below))
    assert all(one.y0 > other.y1 for one, other in itertools.pairwise(aside))


def test_matrix__missing_pair__hatched_and_masked():
    matrix = np.full((3, 3), 0.2)
    matrix[0, 2] = matrix[2, 0] = np.nan

    display = MutualInfoMatrixDisplay.from_matrix(matrix, cluster=False)

    assert display.im_.get_array().mask[0].tolist() == [True, False, True]
    assert [(p.get_x(), p.get_y()) for p in display.ax_.patches] == [(1.5, -0.5), (-0.5, 1.5)]
    assert all(patch.get_hatch() for patch in display.ax_.patches)
    assert display.text_[0, 2].get_text() == ""


def test_cluster__two_blocks_with_a_gap_and_an_unknown_column__blocks_together_and_unknown_last():
    matrix = np.full((7, 7), 0.01)
    for block in ([0, 2, 4], [1, 3, 5]):
        matrix[np.ix_(block, block)] = 1.0
    matrix[6] = matrix[:, 6] = np.nan
    matrix[0, 4] = matrix[4, 0] = np.nan
    np.fill_diagonal(matrix, np.inf)

    order = _cluster(matrix).tolist()

    assert order[6] == 6
    assert sorted(map(sorted, (order[:3], order[3:6]))) == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize(
    "matrix", [[[np.inf]], [[np.nan, np.nan], [np.nan, np.nan]], np.full((4, 4), np.inf), np.zeros((3, 3))]
)
def test_matrix__degenerate__is_drawn(matrix):
    display = MutualInfoMatrixDisplay.from_matrix(matrix)

    assert sorted(display.order_) == list(range(len(matrix)))
    display.figure_.canvas.draw()


def test_matrix__many_columns__no_values_unless_asked():
    matrix = np.zeros((13, 13))

    assert MutualInfoMatrixDisplay.from_matrix(matrix).text_ is None
    assert MutualInfoMatrixDisplay.from_matrix(matrix, values=True).text_.shape == (13, 13)


def test_matrix__not_symmetric__error_unless_one_value_is_missing():
    matrix = mutual_info_matrix(np.random.default_rng(0).normal(size=(50, 3)))
    upper, single = np.where(np.tri(3, k=-1), np.nan, matrix), matrix.astype(np.float32) * np.float32(1 / 3)

    for good in (matrix, upper, single, pd.DataFrame(matrix)):
        plt.close(MutualInfoMatrixDisplay.from_matrix(good).figure_)
    for bad in (np.arange(9.0).reshape(3, 3), pd.DataFrame(matrix + 1).iloc[[1, 2, 0]]):
        with pytest.raises(ValueError, match=r"must be symmetric.*got .* at \(0, [12]\) and .* Put the rows"):
            MutualInfoMatrixDisplay.from_matrix(bad)


def test_matrix__not_square__error():
    with pytest.raises(ValueError, match=r"matrix must be square; got shape \(2, 3\)"):
        MutualInfoMatrixDisplay.from_matrix(np.zeros((2, 3)))


# --- PointwiseDisplay ---


@pytest.mark.parametrize(("unit", "scale"), [("nats", 1.0), ("bits", LOG_2)])
def test_pointwise__two_columns__grid_is_the_log_ratio(estimator, unit, scale):
    X, y = draw_rows()

    display = PointwiseDisplay.from_estimator(estimator, X, y, n_grid=7, unit=unit)

    grid = display.grid
    assert_allclose(display.mesh_.get_array(), grid.log_ratio / scale)
    pair = pd.DataFrame({"weight": [grid.x[2]]}), pd.Series([grid.y[4]])
    assert grid.log_ratio[4, 2] == pytest.approx(estimator.score_samples(*pair)[0])
    low, high = display.mesh_.get_clim()
    assert -low == high == pytest.approx(np.quantile(np.abs(display.log_ratio), 0.98) / scale)
    assert_array_equal(display.points_.get_offsets()[:, 0], X["weight"])
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("weight", "height")


def test_pointwise__strings_and_category__axes_of_levels():
    rng = np.random.default_rng(0)
    colour = np.array(["red", "blue", "green"], dtype=object)[rng.integers(3, size=150)]
    grade = pd.Series(pd.Categorical(np.where(rng.random(150) < 0.8, colour == "red", True)), name="grade")
    X = pd.DataFrame({"colour": colour})
    fitted = fit_quickly(X, grade)

    display = PointwiseDisplay.from_estimator(fitted, X, grade)

    assert tick_labels(display.ax_.get_xticklabels()) == ["blue", "green", "red"]
    assert tick_labels(display.ax_.get_yticklabels()) == ["False", "True"]
    assert display.mesh_.get_array().shape == (2, 3)
    places = np.searchsorted(["blue", "green", "red"], colour.astype(str))
    assert_array_equal(np.round(display.points_.get_offsets()[:, 0]), places)
    spread = display.points_.get_offsets() - np.round(display.points_.get_offsets())
    assert abs(np.corrcoef(spread.T)[0, 1]) < 0.3  # the two axes, each with separate noise


def test_pointwise__missing_values__those_rows_are_left_out():
    X, y = draw_rows()
    X.loc[:9, "weight"] = np.nan
    fitted = fit_quickly(X, y)

    display = PointwiseDisplay.from_estimator(fitted, X, y, n_grid=5)

    assert_array_equal(display.points_.get_offsets()[:, 0], X["weight"][10:])
    with pytest.raises(ValueError, match="must have a row without missing values"):
        PointwiseDisplay.from_estimator(fitted, X[:10], y[:10])


def test_pointwise__several_columns__rows_are_coloured():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 3))
    y = X[:, 0] + rng.normal(size=150)
    fitted = fit_quickly(X, y)

    display = PointwiseDisplay.from_estimator(fitted, X, y, columns=(("X", 0), ("X", 2)))

    assert display.mesh_ is None
    colours = display.points_.get_array()
    assert_allclose(np.sort(colours), np.sort(fitted.score_samples(X, y)))
    order = np.argsort(np.abs(fitted.score_samples(X, y)), kind="stable")
    assert_array_equal(display.points_.get_offsets(), X[order][:, [0, 2]])
    assert display.points_.get_clim()[0] == -display.points_.get_clim()[1]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("x0", "x2")


@pytest.mark.parametrize("where", [("X", 1), ("X", "name"), ("Z", 0), ("y", -1)])
def test_pointwise__no_such_column__error(estimator, where):
    with pytest.raises(ValueError, match=r"columns must be two pairs of 'X' or 'y'"):
        PointwiseDisplay.from_estimator(estimator, *draw_rows(), columns=(where, ("y", 0)))


def test_pointwise__heavy_tail__the_grid_keeps_to_the_bulk():
    x = np.concatenate([np.linspace(-1, 1, 999), [1e6]])
    axis = plotting._pointwise._Axis.of_values(x)

    picked = x[axis.pick(x, 20)]

    assert picked.max() <= 1
    assert np.all(np.diff(picked) > 0)


def test_pointwise__more_levels_than_can_be_named__the_most_frequent():
    values = np.array([f"v{j:02d}" for j in range(40) for _ in range(j + 1)], dtype=object)

    levels = plotting._pointwise._Axis.of_values(values).levels

    assert levels == tuple(f"v{j:02d}" for j in range(10, 40))


# --- InformationPlaneDisplay ---


@pytest.mark.parametrize(("unit", "scale"), [("nats", 1.0), ("bits", LOG_2)])
def test_plane__estimators__their_values_and_beta(bottlenecks, unit, scale):
    display = InformationPlaneDisplay.from_estimators(bottlenecks, unit=unit)

    assert_allclose(display.line_.get_xdata(), [b.mi_xz_ / scale for b in bottlenecks])
    assert_allclose(display.line_.get_ydata(), [b.mi_zy_ / scale for b in bottlenecks])
    assert [text.get_text() for text in display.ax_.texts] == ["β = 0.01", "β = 1"]


def test_plane__estimators__entropy_is_that_of_the_classes(bottlenecks):
    probability = np.mean(np.random.default_rng(0).normal(size=(100, 2))[:, 0] > 0)
    entropy = -(probability * math.log(probability) + (1 - probability) * math.log(1 - probability))

    display = InformationPlaneDisplay.from_estimators(bottlenecks, labels=["loose", "tight"])

    assert display.entropy == pytest.approx(entropy)
    assert legend_labels(display.ax_.get_legend())[-1] == f"entropy of y = {entropy:.3f}"
    assert [text.get_text() for text in display.ax_.texts] == ["loose", "tight"]


def test_plane__history__path_coloured_by_iteration(bottlenecks):
    display = InformationPlaneDisplay.from_history(bottlenecks[0])

    history = bottlenecks[0].history_
    assert_allclose(display.points_.get_offsets(), [[e["mi_xz"], e["mi_zy"]] for e in history])
    assert_array_equal(display.points_.get_array(), [e["iteration"] for e in history])
    assert legend_labels(display.ax_.get_legend())[:2] == ["start", "end"]


def test_plane__values_without_labels__points_alone():
    display = InformationPlaneDisplay.from_values([3.0, 1.0], [1.0, 0.5])

    assert display.line_.get_xdata().tolist() == [3.0, 1.0]
    assert not display.ax_.texts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0, 2.0]), r"the same shape \(n_points,\); got \(1,\) and \(2,\)"),
        (([1.0], [1.0], [0.1, 0.2]), "labels must have 1 entries; got 2"),
    ],
)
def test_plane__lengths_differ__error(arguments, message):
    with pytest.raises(ValueError, match=message):
        InformationPlaneDisplay.from_values(*arguments)


# --- SamplesDisplay ---


def test_samples__no_categories__data_and_samples_of_the_columns():
    gan, X = fit_gan(n_codes=0)

    display = SamplesDisplay.from_estimator(gan, X, n_samples=30, columns=(2, "x0"), random_state=0)

    (data,), (samples,) = display.points_
    assert_array_equal(data.get_offsets(), X[:, [2, 0]])
    assert samples.get_offsets().shape == (30, 2)
    assert [ax.get_xlabel() for ax in display.ax_] == ["x2", "x2"]
    assert display.ax_[0].get_ylabel() == "x0"
    again = SamplesDisplay.from_estimator(gan, X, n_samples=30, columns=(2, 0), random_state=0)
    assert_array_equal(again.samples, display.samples)


def test_samples__categories__told_by_colour_and_shape():
    gan, X = fit_gan(n_codes=3)

    display = SamplesDisplay.from_estimator(gan, X, n_samples=60, random_state=0)

    data, samples = display.points_
    assert sum(len(points.get_offsets()) for points in data) == len(X)
    for points, code in zip(data, np.unique(gan.predict(X)), strict=True):
        assert_array_equal(points.get_offsets(), X[gan.predict(X) == code][:, :2])
    assert len({to_hex(points.get_facecolor()[0]) for points in samples}) == 3
    assert len({points.get_paths()[0].vertices.tobytes() for points in samples}) == 3
    assert legend_labels(display.figure_.legends[0]) == ["0", "1", "2"]


def test_samples__codes_alone__are_what_the_samples_were_made_from():
    gan, X = fit_gan(n_codes=2, n_components=0)

    display = SamplesDisplay.from_estimator(gan, X, n_samples=40, random_state=np.random.RandomState(0))

    random = np.random.RandomState(0)
    codes = random.randint(2, size=40)
    rows = gan.sample(40, code=np.eye(2)[codes], random_state=random.randint(2**31))
    assert_array_equal(display.samples_codes, codes)
    assert_array_equal(display.samples, rows[:, :2])


@pytest.mark.parametrize(
    ("columns", "message"), [((0, 3), "two of the 3 columns of X; got 3"), (("x0", "age"), "got 'age'")]
)
def test_samples__no_such_column__error(columns, message):
    gan, X = fit_gan(n_codes=0)

    with pytest.raises(ValueError, match=message):
        SamplesDisplay.from_estimator(gan, X, columns=columns)


def test_samples__one_axes__error():
    display = SamplesDisplay(np.zeros((2, 2)), np.ones((3, 2)))

    with pytest.raises(ValueError, match="ax must be two axes"):
        display.plot(plt.subplots()[1])


TABLE = pd.DataFrame(
    {"feature": ["a"], "value": 0.2, "low": 0.1, "high": 0.3, "scale": "nats", "adjusted_pvalue": 0.01}
)
WRONG = [
    (lambda: SelectionPathDisplay([0.1, np.nan]), r"mi_path must be finite; got \[0.1, nan\]\. Leave"),
    (lambda: SelectionPathDisplay("abc"), "mi_path must hold numbers; got .*'abc'. Pass"),
    (lambda: SelectionPathDisplay([[0.1], [0.2]]), r"mi_path must have one dimension; got shape \(2, 1\)"),
    (
        lambda: SelectionPathDisplay([0.1]).plot(plt.Figure()),
        "ax must be matplotlib Axes; got Figure. Pass",
    ),
    (
        lambda: FeatureScoresDisplay.from_scores(np.ones((3, 2))),
        r"scores must have one dimension; .* \(3, 2\)",
    ),
    (lambda: FeatureScoresDisplay.from_scores(["a"]), r"scores must hold numbers; got \['a'\]\. Pass"),
    (
        lambda: FeatureScoresDisplay.from_scores([0.1], max_features=0),
        "max_features must be a positive integer; got 0. Pass",
    ),
    (lambda: FeatureScoresDisplay.from_scores([0.1], max_features="2"), "max_features must be .*; got '2'"),
    (
        lambda: FeatureScoresDisplay.from_table(pd.DataFrame({"a": [1]})),
        "table must be .* without a column 'scale'",
    ),
    (lambda: FeatureScoresDisplay.from_table(TABLE.drop(columns="low")), "without a column 'low'"),
    (lambda: FeatureScoresDisplay.from_table(TABLE[:0]), "table must have at least one row; got none. Pass"),
    (
        lambda: FeatureScoresDisplay.from_table(TABLE, alpha=5),
        "alpha must be between 0 and 1; got 5. Pass",
    ),
    (
        lambda: FeatureScoresDisplay.from_table(None),
        "table must be a result of dependence_table; got NoneType",
    ),
    (lambda: InformationPlaneDisplay.from_estimators(5), r"estimators must be a list .* Pass \[estimator\]"),
    (lambda: StabilityDisplay.from_result(None), "result must be a SelectionStability; got NoneType. Pass"),
]


@pytest.mark.parametrize(("draw", "message"), WRONG)
def test_display__nothing_to_draw__error_names_the_parameter(draw, message):
    with pytest.raises((TypeError, ValueError), match=message):
        draw()


def test_samples__no_seed_and_tensor__numpys_generator_stays_as_it_is():
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = MINEGAN(n_codes=2, max_iter=2, hidden_layer_sizes=4).fit(X)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002

    display = SamplesDisplay.from_estimator(model, torch.tensor(X, requires_grad=True), n_samples=5)
    with pytest.raises(ValueError, match="columns must be two columns of X; got 1"):
        SamplesDisplay.from_estimator(model, X, columns=(0,))

    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    plt.close(display.figure_)
