"""dependence_table: its columns for features and pairs, and its picture."""

import itertools
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.stats import false_discovery_control

from skmine import (
    MINEFeatureSelector,
    dependence_table,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_regression,
    mutual_info_test,
)
from skmine._columns import Column, read_columns
from skmine._copula import (
    Margin,
    combine_pvalues,
    estimate_pairs,
    independence_pvalues,
    intervals,
    pair_intervals,
)
from skmine._copula.ranks import halve
from skmine.plotting import FeatureScoresDisplay


def draw_table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"noise": rng.normal(size=n), "strong": rng.normal(size=n), "weak": rng.normal(size=n)}
    )
    frame["gap"] = frame["noise"].where(rng.uniform(size=n) < 0.75)
    frame["constant"] = 1
    frame["id"] = [f"row {i}" for i in range(n)]
    frame["many"] = [f"level {i % 80}" for i in rng.integers(0, 80, n)]
    return frame, frame["strong"] + 0.3 * frame["weak"] + 0.5 * rng.normal(size=n)


def test_table__features__values_pvalues_and_notes():
    X, y = draw_table()

    table = dependence_table(X, y).set_index("feature")

    assert table.index[:2].tolist() == ["strong", "weak"]
    assert (np.diff(table["value"]) <= 0).all()
    np.testing.assert_array_equal(
        table["value"][X.columns],
        mutual_info_regression(X.drop(columns="id").assign(id=0), y)[[0, 1, 2, 3, 4, 6, 5]],
    )
    margins = [Margin.of_column(column, False) for column in read_columns(X, "X")]
    pvalues = independence_pvalues(margins, Margin.of_column(read_columns(y, "y")[0], False))
    np.testing.assert_array_equal(table["pvalue"][X.columns], pvalues)
    np.testing.assert_allclose(table["adjusted_pvalue"][X.columns], false_discovery_control(pvalues))
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    assert table["scale"].unique().tolist() == ["nats"]
    assert table["n_rows"]["gap"] == X["gap"].notna().sum() < table["n_rows"]["noise"] == len(X)
    assert table["note"]["gap"] == f"{X['gap'].isna().mean():.0%} missing"
    assert table["note"]["constant"] == "constant"
    assert str(table["value"]["constant"]) == "0.0"  # not -0.0
    assert table["note"]["id"].startswith("id or free text")
    assert table["note"]["many"] == "80 levels, 5.0 rows per level"
    assert table["note"]["strong"] == ""


def test_table__labels_that_hardly_repeat__pvalue_and_note_do_not_depend_on_their_names():
    rng = np.random.default_rng(0)
    n = 200
    y = rng.normal(size=n)
    names = [f"{i:03}" for i in np.argsort(np.argsort(y))]  # in the order of y
    some = np.where(np.arange(n) < 20, "a", [f"x {name}" for name in names])
    renamed = dict(zip(names, rng.permutation(names), strict=True))
    frame = pd.DataFrame({"id": [f"x {name}" for name in names], "some": some})
    other = pd.DataFrame({"id": [f"x {renamed[name]}" for name in names]})
    other["some"] = np.where(np.arange(n) < 20, "a", other["id"])

    table, after = (dependence_table(X, y).set_index("feature") for X in (frame, other))

    assert table.loc["id", ["value", "pvalue"]].tolist() == [0, 1]
    assert table.loc["id", "note"] == "id or free text: nearly every label is different"
    pd.testing.assert_frame_equal(table, after.loc[table.index], rtol=1e-9)


def test_table__classes__are_told_from_quantities():
    X, y = draw_table()
    X = X[["strong", "weak"]]

    for classes in (np.where(y > 0, "yes", "no"), (y > 0).astype(int), y > 0):
        table = dependence_table(X, classes).set_index("feature")
        np.testing.assert_array_equal(table["value"][X.columns], mutual_info_classif(X, classes))


