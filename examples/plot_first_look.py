"""
Which columns of my table matter, and what is odd about them?
=============================================================

``dependence_table`` answers both questions in one call. For each column, it
shows how strong the dependence is, with an interval and a p-value, and a note
if something is unusual about the column.

The table on this page describes 406 cars built from 1970 to 1982. It contains
text and missing values.
"""

# %%
# What predicts the mileage?
# --------------------------
# The result has one row for each feature. For comparison, a column of noise was
# added to the data.
#
# - ``value`` runs from 0 (independent) to 1 (one column is a function of the
#   other).
# - ``low`` and ``high`` are the ends of its 95 % interval.
# - ``adjusted_pvalue`` is the p-value, corrected for the number of features.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from vega_datasets import local_data

from skmine import dependence_table
from skmine.plotting import FeatureScoresDisplay

cars = pd.read_json(local_data.cars.filepath)
cars["Year"] = pd.to_datetime(cars["Year"]).dt.year
cars["noise"] = np.random.default_rng(0).normal(size=len(cars))
cars = cars.dropna(subset="Miles_per_Gallon")
X, y = cars.drop(columns="Miles_per_Gallon"), cars["Miles_per_Gallon"]

table = dependence_table(X, y, scale="correlation")
shown = table.drop(columns=["scale", "pvalue", "n_rows"])
print(shown.round(3).to_string(index=False))

# %%
# The note on the name shows that most names occur only once (1.3 rows per
# level). The value of the name comes only from the few names that repeat.
#
# In the picture, a filled bar means that the dependence is significant.

FeatureScoresDisplay.from_table(table)

# %%
# All pairs of columns
# --------------------
# Without a target, the result has one row for each pair of columns.

pairs = dependence_table(cars.drop(columns="Name"), scale="correlation")
print(
    pairs[["feature", "other", "value", "low", "high", "adjusted_pvalue"]]
    .head()
    .round(3)
    .to_string(index=False)
)
FeatureScoresDisplay.from_table(pairs, max_features=12)
plt.show()

# %%
# **In short:** The mileage depends on every column except the noise, most
# strongly on displacement, weight, cylinders and horsepower; the name is odd,
# because it does little more than identify the car.
