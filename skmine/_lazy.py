"""Data that are not in memory: their size, and reading a few columns at a time.

They are recognised by their attributes, without importing their libraries.
"""

from importlib import import_module


class LazyTable:
    """A polars LazyFrame or a pyarrow Dataset, whose columns are read when they are needed.

    Parameters
    ----------
    data : LazyFrame or Dataset
        Data whose rows come in the same order each time they are read.

    Attributes
    ----------
    names : list of str
        Names of the columns.
    shape : tuple of two int
        Rows and columns.
    """

    def __init__(self, data):
        self.data = data
        self._polars = type(data).__name__ == "LazyFrame"
        if self._polars:
            length = import_module("polars").len()
            self.names, n_rows = data.collect_schema().names(), data.select(length).collect().item()
        else:
            self.names, n_rows = data.schema.names, data.count_rows()
        self.shape = (n_rows, len(self.names))

    def read(self, which):
        """Some columns, in memory.

        Parameters
        ----------
        which : sequence of int
            Columns.

        Returns
        -------
        DataFrame or Arrow table
        """
        names = [self.names[j] for j in which]
        return self.data.select(names).collect() if self._polars else self.data.to_table(columns=names)

    @property
    def empty(self):
        """A table in memory with the same columns and no row."""
        return self.data.head(0).collect() if self._polars else self.data.schema.empty_table()

    def select(self, which):
        """The table with some of the columns, without reading them.

        Parameters
        ----------
        which : sequence of int
            Columns.

        Returns
        -------
        LazyFrame or Dataset
        """
        names = [self.names[j] for j in which]
        if self._polars:
            return self.data.select(names)
        schema = self.data.schema
        return self.data.replace_schema(import_module("pyarrow").schema([schema.field(n) for n in names]))


def is_lazy(data) -> bool:
    """Whether data are a table that :class:`LazyTable` reads."""
    return type(data).__name__ == "LazyFrame" or (
        hasattr(data, "to_table") and hasattr(data, "count_rows") and hasattr(data, "schema")
    )
