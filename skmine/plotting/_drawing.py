"""Shared by all displays: a lazy import of matplotlib, colours, and checks of the estimator."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

#: Colours that are safe for colour-blind readers (Okabe and Ito, 2008).
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#999999"
CYCLE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h")


def import_pyplot():
    """Import matplotlib.pyplot when it is first needed.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "skmine.plotting needs matplotlib. Install it with: pip install matplotlib"
        ) from error
    return plt


def make_axes(ax, figsize: tuple[float, float]):
    """Return the given axes, or new ones in a figure of the given size.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Axes to draw in.
    figsize : tuple of two floats
        Width and height of the new figure in inches.

    Returns
    -------
    figure : matplotlib Figure
    ax : matplotlib Axes
    """
    if ax is None:
        return import_pyplot().subplots(figsize=figsize, layout="constrained")
    if not hasattr(ax, "get_xlim"):
        raise TypeError(f"ax must be matplotlib Axes; got {type(ax).__name__}. Pass for example plt.gca().")
    return ax.figure, ax


def check_max_features(max_features) -> int:
    """Check the maximum number of features to show.

    Parameters
    ----------
    max_features : int
        At least 1.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        It is not an integer, or less than 1.
    """
    if not isinstance(max_features, Integral) or max_features < 1:
        raise ValueError(
            f"max_features must be a positive integer; got {max_features!r}. Pass an integer of at least 1."
        )
    return int(max_features)


def read_values(values, parameter: str) -> np.ndarray:
    """Values to draw, one for each feature.

    Parameters
    ----------
    values : array-like of shape (n,)
        Value that the user passed.
    parameter : str
        Name of the parameter, for messages.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        The values are not numbers, or not in one dimension.
    """
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{parameter} must hold numbers; got {values!r}. Pass one number for each feature."
        ) from error
    if array.ndim != 1:
        raise ValueError(
            f"{parameter} must have one dimension; got shape {array.shape}. Pass one number for each feature."
        )
    return array


def draw_bars(ax, values, names, is_full, *, height=0.7):
    """Draw horizontal bars from top to bottom, those that do not count hatched.

    Parameters
    ----------
    ax : matplotlib Axes
        Axes to draw in.
    values : ndarray of shape (n,)
        Lengths; 0 for values that are not finite.
    names : sequence of str
        Labels of the bars.
    is_full : ndarray of shape (n,)
        Mask of the bars that are filled.
    height : float, default=0.7
        Height of a bar.

    Returns
    -------
    matplotlib BarContainer
    """
    places = np.arange(len(values))
    bars = ax.barh(places, np.where(np.isfinite(values), values, 0), height=height, color=BLUE)
    for bar, full in zip(bars, is_full, strict=True):
        if not full:
            bar.set(facecolor="white", edgecolor=GREY, hatch="////")
    ax.set_yticks(places, names)
    ax.set_ylim(len(places) - 0.5, -0.5)
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    return bars


def check_fitted_as(estimator, kind: str) -> None:
    """Check that an estimator is an instance of the named class, and fitted.

    Parameters
    ----------
    estimator : object
        Value that the user passed.
    kind : str
        Name of the class.

    Raises
    ------
    TypeError
        The estimator is of another class.
    NotFittedError
        The estimator is not fitted.
    """
    if kind not in (parent.__name__ for parent in type(estimator).__mro__):
        raise TypeError(
            f"estimator must be a fitted {kind}; got {type(estimator).__name__}. Pass the {kind} itself. "
            "If it is the last step of a pipeline, pass pipeline[-1]."
        )
    check_is_fitted(estimator)


def feature_names_of(estimator) -> np.ndarray:
    """Names of the columns seen in ``fit``, or x0, x1, ...

    Parameters
    ----------
    estimator : object
        Fitted estimator.

    Returns
    -------
    ndarray of shape (n_features,)
    """
    if hasattr(estimator, "feature_names_in_"):
        return np.asarray(estimator.feature_names_in_, dtype=object)
    return np.array([f"x{j}" for j in range(estimator.n_features_in_)], dtype=object)


def read_names(names, n_names: int, parameter: str) -> np.ndarray:
    """Names as an array, or x0, x1, ... for None.

    Parameters
    ----------
    names : array-like of shape (n_names,) or None
        Value that the user passed.
    n_names : int
        Required number of names.
    parameter : str
        Name of the parameter, for the message.

    Returns
    -------
    ndarray of shape (n_names,)

    Raises
    ------
    ValueError
        The number of names is wrong.
    """
    if names is None:
        return np.array([f"x{j}" for j in range(n_names)], dtype=object)
    names = np.array([str(name) for name in names], dtype=object)
    if len(names) != n_names:
        raise ValueError(
            f"{parameter} must have {n_names} entries; got {len(names)}. Pass one entry for each, or None."
        )
    return names
