"""
Which features matter only together?
====================================

Some targets cannot be predicted from any single feature. The standard example
is the exclusive or of two columns. Scores of single features miss both columns.
A random forest also misses them if they are hidden among many columns of noise.

``MINEFeatureSelector`` also screens all pairs of columns, which takes only a
few matrix products. This page compares the three methods.
"""

# %%
# Two of 502 columns matter
# -------------------------
# The class depends only on the combination of columns 120 and 345. The other
# 500 columns are noise.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, mutual_info_classif

from skmine import MINEFeatureSelector
from skmine.plotting import SelectionPathDisplay

rng = np.random.default_rng(0)
X = rng.uniform(size=(1000, 502))
y = ((X[:, 120] > 0.5) ^ (X[:, 345] > 0.5)).astype(int)

# %%
# Where do the two columns rank?
# ------------------------------


def ranks(scores):
    """Rank of columns 120 and 345 by a score, 1 for the best."""
    order = np.argsort(-scores, kind="stable")
    return [
        int(np.flatnonzero(order == column)[0]) + 1 for column in (120, 345)
    ]


selector = MINEFeatureSelector(mi_path=True, random_state=0).fit(X, y)
best = SelectKBest(mutual_info_classif, k=2).fit(X, y)
forest = RandomForestClassifier(300, random_state=0).fit(X, y)
print("ranks of the two columns that count, of 502")
print(f"  SelectKBest(mutual_info_classif)    {ranks(best.scores_)}")
importance = forest.feature_importances_
print(f"  random forest importance            {ranks(importance)}")
print(f"  MINEFeatureSelector                 {ranks(-selector.ranking_)}")
selected = selector.get_support(indices=True)
print(f"selected: {selected.tolist()}, p-value {selector.pvalues_[120]:.0e}")

# %%
# With ``mi_path=True``, ``mi_path_`` holds the joint mutual information after
# each selected column. The second column raises it from zero to nearly the
# entropy of the class, which is log 2, or 0.69 nats.

one, two = selector.mi_path_
print(f"joint mutual information with one column:  {abs(one):.2f} nats")
print(f"joint mutual information with two columns: {two:.2f} nats")

# %%
# Picture
# -------
# Left: the class in the plane of the two selected columns. Right: the joint
# mutual information after each step.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
first, second = selected
for label, colour, marker in ((0, "#0072B2", "o"), (1, "#D55E00", "^")):
    rows = y == label
    left.scatter(
        X[rows, first],
        X[rows, second],
        s=12,
        c=colour,
        marker=marker,
        label=f"class {label}",
    )
left.set(
    xlabel=f"column {first}",
    ylabel=f"column {second}",
    title="The class depends on both together",
)
left.legend(
    loc="upper left", bbox_to_anchor=(1, 1), frameon=False, handletextpad=0
)
SelectionPathDisplay.from_estimator(selector, ax=right)
right.axhline(np.log(2), color="0.5", linestyle="--")
right.text(0, np.log(2) + 0.02, "entropy of the class", color="0.3")
right.set_ylim(0, 0.8)
plt.show()

# %%
# **In short:** Columns 120 and 345 matter only together, and they are the only
# ones that ``MINEFeatureSelector`` selects, whereas scores of single columns
# and the forest rank them among the noise.
