"""Tables of "How it compares" from benchmarks/results and published.csv: python docs/comparison_tables.py.

conf.py calls `write_tables` at each build. Only published figures are typed by hand.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "benchmarks" / "results"


def results(name: str) -> pd.DataFrame:
    """One table of the benchmarks; empty if it does not exist."""
    path = RESULTS / f"{name}.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def published(table: str, columns: Iterable) -> list[list[str]]:
    """Rows of a method's published figures, with their source."""
    rows = pd.read_csv(HERE / "published.csv", dtype=str)
    rows = rows[rows["table"] == table]
    found = []
    for (method, source), group in rows.groupby(["method", "source"], sort=False):
        values = dict(zip(group["column"], group["value"], strict=True))
        found.append([method, *(values[str(column)] for column in columns), f"published: {source}"])
    return found


def beyond_normal() -> str:
    """Error over the 40 tasks of Beyond Normal: measured for skmine, and published by others."""
    ours = results("beyond_normal")
    sizes = sorted(ours["n"].unique())
    rows = []
    for key, name in (("mi", "skmine, ``mi_``"), ("lower", "skmine, ``mi_lower_``")):
        error = (ours[key] - ours["truth"]).abs().groupby(ours["n"]).mean()
        rows.append([name, *(f"{error[n]:.3f}" for n in sizes), "measured"])
    return _table(
        ["method", *(f"n = {n:,}" for n in sizes), "source"], rows + published("beyond_normal", sizes)
    )


def further() -> str:
    """Truth, estimate and interval on further distributions."""
    table = results("further")
    rows = [
        [row.task, f"{row.n:,}", f"{row.truth:.2f}", f"{row.mi:.2f}", f"{row.low:.2f} to {row.high:.2f}"]
        for row in (table[table["seed"] == 0].itertuples() if len(table) else ())
    ]
    return _table(["distribution", "rows", "truth", "``mi_``", "``mi_interval_``"], rows)


def random_joints() -> str:
    """Mean error, and how often the interval contains the truth, for each kind of random distribution."""
    table = results("random")
    if not len(table):
        return _table([], [])
    table["kind"] = table["task"].str.rpartition("-")[0].str.replace("-", " ")
    table["error"] = (table["mi"] - table["truth"]).abs()
    table["holds"] = table["truth"].between(table["low"], table["high"])
    rows = [
        [
            kind,
            f"{len(group)}",
            f"{group['truth'].mean():.2f}",
            f"{group['error'].mean():.3f}",
            f"{group['holds'].sum()}",
        ]
        for kind, group in [*table.groupby("kind", sort=False), ("all", table)]
    ]
    head = ["kind", "distributions", "mean truth", "mean error", "intervals that contain the truth"]
    return _table(head, rows)


def ablation() -> str:
    """How much the mean error of each suite rises, in thousandths, if a form or a rule is switched off."""
    table = results("ablation")
    if not len(table):
        return _table([], [])
    suites = list(dict.fromkeys(table["suite"]))
    cells = {
        (row.without, row.suite): f"{1000 * row.change:+.1f} ± {1000 * row.standard_error:.1f}"
        for row in table.itertuples()
    }
    seconds = table.groupby("without")["seconds"].mean()
    names = [name for name in dict.fromkeys(table["without"]) if name != "nothing"]
    rows = [
        [name, *(cells[name, suite] for suite in suites), f"{seconds[name] / seconds['nothing']:.2f}"]
        for name in names
    ]
    return _table(["without", *(suite.replace("_", " ") for suite in suites), "time"], rows)


def rivals() -> str:
    """Error of each method, and of skmine on the distributions that the method was run on."""
    table = results("rivals")
    if not len(table) or "skmine" not in set(table["method"]):
        return _table([], [])
    keys = ["task", "n", "seed"]
    table["error"] = (table["mi"] - table["truth"]).abs()
    ours = table[table["method"] == "skmine"].set_index(keys)["error"]
    rows = []
    for method, group in table.groupby("method", sort=False):
        shared = ours.reindex(pd.MultiIndex.from_frame(group[keys])).mean()
        error, seconds = group["error"].mean(), group["seconds"].median()
        rows.append([method, group["task"].nunique(), f"{error:.3f}", f"{shared:.3f}", f"{seconds:.1f}"])
    rows.sort(key=lambda row: row[0] != "skmine")
    head = ["method", "distributions", "error", "skmine on the same", "seconds per distribution"]
    return _table(head, rows)


