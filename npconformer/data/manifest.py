"""Manifests: one utterance on each line, as CSV with a header or as JSON objects.

    path,text                                   {"path": "a.wav", "text": "seven"}
    a.wav,seven                                 {"path": "talk.flac", "start": 1.5, "end": 3.0, "text": "two"}
    "b, second.wav",two

Columns (keys): `path`, and as far as the task needs them `text`, `label`, `speaker`, `rttm` (a file of who
speaks when), `start` and `end` in seconds. Others are passed over, and an empty value is no value. Paths are
relative to the manifest's folder. Files are UTF-8, with or without a byte order mark, with Unix or Windows line
ends; empty lines do not count.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npconformer.data.examples import Example
from npconformer.storage.messages import printable, shown
from npconformer.storage.strict_json import parse_json

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
SUFFIXES = (*DELIMITERS, *JSON_LINES)
TEXTS = ("text", "label", "speaker")
SHOWN = 20  # names of columns in a message

Row = tuple[int, dict[str, Any]]  # the number of its line, and its values by column


def read_manifest(path: str | os.PathLike) -> list[Example]:
    """Read the examples of a manifest, in its order; a file without rows gives none.

    path: a file whose name ends in .csv, .tsv (the same, with tabs), .jsonl or .ndjson.

    Raises FileNotFoundError when there is no such file, and ValueError, naming the file and the line, for what
    is not such a manifest. Whether the recordings exist and suit a task is not looked at here.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: a manifest's name ends in {', '.join(SUFFIXES)}, got {suffix or 'no extension'!r}")
    content = _decode(path)
    rows = _json_rows(path, content) if suffix in JSON_LINES else _csv_rows(path, content, DELIMITERS[suffix])
    return [_example(path, line, values) for line, values in rows]


def _decode(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}: not UTF-8 ({error.reason}); save the manifest as UTF-8") from None


def _csv_rows(path: Path, content: str, delimiter: str) -> Iterator[Row]:
    lines = content.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # not splitlines: U+2028 is no line end
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"{path}, line {line}: not CSV: {printable(str(error))}") from None
        if cells is None:
            return
        number, line = line, reader.line_num + 1  # a quoted cell may span lines: a row is named by its first
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(path, number, cells)
            continue
        if len(cells) != len(header):
            hint = "; quote cells that hold a comma" if len(cells) > len(header) and delimiter == "," else ""
            raise ValueError(f"{path}, line {number}: {len(cells)} cells under a header of {len(header)}{hint}")
        yield number, dict(zip(header, cells))


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if "path" not in names:
        raise ValueError(
            f"{path}, line {line}: the header has no column 'path', only {', '.join(map(shown, names[:SHOWN]))}"
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}, line {line}: the header names {', '.join(map(shown, twice[:SHOWN]))} twice")
    return names


def _json_rows(path: Path, content: str) -> Iterator[Row]:
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = parse_json(line, python=True)  # a path may hold bytes that are no letters; texts are checked
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: not JSON: {error}") from None
        if not isinstance(values, dict):
            raise ValueError(f"{path}, line {number}: expected an object like {{...}}, got {shown(line.strip(), 40)}")
        yield number, values


def _example(manifest: Path, line: int, values: dict[str, Any]) -> Example:
    where = f"{manifest}, line {line}"
    path = values.get("path")
    if not isinstance(path, str) or not path.strip():
        raise ValueError(f"{where}: no path")
    start, end = (_seconds(where, name, values.get(name)) for name in ("start", "end"))
    if end is not None and end <= (start or 0.0):
        raise ValueError(f"{where}: end ({end:g} s) must be after start ({start or 0:g} s)")
    texts = {name: _text(where, name, values.get(name)) for name in TEXTS}
    rttm = _text(where, "rttm", values.get("rttm"))
    return Example(
        path=_beside(manifest, path),
        start=start,
        end=end,
        rttm=None if rttm is None else _beside(manifest, rttm),
        source=f"{manifest.name}, line {line}",
        **texts,
    )


def _beside(manifest: Path, path: str) -> str:
    return os.path.join(manifest.parent, path.strip())  # an absolute path stays as it is


def _text(where: str, name: str, value: Any) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and name != "text":
        value = str(value)  # labels and speakers are often numbers
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise ValueError(f"{where}: {name} must be a string, got {shown(value)}")
    if name != "rttm" and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{where}: {name} holds half a letter (a lone surrogate): {shown(value)}")
    return value.strip()


def _seconds(where: str, name: str, value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{where}: {name} must be a number of seconds, 0 or more, got {shown(value)}")
    return seconds
