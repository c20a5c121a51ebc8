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
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError(
            "verbose=True needs tqdm. Install it with: pip install 'skmine[progress]'"
        ) from error
    with tqdm(total=max_iter, unit="it") as bar:

        def on_check(entry: dict) -> None:
            bar.set_postfix(held_out=f"{entry['held_out']:.3f} nats")
            bar.update(entry["iteration"] - bar.n)

        yield on_check
