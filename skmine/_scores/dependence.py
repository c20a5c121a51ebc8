"""Mutual information of all pairs of columns, and conditional mutual information."""

import itertools
import math

import numpy as np
from joblib import delayed

from skmine._clusters import ClusterTable, count_columns, is_clustered
from skmine._columns import read_features
from skmine._copula import (
    Margin,
    block_information,
    cells_at,
    column_blocks,
    open_information,
    product_sums,
    screen_pairs,
)
from skmine._estimator import MutualInfoEstimator
from skmine._features import Features, Part
from skmine._frames import column_names
from skmine._progress import run_counted
from skmine._scores.copies import copied_among, warn_of_copied_columns
from skmine._scores.reading import (
    PARAMETERS,
    RowWeights,
    Unusual,
    check_in_memory,
    read_discrete_features,
    read_margins,
    warn_of_empty,
    warn_of_unusual,
)
from skmine._sklearn import validate_params
from skmine._units import as_correlation, check_scale, nats_a_unit
from skmine._validation import check_lengths, draw_seed, make_generator, warn_of_missing

#: Columns of X, and whether each holds labels.
_Block = tuple[Part, np.ndarray]
#: Values per block of columns if X is not in memory. Two blocks are read at a time, at most 0.7 GB.
_NUMBERS_A_BLOCK = 2**24
#: With fewer pairs of blocks, each is split into parts, about this many in all, so that several workers share
#: them evenly; minimum number of rows of a part.
_FEWEST_TASKS, _ROWS_A_PART = 8, 2**13


@validate_params(PARAMETERS | {"sample_weight": ["array-like", None]}, prefer_skip_nested_validation=True)
def mutual_info_matrix(
    X,
    *,
    discrete_features="auto",
    sample_weight=None,
    unit="nats",
    scale="information",
    n_jobs=None,
    verbose=False,
):
    """Mutual information of all pairs of columns: like ``df.corr()``, for any form of dependence.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
        Columns of any kind, as in :func:`mutual_info_regression`.
    discrete_features : "auto", bool or array-like, default="auto"
        Columns to treat as labels without order, as in :func:`mutual_info_regression`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows, as in :func:`mutual_info_regression`.
    unit : {"nats", "bits"}, default="nats"
        Unit of the information.
    scale : {"information", "correlation"}, default="information"
        ``"correlation"`` returns values from 0 to 1 that can be read like ``df.corr().abs()``, see Notes.
    n_jobs, verbose
        As in :func:`mutual_info_regression`.

    Returns
    -------
    ndarray or DataFrame of shape (n_features, n_features)
        Symmetric matrix, clipped at 0; a DataFrame if X is a pandas DataFrame. The diagonal holds the entropy
        of each column, which is infinite for a continuous column. With ``scale="correlation"`` the diagonal
        is 1, or 0 for a constant column.

    Raises
    ------
    ValueError
        X is empty, infinite or complex; a weight is negative; `unit` or `scale` is unknown; or X is a Dask
        collection and `sample_weight` is given.
    IndexError
        `discrete_features` does not match the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Warns
    -----
    UserWarning
        As :func:`mutual_info_regression`.

    Notes
    -----
    A fast screen first compares smooth functions of all columns. Pairs that stand out from chance then get
    the value of :func:`mutual_info_regression`. The other pairs get a second-order estimate close to 0. The
    screen can miss fast oscillations, and dependence on numbers that are codes.

    For the diagonal, a column of numbers counts as continuous if more than nine in ten of its values differ.

    The correlation scale is ``sqrt((1 - exp(-2 I)) / (1 - exp(-2 H)))``, where H is the smaller entropy of
    the two columns. It is the absolute correlation of jointly normal columns, 0 for independent columns, and
    1 if one column is a function of the other.

    References
    ----------
    Linfoot (1957), An informational measure of correlation, Information and Control, for continuous columns.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmine import mutual_info_matrix
    >>> print(mutual_info_matrix(load_iris().data).round(1)[0])
    [3.3 0.3 0.7 0.5]
    >>> print(mutual_info_matrix(load_iris().data, scale="correlation").round(1)[0])
    [1.  0.6 0.9 0.8]
    """
    nats = check_scale(scale, unit)
    check_in_memory(X, sample_weight=sample_weight)
    if is_clustered(X):
        discrete = read_discrete_features(discrete_features, count_columns(X))
        table = ClusterTable(X, discrete=discrete, verbose=verbose)
        warn_of_empty(table.empty_columns())
        return _as_shown(table.information_matrix(), X._meta if hasattr(X, "iloc") else X, scale, nats)
    features = Features(X)
    discrete = read_discrete_features(discrete_features, features.shape[1], features.sparse)
    weights = RowWeights(sample_weight, features.shape[0])
    if features.lazy:
        matrix = _matrix_of_lazy(features, discrete, weights, n_jobs, verbose)
    else:
        # Threads read the columns whatever the backend, because X is here.
        chunks = features.chunks()
        tasks = (delayed(read_margins)(features.part(chunk), discrete[chunk], weights) for chunk in chunks)
        read = run_counted(tasks, n_jobs, False, len(chunks), "block of columns", require="sharedmem")
        parts, unusual = zip(*read, strict=True)
        warn_of_unusual(unusual)
        margins = [margin for part in parts for margin in part]
        names = column_names(features.named, features.shape[1])
        warn_of_copied_columns(names, copied_among(margins), len(margins[0].codes))
        matrix = _matrix_of_margins(margins, n_jobs, verbose)
    return _as_shown(matrix, X, scale, nats)


