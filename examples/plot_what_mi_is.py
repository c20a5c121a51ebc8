"""
What does mutual information show that correlation does not?
============================================================

Correlation measures how close points are to a straight line. Mutual information
measures dependence of any form, and is 0 only for independent columns. This
page compares the two on six clouds of points.
"""

# %%
# Six clouds of points
# --------------------

import matplotlib.pyplot as plt
import numpy as np

from skmine import mutual_info_regression

rng = np.random.default_rng(0)
n = 2000
x, noise = rng.normal(size=n), rng.normal(size=n)
angle = rng.uniform(0, 2 * np.pi, n)
side = rng.choice([-1, 1], n)
clouds = {
    "no pattern": (x, noise),
    "line": (x, 0.8 * x + 0.6 * noise),
    "parabola": (x, x**2 + 0.5 * noise),
    "circle": (np.cos(angle) + 0.1 * x, np.sin(angle) + 0.1 * noise),
    "spread": (x, np.abs(x) * noise),
    "two lines": (x, side * x + 0.2 * noise),
}

figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for axis, (name, (a, b)) in zip(axes.flat, clouds.items(), strict=True):
    correlation = np.corrcoef(a, b)[0, 1]
    mi = mutual_info_regression(a[:, None], b)[0]
    print(
        f"{name:<12} correlation {correlation:5.2f}, "
        f"mutual information {mi:.2f} nats"
    )
    axis.plot(a[:1000], b[:1000], ".", color="#0072B2", markersize=3, alpha=0.6)
    axis.set_title(
        f"{name}\ncorrelation {correlation:.2f}, {mi:.2f} nats",
        fontsize="medium",
    )
    axis.set(xticks=[], yticks=[])

# %%
# What do the values mean?
# ------------------------
# Left: the mutual information of two normal columns, as a function of their
# correlation. Right: the entropy of a target with equally frequent classes,
# which is the largest possible mutual information.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.6), layout="constrained"
)
rho = np.linspace(0, 0.995, 400)
left.plot(rho, -0.5 * np.log(1 - rho**2), color="#0072B2")
for value in (0.4, 0.6, 0.8, 0.93):
    nats = -0.5 * np.log(1 - value**2)
    left.plot(value, nats, "o", color="#D55E00")
    left.annotate(
        f"{nats:.2f}",
        (value, nats),
        xytext=(-10, 8),
        textcoords="offset points",
        ha="right",
    )
left.set(
    xlabel="correlation",
    ylabel="mutual information (nats)",
    title="Two normal columns",
)
classes = np.arange(2, 11)
right.bar(classes, np.log(classes), color="#56B4E9")
right.set(
    xlabel="classes",
    ylabel="entropy (nats)",
    title="Largest value for a class as target",
    xticks=classes,
)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# **In short:** Four of the six clouds have a correlation near zero but a
# mutual information between 0.41 and 1.04 nats, because their dependence is
# not linear.
