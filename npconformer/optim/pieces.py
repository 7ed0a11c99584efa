"""Going through large arrays in pieces that stay in the processor's cache, with scratch space that is reused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npconformer.arrays.backend import get_array_module

PIECE = 1 << 15  # elements: an update of float32 touches five arrays, 640 KiB together, which a core's cache holds


class Scratch:
    """Working arrays that are made once and lent again and again."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[Any, Any], Any] = {}

    def get(self, like: Any) -> Any:
        """An uninitialised array of `like`'s shape (n,), dtype and memory; valid until the next call."""
        xp = get_array_module(like)
        key = (xp, like.dtype)
        if key not in self._arrays or self._arrays[key].size < like.size:
            self._arrays[key] = xp.empty(like.size, like.dtype)
        return self._arrays[key][: like.size]


def pieces(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    """Flat views of the same piece of every array, piece after piece.

    On the host the pieces have PIECE elements, so that the passes of an update over one piece find it in the cache;
    a device, which has no use for that, gets everything at once.

    Args:
        arrays: C-contiguous, of one shape.
    """
    flat = [array.reshape(-1) for array in arrays]
    size = flat[0].size
    step = PIECE if get_array_module(*arrays) is np else max(size, 1)
    if size <= step:
        yield tuple(flat)
        return
    for start in range(0, size, step):
        yield tuple([array[start : start + step] for array in flat])
