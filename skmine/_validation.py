"""Checks of devices, seeds, sizes and effective samples, in one place."""

from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state

from skmine._warning import warn

MIN_SAMPLES = 8
MIN_EFFECTIVE_SAMPLES = 4  # for weighted rows


def resolve_device(device) -> torch.device:
    """Return the device to train on.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"`` is the first CUDA device if there is one, otherwise the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        The name is not a torch device, or the device is not available on this machine.
    """
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    remedy = "Pass device='auto' or 'cpu', or make the device visible to torch."
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device must be 'auto', 'cpu', 'cuda', 'cuda:<number>', 'mps' or a torch.device; got "
            f"{device!r}. {remedy}"
        ) from error
    present = {
        "cpu": True,
        "cuda": (resolved.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(resolved.type, False):
        raise ValueError(f"device must be available to torch on this machine; got {device!r}. {remedy}")
    return resolved


def make_generator(random_state) -> torch.Generator:
    """Return a torch generator, seeded from scikit-learn's ``random_state``.

    Parameters
    ----------
    random_state : int, RandomState or None
        None takes a seed from the operating system. NumPy's global generator is never used.

    Returns
    -------
    torch.Generator
    """
    if random_state is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    else:
        seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    return torch.Generator().manual_seed(seed)


def draw_seed(generator: torch.Generator) -> int:
    """Draw a seed from a generator."""
    # On its own device, which may differ from torch's default device.
    return int(torch.randint(np.iinfo(np.int32).max, (), generator=generator, device=generator.device))


def check_hidden_layer_sizes(sizes) -> tuple[int, ...]:
    """Return the widths of the hidden layers as a tuple.

    Parameters
    ----------
    sizes : int or sequence of int
        Widths, each at least 1.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        The list is empty, or a width is not a positive integer.
    """
    widths: tuple = (sizes,) if isinstance(sizes, Integral) else tuple(sizes)
    if not widths or not all(isinstance(w, Integral) and int(w) > 0 for w in widths):
        raise ValueError(
            f"hidden_layer_sizes must be one or more positive integers; got {sizes!r}. Pass for example "
            "(64, 64, 64)."
        )
    return tuple(int(w) for w in widths)


def check_batch_size(batch_size, n_train: int, auto: int = 64) -> int:
    """Return the number of rows in a minibatch.

    Parameters
    ----------
    batch_size : int or "auto"
        ``"auto"`` is `auto`, or all training rows if there are fewer.
    n_train : int
        Number of training rows of a fold.
    auto : int, default=64
        Size for ``"auto"``.

    Returns
    -------
    int

    Warns
    -----
    UserWarning
        The size is larger than the number of training rows, which is used instead.
    """
    if batch_size == "auto":
        return min(auto, n_train)
    if batch_size > n_train:
        warn(
            f"batch_size should be at most the number of training rows; got {batch_size}, clipped to "
            f"{n_train}. Lower batch_size or pass more rows."
        )
    return min(int(batch_size), n_train)


def choose_max_iter(max_iter, n_train: int) -> int:
    """Return the maximum number of minibatches.

    Parameters
    ----------
    max_iter : int or "auto"
        ``"auto"`` is 1,000 for up to 1,000 training rows, and grows with the square root beyond.
    n_train : int
        Number of training rows of a fold.

    Returns
    -------
    int
    """
    if max_iter == "auto":
        return round(1000 * max(1.0, n_train / 1000) ** 0.5)
    return int(max_iter)


def choose_passes(max_iter, n_train: int, batch_size: int, n_passes: int = 50) -> int:
    """Return the number of minibatches of a network that is trained for a number of epochs.

    Parameters
    ----------
    max_iter : int or "auto"
        ``"auto"`` is `n_passes` epochs, but at least 500 and at most 20,000 minibatches.
    n_train, batch_size : int
        Number of training rows, and of rows in a minibatch.
    n_passes : int, default=50
        Number of epochs for ``"auto"``.

    Returns
    -------
    int
    """
    if max_iter == "auto":
        return min(max(500, round(n_passes * n_train / batch_size)), 20_000)
    return int(max_iter)


def read_choice(chosen, name: str) -> np.ndarray:
    """Return the names, the indices or the mask of some columns as an array.

    Parameters
    ----------
    chosen : array-like of shape (n_chosen,)
        A mask can be an array of objects, as from a nullable column.
    name : str
        Name of the parameter, for messages.

    Returns
    -------
    ndarray of shape (n_chosen,)

    Raises
    ------
    ValueError
        There is not exactly one dimension.
    """
    remedy = "Pass a list of indices, or a mask with one entry for each column of X."
    try:
        array = np.asarray(chosen)
    except ValueError as error:
        raise ValueError(
            f"{name} must have one dimension; got rows of different lengths. {remedy}"
        ) from error
    if array.ndim != 1:
        raise ValueError(
            f"{name} must have one dimension; got {type(chosen).__name__} of shape {array.shape}. {remedy}"
        )
    is_mask = array.dtype == object and len(array) and all(isinstance(v, (bool, np.bool_)) for v in array)
    return array.astype(bool) if is_mask else array


def check_lengths(n_x: int, n_y: int, names: tuple[str, str] = ("X", "y")) -> None:
    """Check that X and y have the same number of rows.

    Parameters
    ----------
    n_x, n_y : int
        Number of rows of X and of y.
    names : tuple of two str, default=("X", "y")
        Names for the message.

    Raises
    ------
    ValueError
        The numbers differ.
    """
    if n_x != n_y:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {names[0]} and {names[1]} must "
            f"have the same number of rows; got {n_x} and {n_y}. Pass one row of {names[1]} for each row of "
            f"{names[0]}."
        )


def check_training_rows(n_rows: int, all_missing: list[str], weight: np.ndarray | None = None) -> None:
    """Check that there are enough rows to train on.

    Parameters
    ----------
    n_rows : int
        Number of rows with positive weight.
    all_missing : list of str
        Names of the empty columns.
    weight : ndarray of shape (n_rows,) or None, default=None
        Weights of these rows.

    Raises
    ------
    ValueError
        There are fewer than 8 rows, or the weights leave fewer than 4 (Kish 1965, section 8.2).

    Warns
    -----
    UserWarning
        A column is empty.
    """
    if n_rows < MIN_SAMPLES:
        raise ValueError(
            f"X must have at least {MIN_SAMPLES} rows with positive weight; got n_samples={n_rows}. Pass "
            "more rows."
        )
    if weight is not None:
        check_effective_samples(weight, MIN_EFFECTIVE_SAMPLES)
    warn_of_missing(all_missing)


def effective_samples(weight: np.ndarray) -> float:
    """Effective number of weighted rows (Kish 1965, section 8.2)."""
    share = weight / weight.max()  # so that sums of large weights are not infinite
    return float(share.sum() ** 2 / (share**2).sum())


def check_effective_samples(weight: np.ndarray, least: int) -> None:
    """Raise an error if a few rows have nearly all the weight.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)
        Weights, at least one of them positive.
    least : int
        Smallest effective sample size.
    """
    n_effective = effective_samples(weight)
    if n_effective < least:
        raise ValueError(
            f"sample_weight must give an effective sample size, (sum w)^2 / sum w^2, of at least {least}; "
            f"got {n_effective:.2f}, because a few rows have nearly all the weight. Limit the largest "
            "weights."
        )


def warn_of_missing(names: list[str]) -> None:
    """Warn about empty columns.

    Parameters
    ----------
    names : list of str
        Names of the columns.

    Warns
    -----
    UserWarning
        For each of them.
    """
    for name in names:
        warn(
            f"{name} is missing in every row, so it carries no information. Drop the column.",
        )
