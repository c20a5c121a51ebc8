"""scikit-learn's callbacks, from its version 1.9 on: progress, monitoring and stopping by the user."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    #: Frames that :func:`with_callbacks` puts between a method and its caller.
    FRAMES = 1
except ImportError:
    FRAMES = 0

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this version of scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Return the method: this version of scikit-learn has no callbacks."""
        return method


@contextlib.contextmanager
def fit_task(estimator: Any, X, y=None, sample_weight=None) -> Iterator[Callable[[dict], bool] | None]:
    """The task of a fit, of which each check of the training is a subtask.

    Callbacks get the values of a check as its ``metadata``; where one returns True, training ends. At the end
    of the fit they get the fitted estimator.

    Parameters
    ----------
    estimator : estimator
        Being fitted, by a method that :func:`with_callbacks` decorates.
    X, y, sample_weight : array-like
        What it is fitted to.

    Yields
    ------
    callable or None
        Takes the values of a check, and returns whether to stop; None where there are no callbacks.
    """
    if not FRAMES:
        yield None
        return
    context = estimator._init_callback_context(max_subtasks=None)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y, metadata=weights)

    def on_check(entry: dict) -> bool:
        check = context.subcontext(task_name="check")
        check.call_on_fit_task_begin(estimator=estimator, X=X, y=y, metadata=entry)
        return check.call_on_fit_task_end(estimator=estimator, X=X, y=y, metadata=entry)

    yield on_check

    def fitted() -> dict:
        return {name: value for name, value in vars(estimator).items() if "callback" not in name}

    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, metadata=weights, reconstruction_attributes=fitted
    )
