"""Shapes of containers, and the error for data without rows and columns."""

import numpy as np


def shape_of(data) -> tuple[int, ...]:
    """Rows and columns of a container, or rows alone.

    Parameters
    ----------
    data : object
        What :func:`as_container` returned.

    Returns
    -------
    tuple of int
    """
    return tuple(data.shape) if hasattr(data, "shape") else (len(data),)


def shape_error(data, name: str) -> ValueError:
    """The error for data without rows and columns.

    Parameters
    ----------
    data : object
        What :func:`as_container` returned.
    name : str
        Name in messages.

    Returns
    -------
    ValueError
    """
    shape = shape_of(data)
    of_rows = len(shape) == 1 and isinstance(data, np.ndarray) and len(data) > 0
    got, remedy = (
        str(shape),
        f"Reshape it: {name}.reshape(-1, 1) makes one column, and {name}.reshape(1, -1) ",
    )
    remedy += "makes one row."
    if not shape and data.dtype == object:
        got, remedy = f"a {type(data.item()).__name__}", "Pass an array, a list of rows or a DataFrame."
    elif getattr(getattr(data, "dtype", None), "names", None) or (of_rows and isinstance(data[0], dict)):
        got, remedy = f"{shape}, rows with named fields", f"Pass pandas.DataFrame({name})."
    elif hasattr(data, "to_frame"):
        remedy = f"Pass {name}.to_frame(), which has one column."
    return ValueError(
        f"Expected 2D array, got {len(shape)}D array instead: {name} must have shape (n_samples, "
        f"n_features); got {got}. {remedy}"
    )
