"""Training of a bank of critics: all members at once, each on its own rows."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .critics import ReadsFirst
from .isolation import differentiable, isolated
from .pairs import Critic, EnumeratedPairs, SampledPairs
from .steps import AdamW, BankWeights

_WARM_UP = 20
#: Last share of max_iter, over which the learning rate falls to zero.
_COOL_DOWN = 0.25
#: At a restart, the weight decay and the learning rate are multiplied by these factors.
_DECAY_CUT, _RATE_CUT = 0.25, 0.5
#: The weight decay is halved if the training value exceeds the held-out value by at most this share plus this
#: many nats.
_GAP_SHARE, _GAP_NATS = 0.05, 0.02
#: Maximum number of values in the rows that a bank transforms in advance, and number of rows at a time.
_MOST_READ, _ROWS_AT_ONCE = 2**24, 4096


@dataclass
class TrainingResult:
    """Result of :func:`train`.

    Attributes
    ----------
    states : list of dict
        For each set of stopping rows, the state of the bank with each member at its best iteration.
    best_iterations : list of LongTensor
        For each set of stopping rows, the best iteration of each member, shape (n_members,).
    history : list of dict
        One entry for each check, with ``iteration`` and two values in nats, which are means over the bank:
        ``training`` is the mean minibatch value since the previous check, and ``held_out`` the value on the
        stopping rows.
    converged : bool
        Whether the held-out value stopped rising before ``max_iter``.
    interrupted : bool
        Whether a KeyboardInterrupt ended training. The states are then the best so far.
    """

    states: list
    best_iterations: list
    history: list = field(default_factory=list)
    converged: bool = False
    interrupted: bool = False

    def joined(self, others: "TrainingResult") -> "TrainingResult":
        """Result of two banks as if they had been trained as one. Values are means over all members."""
        counts = len(self.best_iterations[0]), len(others.best_iterations[0])
        history = []
        longer = self.history if len(self.history) > len(others.history) else others.history
        for i, entry in enumerate(longer):
            one, rest = (result.history[min(i, len(result.history) - 1)] for result in (self, others))
            values = {
                key: (counts[0] * one[key] + counts[1] * rest[key]) / sum(counts)
                for key in ("training", "held_out")
            }
            history.append({"iteration": entry["iteration"]} | values)
        return TrainingResult(
            [],
            [torch.cat(parts) for parts in zip(self.best_iterations, others.best_iterations, strict=True)],
            history,
            self.converged and others.converged,
            self.interrupted or others.interrupted,
        )


class _WeightAverage:
    """Exponential moving average of weights, which can be swapped with them for evaluation."""

    def __init__(self, weights: Tensor, decay: float):
        self.weights, self.average = weights, weights.clone()
        self.decay, self.steps = decay, 0

    def update(self) -> None:
        self.steps += 1
        # At first a plain average of the steps so far, so that the initial weights are soon forgotten.
        self.average.lerp_(self.weights, max(1 - self.decay, 1 / (self.steps + 1)))

    def swap(self) -> None:
        weights = self.weights.clone()
        self.weights.copy_(self.average)
        self.average.copy_(weights)

    def restart(self, values: Tensor) -> None:
        """Set the weights and their average to the given values."""
        self.weights.copy_(values)
        self.average.copy_(values)
        self.steps = 0


class _BestWeights:
    """Best weights of each member, by the value on one set of stopping rows."""

    def __init__(self, bank: BankWeights, value: Tensor):
        self.bank, self.weights, self.value = bank, bank.values.clone(), value
        self.iteration = torch.zeros(len(value), dtype=torch.long)

    @property
    def state(self) -> dict[str, Tensor]:
        """The best weights by name, as views."""
        return self.bank.state(self.weights)

    def update(self, value: Tensor, iteration: int) -> None:
        better = value > self.value
        if not better.any():
            return
        self.value = torch.where(better, value, self.value)
        self.iteration[better.cpu()] = iteration
        now = self.bank.state(self.bank.values)
        for name, best in self.state.items():
            best[better] = now[name][better]


def _batches(train_rows: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers (n_members, batch_size), without end. Each member shuffles its rows in every epoch."""
    n_members, n_train = train_rows.shape
    n_batches = max(1, n_train // batch_size)
    while True:
        order = torch.rand(n_members, n_train, generator=generator, dtype=torch.float32).argsort(1)
        shuffled = train_rows.gather(1, order.to(train_rows.device))
        yield from shuffled[:, : n_batches * batch_size].chunk(n_batches, dim=1)


def _read_ahead(critic: nn.Module, x: Tensor, y: Tensor, n_members: int) -> tuple[Critic, list[Tensor]]:
    """Scoring function and rows (n_members, n, width), after the first step of a critic with two steps."""
    rows = [z.expand(n_members, *z.shape) for z in (x, y)]
    if not isinstance(critic, ReadsFirst):
        return critic, rows
    readers = critic.read_x, critic.read_y
    width = sum(read(z[:, :1]).shape[2] for read, z in zip(readers, rows, strict=True))
    if n_members * len(x) * width > _MOST_READ:
        return critic, rows
    parts = zip(readers, rows, strict=True)
    return critic.score, [
        torch.cat([read(z) for z in part.split(_ROWS_AT_ONCE, 1)], 1) for read, part in parts
    ]


class _Trainer:
    """The parts of :func:`train`: a minibatch step, and a check on the stopping rows."""

    def __init__(self, critic, data, stopping_rows, bound, pairs, stopping_pairs):
        self.critic, self.bound = critic, bound
        x, y, self.weight = data
        n_members = len(stopping_rows[0])
        self.score, self.data = _read_ahead(critic, x, y, n_members)
        self.members = torch.arange(n_members, device=x.device).unsqueeze(1)
        self.stopping_rows, self.pairs, self.stopping_pairs = stopping_rows, pairs, stopping_pairs
        self.bank = BankWeights(critic)
        values = self.held_out()
        self.best = [_BestWeights(self.bank, value) for value in values]
        self.best_on_all = _BestWeights(self.bank, torch.stack(values).mean(0))
        self.minibatch_values: list[Tensor] = []

    def scores(self, pairs, rows: Tensor):
        x, y = (z[self.members, rows] for z in self.data)
        return pairs(self.score, x, y, None if self.weight is None else self.weight[rows])

    @torch.no_grad()
    def held_out(self) -> list[Tensor]:
        self.critic.eval()
        scores = [self.scores(self.stopping_pairs, rows) for rows in self.stopping_rows]
        self.critic.train()
        return [self.bound.estimate(*part) for part in scores]

    def step(self, optimiser: AdamW, rows: Tensor) -> None:
        scores = self.scores(self.pairs, rows)
        optimiser.step(self.bank.gradient(self.bound.surrogate(*scores).sum()))
        with torch.no_grad():
            self.minibatch_values.append(self.bound.estimate(*scores))

    def check(self, iteration: int) -> dict[str, float]:
        values = self.held_out()
        for best, value in zip(self.best, values, strict=True):
            best.update(value, iteration)
        self.best_on_all.update(torch.stack(values).mean(0), iteration)
        seen = self.minibatch_values
        self.minibatch_values = []
        return {
            "iteration": iteration,
            "training": float(torch.stack(seen).mean()) if seen else math.nan,
            "held_out": float(torch.stack(values).mean()),
        }


class _Schedule:
    """Learning rate, weight decay, restarts and end of training: see :func:`train`."""

    def __init__(
        self, trainer, learning_rate, weight_decay, average_decay, max_iter, n_iter_no_change, tol, value
    ):
        self.trainer, self.learning_rate = trainer, learning_rate
        self.max_iter, self.cool_down = max_iter, _COOL_DOWN * max_iter
        self.optimiser = AdamW(trainer.bank.values, learning_rate, weight_decay)
        self.average = _WeightAverage(trainer.bank.values, average_decay)
        self.n_iter_no_change, self.tol = n_iter_no_change, tol
        self.top = value  # highest held-out value
        self.top_at_restart = value  # without any rise, the initial critic is kept
        self.checks_without_rise = 0

    def step(self, iteration: int, rows: Tensor) -> None:
        share = min(1.0, iteration / _WARM_UP, (self.max_iter - iteration + 1) / self.cool_down)
        self.optimiser.learning_rate = self.learning_rate * share
        self.trainer.step(self.optimiser, rows)
        self.average.update()

    def check(self, iteration: int) -> dict[str, float]:
        self.average.swap()
        entry = self.trainer.check(iteration)
        self.average.swap()
        return entry

    def has_ended(self, entry: dict[str, float]) -> bool:
        """After a check: lower the decay, go back to the best weights, or end."""
        value = entry["held_out"]
        if entry["training"] < value * (1 + _GAP_SHARE) + _GAP_NATS:
            self.optimiser.weight_decay *= 0.5
        rose = value > self.top + self.tol
        self.top = value if rose else self.top
        self.checks_without_rise = 0 if rose else self.checks_without_rise + 1
        if self.checks_without_rise < self.n_iter_no_change:
            return False
        if self.top <= self.top_at_restart:
            return True
        self.top_at_restart, self.checks_without_rise = self.top, 0
        self.average.restart(self.trainer.best_on_all.weights)
        self.optimiser.weight_decay *= _DECAY_CUT
        self.learning_rate *= _RATE_CUT
        return False


@isolated()
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
    max_iter: int = 1000,
    batch_size: int = 64,
    n_iter_no_change: int = 3,
    tol: float = 2e-3,
    check_every: int = 50,
    average_decay: float = 0.99,
    generator: torch.Generator,
    on_check: Callable[[dict], object] | None = None,
) -> TrainingResult:
    """Train a bank of critics by AdamW, and keep the weights that are best on held-out rows.

    Parameters
    ----------
    critic : nn.Module
        A bank: the first axis of every parameter has an entry for each member. It is trained in place, and
        ends in its last state, not its best one.
    x, y : Tensor of shape (n, d_x), (n, d_y)
        All rows.
    train_rows : LongTensor of shape (n_members, n_train)
        Training rows of each member.
    stopping_rows : sequence of LongTensor of shape (n_members, n_stop)
        Sets of held-out rows. Each set chooses the best iteration independently of the others.
    bound : object
        An object with ``estimate`` and ``surrogate``; see :data:`skmine.nn.BOUNDS`.
    pairs, stopping_pairs : SampledPairs or EnumeratedPairs
        Marginal pairs in a minibatch and among the stopping rows.
    weight : Tensor of shape (n,) or None, default=None
        Sample weights.
    learning_rate : float, default=4e-3
        Initial learning rate of AdamW. Lower it if the held-out value jumps.
    weight_decay : float, default=1.0
        Initial weight decay of AdamW.
    max_iter : int, default=1000
        Largest number of minibatches. With 0 the critic is not trained.
    batch_size : int, default=64
        Rows in a minibatch, at most all training rows.
    n_iter_no_change : int, default=3
        Number of checks without a rise of the held-out value before a restart.
    tol : float, default=2e-3
        Smallest rise that counts, in nats.
    check_every : int, default=50
        Number of iterations between checks.
    average_decay : float, default=0.99
        Decay of the moving average of the weights.
    generator : torch.Generator
        The only source of randomness, on the CPU.
    on_check : callable or None, default=None
        Called with each new entry of the history. If it returns True, training ends.

    Returns
    -------
    TrainingResult

    Notes
    -----
    - Every `check_every` iterations, the moving average of the weights is evaluated on each set of stopping
      rows. The best weights of each member are kept.
    - Training starts with a strong weight decay, so that the critics are smooth. The decay is halved at every
      check without overfitting, when the training value hardly exceeds the held-out value.
    - If the held-out value has not risen by `tol` for `n_iter_no_change` checks, training restarts: the
      members go back to their best weights, the decay is cut to a quarter, and the learning rate is halved.
    - Training ends when such a restart has brought no rise, or if the held-out value has never risen.
    - The learning rate rises linearly over the first 20 iterations, and falls to zero over the last quarter
      of `max_iter`.
    - The decay also applies to parameters that have no effect on the bound.

    Examples
    --------
    >>> import torch
    >>> from skmine.nn import MINE, ConcatCritic, SampledPairs, train
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.randn(400, 1, generator=generator)
    >>> y = x + torch.randn(400, 1, generator=generator)
    >>> result = train(
    ...     ConcatCritic(1, 1, (16,), n_members=1, generator=generator),
    ...     x,
    ...     y,
    ...     torch.arange(300)[None],
    ...     [torch.arange(300, 400)[None]],
    ...     bound=MINE(),
    ...     pairs=SampledPairs(4),
    ...     stopping_pairs=SampledPairs(50),
    ...     max_iter=100,
    ...     generator=generator,
    ... )
    >>> [entry["iteration"] for entry in result.history]
    [0, 50, 100]
    """
    data = [None if part is None else differentiable(part) for part in (x, y, weight)]
    trainer = _Trainer(critic, data, stopping_rows, bound, pairs, stopping_pairs)
    result = TrainingResult([], [], [trainer.check(0)], converged=True)
    if max_iter > 0 and trainer.bank.values.numel() > 0:
        result.converged = False
        batches = _batches(train_rows, min(batch_size, train_rows.shape[1]), generator)
        value = result.history[0]["held_out"]
        schedule = _Schedule(
            trainer, learning_rate, weight_decay, average_decay, max_iter, n_iter_no_change, tol, value
        )
        try:
            for iteration in range(1, max_iter + 1):
                schedule.step(iteration, next(batches))
                if iteration % check_every and iteration != max_iter:
                    continue
                result.history.append(schedule.check(iteration))
                is_stopped = on_check is not None and on_check(result.history[-1])
                if is_stopped or schedule.has_ended(result.history[-1]):
                    result.converged = True
                    break
        except KeyboardInterrupt:
            result.interrupted = True
    trainer.bank.release()
    result.states = [{name: view.clone() for name, view in best.state.items()} for best in trainer.best]
    result.best_iterations = [b.iteration for b in trainer.best]
    return result
