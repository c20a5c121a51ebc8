"""Containers that wrap others: tensors, arrays of other libraries, narwhals frames and record batches."""

import os

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import sklearn
import torch
from sklearn.linear_model import LinearRegression

from skmine import (
    MINEGAN,
    InformationBottleneckClassifier,
    MINEFeatureSelector,
    MutualInfoEstimator,
    conditional_mutual_info,
    dependence_table,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_regression,
    mutual_info_test,
    selection_stability,
)
from skmine._wrappers import unwrap

RNG = np.random.default_rng(0)
X = RNG.integers(-3, 4, size=(80, 3)).astype(float)  # exact in bfloat16
Y = X[:, 0] + RNG.normal(size=80)
FRAME = pd.DataFrame(X, columns=list("abc"))
POLARS = pl.DataFrame(X, schema=list("abc"))
QUICK = {"max_iter": 2, "hidden_layer_sizes": 4, "random_state": 0}
FORM = {"critic": LinearRegression(), "cv": 2, "random_state": 0}

CONTAINERS = {
    "tensor with gradients": lambda: torch.tensor(X, requires_grad=True),
    "bfloat16 tensor": lambda: torch.tensor(X, dtype=torch.bfloat16),
    "list of tensors": lambda: list(torch.tensor(X, requires_grad=True)),
    "sparse tensor": lambda: torch.tensor(X).to_sparse(),
    "array of another library": lambda: pytest.importorskip("array_api_strict").asarray(X),
    "memoryview": lambda: memoryview(X),
    "narwhals of pandas": lambda: pytest.importorskip("narwhals").from_native(FRAME),
    "narwhals of polars": lambda: pytest.importorskip("narwhals").from_native(
        pl.DataFrame(X, schema=list("abc"))
    ),
    "record batch": lambda: pa.RecordBatch.from_pandas(FRAME),
}
#: Functions of X that return numbers.
CALLS = {
    "scores": lambda X: mutual_info_regression(X, Y),
    "matrix": lambda X: np.asarray(mutual_info_matrix(X))[0, 1:],
    "test": lambda X: mutual_info_test(X, Y),
    "table": lambda X: dependence_table(X, Y)["value"].to_numpy(),
    "conditional": lambda X: conditional_mutual_info(X, Y, FRAME[["b"]], **FORM),
    "estimator": lambda X: MutualInfoEstimator(**FORM).fit(X, Y).score(X, Y),
    "selector": lambda X: MINEFeatureSelector(2).fit(X, Y).transform(X),
    "stability": lambda X: (
        selection_stability(
            MINEFeatureSelector(1, strategy="marginal"), X, Y, n_resamples=2, random_state=0
        ).frequency
    ),
    "bottleneck": lambda X: InformationBottleneckClassifier(**QUICK).fit(X, Y > 0).predict_proba(X),
    "gan": lambda X: MINEGAN(**QUICK).fit(X).transform(X),
}


@pytest.fixture(scope="module")
def of_array():
    return {name: call(X) for name, call in CALLS.items()}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", CONTAINERS)
def test_functions__container_that_wraps_another__as_for_the_array(name, call, of_array):
    np.testing.assert_allclose(CALLS[call](CONTAINERS[name]()), of_array[call])


#: scikit-learn works with arrays of other libraries without further packages from 1.7 on.
needs_dispatch = pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7) or os.environ.get("SCIPY_ARRAY_API") != "1",
    reason="needs scikit-learn 1.7 and SCIPY_ARRAY_API=1",
)


@needs_dispatch
@pytest.mark.parametrize("call", ["bottleneck", "gan", "estimator", "scores"])
@pytest.mark.parametrize("name", ["tensor with gradients", "array of another library"])
def test_functions__dispatch_of_arrays__as_for_the_array(name, call, of_array):
    with sklearn.config_context(array_api_dispatch=True):
        np.testing.assert_allclose(CALLS[call](CONTAINERS[name]()), of_array[call])


