"""Cross-fitting: a bank of critics, one a fold, and the values that they give.

Each row is held out by one member. The held-out rows of a member are cut in two halves: the iteration
that is best on one half is valued on the other, so that stopping does not flatter the held-out value.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .bounds import Normalised
from .building import JUDGING_ROWS, Block, Folds
from .classes import ClassNormalised, table_information
from .coordinates import ReferencedCritic
from .local import PRIOR_ROWS, LocalCritic, PooledCritic, local_critic, paired_columns
from .pairs import EnumeratedPairs, SampledPairs
from .reference import GaussianReference, weighted_mean
from .training import TrainingResult, train

_STOPPING_ROWS = 2048
_TRAINING_PAIRS = 2**20
_STOPPING_GROUP = 8
_VALUED_PAIRS = 2**15
#: How far a value I must stay below the log of the number N of marginal pairs for these to test it: the
#: relative variance of their mean of exp(T) is at least (exp(I) - 1) / N, and for Gaussians of one strong
#: pair about ten times that. Up to two nats the mean over the members does, however few the rows.
_MARGIN_NATS, _TESTABLE_NATS = 6.0, 2.0
#: Rows of equal weight that each half of what a member holds out must amount to, for a network to be judged.
_FEWEST_EFFECTIVE = 4.0

#: Rows of a half, below which what they choose among the iterations of classes competes with the closed form.
_FEW_ROWS = 50
_NORMAL_QUANTILE = 1.96  # of 97.5 %
_GAP_PENALTY = 0.1  # a nat between the training and the held-out value, where tables compete
_TABLE_GAP = 0.25  # of the held-out value, or that of the bank where it is larger


@dataclass
class CrossFit:
    """What :func:`cross_fit` found.

    Attributes
    ----------
    critic : nn.Module
        The bank.
    bound : object
        The bound that gave the values.
    states : list of dict
        Best parameters of the bank by the first and by the second half of the held-out rows.
    held_out, training : float
        Bound on held-out and on training rows in nats, mean over the members.
    estimate : float
        Their mean, whose biases cancel to first order; the plug-in value where x and y are both discrete.
    testable : float
        Nats up to which the marginal pairs can test a value; infinity where y is discrete.
    standard_error : float
        Standard error of the mean log ratio over the held-out rows, in nats.
    result : TrainingResult
        History and how training ended.
    n_effective : float
        Rows of equal weight that all rows amount to.
    is_judged : bool, default=True
        Whether there are rows enough to judge a network; else the value is the closed form's.
    least_upper : float, default=0.0
        Upper end of the interval at least, in nats: that of a network to which a closed form was preferred.
    """

    critic: nn.Module
    bound: object
    states: list
    held_out: float
    training: float
    estimate: float
    testable: float
    standard_error: float
    result: TrainingResult
    n_effective: float
    is_judged: bool = True
    least_upper: float = 0.0

    @property
    def can_go_on(self) -> bool:
        """Whether its critic is a bank that was trained; not where tables or the closed form alone won."""
        referenced = _referenced(self.critic)
        if referenced is not None:
            return referenced.network is not None
        return not isinstance(self.critic, (LocalCritic, PooledCritic))

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of 95 % in nats.

        The mean of the two values errs by a part of what overfitting adds: downwards it counts about as far
        as the held-out value, upwards two and a half times as far, since what was not learnt grows with it.
        The upper end is at least that of Fisher's z for a single correlation: of the estimate where no
        network could be judged, else of none, since a critic that found nothing has no standard error.
        """
        overfit = (self.training - self.held_out) / 2
        below, above = (_NORMAL_QUANTILE * math.hypot(self.standard_error, k * overfit) for k in (0.5, 1.25))
        reach = _fisher_upper(0.0 if self.is_judged else max(self.estimate, 0.0), self.n_effective)
        return self.estimate - below, max(self.estimate + above, reach, self.least_upper)


def stack_states(critic: nn.Module, states: list) -> nn.Module:
    """The members of a bank in each of several states, as one larger bank.

    Parameters
    ----------
    critic : nn.Module
        A bank; it is copied.
    states : list of dict
        Trained parameters of the bank.

    Returns
    -------
    nn.Module
    """
    critic = copy.deepcopy(critic).requires_grad_(False)
    tensors = dict(critic.named_parameters()) | dict(critic.named_buffers())
    for name, value in tensors.items():
        value.data = torch.cat([state.get(name, value) for state in states])
    return critic


def choose_pairs(bound, probability: Tensor | None, group_size: int):
    """Marginal pairs: exact over classes where y is discrete, sampled within groups otherwise.

    Parameters
    ----------
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    probability : Tensor or None
        Class probabilities of a discrete y.
    group_size : int
        Rows of a group.

    Returns
    -------
    EnumeratedPairs or SampledPairs
    """
    if probability is not None:
        return EnumeratedPairs(probability, bound.offset)
    return SampledPairs(max(2, group_size), bound.includes_joint, bound.offset)


