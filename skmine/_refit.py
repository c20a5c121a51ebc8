"""Fits that succeed as a whole or leave the estimator as it was."""

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def new_fit(estimator: Any) -> Iterator[Any]:
    """A copy to fit in the block, which the estimator becomes at its end.

    Until then, and for good where the block raises, the estimator predicts as before, in other threads too.
    Fitted attributes that the new fit does not set are gone.

    Parameters
    ----------
    estimator : estimator
        To be fitted, for the first time or again.

    Yields
    ------
    estimator
        Of the same class and parameters, without public fitted attributes.
    """
    parameters = estimator.get_params(deep=False)
    work = object.__new__(type(estimator))
    kept = {k: v for k, v in vars(estimator).items() if k in parameters or not k.endswith("_")}
    vars(work).update(kept)
    yield work
    estimator.__dict__ = vars(work)  # at once
