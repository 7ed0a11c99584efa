"""Word and character error rate of transcripts: edits over the whole corpus, divided by its words or letters.

    WER = (S + D + I) / W    S words substituted, D deleted, I inserted, of the W words of all references

and the same with characters (CER). Edits are added up before they are divided, so a long text counts more than a short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from npconformer.metrics.edit_distance import Edits, count_edits
from npconformer.metrics.shares import bootstrap_interval


def word_edits(reference: str, hypothesis: str) -> Edits:
    """Edits of words, which are what white space separates; case and punctuation count."""
    return count_edits(reference.split(), hypothesis.split())


def character_edits(reference: str, hypothesis: str) -> Edits:
    """Edits of characters; white space of any length between words is one character, around the text none."""
    return count_edits(" ".join(reference.split()), " ".join(hypothesis.split()))


class TextEdits(NamedTuple):
    """The edits of one transcript."""

    words: Edits
    characters: Edits


class TextErrors:
    """Takes transcripts one by one.

    >>> errors = TextErrors()
    >>> errors.add("ONE TWO", "ONE TOO").words.errors
    1
    >>> errors.words.rate, errors.characters.rate
    (0.5, 0.14285714285714285)
    """

    def __init__(self) -> None:
        self._words: list[Edits] = []
        self._characters: list[Edits] = []

    def add(self, reference: str, hypothesis: str) -> TextEdits:
        """Compare a transcript with what is said; returns its own edits."""
        edits = TextEdits(word_edits(reference, hypothesis), character_edits(reference, hypothesis))
        self._words.append(edits.words)
        self._characters.append(edits.characters)
        return edits

    @property
    def words(self) -> Edits:
        """The edits of all transcripts together; `.rate` is the word error rate."""
        return sum(self._words, Edits())

    @property
    def characters(self) -> Edits:
        """The same with characters; `.rate` is the character error rate."""
        return sum(self._characters, Edits())

    @property
    def without_error(self) -> int:
        """How many transcripts have every word right."""
        return sum(edits.errors == 0 for edits in self._words)

    def word_interval(self) -> tuple[float, float]:
        """The 95 % interval of the word error rate, by bootstrap; see `shares.bootstrap_interval` for errors."""
        return _interval(self._words)

    def character_interval(self) -> tuple[float, float]:
        """The same of the character error rate."""
        return _interval(self._characters)


def _interval(edits: Sequence[Edits]) -> tuple[float, float]:
    return bootstrap_interval([one.errors for one in edits], [one.length for one in edits])


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> Edits:
    """The edits of all transcripts together; `.rate` is the word error rate, `.length` the number of words.

    Raises ValueError for another number of hypotheses than of references.
    """
    return _total(word_edits, references, hypotheses)


def character_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> Edits:
    """The same with characters."""
    return _total(character_edits, references, hypotheses)


def _total(edits: Callable[[str, str], Edits], references: Sequence[str], hypotheses: Sequence[str]) -> Edits:
    for name, texts in (("references", references), ("hypotheses", hypotheses)):
        if isinstance(texts, str):
            raise ValueError(f"{name} must be a list of texts, got a single one")
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references and {len(hypotheses)} hypotheses: one is needed for each")
    return sum((edits(*pair) for pair in zip(references, hypotheses)), Edits())
