"""
What do I do with one-hot columns?
==================================

One-hot encoding turns a category into many indicator columns. Each of them
carries little information, so a selector may keep some levels and drop others.
To avoid this, pass the category itself, or keep its indicators together with
``feature_groups``.

The table is a survey of 3,000 women (Fair, 1978). The target is how they rated
their marriage.
"""

# %%
# The survey
# ----------

import matplotlib.pyplot as plt
import pandas as pd
from statsmodels.datasets import fair

from skmine import MINEFeatureSelector, mutual_info_classif
from skmine.plotting import FeatureScoresDisplay

survey = fair.load_pandas().data.sample(3000, random_state=0)
jobs = {
    1: "student",
    2: "farm or unskilled",
    3: "office",
    4: "teacher or nurse",
    5: "manager",
    6: "degree",
}
for column in ("occupation", "occupation_husb"):
    survey[column] = survey[column].map(jobs)
X, y = survey.drop(columns="rate_marriage"), survey["rate_marriage"]

# %%
# Pass the category itself
# ------------------------
# Columns of strings need no encoding.

display = FeatureScoresDisplay.from_scores(mutual_info_classif(X, y), X.columns)
display.ax_.set_title("Mutual information with the rating", fontsize="medium")

# %%
# Indicators, one by one and in groups
# ------------------------------------
# If indicators are selected one by one, single levels of an occupation can be
# among the four features.
#
# ``feature_groups`` contains a label for each column. Columns with the same
# label are selected together or not at all, and count as one feature.

indicators = pd.get_dummies(X, prefix_sep="=")  # such as "occupation=office"
groups = [name.split("=")[0] for name in indicators]
for label, labels in (("one by one", None), ("in groups", groups)):
    selector = MINEFeatureSelector(4, feature_groups=labels).fit(indicators, y)
    print(f"{label}: {', '.join(selector.get_feature_names_out())}")
    FeatureScoresDisplay.from_estimator(selector).ax_.set_title(
        f"Indicators {label}", fontsize="medium"
    )
plt.show()

# %%
# **In short:** Pass categories as they are; if they are already encoded, use
# ``feature_groups`` to keep or drop all indicators of a category together.
