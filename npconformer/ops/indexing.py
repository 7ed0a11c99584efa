"""Reading with an index, and assignment under a mask.

Lesson: notebooks/01_the_tape.ipynb, notebooks/06_self_supervision.ipynb
"""

from __future__ import annotations

from typing import Any

from npconformer.arrays.backend import asarray, is_array, no_scalar, scatter_add
from npconformer.arrays.types import Array
from npconformer.ops.arithmetic import broadcasts_to, unbroadcast
from npconformer.tape.autograd import Operation, Tensor

PLAIN = (int, slice, type(None), type(...))  # parts of an index that are no arrays and name each position once


class GetItem(Operation):
    """y = x[index];  dx is dy added up at the positions that the index names, 0 elsewhere"""

    def __init__(self, index: Any) -> None:
        self.index = index

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return no_scalar(self.xp, x[self.index])

    def backward(self, grad: Array) -> Array:
        dx = self.xp.zeros(self.shape, grad.dtype)
        if _names_each_position_once(self.index):
            dx[self.index] = grad
        else:
            scatter_add(dx, self.index, grad)
        return dx


def _names_each_position_once(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(part, PLAIN) or (is_array(part) and part.dtype.kind == "b") for part in parts)


class MaskedAssign(Operation):
    """y = value where mask, x elsewhere;  dx = dy where not mask,  dvalue = dy where mask, summed to value's shape"""

    def forward(self, x: Array, mask: Array, value: Array) -> Array:
        self.save(mask, value)
        return self.xp.where(mask, value.astype(x.dtype, copy=False), x)

    def backward(self, grad: Array) -> tuple[Array | None, None, Array | None]:
        mask, value = self.saved
        zero = self.xp.zeros((), grad.dtype)
        return (
            self.xp.where(mask, zero, grad) if self.needs[0] else None,
            None,
            unbroadcast(self.xp.where(mask, grad, zero), value) if self.needs[2] else None,
        )


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index] for whatever NumPy takes, and tensors: integers, slices, None, ..., arrays of integers or booleans."""
    if isinstance(index, tuple):
        return GetItem(tuple([as_index(part, x.data) for part in index]))(x)
    return GetItem(as_index(index, x.data))(x)


def as_index(part: Any, like: Array) -> Any:
    """One part of an index, as the array `like` takes it."""
    if isinstance(part, PLAIN):  # nearly always
        return part
    if isinstance(part, Tensor):
        return asarray(part.data, like)
    if is_array(part):
        return asarray(part, like)
    if isinstance(part, list) and any(isinstance(one, Tensor) for one in part):
        return [one.item() if isinstance(one, Tensor) and one.data.ndim == 0 else one for one in part]
    return part  # the bounds of a slice may be tensors: they have __index__


def masked_assign(x: Tensor | Array, mask: Tensor | Array, value: Tensor | Array | float) -> Tensor:
    """A copy of x in which positions where the mask is true hold `value` (a number, array or tensor that broadcasts).

    Raises:
        ValueError: the mask is not boolean, or the mask or the value does not broadcast to x's shape.
    """
    mask = mask.data if isinstance(mask, Tensor) else mask
    if mask.dtype.kind != "b":
        raise ValueError(f"mask: expected a boolean array, got dtype {mask.dtype}")
    array = x.data if isinstance(x, Tensor) else x
    if not isinstance(value, Tensor):
        value = Tensor(asarray(value, array).astype(array.dtype, copy=False))
    for name, shape in (("mask", mask.shape), ("value", value.shape)):
        if not broadcasts_to(shape, x.shape):
            raise ValueError(f"{name}: shape {shape} does not broadcast to {x.shape}")
    return MaskedAssign()(x, asarray(mask, array), value)
