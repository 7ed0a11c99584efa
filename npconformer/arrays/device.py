"""Where arrays lie, as a name: "cpu" or "cuda", with what code written for torch asks of a device.

>>> model.to(model.device), model.device == "cpu", model.device.type
"""

from __future__ import annotations

from typing import Any

from npconformer.arrays.backend import BackendError, backend_of, get_backend


class Device(str):
    """A string, so that it can be given and compared wherever a device's name can."""

    __slots__ = ()

    @property
    def type(self) -> str:
        """The kind alone: "cpu" or "cuda"."""
        return str(self).partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """The number behind the kind, where there is one."""
        number = str(self).partition(":")[2]
        return int(number) if number else None


def device_of(array: Any) -> Device:
    """Where an array lies."""
    return Device("cpu" if backend_of(array).name != "cupy" else "cuda")


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
