"""MINEFeatureSelector: the features that depend on a target, alone or together."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from joblib import delayed
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skmine._columns import Column, Features, is_lazy, read_target
from skmine._copula import Margin
from skmine._documentation import DocumentationLinkMixin
from skmine._estimator import MutualInfoEstimator
from skmine._progress import counter, run_counted
from skmine._refit import new_fit
from skmine._scores import read_discrete_features
from skmine._sklearn import Interval, StrOptions, fit_context
from skmine._strategies import MAX_ROWS, STRATEGIES, Task
from skmine._validation import check_lengths, check_training_rows, draw_seed, make_generator, resolve_device
from skmine.nn.isolation import isolated

#: Numeric targets of integers with at most so many levels, and 20 rows a level, are classes.
_MAX_CLASSES = 20
#: Joint critics of the path: small ones, for there is one a step.
_PATH_CRITIC = {"cv": 3, "hidden_layer_sizes": (32,), "n_iter_no_change": 1, "tol": 1e-2}


class _Columns(Sequence):
    """Columns that are read each time that they are asked for."""

    def __init__(self, table: Features):
        self.table = table

    def __len__(self) -> int:
        return self.table.shape[1]

    def __getitem__(self, number):
        return self.table.read([number])[0]


class _Features(Sequence):
    """Margins of the columns of each feature, made each time that they are asked for."""

    def __init__(self, columns: Sequence[Column], discrete: np.ndarray, owner: np.ndarray, numbers: range):
        self.columns, self.discrete, self.owner, self.numbers = columns, discrete, owner, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, number):
        if isinstance(number, slice):
            return _Features(self.columns, self.discrete, self.owner, self.numbers[number])
        members = np.flatnonzero(self.owner == self.numbers[number]).tolist()
        return [Margin.of_column(self.columns[j], self.discrete[j]) for j in members]


class MINEFeatureSelector(DocumentationLinkMixin, SelectorMixin, BaseEstimator):
    """Select features by the mutual information that they have with a target.

    Parameters
    ----------
    n_features_to_select : "auto", int or float, default="auto"
        How many features to select: a number, a fraction of them, or ``"auto"`` for those that are
        significant at `alpha`.
    strategy : {"auto", "marginal", "mrmr", "forward", "interaction"} or callable, default="auto"
        How features are chosen:

        - ``"marginal"``: each by its own mutual information with y, regardless of the others;
        - ``"mrmr"``: relevance less mean redundancy with the chosen features;
        - ``"forward"``: greedily by the information that a feature adds to the chosen ones: a copy adds
          none;
        - ``"interaction"``: as ``"forward"``, with all pairs of features as candidates too;
        - ``"auto"``: ``"interaction"``, or ``"forward"`` where there are more than 5,000 features;
        - or a function of a :class:`skmine._strategies.Task` that returns a Ranking.
    alpha : float, default=0.05
        Level at which a feature is significant: the false discovery rate of ``"marginal"`` and ``"mrmr"``,
        and of the others the probability, at each step, to add a feature where none adds any.
    groups : array-like of shape (n_features,) or None, default=None
        Label of each column; columns with the same label, such as the indicators of one category, are
        selected together or not at all.
    discrete_features : "auto", bool or array-like, default="auto"
        Columns that are labels, as in :func:`mutual_info_regression`.
    mi_path : bool, default=False
        Whether small joint critics are trained for `mi_path_`; about half a second a selected feature at
        1,000 rows. They need 8 rows.
    device : str or torch.device, default="auto"
        Where the critics are trained.
    random_state : int, RandomState or None, default=None
        Seed of the critics, and of the rows where there are more than 10,000 and a strategy looks at
        features jointly.
    n_jobs : int or None, default=None
        Critics trained at once.
    verbose : bool, default=False
        Whether to show progress: a bar with tqdm, else plain lines on stderr.

    Attributes
    ----------
    scores_ : ndarray of shape (`n_features_in_`,)
        Nats: the mutual information of the feature (``"marginal"``), the same less redundancy (``"mrmr"``),
        or what it added when it was chosen, to second order (the others; for features not chosen, what
        they would add). A column has the score of its group.
    pvalues_ : ndarray of shape (`n_features_in_`,)
        Of no mutual information (``"marginal"``, ``"mrmr"``) or of adding none (the others), adjusted for the
        number of candidates.
    ranking_ : ndarray of shape (`n_features_in_`,)
        1 for the best feature; columns of a group share their rank.
    support_ : ndarray of shape (`n_features_in_`,)
        Mask of the selected features.
    n_features_ : int
        Number of selected columns.
    mi_path_ : ndarray of shape (n_selected,)
        Joint mutual information in nats of y and the selected features (groups) up to each, in the order
        of `ranking_`; where `mi_path` is True and the strategy is not ``"marginal"``.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if it has any.

    References
    ----------
    Brown et al. (2012), Conditional likelihood maximisation: a unifying framework for information
    theoretic feature selection, JMLR. Belghazi et al. (2018), Mutual Information Neural Estimation,
    ICML, for the critics.

    Examples
    --------
    Neither of the first two columns depends on y alone; together they determine it.

    >>> import numpy as np
    >>> from skmine import MINEFeatureSelector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(size=(1000, 100))
    >>> y = (X[:, 0] > 0.5) ^ (X[:, 1] > 0.5)
    >>> selector = MINEFeatureSelector(random_state=0).fit(X, y)
    >>> print(np.flatnonzero(selector.support_))
    [0 1]
    """

    _parameter_constraints: ClassVar[dict] = {
        "n_features_to_select": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
        ],
        "strategy": [StrOptions(set(STRATEGIES)), callable],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "groups": ["array-like", None],
        "discrete_features": [StrOptions({"auto"}), "boolean", "array-like"],
        "mi_path": ["boolean"],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_features_to_select="auto",
        *,
        strategy="auto",
        alpha=0.05,
        groups=None,
        discrete_features="auto",
        mi_path=False,
        device="auto",
        random_state=None,
        n_jobs=None,
        verbose=False,
    ):
        self.n_features_to_select = n_features_to_select
        self.strategy = strategy
        self.alpha = alpha
        self.groups = groups
        self.discrete_features = discrete_features
        self.mi_path = mi_path
        self.device = device
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Choose the features.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset} of shape (n_samples, n_features)
            Columns of any kind; a missing value counts as a value of its own. A polars LazyFrame, a pyarrow
            Dataset and a memory-mapped array are read a few columns at a time.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target columns of any kind.

        Returns
        -------
        MINEFeatureSelector
            The fitted selector.

        Raises
        ------
        TypeError
            A column holds dates, or objects that are neither strings nor numbers.
        ValueError
            X or y is empty, infinite, complex or of another length; `groups` or `n_features_to_select`
            does not fit the columns of X.
        IndexError
            `discrete_features` does not fit the columns of X.
        """
        with isolated(), new_fit(self) as fitted:
            fitted._fit(X, y)
        return self

    def _fit(self, X, y) -> None:
        """Fit in place."""
        resolve_device(self.device)
        table, targets = Features(X), read_target(y, lazy=True)
        n_rows, n_columns = table.shape
        check_lengths(n_rows, len(targets[0].values))
        with_path = self.mi_path and self.strategy != "marginal"
        if with_path:
            check_training_rows(n_rows, [])
        discrete = read_discrete_features(self.discrete_features, table)
        owner, n_groups = self._read_groups(n_columns)
        n_select = self._n_select(n_groups)
        strategy = STRATEGIES[self.strategy] if isinstance(self.strategy, str) else self.strategy
        seed = draw_seed(make_generator(self.random_state))

        columns: Sequence[Column] = _Columns(table)
        if self.strategy != "marginal":
            rows = None
            if n_rows > MAX_ROWS:
                rows = np.sort(np.random.default_rng(seed).choice(n_rows, MAX_ROWS, replace=False))
                targets = [column.take(rows) for column in targets]
            columns = table.read_rows(rows)
        features = _Features(columns, discrete, owner, range(n_groups))
        with counter(self.verbose, n_select, "feature") as on_step:
            ranking = strategy(
                Task(
                    features if self.strategy == "marginal" else list(features),
                    [Margin.of_column(c, _is_class(c)) for c in targets],
                    n_select,
                    self.alpha,
                    on_step,
                    self.n_jobs,
                )
            )
        validate_data(self, table.named, skip_check_array=True)
        rank = np.empty(n_groups, dtype=int)
        rank[ranking.order] = np.arange(1, n_groups + 1)
        self.scores_, self.pvalues_ = ranking.scores[owner], ranking.pvalues[owner]
        self.ranking_ = rank[owner]
        self.support_ = self.ranking_ <= ranking.n_selected
        self.n_features_ = int(self.support_.sum())
        if with_path:
            self.mi_path_ = self._path(columns, targets, ranking.n_selected, seed)

    def transform(self, X):
        """Reduce X to the selected columns.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset} of shape (n_samples, n_features)
            Columns as in fit.

        Returns
        -------
        array, sparse matrix, DataFrame, LazyFrame or Dataset of shape (n_samples, `n_features_`)
            A LazyFrame for a LazyFrame and a Dataset for a Dataset: nothing is read.
        """
        if not is_lazy(X):
            return super().transform(X)
        check_is_fitted(self)
        table = Features(X)
        validate_data(self, table.named, reset=False, skip_check_array=True)
        return table.select(np.flatnonzero(self.support_))

    def _read_groups(self, n_features: int) -> tuple[np.ndarray, int]:
        """Number of each column's group, in the order of their first columns, and how many there are."""
        if self.groups is None:
            return np.arange(n_features), n_features
        labels = np.asarray(self.groups)
        if labels.shape != (n_features,):
            raise ValueError(
                f"groups must have one label a column of X ({n_features}); got shape {labels.shape}. Pass "
                "as many labels as columns."
            )
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first))[inverse], len(first)

    def _n_select(self, n_groups: int) -> int | None:
        asked = self.n_features_to_select
        if asked == "auto":
            return None
        if isinstance(asked, Integral):
            if int(asked) > n_groups:
                raise ValueError(
                    f"n_features_to_select must be at most the number of features or groups "
                    f"(n_features={n_groups}); got {asked}. Lower it, or pass 'auto' or a fraction."
                )
            return int(asked)
        return max(1, round(asked * n_groups))

    def _path(
        self, columns: Sequence[Column], targets: list[Column], n_selected: int, seed: int
    ) -> np.ndarray:
        y = np.column_stack([c.as_input() for c in targets])
        tasks = (
            delayed(_joint_information)(
                [columns[j] for j in np.flatnonzero(self.ranking_ <= step).tolist()], y, seed, self.device
            )
            for step in range(1, n_selected + 1)
        )
        values = run_counted(tasks, self.n_jobs, self.verbose, n_selected, "joint critic")
        return np.array(values, dtype=float)

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _is_class(column: Column) -> bool:
    """Whether a target is a class: no number, or one of few integers."""
    if column.categorical:
        return True
    levels = np.unique(column.values[~column.missing])
    few = len(levels) <= max(2, min(_MAX_CLASSES, len(column.values) // 20))
    return few and bool((levels == np.round(levels)).all())


def _joint_information(columns: list[Column], y: np.ndarray, seed: int, device) -> float:
    present = [column.as_input() for column in columns if not column.missing.all()]
    if not present:
        return 0.0
    estimator = MutualInfoEstimator(random_state=seed, device=device, **_PATH_CRITIC)
    return estimator._fit_quietly(np.column_stack(present), y).mi_
