"""How critics are combined: a closed form plus a network, normalisation over classes, pools."""

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from skmine.nn.critics import ReadsFirst

Module = TypeVar("Module", bound=nn.Module)


class Reference(nn.Module):
    """A log density ratio in closed form, as a function of coordinates of x and y.

    ``forward(u, v)`` takes the coordinates, two tensors of shape (n_members, ..., width), and returns shape
    (n_members, ...).

    Attributes
    ----------
    project_x, project_y : nn.Module
        Maps from the columns of a block to coordinates, (n_members, ..., d) -> (n_members, ..., width), with
        an attribute `width`.
    """

    project_x: Any
    project_y: Any

    @property
    def width_x(self) -> int:
        """Number of columns that ``project_x`` returns."""
        return self.project_x.width

    @property
    def width_y(self) -> int:
        """Number of columns that ``project_y`` returns."""
        return self.project_y.width

    def confirmed(self) -> "Reference":
        """The same log ratio, restricted to coordinates whose dependence is confirmed by held-out rows.

        In the others, training rows depend on each other by chance.
        """
        return self


class OneHot(nn.Module):
    """Map of a block of one-hot classes that leaves it unchanged.

    Parameters
    ----------
    n_classes : int
        Number of columns returned.
    """

    def __init__(self, n_classes: int):
        super().__init__()
        self.width = n_classes

    def forward(self, one_hot: Tensor) -> Tensor:
        """Shape (n_members, ..., n_classes), unchanged."""
        return one_hot


class ReferencedCritic(nn.Module):
    """Reference plus network. The network reads the reference's coordinates and further columns.

    Parameters
    ----------
    reference : Reference
        The closed form.
    network : nn.Module or None
        Critic of the reference's coordinates and of the columns that `shown_x` and `shown_y` return. With
        None, the reference is used alone.
    shown_x, shown_y : nn.Module or None, default=None
        Maps to further columns of x and y, or None if there are none.
    """

    def __init__(
        self,
        reference: Reference,
        network: nn.Module | None = None,
        shown_x: nn.Module | None = None,
        shown_y: nn.Module | None = None,
    ):
        super().__init__()
        self.reference, self.network = reference, network
        self.shown_x, self.shown_y = shown_x, shown_y

    def read_x(self, x: Tensor) -> Tensor:
        """Columns read from x, once for all pairs of a row: (n_members, ..., d_x) -> (..., width)."""
        u = self.reference.project_x(x)
        return u if self.shown_x is None else torch.cat([u, self.shown_x(x)], -1)

    def read_y(self, y: Tensor) -> Tensor:
        """Columns read from y."""
        v = self.reference.project_y(y)
        return v if self.shown_y is None else torch.cat([v, self.shown_y(y)], -1)

    def score(self, seen_x: Tensor, seen_y: Tensor) -> Tensor:
        """Critic values of the columns read."""
        u, v = seen_x[..., : self.reference.width_x], seen_y[..., : self.reference.width_y]
        log_ratio = self.reference(u, v)
        return log_ratio if self.network is None else log_ratio + self.network(seen_x, seen_y)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Critic values, ``(n_members, ..., d_x), (n_members, ..., d_y) -> (n_members, ...)``."""
        return self.score(self.read_x(x), self.read_y(y))


class ClassNormalised(nn.Module):
    """Critic of a discrete y, normalised over its classes: ``log p(c | x) - log p(c)``.

    Parameters
    ----------
    critic : nn.Module
        Critic of x and of one-hot classes, in two steps (a ``ReadsFirst``).
    probability : Tensor of shape (n_classes,)
        Probabilities p(c).
    n_members : int
        Size of the bank.
    """

    critic: ReadsFirst
    log_probability: Tensor

    def __init__(self, critic, probability: Tensor, n_members: int):
        super().__init__()
        self.critic = critic
        # The bank axis comes first, as in all parameters and buffers.
        self.register_buffer("log_probability", probability.log().repeat(n_members, 1))

    def read_x(self, x: Tensor) -> Tensor:
        """Columns that the critic reads from x, computed once for all pairs of a row."""
        return self.critic.read_x(x)

    def read_y(self, one_hot: Tensor) -> Tensor:
        """The classes, unchanged."""
        return one_hot

    def score(self, seen_x: Tensor, one_hot: Tensor) -> Tensor:
        """Critic values of the columns read."""
        n_classes = self.log_probability.shape[-1]
        classes = torch.eye(n_classes, dtype=seen_x.dtype, device=seen_x.device)
        classes = classes.expand(seen_x.shape[0], *(1,) * (seen_x.dim() - 2), n_classes, n_classes)
        log_probability = self.log_probability[0]
        scores = self.critic.score(seen_x.unsqueeze(-2), classes) + log_probability
        log_ratio = scores.log_softmax(-1) - log_probability
        return torch.einsum("...c,...c->...", log_ratio, one_hot)

    def forward(self, x: Tensor, one_hot: Tensor) -> Tensor:
        """Critic values, ``(n_members, ..., d_x), (n_members, ..., n_classes) -> (n_members, ...)``."""
        return self.score(self.read_x(x), self.read_y(one_hot))


class PooledCritic(nn.Module):
    """Mean of two critics: the logarithmic opinion pool of their density ratios.

    A network is accurate where the density is smooth, and a table is accurate at sharp edges. If their errors
    are in different places, the pool has a smaller error than each of them.

    Parameters
    ----------
    first, second : nn.Module
        Banks of the same members.

    References
    ----------
    Genest and Zidek (1986), "Combining probability distributions", Statistical Science 1(1).
    """

    def __init__(self, first: nn.Module, second: nn.Module):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Critic values; two tensors of shape (n_members, ..., d) -> (n_members, ...)."""
        return torch.lerp(self.first(x, y), self.second(x, y), 0.5)


