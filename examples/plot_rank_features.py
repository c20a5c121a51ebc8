"""
Which features carry the most information about my target?
==========================================================

``mutual_info_regression`` and ``mutual_info_classif`` score each feature by
itself. ``MutualInfoEstimator`` estimates how much information all features
carry together.

This page uses two of scikit-learn's data sets. In the first, the target is a
number: the progression of the disease in 442 diabetes patients. In the second,
it has two classes: the diagnosis of 569 breast tumours.
"""

# %%
# Score each feature
# ------------------
# Mutual information measures dependence of any form, so a feature can rank high
# even if its effect is not linear. The functions are called like those of
# scikit-learn. No score can exceed the entropy of the target, which is 0.66
# nats for the diagnosis.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import cross_val_score

from skmine import (
    MutualInfoEstimator,
    mutual_info_classif,
    mutual_info_regression,
)
from skmine.plotting import FeatureScoresDisplay

diabetes, cancer = load_diabetes(), load_breast_cancer()
serum = [
    "total cholesterol",
    "LDL",
    "HDL",
    "cholesterol / HDL",
    "log triglycerides",
    "blood sugar",
]
diabetes_names = np.array(
    ["age", "sex", "body mass index", "blood pressure", *serum]
)
tables = {
    "Diabetes progression": (diabetes, diabetes_names, mutual_info_regression),
    "Breast cancer diagnosis": (
        cancer,
        cancer.feature_names,
        mutual_info_classif,
    ),
}
scores = {}
for title, (data, names, function) in tables.items():
    scores[title] = function(data.data, data.target)
    print(f"{title:<26}   MI (nats)")
    for j in np.argsort(-scores[title]):
        mi = scores[title][j]
        print(f"  {names[j]:<24}  {mi:9.3f}  {'=' * round(60 * mi)}")

# %%
# All features together
# ---------------------
# Some features are redundant, so the mutual information of all features
# together is far below the sum of their scores.
#
# - ``mi_`` is the estimate, and ``mi_interval_`` its 95 % interval.
# - ``mi_lower_`` is the value on held-out rows, a lower bound on average.

joints = {}
for title, (data, names, _) in tables.items():
    fit = joints[title] = MutualInfoEstimator(random_state=0).fit(
        data.data, data.target
    )
    low, high = fit.mi_interval_
    print(f"{title}, all {len(names)} features together")
    print(
        f"  estimate                mi_        {fit.mi_:.3f} nats "
        f"(95 %: {low:.2f} to {high:.2f})"
    )
    print(f"  on held-out rows        mi_lower_  {fit.mi_lower_:.3f} nats")

# %%
# ``score`` computes the lower bound on the rows that you pass, so
# ``cross_val_score`` works as for any estimator.

folds = cross_val_score(
    MutualInfoEstimator(random_state=0), diabetes.data, diabetes.target, cv=3
)
print(f"Diabetes progression: {folds.round(2).tolist()} nats in three folds")

# %%
# Picture
# -------
# Bars: single features. Line: all features together, with the 95 % interval.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for axis, (title, (_, names, _)) in zip(axes, tables.items(), strict=True):
    best, joint = np.argsort(-scores[title])[:10], joints[title]
    FeatureScoresDisplay.from_scores(scores[title][best], names[best], ax=axis)
    axis.axvspan(*joint.mi_interval_, color="#D55E00", alpha=0.15, lw=0)
    axis.axvline(joint.mi_, color="#D55E00")
    label = f"all {len(names)} together: {joint.mi_:.2f} nats "
    axis.text(
        joint.mi_interval_[0],
        -1,
        label,
        color="#B34700",
        ha="right",
        va="center",
    )
    axis.set_ylim(9.7, -1.6)
    axis.set_title(
        f"{title}, best {len(best)} of {len(names)} features",
        loc="left",
        fontsize="medium",
    )

if (
    "__file__" in globals()
):  # as a script; the gallery and notebooks show the figure themselves
    output = Path(__file__).resolve().parent / "output"
    output.mkdir(exist_ok=True)
    figure.savefig(output / "rank_features.png", dpi=120)
    print(f"picture: {output / 'rank_features.png'}")

# %%
# **In short:** Log triglycerides and body mass index carry the most
# information about the progression, and the worst perimeter and area about the
# diagnosis; all features together carry 0.33 and 0.60 nats.
