"""Documents: how results are written, and how what was written is read again.

A document of many recordings is made of a piece for each, so that one that was stopped can go on: its pieces are told
apart again, and only those that are missing are made.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from npconformer.commands.cells import safe_cell
from npconformer.commands.writing import to_json
from npconformer.storage.messages import one_line


class CannotGoOnError(ValueError):
    """What a file holds already and what is to be added do not fit together; the message names the file."""


class Asked(NamedTuple):
    """A recording that is answered: its name, and that of its files, without folder and extension."""

    name: str
    stem: str


Piece = tuple[str | None, str]  # the key of the recording that a part of a document is of, if known, and the part


class Format:
    """How results are written: a document is `before`, the recordings' pieces with `between` in between, `after`.

    several: whether recordings need their names. extensions: of files, the usual one first. together: whether several
    recordings fit one document.
    """

    extensions: ClassVar[tuple[str, ...]] = (".txt",)
    together: ClassVar[bool] = True
    before = between = after = ""

    def __init__(self, several: bool = False) -> None:
        self.several = several

    def one(self, asked: Asked, result: Any) -> str:
        """The piece of one recording's result; an error is "" where the format has no place for it."""
        raise NotImplementedError

    def alone(self, asked: Asked, result: Any) -> str:
        """The document of one recording that has one of its own."""
        return f"{self.before}{self.one(asked, result)}{self.after}"

    def key(self, asked: Asked) -> str:
        """By what a recording is known in a document."""
        return asked.name

    def split(self, document: str, asked: Sequence[Asked], errors: bool = False) -> list[Piece]:
        """The pieces of a document that was written before; what is torn is left out.

        asked: the recordings whose pieces are looked for; pieces of others have no key. errors: also those that say
        that a recording failed, which is to be tried again. Raises ValueError for a
        document that is not of this format.
        """
        return [(self.key(asked[0]), document)] if len(asked) == 1 and not self.several else []


class LineFormat(Format):
    """Lines for each recording, which start with its name when there are several: "NAME: LINE".

    Line ends and control characters in names, labels and tokens are escaped: each line stays one.
    """

    continued: ClassVar[re.Pattern | None] = None  # how lines without a name begin that belong to the one before

    def lines(self, result: Any) -> Iterable[str]:
        """The lines of one result."""
        raise NotImplementedError

    def start(self, asked: Asked) -> str:
        """What its lines start with."""
        return f"{one_line(asked.name)}: " if self.several else ""

    def one(self, asked: Asked, result: Any) -> str:
        if isinstance(result, Exception):
            return ""  # named on standard error
        start = self.start(asked)
        return "".join(f"{start}{line}\n" for line in self.lines(result))

    def split(self, document: str, asked: Sequence[Asked], errors: bool = False) -> list[Piece]:
        if not self.several:
            return super().split(document, asked, errors)
        keys = {self.start(one).rstrip("\n"): self.key(one) for one in asked}
        lines = ((self._key_of(line, keys), line) for line in lines_of(document))
        return grouped(lines, self.continued)

    @staticmethod
    def _key_of(line: str, keys: dict[str, str]) -> str | None:
        """The key whose start the line has, the longest; a name may have ": " in it."""
        ends = [match.end() for match in re.finditer(r":(?: |\n)", line)]
        starts = (line[:end].rstrip("\n") for end in reversed(ends))
        return next((keys[start] for start in starts if start in keys), None)


def lines_of(document: str) -> list[str]:
    """The lines with their ends, which are "\n" only: names and texts may have other signs that break lines."""
    return re.findall(r"[^\n]*\n|[^\n]+", document)


def grouped(lines: Iterable[Piece], continued: re.Pattern | None = None) -> list[Piece]:
    """Neighbouring lines of one recording joined.

    A last line without its end goes, with the recording that it may belong to. continued: how lines begin that belong
    to the line before them.
    """
    pieces: list[Piece] = []
    for key, line in lines:
        if pieces and key is None and continued is not None and continued.match(line):
            key = pieces[-1][0]
        if not line.endswith("\n"):
            torn = pieces and pieces[-1][0] is not None and key in (None, pieces[-1][0])
            return pieces[:-1] if torn else pieces
        if pieces and pieces[-1][0] == key:
            pieces[-1] = key, pieces[-1][1] + line
        else:
            pieces.append((key, line))
    return pieces


