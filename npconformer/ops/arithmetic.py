"""Element-wise arithmetic with broadcasting: add, subtract, multiply, divide, power, exp, log, sqrt.

For y = f(a, b) with broadcast inputs, the gradient of each input is the upstream gradient times the local derivative,
summed over the axes along which that input was repeated.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from npconformer.arrays.backend import asarray, is_array
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor

Operand: TypeAlias = Tensor | Array | float  # lists of numbers are taken as well


def unbroadcast(gradient: Array, like: Array) -> Array:
    """Sums the gradient over the axes that broadcasting added or stretched, back to the shape and dtype of `like`."""
    if gradient.shape != like.shape:
        added = gradient.ndim - like.ndim
        stretched = tuple(added + i for i, n in enumerate(like.shape) if n == 1 and gradient.shape[added + i] != 1)
        gradient = gradient.sum(axis=(*range(added), *stretched), keepdims=True).reshape(like.shape)
    return gradient.astype(like.dtype, copy=False)


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether an array of that shape can be repeated to the target's shape."""
    return len(shape) <= len(target) and all(m in (1, n) for m, n in zip(shape[::-1], target[::-1], strict=False))


class Add(Operation):
    """y = a + b"""

    def forward(self, a: Array, b: Array) -> Array:
        if a.shape != b.shape or a.dtype != b.dtype:
            self.save(a, b)
            return a + b
        self.save(None, None)
        return self.xp.add(a, b, out=empty(self.xp, a.shape, a.dtype))

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        a, b = self.saved
        if a is None:
            return grad, grad
        return (
            unbroadcast(grad, a) if self.needs[0] else None,
            unbroadcast(grad, b) if self.needs[1] else None,
        )


class Multiply(Operation):
    """y = a * b;  da = dy * b,  db = dy * a"""

    def forward(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return a * b

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        a, b = self.saved
        return (
            unbroadcast(grad * b, a) if self.needs[0] else None,
            unbroadcast(grad * a, b) if self.needs[1] else None,
        )


class Divide(Operation):
    """y = a / b;  da = dy / b,  db = -dy * a / b^2"""

    def forward(self, a: Array, b: Array) -> Array:
        self.save(a, b)
        return a / b

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        a, b = self.saved
        da = grad / b
        return (
            unbroadcast(da, a) if self.needs[0] else None,
            unbroadcast(-da * a / b, b) if self.needs[1] else None,
        )


class Scale(Operation):
    """y = c * x for a Python number c;  dx = c * dy"""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: Array) -> Array:
        return x * self.factor

    def backward(self, grad: Array) -> Array:
        return grad * self.factor


class Shift(Operation):
    """y = x + c for a Python number c;  dx = dy"""

    def __init__(self, offset: float) -> None:
        self.offset = offset

    def forward(self, x: Array) -> Array:
        return x + self.offset

    def backward(self, grad: Array) -> Array:
        return grad


class ScaledAdd(Operation):
    """y = c * x + r, the residual connection of a half-step feed-forward;  dx = c * dy,  dr = dy"""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: Array, residual: Array) -> Array:
        y = self.xp.multiply(x, self.factor, out=empty(self.xp, x.shape, x.dtype))
        y += residual
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        return grad * self.factor if self.needs[0] else None, grad


class Power(Operation):
    """y = x^n for a Python number n;  dx = dy * n * x^(n-1)"""

    def __init__(self, exponent: float) -> None:
        self.exponent = exponent

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x**self.exponent

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        if self.exponent == 0:
            return self.xp.zeros_like(grad)
        return grad * (self.exponent * x ** (self.exponent - 1))


class Exp(Operation):
    """y = e^x;  dx = dy * y"""

    def forward(self, x: Array) -> Array:
        y = self.xp.exp(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad * y


class Log(Operation):
    """y = ln x;  dx = dy / x"""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return self.xp.log(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad / x


class Sqrt(Operation):
    """y = x^(1/2);  dx = dy / (2 y)"""

    def forward(self, x: Array) -> Array:
        y = self.xp.sqrt(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad / (2 * y)


def _constant(value: Any, like: Array) -> Array:
    """A constant operand: moved to where `like` lives and, if floating, cast to its dtype (never to float64)."""
    array = asarray(value if is_array(value) else np.asarray(value), like)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"expected a tensor or real numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array.astype(like.dtype, copy=False) if like.dtype.kind == "f" else array


def pair_operands(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands of one dtype: what is no tensor is cast to the other's; two tensors must agree.

    Without a tensor among them, an array is taken for one, and decides over a number or a list.
    """
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        a = Tensor(a) if is_array(a) or not is_array(b) else a
        b = Tensor(b) if is_array(b) else b
    if not isinstance(a, Tensor):
        return _constant(a, b.data), b
    if not isinstance(b, Tensor):
        return a, _constant(b, a.data)
    if a.dtype != b.dtype and a.dtype.kind == b.dtype.kind == "f":
        raise ValueError(f"two tensors of one operation must share a dtype, got {a.dtype} and {b.dtype}")
    return a, b


def _plain(number: int | float) -> int | float:
    """A Python number, which takes the array's dtype; np.float64 is a float too, but would widen float32."""
    return number if isinstance(number, int) else float(number)


def add(a: Operand, b: Operand) -> Tensor:
    """a + b with broadcasting; arrays and numbers are constants in the tensor's dtype."""
    if isinstance(b, (int, float)):
        return Shift(_plain(b))(a)
    return add(b, a) if isinstance(a, (int, float)) else Add()(*pair_operands(a, b))


def multiply(a: Operand, b: Operand) -> Tensor:
    """a * b with broadcasting; arrays and numbers are constants in the tensor's dtype."""
    if isinstance(b, (int, float)):
        return Scale(_plain(b))(a)
    return multiply(b, a) if isinstance(a, (int, float)) else Multiply()(*pair_operands(a, b))


def negative(x: Tensor | Array) -> Tensor:
    """-x"""
    return Scale(-1.0)(x)


def subtract(a: Operand, b: Operand) -> Tensor:
    """a - b with broadcasting"""
    if isinstance(b, (int, float)):
        return Shift(-_plain(b))(a)
    if isinstance(a, (int, float)):
        return Shift(_plain(a))(negative(b))
    first, second = pair_operands(a, b)
    return add(negative(second), first) if isinstance(second, Tensor) else add(first, -second)


def divide(a: Operand, b: Operand) -> Tensor:
    """a / b with broadcasting"""
    return Divide()(*pair_operands(a, b))


def scaled_add(x: Tensor | Array, residual: Tensor | Array, factor: float) -> Tensor:
    """factor * x + residual, both of the same shape."""
    return ScaledAdd(float(factor))(x, residual)


def power(x: Tensor | Array, exponent: float) -> Tensor:
    """x ** exponent for a number."""
    if not isinstance(exponent, (int, float)):
        raise ValueError(f"exponent: expected a number, got {type(exponent).__name__}")
    return Power(_plain(exponent))(x)


def exp(x: Tensor | Array) -> Tensor:
    """e ** x"""
    return Exp()(x)


def log(x: Tensor | Array) -> Tensor:
    """The natural logarithm."""
    return Log()(x)


def sqrt(x: Tensor | Array) -> Tensor:
    """The square root."""
    return Sqrt()(x)
