"""Scores of features: drop-ins for scikit-learn's, pairwise and conditional forms, and a test."""

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.multiclass import check_classification_targets

from skmine._columns import Column, read_features, read_target
from skmine._copula import (
    Margin,
    block_independence,
    plug_in_information,
    score_pairs,
)
from skmine._estimator import MutualInfoEstimator
from skmine._validation import check_lengths, draw_seed, make_generator

_COLUMNS_A_CHUNK = 16
#: Where the functions on the copula do not do: a coarse table of the rows exceeds their fit by so many nats
#: and standard deviations; or the dependence is so strong that they may be wider than its ridge.
_MISFIT_NATS, _MISFIT_Z, _STRONG_NATS = 0.01, 4.0, 1.0
_FEWEST_ROWS_TO_TRAIN = 50

_PARAMETERS = {
    "X": ["array-like", "sparse matrix"],
    "discrete_features": [StrOptions({"auto"}), "boolean", "array-like"],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
    "device": [str, torch.device],
    "refine": ["boolean"],
}
_DROP_IN_PARAMETERS = _PARAMETERS | {
    "y": ["array-like"],
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "copy": ["boolean"],
}


class MutualInfoTestResult(NamedTuple):
    """Result of :func:`mutual_info_test`.

    Attributes
    ----------
    statistic : float
        Weighted sum of squared moments, times the number of rows less one.
    pvalue : float
        Probability of a statistic as large under independence.
    """

    statistic: float
    pvalue: float


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
    device="auto",
    refine=True,
):
    """Mutual information of each feature with a numeric target, in nats.

    A drop-in for :func:`sklearn.feature_selection.mutual_info_regression`: only the import changes. Each
    column is read through its ranks. A log ratio made of smooth functions of the two ranks is fitted
    by Newton's method on the Donsker-Varadhan bound; where that does not do, `MutualInfoEstimator` is
    trained on the pair, and the value with the higher lower bound counts.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Features of any kind; a missing value counts as a value of its own.
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
        Seed of the networks, where any are trained; all else is deterministic.
    n_jobs : int or None, default=None
        Columns scored at once; the values do not depend on it.
    device : str or torch.device, default="auto"
        Where networks are trained, as in `MutualInfoEstimator`.
    refine : bool, default=True
        Whether networks are trained where the fit does not do: the rows exceed it by 4 standard
        deviations and 0.01 nats on a coarse table, or it finds more than 1 nat. False is fast always,
        and too low for narrow or rapidly oscillating dependence.

    Returns
    -------
    ndarray of shape (n_features,)
        Nats, at least 0; exactly 0 for a constant column, never above the entropy of a discrete one.

    Raises
    ------
    ValueError
        X or y is empty, infinite, complex or of another length, or y is not one column of numbers.
    IndexError
        `discrete_features` does not fit the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    References
    ----------
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML, eq. 9, for the bound.

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
    target = _read_one_target(y)
    if target.categorical:
        raise ValueError(
            "y must be numeric; got strings, booleans or categories. Use mutual_info_classif for classes."
        )
    return _score_features(X, target, False, discrete_features, random_state, n_jobs, device, refine)


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
    device="auto",
    refine=True,
):
    """Mutual information of each feature with a class, in nats.

    A drop-in for :func:`sklearn.feature_selection.mutual_info_classif`: only the import changes. See
    :func:`mutual_info_regression`. For a discrete feature it is the exact plug-in value.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Features of any kind; a missing value counts as a value of its own.
    y : array-like of shape (n_samples,)
        Classes: numbers, strings or booleans.
    discrete_features, n_neighbors, copy, random_state, n_jobs, device, refine
        As in :func:`mutual_info_regression`.

    Returns
    -------
    ndarray of shape (n_features,)
        Nats, at least 0; exactly 0 for a constant column, never above the entropy of y.

    Raises
    ------
    ValueError
        X or y is empty, infinite, complex or of another length, or y is not one column of classes.
    IndexError
        `discrete_features` does not fit the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmine import mutual_info_classif
    >>> print(mutual_info_classif(*load_iris(return_X_y=True)).round(1))
    [0.4 0.2 0.9 0.9]
    """
    check_classification_targets(y)
    target = _read_one_target(y)
    return _score_features(X, target, True, discrete_features, random_state, n_jobs, device, refine)


@validate_params(_PARAMETERS, prefer_skip_nested_validation=True)
def mutual_info_matrix(
    X, *, discrete_features="auto", random_state=None, n_jobs=None, device="auto", refine=False
):
    """Mutual information of all pairs of columns, in nats: ``df.corr()`` for dependence of any form.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Columns of any kind.
    discrete_features, random_state, n_jobs, device, refine
        As in :func:`mutual_info_regression`, but for `refine`, which is off: a matrix is an overview, and
        has many pairs.

    Returns
    -------
    ndarray or DataFrame of shape (n_features, n_features)
        Symmetric; a pandas DataFrame for one. On the diagonal the entropy of a column with few distinct
        values (at most 64), and infinity for others: a continuous column tells everything of itself.

    Raises
    ------
    ValueError
        X is empty, infinite or complex.
    IndexError
        `discrete_features` does not fit the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmine import mutual_info_matrix
    >>> print(mutual_info_matrix(load_iris().data).round(1)[0])
    [3.3 0.2 0.7 0.5]
    """
    discrete = read_discrete_features(discrete_features, X)
    sides = [Side.of_column(c, d) for c, d in zip(read_features(X), discrete, strict=True)]
    scored = Parallel(n_jobs, prefer="threads")(
        delayed(score_sides)(sides[:j], sides[j]) for j in range(1, len(sides))
    )
    matrix = np.zeros((len(sides), len(sides)))
    below = np.tril_indices(len(sides), -1)
    matrix[below] = np.concatenate([np.empty(0), *(values for values, _ in scored)])
    if refine:
        unclear = [
            ((j, i), side, sides[j], lower)
            for j, (_, pairs) in enumerate(scored, start=1)
            for i, side, lower in pairs
        ]
        refine_pairs(matrix, unclear, draw_seed(make_generator(random_state)), device, n_jobs)
    matrix += matrix.T
    np.fill_diagonal(matrix, [np.inf if s.margin.coarse else s.margin.entropy for s in sides])
    if hasattr(X, "columns") and hasattr(X, "iloc"):
        return type(X)(matrix, index=X.columns, columns=X.columns)
    return matrix


def conditional_mutual_info(X, y, Z, *, random_state=None, device="auto", **parameters):
    """Conditional mutual information I(X; y | Z) in nats: what X tells about y that Z does not.

    The difference I(X, Z; y) - I(Z; y) of two estimates by `MutualInfoEstimator` on the same folds.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Columns of any kind.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Target columns of any kind.
    Z : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_conditions)
        Columns of any kind.
    random_state : int, RandomState or None, default=None
        Seed of both estimates.
    device : str or torch.device, default="auto"
        Where to train.
    **parameters
        Further parameters of `MutualInfoEstimator`.

    Returns
    -------
    float
        Nats; not clipped, so slightly negative where X adds nothing.

    Raises
    ------
    ValueError, TypeError
        As `MutualInfoEstimator`, for X, y or Z.

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
    blocks = [_dense_columns(data) for data in (X, Z)]
    check_lengths(*(len(block[0]) for block in blocks))
    both = _as_objects(blocks[0] + blocks[1])
    seed = draw_seed(make_generator(random_state))
    estimator = MutualInfoEstimator(random_state=seed, device=device, **parameters)
    joint = estimator.fit(both, y).mi_
    return joint - estimator.fit(_as_objects(blocks[1]), y).mi_


