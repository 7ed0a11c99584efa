"""torch.save's files since torch 1.6: a zip file with a pickle and a member for each storage.

    name/data.pkl     the pickle: what was saved, with storages by their keys
    name/byteorder    "little" or "big"; without it, little
    name/data/0       the numbers of the storage with key "0", from a multiple of 64 bytes on
    name/data/1       ...

Checksums: the pickle's is held, as it costs nothing. The storages' are not, as that would read every byte of a file
that is otherwise only mapped; torch can be told to write none (`set_crc32_options`), which leaves 0 in their place, and
does not look at them either where it maps a file.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import zlib
from typing import Any, Literal

from npconformer.checkpoints.restricted_pickle import LONGEST_PICKLE, PickleMachine, read_pickle
from npconformer.checkpoints.stored_zip import Member, read_members
from npconformer.checkpoints.torch_tensors import Storage, TensorBuilder, read_storage_id

MAGIC = b"PK\3\4"
PICKLE = "data.pkl"
BYTE_ORDERS: dict[bytes, Literal["<", ">"]] = {b"little": "<", b"big": ">"}


def read_torch_zip(data: memoryview, machine: type[PickleMachine] = PickleMachine) -> tuple[Any, Literal["<", ">"]]:
    """What was saved, and the byte order of its numbers, "<" or ">".

    machine: what reads the pickle.

    Raises:
        ValueError: anything about the file is not as torch writes it.
    """
    members = read_members(data)
    folder = _find_folder(members)
    order: Literal["<", ">"] = "<"
    if f"{folder}/byteorder" in members:
        text = bytes(_content(data, members[f"{folder}/byteorder"])[:16])
        if text not in BYTE_ORDERS:
            raise ValueError(f"its byte order is {text!r}; expected little or big")
        order = BYTE_ORDERS[text]
    pickle = members[f"{folder}/{PICKLE}"]
    if pickle.size > LONGEST_PICKLE:
        raise ValueError(f"its pickle has {pickle.size} bytes; expected at most {LONGEST_PICKLE}")
    if pickle.checksum and zlib.crc32(_content(data, pickle)) != pickle.checksum:
        raise ValueError("its pickle does not have its checksum: the file is damaged. Download it again")
    storages: dict[str, Storage] = {}

    def find_storage(identifier: Any) -> Storage:
        key, storage, more = read_storage_id(identifier)
        if more:
            raise ValueError(f"its pickle says more about storage {key[:80]!r} than expected")
        member = members.get(f"{folder}/data/{key}")
        if member is None:
            raise ValueError(f"its pickle refers to storage {key[:80]!r}, which is not in the file")
        if storage.size != member.size:
            raise ValueError(
                f"its storage {key[:80]!r} has {member.size} bytes; expected {storage.size} for {storage.count} "
                f"numbers of {storage.dtype}"
            )
        storage.begin = member.begin
        first = storages.setdefault(key, storage)
        if first.dtype != storage.dtype:
            raise ValueError(f"its storage {key[:80]!r} is of {first.dtype} and of {storage.dtype} at once")
        return first

    builder = TensorBuilder()
    root, _ = read_pickle(data, pickle.begin, pickle.begin + pickle.size, builder.allowed, find_storage, machine)
    return root, order


def _find_folder(members: dict[str, Member]) -> str:
    """The one folder that all of torch's members are in; it has the name of the file, or "archive"."""
    folders = [name.removesuffix(f"/{PICKLE}") for name in members if name.endswith(f"/{PICKLE}")]
    folders = [folder for folder in folders if "/" not in folder]
    if len(folders) != 1:
        raise ValueError(f"it is a zip file with {len(folders)} members {PICKLE}; expected 1, as torch.save writes it")
    if f"{folders[0]}/constants.pkl" in members:
        raise ValueError("it is a TorchScript program, not a state dict: save model.state_dict() with torch.save")
    for name, member in members.items():
        if not member.is_plain:
            raise ValueError(f"{name[:80]!r} in it is compressed or encrypted; expected members stored as they are")
    return folders[0]


def _content(data: memoryview, member: Member) -> memoryview:
    return data[member.begin : member.begin + member.size]
