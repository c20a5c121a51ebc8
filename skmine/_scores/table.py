"""Table of mutual information with intervals, p-values and notes, for features or for pairs."""

from numbers import Real

import numpy as np
from joblib import delayed
from scipy.stats import false_discovery_control

from skmine._columns import Column, read_target
from skmine._copula import combine_pvalues, pair_intervals
from skmine._features import Features
from skmine._frames import column_names, library_of, make_frame
from skmine._progress import run_counted
from skmine._scores.copies import copied_with, warn_of_copied_columns
from skmine._scores.reading import PARAMETERS, RowWeights, is_class, is_id, read_discrete_features
from skmine._scores.testing import plain_tests, weighted_tests
from skmine._sklearn import Interval, validate_params
from skmine._units import check_scale, on_scale
from skmine._validation import check_lengths

#: A column of labels gets a note if it has fewer rows per level than this, on average.
_ROWS_A_LEVEL = 10
#: Below this share of missing values, the note gives their number instead of a percentage.
_SMALLEST_SHARE = 0.01
#: Columns that are scored together.
_COLUMNS_AT_ONCE = 16


@validate_params(
    {name: PARAMETERS[name] for name in ("X", "discrete_features", "n_jobs", "verbose")}
    | {
        "y": "no_validation",
        "sample_weight": ["array-like", None],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def dependence_table(
    X,
    y=None,
    *,
    discrete_features="auto",
    sample_weight=None,
    unit="nats",
    scale="information",
    confidence=0.95,
    n_jobs=None,
    verbose=False,
):
    """Mutual information of each feature with a target, or of all pairs of columns, as a table.

    Use it for a first look at a dataset. Each row of the table has an interval, p-values and a note on
    unusual columns.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset} of shape (n_samples, n_features)
        Columns of any kind. A missing value counts as a value of its own.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), or None, default=None
        Target columns of any kind. Strings, categories and integers with few distinct values are classes.
        With None, the table has a row for each pair of columns of X.
    discrete_features : "auto", bool or array-like, default="auto"
        Columns to treat as labels without order, as in :func:`mutual_info_regression`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows, such as survey weights. Values, intervals and p-values then describe the weighted
        population. Only the ratios of the weights matter. Rows with weight 0 are ignored.
    unit : {"nats", "bits"}, default="nats"
        Unit of mutual information.
    scale : {"information", "correlation"}, default="information"
        ``"correlation"`` returns values from 0 to 1, as in :func:`mutual_info_matrix`.
    confidence : float, default=0.95
        Confidence level of the intervals.
    n_jobs : int or None, default=None
        Number of parallel jobs. The values do not depend on it.
    verbose : bool, default=False
        Whether to show progress, as a bar if tqdm is installed and as lines on stderr otherwise.

    Returns
    -------
    DataFrame
        One row for each feature or pair, largest values first. The table is a polars DataFrame or an Arrow
        table if the input is one, otherwise a pandas DataFrame. Its columns are:

        - ``feature``: name of the feature;
        - ``other`` (pairs) or ``target`` (several targets): name of the second column;
        - ``value``, ``low``, ``high``: mutual information and its interval;
        - ``scale``: ``"nats"``, ``"bits"`` or ``"correlation"``;
        - ``pvalue``: p-value of independence, as in :func:`mutual_info_test` of the two columns;
        - ``adjusted_pvalue``: p-value adjusted for the number of rows of the table (Benjamini-Hochberg). To
          limit the expected share of false discoveries to 5 %, keep the rows in which it is at most 0.05;
        - ``detectable``: weakest rising or falling dependence, on the scale of the values, that the test
          would detect at level 0.05 in 80 % of samples like yours. Look at it before you conclude that a
          column is independent;
        - ``n_rows``: number of rows without a missing value in either column;
        - ``note``: anything unusual about a column: constant, id, few rows per level, missing values.

    Raises
    ------
    ValueError
        X or y is empty, infinite or complex; the lengths differ; X has a single column and y is None; a
        weight is negative; there are weights and fewer than 8 rows; or `unit` or `scale` is unknown.
    IndexError
        `discrete_features` does not match the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.
    ImportError
        The input is not a frame, and pandas is not installed.

    Warns
    -----
    UserWarning
        Text was read as numbers or holds dates, or many rows are exact copies of other rows.

    Notes
    -----
    If the dependence has more structure than the rows show, such as a fast oscillation, the value is too low.
    The upper end of the interval allows for this in part, by extrapolating from half of the rows to more
    rows. It cannot allow for structure that the rows do not show at all. With fewer than a few hundred rows,
    or if the dependence is not smooth, the true value is above the interval in more than 2.5 % of samples.

    References
    ----------
    Benjamini and Hochberg (1995), Controlling the false discovery rate.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmine import dependence_table
    >>> iris = load_iris(as_frame=True)
    >>> table = dependence_table(iris.data, iris.target_names[iris.target])
    >>> print(table[["feature", "value", "low", "high"]].round(1).to_string(index=False))
              feature  value  low  high
    petal length (cm)    0.9  0.8   1.1
     petal width (cm)    0.9  0.8   1.1
    sepal length (cm)    0.5  0.4   0.6
     sepal width (cm)    0.2  0.2   0.4
    """
    nats = check_scale(scale, unit)
    features = Features(X)
    discrete = read_discrete_features(discrete_features, features.shape[1], features.sparse)
    weights = RowWeights(sample_weight, features.shape[0])
    columns = [
        _Read(c, d, weights)
        for chunk in features.chunks()
        for c, d in zip(weights.take(features.read(chunk)), discrete[chunk], strict=True)
    ]
    names = column_names(features.named, len(columns))
    if y is None:
        if len(columns) < 2:
            raise ValueError("X must have at least two columns if y is None; got 1. Pass y, or more columns.")
        targets, target_names = columns, names
        pairs = [(np.arange(j), j) for j in range(1, len(columns))]
    else:
        read = read_target(y, lazy=True)
        check_lengths(features.shape[0], len(read[0].values))
        targets = [_Read(c, is_class(c), weights) for c in weights.take(read)]
        target_names = column_names(y, len(read), "y")
        pairs = [(np.arange(len(columns)), j) for j in range(len(targets))]
    blocks = [
        (part, j) for which, j in pairs for part in np.array_split(which, -(-len(which) // _COLUMNS_AT_ONCE))
    ]
    tasks = (delayed(_score)([columns[i] for i in block], targets[j], confidence) for block, j in blocks)
    scored = run_counted(tasks, n_jobs, verbose, len(blocks), "block of columns", prefer="threads")
    values, entropy, pvalue, n_rows, copies = np.split(np.hstack(scored), [4, 5, 6, 7])
    feature = np.concatenate([block for block, _ in blocks])
    of_feature = np.zeros(len(names), dtype=int)
    target = np.repeat([j for _, j in blocks], [len(block) for block, _ in blocks])
    for which in (feature, target) if y is None else (feature,):
        np.maximum.at(of_feature, which, copies[0].astype(int))
    warn_of_copied_columns(names, of_feature, len(targets[0].margin.codes))
    values = on_scale(values, entropy, scale, nats)
    order = np.lexsort((pvalue[0], -values[0]))
    feature, target = feature[order], target[order]
    table: dict = {"feature": [names[i] for i in feature]}
    if y is None or len(targets) > 1:
        table["other" if y is None else "target"] = [target_names[j] for j in target]
    table |= dict(zip(("value", "low", "high"), values[:3, order], strict=True))
    table["scale"] = ["correlation" if scale == "correlation" else unit] * len(order)
    table |= {"pvalue": pvalue[0, order], "adjusted_pvalue": false_discovery_control(pvalue[0])[order]}
    table["detectable"] = values[3, order]
    table["n_rows"] = n_rows[0, order].astype(int)
    table["note"] = _notes(columns, targets, names, target_names, feature, target)
    return make_frame(table, library_of(X, y))


class _Read:
    """A column as ranks or levels, with a note on anything unusual.

    Parameters
    ----------
    column : Column
        Values.
    discrete : bool
        Whether to treat numbers as labels.
    weights : RowWeights
        Weights of the rows.

    Attributes
    ----------
    column, discrete, weights
        The parameters; the column only if there are weights.
    margin : Margin
        Ranks or levels of the column.
    present : ndarray of shape (n,)
        Mask of the values that are not missing.
    note : str
        Anything unusual; usually empty.
    """

    def __init__(self, column: Column, discrete: bool, weights: RowWeights):
        self.column = None if weights.times is None else column
        self.discrete, self.weights = discrete, weights
        self.margin = margin = weights.margin(column, discrete)
        self.present = ~column.missing
        n_present = int(self.present.sum())
        n_levels = 0
        if margin.levels is not None:
            n_levels = int(np.count_nonzero(np.bincount(margin.levels[self.present])))
        notes = []
        if not n_present:
            notes.append("no value")
        elif margin.levels is not None and is_id(margin.levels[self.present]):
            notes.append("id or free text: nearly every label is different")
        elif len(margin.mass) < 2:
            notes.append("constant")
        elif n_levels and n_present < _ROWS_A_LEVEL * n_levels:
            notes.append(f"{n_levels} levels, {n_present / n_levels:.1f} rows per level")
        if 0 < n_present < len(self.present):
            n_missing = len(self.present) - n_present
            share = n_missing / len(self.present)
            notes.append(f"{share:.0%} missing" if share >= _SMALLEST_SHARE else f"{n_missing} missing")
        self.note = "; ".join(notes)


def _score(columns: list[_Read], target: _Read, confidence: float) -> np.ndarray:
    """Value, interval, detectable value, entropy, p-value, and numbers of complete and of copied rows."""
    margins = [column.margin for column in columns]
    *values, evidence = pair_intervals(margins, target.margin, confidence)
    entropy = [min(m.largest_information, target.margin.largest_information) for m in margins]
    n_rows = [np.count_nonzero(column.present & target.present) for column in columns]
    pvalues, detectable = _test(columns, target)
    copies = copied_with(margins, target.margin)
    return np.vstack([*values, detectable, entropy, combine_pvalues(pvalues, evidence), n_rows, copies])


def _test(columns: list[_Read], target: _Read) -> tuple[np.ndarray, np.ndarray]:
    """P-values and detectable values in nats."""
    times = target.weights.times
    if times is None or target.column is None:
        return plain_tests([column.margin for column in columns], target.margin)
    read = [column.column for column in columns if column.column is not None]
    labels = [column.discrete for column in columns]
    return weighted_tests(read, labels, target.column, target.discrete, times / times.mean())


def _notes(columns, targets, names, target_names, feature, target) -> list[str]:
    """Notes on the features. For pairs, each note starts with the name of the column."""
    if columns is not targets:
        return [columns[i].note for i in feature]
    notes = []
    for i, j in zip(feature, target, strict=True):
        read = ((names[i], columns[i].note), (target_names[j], targets[j].note))
        notes.append("; ".join(f"{name}: {note}" for name, note in read if note))
    return notes
