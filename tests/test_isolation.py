"""State that a fit neither uses nor changes: modes, generators, filters and thread counts."""

import contextlib
import functools
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import joblib
import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeRegressor

from skmine import (
    MINEGAN,
    InformationBottleneckClassifier,
    MINEFeatureSelector,
    MutualInfoEstimator,
    mutual_info_classif,
    mutual_info_matrix,
    mutual_info_test,
)
from skmine.nn import CriticBank, MINERate, MutualInformation
from skmine.nn.isolation import OwnDraws, isolated

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = X[:, 0] + 0.5 * RNG.normal(size=120)
QUICK = {"cv": 2, "max_iter": 50, "random_state": 0}


class Dropping(torch.nn.Module):
    """A critic that makes random draws in training, by a method of each kind."""

    def __init__(self, d_x, d_y):
        super().__init__()
        self.read = torch.nn.Linear(d_x + d_y, 8)
        self.score = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))

    def forward(self, x, y):
        hidden = self.read(torch.cat([x, y], -1))
        if self.training:
            hidden = hidden + 0.1 * torch.randn_like(hidden) + 0.1 * torch.rand(8).to(hidden)
        return self.score(hidden.relu()).squeeze(-1)


def fit_network():
    estimator = MutualInfoEstimator(critic=Dropping, **QUICK).fit(X, Y)
    return estimator.mi_, estimator.score(X, Y), estimator.score_samples(X).sum()


def fit_contest():
    estimator = MutualInfoEstimator(**(QUICK | {"cv": None})).fit(X, Y)
    return estimator.mi_, estimator.score(X, Y), estimator.score_samples(X, Y).sum()


def fit_classes():
    estimator = MutualInfoEstimator(critic="concat", **QUICK).fit(X, Y > 0, np.arange(120) + 1.0)
    return estimator.mi_, estimator.score(X, Y > 0)


def fit_model():
    estimator = MutualInfoEstimator(critic=DecisionTreeRegressor(max_depth=3, max_features=1), **QUICK).fit(
        X, Y
    )
    return estimator.mi_, estimator.score(X, Y)


def fit_bottleneck():
    model = InformationBottleneckClassifier(max_iter=20, hidden_layer_sizes=16, random_state=0).fit(X, Y > 0)
    return model.mi_xz_, model.predict_proba(X)[:, 0].sum(), model.transform(X).sum()


def fit_gan():
    model = MINEGAN(n_codes=2, max_iter=10, hidden_layer_sizes=16, random_state=0).fit(X)
    return model.mi_, model.transform(X[:20]).sum(), model.sample(3, random_state=0).sum()


def fit_selector():
    selector = MINEFeatureSelector(1, mi_path=True, random_state=0).fit(X, Y)
    return *selector.scores_, *selector.mi_path_


def score_columns():
    given = mutual_info_test(X[:, :1], Y, X[:, 1:], random_state=0)
    return (
        *mutual_info_classif(X, Y > 0),
        *mutual_info_matrix(X)[0],
        mutual_info_test(X, Y).pvalue,
        given.pvalue,
    )


CALLS = [
    fit_network,
    fit_contest,
    fit_classes,
    fit_model,
    fit_bottleneck,
    fit_gan,
    fit_selector,
    score_columns,
]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few iterations


@functools.cache
def alone(call):
    return call()


@contextlib.contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


