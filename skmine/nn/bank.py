"""A bank made of critics of the user's."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from .isolation import OwnDraws


class CriticBank(nn.Module):
    """A bank made of critics that know no bank axis, through ``torch.func``.

    Parameters
    ----------
    factory : callable
        ``factory(d_x, d_y) -> nn.Module``, called once a member.
    d_x, d_y : int
        Columns of x and of y.
    n_members : int
        Size of the bank.
    generator : torch.Generator or None, default=None
        Source of the initial weights, and of what the critics draw in training, as dropout does. None seeds
        from the operating system; torch's global generator is neither read nor advanced.
    """

    def __init__(
        self,
        factory: Callable[[int, int], nn.Module],
        d_x: int,
        d_y: int,
        n_members: int,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        if generator is None:
            generator = torch.Generator()
            generator.seed()
        seed = int(torch.randint(2**31, (), generator=generator))
        with OwnDraws(seed):
            members = [factory(d_x, d_y) for _ in range(n_members)]
        self._seed = seed
        self._draws: OwnDraws | None = None
        parameters, buffers = stack_module_state(members)
        self._skeleton = [members[0].to("meta")]  # in a list: its own weights are not part of the bank
        self._names = list(parameters), list(buffers)
        self.weights = nn.ParameterList(
            nn.Parameter(p, requires_grad=p.requires_grad) for p in parameters.values()
        )
        for i, value in enumerate(buffers.values()):
            self.register_buffer(f"buffer_{i}", value)

    def train(self, mode: bool = True) -> "CriticBank":
        """Set the mode of the critics (dropout and the like)."""
        self._skeleton[0].train(mode)
        if not mode:
            self._draws = None
        elif self._draws is None:
            self._seed += 1  # after each check by held-out rows, draws go on with another seed
            self._draws = OwnDraws(self._seed)
        return super().train(mode)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Critic values; the first axis of x and of y is the bank.

        A critic sees x and y with the same leading axes, so that it may concatenate them.
        """
        leading = torch.broadcast_shapes(x.shape[:-1], y.shape[:-1])
        x, y = x.expand(*leading, -1), y.expand(*leading, -1)
        parameters = dict(zip(self._names[0], self.weights, strict=True))
        buffers = {n: getattr(self, f"buffer_{i}") for i, n in enumerate(self._names[1])}

        def member(parameters, buffers, x, y):
            return functional_call(self._skeleton[0], (parameters, buffers), (x, y))

        # In evaluation the same rows meet the same draws, if there are any.
        with self._draws or OwnDraws(0):
            return vmap(member, randomness="different")(parameters, buffers, x, y)
