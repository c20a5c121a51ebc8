"""Discrete distributions, given by a table of probabilities."""

import numpy as np
from scipy.special import rel_entr

from skmine.distributions._base import JointDistribution, check_number


class DiscreteTable(JointDistribution):
    """Two discrete columns with a table of joint probabilities. `mi` is exact.

    Parameters
    ----------
    probabilities : array-like of shape (n_x, n_y)
        Non-negative numbers with sum 1, without a row or column of zeros.
    x_values : array-like of shape (n_x,), default=None
        Values of X, increasing. None means 0, ..., n_x - 1.
    y_values : array-like of shape (n_y,), default=None
        Values of Y, increasing. None means 0, ..., n_y - 1.

    References
    ----------
    Cover and Thomas, 2006, Elements of Information Theory, equation 2.28.

    Examples
    --------
    >>> from skmine.distributions import DiscreteTable
    >>> round(DiscreteTable([[0.5, 0.0], [0.0, 0.5]]).mi, 4)
    0.6931
    """

    d_x, d_y = 1, 1

    def __init__(self, probabilities, x_values=None, y_values=None):
        table = np.array(probabilities, dtype=np.float64)
        if table.ndim != 2 or np.any(table < 0) or not abs(table.sum() - 1) < 1e-8:
            raise ValueError(
                "probabilities must be a matrix of non-negative numbers that sum to 1; got shape "
                f"{table.shape} and sum {table.sum():g}. Divide it by its sum."
            )
        if np.any(table.sum(axis=0) == 0) or np.any(table.sum(axis=1) == 0):
            raise ValueError("probabilities must have no row or column of zeros; got one. Leave it out.")
        self.probabilities = table / table.sum()
        self.x_values = _check_values(x_values, table.shape[0], "x_values")
        self.y_values = _check_values(y_values, table.shape[1], "y_values")

    def _sample(self, n_samples, rng):
        cells = rng.choice(self.probabilities.size, size=n_samples, p=self.probabilities.ravel())
        rows, columns = np.unravel_index(cells, self.probabilities.shape)
        return self.x_values[rows][:, np.newaxis], self.y_values[columns][:, np.newaxis]

    def _mutual_information(self):
        product = np.outer(self.probabilities.sum(axis=1), self.probabilities.sum(axis=0))
        return rel_entr(self.probabilities, product).sum()

    def _log_prob(self, X, Y):
        rows, known_x = positions(X, self.x_values)
        columns, known_y = positions(Y, self.y_values)
        return np.where(known_x & known_y, np.log(self.probabilities[rows, columns]), -np.inf)

    def _log_prob_x(self, X):
        rows, known = positions(X, self.x_values)
        return np.where(known, np.log(self.probabilities.sum(axis=1)[rows]), -np.inf)

    def _log_prob_y(self, Y):
        columns, known = positions(Y, self.y_values)
        return np.where(known, np.log(self.probabilities.sum(axis=0)[columns]), -np.inf)


class NoisyLabel(DiscreteTable):
    """X is a fair bit, Y the same bit flipped with some probability (binary symmetric channel).

    `mi` is exact: log 2 - entropy of the flip, in nats.

    Parameters
    ----------
    flip_probability : float
        Probability that the label is flipped, in [0, 1].

    References
    ----------
    Cover and Thomas, 2006, Elements of Information Theory, section 7.1.4.

    Examples
    --------
    >>> from skmine.distributions import NoisyLabel
    >>> round(NoisyLabel(0.1).mi, 4)
    0.3681
    """

    def __init__(self, flip_probability):
        self.flip_probability = check_number(flip_probability, "flip_probability", 0, 1, "both")
        keep = 1 - self.flip_probability
        flip = self.flip_probability
        super().__init__([[keep / 2, flip / 2], [flip / 2, keep / 2]])


def positions(points, values):
    """Index of each entry of a single column among the sorted values, and whether it is one of them."""
    column = points[:, 0]
    index = np.clip(np.searchsorted(values, column), 0, len(values) - 1)
    return index, values[index] == column


def _check_values(values, n_values, name):
    if values is None:
        return np.arange(n_values, dtype=np.float64)
    values = np.array(values, dtype=np.float64)
    if values.shape != (n_values,) or np.any(np.diff(values) <= 0):
        raise ValueError(
            f"{name} must be {n_values} increasing numbers; got {values.tolist()}. "
            "Sort the table by its values."
        )
    return values
