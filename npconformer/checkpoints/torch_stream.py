"""torch.save's files before torch 1.6 (still written with `_use_new_zipfile_serialization=False`): pickles in a row.

    pickle    a magic number
    pickle    the format's version, 1001
    pickle    facts of the machine that wrote it: byte order, sizes of C's integers
    pickle    what was saved, with storages by their keys
    pickle    a list of the storages' keys
    then, for each of these: how many numbers, in 8 bytes, and the numbers

The numbers follow wherever the pickles end, so that most do not lie at an address that a processor likes; reading
such a tensor copies it. A key here may stand for a part of another storage: the id then ends in (key, offset, count).

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.checkpoints.broken_download import AGAIN
from npconformer.checkpoints.restricted_pickle import PickleMachine, read_pickle
from npconformer.checkpoints.torch_tensors import Storage, TensorBuilder, read_storage_id

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
VERSION = 1001
COUNT_BYTES = 8


def read_torch_stream(data: memoryview, machine: type[PickleMachine] = PickleMachine) -> Any:
    """What was saved. Its numbers are little-endian, whatever machine wrote them.

    machine: what reads the pickle.

    Raises:
        ValueError: anything about the file is not as torch writes it.
    """
    try:
        magic, position = read_pickle(data)
    except ValueError as error:
        raise ValueError(f"it is no file of torch.save ({error})") from None
    if type(magic) is not int or magic != MAGIC_NUMBER:
        raise ValueError("it is a pickle, but not torch's: expected a zip file or torch's magic number")
    version, position = read_pickle(data, position)
    if type(version) is not int or version != VERSION:
        raise ValueError(f"its format has another version than {VERSION}")
    _, position = read_pickle(data, position)
    storages: dict[str, Storage] = {}

    def find_storage(identifier: Any) -> Storage:
        key, storage, more = read_storage_id(identifier)
        first = storages.setdefault(key, storage)
        if (first.dtype, first.count) != (storage.dtype, storage.count):
            raise ValueError(f"its pickle describes storage {key[:80]!r} in two ways")
        if len(more) != 1 or not (more[0] is None or (type(more[0]) is tuple and len(more[0]) == 3)):
            raise ValueError(f"its pickle does not say of which part of storage {key[:80]!r} it speaks")
        return first if more[0] is None else first.part(*more[0][1:])

    root, position = read_pickle(data, position, None, TensorBuilder().allowed, find_storage, machine)
    keys, position = read_pickle(data, position)
    if type(keys) is not list or not all(type(key) is str for key in keys) or len(set(keys)) < len(keys):
        raise ValueError("its list of storages is no list of different names")
    if set(keys) != set(storages):
        raise ValueError(f"it has {len(keys)} storages and refers to {len(storages)}, which are not the same")
    _place(data, position, [storages[key] for key in keys])
    return root


def _place(data: memoryview, position: int, storages: list[Storage]) -> None:
    """Find each storage's numbers, from `position` on; they reach to the end of the file."""
    expected = position + sum(COUNT_BYTES + storage.size for storage in storages)
    if len(data) < expected:
        raise ValueError(f"it is truncated: it has {len(data)} bytes of {expected}. {AGAIN}")
    if len(data) > expected:
        raise ValueError(f"it has {len(data)} bytes; expected {expected}")
    for storage in storages:
        position = place_storage(data, position, storage)


def place_storage(data: memoryview, position: int, storage: Storage) -> int:
    """Note that a storage's count and numbers are at `position`; where they end."""
    count = int.from_bytes(data[position : position + COUNT_BYTES], "little", signed=True)
    if count != storage.count:
        raise ValueError(f"it has a storage of {count} numbers; expected {storage.count}")
    storage.begin = position + COUNT_BYTES
    return storage.begin + storage.size
