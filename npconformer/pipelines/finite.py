"""A model whose weights are damaged answers with NaN: that is an error of the recording, and never an answer."""

from __future__ import annotations

from typing import Any

import numpy as np

ADVICE = (
    "the checkpoint's weights are damaged, or too large for the dtype; "
    'try dtype="float32" or "float64", or load the files again'
)


def check_finite(output: Any) -> None:
    """Raise a ValueError for what a model says of an utterance if that is NaN or infinite.

    output: numbers (K,), or something with `rows` (T, ...), one for each frame. Those that are no floating-point
    numbers, such as classes, are not looked at.
    """
    rows = np.asarray(getattr(output, "rows", output))
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        of_frames = hasattr(output, "rows")
        wrong = ~np.isfinite(rows).reshape(len(rows), -1).all(axis=1)  # (T,) or (K,)
        raise not_finite(int(wrong.sum()), len(rows), "frames" if of_frames else "numbers")


def not_finite(wrong: int, count: int, of: str) -> ValueError:
    """The error for a model's output that is NaN or infinite in so many of its frames or numbers."""
    return ValueError(f"the model's output is NaN or infinite in {wrong} of {count} {of}: {ADVICE}")
