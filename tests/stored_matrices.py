"""Matrices stored in fewer bits, for tests."""

from __future__ import annotations

import numpy as np

from npconformer.arrays.int8_weights import Int8Weight, quantize
from npconformer.arrays.stored_weights import StoredWeight


def stored_as(kind: type[StoredWeight], shape: tuple[int, int]) -> StoredWeight:
    """Random numbers, the same for the same kind and shape."""
    rng = np.random.default_rng(0)
    if kind is Int8Weight:
        matrix = rng.normal(size=shape).astype(np.float32)
        matrix[:, [0, 17, shape[1] - 2]] *= 50  # columns that are kept
        return quantize(matrix)
    matrix = rng.normal(0, 0.1, shape).astype(np.float32)
    upper_halves = (matrix.view(np.uint32) >> 16).astype(np.uint16)
    return kind({"": matrix.astype(np.float16) if kind.kind == "float16" else upper_halves})
