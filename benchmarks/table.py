"""Tables of measurements: aligned for a terminal, as Markdown, and as CSV with one value a line."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Iterable
from typing import Any

from benchmarks.timing import Spread

NOT_MEASURED = "–"


class Table:
    """Rows of values by column. The first column names the row; columns are in order of first appearance."""

    def __init__(self, title: str, note: str = "") -> None:
        self.title, self.note = title, note
        self.rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> dict[str, Any]:
        """Appends a row and returns it."""
        self.rows.append(row)
        return row

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(column for row in self.rows for column in row))

    def cells(self) -> list[list[str]]:
        """Heading and rows as text."""
        return [self.columns] + [[text(row.get(column)) for column in self.columns] for row in self.rows]


def text(value: Any) -> str:
    """A value for people: three significant digits, at most four decimals; a spread as median (quartiles)."""
    if value is None:
        return NOT_MEASURED
    if isinstance(value, Spread):
        if value.lower == value.upper:
            return text(value.median)
        decimals = _decimals(value.median)
        return f"{value.median:,.{decimals}f} ({value.lower:,.{decimals}f}–{value.upper:,.{decimals}f})"
    if isinstance(value, float):
        if value != 0 and abs(value) < 1e-3:
            return f"{value:.1e}"
        return f"{value:,.{_decimals(value)}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _decimals(value: float) -> int:
    if value == 0 or not math.isfinite(value):
        return 0
    return min(4, max(0, 2 - math.floor(math.log10(abs(value)))))


def plain(table: Table) -> str:
    """Aligned columns for a terminal."""
    cells = table.cells()
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    rows = [_aligned(row, widths, "  ").rstrip() for row in cells]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([table.title, *textwrap.wrap(table.note, 120), "", rows[0], rule, *rows[1:]])


def markdown(table: Table) -> str:
    """A heading, the note, and a table that is aligned in its source too."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in table.cells()]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(cells[0]))]
    rows = [f"| {_aligned(row, widths, ' | ')} |" for row in cells]
    rule = "|".join(["", ":" + "-" * (widths[0] + 1), *("-" * (width + 1) + ":" for width in widths[1:]), ""])
    return "\n".join([f"## {table.title}", "", *([table.note, ""] if table.note else []), rows[0], rule, *rows[1:]])


def _aligned(row: list[str], widths: list[int], separator: str) -> str:
    """The first column to the left, numbers to the right."""
    return separator.join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])


def as_csv(tables: Iterable[Table]) -> str:
    """`table,row,quantity,value`: one line for each value; a spread gives three, with its quartiles."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["table", "row", "quantity", "value"])
    for table in tables:
        for row in table.rows:
            label, *rest = row.items()
            for column, value in rest:
                if isinstance(value, Spread):
                    writer.writerow([table.title, label[1], column, value.median])
                    writer.writerow([table.title, label[1], f"{column}, lower quartile", value.lower])
                    writer.writerow([table.title, label[1], f"{column}, upper quartile", value.upper])
                elif value is not None:
                    writer.writerow([table.title, label[1], column, value])
    return file.getvalue()
