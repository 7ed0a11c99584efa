"""Weights as torch.save writes them (`pytorch_model.bin`), memory-mapped, read without torch and without running them.

The three layouts that torch has had are in `torch_zip`, `torch_stream` and `torch_tar`; each is a pickle, which says
what tensors there are, and the tensors' numbers, which stay in the file.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from npconformer.checkpoints import torch_tar, torch_zip
from npconformer.checkpoints.bfloat16 import bfloat16_to_float32
from npconformer.checkpoints.broken_download import check_download
from npconformer.checkpoints.listed_arrays import ListedArrays, in_dtype
from npconformer.checkpoints.restricted_pickle import PickleMachine
from npconformer.checkpoints.torch_stream import read_torch_stream
from npconformer.checkpoints.torch_tensors import DTYPES, TensorEntry

NESTED = ("state_dict", "model")  # under these names training programs keep the state dict among other things


class TorchFile(ListedArrays):
    """A state dict in a file of torch.save, mapped into memory, read-only.

    The file may hold the state dict itself, or a dictionary that has it under "state_dict" or "model". As with a
    safetensors file, nothing but the names is read until an array's elements are; see `SafetensorsFile` for how
    long the map lives.

    Args:
        path: the file.
        data: its bytes, where they are not all that is in `path`: a member of an archive.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, no file of torch.save, holds anything but tensors, or asks for anything that
            weights do not need; the message names it. Nothing of the file is run in any case.
    """

    machine: ClassVar[type[PickleMachine]] = PickleMachine  # what reads its pickle

    def __init__(self, path: str | os.PathLike, data: np.ndarray | None = None) -> None:
        self.path = Path(path)
        if data is None:
            check_download(self.path)
            data = np.memmap(self.path, dtype=np.uint8, mode="r").view(np.ndarray)
        self._bytes = data
        try:
            root, self._order = _read_any(self._bytes.data, self.machine)
            self.entries: dict[str, TensorEntry] = self.find_tensors(root)
        except ValueError as error:
            raise ValueError(f"{self.path} cannot be loaded: {error}") from None

    def find_tensors(self, root: Any) -> dict[str, TensorEntry]:
        """The tensors by name, in what was saved. Raises ValueError where there is anything else."""
        return _state_dict(root)

    def stored_dtype(self, name: str) -> str:
        """Dtype that tensor ``name`` is stored in, such as "float32" or "bfloat16", from the pickle alone."""
        return self.entries[name].dtype

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """Tensor ``name`` as an array.

        Args:
            name: one of the names that iterating gives.
            dtype: floating-point type to give floating-point tensors in; None keeps the stored type (float32
                for bfloat16). Complex numbers, integers and booleans keep theirs.

        Returns:
            A read-only view of the memory map where no conversion is needed, otherwise a new array.
        """
        array = self._view(name)
        if self.entries[name].dtype == "bfloat16":
            array = bfloat16_to_float32(array)
        return in_dtype(array, dtype)

    def read_bits(self, name: str) -> np.ndarray:
        """Tensor ``name`` as it is stored, bfloat16 as uint16: a view of the memory map, in this machine's order."""
        return in_dtype(self._view(name), None)

    def _view(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        stored = np.dtype(DTYPES[entry.dtype]).newbyteorder(self._order)
        if 0 in entry.shape:
            return np.empty(entry.shape, stored)
        begin = entry.storage.first_byte() + entry.offset * stored.itemsize
        strides = [stride * stored.itemsize for stride in entry.strides]
        return np.ndarray(entry.shape, stored, self._bytes, begin, strides)  # which holds the bounds once more


def _read_any(data: memoryview, machine: type[PickleMachine]) -> tuple[Any, Literal["<", ">"]]:
    """What was saved, and its byte order, whichever layout the file has."""
    if bytes(data[: len(torch_zip.MAGIC)]) == torch_zip.MAGIC:
        return torch_zip.read_torch_zip(data, machine)
    place = torch_tar.MAGIC_PLACE
    if bytes(data[place : place + len(torch_tar.MAGIC)]) == torch_tar.MAGIC:
        return torch_tar.read_torch_tar(data), "<"
    if bytes(data[8:10]) == b'{"':
        raise ValueError("it is a safetensors file under another name: rename it to model.safetensors")
    return read_torch_stream(data, machine), "<"


def _state_dict(root: Any) -> dict[str, TensorEntry]:
    """The tensors by name. Raises ValueError if it is anything but a dictionary of tensors."""
    if type(root) is not dict:
        raise ValueError(f"it holds a {type(root).__name__}; expected a state dict")
    for name in NESTED:
        if type(root.get(name)) is dict:
            root = root[name]
            break
    for name, value in root.items():
        if type(name) is not str or type(value) is not TensorEntry:
            raise ValueError(f"its entry {str(name)[:80]!r} is a {type(value).__name__}; expected a name and a tensor")
    return root
