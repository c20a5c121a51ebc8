"""Bounds: joint and marginal critic scores in, nats out.

Every bound has two methods. ``estimate`` is the value that is reported; ``surrogate`` is what the
optimiser climbs, and may differ in its gradient (MINE, SMILE, JS). Both read

* ``joint``, shape (..., n): critic values on paired rows;
* ``marginal``, shape (..., n, k): row i holds the critic on x_i with k rows of y drawn independently;
* ``joint_weight``, shape (..., n), and ``marginal_weight``, broadcastable to ``marginal``: optional
  non-negative weights, normalised here;

and return a tensor of shape (...): leading axes (a bank of critics) are kept apart.
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

    A lower bound of I(X; Y) for every critic T, tight at the log density ratio plus any constant. The
    logarithm outside the minibatch mean makes its stochastic gradient biased; see :class:`MINE`.

    References
    ----------
    Donsker and Varadhan (1983); Belghazi et al. (2018), MINE, eq. 4 and 10.
    """

    #: Whether ``marginal`` holds the paired row too (only InfoNCE wants it).
    includes_joint = False
    #: Rows of y that each row of x meets in a training batch, itself included.
    group_size = 4
    #: What the best critic has over the log density ratio.
    offset = 0.0
    #: Whether the best critic may have any function of x over it beside.
    is_free_in_x = False

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        return _mean(joint, joint_weight) - self.log_normaliser(marginal, marginal_weight)

    def surrogate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """What the optimiser climbs; here the bound itself."""
        return self.estimate(joint, marginal, joint_weight, marginal_weight)

    def log_normaliser(self, marginal, marginal_weight=None):
        """``log E_Q[exp(T)]``, shape (...): taken off the critic, it leaves the log density ratio."""
        return _log_mean_exp(*_pooled(marginal, marginal_weight))

    def row_normalisers(self, marginal, marginal_weight=None):
        """What is taken off the critic at each row of x, shape (..., m) or (..., 1)."""
        if self.is_free_in_x:
            return _log_mean_exp(marginal, marginal_weight)
        return self.log_normaliser(marginal, marginal_weight).unsqueeze(-1)


class Normalised(DonskerVaradhan):
    """``E_P[T]`` in nats, for a critic whose ``E_Q[exp(T)]`` is one by its form.

    For more nats than the log of the number of marginal pairs: there a sampled second term is far too
    low, since the pairs that make up ``E_Q[exp(T)]`` never occur in a sample.

    References
    ----------
    McAllester and Stratos (2020), Formal limitations on the measurement of mutual information, theorem 1.
    """

    def log_normaliser(self, marginal, marginal_weight=None):
        """Zero, shape (...)."""
        return marginal.new_zeros(marginal.shape[:-2])


class MINE(DonskerVaradhan):
    """Donsker-Varadhan bound with the bias-corrected gradient of MINE.

    The gradient of ``log E_Q[exp(T)]`` is ``E_Q[exp(T) grad T] / E_Q[exp(T)]``; the denominator is
    replaced by an exponential moving average over minibatches, which makes the bias vanish with the
    averaging time. ``estimate`` is that of :class:`DonskerVaradhan`.

    Parameters
    ----------
    decay : float, default=0.9
        Weight of the past in the moving average, per step.

    References
    ----------
    Belghazi et al. (2018), MINE, section 3.2, eq. 12.
    """

    def __init__(self, decay: float = 0.9):
        self.decay = decay
        self._log_average: Tensor | None = None

    def surrogate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Its gradient is the corrected one; its value is not an estimate of anything."""
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

    Never above Donsker-Varadhan for the same critic, since ``log z <= z / e``; its gradient is unbiased.
    Tight at one plus the log density ratio. Summaries of the paper that put a logarithm in front of the
    second term would exceed Donsker-Varadhan by exactly one and are not a bound.

    References
    ----------
    Nguyen, Wainwright and Jordan (2010); Belghazi et al. (2018), MINE, eq. 6.
    """

    offset = 1.0

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        log_mean = self.log_normaliser(marginal, marginal_weight)
        return _mean(joint, joint_weight) - (log_mean - 1).exp()


class InfoNCE(DonskerVaradhan):
    """InfoNCE: ``E[T(x_i, y_i) - log mean_j exp(T(x_i, y_j))]``, in nats.

    ``marginal`` holds the paired row among its k columns. Low variance, but never above ``log k``.

    References
    ----------
    van den Oord et al. (2018), eq. 4; Poole et al. (2019), eq. 10.
    """

    includes_joint = True
    is_free_in_x = True
    group_size = 64

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        return _mean(joint - _log_mean_exp(marginal, marginal_weight), joint_weight)


class JensenShannon(DonskerVaradhan):
    """Critic trained on the Jensen-Shannon divergence, reported through the f-divergence bound.

    ``surrogate`` is ``-E_P[softplus(-T)] - E_Q[softplus(T)]``, maximal at the log density ratio;
    ``estimate`` is :class:`MINEF` of ``T + 1``: ``1 + E_P[T] - E_Q[exp(T)]``, in nats.

    References
    ----------
    Nowozin et al. (2016); Hjelm et al. (2019), eq. 4; Poole et al. (2019), section 2.
    """

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        log_mean = self.log_normaliser(marginal, marginal_weight)
        return 1 + _mean(joint, joint_weight) - log_mean.exp()

    def surrogate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Negative logistic loss of telling joint from marginal pairs."""
        values, weight = _pooled(marginal, marginal_weight)
        return -_mean(softplus(-joint), joint_weight) - _mean(softplus(values), weight)


class SMILE(JensenShannon):
    """SMILE: Donsker-Varadhan with the density ratio of the marginal term clipped, in nats.

    ``E_P[T] - log E_Q[clip(exp(T), exp(-tau), exp(tau))]``. Clipping trades variance for bias: the value
    is no longer a lower bound. The critic is trained on the Jensen-Shannon divergence.

    Parameters
    ----------
    clip : float, default=5.0
        The clipping point tau, in nats.

    References
    ----------
    Song and Ermon (2020), eq. 7 and algorithm 1.
    """

    def __init__(self, clip: float = 5.0):
        self.clip = clip

    def estimate(self, joint, marginal, joint_weight=None, marginal_weight=None):
        """Value in nats, shape (...)."""
        values, weight = _pooled(marginal, marginal_weight)
        return _mean(joint, joint_weight) - _log_mean_exp(values.clamp(-self.clip, self.clip), weight)


#: Bounds by name. A new bound is one class above and its line here.
BOUNDS = {
    "mine": MINE,
    "dv": DonskerVaradhan,
    "mine-f": MINEF,
    "infonce": InfoNCE,
    "smile": SMILE,
    "js": JensenShannon,
}