FOREIGN = {
    "with gradients": lambda: torch.tensor(X, requires_grad=True),
    "bfloat16": lambda: torch.tensor(X, dtype=torch.bfloat16),
    "integers": lambda: torch.tensor(X, dtype=torch.int16),
    "coordinates": lambda: torch.tensor(X).to_sparse(),
    "compressed rows": lambda: torch.tensor(X).to_sparse_csr(),
    "strict": lambda: pytest.importorskip("array_api_strict").asarray(X),
    "strict, on another device": lambda: pytest.importorskip("array_api_strict").asarray(
        X, device=pytest.importorskip("array_api_strict").Device("device1")
    ),
}


@needs_dispatch
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor")
@pytest.mark.parametrize("name", FOREIGN)
def test_transform__dispatch_of_arrays__selects_in_the_library_of_x(name):
    array = FOREIGN[name]()
    selector = MINEFeatureSelector(2).fit(array, Y)
    with sklearn.config_context(array_api_dispatch=True):
        selected = selector.transform(array)
        restored = selector.inverse_transform(selected)

    for result, expected in ((selected, X[:, selector.support_]), (restored, X * selector.support_)):
        assert type(result) is type(array)
        assert (result.dtype, result.device) == (array.dtype, array.device)
        np.testing.assert_array_equal(unwrap(result), expected)
    assert getattr(restored, "requires_grad", False) == (name == "with gradients")


@needs_dispatch
def test_transform__dispatch_of_arrays_of_the_wrong_shape__error_as_for_numpy():
    selector = MINEFeatureSelector(2).fit(X, Y)
    with sklearn.config_context(array_api_dispatch=True):
        with pytest.raises(ValueError, match="X has 2 features, but MINEFeatureSelector is expecting 3"):
            selector.transform(torch.ones(5, 2))
        with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
            selector.transform(torch.ones(3))
        with pytest.raises(ValueError, match="X has a different shape than during fitting"):
            selector.inverse_transform(torch.ones(5, 3))


def test_inverse_transform__tensor_without_dispatch__numpy_array():
    selector = MINEFeatureSelector(2).fit(X, Y)
    selected = selector.transform(torch.tensor(X, requires_grad=True))

    assert type(selected) is np.ndarray
    restored = selector.inverse_transform(torch.tensor(selected, requires_grad=True))
    np.testing.assert_array_equal(restored, X * selector.support_)


@needs_dispatch
@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_transform__dispatch_of_arrays_and_output_of_frames__frame(output):
    tensor = torch.tensor(X, requires_grad=True)
    selector = MINEFeatureSelector(2).set_output(transform=output).fit(tensor, Y)
    with sklearn.config_context(array_api_dispatch=True):
        selected = selector.transform(tensor)

    assert list(selected.columns) == selector.get_feature_names_out().tolist()
    np.testing.assert_array_equal(selected, X[:, selector.support_])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(80, 3, device="meta"),
        lambda: torch.nested.nested_tensor([torch.ones(3)] * 79 + [torch.ones(2)]),
    ],
)
def test_functions__tensor_without_numbers__error_names_the_argument(make):
    for call in (mutual_info_regression, mutual_info_test, MutualInfoEstimator().fit, dependence_table):
        with pytest.raises(ValueError, match="X must be convertible to a NumPy array; got a Tensor of type"):
            call(make(), Y)
        with pytest.raises(ValueError, match="y must be convertible to a NumPy array"):
            call(X, make())
    for model in (MINEGAN(), InformationBottleneckClassifier(), MINEFeatureSelector()):
        with pytest.raises(ValueError, match="X must be convertible to a NumPy array"):
            model.fit(make(), Y > 0)
    with pytest.raises(ValueError, match="sample_weight must be convertible to a NumPy array"):
        mutual_info_regression(X, Y, sample_weight=make())


