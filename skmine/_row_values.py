"""Arguments with one value for each row or column, from any container: weights and labels of groups."""

import numpy as np

from skmine._columns import as_container, find_missing, read_columns, shape_of


def check_weight(sample_weight, n_rows: int) -> np.ndarray:
    """Check the weights of the rows.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,)
        Non-negative weights, not all zero.
    n_rows : int
        Rows of X.

    Returns
    -------
    ndarray of shape (n_rows,)
        Weights with mean 1 over the rows of positive weight. A weight that rounding removes from the sum of
        all weights is 0.

    Raises
    ------
    TypeError
        The weights are dates, or neither numbers nor booleans.
    ValueError
        A weight is negative, infinite or NaN, all are zero, or the shape is wrong.
    """
    container = _one_value_each(sample_weight, n_rows, "sample_weight", "weight", "row")
    column = read_columns(container, "sample_weight")[0]
    if column.missing.any():
        raise ValueError(
            f"sample_weight must have a number in every row; got {int(column.missing.sum())} missing (NaN). "
            "Drop those rows or set their weight to 0."
        )
    if column.categorical and not all(isinstance(value, bool) for value in column.values):
        raise TypeError(
            "sample_weight must hold numbers; got text or categories. Convert it to numbers first."
        )
    weight = column.values.astype(np.float64) + column.base
    if (weight < 0).any():
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: weights must be at least 0; got "
            f"{weight.min()}. Drop those rows or set their weight to 0."
        )
    if not weight.any():
        raise ValueError(
            "sample_weight must have a weight above 0; got only zeros. Pass None to weight all rows equally."
        )
    weight = weight / weight.max()  # first, so that the mean cannot overflow
    weight[weight < np.finfo(np.float64).eps * weight.sum()] = 0.0
    return weight / weight[weight > 0].mean()


def read_groups(groups, n_rows: int) -> np.ndarray:
    """Return the group number of each row.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        Labels of any type.
    n_rows : int
        Rows of X.

    Returns
    -------
    ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        The shape is wrong, or a label is missing.
    """
    return number_labels_of(groups, n_rows, "groups", "row")


def number_labels_of(labels, n: int, name: str, unit: str) -> np.ndarray:
    """Return the number of each label among the distinct labels, which can be of any types.

    Parameters
    ----------
    labels : array-like of shape (n,)
        Labels, such as strings, numbers or dates.
    n : int
        How many there must be.
    name : str
        Name of the argument, for messages.
    unit : {"row", "column"}
        What has a label, for messages.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        The shape is wrong, or a label is missing.
    """
    container = _one_value_each(labels, n, name, "label", unit)
    values = np.asarray(container)
    if isinstance(container, np.ma.MaskedArray):
        values = values.astype(object)
        values[np.ma.getmaskarray(container)] = None
    if values.dtype.kind in "mM":
        missing = np.isnat(values)
    else:
        missing = find_missing(values) if values.dtype.kind == "O" else values != values
    if missing.any():
        raise ValueError(
            f"{name} must have a label in every {unit}; got {int(missing.sum())} missing. Label these "
            f"{unit}s."
        )
    if values.dtype.kind == "O":
        values = np.array([f"{type(value).__name__} {value}" for value in values])
    return np.unique(values, return_inverse=True)[1]


def _one_value_each(values, n: int, name: str, value: str, unit: str):
    """The values in their container, if there is one for each row or column."""
    container = as_container(values, name)
    shape = shape_of(container)
    if shape != (n,):
        kind = "" if shape else f" of type {type(values).__name__}"
        raise ValueError(
            f"{name} must have one {value} for each {unit} of X ({n}); got shape {shape}{kind}. Pass one "
            f"{value} per {unit}, in one dimension."
        )
    return container
