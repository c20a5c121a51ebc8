"""Dask arrays and DataFrames: counts of partitions compared with the same rows in memory."""

import itertools
from functools import partial

import numpy as np
import pandas as pd
import pytest

from skmine import (
    MINEFeatureSelector,
    MutualInfoEstimator,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_regression,
    mutual_info_test,
)
from skmine._columns import Column, read_columns
from skmine._copula import Grid, Margin, Summary, independence_pvalues, merge, pair_information

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

#: Nats by which the values of a grid may differ from those of all ranks: its 1,024 shares merge ranks that
#: are 1/1,024 apart, which costs s^2 / (24 * 1,024^2) nats where the log ratio has the slope s in the ranks,
#: and cells of a tree end up to half a share further, which moves its weights.
RESOLUTION = 0.005

N = 9_000  # more than are counted exactly


def draw_frame(n=N):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "strong": x + 0.1 * rng.normal(size=n),
            "weak": 0.3 * x + rng.normal(size=n),
            "wave": np.arcsin(np.sin(3 * x)) + 0.3 * rng.normal(size=n),
            "gaps": np.where(rng.random(n) < 0.2, np.nan, x + rng.normal(size=n)),
            "zeros": np.where(rng.random(n) < 0.5, 0, np.abs(x)),
            "count": rng.poisson(np.exp(0.5 * x)),
            "letter": rng.choice(list("abcd"), size=n),
            "noise": rng.normal(size=n),
        }
    )
    frame["letter"] = frame["letter"].where(x > 0, "a")
    return frame, pd.Series(x + 0.2 * rng.normal(size=n), name="y")


def as_dask(frame, y, n_partitions=5):
    whole = dd.from_pandas(frame.assign(y=y), npartitions=n_partitions)
    return whole[list(frame.columns)], whole["y"]


def test_regression__partitions__values_in_memory_within_the_resolution():
    frame, y = draw_frame()

    counted = mutual_info_regression(*as_dask(frame, y))

    expected = mutual_info_regression(frame, y)
    assert expected.max() > 1.4  # also strong dependence
    np.testing.assert_allclose(counted, expected, atol=RESOLUTION)


def test_regression__other_partitions__same_values():
    frame, y = draw_frame()

    one, many = (mutual_info_regression(*as_dask(frame, y, n)) for n in (1, 23))

    np.testing.assert_allclose(one, many, atol=RESOLUTION / 5)


def test_classif__partitions__values_in_memory_within_the_resolution():
    frame, y = draw_frame()
    classes = pd.Series(np.where(y > 1, "high", np.where(y > 0, "some", "low")))

    counted = mutual_info_classif(*as_dask(frame, classes))

    np.testing.assert_allclose(counted, mutual_info_classif(frame, classes), atol=RESOLUTION)


def test_classif__plug_in__that_of_memory():
    frame, y = draw_frame()
    X, classes = frame[["letter", "count"]], y > 0

    counted = mutual_info_classif(*as_dask(X, classes), discrete_features=True, bias_correction=False)

    expected = mutual_info_classif(X, classes, discrete_features=True, bias_correction=False)
    np.testing.assert_allclose(counted, expected, rtol=1e-9)


@pytest.mark.parametrize("shown", [{"unit": "bits"}, {"scale": "correlation"}])
def test_scores__unit_and_scale__as_in_memory(shown):
    frame, y = draw_frame(2_000)
    X, classes = frame[["weak", "letter"]], y > 0

    counted = [
        mutual_info_classif(*as_dask(X, classes), **shown),
        mutual_info_matrix(as_dask(X, y)[0], **shown),
    ]

    for value, expected in zip(
        counted, [mutual_info_classif(X, classes, **shown), mutual_info_matrix(X, **shown)], strict=True
    ):
        np.testing.assert_allclose(value, expected, atol=RESOLUTION)


@pytest.mark.parametrize(("n", "rounded"), [(2_000, False), (2_001, True)])
def test_grid__numbers_that_differ__a_cell_each_up_to_2000_rows(n, rounded):
    grid = Grid(Summary.of_column(Column(np.arange(n, dtype=float), False), False))

    assert grid.rounded == rounded
    assert (grid.n_cells == n + 1) != rounded  # the last cell is for missing values


