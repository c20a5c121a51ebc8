"""Generated inputs through every public function: documented errors, finite values, caps, no global state.

Hypothesis chooses kinds of columns, containers, weights and parameters. An error passes if it is a
ValueError, TypeError or IndexError that names an argument; a value passes if it is finite and within its
caps. Each fault is counted by its kind, and its first input is printed.
"""

import argparse
import collections
import datetime
import re
import sys
import time
import warnings
from decimal import Decimal

import array_api_strict
import narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from scipy.stats import entropy

import skmine
from benchmarks._run import machine, write_rows
from benchmarks.columns import commit

N_CASES = 10_000
#: Names of arguments, one of them required in each error, and errors of scikit-learn without a name.
ARGUMENTS = {
    "X",
    "y",
    "Z",
    "sample_weight",
    "groups",
    "discrete_features",
    "n_features_to_select",
    "batch_size",
    "cv",
}
ARGUMENTS |= {"validation_fraction", "feature_groups"}
OF_SCIKIT_LEARN = (
    r"Found input variables with inconsistent|minimum of|contains NaN|infinity|Unknown label type|one class"
    r"|labels represented as bytes"
)
#: Outcomes that are no faults.
PASSED = ("value", "error", "unbuilt")
WARNINGS = (UserWarning, skmine._estimator.ConvergenceWarning)


def _objects(values) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


#: Kind -> function that draws a column of n rows.
COLUMNS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy": lambda rng, n: rng.standard_cauchy(size=n) * 1e6,
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-300,
    "large": lambda rng, n: rng.normal(size=n) * 1e300,
    "float32": lambda rng, n: rng.normal(size=n).astype(np.float32),
    "few": lambda rng, n: rng.integers(0, 3, n),
    "counts": lambda rng, n: rng.poisson(3.0, n).astype(np.uint8),
    "ids": lambda rng, n: np.arange(n) + 2**60,
    "constant": lambda rng, n: np.zeros(n),
    "spike": lambda rng, n: np.where(rng.uniform(size=n) < 0.7, 0.0, rng.exponential(size=n)),
    "gaps": lambda rng, n: np.where(rng.uniform(size=n) < 0.3, np.nan, rng.normal(size=n)),
    "one value": lambda rng, n: np.where(np.arange(n) == 0, 1.0, np.nan),
    "no value": lambda rng, n: np.full(n, np.nan),
    "flag": lambda rng, n: rng.uniform(size=n) < 0.5,
    "labels": lambda rng, n: _objects(np.array(["a", "b", "c"])[rng.integers(0, 3, n)].tolist()),
    "labels, gaps": lambda rng, n: _objects([[None, "a", "ü"][i] for i in rng.integers(0, 3, n)]),
    "names": lambda rng, n: _objects([f"id {i}" for i in range(n)]),
    "numbers in text": lambda rng, n: _objects([f"{v:.2f}" for v in rng.normal(size=n)]),
    "decimals": lambda rng, n: _objects([Decimal(int(v)) for v in rng.integers(0, 9, n)]),
    "mixed": lambda rng, n: _objects([(1, "a")[i] for i in rng.integers(0, 2, n)]),
    "infinite": lambda rng, n: np.where(np.arange(n) == n // 2, np.inf, rng.normal(size=n)),
    "complex": lambda rng, n: rng.normal(size=n) + 1j,
    "dates": lambda rng, n: np.datetime64("2020-01-01") + rng.integers(0, 99, n),
    "datetimes": lambda rng, n: _objects(
        [datetime.datetime(2020, 1, 1 + int(i)) for i in rng.integers(0, 9, n)]
    ),
    "lists": lambda rng, n: _objects([[1, 2]] * n),
    "bytes": lambda rng, n: np.array([b"a", b"b", b"\xff"])[rng.integers(0, 3, n)],
}
RARE = {"infinite", "complex", "dates", "datetimes", "lists", "mixed"}  # errors, in most places


