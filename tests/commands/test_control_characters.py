"""Control characters in labels, tokens and names: they neither drive a terminal nor break or forge a line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run
from tiny_checkpoints import save_checkpoint, save_recogniser

from npconformer.commands.demo import RECORDING

CHECKOUT = Path(__file__).resolve().parents[2]
EVIL = "\x1b[2J\x9b2Ja\nnpconformer: all is well\r\u2028\u202e"
SHOWN = r"\x1b[2J\x9b2Ja\nnpconformer: all is well\r\u2028\u202e"
posix = pytest.mark.skipif(os.name == "nt", reason="names of files there have no such characters")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return save_checkpoint(
        "ForSequenceClassification", tmp_path_factory.mktemp("labelled"), id2label={0: EVIL, 1: "=cmd|x", 2: "é"}
    )


@pytest.fixture
def evil_name(tmp_path):
    path = tmp_path / f"{EVIL}.flac"
    shutil.copy(RECORDING, path)
    return path


def test_labels_in_text(capsys, labelled):
    status, out, _ = run(capsys, "classify", RECORDING, "--model", labelled)
    assert status == 0
    assert sorted(line.partition("\t")[2] for line in out.splitlines()) == sorted([SHOWN, "=cmd|x", "é"])


def test_labels_in_tables_and_json(capsys, labelled):
    _, out, _ = run(capsys, "classify", RECORDING, "--model", labelled, "--format", "csv")
    assert ",'=cmd|x," in out
    _, out, _ = run(capsys, "classify", RECORDING, "--model", labelled, "--format", "json")
    assert "\x1b" not in out and "\x9b" not in out and "\u202e" not in out and out.count("\n") == 3
    assert {one["label"] for one in json.loads(out)[0]["labels"]} == {EVIL, "=cmd|x", "é"}


@posix
def test_names_in_text_and_in_messages(capsys, labelled, evil_name):
    status, out, _ = run(capsys, "transcribe", evil_name, RECORDING)
    assert (status, out.splitlines()[0].partition(".flac: ")[0]) == (0, f"{evil_name.parent}/{SHOWN}")
    assert len(out.splitlines()) == 2
    evil_name.write_bytes(b"no sound")
    for argv in (["transcribe"], ["classify", "--model", labelled]):
        status, out, err = run(capsys, *argv, evil_name)
        assert status == 1 and out == ""
        assert not any(line.startswith("npconformer: all is well") for line in err.splitlines())
        assert "\x1b" not in err and "\x9b" not in err and "\r" not in err


@posix
@pytest.mark.parametrize(
    "argv",
    [
        ["transcribe", RECORDING, "--output", EVIL + "/x"],
        ["frob" + EVIL],
        ["transcribe", RECORDING, "--frob" + EVIL.replace(" ", "")],
    ],
)
def test_wrong_arguments(capsys, argv):
    status, _, err = run(capsys, *argv)
    assert status == 2
    assert "\x1b" not in err and "\nnpconformer: all is well" not in err


def test_tokens(capsys, tmp_path):
    model = save_recogniser(tmp_path / "model")
    vocabulary = json.loads((model / "vocab.json").read_text())
    evil = {f"{EVIL}{token}" if token in "ABCDEFGHIJ" else token: i for token, i in vocabulary.items()}
    (model / "vocab.json").write_text(json.dumps(evil))
    status, out, err = run(capsys, "transcribe", RECORDING, "--model", model, "--timestamps", "char")
    assert (status, "npconformer: all is well" in out) == (0, True), err
    assert all(line[0].isdigit() for line in out.splitlines()[1:])
    assert "\x1b" not in out + err
    status, out, _ = run(capsys, "info", model)
    assert status == 0 and r"\x1b[2J" in out and "\x1b" not in out and "\nnpconformer" not in out


@posix
def test_on_a_terminal_nothing_drives_it(labelled, tmp_path):
    """All that a command writes into a terminal: no control characters but line ends and tabs, no lone bytes."""
    import pty

    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J.flac")
    try:
        shutil.copy(RECORDING, name)
    except OSError as error:
        pytest.skip(f"this file system takes no such names: {error}")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "npconformer", "classify", name, RECORDING, "--model", labelled, "--format", "csv"]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment, timeout=120)
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert done.returncode == 0, done.stderr
    text = written.decode("utf-8").replace("\r\n", "\n")  # the terminal's own line ends; no lone bytes
    assert rb"\udcff\x1b[2J.flac" in written and "é" in text
    assert not {letter for letter in text if not letter.isprintable()} - {"\n"}
