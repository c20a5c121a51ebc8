"""
How certain is the estimate?
============================

Each estimate ``mi_`` comes with a 95 % interval, ``mi_interval_``, and with the
value on held-out rows, ``mi_lower_``, which does not exceed the true value on
average.

This page computes all three for a growing number of rows. The data are 20,190
person-years of the RAND health insurance experiment.
"""

# %%
# More rows
# ---------
# How much does the number of visits to a doctor depend on insurance and health?
# The columns are the share of the costs that the patient pays (``lncoins``),
# physical limitations, the number of chronic diseases, and whether patients
# call their health good, fair or poor.

import matplotlib.pyplot as plt
from statsmodels.datasets import randhie

from skmine import MutualInfoEstimator

table = randhie.load_pandas().data.sample(frac=1, random_state=0)
names = ["lncoins", "physlm", "disea", "hlthg", "hlthf", "hlthp"]
sizes = [250, 500, 1000, 2000]
fits = []
for n in sizes:
    fit = MutualInfoEstimator(cv=3, random_state=0).fit(
        table[names][:n], table["mdvis"][:n]
    )
    fits.append(fit)
    low, high = fit.mi_interval_
    print(
        f"{n:>5} rows: {fit.mi_:.3f} nats, 95 % {low:.3f} to {high:.3f}, "
        f"held-out {fit.mi_lower_:.3f}"
    )

# %%
# Picture
# -------
# The interval gets narrower with more rows, though not at every step. If an
# interval contains zero, use ``mutual_info_test`` to decide whether there is
# any dependence at all.

figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
values = [fit.mi_ for fit in fits]
sides = [
    [fit.mi_ - fit.mi_interval_[0] for fit in fits],
    [fit.mi_interval_[1] - fit.mi_ for fit in fits],
]
axis.errorbar(
    sizes,
    values,
    sides,
    fmt="o-",
    color="#0072B2",
    capsize=4,
    label="mi_, with mi_interval_",
)
axis.plot(
    sizes,
    [fit.mi_lower_ for fit in fits],
    "v:",
    color="#D55E00",
    label="mi_lower_",
)
axis.axhline(0, color="0.6", linewidth=1)
axis.set_xscale("log")
axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
axis.minorticks_off()
axis.set(xlabel="rows", ylabel="mutual information (nats)")
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# **In short:** The narrower ``mi_interval_``, the more certain the estimate:
# the interval is 0.25 nats wide with 250 rows and 0.07 with 2,000 rows.