def high_information() -> str:
    """Error of each method at 5 nats and more, for the largest number of rows that it was run on."""
    table = results("high_information")
    if not len(table):
        return _table([], [])
    table["error"] = (table["mi"] - table["truth"]).abs()
    most_rows = table.groupby("method")["n"].max()
    table = table[table["n"] == table["method"].map(most_rows)]
    methods = sorted(table["method"].unique(), key=lambda m: m != "skmine")
    shared = table.groupby("joint")["method"].nunique() == len(methods)
    table = table[table["joint"].isin(shared.index[shared])]
    mean = table.groupby(["joint", "truth", "method"])["error"].mean()
    pairs = list(dict.fromkeys(zip(table["joint"], table["truth"], strict=True)))
    rows = [[j, f"{t:g}", *(f"{mean.get((j, t, m), np.nan):.2f}" for m in methods)] for j, t in pairs]
    return _table(["distribution", "truth", *(f"{m}, n = {most_rows[m]:,}" for m in methods)], rows)


def discrete() -> str:
    """Error on tables, classes and mixed columns."""
    table = results("discrete")
    rows = []
    for (kind, n), group in table.groupby(["group", "n"], sort=False) if len(table) else ():
        ours = (group["mi"] - group["truth"]).abs().mean()
        plug_in = (group["plug_in"] - group["truth"]).abs().mean()
        cell = "does not apply" if np.isnan(plug_in) else f"{plug_in:.3f}"
        rows.append([kind, f"{n:,}", f"{ours:.3f}", cell])
    return _table(["columns", "rows", "skmine, ``mi_``", "plug-in value"], rows)


def conditional() -> str:
    """Error of the conditional mutual information."""
    table = results("conditional")
    rows = [
        [f"{n:,}", group["triple"].nunique(), f"{group['error'].abs().mean():.3f}", f"{held:.0%}"]
        for n, group in (table.groupby("n") if len(table) else ())
        for held in [((group["low"] <= group["truth"]) & (group["truth"] <= group["high"])).mean()]
    ]
    return _table(["rows", "triples", "error", "truth in the interval"], rows)


def interactions() -> str:
    """Share of the relevant features among the best ranked, in the largest problem."""
    ours = results("interactions")
    ours = ours[(ours["n"] == 1000) & (ours["features"] == ours["features"].max())]
    problems = list(dict.fromkeys(ours["problem"]))
    mean = ours.groupby("problem")["best_k"].mean()
    rows = [["skmine, ``MINEFeatureSelector``", *(f"{mean[p]:.2f}" for p in problems), "measured"]]
    return _table(["method", *problems, "source"], rows + published("interactions", problems))


def drop_in() -> str:
    """Error of mutual_info_regression and of scikit-learn's function on pairs of columns."""
    rows = []
    for n, group in results("drop_in").groupby("n"):
        ours, theirs = group["error"].abs(), group["scikit_learn_error"].abs()
        rows.append([f"{n:,}", f"{ours.mean():.3f}", f"{theirs.mean():.3f}", f"{group['joint'].nunique()}"])
    return _table(["rows", "skmine", "scikit-learn", "distributions"], rows)


def drop_in_speed() -> str:
    """Seconds for 100 columns."""
    rows = [
        [f"{int(r['n']):,}", f"{r['seconds']:.1f}", f"{r['scikit_learn_seconds']:.1f}"]
        for _, r in results("drop_in_speed").iterrows()
    ]
    return _table(["rows", "skmine, seconds", "scikit-learn, seconds"], rows)


def real_tables() -> str:
    """Seconds on real tables, scores below a held-out bound, and scores against a shuffled target."""
    names = {"development": "used in development", "other": "not used in development"}
    rows = []
    for name, group in results("real_tables").groupby("set", sort=False):
        tables = group.drop_duplicates(["table", "target"])
        seconds = (f"{tables[key].sum():.0f}" for key in ("seconds", "scikit_learn_seconds"))
        # As in benchmarks/real_tables.py: three standard errors and 0.005 nats.
        too_low = (group["mi"] < group["gain"] - 3 * group["gain_error"] - 0.005).sum()
        highest = f"{group['shuffled'].max():.3f}"
        rows.append([names.get(name, name), len(tables), len(group), *seconds, too_low, highest])
    head = ["tables", "number", "columns", "skmine, seconds", "scikit-learn, seconds"]
    return _table([*head, "skmine, scores too low", "highest score with a shuffled target, nats"], rows)


def consistency() -> str:
    """Error against the number of rows."""
    rows = []
    for n, group in results("consistency").groupby("n"):
        cells = [np.mean(np.abs(group[name])) for name in ("sampling_error", "error")]
        rows.append([f"{n:,}", *(f"{v:.3f}" for v in cells), f"{group['seconds'].median():.1f}"])
    return _table(["rows", "exact log ratio", "skmine, ``mi_``", "seconds per fit"], rows)


def small_samples() -> str:
    """Error for few rows, compared with nearest neighbours and canonical correlations."""
    methods = {"mi": "skmine, ``mi_``", "ksg_3": "KSG(3)", "ksg_10": "KSG(10)", "cca": "CCA"}
    table = results("small_samples")
    rows = []
    for n, group in table.groupby("n") if len(table) else ():
        errors = [(group[key] - group["truth"]).abs().mean() for key in methods]
        rows.append([f"{n:,}", *(f"{error:.3f}" for error in errors), f"{group['task'].nunique()}"])
    return _table(["rows", *methods.values(), "distributions"], rows)


