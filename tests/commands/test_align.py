"""`npconformer align`: texts of every kind in, words and segments in every format out, beside independent parsers."""

import html
import io
import json

import numpy as np
import pytest
import soundfile
from command_line import run

from npconformer import pipeline
from npconformer.commands.known_texts import parse_segments
from npconformer.pipelines.recording_aligner import RecordingAligner

NOTE = "npconformer: no --model given: using the embedded recogniser, which knows the spoken digits ZERO to NINE only\n"


@pytest.fixture(scope="module")
def recording(shared, tmp_path_factory):
    """SEVEN ONE TWO after 0.3 s of silence."""
    from npconformer.audio.files import read_audio

    folder = shared / "data" / "fsdd"
    if not folder.is_dir():
        pytest.skip("needs shared/data/fsdd")
    clips = [read_audio(folder / f"{digit}_jackson_7.wav", 16000) for digit in (7, 1, 2)]
    path = tmp_path_factory.mktemp("recording") / "three digits.wav"
    soundfile.write(path, np.concatenate([np.zeros(4800, np.float32), *clips]), 16000)
    return path


@pytest.fixture(scope="module")
def words(recording):
    return RecordingAligner(pipeline("automatic-speech-recognition"))(str(recording), "Seven, one two.").words


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "said.txt"
    path.write_text("\ufeffSeven,\r\none two.\r\n", encoding="utf-8")
    return path


def test_text_on_standard_output(capsys, recording, text, words):
    status, out, err = run(capsys, "align", recording, text)
    assert (status, err) == (0, NOTE)
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[3] for row in rows] == ["Seven,", "one", "two."]
    assert rows[0] == [f"{words[0].start:.2f}", f"{words[0].end:.2f}", f"{words[0].score:.4f}", "Seven,"]
    assert float(rows[0][0]) == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("channel", ["1", "2"])
def test_one_channel_of_a_recording_on_standard_input(capsys, monkeypatch, tmp_path, recording, text, words, channel):
    samples, rate = soundfile.read(recording)
    other = np.random.default_rng(0).normal(0, 0.1, len(samples))
    both = [samples, other] if channel == "1" else [other, samples]
    soundfile.write(tmp_path / "both.wav", np.stack(both, axis=1), rate)
    piped = io.TextIOWrapper(io.BytesIO((tmp_path / "both.wav").read_bytes()))
    monkeypatch.setattr("sys.stdin", piped)
    status, out, err = run(capsys, "align", "-", text, "--channel", channel)
    assert (status, err) == (0, NOTE)
    assert [line.split("\t")[0] for line in out.splitlines()] == [f"{word.start:.2f}" for word in words]


def test_standard_input_is_one_of_the_two(capsys):
    status, _, err = run(capsys, "align", "-", "-")
    assert status == 2 and "AUDIO and TEXT cannot both be standard input" in err


def test_json(capsys, recording, text, words):
    status, out, _ = run(capsys, "align", recording, text, "-f", "json")
    answer = json.loads(out)
    assert status == 0 and answer["file"] == str(recording)
    assert answer["duration"] == pytest.approx(soundfile.info(recording).duration, abs=1e-4)
    for entry, word in zip(answer["words"], words, strict=True):
        assert entry == {
            "text": word.text,
            "start": pytest.approx(word.start, abs=1e-4),
            "end": pytest.approx(word.end, abs=1e-4),
            "score": pytest.approx(word.score, rel=1e-3),
        }
    assert [segment["text"] for segment in answer["segments"]] == ["Seven,", "one two."]
    assert answer["segments"][1]["start"] == answer["words"][1]["start"]
    assert answer["segments"][1]["end"] == answer["words"][2]["end"]
    assert answer["segments"][1]["score"] == pytest.approx((words[1].score + words[2].score) / 2, rel=1e-3)


def test_subtitles_keep_their_texts_and_get_new_times(capsys, recording, words, tmp_path):
    srt = pytest.importorskip("srt")
    webvtt = pytest.importorskip("webvtt")
    old, new = tmp_path / "old.srt", tmp_path / "new.srt"
    old.write_text(
        "1\n00:00:07,000 --> 00:00:08,000\n<i>Seven</i> &amp;\n\n2\n00:01:07,000 --> 00:01:08,000\n{\\an8}one\ntwo.\n"
    )
    status, out, _ = run(capsys, "align", recording, old, "--output", new)
    assert (status, out) == (0, "")
    first, second = srt.parse(new.read_text())
    assert (first.content, second.content) == ("Seven &", "one two.")
    assert first.start.total_seconds() == pytest.approx(words[0].start, abs=1e-3)
    assert second.end.total_seconds() == pytest.approx(words[2].end, abs=1e-3)
    _, out, _ = run(capsys, "align", recording, new, "--format", "vtt")
    cues = list(webvtt.from_buffer(io.StringIO(out)))
    assert [html.unescape(cue.text) for cue in cues] == ["Seven &", "one two."]
    (tmp_path / "a.vtt").write_text(out)
    assert run(capsys, "align", recording, tmp_path / "a.vtt", "--format", "vtt")[1] == out


