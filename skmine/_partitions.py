"""Work of one partition of a Dask collection, and sums of the results, as plain functions of arrays."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from skmine._columns import Column, no_rows_error, read_columns, read_target
from skmine._copula import (
    BlockFunctions,
    BlockLaw,
    Grid,
    Margin,
    Summary,
    combine_pvalues,
    count_values,
    estimate_pairs,
    independence_laws,
    independence_pvalues,
    merge,
    moment_sums,
    plug_in_information,
    product_sums,
)
from skmine._validation import check_lengths

#: Number of rows whose functions are in memory at a time.
_ROWS = 2**13


def read_part_of_target(part) -> Column:
    (column,) = read_target(part)
    return column


def read_part(part, names: list[str], *targets: Column) -> list[Column]:
    """Columns of a partition of X, and of y."""
    columns = []
    if names and hasattr(part, "iloc"):
        columns = read_columns(part, "X")
    elif names:
        columns = [read_columns(part[:, j], name)[0] for j, name in enumerate(names)]
    columns += targets
    for column in columns[1:]:
        check_lengths(len(columns[0].values), len(column.values))
    return columns


def apply(function: Callable, value, arguments: list):
    return function(value, *arguments)


def summarise(columns: list[Column], labels: list[bool], names: list[str]) -> list[Summary]:
    return [Summary.of_column(column, flag) for column, flag in zip(columns, labels, strict=True)]


def merge_summaries(parts: list[list[Summary]]) -> list[Summary]:
    return [merge(summaries) for summaries in zip(*parts, strict=True)]


def make_grids(summaries: list[Summary], labels: list[bool], names: list[str]) -> list[Grid]:
    grids = [Grid(summary) for summary in summaries]
    if not grids[0].n_rows:
        raise no_rows_error("X")
    return grids


def count_pairs(columns: list[Column], grids: list[Grid], pairs: list, *_) -> list:
    """Occupied cells of the contingency table of each pair, and their counts."""
    cells = [grid.cells(column) for grid, column in zip(grids, columns, strict=True)]
    found = []
    for j, k in pairs:
        number = cells[j].astype(np.int64) * grids[k].n_cells + cells[k]
        found.append(_occupied(number, None))
    return found


def _occupied(numbers: np.ndarray, counts: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Occupied cells and their counts, in types that hold them in few bytes, because they are sent."""
    distinct, times = count_values(numbers, counts)
    return distinct.astype(np.int32), times.astype(np.min_scalar_type(int(times.max(initial=0))))


def add_counts(parts: list[list]) -> list:
    summed = []
    for tables in zip(*parts, strict=True):
        numbers, counts = (np.concatenate(values) for values in zip(*tables, strict=True))
        summed.append(_occupied(numbers, counts))
    return summed


def _margins_of_pairs(tables: list, grids: list[Grid], pairs: list) -> Iterator[list[Margin]]:
    for (numbers, times), (j, k) in zip(tables, pairs, strict=True):
        cells, rows = np.divmod(numbers, grids[k].n_cells), times.astype(np.float64)
        yield [grids[i].margin(c, rows) for i, c in zip((j, k), cells, strict=True)]


def laws_of_pairs(tables: list, grids: list[Grid], pairs: list) -> list[tuple[BlockLaw, float]]:
    """Law of the independence of each pair, and the evidence of its estimate."""
    margins = _margins_of_pairs(tables, grids, pairs)
    return [(independence_laws([x], y)[0], float(estimate_pairs([x], y)[3, 0])) for x, y in margins]


def score_pairs(tables: list, grids: list[Grid], pairs: list, bias_correction: bool) -> list:
    scores = []
    for first, second in _margins_of_pairs(tables, grids, pairs):
        value, _, _, evidence, _ = estimate_pairs([first], second)[:, 0].tolist()
        if not bias_correction and first.levels is not None and second.levels is not None:
            value = plug_in_information(first, second)
        entropy = min(first.largest_information, second.largest_information)
        pvalue = combine_pvalues(independence_pvalues([first], second), evidence)
        scores.append((value, float(pvalue[0]), entropy))
    return scores


def add_arrays(parts: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [np.add.reduce(arrays) for arrays in zip(*parts, strict=True)]


def all_arrays(arrays: list[np.ndarray], *_) -> list[np.ndarray]:
    return arrays


def first_array(arrays: list[np.ndarray], *_) -> np.ndarray:
    return arrays[0]


def count_cells(columns: list[Column], grids: list[Grid]) -> list[np.ndarray]:
    return [
        np.bincount(grid.cells(column), minlength=grid.n_cells)
        for grid, column in zip(grids, columns, strict=True)
    ]


def make_margins(counts: list[np.ndarray], grids: list[Grid]) -> list[Margin]:
    """Margins whose entries are the occupied cells of the grid."""
    return [
        grid.margin(np.flatnonzero(of_cells), of_cells[of_cells > 0].astype(np.float64))
        for of_cells, grid in zip(counts, grids, strict=True)
    ]


def _of_rows(columns: list[Column], grids: list[Grid], margins: list[Margin]) -> list[Margin]:
    """The margins with the rows of a partition instead of the cells."""
    found = []
    for column, grid, margin in zip(columns, grids, margins, strict=True):
        assert margin.values is not None  # indices of cells
        cells = np.where(np.isnan(margin.values), grid.n_cells - 1, margin.values).astype(int)
        codes = np.zeros(grid.n_cells, dtype=margin.codes.dtype)
        codes[cells] = margin.codes
        found.append(replace(margin, codes=codes[grid.cells(column)], values=None, levels=None, times=None))
    return found


def sum_products(columns, grids, margins, blocks: list[list[int]]) -> list[np.ndarray]:
    rows = _of_rows(columns, grids, margins)
    return [product_sums(*([rows[j] for j in block] for block in blocks))]


def _row_blocks(columns, grids, margins, n_left: int):
    """Cells of the columns of X and of y, a few rows at a time."""
    codes = [margin.codes for margin in _of_rows(columns, grids, margins)]
    for start in range(0, max(len(codes[0]), 1), _ROWS):  # one block if there are no rows
        some = [c[start : start + _ROWS] for c in codes]
        yield some[:n_left], some[n_left:]


def sum_block_products(columns, grids, margins, sides: list[BlockFunctions]) -> list[np.ndarray]:
    blocks = _row_blocks(columns, grids, margins, len(sides[0].single))
    return add_arrays(
        [[side.product_sums(codes) for side, codes in zip(sides, block, strict=True)] for block in blocks]
    )


def sum_moments(columns, grids, margins, sides: list[BlockFunctions]) -> list[np.ndarray]:
    blocks = _row_blocks(columns, grids, margins, len(sides[0].single))
    return add_arrays([moment_sums(*sides, *block) for block in blocks])
