"""Dependence beyond one feature and one target: all pairs, and given others."""

import math

import numpy as np
from joblib import delayed

from skmine._clusters import ClusterTable, is_clustered
from skmine._columns import Features, read_features
from skmine._copula import block_information, column_blocks
from skmine._estimator import MutualInfoEstimator
from skmine._progress import run_counted
from skmine._scores.reading import PARAMETERS, read_discrete_features, read_margins
from skmine._sklearn import validate_params
from skmine._units import as_correlation, check_scale, nats_a_unit
from skmine._validation import check_lengths, draw_seed, make_generator, warn_of_missing

#: Numbers of the columns of a block whose pairs with those of another are worked on together, where they are
#: not in memory: two blocks take at most 0.7 GB.
_NUMBERS_A_BLOCK = 2**24


@validate_params(PARAMETERS, prefer_skip_nested_validation=True)
def mutual_info_matrix(
    X, *, discrete_features="auto", unit="nats", scale="information", n_jobs=None, verbose=False
):
    """Mutual information of all pairs of columns: ``df.corr()`` for dependence of any form.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
        Columns of any kind; those of a LazyFrame or Dataset are read a few at a time, and the workers of a
        Dask array or DataFrame count its rows.
    discrete_features : "auto", bool or array-like, default="auto"
        As in :func:`mutual_info_regression`.
    unit : {"nats", "bits"}, default="nats"
        Unit of the information.
    scale : {"information", "correlation"}, default="information"
        ``"correlation"`` gives values from 0 to 1 that read like ``df.corr().abs()``; see Notes.
    n_jobs, verbose
        As in :func:`mutual_info_regression`.

    Returns
    -------
    ndarray or DataFrame of shape (n_features, n_features)
        Symmetric; a pandas DataFrame for one. On the diagonal stands the entropy of a column of labels
        or of numbers that repeat (at most nine in ten are different), and infinity for others; 1 on the
        scale of correlations, but 0 for a constant.

    Raises
    ------
    ValueError
        X is empty, infinite or complex, or `unit` or `scale` is unknown.
    IndexError
        `discrete_features` does not fit the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Warns
    -----
    UserWarning
        As :func:`mutual_info_regression`.

    Notes
    -----
    All pairs are screened by matrix products of smooth functions of the columns. Pairs in which these show
    more than chance have the value of :func:`mutual_info_regression`; the others have an estimate of second
    order, about 0. Rapid oscillations, and numbers that are codes, can escape the screen.

    The scale of correlations is ``sqrt((1 - exp(-2 I)) / (1 - exp(-2 H)))`` with the smaller entropy H of the
    two columns, infinite for continuous ones. It is the absolute correlation of normal columns, 0 for
    independent ones, and 1 where one column is a function of the other.

    References
    ----------
    Linfoot (1957), An informational measure of correlation, Information and Control, for continuous columns.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmine import mutual_info_matrix
    >>> print(mutual_info_matrix(load_iris().data).round(1)[0])
    [3.3 0.2 0.7 0.5]
    >>> print(mutual_info_matrix(load_iris().data, scale="correlation").round(1)[0])
    [1.  0.6 0.9 0.8]
    """
    nats = check_scale(scale, unit)
    if is_clustered(X):
        table = ClusterTable(X, None, read_discrete_features(discrete_features, X.shape[1]), verbose=verbose)
        return _as_shown(table.information_matrix(), X._meta if hasattr(X, "iloc") else X, scale, nats)
    features = Features(X)
    n_features = features.shape[1]
    discrete = read_discrete_features(discrete_features, n_features, features.sparse)
    if features.lazy:
        blocks = [block.tolist() for block in features.chunks(_NUMBERS_A_BLOCK)]
        lists: list = [(features, block, discrete) for block in blocks]
    else:
        margins = read_margins(features, np.arange(n_features), discrete)
        blocks = column_blocks(margins)
        lists = [[margins[j] for j in block] for block in blocks]
    pairs = [(k, other) for k in range(len(blocks)) for other in range(k + 1)]
    tasks = (delayed(_score_blocks)(lists[k], lists[other], k == other) for k, other in pairs)
    scored = run_counted(tasks, n_jobs, verbose, len(pairs), "block of pairs", prefer="threads")
    matrix = np.zeros((n_features, n_features))
    for (k, other), values in zip(pairs, scored, strict=True):
        matrix[np.ix_(blocks[k], blocks[other])] += values
        matrix[np.ix_(blocks[other], blocks[k])] += np.tril(values, -1).T if k == other else values.T
    return _as_shown(matrix, X, scale, nats)


