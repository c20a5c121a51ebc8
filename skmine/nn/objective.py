"""Mutual information as an objective: a critic that keeps up with the model that it guides."""

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
    """I(X; Z) between two tensors of your model, in nats, differentiable in both.

    The module holds a critic with an optimiser of its own. In a training loop call :meth:`update` with
    the tensors first, so that the critic keeps up, then the module itself, and add the value to the loss:
    minus a weight times the value maximises the information, plus minimises it. The module's call does
    not touch the critic's weights, so one ``backward`` serves your model alone.

    Scores are bounded smoothly by `clip`, so that the value and its gradient stay finite where a model
    makes the information infinite.

    Parameters
    ----------
    d_x, d_z : int
        Columns of the two tensors.
    critic : {"concat", "separable"} or nn.Module, default="concat"
        Name in :data:`CRITICS`, or a module that maps ``(..., d_x), (..., d_z)`` to ``(...)``.
    bound : str or DonskerVaradhan, default="mine"
        Name in :data:`BOUNDS`, or an instance; ``"mine"`` trains the critic with the corrected gradient.
    hidden_layer_sizes : sequence of int, default=(64, 64)
        Hidden layers of a named critic.
    learning_rate : float, default=1e-3
        Of the critic's Adam.
    n_steps : int, default=2
        Steps of the critic a call of :meth:`update`.
    group_size : int, default=8
        Rows of z that each row of x meets, itself included; more give a tighter normaliser.
    clip : float, default=12.0
        Largest absolute score, in nats.
    generator : torch.Generator or None, default=None
        Source of the initial weights and of the order of the rows, on the CPU.
    dtype : torch.dtype or None, default=None
        Of the weights of a named critic; None is torch's default.

    References
    ----------
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML, sections 5.1 and 5.3.

    Examples
    --------
    An encoder that keeps what its two noisy inputs tell of each other:

    >>> import torch
    >>> from skmine.nn import MutualInformation
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.randn(256, 3, generator=generator)
    >>> encoder = torch.nn.Linear(3, 2)
    >>> information = MutualInformation(3, 2, generator=generator)
    >>> optimiser = torch.optim.Adam(encoder.parameters(), lr=1e-2)
    >>> for _ in range(10):
    ...     z = encoder(x) + torch.randn(256, 2, generator=generator)
    ...     _ = information.update(x, z)  # the critic keeps up
    ...     loss = -information(x, z)  # maximise; plus would minimise
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
        """Value of the bound in nats, a scalar with gradients to x and z but not to the critic.

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
        """Take the critic's steps towards the bound on these rows; their gradient stops here.

        Parameters
        ----------
        x, z : Tensor of shape (n, d_x), (n, d_z)
            Paired rows; at least 2.

        Returns
        -------
        float
            Value of the bound in nats, at the last step.
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
    """Gradients of ``loss + information``, with those of the information no longer than those of the loss.

    Mutual information has no upper bound, and its gradient would drown an adversarial loss. The gradient
    g_m of `information` is scaled to ``min(|g_u|, |g_m|) / |g_m|`` of its length, where g_u is that of
    `loss`, and their sum is added to ``.grad``.

    Parameters
    ----------
    loss, information : Tensor of shape ()
        What is minimised; pass minus a weight times the information to maximise it.
    parameters : iterable of nn.Parameter
        Of the model.

    References
    ----------
    Belghazi et al. (2018), section 5.1, adaptive gradient clipping.
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
