"""Counting of steps behind stages, against counting on one's fingers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.models.frame_clock import Stage, count_steps, fewest_steps


def windows(steps: int, stage: Stage) -> int:
    """How many windows of `reach`, every `hop`, fit into so many steps."""
    number = 0
    while number * stage.hop + stage.reach <= steps:
        number += 1
    return number


def count_on_fingers(steps, stages):
    """0 where nothing is left on the way, whatever padding would make of nothing."""
    for stage in stages:
        steps = windows(steps, stage) if steps else 0
    return steps


some_stages = st.lists(st.builds(Stage, st.integers(1, 9), st.integers(1, 5)), max_size=4)
padded_stages = st.lists(st.builds(Stage, st.integers(-3, 9), st.integers(1, 5)), max_size=3)


@given(st.integers(0, 400), some_stages)
def test_count_steps(steps, stages):
    assert max(count_steps(steps, stages), 0) == count_on_fingers(steps, stages)


@given(st.integers(1, 400), padded_stages)
def test_count_steps_with_more_padding_than_reach(steps, stages):
    """As an adapter's convolutions may have: then something is left of every step."""
    expected = count_on_fingers(steps, stages)
    assert not expected or count_steps(steps, stages) == expected


@given(st.lists(st.integers(0, 400), min_size=1, max_size=8), some_stages)
def test_arrays_of_lengths(lengths, stages):
    counted = count_steps(np.array(lengths), stages)
    assert counted.tolist() == [count_steps(length, stages) for length in lengths]


@settings(deadline=None)
@given(st.integers(1, 12), padded_stages)
def test_fewest_steps(wanted, stages):
    fewest = next(steps for steps in range(1, 20000) if count_on_fingers(steps, stages) >= wanted)
    assert fewest_steps(wanted, stages) == fewest


def test_no_stages():
    assert count_steps(7, []) == fewest_steps(7, []) == 7
