"""Encode columns of any kind as float columns for a critic.

Continuous columns become normal scores of their ranks, and categories become one-hot codes. A missing value
gets its own indicator. These maps do not change mutual information, and nothing is imputed.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri
from scipy.stats import chi2, entropy

from skmine._columns import Column
from skmine._views import COSINES, RankCosines, RobustViews, TailRadius

MAX_KNOTS = 10_000
#: Maximum number of indicators of a column, and of classes that several columns form.
MAX_LEVELS = 64
#: A single column of categories can have more classes. The first number limits the number of rows times the
#: number of classes. The second is the minimum number of rows per class, on average: classes of single rows
#: would reveal which rows are held out.
_MOST_INDICATORS, _ROWS_A_LEVEL = 2**20, 3
MAX_NUMERIC_LEVELS = 20
#: Half turns of additional (fast) cosines of a single numeric column, and of slow cosines. The fast cosines
#: are used if they depend on slow cosines of the other block.
FAST_COSINES, _SLOW_COSINES = np.arange(10, 41), np.arange(1, 5)
#: Level of the test for this dependence, with a Bonferroni correction, and approximate maximum number of
#: rows.
_LEVEL, _TESTED_ROWS = 0.01, 10_000
#: Minimum standard deviation by which normal scores are divided: that of a column in which one row in a
#: hundred has another value. Rarer values would be so large that a few rows decide what a critic learns.
_LEAST_DEVIATION = 0.25
#: Several discrete columns are also encoded one by one if they form more classes than the first number, with
#: fewer rows per class than the second.
_FEW_CLASSES, _ROWS_A_CLASS = 4, 200


def _level_codes(column: Column, levels: np.ndarray) -> np.ndarray:
    """Index of each value among the sorted levels; -1 if it is missing, -2 if it is new.

    Every value counts as missing if the column was empty in fit.
    """
    if not len(levels):
        return np.full(len(column.values), -1)
    if column.categorical:
        lookup = {level: i for i, level in enumerate(levels)}
        codes = np.fromiter((lookup.get(v, -2) for v in column.values), dtype=np.int64)
    else:
        codes = np.searchsorted(levels, column.values).clip(0, len(levels) - 1)
        codes = np.where(levels[codes] == column.values, codes, -2)
    return np.where(column.missing, -1, codes)


def _levels(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values in order, and how often each occurs."""
    if not column.categorical:
        present = column.values[~np.isnan(column.values)]
        return np.unique(present, return_counts=True)
    counts: dict = {}
    for value in column.values:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    levels = np.empty(len(counts), dtype=object)
    levels[:] = sorted(counts, key=lambda v: (type(v).__name__, str(v)))
    return levels, np.array([counts[v] for v in levels], dtype=np.int64)


