"""What people have on disk, read by the commands: pipes, channels, samples without a header, damaged files."""

import io
import os
import shutil
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import soundfile
from command_line import run
from tiny_checkpoints import save_checkpoint
from train_command import FAST, train

from npconformer.audio import AudioWarning
from npconformer.audio.ogg_pages import _checksum
from npconformer.commands.demo import RECORDING
from npconformer.commands.recordings import Recordings
from npconformer.commands.telling import tell_warnings

TEXT = "THREE ONE FOUR ONE FIVE NINE TWO SIX"


def transcribe(capsys, *argv):
    status, out, err = run(capsys, "transcribe", *argv)
    return status, out, err.splitlines()[1:]  # after the note on the embedded recogniser


@pytest.fixture(scope="module")
def speech():
    return soundfile.read(RECORDING, dtype="float32")[0]


@pytest.fixture
def standard_input(monkeypatch):
    """standard_input(bytes): what is piped into the command."""
    return lambda data: monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_standard_input(capsys, standard_input):
    with open(RECORDING, "rb") as file:
        standard_input(file.read())
    assert transcribe(capsys, "-") == (0, f"{TEXT}\n", [])
    standard_input(b"")
    assert transcribe(capsys, "-") == (1, "", ["npconformer: - is empty (0 bytes)"])
    standard_input(b"<!doctype html>")
    assert transcribe(capsys, "-")[2] == [
        "npconformer: - is not audio: it looks like HTML (a web page; a failed download?)"
    ]


