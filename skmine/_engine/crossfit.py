"""Regressors, and cross-fitting: models of all parts of the training rows but one predict this one."""

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from skmine._engine.limits import MOST_ROWS


class Regressor:
    """A way to predict some columns.

    Attributes
    ----------
    most_rows : int
        Maximum number of rows that a model learns from.
    averages_parts : bool
        Whether new rows are predicted by the mean of the models of all parts of the training rows but one.
        Otherwise, one model of all training rows predicts them.
    learns_halves : bool
        Whether models of half of the rows show what overfitting costs.
    """

    most_rows: ClassVar[int] = MOST_ROWS
    averages_parts: ClassVar[bool] = True
    learns_halves: ClassVar[bool] = True

    def fit(self, x: Tensor, y: Tensor, weight: Tensor, seed: int) -> Any:
        """A model of some rows.

        Parameters
        ----------
        x : Tensor of shape (n, d)
            Encoded columns of the predicting block, in double precision.
        y : Tensor of shape (n, n_targets)
            Columns to predict.
        weight : Tensor of shape (n,)
            Weights of the rows.
        seed : int
            Seed of random first parameters.

        Returns
        -------
        object
        """
        raise NotImplementedError

    def predict(self, model: Any, x: Tensor) -> Tensor:
        """Predictions of a model, (n, d) -> (n, n_targets)."""
        raise NotImplementedError


class CrossFit(NamedTuple):
    """What one member of a bank has learnt.

    Attributes
    ----------
    models : list
        For each part of the training rows, the model of the other parts.
    predicted : Tensor of shape (n_rows, n_targets)
        Predictions for the rows that a mixture is fitted to. No model has seen the rows that it predicts.
    """

    models: list[Any]
    predicted: Tensor


class CrossFitting(NamedTuple):
    """A regressor, and the rows that its models learn from and predict.

    Attributes
    ----------
    regressor : Regressor
        How models learn and predict.
    x : Tensor of shape (n, d)
        Columns of the predicting block.
    y : Tensor of shape (n, n_targets)
        Columns to predict.
    weight : Tensor of shape (n,)
        Weights of the rows.
    known : dict
        Models by the rows that they have learnt from. With five folds, every two members share a model.
    """

    regressor: Regressor
    x: Tensor
    y: Tensor
    weight: Tensor
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
            predicted.append(self.regressor.predict(models[-1], self.x[rows[part_of == own]].double()))
        return CrossFit(models, torch.cat(predicted)[part_of.argsort(stable=True).argsort()])

    def model(self, may_learn: Tensor) -> Any:
        """The model of some rows, which are given as a mask, (n,)."""
        rows = may_learn.nonzero().flatten()
        # The input may be sorted, and a kernel takes the first rows as landmarks.
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
        rows = rows[order][: self.regressor.most_rows]
        name = rows.numpy().tobytes()
        if name not in self.known:
            learnt = self.x[rows].double(), self.y[rows], self.weight[rows].double()
            self.known[name] = self.regressor.fit(*learnt, seed=len(self.known))
        return self.known[name]
