"""torch.save's oldest files (torch 0.1): a tar file with four members.

    sys_info    a pickle with facts of the machine that wrote it
    storages    a pickle with how many there are; for each, a pickle (key, device, kind), how many numbers in 8 bytes,
                and the numbers; then a pickle with a list of parts of storages (key, key of the whole, offset, count)
    tensors     a pickle with how many there are; for each, a pickle (key, key of its storage, kind), then how many
                dimensions in 4 bytes, 4 bytes of nothing, and in 8 bytes each its sizes, its strides and its offset
    pickle      what was saved, with tensors by their keys

Source of the tar format: POSIX.1-1988, ustar.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.checkpoints.broken_download import AGAIN
from npconformer.checkpoints.restricted_pickle import Build, Global, read_pickle
from npconformer.checkpoints.torch_tensors import (
    MOST_DIMENSIONS,
    STORAGE_GLOBALS,
    STORAGES,
    Storage,
    TensorBuilder,
    TensorEntry,
    tensor_entry,
)

MAGIC, MAGIC_PLACE = b"ustar", 257
BLOCK = 512
MOST_MEMBERS = 100
MOST_RECORDS, LONGEST_RECORD = 10_000, 256  # storages or tensors, and the bytes of what is pickled about each
FILE, FACTS = b"0\0", b"xg"  # types of members; facts are about the file after them, such as its date
KINDS: dict[str, Build | None] = dict.fromkeys(
    f"torch.{device}{name.replace('Storage', kind)}"
    for name in STORAGES
    for kind in ("Storage", "Tensor")
    for device in ("", "cuda.")
)

Span = tuple[int, int]


def read_torch_tar(data: memoryview) -> Any:
    """What was saved. Its numbers are little-endian.

    Raises:
        ValueError: anything about the file is not as torch wrote it.
    """
    members = _find_members(data)
    for name in ("storages", "tensors", "pickle"):
        if name not in members:
            raise ValueError(f"it is a tar file without a member {name!r}; expected one of torch.save, or a zip file")
    tensors = _read_tensors(data, members["tensors"], _read_storages(data, members["storages"]))

    def find_tensor(key: Any) -> TensorEntry:
        key = int(key) if type(key) is str and key.isdecimal() and len(key) < 20 else key
        if type(key) is not int or key not in tensors:
            raise ValueError("its pickle refers to a tensor that is not in the file")
        return tensors[key]

    begin, end = members["pickle"]
    root, _ = read_pickle(data, begin, end, TensorBuilder().allowed, find_tensor)
    return root


def _find_members(data: memoryview) -> dict[str, Span]:
    """Where the members' bytes begin and end, by name."""
    members: dict[str, Span] = {}
    position = 0
    for _ in range(MOST_MEMBERS):
        header = bytes(data[position : position + BLOCK])
        if not header.strip(b"\0"):
            return members
        name = header[:100].rstrip(b"\0").decode("utf-8", "replace")
        begin = position + BLOCK
        end = begin + _octal(header[124:136])
        checksum = sum(header[:148]) + sum(b" " * 8) + sum(header[156:])
        if len(header) < BLOCK or _octal(header[148:156]) != checksum:
            raise ValueError("its tar headers are damaged")
        if end > len(data):
            where = f"it has {len(data)} bytes, and its member {name[:80]!r} ends at {end}"
            raise ValueError(f"it is truncated: {where}. {AGAIN}")
        kind = header[156:157]
        if kind in FACTS:
            if b" size=" in bytes(data[begin : min(end, begin + 65536)]):
                raise ValueError("a member of the tar file is larger than 8 GB, which is not supported")
        elif kind not in FILE or name in members:
            raise ValueError(f"{name[:80]!r} in the tar file is no ordinary file, or is there twice")
        else:
            members[name] = (begin, end)
        position = end + -end % BLOCK
    raise ValueError(f"it is a tar file of more than {MOST_MEMBERS} members; torch wrote four")


def _octal(text: bytes) -> int:
    digits = text.strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        raise ValueError("its tar headers are damaged")
    return int(digits, 8)


def _read_storages(data: memoryview, span: Span) -> dict[int, Storage]:
    position, end = span
    number, position = _read_count(data, position, end)
    storages: dict[int, Storage] = {}
    for _ in range(number):
        record, position = read_pickle(data, position, min(end, position + LONGEST_RECORD), KINDS)
        key, _device, kind = _three(record)
        dtype = STORAGE_GLOBALS.get(kind.name.replace("torch.cuda.", "torch.")) if type(kind) is Global else None
        if dtype is None or type(key) is not int or key in storages:
            raise ValueError("it has a storage without a kind or a key of its own")
        count = int.from_bytes(data[position : position + 8], "little", signed=True)
        storage = Storage(dtype, count, begin=position + 8)
        if count < 0 or position + 8 + storage.size > end:
            raise ValueError(f"it has a storage of {count} numbers, more than its member has")
        storages[key] = storage
        position += 8 + storage.size
    parts, _ = read_pickle(data, position, end)
    if type(parts) is not list:
        raise ValueError("it has no list of parts of storages")
    for part in parts:
        if type(part) not in (tuple, list) or len(part) != 4 or not all(type(value) is int for value in part):
            raise ValueError("it has a part of a storage that is no four numbers")
        key, root, offset, count = part
        if root not in storages or key in storages:
            raise ValueError("it has a part of a storage that is not in the file, or a part twice")
        piece = storages[root].part(offset, count)
        storages[key] = Storage(piece.dtype, piece.count, begin=piece.first_byte())
    return storages


def _read_tensors(data: memoryview, span: Span, storages: dict[int, Storage]) -> dict[int, TensorEntry]:
    position, end = span
    number, position = _read_count(data, position, end)
    tensors: dict[int, TensorEntry] = {}
    for _ in range(number):
        record, position = read_pickle(data, position, min(end, position + LONGEST_RECORD), KINDS)
        key, storage, _kind = _three(record)
        if type(key) is not int or key in tensors or type(storage) is not int or storage not in storages:
            raise ValueError("it has a tensor without a key or a storage of its own")
        dimensions = int.from_bytes(data[position : position + 4], "little", signed=True)
        if not 0 <= dimensions <= MOST_DIMENSIONS or position + 16 + 16 * dimensions > end:
            raise ValueError(f"it has a tensor of {dimensions} dimensions; expected at most {MOST_DIMENSIONS}")
        position += 8
        numbers = [
            int.from_bytes(data[position + 8 * i : position + 8 * i + 8], "little", signed=True)
            for i in range(2 * dimensions + 1)
        ]
        position += 8 * len(numbers)
        shape, strides, offset = numbers[:dimensions], numbers[dimensions:-1], numbers[-1]
        tensors[key] = tensor_entry(storages[storage], offset, tuple(shape), tuple(strides))
    return tensors


def _read_count(data: memoryview, position: int, end: int) -> tuple[int, int]:
    number, position = read_pickle(data, position, min(end, position + LONGEST_RECORD))
    if type(number) is not int or not 0 <= number <= MOST_RECORDS:
        raise ValueError(f"it does not say how many storages or tensors it has; expected at most {MOST_RECORDS}")
    return number, position


def _three(record: Any) -> tuple:
    if type(record) is not tuple or len(record) != 3:
        raise ValueError("it has a storage or tensor that is not described by three things")
    return record
