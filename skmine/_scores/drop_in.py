"""Replacements for scikit-learn's mutual_info_regression and mutual_info_classif."""

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

    A replacement for :func:`sklearn.feature_selection.mutual_info_regression`: change only the import. The
    scores are deterministic, do not change under increasing transformations of a column, and are close to 0
    for a column that is independent of the target.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
        Features of any kind. A missing value counts as a value of its own. Data larger than memory can be a
        polars LazyFrame, a pyarrow Dataset or a memory-mapped array, which are read a few columns at a time,
        or a Dask collection, see Notes of :func:`mutual_info_regression`.
    y : array-like of shape (n_samples,)
        Numeric target.
    discrete_features : "auto", bool or array-like, default="auto"
        Which columns are labels without order: all or none, a mask of shape (n_features,), or indices. Set
        it if numbers are codes, such as postcodes. Strings, categories and booleans are always labels.
        ``"auto"`` means False for dense and True for sparse X, as in scikit-learn.
    n_neighbors : int, default=3
        Ignored; present for compatibility with scikit-learn.
    copy : bool, default=True
        Ignored; present for compatibility with scikit-learn. X is never changed.
    random_state : int, RandomState or None, default=None
        Ignored; present for compatibility with scikit-learn. The scores are deterministic.
    n_jobs : int or None, default=None
        Number of parallel jobs. The scores do not depend on it.
    bias_correction : bool, default=True
        Whether to correct the score of two discrete columns for chance. False gives scikit-learn's plug-in
        estimate, which grows with the number of levels even if the columns are independent.
    unit : {"nats", "bits"}, default="nats"
        Unit of the scores.
    scale : {"information", "correlation"}, default="information"
        ``"correlation"`` returns values from 0 to 1, as in :func:`mutual_info_matrix`.
    verbose : bool, default=False
        Whether to show progress, as a bar if tqdm is installed and as lines on stderr otherwise.

    Returns
    -------
    ndarray of shape (n_features,)
        Scores in `unit`, or correlations. They are clipped at 0, exactly 0 for a constant column, and at most
        the entropy of a discrete column.

    Raises
    ------
    ValueError
        X or y is empty, infinite or complex; the lengths differ; or y is not a single numeric column.
    IndexError
        `discrete_features` does not match the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Warns
    -----
    UserWarning
        A column is empty, or nearly every value of a column of labels is different, as in an id.

    Notes
    -----
    Columns are replaced by their ranks, or by their levels if they are labels. The score is a weighted
    average of up to three estimates, with more weight on those that predict new rows better:

    - a smooth log density ratio of the ranks, fitted to the Donsker-Varadhan bound;
    - for strong or irregular dependence, a mixture over trees that split the ranks into cells;
    - for labels, the prediction of each row from the other rows with the same label.

    If X is a Dask collection, its workers count rows on a grid of about 1,100 ranks, and only the counts are
    sent. Up to 2.3 nats, scores agree with those in memory within 0.005 nats. Higher scores are too low (by
    0.02 to 0.07 at 3.5 nats), cannot exceed about 4.8 nats, and raise a warning above 3 nats. Text is always
    treated as labels, even if it holds numbers.

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

    A replacement for :func:`sklearn.feature_selection.mutual_info_classif`: change only the import.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
        Features of any kind. A missing value counts as a value of its own. Data larger than memory can be a
        polars LazyFrame, a pyarrow Dataset or a memory-mapped array, which are read a few columns at a time,
        or a Dask collection, see Notes of :func:`mutual_info_regression`.
    y : array-like of shape (n_samples,)
        Classes: strings, booleans or numbers. For a quantity, use :func:`mutual_info_regression`.
    discrete_features, n_neighbors, copy, random_state, n_jobs, bias_correction, unit, scale, verbose
        As in :func:`mutual_info_regression`.

    Returns
    -------
    ndarray of shape (n_features,)
        Scores in `unit`, or correlations. They are clipped at 0, exactly 0 for a constant column, and at most
        the entropy of y.

    Raises
    ------
    ValueError
        X or y is empty, infinite or complex; the lengths differ; or y is not a single column of classes
        without missing values.
    IndexError
        `discrete_features` does not match the columns of X.
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
    # Threads, because sorting and Newton's method release the interpreter lock and no column is copied. With
    # a backend of processes, the arguments that all tasks share are sent once.
    tasks = (delayed(_score_chunk)(features, margin, discrete, chunk, bias_correction) for chunk in chunks)
    scored = run_counted(tasks, n_jobs, verbose, len(chunks), "block of columns", prefer="threads")
    values, entropy = np.hstack(scored)
    return _as_shown(values, entropy, shown)


def _as_shown(values: np.ndarray, entropy: np.ndarray, shown: tuple[str, str]) -> np.ndarray:
    """Convert scores to the requested unit and scale."""
    unit, scale = shown
    nats = check_scale(scale, unit)
    return as_correlation(values, entropy) if scale == "correlation" else values / nats


def _score_clustered(X, y, discrete_target, discrete_features, bias_correction, shown, verbose) -> np.ndarray:
    """Scores of the columns of a Dask X, computed by its workers; `n_jobs` is not needed."""
    discrete = read_discrete_features(discrete_features, X.shape[1])
    table = ClusterTable(X, y, discrete, discrete_target, verbose)
    if len(table.grids) != table.n_features + 1:
        n_targets = len(table.grids) - table.n_features
        raise ValueError(f"y must be a single column; got {n_targets} columns. Pass one column.")
    check_target(table.grids[-1].categorical, table.grids[-1].n_missing, discrete_target)
    pairs = [(j, table.n_features) for j in range(table.n_features)]
    values, _, entropy = table.pair_scores(pairs, bias_correction).T
    return _as_shown(values, entropy, shown)


def _score_chunk(features: Features, target: Margin, discrete, chunk, bias_correction: bool) -> np.ndarray:
    """Scores in nats, and the smaller of the two entropies for each column."""
    margins = read_margins(features, chunk, discrete)
    values = pair_information(margins, target)
    for j, margin in enumerate(margins):
        if not bias_correction and margin.levels is not None and target.levels is not None:
            values[j] = plug_in_information(margin, target)
    return np.stack([values, [min(m.largest_information, target.largest_information) for m in margins]])
