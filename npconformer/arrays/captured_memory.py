"""The memory of a capture: blocks that a noted call may use again as soon as nobody has the array that lay there.

The noted calls write to the same places each time. If every array had a place of its own, none would be in the cache
when it is needed. So a place is given to the next array of about its size, as a C library's allocator does it; since
the calls are made again in the same order, what was free then is free again.

Parts of work that threads share may run at the same time: what one part leaves, no other part takes up.
"""

from __future__ import annotations

import math
import weakref
from collections import defaultdict
from typing import Any

import numpy as np

from npconformer.arrays.memory_blocks import new_block, rounded

SLACK = 4  # how many times as large as needed what is taken may be

Blocks = dict[int, list[np.ndarray]]  # by their bytes


class NotCapturable(Exception):
    """Something was computed in a way that cannot be noted, or needs too much memory."""


class CapturedMemory:
    """Blocks of memory, and the arrays that lie there: of the class `kind`, which has an attribute `_block`.

    most: bytes that there may be.

    Attributes:
        size: bytes of all blocks.
    """

    def __init__(self, kind: Any, most: int) -> None:
        self.size = 0
        self._kind, self._most = kind, most
        self._free: Blocks = defaultdict(list)
        self._part: _Part | None = None  # the one that runs
        self._left: list[np.ndarray] = []  # by parts, for when all have ended

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array whose numbers are not set."""
        dtype = np.dtype(dtype)
        block = self._take(rounded(math.prod(shape) * dtype.itemsize))
        array = np.ndarray.__new__(self._kind, shape, dtype, block)
        array._block = block
        weakref.finalize(array, self._give_back, block).atexit = False
        return array

    def begin_part(self) -> None:
        """From here on a part of shared work runs."""
        self._part = _Part()

    def end_part(self) -> None:
        """What it leaves is free when all parts have ended."""
        if self._part is not None:
            self._left += [block for blocks in self._part.free.values() for block in blocks]
        self._part = None

    def end_parts(self) -> None:
        """All parts have ended."""
        left, self._left = self._left, []
        for block in left:
            self._free[block.nbytes].append(block)

    def _take(self, size: int) -> np.ndarray:
        places = [self._free] if self._part is None else [self._part.free, self._free]
        block = next((found for free in places if (found := _smallest(free, size)) is not None), None)
        if block is None:
            self.size += size
            if self.size > self._most:
                raise NotCapturable(f"more than {self._most} bytes of memory")
            block = new_block(size)
        if self._part is not None:
            self._part.taken.add(id(block))
        return block

    def _give_back(self, block: np.ndarray) -> None:
        if self._part is None:
            self._free[block.nbytes].append(block)
        elif id(block) in self._part.taken:
            self._part.free[block.nbytes].append(block)
        else:  # another part may have read it
            self._left.append(block)


def _smallest(free: Blocks, size: int) -> np.ndarray | None:
    """The smallest free block of at least this size, but not one that is far larger."""
    fitting = [bytes_ for bytes_, blocks in free.items() if blocks and size <= bytes_ <= SLACK * size]
    return free[min(fitting)].pop() if fitting else None


class _Part:
    def __init__(self) -> None:
        self.taken: set[int] = set()
        self.free: Blocks = defaultdict(list)
