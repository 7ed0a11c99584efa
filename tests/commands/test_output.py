"""Where the output goes: errors on the way have a line and status 2, and nothing is replaced that should not be."""

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from tiny_checkpoints import save_checkpoint

from npconformer.commands import writing
from npconformer.commands.demo import RECORDING

TEXT = "THREE ONE FOUR ONE FIVE NINE TWO SIX\n"
CHECKOUT = Path(__file__).resolve().parents[2]

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")
linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def process(*argv, before="", environment=None, **options):
    """The command in a process of its own, after the shell code `before`."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1", **(environment or {})}
    environment.pop("PYTHONUNBUFFERED", None)
    command = ["sh", "-c", before + ' exec "$@"', "sh", sys.executable, "-m", "npconformer", *map(str, argv)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, env=environment, timeout=120, **options)


def only_complaint(done):
    """The one line on standard error beside the note on the embedded recogniser."""
    (line,) = [line for line in done.stderr.decode().splitlines() if "no --model given" not in line]
    return line


# ---- what cannot be written


@linux
@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["demo"], ["transcribe", RECORDING]])
def test_a_full_standard_output(argv):
    with open("/dev/full", "wb") as full:
        done = process(*argv, stdout=full)
    assert done.returncode == 2
    assert only_complaint(done) == "npconformer: standard output: No space left on device"


@posix
def test_a_closed_standard_output():
    done = process("transcribe", RECORDING, before="exec >&-;")
    assert (done.returncode, only_complaint(done)) == (2, "npconformer: standard output is closed")


@posix
def test_a_closed_standard_error():
    done = process("transcribe", RECORDING, "nowhere.wav", before="exec 2>&-;")
    assert (done.returncode, done.stdout.decode()) == (1, f"{RECORDING}: {TEXT}")


@linux
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("/dev/full", "No space left on device"),
        ("/proc/text", "No such file or directory"),
        ("/proc/version", "No such file or directory"),
        ("a" * 256, "File name too long"),
        ("loop", "Too many levels of symbolic links"),
    ],
)
def test_an_output_that_cannot_be_written(capsys, tmp_path, monkeypatch, output, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    status, out, err = run(capsys, "transcribe", RECORDING, "--output", output)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].endswith(f"{output}: {reason}")
    assert os.listdir(tmp_path) == ["loop"]


@pytest.mark.parametrize("options", [["--output", "closed/a.txt"], ["--output", "closed", "--format", "srt"]])
def test_a_closed_folder(capsys, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    status, out, err = run(capsys, "transcribe", RECORDING, RECORDING, *options)
    assert (status, out) == (2, "")
    assert "no file can be written in the folder" in err and "Traceback" not in err


def test_a_failure_that_only_writing_shows(capsys, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", fail)
    status, _, err = run(capsys, "transcribe", RECORDING, "--output", tmp_path / "a.txt")
    assert (status, os.listdir(tmp_path)) == (2, [])
    assert err.splitlines()[-1] == f"npconformer: {tmp_path / 'a.txt'}: Disk quota exceeded"


def test_a_long_file_name(capsys, tmp_path):
    target = tmp_path / ("a" * 245 + ".txt")
    assert run(capsys, "transcribe", RECORDING, "--output", target)[0] == 0
    assert target.read_text() == TEXT


# ---- letters


@posix
def test_letters_that_the_terminal_lacks(tmp_path):
    name = tmp_path / "é.flac"
    shutil.copy(RECORDING, name)
    for encoding in ("ascii", "cp1251"):  # which has no é
        done = process("transcribe", name, RECORDING, environment={"PYTHONIOENCODING": encoding})
        assert (done.returncode, done.stdout) == (0, os.fsencode(f"{tmp_path}/\\u00e9.flac: {TEXT}{RECORDING}: {TEXT}"))
        assert done.stderr.count(b"\n") == 1  # the note on the embedded recogniser
    done = process("transcribe", name, "--format", "json", environment={"PYTHONIOENCODING": "ascii"})
    assert json.loads(done.stdout)[0]["file"] == str(name)
    done = process("classify", "--help", environment={"PYTHONIOENCODING": "ascii"})  # which has "…"
    assert done.returncode == 0 and b"\\u2026ForSequenceClassification" in done.stdout
    done = process("transcribe", name, RECORDING, environment={"PYTHONIOENCODING": "ascii:replace"})
    assert done.returncode == 0 and b"?.flac: THREE" in done.stdout


@posix
def test_names_that_are_not_utf_8_keep_their_bytes(capsys, tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff.flac"
    try:
        shutil.copy(RECORDING, os.fsdecode(name))
    except OSError as error:
        pytest.skip(f"this file system takes no such names: {error}")
    name = os.fsdecode(name)
    for option in ([], ["--output", tmp_path / "texts"]):
        done = process("transcribe", name, RECORDING, *option, environment={"PYTHONIOENCODING": "utf-8"})
        written = (tmp_path / "texts").read_bytes() if option else done.stdout
        assert (done.returncode, written) == (0, os.fsencode(f"{name}: {TEXT}{RECORDING}: {TEXT}"))
    run(capsys, "transcribe", name, "--format", "json", "--output", tmp_path / "texts.json")
    assert json.loads((tmp_path / "texts.json").read_text(encoding="utf-8"))[0]["file"] == name
    run(capsys, "transcribe", name, RECORDING, "--format", "srt", "--output", tmp_path / "subtitles")
    assert b"\xff.srt" in os.listdir(os.fsencode(tmp_path / "subtitles"))
    model = save_checkpoint("ForXVector", tmp_path / "model")
    assert run(capsys, "embed", name, "--model", model, "--output", tmp_path / "v.npz")[0] == 0
    with np.load(tmp_path / "v.npz") as saved:
        assert saved["files"].tolist() == [name]


# ---- what is no ordinary file


@posix
@pytest.mark.parametrize("command", ["transcribe", "embed"])
def test_a_pipe_is_written_to(capsys, tmp_path, command):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    options = ["--model", save_checkpoint("ForXVector", tmp_path / "m"), "--format", "npz"] * (command == "embed")
    assert run(capsys, command, RECORDING, *options, "--output", tmp_path / "pipe")[0] == 0
    reader.join(timeout=20)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    if command == "transcribe":
        assert got == [TEXT.encode()]
    else:
        (tmp_path / "got.npz").write_bytes(got[0])
        assert np.load(tmp_path / "got.npz")["embeddings"].shape == (1, 6)


@linux
def test_a_device_stays_a_device(capsys):
    assert run(capsys, "transcribe", RECORDING, "--output", os.devnull)[0] == 0
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@linux
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link"])
def test_standard_output_by_its_name(tmp_path, name):
    (tmp_path / "link").symlink_to("/dev/stdout")
    assert process("transcribe", RECORDING, "--output", name, cwd=tmp_path).stdout.decode() == TEXT
    log = tmp_path / "log"
    log.write_text("before\n")
    with open(log, "ab") as file:
        assert process("transcribe", RECORDING, "--output", name, cwd=tmp_path, stdout=file).returncode == 0
    assert log.read_text() == "before\n" + TEXT


@posix
def test_a_link_stays_a_link(capsys, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/text")
    for _ in range(2):  # new, then replaced
        assert run(capsys, "transcribe", RECORDING, "--output", tmp_path / "link")[0] == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "text").read_text() == TEXT
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


@posix
def test_a_link_inside_an_output_folder_is_replaced(capsys, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out").mkdir()
    shutil.copy(RECORDING, tmp_path / "a.flac")
    for name in ("a.srt", "digits.srt"):
        (tmp_path / "out" / name).symlink_to(tmp_path / "mine")
    argv = ["transcribe", tmp_path / "a.flac", RECORDING, "--format", "srt", "--output", tmp_path / "out"]
    assert run(capsys, *argv)[0] == 0
    assert (tmp_path / "mine").read_text() == "mine"
    for name in ("a.srt", "digits.srt"):
        assert not (tmp_path / "out" / name).is_symlink()
        assert (tmp_path / "out" / name).read_text().startswith("1\n00:00:0")


def test_only_descriptors_of_this_process(tmp_path):
    assert writing.descriptor_of(str(tmp_path / "7")) is None
    assert writing.descriptor_of("7") is None


# ---- nothing is replaced that should not be


def test_a_recording_is_never_replaced(capsys, tmp_path):
    shutil.copy(RECORDING, tmp_path / "a.flac")
    before = (tmp_path / "a.flac").read_bytes()
    for names in (["a.flac"], ["."]):
        paths = [tmp_path / name for name in names]
        status, _, err = run(capsys, "transcribe", *paths, "--output", tmp_path / "a.flac")
        assert status == 2
        assert "is one of the files to be read" in err
    assert (tmp_path / "a.flac").read_bytes() == before


def test_subtitles_of_one_name_are_numbered_and_told(capsys, tmp_path):
    for name in ("a/x.flac", "b/x.flac", "b/X.flac", "b/x.ogg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(RECORDING, tmp_path / name)  # libsndfile goes by the content
    argv = [tmp_path / name for name in ("a/x.flac", "b/x.flac", "b/X.flac", "b/x.ogg")]
    status, _, err = run(capsys, "transcribe", *argv, "--format", "srt", "--output", tmp_path / "out")
    assert status == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["X-3.srt", "x-2.srt", "x-4.srt", "x.srt"]
    assert err.splitlines()[1:] == [
        f"npconformer: {path}: its files are {tmp_path / 'out' / name}"
        for path, name in zip(argv[1:], ("x-2.srt", "X-3.srt", "x-4.srt"))
    ]


# ---- the start


@pytest.mark.parametrize("value", ["cupy", "nonsense"])
@pytest.mark.parametrize("argv", [["demo"], ["transcribe", RECORDING]])
def test_a_backend_that_is_not_there(argv, value):
    if value == "cupy":
        try:
            import cupy  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("CuPy is installed here")
    done = process(*argv, environment={"NPCONFORMER_BACKEND": value})
    assert done.returncode == 2
    assert only_complaint(done).startswith(f"npconformer: NPCONFORMER_BACKEND={value}: ") or argv == ["demo"]
    assert b"Traceback" not in done.stderr and b"NPCONFORMER_BACKEND" in done.stderr


def test_a_file_as_model(capsys, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    for command in ("transcribe", "classify", "diarize", "embed"):
        status, _, err = run(capsys, command, RECORDING, "--model", tmp_path / "model.safetensors")
        assert status == 2
        assert "model.safetensors' is a file; expected a folder with" in err


def test_help_needs_no_numpy():
    code = "import sys, npconformer.cli as c; c.build_parser().format_help(); print('numpy' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout == "False\n", done.stderr


@posix
@pytest.mark.parametrize("stage", ["argparse", "npconformer.cli", "numpy", "npconformer.pipelines", "soundfile"])
def test_interrupted_while_it_starts(tmp_path, stage):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {stage!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(CHECKOUT)])
    done = process("transcribe", RECORDING, environment={"PYTHONPATH": paths})
    assert (done.returncode, done.stdout) == (130, b"")
    assert b"Traceback" not in done.stderr


@posix
def test_interrupted_while_it_works(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    command = [sys.executable, "-m", "npconformer", "transcribe", str(RECORDING), "--output", str(tmp_path / "pipe")]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as running:
        assert b"no --model given" in running.stderr.readline()
        time.sleep(1.0)  # by now it waits for somebody to read the pipe
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 130
        assert running.stderr.read() == b"npconformer: interrupted\n"
