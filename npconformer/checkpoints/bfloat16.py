"""bfloat16, for which NumPy has no type."""

from __future__ import annotations

import numpy as np


def bfloat16_to_float32(bits: np.ndarray) -> np.ndarray:
    """float32 values of bfloat16 given as uint16: bfloat16 is a float32 cut after its upper 16 bits."""
    wide = bits.astype(np.uint32)
    wide <<= 16  # in place, because NumPy's operators make scalars of arrays without dimensions
    return wide.view(np.float32)
