"""SelectionPathDisplay: joint mutual information as features are added one by one."""

import numpy as np

from skmine._units import nats_a_unit
from skmine.plotting._drawing import (
    BLUE,
    check_fitted_as,
    feature_names_of,
    make_axes,
    read_names,
    read_values,
)

_INCHES_A_STEP, _MAX_INCHES = 0.45, 16.0


class SelectionPathDisplay:
    """Joint mutual information of the target with the selected features, as they are added one by one.

    Once the line is flat, more features add no information. The line can even fall, because estimates with
    more columns miss more information. Make the display with :meth:`from_estimator`.

    Parameters
    ----------
    mi_path : array-like of shape (n_selected,)
        Mutual information in nats of the target with the first 1, 2, ... features jointly.
    feature_names : array-like of shape (n_selected,) or None, default=None
        Name of the feature added at each step.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    line_ : matplotlib Line2D
        Line of the path.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skmine import MINEFeatureSelector
    >>> from skmine.plotting import SelectionPathDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 4))
    >>> selector = MINEFeatureSelector(2, mi_path=True, random_state=0)
    >>> selector = selector.fit(X, X[:, 0] + X[:, 2] + rng.normal(size=300))
    >>> display = SelectionPathDisplay.from_estimator(selector)
    >>> print(sorted(label.get_text() for label in display.ax_.get_xticklabels()))
    ['+ x0', '+ x2']
    >>> plt.close(display.figure_)
    """

    def __init__(self, mi_path, feature_names=None):
        self.mi_path = read_values(mi_path, "mi_path")
        if not np.isfinite(self.mi_path).all():
            raise ValueError(f"mi_path must be finite; got {self.mi_path.tolist()}. Leave these steps out.")
        self.feature_names = read_names(feature_names, len(self.mi_path), "feature_names")

    @classmethod
    def from_estimator(cls, estimator, *, feature_names=None, unit="nats", ax=None):
        """Draw the path of a selector.

        Parameters
        ----------
        estimator : MINEFeatureSelector
            Fitted selector with `mi_path_`. A group of columns is one step.
        feature_names : array-like of shape (n_features,) or None, default=None
            Names of all features. None uses the names seen in ``fit``.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        SelectionPathDisplay

        Raises
        ------
        TypeError
            `estimator` is not a MINEFeatureSelector.
        NotFittedError
            `estimator` is not fitted.
        ValueError
            The selector has no `mi_path_`, `feature_names` has the wrong length, or `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        check_fitted_as(estimator, "MINEFeatureSelector")
        if not hasattr(estimator, "mi_path_"):
            raise ValueError(
                "estimator must have mi_path_; got an estimator without it. Fit it with mi_path=True and a "
                "strategy other than 'marginal'."
            )
        n_features = len(estimator.ranking_)
        names = feature_names_of(estimator) if feature_names is None else feature_names
        names = read_names(names, n_features, "feature_names")
        steps = []
        for rank in range(1, len(estimator.mi_path_) + 1):
            first, *others = names[estimator.ranking_ == rank]
            steps.append(f"{first} and {len(others)} more" if others else first)
        return cls(estimator.mi_path_, steps).plot(ax, unit=unit)

    def plot(self, ax=None, *, unit="nats"):
        """Draw the stored values, for example into other axes or in another unit.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.

        Returns
        -------
        SelectionPathDisplay
            The display itself.

        Raises
        ------
        ValueError
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        scale = nats_a_unit(unit)
        n_steps = len(self.mi_path)
        width = min(max(4.5, 1.5 + _INCHES_A_STEP * n_steps), _MAX_INCHES)
        self.figure_, self.ax_ = make_axes(ax, (width, 4.2))
        places, values = np.arange(n_steps), self.mi_path / scale
        (self.line_,) = self.ax_.plot(places, values, "-", marker="o", color=BLUE)
        labels = [f"+ {name}" for name in self.feature_names]
        self.ax_.set_xticks(places, labels, rotation=40, ha="right", rotation_mode="anchor")
        self.ax_.set_xlim(-0.5, max(n_steps, 1) - 0.5)
        self.ax_.set_ylim(min(0.0, 1.08 * values.min(initial=0)), max(1.08 * values.max(initial=0), 1e-3))
        self.ax_.set(xlabel="feature added", ylabel=f"joint mutual information ({unit})")
        self.ax_.grid(axis="y", alpha=0.3)
        if not n_steps:
            self.ax_.text(0.5, 0.5, "no feature selected", transform=self.ax_.transAxes, ha="center")
        return self
