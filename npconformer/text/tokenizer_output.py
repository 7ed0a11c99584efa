"""What decoding gives: a text with the frames that its characters and words came from.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from npconformer.text.ctc_decoding import Span


@dataclass
class Wav2Vec2CTCTokenizerOutput:
    """Text with the frames it came from. For a batch every field is a list with one entry per utterance.

    char_offsets: [{"char", "start_offset", "end_offset"}, ...]; word_offsets: the same with "word". Offsets
    count frames, the end is exclusive; `npconformer.FrameClock.start` turns them into seconds, and a pipeline called
    with return_timestamps does it by itself.
    """

    text: Any
    char_offsets: Any = None
    word_offsets: Any = None

    def __getitem__(self, name: str | int | slice) -> Any:
        if isinstance(name, int | slice):
            return self.to_tuple()[name]
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[str]:
        """The names of the fields that there are."""
        return [name for name, value in vars(self).items() if value is not None]

    def values(self) -> list[Any]:
        """What they hold."""
        return [getattr(self, name) for name in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """Both, pair by pair."""
        return [(name, getattr(self, name)) for name in self.keys()]

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that there are, the text first."""
        return tuple(self.values())


def offsets(kind: str, span: Span) -> dict[str, Any]:
    """An entry of `char_offsets` or `word_offsets`; the kind is "char" or "word"."""
    return {kind: span.text, "start_offset": span.start, "end_offset": span.end}


def tidy_punctuation(text: str) -> str:
    """Undo the spaces that word-level tokenizers put before punctuation and English contractions."""
    for mark in (".", "?", "!", ","):
        text = text.replace(f" {mark}", mark)
    text = text.replace(" ' ", "'")
    for ending in ("n't", "'m", "'s", "'ve", "'re"):
        text = text.replace(f" {ending}", ending)
    return text
