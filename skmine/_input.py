"""Rows in: X, y, weights and folds as a user passes them, checked and ready to encode."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral

import joblib
import numpy as np
import torch
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, RepeatedKFold, ShuffleSplit, check_cv

from skmine._columns import Column, read_features, read_target
from skmine._encoding import BlockEncoder
from skmine._engine.judge import JUDGING_ROWS
from skmine._engine.sample import Block, Folds, Sample
from skmine._validation import check_lengths, check_training_rows, check_weight, read_groups

_MIN_FOLD_ROWS = 4
#: Folds of rows enough to judge a network are made where there are at least so many of them.
_LEAST_FOLDS = 3
#: A number of folds is drawn for so many rows in all, at most so many times: of few rows another draw has
#: another value.
_REPEATED_ROWS, _MOST_REPEATS = 300, 3
#: Share of the rows that may be copies of others.
_MOST_COPIES = 0.1
#: Distinct values of a column of measurements, as a share of the distinct rows.
_MEASURED = 0.9
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: multiplication spreads the bits
#: Rows of less weight, beside the heaviest, are those of weight 0.
_LEAST_WEIGHT = 1e-12
#: Rows encoded in float64 at a time.
_ROWS_AT_ONCE = 2**16


@dataclass(frozen=True)
class Rows:
    """Columns of X and y, without the rows of weight 0.

    Attributes
    ----------
    columns : dict of list of Column
        The columns of ``"X"`` and of ``"y"``.
    weight : ndarray of shape (n_kept,) or None
        Weights of the rows.
    kept : ndarray of shape (n_kept,)
        Their numbers in the input.
    n_input : int
        Rows of the input.
    """

    columns: dict[str, list[Column]]
    weight: np.ndarray | None
    kept: np.ndarray
    n_input: int

    @classmethod
    def read(cls, X, y, sample_weight=None) -> "Rows":
        """Read and check the input of ``fit`` and ``score``."""
        columns = {"X": read_features(X), "y": read_target(y)}
        n_x, n_y = (len(block[0].values) for block in columns.values())
        check_lengths(n_x, n_y)
        if sample_weight is None:
            return cls(columns, None, np.arange(n_x), n_x)
        weight = check_weight(sample_weight, n_x)
        kept = np.flatnonzero(weight > _LEAST_WEIGHT * weight.max())
        columns = {name: [c.take(kept) for c in block] for name, block in columns.items()}
        return cls(columns, weight[kept], kept, n_x)

    def __len__(self) -> int:
        return len(self.kept)

    def sample(self, encoders: Sequence[BlockEncoder], folds: Folds) -> Sample:
        """The rows as the encoders of X and of y read them, in their order."""
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

    def check_can_train(self, has_groups: bool = False) -> None:
        """Raise ValueError where there are too few rows; warn of columns without a value, and of copies."""
        missing = [c.name for block in self.columns.values() for c in block if c.missing.all()]
        check_training_rows(len(self), missing, self.weight)
        if not has_groups:
            self._warn_of_copies()

    def _warn_of_copies(self) -> None:
        """Warn where many rows are copies of others, and measurements are copied with them.

        Rows of a few whole numbers repeat by themselves. A column of measurements is nearly as varied as the
        rows, and its values are not multiples of a unit.
        """
        columns = [column for block in self.columns.values() for column in block]
        numeric = [column.values for column in columns if not column.categorical]
        if not numeric or _n_distinct(numeric) > (1 - _MOST_COPIES) * len(self):
            return
        labels = [c.as_input().astype(str) for c in columns if c.categorical]
        numbers = [np.unique(label, return_inverse=True)[1].astype(np.float64) for label in labels]
        n_distinct = _n_distinct(numeric + numbers)
        if n_distinct > (1 - _MOST_COPIES) * len(self):
            return
        if any(_n_distinct([v]) > _MEASURED * n_distinct and not _has_unit(v) for v in numeric):
            warnings.warn(
                f"{len(self) - n_distinct} of {len(self)} rows are exact copies of other rows. mi_ is too "
                "high where folds train on copies of the rows that they hold out. Drop them, for example by "
                "pandas.DataFrame.drop_duplicates, or pass groups with one number for all copies of a row.",
                UserWarning,
                stacklevel=3,
            )

    def fingerprint(self, splits: list, last: str | None) -> str:
        """Hash of the rows and of their splits; ValueError where that of the last fit is another."""
        values = {name: [column.values for column in block] for name, block in self.columns.items()}
        parts = [part.numpy() for split in splits for part in split]
        fingerprint = joblib.hash((values, self.weight, parts))
        if last not in (None, fingerprint):
            raise ValueError(
                "warm_start=True goes on with the rows and folds of the last fit; got others. Pass the same "
                "X, y, sample_weight and cv (with a seed), or set warm_start=False."
            )
        return fingerprint

    def splits(self, cv, validation_fraction: float, seed: int, y, groups=None) -> list:
        """Training and held-out rows of each fold, as tensors of numbers among the kept rows.

        Parameters
        ----------
        cv : int, splitter, iterable or None
            As in `MutualInfoEstimator`; a splitter sees the rows of the input.
        validation_fraction : float
            Share held out where `cv` is None.
        seed : int
            Of the folds that are drawn here.
        y : array-like
            The target as passed, for a splitter that reads it.
        groups : array-like of shape (n_input,) or None, default=None
            Group of each row of the input; those of a group stay together.

        Returns
        -------
        list of (LongTensor, LongTensor)

        Raises
        ------
        ValueError
            A fold has fewer than 4 rows to train on or to hold out; `cv` splits other rows than these;
            `groups` has another length, or fewer than two groups.
        """
        groups = None if groups is None else read_groups(groups, self.n_input)
        if cv is None or isinstance(cv, Integral):
            drawn = self._draw_folds(cv, validation_fraction, seed, groups)
        else:
            drawn = self._given_folds(cv, y, groups)
        # Copies: workers get memory maps, and arrays that are not writable have no tensor.
        splits = [tuple(torch.tensor(part) for part in split) for split in drawn]
        if not splits:
            raise ValueError(
                f"cv must give at least one split; got none from {cv!r}. Pass a list: a generator serves one "
                "fit only."
            )
        fewest = min(len(part) for split in splits for part in split)
        if fewest < _MIN_FOLD_ROWS and cv is None:
            raise ValueError(
                f"validation_fraction must leave at least {_MIN_FOLD_ROWS} rows to train on; got "
                f"{validation_fraction}, which leaves {fewest}. Lower it or pass more rows."
            )
        if fewest < _MIN_FOLD_ROWS:
            raise ValueError(
                f"cv must leave at least {_MIN_FOLD_ROWS} rows to train on and to hold out in every fold; "
                f"got a fold with {fewest}. Pass fewer folds or more rows."
            )
        return splits

    def _draw_folds(self, cv: Integral | None, validation_fraction: float, seed: int, groups) -> Iterable:
        """Folds of our own, each with rows enough to judge a network; of whole groups where there are any."""
        n_held_out = JUDGING_ROWS if len(self) >= _LEAST_FOLDS * JUDGING_ROWS else _MIN_FOLD_ROWS
        groups = None if groups is None else groups[self.kept]
        n_groups = len(self) if groups is None else len(np.unique(groups))
        if n_groups < 2:
            raise ValueError("groups must hold at least 2 different groups; got 1. Pass groups=None.")
        if cv is None:
            size = min(max(n_held_out, round(validation_fraction * len(self))), len(self) - 1)
            if groups is None:
                return ShuffleSplit(1, test_size=size, random_state=seed).split(self.kept)
            return GroupShuffleSplit(1, test_size=size / len(self), random_state=seed).split(
                self.kept, groups=groups
            )
        n_folds = min(int(cv), len(self) // n_held_out, n_groups)
        if groups is not None:
            return GroupKFold(n_folds).split(self.kept, groups=groups)
        n_repeats = min(max(_REPEATED_ROWS // len(self), 1), _MOST_REPEATS)
        return RepeatedKFold(n_splits=n_folds, n_repeats=n_repeats, random_state=seed).split(self.kept)

    def _given_folds(self, cv, y, groups) -> Iterator[list[np.ndarray]]:
        """Folds of a splitter or an iterable, as numbers among the kept rows."""
        number = np.full(self.n_input, -1)
        number[self.kept] = np.arange(len(self))
        for split in check_cv(cv).split(number, y, groups):
            try:
                yield [part[part >= 0] for part in (number[np.asarray(rows)] for rows in split)]
            except IndexError as error:
                raise ValueError(
                    f"cv must split the {self.n_input} rows that fit is given; got the splits of other rows "
                    f"({error}). Where cross_val_score or a search passes a part of the rows to fit, pass a "
                    "splitter such as GroupKFold(3), and groups through metadata routing, not its splits."
                ) from error


def _n_distinct(columns: list[np.ndarray]) -> int:
    """Number of distinct rows of columns of numbers, by a hash of 64 bits."""
    hashed = np.zeros(len(columns[0]), dtype=np.uint64)
    for values in columns:
        bits = np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)  # one NaN, one zero
        hashed = (hashed ^ bits) * _ODD
        hashed ^= hashed >> np.uint64(29)
    return len(np.unique(hashed))


def _has_unit(values: np.ndarray) -> bool:
    """Whether numbers are multiples of the least distance between them, but for an offset."""
    steps = np.diff(np.unique(values[np.isfinite(values)]))
    if not len(steps):
        return True
    multiples = steps / steps.min()
    return bool((np.abs(multiples - np.round(multiples)) < 1e-6 * multiples).all())
