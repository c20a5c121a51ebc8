"""Encoding: the input of a critic from a column."""

import numpy as np
import pandas as pd
import pytest
import torch
from blocks import folds_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, rankdata

from skmine._columns import read_columns, read_features
from skmine._encoding import FAST_COSINES, BlockEncoder, encodings
from skmine._input import Rows
from skmine._views import COSINES


def encode(data, name="X"):
    columns = read_columns(data, name)
    encoder = BlockEncoder(columns, name)
    return encoder, encoder(columns)


@settings(deadline=None, max_examples=50)
@given(arrays(float, st.integers(40, 60), elements=st.floats(-1e300, 1e300), unique=True))
def test_encoder__continuous_column__standardised_normal_scores(values):
    encoder, encoded = encode(values)

    expected = norm.ppf((rankdata(values) - 0.5) / len(values))
    assert encoder.n_core == 1
    np.testing.assert_allclose(encoded[:, 0], expected / expected.std(), atol=1e-6)


@pytest.mark.parametrize("transform", [np.exp, np.arctan, lambda x: x**3, lambda x: 1e200 * x])
def test_encoder__increasing_map_of_a_column__same_code(transform):
    values = np.random.default_rng(0).normal(size=200)

    np.testing.assert_allclose(encode(transform(values))[1], encode(values)[1], atol=1e-12)


def test_encoder__unseen_values__are_between_those_of_their_neighbours():
    values = np.arange(100.0)
    encoder, encoded = encode(values)

    unseen = encoder(read_columns(np.array([-5.0, 10.5, 1000.0]), "X"))[:, 0]

    assert unseen[0] == encoded[0, 0]
    assert encoded[10, 0] < unseen[1] < encoded[11, 0]
    assert unseen[2] == encoded[-1, 0]


def test_encoder__ties__stay_ties():
    values = np.repeat(np.arange(30.0), 3)
    _, encoded = encode(values)

    assert (encoded.reshape(30, 3, -1) == encoded.reshape(30, 3, -1)[:, :1]).all()


@pytest.mark.parametrize(("n_others", "size"), [(500, 1.0), (20, 7.0), (1, 13.2)])
def test_encoder__few_rows_of_another_value__are_not_enlarged_to_variance_one(n_others, size):
    values = np.zeros((1000, 2))
    values[:n_others, 0], values[:, 1] = 1, np.arange(1000)

    coded = BlockEncoder(read_columns(values, "X"), "X")(read_columns(values, "X"))[:, 0]

    # A column of variance one has the size (1000 / n_others - 1)^(1/2), 31.6 for a single row. Otherwise the
    # difference of two normal scores, 3.29 and 0, is divided by 0.25.
    assert coded[0] == pytest.approx(size, rel=0.1)


def test_encoder__missing_values__indicator_and_constant():
    values = np.random.default_rng(1).normal(size=(100, 2))
    values[:20, 0] = np.nan
    encoder, encoded = encode(values)

    assert encoder.n_core == 3
    assert encoded[:, 0].tolist() == [1.0] * 20 + [0.0] * 80
    assert (encoded[:20, 1] == 0).all()
    assert np.isfinite(encoded).all()


def test_encoder__constant_columns__are_left_out():
    values = np.column_stack([np.ones(100), np.random.default_rng(2).normal(size=100)])

    assert encode(values)[0].n_core == 1


def test_encoder__few_distinct_rows__are_classes_with_probabilities():
    data = np.array([["a", 0], ["b", 1], ["a", 1], ["a", 0]] * 25, dtype=object)
    encoder, encoded = encode(data)

    assert encoder.probability.tolist() == [0.5, 0.25, 0.25]
    assert (encoded.sum(1) == 1).all()
    assert encoded.mean(0).tolist() == encoder.probability.tolist()


def test_encoder__class_never_seen__all_zeros():
    encoder, _ = encode(np.array(["a", "b"] * 50, dtype=object))

    assert encoder(read_columns(np.array(["a", "z"], dtype=object), "X")).tolist() == [[1, 0], [0, 0]]


