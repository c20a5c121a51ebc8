"""Callbacks of scikit-learn 1.9 and later, for progress, monitoring and early stopping."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    HAS_CALLBACKS = True
except ImportError:
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this version of scikit-learn has no callbacks."""

    def with_callbacks(method):
        """Return the method: this version of scikit-learn has no callbacks."""
        return method


@contextlib.contextmanager
def fit_task(
    estimator: Any, X, y=None, sample_weight=None, part: str = "check"
) -> Iterator[Callable[[dict], bool] | None]:
    """Report a fit to callbacks as a task, with a subtask for each check of the training or selected feature.

    Callbacks receive the values of a subtask as ``metadata``, and the training or the selection ends if one
    of them returns True. At the end of the fit they receive the fitted estimator.

    Parameters
    ----------
    estimator : estimator
        Estimator whose decorated method is running.
    X, y, sample_weight : array-like
        Data that it is fitted to.
    part : str, default="check"
        Name of a subtask.

    Yields
    ------
    callable or None
        Function of the values of a subtask that returns whether to stop, or None without callbacks.
    """
    if not HAS_CALLBACKS:
        yield None
        return
    context = estimator._init_callback_context(max_subtasks=None)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y, metadata=weights)

    def on_check(entry: dict) -> bool:
        check = context.subcontext(task_name=part)
        check.call_on_fit_task_begin(estimator=estimator, X=X, y=y, metadata=entry)
        return check.call_on_fit_task_end(estimator=estimator, X=X, y=y, metadata=entry)

    yield on_check

    def fitted() -> dict:
        return {name: value for name, value in vars(estimator).items() if "callback" not in name}

    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, metadata=weights, reconstruction_attributes=fitted
    )
