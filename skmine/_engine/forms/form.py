"""The base class of forms, and what a form returns."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from skmine._engine.critics import Reference, member_lists
from skmine._engine.sample import Sample
from skmine.nn.training import TrainingResult

#: Share of the gap between training and held-out value that is subtracted when critics are compared. Without
#: it, a grid that overfits can win by chance from a few hundred rows (a normal pair of 400 rows: 0.63 instead
#: of 0.47 nats; the truth is 0.51).
GAP_PENALTY = 0.1


@dataclass(frozen=True)
class Fit:
    """A bank of critics that was fitted by a form.

    Attributes
    ----------
    critic : nn.Module
        One critic per member. ``forward(x, y)`` takes encoded rows, with members on the first axis, and
        returns log density ratios in nats.
    states : tuple of dict
        Best trained parameters according to the first and to the second half of the held-out rows. Empty if
        nothing was trained on them.
    training : TrainingResult or None, default=None
        Result of the training; None if nothing was trained.
    reference : Reference or None, default=None
        The closed form, if the critic is a closed form whose coordinates other forms may use.
    knows_rows : bool, default=False
        Whether the critic may have memorised the training rows, so that its value on them is meaningless.
    of_half : nn.Module or None, default=None
        The same critics, learnt from half of the training rows. They show the cost of overfitting if
        `knows_rows`.
    """

    critic: nn.Module
    states: tuple[dict, ...] = ({}, {})
    training: TrainingResult | None = None
    reference: Reference | None = None
    knows_rows: bool = False
    of_half: nn.Module | None = None

    def to(self, device: torch.device) -> "Fit":
        """A copy on a device. Later forms read the original on the CPU."""
        critic = copy.deepcopy(self.critic).to(device)
        of_half = None if self.of_half is None else copy.deepcopy(self.of_half).to(device)
        return replace(self, critic=critic, of_half=of_half)

    def joined(self, others: "Fit") -> "Fit":
        """The bank with further members of the same form and setting."""
        critic = _joined(self.critic, others.critic)
        of_half = None
        if self.of_half is not None and others.of_half is not None:
            of_half = _joined(self.of_half, others.of_half)
        states = tuple(
            {name: torch.cat([one[name], rest[name]]) for name in one}
            for one, rest in zip(self.states, others.states, strict=True)
        )
        training = None
        if self.training is not None and others.training is not None:
            training = self.training.joined(others.training)
        return Fit(critic, states, training, knows_rows=self.knows_rows, of_half=of_half)


def _joined(one: nn.Module, other: nn.Module) -> nn.Module:
    """A copy of a bank with the members of another."""
    bank, more = copy.deepcopy(one), _tensors(other)
    for name, tensor in _tensors(bank).items():
        tensor.data = torch.cat([tensor.data, more[name].data.to(tensor.device)])
    for part, rest in zip(member_lists(bank), member_lists(other), strict=True):
        part.members = part.members + rest.members
    return bank


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


class Start(NamedTuple):
    """Closed forms, fitted for all members, from which other forms can start.

    Attributes
    ----------
    simplest, best : Reference
        The first closed form, and the one with the highest merit.
    """

    simplest: Reference
    best: Reference


class Form:
    """A family of log density ratios. The contest uses only this interface.

    Attributes
    ----------
    is_flexible : bool
        Whether the complexity of the form depends on the data. A flexible form misses more information than
        overfitting costs. A form that is not flexible is fitted first; later forms can use its coordinates,
        if it has any.
    """

    is_flexible: ClassVar[bool] = True

    def applies(self, sample: Sample) -> bool:
        """Whether the form can be fitted to a sample."""
        return True

    def settings(self, sample: Sample, start: Start | None) -> Iterable[Iterable[Any]]:
        """Settings to fit: paths from simple to complex. The contest leaves a path if it no longer improves.

        Parameters
        ----------
        sample : Sample
            The rows.
        start : Start or None
            Closed forms to start from; None if nothing is fitted yet.

        Returns
        -------
        iterable of iterable
        """
        return [[None]]

    def fit(self, sample: Sample, setting: Any) -> Fit | None:
        """Fit critics for all members of a sample.

        Parameters
        ----------
        sample : Sample
            The rows.
        setting : object
            One of the settings of :meth:`settings`.

        Returns
        -------
        Fit or None
            None if there are too few rows to fit it.
        """
        raise NotImplementedError
