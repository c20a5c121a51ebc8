"""
A selector before an encoder
============================

Text columns go into the selector as they are. What it drops need not be encoded. On 398 cars: the selector
comes first in the pipeline, then an encoder for the text that is left, then a model.
"""

# %%
# The pipeline
# ------------
# ``set_output(transform="pandas")`` keeps names and types of the columns, so that the ``ColumnTransformer``
# after the selector can choose columns by type.

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from vega_datasets import local_data

from skmine import MINEFeatureSelector

cars = pd.read_json(local_data.cars.filepath).dropna(subset="Miles_per_Gallon")
cars["Year"] = pd.to_datetime(cars["Year"]).dt.year
cars["Maker"] = cars.pop("Name").str.split().str[0]
X, y = cars.drop(columns="Miles_per_Gallon"), cars["Miles_per_Gallon"]

encoder = make_column_transformer(
    (
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        make_column_selector(dtype_exclude="number"),
    ),
    remainder="passthrough",
)
selector = MINEFeatureSelector(include=["Origin"], random_state=0).set_output(transform="pandas")
model = make_pipeline(selector, encoder, HistGradientBoostingRegressor(random_state=0))

# %%
# What reaches the encoder
# ------------------------

print(selector.fit_transform(X, y).dtypes.to_string())
print(selector.explain()[["feature", "reason"]].to_string(index=False))

# %%
# Cross-validated as a whole
# --------------------------
# The selection is part of what is cross-validated: each fold selects on its own training rows.

folds = KFold(5, shuffle=True, random_state=0)
print(f"R2: {cross_val_score(model, X, y, cv=folds).mean():.2f}")
