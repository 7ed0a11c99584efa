"""Who speaks when: a frame classifier's probability of each speaker, turned into segments.

Letters: B utterances in a batch, N samples, T frames, S speakers.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from npconformer.backend import to_host
from npconformer.diarization import MAX_GAP, MIN_DURATION, THRESHOLD, check_settings, find_segments
from npconformer.pipelines.batching import AudioPipeline
from npconformer.pipelines.scores import OF_PROBLEM, check_function, to_scores


class SpeakerDiarizationPipeline(AudioPipeline):
    """Gives {"duration": seconds, "segments": [{"start", "end", "speaker"}]} for each recording.

    Segments are sorted by their start; those of two speakers may overlap. Speakers have the names of the
    config's id2label.

    Options of a call:
        threshold, min_duration, max_gap: as in `npconformer.diarization.find_segments`.
        function_to_apply: "sigmoid", "softmax" or "none", which makes probabilities of the logits. None is
            "softmax" where the config's problem_type is "single_label_classification" (one speaker at a time)
            and "sigmoid" (each speaker by itself) otherwise.
    """

    task = "speaker-diarization"
    head = "ForAudioFrameClassification"
    options: ClassVar = {
        "threshold": THRESHOLD,
        "min_duration": MIN_DURATION,
        "max_gap": MAX_GAP,
        "function_to_apply": None,
    }

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        check_function(options["function_to_apply"])
        check_settings(options["threshold"], options["min_duration"], options["max_gap"])

    def run_batch(self, waveforms: list[np.ndarray]) -> list[tuple[int, np.ndarray]]:
        """[(N_1,), ...] -> [(N_1, logits (T_1, S)), ...], only frames that hold speech."""
        logits = to_host(self.run_model(waveforms).logits.data)  # (B, T, S)
        frames = self.frames_of(waveforms)
        return [(len(waveform), rows[:count]) for waveform, rows, count in zip(waveforms, logits, frames)]

    def answer(self, output: tuple[int, np.ndarray], options: dict[str, Any]) -> dict[str, Any]:
        """The segments of one utterance."""
        samples, logits = output
        config = self.model.config
        usual = "softmax" if OF_PROBLEM.get(config.problem_type) == "softmax" else "sigmoid"
        segments = find_segments(
            to_scores(logits, options["function_to_apply"] or usual),
            self.seconds_per_frame,
            threshold=options["threshold"],
            min_duration=options["min_duration"],
            max_gap=options["max_gap"],
            speakers=[config.id2label[i] for i in range(config.num_labels)],
        )
        return {"duration": samples / self.sampling_rate, "segments": [segment._asdict() for segment in segments]}
