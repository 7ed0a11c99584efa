"""Work that threads share, noted part by part: parts have memory of their own, since they may run at the same time."""

import numpy as np
import pytest
from test_capture import array

from npconformer.arrays import pool
from npconformer.arrays.call_plan import capture_calls
from npconformer.arrays.capture import bare
from npconformer.arrays.kept_memory import empty


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_shared_work_is_shared_again(threads):
    """Parts have memory of their own in between, or they would overwrite each other's."""

    def function(x):
        y = empty(np, x.shape, x.dtype)
        before = x * 2  # free once the first part has seen it, while another may still read it

        def work(part):
            rows = slice(20 * part, 20 * part + 20)
            scratch = empty(np, (20, 50), x.dtype)
            for _ in range(20):
                np.sin(before[rows], out=scratch)
                scratch += 1
                np.multiply(scratch, scratch, out=y[rows])
                y[rows] += np.cos(scratch)

        pool.share(work, 10, threads)
        return y - 1

    plan = capture_calls(function, array(3, (200, 50)))
    for seed in range(30):
        x = array(seed, (200, 50))
        plan.run(x)
        np.testing.assert_array_equal(bare(plan.result), function(x))


def test_what_a_part_frees_no_other_part_takes():
    places = []

    def work(part):
        places.append(empty(np, (100,), np.float32).__array_interface__["data"][0])

    def function(x):
        pool.share(work, 3, 2)
        again = empty(np, (100,), np.float32)
        places.append(again.__array_interface__["data"][0])
        return x + 1

    capture_calls(function, array(3))
    assert len(set(places[:3])) == 3 and places[3] in places[:3]


def test_an_error_in_a_part_is_raised_where_the_work_was_given():
    def function(x):
        pool.share(lambda part: x[part] if part < 2 else 1 // 0, 4, 2)
        return x

    with pytest.raises(ZeroDivisionError):
        capture_calls(function, array(3))
    assert not pool.is_busy()
