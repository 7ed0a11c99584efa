"""Accuracy of a classifier."""

from __future__ import annotations

from typing import Any, ClassVar

from npconformer.data.examples import Example
from npconformer.evaluation.scorer import Row, Scorer, interval_in_words, percent
from npconformer.metrics import Accuracy


class ClassScorer(Scorer):
    """Whether the best label is the known one. Examples whose label the model does not have cannot be judged."""

    columns: ClassVar = ("file", "label", "answer", "score", "correct")
    options: ClassVar = {"top_k": 1}

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        config = pipeline.model.config
        if config.problem_type not in (None, "single_label_classification") or config.num_labels == 1:
            kind = config.problem_type or "regression"
            raise ValueError(f"accuracy is for classifiers with one label for each recording, this one does {kind}")
        self.known = set(config.id2label.values())
        self.accuracy = Accuracy()

    def reference(self, example: Example) -> str:
        if example.label is None:
            raise ValueError("no label is given")
        if example.label not in self.known:
            raise ValueError(f"its label {example.label!r} is none of the model's")
        return example.label

    def compare(self, example: Example, reference: str, answer: list[dict[str, Any]]) -> Row:
        best = answer[0]
        correct = int(self.accuracy.add(reference, best["label"]))
        return {"label": reference, "answer": best["label"], "score": round(best["score"], 6), "correct": correct}

    def summary(self) -> dict[str, Any]:
        share = self.accuracy.share
        return {
            "accuracy": share.rate,
            "accuracy_interval": list(self.accuracy.interval()),
            "correct": share.count,
            "accuracy_of_label": {name: one.rate for name, one in sorted(self.accuracy.of_reference.items())},
        }

    def lines(self, summary: dict[str, Any]) -> list[str]:
        worst, rate = min(summary["accuracy_of_label"].items(), key=lambda item: item[1])
        return [
            f"accuracy  {percent(summary['accuracy'])}, {interval_in_words(summary['accuracy_interval'])}: "
            f"{summary['correct']} of {len(self.rows)} recordings",
            f"worst     {percent(rate)} of those labelled {worst}",
        ]
