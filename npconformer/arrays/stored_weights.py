"""Matrices stored in fewer bits than they are multiplied in: 16-bit floats here, 8-bit integers in `int8_weights`.

A product in float32 needs float32 numbers, but only a few rows of the matrix at a time. So the matrix stays as it lies
in the checkpoint's file, and whoever multiplies asks for rows o .. o', which are widened into memory that is used again
for the next ones. Nothing is rounded by that: every float16 and every bfloat16 is a float32, too.

    float16   s eeeee mmmmmmmmmm             (-1)^s 2^(e - 15) 1.m,   and (-1)^s 2^-14 0.m where e = 0
    bfloat16  s eeeeeeee mmmmmmm             the upper half of a float32
    float32   s eeeeeeee mmmmmmm mmm...      (-1)^s 2^(e - 127) 1.m,  and (-1)^s 2^-126 0.m where e = 0

A float16's bits moved to where float32 has its own are the same number but for the exponent's origin, 15 for 127: the
float32 that they spell is 2^-112 of it, also where e = 0. Multiplying by 2^112 is exact, and takes a third of the time
of NumPy's own conversion. Only infinity and NaN (e = 31) would become ordinary numbers, so that they are refused.

Letters: O outputs (rows), I inputs (columns).

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

PIECE = 64 * 1024  # numbers; 256 KiB of float32, on which a chain of steps finds the one before in the cache
EXPONENT = 0x7C00  # the bits of a float16's e
FROM_FLOAT16 = np.float32(2.0**112)
SIGN_EXPONENT_MANTISSA = np.uint32(0x8FFFE000).view(np.int32)  # where these lie once they are moved


class StoredWeight:
    """A matrix (O, I) that is multiplied in float32 and stored otherwise.

    Attributes:
        kind: what it is stored in: "float16", "bfloat16" or "int8".
        arrays: what it consists of, under the endings of their names in a checkpoint: "" is the matrix itself.
        dtype: of the numbers that `rows` gives.
    """

    kind: ClassVar[str]
    dtype: ClassVar[np.dtype] = np.dtype(np.float32)
    stored: ClassVar[np.dtype]  # of the matrix itself

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = dict(arrays)
        self.codes = self.arrays[""]
        if self.codes.ndim != 2 or self.codes.dtype != self.stored:
            raise ValueError(
                f"a weight stored as {self.kind} is {self.codes.dtype} of shape {self.codes.shape}; "
                f"expected {self.stored} of shape (out, in)"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(O, I)"""
        return self.codes.shape

    @property
    def nbytes(self) -> int:
        """Bytes of all its arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def check(self, name: str) -> None:
        """Raises ValueError, naming the weight, where an array holds what no weight can hold."""

    def rows(self, first: int, stop: int, out: np.ndarray) -> None:
        """Writes rows first .. stop, in float32, into `out` (stop - first, I), which lies row by row."""
        step = max(1, PIECE // max(self.shape[1], 1))
        for begin in range(first, stop, step):
            end = min(begin + step, stop)
            self._widen(begin, end, out[begin - first : end - first])

    def _widen(self, first: int, stop: int, out: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _widen")

    def whole(self) -> np.ndarray:
        """The matrix in float32."""
        matrix = np.empty(self.shape, self.dtype)
        self.rows(0, self.shape[0], matrix)
        return matrix


class Float16Weight(StoredWeight):
    """Stored as float16."""

    kind = "float16"
    stored = np.dtype(np.float16)

    def check(self, name: str) -> None:
        step = max(1, 4 * PIECE // max(self.shape[1], 1))
        for first in range(0, self.shape[0], step):
            exponents = self.codes[first : first + step].view(np.uint16) & EXPONENT
            if exponents.max(initial=0) == EXPONENT:
                raise ValueError(f"{name} holds infinity or NaN in float16: the checkpoint is damaged, or overflowed")

    def _widen(self, first: int, stop: int, out: np.ndarray) -> None:
        bits = out.view(np.int32)
        np.left_shift(self.codes[first:stop].view(np.int16), 13, out=bits, dtype=np.int32)  # the sign fills 28 to 31
        np.bitwise_and(bits, SIGN_EXPONENT_MANTISSA, out=bits)
        np.multiply(out, FROM_FLOAT16, out=out)


class BFloat16Weight(StoredWeight):
    """Stored as bfloat16, for which NumPy has no type: as its bits, in uint16."""

    kind = "bfloat16"
    stored = np.dtype(np.uint16)

    def _widen(self, first: int, stop: int, out: np.ndarray) -> None:
        np.left_shift(self.codes[first:stop], 16, out=out.view(np.uint32), dtype=np.uint32)
