"""Seeds of the statistical tests, and figures without a screen, also in doctests."""

import gc
import os

import pytest
import torch

os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_collection():
    gc.disable()  # modules are kept, and searching them for garbage takes half of the time of a collection


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture
def double_precision():
    """Double precision as torch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _seeds():
    """Seeds of SKMINE_TEST_SEEDS, such as ``0-9`` or ``3,5``; 0 if it is not set."""
    seeds = []
    for part in os.environ.get("SKMINE_TEST_SEEDS", "0").split(","):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    return seeds


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", _seeds())
