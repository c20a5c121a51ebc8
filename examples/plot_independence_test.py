"""
Is there any dependence at all?
===============================

A small value may be chance. ``mutual_info_test`` gives a p-value without permutations, for columns and for
blocks. Many tests need a correction: on 29 columns of breast tumours and 29 columns of noise.
"""

# %%
# One p-value a column
# --------------------
# What goes with the texture of a tumour? The noise is each real column, shuffled: none of these may be
# found.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control
from sklearn.datasets import load_breast_cancer

from skmine import mutual_info_test

rng = np.random.default_rng(0)
data = load_breast_cancer(as_frame=True).data
y = data.pop("mean texture")
noise = data.apply(rng.permutation).add_prefix("shuffled ")
table = pd.concat([data, noise], axis=1)
pvalues = np.array([mutual_info_test(table[[name]], y).pvalue for name in table])

# %%
# Correct for their number
# ------------------------
# At a level of 0.05 one column of noise in twenty looks significant. The false discovery rate keeps that in
# hand.

adjusted = false_discovery_control(pvalues)
is_noise = np.repeat([False, True], len(data.columns))
for label, values in (("as they are", pvalues), ("corrected", adjusted)):
    found = values < 0.05
    real, chance = (found & ~is_noise).sum(), (found & is_noise).sum()
    print(f"p-values {label}: {real} of 29 columns found, {chance} of noise")

# %%
# Blocks
# ------
# One test of all columns together, and of their shuffled rows.

print(f"all columns: p = {mutual_info_test(data, y).pvalue:.1e}")
print(f"rows shuffled: p = {mutual_info_test(data.sample(frac=1, random_state=0), y).pvalue:.2f}")

# %%
# Picture
# -------
# Under independence p-values are spread evenly: they follow the line. Those of the real columns are far
# below.

figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for chosen, label, marker, colour in (
    (~is_noise, "columns", "o", "#0072B2"),
    (is_noise, "shuffled", "s", "0.6"),
):
    ordered = np.sort(np.maximum(pvalues[chosen], 1e-12))
    axis.plot((np.arange(len(ordered)) + 0.5) / len(ordered), ordered, marker, color=colour, label=label)
even = np.linspace(0.01, 1, 100)
axis.plot(even, even, color="0.3", linewidth=1)
axis.set_yscale("log")
axis.set(xlabel="share of the columns", ylabel="p-value (1e-12 at least)")
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
plt.show()
