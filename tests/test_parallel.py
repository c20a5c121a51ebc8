"""Joblib's backends: the same values, data sent once, and no workers within workers."""

import threading
import warnings
import zlib

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skmine import MINEFeatureSelector, mutual_info_classif, mutual_info_matrix, mutual_info_regression
from skmine._progress import run_counted
from skmine._scores.reading import Unusual

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def processes():
    """Workers that have imported the package."""
    Parallel(2, "loky")(delayed(mutual_info_regression)(*draw_table(30, 41)) for _ in range(2))


@pytest.fixture(scope="module")
def ray():
    """A local Ray, if it is installed. It is too large to install for every run of the tests."""
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    register_ray()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(params=["loky", "threading", "dask", "ray"])
def backend(request):
    if request.param != "threading":
        request.getfixturevalue({"dask": "client", "loky": "processes", "ray": "ray"}[request.param])
    return request.param


def draw_table(n=300, d=70):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] + X[:, d // 2] + rng.normal(size=n)


def select(strategy, **parameters):
    def scores(X, y, n_jobs=None):
        return MINEFeatureSelector(strategy=strategy, n_jobs=n_jobs, **parameters).fit(X, y).scores_

    return scores


FUNCTIONS = {
    "regression": mutual_info_regression,
    "classif": lambda X, y, n_jobs=None: mutual_info_classif(X, y > 0, n_jobs=n_jobs),
    "matrix": lambda X, y, n_jobs=None: mutual_info_matrix(X[:, :40], n_jobs=n_jobs),
    "marginal": select("marginal"),
    "mrmr": select("mrmr", n_features_to_select=3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions__any_backend_and_number_of_jobs__same_bits(backend, name):
    X, y = draw_table()
    expected = FUNCTIONS[name](X, y)

    with parallel_config(backend):
        for n_jobs in (1, 2):
            np.testing.assert_array_equal(FUNCTIONS[name](X, y, n_jobs=n_jobs), expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_matrix__parts_of_rows_and_columns__values_of_one_part(monkeypatch, weighted):
    X, y = draw_table(d=9)
    X[:, 1] += X[:, 5]
    X[:, 8] = np.round(X[:, 5])
    weights = np.exp(y / 4) if weighted else None
    monkeypatch.setattr("skmine._scores.dependence._FEWEST_TASKS", 1)
    expected = mutual_info_matrix(X, sample_weight=weights)

    monkeypatch.setattr("skmine._scores.dependence._FEWEST_TASKS", 13)
    monkeypatch.setattr("skmine._scores.dependence._ROWS_A_PART", 70)
    monkeypatch.setattr("skmine._copula.moments._BLOCK", 40)  # two blocks
    values = mutual_info_matrix(X, sample_weight=weights)

    assert expected[1, 5] > 0.1
    np.testing.assert_allclose(values, expected, rtol=1e-5)  # sums of 32 bits, in another order


def test_scores__loky__columns_are_sent_once_and_the_target_is_one_file(monkeypatch):
    X, y = draw_table(n=200_000, d=10)

    def sent(part, weights, discrete, bias_correction, target):
        file = float(zlib.crc32(target.values.filename.encode()))
        values = np.full((len(discrete), 1), part.data.columns.nbytes / len(discrete) + 1e9 * file)
        return np.stack([values, np.full_like(values, np.inf), np.zeros_like(values)]), Unusual([], [])

    monkeypatch.setattr("skmine._scores.drop_in._score_chunk", sent)

    with parallel_config("loky", n_jobs=2):
        files, n_bytes = np.divmod(mutual_info_regression(X, y), 1e9)

    assert n_bytes.sum() == X.nbytes
    assert len(set(files)) == 1


@pytest.mark.parametrize("order", ["C", "F"])
def test_scores__loky_and_a_memory_map__every_task_opens_its_file(monkeypatch, tmp_path, order):
    X, y = draw_table(n=2_000, d=8)
    np.save(tmp_path / "X.npy", np.asarray(X, order=order))

    def is_same_file(part, weights, discrete, bias_correction, target):
        found = float(str(getattr(part.data.columns, "filename", "")) == str(tmp_path / "X.npy"))
        assert np.array_equal(part.read()[0].values, X[:, part.which[0]])
        values = np.full((len(discrete), 1), found)
        return np.stack([values, np.full_like(values, np.inf), np.zeros_like(values)]), Unusual([], [])

    monkeypatch.setattr("skmine._scores.drop_in._score_chunk", is_same_file)

    with parallel_config("loky", n_jobs=2):
        found = mutual_info_regression(np.load(tmp_path / "X.npy", mmap_mode="r"), y)

    assert found.tolist() == [1.0] * 8


def test_scores__dask__data_are_scattered_once(client, monkeypatch):
    X, y = draw_table(n=3_000)
    scattered = []
    scatter = distributed.Client.scatter
    monkeypatch.setattr(
        distributed.Client,
        "scatter",
        lambda self, data, *args, **kwargs: scattered.append(data) or scatter(self, data, *args, **kwargs),
    )

    with parallel_config("dask"):
        mutual_info_regression(X, y, n_jobs=2)

    kinds = [type(data).__name__ for data in scattered]
    assert kinds.count("Margin") == 1
    columns = [int(j) for data in scattered if hasattr(data, "which") for j in data.which]
    assert sorted(columns) == list(range(X.shape[1]))


def test_scores__collections_and_a_running_scheduler__computed_by_it(client):
    da = pytest.importorskip("dask.array")
    X, y = draw_table(n=200, d=5)
    lazy = da.from_array(X, (70, 2)), da.from_array(y, 70)
    with distributed.client.dask.config.set(scheduler="synchronous"):
        expected = mutual_info_regression(*lazy)

    with distributed.get_task_stream(client) as stream:
        values = mutual_info_regression(*lazy)

    assert len(stream.data) > 0
    np.testing.assert_array_equal(values, expected)


class Together:
    """Count calls, and the maximum number of simultaneous calls."""

    def __init__(self):
        self.lock, self.now, self.most, self.calls = threading.Lock(), 0, 0, 0

    def __call__(self, function):
        def counted(*args):
            with self.lock:
                self.now, self.calls = self.now + 1, self.calls + 1
                self.most = max(self.most, self.now)
            threading.Event().wait(0.01)
            try:
                return function(*args)
            finally:
                with self.lock:
                    self.now -= 1

        return counted


def test_selector__jobs_within_jobs__no_more_at_work_than_the_outer_ones(monkeypatch):
    X, y = draw_table(n=120)
    together = Together()
    monkeypatch.setattr(
        "skmine._selector_input._relevance_of_part",
        together(lambda part, *_: (np.ones((2, len(part.which))), 0)),
    )
    monkeypatch.setattr("skmine._features._COLUMNS_A_CHUNK", 1)  # many tasks
    selector = MINEFeatureSelector(1, strategy="marginal", n_jobs=4)
    search = GridSearchCV(
        make_pipeline(selector, KNeighborsClassifier()),
        {"minefeatureselector__alpha": [0.05, 0.1]},
        cv=2,
        n_jobs=2,
        refit=False,
    )

    with parallel_config("threading"):
        search.fit(X[:, :20], y > 0)

    assert together.calls == 2 * 2 * 20
    assert together.most == 2


@pytest.mark.parametrize(
    "backend", ["loky", "threading"], indirect=True
)  # Dask's scheduler bounds its workers
def test_run_counted__within_a_worker__in_its_own_thread(backend):
    def other_threads(_):
        here = threading.get_ident()
        tasks = (delayed(threading.get_ident)() for _ in range(8))
        return {*run_counted(tasks, 4, False, 8, "number", prefer="threads")} - {here}

    assert other_threads(0)
    with parallel_config(backend):
        assert Parallel(2)(delayed(other_threads)(i) for i in range(2)) == [set(), set()]
