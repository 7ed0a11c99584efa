"""How `npconformer transcribe` writes results: text, JSON, or subtitles."""

from __future__ import annotations

import argparse
from typing import Any

from npconformer.commands.writing import JsonFormat
from npconformer.storage.messages import one_line

EXTENSIONS = {"srt": ".srt", "vtt": ".vtt"}


class TextFormat:
    """One line per recording, after its name when there are several; then a line for each time stamp."""

    before = after = ""

    def __init__(self, several: bool, timestamps: str | None) -> None:
        self.several = several

    def one(self, name: str, result: Any) -> str:
        if isinstance(result, Exception):
            return ""  # named on standard error
        lines = [one_line(f"{name}: {result['text']}" if self.several else result["text"])]
        for chunk in result.get("chunks", ()):
            start, end = chunk["timestamp"]
            lines.append(f"{start:.2f}\t{end:.2f}\t{one_line(chunk['text'])}")
        return "\n".join(lines) + "\n"


class TranscriptJsonFormat(JsonFormat):
    """{"file", "text"}, and "chunks" when times are asked for."""

    def __init__(self, several: bool, timestamps: str | None) -> None:
        super().__init__()

    def entry(self, result: Any) -> dict[str, Any]:
        if "chunks" not in result:
            return result
        chunks = [{**chunk, "timestamp": [round(time, 4) for time in chunk["timestamp"]]} for chunk in result["chunks"]]
        return {**result, "chunks": chunks}


class SubtitleFormat:
    """The subtitles of one recording."""

    before = after = ""
    kind = "srt"

    def __init__(self, several: bool, timestamps: str | None) -> None:
        self.timestamps = timestamps

    def one(self, name: str, result: Any) -> str:
        from npconformer.text import subtitles  # only now: it comes with NumPy

        if isinstance(result, Exception):
            return ""  # named on standard error
        to_cues = subtitles.one_cue_each if self.timestamps else subtitles.lines_of_words
        to_file = {"srt": subtitles.to_srt, "vtt": subtitles.to_vtt}[self.kind]
        return to_file(to_cues(result["chunks"]))


class VttFormat(SubtitleFormat):
    """The same as WebVTT."""

    kind = "vtt"


FORMATS = {"text": TextFormat, "json": TranscriptJsonFormat, "srt": SubtitleFormat, "vtt": VttFormat}


def format_of(arguments: argparse.Namespace, several: bool) -> Any:
    """The format that the arguments ask for."""
    return FORMATS[arguments.format](several, arguments.timestamps)
