"""Tiles cover a product once, whatever its shape and the threads; what they give is the product."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strict_device import STRICT

from npconformer.arrays import pool, threads
from npconformer.arrays.products import FEW_ROWS, for_tiles, map_rows, product


@pytest.fixture(autouse=True)
def restored():
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


def draw(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def tiles_of(rows, inner, columns, number):
    threads.set_num_threads(number)
    found = []
    for_tiles(lambda n, o: found.append((n.start, n.stop, o.start, o.stop)), np, rows, inner, columns)
    return sorted(found)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2500), st.sampled_from([0, 1, 64, 1024, 300_000]), st.integers(0, 5000), st.integers(1, 9))
def test_tiles_cover_everything_once(rows, inner, columns, number):
    seen = np.zeros((rows, columns), np.int8)
    for first, last, left, right in tiles_of(rows, inner, columns, number):
        assert 0 <= first <= last <= rows and 0 <= left <= right <= columns
        seen[first:last, left:right] += 1
    assert (seen == 1).all()


def test_which_tiles_there_are():
    assert tiles_of(100, 16, 16, 2) == [(0, 100, 0, 16)]  # not worth a second thread
    assert tiles_of(1000, 1, 1, 1) == [(0, 500, 0, 1), (500, 1000, 0, 1)]  # what fits a cache
    assert tiles_of(1000, 512, 512, 2) == [(0, 500, 0, 512), (500, 1000, 0, 512)]  # bands of rows
    assert tiles_of(500, 1024, 1024, 2) == [(0, 500, 0, 512), (0, 500, 512, 1024)]  # columns, where rows are few
    assert len(tiles_of(100, 4096, 4096, 2)) == 4  # several parts each of a large one
    assert tiles_of(20, 1024, 1024, 1) == [(0, 20, 0, 1024)]
    assert len(tiles_of(186, 176, 704, 64)) == 2  # of many threads no more than the product is worth
    assert len(tiles_of(186, 176, 4096, 64)) == 15


def test_a_device_gets_one_tile():
    threads.set_num_threads(4)
    found = []
    for_tiles(lambda *tile: found.append(tile), STRICT.xp, 5000, 500, 5000)
    assert found == [(slice(0, 5000), slice(0, 5000))]


def test_inside_a_part_nothing_is_shared():
    threads.set_num_threads(4)
    found = []
    pool.share(lambda part: for_tiles(lambda n, o: found.append((n, o)), np, 20, 1024, 1024), 1, 1)
    assert found == [(slice(0, 20), slice(0, 1024))]


def test_tiles_are_worked_on_at_the_same_time():
    threads.set_num_threads(2)
    both = threading.Barrier(2, timeout=60)
    for_tiles(lambda n, o: both.wait(), np, 500, 512, 512)  # breaks if one thread does one after the other


SHAPES = [(1, 1, 1), (7, 5, 3), (500, 40, 30), (1300, 3, 5), (20, 1024, 900), (0, 4, 5), (500, 0, 3), (500, 3, 0)]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("stack", [(), (3,), (2, 2)], ids=str)
def test_product(number, shape, dtype, stack):
    threads.set_num_threads(number)
    rows, inner, columns = shape
    a, b = draw(*stack, rows, inner, dtype=dtype), draw(*stack, inner, columns, seed=1, dtype=dtype)
    expected = np.einsum("...ni,...io->...no", a.astype(np.float64), b.astype(np.float64))
    close = dict(rtol=0, atol=(2e-6 if dtype == np.float32 else 1e-14) * max(1, inner) ** 0.5 * 8)
    y = product(np, a, b)
    assert y.dtype == dtype and y.flags.c_contiguous
    np.testing.assert_allclose(y, expected, **close)
    transposed = [np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2) for x in (a, b)]
    np.testing.assert_allclose(product(np, *transposed), expected, **close)


@pytest.mark.parametrize("shape", [(700, 128, 256), (30, 1024, 1000)], ids=["bands", "columns"])
def test_the_same_bits_whoever_takes_what(shape):
    """With the same number of threads, also when none but the caller is there."""
    threads.set_num_threads(2)
    rows, inner, columns = shape
    a, b = draw(rows, inner, dtype=np.float32), draw(inner, columns, seed=1, dtype=np.float32)
    first = product(np, a, b).copy()
    for _ in range(5):
        np.testing.assert_array_equal(product(np, a, b), first)
    taken, held = pool._idle[:], pool._made
    pool._idle.clear()  # nobody is idle: one thread does it all
    try:
        np.testing.assert_array_equal(product(np, a, b), first)
        assert pool._made == held
    finally:
        pool._idle.extend(taken)


@pytest.mark.parametrize("rows", [0, 1, FEW_ROWS, FEW_ROWS + 1, 300])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray], ids=["as stored", "transposed"])
@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
def test_map_rows(rows, layout, with_bias):
    """Into a part of an array, whose other numbers stay."""
    x, weight, bias = draw(rows, 6), layout(draw(5, 6, seed=1)), draw(5, seed=2) if with_bias else None
    whole = np.full((rows + 2, 9), 7.0)
    out = whole[1:-1, 2:7]
    assert map_rows(np, x, weight, bias, out) is out
    expected = np.full((rows + 2, 9), 7.0)
    expected[1:-1, 2:7] = np.einsum("ni,oi->no", x, weight) + (bias if with_bias else 0)
    np.testing.assert_allclose(whole, expected, rtol=0, atol=1e-13)


def test_the_weight_is_on_the_left_where_rows_are_few_and_it_lies_as_stored():
    orders = []

    class Watched:
        add = staticmethod(np.add)
        empty = staticmethod(np.empty)

        @staticmethod
        def matmul(a, b, out):
            orders.append("left" if a.shape == (5, 6) else "right")
            return np.matmul(a, b, out=out)

    stored = draw(5, 6)
    for rows, weight in ((9, stored), (9, np.asfortranarray(stored)), (FEW_ROWS + 1, stored)):
        map_rows(Watched, draw(rows, 6), weight, None, np.empty((rows, 5)))
    assert orders == ["left", "right", "right"]