def test_functions__list_of_tensors_on_different_devices__error_names_the_argument():
    with pytest.raises(ValueError, match="X must be convertible to a NumPy array; got a Tensor of type"):
        mutual_info_regression([torch.ones(2), torch.ones(2, device="meta")], [0.0, 1.0])


BYTES = np.array([b"low", b"high", b"\xff"])[(Y > -1) * 1 + (Y > 1)]
TEXT = np.array(["low", "high", "\\xff"])[(Y > -1) * 1 + (Y > 1)]
BYTES_IN = {
    "array": lambda: BYTES[:, None],
    "objects": lambda: BYTES.astype(object)[:, None],
    "pandas": lambda: pd.DataFrame({"a": BYTES}),
    "categories": lambda: pd.DataFrame({"a": pd.Categorical(BYTES.tolist())}),
    "polars": lambda: pl.DataFrame({"a": BYTES.tolist()}),
    "arrow": lambda: pa.table({"a": BYTES.tolist()}),
    "arrow dictionary": lambda: pa.table({"a": pa.array(BYTES.tolist()).dictionary_encode()}),
}


@pytest.mark.filterwarnings("ignore:A column-vector y", "ignore:X does not have valid feature names")
@pytest.mark.parametrize("name", BYTES_IN)
def test_functions__bytes__are_labels_like_text(name):
    table = BYTES_IN[name]()
    text = TEXT[:, None]

    np.testing.assert_array_equal(mutual_info_regression(table, Y), mutual_info_regression(text, Y))
    np.testing.assert_array_equal(mutual_info_classif(X, table), mutual_info_classif(X, TEXT.astype(object)))
    assert mutual_info_test(X, table).pvalue == mutual_info_test(X, text).pvalue
    estimator = MutualInfoEstimator(max_iter=0, cv=2, random_state=0)
    assert estimator.fit(table, Y).score(text, Y) == pytest.approx(estimator.score(table, Y))


def test_scores__bytes_that_hold_numbers__read_with_the_warning_of_text():
    written = np.array([f"{value:.3f}".encode() for value in Y])[:, None]

    with pytest.warns(UserWarning, match="X is text that holds numbers: 80 values"):
        scores = mutual_info_regression(written, Y)
    assert scores > 1


@pytest.mark.parametrize("name", ["narwhals of pandas", "narwhals of polars", "record batch"])
def test_fit__wrapped_frame__keeps_its_names(name):
    selector = MINEFeatureSelector(1).fit(CONTAINERS[name](), Y)

    assert selector.get_feature_names_out().tolist() == ["a"]
    assert MutualInfoEstimator(**FORM).fit(CONTAINERS[name](), Y).feature_names_in_.tolist() == [*"abc"]


@pytest.mark.parametrize("kind", [sp.coo_matrix, sp.dia_array, sp.bsr_array, sp.lil_matrix, sp.dok_array])
def test_stability__sparse_matrix_without_rows__as_for_the_array(kind, of_array):
    selector = MINEFeatureSelector(1, strategy="marginal", discrete_features=False)
    result = selection_stability(selector, kind(X), Y, n_resamples=2, random_state=0)

    np.testing.assert_array_equal(result.frequency, of_array["stability"])


