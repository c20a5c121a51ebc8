"""The predictive forms: mixtures of one block and its predictions by a scikit-learn model."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.validation import has_fit_parameter
from torch import Tensor, nn

from skmine._engine.critics import MemberList
from skmine._engine.crossfit import CrossFitting
from skmine._engine.forms.form import Fit, Start
from skmine._engine.forms.mixture import MixtureForm, MixtureSetting, RegressionForm, beside_target, roles
from skmine._engine.sample import Sample

#: Minimum number of training rows: twenty leaves with scikit-learn's minimum of 20 rows.
_LEAST_ROWS = 400
#: Differences from scikit-learn's defaults: stopping would split classes, which may have a single row.
_BOOSTING = {"early_stopping": False, "random_state": 0}
#: Maximum number of columns that trees read, and about half the maximum number of rows that they learn from,
#: to limit time.
_MOST_COLUMNS, _MOST_ROWS = 64, 2**14


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

    Mixtures are fitted to predictions by models that have not seen the row, from folds within the training
    rows. They recalibrate the probabilities of classes.

    Parameters
    ----------
    model : object
        A scikit-learn regressor or classifier. It is cloned.
    generator : torch.Generator
        Source of the random states that are None in the model, so that NumPy's global generator is not used.
    """

    averages_parts: ClassVar[bool] = False
    learns_halves: ClassVar[bool] = False
    most_rows: ClassVar[int] = sys.maxsize

    def __init__(self, model: Any, generator: torch.Generator):
        super().__init__()
        self.model = _seeded(model, generator)
        self._learnt: WeakKeyDictionary[Sample, _Bank] = WeakKeyDictionary()

    def applies(self, sample: Sample) -> bool:
        """Whether y is not constant."""
        return sample.classes is None or len(sample.classes) > 1

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple[Any, int]]:
        """The model."""
        yield self.model, 2 * (sample.y.n_core if sample.classes is None else len(sample.classes) - 1)

    def fit(self, sample: Sample, setting: MixtureSetting) -> Fit:
        """Fit one mixture per member, and the same critics with the models of half of the rows."""
        fit, of_half = super().fit(sample, setting), None
        if self.learns_halves:
            problem, (task, members) = self.problem(sample), self.learn(sample, setting.source)
            sides, mixture = self.mixture(sample, setting)
            sides = sides.copy()
            sides[problem.given] = Predictions(task, [one.of_half for one in members], problem.columns)
            of_half = self.critic(sample, sides, mixture)
        return replace(fit, knows_rows=True, of_half=of_half)

    def problem(self, sample: Sample) -> "Problem":
        """Predict y from all core columns of x."""
        return Problem(0, list(range(sample.x.n_core)), sample.y.core, sample.classes is not None)

    def read(self, sample: Sample, source: Any) -> tuple[list[nn.Module], Tensor]:
        """Predictions, and the columns of y."""
        problem, (task, members) = self.problem(sample), self.learn(sample, source)
        side = Predictions(task, [one.models for one in members], problem.columns)
        predicted = torch.stack([one.predicted for one in members])
        return beside_target(sample, side, predicted, problem.target.double(), problem.given)

    def learn(self, sample: Sample, source: Any) -> "_Bank":
        """Fit the models of all members, once for each sample: there is one source."""
        if sample not in self._learnt:
            self._learnt[sample] = self._learn(sample, source)
        return self._learnt[sample]

    def _learn(self, sample: Sample, source: Any) -> "_Bank":
        problem, folds = self.problem(sample), sample.folds
        x = (sample.x, sample.y)[problem.given].core[:, problem.columns].double().numpy()
        task = _Task.of(source, problem.target.double().numpy(), problem.are_classes)
        weight = None if sample.weight is None else sample.weight.double().numpy()
        fitting = CrossFitting(
            lambda rows: task.fit(x, weight, rows.numpy()),
            lambda models, rows: torch.from_numpy(task.predict(models, x[rows.numpy()])),
            self.most_rows,
            sample.shared.setdefault((type(self), problem.given), {}),
        )
        members = []
        for rows, part, may_learn in zip(sample.fitted, folds.part, folds.learning, strict=True):
            models, predicted = fitting.run(part, rows, may_learn)
            if not self.averages_parts:
                models = [fitting.model(may_learn)]
            of_half = []
            if self.learns_halves:
                parts = part[may_learn].unique()
                in_half = torch.isin(part, parts[: len(parts) // 2])
                of_half = [fitting.model(may_learn & in_half)]
            members.append(_Trained(models, of_half, predicted))
        return _Bank(task, members)


class BoostedTrees(RegressionForm, Predictive):
    """Mixtures of one block and its predictions by gradient-boosted trees.

    Steps, thresholds and rules for a part of the rows are not smooth, but trees can learn them from few rows.
    New rows are predicted by the mean of the models that have learnt without a part of the rows. Trees that
    learnt from half of the rows show what overfitting costs.
    """

    averages_parts, learns_halves, most_rows = True, True, _MOST_ROWS

    def __init__(self):
        super().__init__(HistGradientBoostingRegressor(**_BOOSTING), torch.Generator())

    def applies(self, sample: Sample) -> bool:
        """Whether one block predicts a few columns or classes, and the rows suffice for trees."""
        if sample.folds.train.shape[1] < _LEAST_ROWS or not super().applies(sample):
            return False
        return 0 < len(self._columns(sample)) <= _MOST_COLUMNS

    def sources(self, sample: Sample, start: Start | None) -> Iterator[tuple[Any, int]]:
        """The model."""
        n_columns = roles(sample)[1].shape[1]
        yield self.model, n_columns if sample.classes is not None else 2 * n_columns

    def problem(self, sample: Sample) -> "Problem":
        """Predict the block that has fewer columns, or the scores of the classes."""
        given, target = roles(sample)
        return Problem(given, self._columns(sample), target)

    def _columns(self, sample: Sample) -> list[int]:
        """All columns of the predicting block, or those that depend on the other block if they are many."""
        n_core = (sample.x, sample.y)[sample.given].n_core
        if n_core <= _MOST_COLUMNS:
            return list(range(n_core))
        return sample.dependence.relevant[sample.given].nonzero().flatten().tolist()


class Problem(NamedTuple):
    """What a model learns.

    Attributes
    ----------
    given : int
        Index of the predicting block.
    columns : list of int
        Core columns of that block that the model reads.
    target : Tensor of shape (n, n_targets)
        Predicted columns, or classes, one-hot.
    are_classes : bool, default=False
        Whether the target is one-hot.
    """

    given: int
    columns: list[int]
    target: Tensor
    are_classes: bool = False


class _Trained(NamedTuple):
    """What one member of a bank has learnt.

    Attributes
    ----------
    models, of_half : list of list
        Sets of models whose mean prediction is used, with one model per target. The same with models of half
        of the rows, if a form needs them.
    predicted : Tensor of shape (n_fitted, width)
        Predictions of the rows that mixtures are fitted to, by models of other rows.
    """

    models: list[list[Any]]
    of_half: list[list[Any]]
    predicted: Tensor


class _Bank(NamedTuple):
    """The models of a bank.

    Attributes
    ----------
    task : _Task
        What they predict.
    members : list of _Trained
        One per member of the bank.
    """

    task: "_Task"
    members: list[_Trained]


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
            return np.column_stack([_finite(model, "predict", x) for model in models])
        probability = np.zeros((len(x), self.n_classes))
        probability[:, models[0].classes_] = _finite(models[0], "predict_proba", x)
        return probability[:, :-1]


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
    return predicted


class Predictions(MemberList):
    """Predictions of fitted models as a map of encoded columns, one set of models per bank member.

    Parameters
    ----------
    task : _Task
        What the models predict.
    members : list of list
        Sets of fitted models of each member, whose predictions are averaged. A set has one model per target.
    columns : list of int
        Columns that the models read.
    """

    def __init__(self, task: _Task, members: list[list[Any]], columns: list[int]):
        super().__init__(members)
        self.task = task._replace(model=None, targets=task.targets[:0])
        self.columns, self.width = columns, task.width

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n_members, ..., d) -> (n_members, ..., width)."""
        flat = x[..., self.columns].flatten(1, -2).cpu().double().numpy()
        values = [
            np.mean([self.task.predict(models, rows) for models in sets], 0)
            for sets, rows in zip(self.members, flat, strict=True)
        ]
        return torch.from_numpy(np.stack(values)).to(x).view(*x.shape[:-1], self.width)
