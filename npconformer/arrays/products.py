"""Large matrix products, cut into tiles that threads share: each is one call of the BLAS library, in one thread.

    y = x W^T:     y[rows, columns] = x[rows] W[columns]^T          for each tile (rows, columns) of y

The library arranges the weights anew for every product, which takes long beside a product with few rows. So up to
several hundred rows tiles are cut by columns, and each thread has weights of its own to arrange; more rows are cut into
bands, as those of the element-wise work between products, so that a thread finds them in its cache. What follows the
product (bias, activation, gate, residual) is done to a tile by the thread that has it. Which tiles there are follows
from the shapes and the number of threads alone.

Letters: N rows, I inputs, O outputs.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np

from npconformer.arrays import blas, pool
from npconformer.arrays.backend import NUMPY
from npconformer.arrays.kept_memory import empty
from npconformer.arrays.threads import MOST_ROWS, PARTS, ROWS_OF_A_THREAD, band_height, get_num_threads
from npconformer.arrays.types import Array
from npconformer.arrays.weight_layout import lies_as_stored

SHARED_PRODUCT, LARGE_PRODUCT = 2**24, 2**30  # multiplications that are worth waking a thread, and several parts each
FEW_ROWS = 128  # up to here a product is faster with the weight on its left

Tile = Callable[[slice, slice], None]


def for_tiles(function: Tile, xp: ModuleType, rows: int, inner: int, columns: int) -> None:
    """Calls function(rows, columns) for tiles that together cover a product (N, I) (I, O), in threads.

    It may use `empty` for what it needs in between. On a device there is one tile.
    """
    size = rows * inner * columns
    if xp is not NUMPY.xp or size == 0 or (size <= SHARED_PRODUCT and rows <= MOST_ROWS):
        function(slice(0, rows), slice(0, columns))
        return
    threads = 1 if pool.is_busy() else worth(size)
    height, width = rows, columns
    if rows > MOST_ROWS or rows >= ROWS_OF_A_THREAD * threads:
        height = band_height(rows, threads)
    elif threads > 1:
        width = -(-columns // (threads * (PARTS if size > LARGE_PRODUCT else 1)))
        width = -(-width // 16) * 16
    across, down = -(-columns // width), -(-rows // height)

    def work(part: int) -> None:
        first, left = part % down * height, part // down * width
        function(slice(first, min(first + height, rows)), slice(left, min(left + width, columns)))

    with blas.single_threaded():
        pool.share(work, across * down, threads)


def worth(size: int) -> int:
    """How many threads so many multiplications are worth: on a machine with many, a small product is not all theirs."""
    return min(get_num_threads(), max(2, 2 * size // SHARED_PRODUCT))


def map_rows(xp: ModuleType, x: Array, weight: Array, bias: Array | None, out: Array) -> Array:
    """out = x W^T + b of (N, I), (O, I) and (O,) or None, in one thread.

    With few rows it is computed as (W x^T)^T: a library for matrix products rearranges its right-hand matrix first,
    which costs least when that is the small one.
    """
    if len(x) <= FEW_ROWS and lies_as_stored(weight):
        turned = xp.matmul(weight, x.T, out=empty(xp, (len(weight), len(x)), x.dtype)).T
        if bias is not None:
            return xp.add(turned, bias, out=out)
        out[...] = turned
        return out
    xp.matmul(x, weight.T, out=out)
    if bias is not None:
        out += bias
    return out


def product(xp: ModuleType, a: Array, b: Array, out: Array | None = None) -> Array:
    """a b of two matrices or stacks of them, broadcast as by `matmul`, in threads; each may be a transposed view.

    out: where to write; its axes must be those of the result.
    """
    stack, (rows, inner), columns = a.shape[:-2], a.shape[-2:], b.shape[-1]
    if stack != b.shape[:-2]:
        stack = np.broadcast_shapes(stack, b.shape[:-2])
    y = empty(xp, (*stack, rows, columns), a.dtype) if out is None else out

    def tile(n: slice, o: slice) -> None:
        xp.matmul(a[..., n, :], b[..., o], out=y[..., n, o])

    for_tiles(tile, xp, rows, math.prod(stack) * inner, columns)
    return y
