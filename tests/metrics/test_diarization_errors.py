"""Diarization errors against a loop over frames and assignments."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.metrics import DiarizationErrors, FrameErrors, bootstrap_interval, frame_errors


def naive_errors(reference, hypothesis):
    missed = false_alarm = confused = speech = 0
    for r, h in zip(reference, hypothesis):
        correct = sum(a and b for a, b in zip(r, h))
        missed += max(0, sum(r) - sum(h))
        false_alarm += max(0, sum(h) - sum(r))
        confused += min(sum(r), sum(h)) - correct
        speech += sum(r)
    return FrameErrors(missed, false_alarm, confused, speech, len(reference))


def naive_matched(reference, hypothesis):
    """The best of all ways to put the narrower one's columns at places of the wider one."""
    width = max(reference.shape[1], hypothesis.shape[1])
    r, h = (np.pad(x, [(0, 0), (0, width - x.shape[1])]) for x in (reference, hypothesis))
    ways = (naive_errors(r.tolist(), h[:, list(order)].tolist()) for order in permutations(range(width)))
    return min(ways, key=lambda errors: errors.errors)


@st.composite
def activities(draw, same_width):
    frames = draw(st.integers(0, 8))
    speakers = draw(st.integers(1, 4))
    others = speakers if same_width else draw(st.integers(0, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.random((frames, speakers)) < 0.5, random.random((frames, others)) < 0.5


@given(activities(same_width=True))
def test_equals_the_naive_twin(pair):
    assert frame_errors(*pair) == naive_errors(*(x.tolist() for x in pair))


@given(activities(same_width=False))
def test_matched_speakers_equal_the_best_permutation(pair):
    assert frame_errors(*pair, match_speakers=True) == naive_matched(*pair)


def test_known_case():
    reference = [[1, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
    hypothesis = [[1, 0], [0, 1], [1, 0], [0, 0], [1, 0]]
    errors = frame_errors(reference, hypothesis)
    assert errors == FrameErrors(missed=2, false_alarm=1, confused=1, speech=5, frames=5)
    assert errors.rate == pytest.approx(4 / 5)


def test_exchanged_speakers():
    reference = np.array([[1, 0], [1, 0], [0, 1]])
    assert frame_errors(reference, reference[:, ::-1]).confused == 3
    assert frame_errors(reference, reference[:, ::-1], match_speakers=True).errors == 0


def test_sums_and_rates():
    total = FrameErrors(1, 0, 1, 10, 20) + FrameErrors(0, 2, 0, 10, 30)
    assert total == FrameErrors(1, 2, 1, 20, 50)
    assert total.rate == pytest.approx(0.2)
    assert FrameErrors().rate == 0
    assert FrameErrors(false_alarm=1).rate == float("inf")


def test_recordings_one_by_one():
    random, errors, expected = np.random.default_rng(0), DiarizationErrors(), []
    for match in [False, True] * 5:
        pair = [random.random((random.integers(1, 9), 3)) < 0.5] * 2
        pair[1] = pair[0][:, [2, 0, 1]] ^ (random.random(pair[0].shape) < 0.3)  # other numbers for the speakers
        naive = naive_matched(*pair) if match else naive_errors(*(x.tolist() for x in pair))
        assert errors.add(*pair, match_speakers=match) == naive
        expected.append(naive)
    wrong, speech = ([getattr(one, name) for one in expected] for name in ("errors", "speech"))
    assert errors.total.rate == pytest.approx(sum(wrong) / sum(speech))
    assert errors.total.frames == sum(one.frames for one in expected)
    assert errors.interval() == bootstrap_interval(wrong, speech)


def test_no_speech_has_no_interval():
    errors = DiarizationErrors()
    errors.add(np.zeros((3, 1)), np.ones((3, 1)))
    assert errors.total.rate == float("inf")
    with pytest.raises(ValueError, match="nothing"):
        errors.interval()


def test_wrong_shapes():
    with pytest.raises(ValueError, match=r"one number of frames"):
        frame_errors(np.zeros((3, 1)), np.zeros((4, 1)))
    with pytest.raises(ValueError, match="match_speakers=True"):
        frame_errors(np.zeros((3, 1)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="more than 12"):
        frame_errors(np.zeros((3, 13)), np.zeros((3, 14)), match_speakers=True)
