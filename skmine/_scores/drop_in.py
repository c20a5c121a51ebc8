"""Replacements for scikit-learn's mutual_info_regression and mutual_info_classif."""

from numbers import Integral

import numpy as np
from joblib import delayed

from skmine._clusters import ClusterTable, count_columns, is_clustered
from skmine._columns import Column, unwrap
from skmine._copula import Margin, pair_information, plug_in_information
from skmine._features import Features, Part
from skmine._frames import column_names
from skmine._progress import run_counted
from skmine._scores.copies import copied_with, warn_of_copied_columns
from skmine._scores.reading import (
    PARAMETERS,
    RowWeights,
    Unusual,
    check_classes_of,
    check_in_memory,
    check_target,
    read_discrete_features,
    read_margins,
    read_targets,
    warn_of_empty,
    warn_of_unusual,
)
from skmine._sklearn import Interval, validate_params
from skmine._units import check_scale, on_scale
from skmine._validation import check_lengths

_DROP_IN_PARAMETERS = PARAMETERS | {
    "y": "no_validation",
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "copy": ["boolean"],
    "random_state": ["random_state"],
    "bias_correction": ["boolean"],
    "sample_weight": ["array-like", None],
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
    sample_weight=None,
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
        or a Dask collection, see Notes.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Numeric target, or several targets that are scored one by one.
    discrete_features : "auto", bool or array-like, default="auto"
        Which columns are labels without order: all or none, a mask of shape (n_features,), or indices. Set
        it if numbers are codes, such as postcodes. Strings, categories and booleans are always labels.
        ``"auto"`` means False if X is dense and True if it is sparse, as in scikit-learn.
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
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows, such as survey weights. The scores then describe the weighted population. Only
        the ratios of the weights matter. Rows with weight 0 are ignored. Not available for Dask collections.
    unit : {"nats", "bits"}, default="nats"
        Unit of the scores.
    scale : {"information", "correlation"}, default="information"
        ``"correlation"`` returns values from 0 to 1, as in :func:`mutual_info_matrix`.
    verbose : bool, default=False
        Whether to show progress, as a bar if tqdm is installed and as lines on stderr otherwise.

    Returns
    -------
    ndarray of shape (n_features,) or (n_features, n_targets)
        Scores in `unit`, or correlations, with one column for each target if there are several. They are
        clipped at 0, exactly 0 for a constant column, and at most the entropy of a discrete column.

    Raises
    ------
    ValueError
        X or y is empty, infinite or complex; the lengths differ; y is not numeric; a weight is negative; or X
        is a Dask collection and `sample_weight` is given.
    IndexError
        `discrete_features` does not match the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Warns
    -----
    UserWarning
        A column is empty, text was read as numbers or holds dates, or nearly every value of a column of
        labels is different, as in an id; or many rows are exact copies of other rows.

    Notes
    -----
    Columns are replaced by their ranks, or by their levels if they are labels. The score is a weighted
    average of up to three estimates, with more weight on those that predict new rows better:

    - a smooth log density ratio of the ranks, fitted to the Donsker-Varadhan bound;
    - for strong or irregular dependence, a mixture over trees that split the ranks into cells; with fewer
      than 2,000 rows, it is extrapolated to what more rows would show;
    - for labels, how well each row is predicted by the other rows with the same label or with similar ranks.

    With weights, each row counts in proportion to its weight, and the corrections for chance use the
    effective sample size, ``(sum w)^2 / sum w^2``. A row of weight 2 therefore counts as less evidence than
    two rows of weight 1.

    If X is a Dask collection with more than 2,000 rows, its workers count the rows on a grid of about 1,100
    ranks, and only the counts are sent. Scores up to 2.3 nats then agree with those in memory within 0.005
    nats. Higher scores are too low (by 0.02 at 3.5 nats), and no score can exceed about 4.8 nats. A warning
    is issued above 3 nats. Text is always treated as labels, even if it holds numbers.

    References
    ----------
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML, eq. 9, for the bound. Willems,
    Shtarkov and Tjalkens (1995), The context-tree weighting method, for mixtures over trees. Quenouille
    (1956), Notes on bias in estimation, for the extrapolation. Kish (1965), Survey sampling, section 8.2, for
    the effective sample size.

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
    check_in_memory(X, sample_weight=sample_weight)
    if is_clustered(X):
        return _score_clustered(X, y, False, discrete_features, bias_correction, shown, verbose)
    targets = read_targets(y)
    for target in targets:
        check_target(target.categorical, 0, False, target.name)
    weights = RowWeights(sample_weight, len(targets[0].values))
    return _score_features(
        X, targets, False, weights, discrete_features, n_jobs, bias_correction, shown, verbose
    )


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
    sample_weight=None,
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
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Classes: strings, booleans or numbers. Several targets are scored one by one. For a quantity, use
        :func:`mutual_info_regression`.
    discrete_features, n_neighbors, copy, random_state, n_jobs, bias_correction, sample_weight, unit, scale, \
verbose
        As in :func:`mutual_info_regression`.

    Returns
    -------
    ndarray of shape (n_features,) or (n_features, n_targets)
        Scores in `unit`, or correlations, with one column for each target if there are several. They are
        clipped at 0, exactly 0 for a constant column, and at most the entropy of y.

    Raises
    ------
    ValueError
        X or y is empty, infinite or complex; the lengths differ; y does not hold classes, or some are
        missing; a weight is negative; or X is a Dask collection and `sample_weight` is given.
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
    check_in_memory(X, sample_weight=sample_weight)
    if is_clustered(X):
        return _score_clustered(X, y, True, discrete_features, bias_correction, shown, verbose)
    targets = read_targets(y)
    single = len(targets) == 1 and (hasattr(y, "shape") or isinstance(y, list))
    weights = RowWeights(sample_weight, len(targets[0].values))
    for target, counted in zip(targets, weights.take(targets), strict=True):
        check_target(target.categorical, int(counted.missing.sum()), True, target.name)
        check_classes_of(unwrap(y) if single else target.values, target)
    return _score_features(
        X, targets, True, weights, discrete_features, n_jobs, bias_correction, shown, verbose
    )


def _score_features(
    X,
    targets: list[Column],
    discrete_target,
    weights,
    discrete_features,
    n_jobs,
    bias_correction,
    shown,
    verbose,
) -> np.ndarray:
    features = Features(X)
    check_lengths(features.shape[0], len(targets[0].values))
    discrete = read_discrete_features(discrete_features, features.shape[1], features.sparse)
    targets = weights.take(targets)
    margins = [weights.margin(target, discrete_target) for target in targets]
    warn_of_empty([target.name for target in targets if target.missing.all()])
    chunks = features.chunks()
    # Threads, because sorting and Newton's method release the interpreter lock and no column is copied. With
    # a backend of processes, each column is sent with its task, and the targets once.
    tasks = (
        delayed(_score_chunk)(features.part(chunk), weights, discrete[chunk], bias_correction, *margins)
        for chunk in chunks
    )
    scored = run_counted(tasks, n_jobs, verbose, len(chunks), "block of columns", prefer="threads")
    scores, unusual = zip(*scored, strict=True)
    warn_of_unusual(unusual)
    values, entropy, copies = np.concatenate(scores, axis=1)
    names = column_names(features.named, features.shape[1])
    warn_of_copied_columns(names, copies[:, 0], len(targets[0].values))
    return _as_shown(values, entropy, shown)


def _as_shown(values: np.ndarray, entropy: np.ndarray, shown: tuple[str, str]) -> np.ndarray:
    """Convert scores, shape (n_features, n_targets), to the requested unit and scale."""
    unit, scale = shown
    scores = on_scale(values, entropy, scale, check_scale(scale, unit))
    return scores[:, 0] if scores.shape[1] == 1 else scores


def _score_clustered(X, y, discrete_target, discrete_features, bias_correction, shown, verbose) -> np.ndarray:
    """Scores of the columns of a Dask X, computed by its workers; `n_jobs` is not needed."""
    discrete = read_discrete_features(discrete_features, count_columns(X))
    table = ClusterTable(X, y, discrete=discrete, discrete_target=discrete_target, verbose=verbose)
    warn_of_empty(table.empty_columns())
    for grid in table.grids[table.n_features :]:
        check_target(grid.categorical, grid.n_missing, discrete_target)
    targets = range(table.n_features, len(table.grids))
    pairs = [(j, target) for j in range(table.n_features) for target in targets]
    values, _, entropy = table.pair_scores(pairs, bias_correction).T.reshape(3, -1, len(targets))
    return _as_shown(values, entropy, shown)


def _score_chunk(
    part: Part, weights: RowWeights, discrete, bias_correction: bool, *targets: Margin
) -> tuple[np.ndarray, Unusual]:
    """Scores in nats, the smaller of the two entropies, and copied rows, shape (3, n_columns, n_targets)."""
    margins, unusual = read_margins(part, discrete, weights)
    values = np.stack([pair_information(margins, target) for target in targets], axis=1)
    if not bias_correction:
        for j, k in np.ndindex(values.shape):
            if margins[j].levels is not None and targets[k].levels is not None:
                values[j, k] = plug_in_information(margins[j], targets[k])
    most = [[margin.largest_information for margin in side] for side in (margins, targets)]
    copied = np.max([copied_with(margins, target) for target in targets], axis=0)
    copies = np.broadcast_to(copied[:, None], values.shape)
    return np.stack([values, np.minimum.outer(*most), copies]), unusual
