"""Progress of long computations, if `verbose`: a bar with tqdm, otherwise lines on stderr."""

import contextlib
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterable

from joblib import Parallel
from joblib.parallel import get_active_backend

_SECONDS_A_LINE = 1.0


@contextlib.contextmanager
def progress(verbose, max_iter: int, on_check: Callable[[dict], object] | None = None):
    """Yield a callback for each check of the training, which shows progress if `verbose`.

    Parameters
    ----------
    verbose : bool or int
        Whether to show progress.
    max_iter : int
        Maximum number of minibatches.
    on_check : callable or None, default=None
        Also called with each check. Its result is returned.

    Yields
    ------
    callable or None
    """
    if not verbose:
        yield on_check
        return
    with _bar(max_iter, "it") as bar:

        def show(entry: dict) -> object:
            values = [f"{name} {value:.3f}" for name, value in entry.items() if name != "iteration"]
            bar.set_postfix_str(f"{', '.join(values)} nats")
            bar.update(entry["iteration"] - bar.n)
            return on_check(entry) if on_check is not None else None

        yield show


@contextlib.contextmanager
def counter(verbose, total: int | None, unit: str):
    """Yield a callback for each finished item, which shows progress if `verbose`.

    Parameters
    ----------
    verbose : bool or int
        Whether to show progress.
    total : int or None
        Number of items, if known.
    unit : str
        Name of one item.

    Yields
    ------
    callable
    """
    if not verbose:
        yield lambda _: None
        return
    with _bar(total, unit) as bar:
        yield lambda _: bar.update()


def run_counted(tasks: Iterable, n_jobs, verbose, total: int | None, unit: str, **options) -> list:
    """Run joblib tasks and return their results in order, with progress if `verbose`.

    Parameters
    ----------
    tasks : iterable
        Calls made by ``joblib.delayed``; drawn as they are needed.
    n_jobs : int or None
        Number of parallel jobs; 1 within a joblib worker, so that nested calls start no more workers.
    verbose : bool or int
        Whether to show progress.
    total : int or None
        Number of tasks, if known.
    unit : str
        Name of one item.
    **options
        Other parameters of ``joblib.Parallel``.

    Returns
    -------
    list
    """
    if get_active_backend()[0].nesting_level:
        n_jobs = 1  # joblib's workers are already as many as the caller wants
    if not verbose:
        return Parallel(n_jobs, **options)(tasks)
    try:
        parallel = Parallel(n_jobs, return_as="generator", **options)
    except ValueError:  # a backend without generators
        parallel = Parallel(n_jobs, **options)
    results = []
    with counter(verbose, total, unit) as on_result:
        for result in parallel(tasks):
            results.append(result)
            on_result(result)
    return results


class _Lines:
    """Replacement for a tqdm bar that writes lines: at most one per second, and the final state."""

    def __init__(self, total: int | None, unit: str):
        self.total, self.unit = total, unit
        self.n, self.postfix = 0, ""
        self.started = self.written = time.monotonic()
        self.is_shown = True

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        if not self.is_shown:
            self._write()

    def set_postfix_str(self, postfix: str) -> None:
        self.postfix = postfix

    def update(self, n: int = 1) -> None:
        self.n, self.is_shown = self.n + n, False
        if time.monotonic() - self.written >= _SECONDS_A_LINE:
            self._write()

    def _write(self) -> None:
        self.written, self.is_shown = time.monotonic(), True
        done = f"{self.n}/{self.total}" if self.total else f"{self.n}"
        parts = [f"{done} {self.unit}", f"{self.written - self.started:.0f} s"]
        # One write per line, so that lines of several processes do not mix.
        sys.stderr.write(f"skmine: {', '.join(parts + [self.postfix] * bool(self.postfix))}\n")
        sys.stderr.flush()


def _bar(total: int | None, unit: str):
    """A tqdm bar, or lines if tqdm is missing or in workers, whose bars would overwrite each other."""
    is_worker = (
        multiprocessing.current_process().name != "MainProcess"
        or threading.current_thread() is not threading.main_thread()
    )
    if not is_worker:
        with contextlib.suppress(ImportError):
            from tqdm.auto import tqdm

            return tqdm(total=total, unit=unit)
    return _Lines(total, unit)
