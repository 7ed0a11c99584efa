"""Memory is taken up again when an array and all its views are gone, and never before."""

import gc
import threading

import numpy as np
import pytest
from strict_device import STRICT

from npconformer.arrays import kept_memory
from npconformer.arrays.kept_memory import SMALLEST, empty
from npconformer.arrays.memory_blocks import ALIGNMENT, rounded

SHAPE = (300, 400)  # of float32: 480,000 bytes


@pytest.fixture(autouse=True)
def nothing_kept():
    gc.collect()
    kept_memory.release()
    yield
    kept_memory.release()


def address(array):
    return array.__array_interface__["data"][0]


def kept():
    return sum(size * len(blocks) for size, blocks in kept_memory._free.items())


def test_memory_of_an_array_that_is_gone_is_taken_up():
    first = empty(np, SHAPE, np.float32)
    where = address(first)
    del first
    again = empty(np, (400, 300), np.float32)
    assert address(again) == where
    other = empty(np, SHAPE, np.float32)
    assert not np.shares_memory(again, other)


VIEWS = {
    "slice": lambda a: a[10:20],
    "of a view": lambda a: a[10:][:, 3:][::2].T[1:],
    "reshape": lambda a: a.reshape(-1)[5:].reshape(-1, 5),
    "bytes": lambda a: a.view(np.uint8)[4:],
    "strided": lambda a: np.lib.stride_tricks.as_strided(a, (5, 5), (4, 8)),
    "memoryview": lambda a: memoryview(a),
    "from a buffer": lambda a: np.frombuffer(a, np.int32)[3:],
    "broadcast": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "subclass": lambda a: a.view(np.matrix),
    "flat": lambda a: a.flat,
}


@pytest.mark.parametrize("view", VIEWS)
def test_not_while_there_is_a_view(view):
    array = empty(np, SHAPE, np.float32)
    where = address(array)
    part = VIEWS[view](array)
    del array
    assert kept() == 0
    assert address(empty(np, SHAPE, np.float32)) != where
    kept_memory.release()
    del part
    assert kept() >= 480_000 and address(empty(np, SHAPE, np.float32)) == where


def test_numbers_of_views_stay_whatever_is_computed_meanwhile():
    rng, held = np.random.default_rng(0), []
    for k in range(300):
        array = empty(np, (int(rng.integers(100, 140)), 400), np.float32)
        array[...] = k
        held.append((k, array[3:][::2]))
        if len(held) > 8:
            held.pop(int(rng.integers(len(held))))
        assert all((view == number).all() for number, view in held)


def test_several_threads():
    wrong = []

    def work(number):
        for _ in range(200):
            arrays = [empty(np, SHAPE, np.float32) for _ in range(3)]
            for k, array in enumerate(arrays):
                array[...] = 10 * number + k
            if any((array != 10 * number + k).any() for k, array in enumerate(arrays)):
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert not wrong


def test_what_another_thread_leaves_is_taken_up():
    where = []

    def work():
        where.append(address(empty(np, SHAPE, np.float32)))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert address(empty(np, SHAPE, np.float32)) == where[0]


def test_sizes_are_rounded_up_by_an_eighth_at_most():
    for size in (SMALLEST, SMALLEST + 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**19 + 5, 10**9):
        whole = rounded(size)
        assert size <= whole <= size * 1.125 and rounded(whole) == whole


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, bool])
def test_shape_dtype_and_alignment(dtype):
    for shape in ((SMALLEST,), (3, SMALLEST // 2 + 1), (2, 3, 99_999)):
        array = empty(np, shape, dtype)
        assert type(array) is np.ndarray and array.shape == shape and array.dtype == dtype
        assert array.flags.c_contiguous and array.flags.writeable and address(array) % ALIGNMENT == 0


def test_small_arrays_and_devices_are_the_librarys():
    small = empty(np, (SMALLEST // 4 - 1,), np.float32)
    assert small.flags.owndata and not empty(np, (SMALLEST // 4,), np.float32).flags.owndata
    assert empty(np, (0, 10**6), np.float32).shape == (0, 10**6)
    assert type(empty(STRICT.xp, SHAPE, np.float32)) is STRICT.array_type
    del small
    kept_memory.release()
    empty(STRICT.xp, SHAPE, np.float32)
    assert kept() == 0


def test_no_more_is_kept_than_the_limit(monkeypatch):
    monkeypatch.setattr(kept_memory, "most_kept", lambda: 10**6)
    arrays = [empty(np, SHAPE, np.float32) for _ in range(5)]
    while arrays:
        arrays.pop()
        assert 0 < kept() <= 10**6
    kept_memory.release()
    empty(np, (10**6,), np.float32)
    assert kept() == 0  # larger than everything that may be kept


def test_many_small_ones_are_no_more_than_a_64th_above_the_limit(monkeypatch):
    limit = 2 * 64 * kept_memory.EACH * SMALLEST
    monkeypatch.setattr(kept_memory, "most_kept", lambda: limit)
    arrays, most = [empty(np, (SMALLEST,), np.uint8) for _ in range(limit // SMALLEST + 100)], 0
    while arrays:
        arrays.pop()
        most = max(most, kept())
    assert limit * 0.98 < most <= limit + limit // 64


def test_release_gives_back_what_is_kept_and_no_more():
    held = empty(np, SHAPE, np.float32)
    held[...] = 3
    empty(np, SHAPE, np.float32)
    kept_memory.release()
    assert kept() == 0 and (held == 3).all()
