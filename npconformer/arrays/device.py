"""Where an array lies, in torch's words, and the devices that people name: "cuda:0", 0, -1, torch's own objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import Backend, BackendError, backend_of, get_backend

ON_THE_CPU = 'for the CPU write device="cpu" or device=-1'


class Device(str):
    """ "cpu" or "cuda:0": text, with what torch's devices have beside it.

    Attributes:
        type: "cpu" or "cuda".
        index: the number of the GPU, or None.
    """

    __slots__ = ()

    @property
    def type(self) -> str:
        return str(self).partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]  # of a device, where text has a search of that name
        number = self.partition(":")[2]
        return int(number) if number else None


def device(name: Any, index: int | None = None) -> Device:
    """The device of that name: device("cuda", 0) is "cuda:0", as for torch. ValueError for another name."""
    name = str(name).lower() if index is None else f"{name}:{index}"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise ValueError(f'device={name!r} is not known: expected "cpu", "cuda" or "cuda:0"')
    return Device(name)


def device_of(array: Any) -> Device:
    """The device of an array: "cpu" for NumPy's, "cuda:N" for CuPy's, else the name of its backend."""
    name = backend_of(array).name
    if name == "cupy":
        return Device(f"cuda:{array.device.id}")
    return Device("cpu" if name == "numpy" else name)


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


def mapped_device(device_map: Any) -> str | None:
    """The one device that a `device_map` of transformers means; None leaves arrays where they are made.

    "auto" and its kin take a GPU where there is one. Raises ValueError for a model spread over several devices.
    """
    if isinstance(device_map, dict):
        places = {str(place) for place in device_map.values()}
        if len(places) != 1:
            raise ValueError(f"device_map: a model is on one device here, got {sorted(places) or 'none'}")
        device_map = places.pop()
    if device_map is None:
        return None
    name = str(device_map)
    if name not in ("auto", "balanced", "balanced_low_0", "sequential"):
        return f"cuda:{name}" if name.isdecimal() else name
    try:
        return get_backend("cuda").name
    except BackendError:
        return None
