"""Weights written one after the other, so that no more than one of them is in memory.

A writer is told the dtypes and shapes first, because both formats say where everything is before it comes. Then it asks
for each weight's numbers: little-endian, in C order, and bfloat16 as uint16.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from npconformer.checkpoints.safetensors_file import DTYPE_NAMES, LENGTH_BYTES

ALIGNMENT = 8  # bytes; where the numbers begin, so that none lies across
CODES = {name: code for code, name in DTYPE_NAMES.items()}


class Layout(NamedTuple):
    """What a weight is stored as: a dtype by NumPy's name, or "bfloat16", and a shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def item_size(self) -> int:
        """Bytes of a number."""
        return 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * self.item_size


Read = Callable[[str], np.ndarray]
Writer = Callable[[Path, Mapping[str, Layout], Read], None]


def write_safetensors_stream(path: Path, layouts: Mapping[str, Layout], read: Read) -> None:
    """Write a safetensors file to `path`, which must not be seen before it is whole; see `safetensors_file`.

    Raises:
        ValueError: a weight has a dtype that the format lacks.
    """
    header: dict[str, dict] = {"__metadata__": {"format": "pt"}}  # which transformers asks for
    # widest numbers first: then each weight begins at a multiple of its numbers' size; the order is safetensors' own
    names = sorted(layouts, key=lambda name: (-layouts[name].item_size, name))
    position = 0
    for name in names:
        layout = layouts[name]
        if layout.dtype not in CODES:
            raise ValueError(f"{name!r} cannot be saved: safetensors files hold no dtype {layout.dtype}")
        offsets = [position, position + layout.size]
        header[name] = {"dtype": CODES[layout.dtype], "shape": list(layout.shape), "data_offsets": offsets}
        position += layout.size
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(LENGTH_BYTES, "little") + text)
        for name in names:
            file.write(bytes_of(read(name)))


def bytes_of(array: np.ndarray) -> memoryview:
    """The bytes of an array in C order, not copied."""
    return array.reshape(-1).view(np.uint8).data
