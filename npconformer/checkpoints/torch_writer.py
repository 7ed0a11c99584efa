"""A state dict written as torch.save would write it, without torch: `torch.load(path, weights_only=True)` reads it.

The file is the zip file that `torch_zip` describes. Its pickle is the program

    OrderedDict()                                                  made by REDUCE
    name:  _rebuild_tensor_v2(storage, 0, shape, strides, ...)     set in it, for each weight

with the opcodes that `restricted_pickle` explains. Each weight has a storage of its own.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

from npconformer.checkpoints.streamed_weights import Layout, Read, bytes_of
from npconformer.checkpoints.torch_tensors import STORAGES
from npconformer.checkpoints.torch_zip import PICKLE

FOLDER = "archive"
VERSION = b"3\n"  # of the layout
ALIGNMENT = 64  # bytes; where a storage's numbers begin
HEADER_SIZE, ZIP64_SIZE = 30, 20  # bytes of a member's header but for its name, and of the field with its long size
PADDING = struct.Struct("<2sH")  # torch's name for a field of nothing, and its length
STORAGE_OF = {dtype: name for name, dtype in STORAGES.items()}


def write_torch_stream(path: Path, layouts: Mapping[str, Layout], read: Read) -> None:
    """Write a state dict to `path`, which must not be seen before it is whole.

    Raises:
        ValueError: a weight has a dtype that has no storage in torch.
    """
    pickle = _pickle_of(layouts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        _write_member(file, PICKLE, memoryview(pickle))
        _write_member(file, "byteorder", memoryview(b"little"))
        for key, name in enumerate(layouts):
            _write_member(file, f"data/{key}", bytes_of(read(name)))
        _write_member(file, "version", memoryview(VERSION))


def _write_member(file: zipfile.ZipFile, name: str, data: memoryview) -> None:
    info = zipfile.ZipInfo(f"{FOLDER}/{name}")  # its date is that of all, 1980: the same weights give the same file
    assert file.fp is not None
    begin = file.fp.tell() + HEADER_SIZE + len(info.filename) + PADDING.size + ZIP64_SIZE
    padding = -begin % ALIGNMENT
    info.extra = PADDING.pack(b"FB", padding) + bytes(padding)
    with file.open(info, "w", force_zip64=True) as member:
        member.write(data)


# ---- the pickle


def _pickle_of(layouts: Mapping[str, Layout]) -> bytes:
    parts = [b"\x80\x02", _ordered_dict(), b"("]
    for key, (name, layout) in enumerate(layouts.items()):
        parts += [_string(name), _tensor(str(key), name, layout)]
    return b"".join([*parts, b"u."])


def _tensor(key: str, name: str, layout: Layout) -> bytes:
    if layout.dtype not in STORAGE_OF:
        raise ValueError(f"{name!r} cannot be saved: torch has no storage for the dtype {layout.dtype}")
    count, strides = 1, []
    for size in reversed(layout.shape):
        strides.append(count)
        count *= size
    kind = _global("torch", STORAGE_OF[layout.dtype])
    storage = _tuple(_string("storage"), kind, _string(key), _string("cpu"), _integer(count)) + b"Q"
    shape, stride = (_tuple(*map(_integer, sizes)) for sizes in (layout.shape, reversed(strides)))
    no_gradient, no_hooks = b"\x89", _ordered_dict()
    arguments = _tuple(storage, _integer(0), shape, stride, no_gradient, no_hooks)
    return _global("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"


def _ordered_dict() -> bytes:
    return _global("collections", "OrderedDict") + b")R"


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode("ascii")


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return b"X" + len(data).to_bytes(4, "little") + data


def _integer(number: int) -> bytes:
    if number < 2**31:
        return b"J" + number.to_bytes(4, "little")
    return b"\x8a\x09" + number.to_bytes(9, "little")
