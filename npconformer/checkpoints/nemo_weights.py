"""The weights in a NeMo archive, under our names.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import os

from npconformer.checkpoints.nemo_archive import WEIGHTS, open_nemo_archive
from npconformer.checkpoints.nemo_arrays import NemoArrays
from npconformer.checkpoints.torch_file import TorchFile


def open_nemo_file(path: str | os.PathLike) -> TorchFile:
    """The weights under NeMo's names. Raises ValueError, naming the archive, where they are damaged."""
    archive = open_nemo_archive(path)
    try:
        return TorchFile(archive.path, archive.weights)
    except ValueError as error:
        said = str(error).removeprefix(f"{archive.path} cannot be loaded: ")
        raise ValueError(f"{archive.path} cannot be loaded: its {WEIGHTS}: {said}") from None


def open_nemo_weights(path: str | os.PathLike) -> NemoArrays:
    """The weights under our names. Raises ValueError where they are damaged, or of another model."""
    file = open_nemo_file(path)
    try:
        return NemoArrays(file)
    except ValueError as error:
        raise ValueError(f"{file.path} cannot be loaded: {error}") from None
