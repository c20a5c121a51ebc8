"""A form of your own: a histogram of two columns.

A form is a family of critics. It has three methods:

- ``applies`` returns whether the form can be fitted to a sample.
- ``settings`` lists what can be fitted, from simple to complex.
- ``fit`` returns a bank of critics, one for each fold.

The contest decides which settings are fitted. The judge evaluates the critics
on held-out rows.

This script adds the form to a contest by hand. To add it to
``MutualInfoEstimator``, move the two classes and ``cells_of`` to a file in
``skmine/_engine/forms``, and list ``Histogram`` in ``FLEXIBLE`` in
``skmine/_engine/forms/__init__.py``.
"""

import math

import torch

from skmine._engine.contest import hold_contest
from skmine._engine.forms import FLEXIBLE, STARTS, Fit, Form
from skmine._engine.judge import Judge
from skmine._engine.sample import Block, Folds, Sample
from skmine.nn import DonskerVaradhan


class Histogram(Form):
    """Two columns in k x k cells of equal probability. A setting is k."""

    def applies(self, sample):
        has_pair = sample.x.n_core == sample.y.n_core == 1
        return has_pair and sample.classes is None

    def settings(self, sample, start):
        return [[2, 4, 8, 16]]  # one path; it ends when finer cells do not help

    def fit(self, sample, setting):
        # Shapes (n_members, n_train, ...).
        x, y, weight = sample.read(sample.folds.train)
        # One row in each cell keeps the logarithm finite.
        counts = torch.ones(sample.n_members, setting**2)
        counts = counts.scatter_add(1, cells_of(x, y, setting), weight)
        counts = counts.view(-1, setting, setting)
        joint = counts / counts.sum((1, 2), keepdim=True)
        independent = joint.sum(2, keepdim=True) * joint.sum(1, keepdim=True)
        return Fit(HistogramCritic((joint / independent).log()))


class HistogramCritic(torch.nn.Module):
    """Critics that look up log ratios in tables of shape (n_members, k, k)."""

    def __init__(self, log_ratio):
        super().__init__()
        self.register_buffer("log_ratio", log_ratio)

    def forward(self, x, y):
        cells = cells_of(x, y, self.log_ratio.shape[-1])
        table = self.log_ratio.flatten(1)
        return table.gather(1, cells.flatten(1)).view(cells.shape)


def cells_of(x, y, k):
    """Cell number of each pair of rows. Leading axes broadcast."""
    uniform = (torch.special.ndtr(z[..., 0]) for z in (x, y))
    row, column = ((u * k).long().clamp(0, k - 1) for u in uniform)
    return row * k + column


def draw_sample(n):
    """Draw two normal columns in five folds.

    Both lie in the same quarter of their range, and are otherwise
    independent. Their mutual information is log 4 nats.
    """
    generator = torch.Generator().manual_seed(0)
    quarter = torch.randint(4, (n, 1), generator=generator)
    uniform = (torch.rand(n, 1, generator=generator) for _ in "xy")
    x, y = (torch.special.ndtri((quarter + u) / 4) for u in uniform)
    rows = torch.arange(n)
    splits = [(rows[rows % 5 != k], rows[rows % 5 == k]) for k in range(5)]
    folds = Folds.of_splits(splits, generator)
    return Sample(Block(x, n_core=1), Block(y, n_core=1), folds)


if __name__ == "__main__":
    sample, truth = draw_sample(2000), math.log(4)
    judge = Judge(sample, DonskerVaradhan())
    for added in ([], [Histogram]):
        forms = [form() for form in (*STARTS, *FLEXIBLE, *added)]
        verdict = hold_contest(sample, forms, judge).verdict
        winner = type(verdict.scored.fit.critic).__name__
        print("with histograms" if added else "without histograms")
        print(f"  best critic     {winner}")
        print(f"  held-out value  {verdict.held_out:.2f} nats")
        print(f"  estimate        {verdict.estimate:.2f} nats")
    print(f"truth {truth:.2f} nats")
    assert winner == "HistogramCritic"
    assert abs(verdict.estimate - truth) < 0.05
