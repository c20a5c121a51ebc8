"""
Which columns depend on each other?
===================================

``df.corr()`` measures linear dependence between numbers.
``mutual_info_matrix`` measures dependence of any form, between numbers and
categories. This page compares the two on 178 Italian wines: thirteen
measurements and the cultivar.
"""

# %%
# The two matrices
# ----------------
# With ``scale="correlation"`` both matrices have the same scale: 0 for
# independent columns, 1 if one column is a function of the other, and the
# absolute correlation for normal columns.

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
# The pairs where it most exceeds the absolute correlation are those whose
# dependence is least linear:

excess = (
    any_form.loc[correlation.index, correlation.columns] - correlation.abs()
)
excess = excess.where(np.tri(len(excess), k=-1, dtype=bool))
print(excess.stack().sort_values(ascending=False).head(5).round(2).to_string())

# %%
# By default the values are mutual information in nats (or bits, with
# ``unit="bits"``), which has no upper limit:

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
# Columns that depend on each other are next to each other. The correlation has
# the same order, without the category.

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
# **In short:** ``mutual_info_matrix`` finds the columns that ``df.corr()``
# finds, and also dependence on categories and dependence that is not linear;
# only the sign of a correlation is lost.
