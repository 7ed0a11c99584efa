"""Equal error rate of a speaker verifier: every pair of recordings is a trial."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from npconformer.data.examples import Example
from npconformer.evaluation.scorer import Row, Scorer, percent
from npconformer.metrics import Accuracy, SpeakerTrials, equal_error_rate

MOST_TRIALS = 4_000_000  # beyond them a random choice, the same every time


class SpeakerScorer(Scorer):
    """Scores are cosines of speaker vectors. Speakers need not be those of training."""

    columns: ClassVar = ("file", "speaker", "nearest", "nearest_speaker", "similarity", "correct")
    options: ClassVar = {"normalize": True}

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        self.trials = SpeakerTrials(MOST_TRIALS)
        self.nearest = Accuracy()

    def reference(self, example: Example) -> str:
        if example.speaker is None:
            raise ValueError("no speaker is given")
        return example.speaker

    def compare(self, example: Example, reference: str, answer: np.ndarray) -> Row:
        self.trials.add(answer, reference)
        return {"speaker": reference}

    def finish(self) -> None:
        """Find the recording that is most like each, among the others."""
        self.nearest = Accuracy()
        for row, (nearest, cosine) in zip(self.rows, self.trials.nearest()):
            other = self.rows[nearest]
            row |= {
                "nearest": other["file"],
                "nearest_speaker": other["speaker"],
                "similarity": round(cosine, 6),
                "correct": int(self.nearest.add(row["speaker"], other["speaker"])),
            }

    def summary(self) -> dict[str, Any]:
        scores, same = self.trials.trials()
        rate, threshold = equal_error_rate(scores, same)
        return {
            "equal_error_rate": rate,
            "threshold": threshold,
            "trials": len(scores),
            "trials_of_one_speaker": int(same.sum()),
            "speakers": len(set(self.trials.speakers)),
            "nearest_is_same_speaker": self.nearest.share.count,
        }

    def lines(self, summary: dict[str, Any]) -> list[str]:
        return [
            f"equal error rate  {percent(summary['equal_error_rate'])} at threshold {summary['threshold']:.4f}: "
            f"{summary['trials']} pairs, {summary['trials_of_one_speaker']} of one speaker, "
            f"{summary['speakers']} speakers",
            f"nearest recording of the same speaker: {summary['nearest_is_same_speaker']} of {len(self.rows)}",
        ]
