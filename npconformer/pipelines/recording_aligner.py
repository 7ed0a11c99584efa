"""When the words of a known text are said in a recording of any length."""

from __future__ import annotations

from typing import Any, NamedTuple

from npconformer.pipelines.automatic_speech_recognition import AutomaticSpeechRecognitionPipeline
from npconformer.pipelines.batching import Progress
from npconformer.pipelines.logits import LogitsPipeline
from npconformer.text.text_alignment import TextAlignment, TimedWord, align_text


class AlignedRecording(NamedTuple):
    """A text in a recording: its words in seconds, the alignment in frames, and how long the recording is."""

    words: list[TimedWord]
    alignment: TextAlignment
    duration: float


class RecordingAligner:
    """Aligns texts with recordings by the model of a speech recognition pipeline.

    chunk_length_s, stride_length_s, chunk_at, batch_size: as in FramePipeline; "auto" runs what is longer than five
    minutes in chunks of 30 seconds, or, with NeMo's Conformers, than 30 seconds in utterances cut at pauses.
    """

    def __init__(
        self,
        recogniser: AutomaticSpeechRecognitionPipeline,
        chunk_length_s: Any = "auto",
        stride_length_s: Any = None,
        chunk_at: str | None = None,
    ) -> None:
        self.tokenizer = recogniser.processor.tokenizer
        self.logits = LogitsPipeline.of(
            recogniser, chunk_length_s=chunk_length_s, stride_length_s=stride_length_s, chunk_at=chunk_at
        )

    def __call__(
        self,
        recording: Any,
        text: str,
        *,
        fit: bool = True,
        sampling_rate: int | None = None,
        progress: Progress | None = None,
    ) -> AlignedRecording:
        """Align one recording, given as to any pipeline, with what is said in it; text and fit as for `align_text`.

        progress: as in `AudioPipeline.stream`. Raises ValueError or OSError for what cannot be read or aligned.
        """
        clock = self.logits.clock
        waveform, logits = self.logits.hear(recording, sampling_rate, progress)
        alignment = align_text(logits.rows, text, self.tokenizer, fit=fit)
        return AlignedRecording(alignment.times(clock, waveform), alignment, len(waveform) / clock.sampling_rate)
