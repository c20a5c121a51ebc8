"""
Would the estimate be right on data like mine?
==============================================

Nobody knows the true mutual information of real data, so test the estimator on
simulated data. :mod:`skmine.distributions` contains distributions with known
mutual information. Choose one that resembles your data, and draw as many rows
as your table has.
"""

# %%
# Three distributions, three sizes
# --------------------------------
# - Five normal columns on each side.
# - Two columns on each side, with heavy tails.
# - A narrow band: y is x plus a uniform error between -0.1 and 0.1.

import warnings

import matplotlib.pyplot as plt
from sklearn.exceptions import ConvergenceWarning

from skmine import MutualInfoEstimator
from skmine.distributions import (
    AdditiveUniformNoise,
    MultivariateNormal,
    MultivariateStudent,
)

joints = {
    "5 + 5 normal columns": MultivariateNormal.dense(5, 5, 0.5),
    "2 + 2 columns, heavy tails": MultivariateStudent.identity(2, 2, 2),
    "narrow band": AdditiveUniformNoise(0.1),
}
sizes = [200, 700, 2500]
settings = {"cv": 3, "n_iter_no_change": 2, "random_state": 0}
estimates = {}
for name, joint in joints.items():
    for n in sizes:
        X, y = joint.sample(n, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # the picture shows the errors
            estimates[name, n] = MutualInfoEstimator(**settings).fit(X, y)
        fit = estimates[name, n]
        print(
            f"{name:<27} {n:>5} rows: truth {joint.mi:.2f}, "
            f"mi_ {fit.mi_:.2f}, mi_lower_ {fit.mi_lower_:.2f}"
        )

# %%
# Picture
# -------
# Line: the true value. Points: the estimate with its 95 % interval. Triangles:
# the value on held-out rows. It is a lower bound on average only, so it can be
# above the truth, as for 200 rows of normal columns.
#
# The interval does not allow for dependence that the estimator has not
# detected. It takes more rows to detect a narrow band than to detect smooth
# dependence.

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for axis, (name, joint) in zip(axes, joints.items(), strict=True):
    fits = [estimates[name, n] for n in sizes]
    low, high = (
        [abs(fit.mi_interval_[side] - fit.mi_) for fit in fits]
        for side in (0, 1)
    )
    axis.axhline(joint.mi, color="#009E73", label="truth")
    axis.errorbar(
        range(3),
        [f.mi_ for f in fits],
        [low, high],
        fmt="o",
        color="#0072B2",
        capsize=4,
        label="mi_",
    )
    axis.plot(
        range(3),
        [f.mi_lower_ for f in fits],
        "v",
        color="#D55E00",
        label="mi_lower_",
    )
    axis.set_xticks(range(3), [f"{n:,}" for n in sizes])
    axis.set(title=name, xlabel="rows", ylim=(min(0, axis.get_ylim()[0]), None))
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("mutual information (nats)")
axes[0].legend(frameon=False)
plt.show()

# %%
# **In short:** With 700 rows, the estimate is within 0.04 nats of the truth for
# two of the three distributions, and 0.17 nats too low for the narrow band,
# which needs the most rows.