DTYPES = {dtype: functools.partial(default_dtype, dtype) for dtype in (torch.float64, torch.bfloat16)}
#: Several at once: if none of them has an effect, neither has any of them alone.
MODES = {
    "no gradients, bfloat16": [torch.no_grad, DTYPES[torch.bfloat16]],
    "inference and all others, float64": [
        torch.inference_mode,
        lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        deterministic,
        lambda: torch.device("meta"),
        DTYPES[torch.float64],
    ],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", CALLS)
def test_call__modes_of_the_callers__same_bits(call, mode):
    expected = alone(call)

    with contextlib.ExitStack() as stack:
        for enter in MODES[mode]:
            # A module written by a user has weights of torch's default dtype.
            if call is not fit_network or enter not in DTYPES.values():
                stack.enter_context(enter())
        values = call()

    assert values == expected


def test_fit__critic_of_the_users_in_another_dtype__trains():
    with default_dtype(torch.float64):
        values = fit_network()

    assert np.isfinite(values).all()


def global_state():
    return (
        pickle.dumps(np.random.get_state()),  # noqa: NPY002
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        list(warnings.filters),
        np.geterr(),
        dict(os.environ),
    )


class Watch(threading.Thread):
    """Records the state of the process while other threads work."""

    def __init__(self):
        super().__init__()
        self.seen, self.is_over = [], threading.Event()

    def run(self):
        while not self.is_over.is_set():
            self.seen.append(global_state())
            self.is_over.wait(0.003)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.join()


@pytest.mark.parametrize("call", CALLS)
def test_call__meanwhile_and_afterwards__state_of_the_process_is_as_found(call):
    alone(call)  # what it imports is there
    before = global_state()

    with Watch() as watch:
        call()

    assert watch.seen
    assert all(state == before for state in [*watch.seen, global_state()])


@pytest.mark.parametrize("call", [fit_network, fit_contest, fit_model, fit_selector])
def test_call__three_threads__same_bits_as_alone(call):
    expected = alone(call)

    with ThreadPoolExecutor(3) as pool:
        values = list(pool.map(lambda _: (torch.randn(3), call())[1], range(3)))

    assert values == [expected] * 3


class Counting(torch.nn.Module):
    """A critic that notes how many threads torch may use for it, and for another thread."""

    counts: ClassVar[list] = []

    def __init__(self, d_x, d_y):
        super().__init__()
        self.score = torch.nn.Linear(d_x + d_y, 1)

    def forward(self, x, y):
        if not self.counts:
            note = lambda: self.counts.append(torch.get_num_threads())  # noqa: E731
            note()
            other = threading.Thread(target=note)
            other.start()
            other.join()
        return self.score(torch.cat([x, y], -1)).squeeze(-1)


def test_fit__process_with_two_threads__uses_one_and_leaves_others_and_blas_theirs():
    script = f"""
        import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
        import threading, time, torch
        from threadpoolctl import threadpool_info, threadpool_limits
        from test_isolation import Counting, MutualInfoEstimator, QUICK, X, Y
        def fit():
            Counting.counts.clear()
            MutualInfoEstimator(critic=Counting, **QUICK).fit(X, Y)
            print(*Counting.counts, torch.get_num_threads(), end=" ", flush=True)
        fit()
        thread = threading.Thread(target=fit)
        thread.start()
        thread.join()
        blas = lambda: max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        before = blas()
        with threadpool_limits(1, "blas"):
            thread = threading.Thread(target=fit)
            thread.start()
            while not Counting.counts: time.sleep(0.01)  # until the fit has begun
        thread.join()
        print(blas() == before)
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert done.stdout == "1 2 2 1 2 2 1 2 2 True\n", done.stderr[-2000:]


def test_selector__joblib_threads__new_threads_have_the_thread_count_of_before():
    counts = []
    before = torch.get_num_threads(), list(warnings.filters)

    with joblib.parallel_config("threading", n_jobs=2):
        MINEFeatureSelector(1, mi_path=True, random_state=0).fit(X, Y)
    thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    thread.start()
    thread.join()

    assert (counts[0], list(warnings.filters)) == before


DRAWS = {
    "creation": lambda x: torch.rand(3) + torch.randn(3) + torch.randint(5, (3,)) + torch.randperm(3),
    "like": lambda x: torch.rand_like(x) + torch.randn_like(x) + torch.randint_like(x, 2, 7),
    "in place": lambda x: x.clone().normal_() + x.clone().uniform_() + x.clone().exponential_(),
    "dropout": lambda x: (
        torch.nn.functional.dropout(x, 0.3) + torch.nn.functional.alpha_dropout(x, 0.2, True)
    ),
    "distribution": lambda x: torch.distributions.Gamma(2.0, 1.0).sample((3,)) + torch.normal(x, 1.0),
    "choice": lambda x: torch.multinomial(x.softmax(0), 2).sum() + torch.bernoulli(x.sigmoid()),
    "module": lambda x: torch.nn.Linear(3, 2)(x).detach(),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_own_draws__operation_without_generator__draws_from_the_seed_alone(draw):
    x, state = torch.arange(3.0), torch.get_rng_state()

    def drawn(seed):
        with OwnDraws(seed):
            return DRAWS[draw](x)

    first = drawn(0)
    assert torch.equal(first, drawn(0))
    assert not torch.equal(first, drawn(1))
    assert torch.equal(torch.get_rng_state(), state)


def test_own_draws__dropout__keeps_the_mean_and_its_share():
    with OwnDraws(0):
        dropped = torch.nn.functional.dropout(torch.ones(20_000), 0.25)

    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)  # standard error .004
    assert (dropped == 0).double().mean().item() == pytest.approx(0.25, abs=0.02)
    assert dropped.max().item() == pytest.approx(1 / 0.75)


def test_own_draws__own_generator_given__is_used():
    with OwnDraws(0):
        given = torch.rand(3, generator=torch.Generator().manual_seed(7))

    assert torch.equal(given, torch.rand(3, generator=torch.Generator().manual_seed(7)))


def test_critic_bank__without_a_generator__leaves_torchs_own_and_differs():
    state = torch.get_rng_state()
    banks = [CriticBank(Dropping, 2, 1, 2) for _ in range(2)]

    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(*(next(bank.parameters()) for bank in banks))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_update__tensors_of_a_hook__critic_learns(mode):
    generator = torch.Generator().manual_seed(0)
    information = MutualInformation(2, 2, n_steps=20, generator=generator)
    rate = MINERate(2, n_steps=5, generator=generator)
    before = [p.clone() for p in rate.parameters()]

    with mode():
        x = torch.randn(256, 2, generator=generator)
        values = [information.update(x, x) for _ in range(5)]
        rate.update(x + 2)

    assert values[-1] > values[0] + 0.1
    assert any(not torch.equal(*pair) for pair in zip(before, rate.parameters(), strict=True))


def test_isolated__modes_of_the_caller__are_back_afterwards():
    with torch.inference_mode(), torch.autocast("cpu"):
        with isolated():
            assert torch.is_grad_enabled()
            assert not torch.is_autocast_enabled("cpu")
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")


def test_import_and_first_fits__in_a_fresh_process__leave_filters_and_threads_and_import_no_compiler():
    code = """
    import sys, warnings, torch, numpy, sklearn.feature_selection, scipy.stats
    before = list(warnings.filters), torch.get_num_threads(), torch.get_rng_state().tolist()
    import skmine
    loaded = set(sys.modules)
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(60, 2))

    class Critic(torch.nn.Module):
        def __init__(self, d_x, d_y):
            super().__init__()
            self.layer = torch.nn.Linear(d_x + d_y, 1)

        def forward(self, x, y):
            return self.layer(torch.cat([x, y], -1)).squeeze(-1)

    imported = list(warnings.filters)
    skmine.MutualInfoEstimator(critic=Critic, cv=2, max_iter=5).fit(X[:, :1], X[:, 1])
    assert warnings.filters == imported, set(map(str, warnings.filters)) - set(map(str, imported))
    skmine.MutualInfoEstimator(max_iter=100, cv=None).fit(X[:, :1], X[:, 0] ** 2)
    skmine.MINEGAN(max_iter=2).fit(X)
    critic = lambda d_x, d_y: skmine.nn.SeparableCritic(d_x, d_y, (4,))
    skmine.MutualInfoEstimator(critic=critic, cv=2, max_iter=1, tol=9).fit(X, X[:, 0])
    skmine.InformationBottleneckClassifier(max_iter=2).fit(X, X[:, 0] > 0)
    after = list(warnings.filters), torch.get_num_threads(), torch.get_rng_state().tolist()
    added = [entry for entry in after[0] if entry not in before[0]]
    assert not added, added
    assert after[1:] == before[1:]
    assert 'torch._dynamo' not in sys.modules
    assert 'sympy' not in set(sys.modules) - loaded
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
