"""Who speaks when in an example, and in its frames."""

import numpy as np
import pytest

from npconformer.data import Example
from npconformer.data.segments import active_frames, segments_of, speakers_of
from npconformer.segments.diarization import Segment, find_segments

LINE = "SPEAKER {} 1 {} {} <NA> <NA> {} <NA> <NA>\n"


@pytest.fixture
def rttm(tmp_path):
    def write(*rows, name="who.rttm"):
        (tmp_path / name).write_text("".join(LINE.format(*row) for row in rows))
        return str(tmp_path / name)

    return write


def test_the_recording_of_the_name(rttm):
    path = rttm(("a_b", 0, 1, "anna"), ("c", 2, 1, "ben"))
    assert segments_of(Example("x/a b.wav", rttm=path)) == [Segment(0, 1, "anna")]
    assert segments_of(Example("c.flac", rttm=path)) == [Segment(2, 3, "ben")]
    with pytest.raises(ValueError, match="has 2 recordings and none is 'd'"):
        segments_of(Example("d.wav", rttm=path))


def test_the_only_recording_needs_no_name(rttm):
    assert segments_of(Example("d.wav", rttm=rttm(("a", 0, 1, "anna")))) == [Segment(0, 1, "anna")]


def test_a_stretch_has_its_own_time(rttm):
    path = rttm(("a", 0, 2, "anna"), ("a", 1.5, 2, "ben"), ("a", 5, 1, "anna"))
    assert segments_of(Example("a.wav", rttm=path, start=1.0, end=3.0)) == [
        Segment(0, 1, "anna"),
        Segment(0.5, 2, "ben"),
    ]
    assert segments_of(Example("a.wav", rttm=path, start=4.0)) == [Segment(1, 2, "anna")]


def test_missing_and_wrong_files(rttm, tmp_path):
    with pytest.raises(ValueError, match="no RTTM file"):
        segments_of(Example("a.wav"))
    with pytest.raises(FileNotFoundError):
        segments_of(Example("a.wav", rttm=str(tmp_path / "none.rttm")))
    with pytest.raises(ValueError, match="line 1"):
        segments_of(Example("a.wav", rttm=rttm(("a", "soon", 1, "anna"))))
    with pytest.raises(ValueError, match="has 0 recordings"):
        segments_of(Example("a.wav", rttm=rttm()))


def test_a_changed_file_is_read_again(rttm):
    import os

    path = rttm(("a", 0, 1, "anna"))
    assert len(segments_of(Example("a.wav", rttm=path))) == 1
    rttm(("a", 0, 1, "anna"), ("a", 2, 1, "anna"))
    os.utime(path, ns=(1, 1))
    assert len(segments_of(Example("a.wav", rttm=path))) == 2


def test_speakers_in_the_order_in_which_they_speak():
    segments = [Segment(2, 3, "b"), Segment(0, 1, "c"), Segment(0, 0.5, "a"), Segment(4, 5, "c")]
    assert speakers_of(segments) == ["a", "c", "b"]


def test_frames_by_their_middle():
    segments = [Segment(0.0, 0.05, "a"), Segment(0.09, 0.21, "b"), Segment(0.5, 9.0, "a"), Segment(0, 1, "other")]
    active = active_frames(segments, ["a", "b"], frames=6, seconds_per_frame=0.1)
    # middles at 0.05 (0.05 itself is behind a segment that ends there), 0.15, 0.25, ..., 0.55
    assert active.T.astype(int).tolist() == [[0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0]]


def test_found_segments_give_their_frames_back():
    active = np.random.default_rng(0).random((200, 3)) < 0.5
    segments = find_segments(active, 0.02, min_duration=0, max_gap=0, speakers=["a", "b", "c"])
    np.testing.assert_array_equal(active_frames(segments, ["a", "b", "c"], 200, 0.02), active)
