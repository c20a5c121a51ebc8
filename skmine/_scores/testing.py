"""Test of independence, also given other columns, and the weakest dependence that it can detect."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from skmine._clusters import ClusterTable, count_columns, is_clustered
from skmine._columns import Column, read_features, read_target
from skmine._copies import AS_GROUPS, warn_of_copies
from skmine._copula import (
    BlockLaw,
    Margin,
    block_law,
    choose_functions,
    combine_pvalues,
    estimate_pairs,
    excess_scale,
    independence_laws,
    pvalues_of,
)
from skmine._features import Features
from skmine._row_values import check_weight, read_groups
from skmine._scores.combined import correlation_of, pvalue_of_smaller
from skmine._scores.copies import copies_between
from skmine._scores.given import Given, Residuals, regress_on
from skmine._scores.levels import rank_functions
from skmine._scores.power import LEVEL, detectable_information
from skmine._scores.reading import PARAMETERS, read_discrete_features
from skmine._sklearn import validate_params
from skmine._validation import check_effective_samples, check_lengths, draw_seed, make_generator

#: Maximum number of functions of a block.
_MOST_FUNCTIONS = 200
#: Degrees of products that are weighted by a column of Z; maximum number of products per row.
_WEIGHTED_DEGREES, _PRODUCTS_A_ROW = (3, 2, 1), 0.125
#: Maximum number of products whose covariance is decomposed. With more, the Gram matrix of this many rows is.
_MOST_PRODUCTS, _GRAM_ROWS, _NULL_ROWS = 400, 1000, 5000
#: Minimum number of rows of positive weight (or groups) if Z, weights or groups are given.
_FEWEST = 8
_EFFECT_OF_COPIES = "pvalue is too small, because copies look like dependence."


class MutualInfoTestResult(NamedTuple):
    """Result of :func:`mutual_info_test`.

    Attributes
    ----------
    statistic : float
        Test statistic: weighted sum of squared covariances, times the number of rows.
    pvalue : float
        P-value: probability of a statistic at least as large if X and y are independent (given Z).
    detectable : float
        Weakest rising or falling dependence, in nats, that a test at level 0.05 would detect in 80 % of
        samples like yours. Dependence of other forms must be stronger to be detected. Look at this value
        before you conclude that X and y are independent. It is infinite if a column is constant, or if no
        such dependence would be detected.
    """

    statistic: float
    pvalue: float
    detectable: float


@validate_params(
    {
        "X": PARAMETERS["X"],
        "y": "no_validation",
        "Z": "no_validation",
        "discrete_features": PARAMETERS["discrete_features"],
        "sample_weight": ["array-like", None],
        "groups": ["array-like", None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def mutual_info_test(
    X, y, Z=None, *, discrete_features="auto", sample_weight=None, groups=None, random_state=None
):
    """Test whether X and y are independent, or independent given Z.

    The test detects dependence of any form, not only linear, and needs no permutations. It also reports the
    weakest dependence that it would have detected.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame, LazyFrame, Dataset, Dask} of shape (n_samples, n_features)
        Columns of any kind. A Dask collection is accepted only without `Z`, `sample_weight` and `groups`.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Target columns of any kind.
    Z : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_conditions) or None, default=None
        Columns to condition on, of any kind. Pass it to test whether X carries information about y beyond Z.
    discrete_features : "auto", bool or array-like, default="auto"
        Columns of X to treat as labels without order, as in :func:`mutual_info_regression`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows, such as survey weights. The test is then about the weighted population. Only the
        ratios of the weights matter. Rows with weight 0 are ignored.
    groups : array-like of shape (n_samples,) or None, default=None
        Group label of each row, such as a patient. Pass it if rows of a group depend on each other. With
        fewer than about 50 groups, the test detects little.
    random_state : int, RandomState or None, default=None
        Seed of the random rows that are used in the regressions on Z and, with more than 5,000 rows, for the
        null distribution. It has an effect only with `Z`, `sample_weight` or `groups`. Pass an int for
        reproducible results.

    Returns
    -------
    MutualInfoTestResult
        Named tuple of ``statistic``, ``pvalue`` and ``detectable``.

    Raises
    ------
    ValueError
        X, y or Z is empty, infinite or complex; the lengths differ; a weight is negative; or there are fewer
        than 8 rows or groups for a test given Z, with weights or with groups.
    IndexError
        `discrete_features` does not match the columns of X.
    TypeError
        A column holds dates, or objects that are neither strings nor numbers.

    Warns
    -----
    UserWarning
        Many rows are copies of other rows, and `groups` is not given.

    Notes
    -----
    Without Z, the statistic is the sum of the squared covariances between smooth functions of the ranks of X
    and of y. For categories, the functions are indicators of their levels. For several columns, products of
    two columns are added. If X and y have one column each, the p-value also uses the evidence of
    :func:`mutual_info_regression`, which finds rapid oscillations and rows that are equal.

    With Z, each function is first replaced by its residual after kernel ridge regression on Z. Two statistics
    are combined: one of the products of residuals, and one of these products weighted by each column of Z,
    which detects dependence that changes sign with Z. The null distribution accounts for overfitting of the
    regressions. If a column of Z has more than 32 levels, rows are compared only within its levels. Numbers
    that repeat count as levels if they repeat often, or if the regressions do not fit them. If there are
    several such columns, the one with most levels is used.

    No test is valid for every form of dependence on Z (Shah and Peters, 2020). If X and y both depend on Z in
    a way that the regressions cannot follow, p-values are too small.

    References
    ----------
    Gretton et al. (2008), A kernel statistical test of independence, for the null distribution without Z.
    Shah and Peters (2020), The hardness of conditional independence testing and the generalised covariance
    measure, Annals of Statistics. Scheidegger, Hörrmann and Bühlmann (2022), The weighted generalised
    covariance measure, JMLR. Kuonen (1999) for the tail of weighted sums of squared normals.

    Examples
    --------
    >>> import numpy as np
    >>> from skmine import mutual_info_test
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.normal(size=(500, 1))
    >>> X = Z**2 + 0.5 * rng.normal(size=(500, 1))
    >>> y = Z[:, 0] ** 2 + rng.normal(size=500)
    >>> mutual_info_test(X, y).pvalue < 1e-6
    True
    >>> mutual_info_test(X, y, Z, random_state=0).pvalue > 0.05
    True
    """
    plain = Z is None and sample_weight is None and groups is None
    if plain and is_clustered(X):
        return _test_clustered(X, y, discrete_features)
    features, targets = Features(X), read_target(y, lazy=plain)
    n = features.shape[0]
    check_lengths(n, len(targets[0].values))
    discrete = read_discrete_features(discrete_features, features.shape[1], features.sparse)
    if plain:
        return _test_plain(features, discrete, targets)
    weight = np.ones(n) if sample_weight is None else check_weight(sample_weight, n)
    rows = np.flatnonzero(weight)
    number = np.unique(rows if groups is None else read_groups(groups, n)[rows], return_inverse=True)[1]
    _check_number(int(number.max()) + 1, weight[rows], groups is not None)
    rng = np.random.default_rng(draw_seed(make_generator(random_state)))
    conditions = [] if Z is None else read_features(Z, "Z")
    for column in conditions[:1]:
        check_lengths(n, len(column.values), ("X", "Z"))
    columns, targets, conditions = (
        [column.take(rows) for column in block] for block in (features.read(), targets, conditions)
    )
    if groups is None:
        blocks = [
            [Margin.of_column(c, d) for c, d in zip(block, labels, strict=True)]
            for block, labels in ((columns, discrete), (targets, [c.categorical for c in targets]))
        ]
        warn_of_copies(copies_between(*blocks), len(rows), _EFFECT_OF_COPIES, AS_GROUPS)
    sides = [_block_functions(columns, discrete), _block_functions(targets, [False] * len(targets))]
    if not all(side.shape[1] for side in sides):
        return MutualInfoTestResult(0.0, 1.0, math.inf)
    given, first, second = regress_on(conditions, weight[rows], rng, sides)
    return _test_residuals(first, second, given.scores, number, rng)


def _test_clustered(X, y, discrete_features) -> MutualInfoTestResult:
    """Test without Z of a Dask X."""
    table = ClusterTable(X, y, discrete=read_discrete_features(discrete_features, count_columns(X)))
    n = table.grids[0].n_rows
    if len(table.names) > 2:
        return _result(table.independence(), n)
    law, evidence = table.pair_law((0, 1))
    return _result(law, n, evidence)


def _test_plain(features: Features, discrete: np.ndarray, targets: list[Column]) -> MutualInfoTestResult:
    """Test without Z, weights and groups."""
    second = [Margin.of_column(target, target.categorical) for target in targets]
    columns = _cells(features, discrete, second)
    n = len(second[0])
    if len(columns) + len(second) > 2:
        return _result(block_law(columns, second), n)
    return _result(independence_laws(columns, second[0])[0], n, estimate_pairs(columns, second[0])[3, 0])


def _check_number(n: int, weight: np.ndarray, grouped: bool) -> None:
    if n < _FEWEST:
        kind = "groups" if grouped else "rows of positive weight"
        raise ValueError(
            f"X must have at least {_FEWEST} {kind} for this test; got {n}. Pass more {kind.split()[0]}."
        )
    check_effective_samples(weight, _FEWEST)


def plain_tests(margins: list[Margin], target: Margin) -> tuple[np.ndarray, np.ndarray]:
    """P-values of the independence of each column and a target, and the dependence that would be detected.

    Parameters
    ----------
    margins : list of Margin
        Columns.
    target : Margin
        Target, with the same rows.

    Returns
    -------
    pvalues, detectable : ndarray of shape (n_columns,)
        As in :class:`MutualInfoTestResult`.
    """
    laws, n = independence_laws(margins, target), len(target)
    detectable = [detectable_information(law, n * law.weights.max(initial=0.0)) for law in laws]
    return pvalues_of(laws), np.array(detectable)


def weighted_tests(
    columns: list[Column], discrete: list[bool], target: Column, discrete_target: bool, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Like `plain_tests`, for rows with weights: :func:`mutual_info_test` of each column.

    Parameters
    ----------
    columns : list of Column
        Rows of positive weight.
    discrete : list of bool
        Whether to treat the numbers of each column as labels.
    target : Column
        The same rows.
    discrete_target : bool
        Whether to treat its numbers as labels.
    weight : ndarray of shape (n,)
        Weights of the rows, with mean 1.

    Returns
    -------
    pvalues, detectable : ndarray of shape (n_columns,)

    Raises
    ------
    ValueError
        There are fewer than 8 rows, or the weights leave fewer than 8 (Kish 1965, section 8.2).
    """
    _check_number(len(weight), weight, grouped=False)
    rng = np.random.default_rng(0)
    given, number = Given([], weight, rng), np.arange(len(weight))
    second = given.residuals(_block_functions([target], [discrete_target]))
    found = []
    for column, labels in zip(columns, discrete, strict=True):
        functions = _block_functions([column], [labels])
        if functions.shape[1] and second.values.shape[1]:
            first = given.residuals(functions)
            found.append(_test_residuals(first, second, given.scores, number, rng)[1:])
        else:
            found.append((1.0, math.inf))
    pvalues, detectable = np.array(found).T
    return pvalues, detectable


