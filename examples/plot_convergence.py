"""
Did training converge?
======================

Four pictures of ``history_``, which follows the network: training that went well, that was too short, that
had too few rows, and that found nothing because there is nothing. The data are four years of weather in
Seattle, and handwritten digits. A sudden fall of the training line is a restart from the best weights:
training ends when one has brought nothing, or when the held-out line has not risen at all.
"""

# %%
# Well: both lines rise and level off
# -----------------------------------
# How much do the day of the year and the rain predict of the highest temperature of the day?

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from vega_datasets import local_data

from skmine import MutualInfoEstimator
from skmine.plotting import TrainingDisplay

weather = local_data.seattle_weather()
weather["day"] = weather["date"].dt.day_of_year
X, y = weather[["day", "precipitation"]], weather["temp_max"]
estimator = MutualInfoEstimator(cv=3, max_iter=2000, random_state=0).fit(X, y)
TrainingDisplay.from_estimator(estimator).ax_.set_title("Well")

# %%
# Too short: both lines still rise at the right edge
# --------------------------------------------------
# ``max_iter`` was cut and the learning rate is low; a ``ConvergenceWarning`` says so. Raise them. With
# ``critic="concat"`` the network is valued alone; by default another critic would make up for it here.

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # what this picture is about
    short = MutualInfoEstimator(
        critic="concat", learning_rate_init=3e-4, max_iter=350, cv=3, random_state=0
    ).fit(X, y)
TrainingDisplay.from_estimator(short).ax_.set_title("Too short")

# %%
# Too few rows: the training value leaves the held-out value behind
# -----------------------------------------------------------------
# The network fits noise of 100 rows in 24 columns, pixels of handwritten digits. The check that was best on
# held-out rows is kept. Pass fewer columns, or more rows. ``weight_decay=0`` makes the network overfit more
# than by default.

pixels = load_digits().data
few = MutualInfoEstimator(weight_decay=0, random_state=0).fit(pixels[:100, 8:32], pixels[:100, 34])
TrainingDisplay.from_estimator(few).ax_.set_title("Too few rows")

# %%
# Nothing there: the held-out line never leaves zero
# --------------------------------------------------
# The target is shuffled, so that it is independent of the columns. What the training line gains is noise.

shuffled = np.random.default_rng(0).permutation(y)
nothing = MutualInfoEstimator(cv=3, random_state=0).fit(X, shuffled)
TrainingDisplay.from_estimator(nothing).ax_.set_title("Nothing there")
plt.show()

# %%
# In numbers: a wide gap between the estimate and the value on held-out rows is a warning.

fits = {"well": estimator, "too short": short, "too few rows": few, "nothing there": nothing}
for name, fit in fits.items():
    print(f"{name:<14} mi_ {fit.mi_:6.2f}, mi_lower_ {fit.mi_lower_:6.2f} nats, {fit.n_iter_} iterations")
