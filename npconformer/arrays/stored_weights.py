"""Matrices stored in fewer bits than they are multiplied in: 16-bit floats here, 8-bit integers in `int8_weights`.

A product in float32 needs float32 numbers, but only a few rows of the matrix at a time. So the matrix stays as it lies
in the checkpoint's file, and whoever multiplies asks for rows o .. o', which are widened into memory that is used again
for the next ones (`weight[o:o']`). Nothing is rounded by that: every float16 and every bfloat16 is a float32, too.

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
from typing import Any, ClassVar

import numpy as np

from npconformer.arrays.kept_memory import empty

EVERY = slice(None)
PIECE = 64 * 1024  # numbers; 256 KiB of float32, on which a chain of steps finds the one before in the cache
EXPONENT = 0x7C00  # the bits of a float16's e
FROM_FLOAT16 = np.float32(2.0**112)
SIGN_EXPONENT_MANTISSA = np.uint32(0x8FFFE000).view(np.int32)  # where these lie once they are moved


class StoredWeight:
    """A matrix (O, I) that is multiplied in float32 and stored otherwise.

    Attributes:
        kind: what it is stored in: "float16", "bfloat16" or "int8".
        arrays: what it consists of, under the endings of their names in a checkpoint: "" is the matrix itself.
        dtype: of the numbers that are multiplied.
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

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """How many numbers the matrix has."""
        return self.codes.size

    @property
    def flags(self) -> Any:
        """How the matrix lies in memory, as of an array."""
        return self.codes.flags

    def __getitem__(self, part: slice | tuple[slice, slice]) -> np.ndarray:
        """Some rows, or some rows and columns (slices without steps), in float32: so it is read as an array is."""
        rows, columns = part if isinstance(part, tuple) else (part, EVERY)
        (first, stop, _), (left, right, _) = rows.indices(self.shape[0]), columns.indices(self.shape[1])
        out = empty(np, (max(stop - first, 0), max(right - left, 0)), self.dtype)
        self._fill(out, first, left)
        return out

    def whole(self) -> np.ndarray:
        """The matrix in float32, in memory of its own, to be kept."""
        matrix = np.empty(self.shape, self.dtype)
        self._fill(matrix, 0, 0)
        return matrix

    def _fill(self, out: np.ndarray, row: int, column: int) -> None:
        """Writes the part that begins at this row and column into `out`."""
        rows, columns = out.shape
        step = max(1, PIECE // max(columns, 1))
        for begin in range(0, rows, step):
            end = min(begin + step, rows)
            self._widen(slice(row + begin, row + end), slice(column, column + columns), out[begin:end])

    def _widen(self, rows: slice, columns: slice, out: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _widen")


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

    def _widen(self, rows: slice, columns: slice, out: np.ndarray) -> None:
        bits = out.view(np.int32)
        bits[...] = self.codes[rows, columns].view(np.int16)
        np.left_shift(bits, 13, out=bits)  # the sign fills 28 to 31
        np.bitwise_and(bits, SIGN_EXPONENT_MANTISSA, out=bits)
        np.multiply(out, FROM_FLOAT16, out=out)


class BFloat16Weight(StoredWeight):
    """Stored as bfloat16, for which NumPy has no type: as its bits, in uint16."""

    kind = "bfloat16"
    stored = np.dtype(np.uint16)

    def _widen(self, rows: slice, columns: slice, out: np.ndarray) -> None:
        bits = out.view(np.uint32)
        bits[...] = self.codes[rows, columns]
        np.left_shift(bits, 16, out=bits)