def _cells(features: Features, discrete: np.ndarray, targets: list[Margin]) -> list[Margin]:
    """Margins of all columns. Of several columns, only the cells are kept, which take one byte per value."""
    margins: list[Margin] = []
    n_copies = 0
    for chunk in features.chunks():
        some = [
            Margin.of_column(c, d) for c, d in zip(features.read(chunk), discrete[list(chunk)], strict=True)
        ]
        n_copies = max(n_copies, copies_between(some, targets))
        margins += some if features.shape[1] == 1 else [replace(margin, values=None) for margin in some]
    warn_of_copies(n_copies, len(targets[0].codes), _EFFECT_OF_COPIES, AS_GROUPS)
    return margins


def _result(law: BlockLaw, n: int, evidence: float = 0.0) -> MutualInfoTestResult:
    """Result of the test without Z, where the leading functions have the largest weight."""
    detectable = detectable_information(law, n * law.weights.max(initial=0.0))
    pvalue = combine_pvalues(np.array(law.pvalue()), np.array(evidence))
    return MutualInfoTestResult(law.statistic, float(pvalue), detectable)


def _test_residuals(
    first: Residuals, second: Residuals, scores: np.ndarray, number: np.ndarray, rng: np.random.Generator
) -> MutualInfoTestResult:
    """Test the products of residuals, plain and weighted by the columns of Z."""
    n, n_scores = scores.shape
    degree = next((d for d in _WEIGHTED_DEGREES if d**2 * n_scores <= _PRODUCTS_A_ROW * n), 1)
    blocks = [(first.values, second.values, np.ones((n, 1)))]
    if n_scores:
        blocks.append((first.values[:, :degree], second.values[:, :degree], scores))
    most = max(math.prod(part.shape[1] for part in block) for block in blocks)
    sums = _GroupSums(number, rng, _NULL_ROWS if most <= _MOST_PRODUCTS else _GRAM_ROWS)
    inflation = first.inflation(second)
    factors = [_factor(*block, sums) for block in blocks]
    laws = [_law(*pair, sums, inflation) for pair in zip(blocks, factors, strict=True)]
    pvalue = min(law.pvalue() for law in laws)
    if len(laws) > 1 and 0 < pvalue < 1:
        pvalue = pvalue_of_smaller(pvalue, correlation_of(*factors))
    signal = n * float(np.prod([(side.values[:, 0] ** 2).mean() for side in (first, second)]))
    detectable = detectable_information(laws[0], signal, LEVEL / len(laws))
    return MutualInfoTestResult(laws[0].statistic, pvalue, detectable)


