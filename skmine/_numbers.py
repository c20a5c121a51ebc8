"""Numbers of any type as float64, strings that hold numbers, and indices of distinct strings."""

from decimal import Decimal
from itertools import repeat
from types import NoneType

import numpy as np

#: float64 represents integers exactly up to this value.
_MOST_EXACT = 2**53
#: The base of large integers is a multiple of 2 to this power. With smaller steps, the base would change
#: without need between a few rows. With larger steps, too few bits would be left for the differences.
_BASE_STEP_BITS = 52
#: Types of missing values, by name, so that pandas need not be imported.
_MISSING_TYPES = {"NAType", "NaTType"}


def number_labels(objects: list, factorize=None) -> tuple[np.ndarray, list[str]] | None:
    """Index of each string among the distinct strings, without comparing strings in each row.

    Parameters
    ----------
    objects : list
        The rows.
    factorize : callable or None, default=None
        Faster function of the container that numbers objects of any type in the same way.

    Returns
    -------
    number : ndarray of shape (n,)
        Index of each label, -1 for None, NaN, NA and NaT.
    labels : list of str
        The distinct labels, in order of appearance. Both are None if the rows hold anything else, or no
        string.
    """
    types = set(map(type, objects))
    absent = {t for t in types if t in (float, NoneType) or t.__name__ in _MISSING_TYPES}
    if types - absent != {str}:
        return None
    if factorize is not None:
        number, found = factorize()
        known = np.asarray(found, dtype=object).tolist()
        return (number, known) if set(map(type, known)) == {str} else None
    distinct = dict.fromkeys(objects)
    gaps = [value for value in distinct if type(value) is not str] if absent else []
    labels = [value for value in distinct if type(value) is str] if gaps else list(distinct)
    if any(type(value) is float and value == value for value in gaps):
        return None
    numbers = dict(zip(labels, range(len(labels)), strict=True)) | dict.fromkeys(gaps, -1)
    return np.fromiter(map(numbers.__getitem__, objects), np.int64, len(objects)), labels


def parse_numbers(labels, most_failures: int, counts=None) -> np.ndarray | None:
    """Numbers that strings hold.

    Parameters
    ----------
    labels : sequence of str
        Strings.
    most_failures : int
        How many strings may hold neither a finite number nor NaN.
    counts : sequence of int or None, default=None
        How often each string counts. None means once.

    Returns
    -------
    ndarray of shape (n_labels,) or None
        Numbers, with NaN for strings that hold none; None if there are too many of those.
    """
    found = []
    for label, count in zip(labels, repeat(1) if counts is None else counts, strict=False):
        try:
            number = np.inf if "_" in label else float(label)  # 1_000 is a number only in source code
        except ValueError:
            number = np.inf
        if np.isinf(number):  # not NaN, which is how many tools write a missing number
            number, most_failures = np.nan, most_failures - count
            if most_failures < 0:
                return None
        found.append(number)
    return np.array(found)


def as_floats(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Numbers as float64, without a copy if they already are.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Real numbers.

    Returns
    -------
    numbers : ndarray of shape (n,)
        float64.
    base : int
        0, the number that was subtracted.
    """
    return values.astype(np.float64, copy=False), 0


def shift_integers(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Integers as float64, relative to a base if they are large.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Values of an integer dtype.

    Returns
    -------
    numbers : ndarray of shape (n,)
        float64.
    base : int
        The number that was subtracted.
    """
    base = _base(int(values.min()), int(values.max())) if len(values) else 0
    if base == 0:
        return values.astype(np.float64), 0
    # Differences modulo 2**64 are correct, because they are not negative and are smaller than 2**64.
    return (values.astype(np.uint64) - np.uint64(base % 2**64)).astype(np.float64), base


def read_numbers(values: np.ndarray, types: set[type]) -> tuple[np.ndarray, int]:
    """Objects as float64, relative to a base if they are large integers.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Objects.
    types : set of type
        Types of the values.

    Returns
    -------
    numbers : ndarray of shape (n,)
        float64.
    base : int
        The number that was subtracted.

    Raises
    ------
    TypeError, ValueError, OverflowError
        A float cannot hold a value.
    """
    if any(issubclass(t, np.complexfloating) for t in types):  # NumPy would drop the imaginary part
        raise TypeError("a complex number")
    numbers = values.astype(np.float64)
    is_exact = all(issubclass(t, (int, np.integer, Decimal)) for t in types)
    if not is_exact or not len(numbers) or not _MOST_EXACT <= np.abs(numbers).max() < np.inf:
        return numbers, 0
    integers = [int(v) for v in values]
    if any(whole != v for whole, v in zip(integers, values, strict=True)):
        return numbers, 0
    base = _base(min(integers), max(integers))
    return np.array([float(v - base) for v in integers]), base


def _base(low: int, high: int) -> int:
    """Offset to subtract from integers between `low` and `high`, so that float64 keeps them distinct."""
    if max(-low, high) <= _MOST_EXACT:
        return 0
    return low >> _BASE_STEP_BITS << _BASE_STEP_BITS
