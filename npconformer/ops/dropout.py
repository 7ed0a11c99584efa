"""Dropout (Srivastava et al. 2014), scaled while training so that evaluation needs nothing.

y = x m / (1 - p), where m is 0 with probability p, else 1;   dx = dy m / (1 - p)

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from npconformer.arrays import generator
from npconformer.arrays.backend import asarray
from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class Dropout(Operation):
    """y = x m / (1 - p) for a given mask m of kept positions"""

    def __init__(self, p: float) -> None:
        self.factor = 1.0 / (1.0 - p) if p < 1 else 0.0

    def forward(self, x: Array, kept: Array) -> Array:
        self.save(kept)
        y = x * self.factor
        y *= kept
        return y

    def backward(self, grad: Array) -> tuple[Array | None, None]:
        (kept,) = self.saved
        dx = grad * self.factor
        dx *= kept
        return dx, None


def draw_kept(shape: tuple[int, ...], p: float, like: Array) -> Array:
    """A fresh boolean mask, false with probability p, in `like`'s memory."""
    return asarray(generator.get_generator().random(shape, dtype="float32") >= p, like)


def dropout(x: Tensor | Array, p: float, kept: Array | None = None) -> Tensor:
    """Sets numbers to 0 with probability p and scales the others by 1 / (1 - p).

    Args:
        x: of any shape.
        p: from 0 to 1.
        kept: None, or the boolean mask of the positions to keep (x's shape), in place of a random one.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p: expected a probability from 0 to 1, got {p}")
    array = x.data if isinstance(x, Tensor) else x
    kept = draw_kept(array.shape, p, array) if kept is None else asarray(kept, array)
    if kept.shape != array.shape or kept.dtype.kind != "b":
        raise ValueError(f"kept: expected booleans of shape {array.shape}, got {kept.dtype} {kept.shape}")
    return Dropout(p)(x, kept)
