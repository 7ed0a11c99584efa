"""What is made of sums over axes: variance, length of vectors, logarithm of a sum, running sums.

Axes are given as `axis` and `keepdims`, as in NumPy, or as `dim` and `keepdim`, as in torch.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

import math
from typing import Any

from npconformer.arrays.types import Array
from npconformer.ops.arithmetic import multiply, power, subtract
from npconformer.ops.axes import Axis, one_axis
from npconformer.ops.elementwise import absolute
from npconformer.ops.extrema import amax, amin
from npconformer.ops.reductions import mean, sum
from npconformer.tape.autograd import Operation, Tensor


class Length(Operation):
    """y = sqrt(sum of x^2 over the axes);  dx = dy x / y, and 0 where y is"""

    in_float32 = True

    def __init__(self, axis: Axis, keepdims: bool) -> None:
        self.axis, self.keepdims = axis, keepdims

    def forward(self, x: Array) -> Array:
        y = self.xp.sqrt((x * x).sum(axis=self.axis, keepdims=True))
        self.save(x, y)
        return y if self.keepdims else y.squeeze() if self.axis is None else y.squeeze(axis=self.axis)

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        is_zero = y == 0
        return x * (self.xp.where(is_zero, self.xp.zeros((), y.dtype), grad.reshape(y.shape)) / (y + is_zero))


class LogSumExp(Operation):
    """y = ln sum of e^x over the axes;  dx = dy e^(x - y)"""

    in_float32 = True

    def __init__(self, axis: Axis, keepdims: bool) -> None:
        self.axis, self.keepdims = axis, keepdims

    def forward(self, x: Array) -> Array:
        largest = x.max(axis=self.axis, keepdims=True)
        y = largest + self.xp.log(self.xp.exp(x - largest).sum(axis=self.axis, keepdims=True))
        self.save(x, y)
        return y if self.keepdims else y.squeeze() if self.axis is None else y.squeeze(axis=self.axis)

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        return self.xp.exp(x - y) * grad.reshape(y.shape)


class CumulativeSum(Operation):
    """y_i = x_0 + ... + x_i along an axis;  dx_i = dy_i + dy_i+1 + ..."""

    in_float32 = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        return x.cumsum(axis=self.axis, dtype=x.dtype if x.dtype.kind == "f" else None)

    def backward(self, grad: Array) -> Array:
        return self.xp.flip(self.xp.flip(grad, self.axis).cumsum(axis=self.axis, dtype=grad.dtype), self.axis)


def cumsum(x: Tensor | Array, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """The sums of the numbers up to each one along the axis."""
    axis = one_axis(axis, dim)
    if axis is None:
        raise TypeError("cumsum: expected the axis to add along, as dim=...")
    return CumulativeSum(axis)(x)


def logsumexp(
    x: Tensor | Array, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False
) -> Tensor:
    """The logarithm of the sum of exponentials, without overflow."""
    return LogSumExp(one_axis(axis, dim), keepdims or keepdim)(x)


def _spread(x: Tensor, axis: Axis, correction: float) -> tuple[Tensor, float]:
    """The distances to the mean, and what the sum of their squares is divided by."""
    distances = subtract(x, mean(x, axis, keepdims=True))
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return distances, max(math.prod(x.shape[a] for a in axes) - correction, 0)


def var(
    x: Tensor,
    axis: Axis = None,
    unbiased: bool = True,
    keepdims: bool = False,
    *,
    dim: Axis = None,
    keepdim: bool = False,
    correction: float | None = None,
    ddof: float | None = None,
) -> Tensor:
    """The variance over the axes: the sum of (x - mean)^2 / (n - correction).

    correction: 1 as torch has it, unless `unbiased` is False; `ddof` is NumPy's name of it. (`np.var(x)` has 0.)
    """
    axis = one_axis(axis, dim)
    distances, count = _spread(x, axis, _correction(unbiased, correction, ddof))
    total = sum(multiply(distances, distances), axis, keepdims or keepdim)
    return multiply(total, 1 / count if count else math.inf)


def std(
    x: Tensor,
    axis: Axis = None,
    unbiased: bool = True,
    keepdims: bool = False,
    *,
    dim: Axis = None,
    keepdim: bool = False,
    correction: float | None = None,
    ddof: float | None = None,
) -> Tensor:
    """The square root of the variance; see `var`. Its gradient is 0 where all numbers are equal."""
    axis = one_axis(axis, dim)
    distances, count = _spread(x, axis, _correction(unbiased, correction, ddof))
    length = Length(axis, keepdims or keepdim)(distances)
    return multiply(length, 1 / math.sqrt(count) if count else math.inf)


def _correction(unbiased: bool, correction: float | None, ddof: float | None) -> float:
    given = [one for one in (correction, ddof) if one is not None]
    return given[0] if given else float(unbiased)


def norm(
    x: Tensor,
    p: Any = 2,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    dim: Axis = None,
    keepdim: bool = False,
) -> Tensor:
    """(sum of |x|^p)^(1/p) over the axes; p = 2 or "fro" is the Euclidean length, inf and -inf the extremes of |x|."""
    axis, keep = one_axis(axis, dim), keepdims or keepdim
    if p in (2, "fro", None):
        return Length(axis, keep)(x)
    if not isinstance(p, (int, float)):
        raise ValueError(f'norm: expected p to be a number or "fro", got {p!r}')
    if p == 0:
        return Tensor((x.data != 0).astype(x.dtype)).sum(axis, keep)
    if math.isinf(p):
        return (amax if p > 0 else amin)(absolute(x), axis, keep)
    total = sum(absolute(x) if p == 1 else power(absolute(x), p), axis, keep)
    return total if p == 1 else power(total, 1 / p)
