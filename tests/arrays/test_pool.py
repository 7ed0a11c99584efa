"""Every part is done once, by whoever is free; errors and interrupts leave nothing hanging, and nothing is kept."""

import gc
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.arrays import pool

PATIENCE = 240  # seconds: a thread may be kept from its core for long


def share_with(work, parts, threads):
    """Shares work and returns which thread did each part."""
    names = [None] * parts

    def noted(part):
        names[part] = threading.current_thread().name
        work(part)

    pool.share(noted, parts, threads)
    return names


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def wait_for_idle():
    wait_until(lambda: len(pool._idle) == pool._made)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 60), st.integers(1, 5))
def test_every_part_is_done_exactly_once(parts, threads):
    counts = np.zeros(parts, int)

    def work(part):
        counts[part] += 1

    pool.share(work, parts, threads)
    assert (counts == 1).all()


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_as_many_threads_as_asked_for_work_at_the_same_time(threads):
    wait_for_idle()
    all_here = threading.Barrier(threads, timeout=PATIENCE)
    names = share_with(lambda part: all_here.wait(), threads, threads)
    assert len(set(names)) == threads and threading.current_thread().name in names


@pytest.mark.parametrize(("parts", "threads"), [(5, 1), (1, 4)])
def test_one_thread_or_one_part_needs_nobody(parts, threads):
    assert set(share_with(lambda part: None, parts, threads)) == {threading.current_thread().name}


def test_threads_that_sleep_are_used_again():
    for _ in range(20):
        wait_for_idle()
        made = max(pool._made, 1)
        both = threading.Barrier(2, timeout=PATIENCE)
        share_with(lambda part, both=both: both.wait(), 2, 2)
        assert pool._made == made


def test_nobody_waits_for_a_thread_that_has_not_begun(monkeypatch):
    """The caller does what a worker would have done, if that does not wake."""
    wait_for_idle()
    slept = pool._Worker(99)  # never started: as if another program had its core
    monkeypatch.setattr(pool, "_idle", [slept])
    assert share_with(lambda part: None, 6, 2) == [threading.current_thread().name] * 6
    assert slept.ticket is not None and slept.ticket.job is None  # when it wakes it finds nothing to do


def test_a_part_in_progress_elsewhere_is_waited_for():
    wait_for_idle()
    caller, done = threading.current_thread(), []
    begun = threading.Event()

    def work(part):
        if threading.current_thread() is caller:
            assert begun.wait(PATIENCE)
        else:
            begun.set()
            time.sleep(0.1)  # the caller has finished its own part long before
            done.append(part)

    pool.share(work, 2, 2)
    assert len(done) == 1


def test_a_slow_thread_leaves_its_parts_to_others():
    """Whoever is done takes the next part."""
    wait_for_idle()
    others_are_done, caller, count = threading.Event(), threading.current_thread(), []

    def work(part):
        if threading.current_thread() is caller:
            count.append(part)
            if len(count) == 8:
                others_are_done.set()
        else:
            assert others_are_done.wait(PATIENCE)  # in its first part

    begun = threading.Event()

    def both(part):
        if threading.current_thread() is not caller:
            begun.set()
        elif not begun.is_set():
            assert begun.wait(PATIENCE)
        work(part)

    pool.share(both, 9, 2)
    assert len(count) == 8


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["caller", "worker"])
@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_is_raised_once_and_ends_the_work(where, kind):
    wait_for_idle()
    caller, taken = threading.current_thread(), []
    both, failed = threading.Barrier(2, timeout=PATIENCE), threading.Event()

    def work(part):
        taken.append(part)
        if part < 2:
            both.wait()
            if (threading.current_thread() is caller) == (where == "caller"):
                failed.set()
                raise kind("in a part")
            assert failed.wait(PATIENCE)
            time.sleep(0.05)  # until the error is known

    with pytest.raises(kind, match="in a part"):
        pool.share(work, 1000, 2)
    assert len(taken) < 10
    before = list(taken)
    wait_for_idle()
    assert taken == before  # nobody goes on behind the caller's back
    assert len(set(share_with(lambda part: None, 50, 2))) <= 2  # and the next call works


def test_the_first_of_two_errors():
    wait_for_idle()
    both = threading.Barrier(2, timeout=PATIENCE)

    def work(part):
        both.wait()
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match=r"part [01]"):
        pool.share(work, 2, 2)
    both = threading.Barrier(2, timeout=PATIENCE)
    assert len(set(share_with(lambda part: both.wait(), 2, 2))) == 2


