"""Regression by small neural networks whose evidence chooses how smooth they are.

A network has one hidden layer and a linear part. The prior of its parameters is normal, with one variance for
each group of parameters: the slopes of each column, the offsets, the output weights and the linear part. The
variances of the groups and of the noise maximise the evidence, so columns without effect are switched off,
and no rows are needed to stop the training. The parameters follow from the Levenberg-Marquardt algorithm,
which needs a few dozen steps for a network of this size.

References
----------
MacKay (1992), "A practical Bayesian framework for backpropagation networks", Neural Computation 4, for the
evidence; Neal (1996), "Bayesian Learning for Neural Networks", for a variance of each column; Foresee and
Hagan (1997), "Gauss-Newton approximation to Bayesian learning", for both with Levenberg-Marquardt steps.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

#: Maximum number of hidden units, and of parameters of all targets. The time of a step grows with the square
#: of the number of parameters.
_MOST_UNITS, _MOST_PARAMETERS = 16, 256
#: Minimum number of hidden units.
_FEWEST_UNITS = 4
#: The initial slopes of the units range from 1 to this. Only units that start steep find fast waves.
_FASTEST = 8.0
#: Maximum number of steps, and number of first steps in which all groups have one variance.
_MOST_STEPS, _COMMON_STEPS = 40, 5
#: Training ends if a step lowers the squared error by less than this share.
_LEAST_FALL = 1e-4
#: Precisions of the prior stay in this range.
_PRECISIONS = 1e-6, 1e6
#: Damping of the first step, in mean squared derivatives; factor by which it changes; maximum number of
#: changes in a step.
_DAMPING, _DAMPING_FACTOR, _MOST_DAMPINGS = 1e-4, 4.0, 12


class EvidenceNetwork(NamedTuple):
    """A fitted network of one target.

    Attributes
    ----------
    hidden : Tensor of shape (d, n_units)
        Slopes of the hidden units.
    offset, out : Tensor of shape (n_units,)
        Offsets and output weights of the hidden units.
    slope : Tensor of shape (d,)
        Slopes of the linear part.
    constant : Tensor of shape ()
    """

    hidden: Tensor
    offset: Tensor
    out: Tensor
    slope: Tensor
    constant: Tensor

    @classmethod
    def of(cls, parameters: Tensor, d: int) -> "EvidenceNetwork":
        """The network with these parameters, (n_parameters,)."""
        m = (len(parameters) - d - 1) // (d + 2)
        hidden, offset, out, slope, constant = parameters.split([d * m, m, m, d, 1])
        return cls(hidden.view(d, m), offset, out, slope, constant.squeeze(0))

    def predict(self, x: Tensor) -> Tensor:
        """Predictions, (n, d) -> (n,)."""
        return (x @ self.hidden + self.offset).tanh() @ self.out + x @ self.slope + self.constant

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions, (n,), and their derivatives with respect to the parameters, (n, n_parameters)."""
        unit = (x @ self.hidden + self.offset).tanh()
        inner = (1 - unit.square()) * self.out
        by_slope = (x.unsqueeze(2) * inner.unsqueeze(1)).flatten(1)
        derivatives = torch.cat([by_slope, inner, unit, x, torch.ones_like(x[:, :1])], 1)
        return unit @ self.out + x @ self.slope + self.constant, derivatives

    def scaled(self, centre: Tensor, scale: Tensor, y_centre: Tensor, y_scale: Tensor) -> "EvidenceNetwork":
        """The network of columns and a target that were standardised with these centres and scales."""
        hidden, slope = self.hidden / scale.unsqueeze(1), y_scale * self.slope / scale
        constant = y_centre + y_scale * self.constant - centre @ slope
        return EvidenceNetwork(hidden, self.offset - centre @ hidden, y_scale * self.out, slope, constant)


def n_units(d: int, n_targets: int) -> int:
    """Number of hidden units.

    Parameters
    ----------
    d : int
        Number of columns.
    n_targets : int
        Number of targets. Each has a network of its own.

    Returns
    -------
    int
    """
    affordable = (_MOST_PARAMETERS / math.sqrt(n_targets) - d - 1) / (d + 2)
    return int(min(max(affordable, _FEWEST_UNITS), _MOST_UNITS))


