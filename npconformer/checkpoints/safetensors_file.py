"""Safetensors files: memory-mapped reading, atomic writing.

The format: 8 bytes with the length n of the header (little-endian), n bytes of JSON, then the tensors' bytes.

    {"__metadata__": {"format": "pt"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}

Offsets count from the end of the header; together the tensors cover the rest of the file without gap or
overlap. The header is parsed here because the safetensors package copies every tensor and cannot give
bfloat16 to NumPy.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npconformer.checkpoints.bfloat16 import bfloat16_to_float32
from npconformer.checkpoints.broken_download import check_download, cut_short
from npconformer.checkpoints.listed_arrays import ListedArrays, in_dtype
from npconformer.storage.files import atomic_path
from npconformer.storage.messages import shown
from npconformer.storage.strict_json import LONGEST_JSON, parse_json

LENGTH_BYTES = 8
MOST_DIMENSIONS = 32
LARGEST_ARRAY = 2**56
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # the upper half of a float32; NumPy has no type for it
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
DTYPE_NAMES = {code: np.dtype(stored).name for code, stored in DTYPES.items()} | {"BF16": "bfloat16"}


@dataclass(frozen=True)
class TensorEntry:
    """A tensor's dtype in the format's spelling, its shape, and where its bytes lie after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class SafetensorsFile(ListedArrays):
    """A safetensors file mapped into memory, read-only.

    Nothing is read until an array's elements are: opening a file of gigabytes takes milliseconds. ``read``
    gives a view of the map where the stored dtype is the wanted one. Such an array is not writeable; whoever
    changes a weight assigns a new array. The map (and with it one file handle) lives as long as any view of
    it. Replacing the file by renaming another over it is safe meanwhile; cutting it short in place is not.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, is no safetensors file, or is what a failed download left; the message
            names it.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        check_download(self.path)
        size = self.path.stat().st_size
        with open(self.path, "rb") as file:
            length = _header_length(self.path, file.read(LENGTH_BYTES), size)
            header = _parse_json(self.path, file.read(length))
        self._data_start = LENGTH_BYTES + length
        self.metadata: dict[str, str] = _metadata(self.path, header)
        self.entries: dict[str, TensorEntry] = {
            name: _entry(self.path, name, fields) for name, fields in header.items()
        }
        _check_layout(self.path, self.entries, self._data_start, size)
        self._bytes = np.memmap(self.path, dtype=np.uint8, mode="r").view(np.ndarray)

    def stored_dtype(self, name: str) -> str:
        """Dtype that tensor ``name`` is stored in, such as "float32" or "bfloat16", from the header alone."""
        return DTYPE_NAMES[self.entries[name].dtype]

    def read(self, name: str, dtype: Any = None) -> np.ndarray:
        """Tensor ``name`` as an array.

        Args:
            name: one of the names that iterating gives.
            dtype: floating-point type to give floating-point tensors in; None keeps the stored type (float32
                for bfloat16). Integers and booleans keep theirs.

        Returns:
            A read-only view of the memory map where no conversion is needed, otherwise a new array.
        """
        array = self._view(name)
        if self.entries[name].dtype == "BF16":
            array = bfloat16_to_float32(array)
        return in_dtype(array, dtype)

    def read_bits(self, name: str) -> np.ndarray:
        """Tensor ``name`` as it is stored, bfloat16 as uint16: a view of the memory map."""
        return in_dtype(self._view(name), None)

    def _view(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        raw = self._bytes[self._data_start + entry.begin : self._data_start + entry.end]
        return raw.view(DTYPES[entry.dtype]).reshape(entry.shape)


def write_safetensors(
    path: str | os.PathLike, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write host arrays to ``path``: the whole file or, on failure, nothing.

    Args:
        path: target; an existing file is replaced, also while it is mapped.
        arrays: by name; float16, float32, float64, integers or booleans.
        metadata: strings for the header; ``{"format": "pt"}`` unless given, which transformers asks for.

    Raises:
        ValueError: an array has a dtype that the format lacks.
        OSError: the file cannot be written, for one because the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    contiguous = {}
    for name, array in arrays.items():
        array = np.asarray(array, order="C")
        if array.dtype.newbyteorder("<").str not in DTYPES.values():
            raise ValueError(f"cannot save {name!r}: safetensors files hold no dtype {array.dtype}")
        contiguous[name] = array
    with atomic_path(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata=dict(metadata or {"format": "pt"}))
        except SafetensorError as error:
            raise _as_os_error(error, path) from error


def _as_os_error(error: Exception, path: str | os.PathLike) -> OSError:
    """The package has an exception of its own, which carries the system's number in its text only."""
    number = re.search(r"os error ([0-9]{1,5})\)", str(error))
    if number is None:
        return OSError(f"{path} cannot be written: {error}")
    return OSError(int(number[1]), os.strerror(int(number[1])), os.fspath(path))


