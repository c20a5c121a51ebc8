"""Versions: of skmine, for a bug report, and of the package with the same import name."""

from importlib import metadata

import pytest
import torch

from skmine import _version, show_versions


def test_warn_of_namesake__scikit_mine_installed__warns_with_the_repair(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "1.0.0")

    with pytest.warns(UserWarning, match="scikit-mine.*pip uninstall scikit-mine skmine, and"):
        _version.warn_of_namesake()


def test_version__installed_metadata__agrees():
    assert metadata.version("skmine") == _version.__version__


def test_show_versions__called__prints_system_packages_torch_and_thread_pools(capsys):
    show_versions()

    captured = capsys.readouterr()
    assert captured.err == ""
    for line in (
        "System:",
        f"skmine: {_version.__version__}",
        f"numpy: {metadata.version('numpy')}",
        f"CUDA build: {torch.version.cuda}",
        f"threads: {torch.get_num_threads()}",
        "thread pool 0:",
    ):
        assert line in map(str.strip, captured.out.splitlines())


def test_show_versions__package_not_installed__none(capsys, monkeypatch):
    monkeypatch.setattr(_version, "_DEPENDENCIES", ("no-such-package",))

    show_versions()

    assert "no-such-package: None" in capsys.readouterr().out
