"""What a selector reads: columns in memory, columns read one at a time, or counts made by a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skmine._clusters import ClusterTable, is_clustered, sample_rows
from skmine._columns import Column, Features, read_target
from skmine._copula import Grid, Margin
from skmine._scores import are_few_integers, is_class, read_discrete_features
from skmine._strategies import MAX_ROWS, Task
from skmine._validation import check_lengths


@dataclass
class SelectorInput:
    """Columns and targets of a selector.

    Attributes
    ----------
    n_columns : int
        Columns of X.
    named : array, sparse matrix or DataFrame
        In memory, with the names and the number of the columns.
    columns : sequence of Column or None
        Of X, some rows where features are compared jointly; None where a cluster holds them.
    targets : list of Column
        Of the same rows.
    discrete : ndarray of shape (n_columns,)
        Mask of the columns that are labels.
    table : ClusterTable or None
        Counts of a cluster.
    """

    n_columns: int
    named: object
    columns: Sequence[Column] | None
    targets: list[Column]
    discrete: np.ndarray
    table: ClusterTable | None = None

    @classmethod
    def read(cls, X, y, discrete_features, jointly: bool, seed: int, verbose=False) -> "SelectorInput":
        """Read the input of ``fit``.

        Parameters
        ----------
        X, y : table
            As passed.
        discrete_features : "auto", bool or array-like
            As passed.
        jointly : bool
            Whether features are compared jointly: of at most `MAX_ROWS` rows.
        seed : int
            Of the choice of these.
        verbose : bool or int
            Whether a cluster shows progress.

        Returns
        -------
        SelectorInput
        """
        if is_clustered(X):
            if not jointly:
                discrete = read_discrete_features(discrete_features, X.shape[1])
                table = ClusterTable(X, y, discrete, verbose=verbose)
                return cls(X.shape[1], named_columns(X), None, [], discrete, table)
            X, y = sample_rows(X, y, MAX_ROWS, seed)
        features, targets = Features(X), read_target(y, lazy=True)
        n_rows, n_columns = features.shape
        check_lengths(n_rows, len(targets[0].values))
        discrete = read_discrete_features(discrete_features, n_columns, features.sparse)
        columns: Sequence[Column] = _Columns(features)
        if jointly:
            rows = None
            if n_rows > MAX_ROWS:
                rows = np.sort(np.random.default_rng(seed).choice(n_rows, MAX_ROWS, replace=False))
                targets = [column.take(rows) for column in targets]
            columns = features.read_rows(rows)
        return cls(n_columns, features.named, columns, targets, discrete)

    def task(self, owner: np.ndarray, n_select, alpha: float, on_step, n_jobs) -> Task:
        """What a strategy works on; `owner` is the number of each column's feature."""
        if self.table is not None:
            for grid in self.table.grids[self.n_columns :]:
                grid.labels = grid.labels or _are_classes(grid)
            return _ClusterTask([], [], n_select, alpha, on_step, n_jobs, self.table, owner)
        assert self.columns is not None
        features: Sequence = _Features(self.columns, self.discrete, owner, range(int(owner.max()) + 1))
        if isinstance(self.columns, list):
            features = list(features)
        targets = [Margin.of_column(column, is_class(column)) for column in self.targets]
        return Task(features, targets, n_select, alpha, on_step, n_jobs)


def named_columns(X):
    """The names and the number of the columns of a Dask X, in memory."""
    return X._meta if hasattr(X, "iloc") else np.empty((0, X.shape[1]))


class _Columns(Sequence):
    """Columns that are read each time that they are asked for."""

    def __init__(self, features: Features):
        self.features = features

    def __len__(self) -> int:
        return self.features.shape[1]

    def __getitem__(self, number):
        return self.features.read([number])[0]


class _Features(Sequence):
    """Margins of the columns of each feature, made each time that they are asked for."""

    def __init__(self, columns: Sequence[Column], discrete: np.ndarray, owner: np.ndarray, numbers: range):
        self.columns, self.discrete, self.owner, self.numbers = columns, discrete, owner, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, number):
        if isinstance(number, slice):
            return _Features(self.columns, self.discrete, self.owner, self.numbers[number])
        members = np.flatnonzero(self.owner == self.numbers[number]).tolist()
        return [Margin.of_column(self.columns[j], self.discrete[j]) for j in members]


@dataclass
class _ClusterTask(Task):
    """A task whose columns stay on a cluster: the relevance of single features is all that is known."""

    table: ClusterTable | None = None
    owner: np.ndarray | None = None

    def relevance(self) -> tuple[np.ndarray, np.ndarray]:
        """As that of :class:`Task`."""
        assert self.table is not None
        assert self.owner is not None
        d = self.table.n_features
        targets = range(d, len(self.table.names))
        scores = self.table.pair_scores([(j, k) for k in targets for j in range(d)]).reshape(-1, d, 3)
        mi, pvalue = scores[:, :, 0].max(axis=0), scores[:, :, 1].min(axis=0)
        n_pairs = np.bincount(self.owner) * len(targets)
        largest, smallest = np.zeros(len(n_pairs)), np.ones(len(n_pairs))
        np.maximum.at(largest, self.owner, mi)
        np.minimum.at(smallest, self.owner, pvalue)
        return largest, np.minimum(smallest * n_pairs, 1.0)


def _are_classes(grid: Grid) -> bool:
    """As :func:`skmine._scores.reading.is_class`, of a column of a cluster."""
    return grid.values is not None and are_few_integers(grid.values, grid.n_rows)
