"""Documentation: links from diagrams, docstrings that agree with the code, and plain words."""

import inspect
import math
import re
from importlib import metadata

import pytest
from numpydoc.docscrape import FunctionDoc
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

import skmine
from skmine import _documentation

ESTIMATORS = [
    skmine.MutualInfoEstimator,
    skmine.MINEFeatureSelector,
    skmine.InformationBottleneckClassifier,
    skmine.MINEGAN,
]
URL = "https://docs.example"
MODULES = (skmine, skmine.nn, skmine.distributions, skmine.plotting)


@pytest.fixture
def _published(monkeypatch):
    monkeypatch.setattr(_documentation, "DOCUMENTATION_URL", URL)


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.usefixtures("_published")
def test_diagram__address_known__links_to_the_page_of_the_class(kind):
    link = f"{URL}/generated/skmine.{kind.__name__}.html"

    assert link in estimator_html_repr(kind())
    assert link in estimator_html_repr(make_pipeline(StandardScaler(), clone(kind())))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_diagram__no_address__no_link(kind, monkeypatch):
    monkeypatch.setattr(_documentation, "DOCUMENTATION_URL", None)

    assert kind()._get_doc_link() == ""
    assert "Documentation for" not in estimator_html_repr(kind())


@pytest.mark.usefixtures("_published")
def test_diagram__subclass_of_another_package__no_link():
    class Ours(skmine.MutualInfoEstimator):
        pass

    assert Ours()._get_doc_link() == ""


@pytest.mark.parametrize(
    ("urls", "found"),
    [
        (None, None),
        (["Source, https://code.example"], None),
        (["Source, https://code.example", "Documentation, https://docs.example/"], URL),
    ],
)
def test_find_documentation__project_urls__the_one_labelled_so(urls, found, monkeypatch):
    class Metadata:
        def get_all(self, name):
            return urls

    monkeypatch.setattr(metadata, "metadata", lambda name: Metadata())

    assert _documentation._find_documentation() == found


def test_find_documentation__not_installed__none(monkeypatch):
    def fail(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", fail)

    assert _documentation._find_documentation() is None


def _public_callables():
    """Yield the names and objects of all public functions, classes and methods."""
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            if not callable(thing):
                continue
            yield f"{module.__name__}.{name}", thing
            for method in vars(thing) if inspect.isclass(thing) else ():
                ours = not method.startswith("_") and not method.endswith("_request")  # of metadata routing
                if ours and callable(getattr(thing, method)):
                    yield f"{module.__name__}.{name}.{method}", getattr(thing, method)


PUBLIC = dict(_public_callables())


OBJECTS = [f"{module.__name__}.{name}" for module in MODULES for name in module.__all__]


@pytest.mark.parametrize("name", [name for name in OBJECTS if name in PUBLIC])
def test_docstring__public_object__has_an_example(name):
    assert ">>> " in PUBLIC[name].__doc__


def _documented_parameters(thing):
    """Return the type line of each documented parameter of an object."""
    documented = {}
    for entry in FunctionDoc(thing)["Parameters"]:
        for name in entry.name.split(", "):
            documented[name.lstrip("*")] = entry.type
    return documented


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring__defaults__are_those_of_the_signature(name):
    parameters = inspect.signature(PUBLIC[name]).parameters

    for parameter, kind in _documented_parameters(PUBLIC[name]).items():
        default = parameters[parameter].default
        shown = re.search(r"default=(.+)$", kind)
        if not kind or kind == "None":  # described elsewhere, or ignored
            continue
        has_default = default is not inspect.Parameter.empty
        assert (shown is not None) == has_default, parameter
        assert not has_default or eval(shown[1], {"inf": math.inf}) == default, parameter


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring__listed_strings_and_none__are_those_that_are_accepted(name):
    thing = PUBLIC[name]
    constraints = getattr(thing, "_parameter_constraints", None) or getattr(
        thing, "_skl_parameter_constraints", {}
    )

    for parameter, kind in _documented_parameters(thing).items():
        choices = constraints.get(parameter, ())
        choices = () if choices == "no_validation" or not kind else choices
        allowed = {text for choice in choices for text in getattr(choice, "options", ())}
        listed = set(re.findall(r'"([^"]+)"', kind.partition("default=")[0]))
        assert not allowed or listed == allowed, parameter
        accepts_none = None in choices or "random_state" in choices or "cv_object" in choices
        assert not choices or ("None" in kind) == accepts_none, parameter
