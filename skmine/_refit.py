"""Fits that either succeed completely or leave the estimator unchanged."""

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def new_fit(estimator: Any) -> Iterator[Any]:
    """Fit a copy in the block, and replace the estimator with it at the end.

    Until then the estimator predicts as before, also in other threads. If the block raises an error, the
    estimator stays unchanged. Fitted attributes that the new fit does not set are removed.

    Parameters
    ----------
    estimator : estimator
        To be fitted, for the first time or again.

    Yields
    ------
    estimator
        Object of the same class and parameters, without public fitted attributes.
    """
    parameters = estimator.get_params(deep=False)
    work = object.__new__(type(estimator))
    kept = {k: v for k, v in vars(estimator).items() if k in parameters or not k.endswith("_")}
    vars(work).update(kept)
    yield work
    estimator.__dict__ = vars(work)  # in one step, for other threads
