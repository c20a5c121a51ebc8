"""MutualInfoEstimator: mutual information between two sets of columns, by cross-fitted critics."""

import copy
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skmine import nn
from skmine._callbacks import fit_task, with_callbacks
from skmine._columns import read_features
from skmine._documentation import DocumentationLinkMixin
from skmine._encoding import encodings
from skmine._engine.contest import Outcome, choose_sample
from skmine._engine.critics import PooledCritic, stack_states
from skmine._engine.forms import Network, entrants, is_model
from skmine._engine.sample import Folds
from skmine._fitted import FittedCritic
from skmine._frame_columns import check_names
from skmine._input import Rows
from skmine._progress import progress
from skmine._refit import new_fit
from skmine._sklearn import HasMethods, Interval, StrOptions, fit_context
from skmine._tags import AnyColumns
from skmine._threads import one_thread
from skmine._validation import (
    check_batch_size,
    check_hidden_layer_sizes,
    choose_max_iter,
    draw_seed,
    make_generator,
    resolve_device,
)
from skmine._warning import warn
from skmine.nn.isolation import isolated


class MutualInfoEstimator(DocumentationLinkMixin, AnyColumns):
    """Estimate the mutual information I(X; Y), in nats, between two sets of columns.

    Each fit compares several models of the dependence between X and y, called critics: closed forms, mixtures
    of Gaussians, regressions, boosted trees, counts on a grid of ranks, and a neural network (MINE). It keeps
    the critic that does best on held-out rows, by cross-validation.

    Columns can be continuous, discrete, boolean or categorical, and can have missing values. Nothing is
    imputed: a missing value counts as a value of its own.

    Parameters
    ----------
    bound : {"mine", "dv", "mine-f", "infonce", "smile", "js"} or DonskerVaradhan, default="mine"
        Bound to maximise and report, see :data:`skmine.nn.BOUNDS`. Change it to compare bounds, or pass an
        instance of your own subclass of :class:`skmine.nn.DonskerVaradhan`.
    critic : {"auto", "concat", "separable"}, callable or scikit-learn model, default="auto"
        ``"auto"`` compares all critics and keeps the best. It stops early if the held-out rows show that the
        best critic explains the dependence. Pass another value to measure how much a single critic captures:

        - a name in :data:`skmine.nn.CRITICS`: that network, added to the best closed form;
        - a function ``(d_x, d_y) -> torch.nn.Module``: your own network;
        - a scikit-learn regressor or classifier: its out-of-fold predictions of y.
    hidden_layer_sizes : int or sequence of int, default=(64, 64, 64)
        Widths of the hidden layers of the network. A smaller network trains faster.
    learning_rate_init : float, default=4e-3
        Learning rate of AdamW. Lower it if the training curve is unstable.
    weight_decay : float, default=1.0
        Initial weight decay of AdamW. It is lowered during training, unless the network overfits.
    batch_size : int or "auto", default="auto"
        Rows in a minibatch of the network; ``"auto"`` uses at most 64.
    max_iter : int or "auto", default="auto"
        Maximum number of minibatches. Raise it if a ``ConvergenceWarning`` asks for it. 0 skips the network.
        ``"auto"`` allows at least 1,000, and more for large samples.
    n_iter_no_change : int, default=3
        Patience: number of checks without an improvement of the held-out value before training restarts from
        the best weights, or ends. There is a check every 50 minibatches. Lower it to 1 for a faster, rougher
        estimate.
    tol : float, default=2e-3
        Smallest improvement that counts, in nats. Raise it for a faster, rougher estimate.
    cv : int, cross-validation splitter, iterable or None, default=5
        Number of folds (fewer for small samples, see Notes), a splitter such as ``TimeSeriesSplit``, or pairs
        of training and held-out row indices. None makes a single split, which is faster.
    validation_fraction : float, default=0.2
        Share of the rows to hold out if ``cv=None``. Ignored otherwise.
    warm_start : bool, default=False
        Whether ``fit`` continues to train the networks of the previous fit on the same rows. Only the network
        is then fitted, and other critics are not tried.
    device : str or torch.device, default="auto"
        Where to train. ``"auto"`` uses CUDA if it is available, otherwise the CPU.
    random_state : int, RandomState or None, default=None
        Seed of the folds, the initial weights and the minibatches. Pass an int for reproducible results.
    verbose : bool, default=False
        Whether to show progress, as a bar if tqdm is installed and as lines on stderr otherwise.

    Attributes
    ----------
    mi_ : float
        Estimate of I(X; Y) in nats: the value to report. It is not clipped, so it can be slightly negative
        when X and y are independent.
    mi_lower_ : float
        Value of the best critic on held-out rows, in nats. Use it for a conservative statement: it is a lower
        bound of I(X; Y) in expectation, except that choosing the best of several critics raises it slightly.
    mi_std_ : float
        Standard error of the mean log ratio over the rows, in nats. It covers sampling error only;
        `mi_interval_` also covers overfitting.
    mi_interval_ : tuple of two floats
        95 % interval for I(X; Y) in nats, from the sampling error and the gap between training and held-out
        values. It does not cover dependence that no critic found.
    mi_max_ : float
        Upper limit of I(X; Y) in nats: the smaller of the entropies of X and y. The entropy of a block with
        continuous columns is infinite. Compare `mi_` with it to see how much of y is explained.
    history_ : list of dict
        Training curve of the network, to diagnose convergence: ``iteration``, ``training`` and ``held_out``
        (nats). A single entry means that no network was trained.
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
    - `mi_` is `mi_lower_` plus about half the gap between training and held-out value, and slightly more if
      the best critic is not a closed form. For many Gaussian columns it is computed from covariances.
    - Columns are replaced by their ranks, so an increasing transformation of a column does not change the
      result. Only if X or y has several numeric columns, their values are used as well.
    - Cross-validation is repeated three times with up to 100 rows, and twice with up to 150. With fewer than
      36 rows, folds hold out fewer than 12: `mi_` is then the value of a closed form, with a warning.
    - Of more than a million rows, or 33 million values, a sample trains the critics. The other rows are then
      read a few at a time for `mi_`, unless there are `groups` or a splitter. X can be a memory map.
    - n rows cannot verify values far above log(n) nats (McAllester and Stratos, 2020). For such values, `mi_`
      is the value of a closed form, and a warning is issued above 3 nats.

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
    _doubts: list[str]  # warnings about the results
    _can_go_on: bool  # whether the best critic is a network, which warm_start can train further
    _fold_seed: int
    _fingerprint: str  # of the rows and folds, because warm_start needs the same ones

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
        """Estimate I(X; Y) from rows of X and y.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Columns of any kind; NaN, None and NA are missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target columns of any kind.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Non-negative weights of the rows. Rows with weight 0 are ignored.
        groups : array-like of shape (n_samples,) or None, default=None
            Group label of each row. Pass it if rows are related, such as visits of one patient: a group is
            never split between training and held-out rows.

        Returns
        -------
        MutualInfoEstimator
            The fitted estimator.

        Raises
        ------
        TypeError
            A column holds dates, or objects that are neither strings nor numbers.
        ValueError
            X or y is empty, infinite or complex, has too few rows, or the lengths differ; a weight is
            negative or all are zero; or a parameter is out of range.

        Warns
        -----
        UserWarning
            A column is empty, text was read as numbers or holds dates, or many rows are copies of others.
        ConvergenceWarning
            Training stopped at ``max_iter``, or there are too few rows to verify `mi_` or to judge a network.
        """
        with fit_task(self, X, y, sample_weight) as on_check:
            self._fit_quietly(X, y, sample_weight, groups, on_check)
        for doubt in self._doubts:
            warn(doubt, ConvergenceWarning)
        return self

    def _fit_quietly(self, X, y, sample_weight=None, groups=None, on_check=None):
        """Fit without validating the parameters and without warnings about the results, for internal use."""
        with isolated(), one_thread(), new_fit(self) as fitted:
            is_interrupted = fitted._fit(X, y, sample_weight, groups, on_check)
        if is_interrupted:
            raise KeyboardInterrupt("MutualInfoEstimator was interrupted; it keeps the best critics so far.")
        return self

    def _fit(self, X, y, sample_weight, groups, on_check) -> bool:
        """Fit in place and return whether training was interrupted."""
        device = resolve_device(self.device)
        generator = make_generator(self.random_state)
        go_on = self.warm_start and hasattr(self, "_critic")
        self._fold_seed = self._fold_seed if go_on else draw_seed(generator)
        rows = Rows.read(X, y, sample_weight, self._fold_seed)
        rows.check_can_train(has_groups=groups is not None)
        splits = rows.splits(self.cv, self.validation_fraction, self._fold_seed, y, groups)
        folds = Folds.of_splits(splits, make_generator(self._fold_seed), rows.groups(groups))
        check_names(self, X)
        self._fingerprint = rows.fingerprint(splits, self._fingerprint if go_on else None)
        compete = self.critic == "auto" and not self.warm_start
        max_iter = choose_max_iter(self.max_iter, folds.train.shape[1])
        with progress(self.verbose, max_iter, on_check) as on_check:
            network = self._make_network(generator, device, folds.train.shape[1], max_iter, on_check)
            if go_on and self._can_go_on:
                network = replace(network, resume=partial(self._critic.load_into, n_folds=len(splits)))
            ways = encodings(rows.columns, rows.weight, is_model(self.critic), compete)
            pairs = [self._critic.encoders] if go_on else list(ways)
            samples = [rows.sample(encoders, folds) for encoders in pairs]
            forms = entrants(network, compete)
            number, outcome = choose_sample(samples, forms, self._make_bound(), device, compete)
        encoders, sample, best = pairs[number], samples[number], outcome.verdict.scored
        bank = stack_states(best.fit.critic, best.fit.states)
        self._critic = FittedCritic(encoders, bank, best.bound, (sample.x, sample.y), sample.weight)
        self._can_go_on = best.fit.training is not None and not isinstance(best.fit.critic, PooledCritic)
        self.mi_max_, self.device_ = min(encoder.entropy for encoder in encoders), str(device)
        verdict = rows.extend(outcome, self._critic, sample, self.cv, groups, self.verbose)
        outcome = replace(outcome, verdict=verdict)
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
        return copy.deepcopy(bound)  # later changes of the parameter must not affect the fit

    def _set_results(self, outcome: Outcome, max_iter: int) -> None:
        """Set the fitted attributes, and collect the warnings about them."""
        verdict, training = outcome.verdict, outcome.training
        self.mi_lower_ = min(verdict.held_out, self.mi_max_)
        self.mi_ = min(verdict.estimate, self.mi_max_)
        self.mi_std_ = verdict.standard_error
        low, high = verdict.interval  # if even the lower end exceeds the entropy, nothing is known
        self.mi_interval_ = (low if low <= self.mi_max_ else 0.0), min(high, self.mi_max_)
        untrained = {"iteration": 0, "training": verdict.training, "held_out": verdict.held_out}
        self.history_ = [untrained] if training is None else training.history
        self.n_iter_ = self.history_[-1]["iteration"]
        self._doubts = outcome.doubts(self.mi_, max_iter)

    def score(self, X, y, sample_weight=None):
        """Value of the bound on the given rows, in nats.

        On rows that were not used in ``fit`` it is a lower bound of I(X; Y) in expectation.

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
            Value in nats, which can be negative. The same rows always give the same value.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        ValueError
            The columns do not match those of ``fit``, or there is only one row and y is not discrete.
        """
        rows = self._read_fitted(X, y, sample_weight)
        with isolated(), one_thread():
            return self._critic.value(rows.columns, rows.weight)

    def score_samples(self, X, y=None):
        """Pointwise mutual information of each row, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Columns as in ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or None, default=None
            Target columns as in ``fit``. With None, the result is the information that each row of X
            carries about y before y is observed, ``KL(p(y | x) || p(y))``.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``log p(x, y) / (p(x) p(y))`` in nats. The value of a row does not depend on the other rows.

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        ValueError
            The columns do not match those of ``fit``.
        """
        if y is None:
            check_is_fitted(self)
            check_names(self, X, reset=False)
            with isolated(), one_thread():
                return self._critic.given_x(read_features(X))
        rows = self._read_fitted(X, y)
        with isolated(), one_thread():
            return self._critic.log_ratio(rows.columns)

    def _read_fitted(self, X, y, sample_weight=None) -> Rows:
        check_is_fitted(self)
        check_names(self, X, reset=False)
        rows = Rows.read(X, y, sample_weight)
        self._critic.check_targets(rows.columns["y"])
        return rows
