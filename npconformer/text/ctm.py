"""CTM files, one word a line: RECORDING CHANNEL START DURATION WORD CONFIDENCE (NIST's scoring toolkit sclite).

Fields are divided by spaces, so that a space within a name or a word is written `_`. A line that starts with ;; would
be a comment.

Lesson: notebooks/05_ctc.ipynb
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def to_ctm(words: Iterable[tuple[str, float, float, float | None]], recording: str, channel: str = "1") -> str:
    """Words (text, start, end, confidence or None) as the text of a .ctm file; times in seconds."""
    name = re.sub(r"^;;", "__", _field(recording))
    lines = []
    for text, start, end, confidence in words:
        fields = [name, channel, f"{start:.3f}", f"{end - start:.3f}", _field(text)]
        lines.append(" ".join(fields if confidence is None else [*fields, f"{confidence:.4f}"]) + "\n")
    return "".join(lines)


def _field(text: str) -> str:
    return re.sub(r"\s+", "_", text.strip()) or "_"
