"""Files in which some weights are int8, as `arrays.int8_weights` has them: seen as files of one array for each weight.

    encoder.layers.0.ffn1.output_dense.weight           I8   (O, I), or (O, I, 1) for a 1x1 convolution
    encoder.layers.0.ffn1.output_dense.weight_scale     F32  (O,)
    encoder.layers.0.ffn1.output_dense.weight_kept      F32  (O, K)
    encoder.layers.0.ffn1.output_dense.weight_columns   I32  (K,)

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npconformer.arrays.int8_weights import Int8Weight
from npconformer.checkpoints.array_file import ArrayFile

ENDINGS = ("", "_scale", "_kept", "_columns")


class Int8File:
    """An `ArrayFile` without the scales and kept columns: they are part of the weight that they belong to.

    Raises:
        ValueError: an int8 weight lacks one of its arrays, or their shapes contradict each other.
    """

    def __init__(self, file: ArrayFile) -> None:
        self.file, self.path = file, file.path
        self.shards = getattr(file, "shards", ())
        self.int8_weights = set(int8_names(file))
        for name in self.int8_weights:
            missing = [name + ending for ending in ENDINGS if name + ending not in file]
            if missing:
                raise ValueError(f"{self.path}: {name} is int8, and lacks {', '.join(missing)}")
        parts = {name + ending for name in self.int8_weights for ending in ENDINGS[1:]}
        self._names = [name for name in file if name not in parts]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a weight, without reading it."""
        return self.file.shape(name)

    def stored_dtype(self, name: str) -> str:
        """The dtype that a weight is stored in: "int8" for one with a scale."""
        return self.file.stored_dtype(name)

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """A weight; one in int8 as floating-point numbers, in `dtype` or float32."""
        if name not in self.int8_weights:
            return self.file.read(name, dtype)
        return self.weight(name).whole().reshape(self.shape(name)).astype(dtype or np.float32, copy=False)

    def read_parts(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of a weight in int8 by their endings, not copied. Raises ValueError where they are damaged."""
        self.weight(name)
        return {ending: self.file.read(name + ending) for ending in ENDINGS}

    def weight(self, name: str) -> Int8Weight:
        """A weight in int8 as a matrix."""
        parts = {ending: self.file.read(name + ending) for ending in ENDINGS}
        shape = parts[""].shape
        if len(shape) not in (2, 3) or shape[2:] not in ((), (1,)):
            raise ValueError(f"{self.path}: {name} is int8 of shape {shape}; expected (out, in) or (out, in, 1)")
        weight = Int8Weight({**parts, "": parts[""].reshape(shape[:2])})
        weight.check(f"{self.path}: {name}")
        return weight


def int8_names(file: ArrayFile) -> list[str]:
    """The weights of a file that are int8 and have a scale."""
    return [name for name in file if file.stored_dtype(name) == "int8" and f"{name}{ENDINGS[1]}" in file]


def with_int8(file: ArrayFile) -> ArrayFile:
    """The file, seen as an `Int8File` where it holds weights in int8."""
    return Int8File(file) if int8_names(file) else file
