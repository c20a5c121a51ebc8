"""Links of estimators, in notebooks, to their pages in our documentation."""

from importlib import metadata


def _find_documentation() -> str | None:
    """Where the documentation is: "Documentation" of [project.urls] in pyproject.toml, if there is one."""
    try:
        urls = metadata.metadata("skmine").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    for entry in urls:
        label, _, url = entry.partition(",")
        if label.strip().lower() == "documentation":
            return url.strip().rstrip("/")
    return None


DOCUMENTATION_URL = _find_documentation()


class DocumentationLinkMixin:
    """Makes the "?" of an estimator's diagram link to its page; put it before BaseEstimator.

    It overrides what scikit-learn's own mixin reads. Where our documentation has no address there is no
    link; subclasses of the user's have none.
    """

    _doc_link_module = "skmine"

    @property
    def _doc_link_template(self) -> str:
        if DOCUMENTATION_URL is None:
            return ""
        return DOCUMENTATION_URL + "/generated/{estimator_module}.{estimator_name}.html"
