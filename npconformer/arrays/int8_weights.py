"""Matrices in 8-bit integers: a scale for each row, and the few columns that would cost the others most in float32.

    W[o, i] = scale[o] q[o, i]      q in -127 .. 127, and 0 in the kept columns
    W[o, i] = kept[o, k]            in column i = columns[k]

    scale[o] = max |W[o, i]| / 127  over the columns that are not kept
    q[o, i] = W[o, i] / scale[o], rounded to the nearest

The rounding errors of a row are spread evenly over +-scale / 2, so that their squares add up to (I - K) scale^2 / 12. A
single large number makes its whole row coarse, and in trained networks such numbers stand together in few columns.
Which columns are kept follows from the weights alone: as long as there is a column without which

    E = (I - K) sum over o of scale[o]^2 / 12

is smaller by a hundredth of itself, the column that lowers E most, but no more than `most_columns` of them. A column
costs four bytes for each row instead of one.

LLM.int8 (Dettmers et al., 2022, arXiv:2208.07339) keeps columns, too, but finds them in the activations of every call
(those above 6), has a scale for each row of activations besides, and multiplies int8 by int8 into int32. Here the
activations stay float32 and are looked at by nobody, and so is the product: what is gained is memory. A given weight
and a given input have one result, whatever else is in the batch.

Letters: O outputs (rows), I inputs (columns), K kept columns.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import numpy as np

from npconformer.arrays import threads
from npconformer.arrays.backend import NUMPY
from npconformer.arrays.stored_weights import StoredWeight

LARGEST = 127  # -128 is left out, so that W and -W have the same codes but for their signs
LEAST_GAIN = 0.01  # of the sum of squared errors


class Int8Weight(StoredWeight):
    """Stored as int8, with "_scale" (O,), "_kept" (O, K), both float32, and "_columns" (K,) int32, increasing."""

    kind = "int8"
    stored = np.dtype(np.int8)

    def check(self, name: str) -> None:
        scale, kept, columns = (self.arrays[ending] for ending in ("_scale", "_kept", "_columns"))
        rows, inputs = self.shape
        for ending, array, shape, dtype in (
            ("_scale", scale, (rows,), np.float32),
            ("_columns", columns, columns.shape[:1], np.int32),
            ("_kept", kept, (rows, *columns.shape[:1]), np.float32),
        ):
            if array.shape != shape or array.dtype != dtype:
                found = f"{array.dtype} of shape {array.shape}"
                raise ValueError(f"{name}{ending} is {found}; expected {np.dtype(dtype)} of shape {shape}")
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError(f"{name}_scale holds a number that is no scale; expected finite ones above 0")
        if not np.isfinite(kept).all():
            raise ValueError(f"{name}_kept holds infinity or NaN; expected finite numbers")
        if len(columns) and not (columns[0] >= 0 and columns[-1] < inputs and (np.diff(columns) > 0).all()):
            raise ValueError(f"{name}_columns are no increasing indices of {inputs} columns")

    def _widen(self, rows: slice, columns: slice, out: np.ndarray) -> None:
        np.multiply(self.codes[rows, columns], self.arrays["_scale"][rows, None], out=out)
        places = self.arrays["_columns"]
        kept = slice(*np.searchsorted(places, (columns.start, columns.stop)))
        if kept.start < kept.stop:
            out[:, places[kept] - columns.start] = self.arrays["_kept"][rows, kept]


def quantize(weight: np.ndarray, name: str = "weight") -> Int8Weight:
    """The nearest int8 weight of a float32 matrix (O, I).

    Raises:
        ValueError: the matrix holds infinity or NaN.
    """
    scale, kept, columns = keep_columns(weight, name)
    parts = {"": codes(weight, scale, columns), "_scale": scale, "_kept": kept, "_columns": columns}
    return Int8Weight(parts)


def most_columns(inputs: int) -> int:
    """How many of I columns may be kept: one in 128; of narrow matrices four, as long as that is one in 16."""
    return max(inputs // 128, min(4, inputs // 16))


def keep_columns(weight: np.ndarray, name: str = "weight") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scale (O,) of each row, the columns (O, K) that are kept, and which they are (K,): all but the codes."""
    sizes = np.abs(weight, dtype=np.float32)
    if not np.isfinite(sizes.max(initial=0)):
        raise ValueError(f"{name} holds infinity or NaN, which int8 cannot hold")
    inputs, columns = weight.shape[1], list[int]()
    largest = _TwoLargest(sizes)
    while len(columns) < most_columns(inputs):
        squares, left = np.square(largest.sizes), inputs - len(columns)
        gains = np.bincount(largest.places[0], squares[0] - squares[1], minlength=inputs)
        column, errors = int(gains.argmax()), squares[0].sum()
        if errors == 0 or (left - 1) * (errors - gains[column]) > (1 - LEAST_GAIN) * left * errors:
            break
        columns.append(column)
        largest.leave_out(column)
    scale = (largest.sizes[0] / LARGEST).astype(np.float32)
    scale[scale == 0] = 1  # a row of zeros, or of numbers that are next to none
    kept = np.sort(np.asarray(columns, np.int32))
    return scale, np.ascontiguousarray(weight[:, kept], np.float32), kept


class _TwoLargest:
    """The largest number of each row, and the largest of the others: `sizes` (2, O), in the columns `places` (2, O)."""

    def __init__(self, matrix: np.ndarray) -> None:
        self._matrix = matrix
        self.sizes, self.places = np.zeros((2, len(matrix))), np.zeros((2, len(matrix)), np.intp)
        self._find(np.arange(len(matrix)))

    def leave_out(self, column: int) -> None:
        """From now on the column counts as zeros."""
        self._matrix[:, column] = 0
        self._find(np.flatnonzero((self.places == column).any(0)))

    def _find(self, rows: np.ndarray) -> None:
        step = max(1, threads.PIECE_SIZE // max(self._matrix.shape[1], 1))
        for begin in range(0, len(rows), step):
            some = rows[begin : begin + step]
            numbers, here = self._matrix[some], np.arange(len(some))  # a copy
            for rank in range(2):
                place = numbers.argmax(1)
                self.places[rank, some], self.sizes[rank, some] = place, numbers[here, place]
                numbers[here, place] = 0


def codes(weight: np.ndarray, scale: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """q (O, I)"""
    found = np.empty(weight.shape, np.int8)

    def on_rows(first: int, stop: int) -> None:
        exact = weight[first:stop] / scale[first:stop, None]
        exact[:, columns] = 0
        found[first:stop] = np.clip(np.rint(exact, out=exact), -LARGEST, LARGEST, out=exact)

    threads.run_ranges(on_rows, len(weight), max(weight.shape[1], 1), NUMPY)
    return found