def _frame(columns: list[np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame({f"c{j}": column for j, column in enumerate(columns)})


def _array(columns: list[np.ndarray]) -> np.ndarray:
    return np.column_stack(columns) if columns else np.empty((0, 0))


def _sparse(columns: list[np.ndarray]):
    return sp.csr_array(np.nan_to_num(_array([np.real(column) for column in columns]).astype(float)))


CONTAINERS = {
    "array": _array,
    "list": lambda columns: [list(row) for row in zip(*columns, strict=True)],
    "fortran": lambda columns: np.asfortranarray(_array(columns)),
    "pandas": _frame,
    "categories": lambda columns: _frame(columns).apply(lambda c: c.astype("category")),
    "polars": lambda columns: pl.DataFrame(
        {f"c{j}": c.tolist() for j, c in enumerate(columns)}, strict=False
    ),
    "arrow": lambda columns: pa.table({f"c{j}": pa.array(c.tolist()) for j, c in enumerate(columns)}),
    "nullable": lambda columns: _frame(columns).convert_dtypes(),
    "batch": lambda columns: pa.record_batch({f"c{j}": pa.array(c.tolist()) for j, c in enumerate(columns)}),
    "gradients": lambda columns: torch.tensor(
        _array([np.real(column) for column in columns]).astype(float), requires_grad=True
    ),
    "sparse": _sparse,
    "masked": lambda columns: np.ma.masked_greater(_array(columns), 1),
    "tensor": lambda columns: torch.tensor(_array([np.real(column) for column in columns]).astype(float)),
    "meta": lambda columns: torch.empty(_array(columns).shape, device="meta"),
    "strict": lambda columns: array_api_strict.asarray(np.real(_array(columns)).astype(float)),
    "narwhals": lambda columns: narwhals.from_native(_frame(columns)),
}
OFTEN = ["score", "matrix", "test", "table", "select", "estimate"]
RARELY = ["given", "bottleneck", "gan"]
USED_WEIGHTS = {"none", "ones", "even", "some zero", "polars"}
WEIGHTS = {
    "none": lambda rng, n: None,
    "ones": lambda rng, n: np.ones(n),
    "even": lambda rng, n: rng.uniform(size=n),
    "some zero": lambda rng, n: rng.integers(0, 3, n),
    "uneven": lambda rng, n: rng.pareto(0.5, size=n),
    "zeros": lambda rng, n: np.zeros(n),
    "negative": lambda rng, n: rng.normal(size=n),
    "missing": lambda rng, n: np.where(np.arange(n) == 0, np.nan, 1.0),
    "short": lambda rng, n: np.ones(max(n - 1, 0)),
    "nullable": lambda rng, n: pd.array(np.where(np.arange(n) == 0, None, 1.0), dtype="Float64"),
    "polars": lambda rng, n: pl.Series(rng.integers(0, 3, n)),
    "text": lambda rng, n: ["heavy"] * n,
}
LABELS = {"flag", "labels", "labels, gaps", "names", "bytes", "numbers in text"}
#: Kinds of columns that networks read.
NUMBERS = {"normal", "heavy", "tiny", "large", "float32", "few", "counts", "constant", "spike"}


def _mostly(common, rare) -> st.SearchStrategy:
    """One of the common values, or one of the rare ones in about one of twenty cases."""
    return st.sampled_from(sorted(common) * (1 + 19 * len(rare) // len(common)) + sorted(rare))


@st.composite
def cases(draw) -> dict:
    call = draw(
        st.sampled_from(["score"] * 6 + ["matrix", "test", "table", "select", "estimate"] * 3 + RARELY)
    )
    common = NUMBERS if call in ("bottleneck", "gan") else set(COLUMNS) - RARE
    kinds = _mostly(common, set(COLUMNS) - common)
    classes = _mostly(LABELS - {"names"} | {"few"}, set(COLUMNS))
    n_columns = draw(_mostly([1, 2, 3, 4], [0]))
    n_targets = draw(st.sampled_from([1] * 6 + [2]))
    target = classes if call == "bottleneck" else kinds
    return {
        "call": call,
        "n": draw(_mostly([24, 40, 60, 80, 120], range(20))),
        "X": [draw(kinds) for _ in range(n_columns)],
        "y": [draw(target) for _ in range(1 if call == "bottleneck" else n_targets)],
        "X in": draw(_mostly(set(CONTAINERS) - {"meta"}, {"meta"})),
        "y in": draw(st.sampled_from(["array"] * 9 + ["column", *sorted(CONTAINERS)])),
        "weight": draw(_mostly(USED_WEIGHTS, set(WEIGHTS) - USED_WEIGHTS)),
        "related": call != "bottleneck" and draw(st.booleans()),
        "n_y": draw(_mostly([0], [1])),
        "option": draw(st.integers(0, 999)),
        "seed": draw(st.integers(0, 2**31 - 1)),
    }


def build(case: dict):
    """X, y and weights of a case; None if the container cannot hold such columns."""
    rng, n = np.random.default_rng(case["seed"]), case["n"]
    columns = [COLUMNS[kind](rng, n) for kind in case["X"]]
    targets = [COLUMNS[kind](rng, n + case["n_y"]) for kind in case["y"]]
    if case["related"] and columns and not case["n_y"]:
        targets[0] = columns[0]
    try:
        X = CONTAINERS[case["X in"]](columns)
        if case["y in"] in ("array", "column") and len(targets) == 1:
            y = targets[0] if case["y in"] == "array" else targets[0][:, None]
        else:
            y = CONTAINERS[case["y in"] if case["y in"] != "column" else "array"](targets)
    except (TypeError, ValueError, OverflowError, pa.ArrowException, pl.exceptions.PolarsError):
        return None
    return X, y, WEIGHTS[case["weight"]](rng, n)


def _score(X, y, weight, option):
    is_label = isinstance(y, np.ndarray) and y.dtype.kind in "bOS"
    classes = is_label if option % 8 else option % 16 > 0  # rarely the wrong function
    function = skmine.mutual_info_classif if classes else skmine.mutual_info_regression
    discrete = ("auto", True, False, [0], [True])[option % 5]
    values = function(
        X, y, discrete_features=discrete, bias_correction=bool(option % 3), sample_weight=weight
    )
    assert (values >= 0).all(), "a score below 0"
    return values


def _matrix(X, y, weight, option):
    values = np.asarray(skmine.mutual_info_matrix(X, sample_weight=weight))
    off = values[~np.eye(len(values), dtype=bool)]
    assert (off >= -0.2).all(), "an entry far below 0"
    assert np.allclose(values, values.T), "not symmetric"
    return off


def _test(X, y, weight, option):
    pvalue = skmine.mutual_info_test(X, y, sample_weight=weight, random_state=0).pvalue
    assert 0 <= pvalue <= 1, "a p-value outside 0 and 1"
    return pvalue


def _given(X, y, weight, option):
    return skmine.conditional_mutual_info(X, y, X, max_iter=0, cv=2, random_state=0)


def _select(X, y, weight, option):
    strategy = ("auto", "marginal", "mrmr", "forward")[option % 4]
    wanted = ("auto", 1, 0.5, 3)[option // 4 % 4]
    selector = skmine.MINEFeatureSelector(wanted, strategy=strategy, random_state=0).fit(X, y, weight)
    selector.transform(X)
    assert sorted(set(selector.ranking_)) == list(range(1, len(set(selector.ranking_)) + 1)), "no ranking"
    return selector.scores_


def _estimate(X, y, weight, option):
    estimator = skmine.MutualInfoEstimator(
        cv=(2, 5, None)[option % 3],
        critic=("auto", "concat", "separable")[option // 3 % 3],
        bound=("mine", "infonce", "smile", "js", "mine-f")[option // 9 % 5],
        max_iter=(0, 0, 20)[option // 45 % 3],
        batch_size=("auto", 8)[option // 135 % 2],
        random_state=0,
    ).fit(X, y, weight)
    assert estimator.mi_ <= estimator.mi_max_ + 1e-9, "mi_ above mi_max_"
    low, high = estimator.mi_interval_
    assert low <= high, "an interval upside down"
    score = estimator.score(X, y) if option % 2 else 0.0
    return np.array(
        [estimator.mi_, estimator.mi_lower_, estimator.mi_std_, score, *estimator.score_samples(X)]
    )


def _bottleneck(X, y, weight, option):
    model = skmine.InformationBottleneckClassifier(max_iter=2, hidden_layer_sizes=4, random_state=0)
    probability = model.fit(X, y, weight).predict_proba(X)
    assert np.allclose(probability.sum(1), 1), "probabilities that do not sum to 1"
    most = np.log(len(model.classes_))
    assert model.mi_zy_ <= most + 1e-6, "mi_zy_ above the entropy"
    return np.hstack([probability, model.transform(X)])


def _gan(X, y, weight, option):
    model = skmine.MINEGAN(max_iter=2, hidden_layer_sizes=4, n_codes=2 * (option % 2), random_state=0).fit(X)
    return np.hstack([model.transform(X).ravel(), model.sample(2, random_state=0).ravel()])


def _table(X, y, weight, option):
    skmine.dependence_table(X, y)
    return 0.0


CALLS = {
    "score": _score,
    "matrix": _matrix,
    "test": _test,
    "given": _given,
    "select": _select,
    "estimate": _estimate,
    "bottleneck": _bottleneck,
    "gan": _gan,
    "table": _table,
}


def _state() -> tuple:
    return (
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        torch.get_rng_state().numpy().tobytes(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        np.geterr(),
    )


def check_caps(case: dict, data, values) -> None:
    """Raise AssertionError for a score above the entropy of a target of labels."""
    _, y, weight = data
    is_label = isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "bO"
    if case["call"] == "score" and weight is None and is_label:
        most = entropy(np.unique(y.astype(str), return_counts=True)[1])
        assert (values <= most + 1e-9).all(), "a score above the entropy of y"


def run_case(case: dict) -> str:
    """Outcome of a case: "value", "error" (a documented one), "unbuilt", or the kind of fault."""
    data = build(case)
    if data is None:
        return "unbuilt"
    before = _state()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = _outcome(case, data)
    strange = [w for w in caught if not issubclass(w.category, WARNINGS) and "skmine" in str(w.filename)]
    if strange:
        return f"{case['call']}: {strange[0].category.__name__}: {str(strange[0].message)[:60]}"
    if _state() != before:
        return f"{case['call']}: a state of the process has changed"
    return outcome


def _outcome(case: dict, data) -> str:
    try:
        values = CALLS[case["call"]](*data, case["option"])
        assert np.isfinite(values).all(), "a value that is not finite"
        check_caps(case, data, values)
    except (ValueError, TypeError, IndexError) as error:
        message = str(error)
        names = set(re.findall(r"[A-Za-z_]+", message))
        if names & ARGUMENTS or re.search(OF_SCIKIT_LEARN, message):
            return "error"
        return f"{case['call']}: {type(error).__name__}: {message[:70]}"
    except Exception as error:  # what is looked for
        return f"{case['call']}: {type(error).__name__}: {str(error)[:70]}"
    return "value"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=N_CASES, help="inputs")
    parser.add_argument("--seed", type=int, help="seed of the inputs; without it, always the same inputs")


def run(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    counts: collections.Counter = collections.Counter()
    first: dict[str, dict] = {}
    seconds: collections.Counter = collections.Counter()
    by_call: dict[str, collections.Counter] = {call: collections.Counter() for call in CALLS}

    @settings(
        max_examples=arguments.n,
        derandomize=arguments.seed is None,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def visit(case: dict) -> None:
        started = time.process_time()
        outcome = run_case(case)
        seconds[case["call"]] += time.process_time() - started
        counts[outcome] += 1
        by_call[case["call"]][outcome if outcome in PASSED else "faults"] += 1
        first.setdefault(outcome, case)

    (visit if arguments.seed is None else seed(arguments.seed)(visit))()
    faults = {kind: n for kind, n in counts.items() if kind not in PASSED}
    for kind, number in sorted(faults.items()):
        print(f"{number:5d} x {kind}\n        {first[kind]}")
    spent = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.most_common())
    print(f"fuzz: {spent}")
    print(
        f"fuzz: {sum(counts.values())} inputs in {sum(seconds.values()):.0f} s: {counts['value']} values, "
        f"{counts['error']} documented errors, {counts['unbuilt']} that no container holds, "
        f"{sum(faults.values())} faults"
    )
    if arguments.n >= N_CASES:
        print(write_rows("fuzz", _results(by_call, seconds, arguments.seed)))
    if faults:
        sys.exit(1)


def _results(by_call: dict, seconds: dict, drawn_by: int | None) -> list[dict]:
    """Rows of the table of results, one for each function."""
    return [
        {
            "function": call,
            "inputs": sum(counts.values()),
            "values": counts["value"],
            "documented_errors": counts["error"],
            "unbuilt": counts["unbuilt"],
            "faults": counts["faults"],
            "cpu_seconds": seconds[call],
            "seed": "none" if drawn_by is None else drawn_by,
            "commit": commit(),
            "machine": machine(),
        }
        for call, counts in by_call.items()
    ]
