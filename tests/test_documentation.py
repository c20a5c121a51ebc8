"""The "?" of an estimator's diagram: a link to its page where our documentation has an address."""

from importlib import metadata

import pytest
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