def test_table__pairs__every_pair_once_as_in_the_matrix():
    X, _ = draw_table()
    X = X[["noise", "strong", "weak", "gap"]]

    table = dependence_table(X, unit="bits")

    assert len(table) == 6
    matrix = mutual_info_matrix(X)
    first = table.iloc[0]
    assert {first["feature"], first["other"]} == {"noise", "gap"}
    assert first["value"] == pytest.approx(matrix.loc["noise", "gap"] / np.log(2), rel=1e-6)
    assert first["note"].startswith("gap: ")
    assert table["adjusted_pvalue"].iloc[0] < 1e-6 < 0.05 < table["adjusted_pvalue"].iloc[1:].min()


def test_table__several_targets__a_row_for_each():
    X, y = draw_table()

    table = dependence_table(X[["strong", "weak"]], pd.DataFrame({"a": y, "b": -y}))

    assert sorted(zip(table["feature"], table["target"], strict=True)) == [
        ("strong", "a"),
        ("strong", "b"),
        ("weak", "a"),
        ("weak", "b"),
    ]


def test_table__correlations__in_0_to_1_with_their_interval():
    X, y = draw_table()

    table = dependence_table(X[["strong", "weak"]], y, scale="correlation")

    nats = dependence_table(X[["strong", "weak"]], y)
    for key in ("value", "low", "high"):
        np.testing.assert_allclose(table[key], np.sqrt(-np.expm1(-2 * nats[key])))
    assert table["scale"].unique().tolist() == ["correlation"]


@pytest.mark.parametrize(
    ("convert", "kind"),
    [
        (lambda X: X, pd.DataFrame),
        (lambda X: X.to_numpy(), pd.DataFrame),
        (pl.from_pandas, pl.DataFrame),
        (lambda X: pl.from_pandas(X).lazy(), pl.DataFrame),
        (lambda X: pa.Table.from_pandas(X, preserve_index=False), pa.Table),
    ],
)
def test_table__any_container__table_of_its_library(convert, kind):
    X, y = draw_table(100)
    X = X[["strong", "weak", "gap"]]

    table = dependence_table(convert(X), y.to_numpy())

    assert isinstance(table, kind)
    names = ["x0", "x1", "x2"] if kind is pd.DataFrame and convert(X) is not X else ["strong", "weak", "gap"]
    assert sorted(map(str, table["feature"])) == sorted(names)
    values = np.asarray(table["value"], dtype=float)
    np.testing.assert_array_equal(values, dependence_table(X, y)["value"])


def test_table__lazy_targets__their_names_without_a_warning():
    X, _ = draw_table(100)
    lazy = pl.from_pandas(X[["strong", "weak", "gap"]]).lazy()

    table = dependence_table(lazy.select("gap"), lazy.select("strong", "weak"))

    assert sorted(table["target"]) == ["strong", "weak"]


def test_table__no_pandas__error_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ImportError, match=r"needs pandas.*pip install pandas"):
        dependence_table(np.arange(20.0).reshape(10, 2), np.arange(10.0))


@pytest.mark.parametrize(
    ("X", "y", "parameters", "message"),
    [
        (np.ones((9, 1)), None, {}, "at least two columns if y is None; got 1"),
        (np.ones((9, 2)), np.ones(8), {}, "same number of rows; got 9 and 8"),
        (np.ones((9, 2)), np.ones(9), {"scale": "linear"}, "scale must be"),
        (np.ones((9, 2)), np.ones(9), {"confidence": 1.0}, "confidence"),
    ],
)
def test_table__bad_input__is_told(X, y, parameters, message):
    with pytest.raises(ValueError, match=message):
        dependence_table(X, y, **parameters)


# --- Intervals ---


@pytest.mark.statistical
@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5, 0.9])
def test_interval__normal_columns__cover_the_truth(correlation, seed):
    truth = -np.log1p(-(correlation**2)) / 2
    covered = []
    for i in range(60):
        rng = np.random.default_rng([seed, i])
        X = rng.normal(size=(500, 2))
        X[:, 1] = correlation * X[:, 0] + (1 - correlation**2) ** 0.5 * X[:, 1]
        margins = [Margin.of_column(column, False) for column in read_columns(X, "X")]
        _, low, high, _ = pair_intervals(margins[:1], margins[1], 0.95)[:, 0]
        covered.append(low <= truth + 1e-12 and truth <= high)

    # At .95, fewer than 51 of 60 have a probability of 2e-4.
    assert sum(covered) >= 51


