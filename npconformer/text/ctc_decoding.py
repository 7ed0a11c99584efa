"""Greedy CTC decoding: from the best class of every frame to characters and words with their frames.

CTC (Graves et al., 2006, section 3.1) maps a path over frames to a labelling by B: first merge runs of the
same class, then drop the blank. So `H H - E L L - L O` gives `HELLO`: the blank `-` is what keeps the two L
apart. Greedy decoding finds the best path, not the labelling whose paths have the largest sum: that takes a search over
prefixes.

T counts frames, R runs of one class. Frame spans are half open: [start, end).

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def best_path(logits: np.ndarray, lengths: Sequence[int] | None = None) -> list[np.ndarray]:
    """The most probable class of every frame, utterance by utterance.

    logits: (B, T, V). lengths: how many frames of each utterance are real, (B,); None takes all of them.
    Frames of padding hold garbage that decodes to stray letters, so give lengths whenever a batch was
    padded. Returns B arrays of class ids (T_b,).
    """
    logits = np.asarray(logits)
    if logits.ndim != 3:
        raise ValueError(f"logits must be (batch, frames, vocabulary), got shape {logits.shape}")
    return cut(logits.argmax(axis=-1), lengths)


def cut(ids: Sequence[Sequence[int]] | np.ndarray, lengths: Sequence[int] | None) -> list[np.ndarray]:
    """Keep the first `lengths[b]` frames of utterance b (all of them when lengths is None)."""
    ids = [np.asarray(one) for one in ids]
    if lengths is None:
        return ids
    lengths = [int(length) for length in np.asarray(lengths)]
    if len(lengths) != len(ids):
        raise ValueError(f"lengths must give one number of frames per utterance ({len(ids)}), got {len(lengths)}")
    for b, (one, length) in enumerate(zip(ids, lengths)):
        if not 0 <= length <= len(one):
            raise ValueError(f"lengths[{b}] is {length}, but utterance {b} has {len(one)} frames")
    return [one[:length] for one, length in zip(ids, lengths)]


def runs(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge runs of the same id: ids (T,) gives (id, start, end) of each run, each (R,)."""
    ids = np.asarray(ids)
    starts = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 1))  # a prefix that differs: the first run starts at 0
    ends = np.append(starts[1:], len(ids)) if len(ids) else starts
    return ids[starts], starts, ends


@dataclass(frozen=True)
class Span:
    """A character or a word, and the frames [start, end) it was read from."""

    text: str
    start: int
    end: int


def group_words(characters: Sequence[Span], delimiter: str) -> list[Span]:
    """Join the characters between delimiters into words, each from its first character to its last."""
    words: list[list[Span]] = [[]]
    for character in characters:
        if character.text == delimiter:
            words.append([])
        else:
            words[-1].append(character)
    return [Span("".join(c.text for c in word), word[0].start, word[-1].end) for word in words if word]
