"""Mutual information in torch: bounds, critics and their training.

This subpackage depends on torch only. A critic scores pairs of rows. A bound turns the scores into nats. An
optimiser maximises or minimises the ``surrogate`` of the bound.

To use mutual information in the loss of your own model, start with :class:`MutualInformation`.

Examples
--------
To combine the parts yourself: maximise the mutual information between two tensors of a model.

>>> import torch
>>> from skmine.nn import BOUNDS, ConcatCritic, SampledPairs
>>> generator = torch.Generator().manual_seed(0)
>>> x = torch.randn(1, 512, 2, generator=generator)
>>> encoder = torch.nn.Linear(2, 1)
>>> critic = ConcatCritic(2, 1, n_members=1, generator=generator)
>>> bound, pairs = BOUNDS["mine"](), SampledPairs(group_size=4)
>>> optimiser = torch.optim.Adam([*encoder.parameters(), *critic.parameters()], lr=1e-3)
>>> for _ in range(5):
...     code = encoder(x) + 0.5 * torch.randn(1, 512, 1, generator=generator)
...     scores = pairs(critic, x, code)
...     optimiser.zero_grad()
...     (-bound.surrogate(*scores)).sum().backward()
...     optimiser.step()
>>> bound.estimate(*scores).shape
torch.Size([1])
"""

from .adversarial import CodeReader, Sampler, train_gan
from .bank import CriticBank
from .bottleneck import Bottleneck, GaussianEncoder, train_bottleneck
from .bounds import BOUNDS, MINE, MINEF, SMILE, DonskerVaradhan, InfoNCE, JensenShannon
from .critics import CRITICS, ClassCritic, ConcatCritic, SeparableCritic
from .objective import MutualInformation, clipped_backward
from .pairs import EnumeratedPairs, SampledPairs
from .rates import MINERate, VariationalRate
from .training import train

__all__ = [
    "BOUNDS",
    "CRITICS",
    "MINE",
    "MINEF",
    "SMILE",
    "Bottleneck",
    "ClassCritic",
    "CodeReader",
    "ConcatCritic",
    "CriticBank",
    "DonskerVaradhan",
    "EnumeratedPairs",
    "GaussianEncoder",
    "InfoNCE",
    "JensenShannon",
    "MINERate",
    "MutualInformation",
    "SampledPairs",
    "Sampler",
    "SeparableCritic",
    "VariationalRate",
    "clipped_backward",
    "train",
    "train_bottleneck",
    "train_gan",
]
