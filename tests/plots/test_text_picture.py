"""The picture made of letters: as wide as promised, and what it shows is there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spelled import HELLO_YOU, make_recognition

from npconformer.plots import text_picture

PATHS = st.text("_|EHLOTWY", min_size=1, max_size=400)


def rows(picture, name):
    """The lines with that name on their left, joined: one recording, stretch after stretch."""
    return "".join(line[9:].ljust(71) for line in picture.splitlines() if line[:8].strip() == name)


def test_what_it_shows():
    picture = text_picture(make_recognition(HELLO_YOU))
    assert rows(picture, "letters").split() == ["H", "E", "L", "L", "O", "Y", "O", "T"]
    assert rows(picture, "words").split() == ["HELLO", "YOT"]
    assert rows(picture, "time (s)").split() == ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]
    loud, soft = rows(picture, "H").index("█"), rows(picture, "loudness")
    assert soft[0] != "█" and soft[loud] == "█"
    assert set(rows(picture, "blank")) == {" ", "█"}
    brackets = rows(picture, "aligned").strip()
    assert brackets.count("└") == brackets.count("┘") == 2
    assert rows(picture, "W") == ""  # never likely
    assert sum(line[:8].endswith(" Hz") for line in picture.splitlines()) == 8


def test_letters_stand_where_their_frames_are():
    picture = text_picture(make_recognition("_" * 20 + "H" + "_" * 49))  # a frame is a column and 1 %
    assert rows(picture, "letters").index("H") == pytest.approx(20.5, abs=1.5)
    assert rows(picture, "words").index("H") == pytest.approx(20.5, abs=1.5)


@settings(max_examples=60, deadline=None)
@given(PATHS, st.integers(40, 120), st.booleans())
def test_any_recognition(path, columns, ascii):
    recognition = make_recognition(path)
    picture = text_picture(recognition, columns, ascii)
    assert max(map(len, picture.splitlines()[:-1])) <= columns
    assert not ascii or picture.isascii()
    said = "".join(letter.text for letter in recognition.alignment.letters if letter.text != "|")
    shown = [line[9:] for line in picture.splitlines() if line[:8].strip() == "letters"]
    assert "".join("".join(shown).split()) == said


def test_a_long_recording_takes_several_stretches():
    picture = text_picture(make_recognition("__H_____O__________T____|____" * 20))  # 11.6 s
    assert picture.count("loudness") == 3
    assert len(rows(picture, "words").split()) == 20
    times = [float(time) for time in rows(picture, "time (s)").split()]
    assert times == sorted(times) and times[0] == 0.0 and times[-1] == 11.0


def test_letters_that_come_in_a_crowd_keep_their_places():
    picture = text_picture(make_recognition("HELOTWY" * 30 + "_" * 400))
    assert "".join(rows(picture, "letters").split()) == "HELOTWY" * 30


def test_silence():
    recognition = make_recognition("____")
    recognition.waveform[:] = 0
    picture = text_picture(recognition)
    assert not rows(picture, "loudness").strip()
    assert np.isfinite(recognition.probabilities).all()


def test_bad_input():
    with pytest.raises(ValueError, match="columns: expected at least 40, got 39"):
        text_picture(make_recognition(HELLO_YOU), 39)
