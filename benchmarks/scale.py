"""Seconds and memory for many rows or columns: files, Dask, several workers, the estimator, feature pairs.

Each case runs in a separate process. CPU seconds include all of its threads. Memory is the peak minus that of
the imported package. The default sizes are small; ``--full`` uses the largest sizes.
"""

import argparse
import contextlib
import math
import os
import resource
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from joblib import parallel_config

from benchmarks._run import machine, merge_rows, save_figure, write_rows
from benchmarks.columns import commit, peak_bytes
from skmine import MINEFeatureSelector, MutualInfoEstimator, mutual_info_matrix, mutual_info_regression

KEYS = ("part", "rows", "columns", "workers")
#: Rows and columns of each part: by default, and with --full.
SIZES: dict[str, tuple[list, list]] = {
    "parquet": ([(250_000, 20), (500_000, 20), (1_000_000, 20), (1_000_000, 40)], [(10_000_000, 50)]),
    "dask": ([(1_000_000, 3), (2_000_000, 3), (4_000_000, 3)], [(100_000_000, 3)]),
    "workers": ([(200_000, 32)], [(2_000_000, 32)]),
    "estimator": ([(20_000, 20), (100_000, 20)], [(1_000_000, 20)]),
    "memmap": ([(1_500_000, 3)], [(10_000_000, 20)]),
    "pairs": ([(1000, 1000), (1000, 2000)], [(1000, 20_000)]),
}
#: Maximum wall seconds and gigabytes of the full cases, on two cores without other work.
LIMITS = {
    "parquet": (360, 1.5),
    "dask": (480, 2.0),
    "estimator": (60, 1.0),
    "memmap": (600, 1.6),
    "pairs": (600, 4.0),
}
LINE = (
    "{part:<22}{rows:>12} rows{columns:>7} columns{workers:>3} workers{seconds:>9.1f} s"
    "{cpu_seconds:>9.1f} CPU s{gigabytes:>8.2f} GB  {note}"
)
_ROWS_AT_ONCE = 500_000
_PARTITION = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parts", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--full", action="store_true", help="the largest sizes: hours, and 4 GB of disk")
    parser.add_argument("--folder", default=None, help="where the files go; else a temporary one")


def draw(n: int, m: int, rng) -> np.ndarray:
    """Columns, and last the target, which depends on ten columns and the absolute value of the first."""
    X = rng.normal(size=(n, m + 1))
    X[:, m] += X[:, : min(10, m)].sum(axis=1) + 2 * np.abs(X[:, 0])
    return X


def write_parquet(path: Path, n: int, m: int) -> None:
    """Write a file of float64 columns, a few rows at a time. An existing file is kept."""
    import pyarrow
    import pyarrow.parquet

    if path.exists():
        return
    names = [*(f"x{j}" for j in range(m)), "y"]
    schema = pyarrow.schema([(name, pyarrow.float64()) for name in names])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, n, _ROWS_AT_ONCE):
            X = draw(min(_ROWS_AT_ONCE, n - start), m, np.random.default_rng([n, start]))
            writer.write_table(pyarrow.table(list(X.T), schema=schema))


def parquet(n: int, m: int, folder: Path) -> list[dict]:
    """All scores of a file, by one thread and by two."""
    import polars

    path = folder / f"rows{n}_columns{m}.parquet"
    write_parquet(path, n, m)

    def scores(workers: int) -> Callable:
        table = polars.scan_parquet(path)
        return lambda: mutual_info_regression(table.drop("y"), table.select("y"), n_jobs=workers)

    return [measured("parquet", n, m, workers, scores(workers)) for workers in (1, 2)]


def dask(n: int, m: int, folder: Path) -> list[dict]:
    """Scores of a Dask array by worker processes. Memory and CPU seconds are those of the workers."""
    import dask.array
    from distributed import Client, LocalCluster

    rows = []
    for workers in (1, 2):
        options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0"}
        with LocalCluster(**options, memory_limit="2GB") as cluster, Client(cluster) as client:
            Z = dask.array.random.default_rng(0).normal(size=(n, m + 1), chunks=(_PARTITION, m + 1))
            y = Z[:, m] + Z[:, 0] + dask.array.abs(Z[:, 1])
            mutual_info_regression(Z[:1000, :m], np.random.default_rng(0).normal(size=1000))  # imports
            before = client.run(usage)
            row = measured("dask", n, m, workers, lambda: mutual_info_regression(Z[:, :m], y))  # noqa: B023
            after = client.run(usage)
        row["cpu_seconds"] = sum(after[worker][0] - before[worker][0] for worker in after)
        row["gigabytes"] = max(memory for _, memory in after.values())  # a worker's in all
        rows.append(row)
    return rows


