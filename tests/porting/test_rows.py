"""Every row, against transformers' frozen answer and, where it is installed, against transformers itself."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.porting.__main__ import count
from tests.porting.areas import all_areas
from tests.porting.differences import DOCUMENT, table

AREAS = all_areas()
ROWS = [pytest.param(area, row, id=f"{area.name}: {row.call}") for area in AREAS for row in area.rows.values()]

COUNTED = (
    r"python -m tests\.porting.: ([\d,]+) equal, (\d+) in another container, (\d+) different on purpose, (\d+) absent"
)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_each_row_has_its_answer_and_each_answer_its_row(area):
    assert set(area.answers()) == set(area.rows), "python -m tests.porting --write asks transformers"


@pytest.mark.parametrize(("area", "row"), ROWS)
def test_frozen(area, row, checkpoints, tmp_path):
    if row.needs:
        pytest.importorskip(row.needs)
    row.verdict(row.result("npconformer", checkpoints, tmp_path), area.answers()[row.call])


@pytest.mark.parametrize(("area", "row"), ROWS)
def test_live(area, row, checkpoints, tmp_path):
    pytest.importorskip("transformers", reason="needs transformers, which the extra `parity` brings")
    theirs = row.result("transformers", checkpoints, tmp_path)
    row.verdict(theirs, area.answers()[row.call]) if row.deliberate is row.absent is None else None
    assert theirs["kind"] == area.answers()[row.call]["kind"]


def test_the_document_shows_every_difference():
    assert table(AREAS) in DOCUMENT.read_text(encoding="utf-8"), "python -m tests.porting --write brings it up to date"


def test_few_rows_differ():
    """Of what people write, at most 20 things stay otherwise without being meant so."""
    absent = [row.call for area in AREAS for row in area.rows.values() if row.absent]
    assert len(absent) <= 20, absent


@pytest.mark.slow
def test_the_readme_has_the_counts(checkpoints, tmp_path):
    """What `python -m tests.porting` prints."""
    found = re.search(COUNTED, (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8"))
    counts = sum((count(area, checkpoints) for area in AREAS), Counter())
    if sum(counts.values()) < len(ROWS):
        pytest.skip("some rows need a package that is not installed")
    assert found, f"README.md has no sentence as {COUNTED}"
    said = [int(number.replace(",", "")) for number in found.groups()]
    assert said == [counts[kind] for kind in ("equal", "container", "deliberate", "absent")]