def test_matrix__partitions__values_in_memory_within_the_resolution():
    frame, _ = draw_frame()

    counted = mutual_info_matrix(as_dask(frame, frame["noise"])[0])

    expected = mutual_info_matrix(frame)
    assert counted.columns.tolist() == frame.columns.tolist()
    # Whether numbers repeat is known for columns whose grid has one cell per value.
    expected = np.array(expected)
    np.fill_diagonal(expected, np.where(frame.nunique() > 100, np.inf, np.diag(expected)))
    np.testing.assert_allclose(counted, expected, atol=RESOLUTION)


def test_matrix__few_rows_in_partitions__values_in_memory():
    frame, _ = draw_frame(2_000)

    counted = mutual_info_matrix(as_dask(frame, frame["noise"])[0])

    np.testing.assert_allclose(counted, mutual_info_matrix(frame), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("columns", [["weak"], ["gaps", "letter", "count"]])
def test_test__partitions__that_of_memory(columns):
    frame, _ = draw_frame()
    y = frame["noise"] + 0.03 * frame["weak"]

    counted = mutual_info_test(*as_dask(frame[columns], y))

    expected = mutual_info_test(frame[columns], y)
    assert 1e-12 < expected.pvalue < 1
    np.testing.assert_allclose(counted, expected, rtol=0.02)


def test_array__chunks_of_rows_and_columns__values_in_memory_within_the_resolution():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 7))
    y = X[:, 6] + rng.normal(size=2_000)

    counted = mutual_info_regression(da.from_array(X, (300, 2)), da.from_array(y, 500))

    np.testing.assert_allclose(counted, mutual_info_regression(X, y), atol=RESOLUTION)


def test_regression__target_in_memory__as_that_in_partitions():
    frame, y = draw_frame(1_000)
    X, lazy_y = as_dask(frame, y)

    np.testing.assert_array_equal(mutual_info_regression(X, y.to_numpy()), mutual_info_regression(X, lazy_y))


@pytest.mark.parametrize("score", [mutual_info_regression, mutual_info_classif])
def test_scores__several_targets_in_partitions__those_of_each(score):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    y = (X[:, :2] + rng.normal(size=(600, 2))).round()
    parts = da.from_array(X, (250, 3))

    values = score(parts, da.from_array(y, (250, 2)))

    assert values.shape == (3, 2)
    np.testing.assert_array_equal(values, np.column_stack([score(parts, da.from_array(t, 250)) for t in y.T]))


def test_scores__weights_of_partitions__told():
    X = da.from_array(np.random.default_rng(0).normal(size=(100, 2)), (30, 2))

    for score in (partial(mutual_info_regression, y=np.arange(100.0)), mutual_info_matrix):
        with pytest.raises(
            ValueError, match=r"X must be in memory with sample_weight; .* Pass X.compute\(\)"
        ):
            score(X, sample_weight=np.ones(100))


def test_counts__values_that_a_grid_holds__exactly_those_of_the_rows():
    rng = np.random.default_rng(0)
    x, z = rng.integers(0, 200, size=(2, 3_000)).astype(float)
    x = np.where(rng.random(3_000) < 0.3, z, x)
    margins = [Margin.of_column(Column(values, False), False) for values in (x, z)]

    cells, times = np.unique(np.stack([x, z]), axis=1, return_counts=True)
    counted = [Margin.of_column(Column(values, False), False, times.astype(float)) for values in cells]

    assert pair_information(counted[:1], counted[1]) == pytest.approx(
        pair_information(margins[:1], margins[1])
    )
    assert independence_pvalues(counted[:1], counted[1]) == pytest.approx(
        independence_pvalues(margins[:1], margins[1])
    )


@pytest.mark.parametrize("discrete", [False, True])
def test_counts__labels_and_numbers__exactly_those_of_the_rows(discrete):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 30, size=4_000).astype(float)
    score = np.round(label / 10 + rng.normal(size=4_000), 2)
    columns = [Column(label, False), Column(score, False)]
    margins = [Margin.of_column(column, flag) for column, flag in zip(columns, (True, discrete), strict=True)]

    cells, times = np.unique(np.stack([label, score]), axis=1, return_counts=True)
    counted = [
        Margin.of_column(Column(values, False), flag, times.astype(float))
        for values, flag in zip(cells, (True, discrete), strict=True)
    ]

    assert pair_information(counted[:1], counted[1]) == pytest.approx(
        pair_information(margins[:1], margins[1])
    )