def usage() -> tuple[float, float]:
    """CPU seconds of this process, and its largest memory in gigabytes."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime, peak_bytes() / 1e9


def workers(n: int, m: int, folder: Path) -> list[dict]:
    """The same work by one and by two workers, as threads, processes and by Dask.

    "mrmr" uses 10,000 rows, so it gets up to 2,000 columns of these.
    """
    data = draw(n, m, np.random.default_rng(0))
    X, y = data[:, :m].copy(), data[:, m].copy()
    wide = X.ravel()[:20_000_000].reshape(10_000, -1)
    target = wide[:, :40].sum(axis=1) + y[:10_000]
    rows = []
    for backend in ("threading", "loky"):
        with parallel_config(backend):
            for jobs in (1, 2):
                mrmr = partial(MINEFeatureSelector(strategy="mrmr", n_jobs=jobs).fit, wide, target)
                rows += in_turn(calls(X, y, jobs) | {"mrmr": mrmr}, backend, n, m, jobs)
    return rows + workers_of_dask(n, m)


def workers_of_dask(n: int, m: int) -> list[dict]:
    """The same work by one and by two workers that hold eight partitions in memory."""
    import dask.array
    from distributed import Client, LocalCluster, wait

    rows = []
    for jobs in (1, 2):
        options = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": ":0"}
        with LocalCluster(**options, memory_limit=None) as cluster, Client(cluster):
            data = dask.array.random.default_rng(0).normal(size=(n, m + 1), chunks=(n // 8, m + 1)).persist()
            y = (data[:, m] + data[:, :10].sum(axis=1) + 2 * dask.array.abs(data[:, 0])).persist()
            wait([data, y])
            rows += in_turn(calls(data[:, :m], y, None), "Dask", n, m, jobs, n_runs=1)
    return rows


def calls(X, y, jobs: int | None) -> dict[str, Callable]:
    """Work that can be shared: scores, a matrix, and selection."""
    return {
        "scores": lambda: mutual_info_regression(X, y, n_jobs=jobs),
        "matrix": lambda: mutual_info_matrix(X, n_jobs=jobs),
        "selection": lambda: MINEFeatureSelector(strategy="marginal", n_jobs=jobs).fit(X, y),
    }


def in_turn(works: dict[str, Callable], kind: str, n: int, m: int, n_workers: int, n_runs=3) -> list[dict]:
    """The fastest of a few runs of each work, with CPU seconds and without the wait for a processor."""
    rows = []
    for name, work in works.items():
        work()  # workers start and import
        found = []
        for _ in range(n_runs):
            before = processor_seconds()
            with Queues() as queues:
                row = measured(f"{name}, {kind}", n, m, n_workers, work)
            spent = [now - before.get(pid, 0.0) for pid, now in processor_seconds().items()]
            row["cpu_seconds"] = sum(spent)
            by_process = ", ".join(f"{s:.2f}" for s in spent if s > 0.005)
            own = max(row["seconds"] - queues.seconds / n_workers, sum(spent) / n_workers)
            row["note"] = f"{own:.2f} s without queues; CPU s of each process: {by_process}"
            found.append(row)
        rows.append(min(found, key=lambda row: row["seconds"]))
    return rows


class Queues:
    """Seconds that the threads of this process and its workers were ready to run and waited for a processor.

    Without them, the time of a run is about that on a machine without other work. Linux counts them.
    """

    def __enter__(self) -> "Queues":
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}
        self.ended = threading.Event()
        self._read("*")
        self.sampler = threading.Thread(target=self._sample)  # some threads end before the run does
        self.sampler.start()
        return self

    def __exit__(self, *_) -> None:
        self.ended.set()
        self.sampler.join()
        self._read("*")

    @property
    def seconds(self) -> float:
        sampler = f"/{self.sampler.native_id}/"
        waited = (self.last[name] - self.first[name] for name in self.last if sampler not in name)
        return sum(waited) / 1e9

    def _sample(self) -> None:
        while not self.ended.wait(0.02):
            self._read("self")

    def _read(self, which: str) -> None:
        here = os.getpid()
        for pid in [here] if which == "self" else processor_seconds():
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):  # a thread that has ended
                    waited = int(path.read_text().split()[1])
                    self.first.setdefault(str(path), 0 if self.last and which == "self" else waited)
                    self.last[str(path)] = waited


def processor_seconds() -> dict[int, float]:
    """CPU seconds so far of this process, first, and of the processes that it started."""
    import psutil

    here = psutil.Process()
    return {one.pid: sum(one.cpu_times()[:2]) for one in [here, *here.children(recursive=True)]}


def estimator(n: int, m: int, folder: Path) -> list[dict]:
    """A joint estimate, and its error for a target with known mutual information.

    No estimate from these rows can be more precise than the mean of the true log ratio over them, whose
    standard deviation is noted as the sampling limit.
    """
    rng = np.random.default_rng(0)
    return [estimated("estimator", rng.normal(size=(n, m)), rng)]


def memmap(n: int, m: int, folder: Path) -> list[dict]:
    """A joint estimate from an array on disk. Memory excludes the pages of the file, which can be dropped."""
    path = folder / f"rows{n}_columns{m}.npy"
    rng = np.random.default_rng(0)
    if not path.exists():
        stored = np.lib.format.open_memmap(path, mode="w+", dtype=float, shape=(n, m))
        for start in range(0, n, _ROWS_AT_ONCE):
            part = stored[start : start + _ROWS_AT_ONCE]
            part[:] = rng.normal(size=part.shape)
        del stored, part
    return [estimated("memmap", np.load(path, mmap_mode="r"), np.random.default_rng(1), private=True)]


def estimated(part: str, X: np.ndarray, rng, private: bool = False) -> dict:
    """An estimate for a target with five units of signal and one of noise."""
    y = rng.normal(size=len(X))
    for column in X.T[:5]:
        y += column
    found: list = []
    with PrivateMemory() as memory:
        row = measured(part, *X.shape, 1, lambda: found.append(MutualInfoEstimator(random_state=0).fit(X, y)))
    if private:
        row["gigabytes"] = memory.gigabytes
    truth = 0.5 * math.log(6)
    low, high = found[0].mi_interval_
    limit = math.sqrt(5 / 6 / len(X))  # the variance of a normal pair's log ratio is its squared correlation
    row["note"] = f"mi {found[0].mi_:.4f} in [{low:.4f}, {high:.4f}], truth {truth:.4f} +- {limit:.4f}"
    return row


class PrivateMemory:
    """Largest increase of the memory of this process, without pages of files, in gigabytes. Needs Linux."""

    def __enter__(self) -> "PrivateMemory":
        self.ended, self.before, self.most = threading.Event(), self._now(), 0
        self.sampler = threading.Thread(target=self._sample)
        self.sampler.start()
        return self

    def __exit__(self, *_) -> None:
        self.ended.set()
        self.sampler.join()

    @property
    def gigabytes(self) -> float:
        return (self.most - self.before) / 1e6

    def _sample(self) -> None:
        while not self.ended.wait(0.02):
            self.most = max(self.most, self._now())

    def _now(self) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def pairs(n: int, m: int, folder: Path) -> list[dict]:
    """One pair of features that matters only in combination, among all pairs."""
    X = np.random.default_rng(0).normal(size=(n, m))
    y = (X[:, 3] > 0) ^ (X[:, -7] > 0)
    found: list = []
    selector = MINEFeatureSelector(strategy="interaction", random_state=0)
    row = measured("pairs", n, m, 1, lambda: found.append(selector.fit(X, y)))
    row["note"] = f"selected {np.flatnonzero(found[0].support_).tolist()} of [3, {m - 7}]"
    return [row]


def measured(part: str, n: int, m: int, n_workers: int, call: Callable) -> dict:
    before, started, cpu = peak_bytes(), time.perf_counter(), time.process_time()
    call()
    return {
        "part": part,
        "rows": n,
        "columns": m,
        "workers": n_workers,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "gigabytes": (peak_bytes() - before) / 1e9,
        "note": "",
    }


PARTS = {
    "parquet": parquet,
    "dask": dask,
    "workers": workers,
    "estimator": estimator,
    "memmap": memmap,
    "pairs": pairs,
}


def run_case(part: str, n: int, m: int, folder: Path) -> list[dict]:
    """Run a case, after a small case that imports and compiles."""
    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).normal(size=(300, 5))
    mutual_info_matrix(X)
    mutual_info_regression(X, np.tanh(20 * X[:, 0]), n_jobs=2)
    return PARTS[part](n, m, folder)


def extrapolate(rows: list[dict]) -> list[str]:
    """Extrapolate to a billion rows of a thousand columns on 100 workers."""
    largest = max((r for r in rows if r["part"] == "dask"), key=lambda r: float(r["rows"]), default=None)
    if largest is None:
        return []
    cells = float(largest["rows"]) * (float(largest["columns"]) + 1)
    by_number = float(largest["cpu_seconds"]) / cells
    n, m, n_workers = 1e9, 1e3, 100
    counts = 1.4e6 * 6  # bytes of a full table of counts: 1,180^2 cells, a number and a small count
    levels = math.ceil(math.log(n / _PARTITION, 8))
    return [
        f"{1e9 * by_number:.0f} CPU seconds for 10^9 numbers (largest run: {largest['rows']} rows)",
        f"10^9 rows x 10^3 columns on {n_workers} workers: {n * m * by_number / n_workers / 60:.0f} minutes; "
        f"tables of counts, {counts / 1e6:.0f} MB at most for each column and partition, are summed in "
        f"{levels} steps: {m * (n / _PARTITION) / 7 * counts / n_workers / 1e9:.0f} GB leave each worker",
    ]


def draw_figure(rows: list[dict]) -> Path:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    panels = [("rows", part) for part in ("parquet", "dask", "estimator")] + [("columns", "pairs")]
    for axis_name, part in panels:
        shown = [r for r in rows if r["part"] == part and str(r["workers"]) == "1"]
        if not shown:
            continue
        other = "columns" if axis_name == "rows" else "rows"
        least = min((int(r[other]) for r in shown), default=0)
        shown = sorted((r for r in shown if int(r[other]) == least), key=lambda r: int(r[axis_name]))
        x = [int(r[axis_name]) for r in shown]
        column = axes[:, 0 if axis_name == "rows" else 1]
        for axis, value in zip(column, ("cpu_seconds", "gigabytes"), strict=True):
            axis.plot(x, [float(r[value]) for r in shown], "o-", label=f"{part}, {least:,} {other}")
    for number, axis_name in enumerate(("rows", "columns")):
        for axis, label in zip(axes[:, number], ("CPU seconds", "GB beyond the package"), strict=True):
            axis.set(xscale="log", yscale="log", xlabel=axis_name, ylabel=label)
            axis.legend(frameon=False)
    return save_figure(figure, "scale")


def note_limits(row: dict, limits: tuple[float, float] | None) -> None:
    """Add a note to a row above its limits. Wall seconds also count the waiting for other processes."""
    if limits is None:
        return
    if min(row["seconds"], row["cpu_seconds"]) > limits[0] or row["gigabytes"] > limits[1]:
        row["note"] += " ABOVE THE LIMIT"
    elif row["seconds"] > limits[0]:
        row["note"] += " (CPU seconds within the limit, on a machine with other work)"


def run(arguments: argparse.Namespace) -> None:
    made_by = {"commit": commit(), "machine": machine()}
    print(made_by["machine"], "commit", made_by["commit"])
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for part in arguments.parts:
            for n, m in SIZES[part][arguments.full]:
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    found = pool.submit(run_case, part, n, m, folder).result()
                for row in found:
                    note_limits(row, LIMITS.get(part) if arguments.full else None)
                    print(LINE.format(**row), flush=True)
                    rows.append(row | made_by)
    merged = merge_rows("scale", rows, KEYS)
    print(*extrapolate(merged), sep="\n")
    print(write_rows("scale", merged))
    print(draw_figure(merged))
