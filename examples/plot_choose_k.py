"""
How many features do I need?
============================

Let cross-validation decide. The selector can be a step of a pipeline, so
``GridSearchCV`` can choose the number of features together with the selection
strategy.

This page plots cross-validated accuracy against the number of features, for
breast tumours and for handwritten digits. For comparison, features are also
selected with scikit-learn's ``SelectKBest(mutual_info_classif)`` and by the
importances of a random forest.
"""

# %%
# One grid for each selector
# --------------------------
# Every selector is a step of the same pipeline, and has its own grid of
# parameters.

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import (
    SelectFromModel,
    SelectKBest,
    mutual_info_classif,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmine import MINEFeatureSelector

FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)
STRATEGIES = ["auto", "mrmr", "marginal"]


def search(selector, grid, X, y):
    """Cross-validate a selector and a logistic regression over a grid."""
    steps = [
        ("scale", StandardScaler()),
        ("select", selector),
        ("model", LogisticRegression(max_iter=2000)),
    ]
    grid = {f"select__{name}": values for name, values in grid.items()}
    return GridSearchCV(Pipeline(steps), grid, cv=FOLDS, refit=False).fit(X, y)


def curves(sizes, X, y):
    """Yield each name with its mean accuracies and their standard errors."""
    forest = SelectFromModel(
        RandomForestClassifier(100, random_state=0), threshold=-np.inf
    )
    score = partial(mutual_info_classif, random_state=0)
    ours = MINEFeatureSelector(random_state=0)
    ours_grid = {"n_features_to_select": sizes, "strategy": STRATEGIES}
    searches = {  # the last parameter varies fastest
        tuple(STRATEGIES): search(ours, ours_grid, X, y),
        ("SelectKBest",): search(SelectKBest(score), {"k": sizes}, X, y),
        ("random forest",): search(forest, {"max_features": sizes}, X, y),
    }
    for names, found in searches.items():
        mean = found.cv_results_["mean_test_score"].reshape(
            len(sizes), len(names)
        )
        error = (
            found.cv_results_["std_test_score"].reshape(mean.shape)
            / FOLDS.get_n_splits() ** 0.5
        )
        yield from zip(names, mean.T, error.T, strict=True)
    best = searches[tuple(STRATEGIES)].best_params_
    size, strategy = (best[f"select__{name}"] for name in ours_grid)
    print(f"  best of the selector: {size} features by {strategy!r}")


# %%
# Accuracy against the number of features
# ---------------------------------------
# ``SelectKBest`` and ``"marginal"`` score each feature by itself, so they
# choose redundant features. ``"auto"`` and ``"mrmr"`` avoid these.
#
# The digits are a random sample of 600. On other samples, ``"auto"``,
# ``"mrmr"`` and the forest are about equal, and ``SelectKBest`` is worse.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
X, y = load_digits(return_X_y=True)
rows = np.random.default_rng(0).choice(len(y), 600, replace=False)
data_sets = {
    "breast cancer": (*load_breast_cancer(return_X_y=True), [1, 3, 8]),
    "600 digits": (X[rows], y[rows], [4, 12]),
}
colours = ["#0072B2", "#56B4E9", "#009E73", "#D55E00", "0.5"]
for axis, (title, (X, y, sizes)) in zip(axes, data_sets.items(), strict=True):
    print(f"{title}: accuracy with {sizes} of {X.shape[1]} features")
    for (name, mean, error), colour, marker in zip(
        curves(sizes, X, y), colours, "osD^v", strict=True
    ):
        print(
            f"  {name:<14} {mean.round(3).tolist()}, "
            f"standard error {error.mean():.3f}"
        )
        label = f'strategy="{name}"' if name in STRATEGIES else name
        axis.errorbar(
            sizes,
            mean,
            error,
            color=colour,
            marker=marker,
            capsize=2,
            label=label,
        )
    axis.set(title=title, xlabel="features", xticks=sizes)
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("cross-validated accuracy")
axes[1].legend(frameon=False, loc="lower right")
plt.show()

# %%
# **In short:** Let ``GridSearchCV`` choose the number of features; among the
# numbers tried here, 8 of 30 features are best for the tumours, and 12 of 64
# for the digits.