# ---- the header, strictly ----


def _corrupt(path: Path, found: str) -> ValueError:
    return ValueError(f"{path} is truncated or no safetensors file: {found}")


def _header_length(path: Path, first: bytes, size: int) -> int:
    if len(first) < LENGTH_BYTES:
        raise _corrupt(path, f"it has {size} bytes; expected {LENGTH_BYTES} for the header's length alone")
    length = int.from_bytes(first, "little")
    if length > LONGEST_JSON:
        raise _corrupt(path, f"its header would be {length} bytes; expected at most {LONGEST_JSON}")
    if LENGTH_BYTES + length > size:
        raise cut_short(path, size, LENGTH_BYTES + length)
    return length


def _parse_json(path: Path, text: bytes) -> dict[str, Any]:
    try:
        if not text.startswith(b"{"):
            raise ValueError("it does not begin with an object")
        header = parse_json(text)
    except ValueError as error:
        raise _corrupt(path, f"its header is not the expected JSON ({error})") from None
    if not isinstance(header, dict):
        raise _corrupt(path, f"its header is a {type(header).__name__}; expected a JSON object")
    return header


def _metadata(path: Path, header: dict[str, Any]) -> dict[str, str]:
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _corrupt(path, f"its __metadata__ is {shown(metadata)}; expected an object of strings")
    return metadata


def _entry(path: Path, name: str, fields: Any) -> TensorEntry:
    if not isinstance(fields, dict) or set(fields) != {"dtype", "shape", "data_offsets"}:
        raise _corrupt(path, f"the entry of {shown(name)} is {shown(fields)}; expected dtype, shape and data_offsets")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{path}: {shown(name)} has dtype {shown(dtype)}; expected one of {', '.join(DTYPES)}")
    if not _all_counts(shape) or not _all_counts(offsets) or len(offsets) != 2:
        raise _corrupt(
            path, f"{shown(name)} has shape {shown(shape)} and data_offsets {shown(offsets)}; expected counts"
        )
    begin, end = offsets
    if len(shape) > MOST_DIMENSIONS or math.prod(size or 1 for size in shape) > LARGEST_ARRAY:
        raise _corrupt(path, f"{shown(name)} has shape {shown(shape)}, more than an array can have")
    expected = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if end - begin != expected:
        raise _corrupt(path, f"{shown(name)}, {dtype} {shown(shape)}, has {end - begin} bytes; expected {expected}")
    return TensorEntry(dtype, tuple(shape), begin, end)


def _all_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _check_layout(path: Path, entries: dict[str, TensorEntry], start: int, size: int) -> None:
    """The tensors follow one another from the end of the header, at `start`, to the end of the file, at `size`."""
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            raise _corrupt(path, f"the data of {shown(name)} begins at {entry.begin}; expected {position}")
        position = entry.end
    if start + position > size:
        raise cut_short(path, size, start + position)
    if start + position < size:
        raise _corrupt(path, f"it has {size - start} bytes of data after its header; expected {position}")
