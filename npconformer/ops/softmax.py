"""Softmax and its logarithm over one axis, with the largest value subtracted first so that nothing overflows.

The logarithm of the sum, log sum_j e^x_j, is the log-sum-exp: log-softmax is x minus it.

Lesson: notebooks/01_the_tape.ipynb, notebooks/05_ctc.ipynb
"""

from __future__ import annotations

from types import ModuleType

from npconformer.arrays import threads
from npconformer.arrays.backend import backend_of
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


def softmax_in_place(xp: ModuleType, x: Array, axis: int = -1) -> Array:
    """Overwrites x with its softmax."""
    _exponentials(xp, x, axis)
    x /= x.sum(axis=axis, keepdims=True)
    return x


def exponentials_in_place(xp: ModuleType, x: Array) -> Array:
    """Overwrites x with e^(x - max x) along the last axis. Returns their sums (..., 1), by which softmax divides."""
    _exponentials(xp, x, -1)
    return backend_of(x).row_sums(x)


def _exponentials(xp: ModuleType, x: Array, axis: int) -> None:
    threads.run_step(_exponential_below, x, x.max(axis=axis, keepdims=True))


def _exponential_below(xp: ModuleType, x: Array, largest: Array) -> None:
    x -= largest
    xp.exp(x, out=x)


def log_softmax_of(xp: ModuleType, x: Array, axis: int = -1, out: Array | None = None) -> Array:
    """The log-softmax of an array, into `out` (which may be x itself) or a new one."""
    y = xp.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    y -= xp.log(xp.exp(y).sum(axis=axis, keepdims=True))
    return y


class Softmax(Operation):
    """y_i = e^x_i / sum_j e^x_j;  dx = y (dy - sum(dy y))"""

    in_float32 = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        y = softmax_in_place(self.xp, x.copy(), self.axis)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return y * (grad - (grad * y).sum(axis=self.axis, keepdims=True))


class LogSoftmax(Operation):
    """y_i = x_i - log sum_j e^x_j;  dx = dy - e^y sum(dy)"""

    in_float32 = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        y = log_softmax_of(self.xp, x, self.axis)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad - self.xp.exp(y) * grad.sum(axis=self.axis, keepdims=True)


def softmax(x: Tensor | Array, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """Exponentials divided by their sum along the axis (also called `dim`)."""
    return Softmax(axis if dim is None else dim)(x)


def log_softmax(x: Tensor | Array, axis: int = -1, *, dim: int | None = None) -> Tensor:
    """The logarithm of softmax along the axis (also called `dim`), without taking the logarithm of small numbers."""
    return LogSoftmax(axis if dim is None else dim)(x)
