"""When the words of a known text are said in a recording of any length.

Letters: N samples, T frames, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.pipelines.automatic_speech_recognition import AutomaticSpeechRecognitionPipeline
from npconformer.pipelines.batching import Progress
from npconformer.pipelines.frames import Frames
from npconformer.pipelines.inputs import load_waveform
from npconformer.text.text_alignment import TextAlignment, TimedWord, align_text


class AlignedRecording(NamedTuple):
    """A text in a recording: its words in seconds, the alignment in frames, and how long the recording is."""

    words: list[TimedWord]
    alignment: TextAlignment
    duration: float


class _Logits(AutomaticSpeechRecognitionPipeline):
    """Gives a recording's logits (T, V), joined from chunks where it is long: an hour of 32 classes is 23 MB."""

    def read_output(self, outputs: Any) -> np.ndarray:
        """The logits (B, T, V)."""
        return to_host(outputs.logits.data)

    def answer(self, output: Frames, options: dict[str, Any]) -> Any:
        """One utterance's logits (T, V)."""
        return output.rows


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
        self.logits = _Logits(
            recogniser.model,
            processor=recogniser.processor,
            batch_size=recogniser.batch_size,
            chunk_length_s=chunk_length_s,
            stride_length_s=stride_length_s,
            chunk_at=chunk_at,
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
        waveform = load_waveform(recording, clock.sampling_rate, sampling_rate)  # (N,)

        def tell(_: Any, done_s: float, all_s: float) -> None:
            if progress is not None:
                progress(recording, done_s, all_s)

        try:
            (logits,) = self.logits.stream([waveform], progress=tell)  # (T, V)
        except ValueError as error:
            raise ValueError(str(error).removeprefix("inputs[0]: ")) from error.__cause__
        alignment = align_text(logits, text, self.tokenizer, fit=fit)
        return AlignedRecording(alignment.times(clock, waveform), alignment, len(waveform) / clock.sampling_rate)