def test_standard_input_that_is_a_terminal_is_not_waited_for(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    assert transcribe(capsys, "-")[2] == ["npconformer: - is standard input, and nothing is piped into it"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_shell_s_pipes():
    command = f"{sys.executable} -m npconformer transcribe"
    for line in (
        f"cat {RECORDING} | {command} -",
        f"{command} <(cat {RECORDING})",
        f"{command} /dev/stdin < {RECORDING}",
    ):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        assert done.stdout == f"{TEXT}\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("more", [[], ["--chunk-length-s", "4"], ["--channel", "1"], ["--channel", "split"]])
def test_a_named_pipe(capsys, tmp_path, more):
    os.mkfifo(tmp_path / "pipe")
    with open(RECORDING, "rb") as file:
        thread = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[file.read()])
    thread.start()
    assert transcribe(capsys, tmp_path / "pipe", *more) == (0, f"{TEXT}\n", [])
    thread.join()


def test_channels(capsys, tmp_path, monkeypatch, speech):
    monkeypatch.chdir(tmp_path)
    soundfile.write("talk.wav", np.stack([speech, 0 * speech], axis=1), 16000)
    soundfile.write("opposite.wav", np.stack([speech, -speech], axis=1), 16000)
    soundfile.write("mono.wav", speech, 16000)
    assert transcribe(capsys, "talk.wav", "--channel", "2") == (0, "\n", [])
    status, out, complaints = transcribe(capsys, "talk.wav", "mono.wav", "none.wav", "--channels", "split")
    assert (status, complaints) == (1, ["npconformer: none.wav: no such file"])
    assert out == f"talk [channel 1].wav: {TEXT}\ntalk [channel 2].wav: \nmono.wav: {TEXT}\n"
    status, out, complaints = transcribe(capsys, "opposite.wav")
    assert (status, out) == (0, "\n")
    (complaint,) = complaints
    assert complaint.startswith("npconformer: opposite.wav: its channels cancel one another")
    assert transcribe(capsys, "opposite.wav", "--channel", "1") == (0, f"{TEXT}\n", [])
    assert transcribe(capsys, "talk.wav", "--channel", "3")[2] == [
        "npconformer: talk.wav has 2 channels, and no channel 3"
    ]
    assert run(capsys, "transcribe", "talk.wav", "--channel", "0")[0] == 2
    status, _, err = run(capsys, "transcribe", "talk.wav", "--channel", "split", "--output", "talk.wav")
    assert status == 2 and "is one of the files to be read" in err


def test_samples_without_a_header(capsys, tmp_path, standard_input, speech):
    path = tmp_path / "call.raw"
    path.write_bytes((speech * 32767).astype(">i2").tobytes())
    options = ("--raw-rate", "16000", "--raw-format", "s16be")
    assert transcribe(capsys, path, *options) == (0, f"{TEXT}\n", [])
    standard_input(path.read_bytes())
    assert transcribe(capsys, "-", *options) == (0, f"{TEXT}\n", [])
    assert "--raw-rate HZ --raw-format" in transcribe(capsys, path)[2][0]
    for wrong in (("--raw-format", "s16le"), ("--raw-rate", "5"), ("--raw-rate", "16000", "--raw-format", "mp3")):
        assert run(capsys, "transcribe", path, *wrong)[0] == 2


@pytest.mark.parametrize("batch_size", [1, 4])
def test_damaged_recordings_are_told_once_and_the_others_go_on(capsys, tmp_path, monkeypatch, speech, batch_size):
    monkeypatch.chdir(tmp_path)
    with open(RECORDING, "rb") as file:
        whole = file.read()
    (tmp_path / "a-cut.flac").write_bytes(whole[: len(whole) * 3 // 4])
    soundfile.write("b-loud.wav", speech * 1e38, 16000, subtype="FLOAT")
    (tmp_path / "c-page.mp3").write_bytes(b"<html>")
    soundfile.write("d-phone.wav", speech, 16000, subtype="GSM610")
    (tmp_path / "e-whole.flac").write_bytes(whole)
    (tmp_path / "._e-whole.flac").write_bytes(b"\0\5\x16\7")
    shutil.copy("d-phone.wav", "f.WAVE")
    status, out, complaints = transcribe(capsys, ".", "--batch-size", batch_size)
    assert status == 1
    names = [line.partition(": ")[0] for line in out.splitlines()]
    assert names == ["a-cut.flac", "d-phone.wav", "e-whole.flac", "f.WAVE"]
    assert out.splitlines()[0].startswith("a-cut.flac: THREE ONE FOUR ONE")
    assert out.splitlines()[2].endswith(TEXT)
    assert sorted(line.split(" ")[1].rstrip(":") for line in complaints) == ["a-cut.flac", "b-loud.wav", "c-page.mp3"]
    assert any("it breaks off at" in line for line in complaints)


def test_lines_of_libmpg123_name_no_file_and_are_not_heard(capfd, tmp_path, speech):
    soundfile.write(tmp_path / "a.mp3", speech, 16000)
    data = bytearray((tmp_path / "a.mp3").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    (tmp_path / "a.mp3").write_bytes(data)
    status, out, complaints = transcribe(capfd, tmp_path / "a.mp3")
    assert status == 0 and out.startswith("THREE ONE FOUR")
    (complaint,) = complaints
    assert complaint.startswith(f"npconformer: {tmp_path / 'a.mp3'}: it is damaged at 1.9")


def test_what_is_in_a_folder(tmp_path):
    names = ("a.wave", "b.rf64", "c.M4A", "d.webm", "e.caf", "f.voc", "g.sph", "h.aac", "i.wma", "j.mp4")
    for name in (*names, "._a.wav", "notes.txt", "k.mat"):
        (tmp_path / name).write_bytes(b"x")
    assert [os.path.basename(name) for name in Recordings([str(tmp_path)]).names] == list(names)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    heads = ("ForSequenceClassification", "ForAudioFrameClassification", "ForXVector")
    return {head: save_checkpoint(head, tmp_path_factory.mktemp("model")) for head in heads}


@pytest.mark.parametrize(
    ("command", "head"),
    [
        ("classify", "ForSequenceClassification"),
        ("diarize", "ForAudioFrameClassification"),
        ("embed", "ForXVector"),
        ("compare", "ForXVector"),
    ],
)
@pytest.mark.parametrize("form", ["FLAC", "OGG", "MP3"])
def test_headers_that_claim_2_36_samples(capsys, tmp_path, checkpoints, speech, command, head, form):
    """Each other command: what they wrote of a whole file is what they write of this one."""
    path = tmp_path / "claims"
    for name in ("claims", "whole"):
        soundfile.write(tmp_path / name, speech, 16000, format=form)
    data = bytearray(path.read_bytes())
    if form == "FLAC":
        data[18:26] = (int.from_bytes(data[18:26], "big") | 2**36 - 1).to_bytes(8, "big")
    elif form == "MP3":
        tag = max(data.find(b"Xing"), data.find(b"Info"))
        data[tag + 8 : tag + 12] = b"\xff" * 4
    else:
        page = data.rindex(b"OggS")
        data[page + 6 : page + 14] = (2**36).to_bytes(8, "little")
        data[page + 22 : page + 26] = bytes(4)
        data[page + 22 : page + 26] = _checksum(bytes(data[page:])).to_bytes(4, "little")
    path.write_bytes(data)
    answers = []
    for name in ("claims", "whole"):
        recordings = [tmp_path / name] * (2 if command == "compare" else 1)
        status, out, err = run(capsys, command, *recordings, "--model", checkpoints[head], "--format", "json")
        assert status == 0, err
        answers.append(out)
    if form == "FLAC":  # exact
        assert answers[0].replace("claims", "whole") == answers[1]


def test_training_on_a_header_that_claims_too_much(capsys, tmp_path, config, folder):
    """It is one of the recordings, and a line says what is wrong with it."""
    data = shutil.copytree(folder, tmp_path / "data")
    sound = soundfile.read(data / "a/0.wav")[0]
    soundfile.write(data / "a/x.flac", sound, 16000)
    content = bytearray((data / "a/x.flac").read_bytes())
    content[18:26] = (int.from_bytes(content[18:26], "big") | 2**36 - 1).to_bytes(8, "big")
    (data / "a/x.flac").write_bytes(content)
    shutil.copy(data / "a/0.txt", data / "a/x.txt")
    soundfile.write(data / "a/y.wav", sound * 1e38, 16000, subtype="FLOAT")
    shutil.copy(data / "a/0.txt", data / "a/y.txt")
    argv = ("--task", "ctc", "--from", config, "--train", data, *FAST)
    status, _, err = train(capsys, tmp_path / "out", *argv)
    assert status == 0
    assert "train: 9 recordings, 1 left out:" in err
    assert err.count("x.flac: it breaks off at 1.00 s") == 1
    assert "y.wav: holds samples as large as" in err


def test_a_line_is_told_once_and_other_warnings_as_ever(capsys):
    with pytest.warns(DeprecationWarning, match="old"), tell_warnings():
        for _ in range(3):
            warnings.warn("a.wav: it breaks off", AudioWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == "npconformer: a.wav: it breaks off\n"
