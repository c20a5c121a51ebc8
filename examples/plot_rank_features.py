"""
Rank features by mutual information
===================================

Which columns tell most about a target, and how much do all of them tell together? Two data sets that come
with scikit-learn answer: disease progression of 442 diabetes patients (a number), and the diagnosis of 569
breast tumours (two classes).
"""

# %%
# One score a feature
# -------------------
# Mutual information sees dependence of any form, so a feature need not act in a straight line to rank high.
# ``mutual_info_regression`` and ``mutual_info_classif`` are called as scikit-learn's are.

from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import cross_val_score

from skmine import MutualInfoEstimator, mutual_info_classif, mutual_info_regression

SMALL = {"cv": 3, "hidden_layer_sizes": (32,), "n_iter_no_change": 1, "tol": 1e-2, "random_state": 0}


def rank_features(scores, names):
    """Name and mutual information with y (nats) of each column, best first."""
    return sorted(((str(name), mi) for name, mi in zip(names, scores, strict=True)), key=lambda row: -row[1])


def print_ranking(title, ranking):
    """Print one line a feature: its name, its value in nats, and a bar."""
    print(f"{title:<26}   MI (nats)")
    for name, mi in ranking:
        print(f"  {name:<24}  {mi:9.3f}  {'=' * round(60 * mi)}")


# %%
# Disease progression, one year on
# --------------------------------
# The target is a number. scikit-learn calls the last six columns ``s1`` to ``s6``; here they get the names
# of what they measure.

diabetes = load_diabetes()
serum = ["total cholesterol", "LDL", "HDL", "cholesterol / HDL", "log triglycerides", "blood sugar"]
diabetes_names = ["age", "sex", "body mass index", "blood pressure", *serum]
diabetes_ranking = rank_features(mutual_info_regression(diabetes.data, diabetes.target), diabetes_names)
print_ranking("diabetes progression", diabetes_ranking)

# %%
# Diagnosis of breast tumours
# ---------------------------
# The target has two classes, with an entropy of 0.66 nats: no feature can tell more than that.

cancer = load_breast_cancer()
cancer_ranking = rank_features(mutual_info_classif(cancer.data, cancer.target), cancer.feature_names)
print_ranking("breast cancer diagnosis", cancer_ranking)

# %%
# All features together
# ---------------------
# These features overlap in what they tell: the joint mutual information is far below the sum of the bars.
# No ranking of single columns can show that. ``mi_`` is the best estimate; ``mi_lower_`` is the value on
# held- out rows, a lower bound in expectation. ``score`` is that bound on any other rows, so scikit-learn's
# cross-validation works as it is.


def print_joint(title, fit, scores):
    """Print the joint mutual information and the cross-validated score."""
    print(f"{title}, all features together")
    print(f"  estimate                mi_        {fit.mi_:.3f} nats (standard error {fit.mi_std_:.3f})")
    print(f"  on held-out rows        mi_lower_  {fit.mi_lower_:.3f} nats")
    print(f"  cross-validated score              {scores.mean():.3f} nats (folds {scores.round(2).tolist()})")


diabetes_joint = MutualInfoEstimator(random_state=0).fit(diabetes.data, diabetes.target)
diabetes_scores = cross_val_score(MutualInfoEstimator(**SMALL), diabetes.data, diabetes.target, cv=3)
print_joint("diabetes progression", diabetes_joint, diabetes_scores)

cancer_joint = MutualInfoEstimator(random_state=0).fit(cancer.data, cancer.target)
cancer_scores = cross_val_score(MutualInfoEstimator(**SMALL), cancer.data, cancer.target, cv=3)
print_joint("breast cancer diagnosis", cancer_joint, cancer_scores)

# %%
# Picture
# -------
# Bars: one feature each. Line: all features together, with one standard error to either side.


def draw(axes, title, ranking, joint):
    """Draw the best ten features as bars, and the joint mutual information as a line."""
    names, values = zip(*ranking[:10], strict=True)
    axes.barh(names, values, color="#56B4E9")
    axes.axvspan(joint.mi_ - joint.mi_std_, joint.mi_ + joint.mi_std_, color="#D55E00", alpha=0.15, lw=0)
    axes.axvline(joint.mi_, color="#D55E00")
    label = f"all {joint.n_features_in_} features together: {joint.mi_:.2f} nats  "
    axes.text(joint.mi_ - joint.mi_std_, -1, label, color="#B34700", ha="right", va="center")
    axes.set(xlim=(0, None), ylim=(9.7, -1.6))
    axes.set_title(title, loc="left")
    axes.set_xlabel("mutual information with the target (nats)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
draw(left, "Diabetes progression, 10 features", diabetes_ranking, diabetes_joint)
draw(right, "Breast cancer diagnosis, best 10 of 30 features", cancer_ranking, cancer_joint)

if "__file__" in globals():  # as a script; the gallery and notebooks show the figure themselves
    output = Path(__file__).resolve().parent / "output"
    output.mkdir(exist_ok=True)
    figure.savefig(output / "rank_features.png", dpi=120)
    print(f"picture: {output / 'rank_features.png'}")
