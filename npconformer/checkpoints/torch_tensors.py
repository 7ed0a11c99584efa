"""What a pickle of torch says about its tensors: storages, and views into them.

torch saves a tensor as a call, `_rebuild_tensor_v2(storage, offset, shape, strides, ...)`. A storage is a run of
numbers of one dtype, kept outside of the pickle, which refers to it by a persistent id:

    ("storage", torch.FloatStorage, "0", "cpu", 12)         its kind, its key, the device it was on, how many numbers

Several tensors may lie in one storage, in each in its own way: element (i, j) of a tensor is number
offset + i strides[0] + j strides[1] of the storage. So a tensor needs no numbers of its own here either, only the
knowledge where they are, and every claim about that is checked before it is believed.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from npconformer.checkpoints.restricted_pickle import Build, Global

MOST_DIMENSIONS = 32
LARGEST_ARRAY = 2**56  # numbers
LARGEST_EXPANDED = 2**24  # numbers of a tensor that has more than its storage, by strides of 0
MOST_PAIRS = 1_000_000
LONGEST_LOCATION = 64

# torch's names, and NumPy's type in little-endian order.
DTYPES = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    "bfloat16": "<u2",  # the upper half of a float32; NumPy has no type for it
    "complex128": "<c16",
    "complex64": "<c8",
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "int8": "|i1",
    "uint64": "<u8",
    "uint32": "<u4",
    "uint16": "<u2",
    "uint8": "|u1",
    "bool": "|b1",
}
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
STORAGE_GLOBALS = {f"torch.{name}": dtype for name, dtype in STORAGES.items()} | {
    # bytes whose dtype stands with each tensor; the names are those of three generations of torch
    "torch.storage.UntypedStorage": "uint8",
    "torch.storage._UntypedStorage": "uint8",
    "torch.UntypedStorage": "uint8",
}
DTYPE_GLOBALS = {f"torch.{name}": name for name in DTYPES}
# Names that a file may have and that nothing can be read by, so that the message is about the tensor.
UNREADABLE = [
    "torch.complex32",
    *(f"torch.float8_{kind}" for kind in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu")),
    "torch.float4_e2m1fn_x2",
    *(f"torch.{kind}Storage" for kind in ("ComplexHalf", "QInt8", "QUInt8", "QInt32", "QUInt4x2", "QUInt2x4")),
]


def item_size(dtype: str) -> int:
    """Bytes of one number of that dtype."""
    return np.dtype(DTYPES[dtype]).itemsize


@dataclass(eq=False)
class Storage:
    """A run of numbers in the file.

    Attributes:
        dtype: torch's name.
        count: how many numbers.
        begin: the first one's byte in the file; None until that is known.
        root, skip: for a part of another storage, that one, and the number of it with which the part begins.
    """

    dtype: str
    count: int
    begin: int | None = None
    root: Storage | None = None
    skip: int = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return self.count * item_size(self.dtype)

    def first_byte(self) -> int:
        if self.root is not None:
            return self.root.first_byte() + self.skip * item_size(self.dtype)
        if self.begin is None:
            raise ValueError("it has a storage whose numbers are not in the file")
        return self.begin

    def part(self, skip: Any, count: Any) -> Storage:
        """`count` numbers of this storage, without the first `skip`."""
        if not _is_count(skip) or not _is_count(count) or skip + count > self.count:
            raise ValueError(f"it has a storage that is {_show(count)} numbers after {_show(skip)} of {self.count}")
        return Storage(self.dtype, count, root=self, skip=skip)


@dataclass(frozen=True)
class TensorEntry:
    """A tensor: a dtype, and where in a storage its numbers are. Offset and strides count numbers of that dtype."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def tensor_entry(storage: Any, offset: Any, shape: Any, strides: Any, dtype: str | None = None) -> TensorEntry:
    """A tensor whose numbers are all within its storage. Raises ValueError for any other."""
    if type(storage) is not Storage:
        raise ValueError(f"it has a tensor without a storage: {_show(storage)}")
    if not _all_counts(shape) or not _all_counts(strides) or not _is_count(offset) or len(shape) != len(strides):
        raise ValueError(
            f"it has a tensor with offset {_show(offset)}, shape {_show(shape)} and strides {_show(strides)}; "
            "expected counts, and a stride for each dimension"
        )
    described = f"it has a tensor of shape {shape}, strides {strides} and offset {offset}"
    size = math.prod(shape)
    if math.prod(n or 1 for n in shape) > LARGEST_ARRAY:
        raise ValueError(f"{described}, more than an array can have")
    dtype = dtype or storage.dtype
    available = storage.size // item_size(dtype)
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides)) if size else offset - 1
    if last >= available:
        raise ValueError(f"{described} in a storage of {available} numbers of {dtype}")
    if size > max(available, LARGEST_EXPANDED):
        raise ValueError(f"{described}, which expands the {available} numbers of its storage to {size}")
    strides = tuple(stride if n > 1 else 0 for n, stride in zip(shape, strides))  # the others are never used
    return TensorEntry(storage, dtype, offset, shape, strides)


