"""`npconformer evaluate` of long recordings: cut as `transcribe` cuts them, and what is said of that."""

import csv
import json

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import make_waveforms, save_checkpoint, save_recogniser

from npconformer import pipeline
from npconformer.commands.demo import RECORDING
from npconformer.pipelines import AutomaticSpeechRecognitionPipeline


@pytest.fixture
def data(tmp_path):
    """A short recording and two of eleven seconds, with a pause in the middle of these."""
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    longer = np.concatenate([samples, np.zeros(2 * rate), samples[::-1]])
    rows = ["path,text"]
    for name, waveform in (("a", longer), ("b", samples), ("c", longer[::-1])):
        soundfile.write(tmp_path / f"{name}.wav", waveform, rate, "FLOAT")
        rows.append(f"{name}.wav,A B")
    (tmp_path / "test.csv").write_text("\n".join(rows))
    return tmp_path / "test.csv"


@pytest.fixture
def soon(monkeypatch):
    """Recordings are long from six seconds on; gives how many samples each run of a recogniser's model has."""
    for name, seconds in (("ABOVE_S", 6.0), ("CHUNK_S", 5.5), ("UTTERANCES_ABOVE_S", 6.0), ("UTTERANCE_S", 5.5)):
        monkeypatch.setattr(f"npconformer.pipelines.chunking.AUTO_{name}", seconds)
    seen, run_model = [], AutomaticSpeechRecognitionPipeline.run_model

    def run_and_count(self, waveforms):
        seen.extend(map(len, waveforms))
        return run_model(self, waveforms)

    monkeypatch.setattr(AutomaticSpeechRecognitionPipeline, "run_model", run_and_count)
    return seen


def answered(path):
    with open(path, newline="") as file:
        return [row["hypothesis"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize(
    "options",
    [(), ("--chunk-length-s", 0), ("--chunk-length-s", 3, "--stride-length-s", "1,0.5"), ("--chunk-at", "pauses")],
)
def test_texts_are_those_of_transcribe(capsys, data, tmp_path, soon, options, batch_size):
    model = save_recogniser(tmp_path / "model")
    names = [tmp_path / f"{name}.wav" for name in "abc"]
    more = ("--model", model, "--batch-size", batch_size, *options)
    _, out, told = run(capsys, "transcribe", *names, *more, "--format", "jsonl")
    runs = list(soon)
    soon.clear()
    status, _, err = run(capsys, "evaluate", data, "--output", tmp_path / "out.csv", *more)
    assert status == 0 and sorted(soon) == sorted(runs) and (len(runs) > 3) == (options[1:] != (0,))
    assert answered(tmp_path / "out.csv") == [json.loads(line)["text"] for line in out.splitlines()]
    said = [line for line in err.splitlines() if "is longer than" in line]
    assert said == [line for line in told.splitlines() if "is longer than" in line]
    assert len(said) == (0 if "--chunk-length-s" in options else 1)
    assert all(line.startswith(f"npconformer: {tmp_path / 'a.wav'} is longer than ") for line in said)


def test_short_recordings_are_run_as_ever(capsys, data, tmp_path):
    """As a whole, the bits of which are those of a pipeline without options."""
    model = save_recogniser(tmp_path / "model", "group")
    recognise = pipeline("automatic-speech-recognition", model)
    names = [str(tmp_path / f"{name}.wav") for name in "abc"]
    status, _, err = run(capsys, "evaluate", data, "--model", model, "--output", tmp_path / "out.csv")
    assert (status, err) == (0, "")
    assert answered(tmp_path / "out.csv") == [recognise(name)["text"] for name in names]


def test_diarization_is_cut_when_asked(capsys, tmp_path, monkeypatch):
    folder = save_checkpoint("ForAudioFrameClassification", tmp_path / "model", num_labels=2)
    soundfile.write(tmp_path / "a.wav", make_waveforms([60_000])[0], 16000)
    (tmp_path / "a.rttm").write_text("SPEAKER x 1 0.5 1 <NA> <NA> anna <NA> <NA>\n")
    (tmp_path / "test.csv").write_text("path,rttm\na.wav,a.rttm\n")
    argv = ("evaluate", tmp_path / "test.csv", "--model", folder, "--format", "json")
    frames = []
    for options in ((), ("--chunk-length-s", 1), ("--chunk-length-s", 1, "--chunk-at", "pauses")):
        status, out, err = run(capsys, *argv, *options)
        assert (status, err) == (0, "")
        frames.append(json.loads(out)["frames"])
    assert frames == [frames[0]] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--chunk-length-s", "3", "--stride-length-s", "2"), "stride_length_s=2.0 leaves nothing of a chunk"),
        (("--chunk-length-s", "0", "--chunk-at", "pauses"), "cuts nothing where chunk_length_s is 0"),
        (("--chunk-length-s", "x"), "'x' is not a number of at least 0"),
    ],
)
def test_what_is_refused(capsys, data, options, message):
    status, out, err = run(capsys, "evaluate", data, *options)
    assert (status, out) == (2, "") and message in err


def test_other_tasks_are_not_cut(capsys, data, tmp_path):
    folder = save_checkpoint("ForSequenceClassification", tmp_path / "model", num_labels=2)
    status, _, err = run(capsys, "evaluate", data, "--model", folder, "--chunk-at", "fixed")
    assert status == 2 and "--chunk-at is for texts and diarization" in err
