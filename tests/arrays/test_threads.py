"""Every row is worked on exactly once, whatever the sizes and threads; errors come out; BLAS gets its threads back."""

import threading

import numpy as np
import pytest
from backends import backend  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from strict_device import STRICT
from strict_fusion import FUSION

from npconformer.arrays import blas, threads
from npconformer.arrays.backend import NUMPY, to_host


@pytest.fixture(autouse=True)
def restored():
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


def blas_threads():
    return [library.num_threads for library in blas._libraries().lib_controllers]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 300), st.integers(1, 5))
def test_ranges_cover_every_row_once(rows, row_size, number):
    threads.set_num_threads(number)
    seen = np.zeros(rows, int)

    def work(first, stop):
        assert stop - first <= max(1, threads.PIECE_SIZE // row_size)
        seen[first:stop] += 1

    for run in (threads.run_ranges, threads.run_products):
        run(work, rows, row_size, NUMPY)
        assert (seen == 1).all()
        seen[:] = 0


def test_large_work_is_shared_and_small_work_is_not():
    threads.set_num_threads(2)
    names = set()
    both = threading.Barrier(2, timeout=240)

    def work(first, stop):
        names.add(threading.current_thread().name)
        both.wait()

    threads.run_ranges(work, 2, threads.PIECE_SIZE, NUMPY)
    assert len(names) == 2
    both = threading.Barrier(1)
    names.clear()
    threads.run_ranges(work, 100, 10, NUMPY)
    assert names == {threading.current_thread().name}


def test_a_device_gets_one_range():
    ranges = []
    threads.run_ranges(lambda *ends: ranges.append(ends), 5000, 5000, STRICT)
    assert ranges == [(0, 5000)]


def test_run_gives_matching_pieces():
    x = np.random.default_rng(0).standard_normal((1000, 700))
    y = np.empty_like(x)
    threads.run(lambda xp, y, x: xp.multiply(x, 2, out=y), y, x)
    np.testing.assert_array_equal(y, 2 * x)


def test_a_share_of_work_is_not_shared_again():
    """Each half of the outer work has its inner work in one thread, in order."""
    threads.set_num_threads(2)
    inside, both = {}, threading.Barrier(2, timeout=240)

    def outer(first, stop):
        both.wait()
        seen = inside[first] = []
        threads.run_ranges(lambda f, s: seen.append((threading.get_ident(), f)), 4, threads.PIECE_SIZE, NUMPY)

    threads.run_ranges(outer, 2, threads.PIECE_SIZE, NUMPY)
    assert sorted(inside) == [0, 1]
    assert all([first for _, first in seen] == [0, 1, 2, 3] for seen in inside.values())
    assert all(len({thread for thread, _ in seen}) == 1 for seen in inside.values())
    assert len({seen[0][0] for seen in inside.values()}) == 2


def test_an_error_in_another_thread_reaches_the_caller():
    threads.set_num_threads(2)
    before = blas_threads()

    def work(first, stop):
        if first > 0:
            raise RuntimeError("in the second half")

    for run in (threads.run_ranges, threads.run_products):
        with pytest.raises(RuntimeError, match="second half"):
            run(work, 2, threads.SHARED_SIZE, NUMPY)
    assert blas_threads() == before


def test_products_run_in_their_own_thread_and_blas_gets_its_threads_back():
    threads.set_num_threads(2)
    before, during = blas_threads(), []
    threads.run_products(lambda *_: during.append(blas_threads()), 2, threads.SHARED_SIZE, NUMPY)
    assert len(during) == 2
    too_little_to_share = threads.SHARED_SIZE // 2
    threads.run_products(lambda *_: during.append(blas_threads()), 2, too_little_to_share, NUMPY)
    assert len(during) == 3
    assert all(set(threads) <= {1} for threads in during)
    assert blas_threads() == before


def test_set_num_threads_leaves_the_blas_library_alone():
    before = blas_threads()
    threads.set_num_threads(3)
    assert threads.get_num_threads() == 3 and blas_threads() == before


def test_set_num_threads_while_others_work():
    """It raises nothing, and the next work is cut for so many."""
    errors, stop, x = [], threading.Event(), np.ones((600, 700))

    def work():
        try:
            while not stop.is_set():
                y = np.empty_like(x)
                threads.run(lambda xp, y, x: xp.multiply(x, 2, out=y), y, x)
                assert (y == 2).all()
        except BaseException as error:
            errors.append(error)

    others = [threading.Thread(target=work) for _ in range(3)]
    for other in others:
        other.start()
    for number in (1, 2, 3, 4) * 10:
        threads.set_num_threads(number)
        pieces = []
        threads.run_ranges(lambda *ends, pieces=pieces: pieces.append(ends), number, threads.SHARED_SIZE, NUMPY)
        assert len(pieces) == number
    stop.set()
    for other in others:
        other.join(240)
    assert not errors


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "2", None])
def test_bad_number_of_threads(number):
    with pytest.raises(ValueError, match="threads: expected a whole number of at least 1"):
        threads.set_num_threads(number)


def test_the_environment_chooses_at_first(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(threads, "_threads", None)
    assert threads.get_num_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    monkeypatch.setattr(threads, "_threads", None)
    assert threads.get_num_threads() >= 1


def _piecewise(xp, y, x):
    xp.multiply(x, 2, out=y)
    y += xp.where(x > 0, 1, xp.exp(x))


def _needs_a_shape(xp, y, x):
    xp.multiply(x, x.shape[0], out=y)


def _takes_a_part(xp, y, x):
    y += x[:, :1]


def _makes_an_array(xp, y, x):
    y += xp.ones_like(x)


def test_elementwise_steps_are_one_kernel_where_the_backend_fuses(backend):  # noqa: F811
    x = np.random.default_rng(0).standard_normal((5, 7))
    on_device = backend.from_host(x)
    y = backend.xp.empty(x.shape, dtype=x.dtype)
    for _ in range(2):
        threads.run_elementwise(_piecewise, y, on_device)
        np.testing.assert_allclose(to_host(y), 2 * x + np.where(x > 0, 1, np.exp(x)), rtol=1e-14)
    if backend.name == "strict":
        assert FUSION.made["_piecewise"] == 1  # the second time it is there already


@pytest.mark.parametrize("function", [_needs_a_shape, _takes_a_part, _makes_an_array])
def test_the_stand_in_refuses_what_cannot_be_fused(function):
    x = STRICT.from_host(np.ones((2, 2)))
    with pytest.raises(TypeError, match="fused kernel"):
        threads.run_elementwise(function, STRICT.from_host(np.ones((2, 2))), x)
