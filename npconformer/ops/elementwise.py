"""More functions of single numbers: absolute value, bounds, logarithms, sine, steps, and a choice between two tensors.

For y = f(x) the gradient is the upstream gradient times f'(x). Where f has a corner, it is the one that torch takes:
0 for |x| at 0, all of it for a number that lies on the bound of `clamp`, a half for each of two equal numbers.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from npconformer.arrays.backend import asarray, is_array
from npconformer.arrays.types import Array
from npconformer.ops.arithmetic import Operand, divide, exp, multiply, pair_operands, power, unbroadcast
from npconformer.tape.autograd import Operation, Tensor


class Absolute(Operation):
    """y = |x|;  dx = dy sign(x)"""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return self.xp.abs(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * self.xp.sign(x)


class Clamp(Operation):
    """y = min(max(x, low), high);  dx = dy where low <= x <= high"""

    def __init__(self, low: float | None, high: float | None) -> None:
        self.low, self.high = low, high

    def forward(self, x: Array) -> Array:
        self.save(x)
        y = x if self.low is None else self.xp.maximum(x, self.low)
        return y if self.high is None else self.xp.minimum(y, self.high)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        inside = (x == x) if self.low is None else x >= self.low
        return grad * (inside if self.high is None else inside & (x <= self.high))


class Larger(Operation):
    """y = max(a, b);  da = dy where a > b, half of it where they are equal; db likewise"""

    name = "maximum"

    def forward(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return getattr(self.xp, self.name)(a, b)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        a, b = self.saved
        half = (a == b) * grad / 2
        is_a, is_b = (a > b, a < b) if self.name == "maximum" else (a < b, a > b)
        return (
            unbroadcast(grad * is_a + half, a) if self.needs[0] else None,
            unbroadcast(grad * is_b + half, b) if self.needs[1] else None,
        )


class Smaller(Larger):
    """y = min(a, b);  da = dy where a < b, half of it where they are equal; db likewise"""

    name = "minimum"


class Remainder(Operation):
    """y = a - b floor(a / b);  da = dy,  db = -dy floor(a / b)"""

    def forward(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return self.xp.remainder(a, b)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        a, b = self.saved
        return (
            unbroadcast(grad, a) if self.needs[0] else None,
            unbroadcast(-grad * self.xp.floor(a / b), b) if self.needs[1] else None,
        )


class Where(Operation):
    """y = a where the condition holds, else b;  da = dy there, db = dy elsewhere"""

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        self.save(condition, a, b)
        return self.xp.where(condition, a, b)

    def backward(self, grad: Array) -> tuple[None, Array | None, Array | None]:
        condition, a, b = self.saved
        zero = self.xp.zeros((), grad.dtype)
        return (
            None,
            unbroadcast(self.xp.where(condition, grad, zero), a) if self.needs[1] else None,
            unbroadcast(self.xp.where(condition, zero, grad), b) if self.needs[2] else None,
        )


class Log1p(Operation):
    """y = ln(1 + x);  dx = dy / (1 + x)"""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return self.xp.log1p(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad / (1 + x)


class Expm1(Operation):
    """y = e^x - 1;  dx = dy (y + 1)"""

    def forward(self, x: Array) -> Array:
        y = self.xp.expm1(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad * (y + 1)


class Sin(Operation):
    """y = sin x;  dx = dy cos x"""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return self.xp.sin(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * self.xp.cos(x)


class Cos(Operation):
    """y = cos x;  dx = -dy sin x"""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return self.xp.cos(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return -grad * self.xp.sin(x)


class Steps(Operation):
    """y = f(x) for f that is constant between its steps: sign, floor, ceil, rint, trunc;  dx = 0"""

    def __init__(self, name: str) -> None:
        self.name = name

    def forward(self, x: Array) -> Array:
        return getattr(self.xp, self.name)(x)

    def backward(self, grad: Array) -> Array:
        return self.xp.zeros_like(grad)


def absolute(x: Tensor | Array) -> Tensor:
    """|x|"""
    return Absolute()(x)


def clamp(x: Tensor | Array, min: Any = None, max: Any = None) -> Tensor:
    """x, with what is below `min` raised to it and what is above `max` lowered to it: numbers, arrays or tensors.

    Raises:
        ValueError: neither bound is given.
    """
    if min is None and max is None:
        raise ValueError("clamp: expected min, max, or both")
    if all(bound is None or isinstance(bound, (int, float)) for bound in (min, max)):
        return Clamp(*[bound if isinstance(bound, (int, type(None))) else float(bound) for bound in (min, max)])(x)
    raised: Any = x if min is None else maximum(x, min)
    return raised if max is None else minimum(raised, max)


def maximum(a: Operand, b: Operand) -> Tensor:
    """The larger of two numbers at each position, with broadcasting."""
    return Larger()(*pair_operands(a, b))


def minimum(a: Operand, b: Operand) -> Tensor:
    """The smaller of two numbers at each position, with broadcasting."""
    return Smaller()(*pair_operands(a, b))


def remainder(a: Operand, b: Operand) -> Tensor:
    """What is left of a after division by b, with b's sign (Python's %)."""
    return Remainder()(*pair_operands(a, b))


def where(condition: Any, a: Operand, b: Operand) -> Tensor:
    """a where the condition holds, b elsewhere; all three are broadcast together.

    Raises:
        ValueError: the condition is not boolean.
    """
    first, second = pair_operands(a, b)
    like = first.data if isinstance(first, Tensor) else second.data
    condition = condition.data if isinstance(condition, Tensor) else asarray(condition, like)
    if condition.dtype.kind != "b":
        raise ValueError(f"condition: expected booleans, got dtype {condition.dtype}")
    return Where()(condition, first, second)


def log1p(x: Tensor | Array) -> Tensor:
    """ln(1 + x), exact for small x."""
    return Log1p()(x)


def expm1(x: Tensor | Array) -> Tensor:
    """e ** x - 1, exact for small x."""
    return Expm1()(x)


def sin(x: Tensor | Array) -> Tensor:
    """The sine."""
    return Sin()(x)


def cos(x: Tensor | Array) -> Tensor:
    """The cosine."""
    return Cos()(x)


def sign(x: Tensor | Array) -> Tensor:
    """-1, 0 or 1."""
    return Steps("sign")(x)


def floor(x: Tensor | Array) -> Tensor:
    """The largest whole number that is not above x."""
    return Steps("floor")(x)


def ceil(x: Tensor | Array) -> Tensor:
    """The smallest whole number that is not below x."""
    return Steps("ceil")(x)


def round(x: Tensor | Array) -> Tensor:
    """The nearest whole number, the even one of two."""
    return Steps("rint")(x)


def trunc(x: Tensor | Array) -> Tensor:
    """x without its fraction."""
    return Steps("trunc")(x)


def square(x: Tensor | Array) -> Tensor:
    """x ** 2"""
    return power(x, 2)


def reciprocal(x: Tensor | Array) -> Tensor:
    """1 / x"""
    return divide(1, x if isinstance(x, Tensor) or is_array(x) else Tensor(x))


def rsqrt(x: Tensor | Array) -> Tensor:
    """1 / sqrt(x)"""
    return power(x, -0.5)


def exponential(x: Tensor, base: float) -> Tensor:
    """base ** x for a positive number."""
    base = base.item() if isinstance(base, np.generic) else base
    if not isinstance(base, (int, float)) or not base > 0:
        raise ValueError(f"base ** tensor: expected a positive number as the base, got {base!r}")
    return exp(multiply(x, math.log(base)))
