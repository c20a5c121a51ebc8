"""
Which columns go together?
==========================

``df.corr()`` sees straight lines. ``mutual_info_matrix`` sees dependence of any form, between numbers and
categories alike. Both are shown for 178 Italian wines: thirteen measurements and the cultivar.
"""

# %%
# The two tables
# --------------

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from sklearn.datasets import load_wine

from skmine import mutual_info_matrix

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
# Picture
# -------
# Both in the order of a clustering by mutual information.

finite = information.to_numpy(copy=True)
np.fill_diagonal(finite, 0)
distance = finite.max() - finite
np.fill_diagonal(distance, 0)
np.fill_diagonal(finite, np.nan)  # what a column tells of itself is not of interest
order = leaves_list(linkage(squareform(distance), "average"))
names = information.columns[order]

figure, axes = plt.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
numeric = [name for name in names if name != "cultivar"]
panels = [
    (finite[np.ix_(order, order)], names, "mutual information (nats)", "viridis", None),
    (correlation.loc[numeric, numeric].to_numpy(), numeric, "correlation", "RdBu_r", 1.0),
]
for axis, (values, labels, title, colours, limit) in zip(axes, panels, strict=True):
    image = axis.imshow(values, cmap=colours, vmin=-limit if limit else 0, vmax=limit)
    axis.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.set_title(title, loc="left")
    figure.colorbar(image, ax=axis, shrink=0.7)

if "__file__" in globals():
    output = Path(__file__).resolve().parent / "output"
    output.mkdir(exist_ok=True)
    figure.savefig(output / "matrix.png", dpi=120)
    print(f"picture: {output / 'matrix.png'}")