def test_textgrid_and_ctm(capsys, recording, text, words, tmp_path):
    textgrid = pytest.importorskip("textgrid")
    path = tmp_path / "a.TextGrid"
    assert run(capsys, "align", recording, text, "--output", path)[0] == 0
    grid = textgrid.TextGrid.fromFile(str(path))
    assert [tier.name for tier in grid.tiers] == ["words", "segments"]
    spoken = [one for one in grid.tiers[0] if one.mark]
    assert [one.mark for one in spoken] == ["Seven,", "one", "two."]
    assert [one.minTime for one in spoken] == pytest.approx([word.start for word in words], abs=1e-5)
    _, out, _ = run(capsys, "align", recording, text, "--format", "ctm")
    row = out.splitlines()[1].split(" ")
    assert row[:2] == ["three_digits", "1"] and row[4] == "one"
    assert float(row[2]) + float(row[3]) == pytest.approx(words[1].end, abs=2e-3)


def test_standard_input_wildcards_and_unknown_words(capsys, monkeypatch, recording):
    class Input:
        buffer = io.BytesIO(b'["* two", "1984"]')

    monkeypatch.setattr("sys.stdin", Input)
    status, out, err = run(capsys, "align", recording, "-", "--output", "-")
    assert status == 0
    assert [line.split("\t")[3] for line in out.splitlines()] == ["two", "1984"]
    assert out.splitlines()[1].split("\t")[2] == "-"
    assert "left out of words, because the model has no such letters: '1' '9' '8' '4' (4 in all)" in err


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [
        (b" \n", "txt", "a.txt: there is no word in it"),
        ("one".encode("utf-16"), "txt", "a.txt: it is UTF-16, not UTF-8; save it as UTF-8"),
        (b"\xe9t\xe9", "txt", "a.txt: line 1: not UTF-8 (invalid continuation byte at 0); save it as UTF-8"),
        (b'{"words": 1}', "json", 'a.json: expected "TEXT", ["TEXT", ...]'),
        (b'{"text": ', "json", "a.json: "),
        (b'[{"file": "a", "text": "ONE"}, {"file": "b", "text": "TWO"}]', "json", "the texts of several recordings"),
    ],
)
def test_texts_that_are_none(capsys, tmp_path, content, suffix, message):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    status, out, err = run(capsys, "align", "a.wav", path)
    assert (status, out) == (2, "") and message in err


def test_what_cannot_be_done(capsys, recording, text, tmp_path):
    assert run(capsys, "align", "missing.wav", text)[::2] == (1, NOTE + "npconformer: missing.wav: no such file\n")
    status, _, err = run(capsys, "align", recording, "SEVEN")
    assert status == 2 and "echo 'SEVEN' | npconformer align AUDIO -" in err
    (tmp_path / "long.txt").write_text("SEVEN " * 100)
    status, _, err = run(capsys, "align", recording, tmp_path / "long.txt")
    assert status == 1 and f"{recording}: labels: 599 labels need at least 599 frames" in err
    status, _, err = run(capsys, "align", recording, text, "--output", tmp_path / "a.srt", "--format", "json")
    assert status == 2 and "a.srt is srt by its ending, and --format json" in err
    status, _, err = run(capsys, "align", recording, text, "--output", tmp_path / "a.xyz")
    assert status == 2 and "add --format, or one of the endings" in err
    status, _, err = run(capsys, "align", recording, text, "--chunk-length-s", "0.001")
    assert status == 2 and "chunk_length_s=0.001 is shorter than" in err
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".txt"] == []


def test_a_text_that_hardly_fits_is_told(capsys, recording, tmp_path):
    (tmp_path / "a.txt").write_text("nine nine nine nine")
    status, _, err = run(capsys, "align", recording, tmp_path / "a.txt")
    assert status == 0 and "the text hardly fits the recording" in err


@pytest.mark.parametrize(
    ("text", "texts", "laid_out"),
    [
        ("a b\n\nc", ["a b", "", "c"], False),
        ("[not json] a\n{b", ["[not json] a", "{b"], False),
        ('"a"', ['"a"'], False),
        ('{"text": "a b", "chunks": [{"text": "a"}, {"text": "b"}]}', ["a b"], True),
        ('[{"file": "x.wav", "text": "a"}]', ["a"], True),
        ('{"segments": [{"text": "a"}, {"text": "b"}], "text": "a b"}', ["a", "b"], True),
        ("WEBVTT - x\n\nNOTE no\n\nname\n00:01.000 --> 00:02.000 x:y\n<v Ann>a &lt;b&gt;</v>\nc\n", ["a <b> c"], True),
        ("1\n1:00:01.5 --> 1:00:02,000\na\n \n2\n0:01,000 --> 0:02,000\n\n3\n0:01,5 --> 0:02,5\nb", ["a", "", "b"],
         True),
    ],
)  # fmt: skip
def test_segments_of_texts(text, texts, laid_out):
    assert parse_segments(text) == (texts, laid_out)