class _GroupSums:
    """Sums over groups of rows, for a random subset of whole groups if there are more than `most` rows."""

    def __init__(self, number: np.ndarray, rng: np.random.Generator, most: int):
        n_groups = int(number.max()) + 1
        shuffled = rng.permutation(n_groups)[number]  # whole groups, in random order
        order = np.argsort(shuffled, kind="stable")
        last = shuffled[order[min(most, len(order)) - 1]]
        self.rows = order[shuffled[order] <= last]
        codes = shuffled[self.rows]
        self.matrix = csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return self.matrix @ values


def _factor(left: np.ndarray, right: np.ndarray, scores: np.ndarray, sums: _GroupSums) -> np.ndarray:
    """Sums over groups of products of residuals and scores, or a factor of their Gram matrix."""
    left, right, scores = (part[sums.rows] for part in (left, right, scores))
    if left.shape[1] * right.shape[1] * scores.shape[1] <= _MOST_PRODUCTS:
        products = left[:, :, None, None] * right[:, None, :, None] * scores[:, None, None, :]
        return sums(products.reshape(len(products), -1))
    gram = sums(sums((left @ left.T) * (right @ right.T) * (scores @ scores.T)).T)
    variance, axes = np.linalg.eigh(gram)
    return axes * np.sqrt(np.maximum(variance, 0.0))


