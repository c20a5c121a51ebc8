"""What all displays share: matplotlib when it is needed, colours, and what an estimator must be."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

#: Colours that the colour-blind can tell apart (Okabe and Ito 2008).
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#999999"
CYCLE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h")


def import_pyplot():
    """matplotlib.pyplot, imported only here.

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
            "skmine.plotting needs matplotlib. Install it with: pip install 'skmine[plot]'"
        ) from error
    return plt


def make_axes(ax, figsize: tuple[float, float]):
    """The axes to draw into: those given, or new ones in a figure of this size in inches.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Axes of the user.
    figsize : tuple of two floats
        Width and height where `ax` is None.

    Returns
    -------
    figure : matplotlib Figure
    ax : matplotlib Axes
    """
    if ax is None:
        return import_pyplot().subplots(figsize=figsize, layout="constrained")
    return ax.figure, ax


def check_fitted_as(estimator, kind: str) -> None:
    """Check that an estimator is of a class of ours, told by its name, and fitted.

    Parameters
    ----------
    estimator : object
        What the user passed.
    kind : str
        Name of the class.

    Raises
    ------
    TypeError
        It is something else.
    NotFittedError
        It is not fitted.
    """
    if kind not in (parent.__name__ for parent in type(estimator).__mro__):
        raise TypeError(
            f"estimator must be a fitted {kind}; got {type(estimator).__name__}. Pass the {kind} itself: the "
            "last step of a pipeline is pipeline[-1]."
        )
    check_is_fitted(estimator)


def feature_names_of(estimator) -> np.ndarray:
    """Names of the columns that an estimator was fitted on, or x0, x1 and so on.

    Parameters
    ----------
    estimator : object
        Fitted.

    Returns
    -------
    ndarray of shape (n_features,)
    """
    if hasattr(estimator, "feature_names_in_"):
        return np.asarray(estimator.feature_names_in_, dtype=object)
    return np.array([f"x{j}" for j in range(estimator.n_features_in_)], dtype=object)


def read_names(names, n_names: int, parameter: str) -> np.ndarray:
    """Names as an array, or x0, x1 and so on for None.

    Parameters
    ----------
    names : array-like of shape (n_names,) or None
        What the user passed.
    n_names : int
        How many there must be.
    parameter : str
        What the user calls them.

    Returns
    -------
    ndarray of shape (n_names,)

    Raises
    ------
    ValueError
        There are more or fewer.
    """
    if names is None:
        return np.array([f"x{j}" for j in range(n_names)], dtype=object)
    names = np.array([str(name) for name in names], dtype=object)
    if len(names) != n_names:
        raise ValueError(
            f"{parameter} must have one entry for each of {n_names}; got {len(names)}. Pass as many, or None."
        )
    return names