def test_encoder__class_never_seen__is_not_the_missing_one():
    encoder, _ = encode(np.array(["a", None] * 50, dtype=object))

    assert encoder(read_columns(np.array(["z", None], dtype=object), "X")).tolist() == [[0, 0], [1, 0]]


def test_encoder__category_never_seen_beside_numbers__is_no_other_category():
    data = np.array([["a", 0.5], ["b", 1.5]] * 50, dtype=object)
    data[:, 1] = np.random.default_rng(5).normal(size=100)
    encoder, _ = encode(data)

    unseen = encoder(read_columns(np.array([["z", 0.0]], dtype=object), "X"))

    assert unseen[0, :2].tolist() == [0, 0]


def test_encoder__integer_weights__are_repeated_rows():
    values = np.random.default_rng(6).normal(size=60)
    counts = np.arange(60) % 3 + 1
    weighted = BlockEncoder(read_columns(values, "X"), "X", counts.astype(float))
    repeated = BlockEncoder(read_columns(np.repeat(values, counts), "X"), "X")

    rows = read_columns(values, "X")
    np.testing.assert_allclose(weighted(rows), repeated(rows), atol=1e-12)


def test_encoder__continuous_columns__training_values_are_not_kept_beyond_the_knots():
    encoder, _ = encode(np.random.default_rng(7).normal(size=(500, 40)))

    assert not hasattr(encoder, "distinct")


