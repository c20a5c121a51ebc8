"""The layout of the package: direction of imports, names of modules, lengths of files and functions."""

import ast
import sys
from pathlib import Path

import pytest

import skmine

LEAVES = {
    "_columns",
    "_encoding",
    "_copula",
    "_validation",
    "_views",
    "distributions",
    "_sklearn",
    "_warning",
}
#: What these modules may import besides the standard library: parts of the package, and other libraries.
MAY_IMPORT = {"nn": (set(), {"torch"}), "_engine": ({"nn"}, {"torch", "numpy", "scipy"})}
#: The only modules of `_engine` that may import scikit-learn, because they fit its models.
FIT_MODELS = {"skmine/_engine/models", "skmine/_engine/regressors"}
READERS = {
    "_containers",
    "_dates",
    "_lazy",
    "_numbers",
    "_wrappers",
}  # leaves that are imported only by `_columns` and by each other
ESTIMATORS = {"_estimator", "_selector", "_bottleneck", "_generative"}
IMPORT_ESTIMATORS = {"__init__", "_selector", "_scores"}
FORBIDDEN_NAMES = {"base", "utils", "callbacks", "datasets", "preprocessing"}
PUBLIC_MODULES = {"nn", "distributions", "plotting"}
#: Calls that change the state of the whole process.
PROCESS_WIDE = {
    "catch_warnings",
    "default_generator",
    "filterwarnings",
    "fork_rng",
    "set_default_device",
    "set_default_dtype",
    "set_num_threads",
    "simplefilter",
    "threadpool_limits",
    "use_deterministic_algorithms",
}
MAKERS = {"empty", "eye", "full", "linspace", "ones", "rand", "randn", "zeros"}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
MAX_FUNCTION_LINES, MAX_MODULE_LINES = 60, 400  # the aims are 40 and 350
MAX_FLOORS, MAX_NN_NAMES = 6, 25


def code_lines(function):
    """Count the lines of a function without its docstring, which may be long."""
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


def longest_chain(root, start):
    """Return the modules of the longest chain of imports from `start`, which comes first, within `root`."""
    trees = {}
    for path in root.rglob("*.py"):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        package, name = parts[:-1], ".".join(parts).removesuffix(".__init__")
        trees[name] = list(imported_names(ast.parse(path.read_text(encoding="utf-8")), package))

    def module_of(name):
        while name and name not in trees:
            name = name.rpartition(".")[0]
        return name

    imports = {name: {*map(module_of, targets)} - {"", name} for name, targets in trees.items()}

    def chain(name, above):
        chains = [chain(target, (*above, name)) for target in imports[name] - {*above}]
        return [name, *max(chains, key=len, default=[])]

    return chain(start, ())


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
            if unit in MAY_IMPORT:
                of_package, of_others = MAY_IMPORT[unit]
                of_others = of_others | ({"sklearn"} if where in FIT_MODELS else set())
                allowed = target in {unit, *of_package} if top == root.name else top in of_others
                if not allowed and top not in sys.stdlib_module_names:
                    found.append(f"{where}: {unit} imports {name}")
                continue
            if top != root.name or target in {unit, "_warning"}:  # `_warning` is a leaf that imports nothing
                continue
            if unit in READERS | {"_columns"} and target in READERS:
                continue
            if unit in LEAVES | READERS and (
                target not in {"_columns", "_sklearn", "_views"} or unit in READERS
            ):
                found.append(f"{where}: a leaf imports {name}")
            elif target in READERS:
                found.append(f"{where}: only _columns imports {name}")
            elif target in ESTIMATORS and unit not in IMPORT_ESTIMATORS:
                found.append(f"{where}: imports the estimator {name}")
            elif not target.startswith("_") and target not in PUBLIC_MODULES:
                found.append(f"{where}: imports {name} through the package, not from its module")
    return found


def private_of_scikit_learn(root):
    """Return one line for each private name of scikit-learn that a module at `root` imports, but _sklearn."""
    return [
        f"{path.relative_to(root)}: {name}"
        for path in sorted(root.rglob("*.py"))
        if path.stem != "_sklearn"
        for name in imported_names(ast.parse(path.read_text(encoding="utf-8")), ())
        if name.startswith("sklearn.") and "._" in name
    ]


