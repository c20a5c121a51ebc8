"""Which columns a selector can choose, and the reasons for its choice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np

from skmine._row_values import number_labels_of
from skmine._task import Reasons, SelectionRanking
from skmine._units import nats_a_unit
from skmine._validation import read_choice


@dataclass(frozen=True)
class ColumnChoice:
    """Columns as features: grouped, included or excluded.

    Attributes
    ----------
    owner : ndarray of shape (n_columns,)
        Feature of each column, or -1 if the column is excluded.
    included : list of int
        Features to select first.
    """

    owner: np.ndarray
    included: list[int]

    @classmethod
    def read(cls, selector, n_columns: int) -> "ColumnChoice":
        """Read the parameters of a selector.

        Parameters
        ----------
        selector : MINEFeatureSelector
            Selector with `feature_names_in_`, if the columns have names.
        n_columns : int
            Number of columns of X.

        Returns
        -------
        ColumnChoice

        Raises
        ------
        ValueError
            A parameter does not match the columns.
        """
        names = getattr(selector, "feature_names_in_", None)
        owner = _number_groups(selector.feature_groups, n_columns)
        include, exclude = (
            _mask(getattr(selector, name), name, n_columns, names) for name in ("include", "exclude")
        )
        include, exclude = (np.isin(owner, owner[mask]) for mask in (include, exclude))
        if (include & exclude).any():
            both = np.flatnonzero(include & exclude)
            shown = both.tolist() if names is None else [str(names[j]) for j in both]
            raise ValueError(
                f"include and exclude must not name the same columns or groups; got {shown} in both. "
                "Remove them from one of the two."
            )
        if exclude.all():
            raise ValueError("exclude must leave at least one column; got all of them. Remove one from it.")
        owner = np.where(exclude, -1, owner)
        left = np.unique(owner[~exclude])
        owner[~exclude] = np.searchsorted(left, owner[~exclude])
        return cls(owner, list(dict.fromkeys(owner[include].tolist())))

    @property
    def n_features(self) -> int:
        """Number of features that can be selected."""
        return int(self.owner.max()) + 1

    def n_select(self, asked) -> int | None:
        """Number of features to select, or None to select the significant ones."""
        if isinstance(asked, str):
            return None
        number = int(asked) if isinstance(asked, Integral) else max(1, round(asked * self.n_features))
        if number > self.n_features:
            raise ValueError(
                f"n_features_to_select must be at most the number of features or groups "
                f"(n_features={self.n_features}); got {asked}. Lower it, or pass 'auto' or a fraction."
            )
        if number < len(self.included):
            raise ValueError(
                f"n_features_to_select must be at least the number of features in include "
                f"({len(self.included)}); got {asked}. Raise it, or include fewer features."
            )
        return number

    def reporter(self, show: Callable, on_feature: Callable | None) -> Callable[[int], bool]:
        """Function of each selected feature that shows progress and reports to callbacks, if there are any.

        Callbacks receive the number of features so far as ``iteration``, and the indices of the ``columns``.
        """
        features: list[int] = list(self.included)

        def on_step(feature: int) -> bool:
            show(feature)
            features.append(feature)
            columns = np.flatnonzero(self.owner == feature).tolist()
            return on_feature is not None and on_feature({"iteration": len(features), "columns": columns})

        return on_step

    def include_first(self, ranking: SelectionRanking) -> SelectionRanking:
        """The ranking with the included features first, for strategies that ignore `included`."""
        ranking = _checked(ranking, self.n_features)
        others = [j for j in ranking.order if j not in self.included]
        head = [j for j in ranking.order if j in self.included]
        return replace(
            ranking,
            order=np.array([*head, *others], dtype=int),
            n_selected=max(ranking.n_selected, len(self.included)),
        )

    def by_column(self, values: np.ndarray) -> np.ndarray:
        """Value of each column's feature, or NaN if the column is excluded."""
        return np.where(self.owner >= 0, values[self.owner], np.nan)

    def rank(self, order: np.ndarray) -> np.ndarray:
        """Rank of each column's feature, 1 for the best. Excluded columns come last."""
        rank = np.empty(len(order), dtype=int)
        rank[order] = np.arange(1, len(order) + 1)
        return np.where(self.owner >= 0, rank[self.owner], len(order) + 1)


def _checked(ranking, n_features: int) -> SelectionRanking:
    """The ranking that a strategy returned, or an error that says what is wrong with it."""
    if not isinstance(ranking, SelectionRanking):
        raise TypeError(
            f"strategy must return a SelectionRanking; got {type(ranking).__name__}. Return "
            "SelectionRanking(order, n_selected, scores, pvalues)."
        )
    order, n_selected = np.asarray(ranking.order), ranking.n_selected
    if order.shape != (n_features,) or not np.array_equal(np.sort(order), np.arange(n_features)):
        raise ValueError(
            f"strategy must return an order with each of the {n_features} features once; got "
            f"{order.tolist()}. Return the index of every feature, also of those that are not selected."
        )
    if not isinstance(n_selected, Integral) or not 0 <= n_selected <= n_features:
        raise ValueError(
            f"strategy must return n_selected from 0 to the number of features ({n_features}); got "
            f"{n_selected!r}. Return an integer in this range."
        )
    values = {name: np.asarray(getattr(ranking, name), dtype=float) for name in ("scores", "pvalues")}
    for name, array in values.items():
        if array.shape != (n_features,):
            raise ValueError(
                f"strategy must return {name} with one value for each of the {n_features} features; got "
                f"shape {array.shape}. Return them in the order of the features."
            )
    return replace(ranking, order=order, n_selected=int(n_selected), **values)


