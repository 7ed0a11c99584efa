"""A thread that is alone does every part of its work by itself, and the parts are what they would be."""

import threading
import time

from npconformer.arrays import pool


def names_of(parts, threads):
    """The threads that did the parts."""
    names = [None] * parts

    def work(part):
        names[part] = threading.current_thread().name
        time.sleep(0.002)

    pool.share(work, parts, threads)
    return names


def test_a_thread_that_is_alone_does_all_parts_itself():
    with pool.alone():
        assert set(names_of(8, 4)) == {threading.current_thread().name}
    deadline = time.monotonic() + 60
    while len(set(names_of(8, 4))) == 1:  # and not any longer
        assert time.monotonic() < deadline


def test_parts_of_a_part_that_is_alone_are_cut_as_if_they_were_shared():
    seen = []

    def part(number):
        before = pool.is_busy()
        with pool.alone():
            seen.append((before, pool.is_busy()))
            pool.share(lambda inner: seen.append(pool.is_busy()), 1, 2)
        seen.append(pool.is_busy())

    pool.share(part, 1, 2)
    assert seen == [(True, False), True, True] and not pool.is_busy()
