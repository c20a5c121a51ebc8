"""InformationPlaneDisplay: information that a code keeps about the input and about the class."""

from collections.abc import Iterable

import numpy as np

from skmine._units import nats_a_unit
from skmine.plotting._drawing import BLUE, GREY, check_fitted_as, make_axes, read_names


class InformationPlaneDisplay:
    """Information plane: information of a code Z about the class, I(Z; y), against I(X; Z).

    The best codes are at the top left: they keep what predicts y and little else of X. No code can lie above
    the dashed line, I(Z; y) = I(X; Z), or above the entropy of y. Make it with :meth:`from_estimators` or
    :meth:`from_values`, or with :meth:`from_history` for the path of one classifier during training.

    Parameters
    ----------
    mi_xz, mi_zy : array-like of shape (n_points,)
        Values in nats.
    labels : array-like of shape (n_points,) or None, default=None
        Labels of the points. None writes no labels.
    iterations : array-like of shape (n_points,) or None, default=None
        Number of minibatches at each point, if the points are one training run. It sets their colour.
    entropy : float or None, default=None
        Entropy of y in nats.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure that contains `ax_`.
    line_ : matplotlib Line2D
        Line through the points.
    points_ : matplotlib PathCollection or None
        Points coloured by iteration, if there are iterations.

    References
    ----------
    Tishby et al. (1999), The information bottleneck method. Shwartz-Ziv and Tishby (2017), Opening the
    black box of deep neural networks via information.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmine.plotting import InformationPlaneDisplay
    >>> display = InformationPlaneDisplay.from_values([4.0, 2.0, 0.8], [1.0, 1.0, 0.7], [0.01, 0.1, 1.0])
    >>> print([text.get_text() for text in display.ax_.texts])
    ['β = 0.01', 'β = 0.1', 'β = 1']
    >>> plt.close(display.figure_)
    """

    def __init__(self, mi_xz, mi_zy, *, labels=None, iterations=None, entropy=None):
        self.mi_xz, self.mi_zy = np.asarray(mi_xz, dtype=float), np.asarray(mi_zy, dtype=float)
        if self.mi_xz.shape != self.mi_zy.shape or self.mi_xz.ndim != 1:
            raise ValueError(
                f"mi_xz and mi_zy must have the same shape (n_points,); got {self.mi_xz.shape} and "
                f"{self.mi_zy.shape}. Pass one value of each for every point."
            )
        self.labels = None if labels is None else read_names(labels, len(self.mi_xz), "labels")
        self.iterations = None if iterations is None else np.asarray(iterations)
        self.entropy = entropy

    @classmethod
    def from_estimators(cls, estimators, *, labels=None, unit="nats", ax=None):
        """Draw several classifiers, such as the same one with different values of ``beta``.

        Parameters
        ----------
        estimators : sequence of InformationBottleneckClassifier
            Fitted classifiers. A line connects them in this order.
        labels : array-like of shape (n_estimators,) or None, default=None
            Labels of the points. None writes beta.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        InformationPlaneDisplay

        Raises
        ------
        TypeError
            An estimator is not an InformationBottleneckClassifier.
        NotFittedError
            An estimator is not fitted.
        ValueError
            `labels` has the wrong length, or `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        if not isinstance(estimators, Iterable):
            raise TypeError(
                f"estimators must be a list of fitted models; got {type(estimators).__name__}. Pass "
                "[estimator]."
            )
        estimators = list(estimators)
        for estimator in estimators:
            check_fitted_as(estimator, "InformationBottleneckClassifier")
        if labels is None:
            labels = [_name_beta(estimator.beta) for estimator in estimators]
        display = cls(
            [estimator.mi_xz_ for estimator in estimators],
            [estimator.mi_zy_ for estimator in estimators],
            labels=labels,
            entropy=max(map(_entropy_of_y, estimators), default=None),
        )
        return display.plot(ax, unit=unit)

    @classmethod
    def from_values(cls, mi_xz, mi_zy, betas=None, *, labels=None, entropy=None, unit="nats", ax=None):
        """Draw given values as points in the plane.

        Parameters
        ----------
        mi_xz, mi_zy : array-like of shape (n_points,)
            Values in nats.
        betas : array-like of shape (n_points,) or None, default=None
            Weights of I(X; Z), written next to the points.
        labels : array-like of shape (n_points,) or None, default=None
            Labels of the points, instead of `betas`.
        entropy : float or None, default=None
            Entropy of y in nats, drawn as a line.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        InformationPlaneDisplay

        Raises
        ------
        ValueError
            The lengths differ, or `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        if labels is None and betas is not None:
            labels = [_name_beta(beta) for beta in betas]
        return cls(mi_xz, mi_zy, labels=labels, entropy=entropy).plot(ax, unit=unit)

    @classmethod
    def from_history(cls, estimator, *, unit="nats", ax=None):
        """Draw the path of one classifier through the plane during training.

        Parameters
        ----------
        estimator : InformationBottleneckClassifier
            Fitted estimator.
        unit : {"nats", "bits"}, default="nats"
            Unit of the axis.
        ax : matplotlib Axes or None, default=None
            Axes to draw in. None creates a new figure.

        Returns
        -------
        InformationPlaneDisplay

        Raises
        ------
        TypeError
            `estimator` is not an InformationBottleneckClassifier.
        NotFittedError
            `estimator` is not fitted.
        ValueError
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        check_fitted_as(estimator, "InformationBottleneckClassifier")
        xz, zy, iterations = (
            [entry[name] for entry in estimator.history_] for name in ("mi_xz", "mi_zy", "iteration")
        )
        display = cls(xz, zy, iterations=iterations, entropy=_entropy_of_y(estimator))
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
        InformationPlaneDisplay
            The display itself.

        Raises
        ------
        ValueError
            `unit` is unknown.
        ImportError
            matplotlib is not installed.
        """
        scale = nats_a_unit(unit)
        self.figure_, self.ax_ = make_axes(ax, (6.4, 4.5))
        xz, zy = self.mi_xz / scale, self.mi_zy / scale
        (self.line_,) = self.ax_.plot(xz, zy, "-", color=GREY, lw=1.2, zorder=2)
        self.points_ = None
        if self.iterations is None:
            self.line_.set(color=BLUE, marker="o", ms=7)
        else:
            self.points_ = self.ax_.scatter(xz, zy, c=self.iterations, cmap="cividis", s=30, zorder=3)
            self.figure_.colorbar(self.points_, ax=self.ax_, label="iteration")
            for place, marker, name in ((0, "s", "start"), (-1, "*", "end")):
                self.ax_.scatter(
                    xz[place], zy[place], marker=marker, s=140, fc="none", ec="black", zorder=4, label=name
                )
        self._draw_limits(xz, zy, scale)
        for x, y, label in zip(xz, zy, self.labels if self.labels is not None else (), strict=False):
            inwards = x < 0.8 * self.ax_.get_xlim()[1]
            self.ax_.annotate(
                label,
                (x, y),
                xytext=(6 if inwards else -2, -6),
                textcoords="offset points",
                va="top",
                ha="left" if inwards else "right",
                fontsize="small",
            )
        self.ax_.set(xlabel=f"I(X; Z), kept of X ({unit})", ylabel=f"I(Z; y), about y ({unit})")
        self.ax_.grid(alpha=0.3)
        self.ax_.legend(fontsize="small", loc="lower right")
        return self

    def _draw_limits(self, xz: np.ndarray, zy: np.ndarray, scale: float) -> None:
        """Draw the two upper limits of I(Z; y): I(X; Z) and the entropy of y."""
        right = max(1.12 * xz.max(initial=0.0), 1e-3)
        cap = None if self.entropy is None else self.entropy / scale
        top = max(zy.max(initial=0.0), 0.0 if cap is None else cap)
        self.ax_.plot([0, right], [0, right], "--", color="black", lw=1, label="I(Z; y) = I(X; Z)")
        if cap is not None:
            self.ax_.axhline(cap, color="black", lw=1, ls="-.", label=f"entropy of y = {cap:.3f}")
        self.ax_.set_xlim(min(0.0, 1.05 * xz.min(initial=0.0)), right)
        self.ax_.set_ylim(min(0.0, 1.05 * zy.min(initial=0.0)), max(1.08 * top, 1e-3))


def _name_beta(beta: float) -> str:
    return f"β = {beta:g}"


def _entropy_of_y(estimator) -> float:
    """Entropy of the classes in nats: the sum of cross-entropy and information at any check."""
    last = estimator.history_[-1]
    return last["cross_entropy"] + last["mi_zy"]
