"""
Which features matter only together?
====================================

A target that is the exclusive or of two columns cannot be predicted from either of them alone. Scores of
single features rank the two among the noise; so does a random forest when there is much of it. The selector
also screens all pairs of columns, at the cost of some matrix products.
"""

# %%
# Two of 502 columns count
# ------------------------
# Each of the two alone is worthless; the other 500 are noise.

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
    return [int(np.flatnonzero(order == column)[0]) + 1 for column in (120, 345)]


selector = MINEFeatureSelector(mi_path=True, random_state=0).fit(X, y)
best = SelectKBest(mutual_info_classif, k=2).fit(X, y)
forest = RandomForestClassifier(300, random_state=0).fit(X, y)
print("ranks of the two columns that count, of 502")
print(f"  SelectKBest(mutual_info_classif)    {ranks(best.scores_)}")
print(f"  random forest importance            {ranks(forest.feature_importances_)}")
print(f"  MINEFeatureSelector                 {ranks(-selector.ranking_)}")
print(f"selected: {selector.get_support(indices=True).tolist()}, p-value {selector.pvalues_[120]:.0e}")

# %%
# ``mi_path_`` is the joint mutual information after each step: 0, then nearly the entropy of y, log 2. It
# needs ``mi_path=True``.

print(f"joint mutual information with one and two columns: {selector.mi_path_.round(2).tolist()} nats")

# %%
# Picture
# -------
# Left: the class over the two columns that were found. Right: the joint mutual information.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
first, second = selector.get_support(indices=True)
for label, colour, marker in ((0, "#0072B2", "o"), (1, "#D55E00", "^")):
    rows = y == label
    left.scatter(X[rows, first], X[rows, second], s=12, c=colour, marker=marker, label=f"class {label}")
left.set(xlabel=f"column {first}", ylabel=f"column {second}", title="Only together do they predict the class")
left.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, handletextpad=0)
SelectionPathDisplay.from_estimator(selector, ax=right)
right.axhline(np.log(2), color="0.5", linestyle="--")
right.text(0, np.log(2) + 0.02, "entropy of the class", color="0.3")
right.set_ylim(0, 0.8)
plt.show()
