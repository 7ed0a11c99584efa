"""Word and character error rate of transcripts: edits over the whole corpus, divided by its words or letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from npconformer.metrics.edit_distance import Edits, count_edits


def word_edits(reference: str, hypothesis: str) -> Edits:
    """Edits of words, which are what white space separates; case and punctuation count."""
    return count_edits(reference.split(), hypothesis.split())


def character_edits(reference: str, hypothesis: str) -> Edits:
    """Edits of characters; white space of any length between words is one character, around the text none."""
    return count_edits(" ".join(reference.split()), " ".join(hypothesis.split()))


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