@pytest.mark.statistical
def test_interval__classes__is_as_wide_as_estimates_vary(seed):
    found = []
    for i in range(60):
        rng = np.random.default_rng([seed, i])
        y = rng.integers(0, 3, 600)
        x = y + rng.normal(size=600)
        columns = read_columns(np.column_stack([x, y]), "X")
        margins = [Margin.of_column(columns[0], False), Margin.of_column(columns[1], True)]
        found.append(pair_intervals(margins[:1], margins[1], 0.95)[:, 0])
    values, low, high, _ = np.transpose(found)

    # A deviation of 60 values is known to 9 %; three of these.
    assert (high - low).mean() / 3.92 == pytest.approx(values.std(), rel=0.27)


def test_interval__dependence_that_only_labels_show__as_wide_as_its_log_ratio_varies():
    n_levels, n_rows = 40, 20
    x = np.repeat(np.arange(n_levels), n_rows)  # seven in ten rows of odd, three of even numbers
    y = np.concatenate([np.arange(n_rows) < (14 if level % 2 else 6) for level in range(n_levels)])
    deviation = (0.7 * 0.3 / len(x)) ** 0.5 * np.log(0.7 / 0.3)

    row = dependence_table(x[:, None], y).iloc[0]

    # The lower end is 1.96 standard deviations below the value. These are smaller for weaker dependence, and
    # half of the information is missing, because a level has few rows. The upper end includes the truth.
    assert deviation < row["value"] - row["low"] < 2 * deviation
    assert 0.7 * np.log(1.4) + 0.3 * np.log(0.6) < row["high"]


@pytest.mark.parametrize("growth", [0.0, 0.1])
def test_interval__growth_from_half_of_the_rows__added_twice_and_as_a_deviation(monkeypatch, growth):
    x, y, _ = draw_oscillation(np.random.default_rng(0))
    first, second = (Margin.of_column(c, False) for c in read_columns(np.column_stack([x, y]), "X"))
    value, free, plain, *_ = estimate_pairs([first], second)[:, 0]
    variance = intervals._table_variance(first, second, value) / 1000
    monkeypatch.setattr(intervals, "_growth", lambda *pair: growth)

    high = pair_intervals([first], second, 0.95)[2, 0]

    # Without growth, the interval is symmetric in the inverse hyperbolic tangent: a little narrower.
    highest = plain + 2 * growth if growth > 0 else free
    narrower = highest + 1.96 * np.sqrt(variance + growth**2)
    assert free - plain > 0.02
    assert high == pytest.approx(narrower, abs=0.002)


def test_growth__from_half_of_the_rows__difference_from_their_mean_at_least_zero():
    x, y, _ = draw_oscillation(np.random.default_rng(0))
    first, second = (Margin.of_column(c, False) for c in read_columns(np.column_stack([x, y]), "X"))
    plain = estimate_pairs([first], second)[2, 0]
    half = halve(first.number, second.number)
    halves = [
        estimate_pairs([first.take(rows)], second.take(rows), extrapolate=False)[2, 0]
        for rows in (half, ~half)
    ]

    assert intervals._growth(first, second, plain) == pytest.approx(plain - np.mean(halves))
    assert intervals._growth(first, second, np.mean(halves) - 0.1) == 0.0


def test_growth__value_below_one_over_2n__not_computed(monkeypatch):
    rng = np.random.default_rng(0)
    level = rng.integers(0, 40, 5000)
    X = np.column_stack([rng.integers(0, 40, (5000, 3)), level])
    *margins, target = (
        Margin.of_column(column, discrete)
        for column, discrete in zip(
            read_columns(np.column_stack([X, level + rng.normal(size=5000)]), "X"),
            [True] * 4 + [False],
            strict=True,
        )
    )
    computed = []
    monkeypatch.setattr(intervals, "_growth", lambda *pair: computed.append(pair[2]) or 0.0)

    pair_intervals(margins, target, 0.95)

    plain = estimate_pairs(margins, target)[2]
    assert plain.min() < 1 / 10_000 < plain[3]
    assert computed == plain[-np.expm1(-2 * plain) > 1 / 5000].tolist()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_growth__all_rows_in_one_half__none(n):
    labels = next(
        labels
        for labels in itertools.product(range(4), repeat=n)
        if len(set(halve(np.array(labels), np.arange(n)))) == 1
    )
    first, second = (Margin.of_column(Column(np.array(v, float), False), True) for v in (labels, range(n)))

    assert intervals._growth(first, second, 0.5) == 0.0