def choose_valuing_pairs(bound, probability: Tensor | None, n_rows: int):
    """Marginal pairs for a value that is reported: more of them where there are few rows.

    Parameters
    ----------
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    probability : Tensor or None
        Class probabilities of a discrete y.
    n_rows : int
        Rows that are valued.

    Returns
    -------
    EnumeratedPairs or SampledPairs
    """
    group_size = max(bound.group_size, min(256, _VALUED_PAIRS // n_rows))
    return choose_pairs(bound, probability, group_size)


@torch.no_grad()
def pair_scores(critic: nn.Module, x: Block, y: Block, rows: Tensor, bound, weight=None):
    """Scores of many rows for the final values, in chunks.

    Parameters
    ----------
    critic : nn.Module
        A bank.
    x, y : Block
        All rows.
    rows : LongTensor of shape (n_members, m)
        Rows of each member.
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    weight : Tensor of shape (n,) or None
        Weights of the rows.

    Returns
    -------
    tuple of Tensor or None
        joint, marginal, joint_weight, marginal_weight, as the bounds take them.
    """
    critic.eval()
    pairs = choose_valuing_pairs(bound, y.probability, rows.shape[1])
    row_weight = None if weight is None else weight[rows]
    return pairs(critic, x.values[rows], y.values[rows], row_weight)


def cross_fit(
    critic: nn.Module,
    x: Block,
    y: Block,
    folds: Folds,
    *,
    bound,
    weight: Tensor | None = None,
    generator: torch.Generator,
    on_check: Callable[[dict], None] | None = None,
    local: bool = False,
    **training,
) -> CrossFit:
    """Train a bank of critics on folds and value each on the rows it held out.

    Where the reference of continuous blocks finds more nats than marginal pairs can test (the log of their
    number, less 6, and at least 2), or a member holds out fewer than 12 rows or as few by weight, it is not
    trained further, and valued by :class:`Normalised`.

    Parameters
    ----------
    critic : nn.Module
        The bank, from :func:`build_critic`.
    x, y : Block
        All rows.
    folds : Folds
        Rows of each member.
    bound : object
        See :data:`skmine.nn.BOUNDS`.
    weight : Tensor of shape (n,) or None
        Weights of the rows.
    generator : torch.Generator
        On the CPU; the only source of randomness.
    on_check : callable or None
        Called with each new entry of the history.
    local : bool, default=False
        Whether local critics of pairs of columns compete, alone and pooled with the bank, where training
        has found what the closed form had not. The highest held-out value wins, less a tenth of its distance
        to the training value, of the critics whose distance is at most a quarter of the value or the bank's.
        The choice among five values at most is not corrected for. Against classes no table competes, but the
        closed form alone does where a half has fewer than 50 rows.
    **training
        Further parameters of :func:`train`.

    Returns
    -------
    CrossFit
    """
    data = {"bound": bound, "weight": weight, "generator": generator}
    fit = _fit_bank(critic, x, y, folds, on_check=on_check, **data, **training)
    learnt = any(bool((best > 0).any()) for best in fit.result.best_iterations)
    if not local or not learnt or fit.result.interrupted:
        return fit
    found = fit, x, y, folds, weight
    best = max((fit, *_with_start(*found), *_with_tables(*found)), key=_merit)
    if best is fit:
        return fit
    entry = {
        "iteration": fit.result.history[-1]["iteration"],
        "training": best.training,
        "held_out": best.held_out,
    }
    history = [*fit.result.history, entry]
    return replace(best, result=replace(fit.result, history=history))


def _merit(fit: CrossFit) -> float:
    """Held-out value, less what speaks for the critic whose training value is closer to it."""
    return fit.held_out - _GAP_PENALTY * (fit.training - fit.held_out)


def _with_start(fit: CrossFit, x: Block, y: Block, folds: Folds, weight) -> Iterator[CrossFit]:
    """The closed form of classes alone, where few rows chose how long each member was trained."""
    referenced = _referenced(fit.critic)
    if referenced is not None and y.probability is not None and folds.halves[0].shape[1] < _FEW_ROWS:
        start = ReferencedCritic(referenced.reference, None, None, None)
        critic = ClassNormalised(start, y.probability, len(folds.train))
        result = replace(fit.result, states=[{}, {}])
        value = _value_bank(critic, result, x, y, folds, fit.bound, weight, fit.testable)
        yield replace(value, least_upper=fit.interval[1])


def _with_tables(fit: CrossFit, x: Block, y: Block, folds: Folds, weight) -> Iterator[CrossFit]:
    """Local critics, alone and pooled with the bank, that fit other rows as well as their own."""
    pairs = paired_columns(x, y, folds, weight)
    pooled = [{f"network.{name}": value for name, value in state.items()} for state in fit.states]
    for prior_rows in PRIOR_ROWS if pairs else ():
        table = local_critic(x, y, folds, pairs, prior_rows, weight)
        for critic, states in ((table, [{}, {}]), (PooledCritic(fit.critic, table), pooled)):
            result = replace(fit.result, states=states)
            candidate = _value_bank(critic, result, x, y, folds, fit.bound, weight, fit.testable)
            # Where a critic fits its own rows far better than others, half way between is far from the truth.
            gap = candidate.training - candidate.held_out
            if gap <= max(_TABLE_GAP * candidate.held_out, fit.training - fit.held_out):
                yield candidate


def _fit_bank(critic, x: Block, y: Block, folds: Folds, *, bound, weight, generator, on_check, **training):
    testable = math.inf if y.probability is not None else _testable(folds)
    referenced = _referenced(critic)
    is_judged = referenced is None or _can_judge(folds, weight)
    if referenced is not None and (not is_judged or _reference_information(critic) > testable):
        bound, training["max_iter"] = Normalised(), 0
        referenced.network = None  # which is normalised by no form of its own
    result = train(
        critic,
        x.values,
        y.values,
        folds.train,
        [half[:, :_STOPPING_ROWS] for half in folds.halves],
        bound=copy.deepcopy(bound),  # training may leave state in it
        pairs=choose_pairs(bound, y.probability, bound.group_size),
        stopping_pairs=choose_pairs(bound, y.probability, max(_STOPPING_GROUP, bound.group_size)),
        weight=weight,
        generator=generator,
        on_check=on_check,
        **training,
    )
    return replace(_value_bank(critic, result, x, y, folds, bound, weight, testable), is_judged=is_judged)


def _value_bank(critic, result, x: Block, y: Block, folds: Folds, bound, weight, testable) -> CrossFit:
    """Value each state of a bank on the half of the held-out rows that did not choose it."""
    train_rows = folds.train[:, : _TRAINING_PAIRS // bound.group_size]
    unseen_rows = torch.stack(tuple(reversed(folds.halves)))
    held_out, in_training, log_ratios = [], [], []
    for state, unseen in zip(result.states, unseen_rows, strict=True):
        critic.load_state_dict(state, strict=False)
        joint, marginal, *weights = pair_scores(critic, x, y, unseen, bound, weight)
        held_out.append(bound.estimate(joint, marginal, *weights))
        log_ratios.append(joint - bound.log_normaliser(marginal, weights[1]).unsqueeze(1))
        in_training.append(bound.estimate(*pair_scores(critic, x, y, train_rows, bound, weight)))
    low, high = (
        float(values.mean()) if weight is None else weighted_mean(values, weight[rows])
        for values, rows in ((torch.stack(held_out), unseen_rows), (torch.stack(in_training), train_rows))
    )
    is_table = x.probability is not None and y.probability is not None
    return CrossFit(
        critic=critic,
        bound=bound,
        states=result.states,
        held_out=low,
        training=high,
        estimate=table_information(x.values, y.values, weight) if is_table else (low + high) / 2,
        testable=testable,
        standard_error=_standard_error(torch.cat(log_ratios, 1), torch.cat(tuple(unseen_rows), 1), weight),
        result=result,
        n_effective=len(x.values) if weight is None else float(_effective_rows(weight)),
    )


def _referenced(critic: nn.Module) -> ReferencedCritic | None:
    """The closed form and its network; None for a table of two discrete blocks, which has no network."""
    inner = critic.critic if isinstance(critic, ClassNormalised) else critic
    return inner if isinstance(inner, ReferencedCritic) else None


def _can_judge(folds: Folds, weight: Tensor | None) -> bool:
    """Whether the rows that each member holds out can judge a network."""
    n_half = folds.halves[0].shape[1]
    poorest = n_half if weight is None else float(_effective_rows(weight[torch.stack(folds.halves)]).min())
    return 2 * n_half >= JUDGING_ROWS and poorest >= _FEWEST_EFFECTIVE


def _effective_rows(weight: Tensor) -> Tensor:
    """Rows of equal weight that weighted ones amount to, (..., n) -> (...) (Kish 1965, section 8.2)."""
    weight = weight.cpu().double()
    return weight.sum(-1) ** 2 / (weight**2).sum(-1).clamp_min(1e-300)


def _fisher_upper(information: float, n_rows: float) -> float:
    """Upper end of I = -log(1 - r^2) / 2 = log cosh z, for Fisher's z = arctanh(r)."""
    z = information + math.log1p(math.sqrt(-math.expm1(-2 * information)))
    z += _NORMAL_QUANTILE / math.sqrt(max(n_rows - 3, 1))
    return z + math.log1p(math.exp(-2 * z)) - math.log(2)


def _testable(folds: Folds) -> float:
    n_pairs = min(_VALUED_PAIRS, folds.halves[0].shape[1] ** 2)
    return max(math.log(n_pairs) - _MARGIN_NATS, _TESTABLE_NATS)


def _reference_information(critic: nn.Module) -> float:
    reference = getattr(critic, "reference", None)
    if not isinstance(reference, GaussianReference):
        return 0.0
    return float(reference.mutual_information().mean())


def _standard_error(log_ratio: Tensor, rows: Tensor, weight: Tensor | None) -> float:
    """Of the weighted mean log ratio; a row that several members hold out counts once."""
    weight = torch.ones_like(log_ratio) if weight is None else weight[rows]
    share = (weight / weight.sum()).flatten()
    deviation = log_ratio.flatten() - (share * log_ratio.flatten()).sum()
    repeats = rows.numel() / rows.unique().numel()
    return float(((share * deviation) ** 2).sum() * repeats) ** 0.5
