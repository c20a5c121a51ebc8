"""References for a discrete y: linear discriminants, a table, and normalisation over the classes."""

from operator import itemgetter

import torch
from torch import Tensor, nn

from .coordinates import ReferencedCritic
from .critics import ReadsFirst
from .reference import MAX_ROWS, Projection, Reference, canonical_solutions

#: Pseudocounts a row of the table of two discrete blocks.
PSEUDOCOUNTS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e6)


class OneHot(nn.Module):
    """The map of a block of classes: as they are.

    Parameters
    ----------
    n_classes : int
        Columns that it returns.
    """

    def __init__(self, n_classes: int):
        super().__init__()
        self.width = n_classes

    def forward(self, one_hot: Tensor) -> Tensor:
        """Shape (n_members, ..., n_classes), unchanged."""
        return one_hot


class ClassReference(Reference):
    """Log ratio of classes with Gaussian columns of one covariance (linear discriminant analysis).

    Parameters
    ----------
    projection_x : Projection
        Map to whitened coordinates, (n_members, ..., d) -> (n_members, ..., d'), the discriminant ones
        first.
    weight : Tensor of shape (n_members, rank, n_classes)
        Class means over the variance within classes.
    bias : Tensor of shape (n_members, 1, n_classes)
        Minus half the squared length of the class means, in that metric.

    References
    ----------
    Fisher (1936); Hastie, Tibshirani and Friedman (2009), section 4.3.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, projection_x: Projection, weight: Tensor, bias: Tensor):
        super().__init__()
        self.project_x, self.project_y = projection_x, OneHot(weight.shape[-1])
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, u: Tensor, one_hot: Tensor) -> Tensor:
        """Class scores, ``(n_members, ..., d'), (..., n_classes) -> (n_members, ...)``."""
        rank = self.weight.shape[1]
        flat = u[..., :rank].reshape(u.shape[0], -1, rank)
        flat = torch.baddbmm(self.bias, flat, self.weight)
        return torch.einsum("...c,...c->...", flat.view(*u.shape[:-1], -1), one_hot)


def fit_class_reference(
    x: Tensor,
    one_hot: Tensor,
    train_rows: Tensor,
    held_out_rows: Tensor,
    probability: Tensor,
    weight: Tensor | None = None,
) -> ClassReference:
    """Fit a :class:`ClassReference` a bank member on its training rows.

    Parameters
    ----------
    x : Tensor of shape (n, d_x)
        The columns that the reference reads.
    one_hot : Tensor of shape (n, n_classes)
        The classes.
    train_rows, held_out_rows : LongTensor of shape (n_members, n_train), (n_members, n_held_out)
        Row numbers of each member.
    probability : Tensor of shape (n_classes,)
        Probabilities of the classes.
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    ClassReference
    """
    rows = held_out_rows[:, :MAX_ROWS]
    log_probability = probability.log()
    weight = x.new_ones(len(x)) if weight is None else weight
    members = one_hot[train_rows] * weight[train_rows].unsqueeze(-1)
    counts = members.sum(1).clamp_min(1e-6).unsqueeze(-1)

    def candidates():
        for solution in canonical_solutions(x, one_hot, train_rows, weight):
            projection, r = solution.projection_x, solution.correlations
            rank = r.shape[1]
            means = members.mT @ projection(x[train_rows])[..., :rank] / counts
            means = means * (r / solution.sample_correlations.clamp_min(1e-6)).unsqueeze(1)
            within = (1 - r**2).unsqueeze(1)
            slopes = (means / within).mT.contiguous()
            bias = -0.5 * (means**2 / within).sum(-1).unsqueeze(1)
            scores = torch.baddbmm(bias, projection(x[rows])[..., :rank], slopes) + log_probability
            log_ratio = scores.log_softmax(-1) - log_probability
            held_out = (log_ratio * one_hot[rows]).sum(-1) * weight[rows]
            value = float(held_out.sum() / weight[rows].sum())
            yield value, ClassReference(projection, slopes, bias)

    value, best = max(candidates(), key=itemgetter(0))
    if value <= 0:
        best.weight.zero_()
        best.bias.zero_()
    return best


class TableReference(nn.Module):
    """Log ratio of two discrete variables, read from a table.

    Parameters
    ----------
    log_ratio : Tensor of shape (n_members, n_classes_x, n_classes_y)
        ``log p(y | x) / p(y)``.
    """

    log_ratio: Tensor

    def __init__(self, log_ratio: Tensor):
        super().__init__()
        self.register_buffer("log_ratio", log_ratio)

    def read_x(self, x: Tensor) -> Tensor:
        """The classes of x."""
        return x[..., : self.log_ratio.shape[1]]

    def read_y(self, y: Tensor) -> Tensor:
        """The classes as they are."""
        return y

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log ratio of one-hot rows, ``(n_members, ..., n_classes_x), ... -> (n_members, ...)``."""
        return self.score(self.read_x(x), y)

    def score(self, x: Tensor, y: Tensor) -> Tensor:
        """Log ratio of what was read."""
        flat = torch.bmm(x.reshape(x.shape[0], -1, x.shape[-1]), self.log_ratio)
        return torch.einsum("...c,...c->...", flat.view(*x.shape[:-1], -1), y)


def fit_table_reference(
    x: Tensor,
    y: Tensor,
    train_rows: Tensor,
    held_out_rows: Tensor,
    probability: Tensor,
    weight: Tensor | None = None,
) -> TableReference:
    """Fit a :class:`TableReference` a bank member on its training rows.

    ``p(y | x) = (n_xy + a p(y)) / (n_x + a)``; the pseudocount a is one choice for the whole bank, by the
    mean held-out value.

    Parameters
    ----------
    x, y : Tensor of shape (n, n_classes_x), (n, n_classes_y)
        One-hot rows.
    train_rows, held_out_rows : LongTensor of shape (n_members, n_train), (n_members, n_held_out)
        Row numbers of each member.
    probability : Tensor of shape (n_classes_y,)
        Probabilities p(y).
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    TableReference
    """
    weight = x.new_ones(len(x)) if weight is None else weight
    counts = (x[train_rows] * weight[train_rows].unsqueeze(-1)).mT @ y[train_rows]

    def candidates():
        for pseudocount in PSEUDOCOUNTS:
            smoothed = counts + pseudocount * probability
            table = TableReference((smoothed / smoothed.sum(-1, keepdim=True) / probability).log())
            held_out = table(x[held_out_rows], y[held_out_rows]) * weight[held_out_rows]
            yield float(held_out.sum() / weight[held_out_rows].sum()), table

    return max(candidates(), key=itemgetter(0))[1]


def table_information(x: Tensor, y: Tensor, weight: Tensor | None = None) -> float:
    """Plug-in mutual information of two discrete variables, in nats: that of their observed shares.

    Parameters
    ----------
    x, y : Tensor of shape (n, n_classes_x), (n, n_classes_y)
        One-hot rows.
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    float
    """
    x, y = x.double(), y.double()
    joint = x.T @ (y if weight is None else weight.double().unsqueeze(1) * y)
    joint = joint / joint.sum()
    independent = joint.sum(1, keepdim=True) * joint.sum(0)
    return float(torch.xlogy(joint, joint / independent.clamp_min(1e-300)).sum())


class ClassNormalised(nn.Module):
    """Critic of a discrete y, normalised over its classes: ``log p(c | x) - log p(c)``.

    Parameters
    ----------
    critic : nn.Module
        Critic of x and of one-hot classes, in two steps, a ``ReadsFirst``.
    probability : Tensor of shape (n_classes,)
        Probabilities p(c).
    n_members : int
        Size of the bank.
    """

    critic: ReadsFirst
    log_probability: Tensor

    def __init__(self, critic, probability: Tensor, n_members: int):
        super().__init__()
        self.critic = critic
        # With a bank axis, like all parameters and buffers.
        self.register_buffer("log_probability", probability.log().repeat(n_members, 1))

    def read_x(self, x: Tensor) -> Tensor:
        """What the critic reads of x, of which training needs one copy."""
        return self.critic.read_x(x)

    def read_y(self, one_hot: Tensor) -> Tensor:
        """The classes as they are."""
        return one_hot

    def score(self, seen_x: Tensor, one_hot: Tensor) -> Tensor:
        """Critic values of what was read."""
        n_classes = self.log_probability.shape[-1]
        classes = torch.eye(n_classes, dtype=seen_x.dtype, device=seen_x.device)
        classes = classes.expand(seen_x.shape[0], *(1,) * (seen_x.dim() - 2), n_classes, n_classes)
        log_probability = self.log_probability[0]
        scores = self.critic.score(seen_x.unsqueeze(-2), classes) + log_probability
        log_ratio = scores.log_softmax(-1) - log_probability
        return torch.einsum("...c,...c->...", log_ratio, one_hot)

    def forward(self, x: Tensor, one_hot: Tensor) -> Tensor:
        """Critic values, ``(n_members, ..., d_x), (n_members, ..., n_classes) -> (n_members, ...)``."""
        return self.score(self.read_x(x), one_hot)


def closed_form(reference: Reference, probability: Tensor | None) -> nn.Module:
    """A reference as a critic without a network, normalised over the classes of a discrete y.

    Parameters
    ----------
    reference : Reference
        One a bank member.
    probability : Tensor of shape (n_classes,) or None
        Class probabilities; None where y is not discrete.

    Returns
    -------
    ReferencedCritic or ClassNormalised
    """
    critic = ReferencedCritic(reference)
    if probability is None:
        return critic
    return ClassNormalised(critic, probability, n_members=len(next(reference.buffers())))


def referenced(critic: nn.Module) -> ReferencedCritic | None:
    """The closed form and its network; None for a table of two discrete blocks, which has no network."""
    inner = critic.critic if isinstance(critic, ClassNormalised) else critic
    return inner if isinstance(inner, ReferencedCritic) else None
