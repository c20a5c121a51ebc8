"""Progress of long work, shown only when asked."""

import contextlib


@contextlib.contextmanager
def progress(verbose, max_iter: int):
    """A callback for each check of the training, or None; a tqdm bar where `verbose` asks.

    Parameters
    ----------
    verbose : bool or int
        Whether to show progress.
    max_iter : int
        Minibatches at most.

    Yields
    ------
    callable or None

    Raises
    ------
    ImportError
        tqdm is not installed.
    """
    if not verbose:
        yield None
        return
    with _bar(max_iter, "it") as bar:

        def on_check(entry: dict) -> None:
            values = [f"{name} {value:.3f}" for name, value in entry.items() if name != "iteration"]
            bar.set_postfix_str(f"{', '.join(values)} nats")
            bar.update(entry["iteration"] - bar.n)

        yield on_check


@contextlib.contextmanager
def counter(verbose, total: int | None, unit: str):
    """A callback for each thing done; a tqdm bar where `verbose` asks.

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

    Raises
    ------
    ImportError
        tqdm is not installed.
    """
    if not verbose:
        yield lambda _: None
        return
    with _bar(total, unit) as bar:
        yield lambda _: bar.update()


def _bar(total: int | None, unit: str):
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            "verbose=True needs tqdm. Install it with: pip install 'skmine[progress]'"
        ) from error
    return tqdm(total=total, unit=unit)
