"""Mutual information in torch: bounds, critics, references and the training of banks of critics.

Needs torch only. The parts compose: a critic scores pairs, a bound turns scores into nats, and an
optimiser climbs (or descends) the bound's ``surrogate``.

Examples
--------
Maximise the mutual information between two tensors of your own model, from these parts alone:

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

from .adversarial import CodeReader, GANResult, Perceptron, Sampler, train_gan
from .bottleneck import (
    Bottleneck,
    BottleneckResult,
    GaussianEncoder,
    MINERate,
    VariationalRate,
    train_bottleneck,
    value_bottleneck,
)
from .bounds import (
    BOUNDS,
    MINE,
    MINEF,
    SMILE,
    DonskerVaradhan,
    InfoNCE,
    JensenShannon,
    Normalised,
)
from .building import JUDGING_ROWS, Block, Folds, build_critic, build_mixture
from .choosing import ReferenceRows, held_out_values
from .classes import (
    ClassNormalised,
    ClassReference,
    TableReference,
    fit_class_reference,
    fit_table_reference,
)
from .coordinates import NetworkColumns, ReferencedCritic
from .critics import CRITICS, BankLinear, ClassCritic, ConcatCritic, CriticBank, SeparableCritic
from .crossfit import cross_fit, stack_states
from .local import PRIOR_ROWS, LocalCritic, PooledCritic, local_critic, paired_columns
from .mixture_references import ClassMixtureReference, MixtureReference, fit_mixture_reference
from .objective import MutualInformation, clipped_backward
from .pairs import (
    EnumeratedPairs,
    SampledPairs,
    choose_pairs,
    choose_valuing_pairs,
    score_in_chunks,
)
from .reference import GaussianReference, fit_gaussian_reference
from .steps import average_weights
from .training import TrainingResult, train
from .valuing import CrossFit
from .variates import EXPANSIONS, Reading, Variates, fit_variate_reference

__all__ = [
    "BOUNDS",
    "CRITICS",
    "EXPANSIONS",
    "JUDGING_ROWS",
    "MINE",
    "MINEF",
    "PRIOR_ROWS",
    "SMILE",
    "BankLinear",
    "Block",
    "Bottleneck",
    "BottleneckResult",
    "ClassCritic",
    "ClassMixtureReference",
    "ClassNormalised",
    "ClassReference",
    "CodeReader",
    "ConcatCritic",
    "CriticBank",
    "CrossFit",
    "DonskerVaradhan",
    "EnumeratedPairs",
    "Folds",
    "GANResult",
    "GaussianEncoder",
    "GaussianReference",
    "InfoNCE",
    "JensenShannon",
    "LocalCritic",
    "MINERate",
    "MixtureReference",
    "MutualInformation",
    "NetworkColumns",
    "Normalised",
    "Perceptron",
    "PooledCritic",
    "Reading",
    "ReferenceRows",
    "ReferencedCritic",
    "SampledPairs",
    "Sampler",
    "SeparableCritic",
    "TableReference",
    "TrainingResult",
    "Variates",
    "VariationalRate",
    "average_weights",
    "build_critic",
    "build_mixture",
    "choose_pairs",
    "choose_valuing_pairs",
    "clipped_backward",
    "cross_fit",
    "fit_class_reference",
    "fit_gaussian_reference",
    "fit_mixture_reference",
    "fit_table_reference",
    "fit_variate_reference",
    "held_out_values",
    "local_critic",
    "paired_columns",
    "score_in_chunks",
    "stack_states",
    "train",
    "train_bottleneck",
    "train_gan",
    "value_bottleneck",
]
