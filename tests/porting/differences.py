"""The table "Where npconformer differs", written from the rows into the document between its two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.porting.area import Area, Row

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "differences.md"
BEGIN, END = "<!-- rows: begin -->", "<!-- rows: end -->"


def table(areas: Sequence[Area]) -> str:
    """The rows that differ, as Markdown, with the marks around them."""
    lines = [BEGIN, "| written for transformers | here | why |", "|---|---|---|"]
    for area in areas:
        lines += [_line(row) for row in area.rows.values() if row.deliberate or row.absent]
    return "\n".join([*lines, END])


def _line(row: Row) -> str:
    call = row.call.replace("|", "\\|")
    return f"| `{call}` | {'otherwise' if row.deliberate else 'absent'} | {row.deliberate or row.absent} |"


def write(areas: Sequence[Area]) -> None:
    """Puts the table into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text(before + table(areas) + after, encoding="utf-8")