def draw_oscillation(rng):
    x, e = rng.normal(size=(2, 1000))
    return x, np.sin(6 * x) + 0.2 * e, False


def draw_levels(rng):
    shares = np.random.default_rng(3).dirichlet(np.full(6, 0.7), 30)  # of six classes in each of 30 levels
    level = rng.integers(0, 30, 300)
    return level, (shares.cumsum(axis=1)[level] < rng.uniform(size=(300, 1))).sum(axis=1), True


# The truths: from the density of the sine with noise, and the entropies of the classes.
@pytest.mark.statistical
@pytest.mark.parametrize(("draw", "truth"), [(draw_oscillation, 1.154), (draw_levels, 0.399)])
def test_interval__few_rows_of_a_fine_dependence__covers_the_truth(draw, truth, seed):
    covered = []
    for i in range(12):
        x, y, discrete = draw(np.random.default_rng([seed, i]))
        columns = read_columns(np.column_stack([x, y]).astype(float), "X")
        margins = [Margin.of_column(column, discrete) for column in columns]
        _, low, high, _ = pair_intervals(margins[:1], margins[1], 0.95)[:, 0]
        covered.append(low <= truth <= high)

    # Without the growth from half of the rows, at most two. At .9, fewer than 8 have a probability of 5e-4.
    assert sum(covered) >= 8


def draw_equal_rows(rng):
    """Two independent values for each of 60 groups, which the ten rows of the group share."""
    x, y = np.repeat(rng.normal(size=(2, 60)), 10, axis=1)
    return x, y, False


@pytest.mark.filterwarnings("ignore:At least 540 of 600 rows are exact copies")
@pytest.mark.statistical
@pytest.mark.parametrize("draw", [draw_oscillation, draw_equal_rows])
def test_table__dependence_that_smooth_functions_miss__pvalue_agrees_with_the_interval(draw, seed):
    x, y, _ = draw(np.random.default_rng(seed))
    X = x[:, None]

    row = dependence_table(X, y).iloc[0]

    assert row["low"] > 0.1
    assert row["pvalue"] < 1e-6
    assert mutual_info_test(X, y).pvalue == pytest.approx(row["pvalue"])
    assert MINEFeatureSelector(strategy="marginal").fit(X, y).support_[0]


@pytest.mark.statistical
def test_pvalues__independent_columns_of_several_kinds__evidence_lowers_hardly_any(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(40, 300))
    X = np.vstack([z, np.round(3 * z), np.where(z < 0, 0, z), rng.integers(0, 60, z.shape)])
    margins = [Margin.of_column(column, False) for column in read_columns(X.T, "X")]
    target = Margin.of_column(Column(np.round(2 * rng.normal(size=300)), False), False)

    pvalues = independence_pvalues(margins, target)
    combined = combine_pvalues(pvalues, estimate_pairs(margins, target)[3])

    assert (combined <= pvalues).all()
    # At 0.05, one pair in 2,000: two or more of 160 have a probability of 0.003.
    assert np.count_nonzero((combined <= 0.05) & (pvalues > 0.05)) <= 1


def test_interval__confidence__widens_it():
    X, y = draw_table()

    narrow, wide = (dependence_table(X[["strong"]], y, confidence=c) for c in (0.5, 0.99))

    assert wide["low"][0] < narrow["low"][0] < narrow["value"][0] < narrow["high"][0] < wide["high"][0]


# --- Picture ---