@pytest.mark.parametrize("fill", [0.0, np.nan, 1.0])
@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_transform__sparse_columns_of_pandas__the_selected_columns(fill, output):
    sparse = FRAME.astype(pd.SparseDtype(float, fill))
    selector = MINEFeatureSelector(2).set_output(transform=output).fit(sparse, Y)
    selected = selector.transform(sparse)

    selected = selected.toarray() if sp.issparse(selected) else np.asarray(selected)
    np.testing.assert_array_equal(selected, X[:, selector.support_])
    for call in ("bottleneck", "gan", "estimator"):
        np.testing.assert_allclose(CALLS[call](sparse), CALLS[call](FRAME))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": [1.0]}, r"X must have shape .*; got dict\. Pass an array, a list of rows or a DataFrame"),
        ((row for row in X), "got generator. Pass an array"),
        (FRAME.to_records(index=False), r"got \(80,\), rows with named fields. Pass pandas.DataFrame\(X\)"),
        ([{"a": 1.0, "b": 2.0}] * 80, r"got \(80,\), rows with named fields. Pass pandas.DataFrame\(X\)"),
        (FRAME["a"], r"got \(80,\)\. Pass X.to_frame\(\)"),
        ([[1.0, 2.0], [1.0]] * 40, "X must have .* same length; got rows of different lengths. Pass"),
    ],
)
def test_functions__no_table__error_has_the_remedy(data, message):
    for call in (
        mutual_info_regression,
        mutual_info_test,
        MutualInfoEstimator().fit,
        MINEFeatureSelector().fit,
    ):
        with pytest.raises(ValueError, match=message):
            call(data, Y)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(X, columns=list("aab")),
        pd.DataFrame(X, columns=[1, 1, 2]),
        pa.Table.from_arrays([pa.array(column) for column in X.T], names=list("aab")),
    ],
)
@pytest.mark.parametrize(
    "estimator", [MINEFeatureSelector(), MutualInfoEstimator(), MINEGAN(), InformationBottleneckClassifier()]
)
def test_fit__two_columns_of_a_name__error_names_it_and_functions_read_both(frame, estimator):
    with pytest.raises(
        ValueError, match=r"X must have columns of different names; got '?[a1]'? 2 times\. Rename"
    ):
        estimator.fit(frame, Y > 0)

    np.testing.assert_array_equal(mutual_info_regression(frame, Y), mutual_info_regression(X, Y))


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_transform__data_not_in_memory_and_output_of_frames__reads_the_selected(output):
    dask_frames = pytest.importorskip("dask.dataframe")
    datasets = pytest.importorskip("pyarrow.dataset")
    selector = MINEFeatureSelector(2).set_output(transform=output).fit(FRAME, Y)
    expected = selector.transform(FRAME)

    for unread in (
        POLARS.lazy(),
        datasets.dataset(pa.Table.from_pandas(FRAME)),
        dask_frames.from_pandas(FRAME, npartitions=2),
    ):
        selected = selector.transform(unread)
        assert type(selected) is type(expected)
        assert list(selected.columns) == list(expected.columns)
        np.testing.assert_array_equal(selected, expected)


@pytest.mark.parametrize("y", [5.0, "text", dict.fromkeys(range(80)), iter(range(80))])
def test_functions__target_of_no_shape__error_names_y(y):
    selector = MINEFeatureSelector(1)
    for call in (mutual_info_regression, mutual_info_classif, MutualInfoEstimator().fit, selector.fit):
        with pytest.raises(ValueError, match=r"y must have shape"):
            call(X, y)
    with pytest.raises(ValueError, match=r"one value or row for each row of X; got [a-z_]+\. Pass"):
        selection_stability(selector, X, y)


@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_functions__classes_in_a_tensor_with_gradients__as_for_the_array():
    classes = torch.tensor((Y > 0) * 1.0, requires_grad=True)

    for y in (classes, classes[:, None], list(classes), tuple(classes)):
        np.testing.assert_array_equal(mutual_info_classif(X, y), mutual_info_classif(X, Y > 0))
    assert InformationBottleneckClassifier(**QUICK).fit(X, classes).classes_.tolist() == [0, 1]


def test_fit__two_columns_of_classes__error_names_y():
    both = pd.DataFrame({"a": Y > 0, "b": Y > 0}).set_axis(["y", "y"], axis=1)
    for y in (both, np.asarray(both), both.set_axis(["y", "z"], axis=1)):
        with pytest.raises(ValueError, match="y should be a 1d array: y must have one column; got 2"):
            InformationBottleneckClassifier().fit(X, y)