def test_encoder__several_columns_in_own_units__weights_are_nearly_repeated_rows(seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_t(3, size=(300, 3))
    values[rng.random((300, 3)) < 0.1] = np.nan
    counts = np.where(rng.random(300) < 0.3, 20, 1)
    repeated = read_columns(np.repeat(values, counts, axis=0), "X")

    rows = read_columns(values, "X")
    weighted, by_rows = BlockEncoder(rows, "X", counts.astype(float)), BlockEncoder(repeated, "X")

    start, stop = weighted.n_core, weighted.n_core + weighted.n_scaled
    # Quantiles lie between the middles of the weights of the rows. The largest weight is 20 of 2,000.
    difference = np.abs(weighted(rows) - by_rows(rows))[:, start:stop]
    assert weighted.n_scaled == 3
    assert difference.max() < 0.1


def test_encoder__weights__count_in_the_probabilities():
    columns = read_columns(np.array([0, 1] * 50), "y")

    encoder = BlockEncoder(columns, "y", np.array([3.0, 1.0] * 50))

    assert encoder.probability.tolist() == [0.75, 0.25]


@pytest.mark.parametrize(
    ("values", "discrete"),
    [
        (np.arange(1000) % 2, True),
        (np.arange(1000) % 20, True),
        (np.arange(1000) % 21, False),
        (np.arange(1000) % 300, False),
        (np.random.default_rng(3).normal(size=1000), False),
        (np.array([f"level {i % 60}" for i in range(1000)]), True),
        (np.array([f"level {i % 333}" for i in range(1000)]), True),
        (np.array([f"level {i % 334}" for i in range(1000)]), False),  # too few rows a level
        (np.array([f"level {i % 100}" for i in range(20_000)]), False),  # too many indicators
    ],
)
def test_encoder__numbers_or_categories__are_classes_if_few(values, discrete):
    assert (encode(values)[0].probability is not None) == discrete


def test_encoder__many_categories__one_column_a_frequent_level():
    values = np.array([f"rare {i}" if i % 2 else "common" for i in range(400)])
    encoder, encoded = encode(values)

    assert encoder.n_core == 64
    assert encoded.max(1)[::2].all()


def test_encoder__normal_columns_in_own_units__nearly_linear_up_to_three_deviations():
    values = np.random.default_rng(0).normal(loc=3, scale=5, size=(5000, 2))

    encoder, encoded = encode(values)

    view = encoded[:, encoder.n_core : encoder.n_core + encoder.n_scaled]
    linear = (values - values.mean(axis=0)) / values.std(axis=0)
    near = np.abs(linear) < 3
    assert np.abs(view - linear)[near].max() < 0.1  # the logarithm begins further out


def test_encoder__heavy_tails__views_are_finite_and_standardised():
    values = np.random.default_rng(4).standard_cauchy((500, 3)) ** 3
    encoder, encoded = encode(values)

    views = encoded[:, encoder.n_core :]
    assert views.shape == (500, 6)
    np.testing.assert_allclose(views.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(views.std(0), 1, atol=1e-9)


def test_encoder__tail_radius__grows_from_the_median_to_both_tails_alike():
    values = np.random.default_rng(8).permutation(np.arange(101.0))
    _, encoded = encode(np.exp(values))

    radius = encoded[np.argsort(values), -2:]  # the last two views
    np.testing.assert_allclose(radius, radius[::-1], atol=1e-6)
    assert (np.diff(radius[50:], axis=0) > 0).all()
    np.testing.assert_allclose(radius.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(radius.std(0), 1, atol=1e-9)


def test_encoder__tail_radius__reads_all_columns_and_takes_a_missing_value_for_the_median():
    rng = np.random.default_rng(9)
    values = rng.standard_cauchy((201, 2))
    values[0] = [1e12, np.median(values[1:, 1])]
    values[1] = [1e12, np.nan]  # a tie in the first column
    values[2] = [-1e12, 1e12]
    _, encoded = encode(values)

    radius = encoded[:, -2:]
    np.testing.assert_allclose(radius[0], radius[1], atol=0.02)
    assert (radius[2] == radius.max(0)).all()  # far out in both


@pytest.mark.parametrize("data", [np.arange(100) % 2, np.array(["a", "b", "c", "d"] * 25)])
def test_encoder__no_continuous_column__no_tail_radius(data):
    encoder, encoded = encode(np.column_stack([data, data]))

    assert encoded.shape[1] == encoder.n_core


def test_read_columns__repeated_names__are_read_by_position():
    frame = pd.DataFrame([[1.0, "a"], [2.0, "b"]])
    frame.columns = ["same", "same"]

    assert [column.categorical for column in read_features(frame)] == [False, True]


def test_read_columns__list_of_numbers_and_strings__stays_apart():
    number, text = read_columns([[1.5, "a"], [None, "b"]], "X")

    assert (number.categorical, text.categorical) == (False, True)
    assert np.isnan(number.values).tolist() == [False, True]


def test_read_columns__nan_among_strings__is_missing():
    (column,) = read_columns(["a", np.nan, "b"], "y")

    assert column.missing.tolist() == [False, True, False]


def test_read_columns__all_missing_categorical__is_missing():
    (column,) = read_columns(pd.Series([None, None], dtype="category"), "y")

    assert column.missing.all()


def test_read_columns__intervals_of_cut__are_categories():
    (column,) = read_columns(pd.cut(pd.Series([0.1, 0.5, 0.9]), 2), "y")

    assert column.categorical
    assert len(set(column.values)) == 2


@pytest.mark.parametrize("value", [np.inf, "1.5", 10**400])
def test_read_columns__objects_that_no_float_holds__raise(value):
    with pytest.raises((TypeError, ValueError), match=r"y has object values|Input y contains infinity"):
        read_columns(np.array([1.0, value], dtype=object), "y")


def test_read_columns__nullable_integers__missing_is_nan():
    (column,) = read_columns(pd.Series([1, None, 3], dtype="Int64"), "y")

    assert not column.categorical
    assert np.isnan(column.values).tolist() == [False, True, False]


# --- Origin ---


def make_table(*kinds, n=200, seed=11):
    """Columns of these kinds, a continuous one by default."""
    rng = np.random.default_rng(seed)
    make = {
        "number": lambda: rng.normal(size=n),
        "gaps": lambda: np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        "levels": lambda: rng.choice(["a", "b", "c"], n),
        "gappy levels": lambda: rng.choice(np.array(["a", "b", None], dtype=object), n),
    }
    return pd.DataFrame({f"{kind} {j}": make[kind]() for j, kind in enumerate(kinds)})


def encode_table(table):
    encoder = BlockEncoder(read_features(table), "X")
    return encoder, encoder(read_features(table))


@pytest.mark.parametrize(
    ("kinds", "core", "of_views"),
    [
        (["number"], 1, [0] * 8),
        (["gaps"], 2, [1] * 8),
        (["levels", "number"], 4, [3] * 8),
        (["number"] * 3, 3, [0, 1, 2, -1]),
        (["gaps", "levels", "number"], 6, [1, 5, -1]),
        (["number", "gappy levels", "gaps"], 6, [0, 5, -1]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and isinstance(value[0], str) else None,
)
def test_origin__views__are_of_the_core_column_of_their_number(kinds, core, of_views):
    encoder, encoded = encode_table(make_table(*kinds))

    assert encoder.n_core == core
    # The tail radius, two columns, is last.
    assert encoder.origin[:-2].tolist() == [*range(core), *of_views]
    assert len(encoder.origin) == encoded.shape[1]


@pytest.mark.parametrize("kinds", [["number"] * 3, ["number"] * 30, ["levels", "number", "number"]])
def test_origin__tail_radius_of_several__is_minus_one(kinds):
    encoder, _ = encode_table(make_table(*kinds))

    assert encoder.origin[-2:].tolist() == [-1, -1]


@pytest.mark.parametrize(
    "data",
    [np.arange(200) % 5, np.array([["a", 0], ["b", 1]] * 100, dtype=object), np.array(["a", None] * 100)],
    ids=["integers", "two columns", "missing"],
)
def test_origin__discrete_block__classes_are_their_own(data):
    encoder, encoded = encode(data)

    assert encoder.origin.tolist() == list(range(encoded.shape[1]))
    assert encoder.n_core == encoded.shape[1]


def test_origin__categories_of_many_levels__are_their_own():
    encoder, encoded = encode(np.array([f"level {i % 90}" for i in range(400)]))

    assert encoder.origin.tolist() == list(range(encoded.shape[1]))


@pytest.mark.parametrize("kinds", [["number"] * 3, ["gaps", "levels", "number"], ["levels", "number"]])
def test_origin__other_columns_change__the_column_does_not(kinds):
    table = make_table(*kinds)
    encoder, encoded = encode_table(table)

    for name in table.columns:
        shuffled = table.assign(**{name: table[name].to_numpy()[::-1]})
        changed = (encoder(read_features(shuffled)) != encoded).any(0)
        core = changed[: encoder.n_core]

        assert core.any()
        own = encoder.origin >= 0
        assert (core[encoder.origin[own]] | ~changed[own]).all()


def half_turns(X, y, weight=None):
    """Half turns of the cosines of each block's encoder, by name."""
    columns = {"X": read_columns(X, "X"), "y": read_columns(y, "y")}
    pair = next(iter(encodings(columns, weight)))
    for encoder in pair:
        encoded = encoder(columns[encoder.name])
        assert encoded.shape[1] == len(encoder.origin)
    return {encoder.name: getattr((*encoder.in_ranks, None)[0], "half_turns", []) for encoder in pair}


@pytest.mark.parametrize("n_targets", [1, 3])
def test_encodings__column_that_oscillates__shows_the_cosines_of_that_frequency(n_targets, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=2000)
    y = rng.normal(size=(2000, n_targets))
    y[:, 0] = np.cos(20 * np.pi * x) + 0.5 * rng.normal(size=2000)

    shown = half_turns(x[:, None], y)["X"]

    # The critical moment at 2,000 rows and 31 x 5 tests or more is below 0.1; that of 20 half turns is 0.6.
    assert set(COSINES) | {20} <= set(shown)
    assert len(shown) < len(COSINES) + 6


@pytest.mark.parametrize("noise", [1.0, 0.3, np.inf])
def test_encodings__smooth_or_no_dependence__shows_slow_cosines_alone(noise):
    n_fast = 0

    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, other = rng.normal(size=(2, 1000))
        y = other if noise == np.inf else x + noise * other
        n_fast += len(half_turns(x[:, None], y)["X"]) - len(COSINES)

    # Level 0.01: in 20 draws more than two are less likely than one in 1,000.
    assert n_fast <= 2


def test_encodings__classes_that_alternate__show_the_cosines_of_the_other_block(seed):
    x = np.random.default_rng(seed).uniform(size=1000)

    shown = half_turns(x[:, None], np.floor(15 * x) % 2)

    assert 15 in shown["X"]
    assert len(shown["y"]) == 0


def test_encodings__oscillation_in_rows_of_weight_zero__is_not_seen():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=2000), rng.normal(size=2000)
    y[1000:] = np.cos(20 * np.pi * x[1000:])
    weight = np.where(np.arange(2000) < 1000, 1.0, 0.0)

    assert 20 in half_turns(x[:, None], y)["X"]
    assert 20 not in half_turns(x[:, None], y, weight)["X"]


def test_encodings__numbers_that_repeat_on_both_sides__are_also_classes():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 10, size=(1000, 2)), rng.integers(0, 200, 1000)

    pairs = list(encodings({"X": read_columns(X, "X"), "y": read_columns(y, "y")}, None))

    assert [[block.class_rows is not None for block in pair] for pair in pairs][-1] == [True, True]
    assert len(pairs[-1][0].class_rows) == len(np.unique(X, axis=0))


@pytest.mark.parametrize("n_gaps", [0, 1])
def test_encodings__as_many_levels_as_allowed__are_classes_with_or_without_gaps(n_gaps):
    y = np.repeat(np.arange(100.0), 3)  # three rows a level
    y = np.append(y, np.full(n_gaps, np.nan))
    X = np.arange(len(y)) % 30

    *_, (_, block) = encodings({"X": read_columns(X[:, None], "X"), "y": read_columns(y, "y")}, None)

    assert len(block.class_rows) == 100 + n_gaps


def test_encodings__forms_do_not_compete__no_pair_of_classes_alone():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 50, size=(1000, 1)), rng.integers(0, 50, 1000)

    pairs = encodings({"X": read_columns(X, "X"), "y": read_columns(y, "y")}, None, compete=False)

    assert [[block.class_rows for block in pair] for pair in pairs] == [[None, None]]


def test_encodings__numbers_that_hardly_repeat__are_never_classes():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 1000, size=(1000, 1)), rng.integers(0, 1000, 1000)

    pairs = encodings({"X": read_columns(X, "X"), "y": read_columns(y, "y")}, None)

    assert [[block.class_rows for block in pair] for pair in pairs] == [[None, None]]


def test_encodings__several_columns__show_no_cosines():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(1000, 2))

    encoder, _ = next(iter(encodings({"X": read_columns(X, "X"), "y": read_columns(X[:, 0], "y")}, None)))

    assert encoder.n_scaled == 2
    assert encoder.origin.tolist() == [0, 1, 0, 1, -1, -1, -1]
    assert FAST_COSINES[0] == COSINES[-1] + 1


