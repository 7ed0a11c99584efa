"""What decoding gives: a text with the frames that its characters and words came from.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

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

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def keys(self) -> list[str]:
        return [name for name, value in vars(self).items() if value is not None]


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
