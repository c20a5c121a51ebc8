"""Training a bank of critics: all members at once, each on its own rows."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

_SCORES_A_CHUNK = 2**18
_WARM_UP = 20
#: The weight decay is cut by these factors, where the held-out value stops rising and where the training
#: value is no higher than it by more than this share and this many nats.
_CUT_ON_PLATEAU = 0.25
_CUT_WITHOUT_GAP = 0.5
_GAP_SHARE, _GAP_NATS = 0.05, 0.02


def score_in_chunks(critic: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Critic values; without gradient, in chunks along the second axis to bound the memory.

    Parameters
    ----------
    critic : nn.Module
        A bank.
    x, y : Tensor of shape (n_members, n, ..., d_x), (n_members, n, ..., d_y)
        Rows, or pairs on further axes.

    Returns
    -------
    Tensor of shape (n_members, n, ...)
    """
    n_scores = x.shape[:-1].numel() * y.shape[-2]
    if torch.is_grad_enabled() or n_scores <= _SCORES_A_CHUNK:
        return critic(x, y)
    n_chunks = min(x.shape[1], -(-n_scores // _SCORES_A_CHUNK))
    chunks = zip(x.tensor_split(n_chunks, 1), y.tensor_split(n_chunks, 1), strict=True)
    return torch.cat([critic(*chunk) for chunk in chunks], 1)


@dataclass(frozen=True)
class SampledPairs:
    """Marginal pairs by meeting rows within groups: every row of x with the other rows' y.

    Rows of a sample are independent, so pairs of different rows are draws from the product of the
    marginals. A group of g rows gives g paired scores and g (g - 1) marginal ones for one pass of the
    first layer.

    Parameters
    ----------
    group_size : int
        Rows in a group, at least 2.
    includes_joint : bool, default=False
        Whether the paired row stays among the marginal columns (InfoNCE).
    offset : float, default=0.0
        Added to all scores (MINE-f).
    """

    group_size: int
    includes_joint: bool = False
    offset: float = 0.0

    def __call__(self, critic: nn.Module, x: Tensor, y: Tensor, weight: Tensor | None = None):
        """Scores of rows already in random order.

        Parameters
        ----------
        critic : nn.Module
            A bank.
        x, y : Tensor of shape (n_members, n, d_x), (n_members, n, d_y)
            Paired rows.
        weight : Tensor of shape (n_members, n) or None
            Weights of the rows.

        Returns
        -------
        joint : Tensor of shape (n_members, n)
        marginal : Tensor of shape (n_members, m, k)
            ``m >= n``: the last group is filled up with rows from the front.
        joint_weight, marginal_weight : Tensor of the same shapes, or None
        """
        n = x.shape[1]
        n_groups = max(1, round(n / self.group_size))
        size = math.ceil(n / n_groups)
        rows = torch.arange(n_groups * size, device=x.device) % n
        shape = (x.shape[0], n_groups, size)
        scores = score_in_chunks(
            critic, x[:, rows].view(*shape, 1, -1), y[:, rows].view(shape[0], n_groups, 1, size, -1)
        )
        scores = scores + self.offset
        joint = scores.diagonal(dim1=-2, dim2=-1).flatten(1)[:, :n]
        pair_weight = None
        if weight is not None:
            grouped = weight[:, rows].view(shape)
            pair_weight = self._columns(grouped.unsqueeze(-1) * grouped.unsqueeze(-2))
        if self.includes_joint:  # the bound averages over rows: keep one row of scores a row of x
            return joint, scores.flatten(1, 2)[:, :n], weight, _head(pair_weight, n)
        return joint, self._columns(scores), weight, pair_weight

    def _columns(self, scores: Tensor) -> Tensor:
        """Scores within groups (n_members, n_groups, g, g) as marginal columns."""
        size = scores.shape[-1]
        if not self.includes_joint:
            others = torch.arange(size * size, device=scores.device) % (size + 1) != 0
            scores = scores.flatten(-2)[..., others].unflatten(-1, (size, size - 1))
        return scores.flatten(1, 2)


@dataclass(frozen=True)
class EnumeratedPairs:
    """Marginal pairs by meeting every row of x with every value of a discrete y: an exact mean.

    Parameters
    ----------
    probability : Tensor of shape (n_classes,)
        Probabilities of the classes of the one-hot y.
    offset : float, default=0.0
        Added to all scores (MINE-f).
    """

    probability: Tensor
    offset: float = 0.0

    def __call__(self, critic: nn.Module, x: Tensor, y: Tensor, weight: Tensor | None = None):
        """As :meth:`SampledPairs.__call__`; marginal is (n_members, n, n_classes)."""
        n_classes = self.probability.shape[0]
        classes = torch.eye(n_classes, dtype=y.dtype, device=y.device)
        classes = classes.expand(x.shape[0], x.shape[1], n_classes, n_classes)
        scores = score_in_chunks(critic, x.unsqueeze(-2), classes) + self.offset
        pair_weight = self.probability
        if weight is not None:
            pair_weight = weight.unsqueeze(-1) * pair_weight
        # A class never seen has no output: its row gets the score 0, no information.
        return torch.einsum("...c,...c->...", scores, y), scores, weight, pair_weight


@dataclass
class TrainingResult:
    """What :func:`train` found.

    Parameters
    ----------
    states : list of dict
        For each set of stopping rows, the state of the bank with each member at its best iteration.
    best_iterations : list of LongTensor
        For each set of stopping rows, the best iteration of each member, shape (n_members,).
    history : list of dict
        One entry a check: ``iteration``, ``training`` (mean minibatch value since the last check) and
        ``held_out`` (value on the stopping rows), nats, means over the bank.
    converged : bool
        Whether the held-out value stopped rising before ``max_iter``.
    interrupted : bool
        Whether a KeyboardInterrupt ended training; the states hold the best so far.
    """

    states: list
    best_iterations: list
    history: list = field(default_factory=list)
    converged: bool = False
    interrupted: bool = False


def _head(values: Tensor | None, n: int) -> Tensor | None:
    return None if values is None else values[:, :n]


class _WeightAverage:
    """Exponential average of the trainable weights; swaps places with them for evaluation."""

    def __init__(self, parameters: Sequence[Tensor], decay: float):
        self.parameters = parameters
        self.averages = [p.detach().clone() for p in parameters]
        self.decay, self.steps = decay, 0

    def update(self) -> None:
        self.steps += 1
        # Early on, an average over the steps so far: the start must not linger.
        rate = max(1 - self.decay, 1 / (self.steps + 1))
        torch._foreach_lerp_(self.averages, [p.detach() for p in self.parameters], rate)

    def swap(self) -> None:
        for parameter, average in zip(self.parameters, self.averages, strict=True):
            parameter.data, average.data = average.data, parameter.data

    def restart(self, values: Sequence[Tensor]) -> None:
        """Set the weights and their average to given values."""
        for parameter, average, value in zip(self.parameters, self.averages, values, strict=True):
            parameter.data.copy_(value)
            average.copy_(value)
        self.steps = 0


class _BestStates:
    """Best parameters of each member by the value on one set of stopping rows."""

    def __init__(self, parameters: Sequence[Tensor], value: Tensor):
        self.parameters = [p.detach().clone() for p in parameters]
        self.value = value
        self.iteration = torch.zeros(len(value), dtype=torch.long)

    def update(self, parameters: Sequence[Tensor], value: Tensor, iteration: int) -> None:
        better = value > self.value
        if not better.any():
            return
        self.value = torch.where(better, value, self.value)
        self.iteration[better.cpu()] = iteration
        for best, now in zip(self.parameters, parameters, strict=True):
            best[better] = now.detach()[better]


def _batches(train_rows: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers (n_members, batch_size) without end; each member shuffles its rows every epoch."""
    n_members, n_train = train_rows.shape
    n_batches = max(1, n_train // batch_size)
    while True:
        order = torch.rand(n_members, n_train, generator=generator).argsort(1)
        shuffled = train_rows.gather(1, order.to(train_rows.device))
        yield from shuffled[:, : n_batches * batch_size].chunk(n_batches, dim=1)


class _Trainer:
    """The parts of :func:`train`: one minibatch step, one check on the stopping rows."""

    def __init__(self, critic, data, stopping_rows, bound, pairs, stopping_pairs):
        self.critic, self.data, self.bound = critic, data, bound
        self.stopping_rows, self.pairs, self.stopping_pairs = stopping_rows, pairs, stopping_pairs
        self.parameters = [p for p in critic.parameters() if p.requires_grad]
        values = [self.held_out(rows) for rows in stopping_rows]
        self.best = [_BestStates(self.parameters, value) for value in values]
        self.best_on_all = _BestStates(self.parameters, torch.stack(values).mean(0))
        self.minibatch_values: list[Tensor] = []

    def scores(self, pairs, rows: Tensor):
        x, y, weight = self.data
        return pairs(self.critic, x[rows], y[rows], None if weight is None else weight[rows])

    @torch.no_grad()
    def held_out(self, rows: Tensor) -> Tensor:
        return self.bound.estimate(*self.scores(self.stopping_pairs, rows))

    def step(self, optimiser: torch.optim.Optimizer, rows: Tensor) -> None:
        scores = self.scores(self.pairs, rows)
        optimiser.zero_grad(set_to_none=True)
        (-self.bound.surrogate(*scores)).sum().backward()
        optimiser.step()
        with torch.no_grad():
            self.minibatch_values.append(self.bound.estimate(*scores))

    def check(self, iteration: int) -> dict[str, float]:
        values = [self.held_out(rows) for rows in self.stopping_rows]
        for best, value in zip(self.best, values, strict=True):
            best.update(self.parameters, value, iteration)
        self.best_on_all.update(self.parameters, torch.stack(values).mean(0), iteration)
        seen = self.minibatch_values
        self.minibatch_values = []
        return {
            "iteration": iteration,
            "training": float(torch.stack(seen).mean()) if seen else math.nan,
            "held_out": float(torch.stack(values).mean()),
        }


class _Patience:
    """When to relax and when to stop: counts checks without a rise of the held-out value."""

    def __init__(self, value: float, n_iter_no_change: int, tol: float):
        self.top = self.top_at_start = value
        self.n_iter_no_change, self.tol = n_iter_no_change, tol
        self.waited = 0
        self.cut_once = False

    def out_of(self, value: float) -> bool:
        """Whether the value has not risen for too many checks."""
        rose = value > self.top + self.tol
        self.top = value if rose else self.top
        self.waited = 0 if rose else self.waited + 1
        return self.waited >= self.n_iter_no_change

    def renew(self) -> bool:
        """Begin again after a cut of the decay; False if the last cut brought no rise."""
        brought_a_rise = self.top > self.top_at_start
        if self.cut_once and not brought_a_rise:
            return False
        self.top_at_start, self.waited, self.cut_once = self.top, 0, True
        return True


def train(
    critic: nn.Module,
    x: Tensor,
    y: Tensor,
    train_rows: Tensor,
    stopping_rows: Sequence[Tensor],
    *,
    bound,
    pairs: SampledPairs | EnumeratedPairs,
    stopping_pairs: SampledPairs | EnumeratedPairs,
    weight: Tensor | None = None,
    learning_rate: float = 4e-3,
    weight_decay: float = 1.0,
    max_iter: int = 3000,
    batch_size: int = 256,
    n_iter_no_change: int = 4,
    tol: float = 1e-3,
    check_every: int = 50,
    average_decay: float = 0.99,
    generator: torch.Generator,
    on_check: Callable[[dict], None] | None = None,
) -> TrainingResult:
    """Train a bank of critics by AdamW with averaged weights, judged on rows held out.

    Every ``check_every`` iterations the exponential average of the weights is valued on each set of
    stopping rows, and each member's best is kept. Training begins with a strong weight decay, that is
    with smooth critics. Once the mean value has not risen by ``tol`` for ``n_iter_no_change`` checks,
    every member goes back to its best weights and the decay is cut to a quarter; training ends when a
    cut has brought no rise.

    Parameters
    ----------
    critic : nn.Module
        A bank: every parameter has the members on its first axis. Trained in place; left in its last
        state.
    x, y : Tensor of shape (n, d_x), (n, d_y)
        All rows.
    train_rows : LongTensor of shape (n_members, n_train)
        Rows each member learns from.
    stopping_rows : sequence of LongTensor of shape (n_members, n_stop)
        Sets of rows that choose the best iteration, each for itself.
    bound : object
        With ``estimate`` and ``surrogate``, see :mod:`skmine.nn.bounds`.
    pairs, stopping_pairs : SampledPairs or EnumeratedPairs
        Marginal pairs in a minibatch and among stopping rows.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises linearly over the first 20 iterations, the decay is cut as above.
    max_iter : int
        Minibatches at most; 0 leaves the critic as it is.
    batch_size : int
        Rows of a minibatch; all training rows where there are fewer.
    n_iter_no_change : int
        Checks without a rise before the decay is cut.
    tol : float
        Smallest rise that counts, in nats.
    check_every : int
        Iterations between checks.
    average_decay : float
        Decay of the average of the weights.
    generator : torch.Generator
        On the CPU; the only source of randomness.
    on_check : callable or None
        Called with each new entry of the history.

    Returns
    -------
    TrainingResult
    """
    trainer = _Trainer(critic, (x, y, weight), stopping_rows, bound, pairs, stopping_pairs)
    result = TrainingResult([], [], [trainer.check(0)], converged=True)
    if max_iter > 0 and trainer.parameters:
        result.converged = False
        batches = _batches(train_rows, min(batch_size, train_rows.shape[1]), generator)
        options = {"lr": learning_rate, "weight_decay": weight_decay}
        patience = _Patience(result.history[0]["held_out"], n_iter_no_change, tol)
        optimiser = torch.optim.AdamW(trainer.parameters, **options, fused=True)
        average = _WeightAverage(trainer.parameters, average_decay)
        try:
            for iteration in range(1, max_iter + 1):
                for group in optimiser.param_groups:
                    group["lr"] = learning_rate * min(1.0, iteration / _WARM_UP)
                trainer.step(optimiser, next(batches))
                average.update()
                if iteration % check_every and iteration != max_iter:
                    continue
                average.swap()
                result.history.append(trainer.check(iteration))
                average.swap()
                if on_check is not None:
                    on_check(result.history[-1])
                latest = result.history[-1]
                if latest["training"] < latest["held_out"] * (1 + _GAP_SHARE) + _GAP_NATS:
                    for group in optimiser.param_groups:
                        group["weight_decay"] *= _CUT_WITHOUT_GAP
                if not patience.out_of(latest["held_out"]):
                    continue
                if not patience.renew():
                    result.converged = True
                    break
                average.restart(trainer.best_on_all.parameters)
                for group in optimiser.param_groups:
                    group["weight_decay"] *= _CUT_ON_PLATEAU
        except KeyboardInterrupt:
            result.interrupted = True
    names = [name for name, p in critic.named_parameters() if p.requires_grad]
    result.states = [dict(zip(names, b.parameters, strict=True)) for b in trainer.best]
    result.best_iterations = [b.iteration for b in trainer.best]
    return result
