"""Alignments of utterances that follow one another as one of them all.

Letters: T frames.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npconformer.text.ctc_alignment import CTCAlignment
from npconformer.text.ctc_decoding import Span
from npconformer.text.text_alignment import TextAlignment


def join_alignments(parts: Sequence[TextAlignment]) -> TextAlignment:
    """One alignment of utterances [(T_1), ...] whose texts were read from the logits, in T_1 + T_2 + ... frames.

    A word ends where its utterance ends. One utterance is given back as it is.
    """
    if len(parts) == 1:
        return parts[0]
    letters, words, positions, places, spans = list[Span](), list[Span](), [], list[int](), list[tuple[int, int]]()
    first = 0  # frame of the utterance
    for part in parts:
        frames = part.frames
        positions.append(np.where(frames.positions < 0, frames.positions, frames.positions + len(spans)))
        places += [place + len(words) for place in part.places]
        spans += [(start + first, end + first) for start, end in frames.spans]
        letters += [Span(one.text, one.start + first, one.end + first) for one in part.letters]
        words += [Span(one.text, one.start + first, one.end + first) for one in part.words]
        first += len(frames.classes)
    classes, log_probs = (
        np.concatenate([getattr(part.frames, name) for part in parts]) for name in ("classes", "log_probs")
    )
    return TextAlignment(
        text=" ".join(part.text for part in parts if part.text),
        frames=CTCAlignment(classes, np.concatenate(positions), log_probs, spans),
        letters=letters,
        words=words,
        scores=[score for part in parts for score in part.scores],
        spelling=[word for part in parts for word in part.spelling],
        places=places,
    )
