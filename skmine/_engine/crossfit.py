"""Cross-fitting: models of all parts of the training rows but one predict this one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor


class CrossFit(NamedTuple):
    """What one member of a bank has learnt.

    Attributes
    ----------
    models : list
        For each part of the training rows, the model of the other parts.
    predicted : Tensor of shape (n_rows, width)
        Predictions for the rows that a mixture is fitted to. No model has seen the rows that it predicts.
    """

    models: list[Any]
    predicted: Tensor


class CrossFitting(NamedTuple):
    """How models learn from rows and predict rows.

    Attributes
    ----------
    fit : callable
        Returns a model of some rows, which are given as indices.
    predict : callable
        Returns predictions of a model for some rows, (n_rows,) -> (n_rows, width).
    most_rows : int
        Maximum number of rows that a model learns from.
    known : dict
        Models by the rows that they have learnt from. With five folds, every two members share a model.
    """

    fit: Callable[[Tensor], Any]
    predict: Callable[[Any, Tensor], Tensor]
    most_rows: int
    known: dict[bytes, Any]

    def run(self, part: Tensor, rows: Tensor, may_learn: Tensor) -> CrossFit:
        """Predict each part of some rows by the model of the other parts.

        Parameters
        ----------
        part : LongTensor of shape (n,)
            Part of each row.
        rows : LongTensor of shape (n_rows,)
            Rows to predict.
        may_learn : BoolTensor of shape (n,)
            Rows that models may learn from.

        Returns
        -------
        CrossFit
        """
        models, predicted, part_of = [], [], part[rows]
        for own in part_of.unique():
            models.append(self.model(may_learn & (part != own)))
            predicted.append(self.predict(models[-1], rows[part_of == own]))
        return CrossFit(models, torch.cat(predicted)[part_of.argsort(stable=True).argsort()])

    def model(self, may_learn: Tensor) -> Any:
        """The model of some rows, which are given as a mask, (n,)."""
        rows = may_learn.nonzero().flatten()
        # The input may be sorted, and a kernel takes the first rows as landmarks.
        rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))][: self.most_rows]
        name = rows.numpy().tobytes()
        if name not in self.known:
            self.known[name] = self.fit(rows)
        return self.known[name]
