"""A file of weights seen through a table of other names: what conversion from other frameworks reads.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class RenamedFile:
    """An `ArrayFile` in which weights have other names. names: the new one of each that is kept, by the file's."""

    def __init__(self, file: Any, names: Mapping[str, str]) -> None:
        self.file = file
        self.path: Path = file.path
        self._stored = {new: old for old, new in names.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""
        return self.file.shape(self._stored[name])

    def stored_dtype(self, name: str) -> str:
        """The dtype that an array is stored in, without reading it."""
        return self.file.stored_dtype(self._stored[name])

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """An array, as the file gives it."""
        return self.file.read(self._stored[name], dtype)
