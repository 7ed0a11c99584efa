"""Softmax and its logarithm over one axis, with the largest value subtracted first so that nothing overflows."""

from __future__ import annotations

from typing import Any

from npconformer.tape.autograd import Operation, Tensor


def softmax_in_place(xp: Any, x: Any, axis: int = -1) -> Any:
    """Overwrites x with its softmax."""
    x -= x.max(axis=axis, keepdims=True)
    xp.exp(x, out=x)
    x /= x.sum(axis=axis, keepdims=True)
    return x


def log_softmax_of(xp: Any, x: Any, axis: int = -1, out: Any = None) -> Any:
    """The log-softmax of an array, into `out` (which may be x itself) or a new one."""
    y = xp.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    y -= xp.log(xp.exp(y).sum(axis=axis, keepdims=True))
    return y


class Softmax(Operation):
    """y_i = e^x_i / sum_j e^x_j;  dx = y (dy - sum(dy y))"""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        y = softmax_in_place(self.xp, x.copy(), self.axis)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        return y * (grad - (grad * y).sum(axis=self.axis, keepdims=True))


class LogSoftmax(Operation):
    """y_i = x_i - log sum_j e^x_j;  dx = dy - e^y sum(dy)"""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        y = log_softmax_of(self.xp, x, self.axis)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        return grad - self.xp.exp(y) * grad.sum(axis=self.axis, keepdims=True)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """Exponentials divided by their sum along the axis."""
    return Softmax(axis)(x)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """The logarithm of softmax along the axis, without taking the logarithm of small numbers."""
    return LogSoftmax(axis)(x)
