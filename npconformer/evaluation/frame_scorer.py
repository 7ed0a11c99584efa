"""Diarization error rate of a frame classifier, counted in its frames."""

from __future__ import annotations

from typing import Any, ClassVar

from npconformer.data.examples import Example
from npconformer.data.segments import active_frames, segments_of, speakers_of
from npconformer.evaluation.scorer import Row, Scorer, interval_in_words, percent
from npconformer.metrics import DiarizationErrors
from npconformer.segments.diarization import SILENCE, Segment


class FrameScorer(Scorer):
    """Every frame as the model says it: short pauses are not filled, short segments not dropped.

    Where a speaker of the reference has the name of a label they are compared by name; otherwise each recording's
    speakers are assigned to the labels in the way that suits the model best. A model with one label is judged by
    whether anybody speaks.
    """

    columns: ClassVar = ("file", "seconds", "frames", "speech", "missed", "false_alarm", "confused", "error_rate")
    options: ClassVar = {"min_duration": 0.0, "max_gap": 0.0}

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        labels = pipeline.model.config.id2label
        self.labels = [labels[i] for i in range(len(labels)) if labels[i] != SILENCE]
        self.errors = DiarizationErrors()

    def reference(self, example: Example) -> list[Segment]:
        segments = segments_of(example)
        if len(self.labels) == 1:
            return [Segment(start, end, self.labels[0]) for start, end, _ in segments]
        return segments

    def compare(self, example: Example, reference: list[Segment], answer: dict[str, Any]) -> Row:
        step = self.pipeline.seconds_per_frame
        samples = round(answer["duration"] * self.pipeline.sampling_rate)
        frames = self.pipeline.clock.frames(samples)
        said = active_frames([Segment(**one) for one in answer["segments"]], self.labels, frames, step)
        speakers = speakers_of(reference)
        by_name = bool(set(speakers) & set(self.labels))
        names = list(dict.fromkeys([*self.labels, *speakers])) if by_name else speakers
        known = active_frames(reference, names, frames, step)
        if by_name:  # a speaker that the model has no label for is never found
            said = active_frames([Segment(**one) for one in answer["segments"]], names, frames, step)
        counts = self.errors.add(known, said, match_speakers=not by_name)
        return {
            "seconds": round(answer["duration"], 4),
            "frames": counts.frames,
            "speech": counts.speech,
            "missed": counts.missed,
            "false_alarm": counts.false_alarm,
            "confused": counts.confused,
            "error_rate": round(counts.rate, 6),
        }

    def summary(self) -> dict[str, Any]:
        total = self.errors.total
        return {
            "diarization_error_rate": total.rate,
            "diarization_error_rate_interval": list(self.errors.interval()),
            "missed": total.missed,
            "false_alarm": total.false_alarm,
            "confused": total.confused,
            "speech": total.speech,
            "frames": total.frames,
        }

    def lines(self, summary: dict[str, Any]) -> list[str]:
        speech = max(1, summary["speech"])
        return [
            f"diarization error rate  {percent(summary['diarization_error_rate'])}, "
            f"{interval_in_words(summary['diarization_error_rate_interval'])}: "
            f"{percent(summary['missed'] / speech)} missed, {percent(summary['false_alarm'] / speech)} false alarm, "
            f"{percent(summary['confused'] / speech)} of the wrong speaker",
            f"counted in {summary['frames']} frames, without a collar",
        ]
