"""Number types by the names that people write: "torch.float16", torch's own objects, NumPy's; float16 made wide."""

from __future__ import annotations

from typing import Any

import numpy as np


def dtype_name(dtype: Any) -> Any:
    """torch's dtypes, and their names such as "torch.float16", by their plain names; anything else as it is."""
    if isinstance(dtype, str) or type(dtype).__module__ == "torch":
        return str(dtype).removeprefix("torch.")
    return dtype


def floating_dtype(dtype: Any) -> np.dtype | None:
    """The dtype of that name or type if it is one of floating-point numbers; None for everything else."""
    try:
        found = np.dtype(dtype_name(dtype))
    except TypeError:
        return None
    return found if found.kind == "f" and dtype is not None else None


def wide_dtype(dtype: Any) -> np.dtype:
    """What sums of numbers of this dtype are held in: float32 for float16, else the same."""
    return np.dtype(np.float32) if dtype == np.float16 else np.dtype(dtype)


def is_float16(value: Any) -> bool:
    """Whether it is an array of float16; anything may be asked."""
    return getattr(value, "dtype", None) == np.float16


def widened(arrays: Any) -> Any:
    """An array, or all those in a tuple or list, in float32 where they are float16; what else there is stays."""
    return cast_arrays(arrays, np.float16, np.float32)


def cast_arrays(arrays: Any, source: Any, target: Any) -> Any:
    """The same for any two dtypes."""
    if isinstance(arrays, tuple | list):
        return tuple([cast_arrays(array, source, target) for array in arrays])
    return arrays.astype(target) if getattr(arrays, "dtype", None) == source else arrays
