"""What a model says of validation batches, handed to the accumulators of `npconformer.metrics`.

Each class here makes decisions of a model's outputs and lays them beside a batch's labels; the figures are computed
there. Letters: B utterances in a batch, T frames, C classes, D entries of a speaker vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import is_array, to_host
from npconformer.losses.am_softmax import SHORTEST
from npconformer.losses.class_labels import IGNORED
from npconformer.metrics import Accuracy, FrameDecisions, Share, SpeakerTrials, TextErrors, equal_error_rate
from npconformer.ops.unit_vectors import unit_vectors


class Measures:
    """Base: takes what the model says, batch by batch."""

    names: tuple[str, ...] = ()  # of the figures, as the log has them

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
        self.errors = TextErrors()

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        ids = _host(outputs.logits).argmax(axis=-1)  # (B, T)
        hypotheses = self.tokenizer.batch_decode(ids, lengths=lengths)
        for row, hypothesis in zip(np.asarray(batch["labels"]), hypotheses):
            self.errors.add(self.tokenizer.decode(row[row != IGNORED], group_tokens=False), hypothesis)

    def result(self) -> dict[str, float]:
        return {"wer": self.errors.words.rate, "cer": self.errors.characters.rate}


class ClassMeasures(Measures):
    """The share of utterances whose class, or all of whose classes, are right."""

    names = ("accuracy",)

    def __init__(self) -> None:
        self.accuracy = Accuracy()

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        logits, labels = _host(outputs.logits), np.asarray(batch["labels"])  # (B, C); (B,), (B, 1) or (B, C)
        if labels.ndim == 2 and labels.shape == logits.shape:
            known, said = ([tuple(row) for row in rows.tolist()] for rows in (labels > 0.5, logits > 0))
        else:
            known, said = labels.reshape(-1).tolist(), logits.argmax(axis=1).tolist()
        for reference, answer in zip(known, said):
            if reference != IGNORED:
                self.accuracy.add(reference, answer)

    def result(self) -> dict[str, float]:
        return {"accuracy": _rate(self.accuracy.share)}


class FrameMeasures(Measures):
    """The share of wrong decisions in frames that count; with several labels in a frame each is a decision."""

    names = ("frame_error",)

    def __init__(self, problem_type: str | None) -> None:
        self.problem_type = problem_type
        self.decisions = FrameDecisions()

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        logits, labels = _host(outputs.logits), np.asarray(batch["labels"])  # (B, T, C)
        labels = labels.reshape(logits.shape)
        counted = (labels != IGNORED).any(axis=2)  # (B, T)
        if lengths is not None:
            counted &= np.arange(logits.shape[1]) < np.asarray(lengths)[:, None]
        if self.problem_type == "multi_label_classification":
            self.decisions.add(labels > 0.5, logits > 0, counted)
        elif logits.shape[2] == 1:
            self.decisions.add(labels > 0.5, logits > 0.5, counted)  # regression towards 0 and 1
        else:
            self.decisions.add(labels.argmax(axis=2), logits.argmax(axis=2), counted)

    def result(self) -> dict[str, float]:
        return {"frame_error": _rate(self.decisions.wrong)}


class SpeakerMeasures(Measures):
    """The equal error rate when every pair of utterances is compared by the cosine of their vectors."""

    names = ("eer",)

    def __init__(self) -> None:
        self.trials = SpeakerTrials()

    def add(self, outputs: Any, batch: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
        vectors, _ = unit_vectors(np, _host(outputs.embeddings), SHORTEST)  # (B, D)
        speakers = batch.get("speakers", batch["labels"])  # also of those whom the model does not know
        for vector, speaker in zip(vectors, np.asarray(speakers).tolist()):
            self.trials.add(vector, speaker)

    def result(self) -> dict[str, float]:
        speakers = self.trials.speakers
        if len(set(speakers)) in (1, len(speakers)):
            return {"eer": float("nan")}  # nothing to tell apart, or nobody twice
        return {"eer": equal_error_rate(*self.trials.trials()).rate}


def _rate(share: Share) -> float:
    """The log has 0, not NaN, where nothing counted."""
    return share.rate if share.total else 0.0


def _host(tensor: Any) -> np.ndarray:
    return to_host(tensor if is_array(tensor) else tensor.data)
