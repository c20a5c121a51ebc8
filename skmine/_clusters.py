"""Dask collections: every partition counts its rows, and only the counts are sent.

The first pass over the partitions summarises each column, which gives its grid of ranks or labels. The second
pass counts the rows of each pair of columns on their grids. The counts are summed as a tree, and the workers
also compute the score of each pair. `_partitions` holds the work of one partition.
"""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module

import numpy as np

from skmine import _partitions as tasks
from skmine._columns import check_features, read_target, shape_error
from skmine._copula import (
    BlockFunctions,
    BlockLaw,
    Grid,
    Margin,
    column_blocks,
    law_of_sums,
    screen_pairs,
)
from skmine._frame_columns import check_distinct_names
from skmine._progress import counter
from skmine._validation import check_lengths
from skmine._warning import warn

#: Number of results that one task adds up; number of columns, or pairs, that one task reads; and number of
#: such blocks that are processed together, to limit the memory of counts that are not yet summed.
_FAN_IN, _A_TASK, _BLOCKS_AT_ONCE = 8, 4, 8
#: Above this many nats, cells with a thousandth of the rows are too wide: values are 0.01 too low, and 0.2 at
#: 4.6 nats.
_MOST = 3


def is_clustered(data) -> bool:
    """Whether data are a Dask array, DataFrame or Series."""
    return type(data).__module__.split(".")[0].startswith("dask") and hasattr(data, "to_delayed")


def count_columns(X) -> int:
    """Number of columns of a Dask X.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n, d)
        Features.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        X does not have two dimensions, has no column, or has two columns of the same name.
    """
    if len(X.shape) != 2:
        raise shape_error(X, "X")
    if X.shape[1] == 0:
        check_features(np.empty((1, 0)))
    check_distinct_names(X)
    return X.shape[1]


