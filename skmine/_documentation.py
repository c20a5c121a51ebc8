"""Links of estimators, in notebooks, to their pages in our documentation."""

from importlib import metadata


def _find_documentation() -> str | None:
    """Address of the documentation, from [project.urls] in pyproject.toml, if it is set."""
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

    There is no link if the documentation has no address, or for subclasses defined by users.
    """

    _doc_link_module = "skmine"

    @property
    def _doc_link_template(self) -> str:
        if DOCUMENTATION_URL is None:
            return ""
        return DOCUMENTATION_URL + "/generated/{estimator_module}.{estimator_name}.html"
