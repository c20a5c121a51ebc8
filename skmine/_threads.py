"""One thread for a fit, whatever the number that the process may use."""

from contextlib import AbstractContextManager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager:
    """Run the parallel loops of torch and scikit-learn on the current thread alone.

    The arrays of a fit are small. Further threads mostly wait for each other, and on a busy machine they make
    a fit many times slower. OpenMP stores the number of threads for each thread of a process, so other
    threads are not affected.

    Returns
    -------
    context manager
    """
    torch.get_num_threads()  # in a new thread of the process, torch sets the number when it first needs it
    return _controller().limit(limits=1)


@cache
def _controller() -> ThreadpoolController:
    """Find the OpenMP libraries of torch and scikit-learn. skmine has imported both by then.

    No other libraries: those of linear algebra have one number for the whole process.
    """
    return ThreadpoolController().select(user_api="openmp")
