"""Two linear maps with an activation between them, and the sum with a residual, as one operation without a recording.

    y = factor (f(x W^T + b) V^T + c) + residual

The hidden numbers h = f(x W^T + b) are several times as many as x's. A thread has some of the hidden channels k, and
its share of the second product, which is a sum over them; with many rows, a band of these. So h stays with its thread.

    y^T = factor (Σ_k V_k h_k^T + c) + residual^T,    h_k^T = f(W_k x^T + b_k)

Weights that lie as in a checkpoint stand on the left, as here, with the rows of x as columns: a library for matrix
products rearranges its right-hand matrix, which is then the small one, and h^T already lies as the second product
takes it. Weights that lie transposed (`arrays.weight_layout`) stand on the right, as in the equation above.

Letters: N rows (all leading axes together), C channels, I hidden channels.

Lesson: notebooks/03_conformer_block.ipynb
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from npconformer.arrays import pool, threads
from npconformer.arrays.backend import NUMPY
from npconformer.arrays.blas import single_threaded
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.products import SHARED_PRODUCT, worth
from npconformer.arrays.types import Array
from npconformer.arrays.weight_layout import lies_as_stored
from npconformer.ops.activations import Activation
from npconformer.ops.linear import check_linear, check_residual, linear
from npconformer.tape.autograd import Operation, Tensor
from npconformer.tape.grad_mode import is_inference


class FeedForward(Operation):
    """y = factor (f(x W^T + b) V^T + c) + residual. Recorded, it is two operations of `linear`."""

    def __init__(self, activation: type[Activation], factor: float) -> None:
        self.activation, self.factor = activation, factor

    def forward(self, x: Array, w: Array, b: Array | None, v: Array, c: Array | None, residual: Array) -> Array:
        xp, is_turned = self.xp, lies_as_stored(w)
        rows, added = x.reshape(-1, x.shape[-1]), residual.reshape(-1, len(v))  # (N, C), (N, C')
        y = empty(xp, added.shape, x.dtype)
        size = 4 * len(rows) * w.size
        is_shared = xp is NUMPY.xp and size > SHARED_PRODUCT and not pool.is_busy()
        count = worth(size) if is_shared else 1
        bands, parts = cut(len(rows), count)
        products: list[Any] = [None] * (len(bands) * parts)

        def on_hidden(task: int) -> None:
            n, part = bands[task // parts], task % parts
            k = slice(part * len(w) // parts, (part + 1) * len(w) // parts)
            h = self._widen(rows[n], w[k], None if b is None else b[k], is_turned)
            product = map_turned(xp, v[:, k], h, is_turned)
            if parts == 1:
                self._add([product], c, added[n], y[n], is_turned)
            else:
                products[task] = product

        def on_places(first: int, stop: int) -> None:
            part = slice(first, stop)
            found = [product[part] for product in products]
            if is_turned:
                self._add(found, None if c is None else c[part], added[:, part], y[:, part], is_turned)
            else:
                self._add(found, c, added[part], y[part], is_turned)

        with single_threaded():
            pool.share(on_hidden, len(products), count)
        if parts > 1:
            threads.run_ranges(on_places, len(products[0]), products[0].shape[1] * parts, NUMPY)
        return y.reshape(residual.shape)

    def _widen(self, rows: Array, w: Array, b: Array | None, is_turned: bool) -> Array:
        """h = f(x W^T + b), turned or not."""
        z = map_turned(self.xp, w, turned(rows, is_turned), is_turned)
        h = empty(self.xp, z.shape, z.dtype)

        def activate(xp: ModuleType, h: Array, z: Array, b: Array | None = b) -> None:
            if b is not None:
                z += b
            threads.run_elementwise(self.activation.compute, h, z)

        threads.run(activate, h, z, *([b[:, None]] if b is not None and is_turned else []))
        return h

    def _add(self, products: list[Array], c: Array | None, residual: Array, y: Array, is_turned: bool) -> None:
        """y = factor (sum + c) + residual; the products, turned or not, are added in their order."""
        total = products[0]
        for more in products[1:]:
            total += more
        if c is not None:
            total += c[:, None] if is_turned else c
        threads.run_step(_add_scaled, y, turned(total, is_turned), residual, self.factor)


def _add_scaled(xp: ModuleType, y: Array, x: Array, residual: Array, factor: float) -> None:
    xp.multiply(x, factor, out=y)
    y += residual


def turned(rows: Array, is_turned: bool) -> Array:
    """A view of rows, as columns or as they are."""
    return rows.T if is_turned else rows


def map_turned(xp: ModuleType, weight: Array, x: Array, is_turned: bool) -> Array:
    """W x^T of (O, I) and x^T (I, N), or x W^T of x (N, I), in one thread."""
    if is_turned:
        return xp.matmul(weight, x, out=empty(xp, (len(weight), x.shape[1]), x.dtype))
    return xp.matmul(x, weight.T, out=empty(xp, (len(x), len(weight)), x.dtype))


def cut(rows: int, count: int) -> tuple[list[slice], int]:
    """Bands of rows for the threads, and how many parts the hidden channels have: with few rows one for each thread.

    With few rows the weights take longer to arrange in every thread than the sums of the parts to add.
    """
    if count == 1 or rows < threads.ROWS_OF_A_THREAD * count:
        return [slice(0, rows)], count
    height = threads.band_height(rows, count)
    return [slice(first, min(first + height, rows)) for first in range(0, rows, height)], 1


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
        first, second: W (I, C) and b (I,) or None; V (C', I) and c (C',) or None. Where nothing is recorded W and V
            may be stored in fewer bits (`arrays.stored_weights`): they are read part by part, as arrays are.
        activation: f, a class of `ops.activations`.
        residual: (..., C').
    """
    (w, b), (v, c) = first, second
    if not is_inference():
        return linear(linear(x, w, b, activation=activation), v, c, residual=residual, factor=factor)
    check_linear(x.shape, x.dtype, w, b)
    check_linear((*x.shape[:-1], w.shape[0]), x.dtype, v, c)
    check_residual(x, v, residual)
    return FeedForward(activation, float(factor))(x, w, b, v, c, residual)
