"""Bounds: they turn critic scores into nats.

Every bound has two methods. ``estimate`` is the value that is reported. ``surrogate`` is the objective of
training; for MINE, SMILE and JS its gradient differs from that of ``estimate``. Both methods take

* ``joint``, shape (..., n): critic values on paired rows;
* ``marginal``, shape (..., n, k): row i holds the critic values of x_i with k independent rows of y;
* ``joint_weight``, shape (..., n), and ``marginal_weight``, broadcastable to ``marginal``: optional
  non-negative weights, which need not be normalised.

They return a tensor of shape (...). Leading axes, such as that of a bank of critics, are kept.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over the last axis."""
    if weight is None:
        return values.mean(-1)
    return (values * weight).sum(-1) / weight.expand_as(values).sum(-1)


def _log_mean_exp(values: Tensor, weight: Tensor | None) -> Tensor:
    """``log E[exp(values)]`` over the last axis, without overflow."""
    if weight is None:
        return values.logsumexp(-1) - math.log(values.shape[-1])
    log_weight = weight.expand_as(values).log()
    return (values + log_weight).logsumexp(-1) - log_weight.logsumexp(-1)


def _pooled(marginal: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """All marginal pairs of a critic, and their weights, on one axis."""
    if weight is not None:
        weight = weight.expand_as(marginal).flatten(-2)
    return marginal.flatten(-2), weight


class DonskerVaradhan:
    """Donsker-Varadhan bound: ``E_P[T] - log E_Q[exp(T)]``, in nats.

    A lower bound of I(X; Y) for every critic T. It equals I(X; Y) if T is the log density ratio plus any
    constant. P is the joint distribution and Q the product of the marginals.

    The logarithm of a minibatch mean makes the stochastic gradient biased; :class:`MINE` corrects this.

    References
    ----------
    Donsker and Varadhan (1983); Belghazi et al. (2018), MINE, eq. 4 and 10.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import DonskerVaradhan
    >>> joint, marginal = torch.ones(100), torch.zeros(100, 3)  # scores of 100 joint and 300 marginal pairs
    >>> DonskerVaradhan().estimate(joint, marginal)
    tensor(1.)
    """

    #: Whether ``marginal`` also holds the paired row. Only InfoNCE needs it.
    includes_joint = False
    #: Rows of y that each row of x is paired with in training, including its own.
    group_size = 4
    #: The best critic minus the log density ratio, in nats.
    offset = 0.0
    #: Whether any function of x may be added to the best critic.
    is_free_in_x = False

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        return _mean(joint, joint_weight) - self.log_normaliser(marginal, marginal_weight)

    def surrogate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Objective that training maximises, shape (...). Here it is the bound itself."""
        return self.estimate(joint, marginal, joint_weight, marginal_weight)

    def log_normaliser(self, marginal, marginal_weight=None):
        """``log E_Q[exp(T)]``, shape (...). Subtract it from the critic to get the log density ratio."""
        return _log_mean_exp(*_pooled(marginal, marginal_weight))

    def row_normalisers(self, marginal, marginal_weight=None):
        """What to subtract from the critic at each row of x, shape (..., m) or (..., 1)."""
        if self.is_free_in_x:
            return _log_mean_exp(marginal, marginal_weight)
        return self.log_normaliser(marginal, marginal_weight).unsqueeze(-1)


class Normalised(DonskerVaradhan):
    """``E_P[T]`` in nats, for a critic that is normalised by construction: ``E_Q[exp(T)] = 1``.

    It is meant for values above the log of the number of marginal pairs. A sample estimate of
    ``E_Q[exp(T)]`` would be far too low there, because the pairs that dominate it never occur in the sample.

    References
    ----------
    McAllester and Stratos (2020), Formal limitations on the measurement of mutual information, theorem 1.
    """

    def log_normaliser(self, marginal, marginal_weight=None):
        """Zero, shape (...)."""
        return marginal.new_zeros(marginal.shape[:-2])


class MINE(DonskerVaradhan):
    """Donsker-Varadhan bound with the bias-corrected gradient of MINE.

    The gradient of ``log E_Q[exp(T)]`` is ``E_Q[exp(T) grad T] / E_Q[exp(T)]``. The denominator is
    replaced by an exponential moving average over minibatches. The longer the average, the smaller the bias.
    ``estimate`` is the same as for :class:`DonskerVaradhan`.

    Parameters
    ----------
    decay : float, default=0.9
        Weight of the past in the moving average, per step. Raise it for very small minibatches.

    References
    ----------
    Belghazi et al. (2018), MINE, section 3.2, eq. 12.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import MINE
    >>> bound = MINE()
    >>> scores = torch.ones(100), torch.zeros(100, 3)
    >>> bound.estimate(*scores)
    tensor(1.)
    >>> objective = bound.surrogate(*scores)  # maximise it in each step of training
    """

    def __init__(self, decay: float = 0.9):
        self.decay = decay
        self._log_average: Tensor | None = None

    def surrogate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Objective with the corrected gradient, shape (...). Its value has no meaning."""
        values, weight = _pooled(marginal, marginal_weight)
        log_now = _log_mean_exp(values, weight).detach()
        if self._log_average is None:
            self._log_average = log_now
        else:
            self._log_average = torch.logaddexp(
                self._log_average + math.log(self.decay), log_now + math.log1p(-self.decay)
            )
        ratio = (values - self._log_average.unsqueeze(-1)).exp()
        return _mean(joint, joint_weight) - _mean(ratio, weight)


class MINEF(DonskerVaradhan):
    """f-divergence bound (MINE-f, also NWJ): ``E_P[T] - E_Q[exp(T - 1)]``, in nats.

    Its gradient is unbiased. For the same critic, its value never exceeds the Donsker-Varadhan bound, because
    ``log z <= z / e``. It equals I(X; Y) if T is the log density ratio plus one.

    Some summaries of the paper put a logarithm in front of the second term. The result would exceed
    Donsker-Varadhan by exactly one, and is not a bound.

    References
    ----------
    Nguyen, Wainwright and Jordan (2010); Belghazi et al. (2018), MINE, eq. 6.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import MINEF
    >>> round(float(MINEF().estimate(torch.ones(100), torch.zeros(100, 3))), 3)  # 1 - exp(-1)
    0.632
    """

    offset = 1.0

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        log_mean = self.log_normaliser(marginal, marginal_weight)
        return _mean(joint, joint_weight) - (log_mean - 1).exp()


class InfoNCE(DonskerVaradhan):
    """InfoNCE: ``E[T(x_i, y_i) - log mean_j exp(T(x_i, y_j))]``, in nats.

    ``marginal`` has k columns, and the paired row is one of them. The value has low variance, but cannot
    exceed ``log k``.

    References
    ----------
    van den Oord et al. (2018), eq. 4; Poole et al. (2019), eq. 10.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import InfoNCE
    >>> scores = 20 * torch.eye(100)  # a critic that recognises the paired row among 100
    >>> round(float(InfoNCE().estimate(scores.diagonal(), scores)), 3)  # log(100)
    4.605
    """

    includes_joint = True
    is_free_in_x = True
    group_size = 64

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        return _mean(joint - _log_mean_exp(marginal, marginal_weight), joint_weight)


class JensenShannon(DonskerVaradhan):
    """Critic trained on the Jensen-Shannon divergence, reported through the f-divergence bound.

    ``surrogate`` is ``-E_P[softplus(-T)] - E_Q[softplus(T)]``, which is largest for the log density ratio.
    ``estimate`` is :class:`MINEF` of ``T + 1``, that is ``1 + E_P[T] - E_Q[exp(T)]``, in nats.

    References
    ----------
    Nowozin et al. (2016); Hjelm et al. (2019), eq. 4; Poole et al. (2019), section 2.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import JensenShannon
    >>> JensenShannon().estimate(torch.ones(100), torch.zeros(100, 3))
    tensor(1.)
    """

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        log_mean = self.log_normaliser(marginal, marginal_weight)
        return 1 + _mean(joint, joint_weight) - log_mean.exp()

    def surrogate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Negative logistic loss of a classifier between joint and marginal pairs."""
        values, weight = _pooled(marginal, marginal_weight)
        return -_mean(softplus(-joint), joint_weight) - _mean(softplus(values), weight)


class SMILE(JensenShannon):
    """SMILE: the Donsker-Varadhan bound with a clipped density ratio, in nats.

    ``E_P[T] - log E_Q[clip(exp(T), exp(-tau), exp(tau))]``. Clipping lowers the variance and adds a bias, so
    that the value is no longer a lower bound. The critic is trained on the Jensen-Shannon divergence.

    Parameters
    ----------
    clip : float, default=5.0
        The clipping point tau, in nats. A smaller value has less variance and more bias.

    References
    ----------
    Song and Ermon (2020), eq. 7 and algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import SMILE
    >>> joint, marginal = torch.ones(100), torch.full((100, 3), -9.0)
    >>> SMILE(clip=5.0).estimate(joint, marginal)  # the marginal scores are clipped to -5
    tensor(6.)
    """

    def __init__(self, clip: float = 5.0):
        self.clip = clip

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        values, weight = _pooled(marginal, marginal_weight)
        return _mean(joint, joint_weight) - _log_mean_exp(values.clamp(-self.clip, self.clip), weight)


#: Bounds by name. To add one, write a class above and list it here.
BOUNDS = {
    "mine": MINE,
    "dv": DonskerVaradhan,
    "mine-f": MINEF,
    "infonce": InfoNCE,
    "smile": SMILE,
    "js": JensenShannon,
}