class ClusterTable:
    """Columns of a Dask X and of y, by partitions.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n, d)
        Features.
    *y : Dask collection or array-like
        Target columns of the same rows, in the same partitions or in memory. Without y, only X is read.
    discrete : ndarray of shape (d,) or None, default=None
        Mask of the columns of X that are labels.
    discrete_target : bool, default=False
        Whether numbers of y are labels.
    verbose : bool or int, default=False
        Whether to show progress.

    Attributes
    ----------
    n_features : int
        Number of columns of X. The columns of y have the next indices.
    grids : list of Grid
        Grids of all columns.

    Raises
    ------
    ValueError
        X does not have two dimensions or has no row, or X and y have different partitions.
    """

    def __init__(self, X, *y, discrete=None, discrete_target: bool = False, verbose=False):
        self.X, self.verbose = X, verbose
        self.is_frame = hasattr(X, "iloc")
        self.n_features = count_columns(X)
        labels = list(X.columns) if self.is_frame else range(self.n_features)
        self.names = [f"X (column {label!r})" for label in labels]
        self.targets = [parts for one in y for parts in self._target_parts(one)]
        self.names += ["y"] * len(self.targets)
        mask = np.zeros(self.n_features, dtype=bool) if discrete is None else discrete
        self.discrete = [*mask.tolist(), *[discrete_target] * len(self.targets)]
        self.grids = self._read_grids()

    def _target_parts(self, y) -> list[list]:
        """Delayed parts of each column of y."""
        delayed = import_module("dask").delayed
        if is_clustered(y):
            several = len(y.shape) == 2 and y.shape[1] > 1
            frame = hasattr(y, "iloc")
            ones = [y.iloc[:, [j]] if frame else y[:, j] for j in range(y.shape[1])] if several else [y]
            return [[delayed(tasks.read_part_of_target)(part) for part in self._delayed(one)] for one in ones]
        columns, lengths = read_target(y), self.lengths()
        check_lengths(sum(lengths), len(columns[0].values))
        starts = np.cumsum([0, *lengths])
        pieces = [np.arange(starts[i], starts[i + 1]) for i in range(len(lengths))]
        return [[delayed(column.take(rows)) for rows in pieces] for column in columns]

    def _delayed(self, data) -> list:
        """Delayed partitions of a collection, which must be those of X."""
        if hasattr(data, "divisions"):  # a DataFrame or Series
            data = data.simplify()  # reads only the chosen columns; further steps would join partitions
        else:
            if not self.is_frame and not np.isnan(data.shape[0]) and not np.isnan(self.X.shape[0]):
                check_lengths(self.X.shape[0], data.shape[0])
                data = data.rechunk({0: self.X.chunks[0]})
            if len(data.shape) == 2:
                data = data.rechunk({1: -1})
        # Without fused tasks, a partition that X, y and several blocks share is made once, by one worker.
        parts = list(np.ravel(np.array(data.to_delayed(optimize_graph=False), dtype=object)))
        n_parts = self.X.npartitions if self.is_frame else self.X.numblocks[0]
        if len(parts) != n_parts:
            raise ValueError(
                f"X and y must have the same partitions; got {n_parts} and {len(parts)}. Take both from the "
                "same Dask collection."
            )
        return parts

    def lengths(self) -> list[int]:
        """Number of rows of each partition, counted if unknown."""
        dask = import_module("dask")
        first = self.X.iloc[:, [0]] if self.is_frame else self.X[:, :1]
        return list(dask.compute(*(dask.delayed(len)(part) for part in self._delayed(first))))

    def parts(self, which: Sequence[int]) -> list:
        """Delayed lists of some columns, by increasing index, one list for each partition."""
        delayed = import_module("dask").delayed
        features = [j for j in which if j < self.n_features]
        targets = [self.targets[j - self.n_features] for j in which if j >= self.n_features]
        if not features:
            return [delayed(tasks.read_part)([], [], *columns) for columns in zip(*targets, strict=True)]
        chosen = self.X.iloc[:, features] if self.is_frame else self.X[:, features]
        names = [self.names[j] for j in features]
        rows = zip(self._delayed(chosen), *targets, strict=True)
        return [delayed(tasks.read_part)(part, names, *columns) for part, *columns in rows]

    def _sums(self, blocks: Iterable[tuple], part: Callable, add: Callable, end: Callable, unit: str) -> list:
        """For each block ``(which, *arguments)``: `part` of each partition, the sum by `add`, and `end`."""
        dask = import_module("dask")
        plans, results = list(blocks), []
        with counter(self.verbose, len(plans), unit) as on_result:
            for start in range(0, len(plans), _BLOCKS_AT_ONCE):
                ends = []
                for which, *arguments in plans[start : start + _BLOCKS_AT_ONCE]:
                    shared = dask.delayed(arguments, traverse=False)
                    found = [
                        dask.delayed(tasks.apply)(part, columns, shared) for columns in self.parts(which)
                    ]
                    while len(found) > 1:
                        found = [
                            dask.delayed(add)(found[i : i + _FAN_IN]) for i in range(0, len(found), _FAN_IN)
                        ]
                    ends.append(dask.delayed(tasks.apply)(end, found[0], shared))
                for result in dask.compute(*ends):
                    results.append(result)
                    on_result(result)
        return results

    def _read_grids(self) -> list[Grid]:
        n_columns = len(self.names)
        blocks = (
            (which, [self.discrete[j] for j in which], [self.names[j] for j in which])
            for which in _pieces(range(n_columns))
        )
        grids = self._sums(
            blocks, tasks.summarise, tasks.merge_summaries, tasks.make_grids, "block of columns"
        )
        return [grid for part in grids for grid in part]

    def empty_columns(self) -> list[str]:
        """Names of the columns without a value."""
        return [n for n, grid in zip(self.names, self.grids, strict=True) if grid.n_missing == grid.n_rows]

    def pair_scores(self, pairs: Sequence[tuple[int, int]], bias_correction: bool = True) -> np.ndarray:
        """Mutual information in nats, p-value, and smaller entropy of pairs of columns.

        Parameters
        ----------
        pairs : sequence of (int, int)
            Indices of columns.
        bias_correction : bool, default=True
            As in :func:`skmine.mutual_info_regression`.

        Returns
        -------
        ndarray of shape (n_pairs, 3)
        """
        scores = np.array(self._of_counts(pairs, tasks.score_pairs, bias_correction)).reshape(-1, 3)
        self._warn_about_resolution(
            [pair for pair, score in zip(pairs, scores, strict=True) if score[0] > _MOST]
        )
        return scores

    def pair_law(self, pair: tuple[int, int]) -> tuple[BlockLaw, float]:
        """Law of the independence of two columns, and the evidence of their estimate, in nats."""
        return self._of_counts([pair], tasks.laws_of_pairs)[0]

    def _of_counts(self, pairs: Sequence[tuple[int, int]], end: Callable, *arguments) -> list:
        """Results of `end` for each pair, from the numbers of rows in the cells of both grids."""
        blocks = []
        for block in _pieces(pairs):
            which = sorted({j for pair in block for j in pair})
            grids = [self.grids[j] for j in which]
            inside = [(which.index(j), which.index(k)) for j, k in block]
            blocks.append((which, grids, inside, *arguments))
        found = self._sums(blocks, tasks.count_pairs, tasks.add_counts, end, "block of pairs")
        return [result for block in found for result in block]

    def _warn_about_resolution(self, pairs: list[tuple[int, int]]) -> None:
        rounded = {j for pair in pairs for j in pair[:1] if all(self.grids[i].rounded for i in pair)}
        if rounded:
            names = ", ".join(self.names[j] for j in sorted(rounded)[:5])
            warn(
                f"{names}: more than {_MOST} nats, which the counts of a Dask collection are too coarse for. "
                "The score is too low. Score these columns in memory, on a sample of the rows."
            )

    def margins(self) -> list[Margin]:
        """Margins of all columns. Each entry represents the rows of one cell of the grid."""
        blocks = ((which, [self.grids[j] for j in which]) for which in _pieces(range(len(self.names))))
        found = self._sums(
            blocks, tasks.count_cells, tasks.add_arrays, tasks.make_margins, "block of columns"
        )
        return [margin for part in found for margin in part]

    def information_matrix(self) -> np.ndarray:
        """Mutual information of all pairs of columns of X in nats, with entropies on the diagonal."""
        margins = self.margins()
        blocks = column_blocks(margins)
        pairs = [(k, other) for k in range(len(blocks)) for other in range(k + 1)]
        plans = []
        for k, other in pairs:
            which = sorted({*blocks[k], *blocks[other]})
            grids, chosen = [self.grids[j] for j in which], [margins[j] for j in which]
            inside = [[which.index(j) for j in block] for block in (blocks[k], blocks[other])]
            plans.append((which, grids, chosen, inside))
        sums = self._sums(plans, tasks.sum_products, tasks.add_arrays, tasks.first_array, "block of pairs")
        matrix = np.zeros((len(margins), len(margins)))
        closer = np.zeros(matrix.shape, dtype=bool)
        for (k, other), total in zip(pairs, sums, strict=True):
            first, second = ([margins[j] for j in blocks[number]] for number in (k, other))
            at = np.ix_(blocks[k], blocks[other])
            matrix[at], closer[at] = screen_pairs(first, second, total)
        open_pairs = np.argwhere(np.tril(closer, -1))
        scores = self.pair_scores([(int(j), int(k)) for k, j in open_pairs])
        matrix[tuple(open_pairs.T)] = scores[:, 0]
        matrix = np.tril(matrix, -1)
        matrix += matrix.T
        np.fill_diagonal(matrix, [margin.largest_information for margin in margins])
        return matrix

    def independence(self) -> BlockLaw:
        """Statistic of the independence of X and y, and its distribution."""
        margins = self.margins()
        n, d = len(margins[0]), self.n_features
        sides = [BlockFunctions(block, n) for block in (margins[:d], margins[d:])]
        plan = [(range(len(margins)), self.grids, margins, sides)]
        means = self._sums(plan, tasks.sum_block_products, tasks.add_arrays, tasks.all_arrays, "pass")[0]
        for side, total in zip(sides, means, strict=True):
            side.standardise(total / n)
        sums = self._sums(plan, tasks.sum_moments, tasks.add_arrays, tasks.all_arrays, "pass")[0]
        return law_of_sums(sums, n)


