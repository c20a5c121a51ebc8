"""
What changes when I swap the import?
====================================

``mutual_info_regression`` takes the arguments of scikit-learn's function of that name. Beside each other on
a real data set: the values, what they are when there is nothing to find, and the time.
"""

# %%
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn import feature_selection
from sklearn.datasets import load_diabetes

import skmine

data = load_diabetes()
FUNCTIONS = {
    "skmine": skmine.mutual_info_regression,
    "scikit-learn": feature_selection.mutual_info_regression,
}

# %%
# Values, and values of noise
# ---------------------------
# The target is shuffled fifty times: whatever is found then is noise. A value is worth a second look when
# it is above nearly all of those.

rng = np.random.default_rng(0)
shuffled = [rng.permutation(data.target) for _ in range(50)]
values, noise = {}, {}
for name, score in FUNCTIONS.items():
    started = perf_counter()
    values[name] = score(data.data, data.target)
    noise[name] = np.array([score(data.data, y) for y in shuffled])
    seconds = (perf_counter() - started) / 51
    threshold = np.quantile(noise[name], 0.99)
    print(
        f"{name}: {seconds * 1e3:.0f} ms for 10 features of 442 rows; spread of noise "
        f"{noise[name].std():.4f} nats; {(values[name] > threshold).sum()} features above its 99 % quantile"
    )

# %%
# Picture
# -------
# Points: the features. Grey: the same features with the shuffled target.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharex=True, sharey=True, layout="constrained")
order = np.argsort(values["skmine"])
for axis, (name, colour) in zip(axes, (("skmine", "#0072B2"), ("scikit-learn", "#D55E00")), strict=True):
    rows = np.arange(len(order))
    axis.plot(noise[name][:, order], np.tile(rows, (50, 1)), ".", color="0.75", markersize=3)
    axis.plot(values[name][order], rows, "o", color=colour)
    axis.set_yticks(rows, np.array(data.feature_names)[order])
    axis.set(title=name, xlabel="mutual information with the progression (nats)")
    axis.spines[["top", "right"]].set_visible(False)
plt.show()
