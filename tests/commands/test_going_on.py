"""--skip-existing: what was stopped goes on, whatever stopped it; nothing is lost, torn, or there twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from fake_recogniser import FakePipeline

from npconformer.commands import classify, diarize, embed, transcribe
from npconformer.commands.demo import RECORDING
from npconformer.commands.documents import Asked

COMMANDS = {"transcribe": transcribe, "classify": classify, "diarize": diarize, "embed": embed}
FILES = [
    (command, kind.extensions[0], name)
    for command, module in COMMANDS.items()
    for name, kind in module.FORMATS.items()
    if kind.together
]
NAMES = ["b.wav", "a: b.wav", "c d.wav", "e.wav"]

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX processes")


@pytest.fixture
def fake(monkeypatch):
    """The pipelines of all commands, which answer at once."""
    pipelines = {}
    for name, module in COMMANDS.items():
        pipelines[name] = FakePipeline(name)
        monkeypatch.setattr(module, "load_pipeline", lambda *a, name=name, **options: pipelines[name])
    return pipelines


def options(command, *more):
    """What every call needs."""
    return [*([] if command == "transcribe" else ["--model", "any"]), "--quiet", *map(str, more)]


def content(path):
    """What is in a file; of an .npz, without the times that it has in it."""
    if path.suffix != ".npz":
        return path.read_bytes()
    with np.load(path) as saved:
        return saved["files"].tolist(), saved["embeddings"].tolist()


def contents(folder):
    return {path.name: content(path) for path in sorted(folder.iterdir())}


# ---- one document of many recordings


@pytest.mark.parametrize(("command", "extension", "name"), FILES)
@pytest.mark.parametrize("first", [NAMES[:2], NAMES[2:], NAMES[1:3], NAMES[::3]])
def test_what_is_missing_is_added_in_order(capsys, tmp_path, fake, command, extension, name, first):
    whole, goes_on = tmp_path / f"whole{extension}", tmp_path / f"on{extension}"
    format = ["--format", name]
    run(capsys, command, *NAMES, *options(command, *format, "--output", whole))
    fake[command].asked.clear()
    run(capsys, command, *first, *options(command, *format, "--output", goes_on))
    status, out, err = run(capsys, command, *NAMES, *options(command, *format, "--output", goes_on, "--skip-existing"))
    assert (status, out, err) == (0, "", "")
    assert content(goes_on) == content(whole)
    assert sorted(fake[command].asked) == sorted(NAMES)  # each once
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize(("command", "extension", "name"), FILES)
def test_nothing_is_asked_when_all_is_there(capsys, tmp_path, fake, command, extension, name):
    target = tmp_path / f"t{extension}"
    argv = [command, *NAMES, *options(command, "--format", name, "--output", target)]
    run(capsys, *argv)
    before, written = content(target), target.stat().st_mtime_ns
    fake[command].asked.clear()
    assert run(capsys, *argv, "--skip-existing") == (0, "", "")
    assert (fake[command].asked, content(target)) == ([], before)
    assert target.stat().st_mtime_ns == written


@pytest.mark.parametrize(("command", "extension", "name"), FILES)
def test_failures_are_tried_again_and_others_stay(capsys, tmp_path, fake, command, extension, name):
    target = tmp_path / f"t{extension}"
    argv = ["--format", name, "--output", target]
    status, _, _ = run(capsys, command, "bad.wav", *NAMES[:2], *options(command, *argv))
    assert status == 1
    fake[command].asked.clear()
    status, _, _ = run(capsys, command, "bad.wav", *NAMES[1:], *options(command, *argv, "--skip-existing"))
    assert (status, fake[command].asked) == (1, ["bad.wav", *NAMES[2:]])
    run(capsys, command, *NAMES, *options(command, "--format", name, "--output", tmp_path / f"whole{extension}"))
    if name in ("json", "jsonl"):
        lines = target.read_text().splitlines() if name == "jsonl" else json.loads(target.read_text())
        entries = [json.loads(line) for line in lines] if name == "jsonl" else lines
        assert [(entry["file"], "error" in entry) for entry in entries] == [
            ("b.wav", False), ("bad.wav", True), *((one, False) for one in NAMES[1:])
        ]  # fmt: skip
    else:
        assert content(target) == content(tmp_path / f"whole{extension}")


@pytest.mark.parametrize(("command", "extension", "name"), [one for one in FILES if one[1] != ".npz"])
def test_a_torn_document_loses_only_its_last_recording(capsys, tmp_path, fake, command, extension, name):
    target = tmp_path / f"t{extension}"
    argv = [command, *NAMES, *options(command, "--format", name, "--output", target)]
    run(capsys, *argv)
    whole = content(target)
    after = len(COMMANDS[command].FORMATS[name].after)
    for cut in range(len(whole) % 11, len(whole) - after, 11):
        target.write_bytes(whole[:cut])
        if whole[:cut].endswith(b"\n") and name not in ("json",):
            continue  # between two lines of a recording, where no single write ends
        status, _, _ = run(capsys, *argv, "--skip-existing")
        assert (status, content(target)) == (0, whole), cut


@pytest.mark.parametrize(
    ("extension", "text"),
    [
        (".json", "{}"),
        (".json", "[1]"),
        (".json", '[{"path": "a"}]'),
        (".jsonl", "no\nlines\n"),
        (".csv", "a,b\n1,2\n"),
    ],
)
def test_what_is_no_such_document_is_refused_and_stays(capsys, tmp_path, fake, extension, text):
    target = tmp_path / f"t{extension}"
    target.write_text(text)
    argv = ["transcribe", *NAMES, *options("transcribe", "--output", target, "--skip-existing")]
    status, _, err = run(capsys, *argv)
    assert status == 2
    assert f"{target} cannot be gone on with: " in err
    assert (target.read_text(), fake["transcribe"].asked) == (text, [])


def test_an_array_that_another_program_wrote_is_gone_on_with(capsys, tmp_path, fake):
    target = tmp_path / "t.json"
    target.write_text(json.dumps([{"file": "b.wav", "text": "BY HAND"}, {"file": "x", "text": "X"}], indent=4))
    run(capsys, "transcribe", *NAMES, *options("transcribe", "--output", target, "--skip-existing"))
    entries = json.loads(target.read_text())
    assert [entry["file"] for entry in entries] == ["x", *NAMES]
    assert entries[1]["text"] == "BY HAND"


def test_vectors_of_another_size_are_refused(capsys, tmp_path, fake):
    target = tmp_path / "t.npz"
    np.savez(target, files=np.array(["b.wav"]), embeddings=np.zeros((1, 7), np.float32))
    status, _, err = run(capsys, "embed", *NAMES, *options("embed", "--output", target, "--skip-existing"))
    assert (status, os.listdir(tmp_path)) == (2, ["t.npz"])
    assert "holds vectors of 7 numbers, and this model's have 3" in err
    assert np.load(target)["embeddings"].shape == (1, 7)


# ---- a file for every recording


@pytest.mark.parametrize("command", list(COMMANDS))
def test_files_that_are_there_are_kept(capsys, tmp_path, fake, command):
    argv = [command, *NAMES, *options(command, "-f", "all", "-o", tmp_path / "out")]
    assert run(capsys, *argv)[:2] == (0, "")
    whole = contents(tmp_path / "out")
    extensions = [kind.extensions[0] for kind in COMMANDS[command].FORMATS.values()]
    assert sorted(whole) == sorted(Path(name).stem + extension for name in NAMES for extension in extensions)
    (tmp_path / "out" / f"e{extensions[0]}").unlink()
    (tmp_path / "out" / f"b{extensions[-1]}").write_text("kept as it is")
    fake[command].asked.clear()
    assert run(capsys, *argv, "--skip-existing")[0] == 0
    assert fake[command].asked == ["e.wav"]
    assert contents(tmp_path / "out") == {**whole, f"b{extensions[-1]}": b"kept as it is"}


# ---- killed at every moment at which it touches a file


@posix
@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "target", "name"),
    [("transcribe", "t.json", "json"), ("transcribe", "t.jsonl", "jsonl"), ("transcribe", "t.txt", "text"),
     ("diarize", "t.csv", "csv"), ("embed", "t.npz", "npz"), ("transcribe", "folder", "srt,json")],
)  # fmt: skip
def test_killed_at_any_event(tmp_path, command, target, name):
    here = Path(__file__).resolve().parent
    program = [sys.executable, here / "killed_commands.py", tmp_path, command, target, *options(command, "-f", name)]
    environment = {**os.environ, "PYTHONPATH": str(here.parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(list(map(str, program)), capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 6  # moments


def check_is_whole(path):
    if path.suffix == ".npz":
        assert np.load(path)["files"].size
        return
    text = path.read_text()
    if path.suffix == ".json":
        assert json.loads(text)
    elif path.suffix == ".jsonl":
        assert all(json.loads(line)["text"] for line in text.splitlines())
    assert text.endswith("\n")


# ---- stopped by a signal


@posix
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda one: str(one)
)
@pytest.mark.parametrize(("command", "extension", "name"), FILES)
def test_a_signal_keeps_what_is_done(capsys, tmp_path, fake, monkeypatch, command, extension, name, number, status):
    target = tmp_path / f"t{extension}"
    argv = ["--format", name, "--output", target]
    run(capsys, command, *NAMES[:2], *options(command, "--format", name, "--output", tmp_path / f"two{extension}"))
    usual = FakePipeline.stream

    def stopped(self, names, **options):
        for count, result in enumerate(usual(self, names, **options)):
            if count == 2:
                os.kill(os.getpid(), number)
                time.sleep(10)
            yield result

    monkeypatch.setattr(FakePipeline, "stream", stopped)
    ended, _, err = run(capsys, command, *NAMES, *options(command, *argv))
    assert (ended, len(err.splitlines())) == (status, 1)
    assert content(target) == content(tmp_path / f"two{extension}")
    assert len(os.listdir(tmp_path)) == 2
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_array_on_standard_output_is_closed(capsys, fake, monkeypatch):
    usual = FakePipeline.stream

    def stopped(self, names, **options):
        yield from list(usual(self, names, **options))[:2]
        raise KeyboardInterrupt

    monkeypatch.setattr(FakePipeline, "stream", stopped)
    status, out, _ = run(capsys, "transcribe", *NAMES, *options("transcribe", "--format", "json"))
    assert (status, [entry["file"] for entry in json.loads(out)]) == (130, NAMES[:2])


@posix
@pytest.mark.slow
@pytest.mark.parametrize("place", ["-o out -f all", "--output t.json", "--output t.jsonl", "--output t.txt"])
def test_killed_at_random(tmp_path, place):
    """Whole processes with the embedded recogniser, killed after random times."""
    (tmp_path / "in").mkdir()
    for i in range(12):
        shutil.copy(RECORDING, tmp_path / "in" / f"{i:02d}.flac")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "npconformer", "transcribe", "in", "--quiet"]
    moments = np.random.default_rng(3)
    for _ in range(40):
        running = subprocess.Popen([*command, *place.split(), "--skip-existing"], cwd=tmp_path, env=environment)
        try:
            assert running.wait(timeout=moments.uniform(0.4, 2.0)) == 0
            break
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        for path in tmp_path.rglob("*.*"):
            if not path.name.startswith(".") and path.parent.name != "in" and path.is_file():
                check_is_whole(path)
    else:
        pytest.fail("it never ended")
    subprocess.run(
        [*command, *place.replace(" t.", " w.").replace(" out ", " whole ").split()], cwd=tmp_path, env=environment
    )
    if "-o" in place.split():
        assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    else:
        name = place.split()[-1]
        assert content(tmp_path / name) == content(tmp_path / f"w{Path(name).suffix}")
    assert not list(tmp_path.rglob(".*"))


def test_keys_of_names_that_look_like_others():
    """The longest name that a line starts with is whose line it is."""
    text = classify.FORMATS["text"](several=True)
    asked = [Asked("a", "a"), Asked("a: b", "a: b")]
    pieces = text.split("a: b: 0.5\tX\na: 0.5\tY\nc: 0.1\tZ\n", asked)
    assert pieces == [("a: b", "a: b: 0.5\tX\n"), ("a", "a: 0.5\tY\n"), (None, "c: 0.1\tZ\n")]
