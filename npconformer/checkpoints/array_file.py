"""A file of named arrays, whatever its format, and which file of a checkpoint folder that is.

A format is a class that reads one kind of file lazily, as `ArrayFile` says; `FORMATS` maps the files' usual names to
them, the preferred ones first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.checkpoints.torch_file import TorchFile

WEIGHTS_NAME = "model.safetensors"
TORCH_WEIGHTS_NAME = "pytorch_model.bin"
NOT_READ_YET = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


class ArrayFile(Protocol):
    """Named arrays in a file. Iterating gives the names; nothing else is read until it is asked for."""

    path: Path

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...

    def __contains__(self, name: str) -> bool: ...

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """An array; floating-point ones in `dtype` where it is given, without a copy where they lie in it already."""


FORMATS: dict[str, Callable[[str | os.PathLike], ArrayFile]] = {
    WEIGHTS_NAME: SafetensorsFile,
    TORCH_WEIGHTS_NAME: TorchFile,
}


def open_weights(folder: Path) -> ArrayFile:
    """The weights in a checkpoint folder, in the first of the formats that it has.

    Raises:
        FileNotFoundError: it has none. ValueError: the file is damaged.
    """
    for name, kind in FORMATS.items():
        if (folder / name).is_file():
            return kind(folder / name)
    for name in NOT_READ_YET:
        if (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} has its weights in {name}, which is not supported yet; expected one {WEIGHTS_NAME}"
            )
    raise FileNotFoundError(f"{folder} holds no {WEIGHTS_NAME} and no {TORCH_WEIGHTS_NAME}")
