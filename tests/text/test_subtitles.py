"""Subtitles: the two file formats to the character, and how words become lines."""

import pytest

from npconformer.text.subtitles import Cue, clock, lines_of_words, one_cue_each, to_srt, to_vtt

CUES = [Cue(0.0, 1.5, "HELLO"), Cue(3661.25, 3662.0004, "A & B <C>")]


def words(*texts, length=0.4, gap=0.1):
    step = length + gap
    return [{"text": text, "timestamp": (i * step, i * step + length)} for i, text in enumerate(texts)]


def test_srt():
    assert to_srt(CUES) == ("1\n00:00:00,000 --> 00:00:01,500\nHELLO\n\n2\n01:01:01,250 --> 01:01:02,000\nA & B <C>\n")


def test_vtt():
    assert to_vtt(CUES) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHELLO\n\n01:01:01.250 --> 01:01:02.000\nA &amp; B &lt;C&gt;\n"
    )


def test_silence_gives_an_empty_srt_and_a_vtt_with_its_header():
    assert to_srt([]) == ""
    assert to_vtt([]) == "WEBVTT\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00,000"),
        (0.0004, "00:00:00,000"),
        (0.0006, "00:00:00,001"),
        (59.9996, "00:01:00,000"),
        (3599.9999, "01:00:00,000"),
        (360000, "100:00:00,000"),
    ],
)
def test_clock_rounds_and_carries(seconds, text):
    assert clock(seconds, ",") == text


@pytest.mark.parametrize("seconds", [-0.1, float("nan"), float("inf")])
def test_clock_refuses_what_is_no_time(seconds):
    with pytest.raises(ValueError, match="seconds must be a time"):
        clock(seconds, ",")


def test_words_are_joined_into_one_cue_with_its_first_and_last_time():
    (cue,) = lines_of_words(words("ONE", "TWO", "THREE"))
    assert cue[:3] == (0.0, 1.4, "ONE TWO THREE")


def test_lines_stay_short():
    cues = lines_of_words(words(*["SEVENTEEN"] * 9, length=0.1))
    assert [cue.text.count("SEVENTEEN") for cue in cues] == [4, 4, 1]
    assert all(len(cue.text) <= 42 for cue in cues)


def test_a_word_longer_than_a_line_stands_alone():
    assert [cue.text for cue in lines_of_words(words("A", "B" * 60, "C"))] == ["A", "B" * 60, "C"]


def test_long_pauses_and_long_times_start_a_new_cue():
    assert len(lines_of_words(words("ONE", "TWO", gap=1.01))) == 2
    assert len(lines_of_words(words("ONE", "TWO", gap=0.99))) == 1
    assert [cue.text for cue in lines_of_words(words("A", "B", "C", "D", length=2.0))] == ["A B", "C D"]


def test_one_cue_each_leaves_spaces_out():
    assert [cue.text for cue in one_cue_each(words("A", " ", "B"))] == ["A", "B"]


def test_line_breaks_and_escape_sequences_in_tokens_end_no_cue():
    cues = one_cue_each([{"text": "A\n\n2\n00:00:09,000 --> 00:00:10,000\nB\x1b[2J", "timestamp": (0.0, 1.0)}])
    assert to_srt(cues) == ("1\n00:00:00,000 --> 00:00:01,000\nA 2 00:00:09,000 --> 00:00:10,000 B\\x1b[2J\n")
    assert "\n\nA 2 " not in to_vtt(cues) and to_vtt(cues).count("\n\n") == 1