def settings_of_the_process(root):
    """Return one line for each call at `root` that changes, even for a moment, what all threads share."""
    return [
        f"{path.relative_to(root)}: {name}"
        for path in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Attribute, ast.Name, ast.alias))
        and (name := getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", ""))
        in PROCESS_WIDE
    ]


def makers_without_dtype(root):
    """Return one line for each tensor that a module at `root` makes in torch's default dtype."""
    return [
        f"{path.relative_to(root)}:{node.lineno}: torch.{node.func.attr}"
        for path in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr in MAKERS) == ("torch", True)
        and "dtype" not in {keyword.arg for keyword in node.keywords}
    ]


def test_package__private_names_of_scikit_learn__stand_in_one_module():
    assert private_of_scikit_learn(Path(skmine.__file__).parent) == []


def test_package__what_all_threads_share__is_not_set():
    assert settings_of_the_process(Path(skmine.__file__).parent) == []


def test_package__tensors__have_a_dtype_that_is_named():
    assert makers_without_dtype(Path(skmine.__file__).parent) == []


@pytest.mark.parametrize(
    ("find", "text"),
    [
        (private_of_scikit_learn, "from sklearn.utils._tags import get_tags"),
        (private_of_scikit_learn, "def f():\n    from sklearn.base import _fit_context"),
        (settings_of_the_process, "with warnings.catch_warnings(): pass"),
        (settings_of_the_process, "from torch import set_num_threads"),
        (settings_of_the_process, "from threadpoolctl import threadpool_limits"),
        (makers_without_dtype, "torch.zeros(3)"),
        (makers_without_dtype, "x = [torch.randn(3, generator=g) for _ in y]"),
    ],
)
def test_rule_of_one_kind__broken__found(tmp_path, find, text):
    (tmp_path / "_module.py").write_text(text, encoding="utf-8")

    assert len(find(tmp_path)) == 1


def test_package__every_rule__holds():
    assert violations(Path(skmine.__file__).parent) == []


def test_estimator__longest_chain_of_imports__at_most_six_floors_below():
    chain = longest_chain(Path(skmine.__file__).parent, "skmine._estimator")

    assert len(chain) - 1 <= MAX_FLOORS, " -> ".join(chain)


def test_nn__names__at_most_25_all_there_and_documented():
    names = skmine.nn.__all__

    assert len(names) == len(set(names)) <= MAX_NN_NAMES
    assert all(getattr(skmine.nn, name).__doc__ for name in names if name not in ("BOUNDS", "CRITICS"))


@pytest.mark.parametrize(
    ("module", "text", "message"),
    [
        ("nn/bounds.py", "import sklearn.base", "nn imports sklearn.base"),
        ("nn/bounds.py", "import numpy as np", "nn imports numpy"),
        ("nn/bounds.py", "def f():\n    from scipy.stats import chi2", "nn imports scipy.stats.chi2"),
        ("nn/bounds.py", "from .._encoding import encode", "nn imports skmine._encoding.encode"),
        ("nn/bounds.py", "from .._columns import Column", "nn imports skmine._columns.Column"),
        ("_engine/judge.py", "from sklearn.base import clone", "_engine imports sklearn.base.clone"),
        ("_engine/forms/grid.py", "from ..._columns import A", "_engine imports skmine._columns.A"),
        ("_engine/sample.py", "import skmine", "_engine imports skmine"),
        ("_screening.py", "from ._estimator import A", "imports the estimator skmine._estimator.A"),
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
        ("_engine/forms/grid.py", "import math\nimport numpy, scipy.ndimage\nfrom skmine.nn.pairs import A"),
        ("_engine/forms/grid.py", "from skmine._engine.sample import Sample\nfrom .form import Form"),
        ("_engine/models.py", "from sklearn.base import clone"),
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


def test_longest_chain__packages_and_cycles__each_module_counts_once(tmp_path):
    root = tmp_path / "skmine"
    modules = {
        "__init__.py": "from ._a import A",
        "_a.py": "import torch\nfrom . import b\nfrom ._c import C",
        "_c.py": "from skmine import A",  # back to the top
        "b/__init__.py": "from .d import D",
        "b/d.py": "def f():\n    from .e import E",  # lazily too
        "b/e.py": "from . import d",
    }
    for name, text in modules.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")

    assert longest_chain(root, "skmine._a") == ["skmine._a", "skmine.b", "skmine.b.d", "skmine.b.e"]
