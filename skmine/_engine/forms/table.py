"""The table form: log ratios of two discrete blocks, cell by cell."""

from operator import itemgetter
from typing import cast

import torch
from torch import Tensor, nn

from skmine._engine.forms.form import Fit, Form
from skmine._engine.sample import Sample

#: Candidates for the pseudocount per row of the table.
PSEUDOCOUNTS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e6)


class Table(Form):
    """Shares of the classes of y in each class of x. The log ratio is 0 if y has a single class.

    ``p(y | x) = (n_xy + a p(y)) / (n_x + a)``; the mean held-out value chooses one pseudocount a for the
    whole bank.
    """

    is_flexible = False

    def applies(self, sample: Sample) -> bool:
        """Whether both blocks are discrete, or y has a single class."""
        return sample.classes is not None and (sample.x.probability is not None or len(sample.classes) == 1)

    def fit(self, sample: Sample, setting: None) -> Fit:
        """Fit one table per member."""
        x, y, weight = sample.x.core, sample.y.core, sample.row_weight
        probability = cast(Tensor, sample.classes)
        train, rows = sample.folds.train, sample.folds.held_out
        if sample.x.probability is None:
            x = x.new_ones(len(x), 1)  # all rows are equal
        counts = (x[train] * weight[train].unsqueeze(-1)).mT @ y[train]

        def candidates():
            for pseudocount in PSEUDOCOUNTS:
                smoothed = counts + pseudocount * probability
                table = TableCritic((smoothed / smoothed.sum(-1, keepdim=True) / probability).log())
                yield float((table(x[rows], y[rows]) * weight[rows]).sum()), table

        return Fit(max(candidates(), key=itemgetter(0))[1])


class TableCritic(nn.Module):
    """Log ratio of two discrete variables, read from a table.

    Parameters
    ----------
    log_ratio : Tensor of shape (n_members, n_classes_x, n_classes_y)
        ``log p(y | x) / p(y)``.
    """

    log_ratio: Tensor

    def __init__(self, log_ratio: Tensor):
        super().__init__()
        self.register_buffer("log_ratio", log_ratio)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log ratio of one-hot rows, ``(n_members, ..., n_classes_x), ... -> (n_members, ...)``."""
        x = x[..., : self.log_ratio.shape[1]]
        flat = torch.bmm(x.reshape(x.shape[0], -1, x.shape[-1]), self.log_ratio)
        return torch.einsum("...c,...c->...", flat.view(*x.shape[:-1], -1), y)
