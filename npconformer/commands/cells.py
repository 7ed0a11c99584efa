"""Tables as CSV that spreadsheets show and never run.

A spreadsheet takes a cell that starts with =, +, - or @ for a formula, which may start programs or send what is in
other cells elsewhere; labels and file names come from anywhere. As is usual, such a cell gets a "'" in front, which
spreadsheets take for "this is text". Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from npconformer.storage.written_numbers import is_number

STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # wide ones count, too


def safe_cell(value: Any) -> Any:
    """The value of a cell, with a "'" in front of a text that a spreadsheet would run."""
    if isinstance(value, str) and len(value) > 1 and value.startswith(STARTS_FORMULA) and not is_number(value):
        return f"'{value}"
    return value


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """Rows of safe cells as lines of CSV."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([safe_cell(cell) for cell in row] for row in rows)
    return table.getvalue()
