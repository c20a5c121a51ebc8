"""
Where in my data is the dependence?
===================================

Mutual information is a mean over the rows. ``score_samples`` returns the
contribution of each row, which is called its *pointwise* mutual information.
This page shows it for the day of the year and the temperature in Seattle. Their
correlation is weak although their dependence is strong.
"""

# %%
# Four years of weather in Seattle
# --------------------------------
# In the picture, red means that a day and a temperature occur together more
# often than by chance, and blue means that they occur together less often.

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
print(f"mutual information {estimator.mi_:.2f} nats")
print(f"which is as strong as a correlation of {as_correlation:.2f}")

display = PointwiseDisplay.from_estimator(estimator, X, y)
display.ax_.set_title("Hot in summer, cold in winter", fontsize="medium")

# %%
# Which days were unusual?
# ------------------------
# If the pointwise value of a day is far below zero, its temperature is unusual
# for the time of year.

weather["pointwise"] = estimator.score_samples(X, y)
unusual = weather.nsmallest(5, "pointwise")
for _, row in unusual.iterrows():
    print(
        f"{row['date']:%d %B %Y}: {row['temp_max']:.1f} °C, "
        f"{row['pointwise']:.1f} nats"
    )

# %%
# Which days are most informative?
# --------------------------------
# Without a target, ``score_samples`` returns how much information a day carries
# about its temperature before the temperature is known. The picture leaves out
# the first and last two weeks of the year, because the estimate is unreliable
# at the edge of the data.

days = (
    X[X["day of the year"].between(15, 350)]
    .drop_duplicates()
    .sort_values("day of the year")
)
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
axis.plot(days, estimator.score_samples(days), color="#0072B2")
axis.set(
    xlabel="day of the year",
    ylabel="information about\nthe temperature (nats)",
    ylim=(0, None),
)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# **In short:** The dependence is strongest in the middle of summer, when the
# day of the year carries the most information about the temperature;
# ``score_samples`` also finds unusual days, such as 10 December 2014 with
# 18.9 °C.
