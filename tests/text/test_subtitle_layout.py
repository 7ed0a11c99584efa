"""Lines of subtitles as they are asked for, and what independent parsers read from the files."""

import datetime

import pytest

from npconformer.text.subtitles import Layout, lines_of_words, to_srt, to_vtt, underline_words

TEXT = "one two three four five six seven eight nine ten <b> & --> end"


def words(text=TEXT, length=0.3, gap=0.1):
    step = length + gap
    return [
        {"text": word, "timestamp": (i * step, i * step + length), "confidence": (i % 4 + 1) / 4}
        for i, word in enumerate(text.split())
    ]


def texts(layout, **timing):
    return [cue.text for cue in lines_of_words(words("a bb ccc dddd eeeee f", **timing), layout)]


def test_layouts():
    assert texts(Layout(width=8)) == ["a bb ccc", "dddd", "eeeee f"]
    assert texts(Layout(width=8, count=2)) == ["a bb ccc\ndddd", "eeeee f"]
    assert texts(Layout(width=8, count=3)) == ["a bb ccc\ndddd\neeeee f"]
    assert texts(Layout(words=2)) == ["a bb", "ccc dddd", "eeeee f"]
    assert texts(Layout(words=2, count=2)) == ["a bb\nccc dddd", "eeeee f"]
    assert texts(Layout(width=3)) == ["a", "bb", "ccc", "dddd", "eeeee", "f"]
    assert texts(Layout(width=8, count=3), gap=1.01) == ["a", "bb", "ccc", "dddd", "eeeee", "f"]


def test_confidence_is_the_mean_of_the_words():
    cues = lines_of_words(words("a b c d e"), Layout(words=3))
    assert [cue.confidence for cue in cues] == pytest.approx([0.5, 0.625])
    assert lines_of_words([{"text": "a", "timestamp": (0, 1)}])[0].confidence is None


def test_a_line_break_in_a_word_is_a_space():
    assert to_srt(lines_of_words([{"text": "a\n\nb", "timestamp": (0.0, 1.0)}])).splitlines()[2] == "a b"


def test_each_word_is_underlined_while_it_is_said():
    cues = underline_words(lines_of_words(words("a b"), Layout(words=1, count=2)))
    assert [(round(cue.start, 3), round(cue.end, 3), cue.highlighted) for cue in cues] == [
        (0.0, 0.3, 0), (0.3, 0.4, None), (0.4, 0.7, 1)
    ]  # fmt: skip
    assert [block.splitlines()[2:] for block in to_srt(cues).split("\n\n")] == [
        ["<u>a</u>", "b"], ["a", "b"], ["a", "<u>b</u>"]
    ]  # fmt: skip


@pytest.mark.parametrize("highlighted", [False, True])
def test_srt_is_read_by_an_independent_parser(highlighted):
    srt = pytest.importorskip("srt")
    cues = lines_of_words(words(), Layout(width=12, count=2))
    cues = underline_words(cues) if highlighted else cues
    read = list(srt.parse(to_srt(cues), ignore_errors=False))
    assert [(one.start, one.end) for one in read] == [
        tuple(datetime.timedelta(milliseconds=round(1000 * time)) for time in cue[:2]) for cue in cues
    ]
    assert [one.content.replace("<u>", "").replace("</u>", "") for one in read] == [cue.text for cue in cues]
    assert [one.index for one in read] == list(range(1, len(cues) + 1))


@pytest.mark.parametrize("highlighted", [False, True])
def test_vtt_is_read_by_an_independent_parser(highlighted):
    webvtt = pytest.importorskip("webvtt")
    cues = lines_of_words(words(), Layout(width=12, count=2))
    cues = underline_words(cues) if highlighted else cues
    read = webvtt.from_string(to_vtt(cues))
    assert [one.start_in_seconds for one in read] == [int(cue.start) for cue in cues]
    shown = [one.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for one in read]
    assert shown == [cue.text for cue in cues]
    comments = [read.header_comments, *(one.comments for one in list(read)[1:])]  # it takes the first as the file's
    assert comments == [[f"confidence {cue.confidence:.2f}"] for cue in cues]
    assert [one.raw_text.count("<u>") for one in read] == [int(cue.highlighted is not None) for cue in cues]