def conditional_mutual_info(
    X, y, Z, *, return_interval=False, unit="nats", random_state=None, device="auto", **parameters
):
    """Conditional mutual information I(X; y | Z): what X adds to Z about y.

    The difference I(X, Z; y) - I(Z; y) of two estimates by `MutualInfoEstimator` on the same folds.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Columns of any kind.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Target columns of any kind.
    Z : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_conditions)
        Columns of any kind.
    return_interval : bool, default=False
        Whether to return an interval of 95 % too: the intervals of the two estimates, as if they were
        independent.
    unit : {"nats", "bits"}, default="nats"
        Unit of the values.
    random_state : int, RandomState or None, default=None
        Seed of both estimates.
    device : str or torch.device, default="auto"
        Where to train.
    **parameters
        Further parameters of `MutualInfoEstimator`.

    Returns
    -------
    mi : float
        Not clipped, so slightly negative where X adds nothing.
    interval : tuple of two float
        Only where `return_interval` is True.

    Raises
    ------
    ValueError, TypeError
        As `MutualInfoEstimator`, for X, y or Z; or `unit` is unknown.

    References
    ----------
    Cover and Thomas (2006), Elements of Information Theory, eq. 2.60 to 2.62 (chain rule).

    Examples
    --------
    >>> import numpy as np
    >>> from skmine import conditional_mutual_info
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.normal(size=(1000, 1))
    >>> X = Z + 0.1 * rng.normal(size=(1000, 1))  # a copy of Z
    >>> y = Z[:, 0] + rng.normal(size=1000)
    >>> print(f"{abs(conditional_mutual_info(X, y, Z, random_state=0)):.1f} nats")
    0.0 nats
    """
    nats = nats_a_unit(unit)
    blocks = [_dense_columns(data, name) for data, name in ((X, "X"), (Z, "Z"))]
    check_lengths(len(blocks[0][0]), len(blocks[1][0]), ("X", "Z"))
    both = _as_objects(blocks[0] + blocks[1])
    seed = draw_seed(make_generator(random_state))
    estimator = MutualInfoEstimator(random_state=seed, device=device, **parameters)
    estimator.fit(both, y)
    joint, joint_ends = estimator.mi_, estimator.mi_interval_
    estimator.fit(_as_objects(blocks[1]), y)
    given, given_ends = estimator.mi_, estimator.mi_interval_
    value = joint - given
    if not return_interval:
        return value / nats
    below = math.hypot(joint - joint_ends[0], given_ends[1] - given)
    above = math.hypot(joint_ends[1] - joint, given - given_ends[0])
    return value / nats, ((value - below) / nats, (value + above) / nats)


def _as_shown(matrix: np.ndarray, X, scale: str, nats: float):
    """The matrix on the scale asked for, with the names of the columns of a pandas DataFrame."""
    if scale == "correlation":
        matrix = as_correlation(matrix, np.minimum.outer(matrix.diagonal(), matrix.diagonal()))
    matrix /= nats
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return type(X)(matrix, index=X.columns, columns=X.columns)
    return matrix


def _score_blocks(first, second, same: bool) -> np.ndarray:
    """Values of the pairs of two blocks of margins, or of columns still to be read.

    Of a block with itself, those below the diagonal, and what a column has at most on it.
    """
    left = first if isinstance(first, list) else read_margins(*first)
    if same:
        values = block_information(left, left)
        np.fill_diagonal(values, [margin.largest_information for margin in left])
        return values
    return block_information(left, second if isinstance(second, list) else read_margins(*second))


def _dense_columns(data, name: str) -> list[np.ndarray]:
    """Values of the columns; a constant for one without any value, with a warning that names it."""
    columns = read_features(data, name)
    warn_of_missing([column.name for column in columns if column.missing.all()])
    return [np.zeros(len(c.values)) if c.missing.all() else c.as_input() for c in columns]


def _as_objects(columns: list[np.ndarray]) -> np.ndarray:
    """Columns side by side: numbers as they are, objects where one holds categories."""
    return np.column_stack(columns)
