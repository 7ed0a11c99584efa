"""A file's weights with the large matrices in int8, to be written weight by weight.

Which columns are kept decides how large a file is, and a file says where everything is before it comes. So the
matrices are gone through twice: for their scales and kept columns, which stay in memory, and for their codes.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from npconformer.arrays.int8_weights import codes, keep_columns
from npconformer.arrays.memory import give_pages_back
from npconformer.checkpoints.array_file import ArrayFile
from npconformer.checkpoints.int8_file import ENDINGS, Int8File
from npconformer.checkpoints.names import match_names
from npconformer.nn.stored_layers import storable_layers


class Int8Conversion:
    """An `ArrayFile` in which the weights of these names are int8, with their scales and kept columns beside them.

    Those that the file has in int8 already stay as they are, whatever their names.

    Raises:
        ValueError: one of them holds infinity or NaN.
    """

    def __init__(self, file: ArrayFile, names: Collection[str]) -> None:
        self.file = file
        self.path: Path = file.path
        self._parts: dict[str, np.ndarray] = {}
        self._codes: dict[str, np.ndarray] = {}  # of those that are int8 already, not copied
        for name in sorted(file.int8_weights) if isinstance(file, Int8File) else ():
            parts = file.read_parts(name)
            self._codes[name] = parts.pop("")
            self._parts.update((name + ending, array) for ending, array in parts.items())
        self._matrices = [name for name in file if name in names and name not in self._codes]
        for name in self._matrices:
            matrix = self._matrix(name)
            self._parts.update(zip((name + ending for ending in ENDINGS[1:]), keep_columns(matrix, name), strict=True))
            give_pages_back(matrix)

    def __iter__(self) -> Iterator[str]:
        yield from self.file
        yield from self._parts

    def __len__(self) -> int:
        return len(self.file) + len(self._parts)

    def __contains__(self, name: str) -> bool:
        return name in self._parts or name in self.file

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""
        return self._parts[name].shape if name in self._parts else self.file.shape(name)

    def stored_dtype(self, name: str) -> str:
        """The dtype that an array is written in."""
        if name in self._parts:
            return self._parts[name].dtype.name
        return "int8" if name in self._matrices else self.file.stored_dtype(name)

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """An array as it is written."""
        if name in self._parts or name in self._codes:
            return self._parts[name] if name in self._parts else self._codes[name]
        if name not in self._matrices:
            return self.file.read(name, dtype)
        matrix = self._matrix(name)
        found = codes(matrix, self._parts[f"{name}_scale"], self._parts[f"{name}_columns"])
        give_pages_back(matrix)
        return found.reshape(self.file.shape(name))

    def _matrix(self, name: str) -> np.ndarray:
        array = self.file.read(name, np.float32)
        return array.reshape(array.shape[:2])


def storable_names(file: ArrayFile, model: Any) -> set[str]:
    """The names in a file of the weights that a model can have stored in int8."""
    wanted = {f"{layer}.weight" for layer, _, _ in storable_layers(model)}
    own = model.state_dict()
    matched = match_names(file, own, model.base_model_prefix)
    return {stored for stored, name in matched.items() if name in wanted and file.shape(stored) == own[name].shape}
