"""What the files have in common that list their arrays: the list is read at opening, an array when asked for.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


class ListedArrays:
    """Names and shapes, from the list alone. `entries`: what the list says of each array, its `shape` among it."""

    entries: Mapping[str, Any]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of array ``name``, without reading it."""
        return self.entries[name].shape


def in_dtype(array: np.ndarray, dtype: Any) -> np.ndarray:
    """A stored array in the machine's byte order, aligned, and in `dtype` where it is floating-point and one is given.

    Nothing is copied that is so already.
    """
    if not array.flags.aligned:  # numbers begin wherever the file's list ends
        array = array.copy()
    wanted = array.dtype.newbyteorder("=")
    if dtype is not None and array.dtype.kind == "f":
        wanted = np.dtype(dtype)
    return array.astype(wanted, copy=False)
