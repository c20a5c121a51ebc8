"""
Do missing values count?
========================

That a value is missing may itself be informative: a measurement that doctors order only when they are
worried is missing for the healthy. skmine imputes nothing: a missing value is a value of its own.
"""

# %%
# A measurement that is taken only on suspicion
# ---------------------------------------------
# 569 breast tumours. Say that the texture was measured only where the tumour was large, that is its area
# above the median. Then whether it was measured predicts the diagnosis too.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

from skmine import mutual_info_classif
from skmine.plotting import FeatureScoresDisplay

cancer = load_breast_cancer(as_frame=True)
texture, area, y = cancer.data["mean texture"], cancer.data["mean area"], cancer.target
measured = area > area.median()
rng = np.random.default_rng(0)
on_suspicion = texture.where(measured)
at_random = texture.where(rng.permutation(measured))
print(f"missing: {on_suspicion.isna().mean():.0%}")

# %%
# Four ways to treat it
# ---------------------
# - Kept as they are, the value and its absence both count.
# - Filled with draws from the known values, absence is hidden, and with it most of the information.
# - With the rows dropped, the question is another: how informative is the texture among large tumours?
# - Missing at random, absence is not informative.

kept = on_suspicion.notna()
filled = on_suspicion.where(kept, rng.choice(on_suspicion[kept], len(y)))
cases = {
    "complete": texture,
    "missing on suspicion": on_suspicion,
    "missing on suspicion, filled with draws": filled,
    "missing at random": at_random,
    "whether it was measured": measured,
}
scores = [mutual_info_classif(np.reshape(column, (-1, 1)), y)[0] for column in cases.values()]
cases["missing on suspicion, rows dropped"] = on_suspicion[kept]
scores.append(mutual_info_classif(on_suspicion[kept].to_frame(), y[kept])[0])
for name, score in zip(cases, scores, strict=True):
    print(f"{name:<44} {score:.2f} nats")

display = FeatureScoresDisplay.from_scores(scores, list(cases))
display.ax_.set_title("Information in the texture about the diagnosis", fontsize="medium")
plt.show()

# %%
# If absence should not count, drop the rows first, and say so.
