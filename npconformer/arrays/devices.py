"""Devices and dtypes by the names that people write: "cuda:0", 0, -1, "torch.float16", torch's own objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import Backend, BackendError, get_backend

ON_THE_CPU = 'for the CPU write device="cpu" or device=-1'


def device_backend(device: Any) -> Backend:
    """The backend of a device: "cpu" or -1; "cuda", "cuda:0" or 0; an object whose text is one of these.

    Raises:
        BackendError: CuPy or a GPU is missing.
        ValueError: no such device, or another GPU than the first that is visible.
    """
    if isinstance(device, Backend):
        return device
    if isinstance(device, int | np.integer) and not isinstance(device, bool):
        name = "cpu" if device < 0 else f"cuda:{device}"
    else:
        name = str(device)
    kind, _, ordinal = name.lower().partition(":")
    if ordinal not in ("", "0"):
        raise ValueError(
            f"device={device!r}: one GPU is used, the first that is visible; write device=0 and choose the GPU "
            "with the environment variable CUDA_VISIBLE_DEVICES"
        )
    try:
        return get_backend(kind)
    except BackendError as error:
        raise BackendError(f"device={device!r}: {error} {ON_THE_CPU[0].upper()}{ON_THE_CPU[1:]}.") from error
    except ValueError:
        raise ValueError(
            f'device={device!r} is not known: expected "cpu" or -1, or "cuda", "cuda:0" or 0 for a GPU'
        ) from None


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
