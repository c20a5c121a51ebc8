"""The predictive form: mixtures of the target and its predictions by a scikit-learn model."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils.validation import has_fit_parameter
from torch import Tensor, nn

from skmine._engine.forms.form import Fit, Start
from skmine._engine.forms.mixture import MixtureForm, MixtureSetting, beside_target
from skmine._engine.kernel import PARTS
from skmine._engine.sample import Sample


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


class Predictive(MixtureForm):
    """Mixtures of y and its predictions by a scikit-learn model, from the encoded core columns of x.

    All predictions come from models that have not seen the rows: those that a mixture is fitted to, by five
    folds within the training rows, and those that judge it. Mixtures recalibrate the probabilities of
    classes.

    Parameters
    ----------
    model : object
        A scikit-learn regressor or classifier. It is cloned.
    generator : torch.Generator
        Source of the random states that are None in the model, so that NumPy's global generator is not used.
    """

    def __init__(self, model: Any, generator: torch.Generator):
        super().__init__()
        self.model = _seeded(model, generator)

    def applies(self, sample: Sample) -> bool:
        """Whether y is not constant."""
        return sample.classes is None or len(sample.classes) > 1

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple[Any, int]]:
        """The model."""
        yield self.model, 2 * (sample.y.n_core if sample.classes is None else len(sample.classes) - 1)

    def fit(self, sample: Sample, setting: MixtureSetting) -> Fit:
        """Fit one mixture per member."""
        return replace(super().fit(sample, setting), knows_rows=True)

    def read(self, sample: Sample, source: Any) -> tuple[list[nn.Module], Tensor]:
        """Predictions, and the columns of y."""
        x, y = sample.x.core.double().numpy(), sample.y.core.double()
        task = _Task.of(source, y.numpy(), sample.classes is not None)
        weight = None if sample.weight is None else sample.weight.double().numpy()
        members, predictions = [], []
        for rows, train in zip(sample.fitted.numpy(), sample.folds.train.numpy(), strict=True):
            parts = [
                task.predict(task.fit(x, weight, np.delete(rows, part)), x[rows[part]])
                for part in np.array_split(np.arange(len(rows)), min(PARTS, len(rows)))
            ]
            predictions.append(torch.from_numpy(np.concatenate(parts)))
            members.append(task.fit(x, weight, train))
        side = Predictions(task, members, sample.x.n_core)
        return beside_target(sample, side, torch.stack(predictions), y)


def _seeded(model: Any, generator: torch.Generator) -> Any:
    """A clone in which random states that were None are integers."""
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


class _Task(NamedTuple):
    """What a model predicts: columns, one by one, or the probabilities of classes.

    Attributes
    ----------
    model : object
        The model, which is cloned.
    targets : list of ndarray of shape (n,)
        The columns, or one array of class indices.
    n_classes : int
        Number of classes, or 0 for columns.
    """

    model: Any
    targets: list[np.ndarray]
    n_classes: int

    @classmethod
    def of(cls, model: Any, y: np.ndarray, is_discrete: bool) -> "_Task":
        if not (is_classifier(model) or is_regressor(model)):
            raise ValueError(
                f"critic must be a regressor or a classifier; got {type(model).__name__}. Pass a model that "
                "predicts y."
            )
        if not is_discrete:
            if is_classifier(model):
                raise ValueError(
                    f"critic must be a regressor if y is continuous; got {type(model).__name__}. Pass a "
                    "regressor. If the numbers of y are classes, make y a column of strings or categories."
                )
            return cls(model, list(y.T), 0)
        if not is_classifier(model):
            return cls(model, list(y[:, :-1].T), 0)
        if not hasattr(model, "predict_proba"):
            raise ValueError(
                f"critic must have predict_proba if it is a classifier; got {type(model).__name__}. Wrap it "
                "in sklearn.calibration.CalibratedClassifierCV."
            )
        return cls(model, [y.argmax(1)], y.shape[1])

    @property
    def width(self) -> int:
        return self.n_classes - 1 if self.n_classes else len(self.targets)

    def fit(self, x: np.ndarray, weight: np.ndarray | None, rows: np.ndarray) -> list[Any]:
        """Fit a clone for each target. Weights are passed on if the model accepts them.

        With no columns or a single class, there is nothing to fit, and a constant is predicted.
        """
        dummy = DummyClassifier() if self.n_classes else DummyRegressor()
        models = []
        for target in self.targets:
            is_constant = not x.shape[1] or (self.n_classes and len(np.unique(target[rows])) == 1)
            model = dummy if is_constant else clone(self.model)
            takes_weight = weight is not None and has_fit_parameter(model, "sample_weight")
            options = {"sample_weight": weight[rows]} if weight is not None and takes_weight else {}
            models.append(model.fit(x[rows], target[rows], **options))
        return models

    def predict(self, models: list[Any], x: np.ndarray) -> np.ndarray:
        """Predictions, (n, width). The last class is left out. Classes that the model has not seen get 0."""
        if not self.n_classes:
            return np.column_stack([model.predict(x) for model in models])
        probability = np.zeros((len(x), self.n_classes))
        probability[:, models[0].classes_] = models[0].predict_proba(x)
        return probability[:, :-1]


class Predictions(nn.Module):
    """Predictions of fitted models as a map of encoded columns, one set of models per bank member.

    Parameters
    ----------
    task : _Task
        What the models predict.
    members : list of list
        Fitted models of each member.
    n_core : int
        Number of leading columns that the models read.
    """

    def __init__(self, task: _Task, members: list[list[Any]], n_core: int):
        super().__init__()
        self.task = task._replace(model=None, targets=task.targets[:0])
        self.members, self.n_core, self.width = members, n_core, task.width

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., width)."""
        flat = x[..., : self.n_core].flatten(1, -2).double().cpu().numpy()
        values = [self.task.predict(models, rows) for models, rows in zip(self.members, flat, strict=True)]
        return torch.from_numpy(np.stack(values)).to(x).view(*x.shape[:-1], self.width)
