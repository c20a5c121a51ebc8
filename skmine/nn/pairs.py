"""Marginal pairs: which rows of y each row of x is paired with, in training and in evaluation."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Critic = Callable[[Tensor, Tensor], Tensor]

#: Marginal pairs of a reported value, if there are few rows.
VALUED_PAIRS = 2**15
_SCORES_A_CHUNK = 2**13  # temporary tensors of a few megabytes, because larger ones are slower


def score_in_chunks(critic: Critic, x: Tensor, y: Tensor) -> Tensor:
    """Critic values. Without gradients they are computed in chunks along the second axis, to save memory.

    The axes between the second and the last broadcast against each other.

    Parameters
    ----------
    critic : nn.Module or function
        A bank.
    x, y : Tensor of shape (n_members, n, ..., d_x), (n_members, n, ..., d_y)
        Rows, or pairs of rows with further axes.

    Returns
    -------
    Tensor of shape (n_members, n, ...)
    """
    n_scores = math.prod(map(max, x.shape[:-1], y.shape[:-1]))
    if torch.is_grad_enabled() or n_scores <= _SCORES_A_CHUNK:
        return critic(x, y)
    n_chunks = min(x.shape[1], -(-n_scores // _SCORES_A_CHUNK))
    chunks = zip(x.tensor_split(n_chunks, 1), y.tensor_split(n_chunks, 1), strict=True)
    return torch.cat([critic(*chunk) for chunk in chunks], 1)


@dataclass(frozen=True)
class SampledPairs:
    """Marginal pairs within groups of rows: each row of x with the y of every other row of its group.

    Rows of a sample are independent, so pairs of different rows are draws from the product of the
    marginals. A group of g rows gives g joint scores and g (g - 1) marginal scores.

    Attributes
    ----------
    group_size : int
        Rows in a group, at least 2.
    includes_joint : bool, default=False
        Whether the marginal scores include the pair of a row with itself. InfoNCE needs this.
    offset : float, default=0.0
        Added to all scores. MINE-f needs this.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import ConcatCritic, SampledPairs
    >>> critic = ConcatCritic(2, 1, n_members=1)
    >>> x, y = torch.zeros(1, 100, 2), torch.zeros(1, 100, 1)
    >>> joint, marginal, _, _ = SampledPairs(group_size=4)(critic, x, y)
    >>> joint.shape, marginal.shape
    (torch.Size([1, 100]), torch.Size([1, 100, 3]))
    """

    group_size: int
    includes_joint: bool = False
    offset: float = 0.0

    def __call__(self, critic: Critic, x: Tensor, y: Tensor, weight: Tensor | None = None):
        """Joint and marginal scores of rows that are in random order.

        Parameters
        ----------
        critic : nn.Module or function
            A bank.
        x, y : Tensor of shape (n_members, n, d_x), (n_members, n, d_y)
            Paired rows.
        weight : Tensor of shape (n_members, n) or None
            Weights of the rows.

        Returns
        -------
        joint : Tensor of shape (n_members, n)
        marginal : Tensor of shape (n_members, m, k)
            ``m >= n``: the last group is completed with the first rows.
        joint_weight, marginal_weight : Tensor of the same shapes, or None
        """
        n = x.shape[1]
        n_groups = math.ceil(n / self.group_size)
        size = math.ceil(n / n_groups)
        shape = (x.shape[0], n_groups, size)
        grouped = weight
        if n < n_groups * size:
            rows = torch.arange(n_groups * size, device=x.device) % n
            x, y, grouped = x[:, rows], y[:, rows], None if weight is None else weight[:, rows]
        x, y = x.reshape(*shape, 1, -1), y.reshape(shape[0], n_groups, 1, size, -1)
        scores = score_in_chunks(critic, x, y)
        scores = scores + self.offset
        joint = scores.diagonal(dim1=-2, dim2=-1).flatten(1)[:, :n]
        pair_weight = None
        if grouped is not None:
            grouped = grouped.reshape(shape)
            pair_weight = self._columns(grouped.unsqueeze(-1) * grouped.unsqueeze(-2))
        if self.includes_joint:  # the bound is a mean over rows: keep one row of scores for each row of x
            return joint, scores.flatten(1, 2)[:, :n], weight, _head(pair_weight, n)
        return joint, self._columns(scores), weight, pair_weight

    def _columns(self, scores: Tensor) -> Tensor:
        """Marginal scores from all scores within groups, (n_members, n_groups, g, g)."""
        size = scores.shape[-1]
        if not self.includes_joint:
            # Every (size + 1)th score is that of a row with itself.
            others = scores.flatten(-2)[..., 1:].unflatten(-1, (size - 1, size + 1))[..., :-1]
            scores = others.flatten(-2).unflatten(-1, (size, size - 1))
        return scores.flatten(1, 2)


@dataclass(frozen=True)
class EnumeratedPairs:
    """Marginal pairs for a discrete y: each row of x with every class, which makes the mean over y exact.

    Attributes
    ----------
    probability : Tensor of shape (n_classes,)
        Probabilities of the classes of the one-hot y.
    offset : float, default=0.0
        Added to all scores. MINE-f needs this.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import ClassCritic, EnumeratedPairs
    >>> critic = ClassCritic(2, 3, n_members=1)
    >>> x, y = torch.zeros(1, 100, 2), torch.eye(3)[torch.arange(100) % 3][None]
    >>> joint, marginal, _, _ = EnumeratedPairs(y.mean((0, 1)))(critic, x, y)
    >>> joint.shape, marginal.shape
    (torch.Size([1, 100]), torch.Size([1, 100, 3]))
    """

    probability: Tensor
    offset: float = 0.0

    def __call__(self, critic: Critic, x: Tensor, y: Tensor, weight: Tensor | None = None):
        """As :meth:`SampledPairs.__call__`; ``marginal`` has the shape (n_members, n, n_classes)."""
        n_classes = self.probability.shape[0]
        classes = torch.eye(n_classes, dtype=y.dtype, device=y.device)
        classes = classes.expand(x.shape[0], x.shape[1], n_classes, n_classes)
        scores = score_in_chunks(critic, x.unsqueeze(-2), classes)
        pair_weight = self.probability
        if weight is not None:
            pair_weight = weight.unsqueeze(-1) * pair_weight
        # A class without training rows has no output. Its log ratio is 0.
        joint = torch.einsum("...c,...c->...", scores, y)
        return joint + self.offset, scores + self.offset, weight, pair_weight


def _head(values: Tensor | None, n: int) -> Tensor | None:
    return None if values is None else values[:, :n]


def choose_pairs(bound, probability: Tensor | None, group_size: int):
    """Choose the marginal pairs of training: all classes if y is discrete, otherwise pairs within groups.

    Parameters
    ----------
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    probability : Tensor or None
        Class probabilities if y is discrete, otherwise None.
    group_size : int
        Rows in a group.

    Returns
    -------
    EnumeratedPairs or SampledPairs
    """
    if probability is not None:
        return EnumeratedPairs(probability, bound.offset)
    return SampledPairs(max(2, group_size), bound.includes_joint, bound.offset)


def choose_valuing_pairs(bound, probability: Tensor | None, n_rows: int):
    """Choose the marginal pairs of a reported value: more of them if there are few rows.

    Parameters
    ----------
    bound, probability
        As in :func:`choose_pairs`.
    n_rows : int
        Number of rows.

    Returns
    -------
    EnumeratedPairs or SampledPairs
    """
    group_size = max(bound.group_size, min(256, VALUED_PAIRS // n_rows))
    return choose_pairs(bound, probability, group_size)
