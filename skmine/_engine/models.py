"""Scikit-learn models as regressors, and as classifiers that predict probabilities."""

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.validation import has_fit_parameter
from torch import Tensor

from skmine._engine.crossfit import Regressor


def is_model(critic: Any) -> bool:
    """Whether a critic is a scikit-learn model. A factory of networks has no ``fit``.

    Parameters
    ----------
    critic : object
        Value of the parameter.

    Returns
    -------
    bool
    """
    return hasattr(critic, "fit") and not isinstance(critic, type)


class ModelRegressor(Regressor):
    """A scikit-learn model: a clone for each target, or a single one for the probabilities of classes.

    Parameters
    ----------
    model : object
        Regressor or classifier.
    columns : sequence of int
        Columns that the model reads.
    n_classes : int, default=0
        Number of classes if the target is one-hot; 0 if it consists of other columns.

    Raises
    ------
    ValueError
        The model does not suit the target.
    """

    most_rows: ClassVar[int] = sys.maxsize
    averages_parts: ClassVar[bool] = False
    learns_halves: ClassVar[bool] = False  # the overfitting of the user's model is not corrected

    def __init__(self, model: Any, columns: Sequence[int], n_classes: int = 0):
        _check_model(model, n_classes)
        self.model, self.columns = model, list(columns)
        self.n_classes, self.predicts_classes = n_classes, bool(n_classes) and is_classifier(model)

    def fit(self, x: Tensor, y: Tensor, weight: Tensor, seed: int) -> list[Any]:
        """One model per target, or a single one of the classes.

        With no columns or a single class, there is nothing to fit, and a constant is predicted. Weights are
        passed on if they differ and the model accepts them.
        """
        rows, targets = x[:, self.columns].numpy(), list(y.numpy().T)
        if self.predicts_classes:
            targets = [y.argmax(1).numpy()]
        elif self.n_classes:
            targets = targets[:-1]
        models = []
        for target in targets:
            is_constant = not self.columns or (self.predicts_classes and len(np.unique(target)) == 1)
            dummy = DummyClassifier() if self.predicts_classes else DummyRegressor()
            model = dummy if is_constant else clone(self.model)
            takes_weight = bool((weight != weight[0]).any()) and has_fit_parameter(model, "sample_weight")
            options = {"sample_weight": weight.numpy()} if takes_weight else {}
            models.append(model.fit(rows, target, **options))
        return models

    def predict(self, model: Sequence[Any], x: Tensor) -> Tensor:
        """Predictions, (n, d) -> (n, n_targets). Of classes, the last is left out.

        Classes that the model has not seen have probability 0.
        """
        rows = x[:, self.columns].numpy()
        if not self.predicts_classes:
            return torch.from_numpy(np.column_stack([_finite(one, "predict", rows) for one in model]))
        probability = np.zeros((len(rows), self.n_classes))
        probability[:, model[0].classes_] = _finite(model[0], "predict_proba", rows)
        return torch.from_numpy(probability[:, :-1])


class TreesRegressor(ModelRegressor):
    """Gradient-boosted trees, which learn steps, thresholds and rules from few rows.

    Parameters
    ----------
    columns : sequence of int
        Columns that trees read.
    """

    #: Maximum number of training rows, to limit time.
    most_rows: ClassVar[int] = 2**14
    averages_parts: ClassVar[bool] = True
    learns_halves: ClassVar[bool] = True

    def __init__(self, columns: Sequence[int]):
        super().__init__(HistGradientBoostingRegressor(early_stopping=False, random_state=0), columns)


def seeded(model: Any, generator: torch.Generator) -> Any:
    """A clone of a model in which random states that were None are integers.

    Parameters
    ----------
    model : object
        Model. It is not changed.
    generator : torch.Generator
        Source of the random states, so that NumPy's global generator is not used.

    Returns
    -------
    object
    """
    model = clone(model)
    if not hasattr(model, "get_params"):
        return model
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    is_open = {
        name: seed
        for name, value in model.get_params().items()
        if value is None and name.split("__")[-1] == "random_state"
    }
    return model.set_params(**is_open)


def _check_model(model: Any, n_classes: int) -> None:
    """Raise ValueError if a model does not suit the target."""
    name = type(model).__name__
    if not (is_classifier(model) or is_regressor(model)):
        raise ValueError(
            f"critic must be a regressor or a classifier; got {name}. Pass a model that predicts y."
        )
    if not n_classes and is_classifier(model):
        raise ValueError(
            f"critic must be a regressor if y is continuous; got {name}. Pass a regressor. If the numbers of "
            "y are classes, make y a column of strings or categories."
        )
    if is_classifier(model) and not hasattr(model, "predict_proba"):
        raise ValueError(
            f"critic must have predict_proba if it is a classifier; got {name}. Wrap it in "
            "sklearn.calibration.CalibratedClassifierCV."
        )


def _finite(model: Any, method: str, x: np.ndarray) -> np.ndarray:
    """Predictions of a model, or an error if they are not numbers for each row."""
    predicted = np.asarray(getattr(model, method)(x))
    is_real = predicted.dtype.kind in "biuf"
    if not is_real or predicted.shape[:1] != (len(x),) or not np.isfinite(predicted).all():
        finite = is_real and np.isfinite(predicted).all()
        raise ValueError(
            f"critic must predict finite numbers, one row for each row of X ({len(x)}); got "
            f"{'numbers' if finite else 'values that are not all finite numbers'}, of shape "
            f"{predicted.shape} and type {predicted.dtype}, from {type(model).__name__}.{method}. "
            "Correct the model, or pass another."
        )
    return predicted.astype(np.float64)
