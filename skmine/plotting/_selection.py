"""SelectionDisplay: information of each feature alone and added, and the reason for its selection."""

import numpy as np

from skmine._selection import explain
from skmine._units import nats_a_unit
from skmine.plotting._drawing import VERMILION, check_fitted_as, check_max_features, draw_bars, make_axes

_INCHES_A_ROW = 0.3


class SelectionDisplay:
    """Why each feature was selected or not: its information alone, what it adds, and the reason in words.

    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    reasons : dict of str to list
        Columns of the table from :meth:`skmine.MINEFeatureSelector.explain`.
    unit : {"nats", "bits"}, default="nats"
        Unit of the values in `reasons`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    bars_ : matplotlib BarContainer
        Information that each feature adds, from top to bottom. Bars of features that were not selected are
        hatched.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from skmine import MINEFeatureSelector
    >>> from skmine.plotting import SelectionDisplay
    >>> selector = MINEFeatureSelector(2).fit(*load_iris(return_X_y=True, as_frame=True))
    >>> display = SelectionDisplay.from_estimator(selector)
    >>> print(display.ax_.get_yticklabels()[0].get_text())
    petal width (cm)
    >>> plt.close(display.figure_)
    """

    def __init__(self, reasons, *, unit="nats"):
        nats_a_unit(unit)
        self.reasons, self.unit = reasons, unit

    @classmethod
    def from_estimator(cls, estimator, *, max_features=20, unit="nats", ax=None):
        """Draw the reasons of a fitted selector.

        Parameters
        ----------
        estimator : MINEFeatureSelector
            Fitted estimator.
        max_features : int, default=20
            Maximum number of columns to show. The selected ones come first, in order of selection.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        SelectionDisplay

        Raises
        ------
        TypeError
            `estimator` is not a MINEFeatureSelector.
        NotFittedError
            `estimator` is not fitted.
        ValueError
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        check_fitted_as(estimator, "MINEFeatureSelector")
        return cls(explain(estimator, unit), unit=unit).plot(ax, max_features=max_features)

    def plot(self, ax=None, *, max_features=20):
        """Draw the stored values, for example into other axes or in another unit.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.
        max_features : int, default=20
            Maximum number of columns to show.

        Returns
        -------
        SelectionDisplay
            The display itself.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        most = check_max_features(max_features)
        shown = {key: values[:most] for key, values in self.reasons.items()}
        names, places = [str(name) for name in shown["feature"]], np.arange(len(shown["feature"]))
        self.figure_, self.ax_ = make_axes(ax, (10.0, 1.4 + _INCHES_A_ROW * len(names)))
        alone, added = (np.nan_to_num(np.array(shown[key], dtype=float)) for key in ("alone", "added"))
        self.ax_.scatter(alone, places, marker="|", s=160, color=VERMILION, zorder=3, label="alone")
        selected = np.array(shown["selected"], dtype=bool)
        self.bars_ = draw_bars(self.ax_, np.maximum(added, 0), names, selected, height=0.65)
        handles, labels = self.ax_.get_legend_handles_labels()
        for state, label in ((True, "added, selected"), (False, "would add, not selected")):
            if (selected == state).any():
                handles.append(self.bars_[int((selected == state).argmax())])
                labels.append(label)
        for place, reason in zip(places, shown["reason"], strict=True):
            self.ax_.annotate(
                reason,
                (1.01, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize="small",
                annotation_clip=False,
            )
        self.ax_.set_xlim(left=0)
        self.ax_.set_xlabel(f"mutual information ({self.unit})")
        self.ax_.legend(handles, labels, fontsize="small", loc="lower right")
        if len(self.reasons["feature"]) > len(names):
            self.ax_.set_title(f"first {len(names)} of {len(self.reasons['feature'])}", fontsize="medium")
        return self
