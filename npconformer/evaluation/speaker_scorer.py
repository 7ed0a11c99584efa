"""Equal error rate of a speaker verifier: every pair of recordings is a trial."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from npconformer.data.examples import Example
from npconformer.evaluation.scorer import Row, Scorer, percent
from npconformer.metrics import equal_error_rate

MOST_TRIALS = 4_000_000  # beyond them a random choice, the same every time


class SpeakerScorer(Scorer):
    """Scores are cosines of speaker vectors. Speakers need not be those of training."""

    columns: ClassVar = ("file", "speaker", "nearest", "nearest_speaker", "similarity", "correct")
    options: ClassVar = {"normalize": True}

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        self.vectors: list[np.ndarray] = []

    def reference(self, example: Example) -> str:
        if example.speaker is None:
            raise ValueError("no speaker is given")
        return example.speaker

    def compare(self, example: Example, reference: str, answer: np.ndarray) -> Row:
        self.vectors.append(answer)
        return {"speaker": reference}

    def finish(self) -> None:
        """Find the recording that is most like each, among the others."""
        if len(self.rows) < 2:
            return
        vectors = np.stack(self.vectors)  # (N, D)
        for i, row in enumerate(self.rows):
            cosines = vectors @ vectors[i]
            cosines[i] = -np.inf
            nearest = int(cosines.argmax())
            other = self.rows[nearest]
            row |= {
                "nearest": other["file"],
                "nearest_speaker": other["speaker"],
                "similarity": round(float(cosines[nearest]), 6),
                "correct": int(other["speaker"] == row["speaker"]),
            }

    def summary(self) -> dict[str, Any]:
        scores, same = self._trials()
        rate, threshold = equal_error_rate(scores, same)
        return {
            "equal_error_rate": rate,
            "threshold": threshold,
            "trials": len(scores),
            "trials_of_one_speaker": int(same.sum()),
            "speakers": len({row["speaker"] for row in self.rows}),
            "nearest_is_same_speaker": sum(row["correct"] for row in self.rows),
        }

    def _trials(self) -> tuple[np.ndarray, np.ndarray]:
        """Cosines of pairs, and whether they are of one speaker."""
        count = len(self.rows)
        if count < 2:
            raise ValueError(f"an equal error rate needs pairs of recordings, got {count}")
        vectors = np.stack(self.vectors)
        _, speakers = np.unique([row["speaker"] for row in self.rows], return_inverse=True)
        if count * (count - 1) // 2 <= MOST_TRIALS:
            first, second = np.triu_indices(count, k=1)
        else:
            random = np.random.default_rng(0)
            first = random.integers(count, size=MOST_TRIALS)
            second = (first + random.integers(1, count, size=MOST_TRIALS)) % count
        scores = np.concatenate(
            [np.einsum("nd,nd->n", vectors[i], vectors[j]) for i, j in zip(_chunks(first), _chunks(second))]
        )
        return scores, speakers[first] == speakers[second]

    def lines(self, summary: dict[str, Any]) -> list[str]:
        return [
            f"equal error rate  {percent(summary['equal_error_rate'])} at threshold {summary['threshold']:.4f}: "
            f"{summary['trials']} pairs, {summary['trials_of_one_speaker']} of one speaker, "
            f"{summary['speakers']} speakers",
            f"nearest recording of the same speaker: {summary['nearest_is_same_speaker']} of {len(self.rows)}",
        ]


def _chunks(indices: np.ndarray, size: int = 65536) -> list[np.ndarray]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]