def _law(block: tuple, factor: np.ndarray, sums: _GroupSums, inflation: float) -> BlockLaw:
    """Statistic of the mean products of residuals and scores, and its null distribution.

    Under independence, flipping the signs of whole groups does not change the distribution. The variance over
    these signs sets the spread, because the eigenvalues of an estimated covariance are too far apart.
    """
    left, right, scores = block
    moments = np.stack([(left * score[:, None]).T @ right for score in scores.T])
    own = ((factor**2).sum(axis=1) ** 2).sum()
    if not own:  # a block is a function of Z
        return BlockLaw(0.0, np.empty(0), 1.0)
    weights = np.linalg.eigvalsh(factor.T @ factor)
    square = (weights**2).sum()
    spread = np.sqrt(max(square - own, 1e-6 * own) / square)
    weights = weights[weights > 1e-9 * weights[-1]] * inflation / len(sums.rows)
    return BlockLaw(float((moments**2).sum()) / len(left), weights, float(spread))


def _block_functions(columns: list[Column], discrete) -> np.ndarray:
    """Centred functions of a block and, if there is room, of products of two columns."""

    def functions_of(degree: int) -> list[np.ndarray]:
        return [rank_functions(c, d, degree) for c, d in zip(columns, discrete, strict=True)]

    single, paired = choose_functions(functions_of, len(columns[0].values), _MOST_FUNCTIONS)
    products = [_products(one, other) for j, one in enumerate(paired) for other in paired[:j]]
    return np.hstack(single + products)


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Centred products of the functions of two columns, whose variances are limited."""
    products = (one[:, :, None] * other[:, None, :]).reshape(len(one), -1)
    products -= products.mean(axis=0)
    largest = np.outer(one.var(axis=0), other.var(axis=0)).ravel()
    return products / excess_scale(products.var(axis=0), largest)
