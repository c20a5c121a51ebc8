"""MINEGAN: an adversarial network whose samples tell of the code that they were made from."""

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
    if estimator.n_codes > 0:
        return True
    raise AttributeError("predict names the category of the code: pass n_codes of at least 2.")


class MINEGAN(
    CallbackSupportMixin,
    DocumentationLinkMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Generative adversarial network that keeps all modes, by maximising I(sample; code).

    A sampler turns noise and a code into rows; a discriminator tells them from the data, and the sampler
    learns to deceive it. Alone, such a sampler drops modes. Here it also maximises, with weight ``beta``,
    the mutual information between its rows and their code, estimated by a critic on the Donsker-Varadhan
    bound: the more entropy its rows have, the more they can tell of the code, so the sampler spreads over
    all modes. The critic then also reads the code of any row (``transform``).

    The weight falls from ``beta`` to 0 over the first half of the training, the learning rate to 0 over
    the second. X is centred and divided by one scale inside; put a ``StandardScaler`` in front where the
    columns have scales of their own.

    Parameters
    ----------
    beta : float, default=1.0
        Weight of I(sample; code) at the start; its gradient is never longer than the adversarial one. 0 is
        the plain adversarial network.
    n_components : int, default=2
        Normal columns of the code.
    n_codes : int, default=0
        Categories of the code's categorical part, all as probable; 0 for none.
    n_noise : int or "auto", default="auto"
        Normal columns that the sampler gets beside the code; ``"auto"`` is one a column of X, at most 32.
    hidden_layer_sizes : int or sequence of int, default=(128, 128, 128, 128)
        Widths of the hidden layers of the sampler and of the discriminator.
    penalty : float, default=2e-3
        Weight of half the squared slope of the discriminator at the data, which makes training settle.
    learning_rate_init : float, default=2e-3
        Learning rate of Adam.
    batch_size : int or "auto", default="auto"
        Rows of a minibatch; ``"auto"`` is 256, or all rows where there are fewer.
    max_iter : int or "auto", default="auto"
        Minibatches; ``"auto"`` is 500 passes over the rows, but at least 500 and at most 20,000.
    device : str or torch.device, default="auto"
        Where to train: ``"auto"`` is CUDA where there is one, else the CPU.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, the minibatches and the noise.
    verbose : bool, default=False
        Whether to show progress: a bar with tqdm, else plain lines on stderr.

    Attributes
    ----------
    mi_ : float
        I(sample; code) in nats, by a critic trained on rows of the finished sampler. Scores of the critic
        are at most 12, and so is this value.
    history_ : list of dict
        ``iteration``, ``discriminator`` and ``sampler`` (losses) and ``mi`` (nats; NaN where its weight is
        0), in means over 50 minibatches.
    n_iter_ : int
        Minibatches taken.
    device_ : str
        The device that was used.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if it has any.

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
    >>> gan = MINEGAN(max_iter=200, hidden_layer_sizes=(32, 32), random_state=0).fit(X)
    >>> gan.sample(3, random_state=0).shape
    (3, 2)
    >>> gan.transform(X).shape
    (500, 2)
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
        """Train the sampler against the discriminator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite numbers, of a common scale.
        y : None
            Ignored.

        Returns
        -------
        MINEGAN
            The fitted network.

        Raises
        ------
        ValueError
            X is empty, missing or infinite, training diverged, or a parameter is out of its range.
        """
        with fit_task(self, X) as on_check, isolated(), new_fit(self) as fitted:
            is_interrupted = fitted._fit(X, on_check)
        if is_interrupted:
            raise KeyboardInterrupt("MINEGAN was interrupted; it keeps the weights so far.")
        return self

    def _fit(self, X, on_check) -> bool:
        """Fit in place; whether it was interrupted."""
        device = resolve_device(self.device)
        widths = check_hidden_layer_sizes(self.hidden_layer_sizes)
        if self.n_components + self.n_codes < 1:
            raise ValueError(
                f"The code must have a column: got n_components={self.n_components} and "
                f"n_codes={self.n_codes}. Raise one of them, and pass beta=0 for a plain network."
            )
        check_numeric(X)
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        batch_size = check_batch_size(self.batch_size, len(X), auto=256)
        max_iter = choose_passes(self.max_iter, len(X), batch_size, _N_PASSES)
        most = np.abs(X).max() or 1.0  # sums and squares of the largest numbers have no float
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
                "X must have columns of a common scale for training to converge; it diverged. Put a "
                "StandardScaler in front, or lower learning_rate_init."
            )
        self._centre, self._scale = centre, scale
        self._sampler, self._reader = FrozenModule(result.sampler), FrozenModule(result.reader)
        self.mi_, self.history_ = result.mi, result.history
        self.n_iter_, self.device_ = result.n_iter, str(device)
        return result.interrupted

    @isolated()
    def sample(self, n_samples=1, *, code=None, random_state=None):
        """Draw rows from the sampler.

        Parameters
        ----------
        n_samples : int, default=1
            Rows.
        code : array-like of shape (n_samples, n_components + n_codes) or None, default=None
            Their codes: normal columns, then the category one-hot. None draws them.
        random_state : int, RandomState or None, default=None
            Seed of the noise and of the codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the units of X.

        Raises
        ------
        NotFittedError
            ``fit`` was not called.
        ValueError
            `n_samples` is less than 1, or `code` has another shape.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be an integer of at least 1; got {n_samples!r}.")
        sampler = self._sampler.module
        generator = make_generator(random_state)
        codes = sampler.draw_codes(int(n_samples), generator, torch.zeros((), dtype=torch.float64))
        if code is not None:
            code = check_array(code, dtype=np.float64, input_name="code")
            if code.shape != tuple(codes.shape):
                raise ValueError(
                    f"code must have the shape (n_samples, n_components + n_codes), {tuple(codes.shape)}; "
                    f"got {code.shape}."
                )
            codes = torch.tensor(code)
        with torch.no_grad():
            return sampler(codes, generator).numpy() * self._scale + self._centre

    def transform(self, X):
        """The code that each row would have been made from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components + n_codes)
            Mean of the code given the row, by the critic over 1,024 draws of codes: its normal columns, then
            the probability of each category. A row has the same value in any batch.

        Raises
        ------
        NotFittedError
            ``fit`` was not called.
        ValueError
            X is not as in ``fit``.
        """
        return self._read(X)

    @available_if(_has_categories)
    def predict(self, X):
        """The most probable category of the code of each row; there where ``n_codes`` is not 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Numbers from 0 to ``n_codes - 1``.

        Raises
        ------
        NotFittedError
            ``fit`` was not called.
        ValueError
            X is not as in ``fit``.
        """
        return self._read(X)[:, self.n_components :].argmax(1)

    @isolated()
    def _read(self, X) -> np.ndarray:
        check_is_fitted(self)
        check_numeric(X)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self._reader.module(torch.tensor((X - self._centre) / self._scale)).numpy()

    @property
    def _n_features_out(self) -> int:
        return self.n_components + self.n_codes
