"""Stability of a selection: the same selector on many subsamples of the rows."""

from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
from joblib import delayed
from scipy.sparse import issparse
from sklearn.base import clone

from skmine._columns import as_container, check_features, shape_of
from skmine._frames import column_names
from skmine._progress import run_counted
from skmine._row_values import read_groups
from skmine._sklearn import HasMethods, Interval, make_random_state, safe_indexing, validate_params
from skmine._validation import check_lengths
from skmine._warning import warn


@dataclass(frozen=True)
class SelectionStability:
    """Result of :func:`selection_stability`.

    Attributes
    ----------
    frequency : ndarray of shape (n_features,)
        Share of the subsamples in which each feature was selected. Trust features that are close to 1.
    jaccard : float
        Stability of the whole selection: mean Jaccard index (intersection over union) of all pairs of
        selected sets. It is 1 if all subsamples select the same features.
    supports : ndarray of shape (n_resamples, n_features)
        Mask of the features selected in each subsample.
    feature_names : list
        Names of the features, or x0, x1, ... if X has no names.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.feature_selection import SelectKBest
    >>> from skmine import selection_stability
    >>> result = selection_stability(SelectKBest(k=2), *load_iris(return_X_y=True), random_state=0)
    >>> print(result.frequency, result.jaccard)
    [0. 0. 1. 1.] 1.0
    """

    frequency: np.ndarray
    jaccard: float
    supports: np.ndarray = field(repr=False)
    feature_names: list = field(repr=False)


@validate_params(
    {
        "selector": [HasMethods(["fit", "get_support"])],
        "X": "no_validation",
        "y": "no_validation",
        "n_resamples": [Interval(Integral, 2, None, closed="left")],
        "sample_fraction": [Interval(Real, 0, 1, closed="neither")],
        "groups": ["array-like", None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def selection_stability(
    selector,
    X,
    y=None,
    *,
    n_resamples=50,
    sample_fraction=0.5,
    groups=None,
    random_state=None,
    n_jobs=None,
    verbose=False,
):
    """Measure how stable a feature selection is on random subsamples of the rows.

    The selector is fitted on each subsample. A feature that is selected in only a few of them may have been
    selected by chance.

    Parameters
    ----------
    selector : selector
        Any scikit-learn selector with ``fit`` and ``get_support``. It is cloned and not changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Features, in any form that the selector accepts.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), or None, default=None
        Target, if the selector needs one.
    n_resamples : int, default=50
        Number of subsamples. Lower it if the selector is slow.
    sample_fraction : float, default=0.5
        Share of the rows in each subsample, drawn without replacement.
    groups : array-like of shape (n_samples,) or None, default=None
        Group label of each row. Pass it if rows are related; whole groups are then drawn.
    random_state : int, RandomState or None, default=None
        Seed of the subsamples. It does not change the seed of the selector.
    n_jobs : int or None, default=None
        Number of parallel jobs. The result does not depend on it.
    verbose : bool, default=False
        Whether to show progress, as a bar if tqdm is installed and as lines on stderr otherwise.

    Returns
    -------
    SelectionStability
        Object with `frequency`, `jaccard`, `supports` and `feature_names`.

    Raises
    ------
    ValueError
        The lengths of X, y and `groups` differ, or a subsample would have fewer than two rows or groups.

    Warns
    -----
    UserWarning
        The selector selected no feature in any subsample.

    References
    ----------
    Meinshausen and Bühlmann (2010), Stability selection, Journal of the Royal Statistical Society B, for
    halves of the rows; Kalousis, Prados and Hilario (2007), Stability of feature selection algorithms,
    Knowledge and Information Systems, eq. 3, for Jaccard's index.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmine import MINEFeatureSelector, selection_stability
    >>> X, y = load_iris(return_X_y=True)
    >>> result = selection_stability(MINEFeatureSelector(1), X, y, n_resamples=10, random_state=0)
    >>> print(result.frequency.sum())
    1.0
    """
    X, y = _by_rows(check_features(X), "X"), None if y is None else _by_rows(y, "y")
    n_rows, n_columns = X.shape
    if y is not None:
        check_lengths(n_rows, shape_of(y)[0])
    number = np.arange(n_rows) if groups is None else read_groups(groups, n_rows)
    n_units = int(number.max()) + 1
    n_drawn = round(sample_fraction * n_units)
    if n_drawn < 2:
        kind = "rows" if groups is None else "groups"
        raise ValueError(
            f"sample_fraction must draw at least 2 of the {n_units} {kind}; got {sample_fraction}, which "
            f"draws {n_drawn}. Raise it, or pass more {kind}."
        )
    rng = make_random_state(random_state)
    drawn = [np.isin(number, rng.choice(n_units, n_drawn, replace=False)) for _ in range(n_resamples)]
    tasks = (delayed(_support)(selector, X, y, np.flatnonzero(mask)) for mask in drawn)
    supports = np.array(run_counted(tasks, n_jobs, verbose, n_resamples, "resample"), dtype=bool)
    if not supports.any():
        warn(
            f"The selector selected no feature in any of the {n_resamples} subsamples, so jaccard is 1, "
            "which is not informative. Raise sample_fraction, or pass more rows."
        )
    names = column_names(X, n_columns)
    return SelectionStability(supports.mean(axis=0), _mean_jaccard(supports), supports, names)


def _by_rows(data, name: str):
    """The data in a container whose rows can be selected."""
    container = as_container(data, name)
    if not shape_of(container):
        raise ValueError(
            f"{name} must have one value or row for each row of X; got {type(data).__name__}. Pass an "
            "array, a list or a column of a frame."
        )
    return container.tocsr() if issparse(container) else container


def _support(selector, X, y, rows: np.ndarray) -> np.ndarray:
    """Mask of the features that a clone of the selector selects on some rows."""
    target = () if y is None else (safe_indexing(y, rows),)
    return clone(selector).fit(safe_indexing(X, rows), *target).get_support()


def _mean_jaccard(supports: np.ndarray) -> float:
    """Mean Jaccard index over all pairs of sets; two empty sets have index 1."""
    sets = supports.astype(float)
    size, both = sets.sum(axis=1), sets @ sets.T
    union = size[:, None] + size - both
    index = np.where(union > 0, both / np.maximum(union, 1), 1.0)
    return float(index[np.triu_indices(len(sets), 1)].mean())
