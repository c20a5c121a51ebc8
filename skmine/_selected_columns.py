"""The selected columns of any container, in memory, on disk, on a cluster, or of another library."""

import numpy as np
import torch
from sklearn import get_config
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import validate_data

from skmine._clusters import is_clustered
from skmine._columns import is_foreign, is_lazy, unwrap
from skmine._features import Features
from skmine._frame_columns import (
    check_names,
    dense_columns,
    has_fill_values,
    is_frame,
    needs_objects,
    take_columns,
)
from skmine._selector_input import named_columns
from skmine._sklearn import output_container
from skmine._warning import warn


class SelectedColumns(SelectorMixin):
    """A selector that reads columns of any kind, and returns the selected ones in the container of X."""

    n_features_in_: int

    def transform(self, X):
        """Reduce X to the selected columns.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
            Columns as in fit.

        Returns
        -------
        table of shape (n_samples, `n_features_`)
            The selected columns, of the same type as X. A LazyFrame, a Dataset or a Dask collection stays
            lazy, unless ``set_output`` asks for a frame. A tensor, or an array of another library than
            NumPy, becomes a NumPy array, unless scikit-learn's option ``array_api_dispatch`` is set.
        """
        chosen, output = self.get_support(indices=True), output_container(self)
        if output == "default" and _stays_foreign(X):
            validate_data(self, X, reset=False, skip_check_array=True)
            _warn_if_none(chosen)
            return _take_foreign(X, chosen.tolist())
        plain = unwrap(X)
        if is_clustered(plain) or is_lazy(plain):
            return self._transform_unread(plain, chosen, output)
        if output == "default" or not len(chosen) or not is_frame(plain):
            plain = dense_columns(plain) if has_fill_values(plain) else plain
            return super().transform(plain.astype(object) if needs_objects(plain) else plain)
        check_names(self, plain, reset=False)
        return take_columns(plain, chosen.tolist(), output)

    def _transform_unread(self, X, chosen: np.ndarray, output: str):
        """Select columns on disk or on a cluster. They are read only if `set_output` asks for a frame."""
        _warn_if_none(chosen)
        if is_clustered(X):
            named, read = named_columns(X), "compute"
            selected = X.iloc[:, chosen] if hasattr(X, "iloc") else X[:, chosen]
        else:
            table, read = Features(X), "collect" if hasattr(X, "collect") else "to_table"
            named, selected = table.named, table.select(chosen)
        check_names(self, named, reset=False)
        if output == "default":
            return selected
        in_memory = getattr(selected, read)()
        every = list(range(len(chosen)))
        return take_columns(in_memory, every, output) if is_frame(in_memory) else in_memory

    def inverse_transform(self, X):
        """Restore the shape that X had before :meth:`transform`, with zeros in the other columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, `n_features_`)
            Selected columns.

        Returns
        -------
        {ndarray, sparse matrix} of shape (n_samples, `n_features_in_`)
            The selected columns in their places. A tensor, or an array of another library than NumPy, is
            treated as in :meth:`transform`.

        Raises
        ------
        ValueError
            X does not have the columns that were selected.
        """
        chosen = self.get_support(indices=True)
        if _stays_foreign(X) and X.shape[1] == len(chosen):
            return _spread_foreign(X, chosen.tolist(), self.n_features_in_)
        return super().inverse_transform(unwrap(X))


def _stays_foreign(X) -> bool:
    """Whether a tensor or an array of another library is not to become a NumPy array."""
    return get_config()["array_api_dispatch"] and is_foreign(X) and X.ndim == 2


def _take_foreign(array, columns: list[int]):
    """Some columns of a tensor or array, by the operations of its own library. Gradients are kept."""
    if isinstance(array, torch.Tensor):
        has_columns = array.layout in (torch.strided, torch.sparse_coo)
        index = torch.tensor(columns, dtype=torch.int64, device=array.device)
        return (array if has_columns else array.to_dense()).index_select(1, index)
    library = array.__array_namespace__()
    return library.take(array, library.asarray(columns, dtype=library.int64, device=array.device), axis=1)


def _spread_foreign(array, columns: list[int], n_columns: int):
    """The inverse of `_take_foreign`, with zeros in the other columns."""
    source = np.full(n_columns, len(columns))  # the column of zeros
    source[columns] = np.arange(len(columns))
    if isinstance(array, torch.Tensor):
        dense = array.to_dense()
        return _take_foreign(torch.cat([dense, dense.new_zeros(len(dense), 1)], 1), source.tolist())
    library = array.__array_namespace__()
    zeros = library.zeros((array.shape[0], 1), dtype=array.dtype, device=array.device)
    return _take_foreign(library.concat([array, zeros], axis=1), source.tolist())


def _warn_if_none(chosen: np.ndarray) -> None:
    if not len(chosen):  # with the words of scikit-learn, which warns if X is in memory
        warn(
            "No features were selected: either the data is too noisy or the selection test too strict.",
        )