def redundancy() -> str:
    """Distinct relevant features among five chosen."""
    table = results("redundancy")
    problems = list(dict.fromkeys(table["problem"]))
    mean = table.groupby(["method", "problem"])["distinct"].mean()
    methods = dict.fromkeys(table["method"])
    return _table(["method", *problems], [[m, *(f"{mean[m, p]:.2f}" for p in problems)] for m in methods])


def real_data() -> str:
    """Cross-validated accuracy of a forest on the selected features."""
    table = results("real_data")
    methods = list(dict.fromkeys(table["method"]))
    rows = []
    for (name, n_features), group in table.groupby(["set", "features"], sort=False):
        cells = {r.method: f"{r.accuracy:.3f} ± {r.error:.3f}" for r in group.itertuples()}
        rows.append([f"{name}, {n_features}", *(cells[method] for method in methods)])
    return _table(["set, features", *methods], rows)


def bottleneck() -> str:
    """Test error of the bottleneck classifier on digits."""
    table = results("bottleneck")
    table = table[table["part"] == "digits"]
    rows = []
    for (method, beta), group in table.groupby(["method", "beta"], sort=False):
        price = "none" if method in ("plain", "dropout") else f"{beta:g}"
        rows.append([method, price, f"{group['error'].mean():.2f}", f"{group['log_loss'].mean():.3f}"])
    return _table(["method", "beta", "test error, %", "log loss"], rows)


def mode_coverage() -> str:
    """Modes that the generative network keeps."""
    rows = []
    for (part, method), group in results("mode_coverage").groupby(["part", "method"], sort=False):
        name = "with information" if method == "mine" else method
        rows.append(
            [
                part,
                name,
                f"{group['modes'].mean():.1f}",
                f"{100 * group['on_modes'].mean():.0f} %",
                len(group),
            ]
        )
    return _table(["data", "network", "modes covered", "rows on a mode", "draws"], rows)


def seconds() -> str:
    """CPU seconds of each task at three sizes."""
    table = results("seconds")
    sizes = sorted(table["rows"].unique())
    value = table.set_index(["task", "rows"])["cpu_seconds"]
    rows = [[f"``{t}``", *(_rounded(value[t, n]) for n in sizes)] for t in dict.fromkeys(table["task"])]
    return _table(["task", *(f"{n:,} rows" for n in sizes)], rows)


def _rounded(value: float) -> str:
    """Round to two decimals below 1, one below 10, and none above."""
    return f"{value:.{2 if value < 1 else 1 if value < 10 else 0}f}"


def seconds_machine() -> str:
    """The machine that `seconds` was measured on."""
    first = results("seconds").iloc[0]
    return f"*{first['machine']}, commit {first['commit']}*\n"


def coverage() -> str:
    """How often the 95 % interval contains the truth."""
    table = results("coverage")
    rows = []
    for n, group in table.groupby("n") if len(table) else ():
        inside = (group["low"] <= group["truth"]) & (group["truth"] <= group["high"])
        below = group["lower"] <= group["truth"]
        rows.append(
            [f"{n:,}", len(group), group["task"].nunique(), f"{inside.mean():.0%}", f"{below.mean():.0%}"]
        )
    return _table(
        ["rows", "fits", "distributions", "truth in ``mi_interval_``", "``mi_lower_`` below truth"], rows
    )


def conditions() -> str:
    """Machine and versions of the measured figures, copied from benchmarks/README.md."""
    text = (RESULTS.parent / "README.md").read_text(encoding="utf-8")
    found = re.search(r"was made on (.+?)\.\s", text, flags=re.DOTALL)
    return f"Measured on {' '.join(found[1].split())}.\n" if found else ""


TABLES: dict[str, Callable[[], str]] = {
    f.__name__: f
    for f in (
        beyond_normal,
        further,
        random_joints,
        ablation,
        rivals,
        high_information,
        discrete,
        conditional,
        interactions,
        drop_in,
        drop_in_speed,
        real_tables,
        consistency,
        small_samples,
        redundancy,
        real_data,
        bottleneck,
        mode_coverage,
        seconds,
        seconds_machine,
        coverage,
        conditions,
    )
}


def _table(head: list[str], rows: list[list]) -> str:
    """A list-table. If there are no rows, it says so."""
    if not rows:
        return "*Not measured yet.*\n"
    lines = [".. list-table::", "   :header-rows: 1", "   :class: results", ""]
    for row in [head, *rows]:
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def write_tables() -> None:
    """Write each table to docs/_tables if it has changed."""
    folder = HERE / "_tables"
    folder.mkdir(exist_ok=True)
    for name, make in TABLES.items():
        path, text = folder / f"{name}.rst", make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_tables()
