"""
When do more features stop helping?
===================================

With ``mi_path=True``, the selector estimates after each step how much
information the features selected so far carry together. It stores the values in
``mi_path_``. This page selects pixels of 600 handwritten digits.
"""

# %%
# Eight of 64 pixels
# ------------------
# No set of pixels can carry more information about the digit than its entropy,
# which is log 10, or 2.3 nats. The 600 pictures are drawn at random, because
# neighbouring rows of this data set are by the same writer.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmine import MINEFeatureSelector
from skmine.plotting import SelectionPathDisplay

digits = load_digits(as_frame=True).frame.sample(600, random_state=0)
X, y = digits.drop(columns="target"), digits["target"]
selector = MINEFeatureSelector(
    8, strategy="forward", mi_path=True, random_state=0
).fit(X, y)

display = SelectionPathDisplay.from_estimator(selector)
display.ax_.axhline(np.log(10), color="0.5", linestyle=":")
display.ax_.set_ylim(0, 2.5)
display.ax_.set_title("Dotted line: the maximum, log 10", fontsize="medium")

# %%
# Which pixels were chosen?
# -------------------------
# The picture shows the mean of all digits, and the order in which the pixels
# were chosen. They are spread over the picture, because neighbouring pixels
# carry largely the same information.

order = np.argsort(selector.ranking_)[: selector.n_features_]
figure, axis = plt.subplots(figsize=(4, 4), layout="constrained")
axis.imshow(X.to_numpy().mean(axis=0).reshape(8, 8), cmap="Greys", alpha=0.6)
for step, pixel in enumerate(order, start=1):
    axis.text(
        pixel % 8,
        pixel // 8,
        str(step),
        ha="center",
        va="center",
        color="#B34700",
        weight="bold",
    )
axis.set(xticks=[], yticks=[], title="Chosen pixels, in order")
plt.show()

# %%
# Does a model agree?
# -------------------
# The selector is a step of the pipeline, so each fold makes its own selection.
# A linear model does not use all of the information, but it should improve with
# each step.

for n_features in (2, 4, 8):
    model = make_pipeline(
        MINEFeatureSelector(n_features, strategy="forward"),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    accuracy = cross_val_score(model, X, y, cv=3).mean()
    mi = selector.mi_path_[n_features - 1]
    print(
        f"{n_features} pixels: accuracy {accuracy:.2f}, "
        f"mutual information {mi:.2f} nats"
    )

# %%
# **In short:** More features stop helping when ``mi_path_`` levels off: four
# pixels carry 1.34 nats, and eight already carry 1.97 of at most 2.30 nats.
