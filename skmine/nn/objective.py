"""Mutual information as a term of a loss function."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .bounds import BOUNDS, DonskerVaradhan
from .critics import CRITICS, soft_clip
from .isolation import differentiable, isolated
from .pairs import SampledPairs
from .steps import Adam


class MutualInformation(nn.Module):
    """Estimate of I(X; Z) between two tensors of your model, in nats, for use in its loss.

    In each step of your training loop:

    1. Call :meth:`update` with the two tensors. It trains the critic, which has an optimiser of its own.
    2. Call the module with the same tensors, and add the value to your loss: times a negative weight to
       maximise the information, times a positive weight to minimise it.

    The value has gradients to both tensors, but not to the critic. So ``backward`` on your loss changes only
    your model.

    Parameters
    ----------
    d_x, d_z : int
        Number of columns of the two tensors.
    critic : {"concat", "separable"} or nn.Module, default="concat"
        Name in :data:`CRITICS`, or a module that maps ``(..., d_x), (..., d_z)`` to ``(...)``.
    bound : str or DonskerVaradhan, default="mine"
        Name in :data:`BOUNDS`, or an instance. ``"mine"`` trains the critic with the bias-corrected gradient.
    hidden_layer_sizes : sequence of int, default=(64, 64)
        Number of units in each hidden layer of a named critic.
    learning_rate : float, default=1e-3
        Learning rate of the critic. Raise it, or `n_steps`, if the value lags behind your model.
    n_steps : int, default=2
        Training steps of the critic in each call of :meth:`update`.
    group_size : int, default=8
        Rows of z that each row of x is paired with, including its own. More rows lower the variance and cost
        more time.
    clip : float, default=12.0
        Largest absolute score, in nats. It keeps the value and its gradient finite if your model makes the
        information infinite.
    generator : torch.Generator or None, default=None
        Source of the initial weights and of the order of the rows, on the CPU.
    dtype : torch.dtype or None, default=None
        Data type of the weights of a named critic. None uses torch's default.

    References
    ----------
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML, sections 5.1 and 5.3.

    Examples
    --------
    Train an encoder to keep as much information about its input as possible, despite noise:

    >>> import torch
    >>> from skmine.nn import MutualInformation
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.randn(256, 3, generator=generator)
    >>> encoder = torch.nn.Linear(3, 2)
    >>> information = MutualInformation(3, 2, generator=generator)
    >>> optimiser = torch.optim.Adam(encoder.parameters(), lr=1e-2)
    >>> for _ in range(10):
    ...     z = encoder(x) + torch.randn(256, 2, generator=generator)
    ...     _ = information.update(x, z)  # train the critic
    ...     loss = -information(x, z)  # minus: maximise
    ...     optimiser.zero_grad()
    ...     loss.backward()
    ...     optimiser.step()
    >>> loss.shape
    torch.Size([])
    """

    def __init__(
        self,
        d_x: int,
        d_z: int,
        *,
        critic="concat",
        bound="mine",
        hidden_layer_sizes=(64, 64),
        learning_rate: float = 1e-3,
        n_steps: int = 2,
        group_size: int = 8,
        clip: float = 12.0,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        if isinstance(critic, str):
            critic = CRITICS[critic](d_x, d_z, hidden_layer_sizes, generator=generator, dtype=dtype)
        self.critic = critic
        self.bound: DonskerVaradhan = BOUNDS[bound]() if isinstance(bound, str) else copy.deepcopy(bound)
        self.n_steps, self.clip, self.generator = n_steps, clip, generator
        self._pairs = SampledPairs(group_size, self.bound.includes_joint, self.bound.offset)
        self._optimiser = Adam(self.critic, learning_rate)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Value of the bound in nats. It has gradients to x and z, but not to the critic.

        Parameters
        ----------
        x, z : Tensor of shape (n, d_x), (n, d_z)
            Paired rows.

        Returns
        -------
        Tensor of shape ()
        """
        trainable = [p for p in self.critic.parameters() if p.requires_grad]
        for parameter in trainable:
            parameter.requires_grad_(False)
        try:
            return self.bound.estimate(*self._scores(x, z))[0]
        finally:
            for parameter in trainable:
                parameter.requires_grad_(True)

    @isolated()
    def update(self, x: Tensor, z: Tensor) -> float:
        """Train the critic on these rows. No gradients flow back to x and z.

        Parameters
        ----------
        x, z : Tensor of shape (n, d_x), (n, d_z)
            Paired rows, at least 2.

        Returns
        -------
        float
            Value of the bound at the last step, in nats.
        """
        x, z = differentiable(x), differentiable(z)
        value = x.new_zeros(())
        for _ in range(self.n_steps):
            order = torch.randperm(len(x), generator=self.generator).to(x.device)
            scores = self._scores(x[order], z[order])
            self._optimiser.zero_grad()
            (-self.bound.surrogate(*scores)).sum().backward()
            self._optimiser.step()
            value = self.bound.estimate(*(s if s is None else s.detach() for s in scores))[0]
        return float(value)

    def _scores(self, x: Tensor, z: Tensor):
        return self._pairs(self._bounded, x.unsqueeze(0), z.unsqueeze(0))

    def _bounded(self, x: Tensor, z: Tensor) -> Tensor:
        return soft_clip(self.critic(x, z), self.clip)


def clipped_backward(loss: Tensor, information: Tensor, parameters: Iterable[nn.Parameter]) -> None:
    """Backward pass of ``loss + information`` in which the information cannot dominate the loss.

    Mutual information has no upper bound, so its gradient can dominate that of an adversarial loss. This
    function shortens the gradient of `information` to at most the length of the gradient of `loss`. The sum
    of both is added to ``.grad``.

    Parameters
    ----------
    loss, information : Tensor of shape ()
        The two terms to minimise. To maximise the information, pass it times a negative weight.
    parameters : iterable of nn.Parameter
        Parameters of the model.

    References
    ----------
    Belghazi et al. (2018), section 5.1, adaptive gradient clipping.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import clipped_backward
    >>> weight = torch.nn.Parameter(torch.tensor(1.0))
    >>> clipped_backward(2 * weight, 50 * weight, [weight])  # the gradient 50 is shortened to 2
    >>> weight.grad
    tensor(4.)
    """
    parameters = list(parameters)
    main, added = (
        torch.autograd.grad(value, parameters, retain_graph=i == 0, materialize_grads=True)
        for i, value in enumerate((loss, information))
    )
    main_norm, added_norm = (torch.stack([g.norm() for g in grads]).norm() for grads in (main, added))
    scale = (main_norm / added_norm.clamp_min(1e-12)).clamp_max(1.0)
    for parameter, one, other in zip(parameters, main, added, strict=True):
        total = one + scale * other
        parameter.grad = total if parameter.grad is None else parameter.grad + total
