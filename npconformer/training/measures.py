"""What is collected of evaluation batches, and the figures made of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import is_array, to_host

IGNORED = -100


class Measures:
    """Base: collects answers of the model batch by batch."""

    names: tuple[str, ...] = ()

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        """Takes a batch. outputs: of the model. lengths: (B,) frames of each utterance; None: all are its own."""

    def result(self) -> dict[str, float]:
        """The figures by name."""
        return {}


class NoMeasures(Measures):
    """Nothing but the loss."""


class TextMeasures(Measures):
    """Word and character error rates of the most probable letters."""

    names = ("wer", "cer")

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.references: list[str] = []
        self.hypotheses: list[str] = []

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        ids = _host(outputs.logits).argmax(axis=-1)  # (B, T)
        self.hypotheses += self.tokenizer.batch_decode(ids, lengths=lengths)
        for row in np.asarray(batch["labels"]):
            self.references.append(self.tokenizer.decode(row[row != IGNORED], group_tokens=False))

    def result(self) -> dict[str, float]:
        from npconformer.metrics import character_error_rate, word_error_rate

        return {
            "wer": word_error_rate(self.references, self.hypotheses).rate,
            "cer": character_error_rate(self.references, self.hypotheses).rate,
        }


class ClassMeasures(Measures):
    """The share of utterances whose class, or all of whose classes, are right."""

    names = ("accuracy",)

    def __init__(self, problem_type: str | None) -> None:
        self.problem_type = problem_type
        self.right = self.count = 0

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        logits, labels = _host(outputs.logits), np.asarray(batch["labels"])  # (B, C); (B,) or (B, C)
        if labels.ndim == 2 and labels.shape == logits.shape:
            right, counted = ((logits > 0) == (labels > 0.5)).all(axis=1), np.ones(len(labels), bool)
        else:
            labels = labels.reshape(-1)
            right, counted = logits.argmax(axis=1) == labels, labels != IGNORED
        self.right += int(right[counted].sum())
        self.count += int(counted.sum())

    def result(self) -> dict[str, float]:
        return {"accuracy": self.right / max(self.count, 1)}


class FrameMeasures(Measures):
    """The share of wrong decisions in frames that count; with several labels in a frame each is a decision."""

    names = ("frame_error",)

    def __init__(self, problem_type: str | None) -> None:
        self.problem_type = problem_type
        self.wrong = self.count = 0

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        logits, labels = _host(outputs.logits), np.asarray(batch["labels"])  # (B, T, C)
        labels = labels.reshape(logits.shape)
        counted = (labels != IGNORED).any(axis=2)
        if lengths is not None:
            counted &= np.arange(logits.shape[1]) < np.asarray(lengths)[:, None]
        if self.problem_type == "multi_label_classification":
            wrong = (logits > 0) != (labels > 0.5)
        elif logits.shape[2] == 1:
            wrong = (logits > 0.5) != (labels > 0.5)  # regression towards 0 and 1
        else:
            wrong = (logits.argmax(axis=2) != labels.argmax(axis=2))[:, :, None]
        self.wrong += int(wrong[counted].sum())
        self.count += int(wrong[counted].size)

    def result(self) -> dict[str, float]:
        return {"frame_error": self.wrong / max(self.count, 1)}


class SpeakerMeasures(Measures):
    """The equal error rate when every pair of utterances is compared by the cosine of their vectors."""

    names = ("eer",)

    def __init__(self) -> None:
        self.vectors: list[np.ndarray] = []
        self.speakers: list[np.ndarray] = []

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        self.vectors.append(_host(outputs.embeddings))
        self.speakers.append(np.asarray(batch["labels"]))

    def result(self) -> dict[str, float]:
        from npconformer.metrics import equal_error_rate

        vectors, speakers = np.concatenate(self.vectors), np.concatenate(self.speakers)
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        first, second = np.triu_indices(len(vectors), k=1)
        same = speakers[first] == speakers[second]
        if same.all() or not same.any():
            return {"eer": float("nan")}  # nothing to tell apart
        scores = (vectors @ vectors.T)[first, second]
        return {"eer": equal_error_rate(scores, same).rate}


def _host(tensor: Any) -> np.ndarray:
    return to_host(tensor if is_array(tensor) else tensor.data)