class JsonFormat(Format):
    """An array of one object per recording, on a line of its own, failures included; alone, the object."""

    extensions = (".json",)
    before, between, after = "[", ",", "\n]\n"
    lead = "\n"

    def entry(self, result: Any) -> dict[str, Any]:
        """What the object of one recording holds beside its name."""
        return result

    def one(self, asked: Asked, result: Any) -> str:
        fields = {"error": str(result)} if isinstance(result, Exception) else self.entry(result)
        return self.lead + to_json({"file": asked.name, **fields})

    def alone(self, asked: Asked, result: Any) -> str:
        return self.one(asked, result).strip("\n") + "\n"

    def split(self, document: str, asked: Sequence[Asked], errors: bool = False) -> list[Piece]:
        names = {one.name for one in asked}
        return [
            (entry["file"] if entry["file"] in names else None, self.lead + to_json(entry))
            for entry in self._entries(document)
            if errors or "error" not in entry or entry["file"] not in names
        ]

    def _entries(self, document: str) -> list[dict[str, Any]]:
        try:
            entries = json.loads(document)
        except (ValueError, RecursionError):
            entries = _whole_lines(document.removeprefix("["))
        named = isinstance(entries, list) and all(isinstance(one, dict) and "file" in one for one in entries)
        if not (named and all(isinstance(one["file"], str) for one in entries)):
            raise ValueError('expected an array of objects with "file"')
        return entries


class JsonLines:
    """To be put before a JsonFormat: the same objects, one on each line."""

    extensions = (".jsonl", ".ndjson")
    before = between = after = lead = ""

    def one(self, asked: Asked, result: Any) -> str:
        return super().one(asked, result) + "\n"  # type: ignore[misc]

    def _entries(self, document: str) -> list[dict[str, Any]]:
        return _whole_lines(document)

    def split(self, document: str, asked: Sequence[Asked], errors: bool = False) -> list[Piece]:
        return [(key, piece + "\n") for key, piece in super().split(document, asked, errors)]  # type: ignore[misc]


def _whole_lines(document: str) -> list[dict[str, Any]]:
    """The objects on the lines of a document, of which the last may be torn."""
    entries = []
    lines = [line.rstrip("\r,") for line in document.split("\n") if line.strip("\r, ]")]
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(json.loads(line))
        except (ValueError, RecursionError):
            if number < len(lines):
                raise ValueError(f"its line {number} is not JSON") from None
    return entries


class TableFormat(Format):
    """Rows of cells below a header, as CSV or, with tabs, as TSV."""

    extensions = (".csv",)
    columns: ClassVar[tuple[str, ...]]
    dialect: ClassVar[dict[str, Any]] = {"lineterminator": "\n"}

    @property
    def before(self) -> str:  # type: ignore[override]
        """The header."""
        return self._written([self.columns])

    def rows(self, name: str, result: Any) -> Iterable[Sequence[Any]]:
        """The rows of one result; the first cell is the recording's name where the first column is "file"."""
        raise NotImplementedError

    def one(self, asked: Asked, result: Any) -> str:
        if isinstance(result, Exception):
            return ""  # named on standard error
        return self._written(self.rows(asked.name, result))

    def split(self, document: str, asked: Sequence[Asked], errors: bool = False) -> list[Piece]:
        if not self.columns[0] == "file":  # of one recording
            return Format.split(self, document, asked)
        names = {self._cell(one.name): one.name for one in asked}
        if self.before.startswith(document):
            return []
        if not document.startswith(self.before):
            raise ValueError(f"expected a table with the columns {', '.join(self.columns)}")
        rows = list(csv.reader(io.StringIO(document[len(self.before) :], newline=""), **self.dialect))
        lines = [(names.get(row[0]), self._written([row])) for row in rows if row]
        if lines and not document.endswith("\n"):
            lines[-1] = None, lines[-1][1].rstrip("\n")  # torn, perhaps in the name
        return grouped(lines)

    def _written(self, rows: Iterable[Sequence[Any]]) -> str:
        table = io.StringIO(newline="")
        csv.writer(table, **self.dialect).writerows([self._cell(cell) for cell in row] for row in rows)
        return table.getvalue()

    def _cell(self, value: Any) -> Any:
        return safe_cell(value)


class TabsFormat:
    """To be put before a TableFormat: its cells with tabs in between."""

    extensions = (".tsv",)
    dialect: ClassVar[dict[str, Any]] = {"delimiter": "\t", "lineterminator": "\n"}

    def _cell(self, value: Any) -> Any:
        return safe_cell(one_line(value)) if isinstance(value, str) else value