def sample_rows(X, y, n_rows: int, seed: int):
    """Draw rows of a Dask X and y into memory, in their original order.

    Parameters
    ----------
    X, y : Dask collection; y may be in memory
        Data with the same rows, in the same partitions.
    n_rows : int
        Maximum number of rows.
    seed : int
        Seed of the sample.

    Returns
    -------
    X, y : DataFrame, Series or ndarray
    """
    dask = import_module("dask")
    count_columns(X)
    table = ClusterTable.__new__(ClusterTable)
    table.X, table.is_frame = X, hasattr(X, "iloc")
    lengths = table.lengths()
    n = sum(lengths)
    rows = np.arange(n)
    if n > n_rows:
        rows = np.sort(np.random.default_rng(seed).choice(n, n_rows, replace=False))
    ends = np.cumsum(lengths)
    inside = np.split(rows, np.searchsorted(rows, ends[:-1]))
    local = [part - start for part, start in zip(inside, [0, *ends[:-1]], strict=True)]
    taken = []
    for data in (X, y):
        if not is_clustered(data):
            check_lengths(n, len(read_target(data)[0].values))
            taken.append(data.iloc[rows] if hasattr(data, "iloc") else np.asarray(data)[rows])
            continue
        parts = table._delayed(data)
        found = dask.compute(*(dask.delayed(_take)(part, r) for part, r in zip(parts, local, strict=True)))
        is_frame = hasattr(found[0], "iloc")
        taken.append(import_module("pandas").concat(found) if is_frame else np.concatenate(found))
    return tuple(taken)


def _take(part, rows: np.ndarray):
    return part.iloc[rows] if hasattr(part, "iloc") else part[rows]


def _pieces(items: Sequence) -> list:
    return [list(items[i : i + _A_TASK]) for i in range(0, len(items), _A_TASK)]
