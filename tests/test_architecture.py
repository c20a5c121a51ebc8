"""The layout of the package: which way imports run, which names are taken, how long things are."""

import ast
from pathlib import Path

import pytest

import skmine

LEAVES = {"nn", "_columns", "_encoding", "_copula", "_validation", "distributions"}
READERS = {"_containers", "_dates", "_numbers"}  # leaves that only `_columns` imports, and one another
ESTIMATORS = {"_estimator", "_selector", "_bottleneck", "_generative"}
IMPORT_ESTIMATORS = {"__init__", "_selector", "_scores"}
FORBIDDEN_NAMES = {"base", "utils", "callbacks", "datasets", "preprocessing"}
PUBLIC_MODULES = {"nn", "distributions", "plotting"}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
MAX_FUNCTION_LINES, MAX_MODULE_LINES = 60, 400  # the aims are 40 and 350


def code_lines(function):
    """Count a function's lines without its docstring: a full one must not cost code."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= function.body[0].end_lineno - function.body[0].lineno + 1
    return lines


def imported_names(tree, package):
    """Yield the absolute dotted names that a module of `package` imports, lazily or not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *(node.module or "").split(".")]).rstrip(".")
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def violations(root):
    """Return one line for each broken rule in the package at `root`."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        where, unit = "/".join(parts), parts[1]
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        for name in FORBIDDEN_NAMES.intersection(parts):
            found.append(f"{where}: the module name {name} is taken by scikit-mine")
        if (lines := len(text.splitlines())) > MAX_MODULE_LINES:
            found.append(f"{where}: {lines} lines; at most {MAX_MODULE_LINES}")
        for node in ast.walk(tree):
            if isinstance(node, FUNCTION) and (lines := code_lines(node)) > MAX_FUNCTION_LINES:
                found.append(f"{where}: {node.name}: {lines} lines; at most {MAX_FUNCTION_LINES}")
        for name in imported_names(tree, parts[:-1]):
            top, target = [*name.split("."), ""][:2]
            if unit == "nn" and top == "sklearn":
                found.append(f"{where}: nn imports {name}")
            if top != root.name or target == unit:
                continue
            if unit in READERS | {"_columns"} and target in READERS:
                continue
            if unit in LEAVES | READERS and (target != "_columns" or unit in READERS):
                found.append(f"{where}: a leaf imports {name}")
            elif target in READERS:
                found.append(f"{where}: only _columns imports {name}")
            elif target in ESTIMATORS and unit not in IMPORT_ESTIMATORS:
                found.append(f"{where}: imports the estimator {name}")
            elif not target.startswith("_") and target not in PUBLIC_MODULES:
                found.append(f"{where}: imports {name} through the package, not from its module")
    return found


def test_package__every_rule__holds():
    assert violations(Path(skmine.__file__).parent) == []


@pytest.mark.parametrize(
    ("module", "text", "message"),
    [
        ("nn/bounds.py", "import sklearn.base", "nn imports sklearn.base"),
        ("nn/bounds.py", "from .._encoding import encode", "a leaf imports skmine._encoding"),
        ("_copula.py", "from . import _encoding", "a leaf imports skmine._encoding"),
        ("_encoding.py", "def f():\n    from skmine.nn import A", "a leaf imports skmine.nn.A"),
        ("_validation.py", "from . import __version__", "a leaf imports skmine.__version__"),
        ("_dates.py", "from ._columns import Column", "a leaf imports skmine._columns.Column"),
        ("_input.py", "from . import _containers", "only _columns imports skmine._containers"),
        ("_strategies.py", "from ._estimator import A", "the estimator skmine._estimator.A"),
        ("plotting.py", "import skmine._selector", "imports the estimator skmine._selector"),
        ("_bottleneck.py", "from . import MutualInfoEstimator", "MutualInfoEstimator through the"),
        ("utils.py", "", "module name utils"),
        ("nn/base/bounds.py", "", "module name base"),
        ("plotting.py", "def f():\n" + "    pass\n" * 60, "f: 61 lines; at most 60"),
        ("plotting.py", "\n" * 401, "401 lines; at most 400"),
    ],
)
def test_violations__one_rule_broken__named(tmp_path, module, text, message):
    path = tmp_path / "skmine" / module
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")

    (found,) = violations(tmp_path / "skmine")

    assert message in found


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("nn/training.py", "import torch\nfrom .bounds import BOUNDS\nfrom skmine.nn import train"),
        ("_estimator.py", "from . import _encoding, nn\nfrom ._validation import check"),
        ("_scores.py", "from skmine._estimator import MutualInfoEstimator"),
        ("__init__.py", "from ._selector import MINEFeatureSelector"),
        ("_columns.py", "from ._containers import raw_columns"),
        ("_estimator.py", "from . import __version__"),
        ("plotting.py", "def f():\n    '''Summary.\n    '''\n" + "    pass\n" * 59),
    ],
)
def test_violations__rules_kept__none(tmp_path, module, text):
    path = tmp_path / "skmine" / module
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")

    assert violations(tmp_path / "skmine") == []
