"""The columns of X, read a few at a time, and sent a few at a time to other processes."""

import numpy as np
from scipy.sparse import issparse

from skmine._columns import Column, LazyTable, check_features, is_lazy, read_columns, shape_of, unwrap

#: Maximum number of columns, and of values, per chunk; of a row-major array: values per read from disk (128
#: MB), and minimum number of columns per read from memory.
_COLUMNS_A_CHUNK, _NUMBERS_A_CHUNK, _NUMBERS_A_READ, _FEWEST_BY_ROWS = 32, 500_000, 2**24, 4


class Features:
    """Columns of X, read a few at a time if X is a LazyFrame or Dataset.

    Parameters
    ----------
    X : array-like, sparse matrix, DataFrame, LazyFrame or Dataset of shape (n, d)
        The input, n and d at least 1.

    Attributes
    ----------
    shape : tuple of two int
        Number of rows and columns.
    sparse : bool
        Whether X is a sparse matrix.
    lazy : bool
        Whether X is not in memory.
    named : array, sparse matrix or DataFrame
        Container in memory with the same columns: X itself, or an empty frame.

    Raises
    ------
    ValueError
        X does not have two dimensions, or has no column or no row.
    """

    def __init__(self, X):
        X = unwrap(X)
        data = check_features(X, lazy=True)
        self.sparse = issparse(data)
        self.lazy = is_lazy(X) or isinstance(data, np.memmap)
        self.named = data.empty if is_lazy(X) else X
        self._data = data.tocsc() if self.sparse else data
        self.shape = shape_of(data)

    def part(self, which) -> "Part":
        """Some columns, for a task that another process may run."""
        return Part(self._data, which)

    def read(self, which=None) -> list[Column]:
        """Read some or all columns, see :func:`read_columns`."""
        return self.part(which).read()

    def read_rows(self, rows: np.ndarray | None) -> list[Column]:
        """Read all columns at some or all rows, one chunk of columns at a time."""
        if rows is None:
            return self.read()
        return [column.take(rows) for chunk in self.chunks() for column in self.read(chunk)]

    def select(self, which):
        """Select columns of a LazyFrame or Dataset without reading them."""
        return self._data.select(which)

    def chunks(self, numbers: int | None = None) -> list[np.ndarray]:
        """Split the columns into chunks with at most this many values, and at least one column."""
        n, d = self.shape
        if numbers is None:
            # Reading one column of a row-major array takes as long as reading several.
            by_rows = isinstance(self._data, np.ndarray) and not self._data.flags.f_contiguous
            at_least = _NUMBERS_A_READ if isinstance(self._data, np.memmap) else _FEWEST_BY_ROWS * n
            numbers = max(_NUMBERS_A_CHUNK, by_rows * at_least)
        size = int(np.clip(numbers // n, 1, _COLUMNS_A_CHUNK))
        return np.array_split(np.arange(d), -(-d // size))


class Part:
    """Some columns of X. If it is sent to another process, only these columns are.

    Parameters
    ----------
    data : array, sparse matrix, DataFrame, Arrow table or LazyTable
        All columns.
    which : sequence of int or None
        The columns of this part; None means all.
    """

    def __init__(self, data, which):
        self.data, self.which = data, which

    def __sizeof__(self) -> int:
        # Dask sends a large object by itself, not within the description of a task.
        n_rows, n_columns = shape_of(self.data)
        return object.__sizeof__(self) + 8 * n_rows * (n_columns if self.which is None else len(self.which))

    def __getstate__(self) -> dict:
        data, which = self.data, self.which
        if which is None or isinstance(data, LazyTable | _SomeColumns):
            return vars(self)
        if hasattr(data, "iloc"):
            data, which = data.iloc[:, which], None
        elif hasattr(data, "column_names"):
            data, which = data.select([int(j) for j in which]), None
        elif hasattr(data, "columns"):
            data, which = data[:, which], None
        else:
            data = _SomeColumns(data, which)
        return {"data": data, "which": which}

    def read(self) -> list[Column]:
        """Read the columns, see :func:`read_columns`."""
        return read_columns(self.data, "X", parse_text=True, which=self.which)


class _SomeColumns:
    """Some columns of an array, which keep their numbers."""

    def __init__(self, array, which):
        self.shape, self.dtype = array.shape, array.dtype
        self.position = {int(j): i for i, j in enumerate(which)}
        every = slice(which[0], which[-1] + 1)
        # A slice of a memory map remains one, and another process opens the file.
        is_slice = np.array_equal(which, np.arange(every.start, every.stop))
        self.columns = array[:, every] if is_slice else array[:, which]

    def __getitem__(self, at):
        rows, which = at
        return self.columns[rows, [self.position[j] for j in which]]
