"""Drop-ins for scikit-learn's mutual_info_regression and mutual_info_classif."""

from numbers import Integral

import numpy as np
from joblib import delayed
from sklearn.utils.multiclass import check_classification_targets

from skmine._clusters import ClusterTable, is_clustered
from skmine._columns import Column, Features
from skmine._copula import Margin, pair_information, plug_in_information
from skmine._progress import run_counted
from skmine._scores.reading import (
    PARAMETERS,
    check_target,
    read_discrete_features,
    read_margins,
    read_one_target,
    warn_about_classes,
)
from skmine._sklearn import Interval, validate_params
from skmine._units import as_correlation, check_scale
from skmine._validation import check_lengths

_DROP_IN_PARAMETERS = PARAMETERS | {
    "y": "no_validation",
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "copy": ["boolean"],
    "random_state": ["random_state"],
    "bias_correction": ["boolean"],
}


@validate_params(_DROP_IN_PARAMETERS, prefer_skip_nested_validation=True)
def mutual_info_regression(
    X,
    y,
    *,
    discrete_features="auto",
    n_neighbors=3,
    copy=True,
    random_state=None,
    n_jobs=None,
    bias_correction=True,
    unit="nats",
    scale="information",
    verbose=False,
):
    """Mutual information of each feature with a numeric target.

    A drop-in for :func:`sklearn.feature_selection.mutual_info_regression`: only the import changes. The
    scores are deterministic, do not change under increasing maps of a column, and are about 0 for a column
    that only matches the target by chance.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
        Features of any kind; a missing value counts as a value of its own. A polars LazyFrame, a pyarrow
        Dataset and a memory-mapped array are read a few columns at a time. The workers of a Dask array or
        DataFrame count its rows (see Notes).
    y : array-like of shape (n_samples,)
        Numeric target.
    discrete_features : "auto", bool or array-like, default="auto"
        Whether the features are labels: for all, as a mask of shape (n_features,), or as the indices of
        those that are. ``"auto"`` is False for dense and True for sparse X; strings, categories and
        booleans always are. Numbers with few distinct values need no flag.
    n_neighbors : int, default=3
        Not used: no neighbours are counted. Accepted, so that calls need not change.
    copy : bool, default=True
        Not used: X is never changed. Accepted, so that calls need not change.
    random_state : int, RandomState or None, default=None
        Not used: nothing is random. Accepted, so that calls need not change.
    n_jobs : int or None, default=None
        Columns scored at once; the values do not depend on it.
    bias_correction : bool, default=True
        Whether two discrete columns score what left-out rows confirm. False gives scikit-learn's value, the
        plug-in estimate, which grows with the number of levels even where the columns are independent.
    unit : {"nats", "bits"}, default="nats"
        Unit of the scores.
    scale : {"information", "correlation"}, default="information"
        ``"correlation"`` gives values from 0 to 1, as in :func:`mutual_info_matrix`.
    verbose : bool, default=False
        Whether to show progress: a bar with tqdm, else plain lines on stderr.

    Returns
    -------
    ndarray of shape (n_features,)
        In `unit`, or correlations. At least 0; exactly 0 for a constant column, never above the entropy of a
        discrete one.

    Raises
    ------
    ValueError
        X or y is empty, infinite, complex or of another length, or y is not one column of numbers.
    IndexError
        `discrete_features` does not fit the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Warns
    -----
    UserWarning
        A column has no value, or nearly every value of a column of labels is different.

    Notes
    -----
    The two columns are read through their ranks, or levels where they have no order. Three estimates are
    weighted by what new rows would give:

    - a smooth log ratio of the ranks, fitted to the Donsker-Varadhan bound;
    - where the rows exceed that fit, or the dependence is strong, a mixture over trees, whose cells hold no
      dependence or a line with noise;
    - for columns of labels, the prediction of each row by the other rows of its level.

    A Dask X has the scores of its columns rounded to about 1,100 shares of the rows; frequent values, and the
    4,095 most frequent labels, are not rounded. These are the scores in memory to 0.005 nats up to 2.3 nats,
    lower by 0.02 at 3.5 nats (by 0.07 for fast waves), and at most about 4.8 nats; beyond 3 nats a warning
    says so. Strings are labels, also where they hold numbers.

    References
    ----------
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML, eq. 9, for the bound. Willems,
    Shtarkov and Tjalkens (1995), The context-tree weighting method, for mixtures over trees.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine import mutual_info_regression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 3))
    >>> y = X[:, 0] + np.abs(X[:, 1]) + rng.normal(size=1000)
    >>> print(mutual_info_regression(X, y).round(1))
    [0.2 0.1 0. ]
    """
    shown = unit, scale
    check_scale(scale, unit)
    if is_clustered(X):
        return _score_clustered(X, y, False, discrete_features, bias_correction, shown, verbose)
    target = read_one_target(y)
    check_target(target.categorical, 0, False)
    return _score_features(X, target, False, discrete_features, n_jobs, bias_correction, shown, verbose)


