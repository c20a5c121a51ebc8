"""
Do missing values count as information?
=======================================

They can. A doctor who is not worried may not order a measurement, so that it
is missing mostly for healthy patients. skmine does not impute: it treats
"missing" as a value of its own.
"""

# %%
# A measurement that is taken only on suspicion
# ---------------------------------------------
# The table holds 569 breast tumours. Suppose that the texture was measured
# only if the tumour was large, with an area above the median. Then the
# diagnosis depends on whether the texture was measured.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

from skmine import mutual_info_classif
from skmine.plotting import FeatureScoresDisplay

cancer = load_breast_cancer(as_frame=True)
texture, area, y = (
    cancer.data["mean texture"],
    cancer.data["mean area"],
    cancer.target,
)
measured = area > area.median()
rng = np.random.default_rng(0)
on_suspicion = texture.where(measured)
at_random = texture.where(rng.permutation(measured))
print(f"missing: {on_suspicion.isna().mean():.0%}")

# %%
# What happens to the score?
# --------------------------
# - **Complete**: the score of the texture, for reference.
# - **Missing on suspicion**: both the value and its absence count.
# - **Filled with draws** from the known values: absence is hidden, and most of
#   the information is lost.
# - **Missing at random**: absence carries no information, and half of the
#   values are lost.
# - **Rows dropped**: the score answers another question: how informative is
#   the texture among large tumours?

kept = on_suspicion.notna()
filled = on_suspicion.where(kept, rng.choice(on_suspicion[kept], len(y)))
cases = {
    "complete": texture,
    "missing on suspicion": on_suspicion,
    "missing on suspicion, filled with draws": filled,
    "missing at random": at_random,
    "whether it was measured": measured,
}
scores = [
    mutual_info_classif(np.reshape(column, (-1, 1)), y)[0]
    for column in cases.values()
]
cases["missing on suspicion, rows dropped"] = on_suspicion[kept]
scores.append(mutual_info_classif(on_suspicion[kept].to_frame(), y[kept])[0])
for name, score in zip(cases, scores, strict=True):
    print(f"{name:<44} {score:.2f} nats")

display = FeatureScoresDisplay.from_scores(scores, list(cases))
display.ax_.set_title(
    "Information in the texture about the diagnosis", fontsize="medium"
)
plt.show()

# %%
# If the absence of a value should not count, drop the rows with missing values
# before you score.

# %%
# **In short:** Yes, missing values can be informative: here, whether the
# texture was measured carries 0.24 nats about the diagnosis.
