"""Initial values of weights, drawn from the package's generator; and `no_init`, under which none are drawn."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from npconformer.arrays import generator
from npconformer.arrays.backend import default_backend, to_backend


class _State(threading.local):
    skip = False


_state = _State()


class no_init:
    """Inside, new parameters are left empty (no memory is touched), because they are about to be loaded."""

    def __enter__(self) -> None:
        self._before, _state.skip = _state.skip, True

    def __exit__(self, *exception: object) -> None:
        _state.skip = self._before


def is_skipped() -> bool:
    """Whether `no_init` is active."""
    return _state.skip


def _place(array: np.ndarray) -> Any:
    return to_backend(array, default_backend())


def empty(*shape: int) -> Any:
    """An array whose memory has not been touched."""
    return _place(np.empty(shape, np.float32))


def constant(value: float, *shape: int) -> Any:
    """All numbers equal."""
    return empty(*shape) if _state.skip else _place(np.full(shape, value, np.float32))


def normal(mean: float, std: float, *shape: int) -> Any:
    """Normally distributed numbers."""
    if _state.skip:
        return empty(*shape)
    values = generator.get_generator().standard_normal(shape, dtype=np.float32)
    values *= np.float32(std)
    values += np.float32(mean)
    return _place(values)


def uniform(low: float, high: float, *shape: int) -> Any:
    """Numbers evenly distributed from low to high."""
    if _state.skip:
        return empty(*shape)
    values = generator.get_generator().random(shape, dtype=np.float32)
    values *= np.float32(high - low)
    values += np.float32(low)
    return _place(values)


def xavier_uniform(rows: int, columns: int) -> Any:
    """Uniform with bound sqrt(6 / (rows + columns))   (Glorot and Bengio 2010, equation 16)."""
    bound = math.sqrt(6 / (rows + columns))
    return uniform(-bound, bound, rows, columns)


def kaiming_normal(*shape: int) -> Any:
    """Normal with std sqrt(2 / fan_in), fan_in the size of all axes but the first   (He et al. 2015, equation 10)."""
    return normal(0.0, math.sqrt(2 / math.prod(shape[1:])), *shape)
