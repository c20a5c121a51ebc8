"""MINEFeatureSelector: the features that depend on a target, alone or together."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from joblib import delayed
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from skmine._clusters import is_clustered
from skmine._columns import Column, Features, is_lazy
from skmine._documentation import DocumentationLinkMixin
from skmine._estimator import MutualInfoEstimator
from skmine._frame_columns import is_frame, take_columns
from skmine._frames import library_of, make_frame
from skmine._progress import counter, run_counted
from skmine._refit import new_fit
from skmine._selection import ColumnChoice, explain, explanation_facts
from skmine._selector_input import SelectorInput, named_columns
from skmine._sklearn import Interval, StrOptions, fit_context, output_container
from skmine._strategies import STRATEGIES
from skmine._validation import check_training_rows, draw_seed, make_generator, resolve_device
from skmine.nn.isolation import isolated

#: Joint critics of the path: small ones, for there is one a step.
_PATH_CRITIC = {"cv": 3, "hidden_layer_sizes": (32,), "n_iter_no_change": 1, "tol": 1e-2}


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
        - ``"auto"``: ``"interaction"``, or ``"forward"`` where there are more than 20,000 features of 1,000
          rows, or 6,300 of 10,000;
        - or a function of a :class:`skmine._strategies.Task` that returns a Ranking.
    alpha : float, default=0.05
        Level at which a feature is significant: the false discovery rate of ``"marginal"`` and ``"mrmr"``,
        and of the others the probability, at each step, to add a feature where none adds any.
    feature_groups : array-like of shape (n_features,) or None, default=None
        Label of each column; columns with the same label, such as the indicators of one category, are
        selected together or not at all.
    include, exclude : array-like or None, default=None
        Columns that are always or never selected: names, numbers, or a mask of shape (n_features,). Included
        ones come first and count towards `n_features_to_select`; the others are chosen given them.
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

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Choose the features.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
            Columns of any kind; a missing value counts as a value of its own. A polars LazyFrame, a pyarrow
            Dataset and a memory-mapped array are read a few columns at a time. Of a Dask array or DataFrame,
            ``"marginal"`` takes counts, and the other strategies take 10,000 rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target columns of any kind.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows, as of a survey. Only their ratios matter; rows of weight 0 are left out.
        groups : array-like of shape (n_samples,) or None, default=None
            Label of each row; rows with the same label, such as visits of one patient, may depend on each
            other. Tests count groups in place of rows, and groups are left out whole.

        Returns
        -------
        MINEFeatureSelector
            The fitted selector.

        Raises
        ------
        TypeError
            A column holds dates, or objects that are neither strings nor numbers.
        ValueError
            X or y is empty, infinite, complex or of another length; `sample_weight` or `groups` does not fit
            the rows of X; or `feature_groups`, `include`, `exclude` or `n_features_to_select` the columns.
        IndexError
            `discrete_features` does not fit the columns of X.
        """
        with isolated(), new_fit(self) as fitted:
            fitted._fit(X, y, sample_weight, groups)
        return self

    def _fit(self, X, y, sample_weight, groups) -> None:
        """Fit in place."""
        resolve_device(self.device)
        jointly = self.strategy != "marginal"
        seed = draw_seed(make_generator(self.random_state))
        rows = SelectorInput.read(
            X, y, self.discrete_features, jointly, seed, self.verbose, sample_weight, groups
        )
        with_path = self.mi_path and jointly
        if with_path:
            check_training_rows(len(rows.targets[0].values), [])
        validate_data(self, rows.named, skip_check_array=True)
        choice = ColumnChoice.read(self, rows.n_columns)
        n_select = choice.n_select(self.n_features_to_select)
        strategy = STRATEGIES[self.strategy] if isinstance(self.strategy, str) else self.strategy
        with counter(self.verbose, n_select, "feature") as on_step:
            task = rows.task(choice.owner, n_select, self.alpha, on_step, self.n_jobs, choice.included)
            ranking = choice.include_first(strategy(task))
        self._library = library_of(X, y)
        self._facts = explanation_facts(choice, ranking.reasons)
        self.scores_, self.pvalues_ = choice.by_column(ranking.scores), choice.by_column(ranking.pvalues)
        self.ranking_ = choice.rank(ranking.order)
        self.support_ = (self.ranking_ <= ranking.n_selected) & (choice.owner >= 0)
        self.n_features_ = int(self.support_.sum())
        if with_path and rows.columns is not None:
            self.mi_path_ = self._path(rows, ranking.n_selected, seed)

    def explain(self, unit="nats"):
        """Why each feature was selected or not.

        Parameters
        ----------
        unit : {"nats", "bits"}, default="nats"
            Unit of the information.

        Returns
        -------
        DataFrame
            Of the library of X in fit, pandas for an array. One row for each column of X, selected ones
            first, in the order in which they were chosen:

            - ``feature``: name;
            - ``selected``: whether it is;
            - ``alone``: information about y of the feature alone;
            - ``added``: what it added when it was chosen; of the others, what it would add now;
            - ``pvalue``: of adding nothing;
            - ``related``: selected features that share most information with a redundant one;
            - ``reason``: in words.

            Of ``"mrmr"``, ``added`` is relevance less redundancy, of selected features alone. Both numbers
            are to second order for the strategies that compare features jointly, as `scores_`.

        Raises
        ------
        NotFittedError
            It is not fitted.
        ValueError
            `unit` is neither of the two.
        ImportError
            X was an array, and pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skmine import MINEFeatureSelector
        >>> selector = MINEFeatureSelector(2).fit(*load_iris(return_X_y=True, as_frame=True))
        >>> print(selector.explain()[["feature", "reason"]].to_string(index=False))
                  feature                                                                  reason
         petal width (cm)                                              adds 0.75 nats (p < 0.001)
         sepal width (cm)                                             adds 0.096 nats (p < 0.001)
        petal length (cm)             more than the number asked for: adds 0.048 nats (p = 0.018)
        sepal length (cm) redundant given petal width (cm), sepal width (cm): adds 0 nats (p = 1)
        """
        check_is_fitted(self)
        return make_frame(explain(self, unit), self._library)

    def transform(self, X):
        """Reduce X to the selected columns.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
            Columns as in fit.

        Returns
        -------
        table of shape (n_samples, `n_features_`)
            Of the kind of X: of a LazyFrame, a Dataset and a Dask collection nothing is read.
        """
        check_is_fitted(self)
        chosen, output = np.flatnonzero(self.support_), output_container(self)
        if not is_lazy(X) and not is_clustered(X):
            if output == "default" or not len(chosen) or not is_frame(X):
                return super().transform(X)
            validate_data(self, X, reset=False, skip_check_array=True)
            return take_columns(X, chosen.tolist(), output)
        if is_clustered(X):
            validate_data(self, named_columns(X), reset=False, skip_check_array=True)
            return X.iloc[:, chosen] if hasattr(X, "iloc") else X[:, chosen]
        table = Features(X)
        validate_data(self, table.named, reset=False, skip_check_array=True)
        return table.select(chosen)

    def _path(self, rows: SelectorInput, n_selected: int, seed: int) -> np.ndarray:
        y = np.column_stack([c.as_input() for c in rows.targets])
        columns, options = rows.columns, (seed, self.device, rows.weight, rows.groups)
        assert columns is not None
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
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _joint_information(columns: list[Column], y: np.ndarray, seed: int, device, weight, groups) -> float:
    present = [column.as_input() for column in columns if not column.missing.all()]
    if not present:
        return 0.0
    estimator = MutualInfoEstimator(random_state=seed, device=device, **_PATH_CRITIC)
    return estimator._fit_quietly(np.column_stack(present), y, weight, groups).mi_
