"""
Which columns go together?
==========================

``df.corr()`` sees straight lines. ``mutual_info_matrix`` sees dependence of any form, between numbers and
categories alike. Both are shown for 178 Italian wines: thirteen measurements and the cultivar.
"""

# %%
# The two tables
# --------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from skmine import mutual_info_matrix
from skmine.plotting import MutualInfoMatrixDisplay

wine = load_wine(as_frame=True)
table = wine.data.assign(cultivar=wine.target_names[wine.target])
any_form = mutual_info_matrix(table, scale="correlation")
correlation = table.drop(columns="cultivar").corr()
print(any_form["cultivar"].drop("cultivar").sort_values(ascending=False).round(2).to_string())

# %%
# ``scale="correlation"`` makes both tables comparable: 0 for independent columns, 1 where a column is a
# function of the other, and the absolute correlation for normal columns. Where it is far above the
# correlation, the columns are related in another form than a straight line:

excess = any_form.loc[correlation.index, correlation.columns] - correlation.abs()
excess = excess.where(np.tri(len(excess), k=-1, dtype=bool))
print(excess.stack().sort_values(ascending=False).head(5).round(2).to_string())

# %%
# Without it, the values are mutual information in nats (or ``unit="bits"``), which has no upper end:

print(mutual_info_matrix(table)["cultivar"].drop("cultivar").nlargest(3).round(2).to_string())

# %%
# Pictures
# --------
# Columns that go together stand side by side. The correlation is in the same order, without the category.

display = MutualInfoMatrixDisplay.from_data(table)
display.ax_.set_title("Correlation of any form", fontsize="medium")

names = [name for name in display.labels[display.order_] if name != "cultivar"]
figure, axis = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
image = axis.imshow(correlation.loc[names, names], cmap="RdBu_r", vmin=-1, vmax=1)
axis.set_xticks(range(len(names)), names, rotation=90)
axis.set_yticks(range(len(names)), names)
axis.set_title("Correlation", fontsize="medium")
figure.colorbar(image, ax=axis)
plt.show()
