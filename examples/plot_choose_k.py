"""
How many features do I need?
============================

The selector is a step of a pipeline, so cross-validation chooses how many features to keep, and by which
strategy. On breast tumours and on handwritten digits, accuracy against the number of features, beside
scikit-learn's ``SelectKBest(mutual_info_classif)`` and the importances of a random forest.
"""

# %%
from pathlib import Path

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


def accuracy(selector, parameter, sizes, X, y):
    """Mean and standard error of the accuracy for each number of features."""
    steps = [("scale", StandardScaler()), ("select", selector), ("model", LogisticRegression(max_iter=2000))]
    search = GridSearchCV(Pipeline(steps), {f"select__{parameter}": sizes}, cv=FOLDS).fit(X, y)
    results = search.cv_results_
    return results["mean_test_score"], results["std_test_score"] / FOLDS.get_n_splits() ** 0.5


def selectors():
    """Name, selector, the name of its number of features, colour and marker."""
    forest = RandomForestClassifier(100, random_state=0)
    quick = {"mi_path": False, "random_state": 0}
    yield "MINEFeatureSelector", MINEFeatureSelector(**quick), "n_features_to_select", "#0072B2", "o"
    yield (
        "the same, mrmr",
        MINEFeatureSelector(strategy="mrmr", **quick),
        "n_features_to_select",
        "#56B4E9",
        "s",
    )
    yield "SelectKBest", SelectKBest(mutual_info_classif), "k", "#D55E00", "^"
    yield "random forest", SelectFromModel(forest, threshold=-np.inf), "max_features", "0.5", "v"


# %%
# Accuracy against the number of features
# ---------------------------------------

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
data_sets = {
    "breast cancer": (load_breast_cancer(return_X_y=True), [1, 3, 8]),
    "digits": (load_digits(return_X_y=True), [4, 16]),
}
for axis, (title, ((X, y), sizes)) in zip(axes, data_sets.items(), strict=True):
    print(f"{title}: accuracy with {sizes} of {X.shape[1]} features")
    for name, selector, parameter, colour, marker in selectors():
        mean, error = accuracy(selector, parameter, sizes, X, y)
        print(f"  {name:<20} {mean.round(3).tolist()}, standard error {error.mean():.3f}")
        axis.errorbar(sizes, mean, error, color=colour, marker=marker, capsize=2, label=name)
    axis.set(title=title, xlabel="features", xticks=sizes)
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("cross-validated accuracy")
axes[1].legend(frameon=False, loc="lower right")

if "__file__" in globals():
    output = Path(__file__).resolve().parent / "output"
    output.mkdir(exist_ok=True)
    figure.savefig(output / "choose_k.png", dpi=120)
    print(f"picture: {output / 'choose_k.png'}")
