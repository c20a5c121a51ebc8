"""Fitted critics, stored as NumPy arrays and encoders, which score rows in nats."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from skmine._columns import Column
from skmine._encoding import BlockEncoder
from skmine._frozen import FrozenModule
from skmine.nn.pairs import choose_valuing_pairs, score_in_chunks

_SEED = 0
_NORMALISER_ROWS = 2048
_SUPPORT_ROWS = 256
#: Number of rows paired at a time, which limits memory. The last block has up to twice as many.
_BLOCK_ROWS = 2**14


class FittedCritic:
    """Mean of the trained critics, which scores rows in float64 on the CPU.

    The bounds are concave in the critic, so the value of the mean critic is at least the mean of the
    members' values.

    Parameters
    ----------
    encoders : sequence of two BlockEncoder
        Encoders of the first and second argument of the critic.
    bank : torch.nn.Module
        Trained critics, with the members on the first axis of every parameter and buffer.
    bound : object
        See :mod:`skmine.nn.bounds`.
    blocks : sequence of two Block
        Training rows.
    weight : Tensor of shape (n,) or None
        Weights of these rows.
    """

    def __init__(self, encoders, bank: torch.nn.Module, bound, blocks, weight: Tensor | None):
        self.encoders = tuple(encoders)
        self.bound = bound
        self.frozen = FrozenModule(bank)
        rows = np.random.default_rng(_SEED).permutation(len(blocks[0].values))[:_NORMALISER_ROWS]
        x, y = (block.values[rows].cpu().double() for block in blocks)
        row_weight = None if weight is None else weight[rows].cpu().double()
        self.supports = [_support(e, values, row_weight) for e, values in zip(encoders, (x, y), strict=True)]
        _, marginal, _, pair_weight = self._pairs(x, y, row_weight)
        self.log_normaliser = float(bound.log_normaliser(marginal, pair_weight))

    @property
    def n_targets(self) -> int:
        """Columns of y."""
        return next(len(e.kinds) for e in self.encoders if e.name == "y")

    def check_targets(self, targets: list[Column]) -> None:
        """Raise ValueError unless y has as many columns as in fit."""
        if len(targets) != self.n_targets:
            raise ValueError(
                f"y must have as many columns as in fit ({self.n_targets}); got {len(targets)}. Pass the "
                "same target columns."
            )

    def _expand(self, values: Tensor) -> Tensor:
        n_members = next(iter(self.frozen.arrays.values())).shape[0]
        return values.expand(n_members, *values.shape)

    @torch.no_grad()
    def _scores(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean of the critics, ``(n, ..., d_x), (n, ..., d_y) -> (n, ...)``."""
        return score_in_chunks(self.frozen.module, self._expand(x), self._expand(y)).mean(0)

    @torch.no_grad()
    def _pairs(self, x: Tensor, y: Tensor, weight: Tensor | None):
        """Joint and marginal scores of rows in random order, and their weights."""
        probability = self.encoders[1].probability
        if probability is not None:
            probability = torch.tensor(probability)
        pairs = choose_valuing_pairs(self.bound, probability, len(x))
        n_blocks = max(1, len(x) // _BLOCK_ROWS)
        starts = [_BLOCK_ROWS * block for block in range(1, n_blocks)]
        blocks = []
        for rows in torch.arange(len(x)).tensor_split(starts):
            row_weight = None if weight is None else self._expand(weight[rows])
            scores = pairs(self.frozen.module, self._expand(x[rows]), self._expand(y[rows]), row_weight)
            joint, marginal, *weights = scores
            weights = [None if w is None else w[0] if w.dim() > 1 else w for w in weights]
            blocks.append((joint.mean(0), marginal.mean(0), *weights))
        joint, marginal, joint_weight, pair_weight = zip(*blocks, strict=True)
        if pair_weight[0] is not None:
            pair_weight = tuple(w.expand_as(m) for w, m in zip(pair_weight, marginal, strict=True))
        return tuple(
            None if part[0] is None else torch.cat(part)
            for part in (joint, marginal, joint_weight, pair_weight)
        )

    def load_into(self, bank: torch.nn.Module, n_folds: int) -> None:
        """Load the critics into a bank, to continue training.

        Parameters
        ----------
        bank : torch.nn.Module
            A bank of `n_folds` members.
        n_folds : int
            Number of folds.

        Raises
        ------
        ValueError
            The critics have other sizes.
        """
        # The first n_folds critics are the bank in its state by the first half of the held-out rows.
        state = {k: torch.tensor(v[:n_folds]) for k, v in self.frozen.arrays.items()}
        try:
            bank.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(
                "warm_start=True needs critics of the same sizes as in the last fit; got other sizes. Pass "
                "the same columns, cv, critic and hidden_layer_sizes, or set warm_start=False."
            ) from error

    def encode(self, columns: dict) -> list[Tensor]:
        """Columns of X and y by these names, as the arguments of the critic."""
        return [torch.as_tensor(encoder(columns[encoder.name])) for encoder in self.encoders]

    def value(self, columns: dict, weight: np.ndarray | None) -> float:
        """The bound on rows, in nats.

        Parameters
        ----------
        columns : dict
            Lists of columns ``"X"`` and ``"y"``.
        weight : ndarray of shape (n,) or None
            Weights of the rows.

        Returns
        -------
        float
        """
        n = len(columns["X"][0].values)
        if n < 2 and self.encoders[1].probability is None:
            raise ValueError(
                f"X must have at least 2 rows of positive weight if X and y are continuous; got {n}. Pass "
                "more rows, or use score_samples."
            )
        # In a fixed random order, because neighbouring rows form marginal pairs and the input can be sorted.
        order = torch.from_numpy(np.random.default_rng(_SEED).permutation(n))
        x, y = (block[order] for block in self.encode(columns))
        row_weight = None if weight is None else torch.as_tensor(weight)[order]
        return float(self.bound.estimate(*self._pairs(x, y, row_weight)))

    def value_in_chunks(self, chunks: Iterable, n: int, partners: Tensor, weight: Tensor | None) -> float:
        """The bound on rows that are read a few at a time, in any order, in nats.

        Neighbouring rows may be alike, so marginal pairs are not formed within a chunk: each row of x is
        paired with random rows of `partners`.

        Parameters
        ----------
        chunks : iterable of (dict, ndarray of shape (n,))
            Lists of columns ``"X"`` and ``"y"``, and weights of the rows.
        n : int
            Number of all rows, which determines how many pairs are formed.
        partners : Tensor of shape (n_partners, d_y)
            Encoded rows of the second argument of the critic.
        weight : Tensor of shape (n_partners,) or None
            Their weights.

        Returns
        -------
        float
        """
        generator, probability = torch.Generator().manual_seed(_SEED), self.encoders[1].probability
        n_pairs = 0 if probability is not None else choose_valuing_pairs(self.bound, None, n).group_size - 1
        ends = torch.arange(1, len(partners) + 1).double() if weight is None else weight.double().cumsum(0)
        total = mass = 0.0
        for columns, row_weight in chunks:
            x, y = self.encode(columns)
            w = torch.as_tensor(row_weight)
            if probability is not None:
                scores = self._pairs(x, y, w)
            else:
                drawn = ends[-1] * torch.rand(len(x), n_pairs, generator=generator, dtype=torch.float64)
                others = partners[torch.searchsorted(ends, drawn).clamp_max(len(partners) - 1)].double()
                joint, marginal = self._scores(x, y), self._scores(x.unsqueeze(1), others)
                scores = joint + self.bound.offset, marginal + self.bound.offset, w, w.unsqueeze(1)
            total += float(w.sum() * self.bound.estimate(*scores))
            mass += float(w.sum())
        return total / mass

    def log_ratio(self, columns: dict) -> np.ndarray:
        """Normalised critic at each row, shape (n,), in nats."""
        x, y = self.encode(columns)
        scores = self._scores(x, y)
        if self.bound.is_free_in_x:
            values, probability = (torch.tensor(a) for a in self.supports[1])
            marginal = self._scores(x.unsqueeze(1), values.expand(len(x), *values.shape))
            return (scores - (marginal + probability.log()).logsumexp(1)).numpy()
        return (scores + self.bound.offset - self.log_normaliser).numpy()

    def given_x(self, columns_x: list[Column]) -> np.ndarray:
        """``KL(p(y | x) || p(y))`` at each row x, shape (n,), in nats."""
        role = [encoder.name for encoder in self.encoders].index("X")
        given = torch.as_tensor(self.encoders[role](columns_x)).unsqueeze(1)
        values, probability = (torch.tensor(a) for a in self.supports[1 - role])
        others = values.expand(len(given), *values.shape)
        scores = self._scores(*((given, others) if role == 0 else (others, given)))
        log_posterior = scores + probability.log()
        log_mean = log_posterior.logsumexp(1, keepdim=True)
        return ((log_posterior - log_mean).exp() * (scores - log_mean)).sum(1).numpy()


def _support(encoder: BlockEncoder, values: Tensor, weight: Tensor | None):
    """Values that represent the marginal distribution of a block, and their probabilities."""
    if encoder.probability is not None:
        return np.eye(len(encoder.probability)), encoder.probability
    values = values[:_SUPPORT_ROWS]
    weight = torch.ones(len(values), dtype=torch.float64) if weight is None else weight[:_SUPPORT_ROWS]
    return values.numpy(), (weight / weight.sum()).numpy()
