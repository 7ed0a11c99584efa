"""Work over cache-sized blocks of rows, in threads: the one place where arrays are cut up for speed.

A chain of element-wise steps over a large array reads and writes main memory once for each step. Cut into blocks of
rows that fit the cache, the whole chain runs on a block while it is there; and since NumPy releases the interpreter's
lock inside its loops, several threads each take their share of the blocks. On a GPU the array is one block.

    def swish_block(xp, y, x):        # writes y = x / (1 + e^-x) for one block
        ...
    blocks.run(swish_block, y, x)     # for all rows of y and x

Large matrix products have threads of their own, inside the BLAS library that NumPy calls. Many small ones, like those of
the attention heads, are faster the other way round: each in one thread, several at a time (`run_products`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np

from npconformer import blas
from npconformer.backend import NUMPY, Backend, backend_of

BLOCK_SIZE = NUMPY.block_size  # 512 KiB of float32, which the second-level cache still holds
SHARED_SIZE = 16 * 1024  # numbers in a block, at least, for another thread to be worth waking
_threads: int | None = None
_pool: ThreadPoolExecutor | None = None


def set_num_threads(threads: int) -> None:
    """How many threads share the work: matrix products, and element-wise work between them."""
    global _threads, _pool
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads: expected a whole number of at least 1, got {threads!r}")
    if _pool is not None:
        _pool.shutdown()
    _threads, _pool = threads, None
    blas.set_num_threads(threads)


def get_num_threads() -> int:
    """What `set_num_threads` chose; before that OMP_NUM_THREADS, or the number of cores this process may use."""
    global _threads
    if _threads is None:
        named = os.environ.get("OMP_NUM_THREADS", "")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        _threads = int(named) if named.isdigit() and int(named) > 0 else cores
    return _threads


def run(function: Callable[..., None], *arrays: Any) -> None:
    """Calls function(xp, *blocks) for blocks of rows (slices along the first axis) that together cover the arrays.

    The arrays have the same number of rows. The function writes its results into its blocks.
    """
    rows, backend = arrays[0].shape[0], backend_of(*arrays)

    def on_block(first: int, stop: int) -> None:
        function(backend.xp, *[array[first:stop] for array in arrays])

    run_ranges(on_block, rows, arrays[0].size // max(rows, 1), backend)


def run_ranges(function: Callable[[int, int], None], rows: int, row_size: int, backend: Backend) -> None:
    """Calls function(first, stop) for ranges that together cover the rows, in threads; on a GPU for one range.

    row_size: how many numbers a row has. An exponential that overflows to infinity is meant, and warns nobody.
    """
    _run(function, rows, row_size, backend, SHARED_SIZE, nullcontext)


def run_products(function: Callable[[int, int], None], rows: int, row_size: int, backend: Backend) -> None:
    """The same for a function that multiplies small matrices: each product stays in the thread that asks for it."""
    _run(function, rows, row_size, backend, BLOCK_SIZE, blas.single_threaded)


def _run(
    function: Callable, rows: int, row_size: int, backend: Backend, shared_size: int, around_threads: Callable
) -> None:
    workers, step = min(rows, 1), rows
    if backend is NUMPY and rows * row_size > shared_size:
        workers = min(get_num_threads(), rows, -(-rows * row_size // shared_size))
        step = max(1, min(-(-rows // workers), BLOCK_SIZE // row_size))

    def work(worker: int) -> None:
        with np.errstate(over="ignore"):
            stop = (worker + 1) * rows // workers
            for first in range(worker * rows // workers, stop, step):
                function(first, min(first + step, stop))

    if workers == 1:
        work(0)
    elif workers > 1:
        with around_threads():
            _share(work, workers)


def _share(work: Callable[[int], None], workers: int) -> None:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max(get_num_threads() - 1, 1), thread_name_prefix="npconformer")
    others = [_pool.submit(work, worker) for worker in range(1, workers)]
    try:
        work(0)
    finally:
        for other in others:
            other.result()
