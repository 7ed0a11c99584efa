"""CTC's collapse beside the obvious loop, and words beside hand-made spans."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.text.ctc_decoding import Span, best_path, cut, group_words, runs


@given(st.lists(st.integers(0, 3), max_size=30), st.sampled_from([np.int64, np.int32, np.uint8]))
def test_runs_beside_a_loop(ids, dtype):
    expected = []
    for frame, index in enumerate(ids):
        if expected and expected[-1][0] == index:
            expected[-1][2] = frame + 1
        else:
            expected.append([index, frame, frame + 1])
    merged = runs(np.array(ids, dtype))
    assert [list(run) for run in zip(*(part.tolist() for part in merged))] == expected


def test_words():
    letters = [Span(c, i, i + 2) for c, i in zip(" HI  YOU ", range(0, 90, 10))]
    assert group_words(letters, " ") == [Span("HI", 10, 22), Span("YOU", 50, 72)]
    assert group_words([], " ") == [] and group_words(letters[:1], " ") == []


def test_best_path_keeps_real_frames_only():
    logits = np.random.default_rng(0).normal(size=(2, 5, 7))
    first, second = best_path(logits, [5, 3])
    np.testing.assert_array_equal(first, logits[0].argmax(-1))
    np.testing.assert_array_equal(second, logits[1, :3].argmax(-1))
    with pytest.raises(ValueError, match="batch, frames"):
        best_path(logits[0])
    for lengths, words in (([5], "one number"), ([5, 6], r"lengths\[1\] is 6"), ([-1, 2], r"lengths\[0\]")):
        with pytest.raises(ValueError, match=words):
            cut(logits.argmax(-1), lengths)
