"""Subtitles, SRT and WebVTT, from words and their times.

A cue is what is on the screen together: (start, end, text), times in seconds.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from npconformer.storage.messages import one_line

LONGEST_LINE = 42  # characters that fit a line of subtitles, the usual rule of broadcasters
LONGEST_CUE = 6.0  # seconds
LONGEST_PAUSE = 1.0  # seconds of silence inside a cue


class Word(NamedTuple):
    """A word, said from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


class Cue(NamedTuple):
    """One subtitle: on the screen from `start` to `end`, in seconds; a line break is a new line.

    lines: the words of each line, where they are known. confidence: how sure the model is of it, from 0 to 1, where
    that is known. highlighted: the place of the word that is underlined, counted from 0 over all lines.
    """

    start: float
    end: float
    text: str
    lines: tuple[tuple[Word, ...], ...] = ()
    confidence: float | None = None
    highlighted: int | None = None


class Layout(NamedTuple):
    """How words are laid out: `width` letters in a line (a longer word stands alone), `count` lines in a cue, at most
    `words` in a line.
    """

    width: int = LONGEST_LINE
    count: int = 1
    words: int | None = None

    def fits(self, line: Iterable[Word], word: Word) -> bool:
        """Whether a word may be added to a line."""
        texts = [one.text for one in line] + [word.text]
        return len(" ".join(texts)) <= self.width and (self.words is None or len(texts) <= self.words)


def one_cue_each(chunks: Iterable[dict[str, Any]]) -> list[Cue]:
    """One cue for every chunk {"text", "timestamp": (start, end)} of a pipeline; spaces get none.

    A line break in a text, which would end a cue in a file, is a space.
    """
    return [
        Cue(*chunk["timestamp"], one_line(" ".join(chunk["text"].split())), confidence=chunk.get("confidence"))
        for chunk in chunks
        if chunk["text"].strip()
    ]


def lines_of_words(words: Iterable[dict[str, Any]], layout: Layout = Layout()) -> list[Cue]:  # noqa: B008
    """Join words {"text", "timestamp"} into cues that can be read: no long line, no long time, no long pause.

    With {"confidence"} too, that of a cue is the mean of its words'.
    """
    cues: list[list[list[Word]]] = []  # each as lines of words
    sure: list[list[float]] = []
    for one in one_cue_each(words):
        word = Word(one.start, one.end, one.text)
        lines = cues[-1] if cues else None
        goes_on = (
            lines is not None
            and word.end - lines[0][0].start <= LONGEST_CUE
            and word.start - lines[-1][-1].end <= LONGEST_PAUSE
        )
        if lines is not None and goes_on and layout.fits(lines[-1], word):
            lines[-1].append(word)
        elif lines is not None and goes_on and len(lines) < layout.count:
            lines.append([word])
        else:
            cues.append([[word]])
            sure.append([])
        sure[-1].extend([] if one.confidence is None else [one.confidence])
    return [_cue(lines, confidences) for lines, confidences in zip(cues, sure)]


def _cue(lines: list[list[Word]], confidences: list[float]) -> Cue:
    text = "\n".join(" ".join(word.text for word in line) for line in lines)
    confidence = sum(confidences) / len(confidences) if confidences else None
    return Cue(lines[0][0].start, lines[-1][-1].end, text, tuple(map(tuple, lines)), confidence)


def underline_words(cues: Iterable[Cue]) -> list[Cue]:
    """In place of each cue one for each of its words, underlined while it is said, and the plain cue in between."""
    shown = []
    for cue in cues:
        at = cue.start
        for place, word in enumerate(word for line in cue.lines for word in line):
            if round(word.start, 3) > round(at, 3):
                shown.append(cue._replace(start=at, end=word.start))
            shown.append(cue._replace(start=word.start, end=word.end, highlighted=place))
            at = word.end
    return shown


def to_srt(cues: Iterable[Cue]) -> str:
    """Cues as the text of an .srt file: numbered from 1, times as 00:00:01,500."""
    blocks = [
        f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n{_marked(cue, str)}\n"
        for number, cue in enumerate(cues, start=1)
    ]
    return "\n".join(blocks)


def to_vtt(cues: Iterable[Cue]) -> str:
    """Cues as the text of a .vtt file: a header, times as 00:00:01.500, and &, < and > written as
    entities. A cue's confidence is a comment before it, "NOTE confidence 0.93", which no player shows.
    """
    blocks = []
    for cue in cues:
        if cue.confidence is not None:
            blocks.append(f"NOTE confidence {cue.confidence:.2f}\n")
        blocks.append(f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n{_marked(cue, _escape)}\n")
    return "\n".join(["WEBVTT\n", *blocks])


def _marked(cue: Cue, escape: Callable[[str], str]) -> str:
    """The cue's text with what the format needs, and the word that is highlighted underlined."""
    if cue.highlighted is None:
        return escape(cue.text)
    places = itertools.count()
    lines = [
        " ".join(f"<u>{escape(w.text)}</u>" if next(places) == cue.highlighted else escape(w.text) for w in line)
        for line in cue.lines
    ]
    return "\n".join(lines)


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
