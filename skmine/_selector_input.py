"""Input of a selector: columns in memory, columns read one at a time, or counts from a cluster."""

from dataclasses import dataclass

import numpy as np
from joblib import delayed

from skmine._clusters import ClusterTable, count_columns, is_clustered, sample_rows
from skmine._columns import Column, read_target
from skmine._copies import AS_GROUPS, warn_of_copies
from skmine._copula import Grid, Margin
from skmine._features import Features, Part
from skmine._progress import run_counted
from skmine._row_values import check_weight, read_groups
from skmine._scores import (
    RowWeights,
    are_few_integers,
    check_in_memory,
    copies_between,
    is_class,
    read_discrete_features,
)
from skmine._strategies import MAX_ROWS
from skmine._task import SelectionTask, relevance
from skmine._validation import check_lengths
from skmine._warning import warn

#: With fewer groups, the selector warns, because even a correlation of .7 is often not significant.
_FEW_GROUPS = 20
_EFFECT_OF_COPIES = "Too many features are significant, because copies look like dependence."


@dataclass
class SelectorInput:
    """Columns and targets of a selector.

    Attributes
    ----------
    n_columns : int
        Columns of X.
    named : array, sparse matrix or DataFrame
        Container in memory with the same number and names of columns.
    columns : list of Column, Features or None
        A sample of the rows if features are compared jointly; otherwise columns that are not yet read. None
        if they are on a cluster.
    targets : list of Column
        Target columns with the same rows.
    discrete : ndarray of shape (n_columns,)
        Mask of the columns that are labels.
    table : ClusterTable or None
        Counts of a cluster.
    weight : ndarray of shape (n,) or None
        Weights of the rows, of mean 1.
    groups : ndarray of shape (n,) or None
        Number of each row's group.
    """

    n_columns: int
    named: object
    columns: Features | list[Column] | None
    targets: list[Column]
    discrete: np.ndarray
    table: ClusterTable | None = None
    weight: np.ndarray | None = None
    groups: np.ndarray | None = None

    @classmethod
    def read(
        cls,
        X,
        y,
        discrete_features,
        jointly: bool,
        seed: int,
        verbose=False,
        sample_weight=None,
        groups=None,
    ) -> "SelectorInput":
        """Read the input of ``fit``.

        Parameters
        ----------
        X, y : table
            Data passed to ``fit``.
        discrete_features : "auto", bool or array-like
            Parameter of the selector.
        jointly : bool
            Whether features are compared jointly, on at most `MAX_ROWS` rows.
        seed : int
            Seed of the sample of rows.
        verbose : bool or int
            Whether a cluster shows progress.
        sample_weight, groups : array-like of shape (n,) or None, default=None
            Arguments of ``fit``.

        Returns
        -------
        SelectorInput
        """
        check_in_memory(X, sample_weight=sample_weight, groups=groups)
        if is_clustered(X):
            if not jointly:
                discrete = read_discrete_features(discrete_features, count_columns(X))
                table = ClusterTable(X, y, discrete=discrete, verbose=verbose)
                return cls(X.shape[1], named_columns(X), None, [], discrete, table)
            X, y = sample_rows(X, y, MAX_ROWS, seed)
        features, targets = Features(X), read_target(y, lazy=True)
        n_rows, n_columns = features.shape
        check_lengths(n_rows, len(targets[0].values))
        discrete = read_discrete_features(discrete_features, n_columns, features.sparse)
        columns: Features | list[Column] = features
        weight = None if sample_weight is None else check_weight(sample_weight, n_rows)
        number = None if groups is None else read_groups(groups, n_rows)
        rows = None if weight is None else np.flatnonzero(weight)
        jointly = jointly or weight is not None or number is not None
        if jointly and (n_rows if rows is None else len(rows)) > MAX_ROWS:
            drawn = np.random.default_rng(seed).choice(
                n_rows if rows is None else rows, MAX_ROWS, replace=False
            )
            rows = np.sort(drawn)
        if rows is not None:
            targets = [column.take(rows) for column in targets]
            weight = None if weight is None else weight[rows] / weight[rows].mean()
            number = None if number is None else np.unique(number[rows], return_inverse=True)[1]
        if number is not None:
            _check_number_of_groups(int(number.max()) + 1)
        if jointly:
            columns = features.read_rows(rows)
        return cls(n_columns, features.named, columns, targets, discrete, None, weight, number)

    def task(self, owner: np.ndarray, n_select, alpha: float, on_step, n_jobs, included=()) -> SelectionTask:
        """Task for a strategy. `owner` is the feature of each column, or -1 for none."""
        if self.table is not None:
            for grid in self.table.grids[self.n_columns :]:
                grid.labels = grid.labels or _are_classes(grid)
            return _ClusterTask(
                [],
                [],
                n_select,
                alpha,
                on_step,
                n_jobs,
                included=list(included),
                table=self.table,
                owner=owner,
            )
        assert self.columns is not None
        weights = RowWeights(self.weight, len(self.targets[0].values))
        targets = [weights.margin(column, is_class(column)) for column in self.targets]
        shared = (n_select, alpha, on_step, n_jobs, self.weight, self.groups, list(included))
        if isinstance(self.columns, Features):
            return _UnreadTask(
                [], targets, *shared, columns=self.columns, discrete=self.discrete, owner=owner
            )
        read = zip(self.columns, self.discrete, strict=True)
        tasks = (delayed(weights.margin)(column, labels) for column, labels in read)
        margins = run_counted(tasks, n_jobs, False, self.n_columns, "column", require="sharedmem")
        features: list[list[Margin]] = [[] for _ in range(int(owner.max()) + 1)]
        for feature, margin in zip(owner.tolist(), margins, strict=True):
            if feature >= 0:
                features[feature].append(margin)
        if self.groups is None:
            n_copies = max(copies_between(margins, targets) for margins in features)
            warn_of_copies(n_copies, len(targets[0].codes), _EFFECT_OF_COPIES, AS_GROUPS)
        return SelectionTask(features, targets, *shared)


