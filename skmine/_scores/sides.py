"""Pairs of columns: read, scored on the copula, and by a network where that does not do."""

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch
from joblib import delayed
from scipy.sparse import issparse
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions

from skmine._columns import Column, check_features, read_features, read_target
from skmine._copula import Margin, plug_in_information, score_pairs
from skmine._estimator import MutualInfoEstimator
from skmine._progress import run_counted

_COLUMNS_A_CHUNK = 16
#: Where the functions on the copula do not do: a coarse table of the rows exceeds their fit by so many nats
#: and standard deviations; or the dependence is so strong that they may be wider than its ridge.
_MISFIT_NATS, _MISFIT_Z, _STRONG_NATS = 0.01, 4.0, 1.0
_FEWEST_ROWS_TO_TRAIN = 50
#: Nearest neighbours are counted too where the functions do not do, and with few rows, where thin structure
#: does not show, for any dependence. Their value counts where it is higher by this margin, about four of its
#: standard deviations under independence, over the root of the rows: like every other it is too low where it
#: cannot follow the dependence.
_FEW_ROWS, _DEPENDENCE_NATS, _NEIGHBOUR_MARGIN, _LEAST_DISTINCT = 1000, 0.1, 1.6, 0.9

#: Parameters that all scores share.
PARAMETERS = {
    "X": ["array-like", "sparse matrix"],
    "discrete_features": [StrOptions({"auto"}), "boolean", "array-like"],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
    "device": [str, torch.device],
    "refine": ["boolean"],
    "verbose": ["verbose"],
}


def read_one_target(y) -> Column:
    """The one column of a target, see :func:`skmine._columns.read_target`."""
    if hasattr(y, "columns") and len(y.columns) == 1:
        y = y[y.columns[0]]
    if not hasattr(y, "dtype"):
        y = np.asarray(y)
    if len(y.shape) != 1:
        y = column_or_1d(y, warn=True)
    if not len(y):
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: y is empty. Pass rows."
        )
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
    n_features = check_features(X).shape[1]
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


def column_chunks(X) -> Iterator[tuple[list[Column], np.ndarray]]:
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
        values = self.column.as_input()
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
        The features whose dependence the functions may not represent, with their lower bounds in nats;
        infinity where no network is to be trained.
    """
    scores = score_pairs([side.margin for side in sides], target.margin)
    mi = np.maximum(scores.mi, 0.0)
    exceeds = (scores.misfit_z > _MISFIT_Z) & (scores.misfit > _MISFIT_NATS)
    unclear = []
    for j, side in enumerate(sides):
        mi[j] = _at_most_entropy(mi[j], side, target)
        if side.margin.levels is not None and target.margin.levels is not None:
            mi[j] = plug_in_information(side.margin, target.margin)
        elif (exceeds[j] or mi[j] > _STRONG_NATS) and len(target.margin) >= _FEWEST_ROWS_TO_TRAIN:
            unclear.append((j, side, float(scores.lower[j])))
        elif mi[j] > _DEPENDENCE_NATS and len(target.margin) <= _FEW_ROWS:
            unclear.append((j, side, np.inf))
    return mi, unclear


def _at_most_entropy(value: float, *sides: Side) -> float:
    """A value cut at the entropy of either column that has few distinct values."""
    return min([value, *(side.margin.entropy for side in sides if not side.margin.coarse)])


def refine_pairs(mi: np.ndarray, unclear: list, seed: int, device, n_jobs, verbose) -> None:
    """Train networks and count neighbours; put in what is higher, by a lower bound or by a clear margin.

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
    verbose : bool or int
        Whether to show progress.
    """
    to_train = [pair for pair in unclear if np.isfinite(pair[3])]
    tasks = (
        delayed(train_once)(side.values(), target.values(), seed, device) for _, side, target, _ in to_train
    )
    fits = run_counted(tasks, n_jobs, verbose, len(to_train), "network")
    for (j, side, target, lower), (value, held_out) in zip(to_train, fits, strict=True):
        if held_out > lower:
            mi[j] = max(_at_most_entropy(value, side, target), 0.0)
    for j, side, target, _ in unclear:
        value = neighbour_information(side, target, seed)
        if value > mi[j] + _NEIGHBOUR_MARGIN / len(target.margin) ** 0.5:
            mi[j] = _at_most_entropy(value, side, target)


def neighbour_information(side: Side, target: Side, seed: int) -> float:
    """Mutual information of the ranks of a pair by its nearest neighbours, in nats.

    Parameters
    ----------
    side, target : Side
        Columns of the same rows, not both discrete.
    seed : int
        Of the noise that breaks ties.

    Returns
    -------
    float
        0 where a value is missing, or more than a tenth of the rows are ties: distances mean little there.

    References
    ----------
    Kraskov, Stögbauer and Grassberger (2004), Estimating mutual information; Ross (2014), Mutual information
    between discrete and continuous data sets. As in scikit-learn, with 3 neighbours.
    """
    if any(one.margin.levels is None and not _can_be_ranked(one.column) for one in (side, target)):
        return 0.0
    if target.margin.levels is not None:
        X = rankdata(side.column.values)[:, None]
        return float(mutual_info_classif(X, target.margin.levels, random_state=seed)[0])
    discrete = side.margin.levels is not None
    X = np.asarray(side.margin.levels if discrete else rankdata(side.column.values))[:, None]
    y = rankdata(target.column.values)
    return float(mutual_info_regression(X, y, discrete_features=discrete, random_state=seed)[0])


def _can_be_ranked(column: Column) -> bool:
    return not column.missing.any() and len(np.unique(column.values)) >= _LEAST_DISTINCT * len(column.values)


def train_once(X: np.ndarray, y: np.ndarray, seed: int, device, **parameters) -> tuple[float, float]:
    """Estimate and held-out value in nats, on one thread: workers and the caller give the same bits."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit = MutualInfoEstimator(random_state=seed, device=device, **parameters).fit(X, y)
    finally:
        torch.set_num_threads(n_threads)
    return fit.mi_, fit.mi_lower_
