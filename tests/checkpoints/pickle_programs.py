"""Pickles put together opcode by opcode, and torch's layouts around them, so that they can say anything."""

import pickle
import zipfile

END = b"."


def text(value):
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def number(value):
    return pickle.dumps(value, 2)[2:-1]


def name(module, attribute):
    """GLOBAL."""
    return f"c{module}\n{attribute}\n".encode()


def pair(*items):
    """A tuple of what these programs push."""
    return b"(" + b"".join(items) + b"t"


def call(function, *arguments):
    return function + pair(*arguments) + b"R"


def numbers(*values):
    return pair(*map(number, values))


FLOATS = name("torch", "FloatStorage")
REBUILD = name("torch._utils", "_rebuild_tensor_v2")
ORDERED = name("collections", "OrderedDict")


KEY, DEVICE, WORD, SIX = text("0"), text("cpu"), text("storage"), number(6)
ZERO, SHAPE, STRIDES = number(0), numbers(2, 3), numbers(3, 1)
FALSE = b"\x89"


def storage_id(kind=FLOATS, key=KEY, location=DEVICE, count=SIX, start=WORD, more=b""):
    return pair(start, kind, key, location, count, more) + b"Q"


def tensor(storage=None, offset=ZERO, shape=SHAPE, strides=STRIDES, gradient=FALSE, hooks=None):
    hooks = call(ORDERED) if hooks is None else hooks
    return call(REBUILD, storage or storage_id(), offset, shape, strides, gradient, hooks)


def state(value, key="weight"):
    """A program that gives a state dict with one entry."""
    return b"\x80\x02}" + text(key) + value + b"s" + END


def write_zip(path, program, storages=None, folder="archive", more=None, compression=zipfile.ZIP_STORED):
    """A zip file as torch writes it around a pickle; storage "0" holds six float32 unless told otherwise."""
    storages = {"0": bytes(range(24))} if storages is None else storages
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr(f"{folder}/data.pkl", program)
        for key, content in storages.items():
            file.writestr(f"{folder}/data/{key}", content)
        for member, content in (more or {}).items():
            file.writestr(member, content)
    return path


def write_stream(path, program, tail=b"]."):
    """The older layout around a pickle; `tail` is the list of keys and the storages.

    The usual id is made that of this layout, which says whether a part of the storage is meant.
    """
    program = program.replace(storage_id(), storage_id(more=b"N"))
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    path.write_bytes(b"".join(pickle.dumps(value, 2) for value in head) + program + tail)
    return path


def stream_storage(key="0", count=6, content=bytes(range(24))):
    return pickle.dumps([key], 2) + count.to_bytes(8, "little", signed=True) + content


def write_state_dict(path, arrays):
    """A .bin file of float32 and int64 arrays, as torch.save writes it."""
    kinds = {"float32": FLOATS, "int64": name("torch", "LongStorage")}
    entries, storages = b"", {}
    for key, array in arrays.items():
        number_of = str(len(storages))
        storages[number_of] = array.tobytes()
        strides = [stride // array.itemsize for stride in array.strides]
        where = storage_id(kinds[array.dtype.name], text(number_of), count=number(array.size))
        entries += text(key) + tensor(where, shape=numbers(*array.shape), strides=numbers(*strides)) + b"s"
    return write_zip(path, b"\x80\x02}" + entries + END, storages)
