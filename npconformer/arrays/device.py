"""Where an array lies, in torch's words."""

from __future__ import annotations

from typing import Any

from npconformer.arrays.backend import backend_of


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
