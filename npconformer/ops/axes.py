"""The two names of one argument: `axis` and `keepdims` as NumPy says, `dim` and `keepdim` as torch does.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None


def one_axis(axis: Any, dim: Any) -> Any:
    """The one of the two that was given; a list of axes as a tuple.

    Raises:
        TypeError: both were given.
    """
    if axis is not None and dim is not None:
        raise TypeError(f"axis={axis} and dim={dim} are two names of one argument: give one of them")
    chosen = axis if dim is None else dim
    return tuple(chosen) if isinstance(chosen, list) else chosen


def lengths_of(numbers: Sequence[Any]) -> tuple[int, ...]:
    """Lengths or axes that were given one by one, or as one sequence: f(2, 3) and f((2, 3)) are the same."""
    if len(numbers) == 1 and isinstance(numbers[0], (tuple, list)):
        numbers = numbers[0]
    return tuple([operator.index(number) for number in numbers])


def from_front(axis: int, ndim: int, name: str = "dim") -> int:
    """The axis counted from the front.

    Raises:
        AxisError: there is no such axis; it is a ValueError and an IndexError.
    """
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(f"{name}: expected an axis in {-ndim}..{ndim - 1}, got {axis}")
    return axis % ndim