def conditional_mutual_info(
    X,
    y,
    Z,
    *,
    return_interval=False,
    sample_weight=None,
    groups=None,
    unit="nats",
    random_state=None,
    device="auto",
    **parameters,
):
    """Conditional mutual information I(X; y | Z): the information about y that X adds to Z.

    It is the difference I(X, Z; y) - I(Z; y) of two :class:`MutualInfoEstimator` fits on the same folds. To
    test whether X adds any information, use :func:`mutual_info_test`, which is faster.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Columns of any kind.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Target columns of any kind.
    Z : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_conditions)
        Columns to condition on, of any kind.
    return_interval : bool, default=False
        Whether to also return a 95 % interval, which treats the two estimates as independent.
    sample_weight, groups : array-like of shape (n_samples,) or None, default=None
        Weights and group labels of the rows, as in :meth:`MutualInfoEstimator.fit`.
    unit : {"nats", "bits"}, default="nats"
        Unit of the values.
    random_state : int, RandomState or None, default=None
        Seed of both fits. Pass an int for reproducible results.
    device : str or torch.device, default="auto"
        Where to train. ``"auto"`` uses CUDA if it is available, otherwise the CPU.
    **parameters
        Other parameters of :class:`MutualInfoEstimator`, such as ``max_iter=0`` for a faster estimate.

    Returns
    -------
    mi : float
        Estimate of I(X; y | Z). It is not clipped, so it can be slightly negative if X adds nothing.
    interval : tuple of two floats
        Lower and upper end. Only if `return_interval` is True.

    Raises
    ------
    ValueError, TypeError
        X, y or Z is invalid, as for :class:`MutualInfoEstimator`, or `unit` is unknown.

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
    estimator.fit(both, y, sample_weight, groups=groups)
    joint, joint_ends = estimator.mi_, estimator.mi_interval_
    estimator.fit(_as_objects(blocks[1]), y, sample_weight, groups=groups)
    given, given_ends = estimator.mi_, estimator.mi_interval_
    value = joint - given
    if not return_interval:
        return value / nats
    below = math.hypot(joint - joint_ends[0], given_ends[1] - given)
    above = math.hypot(joint_ends[1] - joint, given - given_ends[0])
    return value / nats, ((value - below) / nats, (value + above) / nats)


def _as_shown(matrix: np.ndarray, X, scale: str, nats: float):
    """The matrix on the requested scale; a DataFrame if X is a pandas DataFrame."""
    if scale == "correlation":
        matrix = as_correlation(matrix, np.minimum.outer(matrix.diagonal(), matrix.diagonal()))
    matrix /= nats
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return type(X)(matrix, index=X.columns, columns=X.columns)
    return matrix


def _matrix_of_margins(margins: list[Margin], n_jobs, verbose) -> np.ndarray:
    """Values of all pairs of columns in memory, with entropies on the diagonal."""
    blocks = column_blocks(margins)
    lists = [[margins[j] for j in block] for block in blocks]
    pairs = [(k, other) for k in range(len(blocks)) for other in range(k + 1)]
    n_parts, n = -(-_FEWEST_TASKS // len(pairs)), len(margins[0].codes)
    ends = np.linspace(0, n, min(n_parts, -(-n // _ROWS_A_PART)) + 1).astype(int)
    rows = [slice(start, end) for start, end in itertools.pairwise(ends)]
    matrix, open_pairs = np.zeros((len(margins), len(margins))), np.zeros((len(margins), len(margins)), bool)
    for k, own in enumerate(lists):  # sums of one row of blocks at a time are in memory
        sides = [(cells_at(own, some), other, some) for other in range(k + 1) for some in rows]
        tasks = (
            delayed(product_sums)(left, left if other == k else cells_at(lists[other], some))
            for left, other, some in sides
        )
        sums = run_counted(tasks, n_jobs, False, len(sides), "block of pairs", prefer="threads")
        totals = [np.add.reduce(sums[i : i + len(rows)]) for i in range(0, len(sums), len(rows))]
        tasks = (delayed(screen_pairs)(own, lists[other], total) for other, total in enumerate(totals))
        screened = run_counted(tasks, n_jobs, False, k + 1, "block of pairs", require="sharedmem")
        for other, values in enumerate(screened):
            at = np.ix_(blocks[k], blocks[other])
            matrix[at], open_pairs[at] = values
    matrix, open_pairs = np.tril(matrix, -1), np.tril(open_pairs, -1)
    places = []  # only columns with open pairs, because a task may be sent to another process
    for k, other in pairs:
        others = np.array(blocks[other])
        for some in (np.array(blocks[k][i::n_parts], dtype=int) for i in range(n_parts)):
            mask = open_pairs[np.ix_(some, others)]
            places.append((some[mask.any(axis=1)], others[mask.any(axis=0)]))
    tasks = (
        delayed(open_information)(*([margins[j] for j in side] for side in sides), open_pairs[np.ix_(*sides)])
        for sides in places
    )
    found = run_counted(tasks, n_jobs, verbose, len(places), "block of pairs", prefer="threads")
    for (some, others), values in zip(places, found, strict=True):
        j, i = np.nonzero(open_pairs[np.ix_(some, others)])
        matrix[some[j], others[i]] = values
    matrix += matrix.T
    np.fill_diagonal(matrix, [margin.largest_information + 0.0 for margin in margins])  # 0 instead of -0
    return matrix


def _matrix_of_lazy(features: Features, discrete, weights, n_jobs, verbose) -> np.ndarray:
    """Like `_matrix_of_margins`, for columns that are not in memory: two blocks are read at a time."""
    blocks = features.chunks(_NUMBERS_A_BLOCK)
    parts = [(features.part(block), discrete[block]) for block in blocks]
    pairs = [(k, other) for k in range(len(blocks)) for other in range(k + 1)]
    tasks = (
        delayed(_read_and_score)(weights, parts[k], None if k == other else parts[other])
        for k, other in pairs
    )
    found = run_counted(tasks, n_jobs, verbose, len(pairs), "block of pairs", prefer="threads")
    scored, unusual = zip(*found, strict=True)
    warn_of_unusual(part for (k, other), part in zip(pairs, unusual, strict=True) if k == other)
    matrix = np.zeros((features.shape[1], features.shape[1]))
    for (k, other), values in zip(pairs, scored, strict=True):
        matrix[np.ix_(blocks[k], blocks[other])] += values
        matrix[np.ix_(blocks[other], blocks[k])] += np.tril(values, -1).T if k == other else values.T
    return matrix


def _read_and_score(weights: RowWeights, block: _Block, other: _Block | None) -> tuple[np.ndarray, Unusual]:
    """Values of all pairs of columns of two blocks, and unusual columns of the first one.

    For a block with itself, only values below the diagonal are computed. The diagonal holds the entropies.
    """
    left, unusual = read_margins(*block, weights)
    if other is None:
        values = block_information(left, left)
        np.fill_diagonal(values, [margin.largest_information for margin in left])
        return values, unusual
    return block_information(left, read_margins(*other, weights)[0]), unusual


def _dense_columns(data, name: str) -> list[np.ndarray]:
    """Values of the columns. An empty column becomes a constant, with a warning."""
    columns = read_features(data, name)
    warn_of_missing([column.name for column in columns if column.missing.all()])
    return [np.zeros(len(c.values)) if c.missing.all() else c.as_input() for c in columns]


def _as_objects(columns: list[np.ndarray]) -> np.ndarray:
    """Columns side by side, as numbers, or as objects if one of them holds categories."""
    return np.column_stack(columns)
