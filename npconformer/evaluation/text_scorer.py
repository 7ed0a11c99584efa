"""Word and character error rate of a recogniser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from npconformer.data.examples import Example
from npconformer.evaluation.normalization import TextNormalization
from npconformer.evaluation.scorer import Row, Scorer, interval_in_words, percent
from npconformer.metrics import TextErrors


class TextScorer(Scorer):
    """The known text is spelt in the case of the vocabulary; see `TextNormalization` for what else may be ignored.

    An empty known text is one: whatever is answered is inserted.
    """

    columns: ClassVar = (
        "file", "reference", "hypothesis", "words", "word_errors", "substitutions", "deletions", "insertions",
        "characters", "character_errors",
    )  # fmt: skip

    def __init__(self, pipeline: Any, ignore: Iterable[str] = ()) -> None:
        super().__init__(pipeline)
        self.errors = TextErrors()
        self.normalization = TextNormalization(pipeline.processor.tokenizer, ignore)

    def reference(self, example: Example) -> str:
        if example.text is None:
            raise ValueError("no text says what is said")
        return example.text

    def compare(self, example: Example, reference: str, answer: dict[str, Any]) -> Row:
        reference = self.normalization.reference(reference)
        hypothesis = self.normalization.hypothesis(answer["text"])
        words, characters = self.errors.add(reference, hypothesis)
        return {
            "reference": reference,
            "hypothesis": hypothesis,
            "words": words.length,
            "word_errors": words.errors,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "characters": characters.length,
            "character_errors": characters.errors,
        }

    def summary(self) -> dict[str, Any]:
        words, characters = self.errors.words, self.errors.characters
        known = words.length > 0  # where all references are empty there is no rate
        return {
            "word_error_rate": words.rate if known else None,
            "word_error_rate_interval": list(self.errors.word_interval()) if known else None,
            "words": words.length,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "character_error_rate": characters.rate if known else None,
            "character_error_rate_interval": list(self.errors.character_interval()) if known else None,
            "characters": characters.length,
            "recordings_without_error": self.errors.without_error,
            **self.normalization.summary(),
        }

    def lines(self, summary: dict[str, Any]) -> list[str]:
        last = [
            f"without any error     {summary['recordings_without_error']} of {len(self.rows)} recordings",
            *self.normalization.lines(),
        ]
        if summary["word_error_rate"] is None:
            return [f"word error rate       none: no words are known; {summary['insertions']} inserted", *last]
        rate, letters = summary["word_error_rate"], summary["character_error_rate"]
        return [
            f"word error rate       {percent(rate)}, {interval_in_words(summary['word_error_rate_interval'])}: "
            f"{summary['substitutions']} substituted, {summary['deletions']} deleted, "
            f"{summary['insertions']} inserted, of {summary['words']} words",
            f"character error rate  {percent(letters)}, {interval_in_words(summary['character_error_rate_interval'])}, "
            f"of {summary['characters']} characters",
            *last,
        ]
