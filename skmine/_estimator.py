"""MutualInfoEstimator: mutual information of two blocks of columns, by cross-fitted critics."""

import copy
import warnings
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from skmine import nn
from skmine._callbacks import FRAMES, fit_task, with_callbacks
from skmine._columns import read_features
from skmine._documentation import DocumentationLinkMixin
from skmine._encoding import encodings
from skmine._engine.contest import Outcome, choose_sample
from skmine._engine.critics import PooledCritic, stack_states
from skmine._engine.forms import Network, entrants, is_model
from skmine._engine.sample import Folds
from skmine._fitted import FittedCritic
from skmine._input import Rows
from skmine._progress import progress
from skmine._refit import new_fit
from skmine._sklearn import HasMethods, Interval, StrOptions, fit_context
from skmine._tags import AnyColumns
from skmine._validation import (
    check_batch_size,
    check_hidden_layer_sizes,
    choose_max_iter,
    draw_seed,
    make_generator,
    resolve_device,
)
from skmine.nn.isolation import isolated


class MutualInfoEstimator(DocumentationLinkMixin, AnyColumns):
    """Mutual information I(X; Y) in nats, by the best of several kinds of critics, cross-fitted.

    A critic estimates the log density ratio of a row of X and a row of y. Closed forms, mixtures of
    Gaussians, mixtures on predictions of kernel ridge regression, counts on a grid of ranks and a neural
    network (MINE) compete; the one of the highest value on rows that it has not seen is kept. That value is
    a lower bound in expectation. Together with the value on the training rows it gives an estimate whose
    bias cancels to first order.

    Columns may be continuous, discrete, boolean or categorical, with missing values: nothing is imputed,
    and missingness counts as information. Columns are read through their ranks, several numeric ones also
    in their own units, up to shift and scale; where X or y has one continuous column, the result does not
    change under any increasing map of it.

    Parameters
    ----------
    bound : {"mine", "dv", "mine-f", "infonce", "smile", "js"} or DonskerVaradhan, default="mine"
        The bound that is climbed and reported, see :data:`skmine.nn.BOUNDS`; or an instance of a
        subclass of :class:`skmine.nn.DonskerVaradhan`.
    critic : {"auto", "concat", "separable"}, callable or scikit-learn model, default="auto"
        ``"auto"`` holds a contest: closed forms first, then mixtures, grids and a network. Any other critic
        is valued alone, so that `mi_` says how much it finds: a network on the best closed form by its name
        in :data:`skmine.nn.CRITICS` or a factory ``(d_x, d_y) -> torch.nn.Module`` (one output a class by
        name, where y is discrete), or what a regressor or classifier predicts of y for rows not seen.
    hidden_layer_sizes : int or sequence of int, default=(64, 64, 64)
        Widths of the hidden layers of a named critic.
    learning_rate_init : float, default=4e-3
        Learning rate of AdamW.
    weight_decay : float, default=1.0
        Weight decay of AdamW at the start; it is cut while there is no overfitting, and whenever the
        held-out value stops rising.
    batch_size : int or "auto", default="auto"
        Rows of a minibatch of the network; ``"auto"`` is 64, or all training rows where there are fewer.
    max_iter : int or "auto", default="auto"
        Most minibatches of the network; 0 leaves it out. ``"auto"`` is 1,000, and beyond 1,000 training rows
        grows with their square root, as the sampling error falls with it.
    n_iter_no_change : int, default=3
        Checks of the held-out value (one every 50 minibatches) without a rise before training restarts
        from the best weights with less weight decay; it ends when a restart, or the start, brings no rise.
    tol : float, default=2e-3
        Smallest rise that counts, in nats.
    cv : int, cross-validation splitter, iterable or None, default=5
        Folds: their number (from 36 rows on at most one for every 12 rows, below one for every 4; up to 100
        rows drawn three times, up to 150 twice), a splitter, or pairs of training and held-out row numbers,
        cut to the length of the shortest. None holds out ``validation_fraction`` of the rows once.
    validation_fraction : float, default=0.2
        Share of the rows held out where ``cv`` is None; at least 12 of 36 or more.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the networks of the last fit, on the same rows. There is no contest
        then, nor in the first fit: ``critic="auto"`` means ``"concat"``.
    device : str or torch.device, default="auto"
        Where to train: ``"auto"`` is CUDA where there is one, else the CPU.
    random_state : int, RandomState or None, default=None
        Seed of the folds, the initial weights and the minibatches.
    verbose : bool, default=False
        Whether to show progress: a bar with tqdm, else plain lines on stderr.

    Attributes
    ----------
    mi_ : float
        Estimate of I(X; Y) in nats: the mean of the held-out and the training value, whose biases cancel to
        first order, and up to a quarter of the gap between them where more than a closed form was needed. Of
        two discrete blocks the plug-in value; of wide Gaussian ones that of unbiased log determinants. At
        most `mi_max_`; slightly negative when X and y are independent.
    mi_lower_ : float
        Held-out value in nats of the critic that won: a lower bound of I(X; Y) in expectation, raised a
        little by the choice.
    mi_std_ : float
        Standard error of the mean log ratio over the rows, in nats.
    mi_interval_ : tuple of two floats
        Interval of 95 % for I(X; Y) in nats, from the sampling error and the gap between training and
        held-out value. It reaches further up than down, where what was not learnt lies, and as far up as that
        of any critic about as good. Structure that no critic has found, such as a thin band, is not in it.
    mi_max_ : float
        Most that I(X; Y) can be, in nats: the entropy of a discrete X or y, or the sum of the entropies of
        its columns where each has few values; infinity where neither has.
    history_ : list of dict
        ``iteration``, ``training`` and ``held_out`` (nats) of the network at each check, though another
        critic may have won; of the first fold alone where the others were not worth training. One entry, of
        the winner, where no network was trained.
    n_iter_ : int
        Minibatches that the network took.
    device_ : str
        The device that was used.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if it has any.

    Notes
    -----
    No sample can test a bound of more nats than the log of its number of marginal pairs (McAllester and
    Stratos 2020). Where a closed form finds more (2 nats at 500 rows, 4.4 from 2,000 on) and the pairs do not
    refute it, no other critic competes, and the estimate is its mean log ratio, with a warning above 3 nats.
    So it is, with a warning, where folds hold out fewer than 12 rows, as 5 folds of fewer than 36 do, or few
    rows have most of the weight.

    References
    ----------
    Belghazi et al. (2018), Mutual Information Neural Estimation, ICML. Chernozhukov et al. (2018),
    Double/debiased machine learning, for cross-fitting.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine import MutualInfoEstimator
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 3))
    >>> y = X[:, 0] + rng.normal(size=1000)
    >>> estimator = MutualInfoEstimator(random_state=0).fit(X, y)  # truth: log(2) / 2 = 0.347
    >>> print(f"{estimator.mi_:.1f} nats")
    0.3 nats
    """

    _parameter_constraints: ClassVar[dict] = {
        "bound": [StrOptions(set(nn.BOUNDS)), nn.DonskerVaradhan],
        "critic": [StrOptions({"auto", *nn.CRITICS}), callable, HasMethods(["fit", "predict"])],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "cv": ["cv_object"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _critic: FittedCritic
    _doubts: list[str]
    _can_go_on: bool
    _fold_seed: int
    _fingerprint: str

    def __init__(
        self,
        *,
        bound="mine",
        critic="auto",
        hidden_layer_sizes=(64, 64, 64),
        learning_rate_init=4e-3,
        weight_decay=1.0,
        batch_size="auto",
        max_iter="auto",
        n_iter_no_change=3,
        tol=2e-3,
        cv=5,
        validation_fraction=0.2,
        warm_start=False,
        device="auto",
        random_state=None,
        verbose=False,
    ):
        self.bound = bound
        self.critic = critic
        self.hidden_layer_sizes = hidden_layer_sizes
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.cv = cv
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Train the critics and estimate I(X; Y).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Columns of any kind; NaN, None and NA are missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target columns of any kind.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Non-negative weights of the rows; rows of weight 0 are left out.
        groups : array-like of shape (n_samples,) or None, default=None
            Group of each row. Rows of a group are trained on or held out together: a number of folds is
            drawn by group, and a splitter such as ``GroupKFold`` gets them.

        Returns
        -------
        MutualInfoEstimator
            The fitted estimator.

        Raises
        ------
        TypeError
            A column holds dates, or objects that are neither strings nor numbers.
        ValueError
            X or y is empty, infinite, complex, too short or of another length; weights are negative or all
            zero; a parameter is out of its range.

        Warns
        -----
        UserWarning
            A column has no value at all; text was read as numbers; a tenth of the rows are copies of others.
        ConvergenceWarning
            Training had not ended after ``max_iter`` minibatches, `mi_` is above what these rows can test, or
            they can judge no network.
        """
        with fit_task(self, X, y, sample_weight) as on_check:
            self._fit_quietly(X, y, sample_weight, groups, on_check)
        for doubt in self._doubts:
            warnings.warn(doubt, ConvergenceWarning, stacklevel=3 + FRAMES)
        return self

    def _fit_quietly(self, X, y, sample_weight=None, groups=None, on_check=None):
        """As ``fit``, for our own use: parameters are right, and results are not warned of."""
        with isolated(), new_fit(self) as fitted:
            is_interrupted = fitted._fit(X, y, sample_weight, groups, on_check)
        if is_interrupted:
            raise KeyboardInterrupt("MutualInfoEstimator was interrupted; it keeps the best critics so far.")
        return self

    def _fit(self, X, y, sample_weight, groups, on_check) -> bool:
        """Fit in place; whether it was interrupted."""
        device = resolve_device(self.device)
        rows = Rows.read(X, y, sample_weight)
        rows.check_can_train(has_groups=groups is not None)
        generator = make_generator(self.random_state)
        go_on = self.warm_start and hasattr(self, "_critic")
        self._fold_seed = self._fold_seed if go_on else draw_seed(generator)
        splits = rows.splits(self.cv, self.validation_fraction, self._fold_seed, y, groups)
        folds = Folds.of_splits(splits, make_generator(self._fold_seed))
        validate_data(self, X, skip_check_array=True)
        self._fingerprint = rows.fingerprint(splits, self._fingerprint if go_on else None)
        compete = self.critic == "auto" and not self.warm_start
        max_iter = choose_max_iter(self.max_iter, folds.train.shape[1])
        with progress(self.verbose, max_iter, on_check) as on_check:
            network = self._make_network(generator, device, folds.train.shape[1], max_iter, on_check)
            if go_on and self._can_go_on:
                network = replace(network, resume=partial(self._critic.load_into, n_folds=len(splits)))
            ways = encodings(rows.columns, rows.weight, is_model(self.critic))
            readings = [self._critic.encoders] if go_on else list(ways)
            samples = [rows.sample(encoders, folds) for encoders in readings]
            forms = entrants(network, compete)
            number, outcome = choose_sample(samples, forms, self._make_bound(), device, compete)
        encoders, sample = readings[number], samples[number]
        best = outcome.verdict.scored
        bank = stack_states(best.fit.critic, best.fit.states)
        self._critic = FittedCritic(encoders, bank, best.bound, (sample.x, sample.y), sample.weight)
        self._can_go_on = best.fit.training is not None and not isinstance(best.fit.critic, PooledCritic)
        self.mi_max_, self.device_ = min(encoder.entropy for encoder in encoders), str(device)
        self._set_results(outcome, max_iter)
        return outcome.interrupted

    def _make_network(self, generator, device, n_train: int, max_iter: int, on_check) -> Network:
        return Network(
            critic="concat" if self.critic == "auto" else self.critic,
            hidden_layer_sizes=check_hidden_layer_sizes(self.hidden_layer_sizes),
            bound=self._make_bound(),
            generator=generator,
            device=device,
            training={
                "learning_rate": self.learning_rate_init,
                "weight_decay": self.weight_decay,
                "batch_size": check_batch_size(self.batch_size, n_train),
                "max_iter": max_iter,
                "n_iter_no_change": self.n_iter_no_change,
                "tol": self.tol,
                "on_check": on_check,
            },
        )

    def _make_bound(self):
        bound = nn.BOUNDS[self.bound]() if isinstance(self.bound, str) else self.bound
        return copy.deepcopy(bound)  # what is fitted does not follow later changes of the parameter

    def _set_results(self, outcome: Outcome, max_iter: int) -> None:
        """Fitted values, and why they may be off."""
        verdict, training = outcome.verdict, outcome.training
        self.mi_lower_ = verdict.held_out
        self.mi_ = min(verdict.estimate, self.mi_max_)
        self.mi_std_ = verdict.standard_error
        low, high = verdict.interval
        self.mi_interval_ = (min(low, self.mi_max_), min(high, self.mi_max_))
        untrained = {"iteration": 0, "training": verdict.training, "held_out": verdict.held_out}
        self.history_ = [untrained] if training is None else training.history
        self.n_iter_ = self.history_[-1]["iteration"]
        self._doubts = outcome.doubts(self.mi_, max_iter)

    def score(self, X, y, sample_weight=None):
        """The bound on the rows given, in nats; on unseen rows a lower bound in expectation.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Columns as in ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target columns as in ``fit``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Non-negative weights of the rows.

        Returns
        -------
        float
            Nats; may be negative. The same rows give the same value.

        Raises
        ------
        NotFittedError
            ``fit`` was not called.
        ValueError
            X or y is not as in ``fit``, or there is one row only and y is not discrete.
        """
        rows = self._read_fitted(X, y, sample_weight)
        with isolated():
            return self._critic.value(rows.columns, rows.weight)

    def score_samples(self, X, y=None):
        """Pointwise mutual information of each row, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Columns as in ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or None, default=None
            Target columns as in ``fit``. None gives the information that a row of X carries about y
            before y is seen, ``KL(p(y | x) || p(y))``.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``log p(x, y) / (p(x) p(y))`` in nats. A row has the same value in any batch.

        Raises
        ------
        NotFittedError
            ``fit`` was not called.
        ValueError
            X or y is not as in ``fit``.
        """
        if y is None:
            check_is_fitted(self)
            validate_data(self, X, reset=False, skip_check_array=True)
            with isolated():
                return self._critic.given_x(read_features(X))
        rows = self._read_fitted(X, y)
        with isolated():
            return self._critic.log_ratio(rows.columns)

    def _read_fitted(self, X, y, sample_weight=None) -> Rows:
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        rows = Rows.read(X, y, sample_weight)
        self._critic.check_targets(rows.columns["y"])
        return rows

    def __sklearn_is_fitted__(self):
        return hasattr(self, "mi_")