@validate_params(_DROP_IN_PARAMETERS, prefer_skip_nested_validation=True)
def mutual_info_classif(
    X,
    y,
    *,
    discrete_features="auto",
    n_neighbors=3,
    copy=True,
    random_state=None,
    n_jobs=None,
    bias_correction=True,
    unit="nats",
    scale="information",
    verbose=False,
):
    """Mutual information of each feature with a class.

    A drop-in for :func:`sklearn.feature_selection.mutual_info_classif`: only the import changes. See
    :func:`mutual_info_regression`.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
        Features of any kind; a missing value counts as a value of its own. A polars LazyFrame, a pyarrow
        Dataset and a memory-mapped array are read a few columns at a time. The workers of a Dask array or
        DataFrame count its rows (see Notes).
    y : array-like of shape (n_samples,)
        Classes: numbers, strings or booleans.
    discrete_features, n_neighbors, copy, random_state, n_jobs, bias_correction, unit, scale, verbose
        As in :func:`mutual_info_regression`.

    Returns
    -------
    ndarray of shape (n_features,)
        In `unit`, or correlations. At least 0; exactly 0 for a constant column, never above the entropy of y.

    Raises
    ------
    ValueError
        X or y is empty, infinite, complex or of another length, or y is not one column of classes, one
        in every row.
    IndexError
        `discrete_features` does not fit the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmine import mutual_info_classif
    >>> print(mutual_info_classif(*load_iris(return_X_y=True)).round(1))
    [0.5 0.2 0.9 0.9]
    """
    shown = unit, scale
    check_scale(scale, unit)
    if is_clustered(X):
        return _score_clustered(X, y, True, discrete_features, bias_correction, shown, verbose)
    target = read_one_target(y)
    check_target(target.categorical, int(target.missing.sum()), True)
    check_classification_targets(y if hasattr(y, "shape") or isinstance(y, list) else target.values)
    warn_about_classes(target)
    return _score_features(X, target, True, discrete_features, n_jobs, bias_correction, shown, verbose)


def _score_features(
    X, target: Column, discrete_target, discrete_features, n_jobs, bias_correction, shown, verbose
) -> np.ndarray:
    features = Features(X)
    check_lengths(features.shape[0], len(target.values))
    discrete = read_discrete_features(discrete_features, features.shape[1], features.sparse)
    margin = Margin.of_column(target, discrete_target)
    chunks = features.chunks()
    # Threads: sorting and Newton's method leave the interpreter free, and no column is copied. Where a
    # backend of processes is set, the arguments that all tasks share are sent once.
    tasks = (delayed(_score_chunk)(features, margin, discrete, chunk, bias_correction) for chunk in chunks)
    scored = run_counted(tasks, n_jobs, verbose, len(chunks), "block of columns", prefer="threads")
    values, entropy = np.hstack(scored)
    return _as_shown(values, entropy, shown)


def _as_shown(values: np.ndarray, entropy: np.ndarray, shown: tuple[str, str]) -> np.ndarray:
    """Scores in the unit and on the scale asked for."""
    unit, scale = shown
    nats = check_scale(scale, unit)
    return as_correlation(values, entropy) if scale == "correlation" else values / nats


def _score_clustered(X, y, discrete_target, discrete_features, bias_correction, shown, verbose) -> np.ndarray:
    """Scores of the columns of a Dask X: its workers do all that `n_jobs` would."""
    discrete = read_discrete_features(discrete_features, X.shape[1])
    table = ClusterTable(X, y, discrete, discrete_target, verbose)
    if len(table.grids) != table.n_features + 1:
        raise ValueError(f"y must be one column; got {len(table.grids) - table.n_features}. Pass one.")
    check_target(table.grids[-1].categorical, table.grids[-1].n_missing, discrete_target)
    pairs = [(j, table.n_features) for j in range(table.n_features)]
    values, _, entropy = table.pair_scores(pairs, bias_correction).T
    return _as_shown(values, entropy, shown)


def _score_chunk(features: Features, target: Margin, discrete, chunk, bias_correction: bool) -> np.ndarray:
    """Scores in nats, and smaller entropies of the two columns."""
    margins = read_margins(features, chunk, discrete)
    values = pair_information(margins, target)
    for j, margin in enumerate(margins):
        if not bias_correction and margin.levels is not None and target.levels is not None:
            values[j] = plug_in_information(margin, target)
    return np.stack([values, [min(m.largest_information, target.largest_information) for m in margins]])
