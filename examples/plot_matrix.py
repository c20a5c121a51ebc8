"""
Which columns depend on each other?
===================================

``df.corr()`` measures linear dependence between numeric columns.
``mutual_info_matrix`` measures dependence of any form, between numbers and
categories. This page compares the two on thirteen measurements and the cultivar
of 178 Italian wines.
"""

# %%
# The two matrices
# ----------------
# With ``scale="correlation"``, the values of ``mutual_info_matrix`` can be
# compared with absolute correlations. They are 0 for independent columns, 1 if
# one column is a function of the other, and equal to the absolute correlation
# for normal columns. Here are the values for the cultivar:

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from skmine import mutual_info_matrix
from skmine.plotting import MutualInfoMatrixDisplay

wine = load_wine(as_frame=True)
table = wine.data.assign(cultivar=wine.target_names[wine.target])
any_form = mutual_info_matrix(table, scale="correlation")
correlation = table.drop(columns="cultivar").corr()
print(
    any_form["cultivar"]
    .drop("cultivar")
    .sort_values(ascending=False)
    .round(2)
    .to_string()
)

# %%
# If this value is far above the absolute correlation, the dependence of the
# pair is not linear. These are the five pairs with the largest difference:

excess = (
    any_form.loc[correlation.index, correlation.columns] - correlation.abs()
)
excess = excess.where(np.tri(len(excess), k=-1, dtype=bool))
print(excess.stack().sort_values(ascending=False).head(5).round(2).to_string())

# %%
# Without ``scale``, the values are mutual information in nats, or in bits with
# ``unit="bits"``:

print(
    mutual_info_matrix(table)["cultivar"]
    .drop("cultivar")
    .nlargest(3)
    .round(2)
    .to_string()
)

# %%
# Pictures
# --------
# In the first picture, columns that depend on each other are placed next to
# each other. The correlations are drawn in the same order, without the
# category.

display = MutualInfoMatrixDisplay.from_data(table)
display.ax_.set_title("Correlation of any form", fontsize="medium")

names = [name for name in display.labels[display.order_] if name != "cultivar"]
figure, axis = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
image = axis.imshow(
    correlation.loc[names, names], cmap="RdBu_r", vmin=-1, vmax=1
)
axis.set_xticks(range(len(names)), names, rotation=90)
axis.set_yticks(range(len(names)), names)
axis.set_title("Correlation", fontsize="medium")
figure.colorbar(image, ax=axis)
plt.show()

# %%
# **In short:** Like ``df.corr()``, ``mutual_info_matrix`` shows linear
# dependence, but without its sign; it also shows nonlinear dependence, and
# dependence on categories.