def fit_network(x: Tensor, y: Tensor, weight: Tensor, m: int, seed: int) -> EvidenceNetwork:
    """Fit a network to some rows.

    Parameters
    ----------
    x : Tensor of shape (n, d)
        Columns, in double precision.
    y : Tensor of shape (n,)
        Target.
    weight : Tensor of shape (n,)
        Weights of the rows.
    m : int
        Number of hidden units.
    seed : int
        Seed of the first parameters.

    Returns
    -------
    EvidenceNetwork
    """
    weight = weight / weight.mean()
    share = (weight / len(y)).unsqueeze(1)
    (centre, scale), (y_centre, y_scale) = (_location(columns, share) for columns in (x, y.unsqueeze(1)))
    z, target = (x - centre) / scale, (y - y_centre) / y_scale
    d = x.shape[1]
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(m * (d + 2), generator=generator, dtype=x.dtype)
    start[: d * m] *= torch.logspace(0, math.log2(_FASTEST), m, 2, dtype=x.dtype).repeat(d) / math.sqrt(d)
    start[-m:] *= 0.1
    parameters = _maximise(z, target, weight, torch.cat([start, start.new_zeros(d + 1)]), d)
    return EvidenceNetwork.of(parameters, d).scaled(centre, scale, y_centre.squeeze(0), y_scale.squeeze(0))


def _location(columns: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column; a constant column has standard deviation 1."""
    centre = (share * columns).sum(0)
    scale = (share * (columns - centre).square()).sum(0).sqrt()
    return centre, torch.where(scale > 1e-12 * columns.abs().amax(0), scale, torch.ones_like(scale))


def _maximise(x: Tensor, y: Tensor, weight: Tensor, parameters: Tensor, d: int) -> Tensor:
    """Parameters of the largest posterior density, with the variances of the largest evidence."""
    n, m = len(y), (len(parameters) - d - 1) // (d + 2)
    counts = torch.tensor([m] * (d + 2) + [d, 1])
    group = torch.arange(len(counts)).repeat_interleave(counts)
    precision = torch.full((len(counts),), 1e-2, dtype=x.dtype)
    noise, damping, error = 1.0, _DAMPING, math.inf  # precision of the noise; squared error of the last step

    def loss(parameters: Tensor) -> tuple[float, float]:
        squared = float(weight @ (y - EvidenceNetwork.of(parameters, d).predict(x)).square())
        return noise * squared + float(precision[group] @ parameters.square()), squared

    for number in range(_MOST_STEPS):
        predicted, derivatives = EvidenceNetwork.of(parameters, d).derivatives(x)
        weighted = weight.unsqueeze(1) * derivatives
        residual = y - predicted
        gradient = noise * (weighted.T @ residual) - precision[group] * parameters
        curvature = noise * (derivatives.T @ weighted) + precision[group].diag()
        before = noise * float(weight @ residual.square()) + float(precision[group] @ parameters.square())
        for _ in range(_MOST_DAMPINGS):
            damped = curvature + (damping * noise * n) * torch.eye(len(group), dtype=x.dtype)
            root, failed = torch.linalg.cholesky_ex(damped)
            step = torch.cholesky_solve(gradient.unsqueeze(1), root).squeeze(1)
            after, squared = loss(parameters + step)
            if not failed and after < before:
                break
            damping *= _DAMPING_FACTOR
        else:
            return parameters
        parameters, damping = parameters + step, max(damping / _DAMPING_FACTOR, 1e-11)
        root, failed = torch.linalg.cholesky_ex(curvature)
        if failed or (number > 3 * _COMMON_STEPS and error - squared < _LEAST_FALL * error):
            return parameters
        error = squared
        variance = torch.zeros_like(precision).scatter_add(0, group, torch.cholesky_inverse(root).diagonal())
        known = (counts - precision * variance).clamp_min(1e-3)  # well-determined parameters of each group
        size = torch.zeros_like(precision).scatter_add(0, group, parameters.square()).clamp_min(1e-12)
        if number < _COMMON_STEPS:
            precision = (known.sum() / size.sum()).expand_as(precision)
        else:
            precision = (known / size).clamp(*_PRECISIONS)
        noise = (n - min(float(known.sum()), 0.9 * n)) / max(squared, 1e-9 * n)
    return parameters
