"""Operations that move values without changing them: reshape, transpose, repetition, concatenate, pad.

What torch offers beside them (view, squeeze, split, ...) is in `shapes.py`, made of these.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from npconformer.arrays.types import Array
from npconformer.ops.arithmetic import unbroadcast
from npconformer.ops.axes import from_front
from npconformer.tape.autograd import Operation, Tensor


class Reshape(Operation):
    """y has x's values in the same order, in another shape;  dx = dy in x's shape"""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.input_shape = x.shape
        return x.reshape(self.shape)

    def backward(self, grad: Array) -> Array:
        return grad.reshape(self.input_shape)


class Transpose(Operation):
    """y[i_axes[0], i_axes[1], ...] = x[i_0, i_1, ...];  dx = dy under the inverse permutation"""

    def __init__(self, axes: tuple[int, ...] | None) -> None:
        self.axes = axes

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def backward(self, grad: Array) -> Array:
        inverse = None if self.axes is None else tuple(int(i) for i in np.argsort([a % grad.ndim for a in self.axes]))
        return grad.transpose(inverse)


class Expand(Operation):
    """y = x repeated along new axes and along those of length 1;  dx = dy added up over the repetitions"""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.save(x)
        return self.xp.broadcast_to(x, self.shape)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return unbroadcast(grad, x)


class Concatenate(Operation):
    """y = the inputs one after the other along an axis;  each dx = its own part of dy"""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, *arrays: Array) -> Array:
        self.lengths = [x.shape[self.axis] for x in arrays]
        return self.xp.concatenate(arrays, axis=self.axis)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        axis = self.axis % grad.ndim
        ends = np.cumsum(self.lengths).tolist()
        parts = [(slice(None),) * axis + (slice(end - n, end),) for end, n in zip(ends, self.lengths, strict=True)]
        return tuple(grad[part] if need else None for part, need in zip(parts, self.needs, strict=True))


class Pad(Operation):
    """y = x with a constant before and after it along each axis;  dx = the part of dy that x filled"""

    def __init__(self, widths: Sequence[tuple[int, int]], value: float) -> None:
        self.widths, self.value = widths, value

    def forward(self, x: Array) -> Array:
        self.inner = tuple(slice(before, before + n) for (before, _), n in zip(self.widths, x.shape, strict=True))
        shape = tuple(before + n + after for (before, after), n in zip(self.widths, x.shape, strict=True))
        y = self.xp.full(shape, self.value, dtype=x.dtype)
        y[self.inner] = x
        return y

    def backward(self, grad: Array) -> Array:
        return grad[self.inner]


def reshape(x: Tensor | Array, *shape: Any) -> Tensor:
    """x in another shape; one length may be -1."""
    return Reshape(tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape)(x)


def transpose(x: Tensor | Array, *axes: Any) -> Tensor:
    """x with its axes permuted: reversed when none are given, in the order of a sequence or of three and more numbers.

    Two numbers are the two axes that change places, as in torch. (So `transpose(x, 0, 1)` is no transpose(x, (0, 1)).)
    """
    if len(axes) == 2:
        order = list(range(len(x.shape)))
        first, second = (from_front(axis, len(order), "axes") for axis in axes)
        order[first], order[second] = second, first
        return Transpose(tuple(order))(x)
    given = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) else axes or None
    return Transpose(None if given is None else tuple(given))(x)


def concatenate(tensors: Sequence[Tensor | Array], axis: int = 0) -> Tensor:
    """The tensors one after the other along the axis."""
    if not tensors:
        raise ValueError("tensors: expected at least one tensor to concatenate, got none")
    if len({x.dtype for x in tensors}) > 1:
        raise ValueError(f"tensors: expected one dtype, got {', '.join(str(x.dtype) for x in tensors)}")
    return Concatenate(axis)(*tensors)


def broadcast_to(x: Tensor | Array, shape: Sequence[int]) -> Tensor:
    """x repeated to that shape."""
    return Expand(tuple(shape))(x)


def pad(x: Tensor | Array, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """x with `value` added around it: widths[i] = (before, after) along axis i."""
    if len(widths) != len(x.shape):
        raise ValueError(f"widths: expected one (before, after) for each of {len(x.shape)} axes, got {len(widths)}")
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"widths: expected lengths of 0 or more, got {list(widths)}")
    return Pad([(before, after) for before, after in widths], value)(x)
