"""Relative positions as a layer's heads see them, kept from one recording to the next.

    p_r = W s_r       s_r the sinusoid of distance r, W the layer's projection

Neither depends on the recording, and p_r is 8 % of a forward pass's multiplications. Without a recording of gradients,
rows are therefore computed when a distance is met for the first time, and kept as long as W holds the same numbers,
which a copy tells, of a large W the sums of its bits over rows and columns: reading W is cheap beside multiplying by
it. Rows are computed in blocks of distances, each by itself, so that what a recording gets never depends on those
before it, nor on the number of threads.

Letters: T frames, L frames that are kept, C channels, r = query time minus key time.

Lesson: notebooks/04_attention_and_positions.ipynb
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from npconformer.arrays import pool
from npconformer.arrays.blas import single_threaded
from npconformer.arrays.threads import get_num_threads
from npconformer.arrays.types import Array
from npconformer.models.conformer.positions import BLOCK, table_of
from npconformer.nn import Module
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import is_inference, no_grad

COPIED = 2**16  # numbers of a weight of which a copy is kept
MOST = 2**20  # numbers that a layer keeps: 512 frames of 1024 channels; longer recordings are projected each time


class _Kept(NamedTuple):
    bits: list[np.ndarray]
    rows: np.ndarray  # (1, 2L, C), from r = L-1 to -L


class ProjectedPositions:
    """p_r of one layer."""

    def __init__(self) -> None:
        self._kept: _Kept | None = None

    def project(self, linear: Module, positions: Array) -> Any:
        """(1, 2T-1, C), from r = T-1 to -(T-1): what `linear` makes of the sinusoids, (1, 2T-1, C)."""
        time = (positions.shape[1] + 1) // 2
        longest = -(-time // BLOCK) * BLOCK
        table = None if not is_inference() or 2 * longest * positions.shape[2] > MOST else table_of(positions)
        bits = None if table is None else bits_of(_arrays(linear))
        if table is None or bits is None:
            return linear(positions)
        kept = self._kept
        if kept is None or not _equal(kept.bits, bits):
            kept = _Kept([one.copy() for one in bits], np.empty((1, 0, 0), table.dtype))
        if kept.rows.shape[1] < 2 * longest:
            self._kept = kept = _Kept(kept.bits, _longer(linear, kept.rows, table, longest))
        middle = kept.rows.shape[1] // 2
        return kept.rows[:, middle - time : middle + time - 1]


def _longer(linear: Module, known: np.ndarray, table: np.ndarray, longest: int) -> np.ndarray:
    """The known rows (1, 2L, C), and those of further blocks of distances on both sides, up to `longest`."""
    old, middle = known.shape[1] // 2, table.shape[1] // 2
    firsts = [*range(longest - BLOCK, old - BLOCK, -BLOCK), *range(-old - BLOCK, -longest - BLOCK, -BLOCK)]
    blocks: list[Any] = [None] * len(firsts)

    def work(number: int) -> None:
        stop = middle - firsts[number]  # rows run against distances
        with no_grad():  # a mode of each thread
            blocks[number] = linear(table[:, stop - BLOCK : stop]).data

    with single_threaded():
        pool.share(work, len(firsts), get_num_threads())
    half = len(blocks) // 2
    return np.concatenate([*blocks[:half], *([known] if old else []), *blocks[half:]], axis=1)


def bits_of(arrays: list[np.ndarray]) -> list[np.ndarray] | None:
    """Each array's bits as whole numbers, of a large one their sums over rows and over columns; None where an array
    does not lie in one piece.

    Of the sums: one number that changes, and two that change places, are always seen: a row's sum changes, or a
    column's. Not seen are changes at the corners of a rectangle that cancel each other bit by bit, which nothing makes.
    """
    bits = []
    for array in arrays:
        array = array if array.flags.c_contiguous else array.T  # small weights are loaded transposed (`nn.layout`)
        if not array.flags.c_contiguous:
            return None
        if array.size == 0:
            continue
        rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
        width = math.gcd(rows.shape[1] * rows.itemsize, 8)
        words = rows.view(f"u{width}")
        if array.size <= COPIED:
            bits.append(words)
        else:
            bits += [np.add.reduce(words, axis=axis, dtype=np.uint64) for axis in (1, 0)]
    return bits


def _arrays(linear: Module) -> list[np.ndarray]:
    """What a linear map multiplies by: its attributes, in whose places `functional_call` puts others for a while."""
    parts = [getattr(linear, name, None) for name in ("weight", "bias", *linear._buffers)]
    return [one.data if isinstance(one, Tensor) else one for one in parts if one is not None]


def _equal(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b))
