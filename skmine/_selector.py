"""MINEFeatureSelector: select the features that depend on a target, alone or together."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from joblib import delayed
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skmine._callbacks import CallbackSupportMixin, fit_task, with_callbacks
from skmine._columns import Column
from skmine._documentation import DocumentationLinkMixin
from skmine._estimator import MutualInfoEstimator
from skmine._frame_columns import check_names
from skmine._frames import library_of, make_frame
from skmine._progress import counter, run_counted
from skmine._refit import new_fit
from skmine._selected_columns import SelectedColumns
from skmine._selection import ColumnChoice, explain, explanation_facts
from skmine._selector_input import SelectorInput
from skmine._sklearn import Interval, StrOptions, fit_context
from skmine._strategies import STRATEGIES
from skmine._tags import of_any_columns
from skmine._validation import check_training_rows, draw_seed, make_generator, resolve_device
from skmine.nn.isolation import isolated

#: Parameters of the estimators of `mi_path_`: small networks and short training, because each step fits one.
_PATH_CRITIC = {"cv": 3, "hidden_layer_sizes": (32,), "n_iter_no_change": 1, "tol": 1e-2}


class MINEFeatureSelector(DocumentationLinkMixin, CallbackSupportMixin, SelectedColumns, BaseEstimator):
    """Select features by their mutual information with a target.

    By default, the selector drops redundant columns, detects pairs of features that matter only together, and
    stops when no feature adds information. X can hold numbers, text, categories and missing values.

    Parameters
    ----------
    n_features_to_select : "auto", int or float, default="auto"
        Number or fraction of the features to select. ``"auto"`` selects the significant ones, see `alpha`.
    strategy : {"auto", "marginal", "mrmr", "forward", "interaction"} or callable, default="auto"
        How to choose the features:

        - ``"marginal"``: by each feature's own mutual information with y. Fastest; keeps redundant columns.
        - ``"mrmr"``: by relevance minus mean redundancy with the features already selected.
        - ``"forward"``: one at a time, by the information that a feature adds to those already selected.
          Redundant columns add none.
        - ``"interaction"``: like ``"forward"``, but also tries all pairs of features, so it detects features
          that matter only together, such as the two columns of an exclusive or.
        - ``"auto"``: ``"interaction"``, or ``"forward"`` if there are too many pairs (more than 20,000
          features with 1,000 rows, or 6,300 with 10,000).
        - a function that takes a :class:`SelectionTask` and returns a :class:`SelectionRanking`.
    alpha : float, default=0.05
        Significance level. For ``"marginal"`` and ``"mrmr"`` it is the false discovery rate. For the other
        strategies it is the probability, at each step, of adding a feature when none adds information.
        Lower it to select fewer features.
    feature_groups : array-like of shape (n_features,) or None, default=None
        Group label of each column. Columns with the same label are selected together or not at all. Use it,
        for example, for the one-hot columns of a category.
    include, exclude : array-like or None, default=None
        Columns to select always or never: names, indices, or a mask of shape (n_features,). Included columns
        are selected first and count towards `n_features_to_select`.
    discrete_features : "auto", bool or array-like, default="auto"
        Columns to treat as labels without order, as in :func:`mutual_info_regression`.
    mi_path : bool, default=False
        Whether to estimate `mi_path_`. This fits one :class:`MutualInfoEstimator` per selected feature, which
        takes about half a second per feature for 1,000 rows. It needs at least 8 rows.
    device : str or torch.device, default="auto"
        Where to train these estimators. ``"auto"`` uses CUDA if it is available, otherwise the CPU.
    random_state : int, RandomState or None, default=None
        Seed of these estimators, and of the random sample of 10,000 rows that is used if there are more rows
        (``"marginal"`` draws it only with weights or groups). Pass an int for reproducible results.
    n_jobs : int or None, default=None
        Number of parallel jobs. The result does not depend on it.
    verbose : bool, default=False
        Whether to show progress, as a bar if tqdm is installed and as lines on stderr otherwise.

    Attributes
    ----------
    support_ : ndarray of shape (`n_features_in_`,)
        Mask of the selected columns.
    ranking_ : ndarray of shape (`n_features_in_`,)
        Rank of each column, 1 for the best. Columns of a group share a rank. Excluded columns come last.
    scores_ : ndarray of shape (`n_features_in_`,)
        Score of each column, or of its group, in nats; NaN for excluded columns:

        - ``"marginal"``: its mutual information with y;
        - ``"mrmr"``: its mutual information with y, minus its mean redundancy with the selected features;
        - other strategies: the information that it added when it was selected, or would add now (an
          approximation to second order).
    pvalues_ : ndarray of shape (`n_features_in_`,)
        P-value of the score, adjusted for the number of candidates; NaN for excluded columns. A small value
        is evidence that the feature depends on y (``"marginal"`` and ``"mrmr"``), or that it adds information
        to the selected features (other strategies).
    n_features_ : int
        Number of selected columns.
    mi_path_ : ndarray of shape (n_selected,)
        Mutual information in nats of y with the first 1, 2, ... selected features together. When it stops
        rising, further features add no information. The true values cannot fall, but the estimates can,
        because they miss more information if there are more columns. Only with ``mi_path=True`` and a
        strategy other than ``"marginal"``.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, if it has names.

    See Also
    --------
    MINEFeatureSelector.explain : Table of why each column was selected or not.
    selection_stability : How often each feature is selected on subsamples.

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
        "feature_groups": ["array-like", None],
        "include": ["array-like", None],
        "exclude": ["array-like", None],
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
        feature_groups=None,
        include=None,
        exclude=None,
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
        self.feature_groups = feature_groups
        self.include = include
        self.exclude = exclude
        self.discrete_features = discrete_features
        self.mi_path = mi_path
        self.device = device
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Select the features.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
            Columns of any kind. A missing value counts as a value of its own. Data larger than memory can be
            a polars LazyFrame, a pyarrow Dataset or a memory-mapped array, which are read a few columns at a
            time, or a Dask collection without `sample_weight` and `groups`.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target columns of any kind.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, such as survey weights. Only their ratios matter. Rows with weight 0 are
            ignored.
        groups : array-like of shape (n_samples,) or None, default=None
            Group label of each row. Pass it if rows are related, such as visits of one patient: p-values then
            count groups instead of rows. With fewer than 20 groups, few features are significant.

        Returns
        -------
        MINEFeatureSelector
            The fitted selector.

        Raises
        ------
        TypeError
            A column holds dates, or objects that are neither strings nor numbers.
        ValueError
            X or y is empty, infinite or complex; the lengths differ; a weight is negative; `groups` has a
            single label; X is a Dask collection and `sample_weight` or `groups` is given; or
            `feature_groups`, `include`, `exclude` or `n_features_to_select` does not match the columns of X.
        IndexError
            `discrete_features` does not match the columns of X.

        Warns
        -----
        UserWarning
            `groups` has fewer than 20 different labels, or many rows are copies of other rows.
        """
        with (
            fit_task(self, X, y, sample_weight, "feature") as on_feature,
            isolated(),
            new_fit(self) as fitted,
        ):
            fitted._fit(X, y, sample_weight, groups, on_feature)
        return self

    def _fit(self, X, y, sample_weight, groups, on_feature) -> None:
        """Fit this object itself."""
        resolve_device(self.device)
        jointly = self.strategy != "marginal"
        seed = draw_seed(make_generator(self.random_state))
        rows = SelectorInput.read(
            X, y, self.discrete_features, jointly, seed, self.verbose, sample_weight, groups
        )
        with_path = self.mi_path and jointly
        if with_path:
            check_training_rows(len(rows.targets[0].values), [])
        check_names(self, rows.named)
        choice = ColumnChoice.read(self, rows.n_columns)
        n_select = choice.n_select(self.n_features_to_select)
        strategy = STRATEGIES[self.strategy] if isinstance(self.strategy, str) else self.strategy
        with counter(self.verbose, n_select, "feature") as show:
            on_step = choice.reporter(show, on_feature)
            task = rows.task(choice.owner, n_select, self.alpha, on_step, self.n_jobs, choice.included)
            ranking = choice.include_first(strategy(task))
        self._library = library_of(X, y)
        self._facts = explanation_facts(choice, ranking.reasons, self.strategy, self.alpha)
        self.scores_, self.pvalues_ = choice.by_column(ranking.scores), choice.by_column(ranking.pvalues)
        self.ranking_ = choice.rank(ranking.order)
        self.support_ = (self.ranking_ <= ranking.n_selected) & (choice.owner >= 0)
        self.n_features_ = int(self.support_.sum())
        if with_path and rows.columns is not None:
            self.mi_path_ = self._path(rows, ranking.n_selected, seed)

    def explain(self, unit="nats"):
        """Explain why each column was selected or not.

        Parameters
        ----------
        unit : {"nats", "bits"}, default="nats"
            Unit of the information.

        Returns
        -------
        DataFrame
            One row for each column of X, with the selected ones first, in the order of selection. It is a
            frame of the library of X, or of pandas if X is an array. Its columns are:

            - ``feature``: name;
            - ``selected``: whether it was selected;
            - ``alone``: information about y that the feature carries by itself, as in
              :func:`mutual_info_regression`;
            - ``added``: information that it added when it was selected, or would add now;
            - ``pvalue``: p-value of ``added``;
            - ``related``: for a redundant feature, the selected features most similar to it;
            - ``reason``: the reason in words. "No dependence" means that neither ``alone`` nor ``added`` is
              significant; it shows the p-value of ``alone``, adjusted for the number of features.

            With ``"mrmr"``, ``added`` is relevance minus redundancy, for selected features only.

        Raises
        ------
        NotFittedError
            The selector is not fitted.
        ValueError
            `unit` is unknown.
        ImportError
            X was an array and pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skmine import MINEFeatureSelector
        >>> selector = MINEFeatureSelector(2).fit(*load_iris(return_X_y=True, as_frame=True))
        >>> print(selector.explain()[["feature", "reason"]].to_string(index=False))
                  feature                                                     reason
         petal width (cm)                                 adds 0.75 nats (p < 0.001)
        petal length (cm)      fills the number asked for: adds 0.021 nats (p = 0.7)
        sepal length (cm)      redundant given petal width (cm): adds 0 nats (p = 1)
         sepal width (cm) redundant given petal width (cm): adds 0.0085 nats (p = 1)
        """
        check_is_fitted(self)
        return make_frame(explain(self, unit), self._library)

    def _path(self, rows: SelectorInput, n_selected: int, seed: int) -> np.ndarray:
        """Joint information of the target with the first 1, 2, ... selected features, in nats."""
        y = np.column_stack([c.as_input() for c in rows.targets])
        columns, options = rows.columns, (seed, self.device, rows.weight, rows.groups)
        assert isinstance(columns, list)  # they were compared jointly
        tasks = (
            delayed(_joint_information)(
                [columns[j] for j in np.flatnonzero(self.ranking_ <= step).tolist()], y, *options
            )
            for step in range(1, n_selected + 1)
        )
        values = run_counted(tasks, self.n_jobs, self.verbose, n_selected, "joint critic")
        return np.array(values, dtype=float)

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        tags = of_any_columns(super().__sklearn_tags__())
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]  # as well as all others
        return tags


def _joint_information(columns: list[Column], y: np.ndarray, seed: int, device, weight, groups) -> float:
    present = [column.as_input() for column in columns if not column.missing.all()]
    if not present:
        return 0.0
    estimator = MutualInfoEstimator(random_state=seed, device=device, **_PATH_CRITIC)
    return estimator._fit_quietly(np.column_stack(present), y, weight, groups).mi_
