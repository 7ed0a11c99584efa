"""Two linear maps with an activation between them, and the sum with a residual, as one operation without a recording.

    y = factor (f(x W^T + b) V^T + c) + residual

The hidden numbers h = f(x W^T + b) are several times as many as x's. A thread that has a band of rows computes its
part of h and what becomes of it, so that h never leaves the cache. With few rows a thread has some hidden channels k
instead, and its share of the second product, which is a sum over them:

    h V^T = Σ_k h_k V_k^T

Letters: N rows (all leading axes together), C channels, I hidden channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from npconformer.arrays import pool, threads
from npconformer.arrays.backend import NUMPY
from npconformer.arrays.blas import single_threaded
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.products import SHARED_PRODUCT, map_rows, worth
from npconformer.arrays.types import Array
from npconformer.ops.activations import Activation
from npconformer.ops.linear import check_linear, check_residual, linear
from npconformer.tape.autograd import Operation, Tensor
from npconformer.tape.grad_mode import is_grad_enabled


class FeedForward(Operation):
    """y = factor (f(x W^T + b) V^T + c) + residual. Recorded, it is two operations of `linear`."""

    def __init__(self, activation: type[Activation], factor: float) -> None:
        self.activation, self.factor = activation, factor

    def forward(self, x: Array, w: Array, b: Array | None, v: Array, c: Array | None, residual: Array) -> Array:
        rows, added = x.reshape(-1, x.shape[-1]), residual.reshape(-1, len(v))  # (N, C), (N, C')
        y = empty(self.xp, added.shape, x.dtype)
        size = 4 * len(rows) * w.size
        is_shared = self.xp is NUMPY.xp and size > SHARED_PRODUCT and not pool.is_busy()
        count = worth(size) if is_shared else 1
        with single_threaded():
            if 1 < count and len(rows) < threads.ROWS_OF_A_THREAD * count:
                self._by_hidden(count, rows, w, b, v, c, y)
                self._add(y, added)
            else:
                self._by_bands(count, rows, w, b, v, c, y, added)
        return y.reshape(residual.shape)

    def _by_bands(
        self, count: int, rows: Array, w: Array, b: Array | None, v: Array, c: Array | None, y: Array, added: Array
    ) -> None:
        """y = all of it, each thread with some of the rows."""

        def on_band(first: int, stop: int) -> None:
            n = slice(first, stop)
            map_rows(self.xp, self._widen(rows[n], w, b), v, c, y[n])
            self._add(y[n], added[n])

        height = threads.band_height(len(rows), count) if count > 1 else max(len(rows), 1)
        threads.share_ranges(on_band, len(rows), height, count)

    def _by_hidden(
        self, count: int, rows: Array, w: Array, b: Array | None, v: Array, c: Array | None, y: Array
    ) -> None:
        """y = h V^T + c, each thread with some of the hidden channels; the sums are added in their order."""
        sums = [y, *[empty(self.xp, y.shape, y.dtype) for _ in range(count - 1)]]

        def on_hidden(part: int) -> None:
            k = slice(part * len(w) // count, (part + 1) * len(w) // count)
            map_rows(self.xp, self._widen(rows, w[k], None if b is None else b[k]), v[:, k], None, sums[part])

        pool.share(on_hidden, count, count)
        for more in sums[1:]:
            y += more
        if c is not None:
            y += c

    def _widen(self, rows: Array, w: Array, b: Array | None) -> Array:
        before = empty(self.xp, (len(rows), len(w)), rows.dtype)
        h = empty(self.xp, before.shape, rows.dtype)
        map_rows(self.xp, rows, w, b, before)
        threads.run_elementwise(self.activation.compute, h, before)
        return h

    def _add(self, y: Array, residual: Array) -> None:
        if self.factor != 1:
            y *= self.factor
        y += residual


def feed_forward(
    x: Tensor | Array,
    first: tuple[Tensor | Array, Tensor | Array | None],
    second: tuple[Tensor | Array, Tensor | Array | None],
    activation: type[Activation],
    residual: Tensor | Array,
    factor: float = 1.0,
) -> Tensor:
    """y = factor (f(x W^T + b) V^T + c) + residual.

    Args:
        x: (..., C).
        first, second: W (I, C) and b (I,) or None; V (C', I) and c (C',) or None.
        activation: f, a class of `ops.activations`.
        residual: (..., C').
    """
    (w, b), (v, c) = first, second
    if is_grad_enabled():
        return linear(linear(x, w, b, activation=activation), v, c, residual=residual, factor=factor)
    check_linear(x.shape, x.dtype, w, b)
    check_linear((*x.shape[:-1], w.shape[0]), x.dtype, v, c)
    check_residual(x, v, residual)
    return FeedForward(activation, float(factor))(x, w, b, v, c, residual)
