"""The option --clip-timestamps: only parts of the recordings are transcribed, with times in the recording."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Clip = tuple[float, float]  # start and end in seconds


def parse_clips(text: str) -> list[Clip]:
    """The type of --clip-timestamps: "START,END,START,END,..." in seconds; without the last END, to the end."""
    try:
        times = [float(one) for one in text.split(",")]
    except ValueError:
        times = [math.nan]
    if not all(math.isfinite(time) and time >= 0 for time in times):
        raise argparse.ArgumentTypeError(f"{text!r} is not START,END,START,END,... in seconds")
    if len(times) % 2:
        times.append(math.inf)
    clips = list(zip(times[::2], times[1::2]))
    for (start, end), (following, _) in zip(clips, [*clips[1:], (math.inf, math.inf)]):
        if end <= start or following < end:
            raise argparse.ArgumentTypeError(f"{text!r}: clips must have a length, and follow one another")
    return clips


class ClippedRecogniser:
    """A recogniser that hears only `clips` of every recording.

    In place of the pipeline for `Recordings.answers`. A clip is transcribed as if it were a recording, and of a
    recording only its clips are in memory.
    """

    def __init__(self, recognise: Any, clips: Sequence[Clip]) -> None:
        self.recognise, self.clips = recognise, clips

    def stream(self, recordings: Iterable[Any], return_errors: bool, progress: Any, **options: Any) -> Iterator[Any]:
        """The results of the recordings, or their errors."""
        from npconformer.pipelines.inputs import in_words

        for recording in recordings:
            try:
                yield self._answer(recording, options)
            except Exception as error:  # one bad recording must not cost another
                if not return_errors:
                    raise
                expected = isinstance(error, ValueError | OSError)
                yield error if expected else ValueError(f"{os.fspath(recording)}: {in_words(error)}")

    def _answer(self, recording: Any, options: dict[str, Any]) -> dict[str, Any]:
        rate = self.recognise.sampling_rate
        clips = cut(recording, self.clips, rate)
        if not clips:
            raise ValueError(f"{os.fspath(recording)} ends before {self.clips[0][0]:g} s, where the first clip begins")
        parts = []
        for start, samples in clips:
            try:
                parts.append((start, self.recognise(samples, sampling_rate=rate, **options)))
            except ValueError as error:
                raise ValueError(f"{os.fspath(recording)}, clip at {start:g} s: {error}") from error
        return joined(parts)


def cut(recording: Any, clips: Sequence[Clip], rate: int) -> list[tuple[float, np.ndarray]]:
    """The start in seconds and the samples (N,) at `rate` of each clip that begins before the recording ends."""
    import numpy as np

    from npconformer.audio.streaming import stream_audio

    spans = [(round(start * rate), end * rate if math.isinf(end) else round(end * rate)) for start, end in clips]
    pieces: list[list[np.ndarray]] = [[] for _ in clips]
    at = 0
    for piece in stream_audio(recording, rate):
        for (start, end), kept in zip(spans, pieces):
            inside = piece[max(start - at, 0) : max(min(end - at, len(piece)), 0)]
            if len(inside):
                kept.append(inside.copy())  # the rest is let go
        at += len(piece)
        if at >= spans[-1][1]:
            break
    return [(start, np.concatenate(kept)) for (start, _), kept in zip(clips, pieces) if kept]


def joined(parts: Sequence[tuple[float, dict[str, Any]]]) -> dict[str, Any]:
    """One result of the results of clips and their starts; confidence is the mean over all words."""
    result: dict[str, Any] = {"text": " ".join(part["text"] for _, part in parts if part["text"])}
    if "confidence" in parts[0][1]:
        counts = [(len(part["text"].split()), part["confidence"]) for _, part in parts]
        rated = [(count, sure) for count, sure in counts if sure is not None and count]
        total = sum(count for count, _ in rated)
        result["confidence"] = sum(count * sure for count, sure in rated) / total if total else None
    if "chunks" in parts[0][1]:
        result["chunks"] = [
            {**chunk, "timestamp": tuple(time + start for time in chunk["timestamp"])}
            for start, part in parts
            for chunk in part["chunks"]
        ]
    return result