def _most_levels(categorical: bool, n: int) -> int:
    """Maximum number of levels, besides missing, of a discrete column with n rows."""
    if categorical:
        return max(2, min(n // _ROWS_A_LEVEL, max(MAX_LEVELS, _MOST_INDICATORS // n)))
    return max(2, min(MAX_NUMERIC_LEVELS, n // 20))


def _may_be_classes(columns: list[Column], n: int) -> bool:
    """Whether no column has too many levels for classes. It is checked before the block is encoded."""
    return all(len(_levels(column)[0]) <= _most_levels(True, n) for column in columns)


def _entropy(column: Column, levels: np.ndarray, weight: np.ndarray | None) -> float:
    """Entropy in nats of the values of a column, including missing as a value."""
    return float(entropy(np.bincount(_level_codes(column, levels) + 1, weight)))


class _Missing:
    """Indicator of the missing values of one column."""

    width = 1

    def __call__(self, column: Column, ranks: np.ndarray | None) -> np.ndarray:
        return column.missing[:, None] * 1.0


class _Ranks:
    """Relative rank of each value of a numeric column, in (0, 1), interpolated for unseen values.

    Parameters
    ----------
    column : Column
        The rows to learn from.
    levels, counts : ndarray of shape (n_levels,)
        Its distinct values in order, and how often each occurs.
    weight : ndarray of shape (n,) or None
        Weights of the rows.
    """

    def __init__(self, column: Column, levels: np.ndarray, counts: np.ndarray, weight: np.ndarray | None):
        if weight is not None:
            present = ~column.missing
            codes = np.searchsorted(levels, column.values[present])
            counts = np.bincount(codes, weight[present], minlength=len(levels))
        ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
        keep = np.unique(np.linspace(0, len(levels) - 1, MAX_KNOTS).round().astype(int))
        self.knots, self.ranks = levels[keep], ranks[keep]

    def __call__(self, column: Column) -> np.ndarray:
        return np.interp(column.values, self.knots, self.ranks)  # NaN stays NaN


class _NormalScores:
    """Normal quantiles of the ranks of one numeric column, standardised unless nearly all values are equal.

    0 for a missing value.
    """

    width = 1

    def __init__(self, ranks: np.ndarray, weight: np.ndarray | None):
        present = ~np.isnan(ranks)
        scores = ndtri(ranks[present])
        weight = None if weight is None else weight[present]
        self.mean = np.average(scores, weights=weight)
        deviation = np.sqrt(np.average((scores - self.mean) ** 2, weights=weight))
        self.deviation = max(deviation, _LEAST_DEVIATION)

    def __call__(self, column: Column, ranks: np.ndarray) -> np.ndarray:
        return np.nan_to_num((ndtri(ranks) - self.mean) / self.deviation)[:, None]


class _OneHot:
    """Indicators of the most frequent levels of one column; any other value is all zeros."""

    def __init__(self, levels: np.ndarray, counts: np.ndarray):
        self.levels = levels[np.sort(np.argsort(-counts, kind="stable")[:MAX_LEVELS])]
        self.width = len(self.levels)

    def __call__(self, column: Column, ranks: np.ndarray | None) -> np.ndarray:
        return (_level_codes(column, self.levels)[:, None] == np.arange(len(self.levels))) * 1.0


class BlockEncoder:
    """Encode the columns of X, or of y, for a critic.

    Parameters
    ----------
    columns : list of Column
        The rows to learn ranks, levels and scales from.
    name : str
        ``"X"`` or ``"y"``, for messages.
    weight : ndarray of shape (n,) or None
        Weights of the rows, for ranks and for the probabilities of classes.
    classes : {"few", "many", "none"}, default="few"
        When the distinct rows of the block are encoded as classes. ``"few"``: if all columns are discrete and
        there are few distinct rows. ``"many"``: also for numbers, if there are at least three rows for each
        distinct row on average. ``"none"``: never.

    Attributes
    ----------
    entropy : float
        Upper limit of the information of the block in nats: its entropy if it has few distinct rows, the sum
        of the entropies of its columns if each holds categories or few values, otherwise infinity.
    n_core : int
        Number of leading columns of the encoding that contain all information. The others are views of the
        same data.
    n_scaled : int
        Number of first views that are columns in their own units. A block with a single numeric column has
        none.
    origin : ndarray of shape (n_core + n_views,)
        Core column that each column of the encoding is a function of; -1 for several.
    class_rows : ndarray of shape (n_classes, n_columns) or None
        Distinct rows of a block that is read as classes, as codes. The encoding is then the one-hot class.
    probability : ndarray of shape (n_classes,) or None
        How often each class occurs.
    """

    def __init__(
        self,
        columns: list[Column],
        name: str,
        weight: np.ndarray | None = None,
        classes: str = "few",
    ):
        n = len(columns[0].values)
        self.name = name
        self.entropy = np.inf
        #: Kind and base of each column. None for an empty column, which may be of any kind later.
        self.kinds = [None if c.missing.all() else (c.categorical, c.base) for c in columns]
        self.parts: list = []
        #: Encoder of each column that is read by its ranks, and views of these columns in their own units and
        #: of their ranks.
        self.ranks: dict[int, _Ranks] = {}
        self.in_units: list = []
        self.in_ranks: list = []
        self.n_scaled = 0
        self.class_rows: np.ndarray | None = None
        self.probability: np.ndarray | None = None
        levels = [_levels(column) for column in columns]
        if all(
            c.categorical or len(values) <= _most_levels(False, n)
            for c, (values, _) in zip(columns, levels, strict=True)
        ):
            self.entropy = sum(
                _entropy(column, values, weight) for column, (values, _) in zip(columns, levels, strict=True)
            )
        self._find_classes(columns, [values for values, _ in levels], weight, classes == "many")
        if classes == "none":
            self.class_rows = self.probability = None
        if self.class_rows is not None:
            self.n_core: int = len(self.class_rows)
            self.origin: np.ndarray = np.arange(self.n_core)
            return
        for j, (column, (values, counts)) in enumerate(zip(columns, levels, strict=True)):
            if len(values) > 1 and not column.categorical:
                self.ranks[j] = _Ranks(column, values, counts, weight)
        ranks = self._ranks(columns)
        of_column = dict(zip(self.numeric, ranks.T, strict=True))
        for j, (column, (values, counts)) in enumerate(zip(columns, levels, strict=True)):
            if column.missing.any() and len(values):
                self.parts.append((j, _Missing()))
            if j in of_column:
                self.parts.append((j, _NormalScores(of_column[j], weight)))
            elif len(values) > 1:
                self.parts.append((j, _OneHot(values, counts)))
        self.n_core = sum(encode.width for _, encode in self.parts)
        if len(self.numeric) == 1:
            self.in_ranks.append(RankCosines())
        elif self.numeric:
            self.in_units.append(RobustViews(self._numeric_values(columns), weight))
            self.n_scaled = len(self.numeric)
        if self.numeric:
            self.in_ranks.append(TailRadius(ranks, weight))
        self.origin = self._origin()

    @property
    def numeric(self) -> list[int]:
        """Indices of the columns that are read by their ranks."""
        return list(self.ranks)

    def slow_functions(self, columns: list[Column]) -> np.ndarray:
        """Functions of the block that rise and fall no more than twice, of shape (n, n_functions)."""
        if self.class_rows is not None:
            return self(columns)
        ranks, slow = self._ranks(columns), RankCosines(_SLOW_COSINES)
        return np.hstack([self._core(columns, ranks), *(slow(rank[:, None]) for rank in ranks.T)])

    def show_oscillations(self, columns: list[Column], slow: np.ndarray, weight: np.ndarray | None) -> None:
        """Add the fast cosines of the single numeric column that depend on slow functions of the other block.

        Such cosines exist if the other block oscillates with the column, but not if the dependence is smooth.
        The test also uses rows that critics hold out, which does little harm, because at this level noise
        hardly ever passes.

        Parameters
        ----------
        columns : list of Column
            Rows.
        slow : ndarray of shape (n, n_functions)
            Slow functions of the other block.
        weight : ndarray of shape (n,) or None
            Weights of the rows.
        """
        fast = RankCosines(FAST_COSINES)(self._ranks(columns))
        share = np.full((len(fast), 1), 1 / len(fast)) if weight is None else weight[:, None] / weight.sum()
        fast, slow = (part - (share * part).sum(axis=0) for part in (fast, slow))
        fast, slow = (part / np.sqrt((share * part**2).sum(axis=0) + 1e-12) for part in (fast, slow))
        moments = ((share * fast).T @ slow) ** 2
        depends = moments.max(axis=1) > chi2.isf(_LEVEL / moments.size, 1) * (share**2).sum()
        self.in_ranks[0].half_turns = np.append(COSINES, FAST_COSINES[depends])
        self.origin = self._origin()

    def _find_classes(self, columns, distinct: list[np.ndarray], weight, many: bool) -> None:
        n = len(columns[0].values)
        for column, levels in zip(columns, distinct, strict=True):
            if len(levels) > _most_levels(column.categorical or many, n):
                return
        self.distinct = distinct
        codes = self._codes(columns)
        rows, inverse = np.unique(codes, axis=0, return_inverse=True)
        most = _most_levels(True, n) if many else max(2, min(MAX_LEVELS, n // 10))
        if len(columns) > 1 and len(rows) > most:
            return
        self.class_rows = rows
        mass = np.bincount(inverse.ravel(), weights=weight, minlength=len(rows))
        self.probability = mass / mass.sum()
        self.entropy = float(entropy(self.probability))

    def _codes(self, columns: list[Column]) -> np.ndarray:
        return np.column_stack([_level_codes(c, lv) for c, lv in zip(columns, self.distinct, strict=True)])

    def _numeric_values(self, columns: list[Column]) -> np.ndarray:
        return np.column_stack([columns[j].values for j in self.numeric])

    def _ranks(self, columns: list[Column]) -> np.ndarray:
        """Ranks of the numeric columns, (n, n_numeric)."""
        found = [rank(columns[j]) for j, rank in self.ranks.items()]
        return np.column_stack(found) if found else np.empty((len(columns[0].values), 0))

    def _core(self, columns: list[Column], ranks: np.ndarray) -> np.ndarray:
        """The columns as normal scores and indicators."""
        of_column = dict(zip(self.numeric, ranks.T, strict=True))
        parts = (encode(columns[j], of_column.get(j)) for j, encode in self.parts)
        return np.hstack([np.empty((len(columns[0].values), 0)), *parts])

    def _origin(self) -> np.ndarray:
        ends = np.cumsum([encode.width for _, encode in self.parts])
        numeric = [
            end - 1
            for end, (_, encode) in zip(ends, self.parts, strict=True)
            if isinstance(encode, _NormalScores)
        ]
        origins = [np.arange(self.n_core)]
        if len(numeric) == 1:
            origins.append(np.repeat(numeric, len(self.in_ranks[0].half_turns)))
        elif numeric:
            origins.append(np.append(numeric, -1))
        if numeric:
            origins.append(np.full(2, numeric[0] if len(numeric) == 1 else -1))
        return np.concatenate(origins).astype(np.int64)

    def __call__(self, columns: list[Column]) -> np.ndarray:
        """Encoding of shape (n, n_core + n_views); a class never seen in fit is all zeros."""
        columns = [
            column if kind is None else column.as_kind(kind[0], column.name or self.name, kind[1])
            for column, kind in zip(columns, self.kinds, strict=True)
        ]
        if self.class_rows is not None:
            number = {tuple(row): i for i, row in enumerate(self.class_rows.tolist())}
            numbers = [number.get(tuple(row), -1) for row in self._codes(columns).tolist()]
            return (np.array(numbers)[:, None] == np.arange(len(self.class_rows))) * 1.0
        ranks = self._ranks(columns)
        parts = [self._core(columns, ranks)]
        parts += [view(self._numeric_values(columns)) for view in self.in_units]
        return np.hstack(parts + [view(ranks) for view in self.in_ranks])


def encodings(
    columns: dict[str, list[Column]], weight: np.ndarray | None, predicts: bool = False, compete: bool = True
) -> Iterator[tuple[BlockEncoder, BlockEncoder]]:
    """Yield pairs of encoders of X and y; the caller keeps the best pair.

    - A single numeric column gets as many cosines as the other block needs.
    - A block of classes comes second in the pair. If several columns form many classes, a further pair
      encodes these columns one by one.
    - If the rows of both blocks repeat, the last pair encodes them as classes, because neighbouring codes of
      unordered categories have nothing in common. No network can be trained on this pair.

    Parameters
    ----------
    columns : dict of {"X", "y"} to list of Column
        All rows.
    weight : ndarray of shape (n,) or None
        Weights of the rows.
    predicts : bool, default=False
        Whether a scikit-learn model predicts y from X. X and y are then not swapped, and X is encoded column
        by column.
    compete : bool, default=True
        Whether forms compete. Otherwise there is no pair on which a network cannot be trained.

    Yields
    ------
    tuple of two BlockEncoder
    """
    first = BlockEncoder(columns["X"], "X", weight, "none" if predicts else "few")
    second = BlockEncoder(columns["y"], "y", weight)
    if first.probability is not None and second.probability is None:
        first, second = second, first
    n = len(columns["X"][0].values)
    tested = np.arange(0, n, max(1, n // _TESTED_ROWS))
    for shown, other in ((first, second), (second, first)):
        if len(shown.numeric) == 1 and other.n_core:
            others, own = ([c.take(tested) for c in columns[block.name]] for block in (other, shown))
            tested_weight = None if weight is None else weight[tested]
            shown.show_oscillations(own, other.slow_functions(others), tested_weight)
    yield first, second
    if predicts:
        return
    blocks = {block.name: block for block in (first, second)}
    remaining = [name for name, block in blocks.items() if block.probability is None]
    are_many = second.n_core > max(_FEW_CLASSES, n / _ROWS_A_CLASS)
    if remaining == [first.name] and len(columns[second.name]) > 1 and are_many:
        yield first, BlockEncoder(columns[second.name], second.name, weight, "none")
    if not compete or not remaining or not all(_may_be_classes(columns[name], n) for name in remaining):
        return
    blocks |= {name: BlockEncoder(columns[name], name, weight, "many") for name in remaining}
    if all(block.probability is not None for block in blocks.values()):
        yield blocks["X"], blocks["y"]
