"""The command line: in this process through main(argv), and as the installed command through subprocess."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import run

from npconformer.commands.demo import RECORDING
from npconformer.pipelines import EMBEDDED_DIGITS

DEMO_TEXT = "THREE ONE FOUR ONE FIVE NINE TWO SIX"
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def recordings(tmp_path):
    """Three recordings in three formats: the first three words, the next two, the last three."""
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    cuts = [("b.flac", 0, 1.355), ("a.wav", 1.355, 2.25), ("sub/c.ogg", 2.25, 3.81)]
    (tmp_path / "sub").mkdir()
    for name, start, end in cuts:
        soundfile.write(tmp_path / name, samples[round(start * rate) : round(end * rate)], rate)
    (tmp_path / "notes.txt").write_text("not a recording")
    return [str(tmp_path / name) for name, _, _ in cuts]


def process(*argv, **options):
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "npconformer", *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, **options)


def test_transcribing_imports_no_more_than_it_needs():
    """Each of these takes longer than the digits of the recording; a bar is for a terminal that somebody watches."""
    program = (
        "import sys; from npconformer.cli import main; main(sys.argv[1:])\n"
        "print(sorted({'tqdm', 'numpy.ma', 'multiprocessing', 'importlib.metadata', 'soxr'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", program, "transcribe", RECORDING]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout.splitlines() == [DEMO_TEXT, "[]"], done.stderr


# ---- the whole command


def test_demo(capsys):  # its pictures are tried in commands/test_demo.py
    status, out, err = run(capsys, "demo", "--no-plot")
    assert status == 0
    assert err == ""
    assert f"text       {DEMO_TEXT}\n" in out
    for word in DEMO_TEXT.split():
        assert f" s  {word}\n" in out
    assert "synthesised by espeak-ng" in out


def test_version_help_and_no_command(capsys):
    assert run(capsys, "--version")[:2] == (0, "npconformer 0.1.0\n")
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert "transcribe" in out
    assert "demo" in out
    assert run(capsys)[0] == 2


def test_transcribe_help_teaches(capsys):
    status, out, _ = run(capsys, "transcribe", "--help")
    assert status == 0
    for option in ("--model", "--timestamps", "--format", "--device", "--batch-size", "--output"):
        assert option in out
    assert out.count("\n  npconformer transcribe ") >= 5
    assert "exit status: 0" in out


def test_the_process_as_a_whole(tmp_path):
    done = process("transcribe", RECORDING, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == DEMO_TEXT + "\n"
    assert done.stderr.count("\n") == 1  # said once, and no progress bar, which is for terminals
    assert "embedded recogniser" in done.stderr

    failed = process("transcribe", "missing.wav", "--model", EMBEDDED_DIGITS, cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr == "npconformer: missing.wav: no such file\n"


@pytest.mark.skipif(shutil.which("npconformer") is None, reason="the package is not installed, only on the path")
def test_the_installed_command(tmp_path):
    done = subprocess.run(["npconformer", "--version"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "npconformer 0.1.0\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_progress_bar_on_a_terminal(recordings, tmp_path):
    import fcntl
    import pty
    import struct
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm"}
    command = [sys.executable, "-m", "npconformer", "transcribe", *recordings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=environment, text=True) as running:
        os.close(terminal)
        shown = b""
        while True:
            try:
                piece = os.read(controller, 1 << 16)
            except OSError:  # Linux's way of saying that the other end is closed
                break
            if not piece:
                break
            shown += piece
        out = running.stdout.read()
    os.close(controller)
    assert running.returncode == 0
    assert b"/3" in shown
    assert out.count("\n") == 3


# ---- formats


def test_one_file_is_plain_text_and_several_are_named_in_the_order_given(capsys, recordings):
    status, out, _ = run(capsys, "transcribe", recordings[0])
    assert (status, out) == (0, "THREE ONE FOUR\n")
    status, out, _ = run(capsys, "transcribe", *recordings)
    names = [line.partition(": ")[0] for line in out.splitlines()]
    assert (status, names) == (0, recordings)


@pytest.mark.parametrize("batch_size", [2, 3, 8])
def test_batches_do_not_change_the_output(capsys, recordings, batch_size):
    options = ["--timestamps", "char", "--format", "json"]
    _, expected, _ = run(capsys, "transcribe", *recordings, *options)
    assert run(capsys, "transcribe", *recordings, *options, "--batch-size", batch_size)[:2] == (0, expected)


def test_text_with_times(capsys, recordings):
    _, out, _ = run(capsys, "transcribe", recordings[0], "--timestamps", "word")
    text, *words = out.splitlines()
    assert text == "THREE ONE FOUR"
    assert [word.split("\t")[2] for word in words] == ["THREE", "ONE", "FOUR"]
    assert all(float(word.split("\t")[0]) < float(word.split("\t")[1]) <= 1.6 for word in words)


def test_json_is_an_array_with_the_failures_in_place(capsys, recordings):
    argv = ["transcribe", recordings[0], "nowhere.wav", recordings[1], "--format", "json", "--timestamps", "word"]
    status, out, err = run(capsys, *argv)
    good, bad, other = json.loads(out)
    assert status == 1
    assert err.splitlines()[1:] == ["npconformer: nowhere.wav: no such file"]
    assert (good["file"], good["text"]) == (recordings[0], "THREE ONE FOUR")
    assert [chunk["text"] for chunk in good["chunks"]] == ["THREE", "ONE", "FOUR"]
    assert bad == {"file": "nowhere.wav", "error": "nowhere.wav: no such file"}
    assert other["file"] == recordings[1]


def test_subtitles_of_one_recording(capsys):
    _, srt, _ = run(capsys, "transcribe", RECORDING, "--format", "srt")
    assert srt.startswith("1\n00:00:00,000 --> 00:00:0")
    assert srt.splitlines()[2] == DEMO_TEXT
    _, vtt, _ = run(capsys, "transcribe", RECORDING, "--format", "vtt", "--timestamps", "word")
    assert vtt.startswith("WEBVTT\n\nNOTE confidence 0.99\n\n00:00:00.000 --> ")
    assert vtt.splitlines()[5::5] == DEMO_TEXT.split()


def test_subtitles_of_several_go_to_a_folder(capsys, recordings, tmp_path):
    shutil.copy(recordings[1], tmp_path / "sub" / "a.wav")
    folder = tmp_path / "new" / "subtitles"
    argv = ["transcribe", *recordings, tmp_path / "sub" / "a.wav", "--format", "srt", "--output", folder]
    status, out, _ = run(capsys, *argv)
    assert (status, out) == (0, "")
    written = sorted(path.name for path in folder.iterdir())
    assert written == ["a-2.srt", "a.srt", "b.srt", "c.srt"]
    assert (folder / "b.srt").read_text().splitlines()[2] == "THREE ONE FOUR"


def test_output_goes_to_a_file_whole(capsys, recordings, tmp_path):
    target = tmp_path / "texts.txt"
    status, out, _ = run(capsys, "transcribe", recordings[0], "--output", target)
    assert (status, out, target.read_text()) == (0, "", "THREE ONE FOUR\n")


# ---- folders


def test_a_folder_stands_for_its_recordings_and_its_subfolders(capsys, recordings, tmp_path):
    status, out, err = run(capsys, "transcribe", tmp_path)
    names = [Path(line.partition(": ")[0]).name for line in out.splitlines()]
    assert (status, names) == (0, ["a.wav", "b.flac", "c.ogg"])
    assert "notes" not in err


def test_a_folder_without_recordings_is_named(capsys, recordings, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    status, out, err = run(capsys, "transcribe", empty, recordings[0])
    assert (status, out) == (1, "THREE ONE FOUR\n")
    assert f"{empty}: no recordings in this folder" in err


# ---- bad recordings: named, and the others go on


def write_bad_recording(kind, path):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("I am not a recording.")
    elif kind == "no samples":
        soundfile.write(path, np.zeros(0), 16000)
    elif kind == "NaN":
        soundfile.write(path, np.full(8000, np.nan, np.float32), 16000, subtype="FLOAT")
    elif kind == "short":
        soundfile.write(path, np.zeros(399), 16000)
    elif kind == "cut off":
        path.write_bytes(RECORDING.read_bytes()[:30])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", "is empty (0 bytes)"),
        ("text", "cannot be read as audio"),
        ("no samples", "holds no samples"),
        ("NaN", "NaN or infinite"),
        ("short", "399 samples at 16000 Hz are too short"),
        ("cut off", "cannot be read as audio"),
        ("missing", "no such file"),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_bad_recording_does_not_stop_the_others(capsys, recordings, tmp_path, kind, message, batch_size):
    bad = tmp_path / "bad.wav"
    write_bad_recording(kind, bad)
    argv = ["transcribe", recordings[0], bad, recordings[0], "--batch-size", batch_size]
    status, out, err = run(capsys, *argv)
    assert status == 1
    assert out == f"{recordings[0]}: THREE ONE FOUR\n" * 2
    _, complaint = err.splitlines()
    assert complaint.startswith("npconformer: ")
    assert complaint.count("bad.wav") == 1
    assert message in complaint


# ---- could not start: exit status 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-size", "0"], "'0' is not a whole number of at least 1"),
        (["--batch-size", "two"], "'two' is not a whole number of at least 1"),
        (["--format", "docx"], "invalid choice: 'docx'"),
        (["--timestamps", "sentence"], "invalid choice: 'sentence'"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--model", "no-such-folder"], "no-such-folder"),
        (["--output", "no-such-folder/text.txt"], "there is no folder no-such-folder"),
        (["more.wav", "--format", "srt"], "several recordings as srt need a folder"),
    ],
)
def test_wrong_arguments(capsys, options, message):
    status, out, err = run(capsys, "transcribe", "any.wav", *options)
    assert (status, out) == (2, "")
    assert message in err


def test_no_audio_named(capsys):
    assert run(capsys, "transcribe")[0] == 2


def test_several_subtitles_into_a_file_that_exists(capsys, recordings, tmp_path):
    (tmp_path / "taken").write_text("")
    status, _, err = run(capsys, "transcribe", *recordings, "--format", "vtt", "--output", tmp_path / "taken")
    assert status == 2
    assert "is a file" in err


def damaged_checkpoint(kind, folder):
    shutil.copytree(EMBEDDED_DIGITS, folder)
    weights, config = folder / "model.safetensors", folder / "config.json"
    if kind == "cut off":
        weights.write_bytes(weights.read_bytes()[:100_000])
    elif kind == "no weights":
        weights.unlink()
    elif kind == "no tokenizer":
        (folder / "vocab.json").unlink()
    elif kind == "contradiction":
        config.write_text(config.read_text().replace('"intermediate_size": 384', '"intermediate_size": 512'))
    elif kind == "bad json":
        config.write_text("{")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cut off", "model.safetensors"),
        ("no weights", "model.safetensors"),
        ("no tokenizer", "vocab.json"),
        ("contradiction", "config contradicts the weights"),
        ("bad json", "config.json"),
    ],
)
def test_a_damaged_checkpoint(capsys, tmp_path, kind, message):
    damaged_checkpoint(kind, tmp_path / "checkpoint")
    status, out, err = run(capsys, "transcribe", RECORDING, "--model", tmp_path / "checkpoint")
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_cuda_without_a_gpu_says_what_to_install(capsys):
    try:
        import cupy  # noqa: F401
    except ImportError:
        status, _, err = run(capsys, "transcribe", RECORDING, "--device", "cuda")
        assert status == 2
        assert "pip install" in err
    else:
        pytest.skip("CuPy is installed here")
