"""
How many features do I need?
============================

The selector is a step of a pipeline, so cross-validation chooses how many features to keep, and by which
strategy. On breast tumours and on handwritten digits, accuracy against the number of features, beside
scikit-learn's ``SelectKBest(mutual_info_classif)`` and the importances of a random forest.
"""

# %%
# One grid a selector
# -------------------
# Each selector, with the grid of its parameters, is a step of the same pipeline.

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmine import MINEFeatureSelector

FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)
STRATEGIES = ["auto", "mrmr", "marginal"]


def search(selector, grid, X, y):
    """Cross-validate a logistic regression after the selector over the grid of its parameters."""
    steps = [("scale", StandardScaler()), ("select", selector), ("model", LogisticRegression(max_iter=2000))]
    grid = {f"select__{name}": values for name, values in grid.items()}
    return GridSearchCV(Pipeline(steps), grid, cv=FOLDS, refit=False).fit(X, y)


def curves(sizes, X, y):
    """Name, mean accuracy at each number of features, and its standard error over the folds."""
    forest = SelectFromModel(RandomForestClassifier(100, random_state=0), threshold=-np.inf)
    score = partial(mutual_info_classif, random_state=0)
    ours = MINEFeatureSelector(random_state=0)
    searches = {  # the last parameter varies fastest
        tuple(STRATEGIES): search(ours, {"n_features_to_select": sizes, "strategy": STRATEGIES}, X, y),
        ("SelectKBest",): search(SelectKBest(score), {"k": sizes}, X, y),
        ("random forest",): search(forest, {"max_features": sizes}, X, y),
    }
    for names, found in searches.items():
        mean = found.cv_results_["mean_test_score"].reshape(len(sizes), len(names))
        error = found.cv_results_["std_test_score"].reshape(mean.shape) / FOLDS.get_n_splits() ** 0.5
        yield from zip(names, mean.T, error.T, strict=True)
    print(f"  best of the selector: {searches[tuple(STRATEGIES)].best_params_}")


# %%
# Accuracy against the number of features
# ---------------------------------------
# Scores of single features choose redundant features; ``"auto"`` and ``"mrmr"`` avoid that. The
# digits are one draw of 600: over others, these two and the forest come out even, and ``SelectKBest``
# behind.

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
    for (name, mean, error), colour, marker in zip(curves(sizes, X, y), colours, "osD^v", strict=True):
        print(f"  {name:<14} {mean.round(3).tolist()}, standard error {error.mean():.3f}")
        label = f'strategy="{name}"' if name in STRATEGIES else name
        axis.errorbar(sizes, mean, error, color=colour, marker=marker, capsize=2, label=label)
    axis.set(title=title, xlabel="features", xticks=sizes)
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("cross-validated accuracy")
axes[1].legend(frameon=False, loc="lower right")
plt.show()
