"""What only wraps data that skmine reads: tensors, arrays of other libraries, narwhals frames, and bytes."""

from importlib import import_module

import numpy as np
import torch


def unwrap(data, name: str = "X"):
    """A container that skmine reads, for one that it would read wrongly, slowly or not at all.

    Parameters
    ----------
    data : object
        Any input.
    name : str, default="X"
        Name of the argument, for messages.

    Returns
    -------
    object
        A NumPy array for a tensor or a list of them, on any device, and for an array of another library;
        the frame in a narwhals frame; an Arrow table for a record batch; otherwise the input.

    Raises
    ------
    ValueError
        A tensor has no data, as on torch's device "meta", or rows of different lengths; or an array cannot be
        copied to the CPU.
    """
    if hasattr(data, "to_native"):
        return unwrap(data.to_native(), name)
    library = type(data).__module__.split(".")[0]
    if library == "pyarrow" and type(data).__name__ == "RecordBatch":
        return import_module("pyarrow").Table.from_batches([data])
    is_list = isinstance(data, (list, tuple)) and all(isinstance(value, torch.Tensor) for value in data)
    try:
        if is_list and len({value.shape for value in data}) == 1:
            data = torch.stack(list(data))
        if not is_foreign(data):
            return np.asarray(data) if isinstance(data, memoryview) else data
        return _tensor_to_numpy(data) if isinstance(data, torch.Tensor) else _array_to_numpy(data)
    except (BufferError, NotImplementedError, RuntimeError, TypeError) as error:
        one = data[0] if is_list else data
        raise ValueError(
            f"{name} must be convertible to a NumPy array; got a {type(one).__name__} of type {one.dtype} "
            f"on {one.device} ({error}). Pass a dense one that holds data, or a NumPy array."
        ) from error


def is_foreign(data) -> bool:
    """Whether data are a torch tensor or an array of another library than NumPy and Dask."""
    is_array = hasattr(data, "__array_namespace__") and not isinstance(data, np.ndarray)
    return isinstance(data, torch.Tensor) or (is_array and type(data).__module__.split(".")[0] != "dask")


def _tensor_to_numpy(tensor: torch.Tensor) -> np.ndarray:
    dense = tensor.dequantize() if tensor.is_quantized else tensor
    dense = dense if dense.layout == torch.strided else dense.to_dense()
    in_numpy = not dense.is_floating_point() or dense.dtype in (torch.half, torch.float, torch.double)
    return (dense if in_numpy else dense.float()).numpy(force=True)


def _array_to_numpy(array) -> np.ndarray:
    """A NumPy array of an array that follows the array API standard. It may be on another device."""
    try:
        return np.asarray(array)
    except (RuntimeError, TypeError):
        return np.from_dlpack(array, device="cpu")


def decode_bytes(values: np.ndarray) -> np.ndarray:
    """Bytes among objects as strings, as in the nominal columns of ARFF and HDF5 files.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Objects.

    Returns
    -------
    ndarray of shape (n,)
        The same array if it holds no bytes. Bytes that are not UTF-8 become escape sequences.
    """
    objects = values.tolist()
    if not any(issubclass(t, bytes) for t in set(map(type, objects))):
        return values
    decoded = np.empty(len(objects), dtype=object)
    decoded[:] = [v.decode(errors="backslashreplace") if isinstance(v, bytes) else v for v in objects]
    return decoded