def read(values):
    return read_columns(np.asarray(values), "x")[0]


def test_merge__many_parts__cells_hold_even_shares():
    rng = np.random.default_rng(0)
    parts = [np.sort(rng.normal(size=20_000)) + k / 10 for k in range(12)]
    summaries = [Summary.of_column(read(part), False) for part in parts]

    grid = Grid(merge([merge(summaries[:6]), merge(summaries[6:])]))

    counts = np.bincount(grid.cells(read(np.concatenate(parts))), minlength=grid.n_cells)
    assert counts[-1] == 0  # none is missing
    # A share, plus the shift of its edges by the points of three summaries: two of 4,096 points each.
    assert counts.max() < 240_000 * (1 / 1024 + 3 * 2 / 4096)
    assert len(counts) < 1_300


def test_grid__frequent_value_among_others__cell_of_its_own():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(50_000) < 0.1, 0.5, rng.random(50_000))
    parts = [Summary.of_column(read(part), False) for part in np.split(values, 10)]
    grid = Grid(merge(parts))

    own = grid.cells(read(values)) == grid.cells(read([0.5]))[0]

    assert (own == (values == 0.5)).all()


def test_grid__labels_beyond_the_most__rarest_share_a_cell():
    labels = np.array([f"{k}" for k in range(5_000)] * 2 + ["0", "1"] * 5, dtype=object)
    grid = Grid(Summary.of_column(Column(labels, True), True))

    cells = grid.cells(Column(np.array(["0", "1", "4999", "4998", None], dtype=object), True))

    assert grid.n_cells == 4_096 + 1
    assert len(set(cells.tolist())) == 4


def in_parts(table, ends):
    """A Dask DataFrame with partitions that end at these rows, without divisions."""
    parts = [dask.delayed(table.iloc[start:end]) for start, end in itertools.pairwise([0, *ends])]
    return dd.from_delayed(parts, meta=table.iloc[:0], verify_meta=False)


@pytest.mark.parametrize(
    "function",
    [
        mutual_info_regression,
        lambda X, y: mutual_info_matrix(X),
        lambda X, y: mutual_info_test(X[["weak"]], y).detectable,
        lambda X, y: mutual_info_test(X[["weak", "letter"]], y).detectable,
        lambda X, y: MINEFeatureSelector(strategy="forward", random_state=0).fit(X, y).scores_,
    ],
    ids=["scores", "matrix", "pair", "test", "forward"],
)
def test_dask__uneven_and_empty_partitions__values_in_memory(function):
    frame, y = draw_frame(1_000)
    frame = frame[["weak", "gaps", "letter", "count"]].assign(letter=frame["letter"].astype("category"))
    table = in_parts(frame.assign(y=y), [0, 1, 950, 950, 1_000])

    values = function(table[list(frame)], table["y"])

    np.testing.assert_allclose(values, function(frame, y), atol=RESOLUTION)


@pytest.mark.parametrize("filesystem", ["fsspec", "pyarrow"])
def test_scores__parquet_files__partitions_are_not_joined(filesystem, tmp_path):
    # Dask joins the partitions of files if few of many columns are read.
    frame, y = draw_frame(1_000)
    for start in range(0, 1_000, 250):
        rows = slice(start, start + 250)
        frame[rows].assign(y=y[rows]).to_parquet(tmp_path / f"{start:03}.parquet")
    table = dd.read_parquet(tmp_path, filesystem=filesystem)

    values = mutual_info_regression(table[list(frame)], table["y"])

    np.testing.assert_allclose(values, mutual_info_regression(frame, y), atol=RESOLUTION)


def test_scores__array_and_target_of_the_same_chunks__each_chunk_is_made_once_a_pass():
    made = []
    rows = da.map_blocks(
        lambda block_info: made.append(block_info[None]["chunk-location"]) or np.ones((100, 6)),
        chunks=((100,) * 3, 6),
        dtype=float,
        meta=np.empty((0, 0)),
    )

    mutual_info_regression(rows[:, :5], rows[:, 5] + rows[:, 0])  # two blocks of columns

    assert len(made) == 2 * 3  # one pass for the grids, one for the counts


