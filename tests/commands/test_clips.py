"""--clip-timestamps: parts of a recording, with times in the recording."""

import json

import numpy as np
import pytest
import soundfile
from command_line import run

from npconformer.commands.clips import cut, joined, parse_clips
from npconformer.commands.demo import RECORDING

WORDS = "THREE ONE FOUR ONE FIVE NINE TWO SIX".split()


def test_parsing():
    assert parse_clips("1,2.5,3,4") == [(1.0, 2.5), (3.0, 4.0)]
    assert parse_clips("0") == [(0.0, np.inf)]
    assert parse_clips("1,2,2") == [(1.0, 2.0), (2.0, np.inf)]


@pytest.mark.parametrize("rate", [16000, 8000])
def test_cutting(tmp_path, rate):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 20 * rate).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    clips = cut(tmp_path / "a.wav", [(0.5, 1.0), (3.9, 9.3), (19.0, np.inf), (30.0, 31.0)], rate)
    assert [start for start, _ in clips] == [0.5, 3.9, 19.0]
    for (_, got), (start, end) in zip(clips, [(0.5, 1.0), (3.9, 9.3), (19.0, 20.0)]):
        np.testing.assert_array_equal(got, samples[round(start * rate) : round(end * rate)])


def test_joining():
    one = {"text": "A B", "confidence": 0.5, "chunks": [{"text": "A", "timestamp": (0.0, 1.0)}]}
    silent = {"text": "", "confidence": None, "chunks": []}
    other = {"text": "C", "confidence": 0.8, "chunks": [{"text": "C", "timestamp": (0.5, 0.75)}]}
    whole = joined([(2.0, one), (5.0, silent), (9.0, other)])
    assert whole["text"] == "A B C"
    assert whole["confidence"] == pytest.approx(0.6)
    assert [chunk["timestamp"] for chunk in whole["chunks"]] == [(2.0, 3.0), (9.5, 9.75)]


def test_only_the_clips_are_heard_and_times_are_of_the_recording(capsys):
    _, out, _ = run(capsys, "transcribe", RECORDING, "--timestamps", "word", "--format", "json")
    whole = json.loads(out)[0]["chunks"]
    argv = ["--clip-timestamps", "1.355,2.2,2.65", "--timestamps", "word", "--format", "json"]
    status, out, _ = run(capsys, "transcribe", RECORDING, *argv)
    (entry,) = json.loads(out)
    assert (status, entry["text"]) == (0, "ONE FIVE TWO SIX")
    wanted = [chunk["timestamp"] for chunk in whole if chunk["text"] in ("ONE", "FIVE", "TWO", "SIX")][1:]
    got = [chunk["timestamp"] for chunk in entry["chunks"]]
    np.testing.assert_allclose(got, wanted, atol=0.1)


def test_a_recording_that_ends_before_the_first_clip(capsys):
    status, out, err = run(capsys, "transcribe", RECORDING, "--clip-timestamps", "60,70")
    assert (status, out) == (1, "")
    assert f"{RECORDING} ends before 60 s, where the first clip begins" in err
