"""What a form is."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from skmine._engine.critics import Reference
from skmine._engine.sample import Sample
from skmine.nn.training import TrainingResult

#: A nat between the training and the held-out value, where critics are compared.
GAP_PENALTY = 0.1


@dataclass(frozen=True)
class Fit:
    """A bank of critics as a form has fitted it.

    Attributes
    ----------
    critic : nn.Module
        One critic a member, ``forward(x, y)`` of encoded rows, members first -> log density ratios in nats.
    states : tuple of dict
        Best trained parameters by the first and by the second half of the held-out rows; empty where nothing
        was trained by them.
    training : TrainingResult or None, default=None
        How training went; None if nothing was trained.
    reference : Reference or None, default=None
        The closed form of a critic that is nothing else, whose coordinates others may read.
    knows_rows : bool, default=False
        Whether it may have memorised the training rows, so that its value on them means nothing.
    """

    critic: nn.Module
    states: tuple[dict, ...] = ({}, {})
    training: TrainingResult | None = None
    reference: Reference | None = None
    knows_rows: bool = False

    def joined(self, others: "Fit") -> "Fit":
        """The bank of these members and of further ones, of the same form and setting."""
        critic = copy.deepcopy(self.critic)
        more = _tensors(others.critic)
        for name, tensor in _tensors(critic).items():
            tensor.data = torch.cat([tensor.data, more[name].data.to(tensor.device)])
        states = tuple(
            {name: torch.cat([one[name], rest[name]]) for name in one}
            for one, rest in zip(self.states, others.states, strict=True)
        )
        training = None
        if self.training is not None and others.training is not None:
            training = self.training.joined(others.training)
        return Fit(critic, states, training, knows_rows=self.knows_rows)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


class Start(NamedTuple):
    """Closed forms fitted for all members, from which other forms may go on.

    Attributes
    ----------
    simplest, best : Reference
        The first one, and the one of the highest merit.
    """

    simplest: Reference
    best: Reference


class Form:
    """A family of log density ratios. The contest knows no more of it than this.

    Attributes
    ----------
    is_flexible : bool
        Whether it grows with what the rows show, so that it misses more than overfitting costs. One that is
        not is a start: its coordinates are what later forms read.
    """

    is_flexible: ClassVar[bool] = True

    def applies(self, sample: Sample) -> bool:
        """Whether it can be fitted to such rows."""
        return True

    def settings(self, sample: Sample, start: Start | None) -> Iterable[Iterable[Any]]:
        """What it may be fitted with: paths, each from simple to complex, left when that no longer pays.

        Parameters
        ----------
        sample : Sample
            The rows.
        start : Start or None
            What to start from; None if nothing is fitted yet.

        Returns
        -------
        iterable of iterable
        """
        return [[None]]

    def fit(self, sample: Sample, setting: Any) -> Fit | None:
        """Critics of all members of a sample.

        Parameters
        ----------
        sample : Sample
            The rows.
        setting : object
            One of those above.

        Returns
        -------
        Fit or None
            None where these rows do not determine it.
        """
        raise NotImplementedError