def mutual_info_test(X, y, *, discrete_features="auto"):
    """Test of the independence of X and y, without permutations.

    The statistic compares products of smooth functions of the ranks (indicators of levels for categories)
    of X and of y; for several columns the products of two columns count as functions too. Under
    independence it is a weighted sum of squared normals.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        Columns of any kind.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Target columns of any kind.
    discrete_features : "auto", bool or array-like, default="auto"
        As in :func:`mutual_info_regression`.

    Returns
    -------
    MutualInfoTestResult
        ``statistic`` and ``pvalue``.

    Raises
    ------
    ValueError
        X or y is empty, infinite, complex or of another length.
    IndexError
        `discrete_features` does not fit the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    References
    ----------
    Gretton et al. (2008), A kernel statistical test of independence, for the null distribution of such
    statistics; Kuonen (1999) for its tail.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine import mutual_info_test
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(500, 1))
    >>> result = mutual_info_test(x, x[:, 0] ** 2 + rng.normal(size=500))
    >>> result.pvalue < 1e-6
    True
    """
    discrete = read_discrete_features(discrete_features, X)
    columns, targets = read_features(X), read_target(y)
    check_lengths(len(columns[0].values), len(targets[0].values))
    blocks = (
        [Margin.of_column(c, d) for c, d in zip(columns, discrete, strict=True)],
        [Margin.of_column(c, c.categorical) for c in targets],
    )
    return MutualInfoTestResult(*block_independence(*blocks))


