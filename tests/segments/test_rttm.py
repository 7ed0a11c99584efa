"""RTTM: what is written can be read again, files of other writers too, and bad lines are named."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconformer.segments.diarization import Segment
from npconformer.segments.rttm import from_rttm, read_rttm, to_rttm

TIMES = st.tuples(st.integers(0, 10**8), st.integers(0, 10**7)).map(lambda ms: (ms[0] / 1000, (ms[0] + ms[1]) / 1000))
NAMES = st.text(st.characters(blacklist_categories=("Z", "C")), min_size=1, max_size=8)
SEGMENTS = st.lists(st.builds(lambda times, name: Segment(*times, name), TIMES, NAMES), min_size=1, max_size=5)


@given(st.dictionaries(NAMES, SEGMENTS, max_size=3))
def test_what_is_written_is_read_again_to_the_millisecond(recordings):
    text = "".join(to_rttm(name, segments) for name, segments in recordings.items())
    assert from_rttm(text) == recordings


@given(st.floats(0, 1e5), st.floats(0, 1e3))
def test_start_and_end_are_each_rounded_once(start, duration):
    (segment,) = from_rttm(to_rttm("a", [Segment(start, start + duration, "B")]))["a"]
    assert abs(segment.start - start) <= 0.00050001
    assert abs(segment.end - (start + duration)) <= 0.00050001


def test_the_lines():
    segments = [Segment(0.0, 1.24, "ANNA"), Segment(1.1, 2.5, "Dr Ben")]
    assert to_rttm("a meeting", segments) == (
        "SPEAKER a_meeting 1 0.000 1.240 <NA> <NA> ANNA <NA> <NA>\n"
        "SPEAKER a_meeting 1 1.100 1.400 <NA> <NA> Dr_Ben <NA> <NA>\n"
    )
    assert to_rttm("silence", []) == ""


def test_files_of_other_writers():
    text = """\
;; a comment
SPKR-INFO meeting 1 <NA> <NA> <NA> unknown ANNA <NA> <NA>
non-speech meeting 1 3 4 <NA> noise <NA> <NA> <NA>

SPEAKER\tmeeting\t1\t0.5\t.25\t<NA>\t<NA>\tANNA\t<NA>
SPEAKER other 1 1e1 2 <NA> <NA> BEN
speaker other 1 20 2 <na> <na> BEN 0.95 <NA>
SPEAKER other 1 30 2 - unknown BEN 1.0
"""
    known = {
        "meeting": [Segment(0.5, 0.75, "ANNA")],
        "other": [Segment(10.0, 12.0, "BEN"), Segment(20.0, 22.0, "BEN"), Segment(30.0, 32.0, "BEN")],
    }
    assert from_rttm(text) == known
    assert from_rttm("\ufeff" + text.replace("\n", "\r\n")) == known
    assert from_rttm(text.replace("\n", "\r")) == known


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_mark_and_line_ends_of_windows_lose_no_segment(tmp_path, mark, end):
    lines = [f"SPEAKER talk 1 {i}.0 0.5 <NA> <NA> ANNA <NA> <NA>{end}" for i in range(2)]
    (tmp_path / "a.rttm").write_bytes((mark + "".join(lines)).encode())
    assert read_rttm(tmp_path / "a.rttm") == {"talk": [Segment(0, 0.5, "ANNA"), Segment(1, 1.5, "ANNA")]}


@pytest.mark.parametrize(
    ("recording", "speaker"),
    [
        ("my talk", "ANNA"),
        ("talk", "Dr Ben"),
        ("my long 2 talk", "Dr van Ben"),
        ("talk 1 2.5", "SPEAKER 1"),
        ("a\u00a0b", "7"),
    ],
)
@pytest.mark.parametrize("end", [" <NA> <NA>", " 0.9 <NA>", " <NA>", ""])
def test_spaces_in_names_shift_no_field(recording, speaker, end):
    line = f"SPEAKER {recording} 1 0.5 1.25 <NA> <NA> {speaker}{end}"
    if speaker == "SPEAKER 1" and end in ("", " <NA>"):
        with pytest.raises(ValueError, match="line 1: whether 1 belongs to the speaker's name cannot be told"):
            from_rttm(line)
    else:
        expected = [Segment(0.5, 1.75, speaker.replace(" ", "_"))]
        assert from_rttm(line) == {"_".join(recording.split()): expected}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("SPEAKER meeting 1 0.5", "line 2: expected at least 8 fields, got 4"),
        ("SPEAKER m 1 half 1 <NA> <NA> A", "line 2: start and duration, the 4th and 5th field, must be numbers"),
        ("SPEAKER m 1 0 -1 <NA> <NA> A", "line 2: start and duration must be 0 or more"),
        ("SPEAKER m 1 nan 1 <NA> <NA> A", "line 2: start and duration, the 4th and 5th field, must be numbers"),
        ("SPEAKER m 1 1_0 1 <NA> <NA> A", "line 2: start and duration, the 4th and 5th field, must be numbers"),
        ("SPEAKER m 1 1e305 1 <NA> <NA> A", "line 2: start and duration must be at most 1e[+]09 seconds"),
        ("SPEAKER m 1 1 1e999 <NA> <NA> A", "line 2: start and duration must be at most 1e[+]09 seconds"),
        ("SPEAKER my talk 1 0.5 1.0 x y ANNA", "line 2: expected <NA> in the 6th and 7th field; names hold no spaces"),
        ("SPEAKER m 1 0 1 <NA> <NA> 1 2 <NA> <NA> A", "line 2: it can be read in 2 ways; names hold no spaces"),
        ("SPEKER m 1 0 1 <NA> <NA> A", "line 2: expected a line that starts with SPEAKER"),
        ("SPEAKER m 1 0 1 <NA> <NA>", "line 2: expected at least 8 fields, got 7"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    path = tmp_path / "bad.rttm"
    path.write_text(";; a comment\n" + line + "\n")
    with pytest.raises(ValueError, match=rf"bad\.rttm: {message}"):
        read_rttm(path)


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "bad.rttm"
    path.write_bytes(b"RIFF\xff\xfe")
    with pytest.raises(ValueError, match=r"bad\.rttm"):
        read_rttm(path)
    with pytest.raises(FileNotFoundError):
        read_rttm(tmp_path / "missing.rttm")


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")
def test_what_never_ends(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ValueError, match="is a pipe or a device"):
            read_rttm(path)
    (tmp_path / "a.rttm").write_text(";; 3456789")
    with pytest.raises(ValueError, match=r"a\.rttm has more than 9 bytes"):
        read_rttm(tmp_path / "a.rttm", longest=9)


def test_names_that_would_break_lines_or_drive_a_terminal():
    line = to_rttm("a\nSPEAKER b", [Segment(0, 1, "\x1b[2J\u2028Ben\x85")])
    assert line == "SPEAKER a_SPEAKER_b 1 0.000 1.000 <NA> <NA> \\x1b[2J_Ben <NA> <NA>\n"


@pytest.mark.parametrize("times", [(-1.0, 2.0), (2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_segments_that_are_none(times):
    with pytest.raises(ValueError, match="0 <= start <= end"):
        to_rttm("a", [Segment(*times, "B")])