def test_picture__table__bars_that_exceed_chance_are_filled():
    X, y = draw_table()

    display = FeatureScoresDisplay.from_table(dependence_table(X, y, unit="bits"))

    table = dependence_table(X, y)
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], table["value"] / np.log(2))
    filled = [not bar.get_hatch() for bar in display.bars_]
    assert filled == (table["adjusted_pvalue"] <= 0.05).tolist()
    assert display.ax_.get_xlabel() == "mutual information (bits)"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "exceeds chance",
        "may be chance",
    ]
    plt.close(display.figure_)


def test_picture__pairs_as_correlations__named_by_both():
    X, _ = draw_table()

    table = dependence_table(pl.from_pandas(X[["noise", "gap", "weak"]]), scale="correlation")
    display = FeatureScoresDisplay.from_table(table)

    assert display.ax_.get_yticklabels()[0].get_text() == "noise – gap"
    assert display.ax_.get_xlabel() == "correlation of any form"
    plt.close(display.figure_)


def test_table__detectable__that_of_the_test_on_the_scale_of_the_table():
    X, y = draw_table()
    X = X[["noise", "gap", "constant"]]

    nats, bits, correlation = (
        dependence_table(X, y, **shown).set_index("feature")["detectable"]
        for shown in ({}, {"unit": "bits"}, {"scale": "correlation"})
    )

    for name in ("noise", "gap"):
        assert nats[name] == pytest.approx(mutual_info_test(X[[name]], y).detectable, rel=1e-6)
    assert nats["constant"] == np.inf
    np.testing.assert_allclose(bits, nats / np.log(2))
    assert correlation["noise"] == pytest.approx(np.sqrt(-np.expm1(-2 * nats["noise"])))


def test_table__weights__value_and_test_of_the_weighted_population():
    X, y = draw_table()
    X = X[["noise", "strong", "gap", "constant"]]
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    kept = weight > 0

    table = dependence_table(X, y, sample_weight=weight)

    pd.testing.assert_frame_equal(dependence_table(X[kept], y[kept], sample_weight=weight[kept]), table)
    pd.testing.assert_frame_equal(dependence_table(X, y, sample_weight=5 * weight), table)
    pd.testing.assert_frame_equal(dependence_table(X, y, sample_weight=[2.0] * 400), dependence_table(X, y))
    by_name = table.set_index("feature")
    assert by_name["n_rows"]["noise"] == kept.sum()
    scores = mutual_info_regression(X, y, sample_weight=weight)
    np.testing.assert_array_equal(by_name["value"][X.columns], scores)
    for name in ("noise", "strong", "gap"):
        test = mutual_info_test(X[[name]], y, sample_weight=weight, random_state=0)
        assert by_name["pvalue"][name] == pytest.approx(test.pvalue)
        assert by_name["detectable"][name] == pytest.approx(test.detectable)
    assert by_name.loc["constant", ["pvalue", "detectable"]].tolist() == [1.0, np.inf]
    pairs = dependence_table(X, sample_weight=weight)
    assert len(pairs) == 6
    with pytest.raises(ValueError, match=r"at least 8 rows of positive weight .* got 2"):
        dependence_table(X, y, sample_weight=np.maximum(3 - np.arange(401.0)[1:], 0))


def test_table__intervals_and_pvalues_of_weights_that_undo_a_selection__hold(seed):
    """Normal columns, drawn by y: the truth is in nine of ten intervals, and small p-values are rare."""
    truth, inside, pvalues = -0.5 * np.log(1 - 0.3**2), [], []
    rng = np.random.default_rng(seed)
    for _ in range(60):
        y, noise = rng.normal(size=(2, 1500))
        kept = rng.uniform(size=1500) < (share := np.clip(0.3 * np.exp(y), 0.05, 1))
        X = pd.DataFrame({"x": 0.3 * y + np.sqrt(1 - 0.3**2) * noise, "noise": rng.normal(size=1500)})
        table = dependence_table(X[kept], y[kept], sample_weight=1 / share[kept]).set_index("feature")
        inside.append(table["low"]["x"] <= truth <= table["high"]["x"])
        pvalues.append(table["pvalue"]["noise"])

    # The standard error of a share of .95 of 60 is .028.
    assert np.mean(inside) >= 0.85
    assert np.mean(np.array(pvalues) < 0.05) <= 0.05 + 4 * 0.028
