"""A form of your own: log density ratios of two columns, counted in a few equal cells.

A form is a family of critics. ``applies`` says which samples it can be fitted to. ``settings`` lists what may
be fitted, in paths from simple to complex. ``fit`` returns a bank of critics, one for each fold. The contest
decides which settings are fitted, and the judge values the critics on held-out rows.

Here the form enters a contest by hand. To make it enter those of ``MutualInfoEstimator``, move the two
classes and ``cells_of`` to a file in ``skmine/_engine/forms``, and add ``Histogram`` to ``FLEXIBLE`` in the
``__init__.py`` there.
"""

import math

import torch

from skmine._engine.contest import hold_contest
from skmine._engine.forms import FLEXIBLE, STARTS, Fit, Form
from skmine._engine.judge import Judge
from skmine._engine.sample import Block, Folds, Sample
from skmine.nn import DonskerVaradhan


class Histogram(Form):
    """Two single columns in k x k cells of equal probability; a setting is k."""

    def applies(self, sample):
        return (
            sample.classes is None and sample.x.n_core == sample.y.n_core == 1
        )

    def settings(self, sample, start):
        return [
            [2, 4, 8, 16]
        ]  # one path; it is left when finer cells no longer pay

    def fit(self, sample, setting):
        x, y, weight = sample.read(
            sample.folds.train
        )  # (n_members, n_train, ...)
        empty = torch.ones(
            sample.n_members, setting**2
        )  # one row a cell keeps the logarithm finite
        counts = empty.scatter_add(1, cells_of(x, y, setting), weight).view(
            -1, setting, setting
        )
        joint = counts / counts.sum((1, 2), keepdim=True)
        independent = joint.sum(2, keepdim=True) * joint.sum(1, keepdim=True)
        return Fit(HistogramCritic((joint / independent).log()))


class HistogramCritic(torch.nn.Module):
    """Critics that read the log ratio from tables, of shape (n_members, k, k)."""

    def __init__(self, log_ratio):
        super().__init__()
        self.register_buffer("log_ratio", log_ratio)

    def forward(self, x, y):
        cells = cells_of(x, y, self.log_ratio.shape[-1])
        return (
            self.log_ratio.flatten(1)
            .gather(1, cells.flatten(1))
            .view(cells.shape)
        )


def cells_of(x, y, k):
    """Number of the cell of each pair of rows; the leading axes of x and y broadcast."""
    row, column = (
        (torch.special.ndtr(z[..., 0]) * k).long().clamp(0, k - 1)
        for z in (x, y)
    )
    return row * k + column


def draw_sample(n):
    """Two normal columns in five folds; all that they share is the quarter of their range: log 4 nats."""
    generator = torch.Generator().manual_seed(0)
    quarter = torch.randint(4, (n, 1), generator=generator)
    x, y = (
        torch.special.ndtri(
            (quarter + torch.rand(n, 1, generator=generator)) / 4
        )
        for _ in "xy"
    )
    rows = torch.arange(n)
    splits = [(rows[rows % 5 != k], rows[rows % 5 == k]) for k in range(5)]
    return Sample(
        Block(x, n_core=1),
        Block(y, n_core=1),
        Folds.of_splits(splits, generator),
    )


if __name__ == "__main__":
    sample, truth = draw_sample(2000), math.log(4)
    judge = Judge(sample, DonskerVaradhan())
    for title, added in {
        "present forms": [],
        "and histograms": [Histogram],
    }.items():
        verdict = hold_contest(
            sample, [form() for form in (*STARTS, *FLEXIBLE, *added)], judge
        ).verdict
        winner = type(verdict.scored.fit.critic).__name__
        values = f"held-out value {verdict.held_out:.2f}, estimate {verdict.estimate:.2f} nats"
        print(f"{title:<14} {values}, by {winner}")
    print(f"truth {truth:.2f} nats")
    assert winner == "HistogramCritic"
    assert abs(verdict.estimate - truth) < 0.05
