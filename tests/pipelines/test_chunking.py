"""Where chunks begin and end: every frame is kept once, in its place, with its context; settings with no meaning."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npconformer.models.frame_clock import FrameClock, Stage
from npconformer.pipelines.chunking import AUTO_ABOVE_S, find_windows, make_chunking

FIELD, RATIO = 400, 320


def clock_of(adapter_layers=0):
    return FrameClock(16000, Stage(1, 1), (Stage(FIELD, RATIO),), (Stage(1, 2),) * adapter_layers)


def frames_of(adapter_layers):
    def count(samples):
        frames = (samples - FIELD) // RATIO + 1
        for _ in range(adapter_layers):
            frames = (frames - 1) // 2 + 1
        return frames

    return count


def chunking_of(frames, left, right, adapter_layers=0):
    size = RATIO * 2**adapter_layers
    seconds = [count * size / 16000 for count in (frames, left, right)]
    return make_chunking(seconds[0], seconds[1:], clock_of(adapter_layers))


@st.composite
def cases(draw):
    left, right = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    frames = left + right + draw(st.integers(1, 9)) + 1  # one frame of 20 ms is shorter than its receptive field
    adapter_layers = draw(st.integers(0, 3))
    samples = draw(st.integers(FIELD, 60 * RATIO * 2**adapter_layers))
    cuts = sorted(draw(st.lists(st.integers(1, samples), max_size=5)))
    return chunking_of(frames, left, right, adapter_layers), frames_of(adapter_layers), samples, cuts


@given(cases())
@settings(max_examples=300, deadline=None)
def test_every_frame_is_kept_once_in_its_place_with_its_context(case):
    chunking, count, samples, cuts = case
    recording = np.arange(samples, dtype=np.float64)
    pieces = [piece for piece in np.split(recording, cuts) if len(piece)]
    total, kept = count(samples), []
    windows = list(find_windows(pieces, chunking, count))
    for window in windows:
        start, rest = divmod(int(window.samples[0]), chunking.samples_per_frame)
        assert rest == 0  # a chunk begins where a frame does
        np.testing.assert_array_equal(window.samples, recording[int(window.samples[0]) :][: len(window.samples)])
        frames = count(len(window.samples))
        assert 0 <= window.skip < window.stop <= frames
        assert frames == min(chunking.frames, total)
        assert start == 0 or window.skip >= chunking.left
        assert start + frames == total or frames - window.stop == chunking.right
        kept.extend(range(start + window.skip, start + window.stop))
    assert kept == list(range(total))
    if total <= chunking.frames:
        assert len(windows) == 1 and len(windows[0].samples) == samples  # the whole, untouched
    else:
        assert samples > chunking.longest_whole or chunking.samples_per_frame > RATIO
        assert len({len(window.samples) for window in windows[:-1]}) <= 1


def test_one_frame_more_than_a_chunk():
    chunking = chunking_of(frames=10, left=2, right=0)
    windows = list(find_windows([np.zeros(chunking.samples + RATIO)], chunking, frames_of(0)))
    assert [(window.skip, window.stop) for window in windows] == [(0, 10), (9, 10)]
    assert [len(window.samples) for window in windows] == [chunking.samples] * 2


def test_lengths_are_rounded_to_whole_frames_of_the_output():
    chunking = make_chunking(1.0, (0.149, 0.151), clock_of())
    assert (chunking.frames, chunking.left, chunking.right) == (50, 7, 8)
    assert chunking.samples == 50 * RATIO + FIELD - RATIO
    chunking = make_chunking(1.0, 0.15, clock_of(1))  # 40 ms
    assert (chunking.frames, chunking.left, chunking.right, chunking.samples_per_frame) == (25, 4, 4, 640)
    assert frames_of(1)(chunking.samples) == 25 == frames_of(1)(chunking.samples + RATIO - 1)
    assert frames_of(1)(chunking.samples + RATIO) == 26


def test_the_stride_is_a_sixth_unless_it_is_given():
    chunking = make_chunking(30, None, clock_of())
    assert (chunking.frames, chunking.left, chunking.right) == (1500, 250, 250)
    assert make_chunking(30, 5, clock_of()) == chunking
    assert make_chunking(30, [5.0, 5], clock_of()) == chunking


def test_auto_leaves_what_is_not_long():
    auto, chunks = (make_chunking(length, None, clock_of()) for length in ("auto", 30))
    assert auto.longest_whole == AUTO_ABOVE_S * 16000
    assert chunks.longest_whole == 30 * 16000 + FIELD - 1
    assert auto.frames == chunks.frames


@pytest.mark.parametrize("nothing", [None, 0, 0.0])
def test_no_chunks(nothing):
    assert make_chunking(nothing, None, clock_of()) is None
    assert make_chunking(nothing, 5, clock_of()) is None  # no chunks, no strides


@pytest.mark.parametrize(
    ("chunk", "stride", "message"),
    [
        (-1, None, 'chunk_length_s must be a number of seconds, None or 0 .* or "auto", got -1'),
        (math.nan, None, "chunk_length_s must be .*, got nan"),
        (math.inf, None, "chunk_length_s must be .*, got inf"),
        ("30", None, "chunk_length_s must be .*, got '30'"),
        (True, None, "chunk_length_s must be .*, got True"),
        ([30], None, "chunk_length_s must be"),
        (10, -1, "stride_length_s must be a number of seconds, 0 or more, or two of them, .* got -1"),
        (10, math.nan, "stride_length_s must be"),
        (10, (1, 2, 3), "stride_length_s must be"),
        (10, (1, math.nan), "stride_length_s must be"),
        (10, "5", "stride_length_s must be"),
        (0, -1, "stride_length_s must be"),
        (10, 5, "stride_length_s=5 leaves nothing of a chunk: .* shorter than chunk_length_s=10"),
        (10, (0, 10), r"stride_length_s=\(0, 10\) leaves nothing of a chunk"),
        ("auto", 15, "stride_length_s=15 leaves nothing of a chunk: .* shorter than chunk_length_s=30"),
        (0.024, 0, "chunk_length_s=0.024 is shorter than what the model makes one frame of, 0.025 seconds"),
        (0.1, (0.035, 0.06), r"are 5 and 2 \+ 3 frames of 0\.02 s: nothing of a chunk is left between its strides"),
    ],
)
def test_settings_without_a_meaning(chunk, stride, message):
    with pytest.raises(ValueError, match=message):
        make_chunking(chunk, stride, clock_of())


def test_a_chunk_is_at_least_one_frame_of_the_output():
    with pytest.raises(ValueError, match=r"chunk_length_s=0\.07 is shorter than .* one frame of, 0\.0800625 seconds"):
        make_chunking(0.07, 0, clock_of(3))  # frames of 160 ms
    assert make_chunking(0.09, 0, clock_of(3)).frames == 1