class TensorBuilder:
    """The functions that stand in for torch's, for one file."""

    def __init__(self) -> None:
        self.pairs = 0
        self.allowed: dict[str, Build | None] = {
            **dict.fromkeys([*STORAGE_GLOBALS, *DTYPE_GLOBALS, *UNREADABLE]),
            "collections.OrderedDict": self.ordered_dict,
            "torch._utils._rebuild_tensor": _with_arguments(4, 4, tensor_entry),
            "torch._utils._rebuild_tensor_v2": _with_arguments(6, 7, self.tensor_v2),
            "torch._utils._rebuild_tensor_v3": _with_arguments(7, 8, self.tensor_v3),
            "torch._utils._rebuild_parameter": _with_arguments(3, 3, self.parameter),
            "torch._utils._rebuild_parameter_with_state": _with_arguments(4, 4, self.parameter),
        }

    def ordered_dict(self, arguments: tuple) -> dict:
        """Empty, or from a list of pairs, as Python 2 wrote it. An ordinary dictionary keeps its order, too."""
        if arguments == ():
            return {}
        pairs = arguments[0]
        if len(arguments) > 1 or type(pairs) is not list:
            raise ValueError(f"its pickle makes an OrderedDict of {_show(pairs)}; expected a list of pairs")
        self.pairs += len(pairs)
        if self.pairs > MOST_PAIRS:  # a list may be used again and again
            raise ValueError(f"its pickle makes OrderedDicts with more than {MOST_PAIRS} pairs")
        result: dict = {}
        for pair in pairs:
            if type(pair) not in (list, tuple) or len(pair) != 2 or type(pair[0]) is not str or pair[0] in result:
                raise ValueError(f"its pickle makes an OrderedDict with {_show(pair)}; expected a new name and a value")
            result[pair[0]] = pair[1]
        return result

    def tensor_v2(
        self, storage: Any, offset: Any, shape: Any, strides: Any, gradient: Any, hooks: Any, metadata: Any = None
    ) -> TensorEntry:
        _check_extras(gradient, hooks, metadata)
        return tensor_entry(storage, offset, shape, strides)

    def tensor_v3(self, *arguments: Any) -> TensorEntry:
        """With its own dtype before the metadata, for dtypes that have no storage class."""
        storage, offset, shape, strides, gradient, hooks, dtype, *metadata = arguments
        _check_extras(gradient, hooks, *metadata)
        if type(dtype) is not Global or dtype.name not in DTYPE_GLOBALS:
            raise ValueError(f"it has a tensor with {_show(dtype)} as dtype; expected {', '.join(DTYPES)}")
        return tensor_entry(storage, offset, shape, strides, DTYPE_GLOBALS[dtype.name])

    def parameter(self, tensor: Any, gradient: Any, hooks: Any, state: Any = None) -> TensorEntry:
        """A parameter is its tensor; attributes that someone gave it (`state`) are left out."""
        _check_extras(gradient, hooks)
        if type(tensor) is not TensorEntry:
            raise ValueError(f"it has a parameter of {_show(tensor)}; expected a tensor")
        return tensor


def read_storage_id(identifier: Any) -> tuple[str, Storage, tuple]:
    """What a persistent id says: the storage's key, the storage, and what follows in the id.

    Raises:
        ValueError: it is no id of a storage.
    """
    if type(identifier) is not tuple or len(identifier) < 5 or _show(identifier[0]) != "'storage'":
        raise ValueError(f"its pickle refers to {_show(identifier)}; expected a storage")
    _, kind, key, location, count, *rest = identifier
    if type(kind) is not Global or kind.name not in STORAGE_GLOBALS:
        raise ValueError(
            f"its pickle refers to a storage of the kind {_show(kind)}; expected one of {', '.join(DTYPES)}"
        )
    if type(key) is not str or type(location) is not str or len(location) > LONGEST_LOCATION:
        raise ValueError(f"its pickle refers to storage {_show(key)} on device {_show(location)}; expected names")
    if not _is_count(count) or count > LARGEST_ARRAY:
        raise ValueError(f"its pickle refers to storage {_show(key)} of {_show(count)} numbers; expected a count")
    return key, Storage(STORAGE_GLOBALS[kind.name], count), tuple(rest)


def _with_arguments(least: int, most: int, build: Callable[..., Any]) -> Build:
    def call(arguments: tuple) -> Any:
        if not least <= len(arguments) <= most:
            raise ValueError(f"its pickle makes a tensor with {len(arguments)} arguments; expected {least} to {most}")
        return build(*arguments)

    return call


def _check_extras(gradient: Any, hooks: Any, metadata: Any = None) -> None:
    """A gradient is wanted or not; there are no functions to call; nothing is still to be done to the numbers."""
    if type(gradient) is not bool or not (hooks is None or (type(hooks) is dict and not hooks)):
        raise ValueError(
            f"it has a tensor with requires_grad {_show(gradient)} and hooks {_show(hooks)}; expected a bool and none"
        )
    if metadata is not None and (type(metadata) is not dict or any(value is not False for value in metadata.values())):
        kind = ", ".join(map(str, metadata))[:80] if type(metadata) is dict else _show(metadata)
        raise ValueError(
            f"it has a tensor that torch has yet to change when it reads it ({kind}): save a clone instead"
        )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _all_counts(values: Any) -> bool:
    return type(values) is tuple and len(values) <= MOST_DIMENSIONS and all(map(_is_count, values))


def _show(value: Any) -> str:
    """A value for a message, without going down into it: it may hold itself."""
    if type(value) in (list, tuple, dict):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Global):
        return value.name
    return repr(value)[:80] if type(value) in (str, int, float, bool, type(None)) else f"a {type(value).__name__}"