def normalised(critic: nn.Module, probability: Tensor | None, n_members: int) -> nn.Module:
    """Normalise a critic over the classes if y is discrete; otherwise return it unchanged.

    Parameters
    ----------
    critic : nn.Module
        A bank.
    probability : Tensor of shape (n_classes,) or None
        Class probabilities; None if y is not discrete.
    n_members : int
        Size of the bank.

    Returns
    -------
    nn.Module
    """
    return critic if probability is None else ClassNormalised(critic, probability, n_members)


class MemberList(nn.Module):
    """A module that holds something other than a tensor for each member of a bank.

    Parameters
    ----------
    members : list
        One entry per member.
    """

    def __init__(self, members: list):
        super().__init__()
        self.members = members


def member_lists(bank: nn.Module) -> list[MemberList]:
    """Modules of a bank that hold something other than a tensor for each member."""
    return [part for part in bank.modules() if isinstance(part, MemberList)]


def of_members(module: Module, members: slice) -> Module:
    """A copy of a bank with some of its members.

    Parameters
    ----------
    module : nn.Module
        Every parameter and buffer has the members on its first axis.
    members : slice
        The members to keep.

    Returns
    -------
    nn.Module
    """
    module = copy.deepcopy(module)
    for tensor in [*module.parameters(), *module.buffers()]:
        tensor.data = tensor.data[members]
    for part in member_lists(module):
        part.members = part.members[members]
    return module


def stack_states(critic: nn.Module, states: tuple[dict, ...]) -> nn.Module:
    """One larger bank that contains the members of a bank in each of several states.

    Parameters
    ----------
    critic : nn.Module
        A bank; it is copied.
    states : tuple of dict
        Trained parameters of the bank. If all are empty, there is one state.

    Returns
    -------
    nn.Module
    """
    critic = copy.deepcopy(critic).requires_grad_(False)
    if any(states):
        for name, value in (dict(critic.named_parameters()) | dict(critic.named_buffers())).items():
            value.data = torch.cat([state.get(name, value) for state in states])
        for part in member_lists(critic):
            part.members = part.members * len(states)
    return critic
