"""
A first look at a table
=======================

One call, ``dependence_table``, shows which columns the target depends on, how certain each value is, and
what is unusual about a column. The table holds 406 cars of 1970 to 1982, with text and missing values.
"""

# %%
# What predicts the mileage
# -------------------------
# One row for each feature. ``value`` runs from 0 (independent) to 1 (one column is a function of the other);
# ``low`` and ``high`` are the ends of its 95 % interval. ``adjusted_pvalue`` takes into account how many
# features there are. A column of noise is added to see how chance looks.

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
print(table.drop(columns="scale").round(3).to_string(index=False))

# %%
# The note says that the name of a car has little more than one row for each value: the score comes from the
# few names that repeat. The picture shows which features exceed
# chance: their bars are filled.

FeatureScoresDisplay.from_table(table)

# %%
# All pairs
# ---------
# Without a target there is one row for each pair of columns.

pairs = dependence_table(cars.drop(columns="Name"), scale="correlation")
print(
    pairs[["feature", "other", "value", "low", "high", "adjusted_pvalue"]]
    .head()
    .round(3)
    .to_string(index=False)
)
FeatureScoresDisplay.from_table(pairs, max_features=12)
plt.show()
