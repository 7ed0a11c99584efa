"""Manifests: one utterance on each line, as CSV with a header or as JSON objects.

    path,text                                   {"path": "a.wav", "text": "seven"}
    a.wav,seven                                 {"path": "talk.flac", "start": 1.5, "end": 3.0, "text": "two"}
    "b, second.wav",two

Columns (keys): `path`, and as far as the task needs them `text`, `label`, `speaker`, `rttm` (a file of who speaks
when), `start` and `end` in seconds. Hugging Face's names (`file_name`, `transcription`) and NeMo's (`audio_filepath`,
`offset`, `duration`, `rttm_filepath`) are taken for these; see `manifest_columns`. Others are passed over. An empty
value is no value, except that an empty text is one: nothing is said. Paths are relative to the manifest's folder.

Cells of a CSV file are separated by commas, semicolons or tabs, whichever its header has. Files are UTF-8, with or
without a byte order mark, with any line ends; empty lines do not count.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npconformer.data.examples import Example
from npconformer.data.manifest_columns import PATH_NAMES, with_our_names
from npconformer.data.manifest_values import end_of, seconds_of, text_of
from npconformer.storage.messages import printable, shown
from npconformer.storage.strict_json import parse_json
from npconformer.storage.text_files import read_text

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson", ".json")
SUFFIXES = (*DELIMITERS, *JSON_LINES)
SEPARATORS = (",", ";", "\t")
TEXTS = ("text", "label", "speaker", "rttm")
SHOWN = 20  # names of columns in a message
LONGEST_MANIFEST = 500_000_000  # bytes: some million lines; all of it is read at once

Row = tuple[int, dict[str, Any]]  # the number of its line, and its values by column


def read_manifest(path: str | os.PathLike) -> list[Example]:
    """Read the examples of a manifest, in its order; a file without rows gives none.

    path: a file whose name ends in .csv, .tsv (the same), .jsonl, .ndjson or .json (lines of objects, or one list).

    Raises FileNotFoundError when there is no such file, and ValueError, naming the file and the line, for what
    is not such a manifest. Whether the recordings exist and suit a task is not looked at here.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: a manifest's name ends in {', '.join(SUFFIXES)}, got {suffix or 'no extension'!r}")
    content = read_text(path, LONGEST_MANIFEST)
    rows = _json_rows(path, content) if suffix in JSON_LINES else _csv_rows(path, content, DELIMITERS[suffix])
    return [_example(path, line, values) for line, values in rows]


def _csv_rows(path: Path, content: str, usual: str) -> Iterator[Row]:
    delimiter = _delimiter(_lines(content), usual)
    reader = csv.reader(_lines(content), delimiter=delimiter, strict=True)
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
            name = {",": "a comma", ";": "a semicolon", "\t": "a tab"}[delimiter]
            hint = f"; quote cells that hold {name}" if len(cells) > len(header) else ""
            raise ValueError(f"{path}, line {number}: {len(cells)} cells under a header of {len(header)}{hint}")
        yield number, dict(zip(header, cells))


def _lines(content: str) -> Iterator[str]:
    return io.StringIO(content, newline="\n")  # not splitlines: U+2028 is no line end


def _delimiter(lines: Iterator[str], usual: str) -> str:
    """What separates the cells: that by which the first line names a path, the usual one first."""
    first = next((line for line in lines if line.strip()), "")
    for delimiter in (usual, *SEPARATORS):
        try:
            cells = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:  # said when the file is read
            return usual
        if PATH_NAMES & {cell.strip().lower() for cell in cells}:
            return delimiter
    return usual


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if not PATH_NAMES & set(names):
        raise ValueError(
            f"{path}, line {line}: the header has no column 'path', only {', '.join(map(shown, names[:SHOWN]))}"
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}, line {line}: the header names {', '.join(map(shown, twice[:SHOWN]))} twice")
    return names


def _json_rows(path: Path, content: str) -> Iterator[Row]:
    if content.lstrip().startswith("[") and path.suffix.lower() == ".json":
        yield from _json_list(path, content)
        return
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = parse_json(line, python=True)  # a path may hold bytes that are no letters; texts are checked
        except ValueError as error:
            hint = "; a .json manifest has an object on each line, or is a list" if path.suffix == ".json" else ""
            raise ValueError(f"{path}, line {number}: not JSON: {error}{hint}") from None
        if not isinstance(values, dict):
            raise ValueError(f"{path}, line {number}: expected an object like {{...}}, got {shown(line.strip(), 40)}")
        yield number, values


def _json_list(path: Path, content: str) -> Iterator[Row]:
    try:
        rows = parse_json(content, python=True)
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    for number, values in enumerate(rows, start=1):
        if not isinstance(values, dict):
            raise ValueError(f"{path}, entry {number}: expected an object like {{...}}, got {shown(values, 40)}")
        yield number, values


def _example(manifest: Path, line: int, values: dict[str, Any]) -> Example:
    where = f"{manifest}, line {line}"
    try:
        values = with_our_names(values)
        path = values.get("path")
        if not isinstance(path, str) or not path.strip():
            raise ValueError("no path")
        start, duration = (seconds_of(name, values.get(name)) for name in ("start", "duration"))
        end = end_of(start, seconds_of("end", values.get("end")), duration)
        texts = {name: text_of(name, values.get(name)) for name in TEXTS}
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    rttm = texts.pop("rttm")
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
