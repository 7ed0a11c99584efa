"""What weights are stored and computed in: what a call, a configuration and a file say, and the device allows.

On a CPU arithmetic is in float32 or float64; float16, bfloat16 and int8 are there what the large matrices are stored in
(`arrays.stored_weights`, `arrays.int8_weights`). On a GPU float16 is what is computed in.

Lesson: notebooks/10_weights_on_disk.ipynb
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from npconformer.arrays.dtypes import dtype_name
from npconformer.checkpoints.quantization import NONE, Quantization
from npconformer.nn.stored_layers import KINDS

AS_IN_THE_FILE = "as in the file"
SMALL = 2**24  # numbers: a file of fewer takes less than 64 MiB in float32, and is not worth widening at every call


class Precision(NamedTuple):
    """What to compute in, and what the matrices are stored in: one of KINDS, AS_IN_THE_FILE, or None: as computed."""

    dtype: np.dtype
    kind: str | None = None

    def kind_of(self, stored: str) -> str | None:
        """What a matrix is stored in that the file stores in the dtype of that name."""
        if self.kind == AS_IN_THE_FILE:
            return stored if stored in KINDS else None
        return self.kind


def resolve_precision(
    dtype: Any, config: Any, file: Any, device: str | None, quantization: Quantization = NONE
) -> Precision:
    """What `from_pretrained` loads in.

    Args:
        dtype: as its argument. None: float32, or float64 where the configuration says so, or, if it says nothing,
            the first floating weights of the file are stored in it (as in transformers).
        file: the weights; empty for a model without.

    Raises:
        ValueError: a dtype that is none, or not for this device, or two that contradict each other.
    """
    on_gpu = device is not None and not str(device).startswith("cpu")
    named = dtype_name(dtype)
    automatic = named is None or (isinstance(named, str) and named == "auto")
    if automatic:
        stored = config.dtype or next((kind for name in file if "float" in (kind := file.stored_dtype(name))), None)
        named = "float64" if stored == "float64" else "float32"
    kind = None
    if quantization.to_int8 or (not on_gpu and _names(named, "int8")):
        if on_gpu:
            raise ValueError('load_in_8bit: int8 weights are for a CPU here; on a GPU use dtype="float16"')
        if not automatic and not any(_names(named, one) for one in ("int8", "float32", "float16", "bfloat16")):
            raise ValueError(f"dtype is {dtype!r}, and int8 weights are computed in float32: leave one of them out")
        named, kind = "float32", "int8"
    elif not on_gpu and (asked := next((one for one in ("float16", "bfloat16") if _names(named, one)), None)):
        named, kind = "float32", asked
    elif automatic and not on_gpu and named == "float32":
        kind = _kind_in_file(dtype, file)
    allowed = ("float32", "float64", "float16") if on_gpu else ("float32", "float64")
    more = "or 'auto'" if on_gpu else "or 'auto'; float16, bfloat16 and int8 to store weights in"
    return Precision(one_of(named, allowed, more, dtype), kind)


def _kind_in_file(dtype: Any, file: Any) -> str | None:
    """AS_IN_THE_FILE where it stores matrices in int8; with "auto", also where it stores many in 16 bits."""
    stored = {name: file.stored_dtype(name) for name in file}
    if "int8" in stored.values():
        return AS_IN_THE_FILE
    halves = [math.prod(file.shape(name)) for name, kind in stored.items() if kind in ("float16", "bfloat16")]
    return AS_IN_THE_FILE if dtype is not None and sum(halves) >= SMALL else None


def _names(dtype: Any, name: str) -> bool:
    """Whether a dtype, by its name or as an object of NumPy or torch, is the one of that name."""
    if isinstance(dtype, str):
        return dtype == name
    try:
        return np.dtype(dtype).name == name
    except TypeError:
        return False


def one_of(dtype: Any, allowed: tuple[str, ...], more: str, given: Any = None) -> np.dtype:
    """The NumPy dtype of that name, or of NumPy's or torch's object; ValueError, ending in `more`, for any other.

    given: what the message says was given, if it is another than `dtype`.
    """
    is_of_numpy = isinstance(dtype, np.dtype) or (isinstance(dtype, type) and issubclass(dtype, np.generic | float))
    try:
        resolved = np.dtype(dtype if is_of_numpy else str(dtype).removeprefix("torch."))
    except TypeError:
        resolved = None
    if dtype is None or resolved is None or resolved.name not in allowed:
        raise ValueError(f"dtype is {dtype if given is None else given!r}; expected one of {', '.join(allowed)} {more}")
    return resolved
