"""Initial values of weights, drawn from the package's generator.

Under `no_init` none are drawn. Under `size_limit` there is an end to how many there may be: a settings file of a few
bytes can ask for more than any machine has.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from npconformer.arrays import generator
from npconformer.arrays.backend import default_backend, to_backend


class _State(threading.local):
    skip = False
    counting = False
    left: float = math.inf  # how many numbers may still be made
    too_many = ""


_state = _State()


class no_init:
    """Inside, new parameters are left empty (no memory is touched), because they are about to be loaded."""

    def __enter__(self) -> None:
        self._before, _state.skip = _state.skip, True

    def __exit__(self, *exception: object) -> None:
        _state.skip = self._before


class size_limit:
    """Inside, all new parameters together may have so many numbers.

    What would be too large is refused before memory is asked for.

    Args:
        numbers: how many there may be.
        too_many: what the ValueError then says.
        counting: only count: parameters have their shapes and no memory, and can be used for nothing.
    """

    def __init__(self, numbers: float, too_many: str, counting: bool = False) -> None:
        self._inside = {"left": numbers, "too_many": too_many}
        if counting:
            self._inside.update(skip=True, counting=True)

    def __enter__(self) -> None:
        self._before = {name: getattr(_state, name) for name in self._inside}
        vars(_state).update(self._inside)

    def __exit__(self, *exception: object) -> None:
        vars(_state).update(self._before)


def is_skipped() -> bool:
    """Whether `no_init` is active."""
    return _state.skip


def _place(array: np.ndarray) -> Any:
    return to_backend(array, default_backend())


def _claim(shape: tuple[int, ...]) -> None:
    _state.left -= math.prod(shape)
    if _state.left < 0:
        raise ValueError(_state.too_many)


def empty(*shape: int) -> Any:
    """An array whose memory has not been touched."""
    _claim(shape)
    if _state.counting:
        return np.broadcast_to(np.float32(0), shape)
    return _place(np.empty(shape, np.float32))


def constant(value: float, *shape: int) -> Any:
    """All numbers equal."""
    if _state.skip:
        return empty(*shape)
    _claim(shape)
    return _place(np.full(shape, value, np.float32))


def normal(mean: float, std: float, *shape: int) -> Any:
    """Normally distributed numbers."""
    if _state.skip:
        return empty(*shape)
    _claim(shape)
    values = generator.get_generator().standard_normal(shape, dtype=np.float32)
    values *= np.float32(std)
    values += np.float32(mean)
    return _place(values)


def uniform(low: float, high: float, *shape: int) -> Any:
    """Numbers evenly distributed from low to high."""
    if _state.skip:
        return empty(*shape)
    _claim(shape)
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
