"""Progress: a bar with tqdm, plain lines without it and in workers, and nothing without `verbose`."""

import re
import sys
import threading

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import cross_val_score

from skmine import (
    MINEGAN,
    InformationBottleneckClassifier,
    MINEFeatureSelector,
    MutualInfoEstimator,
    _progress,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_regression,
)
from skmine._progress import counter, progress, run_counted

QUICK = {
    "critic": "concat",
    "cv": None,
    "hidden_layer_sizes": (4,),
    "n_iter_no_change": 1,
    "tol": 1.0,
    "random_state": 0,
}
LINE = r"skmine: \d+(/\d+)? [\w ]+, \d+ s(, .* nats)?"


def square(value):
    return value**2


def draw_rows(n=120):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] + 0.5 * rng.normal(size=n)


LONG_WORK = {
    "estimator": lambda v: MutualInfoEstimator(**QUICK, verbose=v).fit(*draw_rows()),
    "selector": lambda v: MINEFeatureSelector(1, mi_path=True, random_state=0, verbose=v).fit(*draw_rows()),
    "bottleneck": lambda v: InformationBottleneckClassifier(
        hidden_layer_sizes=4, max_iter=50, random_state=0, verbose=v
    ).fit(draw_rows()[0], draw_rows()[1] > 0),
    "gan": lambda v: MINEGAN(hidden_layer_sizes=4, max_iter=50, random_state=0, verbose=v).fit(
        draw_rows()[0]
    ),
    "regression": lambda v: mutual_info_regression(*draw_rows(), verbose=v),
    "classif": lambda v: mutual_info_classif(draw_rows()[0], draw_rows()[1] > 0, verbose=v),
    "matrix": lambda v: mutual_info_matrix(draw_rows()[0], verbose=v),
}


@pytest.fixture
def without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


@pytest.mark.parametrize("work", LONG_WORK.values(), ids=LONG_WORK)
def test_verbose__with_tqdm__bar_on_stderr(work, capsys):
    work(1)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\r" in captured.err


@pytest.mark.parametrize("work", LONG_WORK.values(), ids=LONG_WORK)
def test_verbose__without_tqdm__plain_lines_on_stderr(work, capsys, without_tqdm):
    work(1)

    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines
    assert all(re.fullmatch(LINE, line) for line in lines), lines


@pytest.mark.parametrize("work", LONG_WORK.values(), ids=LONG_WORK)
def test_verbose__zero__silent(work, capsys):
    work(0)

    assert capsys.readouterr() == ("", "")


def test_mutual_info_regression__blocks_of_columns__are_counted_and_change_nothing(capsys, without_tqdm):
    X = np.random.default_rng(0).normal(size=(60, 33))  # blocks hold 32 columns at most
    y = X[:, 0] ** 2

    shown = mutual_info_regression(X, y, verbose=True)

    assert "2 block of columns" in capsys.readouterr().err
    assert shown.tolist() == mutual_info_regression(X, y).tolist()


def test_selector__path__critics_are_counted(capsys, without_tqdm):
    MINEFeatureSelector(2, mi_path=True, random_state=0, verbose=True).fit(*draw_rows())

    assert "2/2 joint critic" in capsys.readouterr().err


def test_progress__checks_within_a_second__the_last_is_told(capsys, without_tqdm):
    with progress(True, 700) as on_check:
        for iteration in (50, 100, 150):
            on_check({"iteration": iteration, "training": 0.5, "held_out": 0.25})

    assert capsys.readouterr().err == "skmine: 150/700 it, 0 s, training 0.500, held_out 0.250 nats\n"


def test_counter__slow_things__a_line_each(capsys, monkeypatch, without_tqdm):
    monkeypatch.setattr(_progress, "_SECONDS_A_LINE", 0.0)

    with counter(True, None, "feature") as on_step:
        on_step(7)
        on_step(8)

    assert capsys.readouterr().err == "skmine: 1 feature, 0 s\nskmine: 2 feature, 0 s\n"


def test_counter__nothing_done__nothing_told(capsys, without_tqdm):
    with counter(True, 3, "feature"):
        pass

    assert capsys.readouterr().err == ""


def test_counter__thread_of_a_pool__lines_in_place_of_bars(capsys):
    def work():
        with counter(True, 1, "feature") as on_step:
            on_step(0)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert capsys.readouterr().err == "skmine: 1/1 feature, 0 s\n"


@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_run_counted__backend__results_in_order(backend, capfd):
    with parallel_config(backend, n_jobs=2):
        results = run_counted((delayed(square)(i) for i in range(5)), None, 1, 5, "square")

    assert results == [0, 1, 4, 9, 16]
    assert "5/5" in capfd.readouterr().err


def test_run_counted__backend_without_a_generator__counts_at_the_end(monkeypatch, capsys, without_tqdm):
    def make_parallel(n_jobs, return_as="list"):
        if return_as != "list":
            raise ValueError("Backend does not support return_as=generator")
        return Parallel(n_jobs)

    monkeypatch.setattr(_progress, "Parallel", make_parallel)

    assert run_counted([delayed(square)(3)], None, 1, 1, "square") == [9]
    assert capsys.readouterr().err == "skmine: 1/1 square, 0 s\n"


def test_verbose__two_processes__whole_lines(capfd):
    X, y = draw_rows()
    get_reusable_executor().shutdown()  # workers write to the stderr of their start

    with parallel_config("loky"):
        values = cross_val_score(MutualInfoEstimator(**QUICK, verbose=1), X, y, cv=2, n_jobs=2)
    get_reusable_executor().shutdown()

    assert np.isfinite(values).all()
    lines = [line for line in capfd.readouterr().err.splitlines() if line]
    assert len(lines) >= 2
    assert all(re.fullmatch(LINE, line) for line in lines), lines
