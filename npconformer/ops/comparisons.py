"""Comparisons and logic, element by element. They have no gradient: the result is a tensor of booleans.

`==` compares elements too; tensors are still told apart by identity where a dict or a set asks for their hash.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from npconformer.arrays.backend import asarray, get_array_module, is_array, no_scalar
from npconformer.ops.axes import Axis, one_axis
from npconformer.tape.autograd import Tensor
from npconformer.tape.grad_mode import mode


def _operand(value: Any, like: Any) -> Any:
    """The other operand for `like`: an array beside it, or a Python number; None for what is neither."""
    if isinstance(value, Tensor):
        return asarray(value.data, like)
    if is_array(value):
        return asarray(value, like)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return asarray(np.asarray(value), like)
    return value if isinstance(value, (bool, int, float)) else None


def _elementwise(name: str, symbol: str) -> Callable[[Any, Any], Any]:
    def compare(x: Any, other: Any) -> Any:
        x = x if isinstance(x, Tensor) else Tensor(x)
        operand = _operand(other, x.data)
        if operand is None:
            return NotImplemented
        xp = get_array_module(x.data)
        return Tensor(no_scalar(xp, getattr(xp, name)(x.data, operand)))

    compare.__name__ = name
    compare.__doc__ = f"x {symbol} y for each element, as booleans."
    return compare


equal = _elementwise("equal", "==")
not_equal = _elementwise("not_equal", "!=")
less = _elementwise("less", "<")
less_equal = _elementwise("less_equal", "<=")
greater = _elementwise("greater", ">")
greater_equal = _elementwise("greater_equal", ">=")
bitwise_and = _elementwise("bitwise_and", "&")
bitwise_or = _elementwise("bitwise_or", "|")
bitwise_xor = _elementwise("bitwise_xor", "^")
logical_and = _elementwise("logical_and", "and")
logical_or = _elementwise("logical_or", "or")
logical_xor = _elementwise("logical_xor", "xor")


_divide_whole = _elementwise("floor_divide", "//")


def floor_divide(x: Any, other: Any) -> Any:
    """x // y for each element, which has no gradient.

    Raises:
        TypeError: one of them is being recorded.
    """
    if mode.grad_enabled and True in [isinstance(one, Tensor) and one.requires_grad for one in (x, other)]:
        raise TypeError("x // y is not recorded, so the gradient would be lost: use `.detach()`")
    return _divide_whole(x, other)


def _each(name: str, what: str) -> Callable[[Any], Tensor]:
    def each(x: Any) -> Tensor:
        array = x.data if isinstance(x, Tensor) else x
        xp = get_array_module(array)
        return Tensor(no_scalar(xp, getattr(xp, name)(array)))

    each.__name__ = name
    each.__doc__ = f"Which elements are {what}."
    return each


isnan = _each("isnan", "NaN")
isinf = _each("isinf", "infinite")
isfinite = _each("isfinite", "neither NaN nor infinite")
logical_not = _each("logical_not", "false or 0")
invert = _each("invert", "false; of integers, all bits turned")


def all(x: Any, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False) -> Tensor:
    """Whether every element along the axes is true (or not 0)."""
    return Tensor(x.data.all(axis=one_axis(axis, dim), keepdims=keepdims or keepdim))


def any(x: Any, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False) -> Tensor:
    """Whether some element along the axes is true (or not 0)."""
    return Tensor(x.data.any(axis=one_axis(axis, dim), keepdims=keepdims or keepdim))


def allclose(x: Tensor, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether |x - other| <= atol + rtol |other| everywhere."""
    xp = get_array_module(x.data)
    return bool(xp.allclose(x.data, _operand(other, x.data), rtol=rtol, atol=atol, equal_nan=equal_nan))


def are_equal(x: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and the same elements: torch's `x.equal(other)`."""
    return x.shape == other.shape and bool((x.data == asarray(other.data, x.data)).all())


def isclose(x: Tensor, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where |x - other| <= atol + rtol |other|."""
    xp = get_array_module(x.data)
    return Tensor(xp.isclose(x.data, _operand(other, x.data), rtol=rtol, atol=atol, equal_nan=equal_nan))


def count_nonzero(x: Tensor, dim: Axis = None, *, axis: Axis = None) -> Tensor:
    """How many elements are not 0 (or are true)."""
    return Tensor((x.data != 0).sum(axis=one_axis(axis, dim)))


def contains(x: Tensor, value: Any) -> bool:
    """Whether an element of x is that number."""
    return bool(equal(x, value).data.any())


def nonzero(x: Tensor, as_tuple: bool = False) -> Any:
    """Where x is not 0 (or false): one row of indices for each place, or one tensor for each axis."""
    places = x.data.nonzero()
    if as_tuple:
        return tuple(Tensor(axis) for axis in places)
    return Tensor(get_array_module(x.data).stack(places, axis=-1))
