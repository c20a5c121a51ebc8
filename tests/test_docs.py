"""Texts and examples: the files of "Extending" run, and figures in README agree with the benchmarks."""

import csv
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
EXTENDING = sorted((ROOT / "examples" / "extending").glob("*.py"))
GALLERY = sorted((ROOT / "examples").glob("plot_*.py"))
PAGES = sorted((ROOT / "docs").glob("*.rst")) + sorted((ROOT / "docs" / "user_guide").glob("*.rst"))
TEXTS = [*PAGES, *sorted(ROOT.glob("*.md")), *sorted((ROOT / "examples").rglob("*.py"))]
TEXTS.append(ROOT / "benchmarks" / "README.md")
TEXTS += sorted((ROOT / "skmine").rglob("*.py")) + sorted((ROOT / "docs").glob("*.py"))
#: Data do not "tell" anything, and some phrases have to be read twice.
BANNED = re.compile(
    r"\b(?:tells?|told|so too|of which|as those|save those|where that prevails|where there (?:is|are)"
    r"|where it is|else the|at most so many|but for|for there (?:is|are)|by heart|in its own right"
    r"|taken? off|less what|runs? away|one a (?:bank )?(?:member|class|side))\b",
    re.IGNORECASE,
)
TABLES = runpy.run_path(str(ROOT / "docs" / "comparison_tables.py"))["TABLES"]


@pytest.mark.parametrize("path", EXTENDING, ids=lambda path: path.stem)
def test_extending__example__runs(path, capsys):
    runpy.run_path(str(path), run_name="__main__")  # each file asserts what it shows

    assert capsys.readouterr().out


def _read(path):
    with (ROOT / path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_gallery__page__opens_with_a_question_and_ends_with_the_answer(path):
    lines = path.read_text(encoding="utf-8").splitlines()

    assert lines[1].endswith("?")
    assert lines[2] == "=" * len(lines[1])  # sections are underlined by dashes, one level below
    last_cell = lines[len(lines) - lines[::-1].index("# %%") :]
    assert last_cell[0].startswith("# **In short:** ")
    assert all(line.startswith("#") for line in last_cell)


def test_readme__accuracy_and_seconds__are_those_of_the_benchmark():
    rows = _read("benchmarks/results/beyond_normal.csv")
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    sizes = [[r for r in rows if r["n"] == n] for n in ("1000", "5000", "10000")]
    errors = [np.mean([abs(float(r["mi"]) - float(r["truth"])) for r in size]) for size in sizes]
    seconds = [np.median([float(r["seconds"]) for r in size]) for size in sizes]

    assert f"| skmine, `MutualInfoEstimator` | {' | '.join(f'{error:.3f}' for error in errors)} |" in text
    assert f"| {' | '.join(f'{value:.1f}' for value in seconds)} |" in text


@pytest.mark.parametrize("method", ["Alice-Base", "MINE", "nearest neighbours (KSG)"])
def test_readme__published_figures__are_those_of_the_comparison(method):
    values = [
        row["value"]
        for row in _read("docs/published.csv")
        if row["table"] == "beyond_normal" and row["method"].split(" (85M")[0] == method
    ]
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()

    assert len(values) == 3
    assert any(line.startswith(f"| {method}") and f"| {' | '.join(values)} |" in line for line in lines)


def test_readme__seconds_of_scores__are_those_of_the_benchmark():
    row = next(row for row in _read("benchmarks/results/drop_in_speed.csv") if row["n"] == "10000")
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())

    ours, theirs = float(row["seconds"]), float(row["scikit_learn_seconds"])
    assert f"take {ours:.2f} s, compared with {theirs:.1f} s in scikit-learn" in text


def test_readme__length__is_at_most_100_lines():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100


@pytest.mark.parametrize("name", TABLES)
def test_comparison__table__has_no_empty_cell(name):
    text = TABLES[name]()

    cells = [line[6:].strip() for line in text.splitlines() if line.startswith(("   * -", "     -"))]
    assert text.strip()
    assert "Not measured" not in text
    assert not {"", "nan"} & set(cells)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text.parent.name}-{text.name}")
def test_text__words_and_patterns_that_have_to_be_read_twice__none(text):
    words = " ".join(text.read_text(encoding="utf-8").split())

    assert not BANNED.findall(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page__links_to_other_pages__lead_to_a_file(page):
    links = re.findall(r":doc:`(?:[^`<]*<)?([^`>]+)>?`", page.read_text(encoding="utf-8"))

    for link in links:
        folder = ROOT / "docs" if link.startswith("/") else page.parent
        target = folder / link.lstrip("/")
        example = ROOT / "examples" / f"{target.name}.py"
        is_gallery = target.parent.name == "auto_examples" and (target.name == "index" or example.exists())
        assert is_gallery or target.with_suffix(".rst").exists(), link


def test_user_guide__every_page__is_in_its_contents():
    guide = ROOT / "docs" / "user_guide"
    listed = set(re.findall(r"^   (\w+)$", (guide / "index.rst").read_text(encoding="utf-8"), re.MULTILINE))

    assert listed == {page.stem for page in guide.glob("*.rst")} - {"index"}


def test_troubleshooting__each_message__is_in_the_code():
    page = (ROOT / "docs" / "user_guide" / "troubleshooting.rst").read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "skmine").rglob("*.py")))
    source = re.sub(r"\{[^{}\n]*\}", "...", re.sub(r'"\s*\n\s*f?"', "", source))
    headings = " ".join(re.findall(r"^``\w+(?:Error|Warning): .*$", page, re.MULTILINE))
    messages = re.findall(r"``(?:\w+(?:Error|Warning): )?([^`]+)``", headings)

    assert len(messages) > 8
    for message in messages:
        for part in filter(None, (part.strip() for part in message.split("..."))):
            assert part in source, message
