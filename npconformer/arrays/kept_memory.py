"""Memory for large arrays that is kept when they go, for the next ones.

A system gives fresh memory page by page, and each page of 4 KiB costs a fault and is filled with zeros: for an array
that is written once and read once this is most of its cost. C libraries keep freed memory for the main thread, more or
less, but give it back at once in other threads (glibc's arenas), where a server runs. Here what an array leaves is
taken up by the next one of its size, in any thread.

    y = empty(xp, (499, 4096), np.float32)       # as xp.empty; freed, as any array, when nobody has it any more

Sizes are rounded up to an eighth of a power of two, and up to twice the memory is taken, so that recordings of
different lengths share it. What is kept is limited; what is in use is not. On a device the library keeps memory by
itself.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import weakref
from collections import defaultdict
from types import ModuleType
from typing import Any, cast

import numpy as np

from npconformer.arrays.capture import current
from npconformer.arrays.memory import machine_memory
from npconformer.arrays.memory_blocks import new_block, rounded
from npconformer.arrays.types import Array

SMALLEST = 128 * 1024  # bytes: smaller arrays are a C library's daily bread
PART_KEPT = 1 / 8  # of the machine's memory, at most: what one training step leaves, the next one takes up
SLACK = 2  # how many times as large as needed what is taken may be
EACH = 16  # how often what is kept is added up


class _Lent(weakref.ref):
    """Watches an array, and has the memory that it lies in."""

    __slots__ = ("memory",)
    memory: ctypes.Array


_lent: dict[int, _Lent] = {}
_given = itertools.count()
_free: dict[int, list[ctypes.Array]] = defaultdict(list)  # by bytes


def empty(xp: ModuleType, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array whose numbers are not set."""
    if xp is np and (capture := current()) is not None:
        return capture.memory.empty(shape, dtype)
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if xp is not np or size < SMALLEST:
        return xp.empty(shape, dtype=dtype)
    memory = _take(rounded(size))
    array: np.ndarray = np.ndarray(shape, dtype, cast(Any, memory))  # it owns none: every view of it keeps it alive
    lent = _Lent(array, _give_back)
    lent.memory = memory
    _lent[id(lent)] = lent
    return array


def zeros(xp: ModuleType, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of zeros, to be written into."""
    if current() is None:
        return xp.zeros(shape, dtype=dtype)
    y = empty(xp, shape, dtype)
    y[...] = 0
    return y


@functools.cache
def most_kept() -> int:
    """How many bytes are kept, at most."""
    return int(machine_memory() * PART_KEPT)


def release() -> None:
    """Gives the system what is kept."""
    _free.clear()


def _take(size: int) -> ctypes.Array:
    same = _free.get(size)
    if same:  # nearly always
        try:
            return same.pop()
        except IndexError:
            pass
    for kept in sorted(kept for kept in list(_free) if size <= kept <= SLACK * size):
        try:
            return _free[kept].pop()
        except IndexError:
            continue
    # No array: NumPy's views look through arrays that own no memory, at what these are views of.
    return (ctypes.c_char * size).from_buffer(cast(Any, new_block(size)))


def _give_back(lent: Any) -> None:
    del _lent[id(lent)]
    size = len(lent.memory)
    most = most_kept()
    # To add up takes longer than all else here: of small blocks not each time, so that a 64th more may be kept.
    is_counted = size * EACH > most // 64 or next(_given) % EACH == 0
    if is_counted and sum(bytes_ * len(blocks) for bytes_, blocks in list(_free.items())) + size > most:
        release()  # sizes that are not asked for any more would stay for ever
    if size <= most:
        _free[size].append(lent.memory)