def _check_number_of_groups(n_groups: int) -> None:
    if n_groups < 2:
        raise ValueError("groups must have 2 or more different labels; got 1. Pass groups=None.")
    if n_groups < _FEW_GROUPS:
        warn(
            f"groups has {n_groups} different labels. P-values count groups instead of rows, so with fewer "
            f"than {_FEW_GROUPS} groups few features are significant, or none. Pass more groups, or set "
            "n_features_to_select to select the best features whatever their p-values."
        )


def named_columns(X):
    """An empty container in memory with the columns of a Dask X."""
    return X._meta if hasattr(X, "iloc") else np.empty((0, X.shape[1]))


@dataclass(kw_only=True)
class _UnreadTask(SelectionTask):
    """A task that reads a few columns at a time, and can compute only the relevance of single features."""

    columns: Features
    discrete: np.ndarray
    owner: np.ndarray

    def _relevance_of_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chunks = [chunk[self.owner[chunk] >= 0] for chunk in self.columns.chunks()]
        chunks = [chunk for chunk in chunks if len(chunk)]
        tasks = (
            delayed(_relevance_of_part)(self.columns.part(chunk), self.discrete[chunk], self.targets)
            for chunk in chunks
        )
        found = run_counted(tasks, self.n_jobs, False, len(chunks), "block of columns", prefer="threads")
        relevances, copies = zip(*found, strict=True)
        warn_of_copies(max(copies), len(self.targets[0].codes), _EFFECT_OF_COPIES, AS_GROUPS)
        return self.owner[self.owner >= 0], *np.hstack(relevances)


def _relevance_of_part(part: Part, discrete: np.ndarray, targets: list[Margin]) -> tuple[np.ndarray, int]:
    """Relevance of the columns of a part, and the number of copied rows."""
    margins = [Margin.of_column(*read) for read in zip(part.read(), discrete, strict=True)]
    return relevance(margins, targets), copies_between(margins, targets)


@dataclass(kw_only=True)
class _ClusterTask(SelectionTask):
    """A task whose columns stay on a cluster, which can compute only the relevance of single features."""

    table: ClusterTable
    owner: np.ndarray

    def _relevance_of_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        d = self.table.n_features
        targets = range(d, len(self.table.names))
        scores = self.table.pair_scores([(j, k) for k in targets for j in range(d)]).reshape(-1, d, 3)
        known = self.owner >= 0
        pvalues = len(targets) * scores[:, known, 1].min(axis=0)
        return self.owner[known], scores[:, known, 0].max(axis=0), pvalues


def _are_classes(grid: Grid) -> bool:
    """Like :func:`skmine._scores.reading.is_class`, for a column of a cluster."""
    return grid.values is not None and are_few_integers(grid.values, grid.n_rows)
