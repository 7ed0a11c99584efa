"""Subtitles, SRT and WebVTT, from words and their times.

A cue is what is on the screen together: (start, end, text), times in seconds.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from npconformer.storage.messages import one_line

LONGEST_LINE = 42  # characters that fit a line of subtitles, the usual rule of broadcasters
LONGEST_CUE = 6.0  # seconds
LONGEST_PAUSE = 1.0  # seconds of silence inside a cue


class Cue(NamedTuple):
    """One subtitle: on the screen from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


def one_cue_each(chunks: Iterable[dict[str, Any]]) -> list[Cue]:
    """One cue for every chunk {"text", "timestamp": (start, end)} of a pipeline; spaces get none.

    A line break in a text, which would end a cue in a file, is a space.
    """
    return [
        Cue(*chunk["timestamp"], one_line(" ".join(chunk["text"].split()))) for chunk in chunks if chunk["text"].strip()
    ]


def lines_of_words(words: Iterable[dict[str, Any]]) -> list[Cue]:
    """Join words {"text", "timestamp"} into cues that can be read: no long line, no long time, no long
    pause.
    """
    cues: list[Cue] = []
    for word in one_cue_each(words):
        last = cues[-1] if cues else None
        if (
            last
            and len(last.text) + 1 + len(word.text) <= LONGEST_LINE
            and word.end - last.start <= LONGEST_CUE
            and word.start - last.end <= LONGEST_PAUSE
        ):
            cues[-1] = Cue(last.start, word.end, f"{last.text} {word.text}")
        else:
            cues.append(word)
    return cues


def to_srt(cues: Iterable[Cue]) -> str:
    """Cues as the text of an .srt file: numbered from 1, times as 00:00:01,500."""
    blocks = [
        f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{cue.text}\n"
        for number, cue in enumerate(cues, start=1)
    ]
    return "\n".join(blocks)


def to_vtt(cues: Iterable[Cue]) -> str:
    """Cues as the text of a .vtt file: a header, times as 00:00:01.500, and &, < and > written as
    entities.
    """
    blocks = [f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n{_escape(cue.text)}\n" for cue in cues]
    return "\n".join(["WEBVTT\n", *blocks])


def clock(seconds: float, decimal_mark: str) -> str:
    """Seconds as hours:minutes:seconds with milliseconds, rounded to the nearest."""
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"seconds must be a time from 0 on, got {seconds!r}")
    total, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, seconds = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal_mark}{milliseconds:03d}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
