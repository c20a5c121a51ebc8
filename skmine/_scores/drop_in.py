"""Drop-ins for scikit-learn's mutual_info_regression and mutual_info_classif."""

from numbers import Integral

import numpy as np
from joblib import delayed
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.multiclass import check_classification_targets

from skmine._columns import Column
from skmine._progress import run_counted
from skmine._scores.sides import (
    PARAMETERS,
    Side,
    column_chunks,
    read_discrete_features,
    read_one_target,
    refine_pairs,
    score_sides,
)
from skmine._validation import check_lengths, draw_seed, make_generator

_DROP_IN_PARAMETERS = PARAMETERS | {
    "y": ["array-like"],
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "copy": ["boolean"],
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
    device="auto",
    refine=True,
    verbose=False,
):
    """Mutual information of each feature with a numeric target, in nats.

    A drop-in for :func:`sklearn.feature_selection.mutual_info_regression`: only the import changes. Each
    column is read through its ranks. A log ratio made of smooth functions of the two ranks is fitted
    by Newton's method on the Donsker-Varadhan bound; where that does not do, `MutualInfoEstimator` is
    trained on the pair, and the value with the higher lower bound counts. There, and up to 1,000 rows for
    any pair that shows 0.1 nats, nearest neighbours among the ranks are counted as well (not among ties);
    their value counts where it is higher by four standard deviations.

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
        Not used: where neighbours are counted at all, they are 3. Accepted, so that calls need not change.
    copy : bool, default=True
        Not used: X is never changed. Accepted, so that calls need not change.
    random_state : int, RandomState or None, default=None
        Seed of the networks, where any are trained, and of the noise that breaks ties among neighbours.
    n_jobs : int or None, default=None
        Columns scored at once; the values do not depend on it.
    device : str or torch.device, default="auto"
        Where networks are trained, as in `MutualInfoEstimator`.
    refine : bool, default=True
        Whether networks are trained and neighbours counted where the fit does not do: the rows exceed it by
        4 standard deviations and 0.01 nats on a coarse table, or it finds more than 1 nat. False is fast
        always, and too low for narrow or rapidly oscillating dependence.
    verbose : bool, default=False
        Whether to show progress: a bar with tqdm, else plain lines on stderr.

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
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML, eq. 9, for the bound. Kraskov,
    Stögbauer and Grassberger (2004), Estimating mutual information, for neighbours.

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
    target = read_one_target(y)
    if target.categorical:
        raise ValueError(
            "y must be numeric; got strings, booleans or categories. Use mutual_info_classif for classes."
        )
    return _score_features(X, target, False, discrete_features, random_state, n_jobs, device, refine, verbose)


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
    verbose=False,
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
    discrete_features, n_neighbors, copy, random_state, n_jobs, device, refine, verbose
        As in :func:`mutual_info_regression`.

    Returns
    -------
    ndarray of shape (n_features,)
        Nats, at least 0; exactly 0 for a constant column, never above the entropy of y.

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
    [0.4 0.2 0.9 0.9]
    """
    target = read_one_target(y)
    if target.missing.any():
        raise ValueError(
            f"y must have a class in every row; got {int(target.missing.sum())} missing. Drop these rows."
        )
    check_classification_targets(y)
    return _score_features(X, target, True, discrete_features, random_state, n_jobs, device, refine, verbose)


def _score_features(
    X, target: Column, discrete_target, discrete_features, random_state, n_jobs, device, refine, verbose
) -> np.ndarray:
    discrete = read_discrete_features(discrete_features, X)
    target_side = Side.of_column(target, discrete_target)
    seed = draw_seed(make_generator(random_state))

    def score(columns: list[Column], chunk: np.ndarray):
        check_lengths(len(columns[0].values), len(target.values))
        sides = [Side.of_column(c, d) for c, d in zip(columns, discrete[chunk], strict=True)]
        return score_sides(sides, target_side)

    # Threads: sorting and Newton's method leave the interpreter free, and no column is copied.
    tasks = (delayed(score)(*chunk) for chunk in column_chunks(X))
    scored = run_counted(tasks, n_jobs, verbose, None, "block of columns", prefer="threads")
    mi = np.concatenate([values for values, _ in scored])
    if refine:
        starts = np.cumsum([0, *(len(values) for values, _ in scored)])
        unclear = [
            (start + j, side, target_side, lower)
            for start, (_, pairs) in zip(starts, scored, strict=False)
            for j, side, lower in pairs
        ]
        refine_pairs(mi, unclear, seed, device, n_jobs, verbose)
    return mi
