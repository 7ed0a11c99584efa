"""The share of wrong decisions in frames: what training watches of a frame classifier.

    frame error = (decisions that differ from what is known) / (decisions),    both in the frames that count

A frame with one class is one decision; one in which each of C speakers speaks or not is C of them. Unlike the
diarization error rate it also counts frames in which nobody speaks, and so it needs no speech to be computed.

Letters: B recordings, T frames, C decisions in a frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.metrics.shares import Share


class FrameDecisions:
    """Takes batches of frames one by one."""

    def __init__(self) -> None:
        self.wrong = Share(0, 0)  # `.rate` is the frame error

    def add(self, references: Any, decisions: Any, counted: Any) -> None:
        """Compare decisions with what is known.

        references, decisions: (B, T) classes, or (B, T, C) booleans. counted: (B, T) booleans, the frames that count.

        Raises ValueError for shapes that do not fit.
        """
        references, decisions, counted = np.asarray(references), np.asarray(decisions), np.asarray(counted, bool)
        if references.shape != decisions.shape or references.shape[:2] != counted.shape:
            raise ValueError(
                "references and decisions must have one shape, (batch, frames) or (batch, frames, decisions), and "
                f"counted its first two axes, got {references.shape}, {decisions.shape} and {counted.shape}"
            )
        differ = (references != decisions)[counted]  # (frames that count,) or (frames that count, C)
        self.wrong = Share(self.wrong.count + int(differ.sum()), self.wrong.total + differ.size)
