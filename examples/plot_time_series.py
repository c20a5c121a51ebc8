"""
Time series: lags, blocks, and what not to conclude
===================================================

What about the weather of the last days predicts rain? 1,461 days in Seattle, 2012 to 2015. The rows of a time
series depend on their neighbours, so the selector is given blocks of days.
"""

# %%
# Lags are columns
# ----------------
# Each row holds the weather of the days before it. Four columns of noise are added: they have nothing to do
# with the weather, but they change slowly, as it does.

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
from vega_datasets import local_data

from skmine import MINEFeatureSelector

days = local_data.seattle_weather().sort_values("date").reset_index(drop=True)
rain = days["precipitation"] > 0
rng = np.random.default_rng(0)
noise = pd.DataFrame(rng.normal(size=(len(days), 4)), columns=[f"noise {k}" for k in range(4)])
X = noise.ewm(alpha=0.1).mean()
for column in ("precipitation", "temp_max", "wind"):
    for lag in (1, 2, 7):
        X[f"{column}, {lag} days ago"] = days[column].shift(lag)
X, y = X.iloc[7:], rain.iloc[7:]

# %%
# With and without blocks
# -----------------------
# Blocks of 30 days are groups: days of one block may depend on each other. Without them, each day counts as
# an independent observation, and slow columns look informative by chance.

blocks = np.arange(len(X)) // 30
for name, groups in (("days on their own", None), ("blocks of 30 days", blocks)):
    selector = MINEFeatureSelector(strategy="marginal").fit(X, y, groups=groups)
    print(f"{name}: {', '.join(selector.get_feature_names_out())}")

# %%
# Folds in the order of time
# --------------------------
# Shuffled folds let the model see the days around those that it predicts. ``TimeSeriesSplit`` predicts later
# days from earlier ones.

model = HistGradientBoostingClassifier(max_depth=3, max_iter=50, random_state=0)
for name, folds in (("shuffled", KFold(5, shuffle=True, random_state=0)), ("in time", TimeSeriesSplit(5))):
    print(f"accuracy, {name} folds: {cross_val_score(model, X, y, cv=folds).mean():.3f}")

# %%
# What not to conclude
# --------------------
# Yesterday's wind predicts today's rain, but this does not make it a cause: the season and the pressure drive
# both. And a column that is left out can have an influence: its information may be in the others.
