"""Scores of columns of any kind: limits, and changes of the input that must not change them."""

import warnings

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, entropy

from skmine import mutual_info_classif, mutual_info_matrix, mutual_info_regression

#: A kind of column from a generator and a number of rows. `z` is what columns have in common.
NUMBERS = {
    "continuous": lambda rng, z: z + rng.normal(size=len(z)),
    "copy": lambda rng, z: z.copy(),
    "ties": lambda rng, z: np.round(2 * z),
    "rounded": lambda rng, z: np.round(10 * (z + 0.2 * rng.normal(size=len(z)))),
    "spike": lambda rng, z: np.where(rng.uniform(size=len(z)) < 0.4, 1.5, z),
    "spikes": lambda rng, z: np.where(rng.uniform(size=len(z)) < 0.6, rng.integers(0, 3, len(z)), z),
    "zero inflation": lambda rng, z: np.where(z < 0, 0.0, np.exp(z + rng.normal(size=len(z)))),
    "two masses": lambda rng, z: np.where(np.abs(z) > 1, np.sign(z), z),
    "money": lambda rng, z: np.round(np.exp(z + rng.normal(size=len(z)) + 5), -1),
    "counts": lambda rng, z: rng.poisson(np.exp(z / 2 + 0.5)),
    "large integers": lambda rng, z: 2**60 + np.round(50 * z).astype(np.int64),
    "codes": lambda rng, z: rng.permutation(9)[np.clip(np.round(2 * z), -4, 4).astype(int)],
    "constant": lambda rng, z: np.full(len(z), 7.0),
    "missing": lambda rng, z: np.full(len(z), np.nan),
    "gaps": lambda rng, z: np.where(rng.uniform(size=len(z)) < 0.3, np.nan, z),
    "gaps and ties": lambda rng, z: np.where(z > 1, np.nan, np.round(z)),
    "permutation": lambda rng, z: rng.permutation(len(z)),
}
LABELS = {
    "text": lambda rng, z: name(np.clip(np.round(z), -2, 2)),
    "many levels": lambda rng, z: name(rng.integers(0, max(len(z) // 5, 1), len(z))),
    "text with gaps": lambda rng, z: np.where(rng.uniform(size=len(z)) < 0.2, None, name(np.round(z))),
    "bool": lambda rng, z: z > 0,
}
SAMPLES = st.sampled_from([1, 2, 5, 9, 20, 33, 64, 100, 200])
SEEDS = st.integers(0, 2**32 - 1)
few = settings(deadline=None, max_examples=30, derandomize=True)


def name(numbers):
    return np.array([f"level {v:g}" for v in numbers], dtype=object)


def kinds(table, **settings):
    return st.lists(st.sampled_from(sorted(table)), **settings)


def draw(names, n, seed):
    """Columns of some kinds, as a frame, that depend on one another."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    table = NUMBERS | LABELS
    return pd.DataFrame({f"{j} {kind}": table[kind](rng, z) for j, kind in enumerate(names)})


def quietly(score, *arguments, **parameters):
    """A score without the warnings of skmine; those of NumPy stay errors."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(X|y) |(X|y): no value", category=UserWarning)
        return score(*arguments, **parameters)


def level_entropy(column):
    return entropy(pd.Series(column).value_counts(dropna=False))


def is_discrete(column):
    return column.dtype.kind in "Ob" or column.nunique() <= 32


def same(actual, expected, tolerance=1e-9):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@few
@given(kinds(NUMBERS | LABELS, min_size=1, max_size=6), st.sampled_from(sorted(NUMBERS)), SAMPLES, SEEDS)
def test_regression__any_columns__within_its_limits(names, target, n, seed):
    frame = draw([*names, target], n, seed)
    X, y = frame.iloc[:, :-1], frame.iloc[:, -1]

    values = quietly(mutual_info_regression, X, y)

    assert values.shape == (len(names),)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    for value, column in zip(values, X, strict=True):
        for one in (X[column], y):
            if is_discrete(one):
                assert value <= level_entropy(one) + 1e-9
            if one.nunique(dropna=False) == 1:
                assert value == 0


@few
@given(
    kinds(NUMBERS | LABELS, min_size=1, max_size=6),
    st.sampled_from(["text", "bool", "codes"]),
    SAMPLES,
    SEEDS,
)
def test_classif__any_columns__within_its_limits(names, target, n, seed):
    frame = draw([*names, target], n, seed)
    X, y = frame.iloc[:, :-1], frame.iloc[:, -1]

    values, plug_in = (
        quietly(mutual_info_classif, X, y, discrete_features=j, bias_correction=j == []) for j in ([], [0])
    )

    for one in (values, plug_in):
        assert np.isfinite(one).all()
        assert (one >= 0).all()
        assert (one <= level_entropy(y) + 1e-9).all()
    assert plug_in[0] <= level_entropy(X.iloc[:, 0]) + 1e-9


@few
@given(kinds(NUMBERS, min_size=1, max_size=5), st.sampled_from(sorted(NUMBERS)), SAMPLES, SEEDS)
def test_regression__increasing_maps__do_not_change_it(names, target, n, seed):
    frame = draw([*names, target], n, seed)
    rng = np.random.default_rng(seed)
    mapped = frame.copy()
    for column in frame:
        present = frame[column].notna().to_numpy()
        rank = np.unique(frame[column][present], return_inverse=True)[1]
        heights = np.cumsum(rng.exponential(size=n + 1) ** 2 + 1e-6)
        numbers = np.full(n, np.nan)
        numbers[present] = heights[rank] - 3
        mapped[column] = numbers

    values = quietly(mutual_info_regression, mapped.iloc[:, :-1], mapped.iloc[:, -1])

    same(values, quietly(mutual_info_regression, frame.iloc[:, :-1], frame.iloc[:, -1]))


@few
@given(kinds(LABELS, min_size=1, max_size=4), st.sampled_from(sorted(NUMBERS)), SAMPLES, SEEDS)
def test_scores__levels_by_other_names__do_not_change_them(names, target, n, seed):
    frame = draw([*names, "text", target], n, seed)
    rng = np.random.default_rng(seed)
    renamed = frame.copy()
    for column in frame.columns[:-1]:
        levels = pd.unique(frame[column].dropna())
        new = dict(zip(levels, name(rng.permutation(len(levels))), strict=True))
        renamed[column] = frame[column].map(new).astype(object)

    for score, y in ((mutual_info_regression, -1), (mutual_info_classif, -2)):
        values = quietly(score, renamed.iloc[:, :-2], renamed.iloc[:, y])
        same(values, quietly(score, frame.iloc[:, :-2], frame.iloc[:, y]), 1e-7)


@few
@given(kinds(NUMBERS | LABELS, min_size=2, max_size=5), st.sampled_from(sorted(NUMBERS)), SAMPLES, SEEDS)
def test_scores__rows_and_columns_in_another_order__do_not_change_them(names, target, n, seed):
    frame = draw([*names, target], n, seed)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(n), rng.permutation(len(names))
    X, y = frame.iloc[:, :-1], frame.iloc[:, -1]

    values = quietly(mutual_info_regression, X, y)

    # Sums in another order differ by 1e-16 of each term. Fourth moments of about 10, of which 1e-10 is left
    # about a line, have a kurtosis of 1e-5 accuracy; the nats that it is worth vary a tenth as much.
    same(quietly(mutual_info_regression, X.iloc[rows], y.iloc[rows]), values, 2e-6)
    # Newton's method may stop a step of 1e-9 nats earlier.
    same(quietly(mutual_info_regression, X.iloc[:, columns], y), values[columns], 1e-7)


@few
@given(st.sampled_from(sorted(NUMBERS)), st.sampled_from(sorted(NUMBERS)), SAMPLES, SEEDS)
def test_regression__swapped__same_value(first, second, n, seed):
    frame = draw([first, second], n, seed)

    one, other = (
        quietly(mutual_info_regression, frame.iloc[:, [j]], frame.iloc[:, 1 - j])[0] for j in (0, 1)
    )

    same(one, other, 1e-6)


@few
@given(st.sampled_from(sorted(NUMBERS)), st.sampled_from(["text", "bool", "codes"]), SAMPLES, SEEDS)
def test_classif_and_regression__swapped__same_value(number, label, n, seed):
    frame = draw([number, label], n, seed)

    one = quietly(mutual_info_classif, frame.iloc[:, [0]], frame.iloc[:, 1])
    other = quietly(mutual_info_regression, frame.iloc[:, [1]], frame.iloc[:, 0], discrete_features=True)

    same(one, other, 1e-6)


@few
@given(kinds(NUMBERS | LABELS, min_size=2, max_size=4), SAMPLES, SEEDS)
def test_matrix__any_columns__symmetric_and_the_score_of_each_pair(names, n, seed):
    frame = draw([*names, "continuous"], n, seed)

    matrix = quietly(mutual_info_matrix, frame).to_numpy()

    off_diagonal = matrix[~np.eye(len(matrix), dtype=bool)]
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.isfinite(off_diagonal).all()
    assert (off_diagonal >= 0).all()
    scores = quietly(mutual_info_regression, frame.iloc[:, :-1], frame.iloc[:, -1])
    # Pairs that chance explains, at one in 1,000 of up to 9 * 9 products, are known to second order only.
    chance = chi2.isf(1e-3, 81) / (2 * n)
    for value, score in zip(matrix[-1, :-1], scores, strict=True):
        if max(value, score) > chance:
            same(value, score, 1e-6)


@few
@given(kinds(NUMBERS | LABELS, min_size=2, max_size=5), SAMPLES, SEEDS)
def test_matrix__columns_in_another_order__entries_in_another_order(names, n, seed):
    frame = draw(names, n, seed)
    order = np.random.default_rng(seed).permutation(len(names))

    matrix = quietly(mutual_info_matrix, frame.iloc[:, order]).to_numpy()

    same(matrix, quietly(mutual_info_matrix, frame).to_numpy()[np.ix_(order, order)], 1e-6)


@few
@given(kinds(NUMBERS | LABELS, min_size=1, max_size=4), st.sampled_from(sorted(NUMBERS)), SAMPLES, SEEDS)
def test_regression__jobs_and_input__same_bits_and_as_it_was(names, target, n, seed):
    frame = draw([*names * 10, target], n, seed)  # up to 40 columns: two blocks
    X, y = frame.iloc[:, :-1], frame.iloc[:, -1]
    before = frame.copy(deep=True)

    one, two = (quietly(mutual_info_regression, X, y, n_jobs=n_jobs) for n_jobs in (1, 2))

    np.testing.assert_array_equal(one, two)
    pd.testing.assert_frame_equal(frame, before)


@few
@given(kinds(NUMBERS, min_size=1, max_size=4), st.sampled_from(sorted(NUMBERS)), SAMPLES, SEEDS)
def test_regression__arrays__input_as_it_was_and_values_of_the_frame(names, target, n, seed):
    frame = draw([*names, target], n, seed)
    X, y = frame.iloc[:, :-1].to_numpy(), frame.iloc[:, -1].to_numpy()
    before = X.copy(), y.copy()

    values = quietly(mutual_info_regression, X, y, copy=False)

    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])
    if X.dtype.kind != "f" or "large integers" not in names:  # beside floats they lose their last digits
        same(values, quietly(mutual_info_regression, frame.iloc[:, :-1], frame.iloc[:, -1]))


@few
@given(kinds(NUMBERS | LABELS, min_size=1, max_size=5), st.sampled_from(sorted(NUMBERS)), SAMPLES, SEEDS)
def test_scores__weights__ratios_count_and_rows_of_weight_0_are_not_there(names, target, n, seed):
    frame = draw([*names, target], n, seed)
    X, y = frame.iloc[:, :-1], frame.iloc[:, -1]
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 4, n)
    weight[0] += 1
    kept = weight > 0

    def of(X, y, weight):
        matrix = quietly(mutual_info_matrix, X, sample_weight=weight).to_numpy()
        return np.append(quietly(mutual_info_regression, X, y, sample_weight=weight), matrix.ravel())

    values = of(X, y, weight)

    assert (values >= 0).all()
    np.testing.assert_array_equal(of(X, y, np.full(n, 0.3)), of(X, y, None))
    np.testing.assert_array_equal(of(X[kept], y[kept], weight[kept]), values)
    # Newton's method may stop a step of 1e-9 nats earlier, and fourth moments lose digits.
    same(of(X, y, 7 * weight), values, 2e-6)
