"""FeatureScoresDisplay: scores of features as bars."""

import numpy as np

from skmine._frames import column_names
from skmine._units import check_scale, nats_a_unit
from skmine.plotting._drawing import (
    VERMILION,
    check_fitted_as,
    check_max_features,
    draw_bars,
    feature_names_of,
    make_axes,
    read_names,
    read_values,
)

_INCHES_A_BAR = 0.27
#: Columns of a table that are drawn.
_OF_TABLE = ("scale", "feature", "value", "low", "high", "adjusted_pvalue")


class FeatureScoresDisplay:
    """Bar chart of feature scores, with optional intervals, a threshold and the selected features.

    Make it with :meth:`from_scores`, :meth:`from_table` or :meth:`from_estimator`.

    Parameters
    ----------
    scores : array-like of shape (n_features,)
        Values in nats.
    feature_names : array-like of shape (n_features,) or None, default=None
        Names of the features. None uses x0, x1, ...
    intervals : array-like of shape (n_features, 2) or None, default=None
        Lower and upper end of the interval of each score, in nats.
    threshold : float or None, default=None
        Score in nats below which a score may be due to chance, drawn as a line.
    selected : array-like of shape (n_features,) or None, default=None
        Mask of the selected features. The bars of the others are hatched.
    order : array-like of shape (n_features,) or None, default=None
        Order of the features from top to bottom. None sorts by score.
    states : tuple of two str, default=("selected", "not selected")
        Legend labels for the features in the mask and for the others.
    scale : {"information", "correlation"}, default="information"
        Scale of the scores.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    bars_ : matplotlib BarContainer
        Bars from top to bottom. Bars of features that were not selected are hatched.
    shown_ : ndarray of shape (n_shown,)
        Indices of the features shown, from top to bottom.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from skmine import mutual_info_classif
    >>> from skmine.plotting import FeatureScoresDisplay
    >>> iris = load_iris()
    >>> scores = mutual_info_classif(iris.data, iris.target)
    >>> display = FeatureScoresDisplay.from_scores(scores, iris.feature_names, threshold=0.3)
    >>> print(display.ax_.get_yticklabels()[-1].get_text())
    sepal width (cm)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        scores,
        feature_names=None,
        *,
        intervals=None,
        threshold=None,
        selected=None,
        order=None,
        states=("selected", "not selected"),
        scale="information",
    ):
        check_scale(scale, "nats")
        self.states, self.scale = states, scale
        self.scores = np.asarray(scores, dtype=float)
        n_features = len(self.scores)
        self.feature_names = read_names(feature_names, n_features, "feature_names")
        self.intervals = _read_shape(intervals, (n_features, 2), "intervals", float)
        self.threshold = threshold
        self.selected = _read_shape(selected, (n_features,), "selected", bool)
        known = np.where(np.isfinite(self.scores), self.scores, -np.inf)
        self.order = np.argsort(-known, kind="stable") if order is None else np.asarray(order)

    @classmethod
    def from_scores(
        cls,
        scores,
        feature_names=None,
        *,
        intervals=None,
        errors=None,
        threshold=None,
        selected=None,
        max_features=20,
        unit="nats",
        ax=None,
    ):
        """Draw scores, for example from :func:`skmine.mutual_info_regression`.

        Parameters
        ----------
        scores : array-like of shape (n_features,)
            Values in nats.
        feature_names : array-like of shape (n_features,) or None, default=None
            Names of the features. None uses x0, x1, ...
        intervals : array-like of shape (n_features, 2) or None, default=None
            Lower and upper end of the interval of each score, in nats.
        errors : array-like of shape (n_features,) or None, default=None
            Half-widths of the intervals in nats, instead of `intervals`.
        threshold : float or None, default=None
            Score in nats below which a score may be due to chance, drawn as a line.
        selected : array-like of shape (n_features,) or None, default=None
            Mask of the selected features. The bars of the others are hatched.
        max_features : int, default=20
            Maximum number of features to show, best first.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        FeatureScoresDisplay

        Raises
        ------
        ValueError
            An array has the wrong shape, both `intervals` and `errors` are given, or `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        scores = read_values(scores, "scores")
        if errors is not None:
            if intervals is not None:
                raise ValueError("errors and intervals must not both be given; got both. Pass one of them.")
            errors = _read_shape(errors, scores.shape, "errors", float)
            intervals = np.column_stack([scores - errors, scores + errors])
        display = cls(scores, feature_names, intervals=intervals, threshold=threshold, selected=selected)
        return display.plot(ax, max_features=max_features, unit=unit)

    @classmethod
    def from_table(cls, table, *, alpha=0.05, max_features=20, unit=None, ax=None):
        """Draw a table from :func:`skmine.dependence_table`, and mark the rows that are significant.

        Parameters
        ----------
        table : DataFrame or Arrow table
            Table of features or of pairs.
        alpha : float, default=0.05
            Significance level. Rows with an adjusted p-value up to `alpha` are marked as "exceeds chance".
        max_features : int, default=20
            Maximum number of features to show, best first.
        unit : {"nats", "bits"} or None, default=None
            Unit of the axis. None uses the unit of the table.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        FeatureScoresDisplay

        Raises
        ------
        ValueError
            `table` lacks a column or has no row, `alpha` is not between 0 and 1, or `unit` is unknown, or is
            set although the values are correlations.
        ImportError
            matplotlib is not installed.
        """
        found = column_names(table, 0)
        if lost := [key for key in _OF_TABLE if key not in found]:
            raise ValueError(
                f"table must be a result of dependence_table; got {type(table).__name__} without a column "
                f"{lost[0]!r}. Pass the table itself."
            )
        if not len(table["scale"]):
            raise ValueError("table must have at least one row; got none. Pass more rows of the table.")
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1; got {alpha!r}. Pass for example 0.05.")
        names = [key for key in ("feature", "other", "target") if key in found]
        labels = [" – ".join(map(str, parts)) for parts in zip(*(list(table[k]) for k in names), strict=True)]
        of_table = str(next(iter(table["scale"])))
        scale = "correlation" if of_table == "correlation" else "information"
        nats = nats_a_unit("nats" if scale == "correlation" else of_table)
        value, low, high, pvalue = (
            np.asarray(table[key], dtype=float) for key in ("value", "low", "high", "adjusted_pvalue")
        )
        display = cls(
            value * nats,
            labels,
            intervals=np.column_stack([low, high]) * nats,
            selected=pvalue <= alpha,
            order=np.arange(len(value)),
            states=("exceeds chance", "may be chance"),
            scale=scale,
        )
        if unit is None:
            unit = "nats" if scale == "correlation" else of_table
        return display.plot(ax, max_features=max_features, unit=unit)

    @classmethod
    def from_estimator(cls, estimator, *, feature_names=None, max_features=20, unit="nats", ax=None):
        """Draw the scores of a selector, in the order of its `ranking_`.

        Parameters
        ----------
        estimator : MINEFeatureSelector
            Fitted estimator.
        feature_names : array-like of shape (n_features,) or None, default=None
            Names of the features. None uses the names seen in ``fit``.
        max_features : int, default=20
            Maximum number of features to show, best first.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        FeatureScoresDisplay

        Raises
        ------
        TypeError
            `estimator` is not a MINEFeatureSelector.
        NotFittedError
            `estimator` is not fitted.
        ValueError
            `feature_names` has the wrong length, or `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        check_fitted_as(estimator, "MINEFeatureSelector")
        names = feature_names_of(estimator) if feature_names is None else feature_names
        order = np.argsort(estimator.ranking_, kind="stable")
        display = cls(estimator.scores_, names, selected=estimator.support_, order=order)
        return display.plot(ax, max_features=max_features, unit=unit)

    def plot(self, ax=None, *, max_features=20, unit="nats"):
        """Draw the stored values, for example into other axes or in another unit.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.
        max_features : int, default=20
            Maximum number of features to show, best first.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.

        Returns
        -------
        FeatureScoresDisplay
            The display itself.

        Raises
        ------
        ValueError
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        scale = check_scale(self.scale, unit)
        self.shown_ = shown = self.order[: check_max_features(max_features)]
        self.figure_, self.ax_ = make_axes(ax, (6.4, 1.4 + _INCHES_A_BAR * len(shown)))
        places = np.arange(len(shown))
        values = self.scores[shown] / scale
        taken = np.ones(len(shown), dtype=bool) if self.selected is None else self.selected[shown]
        self.bars_ = draw_bars(self.ax_, values, self.feature_names[shown], taken)
        if self.intervals is not None:
            low, high = self.intervals[shown].T / scale
            sides = np.maximum([values - low, high - values], 0)
            self.ax_.errorbar(values, places, xerr=sides, fmt="none", ecolor="black", elinewidth=1, capsize=3)
        if self.threshold is not None:
            at = self.threshold / scale
            self.ax_.axvline(at, color=VERMILION, ls="--", lw=1.5, label=f"threshold = {at:.3f}")
        self._label(places, taken, unit)
        return self

    def _label(self, places: np.ndarray, taken: np.ndarray, unit: str) -> None:
        self.ax_.axvline(0, color="black", lw=0.8)
        is_information = self.scale == "information"
        self.ax_.set_xlabel(f"mutual information ({unit})" if is_information else "correlation of any form")
        if (left_out := len(self.order) - len(places)) > 0:
            self.ax_.set_title(f"best {len(places)} of {len(places) + left_out}", fontsize="medium")
        handles, _ = self.ax_.get_legend_handles_labels()
        if self.selected is not None:
            for state, name in zip((True, False), self.states, strict=True):
                members = np.flatnonzero(taken == state)
                if len(members):
                    bar = self.bars_[members[0]]
                    bar.set_label(name)
                    handles.append(bar)
        if handles:
            self.ax_.legend(handles=handles, fontsize="small", loc="best")


def _read_shape(values, shape: tuple[int, ...], name: str, dtype):
    if values is None:
        return None
    values = np.asarray(values, dtype=dtype)
    if values.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}; got {values.shape}. Pass one entry for each score."
        )
    return values
