"""MINEGAN: a generative adversarial network that maximises the information between samples and a code."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skmine import nn
from skmine._callbacks import CallbackSupportMixin, fit_task, with_callbacks
from skmine._documentation import DocumentationLinkMixin
from skmine._frame_columns import check_numeric
from skmine._frozen import FrozenModule
from skmine._progress import progress
from skmine._refit import new_fit
from skmine._sklearn import Interval, StrOptions, fit_context
from skmine._validation import (
    check_batch_size,
    check_hidden_layer_sizes,
    choose_passes,
    make_generator,
    resolve_device,
)
from skmine.nn.adversarial import Perceptron
from skmine.nn.isolation import isolated

_N_PASSES = 500
_MAX_AUTO_NOISE = 32
_CRITIC_WIDTHS = (64, 64)


def _has_categories(estimator) -> bool:
    sampler = getattr(estimator, "_sampler", None)
    if (estimator.n_codes if sampler is None else sampler.module.n_codes) > 0:
        return True
    raise AttributeError(
        f"predict needs n_codes of at least 2; got n_codes={estimator.n_codes}. Set n_codes to the number of "
        "categories and fit again."
    )


class MINEGAN(
    CallbackSupportMixin,
    DocumentationLinkMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Generative adversarial network that avoids mode collapse by maximising I(sample; code).

    The network learns to generate new rows like those of X (``sample``). It also learns a code for each row
    (``transform``), which consists of normal columns and, if `n_codes` is set, a category (``predict``). If
    the columns of X have different scales, put a ``StandardScaler`` in front.

    Parameters
    ----------
    beta : float, default=1.0
        Initial weight of I(sample; code). Raise it if samples miss parts of the data; 0 gives a plain
        adversarial network.
    n_components : int, default=2
        Number of normal columns of the code. Raise it for a code that describes rows in more detail.
    n_codes : int, default=0
        Number of categories in the code, with equal probabilities. 0 means no category.
    n_noise : int or "auto", default="auto"
        Number of noise columns that the sampler receives besides the code. ``"auto"`` is the number of
        columns of X, but at most 32.
    hidden_layer_sizes : int or sequence of int, default=(128, 128, 128, 128)
        Widths of the hidden layers of the sampler and of the discriminator.
    penalty : float, default=2e-3
        Weight of the gradient penalty of the discriminator at the data. Raise it if training is unstable.
    learning_rate_init : float, default=2e-3
        Learning rate of Adam, which falls to 0 during the second half of the training.
    batch_size : int or "auto", default="auto"
        Rows in a minibatch; ``"auto"`` uses at most 256.
    max_iter : int or "auto", default="auto"
        Number of minibatches. ``"auto"`` is 500 epochs, but at least 500 and at most 20,000 minibatches.
    device : str or torch.device, default="auto"
        Where to train. ``"auto"`` uses CUDA if it is available, otherwise the CPU.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the minibatches and the noise. Pass an int for reproducible results.
    verbose : bool, default=False
        Whether to show progress, as a bar if tqdm is installed and as lines on stderr otherwise.

    Attributes
    ----------
    mi_ : float
        Estimate of I(sample; code) in nats for the trained sampler, at most 12: how well the code can be
        recovered from a row.
    history_ : list of dict
        ``iteration``, ``discriminator`` and ``sampler`` (losses) and ``mi`` (nats, or NaN if its weight is
        0), averaged over 50 minibatches, to diagnose training.
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
    A sampler turns noise and a code into rows, and a discriminator learns to distinguish these rows from the
    data. A sampler that is trained only to deceive the discriminator often misses modes. Here it also
    maximises the mutual information between its rows and their codes, which a critic estimates by the
    Donsker-Varadhan bound. This information can be large only if the rows are diverse, so the sampler covers
    all modes. The weight of the information falls from ``beta`` to 0 over the first half of the training, and
    its gradient is clipped to the length of the adversarial gradient.

    References
    ----------
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML, section 5.1. Goodfellow et al.
    (2014), Generative adversarial nets. Mescheder et al. (2018), Which training methods for GANs do
    actually converge?

    Examples
    --------
    >>> import numpy as np
    >>> from skmine import MINEGAN
    >>> rng = np.random.default_rng(0)
    >>> X = rng.choice([-2.0, 2.0], size=(500, 2)) + 0.1 * rng.normal(size=(500, 2))
    >>> gan = MINEGAN(max_iter=50, hidden_layer_sizes=(32, 32), random_state=0).fit(X)
    >>> gan.sample(3, random_state=0).shape
    (3, 2)
    >>> gan.transform(X[:5]).shape
    (5, 2)
    """

    _parameter_constraints: ClassVar[dict] = {
        "beta": [Interval(Real, 0, None, closed="left")],
        "n_components": [Interval(Integral, 0, None, closed="left")],
        "n_codes": [Interval(Integral, 0, None, closed="left")],
        "n_noise": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "penalty": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _sampler: FrozenModule[nn.Sampler]
    _reader: FrozenModule[nn.CodeReader]

    def __init__(
        self,
        beta=1.0,
        *,
        n_components=2,
        n_codes=0,
        n_noise="auto",
        hidden_layer_sizes=(128, 128, 128, 128),
        penalty=2e-3,
        learning_rate_init=2e-3,
        batch_size="auto",
        max_iter="auto",
        device="auto",
        random_state=None,
        verbose=False,
    ):
        self.beta = beta
        self.n_components = n_components
        self.n_codes = n_codes
        self.n_noise = n_noise
        self.hidden_layer_sizes = hidden_layer_sizes
        self.penalty = penalty
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers on a common scale.
        y : None
            Ignored.

        Returns
        -------
        MINEGAN
            The fitted network.

        Raises
        ------
        ValueError
            X is empty, infinite or has missing values, training diverged, or a parameter is out of range.
        """
        with fit_task(self, X) as on_check, isolated(), new_fit(self) as fitted:
            is_interrupted = fitted._fit(X, on_check)
        if is_interrupted:
            raise KeyboardInterrupt("MINEGAN was interrupted; it keeps the weights so far.")
        return self

    def _fit(self, X, on_check) -> bool:
        """Fit in place and return whether training was interrupted."""
        device = resolve_device(self.device)
        widths = check_hidden_layer_sizes(self.hidden_layer_sizes)
        if self.n_components + self.n_codes < 1:
            raise ValueError(
                f"n_components + n_codes must be at least 1; got n_components={self.n_components} and "
                f"n_codes={self.n_codes}. Raise one of them. For a plain network, pass beta=0."
            )
        X = validate_data(self, check_numeric(X), dtype=np.float64, ensure_min_samples=2)
        batch_size = check_batch_size(self.batch_size, len(X), auto=256)
        max_iter = choose_passes(self.max_iter, len(X), batch_size, _N_PASSES)
        most = np.abs(X).max() or 1.0  # sums and squares of very large numbers overflow
        centre, scale = most * (X / most).mean(0), most * np.sqrt((X / most).var(0).mean()) or 1.0

        generator = make_generator(self.random_state)
        x = torch.tensor((X - centre) / scale, dtype=torch.float32).to(device)
        d_noise = min(X.shape[1], _MAX_AUTO_NOISE) if self.n_noise == "auto" else self.n_noise
        sampler = nn.Sampler(
            X.shape[1], d_noise, self.n_components, self.n_codes, widths, generator, torch.float32
        ).to(x)
        discriminator = Perceptron(x, widths, 1, generator, torch.float32).to(x)
        information = nn.MutualInformation(
            X.shape[1],
            sampler.d_code,
            hidden_layer_sizes=_CRITIC_WIDTHS,
            n_steps=1,
            generator=generator,
            dtype=torch.float32,
        ).to(x)
        with progress(self.verbose, max_iter, on_check) as on_check:
            result = nn.train_gan(
                sampler,
                discriminator,
                information,
                x,
                beta=self.beta,
                penalty=self.penalty,
                learning_rate=self.learning_rate_init,
                batch_size=batch_size,
                max_iter=max_iter,
                generator=generator,
                on_check=on_check,
            )
        if not np.isfinite(result.mi):
            raise ValueError(
                "Training diverged: X must have columns on a common scale. Put a StandardScaler in front, or "
                "lower learning_rate_init."
            )
        self._centre, self._scale, self._n_features_out = centre, scale, sampler.d_code
        self._sampler, self._reader = FrozenModule(result.sampler), FrozenModule(result.reader)
        self.mi_, self.history_ = result.mi, result.history
        self.n_iter_, self.device_ = result.n_iter, str(device)
        return result.interrupted

    @isolated()
    def sample(self, n_samples=1, *, code=None, random_state=None):
        """Draw new rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        code : array-like of shape (n_samples, n_components + n_codes) or None, default=None
            Codes of the rows: the normal columns, then the category as one-hot columns. None draws random
            codes.
        random_state : int, RandomState or None, default=None
            Seed of the noise and the codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Rows in the units of X.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        ValueError
            `n_samples` is less than 1, or `code` has the wrong shape.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be an integer of at least 1; got {n_samples!r}. Raise it.")
        sampler = self._sampler.module
        generator = make_generator(random_state)
        codes = sampler.draw_codes(int(n_samples), generator, torch.zeros((), dtype=torch.float64))
        if code is not None:
            code = check_array(code, dtype=np.float64, input_name="code")
            if code.shape != tuple(codes.shape):
                raise ValueError(
                    f"code must have shape (n_samples, n_components + n_codes), {tuple(codes.shape)}; got "
                    f"{code.shape}. Pass one row per sample, with one-hot categories."
                )
            codes = torch.tensor(code)
        with torch.no_grad():
            return sampler(codes, generator).numpy() * self._scale + self._centre

    def transform(self, X):
        """Estimate the code of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components + n_codes)
            Expected code of each row: the normal columns, then the probability of each category. The result
            for a row does not depend on the other rows.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        ValueError
            The columns of X do not match those of ``fit``.
        """
        return self._read(X)

    @available_if(_has_categories)
    def predict(self, X):
        """Most probable category of each row. Only available if ``n_codes`` is not 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Categories from 0 to ``n_codes - 1``.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        ValueError
            The columns of X do not match those of ``fit``.
        """
        code = self._read(X)
        return code[:, self._sampler.module.n_components :].argmax(1)

    @isolated()
    def _read(self, X) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, check_numeric(X), dtype=np.float64, reset=False)
        return self._reader.module(torch.tensor((X - self._centre) / self._scale)).numpy()
