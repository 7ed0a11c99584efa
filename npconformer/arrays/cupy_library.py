"""CuPy as a backend: arrays in the memory of an NVIDIA GPU.

Every launch of a kernel costs the host some ten microseconds, whatever the kernel does. So what NumPy does in a few
calls on a piece that is in the cache is one kernel here, where CuPy can make one of it: chains of element-wise steps
(`fuse`), and sums of products, which CuPy's own `einsum` makes of copies and a matrix product.

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from npconformer.arrays.array_library import Backend, BackendError
from npconformer.arrays.dtypes import wide_dtype


def load() -> Backend:
    """Imports CuPy. BackendError where it is missing or finds no GPU."""
    try:
        import cupy
        from cupyx.scipy.special import ndtr
    except ImportError as error:
        raise BackendError(
            "CuPy is not installed. Install it for your CUDA version with "
            '`pip install "cupy-cuda12x[ctk]"` or `pip install "cupy-cuda13x[ctk]"` '
            f"(the import failed with: {error})."
        ) from error
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise BackendError(f"CuPy {cupy.__version__} is installed but finds no usable GPU: {error}.") from error
    if devices == 0:
        raise BackendError(f"CuPy {cupy.__version__} is installed but this machine has no GPU.")

    def fuse(function: Callable, name: str) -> Callable:
        return cupy.fuse(kernel_name=name)(function)

    sums_of_products = _sums_of_products(cupy)
    return Backend(
        name="cupy",
        xp=cupy,
        array_type=cupy.ndarray,
        to_host=cupy.asnumpy,
        from_host=cupy.asarray,
        normal_cdf=ndtr,
        sums_of_products=sums_of_products,
        row_sums=lambda x: x.sum(axis=-1, keepdims=True, dtype=wide_dtype(x.dtype)),
        row_products=lambda x, y: sums_of_products("nc,nc->n", x, y)[:, None],
        fuse=fuse,
    )


def _sums_of_products(cupy: Any) -> Callable[..., Any]:
    """`einsum` of two arrays as one kernel, which adds in float64 and never stores the products."""
    kernel = cupy.ReductionKernel(
        in_params="T a, T b",
        out_params="U y",
        map_expr="(double)a * (double)b",
        reduce_expr="a + b",
        post_map_expr="y = a",
        identity="0",
        name="sums_of_products",
        reduce_type="double",
    )

    def sums_of_products(subscripts: str, a: Any, b: Any, out: Any = None) -> Any:
        inputs, kept = subscripts.split("->")
        first, second = inputs.split(",")
        axes = kept + "".join(sorted(set(first + second) - set(kept)))  # those that are summed come last
        summed = tuple(range(len(kept), len(axes)))
        if out is None:
            lengths = dict(zip(first + second, a.shape + b.shape))
            out = cupy.empty([lengths[axis] for axis in kept], wide_dtype(a.dtype))
        return kernel(spread(a, first, axes), spread(b, second, axes), out=out, axis=summed)

    return sums_of_products


def spread(x: Any, names: str, axes: str) -> Any:
    """A view of x, whose axes have these names, with all of `axes` in their order; those that it lacks are 1 long."""
    ordered = x.transpose([names.index(axis) for axis in axes if axis in names])
    return ordered[tuple(slice(None) if axis in names else None for axis in axes)]
