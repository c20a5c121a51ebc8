"""Read and check X, y, weights and folds, ready to encode."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral

import joblib
import numpy as np
import torch
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, RepeatedKFold, ShuffleSplit

from skmine._columns import Column, check_features, read_columns, read_features, read_target, shape_of, unwrap
from skmine._copies import AS_GROUPS, copied_rows, warn_of_copies
from skmine._encoding import BlockEncoder
from skmine._engine.judge import JUDGING_ROWS, Verdict
from skmine._engine.sample import Block, Folds, Sample
from skmine._progress import counter
from skmine._row_values import check_weight, read_groups
from skmine._validation import check_lengths, check_training_rows, effective_samples

_MIN_FOLD_ROWS = 4
#: Folds are made large enough to judge a network if at least this many such folds are possible.
_LEAST_FOLDS = 3
#: With few rows the folds are drawn repeatedly, up to this total number of rows and at most this many times,
#: because the value depends on the draw.
_REPEATED_ROWS, _MOST_REPEATS = 300, 3
#: Weights below this share of the largest weight count as 0.
_LEAST_WEIGHT = 1e-12
#: Number of rows encoded in float64 at a time.
_ROWS_AT_ONCE = 2**16
#: Maximum number of rows in memory, and of their values, and number of rows that are always in memory.
#: Critics learn from fewer. Further rows only make the value more precise, for which each is read once.
_MOST_ROWS, _MOST_NUMBERS, _LEAST_ROWS = 2**20, 2**25, 2**14


@dataclass(frozen=True)
class Rows:
    """Columns of X and y, without the rows with weight 0.

    Attributes
    ----------
    columns : dict of list of Column
        The columns of ``"X"`` and of ``"y"``.
    weight : ndarray of shape (n_kept,) or None
        Weights of the rows.
    kept : ndarray of shape (n_kept,)
        Indices of these rows in the input.
    n_input : int
        Number of rows of the input.
    others : _Others or None
        Further rows of positive weight, if there are more than are kept.
    """

    columns: dict[str, list[Column]]
    weight: np.ndarray | None
    kept: np.ndarray
    n_input: int
    others: "_Others | None" = None

    @classmethod
    def read(cls, X, y, sample_weight=None, seed: int | None = None) -> "Rows":
        """Read and check the input of ``fit`` and ``score``.

        With a seed, a random sample of the rows is kept if there are too many for memory.
        """
        source, targets = _Source(X), read_target(y)
        n, d = source.shape
        check_lengths(n, len(targets[0].values))
        weight = positive = None
        if sample_weight is not None:
            weight = check_weight(sample_weight, n)
            positive = np.flatnonzero(weight > _LEAST_WEIGHT * weight.max())
        n_positive = n if positive is None else len(positive)
        most = int(np.clip(_MOST_NUMBERS // (d + len(targets)), _LEAST_ROWS, _MOST_ROWS))
        others = None
        if seed is not None and n_positive > most:
            rng = np.random.default_rng(seed)
            kept = np.sort(rng.choice(n_positive, most, replace=False, shuffle=False))
            kept = kept if positive is None else positive[kept]
            others = _Others(source, targets, weight, kept)
            columns = source.read(kept)
        else:
            kept = np.arange(n) if positive is None else positive
            columns = source.read()
            columns = columns if positive is None else [column.take(kept) for column in columns]
        if len(kept) < n:
            targets = [column.take(kept) for column in targets]
        return cls({"X": columns, "y": targets}, None if weight is None else weight[kept], kept, n, others)

    def __len__(self) -> int:
        return len(self.kept)

    def sample(self, encoders: Sequence[BlockEncoder], folds: Folds) -> Sample:
        """Encode the rows with a pair of encoders. If only X holds classes, the encoder of y comes first."""
        x, y = (self._block(encoder) for encoder in encoders)
        weight = None if self.weight is None else torch.tensor(self.weight, dtype=torch.float32)
        return Sample(x, y, folds, weight)

    def _block(self, encoder: BlockEncoder) -> Block:
        """Encoded columns of X or of y."""
        columns, parts = self.columns[encoder.name], []
        for start in range(0, len(self), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            some = columns if len(self) <= _ROWS_AT_ONCE else [column.take(rows) for column in columns]
            parts.append(torch.as_tensor(encoder(some), dtype=torch.float32))
        values = parts[0] if len(parts) == 1 else torch.cat(parts)
        probability = None if encoder.probability is None else torch.tensor(encoder.probability).to(values)
        return Block(values, encoder.n_core, probability, torch.tensor(encoder.origin), encoder.n_scaled)

    def extend(self, outcome, critic, sample: Sample, cv, groups, verbose) -> Verdict:
        """The verdict of a contest, with its value taken over all rows, also those that are not in memory.

        The value stays as it is if rows are related, because the critic has then seen relatives of the other
        rows; if the user interrupted the contest; and if the bound needs several pairs of each row.
        """
        others, are_related = self.others, groups is not None or not (cv is None or isinstance(cv, Integral))
        if others is None or are_related or outcome.interrupted or critic.bound.is_free_in_x:
            return outcome.verdict
        with counter(verbose, others.n_chunks, "block of rows") as on_chunk:
            rows = others.chunks(on_chunk), self.n_input
            value = critic.value_in_chunks(*rows, sample.y.values.cpu(), sample.weight)
        kept, mass = (np.ones(1) if w is None else w for w in (self.weight, others.weight))
        share = 1 - kept.mean() * len(self) / (mass.mean() * self.n_input)
        n_effective = self.n_input if others.weight is None else effective_samples(others.weight)
        return outcome.verdict.on_all_rows(value, float(share), n_effective)

    def check_can_train(self, has_groups: bool = False) -> None:
        """Raise ValueError if there are too few rows. Warn about empty columns and copied rows."""
        missing = [c.name for block in self.columns.values() for c in block if c.missing.all()]
        check_training_rows(len(self), missing, self.weight)
        if not has_groups:
            self._warn_of_copies()

    def _warn_of_copies(self) -> None:
        """Warn if many rows are copies of others and include copied measurements.

        Rows of small integers, and rows without a measurement, repeat by chance. They raise no warning.
        """
        n_copies = copied_rows([column for block in self.columns.values() for column in block])
        effect = "mi_ is too high if a fold trains on copies of its held-out rows."
        warn_of_copies(n_copies, len(self), effect, AS_GROUPS)

    def fingerprint(self, splits: list, last: str | None) -> str:
        """Hash of the rows and their splits. Raise ValueError if it differs from that of the last fit."""
        values = {name: [column.values for column in block] for name, block in self.columns.items()}
        parts = [part.numpy() for split in splits for part in split]
        fingerprint = joblib.hash((values, self.weight, parts))
        if last not in (None, fingerprint):
            raise ValueError(
                "warm_start=True needs the same rows and folds as the last fit; got different ones. Pass the "
                "same X, y, sample_weight and cv (with a seed), or set warm_start=False."
            )
        return fingerprint

    def groups(self, groups) -> torch.Tensor | None:
        """Group number of each kept row, or None, from the labels of all rows of the input."""
        return None if groups is None else torch.tensor(read_groups(groups, self.n_input)[self.kept])

    def splits(self, cv, validation_fraction: float, seed: int, y, groups=None) -> list:
        """Training and held-out rows of each fold, as tensors of indices among the kept rows.

        Parameters
        ----------
        cv : int, splitter, iterable or None
            As in `MutualInfoEstimator`. A splitter receives all rows of the input.
        validation_fraction : float
            Share of the rows to hold out if `cv` is None.
        seed : int
            Seed of the folds drawn here.
        y : array-like
            Target as passed, for a splitter that uses it.
        groups : array-like of shape (n_input,) or None, default=None
            Group of each row of the input. Groups are never split.

        Returns
        -------
        list of (LongTensor, LongTensor)

        Raises
        ------
        ValueError
            A fold has fewer than 4 training or held-out rows; `cv` splits other rows; or `groups` has the
            wrong length or fewer than two groups.
        """
        groups = None if groups is None else read_groups(groups, self.n_input)
        if cv is None or isinstance(cv, Integral):
            drawn = self._draw_folds(cv, validation_fraction, seed, groups)
        else:
            drawn = self._given_folds(cv, y, groups)
        # Copies, because workers get read-only memory maps, which torch cannot use.
        splits = [tuple(torch.tensor(part) for part in split) for split in drawn]
        if not splits:
            raise ValueError(
                f"cv must give at least one split; got none from {cv!r}. If it is a generator, pass a list, "
                "because a generator can be used only once."
            )
        fewest = min(len(part) for split in splits for part in split)
        if fewest < _MIN_FOLD_ROWS and groups is not None:
            sizes = np.bincount(groups[self.kept])
            raise ValueError(
                f"groups must form folds with at least {_MIN_FOLD_ROWS} training and held-out rows; got a "
                f"fold with {fewest}, from {np.count_nonzero(sizes)} groups. The largest group has "
                f"{sizes.max()} of the {len(self)} rows. Pass fewer folds or finer groups, or groups=None."
            )
        if fewest < _MIN_FOLD_ROWS and cv is None:
            raise ValueError(
                f"validation_fraction must leave at least {_MIN_FOLD_ROWS} rows to train on; got "
                f"{validation_fraction}, which leaves {fewest}. Lower it, or pass more rows."
            )
        if fewest < _MIN_FOLD_ROWS:
            raise ValueError(
                f"cv must give every fold at least {_MIN_FOLD_ROWS} training and held-out rows; got a fold "
                f"with {fewest}. Pass fewer folds, or more rows."
            )
        return splits

    def _draw_folds(self, cv: Integral | None, validation_fraction: float, seed: int, groups) -> Iterable:
        """Draw folds that are large enough to judge a network, without splitting groups."""
        n_held_out = JUDGING_ROWS if len(self) >= _LEAST_FOLDS * JUDGING_ROWS else _MIN_FOLD_ROWS
        groups = None if groups is None else groups[self.kept]
        n_groups = len(self) if groups is None else len(np.unique(groups))
        if n_groups < 2:
            raise ValueError("groups must have 2 or more different labels; got 1. Pass groups=None.")
        if cv is None:
            size = min(max(n_held_out, round(validation_fraction * len(self))), len(self) - 1)
            if groups is None:
                return ShuffleSplit(1, test_size=size, random_state=seed).split(self.kept)
            return GroupShuffleSplit(1, test_size=size / len(self), random_state=seed).split(
                self.kept, groups=groups
            )
        n_folds = min(int(cv), len(self) // n_held_out, n_groups)
        if groups is not None:
            return self._fold_groups(n_folds, groups)
        n_repeats = min(max(_REPEATED_ROWS // len(self), 1), _MOST_REPEATS)
        return RepeatedKFold(n_splits=n_folds, n_repeats=n_repeats, random_state=seed).split(self.kept)

    def _fold_groups(self, n_folds: int, groups: np.ndarray) -> list:
        """Folds of whole groups: fewer if some would have too few rows, but at least two."""
        for number in range(n_folds, 1, -1):
            folds = list(GroupKFold(number).split(self.kept, groups=groups))
            if min(len(part) for fold in folds for part in fold) >= _MIN_FOLD_ROWS:
                break
        return folds

    def _given_folds(self, cv, y, groups) -> Iterator[list[np.ndarray]]:
        """Folds of a splitter or an iterable, as indices among the kept rows."""
        number = np.full(self.n_input, -1)
        number[self.kept] = np.arange(len(self))
        for split in cv.split(number, unwrap(y), groups) if hasattr(cv, "split") else cv:
            try:
                train, held_out = split
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"cv must give pairs of training and held-out rows; got {type(cv).__name__} with a split "
                    f"that is not a pair ({error}). Pass a number of folds, a splitter or a list of pairs."
                ) from error
            indices = [_read_indices(rows) for rows in (train, held_out)]
            try:
                parts = [number[part] for part in indices]
            except IndexError as error:
                raise ValueError(
                    f"cv must split the {self.n_input} rows that fit is given; got splits of other rows "
                    f"({error}). If cross_val_score or a grid search calls fit on part of the rows, pass a "
                    "splitter such as GroupKFold(3), with groups through metadata routing."
                ) from error
            train, held_out = (part[part >= 0] for part in parts)
            if n_shared := np.isin(held_out, train).sum():
                raise ValueError(
                    f"cv must hold out rows that it does not train on; got a fold with {n_shared} rows in "
                    "both. Remove them from the training rows: the estimate would be too high."
                )
            yield [train, held_out]


class _Source:
    """Columns of X, read at some rows. Arrays of numbers, also on disk, are not read as a whole."""

    def __init__(self, X):
        data = check_features(X)
        self.shape = shape_of(data)
        is_plain = isinstance(data, np.ndarray) and data.dtype.kind in "iuf"
        self._array = data if is_plain else None
        self._columns = [] if is_plain else read_features(X)

    def read(self, rows: slice | np.ndarray | None = None) -> list[Column]:
        if self._array is not None:
            return read_columns(self._array if rows is None else self._array[rows], "X")
        if rows is None:
            return self._columns
        return [column.take(rows) for column in self._columns]


@dataclass(frozen=True)
class _Others:
    """Rows that are not kept, a few at a time.

    Attributes
    ----------
    source : _Source
        Columns of X.
    targets : list of Column
        All rows of y.
    weight : ndarray of shape (n_input,) or None
        Weights of all rows.
    kept : ndarray of shape (n_kept,)
        The rows that are left out here.
    """

    source: _Source
    targets: list[Column]
    weight: np.ndarray | None
    kept: np.ndarray

    @property
    def n_chunks(self) -> int:
        """Number of chunks."""
        return -(-self.source.shape[0] // _ROWS_AT_ONCE)

    def chunks(self, on_chunk: Callable) -> Iterator[tuple[dict[str, list[Column]], np.ndarray]]:
        """Columns of X and y, and weights. `on_chunk` is called after each chunk."""
        n = self.source.shape[0]
        for start in range(0, n, _ROWS_AT_ONCE):
            rows = slice(start, min(start + _ROWS_AT_ONCE, n))
            weight = np.ones(rows.stop - start) if self.weight is None else self.weight[rows].copy()
            first, last = np.searchsorted(self.kept, [start, rows.stop])
            weight[self.kept[first:last] - start] = 0
            if len(left := np.flatnonzero(weight)):
                columns = {"X": self.source.read(rows), "y": [target.take(rows) for target in self.targets]}
                yield {name: [c.take(left) for c in block] for name, block in columns.items()}, weight[left]
            on_chunk(rows)


def _read_indices(rows) -> np.ndarray:
    """One side of a split, as integers or a mask."""
    indices = np.asarray(rows)
    if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iub"):
        raise ValueError(
            "cv must give each side of a split as a list of integers or as a mask; got shape "
            f"{indices.shape} of {indices.dtype}. Convert it, for example with rows.astype(int)."
        )
    return indices if indices.size else np.empty(0, dtype=int)
