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
information = mutual_info_matrix(table)
correlation = table.drop(columns="cultivar").corr()
print(information["cultivar"].drop("cultivar").sort_values(ascending=False).round(2).to_string())

# %%
# Where the mutual information is far above that of a straight line, ``-log(1 - r^2) / 2``:

line = -np.log1p(-np.minimum(correlation**2, 0.999)) / 2
excess = (information.loc[line.index, line.columns] - line).where(np.tri(len(line), k=-1, dtype=bool))
print(excess.stack().sort_values(ascending=False).head(5).round(2).to_string())

# %%
# Pictures
# --------
# Columns that go together stand side by side. The correlation is in the same order, without the category.

display = MutualInfoMatrixDisplay.from_matrix(information)
display.ax_.set_title("Mutual information (nats)", fontsize="medium")

names = [name for name in display.labels[display.order_] if name != "cultivar"]
figure, axis = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
image = axis.imshow(correlation.loc[names, names], cmap="RdBu_r", vmin=-1, vmax=1)
axis.set_xticks(range(len(names)), names, rotation=90)
axis.set_yticks(range(len(names)), names)
axis.set_title("Correlation", fontsize="medium")
figure.colorbar(image, ax=axis)
plt.show()
