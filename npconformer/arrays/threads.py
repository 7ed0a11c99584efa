"""Work over cache-sized pieces of rows, in threads: the one place where arrays are cut up for speed.

A chain of element-wise steps over a large array reads and writes main memory once for each step. Cut into pieces of
rows that fit the cache, the whole chain runs on a piece while it is there; and since NumPy releases the interpreter's
lock inside its loops, several threads each take their share of the pieces. On a GPU the array is one piece.

    def swish_piece(xp, y, x):        # writes y = x / (1 + e^-x) for one piece
        ...
    threads.run(swish_piece, y, x)     # for all rows of y and x

Matrix products are shared in the same way (`run_products`, and `products` for a single large one), each of them in one
thread: the threads of the BLAS library that NumPy calls sleep meanwhile (`blas`).

Lesson: notebooks/12_numpy_to_gpu.ipynb
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from npconformer.arrays import blas, pool
from npconformer.arrays.backend import NUMPY, Backend, backend_of
from npconformer.arrays.dtypes import is_float16, widened
from npconformer.arrays.types import Array

PIECE_SIZE = NUMPY.piece_size  # 2 MiB of float32: smaller ones hand the interpreter's lock over too often
SHARED_SIZE = 128 * 1024  # numbers that are worth a thread: below, waking it and waiting for it costs more
TINY_SIZE = 32 * 1024  # numbers whose products a library gives no second thread anyway
PARTS = 2  # for each thread: when one is kept from its core, the others take what it leaves
ROWS_OF_A_THREAD, MOST_ROWS = 400, 750  # of a band of frames, in products and in what is between
_threads: int | None = None


def set_num_threads(threads: int) -> None:
    """How many threads share the work from now on: matrix products, and element-wise work between them.

    NumPy's own number of threads, which a program's other products have, stays as it is.
    """
    global _threads
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads: expected a whole number of at least 1, got {threads!r}")
    _threads = threads


def get_num_threads() -> int:
    """What `set_num_threads` chose; before that OMP_NUM_THREADS, or the number of cores this process may use."""
    global _threads
    if _threads is None:
        named = os.environ.get("OMP_NUM_THREADS", "")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        _threads = int(named) if named.isdigit() and int(named) > 0 else cores
    return _threads


def run(function: Callable[..., None], *arrays: Array) -> None:
    """Calls function(xp, *pieces) for pieces of rows (slices along the first axis) that together cover the arrays.

    The arrays have the same number of rows. The function writes its results into its pieces.
    """
    backend, rows = backend_of(*arrays), len(arrays[0])
    if arrays[0].size <= SHARED_SIZE or backend is not NUMPY:
        with np.errstate(over="ignore"):
            function(backend.xp, *arrays)
        return

    def on_piece(first: int, stop: int) -> None:
        function(backend.xp, *[array[first:stop] for array in arrays])

    run_ranges(on_piece, rows, arrays[0].size // rows, backend)


def run_elementwise(function: Callable[..., None], *arrays: Array, outputs: int = 1) -> None:
    """The same for a function of element-wise steps, which become one kernel on a GPU instead of one each.

    outputs: how many of the arrays, the first ones, it writes into. float16 is computed in float32 and rounded once.
    The function is part of a module or a class. To record its steps it is called with stand-ins of arrays that have no
    shape and no parts: it may use operators, in place as well, `xp`'s element-wise functions with and without `out`,
    `xp.where`, `y[...] = x` and `normal_cdf`.
    """
    backend, function = backend_of(*arrays), _wide_enough(function, arrays, outputs)
    if backend.fuse is None:
        run(function, *arrays)
    else:
        _kernel(function, backend)(*arrays)


def run_step(function: Callable[..., None], *arrays: Any) -> None:
    """The same for arrays that are a piece already, of any shapes that fit each other, and numbers beside them.

    Of float16 arrays, which are computed in float32 and rounded once, it writes into the first alone.
    """
    if type(arrays[0]) is np.ndarray and arrays[0].dtype != np.float16:  # nearly always, and often
        function(np, *arrays)
        return
    backend, function = backend_of(*arrays), _wide_enough(function, arrays, 1)
    if backend.fuse is None:
        function(backend.xp, *arrays)
    else:
        _kernel(function, backend)(*arrays)


def _wide_enough(function: Callable[..., None], arrays: Sequence[Any], outputs: int) -> Callable[..., None]:
    return _in_float32(function, outputs) if is_float16(arrays[0]) else function


@functools.cache
def _in_float32(function: Callable[..., None], outputs: int) -> Callable[..., None]:
    @functools.wraps(function)
    def steps(xp: Any, *arrays: Any) -> None:
        wide = widened(arrays)
        function(xp, *wide)
        for array, result in zip(arrays[:outputs], wide):
            array[...] = result

    return steps


@functools.cache
def _kernel(function: Callable[..., None], backend: Backend) -> Callable[..., None]:
    name = function.__qualname__.replace(".", "_")
    assert backend.fuse is not None  # who calls this has asked
    return backend.fuse(functools.partial(function, backend.xp), name)


def band_height(rows: int, threads: int) -> int:
    """How many rows a band has: one of as many bands, all of about one height, as make each thread have as many."""
    bands = max(1, threads * -(-rows // (threads * MOST_ROWS)))
    return -(-rows // bands)


def add_to_rows(rows: Array, row: Array) -> None:
    """rows += row, in place: what adds a bias (C,) to (N, C)."""
    run(lambda xp, piece: xp.add(piece, row, out=piece), rows)


def sum_over(function: Callable[..., tuple[Array, ...]], *arrays: Array) -> list[Array]:
    """The sums, over all pieces of rows, of the arrays that function(xp, *pieces) returns.

    Always in the same order, and in float64, so that many pieces add no error of their own; the dtype stays.
    """
    backend = backend_of(*arrays)
    parts: dict[int, tuple[Array, ...]] = {}

    def on_piece(first: int, stop: int) -> None:
        parts[first] = function(backend.xp, *[array[first:stop] for array in arrays])

    run_ranges(on_piece, len(arrays[0]), arrays[0].size // len(arrays[0]), backend)
    columns = zip(*[parts[first] for first in sorted(parts)], strict=True)
    return [sum(found[1:], start=found[0].astype(np.float64)).astype(found[0].dtype) for found in columns]


def run_ranges(function: Callable[[int, int], None], rows: int, row_size: int, backend: Backend) -> None:
    """Calls function(first, stop) for ranges that together cover the rows, in threads; on a GPU for one range.

    row_size: how many numbers a row has. An exponential that overflows to infinity is meant, and warns nobody.
    """
    _run(function, rows, row_size, backend, SHARED_SIZE, PIECE_SIZE, nullcontext())


def run_products(
    function: Callable[[int, int], None],
    rows: int,
    row_size: int,
    backend: Backend,
    piece_size: int = PIECE_SIZE,
    shared_size: int = SHARED_SIZE,
) -> None:
    """The same for a function that multiplies small matrices: each product stays in the thread that asks for it.

    piece_size: how many numbers a range has, at most. shared_size: how many are worth a thread.
    """
    _run(function, rows, row_size, backend, shared_size, piece_size, blas.single_threaded())


def _run(
    function: Callable,
    rows: int,
    row_size: int,
    backend: Backend,
    shared_size: int,
    piece_size: int,
    around: Any,
) -> None:
    size, threads, step = rows * row_size, 1, rows
    if backend is NUMPY and size > min(shared_size, piece_size):
        threads = 1 if pool.is_busy() else min(get_num_threads(), rows, max(1, size // shared_size))
        step = max(1, min(-(-rows // threads), piece_size // row_size))
    if threads > 1 and rows >= ROWS_OF_A_THREAD * threads:
        step = min(step, band_height(rows, threads))
    with around if size > TINY_SIZE else nullcontext():
        share_ranges(function, rows, step, threads)


def share_ranges(function: Callable[[int, int], None], rows: int, step: int, threads: int) -> None:
    """Calls function(first, stop) for ranges of `step` rows, which up to so many threads take one after the other."""

    def work(part: int) -> None:
        function(part * step, min(part * step + step, rows))

    if rows:
        pool.share(work, -(-rows // step), threads)
