"""What a recording is an instance of: the labels of a sequence classifier with their scores.

Letters: B utterances in a batch, N samples, K labels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.backend import to_host
from npconformer.pipelines.batching import AudioPipeline
from npconformer.pipelines.scores import OF_PROBLEM, check_function, to_scores


class AudioClassificationPipeline(AudioPipeline):
    """Gives [{"score": float, "label": str}], best first, for each recording.

    Options of a call:
        top_k: how many labels; None, the default, and numbers above that of the labels mean all of them.
        function_to_apply: "softmax", "sigmoid" or "none", which makes scores of the logits. None goes by the
            config's problem_type: "sigmoid" for multi-label classification, "none" for regression, which is
            also what a single label means when there is no problem_type, and "softmax" for everything else.
            (transformers 5.23 then gives a single label the score 1.0, whatever the recording.)
    """

    task = "audio-classification"
    head_name = "sequence_classification"
    options: ClassVar = {"top_k": None, "function_to_apply": None}

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        top_k = options["top_k"]
        is_number = isinstance(top_k, int | np.integer) and not isinstance(top_k, bool)
        if top_k is not None and not (is_number and top_k >= 1):
            raise ValueError(f"top_k must be a whole number of at least 1, or None for all labels, got {top_k!r}")
        check_function(options["function_to_apply"])

    def read_output(self, outputs: Any) -> np.ndarray:
        """The logits (B, K)."""
        return to_host(outputs.logits.data)

    def answer(self, output: np.ndarray, options: dict[str, Any]) -> list[dict[str, Any]]:
        """The best labels of one utterance's logits (K,)."""
        scores = to_scores(output, options["function_to_apply"] or self._usual_function())  # (K,)
        best = np.argsort(-scores, kind="stable")[: options["top_k"]]  # of equal scores the first label comes first
        id2label = self.model.config.id2label
        return [{"score": float(scores[i]), "label": id2label[int(i)]} for i in best]

    def _usual_function(self) -> str:
        config = self.model.config
        return OF_PROBLEM.get(config.problem_type) or ("none" if config.num_labels == 1 else "softmax")
