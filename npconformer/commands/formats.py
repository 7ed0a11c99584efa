"""How `npconformer transcribe` writes results: text, tables, JSON, or subtitles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from npconformer.commands.documents import Asked, Format, JsonFormat, JsonLines, LineFormat, TableFormat, TabsFormat
from npconformer.storage.messages import one_line

if TYPE_CHECKING:
    from npconformer.text.subtitles import Cue


class Written(NamedTuple):
    """What of a transcript is written.

    times: of "segment", "word" or "char", or None; for segments, results have the "chunks" of words. layout: (width,
    count, words) of lines of subtitles, where one of them is asked for. highlighted: whether words are underlined
    while they are said.
    """

    times: str | None = None
    layout: tuple[int, int, int | None] | None = None
    highlighted: bool = False

    def cues(self, result: Any) -> list[Cue]:
        """What is on the screen together: words that fill lines, or each word or character where its times are asked
        for and no lines.
        """
        from npconformer.text import subtitles  # only now: it comes with NumPy

        if self.times in ("word", "char") and self.layout is None:
            return subtitles.one_cue_each(result["chunks"])
        layout = subtitles.Layout() if self.layout is None else subtitles.Layout(*self.layout)
        cues = subtitles.lines_of_words(result["chunks"], layout)
        return subtitles.underline_words(cues) if self.highlighted else cues

    def chunks(self, result: Any) -> Sequence[dict[str, Any]]:
        """What times are asked for of, as the pipeline gives them; segments are what is on the screen together."""
        if self.times != "segment":
            return result["chunks"] if self.times else ()
        segments = self._replace(highlighted=False).cues(result)
        return [
            {"text": " ".join(one.text.split()), "timestamp": (one.start, one.end), "confidence": one.confidence}
            for one in segments
        ]


class TextFormat(LineFormat):
    """One line per recording, after its name when there are several; then a line for each time stamp."""

    continued = re.compile(r"\d+\.\d\d\t\d+\.\d\d\t")

    def __init__(self, several: bool, written: Written) -> None:
        super().__init__(several)
        self.written = written

    def one(self, asked: Asked, result: Any) -> str:
        if isinstance(result, Exception):
            return ""  # named on standard error
        lines = [f"{self.start(asked)}{one_line(result['text'])}"]
        for chunk in self.written.chunks(result):
            start, end = chunk["timestamp"]
            lines.append(f"{start:.2f}\t{end:.2f}\t{one_line(chunk['text'])}")
        return "\n".join(lines) + "\n"


class TranscriptJsonFormat(JsonFormat):
    """{"file", "text", "confidence"}, and "chunks" when times are asked for."""

    def __init__(self, several: bool, written: Written) -> None:
        super().__init__(several)
        self.written = written

    def entry(self, result: Any) -> dict[str, Any]:
        entry = {"text": result["text"], "confidence": _rounded(result["confidence"])}
        if self.written.times:
            entry["chunks"] = [
                {
                    **chunk,
                    "timestamp": [round(time, 4) for time in chunk["timestamp"]],
                    "confidence": _rounded(chunk["confidence"]),
                }
                for chunk in self.written.chunks(result)
            ]
        return entry


class TranscriptJsonLines(JsonLines, TranscriptJsonFormat):
    """The same objects, one on each line."""


class TranscriptCsv(TableFormat):
    """file,text,confidence: a row for each recording."""

    columns = ("file", "text", "confidence")

    def __init__(self, several: bool, written: Written) -> None:
        super().__init__(several)

    def rows(self, name: str, result: Any) -> Iterable[Sequence[Any]]:
        return [(name, result["text"], _rounded(result["confidence"]))]


class TranscriptTsv(TabsFormat, TableFormat):
    """start, end, text, confidence: a row for each segment, in milliseconds; "file" first where several are."""

    def __init__(self, several: bool, written: Written) -> None:
        super().__init__(several)
        self.written = written._replace(highlighted=False)
        self.columns = ("file",) * several + ("start", "end", "text", "confidence")  # type: ignore[misc]

    def rows(self, name: str, result: Any) -> Iterable[Sequence[Any]]:
        for cue in self.written.cues(result):
            times = (round(1000 * cue.start), round(1000 * cue.end))
            yield (name,) * self.several + (*times, " ".join(cue.text.split()), _rounded(cue.confidence))


class SubtitleFormat(Format):
    """The subtitles of one recording."""

    extensions = (".srt",)
    together = False
    kind = "srt"

    def __init__(self, several: bool, written: Written) -> None:
        super().__init__(several)
        self.written = written

    def one(self, asked: Asked, result: Any) -> str:
        from npconformer.text import subtitles  # only now: it comes with NumPy

        if isinstance(result, Exception):
            return ""  # named on standard error
        to_file = {"srt": subtitles.to_srt, "vtt": subtitles.to_vtt}[self.kind]
        return to_file(self.written.cues(result))


class VttFormat(SubtitleFormat):
    """The same as WebVTT."""

    extensions = (".vtt",)
    kind = "vtt"


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, 4)


FORMATS = {
    "text": TextFormat,
    "srt": SubtitleFormat,
    "vtt": VttFormat,
    "tsv": TranscriptTsv,
    "json": TranscriptJsonFormat,
    "jsonl": TranscriptJsonLines,
    "csv": TranscriptCsv,
}
SUBTITLES = ("srt", "vtt")
SEGMENTED = (*SUBTITLES, "tsv")
