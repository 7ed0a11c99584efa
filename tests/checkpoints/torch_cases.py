"""State dicts that exercise torch's files, and writers of the layouts that torch has had. Needs torch."""

import io
import pickle
import struct
import sys
import tarfile
from collections import OrderedDict

import numpy as np
import torch

SIMPLE = {  # dtypes that every layout and every torch has
    name: getattr(torch, name)
    for name in (
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "complex64",
        "complex128",
    )
}
UNSIGNED = {name: getattr(torch, name) for name in ("uint16", "uint32", "uint64")}  # since torch 2.3


def numbers(dtype, *shape):
    """Different numbers of that dtype, also those at the ends of its range."""
    count = int(np.prod(shape, dtype=int))
    values = torch.arange(count) * 37 % 101
    if dtype == torch.bool:
        return (values % 3 == 0).reshape(shape)
    if dtype.is_complex:
        return (values / 7 + 1j * values).to(dtype).reshape(shape)
    if dtype.is_floating_point:
        values = values / 7 - 3
        values[:4] = torch.tensor([float("inf"), float("-inf"), -0.0, 0.1])[:count]
    return values.to(dtype).reshape(shape)


def plain_state(dtypes=SIMPLE):
    """A tensor of every dtype in five shapes."""
    state = OrderedDict()
    for name, dtype in dtypes.items():
        state[f"{name}.vector"] = numbers(dtype, 11)
        state[f"{name}.matrix"] = numbers(dtype, 3, 5)
        state[f"{name}.scalar"] = numbers(dtype, 6)[5].clone()
        state[f"{name}.empty"] = numbers(dtype, 0, 3)
        state[f"{name}.transposed"] = numbers(dtype, 4, 3).t()
    return state


def strided_state():
    """Tensors that lie in their storages in other ways than one after another."""
    whole = numbers(torch.float32, 4, 6)
    return OrderedDict(
        whole=whole,
        same=whole,
        row=whole[2],
        column=whole[:, 3],
        scattered=whole[1::2, ::3],
        element=whole[3, 4],
        transposed=whole.permute(1, 0),
        expanded=whole[:, :1].expand(4, 7),
        windows=whole.flatten().unfold(0, 5, 2),
        nothing=whole[2:2],
        half=numbers(torch.bfloat16, 5, 4)[:, 1::2],
        flags=numbers(torch.bool, 9)[::2],
    )


def module_state():
    """Parameters and buffers as a module gives them, with the `_metadata` of its OrderedDict."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 4), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2, bias=False))
    return module.state_dict()


def parameter_state():
    """Parameters themselves, one with an attribute of its own."""
    marked = torch.nn.Parameter(numbers(torch.float16, 3))
    marked.is_shared = True
    frozen = torch.nn.Parameter(numbers(torch.int64, 2), requires_grad=False)
    return OrderedDict(weight=torch.nn.Parameter(numbers(torch.float32, 2, 3)), marked=marked, frozen=frozen)


def every_state():
    return OrderedDict(
        plain=plain_state(), strided=strided_state(), module=module_state(), parameters=parameter_state()
    )


def as_arrays(state):
    """What is expected of the reader: torch's numbers, in float32 where they are bfloat16."""
    detached = {name: tensor.detach() for name, tensor in state.items()}
    return {name: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for name, t in detached.items()}


def save_zip(state, path):
    torch.save(state, path)


def save_stream(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)


def save_tar(state, path):
    """As torch 0.1 laid it out; no torch that is still to be had writes it, and every torch reads it."""
    storages, tensors, names = {}, {}, {}
    for name, tensor in state.items():
        key, storage = id(tensor), tensor.detach().untyped_storage()
        tensors[key], names[name] = (tensor.detach(), storage._cdata), key
        storages[storage._cdata] = (storage, tensor.dtype)

    class WithKeys(pickle.Pickler):
        def persistent_id(self, value):
            return str(value.key) if isinstance(value, Key) else None

    members = {"sys_info": pickle.dumps({"protocol_version": 1000, "little_endian": sys.byteorder == "little"}, 2)}
    text = pickle.dumps(len(storages), 2)
    for key, (storage, dtype) in storages.items():
        count = storage.nbytes() // dtype.itemsize
        text += pickle.dumps((key, "cpu", storage_class(dtype)), 2) + struct.pack("<q", count) + bytes(storage.tolist())
    members["storages"] = text + pickle.dumps([], 2)
    text = pickle.dumps(len(tensors), 2)
    for key, (tensor, storage) in tensors.items():
        kind = getattr(torch, storage_class(tensor.dtype).__name__.replace("Storage", "Tensor"), torch.FloatTensor)
        text += pickle.dumps((key, storage, kind), 2) + struct.pack("<ii", tensor.dim(), 0)
        text += struct.pack(f"<{2 * tensor.dim() + 1}q", *tensor.shape, *tensor.stride(), tensor.storage_offset())
    members["tensors"] = text
    buffer = io.BytesIO()
    WithKeys(buffer, protocol=2).dump(OrderedDict((name, Key(key)) for name, key in names.items()))
    members["pickle"] = buffer.getvalue()
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1480000000.25  # a fraction needs a header of its own, as it did
            tar.addfile(info, io.BytesIO(content))


class Key:
    def __init__(self, key):
        self.key = key


def storage_class(dtype):
    return getattr(torch, torch.storage._dtype_to_storage_type_map()[dtype])


LAYOUTS = {"zip": save_zip, "stream": save_stream, "tar": save_tar}
