"""Units and scales of mutual information: nats, bits, and a correlation."""

import math

import numpy as np

_NATS_A_UNIT = {"nats": 1.0, "bits": math.log(2)}
_SCALES = ("information", "correlation")


def nats_a_unit(unit: str) -> float:
    """What a value in nats is divided by.

    Parameters
    ----------
    unit : {"nats", "bits"}
        The unit asked for.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        The unit is another one.
    """
    if unit not in _NATS_A_UNIT:
        raise ValueError(f"unit must be 'nats' or 'bits'; got {unit!r}. Pass one of them.")
    return _NATS_A_UNIT[unit]


def check_scale(scale: str, unit: str) -> float:
    """Check a scale and its unit, and return what a value in nats is divided by.

    Parameters
    ----------
    scale : {"information", "correlation"}
        The scale asked for.
    unit : {"nats", "bits"}
        Of information; a correlation has none.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Either is another one, or a unit is asked for a correlation.
    """
    if scale not in _SCALES:
        raise ValueError(f"scale must be 'information' or 'correlation'; got {scale!r}. Pass one of them.")
    if scale == "correlation" and unit != "nats":
        raise ValueError(
            f"unit must not be set with scale='correlation', which has no unit; got {unit!r}. Leave it out, "
            "or pass scale='information'."
        )
    return nats_a_unit(unit)


def as_correlation(information, entropy):
    """Mutual information of two columns as the correlation of normal columns that share as much.

    Parameters
    ----------
    information : array-like
        Nats; negative values count as 0.
    entropy : array-like
        Smaller entropy of the two columns in nats, infinite for two continuous ones.

    Returns
    -------
    ndarray
        From 0, independent, to 1, a column is a function of the other; 0 for a constant.

    References
    ----------
    Linfoot (1957), An informational measure of correlation, Information and Control, eq. 12, for continuous
    columns.
    """
    information, entropy = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (information, entropy)))
    square, most = (-np.expm1(-2 * np.maximum(value, 0.0)) for value in (information, entropy))
    share = np.divide(square, most, out=np.zeros_like(square), where=most > 0)
    return np.sqrt(np.minimum(share, 1.0))
