"""Batches: every utterance once, within the limits, the same for the same seed and epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.data.batches import generator, make_batches

SECONDS = st.lists(st.floats(0.05, 30), min_size=0, max_size=80)


@given(SECONDS, st.integers(0, 9), st.integers(0, 3), st.integers(1, 12), st.floats(1, 60), st.booleans())
def test_every_utterance_once_and_within_the_limits(seconds, seed, epoch, batch_size, max_seconds, shuffle):
    batches = make_batches(seconds, seed, epoch, batch_size, max_seconds, shuffle)
    assert sorted(i for batch in batches for i in batch) == list(range(len(seconds)))
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        assert len(batch) == 1 or len(batch) * max(seconds[i] for i in batch) <= max_seconds
    assert batches == make_batches(seconds, seed, epoch, batch_size, max_seconds, shuffle)


def test_little_padding():
    seconds = np.random.default_rng(0).lognormal(0.5, 0.7, 2000)
    batches = make_batches(seconds, 0, 0, max_seconds=60)
    padded = sum(len(batch) * max(seconds[batch]) for batch in batches)
    assert padded < 1.15 * seconds.sum()
    assert len(batches) < 1.2 * seconds.sum() / 60


def test_epochs_and_seeds_differ():
    seconds = np.random.default_rng(0).uniform(0.5, 3, 200)
    made = [make_batches(seconds, seed, epoch, 8) for seed in (0, 1) for epoch in (0, 1)]
    assert all(a != b for i, a in enumerate(made) for b in made[:i])
    assert len({frozenset(map(frozenset, batches)) for batches in made}) == 4  # not only the order differs


def test_batches_come_in_no_order_of_length():
    seconds = np.random.default_rng(0).uniform(0.5, 10, 1000)
    longest = [max(seconds[batch]) for batch in make_batches(seconds, 0, 0, 8)]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


def test_without_shuffling_the_longest_come_first():
    assert make_batches([1, 3, 2, 5], 0, 7, batch_size=2, shuffle=False) == [[3, 1], [2, 0]]


@pytest.mark.parametrize("seconds", [[2.0, 2.0, 2.0, 2.0], [2.0, 1.5, 2.0, 0.25]])
def test_a_batch_may_have_exactly_the_most_seconds(seconds):
    """Two utterances with a longest of 2 s are 4 s, which is allowed; the next smaller limit is not kept by them."""
    order = np.argsort(-np.array(seconds), kind="stable").tolist()
    assert make_batches(seconds, 0, 0, max_seconds=4.0, shuffle=False)[0] == order[:2]
    assert make_batches(seconds, 0, 0, max_seconds=np.nextafter(4.0, 0), shuffle=False)[0] == order[:1]
    assert all(len(batch) == 2 for batch in make_batches([2.0] * 6, 3, 1, max_seconds=4.0))


@given(st.lists(st.sampled_from([0.5, 0.51, 2.0, 7.0]), max_size=60), st.booleans())
def test_without_padding_only_one_length_shares_a_batch(seconds, shuffle):
    batches = make_batches(seconds, 0, 0, 5, shuffle=shuffle, padding=False)
    assert sorted(i for batch in batches for i in batch) == list(range(len(seconds)))
    assert all(len({seconds[i] for i in batch}) == 1 for batch in batches)
    assert len(batches) == sum(-(-seconds.count(one) // 5) for one in set(seconds))


def test_streams_of_random_numbers_differ_by_purpose_epoch_and_index():
    keys = [(p, s, e, i) for p in (1, 2, 3) for s in (0, 1) for e in (0, 1) for i in (0, 1)]
    assert len({generator(*key).random() for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "batch_size, max_seconds or both"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"max_seconds": 0}, "max_seconds must be above 0"),
        ({"max_seconds": float("nan")}, "max_seconds must be above 0"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_batches([1.0], 0, 0, **arguments)


@pytest.mark.parametrize(("seed", "epoch"), [(-1, 0), (0, -1), (0.5, 0), (True, 0)])
def test_wrong_seeds(seed, epoch):
    with pytest.raises(ValueError, match="must be a whole number"):
        make_batches([1.0], seed, epoch, 1)
