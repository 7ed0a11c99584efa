"""Batch normalisation (Ioffe and Szegedy 2015, "Batch normalization", algorithm 1), over batch and time.

Letters: B batch, T time, C channels. For each channel:

    n = (x - mu) r,  r = 1 / sqrt(v + eps),  y = n w + b

In evaluation mu and v are the running statistics, constants: dx = dy w r. In training they are the batch's own mean and
(biased) variance, through which gradients flow: with g = dy * w,  dx = r (g - mean(g) - n mean(g n)).

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from types import ModuleType

from npconformer.arrays.column_sums import column_products, column_sums
from npconformer.arrays.dtypes import wide_dtype
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


def as_linear_map(
    xp: ModuleType, weight: Array, bias: Array, mean: Array, variance: Array, eps: float
) -> tuple[Array, Array, Array]:
    """r, scale and shift, each (C,), with which evaluation is y = scale x + shift; float32 for float16."""
    wide = wide_dtype(weight.dtype)
    weight, bias, mean, variance = (array.astype(wide, copy=False) for array in (weight, bias, mean, variance))
    r = 1 / xp.sqrt(variance + eps)
    scale = weight * r
    return r, scale, bias - mean * scale


class BatchNormEvaluation(Operation):
    """y = (x - mean) / sqrt(variance + eps) * w + b with given statistics"""

    in_float32 = True

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array, mean: Array, variance: Array) -> Array:
        r, scale, shift = as_linear_map(self.xp, weight, bias, mean, variance, self.eps)
        self.save(x, mean, r, scale)
        y = x * scale
        y += shift
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, mean, r, scale = self.saved
        dweight = None
        if self.needs[1]:
            dweight = column_products(self.xp, grad, (x - mean) * r)
        return (
            grad * scale if self.needs[0] else None,
            dweight,
            column_sums(self.xp, grad) if self.needs[2] else None,
            None,
            None,
        )


class BatchNormTraining(Operation):
    """y = n w + b with n normalised by the batch's own statistics, which are left in `mean` and `variance`."""

    in_float32 = True

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def forward(self, x: Array, weight: Array, bias: Array) -> Array:
        count = x.shape[0] * x.shape[1]
        self.mean = column_sums(self.xp, x) / count  # (C,)
        n = x - self.mean
        self.variance = column_products(self.xp, n, n) / count
        r = 1 / self.xp.sqrt(self.variance + self.eps)
        n *= r
        self.save(n, r, weight)
        y = n * weight
        y += bias
        return y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        n, r, weight = self.saved
        count = n.shape[0] * n.shape[1]
        grad_sum = column_sums(self.xp, grad)
        projection = column_products(self.xp, grad, n)
        dx = None
        if self.needs[0]:
            dx = grad - grad_sum / count
            dx -= n * (projection / count)
            dx *= weight * r
        return dx, projection if self.needs[1] else None, grad_sum if self.needs[2] else None


def _check(x: Tensor | Array, **per_channel: Tensor | Array) -> None:
    if len(x.shape) != 3:
        raise ValueError(f"batch_norm: expected x of shape (B, T, C), got {x.shape}")
    for name, array in per_channel.items():
        if array.shape != (x.shape[2],):
            raise ValueError(f"batch_norm: expected {name} of shape {(x.shape[2],)}, got {array.shape}")
        if array.dtype != x.dtype:
            raise ValueError(f"batch_norm: x is {x.dtype}, but {name} is {array.dtype}")


def batch_norm(
    x: Tensor | Array,
    weight: Tensor | Array,
    bias: Tensor | Array,
    mean: Array,
    variance: Array,
    eps: float = 1e-5,
) -> Tensor:
    """Evaluation: normalises x (B, T, C) with the given statistics (C,), then scales by weight and adds bias."""
    _check(x, weight=weight, bias=bias, mean=mean, variance=variance)
    return BatchNormEvaluation(eps)(x, weight, bias, mean, variance)


def batch_norm_training(
    x: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array, eps: float = 1e-5
) -> tuple[Tensor, Array, Array]:
    """Training: normalises x (B, T, C) with its own statistics.

    Returns:
        y (B, T, C); the batch's mean (C,); its variance (C,), biased: divided by the number of values.

    Raises:
        ValueError: a single value for each channel, whose variance says nothing.
    """
    _check(x, weight=weight, bias=bias)
    if x.shape[0] * x.shape[1] < 2:
        raise ValueError(f"batch_norm: training needs more than one value for each channel, got x of shape {x.shape}")
    operation = BatchNormTraining(eps)
    y = operation(x, weight, bias)
    return y, operation.mean.astype(y.dtype, copy=False), operation.variance.astype(y.dtype, copy=False)
