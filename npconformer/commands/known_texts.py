"""What is said in a recording, from a text file, subtitles, JSON or standard input, as segments: texts in order."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from npconformer.storage.text_files import LONGEST_TEXT, NotTextError, decode_text

TIMES = re.compile(r"^\s*(\d+:)?\d+:\d+[.,]\d+\s*-->\s*(\d+:)?\d+:\d+[.,]\d+", re.MULTILINE)
MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")  # <i>, <v Anna>, WebVTT's <00:01.5>, {\an8}


class Segments(NamedTuple):
    """Texts in order. laid_out: whether somebody laid them out, as subtitles are; lines of plain text are not."""

    texts: list[str]
    laid_out: bool


def read_segments(name: str) -> Segments:
    """The texts in a file, or in standard input for "-": subtitles' and JSON's one by one, of plain text each line.

    Raises ValueError, naming the file, for what is no such text or has no word, and OSError.
    """
    shown = "standard input" if name == "-" else name
    try:
        if name == "-":
            data = sys.stdin.buffer.read(LONGEST_TEXT + 1) if sys.stdin is not None else b""
        else:
            with open(name, "rb") as file:
                data = file.read(LONGEST_TEXT + 1)
    except FileNotFoundError:
        if Path(name).suffix or not name.strip():
            raise
        raise ValueError(
            f"{name}: no such file; TEXT names a file, or is - for standard input: echo '{name}' | npconformer align "
            "AUDIO -"
        ) from None
    if len(data) > LONGEST_TEXT:
        raise ValueError(f"{shown}: more than {LONGEST_TEXT} bytes are no text of a recording")
    try:
        texts, laid_out = parse_segments(decode_text(data), json=Path(name).suffix.lower() == ".json")
    except NotTextError as error:
        raise ValueError(f"{shown}: {error}; save it as UTF-8") from None
    except ValueError as error:
        raise ValueError(f"{shown}: {error}") from None
    texts = [one for one in (" ".join(text.split()) for text in texts) if one]
    if not texts:
        raise ValueError(f"{shown}: there is no word in it")
    return Segments(texts, laid_out and len(texts) > 1)


def parse_segments(text: str, json: bool = False) -> Segments:
    """The texts of subtitles (SRT, WebVTT), of JSON where `json` says so or the text looks like it, or of lines."""
    if TIMES.search(text):
        return Segments(list(_subtitles(text)), True)
    if json or text.lstrip()[:1] in ("{", "["):
        from npconformer.storage.strict_json import parse_json

        try:
            value = parse_json(text)
        except ValueError:
            if json:
                raise
        else:
            return Segments(_texts(value), True)
    return Segments(text.split("\n"), False)


def _subtitles(text: str) -> list[str]:
    """What the cues say, without numbers, times, notes and markup."""
    texts = []
    for block in re.split(r"\n[ \t]*\n", text):
        lines = block.strip("\n").split("\n")
        times = next((i for i, line in enumerate(lines) if TIMES.match(line)), None)
        if times is not None:
            texts.append(html.unescape(MARKUP.sub("", " ".join(lines[times + 1 :]))))
    return texts


def _texts(value: Any) -> list[str]:
    """ "TEXT", [TEXT, ...], {"text": TEXT}, or {"segments" or "chunks": [{"text": TEXT}, ...]}, also in an array."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        if sum(isinstance(one, dict) and "file" in one for one in value) > 1:
            raise ValueError("it has the texts of several recordings; expected those of one")
        return [text for one in value for text in _texts(one)]
    if isinstance(value, dict):
        for name in ("segments", "text", "chunks"):
            if value.get(name) and isinstance(value[name], list | str):
                return _texts(value[name])
    raise ValueError('expected "TEXT", ["TEXT", ...], {"text": "TEXT"} or {"segments": [{"text": "TEXT"}, ...]}')
