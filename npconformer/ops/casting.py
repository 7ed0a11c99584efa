"""The same numbers in another dtype, on another device, or in memory of their own.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import Backend, backend_of, to_backend
from npconformer.arrays.device import Device, device_backend, device_of
from npconformer.arrays.dtypes import dtype_name
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class Cast(Operation):
    """y = x in another dtype;  dx = dy in x's"""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype

    def forward(self, x: Array) -> Array:
        self.input_dtype = x.dtype
        return x.astype(self.dtype)

    def backward(self, grad: Array) -> Array:
        return grad.astype(self.input_dtype)


class Move(Operation):
    """y = x in another library's memory;  dx = dy in x's"""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def forward(self, x: Array) -> Array:
        self.source = backend_of(x)
        return to_backend(x, self.backend)

    def backward(self, grad: Array) -> Array:
        return to_backend(grad, self.source)


class Clone(Operation):
    """y = a copy of x;  dx = dy"""

    def forward(self, x: Array) -> Array:
        return x.copy()

    def backward(self, grad: Array) -> Array:
        return grad


def cast(x: Tensor, dtype: Any) -> Tensor:
    """x in that dtype; x itself where it has it."""
    dtype = np.dtype(dtype)
    return x if x.dtype == dtype else Cast(dtype)(x)


def move(x: Tensor, device: Any) -> Tensor:
    """x in the memory of "cpu" or "cuda"; x itself where it is there."""
    backend = device_backend(device)
    return x if backend_of(x.data) is backend else Move(backend)(x)


def clone(x: Tensor) -> Tensor:
    """A copy with memory of its own."""
    return Clone()(x)


def to(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """x.to(dtype), x.to(device), x.to(device, dtype) or x.to(another tensor); x itself where nothing changes.

    A dtype is NumPy's, its name, or Python's float, int and bool; a device "cpu" or "cuda". `copy=True` gives new
    memory in any case; `non_blocking` is for code that has it.

    Raises:
        TypeError: a keyword that is none of these.
        ValueError: what is neither a dtype nor a device.
    """
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    kwargs.pop("non_blocking", None)
    copy = kwargs.pop("copy", False)
    if kwargs:
        raise TypeError(f"to: no argument is called {', '.join(kwargs)}; expected device, dtype, copy, non_blocking")
    for given in args[:2]:
        if isinstance(given, Tensor):
            device, dtype = device_of(given.data), given.dtype
        elif isinstance(given, (Device, Backend)) or _names_a_device(given):
            device = given.name if isinstance(given, Backend) else given
        elif given is not None and not (isinstance(given, bool) and dtype is not None):
            dtype = given
    try:
        dtype = x.dtype if dtype is None else np.dtype(dtype_name(dtype))
    except TypeError:
        raise ValueError(f'to: expected a dtype of NumPy, "cpu" or "cuda", got {dtype!r}') from None
    moved = cast(x if device is None else move(x, device), dtype)
    return clone(moved) if copy and moved is x else moved


def _names_a_device(given: Any) -> bool:
    return str(getattr(given, "type", given)).partition(":")[0] in ("cpu", "cuda", "numpy", "cupy", "gpu")
