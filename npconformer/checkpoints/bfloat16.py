"""bfloat16, for which NumPy has no type: it is given here as its bits, in uint16.

A bfloat16 is a float32 cut after its upper 16 bits: a sign, 8 bits of exponent, 7 of the mantissa.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import numpy as np

TIE = 0x8000  # the lower half of a float32 that lies in the middle of two bfloat16
QUIET = 0x40  # the mantissa's first bit; a NaN whose mantissa is 0 would be an infinity


def bfloat16_to_float32(bits: np.ndarray) -> np.ndarray:
    """float32 values of bfloat16 given as uint16."""
    wide = bits.astype(np.uint32)
    wide <<= 16  # in place, because NumPy's operators make scalars of arrays without dimensions
    return wide.view(np.float32)


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """The nearest bfloat16 of float16, float32 or float64 values, as uint16; of two as near, the even one.

    What was bfloat16 before comes back as the same bits. Values beyond the largest bfloat16, 3.39e38, give infinity.
    """
    flat = values.reshape(-1)
    with np.errstate(over="ignore"):
        single = flat.astype(np.float32)
    bits = single.view(np.uint32)
    if flat.dtype.itemsize > 4:  # one that float32 has rounded to the middle is not in the middle
        in_middle = (bits & 0xFFFF) == TIE
        above, below = (in_middle & compare(np.abs(flat), np.abs(single)) for compare in (np.greater, np.less))
        bits[above] += 1
        bits[below] -= 1
    upper = bits >> 16
    nan = np.isnan(flat)
    rounded = (bits + (TIE - 1) + (upper & 1)) >> 16
    kept = upper | np.where(upper & 0x7F == 0, QUIET, 0).astype(np.uint32)
    return np.where(nan, kept, rounded).astype(np.uint16).reshape(values.shape)
