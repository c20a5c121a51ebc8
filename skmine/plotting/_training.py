"""TrainingDisplay: whether training converged and overfitted, and what came of it."""

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

_FAR = 3.0  # an entropy so many times above all else is told in the legend alone


class TrainingDisplay:
    """Training and held-out value over the iterations, and the estimate with its interval.

    Training has converged where the held-out line is flat before the last check. The shaded gap between the
    lines is overfitting; where the held-out line falls again, the iterations after the chosen check were
    thrown away. Make it with :meth:`from_estimator`.

    Parameters
    ----------
    iterations : array-like of shape (n_checks,)
        Minibatches taken at each check.
    training, held_out : array-like of shape (n_checks,)
        Values at each check in nats, NaN where there is none.
    mi : float or None, default=None
        Estimate in nats.
    mi_interval : tuple of two floats or None, default=None
        Its interval in nats.
    mi_lower : float or None, default=None
        Held-out value in nats.
    mi_max : float, default=inf
        Entropy in nats, which no mutual information exceeds; infinity where there is none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What it is drawn in.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    training_line_, held_out_line_ : matplotlib Line2D
        The two lines.
    chosen_point_ : matplotlib Line2D
        The check with the highest held-out value.
    chosen_iteration_ : int
        Its iteration.

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
        """Draw the training of an estimator.

        Parameters
        ----------
        estimator : MutualInfoEstimator
            Fitted.
        unit : {"nats", "bits"}, default="nats"
            Unit of what is drawn.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        TrainingDisplay

        Raises
        ------
        TypeError
            It is no MutualInfoEstimator.
        NotFittedError
            It is not fitted.
        ValueError
            `unit` is neither of the two.
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
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        unit : {"nats", "bits"}, default="nats"
            Unit of what is drawn.

        Returns
        -------
        TrainingDisplay
            Itself.

        Raises
        ------
        ValueError
            `unit` is neither of the two.
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
        # Outside: the lines may go anywhere.
        if ax is None:
            self.figure_.legend(loc="outside right upper", fontsize="small")
        else:
            self.ax_.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, fontsize="small")
        return self

    def _draw_results(self, scale: float) -> None:
        """The estimate and its interval, the held-out value and the entropy, as lines across."""
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
