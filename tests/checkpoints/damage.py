"""Small checkpoints, and random damage to them: what the tests of readers and `fuzz` share.

Bytes changed anywhere in a zip file are mostly found by its directory. So a second kind of damage is done to a member
alone, and the zip or tar file is put together anew around it, with places and checksums that are right.
"""

import io
import json
import random
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from npconformer.checkpoints.array_file import INDEX_NAME, TORCH_INDEX_NAME, TORCH_WEIGHTS_NAME, WEIGHTS_NAME
from npconformer.checkpoints.pickle_values import REFUSED, VALUES
from npconformer.checkpoints.restricted_pickle import ACTIONS
from npconformer.checkpoints.safetensors_file import write_safetensors

FOLDER = Path(__file__).parent / "torch_files"
OPCODES = [*VALUES, *ACTIONS, *REFUSED, b"."]
NUMBERS = [0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
PIECES = [
    b"cos\nsystem\n",
    b"ctorch\nFloatStorage\n",
    b"ccollections\nOrderedDict\n)R",
    b"\x88",
    b"](NNe",
    b"X\1\0\0\0a",
]


def whole_checkpoints():
    """For each, the files of a folder by name, the one to damage, and whether a member of it is damaged alone."""
    torch_files = {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.bin"))}
    for name, content in torch_files.items():
        yield {TORCH_WEIGHTS_NAME: content}, TORCH_WEIGHTS_NAME, False
        if not name.endswith("-stream.bin"):
            yield {TORCH_WEIGHTS_NAME: content}, TORCH_WEIGHTS_NAME, True
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3, np.int64), "c": np.zeros((0, 2))}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in {"whole": "abc", "first": "ab", "second": "c"}.items():
            write_safetensors(Path(folder) / name, {key: arrays[key] for key in part})
        whole, first, second = ((Path(folder) / name).read_bytes() for name in ("whole", "first", "second"))
    yield {WEIGHTS_NAME: whole}, WEIGHTS_NAME, False
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = {"metadata": {"total_size": 48}, "weight_map": {"a": names[0], "b": names[0], "c": names[1]}}
    shards = {names[0]: first, names[1]: second, INDEX_NAME: json.dumps(index).encode()}
    yield shards, INDEX_NAME, False
    yield shards, names[0], False
    name = "pytorch_model-00001-of-00001.bin"
    index = {"weight_map": dict.fromkeys(("weight", "marked", "frozen"), name)}
    shards = {name: torch_files["parameters-zip.bin"], TORCH_INDEX_NAME: json.dumps(index).encode()}
    yield shards, TORCH_INDEX_NAME, False
    yield shards, name, True


def write_damaged(folder, seed, checkpoints):
    """One damaged checkpoint in a folder, in the place of what is there; its seed determines it."""
    chance = random.Random(seed)
    files, damaged, in_member = chance.choice(checkpoints)
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        if name == damaged:
            content = damage_member(content, chance) if in_member else damage(content, chance)
        (folder / name).write_bytes(content)


def damage(content, chance):
    """One to four changes of the kinds that readers stumble over."""
    content = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        if content:
            chance.choice(DAMAGES)(content, chance.randrange(len(content)), chance)
    return bytes(content)


def flip_bit(content, place, chance):
    content[place] ^= 1 << chance.randrange(8)


def set_opcode(content, place, chance):
    content[place : place + 1] = chance.choice(OPCODES)


def add_opcodes(content, place, chance):
    content[place:place] = chance.choice(OPCODES) * chance.choice([1, 1, 3, 1000])


def add_piece(content, place, chance):
    content[place:place] = chance.choice(PIECES)


def set_number(content, place, chance):
    size = chance.choice([1, 2, 4, 8])
    content[place : place + size] = (chance.choice(NUMBERS) % 256**size).to_bytes(size, "little")


def remove(content, place, chance):
    del content[place : place + chance.choice([1, 2, 8, 64])]


def repeat(content, place, chance):
    other = chance.randrange(len(content))
    content[place:place] = content[other : other + chance.choice([1, 4, 16, 200])]


def overwrite(content, place, chance):
    other = chance.randrange(len(content))
    content[place : place + 20] = content[other : other + 20]


def cut(content, place, chance):
    del content[place:]


def set_digit(content, place, chance):
    digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
    if digits:
        content[chance.choice(digits)] = ord(chance.choice('0123456789-.e"[]{}'))


DAMAGES = [flip_bit, set_opcode, add_opcodes, add_piece, set_number, remove, repeat, overwrite, cut, set_digit]


def damage_member(content, chance):
    """A zip or tar file with damage in one member, mostly the pickle, and right around it."""
    is_zip = content.startswith(b"PK")
    members = read_zip(content) if is_zip else read_tar(content)
    pickles = [name for name in members if name.endswith(("data.pkl", "pickle", "tensors", "storages"))]
    name = chance.choice(pickles if chance.random() < 0.8 else list(members))
    members[name] = damage(members[name], chance)
    return zip_of(members) if is_zip else tar_of(members)


def read_zip(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def read_tar(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as file:
        return {member.name: file.extractfile(member).read() for member in file}


def zip_of(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def tar_of(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
