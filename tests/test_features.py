"""Columns of X, a few at a time."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array

from skmine._features import Features

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


def as_memmap(X, path):
    np.save(path / "X.npy", X)
    return np.load(path / "X.npy", mmap_mode="r")


NAMES = [f"c{j}" for j in range(20)]
CONTAINERS = {
    "rows": lambda X, path: X,
    "columns": lambda X, path: np.asfortranarray(X),
    "memmap": as_memmap,
    "masked": lambda X, path: np.ma.masked_greater(X, 2),
    "csr": lambda X, path: csr_array(X),
    "csc": lambda X, path: csc_array(X),
    "pandas": lambda X, path: pd.DataFrame(X, columns=NAMES),
    "repeated names": lambda X, path: pd.DataFrame(X, columns=["a"] * 20),
    "polars": lambda X, path: pl.DataFrame(X, NAMES),
    "arrow": lambda X, path: pa.table(list(X.T), NAMES),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("which", [[3, 4, 5], [9, 2], [2, 9, 4], [19]])
def test_part__pickled__only_its_columns_under_their_names(container, which, tmp_path):
    X = np.random.default_rng(0).normal(size=(1_000, 20))
    features = Features(CONTAINERS[container](X, tmp_path))
    part = features.part(np.array(which))

    sent = pickle.dumps(part)
    received = pickle.loads(pickle.dumps(pickle.loads(sent)))  # Dask may send it on

    assert len(sent) < 1.6 * len(which) * X[:, 0].nbytes + 5_000
    for one, other in zip(received.read(), features.read(which), strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.values, other.values)


def test_part__frame_on_disk__pickled_as_a_plan(tmp_path):
    pl.DataFrame({"a": np.arange(5_000.0), "b": np.arange(5_000.0) ** 2}).write_parquet(tmp_path / "x")
    part = Features(pl.scan_parquet(tmp_path / "x")).part([1])

    sent = pickle.dumps(part)

    assert len(sent) < 5_000
    np.testing.assert_array_equal(pickle.loads(sent).read()[0].values, np.arange(5_000.0) ** 2)
