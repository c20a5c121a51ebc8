"""
Which columns of a mixed table predict the target?
==================================================

406 cars of 1970 to 1982: numbers, a category and a few missing values. What predicts how far a car goes on
a gallon? Columns go in as they are.
"""

# %%
# Read
# ----
# The name of the car is left out: it only identifies the row. The year must be a number. Rows without a
# target are dropped.

import pandas as pd
from vega_datasets import local_data

from skmine import MutualInfoEstimator, mutual_info_regression
from skmine.plotting import FeatureScoresDisplay

table = pd.read_json(local_data.cars.filepath).drop(columns="Name")
table["Year"] = pd.to_datetime(table["Year"]).dt.year
table = table.dropna(subset="Miles_per_Gallon")
X, y = table.drop(columns="Miles_per_Gallon"), table["Miles_per_Gallon"]
print(f"{len(X)} rows; missing values: {X.isna().sum().sum()}")

# %%
# Rank
# ----

scores = pd.Series(mutual_info_regression(X, y), index=X.columns)
print(scores.sort_values(ascending=False).round(2).to_string())

display = FeatureScoresDisplay.from_scores(scores, X.columns)
display.ax_.set_title("Mutual information with the miles per gallon", fontsize="medium")

# %%
# Together
# --------
# Weight, displacement, horsepower and cylinders are largely redundant: the mutual information of all columns
# together is far below the sum of the bars.

estimator = MutualInfoEstimator(random_state=0).fit(X, y)
low, high = estimator.mi_interval_
print(f"sum of the bars {scores.sum():.2f} nats")
print(f"all together    {estimator.mi_:.2f} nats (95 %: {low:.2f} to {high:.2f})")
print(f"held-out rows   {estimator.mi_lower_:.2f} nats")
