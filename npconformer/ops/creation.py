"""New tensors, by torch's names and rules.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npconformer.arrays.backend import default_backend, get_backend, is_array, to_backend
from npconformer.ops.axes import lengths_of
from npconformer.tape.autograd import Tensor


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with its own memory. Python's numbers become float32 or int64; arrays and tensors keep their dtype."""
    if isinstance(data, Tensor):
        data = data.data
    if is_array(data):
        array = data.copy()
    else:
        array = np.array(data)
        if dtype is None and array.dtype == np.float64 and not isinstance(_first(data), (np.generic, np.ndarray)):
            dtype = np.float32
    return Tensor(_placed(array if dtype is None else array.astype(dtype), device, array), requires_grad)


def _first(data: Any) -> Any:
    """The first of the numbers in nested lists."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _placed(array: Any, device: Any, source: Any = None) -> Any:
    if device is None:
        return array if source is not None else to_backend(array, default_backend())
    return to_backend(array, get_backend(str(device).partition(":")[0]))


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares the array's memory.

    Raises:
        TypeError: it is no NumPy array.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(array).__name__}")
    return Tensor(array)


def zeros(*size: Any, dtype: Any = np.float32, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros, float32 unless another dtype is asked for."""
    return Tensor(_placed(np.zeros(lengths_of(size), dtype), device), requires_grad)


def ones(*size: Any, dtype: Any = np.float32, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones, float32 unless another dtype is asked for."""
    return Tensor(_placed(np.ones(lengths_of(size), dtype), device), requires_grad)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Numbers from `start` (0 if only one is given) up to `end`, without it: int64, or float32 if one of them is."""
    start, end = (0, start) if end is None else (start, end)
    if dtype is None:
        dtype = np.float32 if any(isinstance(number, float) for number in (start, end, step)) else np.int64
    return Tensor(_placed(np.arange(start, end, step, dtype=dtype), device))
