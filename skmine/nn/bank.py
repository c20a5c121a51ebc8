"""A bank made of a user's critics."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from .isolation import OwnDraws


class CriticBank(nn.Module):
    """A bank made from critics without a bank axis, such as your own.

    A bank is one module that holds several critics. This class makes a bank from any critic, and evaluates
    its members one after the other.

    Parameters
    ----------
    factory : callable
        ``factory(d_x, d_y) -> nn.Module``. It is called once for each member.
    d_x, d_y : int
        Number of columns of x and of y.
    n_members : int
        Number of critics.
    generator : torch.Generator or None, default=None
        Source of the initial weights and of random operations in training, such as dropout. None takes a seed
        from the operating system. The global generator of torch is neither read nor advanced.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import CriticBank
    >>> class Product(torch.nn.Module):
    ...     def __init__(self, d_x, d_y):
    ...         super().__init__()
    ...         self.linear = torch.nn.Linear(d_x, d_y)
    ...     def forward(self, x, y):
    ...         return (self.linear(x) * y).sum(-1)
    >>> bank = CriticBank(Product, d_x=2, d_y=1, n_members=5)
    >>> bank(torch.zeros(5, 100, 2), torch.zeros(5, 100, 1)).shape
    torch.Size([5, 100])
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
        if isinstance(factory, nn.Module):
            raise TypeError(
                f"critic must be a function (d_x, d_y) -> torch.nn.Module; got {type(factory).__name__}, "
                "which is one module for all folds. Pass its class, or a function that makes a new one."
            )
        is_class = isinstance(factory, type) and not issubclass(factory, nn.Module)
        if is_class and hasattr(factory, "fit"):
            raise TypeError(
                f"critic must be an instance if it is a model; got the class {factory.__name__}. Pass "
                f"{factory.__name__}()."
            )
        if generator is None:
            generator = torch.Generator()
            generator.seed()
        seed = int(torch.randint(2**31, (), generator=generator))
        with OwnDraws(seed):
            members = [factory(d_x, d_y) for _ in range(n_members)]
        if not isinstance(members[0], nn.Module):
            raise TypeError(
                f"critic must be a function (d_x, d_y) -> torch.nn.Module; it returned a "
                f"{type(members[0]).__name__}. Return a module whose forward takes x and y."
            )
        self._seed = seed
        self._draws: OwnDraws | None = None
        parameters, buffers = stack_module_state(members)
        self._skeleton = [members[0].to("meta")]  # in a list, so that its weights are not registered
        self._names = list(parameters), list(buffers)
        self.weights = nn.ParameterList(
            nn.Parameter(p, requires_grad=p.requires_grad) for p in parameters.values()
        )
        for i, value in enumerate(buffers.values()):
            self.register_buffer(f"buffer_{i}", value)

    def train(self, mode: bool = True) -> "CriticBank":
        """Set training or evaluation mode of the critics, for example for dropout."""
        self._skeleton[0].train(mode)
        if not mode:
            self._draws = None
        elif self._draws is None:
            self._seed += 1  # a new seed after each check on held-out rows
            self._draws = OwnDraws(self._seed)
        return super().train(mode)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Critic values. The first axis of x and of y is the bank.

        x and y are broadcast first, so that a critic may concatenate them.
        """
        one_x, _ = torch.broadcast_tensors(x[..., :1], y[..., :1])
        leading = one_x.shape[:-1]  # torch.broadcast_shapes imports sympy, which adds a filter of warnings
        x, y = x.expand(*leading, -1), y.expand(*leading, -1)
        tensors = dict(zip(self._names[0], self.weights, strict=True))
        tensors |= {name: getattr(self, f"buffer_{i}") for i, name in enumerate(self._names[1])}
        values = []
        # In evaluation, random operations draw the same values at each call.
        with self._draws or OwnDraws(0):
            for k in range(len(x)):
                own = {name: tensor[k] for name, tensor in tensors.items()}
                values.append(functional_call(self._skeleton[0], own, (x[k], y[k])))
        for value in values:
            if not isinstance(value, Tensor) or value.shape != leading[1:]:
                got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(
                    f"critic must return one number for each row, {tuple(leading[1:])} here; got {got}. End "
                    "its forward with .squeeze(-1) if it has one output."
                )
        return torch.stack(values)
