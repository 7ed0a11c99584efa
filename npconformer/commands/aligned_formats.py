"""How `npconformer align` writes the words and segments of a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from npconformer.commands.writing import to_json


class Answer(NamedTuple):
    """What was aligned: times in seconds; words (text, start, end, score), and segments of the same form.

    laid_out: whether the segments are to be subtitles as they are; otherwise words are laid out.
    """

    file: str
    duration: float
    words: list[Any]
    segments: list[Any]
    laid_out: bool


def _text(answer: Answer) -> str:
    return "".join(f"{w.start:.2f}\t{w.end:.2f}\t{_score(w.score)}\t{w.text}\n" for w in answer.words)


def _json(answer: Answer) -> str:
    def entry(one: Any) -> dict[str, Any]:
        score = None if one.score is None else float(f"{one.score:.4g}")
        return {"text": one.text, "start": round(one.start, 4), "end": round(one.end, 4), "score": score}

    words, segments = ([entry(one) for one in some] for some in (answer.words, answer.segments))
    fields = {"file": answer.file, "duration": round(answer.duration, 4), "words": words, "segments": segments}
    return to_json(fields) + "\n"


def _subtitles(answer: Answer, kind: str) -> str:
    from npconformer.text import subtitles

    if answer.laid_out:
        cues = [subtitles.Cue(one.start, one.end, one.text) for one in answer.segments]
    else:
        cues = subtitles.lines_of_words({"text": w.text, "timestamp": (w.start, w.end)} for w in answer.words)
    return {"srt": subtitles.to_srt, "vtt": subtitles.to_vtt}[kind](cues)


def _textgrid(answer: Answer) -> str:
    from npconformer.text.textgrid import to_textgrid

    tiers = {
        name: [(one.start, one.end, one.text) for one in some]
        for name, some in (("words", answer.words), ("segments", answer.segments))
    }
    return to_textgrid(tiers, answer.duration)


def _ctm(answer: Answer) -> str:
    from npconformer.text.ctm import to_ctm

    return to_ctm(answer.words, Path(answer.file).stem)


def _score(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


WRITERS: dict[str, Callable[[Answer], str]] = {
    "text": _text,
    "srt": lambda answer: _subtitles(answer, "srt"),
    "vtt": lambda answer: _subtitles(answer, "vtt"),
    "textgrid": _textgrid,
    "json": _json,
    "ctm": _ctm,
}
ENDINGS = {".txt": "text", ".tsv": "text", **{f".{name}": name for name in WRITERS if name != "text"}}
