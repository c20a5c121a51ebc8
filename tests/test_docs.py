"""Texts and examples: the files of "Extending" run, and the figures in README are those of the benchmarks."""

import csv
import runpy
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
EXTENDING = sorted((ROOT / "examples" / "extending").glob("*.py"))


@pytest.mark.parametrize("path", EXTENDING, ids=lambda path: path.stem)
def test_extending__example__runs(path, capsys):
    runpy.run_path(str(path), run_name="__main__")  # each file asserts what it shows

    assert capsys.readouterr().out


def test_readme__accuracy__is_that_of_the_benchmark():
    with (ROOT / "benchmarks" / "results" / "beyond_normal.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    errors = {
        n: np.mean([abs(float(r["mi"]) - float(r["truth"])) for r in rows if r["n"] == n])
        for n in ("1000", "5000", "10000")
    }

    figures = " | ".join(f"{error:.3f}" for error in errors.values())
    assert f"| skmine, `mi_` | {figures} |" in text


def test_readme__length__is_at_most_120_lines():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
