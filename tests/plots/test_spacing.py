"""Labels on a line: none over another, in order, and no nearer places exist."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.plots.spacing import spread

LABELS = st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 5)), max_size=15)


@given(LABELS)
def test_no_label_is_over_another(labels):
    centres, widths = sorted(c for c, _ in labels), np.array([w for _, w in labels])
    places = spread(centres, widths, 0, 100)
    assert len(places) == len(labels)
    assert np.all(np.diff(places) >= (widths[1:] + widths[:-1]) / 2 - 1e-9)
    if len(labels):
        assert places[0] - widths[0] / 2 >= -1e-9
        assert places[-1] + widths[-1] / 2 <= 100 + 1e-9  # 15 labels of 5 fit


@given(LABELS, st.integers(0, 2**32 - 1))
def test_no_other_places_are_nearer(labels, seed):
    centres, widths = np.sort([c for c, _ in labels]), np.array([w for _, w in labels])
    places = spread(centres, widths, 0, 100)
    random = np.random.default_rng(seed)
    needed = (widths[1:] + widths[:-1]) / 2
    for size in (0.01, 0.1, 1.0):
        other = places + size * random.normal(size=len(places))
        fits = np.all(np.diff(other) >= needed)
        if fits and len(other) and other[0] >= widths[0] / 2 and other[-1] <= 100 - widths[-1] / 2:
            assert ((places - centres) ** 2).sum() <= ((other - centres) ** 2).sum() + 1e-9


def test_examples():
    assert spread([], [], 0, 1).tolist() == []
    assert spread([1, 3, 5], [2, 2, 2], 0, 6).tolist() == [1, 3, 5]  # they fit where they are
    assert spread([3, 3, 3], [2, 2, 2], 0, 6).tolist() == [1, 3, 5]
    assert spread([0, 0, 9], [2, 2, 2], 0, 10).tolist() == [1, 3, 9]
    assert spread([10, 10], [2, 4], 0, 10).tolist() == [5, 8]
    assert spread([5, 5], [8, 8], 0, 10).tolist() == [4, 12]  # too wide together: past the end


def test_bad_input():
    with pytest.raises(ValueError, match="centres in order"):
        spread([2, 1], [1, 1], 0, 9)
    with pytest.raises(ValueError, match="as many widths"):
        spread([1, 2], [1], 0, 9)
