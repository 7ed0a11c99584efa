"""Numbers in names are numbers."""

import random

from npconformer.storage.natural_order import natural_key

SORTED = ["10", "1a", "A1", "a", "a01", "a1", "a2", "a10", "a10b2", "a10b10", "a-3", "b/2/x", "b/10/x", "é2", "é10"]


def test_numbers_count():
    names = ["part2.wav", "part10.wav", "part1.wav"]
    assert sorted(names, key=natural_key) == ["part1.wav", "part2.wav", "part10.wav"]


def test_one_order_of_all_names():
    expected = sorted(SORTED, key=natural_key)
    for seed in range(20):
        names = list(SORTED)
        random.Random(seed).shuffle(names)
        assert sorted(names, key=natural_key) == expected
    for earlier, later in [("a01", "a1"), ("a2", "a10"), ("a10b2", "a10b10"), ("b/2/x", "b/10/x"), ("é2", "é10")]:
        assert expected.index(earlier) < expected.index(later)


def test_digits_that_are_no_numbers_and_very_long_ones():
    names = ["x²", "x٣", "9" * 5000, "1" * 5000]
    assert sorted(names, key=natural_key)[0] == "1" * 5000
