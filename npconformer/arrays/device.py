"""Where an array lies, in torch's words."""

from __future__ import annotations

from typing import Any

from npconformer.arrays.backend import BackendError, backend_of, get_backend


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


def device_of(array: Any) -> Device:
    """The device of an array: "cpu" for NumPy's, "cuda:N" for CuPy's, else the name of its backend."""
    name = backend_of(array).name
    if name == "cupy":
        return Device(f"cuda:{array.device.id}")
    return Device("cpu" if name == "numpy" else name)


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
