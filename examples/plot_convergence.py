"""
Did training converge?
======================

``history_`` records the training of the network, and ``TrainingDisplay`` plots
the value on training rows and on held-out rows. This page shows four cases:

- training that went well,
- training that was too short,
- too few rows,
- no dependence to find.

A sudden fall of the training line is a restart from the best weights so far.
Training ends when a restart no longer improves the held-out value.
"""

# %%
# Training went well: both lines rise and level off
# -------------------------------------------------
# The data are four years of weather in Seattle. How much information do the
# day of the year and the rain carry about the highest temperature of the day?
#
# ``critic="concat"`` makes the estimator use a network. By default, it trains a
# network only if simpler models miss something.

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
estimator = MutualInfoEstimator(
    critic="concat", hidden_layer_sizes=(32, 32), cv=3, random_state=0
).fit(X, y)
TrainingDisplay.from_estimator(estimator).ax_.set_title("Training went well")

# %%
# Too short: both lines still rise at the right edge
# --------------------------------------------------
# Here ``max_iter`` and ``learning_rate_init`` are too low, so a
# ``ConvergenceWarning`` appears. The remedy is to raise them.

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # shown in the picture
    short = MutualInfoEstimator(
        critic="concat",
        learning_rate_init=3e-4,
        max_iter=350,
        cv=3,
        random_state=0,
    ).fit(X, y)
TrainingDisplay.from_estimator(short).ax_.set_title("Too short")

# %%
# Too few rows: the training line rises far above the held-out line
# -----------------------------------------------------------------
# The columns are 24 pixels of handwritten digits. There are only 100 rows, so
# the network learns noise. The weights that did best on held-out rows are kept,
# but the remedy is more rows or fewer columns. ``weight_decay=0`` makes the
# network overfit more than it would by default.

pixels = load_digits().data
few = MutualInfoEstimator(
    critic="concat", weight_decay=0, cv=3, random_state=0
).fit(pixels[:100, 8:32], pixels[:100, 34])
TrainingDisplay.from_estimator(few).ax_.set_title("Too few rows")

# %%
# No dependence: the held-out line never leaves zero
# --------------------------------------------------
# The target is shuffled, so it is independent of the columns, and the training
# line rises only because the network learns noise.

shuffled = np.random.default_rng(0).permutation(y)
nothing = MutualInfoEstimator(critic="concat", cv=3, random_state=0).fit(
    X, shuffled
)
TrainingDisplay.from_estimator(nothing).ax_.set_title("No dependence")
plt.show()

# %%
# The four cases in numbers
# -------------------------
# A wide gap between the estimate ``mi_`` and the held-out value ``mi_lower_``
# is a warning sign.

fits = {
    "well": estimator,
    "too short": short,
    "too few rows": few,
    "nothing there": nothing,
}
for name, fit in fits.items():
    print(
        f"{name:<14} mi_ {fit.mi_:6.2f}, mi_lower_ {fit.mi_lower_:6.2f} nats, "
        f"{fit.n_iter_} iterations"
    )

# %%
# **In short:** Training converged if both lines level off close to each other;
# raise ``max_iter`` if they still rise, and use more rows or fewer columns if
# they separate.
