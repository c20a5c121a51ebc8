"""InformationBottleneckClassifier: a classifier that compresses X to a code that predicts the class."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from scipy.stats import entropy
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skmine import nn
from skmine._callbacks import CallbackSupportMixin, fit_task, with_callbacks
from skmine._columns import unwrap
from skmine._documentation import DocumentationLinkMixin
from skmine._frame_columns import check_classes, check_numeric
from skmine._frozen import FrozenModule
from skmine._progress import progress
from skmine._refit import new_fit
from skmine._row_values import check_weight
from skmine._sklearn import Interval, StrOptions, fit_context
from skmine._threads import one_thread
from skmine._validation import (
    check_batch_size,
    check_hidden_layer_sizes,
    choose_passes,
    make_generator,
    resolve_device,
)
from skmine.nn.bottleneck import value_bottleneck
from skmine.nn.isolation import isolated
from skmine.nn.steps import draw_rows

_RATES: dict[str, Callable[..., nn.VariationalRate]] = {
    "mine": nn.MINERate,
    "vib": lambda n_components, **_: nn.VariationalRate(),
}
_N_DRAWS = 32
_SEED = 0  # seed of the noise in prediction, so that the result for a row never changes
_VALUED_ROWS = 2**14


class InformationBottleneckClassifier(
    CallbackSupportMixin,
    DocumentationLinkMixin,
    ClassNamePrefixFeaturesOutMixin,
    ClassifierMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Neural network classifier with an information bottleneck.

    It turns X into a noisy code Z that predicts the class and keeps little other information. Compared with
    the same network without the bottleneck, it overfits less if there are few rows or some labels are wrong.
    The columns of X should be on a common scale, so put a ``StandardScaler`` in front, as with
    ``MLPClassifier``.

    Parameters
    ----------
    beta : float, default=1e-2
        Weight of the penalty on I(X; Z). Raise it to compress more, which reduces overfitting; 0 removes the
        penalty. Choose it by cross-validation, between 0.001 and 0.1.
    method : {"mine", "vib"}, default="mine"
        Upper bound of I(X; Z) to penalise (see Notes). ``"mine"`` is tighter; ``"vib"``, the variational
        information bottleneck, is faster.
    n_components : int, default=32
        Number of columns of the code. With 2, the code is easy to plot.
    hidden_layer_sizes : int or sequence of int, default=(256, 256)
        Widths of the hidden layers of the encoder. Smaller layers train faster.
    noise : {"gaussian", "additive", "propagated"}, default="gaussian"
        Where to add noise: ``"gaussian"`` adds it to the code only, ``"additive"`` to X as well, and
        ``"propagated"`` also passes columns of noise to the encoder. Set ``"additive"`` if new rows are
        noisier than the training rows.
    noise_scale : float, default=0.3
        Standard deviation of the noise on X or of the columns of noise. Not used with ``"gaussian"``.
    learning_rate_init : float, default=1e-3
        Learning rate of Adam, which falls to 0 during the second half of the training. Lower it if training
        diverges.
    batch_size : int or "auto", default="auto"
        Rows in a minibatch; ``"auto"`` uses at most 128.
    max_iter : int or "auto", default="auto"
        Number of minibatches. ``"auto"`` is 50 epochs, but at least 500 and at most 20,000 minibatches.
    device : str or torch.device, default="auto"
        Where to train. ``"auto"`` uses CUDA if it is available, otherwise the CPU.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the minibatches and the noise. Pass an int for reproducible results.
    verbose : bool, default=False
        Whether to show progress, as a bar if tqdm is installed and as lines on stderr otherwise.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    mi_xz_ : float
        Upper bound of I(X; Z) in nats, on the training rows: how much of X the code keeps.
    mi_zy_ : float
        Lower bound of I(Z; y) in nats, on the training rows: how much of the class the code keeps.
    history_ : list of dict
        ``iteration``, ``cross_entropy``, ``mi_xz`` and ``mi_zy`` (nats), averaged over 50 minibatches. Draw
        it with :class:`skmine.plotting.InformationPlaneDisplay`.
    n_iter_ : int
        Number of minibatches used.
    device_ : str
        Device that was used.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if it has names.

    Notes
    -----
    The loss is the cross-entropy of the class given Z plus ``beta`` times an upper bound of I(X; Z). The
    bound is ``E KL(p(z|x) || r) - KL(p(z) || r)``, where r is a normal distribution. ``"mine"`` estimates the
    second term with a critic on the Donsker-Varadhan bound (:class:`skmine.nn.MINERate`); ``"vib"`` omits it.

    References
    ----------
    Tishby et al. (1999), The information bottleneck method. Alemi et al. (2017), Deep variational
    information bottleneck. Belghazi et al. (2018), Mutual Information Neural Estimation, section 5.3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmine import InformationBottleneckClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> bottleneck = InformationBottleneckClassifier(n_components=2, hidden_layer_sizes=32, random_state=0)
    >>> model = make_pipeline(StandardScaler(), bottleneck).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    >>> model.transform(X).shape
    (150, 2)
    """

    _parameter_constraints: ClassVar[dict] = {
        "beta": [Interval(Real, 0, None, closed="left")],
        "method": [StrOptions(set(_RATES))],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "noise": [StrOptions(set(nn.GaussianEncoder.NOISES))],
        "noise_scale": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _frozen: FrozenModule[nn.Bottleneck]

    def __init__(
        self,
        beta=1e-2,
        *,
        method="mine",
        n_components=32,
        hidden_layer_sizes=(256, 256),
        noise="gaussian",
        noise_scale=0.3,
        learning_rate_init=1e-3,
        batch_size="auto",
        max_iter="auto",
        device="auto",
        random_state=None,
        verbose=False,
    ):
        self.beta = beta
        self.method = method
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.noise = noise
        self.noise_scale = noise_scale
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers on a common scale.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Non-negative weights, which set how often each row is drawn. Rows with weight 0 are ignored.

        Returns
        -------
        InformationBottleneckClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            X or y is empty, infinite or has missing values; the lengths differ; y does not hold classes; a
            weight is negative or all are zero; training diverged; or a parameter is out of range.
        """
        with (
            fit_task(self, X, y, sample_weight) as on_check,
            isolated(),
            one_thread(),
            new_fit(self) as fitted,
        ):
            is_interrupted = fitted._fit(X, y, sample_weight, on_check)
        if is_interrupted:
            raise KeyboardInterrupt(
                "InformationBottleneckClassifier was interrupted; it keeps the weights so far."
            )
        return self

    def _fit(self, X, y, sample_weight, on_check) -> bool:
        """Fit in place and return whether training was interrupted."""
        device = resolve_device(self.device)
        widths = check_hidden_layer_sizes(self.hidden_layer_sizes)
        X, y = check_numeric(X), unwrap(y, "y")
        check_classes(y)
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        X, labels, weight = _weighted_rows(X, labels, sample_weight)
        batch_size = check_batch_size(self.batch_size, len(X), auto=128)
        max_iter = choose_passes(self.max_iter, len(X), batch_size)

        generator = make_generator(self.random_state)
        encoder = nn.GaussianEncoder(
            X.shape[1],
            self.n_components,
            widths,
            noise=self.noise,
            noise_scale=self.noise_scale,
            scale=_root_mean_square(X, weight) or 1.0,
            generator=generator,
            dtype=torch.float32,
        )
        x, target = torch.tensor(X, dtype=torch.float32).to(device), torch.tensor(labels).to(device)
        model = nn.Bottleneck(encoder, len(classes), generator, torch.float32).to(x)
        rate = _RATES[self.method](self.n_components, generator=generator, dtype=torch.float32).to(x)
        with progress(self.verbose, max_iter, on_check) as on_check:
            result = nn.train_bottleneck(
                model,
                rate,
                x,
                target,
                beta=self.beta,
                learning_rate=self.learning_rate_init,
                batch_size=batch_size,
                max_iter=max_iter,
                generator=generator,
                weight=weight,
                on_check=on_check,
            )
        rows = draw_rows(len(x), generator, weight)[:_VALUED_ROWS].to(device)
        loss, information = value_bottleneck(result.model, rate, x[rows], target[rows], generator)
        if not np.isfinite(loss + information):
            raise ValueError(
                "Training diverged: X must have columns on a common scale. Put a StandardScaler in front, or "
                "lower learning_rate_init."
            )
        most = _entropy(labels, weight)
        self.classes_, self._n_features_out = classes, self.n_components
        self._frozen = FrozenModule(result.model)
        self.mi_xz_, self.mi_zy_ = information, most - loss
        self.history_ = [{**e, "mi_zy": most - e["cross_entropy"]} for e in result.history]
        self.n_iter_, self.device_ = result.n_iter, str(device)
        return result.interrupted

    def predict_proba(self, X):
        """Probability of each class, averaged over 32 draws of the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`. The result for a row does not depend on the other rows.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        ValueError
            The columns of X do not match those of ``fit``.
        """
        return self._predict(X)[0]

    def predict(self, X):
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted classes.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        ValueError
            The columns of X do not match those of ``fit``.
        """
        probability = self.predict_proba(X)
        return self.classes_[probability.argmax(1)]

    def transform(self, X):
        """Code Z of each row, without noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Mean of the code.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        ValueError
            The columns of X do not match those of ``fit``.
        """
        return self._predict(X)[1]

    @isolated()
    def _predict(self, X) -> tuple[np.ndarray, np.ndarray]:
        check_is_fitted(self)
        X = validate_data(self, check_numeric(X), dtype=np.float64, reset=False)
        generator = torch.Generator().manual_seed(_SEED)
        probability, code = self._frozen.module.predict(torch.tensor(X), _N_DRAWS, generator)
        return probability.numpy(), code.numpy()


def _weighted_rows(X: np.ndarray, labels: np.ndarray, sample_weight):
    """Rows of positive weight with their labels and weights, or None if all weights are equal."""
    if sample_weight is None:
        return X, labels, None
    weight = check_weight(sample_weight, len(X))
    kept = weight > 0
    X, labels, weight = X[kept], labels[kept], weight[kept]
    return X, labels, None if np.ptp(weight) == 0 else torch.tensor(weight)


def _root_mean_square(X: np.ndarray, weight: torch.Tensor | None) -> float:
    most = np.abs(X).max() or 1.0  # squares of very large numbers overflow
    return float(most * np.sqrt(np.average(((X / most) ** 2).mean(axis=1), weights=weight)))


def _entropy(labels: np.ndarray, weight: torch.Tensor | None) -> float:
    """Entropy of the labels in nats."""
    return float(entropy(np.bincount(labels, weight)))
