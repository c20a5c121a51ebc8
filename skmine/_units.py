"""Units and scales of mutual information: nats, bits, and a correlation."""

import math

import numpy as np

_NATS_A_UNIT = {"nats": 1.0, "bits": math.log(2)}
_SCALES = ("information", "correlation")


def nats_a_unit(unit: str) -> float:
    """Return the divisor that converts nats to a unit.

    Parameters
    ----------
    unit : {"nats", "bits"}
        Requested unit.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        The unit is unknown.
    """
    if unit not in _NATS_A_UNIT:
        raise ValueError(f"unit must be 'nats' or 'bits'; got {unit!r}. Pass one of them.")
    return _NATS_A_UNIT[unit]


def check_scale(scale: str, unit: str) -> float:
    """Check a scale and its unit, and return the divisor that converts nats to the unit.

    Parameters
    ----------
    scale : {"information", "correlation"}
        Requested scale.
    unit : {"nats", "bits"}
        Unit of information. A correlation has none.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        The scale or unit is unknown, or a unit is set for a correlation.
    """
    if scale not in _SCALES:
        raise ValueError(f"scale must be 'information' or 'correlation'; got {scale!r}. Pass one of them.")
    if scale == "correlation" and unit != "nats":
        raise ValueError(
            f"unit must not be set with scale='correlation', which has no unit; got {unit!r}. Remove unit, "
            "or pass scale='information'."
        )
    return nats_a_unit(unit)


def on_scale(information: np.ndarray, entropy: np.ndarray, scale: str, nats: float) -> np.ndarray:
    """Convert scores in nats to the requested scale, or to a unit of `nats` nats. -0.0 becomes 0.0."""
    return 0.0 + (as_correlation(information, entropy) if scale == "correlation" else information / nats)


def as_correlation(information, entropy):
    """Convert mutual information to the correlation of normal columns with the same value.

    Parameters
    ----------
    information : array-like
        Values in nats. Negative values count as 0.
    entropy : array-like
        Smaller entropy of the two columns in nats; infinite if both are continuous.

    Returns
    -------
    ndarray
        From 0 (independent, or a constant) to 1 (one column is a function of the other).

    References
    ----------
    Linfoot (1957), An informational measure of correlation, Information and Control, eq. 12, for continuous
    columns.
    """
    information, entropy = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (information, entropy)))
    square, most = (-np.expm1(-2 * np.maximum(value, 0.0)) for value in (information, entropy))
    share = np.divide(square, most, out=np.zeros_like(square), where=most > 0)
    return np.sqrt(np.minimum(share, 1.0))
