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
from npconformer.arrays.products import SHARED_PRODUCT, map_rows
from npconformer.arrays.types import Array
from npconformer.ops.activations import Activation
from npconformer.ops.linear import linear
from npconformer.tape.autograd import Operation, Tensor
from npconformer.tape.grad_mode import is_grad_enabled


class FeedForward(Operation):
    """y = factor (f(x W^T + b) V^T + c) + residual. Recorded, it is two operations of `linear`."""

    def __init__(self, activation: type[Activation], factor: float) -> None:
        self.activation, self.factor = activation, factor

    def forward(self, x: Array, w: Array, b: Array | None, v: Array, c: Array | None, residual: Array) -> Array:
        xp, (hidden, channels) = self.xp, w.shape
        rows, added = x.reshape(-1, channels), residual.reshape(-1, len(v))
        y = empty(xp, added.shape, x.dtype)
        count = threads.get_num_threads() if xp is NUMPY.xp and not pool.is_busy() else 1
        if (
            xp is not NUMPY.xp
            or 4 * len(rows) * w.size <= SHARED_PRODUCT
            or len(rows) >= threads.ROWS_OF_A_THREAD * count
        ):
            height = threads.band_height(len(rows), count) if xp is NUMPY.xp and count > 1 else len(rows)

            def on_band(first: int, stop: int) -> None:
                n = slice(first, stop)
                map_rows(xp, self._widen(rows[n], w, b), v, c, y[n])
                self._add(y[n], added[n])

            with single_threaded():
                threads.share_ranges(on_band, len(rows), max(height, 1), count)
            return y.reshape(residual.shape)

        sums: list[Array] = [y, *[empty(xp, y.shape, x.dtype) for _ in range(count - 1)]]

        def on_hidden(part: int) -> None:
            k = slice(part * hidden // count, (part + 1) * hidden // count)
            map_rows(xp, self._widen(rows, w[k], None if b is None else b[k]), v[:, k], None, sums[part])

        with single_threaded():
            pool.share(on_hidden, count, count)
        for more in sums[1:]:
            y += more
        if c is not None:
            y += c
        self._add(y, added)
        return y.reshape(residual.shape)

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
    if v.shape[1:] != w.shape[:1] or residual.shape != (*x.shape[:-1], v.shape[0]) or x.shape[-1] != w.shape[-1]:
        raise ValueError(
            f"feed_forward: x {x.shape}, weights {w.shape} and {v.shape} and residual {residual.shape} do not fit"
        )
    return FeedForward(activation, float(factor))(x, w, b, v, c, residual)
