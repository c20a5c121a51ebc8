"""Kill, Ctrl-C, full disks, failing workers, exhausted memory, forks: earlier fits still work."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import joblib
import numpy as np
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError

from skmine import MINEGAN, InformationBottleneckClassifier, MINEFeatureSelector, MutualInfoEstimator

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = (X[:, 0] * X[:, 1] + 0.3 * RNG.normal(size=300) > 0).astype(int)
#: Estimators with long training, and their predictions for rows.
LONG = {
    "estimator": (
        lambda **more: MutualInfoEstimator(critic="concat", tol=1e-12, random_state=0, **more),
        lambda model: model.score_samples(X, Y),
    ),
    "bottleneck": (
        lambda **more: InformationBottleneckClassifier(random_state=0, **more),
        lambda model: model.predict_proba(X),
    ),
    "gan": (lambda **more: MINEGAN(random_state=0, **more), lambda model: model.transform(X[:20])),
}


pytestmark = pytest.mark.filterwarnings("ignore:Training had not ended")


@pytest.fixture(params=LONG)
def model(request):
    make, read = LONG[request.param]
    fitted = make(max_iter=2).fit(X, Y)
    return fitted.set_params(max_iter=1_000_000), read


@pytest.fixture
def _interruptible():
    """Ctrl-C raises KeyboardInterrupt, which a shell switches off for the commands that it starts with &."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_fit__ctrl_c__stops_at_once_and_keeps_a_model_that_works(model):
    fitted, read = model
    before = read(fitted)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()

    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X, Y)

    timer.join()
    values = read(fitted)
    assert values.shape == before.shape
    assert np.isfinite(values).all()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is full")
def test_dump__full_disk__is_an_error_and_the_model_works(model):
    fitted, read = model
    before = read(fitted)

    with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb", buffering=0) as file:
        joblib.dump(fitted, file)

    assert (read(fitted) == before).all()


class Dying:
    """A strategy that ends the process of the worker that runs it."""

    def __call__(self, task):
        joblib.Parallel(n_jobs=2)(joblib.delayed(os._exit)(3) for _ in range(2))


def test_select__worker_dies__is_an_error_and_the_old_selection_stays():
    selector = MINEFeatureSelector(2, strategy="marginal", random_state=0).fit(X, Y)
    before = selector.transform(X)

    with pytest.raises(TerminatedWorkerError):
        selector.set_params(strategy=Dying()).fit(X, Y)

    assert (selector.transform(X) == before).all()


def run_script(code, *, timeout=60, **environment):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        timeout=timeout,
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space")
def test_fit__memory_is_exhausted__is_an_error_and_the_old_model_works():
    done = run_script(
        """
        import resource
        import numpy as np
        from skmine import MINEGAN, InformationBottleneckClassifier, MutualInfoEstimator
        rng = np.random.default_rng(0)
        X, wide = rng.normal(size=(100, 2)), rng.normal(size=(4000, 400))
        models = [
            MutualInfoEstimator(cv=2, max_iter=1, critic="concat", random_state=0).fit(X, X[:, 0]),
            InformationBottleneckClassifier(max_iter=1).fit(X, X[:, 0] > 0),
            MINEGAN(max_iter=1).fit(X),
        ]
        read = [lambda m: m.score_samples(X, X[:, 0]), lambda m: m.predict_proba(X), lambda m: m.transform(X)]
        before = [f(m) for f, m in zip(read, models)]
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**24, resource.RLIM_INFINITY))
        for model, sizes in zip(models, [(4000, 4000), (8000, 8000), (4000, 4000, 4000, 4000)]):
            try:
                model.set_params(hidden_layer_sizes=sizes).fit(wide, wide[:, 0] > 0)
            except (MemoryError, RuntimeError) as error:
                print(type(error).__name__)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for f, model, values in zip(read, models, before):
            assert (f(model) == values).all()
        print("whole")
        """
    )
    assert done.stdout.split()[-1:] == ["whole"], done.stderr[-2000:]
    assert len(done.stdout.split()) == 4, done.stdout


def test_fit__process_is_killed__file_of_the_last_dump_is_whole(tmp_path):
    path = tmp_path / "model.joblib"
    first = MutualInfoEstimator(critic="concat", cv=2, max_iter=0, random_state=0).fit(X, Y)
    joblib.dump(first, path)
    script = f"""
        import joblib, sys
        model = joblib.load({str(path)!r}).set_params(max_iter=10**7, critic="concat", tol=1e-12)
        import numpy as np
        X = np.random.default_rng(0).normal(size=(300, 4))
        print("ready", flush=True)
        model.fit(X, X[:, 0] * X[:, 1])
    """
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    process.stdout.close()

    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert joblib.load(path).score(X, Y) == first.score(X, Y)


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
def test_fork__after_torch_with_two_threads__one_thread_in_the_child_ends():
    # The child of a fork lacks the threads of its parent, and torch would wait for them. This is the user
    # guide's remedy.
    done = run_script(
        """
        import multiprocessing, torch, numpy as np
        from skmine import MutualInfoEstimator
        rng = np.random.default_rng(0)
        X = rng.normal(size=(200, 2))
        torch.set_num_threads(2)
        torch.ones(10**6).exp().sum()  # starts the second thread
        def fit():
            torch.set_num_threads(1)
            model = MutualInfoEstimator(cv=2, max_iter=20, critic="concat", random_state=0)
            print(model.fit(X, X[:, 0]).mi_ > 1)
        child = multiprocessing.get_context("fork").Process(target=fit)
        child.start()
        child.join()
        """
    )
    assert done.stdout == "True\n", done.stderr[-2000:]
