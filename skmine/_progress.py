"""Progress of long work, shown only when asked: a bar with tqdm, else plain lines on stderr."""

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
    """A callback for each check of the training, or None; a bar or lines where `verbose` asks.

    Parameters
    ----------
    verbose : bool or int
        Whether to show progress.
    max_iter : int
        Minibatches at most.
    on_check : callable or None, default=None
        Called too, with each check; what it returns is passed on.

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
    """A callback for each thing done; a bar or lines where `verbose` asks.

    Parameters
    ----------
    verbose : bool or int
        Whether to show progress.
    total : int or None
        Things to do, where that is known.
    unit : str
        What one of them is.

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
    """Results of joblib's tasks in their order, counted as they come in where `verbose` asks.

    Parameters
    ----------
    tasks : iterable
        Calls made by ``joblib.delayed``; drawn as they are needed.
    n_jobs : int or None
        As many at once; one within a worker of joblib, so that nested calls do not start workers each.
    verbose : bool or int
        Whether to show progress.
    total : int or None
        Tasks, where that is known.
    unit : str
        What one of them is.
    **options
        Of ``joblib.Parallel``.

    Returns
    -------
    list
    """
    if get_active_backend()[0].nesting_level:
        n_jobs = 1  # workers of joblib are as many as the caller wants already
    if not verbose:
        return Parallel(n_jobs, **options)(tasks)
    try:
        parallel = Parallel(n_jobs, return_as="generator", **options)
    except ValueError:  # a backend that gives all results at once
        parallel = Parallel(n_jobs, **options)
    results = []
    with counter(verbose, total, unit) as on_result:
        for result in parallel(tasks):
            results.append(result)
            on_result(result)
    return results


class _Lines:
    """What we use of tqdm's bar, in plain lines: one a second at most, and the last state."""

    def __init__(self, total: int | None, unit: str):
        self.total, self.unit = total, unit
        self.n, self.postfix = 0, ""
        self.started = self.written = time.monotonic()
        self.is_told = True

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        if not self.is_told:
            self._write()

    def set_postfix_str(self, postfix: str) -> None:
        self.postfix = postfix

    def update(self, n: int = 1) -> None:
        self.n, self.is_told = self.n + n, False
        if time.monotonic() - self.written >= _SECONDS_A_LINE:
            self._write()

    def _write(self) -> None:
        self.written, self.is_told = time.monotonic(), True
        done = f"{self.n}/{self.total}" if self.total else f"{self.n}"
        parts = [f"{done} {self.unit}", f"{self.written - self.started:.0f} s"]
        # One write a line: those of several processes do not mix.
        sys.stderr.write(f"skmine: {', '.join(parts + [self.postfix] * bool(self.postfix))}\n")
        sys.stderr.flush()


def _bar(total: int | None, unit: str):
    """A bar of tqdm; lines where there is no tqdm, and in workers, whose bars would overwrite each other."""
    is_worker = (
        multiprocessing.current_process().name != "MainProcess"
        or threading.current_thread() is not threading.main_thread()
    )
    if not is_worker:
        with contextlib.suppress(ImportError):
            from tqdm.auto import tqdm

            return tqdm(total=total, unit=unit)
    return _Lines(total, unit)
