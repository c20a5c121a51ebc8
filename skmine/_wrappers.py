"""Containers that only wrap what skmine reads: tensors, arrays of other libraries, and narwhals frames."""

from importlib import import_module

import numpy as np
import torch


def unwrap(data):
    """A container that skmine reads, for one that it would read wrongly, slowly or not at all.

    Parameters
    ----------
    data : object
        Any input.

    Returns
    -------
    object
        A NumPy array for a tensor, on any device and of any layout, and for an array of another library; the
        frame in a narwhals frame; an Arrow table for a record batch; otherwise the input.
    """
    if isinstance(data, torch.Tensor):
        dense = data if data.layout == torch.strided else data.to_dense()
        in_numpy = not dense.is_floating_point() or dense.dtype in (torch.half, torch.float, torch.double)
        return (dense if in_numpy else dense.float()).numpy(force=True)
    if hasattr(data, "to_native"):
        return unwrap(data.to_native())
    library = type(data).__module__.split(".")[0]
    if library == "pyarrow" and type(data).__name__ == "RecordBatch":
        return import_module("pyarrow").Table.from_batches([data])
    is_array = isinstance(data, memoryview) or hasattr(data, "__array_namespace__")
    if is_array and not isinstance(data, np.ndarray) and library != "dask":
        return np.asarray(data)
    return data
