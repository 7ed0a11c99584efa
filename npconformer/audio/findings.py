"""What a look at a file's own bytes says of its sound, whatever its header claims.

Lesson: notebooks/02_waveform_to_frames.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass, field

from npconformer.audio.pieced_file import Piece


@dataclass
class Findings:
    """What was found, in seconds.

    length: how long the sound is; None where libsndfile knows it. promised: what the header claims, where that is
    more than there is; held: which part of it there is, where seconds are not known. breaks: where something is
    missing or damaged. pieces: of which the decoder is to make the file, where it would not read all of it as it
    stands. may_be_mpeg: whether libmpg123 may decode it.
    """

    length: float | None = None
    promised: float | None = None
    held: float = 1.0
    breaks: list[float] = field(default_factory=list)
    pieces: list[Piece] | None = None
    may_be_mpeg: bool = False
