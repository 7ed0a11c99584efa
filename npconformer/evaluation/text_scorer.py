"""Word and character error rate of a recogniser."""

from __future__ import annotations

from typing import Any, ClassVar

from npconformer.data.examples import Example
from npconformer.data.spelling import spell
from npconformer.evaluation.scorer import Row, Scorer, interval_in_words, percent
from npconformer.metrics import TextErrors


class TextScorer(Scorer):
    """The known text is spelt in the case of the vocabulary; nothing else of it is changed."""

    columns: ClassVar = (
        "file", "reference", "hypothesis", "words", "word_errors", "substitutions", "deletions", "insertions",
        "characters", "character_errors",
    )  # fmt: skip

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        self.errors = TextErrors()

    def reference(self, example: Example) -> str:
        if not example.text:
            raise ValueError("no text says what is said")
        return spell(example.text, self.pipeline.processor.tokenizer)

    def compare(self, example: Example, reference: str, answer: dict[str, Any]) -> Row:
        hypothesis = answer["text"]
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
        return {
            "word_error_rate": words.rate,
            "word_error_rate_interval": list(self.errors.word_interval()),
            "words": words.length,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "character_error_rate": characters.rate,
            "character_error_rate_interval": list(self.errors.character_interval()),
            "characters": characters.length,
            "recordings_without_error": self.errors.without_error,
        }

    def lines(self, summary: dict[str, Any]) -> list[str]:
        rate, letters = summary["word_error_rate"], summary["character_error_rate"]
        return [
            f"word error rate       {percent(rate)}, {interval_in_words(summary['word_error_rate_interval'])}: "
            f"{summary['substitutions']} substituted, {summary['deletions']} deleted, "
            f"{summary['insertions']} inserted, of {summary['words']} words",
            f"character error rate  {percent(letters)}, {interval_in_words(summary['character_error_rate_interval'])}, "
            f"of {summary['characters']} characters",
            f"without any error     {summary['recordings_without_error']} of {len(self.rows)} recordings",
        ]
