"""Upper bounds of the information that a noisy code carries about x."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .critics import _mlp, _run, soft_clip
from .isolation import differentiable, isolated
from .steps import Adam, draw_normal

_REFERENCE_ROWS = 256


class VariationalRate(nn.Module):
    """Upper bound of I(X; Z): ``E KL(p(z | x) || r)`` with a standard normal r, in nats.

    It exceeds I(X; Z) by KL(p(z) || r). Minimising it therefore also makes the code standard normal.

    References
    ----------
    Alemi et al. (2017), Deep variational information bottleneck, eq. 14.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import VariationalRate
    >>> mean, log_scale = torch.ones(100, 2), torch.zeros(100, 2)
    >>> VariationalRate()(mean, mean, log_scale)  # mean**2 / 2 for each of two columns
    tensor(1.)
    """

    def update(self, z: Tensor) -> None:
        """Do nothing: this bound has nothing to train."""

    def forward(self, z: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
        """Value in nats, with gradients to the encoder.

        Parameters
        ----------
        z, mean, log_scale : Tensor of shape (n, n_components)
            Codes, and the means and log scales of the normal densities that they were drawn from.

        Returns
        -------
        Tensor of shape ()
        """
        divergence = (mean**2 + (2 * log_scale).exp() - 1) / 2 - log_scale
        return divergence.sum(-1).mean()


class MINERate(VariationalRate):
    """Tighter upper bound of I(X; Z): ``E KL(p(z | x) || r) - KL(p(z) || r)``, in nats.

    A critic estimates the second term by the Donsker-Varadhan bound, which is a lower bound. The value is
    therefore an upper bound of I(X; Z) for every critic, so that minimising it is safe. It equals
    :class:`VariationalRate` before the critic is trained, and I(X; Z) for the best critic.

    Parameters
    ----------
    n_components : int
        Number of columns of the code.
    hidden_layer_sizes : sequence of int, default=(64, 64)
        Number of units in each hidden layer of the critic.
    learning_rate : float, default=1e-3
        Learning rate of the critic.
    n_steps : int, default=1
        Training steps of the critic in each call of :meth:`update`.
    clip : float, default=4.0
        Largest absolute score, in nats. It limits the effect of rare codes far from the others.
    generator : torch.Generator or None, default=None
        Source of the initial weights and of the draws of r, on the CPU.
    dtype : torch.dtype or None, default=None
        Data type of the weights. None uses torch's default.

    References
    ----------
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML, eq. 4 and section 5.3.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import MINERate
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.randn(256, 3, generator=generator)
    >>> encoder = torch.nn.Linear(3, 2)
    >>> rate = MINERate(2, generator=generator)
    >>> mean, log_scale = encoder(x), torch.zeros(256, 2)
    >>> z = mean + torch.randn(256, 2, generator=generator)
    >>> rate.update(z)  # train the critic
    >>> rate(z, mean, log_scale).shape  # multiply by a weight and add to the loss
    torch.Size([])
    """

    def __init__(
        self,
        n_components: int,
        hidden_layer_sizes: Sequence[int] = (64, 64),
        *,
        learning_rate: float = 1e-3,
        n_steps: int = 1,
        clip: float = 4.0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.n_steps, self.clip, self.generator = n_steps, clip, generator
        widths = [n_components, *hidden_layer_sizes, 1]
        self.layers = _mlp(widths, None, generator, last_gain=0.0, dtype=dtype)
        self._optimiser = Adam(self.layers, learning_rate)

    @isolated()
    def update(self, z: Tensor) -> None:
        """Train the critic of KL(p(z) || r) on these codes. No gradients flow back to z."""
        z = differentiable(z)
        for _ in range(self.n_steps):
            self._optimiser.zero_grad()
            (self._log_mean(z) - self._scores(z).mean()).backward()
            self._optimiser.step()

    def forward(self, z: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
        """Value in nats, with gradients to the encoder but not to the critic."""
        self.layers.requires_grad_(False)
        try:
            return super().forward(z, mean, log_scale) - self._scores(z).mean() + self._log_mean(z)
        finally:
            self.layers.requires_grad_(True)

    def _log_mean(self, z: Tensor) -> Tensor:
        """Second term of the Donsker-Varadhan bound of KL(p(z) || r), from draws of r."""
        reference = draw_normal((_REFERENCE_ROWS, z.shape[-1]), self.generator, z)
        return self._scores(reference).logsumexp(0) - math.log(_REFERENCE_ROWS)

    def _scores(self, z: Tensor) -> Tensor:
        return soft_clip(_run(self.layers, z).squeeze(-1), self.clip)