def _read_one_target(y) -> Column:
    if hasattr(y, "columns") and hasattr(y, "iloc") and len(y.columns) == 1:
        y = y.iloc[:, 0]
    if not hasattr(y, "dtype"):
        y = np.asarray(y)
    if len(y.shape) != 1:
        y = column_or_1d(y, warn=True)
    return read_target(y)[0]


def read_discrete_features(discrete_features, X) -> np.ndarray:
    """Mask of the columns of X that are labels, in scikit-learn's terms.

    Parameters
    ----------
    discrete_features : "auto", bool or array-like
        See :func:`mutual_info_regression`.
    X : array-like, sparse matrix or DataFrame
        The input.

    Returns
    -------
    ndarray of shape (n_features,)

    Raises
    ------
    IndexError
        The mask or an index does not fit.
    """
    n_features = X.shape[1] if hasattr(X, "shape") else np.asarray(X, dtype=object).shape[1]
    if isinstance(discrete_features, str):
        discrete_features = issparse(X)
    chosen = np.asarray(discrete_features)
    mask = np.zeros(n_features, dtype=bool)
    if chosen.ndim == 0:
        mask[:] = bool(chosen)
    elif chosen.dtype == bool:
        if len(chosen) != n_features:
            raise IndexError(
                f"discrete_features must have one entry a column of X ({n_features}) as a mask; got "
                f"{len(chosen)}. Pass a mask of that length, or the indices of the discrete columns."
            )
        mask[:] = chosen
    else:
        if len(chosen) and not -n_features <= chosen.min() <= chosen.max() < n_features:
            raise IndexError(
                f"discrete_features must hold indices of the {n_features} columns of X; got "
                f"{chosen.tolist()}. Drop those that are out of range."
            )
        mask[chosen.astype(int)] = True
    return mask


def _score_features(
    X, target: Column, discrete_target, discrete_features, random_state, n_jobs, device, refine
) -> np.ndarray:
    discrete = read_discrete_features(discrete_features, X)
    target_side = Side.of_column(target, discrete_target)
    seed = draw_seed(make_generator(random_state))

    def score(columns: list[Column], chunk: np.ndarray):
        check_lengths(len(columns[0].values), len(target.values))
        sides = [Side.of_column(c, d) for c, d in zip(columns, discrete[chunk], strict=True)]
        return score_sides(sides, target_side)

    # Threads: sorting and Newton's method leave the interpreter free, and no column is copied.
    scored = Parallel(n_jobs, prefer="threads")(delayed(score)(*chunk) for chunk in _column_chunks(X))
    mi = np.concatenate([values for values, _ in scored])
    if refine:
        starts = np.cumsum([0, *(len(values) for values, _ in scored)])
        unclear = [
            (start + j, side, target_side, lower)
            for start, (_, pairs) in zip(starts, scored, strict=False)
            for j, side, lower in pairs
        ]
        refine_pairs(mi, unclear, seed, device, n_jobs)
    return mi


