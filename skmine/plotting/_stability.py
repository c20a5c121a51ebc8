"""StabilityDisplay: how often each feature is selected on subsamples."""

import numpy as np

from skmine.plotting._drawing import check_max_features, draw_bars, make_axes

_INCHES_A_BAR = 0.27


class StabilityDisplay:
    """Bar chart of how often each feature was selected on subsamples of the rows.

    Make it with :meth:`from_result`.

    Parameters
    ----------
    result : SelectionStability
        Result of :func:`skmine.selection_stability`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    bars_ : matplotlib BarContainer
        Bars from top to bottom. Bars below one half are hatched.
    shown_ : ndarray of shape (n_shown,)
        Indices of the features shown, from top to bottom.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from skmine import MINEFeatureSelector, selection_stability
    >>> from skmine.plotting import StabilityDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> result = selection_stability(MINEFeatureSelector(1), X, y, n_resamples=5, random_state=0)
    >>> display = StabilityDisplay.from_result(result)
    >>> print(len(display.bars_))
    4
    >>> plt.close(display.figure_)
    """

    def __init__(self, result):
        self.result = result

    @classmethod
    def from_result(cls, result, *, max_features=20, ax=None):
        """Draw a result of :func:`skmine.selection_stability`.

        Parameters
        ----------
        result : SelectionStability
            Result to draw.
        max_features : int, default=20
            Maximum number of features to show, most frequent first.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        StabilityDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        if not hasattr(result, "frequency"):
            raise TypeError(
                f"result must be a SelectionStability; got {type(result).__name__}. Pass what "
                "selection_stability returns."
            )
        return cls(result).plot(ax, max_features=max_features)

    def plot(self, ax=None, *, max_features=20):
        """Draw the stored values, for example into other axes or in another unit.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.
        max_features : int, default=20
            Maximum number of features to show, most frequent first.

        Returns
        -------
        StabilityDisplay
            The display itself.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        frequency = self.result.frequency
        self.shown_ = np.argsort(-frequency, kind="stable")[: check_max_features(max_features)]
        n_shown = len(self.shown_)
        self.figure_, self.ax_ = make_axes(ax, (6.4, 1.4 + _INCHES_A_BAR * n_shown))
        names = [str(self.result.feature_names[j]) for j in self.shown_]
        shares = frequency[self.shown_]
        self.bars_ = draw_bars(self.ax_, shares, names, shares >= 0.5)
        self.ax_.axvline(0.5, color="black", lw=0.8, ls=":")
        self.ax_.set_xlim(0, 1)
        n_resamples, n_features = self.result.supports.shape
        self.ax_.set_xlabel(f"share of {n_resamples} subsamples in which it was selected")
        shown = f"; first {n_shown} of {n_features}" if n_shown < n_features else ""
        self.ax_.set_title(f"Jaccard index {self.result.jaccard:.2f}{shown}", fontsize="medium")
        return self
