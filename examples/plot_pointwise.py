"""
Where in the plane is the dependence?
=====================================

Temperature and the day of the year: a correlation near zero, and strong dependence. The pointwise mutual
information says where: red where a day and a temperature go together more often than by chance, blue where
less.
"""

# %%
# Four years of Seattle
# ---------------------

import matplotlib.pyplot as plt
import numpy as np
from vega_datasets import local_data

from skmine import MutualInfoEstimator
from skmine.plotting import PointwiseDisplay

weather = local_data.seattle_weather()
weather["day of the year"] = weather["date"].dt.day_of_year
X, y = weather[["day of the year"]], weather["temp_max"]
estimator = MutualInfoEstimator(cv=3, max_iter=1500, random_state=0).fit(X, y)
print(f"correlation {np.corrcoef(X.iloc[:, 0], y)[0, 1]:.2f}")
as_correlation = np.sqrt(1 - np.exp(-2 * estimator.mi_))
print(f"mutual information {estimator.mi_:.2f} nats, as strong as a correlation of {as_correlation:.2f}")

display = PointwiseDisplay.from_estimator(estimator, X, y)
display.ax_.set_title("Hot in summer, cold in winter", fontsize="medium")

# %%
# Which days were unusual?
# ------------------------
# The pointwise value of a row is far below zero where its temperature does not go with its day.

weather["pointwise"] = estimator.score_samples(X, y)
unusual = weather.nsmallest(5, "pointwise")
for _, row in unusual.iterrows():
    print(f"{row['date']:%d %B %Y}: {row['temp_max']:.1f} °C, {row['pointwise']:.1f} nats")

# %%
# Which days are most informative?
# --------------------------------
# Without a target, ``score_samples`` is the information in a day about the temperature before it is
# measured: most in the middle of summer, least in spring, when all temperatures occur. The ends of the year
# are left out: at the edge of the data a network has little to go by.

days = X[X["day of the year"].between(15, 350)].drop_duplicates().sort_values("day of the year")
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
axis.plot(days, estimator.score_samples(days), color="#0072B2")
axis.set(xlabel="day of the year", ylabel="information about\nthe temperature (nats)", ylim=(0, None))
axis.spines[["top", "right"]].set_visible(False)
plt.show()
