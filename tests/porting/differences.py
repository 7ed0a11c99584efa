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
        alike: dict[tuple[str, str], list[Row]] = {}
        for row in area.rows.values():
            if row.deliberate or row.absent:
                kind = "otherwise" if row.deliberate else "absent"
                alike.setdefault((kind, row.deliberate or row.absent or ""), []).append(row)
        lines += [f"| {_calls(rows)} | {kind} | {reason} |" for (kind, reason), rows in alike.items()]
    return "\n".join([*lines, END])


def _calls(rows: Sequence[Row]) -> str:
    """The calls of rows that have one reason."""
    return "<br>".join(f"`{row.call}`".replace("|", "\\|") for row in rows)


def write(areas: Sequence[Area]) -> None:
    """Puts the table into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text(before + table(areas) + after, encoding="utf-8")
