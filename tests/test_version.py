"""The import name is shared with scikit-mine: say so where both are installed."""

from importlib import metadata

import pytest

from skmine import _version


def test_warn_of_namesake__scikit_mine_installed__warns_with_the_repair(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "1.0.0")

    with pytest.warns(UserWarning, match="scikit-mine.*pip uninstall scikit-mine && pip install"):
        _version.warn_of_namesake()


def test_version__installed_metadata__agrees():
    assert metadata.version("skmine") == _version.__version__