def _number_groups(labels, n_columns: int) -> np.ndarray:
    """Group number of each column, in the order of the first columns of the groups."""
    if labels is None:
        return np.arange(n_columns)
    numbers = number_labels_of(labels, n_columns, "feature_groups", "column")
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _mask(chosen, name: str, n_columns: int, names) -> np.ndarray:
    """Mask of columns given by names, indices or a mask."""
    mask = np.zeros(n_columns, dtype=bool)
    if chosen is None:
        return mask
    chosen = read_choice(chosen, name)
    if chosen.dtype == bool:
        if chosen.shape != mask.shape:
            raise ValueError(
                f"{name} must have one entry for each column of X ({n_columns}) if it is a mask; got shape "
                f"{chosen.shape}. Pass a mask of that length, or the indices or names of the columns."
            )
        return chosen
    if chosen.dtype.kind in "UO":
        known = [] if names is None else list(names)
        if missing := [str(label) for label in chosen if label not in known]:
            remedy = "X has no names, so pass indices, a mask, or X as a DataFrame"
            if known:
                first = ", ".join(repr(str(label)) for label in known[:5])
                remedy = f"X has the columns {first}{' and others' if len(known) > 5 else ''}"
            raise ValueError(f"{name} must hold names of columns of X; got {missing}. {remedy}.")
        return np.isin(known, chosen.tolist())
    if len(chosen) and (
        chosen.dtype.kind not in "iu" or not -n_columns <= chosen.min() <= chosen.max() < n_columns
    ):
        raise ValueError(
            f"{name} must hold indices of the {n_columns} columns of X; got {chosen.tolist()}. Pass integers "
            f"from {-n_columns} to {n_columns - 1}."
        )
    mask[chosen.astype(int)] = True
    return mask


def explanation_facts(choice: ColumnChoice, reasons: Reasons | None, strategy, alpha: float) -> dict:
    """What `explain` needs besides public attributes, in types that any format can store.

    The parameters are those of the fit, because the selector's can be changed later.
    """
    n_columns = len(choice.owner)
    first = [int(np.flatnonzero(choice.owner == feature)[0]) for feature in range(choice.n_features)]
    related: list[list[int]] = [[] for _ in range(n_columns)]
    alone = pvalues = np.full(n_columns, np.nan)
    if reasons is not None:
        alone, pvalues = choice.by_column(reasons.alone), choice.by_column(reasons.pvalues)
        related = [[first[k] for k in reasons.related.get(int(feature), [])] for feature in choice.owner]
    return {
        "alone": alone,
        "pvalues": pvalues,
        "related": related,
        "included": np.isin(choice.owner, choice.included),
        "excluded": choice.owner < 0,
        "strategy": strategy if isinstance(strategy, str) else "",
        "alpha": alpha,
    }


def explain(selector, unit: str = "nats") -> dict[str, list]:
    """Columns of the table of `MINEFeatureSelector.explain`."""
    nats = nats_a_unit(unit)
    names = getattr(selector, "feature_names_in_", None)
    names = [f"x{j}" for j in range(selector.n_features_in_)] if names is None else list(names)
    order = np.lexsort((np.arange(len(names)), selector.ranking_))
    computed = selector.support_ | (selector._facts["strategy"] != "mrmr")
    related = [", ".join(str(names[k]) for k in columns) for columns in selector._facts["related"]]
    return {
        "feature": [names[j] for j in order],
        "selected": selector.support_[order].tolist(),
        "alone": (selector._facts["alone"][order] / nats).tolist(),
        "added": (np.where(computed, selector.scores_, np.nan)[order] / nats).tolist(),
        "pvalue": selector.pvalues_[order].tolist(),
        "related": [related[j] for j in order],
        "reason": [_reason(selector, j, related[j], unit) for j in order],
    }


def _reason(selector, column: int, related: str, unit: str) -> str:
    """Why a column was selected or not, in words."""
    facts = selector._facts
    alpha, strategy = facts["alpha"], facts["strategy"]
    if facts["excluded"][column]:
        return "excluded by the user"
    verb = "carries" if strategy == "marginal" else "adds"
    pvalue = selector.pvalues_[column]
    adds = f"{verb} {max(selector.scores_[column], 0.0) / nats_a_unit(unit):.2g} {unit} ({_p(pvalue)})"
    if selector.support_[column]:
        if facts["included"][column]:
            return "included by the user"
        return adds if pvalue <= alpha else f"fills the number asked for: {adds}"
    alone = facts["pvalues"][column]
    if np.isnan(alone):
        return "not chosen by the strategy"
    if alone <= alpha and strategy == "mrmr":
        return f"more redundant than others, given {related or 'the selected features together'}"
    if alone <= alpha < pvalue:
        return f"redundant given {related}: {adds}" if related else f"not significant: {adds}"
    if pvalue <= alpha:
        return f"more than the number asked for: {adds}"
    return f"no dependence ({_p(alone)})"


def _p(pvalue: float) -> str:
    return "p < 0.001" if pvalue < 1e-3 else f"p = {pvalue:.2g}"
