"""How a known text and an answer are made alike before they are compared, and how that is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from npconformer.data.spelling import case_of, in_known_letters, spell, unknown_letters
from npconformer.metrics.text_normalization import without_punctuation

CHOICES = ("case", "punctuation", "letters")
MOST_SHOWN = 20  # letters in a message


class TextNormalization:
    """The known text is spelt in the case of the vocabulary; what is in `ignore` does not count either.

    ignore: of "case", upper and lower are the same in both texts; "punctuation", see `without_punctuation`, of both;
    "letters", what the vocabulary cannot write is taken out of the known text, see `in_known_letters`.

    `unknown` counts the texts with each letter that the vocabulary lacks, whether these count or not.
    """

    def __init__(self, tokenizer: Any, ignore: Iterable[str] = ()) -> None:
        self.tokenizer = tokenizer
        wrong = sorted(set(ignore) - set(CHOICES))
        if wrong:
            raise ValueError(f"ignore: expected some of {', '.join(CHOICES)}, got {', '.join(map(repr, wrong))}")
        self.ignore = tuple(choice for choice in CHOICES if choice in set(ignore))
        self.case = case_of(tokenizer)
        self.unknown: Counter[str] = Counter()

    def reference(self, text: str) -> str:
        """What is known to be said."""
        text = spell(text, self.tokenizer)
        if "punctuation" in self.ignore:
            text = without_punctuation(text)
        self.unknown.update(unknown_letters(text, self.tokenizer))
        if "letters" in self.ignore:
            text = in_known_letters(text, self.tokenizer)
        return text.casefold() if "case" in self.ignore else text

    def hypothesis(self, text: str) -> str:
        """What the model answers."""
        if "punctuation" in self.ignore:
            text = without_punctuation(text)
        return text.casefold() if "case" in self.ignore else text

    def summary(self) -> dict[str, Any]:
        """For a program."""
        return {
            "normalization": {"case": self.case, "ignored": list(self.ignore)},
            "unknown_letters": dict(self.unknown.most_common()),
        }

    def lines(self) -> list[str]:
        """For people."""
        case = {
            "upper": "in capitals, as the vocabulary has them",
            "lower": "in small letters, as the vocabulary has them",
        }
        said = ["case does not count"] if "case" in self.ignore else [case.get(self.case or "", "case counts")]
        said.append("punctuation does not count" if "punctuation" in self.ignore else "punctuation counts")
        lines = [f"texts are compared    {', '.join(said)}"]
        if self.unknown:
            shown = [f"{letter!r} ({count} text{'s' * (count != 1)})" for letter, count in self.unknown.most_common()]
            more = f" and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
            leaves = "left out of the texts" if "letters" in self.ignore else "count; --ignore letters leaves them out"
            lines.append(f"letters it cannot say {', '.join(shown[:MOST_SHOWN])}{more}: {leaves}")
        return lines
