"""What an array library is to this package: its namespace, and the few things that it does differently from NumPy.

NumPy's are below, CuPy's in `cupy_library`. The functions that differ are those where one of the two is several times
faster another way.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from npconformer.arrays.dtypes import widened
from npconformer.arrays.special import normal_cdf_numpy


class BackendError(RuntimeError):
    """An array library was asked for that is not installed, or that finds no device."""


@dataclass(frozen=True)
class Backend:
    """An array library: its namespace, and what it does differently from NumPy.

    Attributes:
        name: what `use` calls it.
        xp: the namespace with NumPy's names.
        array_type: the type of its arrays.
        to_host: array -> NumPy array.
        from_host: NumPy array -> array of this library.
        normal_cdf: the distribution function of the normal distribution, element by element, dtype kept.
        sums_of_products: (subscripts, a, b, out=None) -> `einsum` of two arrays. Here and below, sums of float16 are
            float32.
        row_sums: x (..., C) -> its sums over the last axis, (..., 1).
        row_products: x and y (N, C) -> the sums of their products over the last axis, (N, 1).
        longest_sum: how many float32 rows are added before their rounding shows, where each is added to the sum of
            those before it; None where the library adds in float64.
        piece_size: how many numbers are worked on at once where there is a choice: as many as a cache holds, on a host;
            as many as a device's memory holds without pain, elsewhere.
        fuse: (function, name) -> the same function as one kernel, for a function of element-wise steps (see
            `threads.run_elementwise`); None where every step is run by itself.
    """

    name: str
    xp: ModuleType | Any
    array_type: type
    to_host: Callable[[Any], np.ndarray]
    from_host: Callable[[np.ndarray], Any]
    normal_cdf: Callable[..., Any]
    sums_of_products: Callable[..., Any]
    row_sums: Callable[[Any], Any]
    row_products: Callable[[Any, Any], Any]
    longest_sum: int | None = None
    piece_size: int = 2**26
    fuse: Callable[[Callable, str], Callable] | None = None


def _sums_of_products(subscripts: str, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    if a.dtype != np.float16:
        return np.einsum(subscripts, a, b, out=out)
    sums = np.einsum(subscripts, widened(a), widened(b))  # of float16 it rounds every partial sum
    if out is None:
        return sums
    out[...] = sums
    return out


def _row_sums(x: np.ndarray) -> np.ndarray:
    x = widened(x)
    return np.matmul(x, np.ones(x.shape[-1], dtype=x.dtype))[..., None]  # a product is faster than a sum


def _row_products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = widened((x, y))
    return np.matmul(x[:, None], y[:, :, None])[:, 0]  # as exact as a product of matrices, and faster than a sum


NUMPY = Backend(
    name="numpy",
    xp=np,
    array_type=np.ndarray,
    to_host=np.asarray,
    from_host=np.asarray,
    normal_cdf=normal_cdf_numpy,
    sums_of_products=_sums_of_products,
    row_sums=_row_sums,
    row_products=_row_products,
    longest_sum=64,
    piece_size=2**19,
)
