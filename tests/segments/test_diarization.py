"""Segments from frame probabilities: what must hold for all probabilities, and examples worked by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npconformer.commands import diarize
from npconformer.segments.diarization import MAX_GAP, MIN_DURATION, THRESHOLD, Segment, find_segments

STEP = 0.02
PROBABILITIES = st.tuples(st.integers(0, 40), st.integers(0, 3)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
)
FRAMES = st.integers(0, 12)


def frames_of(segments, frames, speakers):
    """The slow way back: (T, S) booleans."""
    active = np.zeros((frames, speakers), bool)
    for segment in segments:
        for t in range(frames):
            if segment.start <= (t + 0.5) * STEP <= segment.end:
                active[t, int(segment.speaker.removeprefix("SPEAKER_"))] = True
    return active


def found(probabilities, threshold=0.5, shortest=0, longest_gap=0):
    """(T, S) booleans after finding segments; settings counted in frames."""
    segments = find_segments(probabilities, STEP, threshold, shortest * STEP, longest_gap * STEP)
    return frames_of(segments, *probabilities.shape)


def segments_the_slow_way(active, shortest, longest_gap):
    """One speaker's (start, end) in frames, frame by frame."""
    runs = []
    for t in np.flatnonzero(active):
        if runs and t - runs[-1][1] <= longest_gap:
            runs[-1][1] = t + 1
        else:
            runs.append([t, t + 1])
    return [(start, end) for start, end in runs if end - start >= shortest]


# ---- what must hold for all probabilities


@given(PROBABILITIES, st.sampled_from([0.1, 0.5, 0.7]))
def test_without_smoothing_the_segments_are_the_frames_above_the_threshold(probabilities, threshold):
    np.testing.assert_array_equal(found(probabilities, threshold), probabilities > threshold)


@given(PROBABILITIES, FRAMES, FRAMES)
def test_the_slow_twin_agrees(probabilities, shortest, longest_gap):
    expected = sorted(
        (start, end, speaker)
        for speaker, column in enumerate((probabilities > 0.5).T)
        for start, end in segments_the_slow_way(column, shortest, longest_gap)
    )
    segments = find_segments(probabilities, STEP, 0.5, shortest * STEP, longest_gap * STEP)
    assert [segment.speaker for segment in segments] == [f"SPEAKER_{speaker}" for _, _, speaker in expected]
    times = [(segment.start, segment.end) for segment in segments]
    np.testing.assert_allclose(times, [(start * STEP, end * STEP) for start, end, _ in expected])


@given(PROBABILITIES, FRAMES, FRAMES)
def test_segments_are_long_enough_far_enough_apart_and_inside_the_recording(probabilities, shortest, longest_gap):
    segments = find_segments(probabilities, STEP, 0.5, shortest * STEP, longest_gap * STEP)
    assert segments == sorted(segments, key=lambda segment: segment[:2])
    for name in {segment.speaker for segment in segments}:
        own = [segment for segment in segments if segment.speaker == name]
        for segment in own:
            assert 0 <= segment.start < segment.end <= len(probabilities) * STEP + 1e-9
            assert segment.end - segment.start >= shortest * STEP - 1e-9
        for first, second in pairwise(own):
            assert second.start - first.end > longest_gap * STEP + 1e-9


@given(PROBABILITIES, FRAMES, FRAMES, FRAMES)
def test_each_setting_only_adds_or_only_removes(probabilities, shortest, longest_gap, more):
    now = found(probabilities, 0.5, shortest, longest_gap)
    assert not (found(probabilities, 0.5, shortest + more, longest_gap) & ~now).any()
    assert not (now & ~found(probabilities, 0.5, shortest, longest_gap + more)).any()
    assert not (found(probabilities, 0.7, shortest, longest_gap) & ~now).any()


@given(PROBABILITIES, FRAMES, FRAMES)
def test_speakers_do_not_influence_each_other(probabilities, shortest, longest_gap):
    together = found(probabilities, 0.5, shortest, longest_gap)
    for speaker in range(probabilities.shape[1]):
        alone = found(probabilities[:, [speaker]], 0.5, shortest, longest_gap)
        np.testing.assert_array_equal(alone[:, 0], together[:, speaker])


# ---- examples


def track(text):
    """Probabilities of one speaker: "#" speaks, "." does not."""
    return np.array([[0.9 if letter == "#" else 0.1] for letter in text])


@pytest.mark.parametrize(
    ("text", "min_duration", "max_gap", "expected"),
    [
        ("..###..#.", 0, 0, [(2, 5), (7, 8)]),
        ("..###..#.", 0, 2, [(2, 8)]),
        ("..###..#.", 2, 1, [(2, 5)]),
        ("#..#..#..#", 10, 2, [(0, 10)]),  # gaps are filled before short segments are dropped
        ("##########", 10, 0, [(0, 10)]),
        ("##########", 11, 0, []),
        ("..........", 0, 0, []),
        ("", 0, 0, []),
    ],
)
@pytest.mark.parametrize("step", [0.01, 0.02, 0.1, 1 / 49.95])
def test_worked_by_hand_whatever_floating_point_says(text, min_duration, max_gap, expected, step):
    probabilities = track(text).reshape(-1, 1)
    segments = find_segments(probabilities, step, 0.5, min_duration * step, max_gap * step)
    assert segments == [Segment(start * step, end * step, "SPEAKER_0") for start, end in expected]


def test_overlap_and_names():
    probabilities = np.concatenate([track("###..."), track(".####.")], axis=1)
    segments = find_segments(probabilities, 1.0, speakers=["ANNA", "BEN"])
    assert segments == [Segment(0, 3, "ANNA"), Segment(1, 5, "BEN")]


def test_a_probability_at_the_threshold_is_not_above_it():
    assert find_segments(np.full((9, 1), 0.5), 1.0, threshold=0.5) == []


def test_the_command_has_the_defaults_of_the_function():
    import argparse

    parser = argparse.ArgumentParser()
    diarize.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["diarize", "a.wav"])
    assert (arguments.threshold, arguments.min_duration, arguments.max_gap) == (THRESHOLD, MIN_DURATION, MAX_GAP)


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probabilities": np.zeros(5)}, r"probabilities must have shape \(frames, speakers\), got \(5,\)"),
        ({"probabilities": np.full((3, 1), np.nan)}, "none of them NaN"),
        ({"probabilities": [["a"]]}, "probabilities must be numbers"),
        ({"seconds_per_frame": 0}, "seconds_per_frame must be a positive number, got 0"),
        ({"threshold": np.nan}, "threshold must be a finite number, got nan"),
        ({"threshold": "0.5"}, "threshold must be a finite number, got '0.5'"),
        ({"min_duration": -1}, "min_duration must be a number of seconds, 0 or more, got -1"),
        ({"max_gap": np.inf}, "max_gap must be a finite number, got inf"),
        ({"speakers": ["A"]}, "speakers must name 2 speakers, got 1 names"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_segments(**{"probabilities": np.zeros((4, 2)), "seconds_per_frame": STEP, **arguments})
