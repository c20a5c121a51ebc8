"""
How do I select features of a time series?
==========================================

The rows of a time series depend on their neighbours, so columns that change
slowly can look informative by chance. The remedy is to pass blocks of
neighbouring rows as ``groups``.

In this example, the weather of previous days predicts rain. The data are 1,461
days in Seattle, from 2012 to 2015.
"""

# %%
# Lags are columns
# ----------------
# Each row holds the weather of previous days. Four columns of noise are added.
# They change slowly, as the weather does, but are independent of it.

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
from vega_datasets import local_data

from skmine import MINEFeatureSelector
from skmine.plotting import SelectionDisplay

days = local_data.seattle_weather().sort_values("date").reset_index(drop=True)
rain = days["precipitation"] > 0
rng = np.random.default_rng(0)
noise = pd.DataFrame(
    rng.normal(size=(len(days), 4)), columns=[f"noise {k}" for k in range(4)]
)
X = noise.ewm(alpha=0.1).mean()
for column in ("precipitation", "temp_max", "wind"):
    for lag in (1, 2, 7):
        X[f"{column}, {lag} days ago"] = days[column].shift(lag)
X, y = X.iloc[7:], rain.iloc[7:]

# %%
# With and without blocks
# -----------------------
# Without groups, each day counts as an independent observation. With blocks of
# 30 days as groups, the days of a block may depend on each other. The picture
# shows the selection with blocks.

blocks = np.arange(len(X)) // 30
for name, groups in (
    ("days on their own", None),
    ("blocks of 30 days", blocks),
):
    selector = MINEFeatureSelector(strategy="marginal").fit(X, y, groups=groups)
    selected = selector.get_feature_names_out()
    n_noise = sum(feature.startswith("noise") for feature in selected)
    print(f"{name}: {len(selected)} of {X.shape[1]} features selected")
    print(f"  columns of noise among them: {n_noise}")

SelectionDisplay.from_estimator(selector)

# %%
# Folds in time order
# -------------------
# With shuffled folds, the model trains on days next to those that it predicts,
# whereas ``TimeSeriesSplit`` predicts later days from earlier ones.

model = HistGradientBoostingClassifier(max_depth=3, max_iter=50, random_state=0)
for name, folds in (
    ("shuffled", KFold(5, shuffle=True, random_state=0)),
    ("ordered", TimeSeriesSplit(5)),
):
    accuracy = cross_val_score(model, X, y, cv=folds).mean()
    print(f"accuracy, {name} folds: {accuracy:.3f}")

# %%
# What not to conclude
# --------------------
# Yesterday's wind predicts today's rain but does not necessarily cause it,
# because both depend on the season and the air pressure. Conversely, a column
# that is not selected may still have an influence, if other columns carry the
# same information.

# %%
# **In short:** Pass blocks of neighbouring rows as ``groups`` to the selector,
# and cross-validate with ``TimeSeriesSplit``; here, two columns of noise are
# selected without blocks, and none with blocks.