def _column_chunks(X) -> Iterator[tuple[list[Column], np.ndarray]]:
    """Columns of X a few at a time, so that a sparse matrix is never dense as a whole."""
    if issparse(X):
        X = X.tocsc()
        for chunk in _chunks(X.shape[1]):
            yield read_features(X[:, chunk]), chunk
        return
    columns = read_features(X)
    for chunk in _chunks(len(columns)):
        yield [columns[j] for j in chunk], chunk


def _chunks(n_features: int) -> list[np.ndarray]:
    return np.array_split(np.arange(n_features), -(-n_features // _COLUMNS_A_CHUNK))


class Side(NamedTuple):
    """A column, and its margin on the copula."""

    column: Column
    margin: Margin

    @classmethod
    def of_column(cls, column: Column, discrete: bool) -> "Side":
        """Read a column; `discrete` tells whether its numbers are labels."""
        return cls(column, Margin.of_column(column, discrete))

    def values(self) -> np.ndarray:
        """Values as `MutualInfoEstimator` takes them: labels as strings."""
        values = self.column.values
        if self.margin.levels is not None and not self.column.categorical:
            values = values.astype(str).astype(object)
            values[self.column.missing] = None
        return values[:, None]


def score_sides(sides: list[Side], target: Side) -> tuple[np.ndarray, list[tuple[int, Side, float]]]:
    """Mutual information of columns with one target by functions on the copula.

    Parameters
    ----------
    sides : list of Side
        Features.
    target : Side
        The target.

    Returns
    -------
    mi : ndarray of shape (len(sides),)
        Nats, clipped at 0.
    unclear : list of (int, Side, float)
        The features whose dependence the functions may not represent, with their lower bounds in nats.
    """
    scores = score_pairs([side.margin for side in sides], target.margin)
    mi = np.maximum(scores.mi, 0.0)
    exceeds = (scores.misfit_z > _MISFIT_Z) & (scores.misfit > _MISFIT_NATS)
    unclear = []
    for j, side in enumerate(sides):
        if side.margin.levels is not None and target.margin.levels is not None:
            mi[j] = plug_in_information(side.margin, target.margin)
        elif (exceeds[j] or mi[j] > _STRONG_NATS) and len(target.margin) >= _FEWEST_ROWS_TO_TRAIN:
            unclear.append((j, side, float(scores.lower[j])))
    return mi, unclear


def refine_pairs(mi: np.ndarray, unclear: list, seed: int, device, n_jobs) -> None:
    """Train a network on each unclear pair; where its lower bound is higher, put in its estimate.

    Parameters
    ----------
    mi : ndarray
        Estimates in nats, changed in place.
    unclear : list of (index into mi, Side, Side, float)
        Pairs, and their lower bounds.
    seed : int
        Of the networks.
    device : str or torch.device
        Where they are trained.
    n_jobs : int or None
        Networks trained at once.
    """
    fits = Parallel(n_jobs)(
        delayed(_train)(side.values(), target.values(), seed, device) for _, side, target, _ in unclear
    )
    for (j, side, target, lower), (value, held_out) in zip(unclear, fits, strict=True):
        if held_out > lower:
            entropies = [s.margin.entropy for s in (side, target) if not s.margin.coarse]
            mi[j] = max(min([value, *entropies]), 0.0)


def _train(x: np.ndarray, y: np.ndarray, seed: int, device) -> tuple[float, float]:
    """Estimate and held-out value of a pair, on one thread: workers and the caller give the same bits."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit = MutualInfoEstimator(random_state=seed, device=device).fit(x, y)
    finally:
        torch.set_num_threads(n_threads)
    return fit.mi_, fit.mi_lower_


def _dense_columns(data) -> list[np.ndarray]:
    return [column.values for column in read_features(data)]


def _as_objects(columns: list[np.ndarray]) -> np.ndarray:
    """Columns side by side: numbers as they are, objects where one holds categories."""
    return np.column_stack(columns)
