"""The largest of each 2 x 2 numbers of a picture, over time and bands: half as many of both are left, rounded up.

Letters: B batch, T x F input times and bands, U x V output times and bands, C channels.

    y[b, u, v, c] = max over i, j in {0, 1} of  x[b, 2u + i, 2v + j, c],    without what lies beyond the ends

Lesson: notebooks/09_wav2vec2_bert.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from npconformer.arrays.types import Array
from npconformer.tape.autograd import Operation, Tensor


class PlaneMax(Operation):
    """y = the largest x of four;  dx = dy at the first of the four that is as large as y, 0 at the others"""

    def forward(self, x: Array) -> Array:
        y = x[:, ::2, ::2].copy()  # (B, U, V, C)
        for corner in _corners(x):
            part = y[:, : corner.shape[1], : corner.shape[2]]
            self.xp.maximum(part, corner, out=part)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        dx = self.xp.zeros(x.shape, grad.dtype)
        is_open = self.xp.ones(y.shape, bool)
        for corner, dcorner in zip(_corners(x), _corners(dx), strict=True):
            part = (slice(None), slice(corner.shape[1]), slice(corner.shape[2]))
            is_first = (corner == y[part]) & is_open[part]
            dcorner += is_first * grad[part]
            is_open[part] &= ~is_first
        return dx


def _corners(x: Array) -> Iterator[Array]:
    """Views of x: for each place in the squares, what stands there; beyond an odd end there is nothing."""
    return (x[:, i::2, j::2] for i, j in product(range(2), repeat=2))


def max_pool2d(x: Tensor | Array) -> Tensor:
    """The largest of each 2 x 2 times and bands, as torch's of this name with `ceil_mode=True`, channels last.

    Args:
        x: (B, T, F, C).

    Returns:
        (B, ceil(T / 2), ceil(F / 2), C) in x's dtype.

    Raises:
        ValueError: another number of axes.
    """
    if len(x.shape) != 4:
        raise ValueError(f"max_pool2d: expected x (B, T, F, C), got {x.shape}")
    return PlaneMax()(x)
