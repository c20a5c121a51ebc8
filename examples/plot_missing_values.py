"""
Do missing values count as information?
=======================================

They can. If a doctor orders a measurement only when worried, a missing value
suggests that the patient is healthy. skmine therefore treats "missing" as a
value of its own, and imputes nothing.
"""

# %%
# A measurement that is taken only on suspicion
# ---------------------------------------------
# The table describes 569 breast tumours. Suppose that the texture was measured
# only if the tumour was large, with an area above the median. The diagnosis
# then depends on whether the texture was measured.

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
# - **Complete**: the score of the complete texture, for comparison.
# - **Missing on suspicion**: both the value and its absence count.
# - **Filled with draws** from the known values: the absence is hidden, so most
#   of the information is lost.
# - **Missing at random**: half of the values are lost, and their absence
#   carries no information.
# - **Whether it was measured**: only the absence counts.
# - **Rows dropped**: the score answers a different question, namely how
#   informative the texture is among large tumours.

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
# If absence should not count as information, drop the rows with missing values
# before you compute the score.

# %%
# **In short:** Yes, missing values can be informative: here, whether the
# texture was measured carries 0.24 nats about the diagnosis.
