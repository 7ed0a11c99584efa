"""Edit distances against the recursion written out, and what is counted."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.metrics import Edits, count_edits

SEQUENCES = st.lists(st.sampled_from("abc"), max_size=9)


def naive_distance(r, h):
    """The recursion as it is defined."""

    @cache
    def distance(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(distance(i - 1, j - 1) + (r[i - 1] != h[j - 1]), distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(r), len(h))


@given(SEQUENCES, SEQUENCES)
def test_distance_is_that_of_the_recursion(r, h):
    edits = count_edits(r, h)
    assert edits.errors == naive_distance(tuple(r), tuple(h))
    assert edits.length == len(r)
    assert edits.insertions - edits.deletions == len(h) - len(r)
    assert min(edits.substitutions, edits.deletions, edits.insertions) >= 0


@given(SEQUENCES, SEQUENCES)
def test_the_other_way_round(r, h):
    there, back = count_edits(r, h), count_edits(h, r)
    assert there.errors == back.errors


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("", "", (0, 0, 0)),
        ("abc", "", (0, 3, 0)),
        ("", "abc", (0, 0, 3)),
        ("abc", "abc", (0, 0, 0)),
        ("abc", "axc", (1, 0, 0)),
        ("abc", "ac", (0, 1, 0)),
        ("ac", "abc", (0, 0, 1)),
        ("kitten", "sitting", (2, 0, 1)),
        ("aa", "aaa", (0, 0, 1)),
        ("ab", "ba", (2, 0, 0)),  # rather than a deletion and an insertion
    ],
)
def test_kinds_of_edits(reference, hypothesis, expected):
    edits = count_edits(reference, hypothesis)
    assert (edits.substitutions, edits.deletions, edits.insertions) == expected


def test_items_are_compared_and_not_their_numbers():
    assert count_edits(["one", "two"], ["one", "2"]) == Edits(1, 0, 0, 2)
    assert count_edits([1, 2, 3], (1, 3)) == Edits(0, 1, 0, 3)


def test_a_long_text():
    reference = [i % 97 for i in range(3000)]
    hypothesis = [*reference[:1000], *reference[1010:2500], -1, *reference[2501:], -2, -3]
    assert count_edits(reference, hypothesis) == Edits(1, 10, 2, 3000)


def test_sums_and_rates():
    total = Edits(1, 0, 0, 4) + Edits(0, 1, 2, 6)
    assert (total, total.errors, total.rate) == (Edits(1, 1, 2, 10), 4, 0.4)
    assert Edits().rate == 0
    assert Edits(insertions=2).rate == float("inf")
