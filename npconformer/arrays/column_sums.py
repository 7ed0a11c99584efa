"""Sums down long columns, as exact as a float64 sum and as fast as a float32 one.

NumPy adds the rows of a matrix to one another in their order: after 30,000 frames the rounding of a float32 sum has
grown to 1e-5 of it, and a gradient whose terms nearly cancel is wrong in its third digit. Here float32 adds up blocks
of 64 rows (`Backend.longest_sum`), and float64 adds up the blocks: the error is then that of 64 additions, 4e-8, for
the same time.

A matrix product whose sum runs down long columns, as every weight's gradient, is in the library's hands. For large
results it adds in blocks, too, but some of its kernels for small ones add all products of an element one after the
other: there, stretches of 256 rows are products of their own (`outer_sums`).

Letters: B batch, T time, N rows, C columns.
"""

from __future__ import annotations

from types import ModuleType

from npconformer.arrays.backend import backend_of
from npconformer.arrays.dtypes import wide_dtype
from npconformer.arrays.products import product
from npconformer.arrays.types import Array

STRETCH, SMALL = 256, 4096  # rows of one product whose result has so few numbers, for each of several


def time_sums(xp: ModuleType, x: Array) -> Array:
    """s_bc = Σ_t x_btc of x (B, T, C), in x's dtype: (B, C)."""
    (batch, time, channels), block = x.shape, backend_of(x).longest_sum
    if block is None or time < block:
        return x.sum(axis=1, dtype=xp.float64).astype(x.dtype)
    whole = time // block * block
    blocks = x[:, :whole].reshape(batch, -1, block, channels).sum(axis=2, dtype=wide_dtype(x.dtype))  # (B, T / 64, C)
    total = blocks.sum(axis=1, dtype=xp.float64) + x[:, whole:].sum(axis=1, dtype=xp.float64)
    return total.astype(x.dtype)


def column_sums(xp: ModuleType, x: Array) -> Array:
    """s_c = Σ_n x_nc over all leading axes of x (..., C), in x's dtype: (C,)."""
    return time_sums(xp, x.reshape(1, -1, x.shape[-1]))[0]


def column_products(xp: ModuleType, x: Array, y: Array) -> Array:
    """s_c = Σ_n x_nc y_nc over all leading axes of x and y (..., C), in x's dtype: (C,)."""
    channels, backend = x.shape[-1], backend_of(x)
    x_rows, y_rows = x.reshape(-1, channels), y.reshape(-1, channels)  # (N, C)
    block, products = backend.longest_sum, backend.sums_of_products
    if block is None or len(x_rows) < block:
        return products("nc,nc->c", x_rows, y_rows).astype(x.dtype, copy=False)
    whole = len(x_rows) // block * block
    x_blocks, y_blocks = (rows[:whole].reshape(-1, block, channels) for rows in (x_rows, y_rows))
    total = products("bnc,bnc->bc", x_blocks, y_blocks).sum(axis=0, dtype=xp.float64)
    total += products("nc,nc->c", x_rows[whole:], y_rows[whole:])
    return total.astype(x.dtype)


def outer_sums(xp: ModuleType, x: Array, y: Array) -> Array:
    """S_ij = Σ_bn x_b..ni y_b..nj of x (B, ..., N, I) and y (B, ..., N, J), in x's dtype: (..., I, J)."""
    rows = x.shape[-2]
    stretch = STRETCH if x.shape[-1] * y.shape[-1] <= SMALL else max(rows, 1)
    total = _product(xp, x, y, slice(0, stretch))
    for first in range(stretch, rows, stretch):
        xp.add(total, _product(xp, x, y, slice(first, first + stretch)), out=total)
    return total


def _product(xp: ModuleType, x: Array, y: Array, rows: slice) -> Array:
    products = product(xp, x[..., rows, :].swapaxes(-1, -2), y[..., rows, :])  # (B, ..., I, J)
    return products[0] if len(products) == 1 else products.sum(axis=0)
