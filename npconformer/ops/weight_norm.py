"""Weight normalisation (Salimans and Kingma 2016, "Weight normalization", equation 2).

w = g v / |v|, with the norm over every axis but one

dg = sum of dw v / |v|,    dv = g / |v| (dw - v sum(dw v) / |v|^2)

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class WeightNorm(Operation):
    """w = g v / |v|"""

    in_float32 = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, g: Array, v: Array) -> Array:
        others = tuple(i for i in range(v.ndim) if i != self.axis % v.ndim)
        norm = self.xp.sqrt((v * v).sum(axis=others, keepdims=True))
        self.save(g, v, norm, others)
        return v * (g / norm)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        g, v, norm, others = self.saved
        dg = (grad * v).sum(axis=others, keepdims=True) / norm
        dv = (grad - v * (dg / norm)) * (g / norm) if self.needs[1] else None
        return dg if self.needs[0] else None, dv


def weight_norm(g: Tensor | Array, v: Tensor | Array, axis: int = 0) -> Tensor:
    """The weight g v / |v|: direction from v (any shape), length from g (v's shape with 1 on every axis but `axis`)."""
    if not -len(v.shape) <= axis < len(v.shape):
        raise ValueError(f"axis: {axis} is out of range for v of shape {tuple(v.shape)}")
    axis = axis % len(v.shape)
    expected = tuple(n if i == axis else 1 for i, n in enumerate(v.shape))
    if tuple(g.shape) != expected:
        raise ValueError(f"g: expected shape {expected} for v of shape {tuple(v.shape)} and axis {axis}, got {g.shape}")
    if g.dtype != v.dtype:
        raise ValueError(f"g: expected {v.dtype} as v, got {g.dtype}")
    return WeightNorm(axis)(g, v)