@pytest.mark.parametrize("weighted", [False, True])
def test_encoder__rows_in_blocks__same_scales(monkeypatch, weighted):
    rng = np.random.default_rng(0)
    values = rng.standard_t(2, size=(500, 3)) + 1e3
    values[:, 2] = 7.0  # constant: a level, not a number
    weight = rng.uniform(0.5, 2, size=500) if weighted else None
    columns = read_columns(values, "X")
    together = BlockEncoder(columns, "X", weight)(columns)

    monkeypatch.setattr("skmine._views._ROWS_AT_ONCE", 64)

    np.testing.assert_allclose(BlockEncoder(columns, "X", weight)(columns), together, rtol=1e-9, atol=1e-12)


def test_sample__rows_in_blocks__same_values(monkeypatch):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=300), rng.choice(["a", "b", None], size=300)]).astype(object)
    rows = Rows.read(X, rng.normal(size=300))
    encoders = next(iter(encodings(rows.columns, None)))
    folds = folds_of(*(rows[None] for rows in torch.arange(300).split([200, 50, 50])))
    together = rows.sample(encoders, folds)

    monkeypatch.setattr("skmine._input._ROWS_AT_ONCE", 7)
    apart = rows.sample(encoders, folds)

    assert torch.equal(apart.x.values, together.x.values)
    assert torch.equal(apart.y.values, together.y.values)
