"""A file of named arrays, whatever its format, and which file of a checkpoint folder that is.

A format is a class that reads one kind of file lazily, as `ArrayFile` says; `FORMATS` maps the files' usual names to
them, the preferred ones first.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from npconformer.checkpoints.safetensors_file import SafetensorsFile
from npconformer.checkpoints.sharded_file import ShardedFile
from npconformer.storage.archives import weights_of

WEIGHTS_NAME = "model.safetensors"
TORCH_WEIGHTS_NAME = "pytorch_model.bin"
INDEX_NAME = f"{WEIGHTS_NAME}.index.json"
TORCH_INDEX_NAME = f"{TORCH_WEIGHTS_NAME}.index.json"
_SHARD = re.compile(r"(model-[0-9]{5}-of-[0-9]{5}\.safetensors)|(pytorch_model-[0-9]{5}-of-[0-9]{5}\.bin)")


class ArrayFile(Protocol):
    """Named arrays in a file. Iterating gives the names; nothing else is read until it is asked for."""

    path: Path

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...

    def __contains__(self, name: str) -> bool: ...

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""

    def stored_dtype(self, name: str) -> str:
        """The dtype that an array is stored in, by NumPy's name, or "bfloat16"; without reading it."""

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """An array; floating-point ones in `dtype` where it is given, without a copy where they lie in it already."""


def _open_torch_file(path: str | os.PathLike) -> ArrayFile:
    from npconformer.checkpoints.torch_file import TorchFile  # ten modules that most checkpoints do not need

    return TorchFile(path)


# The order is transformers'.
FORMATS: dict[str, Callable[[str | os.PathLike], ArrayFile]] = {
    WEIGHTS_NAME: SafetensorsFile,
    INDEX_NAME: partial(ShardedFile, open_shard=SafetensorsFile),
    TORCH_WEIGHTS_NAME: _open_torch_file,
    TORCH_INDEX_NAME: partial(ShardedFile, open_shard=_open_torch_file),
}


def accepted_formats(use_safetensors: bool | None = None) -> list[str]:
    """The names of files that may be read: all, or safetensors alone, or .bin files alone."""
    is_safetensors = {name: name in (WEIGHTS_NAME, INDEX_NAME) for name in FORMATS}
    return [name for name in FORMATS if use_safetensors is None or is_safetensors[name] == use_safetensors]


def open_weights(folder: Path, use_safetensors: bool | None = None) -> ArrayFile:
    """The weights in a checkpoint folder, in the first of the accepted formats that it has, or in its archive.

    Raises:
        FileNotFoundError: it has none, or only some. ValueError: they are damaged.
    """
    if (archived := weights_of(folder)) is not None:
        if use_safetensors:
            raise FileNotFoundError(
                f"{archived.path} holds no safetensors file, and use_safetensors=True excludes others"
            )
        return archived
    accepted = accepted_formats(use_safetensors)
    for name in accepted:
        if (folder / name).is_file():
            return FORMATS[name](folder / name)
    if use_safetensors is not None:
        raise FileNotFoundError(
            f"{folder} holds no {accepted[0]} and no index of shards of it, and use_safetensors={use_safetensors} "
            "excludes the other format"
        )
    shards = sorted(path.name for path in folder.iterdir() if _SHARD.fullmatch(path.name))
    if shards:
        expected = TORCH_INDEX_NAME if shards[0].endswith(".bin") else INDEX_NAME
        raise FileNotFoundError(
            f"{folder} holds {len(shards)} shards of weights, such as {shards[0]}, and no index of them: a "
            f"download or a save that did not finish. Expected {expected}"
        )
    raise FileNotFoundError(
        f"{folder} holds no {WEIGHTS_NAME}, no {TORCH_WEIGHTS_NAME} and no index of shards of either"
    )