def test_test__one_column_a_side__two_passes(monkeypatch):
    X, y = as_dask(*draw_frame(200))
    passes = []
    compute = dask.compute
    monkeypatch.setattr(dask, "compute", lambda *args, **kwargs: passes.append(1) or compute(*args, **kwargs))

    mutual_info_test(X[["weak"]], y)

    assert len(passes) == 2  # one for the grids, one for the counts


def test_dask__repeated_column_names__told():
    X = draw_frame(90)[0][["weak", "gaps"] * 2].set_axis(["a", "a", "b", "b"], axis=1)

    with pytest.raises(ValueError, match=r"X must have columns of different names; got 'a' 2 times\. Rename"):
        mutual_info_matrix(dd.from_pandas(X, npartitions=2))


@pytest.mark.parametrize("kind", ["array", "frame"])
@pytest.mark.parametrize("strategy", ["marginal", "mrmr", "forward"])
def test_selector__partitions__selects_as_in_memory_and_transform_is_lazy(kind, strategy):
    frame, y = draw_frame(2_000)
    frame = frame.drop(columns="letter")
    X, target = as_dask(frame, y)
    if kind == "array":
        frame, X, target = frame.to_numpy(), da.from_array(frame.to_numpy(), (400, 3)), y.to_numpy()
    expected = MINEFeatureSelector(strategy=strategy, random_state=0).fit(frame, y)

    selector = MINEFeatureSelector(strategy=strategy, random_state=0).fit(X, target)

    np.testing.assert_array_equal(selector.support_, expected.support_)
    np.testing.assert_allclose(selector.scores_, expected.scores_, atol=RESOLUTION)
    reduced = selector.transform(X)
    assert type(reduced) is type(X)
    np.testing.assert_array_equal(reduced.compute(), expected.transform(frame))


def test_selector__groups_of_partitions__as_in_memory():
    frame, y = draw_frame(2_000)
    groups = [0, 0, 1, 1, 2, 2, 3, 3]
    expected = MINEFeatureSelector(strategy="marginal", feature_groups=groups).fit(frame, y)

    selector = MINEFeatureSelector(strategy="marginal", feature_groups=groups).fit(*as_dask(frame, y))

    np.testing.assert_array_equal(selector.support_, expected.support_)
    np.testing.assert_allclose(selector.scores_, expected.scores_, atol=RESOLUTION)


def test_selector__more_rows_than_are_compared__rows_of_all_partitions(monkeypatch):
    monkeypatch.setattr("skmine._selector_input.MAX_ROWS", 300)
    frame, y = draw_frame(2_000)
    frame = frame.drop(columns="letter")

    lazy = MINEFeatureSelector(2, strategy="forward", random_state=0).fit(*as_dask(frame, y))

    memory = MINEFeatureSelector(2, strategy="forward", random_state=0).fit(frame, y)
    np.testing.assert_allclose(lazy.scores_, memory.scores_)


def test_scores__value_beyond_the_resolution__told():
    x = np.random.default_rng(0).normal(size=20_000)
    X = da.from_array(
        np.column_stack([x, x + 0.3 * np.random.default_rng(1).normal(size=20_000)]), (5_000, 2)
    )

    with pytest.warns(UserWarning, match=r"X \(column 0\): more than 3 nats.*too low"):
        strong, other = mutual_info_regression(X, x)

    assert 4.5 < strong < mutual_info_regression(x[:, None], x)
    assert other < 3


def test_scores__only_sums_travel(monkeypatch):
    frame, y = draw_frame()
    largest = []
    compute = dask.compute

    def compute_and_weigh(*args, **kwargs):
        found = compute(*args, **kwargs)
        largest.extend(len(str(item)) for item in found)
        return found

    monkeypatch.setattr(dask, "compute", compute_and_weigh)
    mutual_info_regression(*as_dask(frame, y))

    assert 0 < max(largest) < 1_000  # scores and the names of grids, of 9,000 rows


