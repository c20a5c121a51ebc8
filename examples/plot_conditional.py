"""
What does a feature add to another?
===================================

Two features may each carry much information about a target, but the same information. The conditional
mutual information I(X; y | Z) is what X adds once Z is known.
"""

# %%
# One year of diabetes
# --------------------
# For each of three measurements of 442 patients: its mutual information with the progression of the disease
# alone, and what it adds to each of the others.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

from skmine import MutualInfoEstimator, conditional_mutual_info

SMALL = {"cv": 3, "hidden_layer_sizes": (32,), "n_iter_no_change": 1, "tol": 1e-2, "random_state": 0}
data = load_diabetes(as_frame=True)
names = {"bmi": "body mass index", "s5": "log triglycerides", "bp": "blood pressure"}
y = data.target

values = np.zeros((len(names), len(names)))
for i, feature in enumerate(names):
    for j, given in enumerate(names):
        X, Z = data.data[[feature]], data.data[[given]]
        if i == j:
            values[i, j] = MutualInfoEstimator(**SMALL).fit(X, y).mi_
        else:
            values[i, j] = conditional_mutual_info(X, y, Z, **SMALL)
        print(
            f"{names[feature]:<18} given {'nothing' if i == j else names[given]:<18} {values[i, j]:.2f} nats"
        )

# %%
# The value of each is lower once another is known: they overlap. None is empty: each adds to each.
#
# Picture
# -------

figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
colours = ["#0072B2", "#56B4E9", "#E69F00", "#999999"]
for i in range(len(names)):
    given = [i, *(j for j in range(len(names)) if j != i)]
    for position, j in enumerate(given):
        axis.barh(i + 0.25 * position, values[i, j], height=0.22, color=colours[position])
        label = "alone" if position == 0 else f"given {list(names.values())[j]}"
        axis.text(max(values[i, j], 0) + 0.003, i + 0.25 * position, label, va="center", fontsize=8)
axis.set_yticks(np.arange(len(names)) + 0.25, names.values())
axis.invert_yaxis()
axis.set(xlabel="mutual information with the progression (nats)", xlim=(0, values.max() * 1.4))
axis.spines[["top", "right"]].set_visible(False)
plt.show()
