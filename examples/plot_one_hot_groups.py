"""
What do I do with one-hot columns?
==================================

A category of many levels makes many indicator columns. Each carries little information, and a selector that
takes them one by one keeps some levels and drops others. Either pass the category as it is, or keep its
indicators together by ``feature_groups``. On a survey of 6,366 women (Fair, 1978): what goes with how they
rate their marriage?
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
jobs = {1: "student", 2: "farm or unskilled", 3: "office", 4: "teacher or nurse", 5: "manager", 6: "degree"}
for column in ("occupation", "occupation_husb"):
    survey[column] = survey[column].map(jobs)
X, y = survey.drop(columns="rate_marriage"), survey["rate_marriage"]

# %%
# The category as it is
# ---------------------
# Strings need no indicators.

display = FeatureScoresDisplay.from_scores(mutual_info_classif(X, y), X.columns)
display.ax_.set_title("Mutual information with the rating", fontsize="medium")

# %%
# Indicators, one by one and in groups
# ------------------------------------
# One by one, indicators of the occupation take places among the first four. ``feature_groups`` has a label
# for each column; columns of one label are selected together or not at all, and count as one.

indicators = pd.get_dummies(X)
groups = [name.split("_husb_")[0] + "_husb" if "_husb_" in name else name for name in indicators]
groups = ["occupation" if name.startswith("occupation_") and "husb" not in name else name for name in groups]
for label, labels in (("one by one", None), ("in groups", groups)):
    selector = MINEFeatureSelector(4, feature_groups=labels).fit(indicators, y)
    print(f"{label}: {', '.join(selector.get_feature_names_out())}")
    FeatureScoresDisplay.from_estimator(selector).ax_.set_title(f"Indicators {label}", fontsize="medium")
plt.show()