@pytest.mark.parametrize(
    ("function", "target", "message"),
    [
        (mutual_info_regression, np.array(["a", "b"] * 50, dtype=object), "y must be numeric; got strings"),
        (
            mutual_info_classif,
            np.array([1.0, np.nan] * 50),
            "y must have a class in every row; got 50 missing",
        ),
        (mutual_info_regression, np.arange(99.0), "99"),
        (mutual_info_regression, np.array([1.0, np.inf] * 50), "y contains infinity"),
    ],
)
@pytest.mark.parametrize("in_memory", [True, False])
def test_scores__target_does_not_fit__told(function, target, message, in_memory):
    X = da.from_array(np.random.default_rng(0).normal(size=(100, 2)), (30, 2))

    with pytest.raises(ValueError, match=message):
        function(X, target if in_memory else da.from_array(target, 50))


#: Functions of a Dask X and y.
FITS = {
    "scores": mutual_info_regression,
    "test": mutual_info_test,
    "selector": MINEFeatureSelector().fit,
    "marginal": MINEFeatureSelector(strategy="marginal").fit,
}


@pytest.mark.parametrize(
    "function", [*FITS.values(), lambda X, y: mutual_info_matrix(X)], ids=[*FITS, "matrix"]
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X["weak"], r"X must have shape .*; got Series\. Pass X\.to_frame\(\)"),
        (lambda X: da.zeros((90, 2, 3)), r"X must have shape .*; got \(90, 2, 3\)\. Reshape it"),
        (lambda X: X[X["weak"] > 1e6], r"X is empty\. Pass rows"),
    ],
    ids=["column", "block", "no rows"],
)
def test_dask__x_of_another_shape__error_of_memory(function, change, message):
    X, y = as_dask(*draw_frame(90), 2)

    with pytest.raises(ValueError, match=message):
        function(change(X), y[y > 1e6])


@pytest.mark.parametrize("function", FITS.values(), ids=FITS)
@pytest.mark.parametrize(("y", "message"), [(None, "the target y is None"), (3.0, r"y must .*; got float\.")])
def test_dask__no_target__error_of_memory(function, y, message):
    X, _ = as_dask(*draw_frame(90), 2)

    with pytest.raises(ValueError, match=f"{message}.* Pass one or more target columns"):
        function(X, y)


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "Dask"])
def test_scores__column_without_a_value__warning_names_it(in_memory):
    X, y = as_dask(draw_frame(90)[0].assign(gone=np.nan), pd.Series(np.full(90, np.nan)), 2)
    X, y = (X.compute(), y.compute()) if in_memory else (X, y)

    with pytest.warns(UserWarning, match="no value at all") as caught:
        mutual_info_regression(X, y)

    named = sorted(name for w in caught for name in str(w.message).split(":")[0].split(", "))
    assert named[0] == "X (column 'gone')"
    assert named[1].startswith("y")


def test_scores__infinity_in_a_partition__names_the_column():
    X = np.zeros((100, 3))
    X[70, 2] = np.inf

    with pytest.raises(ValueError, match=r"X \(column 2\) contains infinity"):
        mutual_info_regression(da.from_array(X, (30, 2)), np.arange(100.0))


def test_scores__numbers_and_strings_in_turn__names_the_column():
    parts = [np.array([1.5, 2.5] * 10, dtype=object), np.array(["x", "y"] * 10, dtype=object)]
    lazy = da.concatenate([da.from_array(part[:, None], 20) for part in parts])

    with pytest.raises(TypeError, match=r"X \(column 0\) has numbers in some partitions and strings"):
        mutual_info_regression(lazy, np.arange(40.0))


def test_scores__partitions_of_another_number__told():
    X, y = draw_frame(100)

    with pytest.raises(ValueError, match="same partitions; got 3 and 5"):
        mutual_info_regression(dd.from_pandas(X, npartitions=3), dd.from_pandas(y, npartitions=5))


def test_estimator__dask__compute_is_the_remedy():
    with pytest.raises(TypeError, match=r"X must be in memory; got a dask Array. Pass X.compute\(\)"):
        MutualInfoEstimator().fit(da.zeros((100, 2)), np.zeros(100))


def test_scores__dask_verbose__progress(capfd):
    mutual_info_regression(da.from_array(np.arange(200.0)[:, None]), np.arange(200.0), verbose=True)

    assert "1/1" in capfd.readouterr().err
