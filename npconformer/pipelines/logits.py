"""The logits that a recogniser reads its text from, for those who want more of them than the text.

Letters: N samples, T frames, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.pipelines.automatic_speech_recognition import AutomaticSpeechRecognitionPipeline
from npconformer.pipelines.batching import Progress
from npconformer.pipelines.frames import Frames
from npconformer.pipelines.inputs import load_waveform


class LogitsPipeline(AutomaticSpeechRecognitionPipeline):
    """Gives a recording's logits as Frames of rows (T, V), joined from chunks where it is long.

    An hour of 32 classes is 23 MB.
    """

    @classmethod
    def of(cls, recogniser: AutomaticSpeechRecognitionPipeline, **options: Any) -> LogitsPipeline:
        """With the model of a recogniser, and its options where none are given."""
        names = ("chunk_length_s", "stride_length_s", "chunk_at")
        own = {name: recogniser.options[name] for name in names}
        options = {"batch_size": recogniser.batch_size, **own, **options}
        return cls(recogniser.model, processor=recogniser.processor, **options)

    def read_output(self, outputs: Any) -> np.ndarray:
        """The logits (B, T, V)."""
        return to_host(outputs.logits.data)

    def answer(self, output: Frames, options: dict[str, Any]) -> Any:
        """One utterance's logits."""
        return output

    def hear(
        self, recording: Any, sampling_rate: int | None = None, progress: Progress | None = None
    ) -> tuple[np.ndarray, Frames]:
        """The waveform (N,) of one recording, given as to any pipeline, and its logits.

        progress: as in `AudioPipeline.stream`. Raises ValueError or OSError for what cannot be read.
        """
        waveform = load_waveform(recording, self.sampling_rate, sampling_rate)

        def tell(_: Any, done_s: float, all_s: float) -> None:
            if progress is not None:
                progress(recording, done_s, all_s)

        try:
            (logits,) = self.stream([waveform], progress=tell)
        except ValueError as error:
            raise ValueError(str(error).removeprefix("inputs[0]: ")) from error.__cause__
        return waveform, logits
