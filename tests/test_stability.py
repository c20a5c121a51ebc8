"""selection_stability: frequencies and the Jaccard index of any selector, and the plot."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectKBest, SelectorMixin, VarianceThreshold, f_regression

from skmine import MINEFeatureSelector, selection_stability
from skmine._stability import _mean_jaccard
from skmine.distributions import MultivariateNormal
from skmine.plotting import StabilityDisplay


class SelectByGroups(SelectorMixin, BaseEstimator):
    """Select the columns in which each value occurs four times in the given rows."""

    def fit(self, X, y):
        self.support_ = np.array([(np.unique(column, return_counts=True)[1] == 4).all() for column in X.T])
        self.n_features_in_ = X.shape[1]
        return self

    def _get_support_mask(self):
        return self.support_


def draw_rows(n=120):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    return X, X["b"] + 0.5 * rng.normal(size=n)


def test_jaccard__known_sets__mean_over_pairs():
    supports = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=bool)

    # Pairs: 1/2, four of 0, and two empty sets that are the same.
    assert _mean_jaccard(supports) == pytest.approx((0.5 + 1) / 6)


@pytest.mark.parametrize(
    "selector", [SelectKBest(f_regression, k=1), MINEFeatureSelector(1, strategy="marginal")]
)
def test_stability__one_strong_feature__is_always_selected(selector):
    X, y = draw_rows()

    result = selection_stability(selector, X, y, n_resamples=6, random_state=0)

    assert result.frequency.tolist() == [0, 1, 0, 0]
    assert result.jaccard == 1
    assert result.supports.shape == (6, 4)
    assert result.feature_names == list("abcd")
    assert not hasattr(selector, "n_features_in_")


def test_stability__noise__less_stable_the_same_for_any_jobs_and_of_the_seed():
    X, y = draw_rows()
    selector = SelectKBest(f_regression, k=1)

    with parallel_config("threading"):
        one, two, other = (
            selection_stability(
                selector, X[["a", "c", "d"]].to_numpy(), y, n_resamples=8, random_state=s, n_jobs=j
            )
            for s, j in ((0, 1), (0, 2), (1, 1))
        )

    np.testing.assert_array_equal(one.supports, two.supports)
    assert (one.supports != other.supports).any()
    assert 0 < one.jaccard < 1
    assert one.feature_names == ["x0", "x1", "x2"]


def test_stability__groups__are_drawn_whole():
    groups = np.repeat(np.arange(20), 4)
    X = np.column_stack([groups, np.arange(80)])

    whole = selection_stability(SelectByGroups(), X, groups, groups=groups, n_resamples=5, random_state=0)
    with pytest.warns(UserWarning, match="selected no feature in any of the 5 subsamples"):
        rows = selection_stability(SelectByGroups(), X, groups, n_resamples=5, random_state=0)

    assert whole.frequency.tolist() == [1, 0]
    assert rows.frequency.tolist() == [0, 0]


def test_stability__no_target__selectors_without_one():
    X = np.column_stack([np.arange(20.0), np.ones(20)])

    result = selection_stability(VarianceThreshold(), X, n_resamples=3)

    assert result.frequency.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sample_fraction": 0.01}, "must draw at least 2 of the 120 rows; got 0.01, which draws 1"),
        ({"n_resamples": 1}, "n_resamples"),
        ({"groups": [1]}, "groups must have one label for each row"),
        ({"selector": object()}, "selector"),
    ],
)
def test_stability__bad_parameter__is_told(parameters, message):
    X, y = draw_rows()

    with pytest.raises((ValueError, TypeError), match=message):
        selection_stability(**{"selector": VarianceThreshold(), "X": X, "y": y} | parameters)


def test_picture__result__bars_by_frequency():
    X, y = draw_rows()
    result = selection_stability(SelectKBest(f_regression, k=2), X, y, n_resamples=9, random_state=0)

    display = StabilityDisplay.from_result(result, max_features=3)

    widths = [bar.get_width() for bar in display.bars_]
    assert widths == np.sort(result.frequency)[::-1][:3].tolist()
    assert display.ax_.get_yticklabels()[0].get_text() == "b"
    assert [bool(bar.get_hatch()) for bar in display.bars_] == [width < 0.5 for width in widths]
    assert display.ax_.get_title() == f"Jaccard index {result.jaccard:.2f}; first 3 of 4"
    plt.close(display.figure_)


def test_random_state__none__numpys_generator_stays_as_it_is():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    before = np.random.get_state()[1].tolist()  # noqa: NPY002

    selection_stability(MINEFeatureSelector(1, strategy="marginal"), X, X[:, 0], n_resamples=2)
    MultivariateNormal.bivariate(0.5).sample(5)

    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
