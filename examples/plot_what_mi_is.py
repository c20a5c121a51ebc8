"""
What does mutual information see that correlation does not?
===========================================================

Six clouds of points, each with its correlation and its mutual information in nats; and how nats,
correlations and classes go together.
"""

# %%
# Six clouds
# ----------
# Correlation is a number for straight lines. Mutual information is 0 only where there is no pattern at all.

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
    print(f"{name:<12} correlation {correlation:5.2f}, mutual information {mi:.2f} nats")
    axis.plot(a[:1000], b[:1000], ".", color="#0072B2", markersize=3, alpha=0.6)
    axis.set_title(f"{name}\ncorrelation {correlation:.2f}, {mi:.2f} nats", fontsize="medium")
    axis.set(xticks=[], yticks=[])

# %%
# The scale
# ---------
# Left: the value for two normal columns, by their correlation. Right: the most that a target of several
# classes, all as frequent, can share with anything.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
rho = np.linspace(0, 0.995, 400)
left.plot(rho, -0.5 * np.log(1 - rho**2), color="#0072B2")
for value in (0.4, 0.6, 0.8, 0.93):
    nats = -0.5 * np.log(1 - value**2)
    left.plot(value, nats, "o", color="#D55E00")
    left.annotate(f"{nats:.2f}", (value, nats), xytext=(-10, 8), textcoords="offset points", ha="right")
left.set(xlabel="correlation", ylabel="mutual information (nats)", title="Two normal columns")
classes = np.arange(2, 11)
right.bar(classes, np.log(classes), color="#56B4E9")
right.set(xlabel="classes", ylabel="entropy (nats)", title="The most that a class can share", xticks=classes)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()
