"""Sum and mean over axes. The gradient is the upstream gradient, repeated along the reduced axes.

Axes are given as `axis` and `keepdims`, as in NumPy, or as `dim` and `keepdim`, as in torch.

Lesson: notebooks/01_the_tape.ipynb
"""

from __future__ import annotations

from npconformer.arrays.backend import no_scalar
from npconformer.arrays.types import Array
from npconformer.ops.axes import Axis, one_axis
from npconformer.tape.autograd import Operation, Tensor


class Sum(Operation):
    """y = sum of x over the axes;  dx = dy, repeated"""

    in_float32 = True

    def __init__(self, axis: Axis, keepdims: bool) -> None:
        self.axis, self.keepdims = axis, keepdims

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        dtype = x.dtype if x.dtype.kind == "f" else None  # integers and booleans are counted in 64 bits
        return no_scalar(self.xp, x.sum(axis=self.axis, keepdims=self.keepdims, dtype=dtype))

    def backward(self, grad: Array) -> Array:
        if not self.keepdims and self.axis is not None:
            grad = self.xp.expand_dims(grad, self.axis)
        return self.xp.broadcast_to(grad, self.shape).astype(grad.dtype)  # astype makes it a writeable array


class Mean(Sum):
    """y = sum of x over the axes / their length;  dx = dy / length, repeated"""

    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        self.length = x.size // max(y.size, 1)
        return y / self.length

    def backward(self, grad: Array) -> Array:
        return super().backward(grad / self.length)


def sum(
    x: Tensor | Array, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False
) -> Tensor:
    """The sum over the axes (all of them when None), in x's dtype; of integers and booleans in int64."""
    return Sum(one_axis(axis, dim), keepdims or keepdim)(x)


def mean(
    x: Tensor | Array, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False
) -> Tensor:
    """The arithmetic mean over the axes (all of them when None), in x's dtype."""
    return Mean(one_axis(axis, dim), keepdims or keepdim)(x)
