"""Who speaks when: a frame classifier's probability of each speaker, turned into segments.

Letters: B utterances in a batch, N samples, T frames, S speakers.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.pipelines.frames import FramePipeline, Frames
from npconformer.pipelines.scores import OF_PROBLEM, check_function, to_scores
from npconformer.segments.diarization import MAX_GAP, MIN_DURATION, SILENCE, THRESHOLD, check_settings, find_segments


class SpeakerDiarizationPipeline(FramePipeline):
    """Gives {"duration": seconds, "segments": [{"start", "end", "speaker"}]} for each recording.

    Segments are sorted by their start; those of two speakers may overlap. Speakers have the names of the
    config's id2label; one of the name "silence" is nobody and has no segments.

    Options of a call:
        threshold, min_duration, max_gap: as in `npconformer.segments.diarization.find_segments`.
        function_to_apply: "sigmoid", "softmax" or "none", which makes probabilities of the logits. None is
            "softmax" where the config's problem_type is "single_label_classification" (one speaker at a time),
            "none" for "regression" (towards 0 and 1), and "sigmoid" (each speaker by itself) otherwise.
        chunk_length_s, stride_length_s: for long recordings, as in FramePipeline. A model that numbers the speakers
            of a recording as it likes may number them differently in each chunk; nothing here puts that right.
    """

    task = "speaker-diarization"
    head_name = "audio_frame_classification"
    options: ClassVar = {
        **FramePipeline.options,
        "threshold": THRESHOLD,
        "min_duration": MIN_DURATION,
        "max_gap": MAX_GAP,
        "function_to_apply": None,
    }

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        super().check_options(options)
        check_function(options["function_to_apply"])
        check_settings(options["threshold"], options["min_duration"], options["max_gap"])

    def read_output(self, outputs: Any) -> np.ndarray:
        """The logits of every frame (B, T, S)."""
        return to_host(outputs.logits.data)

    def answer(self, output: Frames, options: dict[str, Any]) -> dict[str, Any]:
        """The segments of one utterance, from its logits (T, S)."""
        config = self.model.config
        usual = OF_PROBLEM.get(config.problem_type, "sigmoid")
        segments = find_segments(
            to_scores(output.rows, options["function_to_apply"] or usual),
            self.seconds_per_frame,
            threshold=options["threshold"],
            min_duration=options["min_duration"],
            max_gap=options["max_gap"],
            speakers=[config.id2label[i] for i in range(config.num_labels)],
        )
        duration = output.samples / self.sampling_rate
        segments = [segment._asdict() for segment in segments if segment.speaker != SILENCE]
        return {"duration": duration, "segments": segments}
