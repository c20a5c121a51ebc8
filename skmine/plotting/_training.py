"""TrainingDisplay: whether training converged or overfitted, and the resulting estimate."""

import math

import numpy as np

from skmine._units import nats_a_unit
from skmine.plotting._drawing import (
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    check_fitted_as,
    make_axes,
)

_FAR = 3.0  # an entropy this many times above the curves appears in the legend only


class TrainingDisplay:
    """Training curve of the network, with the estimate and its interval.

    Training has converged if the held-out line is flat at the end. The shaded gap between the lines is
    overfitting. If the held-out line falls, the weights of its highest point, marked with a star, are used.
    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    iterations : array-like of shape (n_checks,)
        Number of minibatches at each check.
    training, held_out : array-like of shape (n_checks,)
        Values at each check in nats, or NaN.
    mi : float or None, default=None
        Estimate in nats.
    mi_interval : tuple of two floats or None, default=None
        Interval of the estimate in nats.
    mi_lower : float or None, default=None
        Held-out value in nats.
    mi_max : float, default=inf
        Entropy in nats, the upper limit of the mutual information; infinity for continuous data.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    training_line_, held_out_line_ : matplotlib Line2D
        Lines of the training and held-out values.
    chosen_point_ : matplotlib Line2D
        Check with the highest held-out value.
    chosen_iteration_ : int
        Iteration of this check.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skmine import MutualInfoEstimator
    >>> from skmine.plotting import TrainingDisplay
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> y = x[:, 0] ** 2 + rng.normal(size=300)
    >>> estimator = MutualInfoEstimator(cv=None, tol=0.01, random_state=0).fit(x, y)
    >>> display = TrainingDisplay.from_estimator(estimator)
    >>> print(display.ax_.get_ylabel())
    mutual information (nats)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, iterations, training, held_out, *, mi=None, mi_interval=None, mi_lower=None, mi_max=math.inf
    ):
        self.iterations = np.asarray(iterations)
        self.training = np.asarray(training, dtype=float)
        self.held_out = np.asarray(held_out, dtype=float)
        self.mi = mi
        self.mi_interval = mi_interval
        self.mi_lower = mi_lower
        self.mi_max = mi_max

    @classmethod
    def from_estimator(cls, estimator, *, unit="nats", ax=None):
        """Draw the training curve of a fitted estimator.

        Parameters
        ----------
        estimator : MutualInfoEstimator
            Fitted estimator.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        TrainingDisplay

        Raises
        ------
        TypeError
            `estimator` is not a MutualInfoEstimator.
        NotFittedError
            `estimator` is not fitted.
        ValueError
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        check_fitted_as(estimator, "MutualInfoEstimator")
        columns = ([e[name] for e in estimator.history_] for name in ("iteration", "training", "held_out"))
        display = cls(
            *columns,
            mi=estimator.mi_,
            mi_interval=estimator.mi_interval_,
            mi_lower=estimator.mi_lower_,
            mi_max=estimator.mi_max_,
        )
        return display.plot(ax, unit=unit)

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
        TrainingDisplay
            The display itself.

        Raises
        ------
        ValueError
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        scale = nats_a_unit(unit)
        self.figure_, self.ax_ = make_axes(ax, (7.0, 4.2))
        training, held_out = self.training / scale, self.held_out / scale
        x = self.iterations
        self.ax_.fill_between(
            x, held_out, training, where=training > held_out, color=VERMILION, alpha=0.1, lw=0
        )
        (self.training_line_,) = self.ax_.plot(
            x, training, "--", color=VERMILION, marker="s", ms=3, label="training rows"
        )
        (self.held_out_line_,) = self.ax_.plot(
            x, held_out, "-", color=BLUE, marker="o", ms=3, label="held-out rows"
        )
        best = int(np.nanargmax(held_out))
        self.chosen_iteration_ = int(x[best])
        (self.chosen_point_,) = self.ax_.plot(
            x[best : best + 1],
            held_out[best : best + 1],
            linestyle="none",
            marker="*",
            ms=14,
            mfc="white",
            mec=BLUE,
            mew=1.5,
            zorder=4,
            label=f"chosen: iteration {x[best]} of {x[-1]}",
        )
        self._draw_results(scale)
        self.ax_.set(xlabel="iteration", ylabel=f"mutual information ({unit})")
        self.ax_.grid(alpha=0.3)
        # Outside the axes, because the lines can be anywhere.
        if ax is None:
            self.figure_.legend(loc="outside right upper", fontsize="small")
        else:
            self.ax_.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, fontsize="small")
        return self

    def _draw_results(self, scale: float) -> None:
        """Draw the estimate, its interval, the held-out value and the entropy as horizontal lines."""
        if self.mi is not None:
            label = f"mi_ = {self.mi / scale:.3f}"
            if self.mi_interval is not None:
                low, high = (value / scale for value in self.mi_interval)
                self.ax_.axhspan(low, high, color=GREEN, alpha=0.15, lw=0)
                label += f"\n95 %: {low:.3f} to {high:.3f}"
            self.ax_.axhline(self.mi / scale, color=GREEN, lw=1.5, label=label)
        if self.mi_lower is not None:
            lower = self.mi_lower / scale
            self.ax_.axhline(lower, color=GREY, lw=1.5, ls=":", label=f"mi_lower_ = {lower:.3f}")
        if math.isfinite(self.mi_max):
            cap = self.mi_max / scale
            if cap <= _FAR * max(self.ax_.get_ylim()[1], 0):
                self.ax_.axhline(cap, color="black", lw=1, ls="-.", label=f"entropy = {cap:.3f}")
            else:
                self.ax_.plot([], [], color="black", lw=1, ls="-.", label=f"entropy = {cap:.3f} (above)")