def test_an_interrupt_while_it_waits_comes_when_all_are_done(monkeypatch):
    """Whoever is interrupted owns the arrays that other threads write into."""
    import _thread

    wait_for_idle()
    caller, done = threading.current_thread(), []
    all_begun, first = threading.Barrier(3, timeout=PATIENCE), threading.Lock()

    def work(part):
        all_begun.wait()
        if threading.current_thread() is not caller:
            wait_until(lambda: not is_in_part(caller))
            if first.acquire(blocking=False):
                _thread.interrupt_main()
            else:
                time.sleep(0.5)  # works on long after the other one
            done.append(part)

    with pytest.raises(KeyboardInterrupt):
        pool.share(work, 3, 3)
        time.sleep(5)  # where an interrupt that was lost would be missed
    assert len(done) == 2
    wait_for_idle()
    both = threading.Barrier(2, timeout=PATIENCE)
    assert len(set(share_with(lambda part: both.wait(), 2, 2))) == 2


def is_in_part(thread):
    frame = sys._current_frames()[thread.ident]
    while frame is not None:
        if frame.f_code.co_name == "work":
            return True
        frame = frame.f_back
    return False


# -- sharing inside and beside ---------------------------------------------------------------------------------------


def test_inside_a_part_nothing_is_shared():
    wait_for_idle()
    inner = {}
    both = threading.Barrier(2, timeout=PATIENCE)

    def work(part):
        both.wait()
        inner[part] = (threading.current_thread().name, share_with(lambda part: None, 20, 4), pool.is_busy())

    assert not pool.is_busy()
    names = share_with(work, 2, 2)
    assert len(set(names)) == 2
    assert all(set(found) == {name} and busy for name, found, busy in inner.values())
    assert not pool.is_busy()


def test_several_callers_at_once():
    errors, start = [], threading.Barrier(8, timeout=PATIENCE)

    def call(seed):
        try:
            start.wait()
            for _ in range(100):
                y = np.zeros(40)
                pool.share(lambda part, y=y: y.__setitem__(part, seed * part), 40, 3)
                np.testing.assert_array_equal(y, seed * np.arange(40))
        except BaseException as error:
            errors.append(error)

    callers = [threading.Thread(target=call, args=(seed,)) for seed in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert not errors and not any(caller.is_alive() for caller in callers)


def test_an_error_of_one_caller_is_not_the_others():
    results, start = [], threading.Barrier(6, timeout=PATIENCE)

    def call(number):
        def work(part):
            if number % 2 and part == 3:
                raise KeyError(number)

        start.wait()
        for _ in range(50):
            try:
                pool.share(work, 8, 2)
                results.append((number, None))
            except KeyError as error:
                results.append((number, error.args[0]))

    callers = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert len(results) == 300
    assert all(found == (number if number % 2 else None) for number, found in results)


# -- what stays -------------------------------------------------------------------------------------------------------


class Work:
    def __init__(self, fails=False, meets=False):
        self.array = np.zeros(1000)
        self.both, self.fails = threading.Barrier(2, timeout=PATIENCE) if meets else None, fails

    def __call__(self, part):
        if self.both is not None:
            self.both.wait()
        if self.fails:
            raise RuntimeError("in a part")
        self.array[part] = 1


@pytest.mark.parametrize("fails", [False, True], ids=["well", "with an error"])
@pytest.mark.parametrize("meets", [False, True], ids=["perhaps alone", "with a worker"])
def test_nothing_is_kept_alive(fails, meets):
    wait_for_idle()
    gc.disable()  # what goes, goes by itself
    try:
        work = Work(fails, meets)
        watched = weakref.ref(work)
        try:
            pool.share(work, 2, 2)
        except RuntimeError:
            assert fails
        else:
            assert not fails
        del work
        assert watched() is None
    finally:
        gc.enable()


def test_a_worker_that_has_not_woken_keeps_nothing(monkeypatch):
    wait_for_idle()
    monkeypatch.setattr(pool, "_idle", [pool._Worker(99)])
    work = Work()
    watched = weakref.ref(work)
    pool.share(work, 2, 2)
    del work
    assert watched() is None


def test_overflow_warns_nobody(recwarn):
    wait_for_idle()
    both = threading.Barrier(2, timeout=PATIENCE)

    def work(part):
        both.wait()
        assert np.exp(np.full(3, 1000.0))[0] == np.inf

    pool.share(work, 2, 2)
    assert not recwarn.list


def test_who_has_just_helped_helps_again():
    wait_for_idle()
    both, interval = threading.Barrier(2, timeout=PATIENCE), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3000):
            pool.share(lambda part: both.wait(), 2, 2)  # with nobody to help, the first part would wait in vain
    finally:
        sys.setswitchinterval(interval)
