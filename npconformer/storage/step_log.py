"""The log of a training: a CSV file with one row for each report, which a resumed training continues."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from npconformer.storage.files import write_text_atomically

LONGEST_LINE = 100_000  # characters; the csv module raises an error of its own for longer cells


class CsvLog:
    """Rows of numbers with the column "step" first, each of which is on the disk's side once `add` has returned.

    Args:
        path: the file.
        columns: names; those of an existing file that are not among them are kept.
        step: rows after this step, and a last row that was cut off, are removed: they come again.
    """

    def __init__(self, path: str | os.PathLike, columns: Sequence[str], step: int = 0) -> None:
        self.path = Path(path)
        rows = [row for row in read_log(self.path) if row["step"] <= step] if step > 0 else []
        known = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
        self.columns = ["step", *(name for name in known if name != "step")]
        write_text_atomically(self.path, self._lines([self.columns, *([r.get(c) for c in self.columns] for r in rows)]))

    def add(self, row: Mapping[str, Any]) -> None:
        """Appends a row; columns without a value stay empty."""
        with open(self.path, "a", encoding="utf-8", newline="") as file:
            file.write(self._lines([[row.get(name) for name in self.columns]]))

    def _lines(self, rows: Sequence[Sequence[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([["" if v is None else _number(v) for v in r] for r in rows])
        return text.getvalue()


def read_log(path: str | os.PathLike) -> list[dict[str, float]]:
    """The rows of a log as numbers; empty cells, and a last row that was cut off, are left out.

    So are rows that are damaged: what is not UTF-8, or no number.
    """
    if not Path(path).is_file():
        return []
    text = Path(path).read_text(encoding="utf-8-sig", errors="replace")  # a damaged row must not stop a training
    lines = text[: text.rfind("\n") + 1].splitlines()  # without what comes after the last line's end
    rows = []
    for cells in csv.DictReader(line for line in lines if len(line) < LONGEST_LINE and "\0" not in line):
        try:
            row = {name: float(value) for name, value in cells.items() if name and value}
        except (TypeError, ValueError):
            continue
        if "step" in row:
            rows.append(row)
    return rows


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else f"{value:.7g}"
    return value
