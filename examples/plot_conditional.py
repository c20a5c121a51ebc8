"""
Does a feature add anything to the others?
==========================================

Two features that depend on the target may carry the same information about it.
The conditional mutual information I(X; y | Z) is the information that X adds if
Z is already known. ``conditional_mutual_info`` estimates it, and
``mutual_info_test`` with ``Z`` tests whether it is zero.

The table describes 442 diabetes patients. The target is the progression of the
disease after a year.
"""

# %%
# Three features that overlap
# ---------------------------
# How much information does each of three features carry by itself, and how much
# does it add to each of the others?

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import false_discovery_control
from sklearn.datasets import load_diabetes

from skmine import (
    MutualInfoEstimator,
    conditional_mutual_info,
    mutual_info_test,
)

data = load_diabetes(as_frame=True)
names = {
    "bmi": "body mass index",
    "s5": "log triglycerides",
    "bp": "blood pressure",
}
y = data.target

values = np.zeros((len(names), len(names)))
for i, feature in enumerate(names):
    for j, given in enumerate(names):
        X, Z = data.data[[feature]], data.data[[given]]
        if i == j:
            values[i, j] = MutualInfoEstimator(random_state=0).fit(X, y).mi_
            pvalue = mutual_info_test(X, y).pvalue
        else:
            values[i, j] = conditional_mutual_info(X, y, Z, random_state=0)
            pvalue = mutual_info_test(X, y, Z, random_state=0).pvalue
        print(
            f"{names[feature]:<18}"
            f"given {'nothing' if i == j else names[given]:<18}"
            f"{values[i, j]:.2f} nats, p-value {pvalue:.0e}"
        )

# %%
# Do the other features add anything?
# -----------------------------------
# ``Z`` can have several columns. Given all three features, which of the other
# seven still add information? Because this takes seven tests, the p-values are
# corrected for their number.

Z, others = data.data[list(names)], data.data.drop(columns=list(names))
pvalues = [
    mutual_info_test(others[[feature]], y, Z, random_state=0).pvalue
    for feature in others
]
adjusted = false_discovery_control(pvalues)
for feature, pvalue in zip(others, adjusted, strict=True):
    print(f"{feature:<4} adjusted p-value {pvalue:.3f}")

# %%
# Picture
# -------

figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
colours = ["#0072B2", "#56B4E9", "#E69F00", "#999999"]
for i in range(len(names)):
    given = [i, *(j for j in range(len(names)) if j != i)]
    for position, j in enumerate(given):
        height = i + 0.25 * position
        axis.barh(height, values[i, j], height=0.22, color=colours[position])
        label = "alone" if position == 0 else f"given {[*names.values()][j]}"
        end = max(values[i, j], 0) + 0.003
        axis.text(end, height, label, va="center", fontsize=8)
axis.set_yticks(np.arange(len(names)) + 0.25, names.values())
axis.invert_yaxis()
axis.set_xlabel("mutual information with the progression (nats)")
axis.set_xlim(0, values.max() * 1.4)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# **In short:** Yes, each of the three features adds something to each of the
# other two; given all three, age and the cholesterol values ``s1`` and ``s3``
# still add a little.
