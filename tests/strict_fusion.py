"""The stand-in device's way of making one kernel of several steps: it refuses what `cupy.fuse` refuses.

`cupy.fuse` calls the function once with stand-ins of its arrays, and records what is done to them. They have a dtype
and a number of axes, operators (in place, too), `copy`, `astype` and `x[...] = y`, and go into element-wise functions;
they have no shape, no parts and no other methods, and no array can be made beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from strict_array import DeviceArray, to_host

ALLOWED = {"dtype", "ndim", "copy", "astype", "_host"}


class FusionArray(DeviceArray):
    """An array as the function sees it while its steps are recorded; here they are done as well."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__") and name not in ALLOWED:
            raise TypeError(f"x.{name}: an array inside a fused kernel has none")
        return super().__getattribute__(name)

    def __getitem__(self, index: Any) -> Any:
        raise TypeError("x[index]: an array inside a fused kernel has no parts")

    def __len__(self) -> int:
        raise TypeError("len(x): an array inside a fused kernel has no length")

    def __setitem__(self, index: Any, value: Any) -> None:
        if index is not Ellipsis:
            raise TypeError("x[index] = y: inside a fused kernel only x[...] = y")
        self._host[...] = to_host(value, "x[...] = y")

    def __bool__(self) -> bool:
        raise TypeError("if x: the steps of a fused kernel are the same for all numbers")


class Fusion:
    """Calls of one fused function; `made` counts how many there are of each name."""

    made: dict[str, int]

    def __init__(self) -> None:
        self.made = {}
        self.active = False

    def __call__(self, function: Callable, name: str) -> Callable:
        assert name.isidentifier() and name.isascii(), f"{name!r} cannot be the name of a kernel"
        self.made[name] = self.made.get(name, 0) + 1

        def kernel(*arrays: Any) -> None:
            assert type(arrays[0]) is DeviceArray  # numbers may stand beside arrays
            np.broadcast_shapes(*[array.shape for array in arrays if isinstance(array, DeviceArray)])
            self.active = True
            try:
                returned = function(*[FusionArray(x._host) if isinstance(x, DeviceArray) else x for x in arrays])
            finally:
                self.active = False
            assert returned is None, "a kernel writes its results into its arrays"

        return kernel

    def refuse(self, what: str) -> None:
        """Called by what cannot be part of a kernel."""
        if self.active:
            raise TypeError(f"{what} cannot be a part of a fused kernel")


FUSION = Fusion()
