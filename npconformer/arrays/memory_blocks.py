"""Blocks of memory that arrays are laid into: their sizes, so that arrays of about one size share them, and where."""

from __future__ import annotations

import numpy as np

ALIGNMENT = 64  # bytes: a line of the cache


def rounded(size: int) -> int:
    """Up to an eighth of a power of two, and to whole lines of the cache."""
    step = max(ALIGNMENT, 1 << max(0, size.bit_length() - 4))
    return max(ALIGNMENT, -(-size // step) * step)


def new_block(size: int) -> np.ndarray:
    """So many bytes that begin with a line of the cache; not set."""
    whole = np.empty(size + ALIGNMENT, np.uint8)
    start = -whole.ctypes.data % ALIGNMENT
    return whole[start : start + size]
